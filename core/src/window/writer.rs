//! Writing part after part.

/// Appends parts to a slice; once one does not fit, none that follows is written.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    room: &'a mut [u8],
    capacity: usize,
    /// Whether every part so far has fitted.
    fits: bool,
}

impl<'a> Writer<'a> {
    #[inline]
    pub(crate) const fn new(room: &'a mut [u8]) -> Self {
        let capacity = room.len();
        Self {
            room,
            capacity,
            fits: true,
        }
    }

    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        match core::mem::take(&mut self.room).split_at_mut_checked(bytes.len()) {
            Some((to, rest)) => {
                copy(bytes, to);
                self.room = rest;
            }
            None => self.fits = false,
        }
        self
    }

    /// Puts the first `len` bytes of an array. All of it is copied where there is room, since that
    /// costs less than to look at the length; what is put next overwrites the rest.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn put_first<const N: usize>(&mut self, bytes: &[u8; N], len: usize) -> &mut Self {
        match self.room.first_chunk_mut::<N>() {
            Some(to) if len <= N => {
                *to = *bytes;
                self.room = core::mem::take(&mut self.room)
                    .get_mut(len..)
                    .unwrap_or_default();
                self
            }
            _ => self.put(bytes.get(..len).unwrap_or(bytes)),
        }
    }

    /// Puts an array, whose length the compiler knows.
    #[inline]
    pub(crate) fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) -> &mut Self {
        if cfg!(small) {
            return self.put(bytes);
        }
        match core::mem::take(&mut self.room).split_first_chunk_mut::<N>() {
            Some((to, rest)) => {
                *to = *bytes;
                self.room = rest;
            }
            None => self.fits = false,
        }
        self
    }

    /// Puts a number in decimal, and CRLF.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(crate) fn put_decimal_line(&mut self, number: u64) -> &mut Self {
        // Most lengths are short, and a loop costs more than their digits.
        match number {
            _ if cfg!(small) => self.put_digits(&Digits::of::<10>(number)).put(b"\r\n"),
            0..=9 => self.put_array(&[digit(number), b'\r', b'\n']),
            10..=99 => self.put_array(&[digit(number / 10), digit(number), b'\r', b'\n']),
            100..=999 => self
                .put_array(&[digit(number / 100), digit(number / 10), digit(number)])
                .put_array(b"\r\n"),
            _ => self
                .put_digits(&Digits::of::<10>(number))
                .put_array(b"\r\n"),
        }
    }

    /// Puts a number in decimal.
    pub(crate) fn put_decimal(&mut self, number: u64) -> &mut Self {
        self.put_digits(&Digits::of::<10>(number))
    }

    /// Puts a number in lower-case hexadecimal.
    #[inline]
    pub(crate) fn put_hexadecimal(&mut self, number: u64) -> &mut Self {
        self.put_digits(&Digits::of::<16>(number))
    }

    #[cfg_attr(not(small), inline(always))]
    fn put_digits(&mut self, digits: &Digits) -> &mut Self {
        self.put(digits.bytes.get(digits.from..).unwrap_or_default())
    }

    /// How many bytes were written, if every part fitted.
    #[inline]
    pub(crate) const fn len(&self) -> Option<usize> {
        if self.fits {
            Some(self.capacity.wrapping_sub(self.room.len()))
        } else {
            None
        }
    }
}

/// A number, written out.
struct Digits {
    bytes: [u8; 20],
    /// Where the first digit is.
    from: usize,
}

impl Digits {
    // Not inlined, so that the writer need not be in memory for the sake of a long number.
    #[cfg(not(small))]
    #[inline(never)]
    fn of<const BASE: u32>(mut number: u64) -> Self {
        let mut bytes = [0; 20];
        let mut from = bytes.len();
        for to in bytes.iter_mut().rev() {
            *to = match number.checked_rem(BASE.into()) {
                Some(value @ 10..) => b'a'.wrapping_sub(10).wrapping_add(low_byte(value)),
                value => digit(value.unwrap_or(0)),
            };
            number = number.checked_div(BASE.into()).unwrap_or(0);
            from = from.wrapping_sub(1);
            if number == 0 {
                break;
            }
        }
        Self { bytes, from }
    }

