//! `Origin`, RFC 6454: which page has a browser send a request.

use crate::syntax::number::decimal;

/// Whether the value of `Origin`, which a browser sends (RFC 6454 §7), is that of the server at
/// `authority`, by the scheme's own port where one is not named. The scheme itself is not known here: a
/// proxy may have ended TLS.
///
/// ```
/// use kinglet_core::http::values::origin::is_same_origin;
///
/// assert!(is_same_origin("http://example.com:80", "example.com"));
/// assert!(!is_same_origin("http://other.example", "example.com"));
/// ```
#[must_use]
pub fn is_same_origin(origin: &str, authority: &str) -> bool {
    let (of_page, port) = match (
        origin.strip_prefix("http://"),
        origin.strip_prefix("https://"),
    ) {
        (Some(of_page), _) => (of_page, 80),
        (_, Some(of_page)) => (of_page, 443),
        (None, None) => return false,
    };
    let (page_host, page_port) = split_port(of_page);
    let (our_host, our_port) = split_port(authority);
    let is_same = |page: Option<u64>, ours: Option<u64>| page.is_some() && page == ours;
    page_host.eq_ignore_ascii_case(our_host)
        && is_same(
            page_port.map_or(Some(port), decimal),
            our_port.map_or(Some(port), decimal),
        )
}

/// The host of an authority, and its port where there is one that is not empty.
fn split_port(authority: &str) -> (&str, Option<&[u8]>) {
    let colon = authority.bytes().rposition(|byte| byte == b':');
    let split = colon.and_then(|colon| authority.split_at_checked(colon));
    match split {
        // Within the brackets of an IPv6 address, a colon is none before a port.
        Some((host, port)) if !port.bytes().any(|byte| byte == b']') => {
            let port = port.as_bytes().get(1..);
            (host, port.filter(|port| !port.is_empty()))
        }
        _ => (authority, None),
    }
}
