//! Request targets and the authority they name (RFC 9112 §3.2, RFC 3986).
//!
//! ```text
//! origin-form     /where?q=now                 any method but CONNECT
//! absolute-form   http://example.com/where     any method but CONNECT
//! authority-form  example.com:443              CONNECT
//! asterisk-form   *                            OPTIONS
//! ```

#[cfg(not(small))]
use core::ops::Range;

use nom::branch::alt;
use nom::character::complete::digit0;
use nom::combinator::{opt, verify};
use nom::error::{Error, ErrorKind};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::Method;
#[cfg(not(small))]
use crate::scan::{self, Class};
use crate::syntax::{byte, cut, number, run, span};

/// The target of a request, in the form it was sent.
///
/// The bytes are those of the request, percent-encoding and all; nothing is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// `absolute-path [ "?" query ]` (RFC 9112 §3.2.1).
    Origin {
        /// Begins with `/`.
        path: &'a str,
        /// What follows the first `?`.
        query: Option<&'a str>,
    },
    /// `absolute-URI` (RFC 9112 §3.2.2). Its authority stands in for `Host`.
    Absolute {
        /// `http`, as a rule.
        scheme: &'a str,
        /// `host [ ":" port ]`, never empty and without user information.
        authority: &'a str,
        /// Empty, or begins with `/`.
        path: &'a str,
        /// What follows the first `?`.
        query: Option<&'a str>,
    },
    /// `uri-host ":" port` (RFC 9112 §3.2.3).
    Authority(&'a str),
    /// `*` (RFC 9112 §3.2.4): the server as a whole.
    Asterisk,
}

impl<'a> Target<'a> {
    /// Reads `target`, in the form that it has and `method` allows.
    pub(crate) fn parse(method: Method<'_>, target: &'a [u8]) -> Option<Self> {
        // Every byte of a form is ASCII; what is not UTF-8 is none of them.
        let text = core::str::from_utf8(target).ok()?;
        match (method, target) {
            (Method::Connect, _) if is_authority_form(target) => Some(Self::Authority(text)),
            (Method::Connect, _) => None,
            (Method::Options, b"*") => Some(Self::Asterisk),
            (_, [b'/', ..]) => {
                let (path, query) = cut(text, |byte| byte == b'?');
                Some(Self::Origin { path, query })
            }
            _ => Self::absolute(text),
        }
    }

    /// `absolute-URI = scheme ":" "//" authority path-abempty [ "?" query ]`
    fn absolute(text: &'a str) -> Option<Self> {
        let (scheme, rest) = cut(text, |byte| byte == b':');
        let hierarchy = rest?.strip_prefix("//")?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let first = scheme.bytes().next()?;
        if !first.is_ascii_alphabetic() || !scheme.bytes().all(legal) {
            return None;
        }
        let (authority, _) = cut(hierarchy, |byte| matches!(byte, b'/' | b'?'));
        let end = authority.len();
        let (authority, reference) = hierarchy.split_at_checked(end)?;
        if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
            return None;
        }
        let (path, query) = cut(reference, |byte| byte == b'?');
        let brackets = |byte: u8| matches!(byte, b'[' | b']');
        (!reference.bytes().any(brackets)).then_some(Self::Absolute {
            scheme,
            authority,
            path,
            query,
        })
    }

    /// The path: `/` where the form has none.
    #[must_use]
    pub fn path(&self) -> &'a str {
        match self {
            Self::Origin { path, .. } => path,
            Self::Absolute { path, .. } if !path.is_empty() => path,
            Self::Absolute { .. } | Self::Authority(_) | Self::Asterisk => "/",
        }
    }

    /// The query, without its `?`.
    #[must_use]
    pub const fn query(&self) -> Option<&'a str> {
        match self {
            Self::Origin { query, .. } | Self::Absolute { query, .. } => *query,
            Self::Authority(_) | Self::Asterisk => None,
        }
    }
}

