//! Text that comes in pieces: is it UTF-8 so far (RFC 6455 §8.1)?
//!
//! A piece may end inside a character. What it has of it, at most three bytes, is carried over; a
//! byte that no character can go on with is refused when it comes and not when the message ends.

use core::error::Error;
use core::fmt;

/// Checks a text that comes in pieces.
///
/// ```
/// use kinglet_core::websocket::Utf8;
///
/// let mut text = Utf8::new();
/// text.push(b"caf\xc3")?;
/// assert!(!text.is_complete());
/// text.push(b"\xa9")?;
/// assert!(text.is_complete());
/// assert!(text.push(b"\xc0").is_err());
/// # Ok::<_, kinglet_core::websocket::InvalidUtf8>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8 {
    // The first `carried` bytes of a character, and zeros. They are fewer than it has.
    carry: [u8; 3],
    // carried <= 3
    carried: u8,
}

/// A byte that cannot be part of UTF-8 where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text must be UTF-8")
    }
}

impl Error for InvalidUtf8 {}

impl Utf8 {
    /// At the start of a text.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            carry: [0; 3],
            carried: 0,
        }
    }

    /// Reads the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] where the text cannot become UTF-8, whatever follows. After that the text is
    /// lost, and what later calls answer means nothing.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let bytes = match self.carried {
            0 => bytes,
            _ => self.end_character(bytes)?,
        };
        let rest = match cfg!(small) {
            true => bytes,
            false => skip_ascii(bytes),
        };
        match rest.is_empty() {
            true => Ok(()),
            false => self.carry_over(rest),
        }
    }

    /// Whether the text may end here: not inside a character.
    #[inline]
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.carried == 0
    }

    /// Goes on with the character that is carried over, and answers what follows it.
    fn end_character<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], InvalidUtf8> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let [first, second, third] = self.carry;
            let character = match self.carried {
                1 => [first, byte, 0, 0],
                2 => [first, second, byte, 0],
                _ => [first, second, third, byte],
            };
            let len = usize::from(self.carried).wrapping_add(1);
            self.carry_over(character.get(..len).unwrap_or_default())?;
            if self.is_complete() {
                break;
            }
        }
        Ok(rest)
    }

    /// Checks `bytes`, which begin with a character, and carries over what they end inside of.
    fn carry_over(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        *self = Self::new();
        let Err(error) = str::from_utf8(bytes) else {
            return Ok(());
        };
        // With a length, the error is a byte; without, it is the end.
        if error.error_len().is_some() {
            return Err(InvalidUtf8);
        }
        let begun = bytes.get(error.valid_up_to()..).unwrap_or_default();
        for (slot, &byte) in self.carry.iter_mut().zip(begun) {
            *slot = byte;
            self.carried = self.carried.wrapping_add(1);
        }
        Ok(())
    }
}

/// What is left of `bytes` after those blocks at their front that are ASCII; nothing if all is.
#[inline]
fn skip_ascii(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK_LEN>() {
        if !block.is_ascii() {
            return rest;
        }
        rest = after;
    }
    match is_short_ascii(rest) {
        true => &[],
        false => rest,
    }
}

/// Whether fewer bytes than a block are ASCII. Words that overlap look at all of them.
#[inline]
fn is_short_ascii(bytes: &[u8]) -> bool {
    let seen = if let Some(last) = bytes.last_chunk() {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_ne_bytes(*word));
        words.fold(u64::from_ne_bytes(*last), |seen, word| seen | word)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last))
    } else {
        // At most three bytes.
        u64::from(bytes.iter().fold(0, |seen, byte| seen | byte))
    };
    seen & u64::from_ne_bytes([0x80; 8]) == 0
}

/// Bytes that are looked at together: enough for the compiler to use vectors.
const BLOCK_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// What `std` says of the bytes as a whole: the text is complete, it may go on, or it is none.
    fn expected(bytes: &[u8]) -> Result<bool, InvalidUtf8> {
        match str::from_utf8(bytes) {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_none() => Ok(false),
            Err(_) => Err(InvalidUtf8),
        }
    }

    fn pushed(pieces: &[&[u8]]) -> Result<bool, InvalidUtf8> {
        let mut text = Utf8::new();
        for piece in pieces {
            text.push(piece)?;
        }
        Ok(text.is_complete())
    }

    /// Whole, byte by byte and split everywhere, with an empty piece between.
    fn check(bytes: &[u8]) {
        let expected = expected(bytes);
        assert_eq!(pushed(&[bytes]), expected, "{bytes:02x?}");
        for split in 1..bytes.len() {
            let (first, second) = bytes.split_at(split);
            let split = pushed(&[first, &[], second]);
            assert_eq!(split, expected, "{first:02x?} {second:02x?}");
        }
        let mut text = Utf8::new();
        let byte_by_byte = bytes.chunks(1).try_for_each(|byte| text.push(byte));
        let byte_by_byte = byte_by_byte.map(|()| text.is_complete());
        assert_eq!(byte_by_byte, expected, "{bytes:02x?}");
    }

    #[test]
    fn agrees_with_the_whole_on_all_strings_up_to_three_bytes() {
        for first in 0..=255 {
            check(&[first]);
            for second in 0..=255 {
                check(&[first, second]);
                // What is refused here is not looked at further, and all that is ASCII is alike.
                let is_alike = matches!(first, 0x01..=0x7e) && first != b'a';
                if expected(&[first, second]).is_ok() && !is_alike {
                    (0..=255).for_each(|third| check(&[first, second, third]));
                }
            }
        }
    }

    #[test]
    fn agrees_with_the_whole_on_four_bytes_at_every_edge() {
        const EDGES: [u8; 20] = [
            0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
            0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
        ];
        for first in EDGES.into_iter().chain(0xe0..=0xff) {
            for second in EDGES {
                for third in EDGES {
                    EDGES
                        .into_iter()
                        .for_each(|last| check(&[first, second, third, last]));
                }
            }
        }
    }

    #[test]
    fn fails_at_the_first_byte_that_no_character_has() {
        let rows: [(&[u8], u8); 9] = [
            (b"", 0x80),
            (b"", 0xc0),
            (b"ok", 0xf5),
            (b"\xc3", b'a'),
            (b"\xe0", 0x9f),
            (b"\xed", 0xa0),
            (b"\xf0", 0x8f),
            (b"\xf4", 0x90),
            (b"\xf0\x9f\x90", 0xc3),
        ];
        for (before, byte) in rows {
            let mut text = Utf8::new();
            assert_eq!(text.push(before), Ok(()));
            assert_eq!(text.push(&[byte]), Err(InvalidUtf8), "{before:02x?}");
        }
    }

    #[test]
    fn a_character_is_found_anywhere_in_ascii() {
        let mut bytes = [b'a'; 200];
        for at in 0..196 {
            for character in [&b"\xc3\xa9"[..], b"\xf0\x9f\x90\xa6", b"\xed\xa0", b"\xc3"] {
                bytes[at..at + character.len()].copy_from_slice(character);
                for end in at..=200 {
                    assert_eq!(pushed(&[&bytes[..end]]), expected(&bytes[..end]));
                }
                bytes[at..at + character.len()].fill(b'a');
            }
        }
    }

    #[test]
    fn the_state_is_four_bytes() {
        assert_eq!(size_of::<Utf8>(), 4);
    }
}
