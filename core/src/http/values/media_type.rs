//! Media types, RFC 9110 §8.3.1: the value of Content-Type.
//!
//! ```text
//!  text / html ; charset="utf-8"
//!  type  subtype   parameters
//! ```

use core::error::Error;
use core::fmt;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::tag;

use crate::syntax::parameter::{Parameter, ParameterError, Parameters, parameters};
use crate::syntax::quoted::Quoted;
use crate::syntax::token::{eq_ignore_case, token};

/// A media type whose grammar has been checked to the end.
#[derive(Debug, Clone, Copy)]
pub struct MediaType<'a> {
    type_name: &'a [u8],
    subtype: &'a [u8],
    // Every parameter in here parses.
    parameters: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Parses the value of Content-Type, RFC 9110 §8.3.
    ///
    /// ```
    /// use kinglet_core::http::values::media_type::MediaType;
    ///
    /// let media_type = MediaType::parse(b"text/HTML; charset=\"utf-8\"")?;
    /// assert!(media_type.is("text", "html"));
    /// assert!(media_type.charset().is_some_and(|charset| charset == "utf-8"));
    /// # Ok::<(), kinglet_core::http::values::media_type::MediaTypeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MediaTypeError::Name`] if `value` does not start with two tokens and
    /// a slash between them, [`MediaTypeError::Parameter`] if what follows is
    /// not parameters.
    pub fn parse(value: &'a [u8]) -> Result<Self, MediaTypeError> {
        let (rest, (type_name, subtype)) = names(value).map_err(|_| MediaTypeError::Name)?;
        for parameter in parameters(rest) {
            parameter.map_err(MediaTypeError::Parameter)?;
        }
        Ok(Self {
            type_name,
            subtype,
            parameters: rest,
        })
    }

    /// The type as received; case does not count.
    #[must_use]
    pub const fn type_name(&self) -> &'a [u8] {
        self.type_name
    }

    /// The subtype as received; case does not count.
    #[must_use]
    pub const fn subtype(&self) -> &'a [u8] {
        self.subtype
    }

    /// Whether these are the type and the subtype, parameters aside.
    #[must_use]
    pub const fn is(&self, type_name: &str, subtype: &str) -> bool {
        eq_ignore_case(self.type_name, type_name.as_bytes())
            && eq_ignore_case(self.subtype, subtype.as_bytes())
    }

    /// The parameters in the order received.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + Clone + use<'a> {
        let all: Parameters<'a> = parameters(self.parameters);
        all.filter_map(Result::ok)
    }

    /// The value of the first parameter with this name, in any case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Quoted<'a>> {
        let parameter = self.parameters().find(|parameter| parameter.is(name))?;
        Some(parameter.value)
    }

    /// The charset, whose case does not count, RFC 9110 §8.3.2.
    #[must_use]
    pub fn charset(&self) -> Option<Quoted<'a>> {
        self.parameter("charset")
    }

    /// The boundary of a multipart type, RFC 9110 §8.3.3.
    ///
    /// `None` for other types, and if the boundary is not one that RFC 2046
    /// §5.1.1 allows: 1 to 70 of its characters, the last of them no space.
    #[must_use]
    pub fn boundary(&self) -> Option<Quoted<'a>> {
        if !eq_ignore_case(self.type_name, b"multipart") {
            return None;
        }
        let boundary = self.parameter("boundary")?;
        is_boundary(boundary).then_some(boundary)
    }
}

/// Why something is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaTypeError {
    /// No type and subtype at the start.
    Name,
    /// What follows the subtype is not parameters.
    Parameter(ParameterError),
}

impl fmt::Display for MediaTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("expected a type, a slash and a subtype"),
            Self::Parameter(error) => error.fmt(f),
        }
    }
}

impl Error for MediaTypeError {}

// type "/" subtype
pub(super) fn names(input: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (input, type_name) = token(input)?;
    let (input, _) = tag("/").parse(input)?;
    let (input, subtype) = token(input)?;
    Ok((input, (type_name, subtype)))
}

// boundary      = 0*69<bchars> bcharsnospace       RFC 2046 §5.1.1
// bcharsnospace = DIGIT / ALPHA / "'" / "(" / ")" / "+" / "_" / "," / "-"
//               / "." / "/" / ":" / "=" / "?"
fn is_boundary(boundary: Quoted<'_>) -> bool {
    let mut len = 0_usize;
    let mut last = b' ';
    for byte in boundary.bytes() {
        let allowed = byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        if !allowed || len == MAX_BOUNDARY_LEN {
            return false;
        }
        len = len.saturating_add(1);
        last = byte;
    }
    last != b' '
}

