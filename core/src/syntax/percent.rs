//! Percent-encoding, RFC 3986 §2.1.
//!
//! ```text
//!  a%2Fb   <->   a/b
//! ```
//!
//! A `%` that two hexadecimal digits do not follow is an error value wherever
//! it is met. It is never passed through: a filter and the reader behind it
//! that disagree on such a byte disagree on the whole name.
//!
//! Decoding does not know delimiters. Split first, decode the parts after
//! (RFC 3986 §2.4), and never decode twice.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;

use super::emit::{Emitter, NoRoom};

/// The bytes that `input` stands for, one by one.
///
/// ```
/// use kinglet_core::syntax::percent::decode;
///
/// assert!(decode(b"a%20b").eq([Ok(b'a'), Ok(b' '), Ok(b'b')]));
/// ```
#[must_use]
pub const fn decode(input: &[u8]) -> Decoded<'_> {
    Decoded { rest: input }
}

/// Writes the bytes that `input` stands for to the front of `out` and returns
/// them.
///
/// # Errors
///
/// [`PercentError::Triplet`] for a malformed triplet, [`PercentError::NoRoom`]
/// if `out` is too small; as large as `input` is always enough.
pub fn decode_into<'out>(
    input: &[u8],
    out: &'out mut [u8],
) -> Result<&'out mut [u8], PercentError> {
    let mut emitter = Emitter::new(out);
    for byte in decode(input) {
        emitter.push_byte(byte?)?;
    }
    Ok(emitter.finish())
}

/// Decodes `bytes` where they are and returns the front part of them that the
/// result takes.
///
/// # Errors
///
/// [`PercentError::Triplet`], and then nothing has been changed.
pub fn decode_in_place(bytes: &mut [u8]) -> Result<&mut [u8], PercentError> {
    for byte in decode(bytes) {
        byte?;
    }
    let mut source = 0_usize;
    let mut written = 0_usize;
    // written <= source, and each turn moves both on.
    while let Some((byte, taken_len)) = bytes.get(source..).and_then(first) {
        if let Some(slot) = bytes.get_mut(written) {
            *slot = byte;
        }
        source = source.saturating_add(taken_len);
        written = written.saturating_add(1);
    }
    Ok(bytes.get_mut(..written).unwrap_or_default())
}

/// Writes `input` to the front of `out`, with every byte encoded for which
/// `keep` is false, and returns what was written.
///
/// `%`, control characters, space and bytes above 0x7E are encoded whatever
/// `keep` says, so the result can stand in a URI and decodes to `input`.
/// [`is_unreserved`] is the `keep` that suits any place.
///
/// ```
/// use kinglet_core::syntax::percent::{encode_into, is_unreserved};
///
/// let mut out = [0; 16];
/// assert_eq!(encode_into(b"a b/c", is_unreserved, &mut out)?, b"a%20b%2Fc");
/// # Ok::<(), kinglet_core::syntax::emit::NoRoom>(())
/// ```
///
/// # Errors
///
/// [`NoRoom`] if `out` is too small; three times `input` is always enough.
pub fn encode_into<'out>(
    input: &[u8],
    keep: impl Fn(u8) -> bool,
    out: &'out mut [u8],
) -> Result<&'out mut [u8], NoRoom> {
    let mut emitter = Emitter::new(out);
    for &byte in input {
        if byte.is_ascii_graphic() && byte != b'%' && keep(byte) {
            emitter.push_byte(byte)?;
        } else {
            emitter.push(&[b'%', upper_hex(byte >> 4), upper_hex(byte & 0x0f)])?;
        }
    }
    Ok(emitter.finish())
}

/// Whether `byte` never needs encoding, RFC 3986 §2.3.
///
/// ```abnf
/// unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
/// ```
#[must_use]
pub const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Iterator over decoded bytes, made by [`decode`]. An error ends it.
#[derive(Debug, Clone)]
pub struct Decoded<'a> {
    rest: &'a [u8],
}

impl Iterator for Decoded<'_> {
    type Item = Result<u8, PercentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((byte, taken_len)) = first(self.rest) else {
            self.rest = &[];
            return Some(Err(PercentError::Triplet));
        };
        self.rest = self.rest.get(taken_len..).unwrap_or_default();
        Some(Ok(byte))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error takes all that is left, so one item is all that is sure.
        (usize::from(!self.rest.is_empty()), Some(self.rest.len()))
    }
}

impl FusedIterator for Decoded<'_> {}

/// Why something cannot be percent-decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PercentError {
    /// Two hexadecimal digits do not follow a `%`.
    Triplet,
    /// The lent slice is too small.
    NoRoom,
}

