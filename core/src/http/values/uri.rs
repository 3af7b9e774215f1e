//! URI references, RFC 3986 §4.1, split into their components.
//!
//! ```text
//!  https://example.com:8443/over/there?name=ferret#nose
//!  |---|   |--------------| |--------| |---------| |--|
//!  scheme     authority        path       query   fragment
//! ```
//!
//! The grammar is checked to the end and nothing is decoded. A byte that a
//! URI may not hold, such as a space, `|` or one above 0x7E, is an error, as
//! is a `%` without two hexadecimal digits; that is stricter than browsers
//! are, which repair such references before they send them.

use core::error::Error;
use core::fmt;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take_while, take_while_m_n};
use nom::sequence::{preceded, terminated};

use crate::syntax::span;
use crate::syntax::token::eq_ignore_case;

use super::authority::{Authority, AuthorityError, Host, characters};

/// A URI or a relative reference, RFC 3986 §4.1.
#[derive(Debug, Clone, Copy)]
pub struct UriReference<'a> {
    scheme: Option<&'a [u8]>,
    authority: Option<Authority<'a>>,
    path: &'a [u8],
    query: Option<&'a [u8]>,
    fragment: Option<&'a [u8]>,
}

impl<'a> UriReference<'a> {
    /// Parses all of `input`.
    ///
    /// ```
    /// use kinglet_core::http::values::uri::UriReference;
    ///
    /// let uri = UriReference::parse(b"https://example.com:8443/a?b#c")?;
    /// assert_eq!(uri.scheme(), Some(&b"https"[..]));
    /// assert_eq!(uri.authority().and_then(|authority| authority.port()), Some(8443));
    /// assert_eq!(uri.path(), b"/a");
    /// assert_eq!(uri.query(), Some(&b"b"[..]));
    /// # Ok::<(), kinglet_core::http::values::uri::UriError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The variant of [`UriError`] for the first component that breaks the
    /// grammar.
    pub fn parse(input: &'a [u8]) -> Result<Self, UriError> {
        let (rest, scheme) = optional(scheme, input);
        let (rest, authority) = optional(authority, rest);
        let authority = authority
            .map(Authority::parse)
            .transpose()
            .map_err(UriError::Authority)?;
        let (rest, path) = path(rest).map_err(|_| UriError::Path)?;
        if !matches!(rest, [] | [b'?' | b'#', ..])
            || (scheme.is_none() && authority.is_none() && !is_noscheme(path))
        {
            return Err(UriError::Path);
        }
        let (rest, query) = optional(query, rest);
        if !matches!(rest, [] | [b'#', ..]) {
            return Err(UriError::Query);
        }
        let (rest, fragment) = optional(fragment, rest);
        if !rest.is_empty() {
            return Err(UriError::Fragment);
        }
        Ok(Self {
            scheme,
            authority,
            path,
            query,
            fragment,
        })
    }

    /// The scheme, whose case does not count; `None` for a relative
    /// reference. RFC 3986 §3.1.
    #[must_use]
    pub const fn scheme(&self) -> Option<&'a [u8]> {
        self.scheme
    }

    /// The authority, RFC 3986 §3.2.
    #[must_use]
    pub const fn authority(&self) -> Option<Authority<'a>> {
        self.authority
    }

    /// The path, which may be empty, RFC 3986 §3.3.
    #[must_use]
    pub const fn path(&self) -> &'a [u8] {
        self.path
    }

    /// The query without its question mark, RFC 3986 §3.4.
    #[must_use]
    pub const fn query(&self) -> Option<&'a [u8]> {
        self.query
    }

    /// The fragment without its number sign, RFC 3986 §3.5.
    #[must_use]
    pub const fn fragment(&self) -> Option<&'a [u8]> {
        self.fragment
    }

    /// The origin of an http or https URI, RFC 9110 §4.3.1.
    ///
    /// # Errors
    ///
    /// - [`OriginError::Scheme`] if the scheme is another one or absent;
    /// - [`OriginError::Host`] if there is no host, RFC 9110 §4.2.1;
    /// - [`OriginError::Userinfo`] if there is userinfo, which is most likely
    ///   there to deceive, RFC 9110 §4.2.4.
    pub fn origin(&self) -> Result<Origin<'a>, OriginError> {
        let scheme = match self.scheme {
            Some(scheme) if eq_ignore_case(scheme, b"http") => HttpScheme::Http,
            Some(scheme) if eq_ignore_case(scheme, b"https") => HttpScheme::Https,
            Some(_) | None => return Err(OriginError::Scheme),
        };
        let authority = self.authority.ok_or(OriginError::Host)?;
        if authority.userinfo().is_some() {
            return Err(OriginError::Userinfo);
        }
        if authority.host() == Host::Name(b"") {
            return Err(OriginError::Host);
        }
        Ok(Origin {
            scheme,
            host: authority.host(),
            port: authority.port().unwrap_or(scheme.default_port()),
        })
    }
}