/// RFC 2046 §5.1.1.
const MAX_BOUNDARY_LEN: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    #[track_caller]
    fn check(value: &str, expected: Result<Row<'_>, MediaTypeError>) {
        match (MediaType::parse(value.as_bytes()), expected) {
            (Ok(media_type), Ok((type_name, subtype, expected))) => {
                assert!(media_type.is(type_name, subtype), "{value}");
                assert_eq!(media_type.parameters().count(), expected.len());
                for (parameter, (name, value)) in media_type.parameters().zip(expected) {
                    assert!(parameter.is(name));
                    assert_eq!(parameter.value, *value);
                }
            }
            (parsed, expected) => assert_eq!(parsed.err(), expected.err(), "{value}"),
        }
    }

    #[test]
    fn the_four_examples_are_equal() {
        for value in [
            "text/html;charset=utf-8",
            "Text/HTML;Charset=\"utf-8\"",
            "text/html; charset=\"utf-8\"",
        ] {
            check(value, Ok(("text", "html", &[("charset", "utf-8")])));
        }
        let upper = MediaType::parse(b"text/html;charset=UTF-8").unwrap();
        assert!(upper.charset().unwrap().eq_ignore_case(b"utf-8"));
    }

    #[test]
    fn parameters_may_be_many_and_empty() {
        check("a/b", Ok(("a", "b", &[])));
        check("a/b;", Ok(("a", "b", &[])));
        check(
            "a/vnd.b+json ; x=1 ;; y=\";\"",
            Ok(("a", "vnd.b+json", &[("x", "1"), ("y", ";")])),
        );
    }

    #[test]
    fn rejects_what_is_not_a_media_type() {
        for value in [
            "",
            "text",
            "text/",
            "/html",
            "text /html",
            "text/ html",
            " a/b",
        ] {
            check(value, Err(MediaTypeError::Name));
        }
        let separator = MediaTypeError::Parameter(ParameterError::Separator);
        check("text/html charset=utf-8", Err(separator));
        check("text/html, text/plain", Err(separator));
        check("text/html ", Err(separator));
        let name = MediaTypeError::Parameter(ParameterError::Name);
        check("text/html;charset", Err(name));
        let value = MediaTypeError::Parameter(ParameterError::Value);
        check("text/html;charset=", Err(value));
    }

    #[test]
    fn the_first_parameter_of_a_name_counts() {
        let media_type = MediaType::parse(b"a/b;charset=x;CHARSET=y").unwrap();
        assert_eq!(media_type.charset().unwrap(), "x");
    }

    #[test]
    fn a_boundary_is_what_rfc_2046_allows() {
        #[track_caller]
        fn check(value: &str, expected: Option<&str>) {
            let boundary = MediaType::parse(value.as_bytes()).unwrap().boundary();
            assert_eq!(boundary.is_some(), expected.is_some(), "{value}");
            assert!(boundary.is_none_or(|found| found == expected.unwrap()));
        }
        check("multipart/form-data; boundary=----x7", Some("----x7"));
        check("Multipart/mixed; boundary=\"a b:c\"", Some("a b:c"));
        check("multipart/mixed; boundary=\"a \"", None);
        check("multipart/mixed; boundary=\"\"", None);
        check("multipart/mixed; boundary=\"a\\\"\"", None);
        check("multipart/mixed; boundary=a*b", None);
        check("multipart/mixed", None);
        check("text/plain; boundary=a", None);
        let seventy = "a234567890123456789012345678901234567890123456789012345678901234567890";
        let mut value = [b'x'; 102];
        value[..31].copy_from_slice(b"multipart/related;q=1; boundary");
        value[31] = b'=';
        value[32..].copy_from_slice(seventy.as_bytes());
        check(str::from_utf8(&value).unwrap(), Some(seventy));
        check(
            "multipart/mixed;boundary=a2345678901234567890123456789012345678901234567890123456789012345678901",
            None,
        );
    }

    #[test]
    fn noise_that_parses_has_readable_parameters() {
        noise::each(br#"a/;= ""#, |bytes| {
            let mut value = [0; 68];
            value[..4].copy_from_slice(b"a/b;");
            value[4..4 + bytes.len()].copy_from_slice(bytes);
            for value in [bytes, &value[..4 + bytes.len()]] {
                if let Ok(media_type) = MediaType::parse(value) {
                    assert!(media_type.parameters().count() < value.len());
                    let _ = (media_type.charset(), media_type.boundary());
                }
            }
        });
    }
}
