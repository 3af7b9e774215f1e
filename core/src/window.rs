//! The two windows that a driver lends to a turn: bytes received, and room for bytes to send.
//!
//! The engine owns no buffer. It reads from an [`Input`] and says in it what it has consumed; it
//! appends to an [`Output`], which copies what is small and refers to what is `'static`. When an
//! output is full, nothing of a part is written and no state has moved: that is all the backpressure
//! there is.

/// Bytes received and not yet consumed.
///
/// What remains after a turn comes back in the next input, with more behind it.
#[derive(Debug)]
pub struct Input<'b> {
    consumed: usize,
    remaining: &'b mut [u8],
    outlook: Outlook,
}

/// What may come behind the bytes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Outlook {
    /// More bytes, as soon as the peer sends them.
    More,
    /// Nothing, until some of these are consumed: the driver has no more room.
    Full,
    /// Nothing: the peer has closed its side.
    Ended,
}

impl<'b> Input<'b> {
    /// All of `bytes`.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8], outlook: Outlook) -> Self {
        Self {
            consumed: 0,
            remaining: bytes,
            outlook,
        }
    }

    /// What is not yet consumed.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> &[u8] {
        self.remaining
    }

    /// How many of the bytes are consumed. Behind them lies what [remains](Self::remaining); what lies
    /// behind that is of no more use.
    #[must_use]
    #[inline]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// What may come behind [`remaining`](Self::remaining).
    #[must_use]
    #[inline]
    pub const fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// Marks the first `len` remaining bytes as consumed.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.consumed = self.consumed.wrapping_add(len);
        let remaining = core::mem::take(&mut self.remaining);
        self.remaining = remaining.get_mut(len..).unwrap_or_default();
        self.make_room(len);
    }

    /// The part of what remains from `start` to `end`; nothing where that is not all there.
    #[inline]
    pub(crate) fn remaining_of(&self, start: usize, end: usize) -> &[u8] {
        self.remaining.get(start..end).unwrap_or_default()
    }

    /// What is not yet consumed, to be moved about.
    pub(crate) const fn remaining_mut(&mut self) -> &mut [u8] {
        self.remaining
    }

    /// Takes the bytes from `start` to `end` out of what remains, and moves what follows down.
    pub(crate) fn remove(&mut self, start: usize, end: usize) {
        let removed = end.saturating_sub(start);
        if removed > 0 && end <= self.remaining.len() {
            let remaining = core::mem::take(&mut self.remaining);
            move_down(remaining.get_mut(start..).unwrap_or_default(), removed);
            let len = remaining.len().saturating_sub(removed);
            self.remaining = remaining.get_mut(..len).unwrap_or_default();
            self.make_room(removed);
        }
    }

    /// `len` bytes are done with: a driver that was out of room is no longer.
    #[inline]
    fn make_room(&mut self, len: usize) {
        if len > 0 && self.outlook == Outlook::Full {
            self.outlook = Outlook::More;
        }
    }
}

/// Moves the bytes from `by` on to the start.
pub(crate) fn move_down(bytes: &mut [u8], by: usize) {
    // The condition tells the compiler that nothing here can panic.
    if by <= bytes.len() {
        bytes.copy_within(by.., 0);
    }
}

/// Room for bytes to send.
#[derive(Debug)]
pub struct Output<'b> {
    bytes: &'b mut [u8],
    queue: &'b mut Queue,
    overflow: Option<&'b mut dyn Overflow>,
}

/// Where a driver that has a heap lets an answer go on that is longer than the room it lent.
pub trait Overflow: core::fmt::Debug {
    /// Appends `bytes` behind everything in the output, or takes none of them.
    fn append(&mut self, bytes: &[u8]) -> bool;
}

/// What of an output's bytes is to be sent, and which `'static` slices lie between them.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    // sent <= filled <= the length of the bytes; held[..].at rises and lies between them
    sent: usize,
    filled: usize,
    held: [Held; Self::MAX_HELD],
    held_from: usize,
    held_to: usize,
    overflowed: bool,
}

/// A slice that is sent from where it lies, before the copied byte at `at`.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    at: usize,
    slice: &'static [u8],
}

impl Queue {
    /// How many `'static` slices an output can refer to; further ones are copied.
    pub const MAX_HELD: usize = 8;

    /// Nothing to send.
    #[must_use]
    pub const fn new() -> Self {
        const NONE: Held = Held { at: 0, slice: &[] };
        Self {
            sent: 0,
            filled: 0,
            held: [NONE; Self::MAX_HELD],
            held_from: 0,
            held_to: 0,
            overflowed: false,
        }
    }

