//! Requests that go round: found by `Via`, and bounded by `Max-Forwards`.

use kinglet_core::http::{Fields, Method};
use kinglet_core::syntax::number::decimal;

/// Whether a message has been passed on by this proxy before (RFC 9110 §7.6.3).
///
/// `Via = received-protocol RWS received-by [ RWS comment ]`, and the pseudonym is the second of them.
pub(crate) fn has_been_here(fields: Fields<'_>, pseudonym: &str) -> bool {
    fields.list("via").any(|element| {
        let mut words = element
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty());
        let received_by = words.nth(1);
        received_by.is_some_and(|name| name.eq_ignore_ascii_case(pseudonym.as_bytes()))
    })
}

/// What `Max-Forwards` asks for (RFC 9110 §7.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwards {
    /// Nothing: the request passes as it is.
    Any,
    /// That the request passes with this value.
    Left(u32),
    /// That it is answered here.
    None,
    /// The value is no number, or there are two.
    Invalid,
}

/// How often a request may still be passed on. Methods but OPTIONS and TRACE may ignore the field, and
/// do.
pub(crate) fn forwards(method: Method<'_>, fields: Fields<'_>) -> Forwards {
    if !matches!(method, Method::Options | Method::Trace) {
        return Forwards::Any;
    }
    let mut values = fields.values("max-forwards");
    let Some(value) = values.next() else {
        return Forwards::Any;
    };
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if !is_number || values.next().is_some() {
        return Forwards::Invalid;
    }
    // What is more than any network has steps may become less (RFC 9110 §7.6.2).
    let left = decimal(value).and_then(|left| u32::try_from(left).ok());
    match left.unwrap_or(u32::MAX) {
        0 => Forwards::None,
        left => Forwards::Left(left - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::with_request;

    #[test]
    fn a_request_that_comes_back_is_known() {
        for (lines, expected) in [
            ("", false),
            ("Via: 1.1 other\r\n", false),
            ("Via: 1.1 edge\r\n", true),
            ("Via: HTTP/1.1 EDGE (a, b)\r\n", true),
            ("Via: 1.0 fred, 1.1\tedge\r\nVia: 1.1 other\r\n", true),
            ("Via: 1.1 edge2\r\n", false),
            ("Via: 1.1 other (edge)\r\n", false),
            ("Via: edge\r\n", false),
            ("Via: edge other\r\n", false),
        ] {
            let found = with_request("GET", lines, |request| {
                has_been_here(request.fields(), "edge")
            });
            assert_eq!(found, expected, "{lines}");
        }
    }

    #[test]
    fn steps_are_counted_down_to_none() {
        for (method, lines, expected) in [
            ("GET", "Max-Forwards: 0\r\n", Forwards::Any),
            ("TRACE", "", Forwards::Any),
            ("TRACE", "Max-Forwards: 0\r\n", Forwards::None),
            ("OPTIONS", "max-forwards: 000\r\n", Forwards::None),
            ("OPTIONS", "Max-Forwards: 1\r\n", Forwards::Left(0)),
            ("TRACE", "Max-Forwards: 10\r\n", Forwards::Left(9)),
            (
                "TRACE",
                "Max-Forwards: 99999999999999999999999\r\n",
                Forwards::Left(u32::MAX - 1),
            ),
            ("TRACE", "Max-Forwards: -1\r\n", Forwards::Invalid),
            ("TRACE", "Max-Forwards:\r\n", Forwards::Invalid),
            (
                "TRACE",
                "Max-Forwards: 1\r\nMax-Forwards: 2\r\n",
                Forwards::Invalid,
            ),
        ] {
            let found = with_request(method, lines, |request| {
                forwards(request.method(), request.fields())
            });
            assert_eq!(found, expected, "{method} {lines}");
        }
    }
}