impl fmt::Display for PercentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Triplet => f.write_str("expected two hexadecimal digits after the percent sign"),
            Self::NoRoom => NoRoom.fmt(f),
        }
    }
}

impl Error for PercentError {}

impl From<NoRoom> for PercentError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// The first byte that `input` stands for, and how many bytes of `input` it
/// takes; `None` at the end and for a malformed triplet.
///
/// ```abnf
/// pct-encoded = "%" HEXDIG HEXDIG
/// ```
pub(crate) fn first(input: &[u8]) -> Option<(u8, usize)> {
    match *input {
        [b'%', high, low, ..] => Some((hex(high)? << 4 | hex(low)?, 3)),
        [b'%', ..] | [] => None,
        [byte, ..] => Some((byte, 1)),
    }
}

// HEXDIG in either case: RFC 3986 §2.1 makes them equivalent.
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0f),
        b'A'..=b'F' | b'a'..=b'f' => Some((digit & 0x0f).wrapping_add(9)),
        _ => None,
    }
}

// Upper case is the normal form, RFC 3986 §2.1. `nibble` < 16.
const fn upper_hex(nibble: u8) -> u8 {
    match nibble {
        0..10 => nibble.wrapping_add(b'0'),
        _ => nibble.wrapping_sub(10).wrapping_add(b'A'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    fn check(input: &[u8], expected: Result<&[u8], PercentError>) {
        let mut out = [0; 64];
        let decoded = decode_into(input, &mut out);
        assert_eq!(decoded.map(|bytes| &*bytes), expected, "{input:?}");

        let mut place = [0; 64];
        let place = &mut place[..input.len()];
        place.copy_from_slice(input);
        match (decode_in_place(place), expected) {
            (Ok(bytes), expected) => assert_eq!(Ok(&*bytes), expected),
            (Err(error), expected) => {
                assert_eq!(Err(error), expected);
                assert_eq!(place, input);
            }
        }

        if let Some(short) = expected.ok().and_then(|bytes| bytes.len().checked_sub(1)) {
            assert_eq!(
                decode_into(input, &mut out[..short]),
                Err(PercentError::NoRoom)
            );
        }
    }

    #[test]
    fn decodes_triplets_of_either_case() {
        check(b"", Ok(b""));
        check(b"plain", Ok(b"plain"));
        check(b"%2f%2F%00%ff", Ok(b"//\0\xff"));
        check(b"100%25", Ok(b"100%"));
        check(b"%2541", Ok(b"%41"));
        check(b"+", Ok(b"+"));
        check(b"\xe4", Ok(b"\xe4"));
    }

    #[test]
    fn rejects_malformed_triplets() {
        for input in [
            &b"%"[..],
            b"%4",
            b"a%",
            b"%zz",
            b"%4g",
            b"%%41",
            b"% 1",
            b"%+1",
        ] {
            check(input, Err(PercentError::Triplet));
        }
        assert_eq!(decode(b"%zab").count(), 1);
    }

    #[test]
    fn encodes_all_but_what_is_kept() {
        fn check(input: &[u8], keep: fn(u8) -> bool, expected: &[u8]) {
            let mut out = [0; 64];
            assert_eq!(encode_into(input, keep, &mut out).unwrap(), expected);
            let short = expected.len() - 1;
            assert_eq!(encode_into(input, keep, &mut out[..short]), Err(NoRoom));
        }
        check(b"aZ0-._~", is_unreserved, b"aZ0-._~");
        check(b"a/b", is_unreserved, b"a%2Fb");
        check(b"a/b", |byte| byte == b'/', b"%61/%62");
        check(b"% \0\x7f\xff\n", |_| true, b"%25%20%00%7F%FF%0A");
    }

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=u8::MAX {
            let (mut coded, mut plain) = ([0; 3], [0; 1]);
            let coded = encode_into(&[byte], is_unreserved, &mut coded).unwrap();
            assert_eq!(decode_into(coded, &mut plain).unwrap(), &[byte]);
        }
    }

    #[test]
    fn noise_decodes_alike_three_ways() {
        noise::each(b"%09afAFg", |bytes| {
            let (mut out, mut place) = ([0; 64], [0; 64]);
            let place = &mut place[..bytes.len()];
            place.copy_from_slice(bytes);
            match (decode_into(bytes, &mut out), decode_in_place(place)) {
                (Ok(left), Ok(right)) => {
                    assert_eq!(left, right);
                    assert!(decode(bytes).eq(left.iter().map(|&byte| Ok(byte))));
                }
                (left, right) => assert_eq!(left, right),
            }
        });
    }
}
