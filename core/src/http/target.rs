//! Request targets and the authority they name (RFC 9112 §3.2, RFC 3986).
//!
//! ```text
//! origin-form     /where?q=now                 any method but CONNECT
//! absolute-form   http://example.com/where     any method but CONNECT
//! authority-form  example.com:443              CONNECT
//! asterisk-form   *                            OPTIONS
//! ```

use core::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::digit0;
use nom::combinator::{opt, recognize, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::Method;
use crate::scan::{self, Class};

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
                let (path, query) = split_query(text);
                Some(Self::Origin { path, query })
            }
            _ => Self::absolute(text),
        }
    }

    /// `absolute-URI = scheme ":" "//" authority path-abempty [ "?" query ]`
    fn absolute(text: &'a str) -> Option<Self> {
        let (scheme, hierarchy) = text.split_once("://")?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(legal)
        {
            return None;
        }
        let end = hierarchy.find(['/', '?']).unwrap_or(hierarchy.len());
        let (authority, reference) = hierarchy.split_at_checked(end)?;
        if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
            return None;
        }
        let (path, query) = split_query(reference);
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
    let run: IResult<&[u8], _> = recognize(many0_count(alt((
        take_while1(is_target_byte),
        recognize((tag("%"), hex_digit, hex_digit)),
    ))))
    .parse(target.as_bytes());
    let brackets = target.starts_with('/') && target.contains(['[', ']']);
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
#[inline(always)]
pub(crate) fn is_plain_host(window: &[u8], value: &Range<usize>) -> bool {
    let Some([b' ', host @ ..]) = window.get(value.start..) else {
        return false;
    };
    // The scan may go on behind the value, where it meets CR at once.
    let len = value.end.wrapping_sub(value.start).wrapping_sub(1);
    match host.split_at_checked(scan::skip(Class::HostName, host)) {
        Some((name, _)) if name.len() == len => true,
        Some((name, [b':', port @ ..])) => port
            .get(..len.wrapping_sub(name.len()).wrapping_sub(1))
            .is_some_and(is_port),
        _ => false,
    }
}

/// `port = *DIGIT`
#[inline(never)]
fn is_port(port: &[u8]) -> bool {
    port.iter().all(u8::is_ascii_digit)
}

/// `authority-form = uri-host ":" port`, with neither of them empty: a tunnel needs both.
fn is_authority_form(target: &[u8]) -> bool {
    let port: IResult<_, _> = terminated(uri_host, tag(":")).parse(target);
    port.is_ok_and(|(port, host)| !host.is_empty() && !port.is_empty() && is_port(port))
}

fn split_query(reference: &str) -> (&str, Option<&str>) {
    match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    }
}

/// `uri-host [ ":" port ]`
fn host_and_port(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize((uri_host, opt(preceded(tag(":"), digit0)))).parse(input)
}

/// `uri-host = IP-literal / IPv4address / reg-name`
fn uri_host(input: &[u8]) -> IResult<&[u8], &[u8]> {
    alt((ip_literal, reg_name)).parse(input)
}

/// `IP-literal = "[" ( IPv6address / IPvFuture ) "]"`
fn ip_literal(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let inside = take_while1(|byte| byte != b']');
    delimited(
        tag("["),
        verify(inside, |text: &[u8]| is_ipv6(text) || is_ip_future(text)),
        tag("]"),
    )
    .parse(input)
}

/// `reg-name = *( unreserved / pct-encoded / sub-delims )`
fn reg_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let encoded = |input| recognize((tag("%"), hex_digit, hex_digit)).parse(input);
    let run = take_while1(is_reg_name_byte);
    recognize(many0_count(alt((run, encoded)))).parse(input)
}

fn hex_digit(input: &[u8]) -> IResult<&[u8], &[u8]> {
    verify(nom::bytes::complete::take(1_usize), |byte: &[u8]| {
        byte.iter().all(u8::is_ascii_hexdigit)
    })
    .parse(input)
}

const fn is_reg_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// `IPv6address`, by the standard library's parser of the same grammar.
fn is_ipv6(text: &[u8]) -> bool {
    core::str::from_utf8(text).is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
}

/// `IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`
fn is_ip_future(text: &[u8]) -> bool {
    let version = take_while1(|byte: u8| byte.is_ascii_hexdigit());
    let address = take_while1(|byte| is_reg_name_byte(byte) || byte == b':');
    let future: IResult<&[u8], _> =
        (alt((tag("v"), tag("V"))), version, tag("."), address).parse(text);
    future.is_ok_and(|(after, _)| after.is_empty())
}
