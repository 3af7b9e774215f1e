//! Authorities, RFC 3986 §3.2: host and port of a URI and of the Host field.
//!
//! ```text
//!  user@[2001:db8::7]:8080
//!  |--| |-----------| |--|
//!  userinfo  host     port
//! ```

use core::error::Error;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while_m_n, take_while1};
use nom::multi::many0_count;
use nom::sequence::preceded;

use crate::syntax::number::decimal;
use crate::syntax::percent::is_unreserved;
use crate::syntax::{span, whole};

/// An authority whose grammar has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    raw: &'a [u8],
    userinfo: Option<&'a [u8]>,
    host: Host<'a>,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses all of `input`, RFC 3986 §3.2.
    ///
    /// ```
    /// use kinglet_core::http::values::authority::{Authority, Host};
    ///
    /// let authority = Authority::parse(b"[::1]:8080")?;
    /// assert_eq!(authority.host(), Host::Ipv6(core::net::Ipv6Addr::LOCALHOST));
    /// assert_eq!(authority.port(), Some(8080));
    /// # Ok::<(), kinglet_core::http::values::authority::AuthorityError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The variant of [`AuthorityError`] for the part that breaks the grammar;
    /// [`AuthorityError::Port`] also for a port above 65535, which no host
    /// has.
    pub fn parse(input: &'a [u8]) -> Result<Self, AuthorityError> {
        let (rest, userinfo) = match split_at_last(input, b'@') {
            Some((userinfo, rest)) => (rest, Some(userinfo)),
            None => (input, None),
        };
        if userinfo.is_some_and(|userinfo| whole(characters(b":"), userinfo).is_none()) {
            return Err(AuthorityError::Userinfo);
        }
        let (host, port) = match split_at_last(rest, b':') {
            Some((host, port)) if !port.contains(&b']') => (host, port),
            Some(_) | None => (rest, &[][..]),
        };
        Ok(Self {
            raw: input,
            userinfo,
            host: Host::parse(host).ok_or(AuthorityError::Host)?,
            port: parse_port(port)?,
        })
    }

    /// Parses the value of Host, RFC 9110 §7.2, or a request target in
    /// authority-form, RFC 9112 §3.2.3: neither has userinfo.
    ///
    /// ```abnf
    /// Host = uri-host [ ":" port ]
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`AuthorityError::Userinfo`] if there is
    /// any.
    pub fn parse_host_field(value: &'a [u8]) -> Result<Self, AuthorityError> {
        if value.contains(&b'@') {
            return Err(AuthorityError::Userinfo);
        }
        Self::parse(value)
    }

    /// All of it as received.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What is before the `@`, RFC 3986 §3.2.1.
    #[must_use]
    pub const fn userinfo(&self) -> Option<&'a [u8]> {
        self.userinfo
    }

    /// The host, RFC 3986 §3.2.2.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port, RFC 3986 §3.2.3; `None` also if nothing follows the colon.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

/// The forms of a host, RFC 3986 §3.2.2.
///
/// Names are equal whatever their case, but as received otherwise: `%61` and
/// `a` differ.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "RFC 3986 §3.2.2 has these forms")]
pub enum Host<'a> {
    /// A registered name, perhaps percent-encoded, perhaps empty.
    Name(&'a [u8]),
    /// An IPv4 address. What only looks like one is a name.
    Ipv4(Ipv4Addr),
    /// An IPv6 address from between brackets.
    Ipv6(Ipv6Addr),
    /// An address of a later version from between brackets.
    IpvFuture(&'a [u8]),
}

impl<'a> Host<'a> {
    // host = IP-literal / IPv4address / reg-name
    fn parse(input: &'a [u8]) -> Option<Self> {
        if let [b'[', literal @ .., b']'] = input {
            return parse_address(literal)
                .map(Self::Ipv6)
                .or_else(|| is_ipv_future(literal).then_some(Self::IpvFuture(literal)));
        }
        let name = whole(characters(b""), input)?;
        Some(parse_address(name).map_or(Self::Name(name), Self::Ipv4))
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(left), Self::Name(right))
            | (Self::IpvFuture(left), Self::IpvFuture(right)) => left.eq_ignore_ascii_case(right),
            (Self::Ipv4(left), Self::Ipv4(right)) => left == right,
            (Self::Ipv6(left), Self::Ipv6(right)) => left == right,
            (
                Self::Name(_) | Self::Ipv4(_) | Self::Ipv6(_) | Self::IpvFuture(_),
                Self::Name(_) | Self::Ipv4(_) | Self::Ipv6(_) | Self::IpvFuture(_),
            ) => false,
        }
    }
}

impl Eq for Host<'_> {}

/// Which part breaks the grammar of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The userinfo, or that there is any.
    Userinfo,
    /// The host.
    Host,
    /// The port.
    Port,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Userinfo => "expected no userinfo, or one of characters that a URI may hold",
            Self::Host => "expected a name or an address as host",
            Self::Port => "expected a port of at most 65535",
        })
    }
}

impl Error for AuthorityError {}

/// Takes a run of characters that a component may hold, given those that it
/// may hold beside unreserved, percent-encoded and sub-delims.
///
/// ```abnf
/// *( unreserved / pct-encoded / sub-delims / extra )
/// ```
pub(super) fn characters<'a>(
    extra: &'static [u8],
) -> impl FnMut(&'a [u8]) -> IResult<&'a [u8], &'a [u8]> {
    move |input| {
        let plain =
            take_while1(|byte| is_unreserved(byte) || is_sub_delim(byte) || extra.contains(&byte));
        let hex = take_while_m_n(2, 2, |byte: u8| byte.is_ascii_hexdigit());
        let encoded = preceded(tag("%"), hex);
        span(many0_count(alt((plain, encoded)))).parse(input)
    }
}

