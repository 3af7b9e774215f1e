//! Hedging: a second try before the first has failed, where waiting is worse than asking twice.
//!
//! Off unless it is asked for. It doubles the work of exactly the requests that are slow, so it spends
//! the [retry budget](crate::retry::Budget), and only what a client may not notice is sent twice: safe
//! methods (RFC 9110 §9.2.1) without content.

use kinglet_core::http::{Framing, Method};

use crate::time::Millis;

/// When the second try begins, where the first was sent at `sent`: at `after` with no byte of a
/// response. `None` for a request that is never sent twice.
pub(crate) fn due(
    after: Option<Millis>,
    method: Method<'_>,
    framing: Framing,
    sent: Millis,
) -> Option<Millis> {
    let is_harmless = method.is_safe() && matches!(framing, Framing::None | Framing::Length(0));
    after.filter(|_| is_harmless).map(|after| sent + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_requests_without_content_are_sent_twice() {
        for (after, method, framing, expected) in [
            (None, Method::Get, Framing::None, None),
            (Some(50), Method::Get, Framing::None, Some(57)),
            (Some(50), Method::Head, Framing::Length(0), Some(57)),
            (Some(50), Method::Get, Framing::Length(1), None),
            (Some(50), Method::Get, Framing::Chunked, None),
            (Some(50), Method::Put, Framing::None, None),
            (Some(50), Method::Post, Framing::None, None),
        ] {
            assert_eq!(due(after, method, framing, 7), expected, "{method:?}");
        }
    }
}