/// Whether `target`, each byte of which may be in a target, has a form that `method` allows. One in
/// origin-form, which is the usual one, needs no second look.
pub(crate) fn is_valid(method: Method<'_>, target: &[u8]) -> bool {
    match (method, target) {
        (Method::Connect, _) => is_authority_form(target),
        (_, [b'/', ..]) => true,
        _ => Target::parse(method, target).is_some(),
    }
}

/// Whether `target` is a whole request target that `method` allows; of bytes nobody has looked at.
pub(crate) fn is_target(method: Method<'_>, target: &str) -> bool {
    let run: IResult<&[u8], _> = span(many0_count(alt((
        run(1, is_target_byte),
        span(pct_encoded),
    ))))
    .parse(target.as_bytes());
    let brackets =
        target.starts_with('/') && target.bytes().any(|byte| matches!(byte, b'[' | b']'));
    run.is_ok_and(|(after, _)| after.is_empty()) && !brackets && is_valid(method, target.as_bytes())
}

/// Whether `byte` may be in a request target: RFC 3986 §2, without `#` and `%`.
pub(crate) const fn is_target_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'$' | b'&'..=b';' | b'=' | b'?' | b'@' | b'[' | b']'
        | b'_' | b'~')
}

/// Whether `value` is a `Host` field value, which may be empty.
///
/// `Host = uri-host [ ":" port ]` (RFC 9110 §7.2); `uri-host = IP-literal / IPv4address / reg-name`
/// and `port = *DIGIT` (RFC 3986 §3.2.2, §3.2.3). An IPv4 address is a registered name, too.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let name = value.iter().position(|&byte| !is_reg_name_byte(byte));
    match name.and_then(|end| value.split_at_checked(end)) {
        None => true,
        Some((_, [b':', port @ ..])) => is_port(port),
        Some(_) => host_and_port(value).is_ok_and(|(after, _)| after.is_empty()),
    }
}

/// Whether the value that is at `value` in the window is one SP and then a host such as most are:
/// letters, digits, `-` and `.`, and a port of digits. One that is not may still be a host.
#[cfg(not(small))]
#[inline(always)]
pub(crate) fn is_plain_host(window: &[u8], value: &Range<usize>) -> bool {
    let Some([b' ', host @ ..]) = window.get(value.start..) else {
        return false;
    };
    // The scans may go on behind the value, where they meet CR at once.
    let len = value.end.wrapping_sub(value.start).wrapping_sub(1);
    match host.split_at_checked(scan::skip(Class::HostName, host)) {
        Some((name, _)) if name.len() == len => true,
        Some((name, [b':', port @ ..])) => {
            let port_len = scan::skip(Class::Digit, port);
            name.len().wrapping_add(1).wrapping_add(port_len) == len
        }
        _ => false,
    }
}

/// `port = *DIGIT`
fn is_port(port: &[u8]) -> bool {
    port.iter().all(u8::is_ascii_digit)
}

/// `authority-form = uri-host ":" port`, with neither of them empty: a tunnel needs both.
fn is_authority_form(target: &[u8]) -> bool {
    let port: IResult<_, _> = terminated(uri_host, byte(b':')).parse(target);
    port.is_ok_and(|(port, host)| !host.is_empty() && !port.is_empty() && is_port(port))
}

/// `uri-host [ ":" port ]`
fn host_and_port(input: &[u8]) -> IResult<&[u8], &[u8]> {
    span((uri_host, opt(preceded(byte(b':'), digit0)))).parse(input)
}

/// `uri-host = IP-literal / IPv4address / reg-name`
fn uri_host(input: &[u8]) -> IResult<&[u8], &[u8]> {
    alt((ip_literal, reg_name)).parse(input)
}

/// `IP-literal = "[" ( IPv6address / IPvFuture ) "]"`
fn ip_literal(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let inside = run(1, |byte| byte != b']');
    delimited(
        byte(b'['),
        verify(inside, |text: &[u8]| is_ipv6(text) || is_ip_future(text)),
        byte(b']'),
    )
    .parse(input)
}

/// `reg-name = *( unreserved / pct-encoded / sub-delims )`
fn reg_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    span(many0_count(alt((
        run(1, is_reg_name_byte),
        span(pct_encoded),
    ))))
    .parse(input)
}

