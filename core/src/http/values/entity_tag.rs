//! Entity tags, RFC 9110 §8.8.3, and the lists of them in If-Match and
//! If-None-Match, RFC 9110 §13.1.1 and §13.1.2.
//!
//! ```text
//!  W/"v1,2" , "x"
//!  |  |----|        opaque-tag, without the quotes: v1,2
//!  weak
//! ```
//!
//! An opaque-tag is no quoted-string: a backslash in it is an ordinary byte.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::opt;
use nom::sequence::{delimited, terminated};

use crate::syntax::emit::{Emitter, NoRoom};
use crate::syntax::token::{is_whitespace, ows};
use crate::syntax::whole;

/// An entity tag.
///
/// Two ways to compare exist, [`matches_strongly`](Self::matches_strongly)
/// and [`matches_weakly`](Self::matches_weakly), so `==` is neither.
#[derive(Debug, Clone, Copy)]
pub struct EntityTag<'a> {
    strength: Strength,
    // All of it is etagc.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The strong entity tag `"opaque"`: bytes that are the same whenever the
    /// tag is, RFC 9110 §8.8.1.
    ///
    /// # Errors
    ///
    /// [`EntityTagError::Opaque`] if `opaque` has a byte that is no etagc: a
    /// quote, a space or a control character.
    pub fn strong(opaque: &'a [u8]) -> Result<Self, EntityTagError> {
        Self::new(Strength::Strong, opaque)
    }

    /// The weak entity tag `W/"opaque"`.
    ///
    /// # Errors
    ///
    /// As [`strong`](Self::strong).
    pub fn weak(opaque: &'a [u8]) -> Result<Self, EntityTagError> {
        Self::new(Strength::Weak, opaque)
    }

    /// Parses the value of ETag, RFC 9110 §8.8.3.
    ///
    /// # Errors
    ///
    /// [`EntityTagError::Syntax`] if `value` is not an entity tag.
    pub fn parse(value: &'a [u8]) -> Result<Self, EntityTagError> {
        whole(entity_tag, value).ok_or(EntityTagError::Syntax)
    }

    /// What is between the quotes.
    #[must_use]
    pub const fn opaque(&self) -> &'a [u8] {
        self.opaque
    }

    /// Whether the tag is marked as weak.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        matches!(self.strength, Strength::Weak)
    }

    /// The strong comparison, RFC 9110 §8.8.3.2: neither is weak and the
    /// opaque-tags are the same.
    #[must_use]
    pub fn matches_strongly(&self, other: &EntityTag<'_>) -> bool {
        !self.is_weak() && !other.is_weak() && self.opaque == other.opaque
    }

    /// The weak comparison, RFC 9110 §8.8.3.2: the opaque-tags are the same.
    #[must_use]
    pub fn matches_weakly(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Writes the entity tag to the front of `out` and returns what was
    /// written: the opaque-tag and 2 bytes more, or 4 for a weak one.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if it does not fit.
    pub fn emit_into<'out>(&self, out: &'out mut [u8]) -> Result<&'out mut [u8], NoRoom> {
        let mut emitter = Emitter::new(out);
        emitter.push(match self.strength {
            Strength::Weak => b"W/\"",
            Strength::Strong => b"\"",
        })?;
        emitter.push(self.opaque)?;
        emitter.push_byte(b'"')?;
        Ok(emitter.finish())
    }

    fn new(strength: Strength, opaque: &'a [u8]) -> Result<Self, EntityTagError> {
        if opaque.iter().copied().all(is_etagc) {
            Ok(Self { strength, opaque })
        } else {
            Err(EntityTagError::Opaque)
        }
    }
}

/// The value of If-Match or If-None-Match.
#[derive(Debug, Clone)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9110 §13.1.1 has these two forms"
)]
pub enum EntityTags<'a> {
    /// `*`: any current representation.
    Any,
    /// These entity tags.
    Listed(EntityTagList<'a>),
}

impl<'a> EntityTags<'a> {
    /// Parses the combined field value of If-Match or If-None-Match.
    ///
    /// ```abnf
    /// If-Match = "*" / #entity-tag
    /// ```
    ///
    /// # Errors
    ///
    /// [`EntityTagError::Syntax`] if any part of `value` is not an entity tag;
    /// that is also so for `*` beside anything else.
    pub fn parse(value: &'a [u8]) -> Result<Self, EntityTagError> {
        if value == b"*" {
            return Ok(Self::Any);
        }
        let mut rest = value;
        while let (after, Some(_)) = next_tag(rest)? {
            rest = after;
        }
        Ok(Self::Listed(EntityTagList { rest: value }))
    }
}

/// Iterator over the entity tags of an [`EntityTags`].
#[derive(Debug, Clone)]
pub struct EntityTagList<'a> {
    // All of it has been parsed once.
    rest: &'a [u8],
}

impl<'a> Iterator for EntityTagList<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<EntityTag<'a>> {
        let (rest, found) = next_tag(self.rest).ok()?;
        self.rest = rest;
        found
    }
}

impl FusedIterator for EntityTagList<'_> {}

/// Why something is not an entity tag, or not a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityTagError {
    /// The field value is neither entity tags nor, where allowed, `*`.
    Syntax,
    /// A byte that an opaque-tag cannot hold: a misuse by the caller.
    Opaque,
}

impl fmt::Display for EntityTagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "expected entity tags in double quotes",
            Self::Opaque => "expected an opaque tag without quotes, spaces and control characters",
        })
    }
}

impl Error for EntityTagError {}

#[derive(Debug, Clone, Copy)]
enum Strength {
    Weak,
    Strong,
}