// port = *DIGIT
fn parse_port(digits: &[u8]) -> Result<Option<u16>, AuthorityError> {
    if digits.is_empty() {
        return Ok(None);
    }
    let port = decimal(digits).and_then(|port| u16::try_from(port).ok());
    port.map(Some).ok_or(AuthorityError::Port)
}

// IPv4address and IPv6address; the grammar of `core::net` is that of RFC 3986.
fn parse_address<A: core::str::FromStr>(text: &[u8]) -> Option<A> {
    str::from_utf8(text).ok()?.parse().ok()
}

// IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
fn is_ipv_future(literal: &[u8]) -> bool {
    let version = take_while1(|byte: u8| byte.is_ascii_hexdigit());
    let address = take_while1(|byte| is_unreserved(byte) || is_sub_delim(byte) || byte == b':');
    whole((tag_no_case("v"), version, tag("."), address), literal).is_some()
}

fn split_at_last(input: &[u8], delimiter: u8) -> Option<(&[u8], &[u8])> {
    let position = input.iter().rposition(|&byte| byte == delimiter)?;
    let (before, after) = input.split_at_checked(position)?;
    Some((before, after.get(1..)?))
}

// sub-delims = "!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="
const fn is_sub_delim(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(input: &str, expected: (Option<&str>, Host<'_>, Option<u16>)) {
        let authority = Authority::parse(input.as_bytes()).expect(input);
        let (userinfo, host, port) = expected;
        assert_eq!(authority.userinfo(), userinfo.map(str::as_bytes), "{input}");
        assert_eq!(authority.host(), host, "{input}");
        assert_eq!(authority.port(), port, "{input}");
        assert_eq!(authority.raw(), input.as_bytes());
        let as_field = Authority::parse_host_field(input.as_bytes());
        assert_eq!(as_field.is_ok(), userinfo.is_none());
    }

    #[test]
    fn takes_the_four_forms_of_a_host() {
        check("example.com", (None, Host::Name(b"EXAMPLE.com"), None));
        check("", (None, Host::Name(b""), None));
        check("a_b%C3%A4!", (None, Host::Name(b"a_b%C3%A4!"), None));
        let address = Ipv4Addr::new(127, 0, 0, 1);
        check("127.0.0.1", (None, Host::Ipv4(address), None));
        check("256.0.0.1", (None, Host::Name(b"256.0.0.1"), None));
        check("127.0.0.01", (None, Host::Name(b"127.0.0.01"), None));
        check("127.1", (None, Host::Name(b"127.1"), None));
        check("[::1]", (None, Host::Ipv6(Ipv6Addr::LOCALHOST), None));
        let long = Ipv6Addr::new(1, 2, 3, 4, 5, 6, 7, 0);
        check("[1:2:3:4:5:6:7::]", (None, Host::Ipv6(long), None));
        let mapped = address.to_ipv6_mapped();
        check("[::FFFF:127.0.0.1]", (None, Host::Ipv6(mapped), None));
        check("[v1.a:b]", (None, Host::IpvFuture(b"V1.a:b"), None));
    }

    #[test]
    fn takes_userinfo_and_port() {
        check("a:80", (None, Host::Name(b"a"), Some(80)));
        check("a:", (None, Host::Name(b"a"), None));
        check("a:00080", (None, Host::Name(b"a"), Some(80)));
        check("a:65535", (None, Host::Name(b"a"), Some(65535)));
        check(":0", (None, Host::Name(b""), Some(0)));
        let localhost = Host::Ipv6(Ipv6Addr::LOCALHOST);
        check("[::1]:8080", (None, localhost, Some(8080)));
        check("u:p%40@[::1]:1", (Some("u:p%40"), localhost, Some(1)));
        check("@a", (Some(""), Host::Name(b"a"), None));
    }

    #[test]
    fn rejects_what_the_grammar_does_not_have() {
        #[track_caller]
        fn check(input: &str, expected: AuthorityError) {
            let error = Authority::parse(input.as_bytes()).unwrap_err();
            assert_eq!(error, expected, "{input}");
        }
        for input in [
            "a b",
            "a/b",
            "a?b",
            "a%4",
            "ä",
            "a\\b",
            "[::1",
            "::1]",
            "[]",
            "[1.2.3.4]",
            "[::g]",
            "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]",
            "[::1::]",
            "[:::]",
            "[fe80::1%25en0]",
            "[v.a]",
            "[v1.]",
            "[v1a]",
            "[::1]a",
            "a[::1]",
            "[[::1]]",
            "a:b:1",
            "::1",
            "[::01234]",
        ] {
            check(input, AuthorityError::Host);
        }
        for input in [
            "a:x",
            "a:-1",
            "a:+1",
            "a:1 ",
            "a:65536",
            "a:99999999999999999999",
        ] {
            check(input, AuthorityError::Port);
        }
        for input in ["a b@c", "[@c", "a@b@c", "%@c"] {
            check(input, AuthorityError::Userinfo);
        }
    }

    #[test]
    fn noise_that_parses_is_what_was_given() {
        noise::each(b"a1.:[]@%41vV", |bytes| {
            if let Ok(authority) = Authority::parse(bytes) {
                assert_eq!(authority.raw(), bytes);
                assert_eq!(authority.userinfo().is_some(), bytes.contains(&b'@'));
            }
        });
    }
}