/// `pct-encoded = "%" HEXDIG HEXDIG`
fn pct_encoded(input: &[u8]) -> IResult<&[u8], ()> {
    match input {
        [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Ok((rest, ()))
        }
        _ => Err(nom::Err::Error(Error::new(input, ErrorKind::HexDigit))),
    }
}

const fn is_reg_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// `IPv6address`: eight groups of up to four hexadecimal digits, the last two of which may be an
/// IPv4 address, and `::` once for one or more groups of zeros (RFC 3986 §3.2.2).
fn is_ipv6(text: &[u8]) -> bool {
    let gap = text.windows(2).position(|pair| pair == b"::");
    match gap.and_then(|at| text.split_at_checked(at)) {
        None => groups(text, Tail::Address) == Some(8),
        Some((before, gap)) => {
            let after = gap.get(2..).unwrap_or_default();
            let before = if before.is_empty() {
                Some(0)
            } else {
                groups(before, Tail::Group)
            };
            let after = if after.is_empty() {
                Some(0)
            } else {
                groups(after, Tail::Address)
            };
            matches!((before, after), (Some(before), Some(after)) if before.saturating_add(after) < 8)
        }
    }
}

/// What the groups of an IPv6 address may end with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Group,
    /// Or an IPv4 address.
    Address,
}

/// How many groups there are in `text`, if all of them are such. An IPv4 address counts as two.
fn groups(text: &[u8], tail: Tail) -> Option<usize> {
    let mut count = 0_usize;
    let mut parts = text.split(|&byte| byte == b':').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let is_group = (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit);
        count = count.saturating_add(match part {
            _ if is_group => 1,
            _ if is_last && tail == Tail::Address && is_ipv4(part) => 2,
            _ => return None,
        });
    }
    Some(count)
}

/// `IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet`
fn is_ipv4(text: &[u8]) -> bool {
    let is_octet = |octet: &[u8]| {
        let leads_with_zero = octet.len() > 1 && octet.starts_with(b"0");
        !leads_with_zero && number::decimal(octet).is_some_and(|value| value < 256)
    };
    text.split(|&byte| byte == b'.').all(is_octet)
        && text.iter().filter(|&&byte| byte == b'.').count() == 3
}

/// `IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`
fn is_ip_future(text: &[u8]) -> bool {
    let version = run(1, |byte: u8| byte.is_ascii_hexdigit());
    let address = run(1, |byte| is_reg_name_byte(byte) || byte == b':');
    let future: IResult<&[u8], _> =
        (alt((byte(b'v'), byte(b'V'))), version, byte(b'.'), address).parse(text);
    future.is_ok_and(|(after, _)| after.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_what_the_standard_library_takes_for_one() {
        let texts = [
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1::8",
            "1:2:3:4:5:6:1.2.3.4",
            "::1.2.3.4",
            "::ffff:255.255.255.255",
            "abcd:EF01::",
            "",
            ":",
            ":::",
            "1:",
            ":1",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            "12345::",
            "g::",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "1.2.3.4",
            "1.2.3.4::",
            "::1.2.3",
            "::1.2.3.256",
            "::1.2.3.4.5",
            "::01.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3.4:5",
            "::%25eth0",
            "1:::2",
        ];
        for text in texts {
            let expected = text.parse::<core::net::Ipv6Addr>().is_ok();
            assert_eq!(is_ipv6(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let rows = [
            ("", true),
            ("example.com", true),
            ("example.com:80", true),
            ("example.com:", true),
            ("a_b~c!$&'()*+,;=", true),
            ("a%20b", true),
            ("[::1]:8080", true),
            ("[v1.a:b]", true),
            (":80", true),
            ("a b", false),
            ("a%2", false),
            ("a:b", false),
            ("a:80:80", false),
            ("[::1", false),
            ("[::1]a", false),
            ("::1", false),
            ("user@host", false),
            ("a/b", false),
        ];
        for (host, expected) in rows {
            assert_eq!(is_host(host.as_bytes()), expected, "{host}");
        }
    }
}
