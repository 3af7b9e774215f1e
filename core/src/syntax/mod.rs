//! Stateless grammar that both protocols and the field values share.
//!
//! RFC 9110 §5.6 gives the rules from which nearly every field value is built;
//! RFC 3986 §2.1 gives percent-encoding. Each rule is one file:
//!
//! | file | rule | RFC |
//! |---|---|---|
//! | [`token`] | `token`, `OWS`, comparison without case | RFC 9110 §5.6.2, §5.6.3 |
//! | [`number`] | `1*DIGIT`, both ways | RFC 5234 §B.1 |
//! | [`quoted`] | `quoted-string` | RFC 9110 §5.6.4 |
//! | [`list`] | `#rule` | RFC 9110 §5.6.1 |
//! | [`parameter`] | `parameters` | RFC 9110 §5.6.6 |
//! | [`percent`] | `pct-encoded` | RFC 3986 §2.1 |
//! | [`emit`] | writing into a lent slice | |
//!
//! ```text
//!  text/html;charset="utf-8";q=0.5 , text/*
//!  |token| | |token| quoted-string |
//!          |     parameters        |
//!  |           element             | |element|
//!  |                 #rule                  |
//! ```
//!
//! What is parsed borrows from the input; what is decoded goes into a slice
//! that the caller lends or comes byte by byte out of an iterator. Every
//! function reads its input a bounded number of times, whatever is in it.

use nom::IResult;
use nom::Parser;
use nom::combinator::all_consuming;
use nom::error::{Error, ErrorKind};

pub mod emit;
pub mod list;
#[cfg(test)]
pub(crate) mod noise;
pub mod number;
pub mod parameter;
pub mod percent;
pub mod quoted;
pub mod token;

/// What `parser` makes of `input`, if it takes all of it.
pub(crate) fn whole<'a, P>(parser: P, input: &'a [u8]) -> Option<P::Output>
where
    P: Parser<&'a [u8], Error = Error<&'a [u8]>>,
{
    let (_, output) = all_consuming(parser).parse(input).ok()?;
    Some(output)
}

/// Takes what `parser` takes, whatever it makes of it.
///
/// Like nom's `recognize`, but the compiler sees that the slice it makes is
/// within the input, and leaves no panic behind.
pub(crate) fn span<'a, P>(mut parser: P) -> impl FnMut(&'a [u8]) -> IResult<&'a [u8], &'a [u8]>
where
    P: Parser<&'a [u8], Error = Error<&'a [u8]>>,
{
    move |input| {
        let (rest, _) = parser.parse(input)?;
        let taken_len = input.len().saturating_sub(rest.len());
        Ok((rest, input.get(..taken_len).unwrap_or_default()))
    }
}

/// The text before the first `delimiter`, which is one of ASCII, and what follows that, if there is one.
///
/// Like `str::split_once`, but with nothing that can panic as the compiler sees it.
#[cfg_attr(not(small), inline)]
#[cfg_attr(small, inline(never))]
pub(crate) fn cut(text: &str, delimiter: u8) -> (&str, Option<&str>) {
    let end = text.bytes().position(|byte| byte == delimiter);
    let end = end.unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((before, from)) => (before, from.get(1..)),
        None => (text, None),
    }
}

/// This byte.
pub(crate) fn byte(expected: u8) -> impl Fn(&[u8]) -> IResult<&[u8], u8> {
    one(move |byte| byte == expected)
}

/// One byte that `is_legal` holds for.
///
/// Like nom's `tag` or `satisfy`, but the compiler sees that nothing here can panic.
pub(crate) fn one(is_legal: impl Fn(u8) -> bool) -> impl Fn(&[u8]) -> IResult<&[u8], u8> {
    move |input| match input {
        [first, rest @ ..] if is_legal(*first) => Ok((rest, *first)),
        _ => Err(nom::Err::Error(Error::new(input, ErrorKind::Satisfy))),
    }
}

/// As many bytes as `is_legal` holds for, and `least` of them at least.
///
/// Like nom's `take_while`, but the compiler sees that nothing here can panic.
pub(crate) fn run(
    least: usize,
    is_legal: impl Fn(u8) -> bool,
) -> impl Fn(&[u8]) -> IResult<&[u8], &[u8]> {
    move |input| {
        let len = input
            .iter()
            .position(|&byte| !is_legal(byte))
            .unwrap_or(input.len());
        match input.split_at_checked(len) {
            Some((run, rest)) if len >= least => Ok((rest, run)),
            _ => Err(nom::Err::Error(Error::new(input, ErrorKind::TakeWhile1))),
        }
    }
}
