//! Parameters, RFC 9110 §5.6.6: `;name=value` after an element.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::tag;

use super::quoted::{Quoted, split_quoted_string, token_or_quoted_string};
use super::token::{eq_ignore_case, ows, split_token, token, trim_start_ows};

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'a> {
    /// The name as received: a token, whose case does not count.
    pub name: &'a [u8],
    /// The value, the same whether it was sent as token or as quoted-string.
    pub value: Quoted<'a>,
}

impl Parameter<'_> {
    /// Whether the parameter has this name, in any case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        eq_ignore_case(self.name, name.as_bytes())
    }
}

/// The parameters in `input`, which starts after the element that they belong
/// to, at the first semicolon or the whitespace before it.
///
/// ```
/// use kinglet_core::syntax::parameter::parameters;
///
/// let mut found = parameters(b"; charset=\"utf-8\";;q=1");
/// let charset = found.next().unwrap()?;
/// assert!(charset.is("Charset") && charset.value == "utf-8");
/// assert!(found.next().unwrap()?.is("q"));
/// assert_eq!(found.next(), None);
/// # Ok::<(), kinglet_core::syntax::parameter::ParameterError>(())
/// ```
#[must_use]
pub const fn parameters(input: &[u8]) -> Parameters<'_> {
    Parameters { rest: input }
}

/// Iterator over parameters, made by [`parameters`]. The first error ends it.
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, ParameterError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            match optional_parameter(self.rest) {
                Ok((rest, None)) => self.rest = rest,
                Ok((rest, Some(found))) => {
                    self.rest = rest;
                    return Some(Ok(found));
                }
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
    }
}

impl FusedIterator for Parameters<'_> {}

/// Why something is not a list of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// Something other than a semicolon follows the element or a parameter.
    Separator,
    /// What follows the semicolon does not start with a token and `=`.
    Name,
    /// What follows the `=` is neither a token nor a quoted-string.
    Value,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Separator => "expected a semicolon before the next parameter",
            Self::Name => "expected a token and an equals sign as name of the parameter",
            Self::Value => "expected a token or a quoted-string as value of the parameter",
        })
    }
}

impl Error for ParameterError {}

// parameters = *( OWS ";" OWS [ parameter ] )
fn optional_parameter(input: &[u8]) -> Result<(&[u8], Option<Parameter<'_>>), ParameterError> {
    let (input, _) = separator(input).map_err(|_| ParameterError::Separator)?;
    if matches!(input, [] | [b';', ..]) {
        return Ok((input, None));
    }
    let (input, name) = parameter_name(input).map_err(|_| ParameterError::Name)?;
    let (input, value) = token_or_quoted_string(input).map_err(|_| ParameterError::Value)?;
    Ok((input, Some(Parameter { name, value })))
}

// OWS ";" OWS
fn separator(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, _) = (ows, tag(";")).parse(input)?;
    ows(input)
}

// parameter-name "=", without whitespace between them
fn parameter_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, name) = token(input)?;
    let (input, _) = tag("=").parse(input)?;
    Ok((input, name))
}

/// The parameter of an extension at the start of `input`, its name and value, and what follows it. Those of
/// chunks (RFC 9112 §7.1.1) and of WebSocket (RFC 6455 §9.1) are written alike.
///
/// ```abnf
/// OWS ";" OWS token [ OWS "=" OWS ( token / quoted-string ) ]
/// ```
pub(crate) fn split_extension_parameter(input: &[u8]) -> Option<(ExtensionParameter<'_>, &[u8])> {
    let (name, rest) = split_token(skip_separator(b';', input)?)?;
    let Some(value) = skip_separator(b'=', rest) else {
        return Some(((name, None), rest));
    };
    let (value, rest) = match split_token(value) {
        Some((token, rest)) => (Quoted::of_token(token), rest),
        None => split_quoted_string(value)?,
    };
    Some(((name, Some(value)), rest))
}

type ExtensionParameter<'a> = (&'a [u8], Option<Quoted<'a>>);

/// What follows `OWS separator OWS` at the start of `input`.
fn skip_separator(separator: u8, input: &[u8]) -> Option<&[u8]> {
    match trim_start_ows(input) {
        [first, rest @ ..] if *first == separator => Some(trim_start_ows(rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nom::combinator::opt;
    use nom::sequence::preceded;

    use super::*;
    use crate::syntax::{byte, noise};

    #[test]
    fn a_parameter_of_an_extension_is_what_the_grammar_says() {
        noise::each(br#"ab;= "\"#, |bytes| {
            let value = preceded((ows, byte(b'='), ows), token_or_quoted_string);
            let grammar = preceded((ows, byte(b';'), ows), (token, opt(value)));
            let expected = { grammar }.parse(bytes).ok();
            let found = split_extension_parameter(bytes);
            // A value that is none leaves its `=` behind, or fails at once: there is no way on from either.
            match (expected, found) {
                (Some((rest, _)), None) => assert!(rest.trim_ascii_start().starts_with(b"=")),
                (expected, found) => assert_eq!(expected, found.map(|(found, rest)| (rest, found))),
            }
        });
    }

    fn check(input: &[u8], expected: &[Result<(&str, &str), ParameterError>]) {
        let mut found = parameters(input);
        for row in expected {
            match (found.next().unwrap(), row) {
                (Ok(parameter), &Ok((name, value))) => {
                    assert!(parameter.is(name), "{parameter:?}");
                    assert_eq!(parameter.value, value);
                }
                (found, row) => assert_eq!(found.err(), row.err(), "{input:?}"),
            }
        }
        assert_eq!(found.next(), None);
        assert_eq!(found.next(), None);
    }

    #[test]
    fn takes_tokens_and_quoted_strings() {
        check(b"", &[]);
        check(b";a=b", &[Ok(("A", "b"))]);
        check(b" ;\ta=\"b;c\"; D=e", &[Ok(("a", "b;c")), Ok(("d", "e"))]);
        check(b";a=\"\"", &[Ok(("a", ""))]);
        check(b";a=1;a=2", &[Ok(("a", "1")), Ok(("a", "2"))]);
    }

    #[test]
    fn skips_empty_parameters() {
        check(b";", &[]);
        check(b" ; ; ;", &[]);
        check(b";;a=b;", &[Ok(("a", "b"))]);
    }

    #[test]
    fn the_first_error_ends_the_iterator() {
        check(b"x", &[Err(ParameterError::Separator)]);
        check(
            b";a=b c=d",
            &[Ok(("a", "b")), Err(ParameterError::Separator)],
        );
        check(b";a=b ", &[Ok(("a", "b")), Err(ParameterError::Separator)]);
        check(b";a", &[Err(ParameterError::Name)]);
        check(b";=b", &[Err(ParameterError::Name)]);
        check(b";a =b", &[Err(ParameterError::Name)]);
        check(b";a=", &[Err(ParameterError::Value)]);
        check(b";a= b", &[Err(ParameterError::Value)]);
        check(b";a=\"b", &[Err(ParameterError::Value)]);
        check(b";a;b=c", &[Err(ParameterError::Name)]);
    }

    #[test]
    fn noise_ends_after_an_error() {
        noise::each(br#"ab;= ""#, |bytes| {
            let mut found = parameters(bytes);
            if found.by_ref().any(|parameter| parameter.is_err()) {
                assert_eq!(found.next(), None);
            }
        });
    }
}