    /// The same, by long division byte by byte: a processor of 32 bits has no division of 64.
    #[cfg(small)]
    fn of<const BASE: u32>(number: u64) -> Self {
        Self::of_base(BASE, number)
    }

    #[cfg(small)]
    #[inline(never)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is left is below the base"
    )]
    fn of_base(base: u32, number: u64) -> Self {
        const ZERO: [u8; 8] = [0; 8];
        let mut number = number.to_le_bytes();
        let mut bytes = [0; 20];
        let mut from = bytes.len();
        for to in bytes.iter_mut().rev() {
            let mut left = 0;
            for byte in number.iter_mut().rev() {
                let part = left << 8 | u32::from(*byte);
                *byte = part.checked_div(base).unwrap_or(0) as u8;
                left = part.checked_rem(base).unwrap_or(0);
            }
            *to = match left as u8 {
                value @ 10.. => b'a'.wrapping_sub(10).wrapping_add(value),
                value => b'0' | value,
            };
            from = from.wrapping_sub(1);
            if number == ZERO {
                break;
            }
        }
        Self { bytes, from }
    }
}

/// Copies `from` to `to`, which is as long: what is short as two pieces of fixed length, the second
/// over the end of the first, since that is done before a call of `memcpy` has looked at the length.
#[cfg_attr(not(small), inline(always))]
fn copy(from: &[u8], to: &mut [u8]) {
    let len = from.len();
    if cfg!(small) {
        let _ = super::copy_to_front(from, to);
    } else if len >= 16 {
        if len <= 32 {
            copy_ends::<16>(from, to);
        } else {
            to.copy_from_slice(from);
        }
    } else if len >= 8 {
        copy_ends::<8>(from, to);
    } else if len >= 4 {
        copy_ends::<4>(from, to);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

#[cfg_attr(not(small), inline(always))]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut()) {
        *to = *from;
    }
}

/// The last decimal digit of `number`, in ASCII.
const fn digit(number: u64) -> u8 {
    b'0' | low_byte(number % 10)
}

const fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(room: &mut [u8], write: impl Fn(&mut Writer<'_>)) -> Option<&[u8]> {
        let mut writer = Writer::new(room);
        write(&mut writer);
        let len = writer.len()?;
        room.get(..len)
    }

    #[test]
    fn puts_slices_of_every_length_into_room_of_every_length() {
        let bytes: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        for len in 0..=bytes.len() {
            for room_len in 0..=48 {
                let mut room = [0xff; 48];
                let fits = len < room_len;
                let put = |writer: &mut Writer<'_>| {
                    writer.put(&bytes[..len]).put(b"!");
                };
                let expected = std::vec![&bytes[..len], b"!"].concat();
                let expected = fits.then_some(expected.as_slice());
                assert_eq!(written(&mut room[..room_len], put), expected);
                let put = |writer: &mut Writer<'_>| {
                    writer.put_first(&bytes, len).put_array(b"!");
                };
                assert_eq!(written(&mut room[..room_len], put), expected);
                assert!(room[room_len..].iter().all(|&byte| byte == 0xff));
            }
        }
    }

    #[test]
    fn nothing_is_put_behind_what_did_not_fit() {
        let put = |writer: &mut Writer<'_>| {
            writer
                .put(b"12345")
                .put_array(b"6")
                .put(b"")
                .put_decimal_line(7);
        };
        assert_eq!(written(&mut [0; 4], put), None);
    }

    #[test]
    fn puts_numbers_as_the_standard_library_does() {
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        for number in powers
            .flat_map(|power| [power - 1, power, power + 7])
            .chain([u64::MAX])
        {
            let decimal = std::format!("{number}\r\n");
            let put = |writer: &mut Writer<'_>| {
                writer.put_decimal_line(number);
            };
            assert_eq!(written(&mut [0; 22], put), Some(decimal.as_bytes()));
            let hexadecimal = std::format!("{number:x}");
            let put = |writer: &mut Writer<'_>| {
                writer.put_hexadecimal(number);
            };
            assert_eq!(written(&mut [0; 20], put), Some(hexadecimal.as_bytes()));
        }
    }
}
