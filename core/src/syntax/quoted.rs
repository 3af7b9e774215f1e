//! Quoted strings, RFC 9110 §5.6.4, and the value that they carry.
//!
//! ```text
//!  bytes on the wire    "a \"b\" c"
//!  raw                   a \"b\" c
//!  value                 a "b" c
//! ```
//!
//! A [`Quoted`] keeps the raw bytes and takes the backslashes away while it is
//! read, so nothing needs to be stored. A token has no backslash and is its
//! own value; that is why the value of a parameter, which may be written
//! either way and means the same, is a [`Quoted`] in both cases.

use core::iter::FusedIterator;
use core::slice;

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};

use super::emit::{Emitter, NoRoom};
use super::token::token;
use super::{byte, one, run, span};

/// The value of a quoted-string or of a token.
///
/// Two of them are equal if the unescaped bytes are.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a> {
    // Every '\' is followed by the byte that it quotes.
    raw: &'a [u8],
}

impl<'a> Quoted<'a> {
    /// A token, which is its own value.
    pub(super) const fn of_token(token: &'a [u8]) -> Self {
        Self { raw: token }
    }

    /// The bytes as received, without the quotes around them but with the
    /// backslashes.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The unescaped bytes, one by one.
    #[must_use]
    pub fn bytes(&self) -> Unescaped<'a> {
        Unescaped {
            raw: self.raw.iter(),
        }
    }

    /// The unescaped bytes as one slice of the input, if no byte of it is
    /// quoted by a backslash, which is the usual case.
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        (!self.raw.contains(&b'\\')).then_some(self.raw)
    }

    /// Whether the unescaped bytes are `other`, ASCII case aside.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &[u8]) -> bool {
        self.bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .eq(other.iter().map(u8::to_ascii_lowercase))
    }

    /// Writes the unescaped bytes to the front of `out` and returns them.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they do not fit; [`raw`](Self::raw) is never shorter.
    pub fn copy_into<'out>(&self, out: &'out mut [u8]) -> Result<&'out mut [u8], NoRoom> {
        let mut emitter = Emitter::new(out);
        for byte in self.bytes() {
            emitter.push_byte(byte)?;
        }
        Ok(emitter.finish())
    }
}

impl PartialEq for Quoted<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Quoted<'_> {}

impl PartialEq<[u8]> for Quoted<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().copied())
    }
}

impl PartialEq<str> for Quoted<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Quoted<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == *other.as_bytes()
    }
}

/// The bytes of a [`Quoted`] without the backslashes.
#[derive(Debug, Clone)]
pub struct Unescaped<'a> {
    raw: slice::Iter<'a, u8>,
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        match self.raw.next()? {
            b'\\' => self.raw.next().copied(),
            &byte => Some(byte),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let raw_len = self.raw.len();
        (raw_len.div_ceil(2), Some(raw_len))
    }
}

impl FusedIterator for Unescaped<'_> {}

/// Takes a quoted-string, RFC 9110 §5.6.4.
///
/// ```abnf
/// quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
/// quoted-pair   = "\" ( HTAB / SP / VCHAR / obs-text )
/// ```
///
/// # Errors
///
/// A recoverable error of nom if there is no quote at the start, no quote at
/// the end, or a control character between them.
pub fn quoted_string(input: &[u8]) -> IResult<&[u8], Quoted<'_>> {
    let text = run(1, is_qdtext);
    let pair = span(preceded(byte(b'\\'), one(is_quotable)));
    let raw = span(many0_count(alt((text, pair))));
    delimited(byte(b'"'), raw, byte(b'"'))
        .map(|raw| Quoted { raw })
        .parse(input)
}

/// What follows the quoted-string at the start of `input`: [`quoted_string`] for those who do not
/// want its value.
pub(crate) fn skip_quoted_string(input: &[u8]) -> Option<&[u8]> {
    let mut rest = input.strip_prefix(b"\"")?;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', byte, after @ ..] if is_quotable(*byte) => after,
            [byte, after @ ..] if is_qdtext(*byte) => after,
            _ => return None,
        }
    }
}