/// Where to connect to for an http or https URI, RFC 9110 §4.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// Which of the two schemes.
    pub scheme: HttpScheme,
    /// The host, which is not empty.
    pub host: Host<'a>,
    /// The port of the URI or that of the scheme.
    pub port: u16,
}

/// The schemes of HTTP, RFC 9110 §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9110 §4.2 defines these two")]
pub enum HttpScheme {
    /// `http`, RFC 9110 §4.2.1.
    Http,
    /// `https`: over TLS, RFC 9110 §4.2.2.
    Https,
}

impl HttpScheme {
    /// The port where a URI names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Which component breaks the grammar of a URI reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// The authority.
    Authority(AuthorityError),
    /// The path; also a first segment with a colon that ends no scheme, RFC
    /// 3986 §4.2.
    Path,
    /// The query.
    Query,
    /// The fragment.
    Fragment,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority(error) => return error.fmt(f),
            Self::Path => "expected a path of characters that a URI may hold",
            Self::Query => "expected a query of characters that a URI may hold",
            Self::Fragment => "expected a fragment of characters that a URI may hold",
        })
    }
}

impl Error for UriError {}

/// Why a URI reference names no origin of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// The scheme is neither http nor https.
    Scheme,
    /// There is no host.
    Host,
    /// There is userinfo before the host.
    Userinfo,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "expected the scheme http or https",
            Self::Host => "expected a host that is not empty",
            Self::Userinfo => "expected no userinfo before the host",
        })
    }
}

impl Error for OriginError {}

// What `parser` takes, if it takes anything.
fn optional<'a>(
    mut parser: impl FnMut(&'a [u8]) -> IResult<&'a [u8], &'a [u8]>,
    input: &'a [u8],
) -> (&'a [u8], Option<&'a [u8]>) {
    match parser(input) {
        Ok((rest, found)) => (rest, Some(found)),
        Err(_) => (input, None),
    }
}