    /// Whether everything has been sent.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.sent == self.filled && self.held_from == self.held_to
    }

    /// How many bytes are to be sent, without those in an [`Overflow`].
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        if self.held_from == self.held_to {
            return self.filled.saturating_sub(self.sent);
        }
        let held = self
            .waiting()
            .iter()
            .fold(0_usize, |sum, held| sum.saturating_add(held.slice.len()));
        self.filled.saturating_sub(self.sent).saturating_add(held)
    }

    /// The slices to be sent, in order, for a vectored write. `bytes` is what the output was made of.
    pub fn slices<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut from = self.sent;
        let copied_and_held = self.waiting().iter().flat_map(move |held| {
            let copied = bytes.get(from..held.at).unwrap_or_default();
            from = held.at;
            [copied, held.slice]
        });
        let last = self.waiting().last().map_or(self.sent, |held| held.at);
        let tail = bytes.get(last..self.filled).unwrap_or_default();
        copied_and_held
            .chain([tail])
            .filter(|slice| !slice.is_empty())
    }

    /// Tells that the first `len` bytes have been sent.
    pub fn advance(&mut self, mut len: usize) {
        while let Some(held) = self
            .held
            .get_mut(self.held_from)
            .filter(|_| self.held_from < self.held_to)
        {
            let copied = held.at.saturating_sub(self.sent);
            if len < copied {
                break;
            }
            len = len.saturating_sub(copied);
            self.sent = held.at;
            let rest = held.slice.get(len..).unwrap_or_default();
            len = len.saturating_sub(held.slice.len());
            held.slice = rest;
            if !rest.is_empty() {
                return;
            }
            self.held_from = self.held_from.saturating_add(1);
        }
        self.sent = self.sent.saturating_add(len).min(self.filled);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets what is to be sent.
    #[inline]
    pub const fn clear(&mut self) {
        // The slices themselves may stay: nothing past `held_to` is looked at.
        (self.sent, self.filled) = (0, 0);
        (self.held_from, self.held_to) = (0, 0);
        self.overflowed = false;
    }

    /// Copies what is to be sent into `to`, which has room for it, with the `'static` slices still
    /// only referred to, and answers the queue that describes it there.
    ///
    /// `None` when `to` is shorter than [`copied_len`](Self::copied_len).
    #[must_use]
    pub fn move_to(&self, bytes: &[u8], to: &mut [u8]) -> Option<Self> {
        let copied = bytes.get(self.sent..self.filled)?;
        to.get_mut(..copied.len())?.copy_from_slice(copied);
        let mut moved = Self {
            overflowed: self.overflowed,
            ..Self::new()
        };
        moved.filled = copied.len();
        for (to, held) in moved.held.iter_mut().zip(self.waiting()) {
            *to = Held {
                at: held.at.saturating_sub(self.sent),
                slice: held.slice,
            };
        }
        moved.held_to = self.waiting().len();
        Some(moved)
    }

    /// How many bytes [`move_to`](Self::move_to) copies.
    #[must_use]
    pub const fn copied_len(&self) -> usize {
        self.filled.saturating_sub(self.sent)
    }

    /// How many bytes have been copied in since the queue was last empty.
    #[must_use]
    #[inline]
    pub const fn filled(&self) -> usize {
        self.filled
    }

    fn waiting(&self) -> &[Held] {
        self.held
            .get(self.held_from..self.held_to)
            .unwrap_or_default()
    }
}

impl<'b> Output<'b> {
    /// Up to this length a copy costs less than one more entry in a vectored write.
    pub(crate) const COPIED_LEN: usize = 1024;