// #entity-tag => [ entity-tag ] *( OWS "," OWS [ entity-tag ] )
//
// The next entity tag and what follows it; `None` at the end of the list.
fn next_tag(input: &[u8]) -> Result<(&[u8], Option<EntityTag<'_>>), EntityTagError> {
    let (input, _) = separators(input).map_err(|_| EntityTagError::Syntax)?;
    if input.is_empty() {
        return Ok((input, None));
    }
    let (rest, found) = terminated(entity_tag, ows)
        .parse(input)
        .map_err(|_| EntityTagError::Syntax)?;
    match rest {
        [] | [b',', ..] => Ok((rest, Some(found))),
        _ => Err(EntityTagError::Syntax),
    }
}

// The commas and the whitespace before an element; never fails.
fn separators(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(|byte| byte == b',' || is_whitespace(byte)).parse(input)
}

// entity-tag = [ weak ] opaque-tag
// weak       = %s"W/"
// opaque-tag = DQUOTE *etagc DQUOTE
fn entity_tag(input: &[u8]) -> IResult<&[u8], EntityTag<'_>> {
    let (input, weak) = opt(tag("W/")).parse(input)?;
    let (input, opaque) = delimited(tag("\""), take_while(is_etagc), tag("\"")).parse(input)?;
    let strength = match weak {
        Some(_) => Strength::Weak,
        None => Strength::Strong,
    };
    Ok((input, EntityTag { strength, opaque }))
}

// etagc = %x21 / %x23-7E / obs-text
const fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &[u8], expected: Option<(&[u8], bool)>) {
        let parsed = EntityTag::parse(value);
        let seen = parsed.map(|tag| (tag.opaque(), tag.is_weak()));
        assert_eq!(seen, expected.ok_or(EntityTagError::Syntax), "{value:?}");
        if let Ok(tag) = parsed {
            let mut out = [0; 32];
            assert_eq!(tag.emit_into(&mut out).unwrap(), value);
            let short = value.len().saturating_sub(1);
            assert_eq!(tag.emit_into(&mut out[..short]), Err(NoRoom));
        }
    }

    #[test]
    fn parses_and_emits_tags() {
        check(br#""xyzzy""#, Some((b"xyzzy", false)));
        check(br#"W/"xyzzy""#, Some((b"xyzzy", true)));
        check(br#""""#, Some((b"", false)));
        check(br#""a,b\""#, Some((br"a,b\", false)));
        check(b"\"!#~\x80\xff\"", Some((b"!#~\x80\xff", false)));
    }

    #[test]
    fn rejects_what_is_not_a_tag() {
        for value in [
            &b""[..],
            b"xyzzy",
            b"\"",
            b"\"a",
            b"a\"",
            b"w/\"a\"",
            b"W/ \"a\"",
            b"W\"a\"",
            b"\"a b\"",
            b"\"a\tb\"",
            b"\"\x7f\"",
            b"\"a\" ",
            b" \"a\"",
            b"\"a\"\"",
            b"*",
        ] {
            check(value, None);
        }
        assert!(matches!(
            EntityTag::strong(b"a b"),
            Err(EntityTagError::Opaque)
        ));
        assert!(matches!(
            EntityTag::weak(b"\""),
            Err(EntityTagError::Opaque)
        ));
    }

    // RFC 9110 table 3.
    #[test]
    fn compares_as_the_table_says() {
        #[track_caller]
        fn check(left: &str, right: &str, [strong, weak]: [bool; 2]) {
            let left = EntityTag::parse(left.as_bytes()).unwrap();
            let right = EntityTag::parse(right.as_bytes()).unwrap();
            assert_eq!(left.matches_strongly(&right), strong);
            assert_eq!(right.matches_strongly(&left), strong);
            assert_eq!(left.matches_weakly(&right), weak);
        }
        check(r#"W/"1""#, r#"W/"1""#, [false, true]);
        check(r#"W/"1""#, r#"W/"2""#, [false, false]);
        check(r#"W/"1""#, r#""1""#, [false, true]);
        check(r#""1""#, r#""1""#, [true, true]);
    }

    #[track_caller]
    fn check_list(value: &[u8], expected: Option<&[&[u8]]>) {
        match (EntityTags::parse(value), expected) {
            (Ok(EntityTags::Listed(list)), Some(expected)) => {
                let opaque = list.map(|tag| tag.opaque());
                assert!(opaque.eq(expected.iter().copied()), "{value:?}");
            }
            (parsed, expected) => assert_eq!(parsed.is_ok(), expected.is_some(), "{value:?}"),
        }
    }

    #[test]
    fn lists_split_between_tags_only() {
        check_list(b"", Some(&[]));
        check_list(b" , ,", Some(&[]));
        check_list(br#""a""#, Some(&[b"a"]));
        check_list(br#""a","b" , W/"c","#, Some(&[b"a", b"b", b"c"]));
        check_list(br#"  , "a,b\" ,"c""#, Some(&[br"a,b\", b"c"]));
        assert!(matches!(EntityTags::parse(b"*"), Ok(EntityTags::Any)));
    }

    #[test]
    fn a_list_with_anything_else_is_none() {
        for value in [
            &b"a"[..],
            b"*, \"a\"",
            b"\"a\", *",
            b"*,*",
            b"\"a\" \"b\"",
            b"\"a\"\"b\"",
            b"\"a\", b",
            b"\"a\", \"b",
            b"\"a\", w/\"b\"",
        ] {
            check_list(value, None);
        }
    }

    #[test]
    fn a_list_of_noise_ends_where_it_was_checked_to_end() {
        noise::each(br#"W/"a, *\"#, |bytes| {
            if let Ok(EntityTags::Listed(mut list)) = EntityTags::parse(bytes) {
                list.by_ref().for_each(drop);
                assert!(separators(list.rest).is_ok_and(|(rest, _)| rest.is_empty()));
            }
        });
    }
}