// scheme ":"
// scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
fn scheme(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let first = take_while_m_n(1, 1, |byte: u8| byte.is_ascii_alphabetic());
    let rest =
        take_while(|byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    terminated(span((first, rest)), tag(":")).parse(input)
}

// "//" authority, as far as the delimiter of another component
fn authority(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let all = take_while(|byte| !matches!(byte, b'/' | b'?' | b'#'));
    preceded(tag("//"), all).parse(input)
}

// path-abempty / path-absolute / path-noscheme / path-rootless / path-empty
//
// After an authority a path that is not empty starts with "/", as the
// authority ends nowhere else. Without one it does not start with "//", as
// that would have been taken for one.
fn path(input: &[u8]) -> IResult<&[u8], &[u8]> {
    characters(b":@/").parse(input)
}

// path-noscheme = segment-nz-nc *( "/" segment )
fn is_noscheme(path: &[u8]) -> bool {
    let mut segments = path.split(|&byte| byte == b'/');
    segments
        .next()
        .is_none_or(|segment| !segment.contains(&b':'))
}

// "?" query
// query = *( pchar / "/" / "?" )
fn query(input: &[u8]) -> IResult<&[u8], &[u8]> {
    preceded(tag("?"), characters(b":@/?")).parse(input)
}

// "#" fragment
// fragment = *( pchar / "/" / "?" )
fn fragment(input: &[u8]) -> IResult<&[u8], &[u8]> {
    preceded(tag("#"), characters(b":@/?")).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    fn field(text: &str) -> Option<&[u8]> {
        (text != "-").then_some(text.as_bytes())
    }

    // Scheme, authority, path, query and fragment; "-" for absent.
    #[track_caller]
    fn check(input: &str, expected: [&str; 5]) {
        let uri = UriReference::parse(input.as_bytes()).expect(input);
        let [scheme, authority, path, query, fragment] = expected;
        assert_eq!(uri.scheme(), field(scheme), "{input}");
        assert_eq!(
            uri.authority().map(|found| found.raw()),
            field(authority),
            "{input}"
        );
        assert_eq!(uri.path(), path.as_bytes(), "{input}");
        assert_eq!(uri.query(), field(query), "{input}");
        assert_eq!(uri.fragment(), field(fragment), "{input}");
    }

    #[test]
    fn splits_uris() {
        check("http://a/b?c#d", ["http", "a", "/b", "c", "d"]);
        check("HTTPS://h:1", ["HTTPS", "h:1", "", "-", "-"]);
        check("http://h?q", ["http", "h", "", "q", "-"]);
        check("http://h#", ["http", "h", "", "-", ""]);
        check("http://h/?", ["http", "h", "/", "", "-"]);
        check(
            "http://u:p@[::1]:8/",
            ["http", "u:p@[::1]:8", "/", "-", "-"],
        );
        check("file:///etc", ["file", "", "/etc", "-", "-"]);
        check("urn:a:b", ["urn", "-", "a:b", "-", "-"]);
        check("mailto:a@b", ["mailto", "-", "a@b", "-", "-"]);
        check("a+1-.:", ["a+1-.", "-", "", "-", "-"]);
        check("x:/a//b", ["x", "-", "/a//b", "-", "-"]);
        check("http://a//b", ["http", "a", "//b", "-", "-"]);
    }

    #[test]
    fn splits_relative_references() {
        check("", ["-", "-", "", "-", "-"]);
        check("/", ["-", "-", "/", "-", "-"]);
        check("//h/p", ["-", "h", "/p", "-", "-"]);
        check("/a:b", ["-", "-", "/a:b", "-", "-"]);
        check("./a:b", ["-", "-", "./a:b", "-", "-"]);
        check("a/b:c", ["-", "-", "a/b:c", "-", "-"]);
        check("?a=b&c=/?:@", ["-", "-", "", "a=b&c=/?:@", "-"]);
        check("#f", ["-", "-", "", "-", "f"]);
        check("/%7Ea!$&'()*+,;=", ["-", "-", "/%7Ea!$&'()*+,;=", "-", "-"]);
    }

    #[test]
    fn rejects_what_the_grammar_does_not_have() {
        #[track_caller]
        fn check(input: &str, expected: UriError) {
            let error = UriReference::parse(input.as_bytes()).unwrap_err();
            assert_eq!(error, expected, "{input}");
        }
        for input in [
            "1a:b", ":", "a_b:c", "%61:b", " ", "/a b", "/ä", "/%", "/%4", "/%g0", "/a|b", "/a\\b",
            "/<>", "/[", "/\"", "/^", "/`", "/{}", "/\0", "/\r\n", "http:%",
        ] {
            check(input, UriError::Path);
        }
        check("/?%", UriError::Query);
        check("/?[", UriError::Query);
        check("/? ", UriError::Query);
        check("/#%", UriError::Fragment);
        check("/##", UriError::Fragment);
        check("http://h:x/", UriError::Authority(AuthorityError::Port));
        check("http://a b/", UriError::Authority(AuthorityError::Host));
        check("//[::1/", UriError::Authority(AuthorityError::Host));
    }

    #[test]
    fn an_origin_has_a_scheme_of_http_and_a_host() {
        #[track_caller]
        fn check(input: &str, expected: Result<(HttpScheme, &str, u16), OriginError>) {
            let origin = UriReference::parse(input.as_bytes()).unwrap().origin();
            let expected = expected.map(|(scheme, host, port)| Origin {
                scheme,
                host: Host::Name(host.as_bytes()),
                port,
            });
            assert_eq!(origin, expected, "{input}");
        }
        check("http://a", Ok((HttpScheme::Http, "a", 80)));
        check("HTTPS://a:/", Ok((HttpScheme::Https, "a", 443)));
        check("https://a:80/", Ok((HttpScheme::Https, "a", 80)));
        check("ws://a", Err(OriginError::Scheme));
        check("//a", Err(OriginError::Scheme));
        check("http:///a", Err(OriginError::Host));
        check("http:a", Err(OriginError::Host));
        check("http://:80", Err(OriginError::Host));
        check("http://b@a", Err(OriginError::Userinfo));
    }

    #[test]
    fn components_of_noise_make_up_the_whole() {
        noise::each(b"a:/?#[]@%41.1", |bytes| {
            let Ok(uri) = UriReference::parse(bytes) else {
                return;
            };
            let authority = uri.authority().map(|found| found.raw());
            let len = uri.path().len()
                + uri.scheme().map_or(0, |scheme| scheme.len() + 1)
                + authority.map_or(0, |authority| authority.len() + 2)
                + uri.query().map_or(0, |query| query.len() + 1)
                + uri.fragment().map_or(0, |fragment| fragment.len() + 1);
            assert_eq!(len, bytes.len());
            let _ = uri.origin();
        });
    }
}
