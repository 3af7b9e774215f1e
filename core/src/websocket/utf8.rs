//! Text in pieces that end anywhere (RFC 6455 §8.1, RFC 3629).

/// Checks text as it comes: refuses the first byte that cannot be part of valid UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8 {
    /// The beginning of a character whose end has not come.
    carry: [u8; 3],
    // carry_len <= carry.len()
    carry_len: u8,
}

/// Bytes that no valid UTF-8 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say")]
pub struct InvalidUtf8;

impl Utf8 {
    /// At the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            carry: [0; 3],
            carry_len: 0,
        }
    }

    /// Whether the text so far does not end within a character.
    #[must_use]
    #[inline(always)]
    pub const fn is_complete(&self) -> bool {
        self.carry_len == 0
    }

    /// Checks the next bytes.
    ///
    /// # Errors
    ///
    /// With them, the text is the beginning of none that is valid.
    #[inline(always)]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if self.is_complete() {
            match core::str::from_utf8(bytes) {
                Ok(_) => return Ok(()),
                Err(error) => return self.keep(bytes, &error),
            }
        }
        self.push_behind(bytes)
    }

    /// Keeps the beginning of a character at the end of `bytes`, if that is all that is wrong.
    #[inline(never)]
    fn keep(&mut self, bytes: &[u8], error: &core::str::Utf8Error) -> Result<(), InvalidUtf8> {
        let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
        match (error.error_len(), self.carry.get_mut(..rest.len())) {
            (None, Some(carry)) => {
                carry.copy_from_slice(rest);
                self.carry_len = u8::try_from(rest.len()).map_err(|_| InvalidUtf8)?;
                Ok(())
            }
            _ => Err(InvalidUtf8),
        }
    }

    /// Checks bytes that begin within a character.
    #[inline(never)]
    fn push_behind(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        while let Some((&next, rest)) = bytes.split_first() {
            let mut character = [0; 4];
            let len = usize::from(self.carry_len);
            let carried = self.carry.get(..len).unwrap_or_default();
            for (to, &from) in character.iter_mut().zip(carried.iter().chain([&next])) {
                *to = from;
            }
            let character = character.get(..len.wrapping_add(1)).unwrap_or_default();
            bytes = rest;
            match core::str::from_utf8(character) {
                Ok(_) => {
                    self.carry_len = 0;
                    return self.push(bytes);
                }
                Err(error) => self.keep(character, &error)?,
            }
        }
        Ok(())
    }
}

impl Default for Utf8 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The verdict on a text in pieces: the length at which it is refused, and whether it is complete.
    fn check<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<bool, ()> {
        let mut text = Utf8::new();
        for piece in pieces {
            text.push(piece).map_err(|_| ())?;
        }
        Ok(text.is_complete())
    }

    fn expected(bytes: &[u8]) -> Result<bool, ()> {
        match core::str::from_utf8(bytes) {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_none() => Ok(false),
            Err(_) => Err(()),
        }
    }

    fn check_all_ways(bytes: &[u8]) {
        let expected = expected(bytes);
        assert_eq!(check([bytes]), expected, "{bytes:x?}");
        assert_eq!(check(bytes.chunks(1)), expected, "{bytes:x?} byte by byte");
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(check([first, second]), expected, "{bytes:x?} cut at {at}");
        }
    }

    #[test]
    fn agrees_with_the_standard_library_however_the_bytes_are_cut() {
        for first in 0..=255 {
            check_all_ways(&[first]);
            for second in 0..=255 {
                check_all_ways(&[first, second]);
            }
        }
        // Bytes at the ends of all ranges of the grammar (RFC 3629 §4), in every order.
        let edges = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        let mut texts: Vec<Vec<u8>> = std::vec![Vec::new()];
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text| {
                edges.map(|edge| text.iter().copied().chain([edge]).collect::<Vec<u8>>())
            });
            texts = longer.collect();
            texts.iter().for_each(|text| check_all_ways(text));
            // What is refused already stays so.
            texts.retain(|text| expected(text).is_ok());
        }
    }

    #[test]
    fn a_text_in_pieces_of_every_length() {
        let text = "a\u{e9}\u{20ac}\u{1f426} kinglet ".repeat(9);
        for len in 1..40 {
            assert_eq!(check(text.as_bytes().chunks(len)), Ok(true));
        }
    }
}