    /// Room for `bytes.len()` bytes, less what `queue` has already filled.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8], queue: &'b mut Queue) -> Self {
        Self {
            bytes,
            queue,
            overflow: None,
        }
    }

    /// The same, and `overflow` takes what of one answer does not fit. Nothing is appended to the
    /// output after that, until it has been sent.
    #[must_use]
    #[inline]
    pub const fn with_overflow(
        bytes: &'b mut [u8],
        queue: &'b mut Queue,
        overflow: &'b mut dyn Overflow,
    ) -> Self {
        Self {
            bytes,
            queue,
            overflow: Some(overflow),
        }
    }

    /// How many bytes can be copied in.
    #[must_use]
    #[inline]
    pub const fn room(&self) -> usize {
        if self.queue.overflowed {
            0
        } else {
            self.bytes.len().saturating_sub(self.queue.filled)
        }
    }

    /// Whether one more `'static` slice can be referred to.
    #[inline]
    pub(crate) const fn has_place(&self) -> bool {
        self.queue.held_to < Queue::MAX_HELD
    }

    /// Whether nothing is waiting to be sent.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.queue.overflowed
    }

    /// The same output, for a shorter time.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Output<'_> {
        // A plain match, so that the trait object's lifetime may shrink too.
        let overflow: Option<&mut dyn Overflow> = match &mut self.overflow {
            Some(overflow) => Some(&mut **overflow),
            None => None,
        };
        Output {
            bytes: self.bytes,
            queue: self.queue,
            overflow,
        }
    }

    /// A writer at the end of what is filled. What it wrote counts when [`commit`](Self::commit) is
    /// given its length.
    #[inline]
    pub(crate) fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.spare())
    }

    #[inline]
    pub(crate) const fn commit(&mut self, written: usize) {
        // What was written lies behind what is filled, in the same bytes.
        self.queue.filled = self.queue.filled.wrapping_add(written);
    }

    /// The room there is, to be written to directly.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        let filled = if self.queue.overflowed {
            self.bytes.len()
        } else {
            self.queue.filled
        };
        self.bytes.get_mut(filled..).unwrap_or_default()
    }

    /// Appends what `write` puts, if all of it fits.
    #[inline]
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> bool {
        let mut writer = self.writer();
        write(&mut writer);
        let len = writer.len();
        self.commit(len.unwrap_or(0));
        len.is_some()
    }

    /// How many bytes have been copied in; for [`truncate`](Self::truncate).
    #[inline]
    pub(crate) const fn filled(&self) -> usize {
        self.queue.filled
    }

    /// Takes back what was copied in since [`filled`](Self::filled) was `to`.
    pub(crate) fn truncate(&mut self, to: usize) {
        self.queue.filled = self.queue.filled.min(to).max(self.queue.sent);
    }

    /// Copies all of `bytes` in, or into the overflow if need be; or none.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> bool {
        let mut writer = self.writer();
        if let Some(len) = writer.put(bytes).len() {
            self.commit(len);
            return true;
        }
        let taken = !self.queue.overflowed
            && self
                .overflow
                .as_mut()
                .is_some_and(|overflow| overflow.append(bytes));
        self.queue.overflowed |= taken;
        taken
    }

    /// Puts a `'static` slice in: by reference where that pays, and else as a copy; or not at all.
    pub(crate) fn hold(&mut self, slice: &'static [u8]) -> bool {
        if slice.len() <= Self::COPIED_LEN && self.copy(slice) {
            return true;
        }
        self.refer(slice) || self.copy(slice)
    }

    /// Puts a `'static` slice in by reference, if there is a place for it.
    pub(crate) fn refer(&mut self, slice: &'static [u8]) -> bool {
        match self.queue.held.get_mut(self.queue.held_to) {
            Some(held) if !self.queue.overflowed => {
                *held = Held {
                    at: self.queue.filled,
                    slice,
                };
                self.queue.held_to = self.queue.held_to.saturating_add(1);
                true
            }
            _ => false,
        }
    }
}

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

    #[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
    pub(crate) fn put_decimal_line(&mut self, number: u64) -> &mut Self {
        // Most lengths are short, and a loop costs more than their digits.
        match number {
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

    /// Puts a number in lower-case hexadecimal.
    #[inline]
    pub(crate) fn put_hexadecimal(&mut self, number: u64) -> &mut Self {
        self.put_digits(&Digits::of::<16>(number))
    }

    #[inline(always)]
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
    #[inline(never)]
    fn of<const BASE: u64>(mut number: u64) -> Self {
        let mut bytes = [0; 20];
        let mut from = bytes.len();
        for to in bytes.iter_mut().rev() {
            *to = match number.checked_rem(BASE) {
                Some(value @ 10..) => b'a'.wrapping_sub(10).wrapping_add(low_byte(value)),
                value => digit(value.unwrap_or(0)),
            };
            number = number.checked_div(BASE).unwrap_or(0);
            from = from.wrapping_sub(1);
            if number == 0 {
                break;
            }
        }
        Self { bytes, from }
    }
}

/// Copies `from` to `to`, which is as long: what is short as two pieces of fixed length, the second
/// over the end of the first, since that is done before a call of `memcpy` has looked at the length.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    let len = from.len();
    if len >= 16 {
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

#[inline(always)]
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