/// The quoted-string at the start of `input` and what follows it: [`quoted_string`] in shorter code.
pub(super) fn split_quoted_string(input: &[u8]) -> Option<(Quoted<'_>, &[u8])> {
    let after = skip_quoted_string(input)?;
    let end = input.len().checked_sub(after.len())?.checked_sub(1)?;
    let raw = input.get(1..end)?;
    Some((Quoted { raw }, after))
}

/// Takes a token or a quoted-string, the two ways to write one value.
///
/// ```abnf
/// ( token / quoted-string )
/// ```
///
/// # Errors
///
/// A recoverable error of nom if `input` starts with neither.
pub fn token_or_quoted_string(input: &[u8]) -> IResult<&[u8], Quoted<'_>> {
    let plain = token.map(Quoted::of_token);
    alt((plain, quoted_string)).parse(input)
}

// qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text
const fn is_qdtext(byte: u8) -> bool {
    matches!(byte, b'\t' | b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e | 0x80..)
}

// HTAB / SP / VCHAR / obs-text
const fn is_quotable(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{noise, whole};

    fn check(input: &[u8], expected: Option<&[u8]>) {
        let parsed = whole(quoted_string, input);
        assert_eq!(parsed.is_some(), expected.is_some(), "{input:?}");
        let (Some(parsed), Some(expected)) = (parsed, expected) else {
            return;
        };
        assert_eq!(parsed, *expected);
        let mut out = [0; 64];
        assert_eq!(parsed.copy_into(&mut out).unwrap(), expected);
        if let Some(short) = expected.len().checked_sub(1) {
            assert_eq!(parsed.copy_into(&mut out[..short]), Err(NoRoom));
        }
        let (least, most) = parsed.bytes().size_hint();
        assert!(least <= expected.len() && Some(expected.len()) <= most);
    }

    #[test]
    fn unescapes_quoted_pairs() {
        check(br#""""#, Some(b""));
        check(br#""a b""#, Some(b"a b"));
        check(br#""a,b;c""#, Some(b"a,b;c"));
        check(br#""\"\\""#, Some(br#""\"#));
        check(br#""\a\ ""#, Some(b"a "));
        check(b"\"\t\x80\xff\\\xe9\"", Some(b"\t\x80\xff\xe9"));
    }

    #[test]
    fn rejects_what_is_not_a_quoted_string() {
        check(b"", None);
        check(b"a", None);
        check(b"\"", None);
        check(b"\"a", None);
        check(br#""a\""#, None);
        check(br#""a"b"#, None);
        check(b"\"a\rb\"", None);
        check(b"\"a\\\nb\"", None);
        check(b"\"\x7f\"", None);
        check(b"\"\\\x7f\"", None);
    }

    #[test]
    fn token_and_quoted_string_are_equal() {
        let plain = whole(token_or_quoted_string, b"utf-8").unwrap();
        let quoted = whole(token_or_quoted_string, br#""ut\f-8""#).unwrap();
        assert_eq!(plain, quoted);
        assert_eq!(quoted, "utf-8");
        assert!(quoted.eq_ignore_case(b"UTF-8"));
        assert!(!quoted.eq_ignore_case(b"UTF-80"));
        assert_ne!(quoted, "utf-");
        assert_eq!(plain.as_slice(), Some(&b"utf-8"[..]));
        assert_eq!(quoted.as_slice(), None);
        assert_eq!(quoted.raw(), br"ut\f-8");
    }

    #[test]
    fn skips_what_it_takes() {
        noise::each(br#""\ a"#, |bytes| {
            let after = quoted_string(bytes).ok().map(|(after, _)| after);
            assert_eq!(skip_quoted_string(bytes), after);
        });
    }

    #[test]
    fn noise_unescapes_to_no_more_than_its_length() {
        noise::each(br#""\ a"#, |bytes| {
            let Ok((rest, value)) = token_or_quoted_string(bytes) else {
                return;
            };
            assert!(rest.len() < bytes.len());
            assert!(value.bytes().count() <= value.raw().len());
        });
    }
}
