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

use super::Method;
#[cfg(not(small))]
use crate::scan::{self, Class};
use crate::syntax::{cut, list, number};

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
                let (path, query) = cut(text, b'?');
                Some(Self::Origin { path, query })
            }
            _ => Self::absolute(text),
        }
    }

    /// `absolute-URI = scheme ":" "//" authority path-abempty [ "?" query ]`
    fn absolute(text: &'a str) -> Option<Self> {
        let (scheme, rest) = cut(text, b':');
        let hierarchy = rest?.strip_prefix("//")?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let first = scheme.bytes().next()?;
        if !first.is_ascii_alphabetic() || !scheme.bytes().all(legal) {
            return None;
        }
        let (before_query, query) = cut(hierarchy, b'?');
        let (authority, _) = cut(before_query, b'/');
        let path = before_query.get(authority.len()..)?;
        if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
            return None;
        }
        let mut reference = hierarchy.bytes().skip(authority.len());
        let has_brackets = reference.any(|byte| matches!(byte, b'[' | b']'));
        (!has_brackets).then_some(Self::Absolute {
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
    let mut rest = target.as_bytes();
    while !rest.is_empty() {
        rest = match rest {
            [byte, after @ ..] if is_target_byte(*byte) => after,
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            _ => return false,
        }
    }
    let brackets =
        target.starts_with('/') && target.bytes().any(|byte| matches!(byte, b'[' | b']'));
    !brackets && is_valid(method, target.as_bytes())
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
    match split_host(value) {
        Some((_, [])) => true,
        Some((_, [b':', port @ ..])) => is_port(port),
        _ => false,
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
    match split_host(target) {
        Some((host, [b':', port @ ..])) => !host.is_empty() && !port.is_empty() && is_port(port),
        _ => false,
    }
}

/// The `uri-host` at the start of `input`, which may be empty, and what follows it.
///
/// `uri-host = IP-literal / IPv4address / reg-name`, `IP-literal = "[" ( IPv6address / IPvFuture ) "]"`
fn split_host(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match input {
        [b'[', inside @ ..] => {
            let len = inside.iter().position(|&byte| byte == b']')?;
            let address = inside.get(..len)?;
            if !is_ipv6(address) && !is_ip_future(address) {
                return None;
            }
            len.wrapping_add(2)
        }
        _ => reg_name_len(input),
    };
    input.split_at_checked(len)
}

/// Bytes of the `reg-name` at the start of `input`.
///
/// `reg-name = *( unreserved / pct-encoded / sub-delims )`
fn reg_name_len(input: &[u8]) -> usize {
    let mut rest = input;
    loop {
        rest = match rest {
            [byte, after @ ..] if is_reg_name_byte(*byte) => after,
            // pct-encoded = "%" HEXDIG HEXDIG
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            _ => return input.len().wrapping_sub(rest.len()),
        }
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
    let (mut rest, mut has_gap) = match text.strip_prefix(b"::") {
        Some(after_gap) => (after_gap, true),
        None => (text, false),
    };
    let mut count = 0_usize;
    while !(rest.is_empty() && has_gap) {
        let len = rest.iter().position(|&byte| byte == b':');
        let (part, after) = rest.split_at(len.unwrap_or(rest.len()).min(rest.len()));
        let is_group = (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit);
        count = count.saturating_add(match after {
            _ if is_group => 1,
            [] if is_ipv4(part) => 2,
            _ => return false,
        });
        rest = match after {
            [] => break,
            [_, b':', after_gap @ ..] if !has_gap => {
                has_gap = true;
                after_gap
            }
            [_, others @ ..] => others,
        };
    }
    if has_gap { count < 8 } else { count == 8 }
}

/// `IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet`
fn is_ipv4(text: &[u8]) -> bool {
    let mut count = 0_usize;
    for octet in text.split(|&byte| byte == b'.') {
        let leads_with_zero = octet.len() > 1 && octet.starts_with(b"0");
        if leads_with_zero || number::decimal(octet).is_none_or(|value| value > 255) {
            return false;
        }
        count = count.saturating_add(1);
    }
    count == 4
}

/// `IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`
fn is_ip_future(text: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = text else {
        return false;
    };
    let (version, address) = list::split_once(rest, b'.');
    let is_address_byte = |&byte: &u8| is_reg_name_byte(byte) || byte == b':';
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address.iter().all(is_address_byte)
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
