//! What a request is hashed by.

use core::net::IpAddr;

use kinglet_core::http::Fields;
use kinglet_core::http::values::cookie::Cookies;

use crate::siphash::HashKey;

/// What has to be the same for requests that go to the same backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The client's address.
    Address,
    /// The value of the first field line with this name.
    Header(String),
    /// The value of the cookie with this name.
    Cookie(String),
}

impl KeySource {
    /// The key of a request. One that lacks the field or the cookie is hashed by its address, and a
    /// client on a Unix socket, which has none, by nothing.
    pub(crate) fn key(&self, client: Option<IpAddr>, fields: Fields<'_>, hash_key: HashKey) -> u64 {
        let value = match self {
            Self::Address => None,
            Self::Header(name) => fields.value(name),
            Self::Cookie(name) => cookie(fields, name),
        };
        match (value, client.map(|client| client.to_canonical())) {
            (Some(value), _) => hash_key.hash(value),
            (None, Some(IpAddr::V4(address))) => hash_key.hash(&address.octets()),
            (None, Some(IpAddr::V6(address))) => hash_key.hash(&network(address.octets())),
            (None, None) => hash_key.hash(&[]),
        }
    }
}

/// The value of the first cookie with this name (RFC 6265 §5.4), in whatever line it stands.
pub(crate) fn cookie<'a>(fields: Fields<'a>, name: &str) -> Option<&'a [u8]> {
    fields
        .values("cookie")
        .find_map(|value| Cookies::new(value).value_of(name))
}

/// The half of an IPv6 address that names a network: a host changes the other half as it likes
/// (RFC 8981 §2).
fn network([a, b, c, d, e, f, g, h, ..]: [u8; 16]) -> [u8; 8] {
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::with_request;

    fn key(source: &KeySource, client: &str, lines: &str) -> u64 {
        let client = client.parse().ok();
        with_request("GET", lines, |request| {
            source.key(client, request.fields(), HashKey::default())
        })
    }

    #[test]
    fn an_address_counts_as_far_as_it_stays_the_same() {
        let by_address = |client| key(&KeySource::Address, client, "Cookie: a=1\r\n");
        for (left, right, is_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::aaaa:1", true),
            ("2001:db8::1", "2001:db8:1::1", false),
            ("192.0.2.1", "unix", false),
        ] {
            let same = by_address(left) == by_address(right);
            assert_eq!(same, is_same, "{left} {right}");
        }
    }

    #[test]
    fn fields_and_cookies_count_whoever_sends_them() {
        let header = KeySource::Header(String::from("x-tenant"));
        let cookie = KeySource::Cookie(String::from("user"));
        let value = HashKey::default().hash(b"7");
        assert_eq!(
            key(&header, "192.0.2.1", "X-Tenant: 7\r\nX-Tenant: 8\r\n"),
            value
        );
        assert_eq!(
            key(&cookie, "unix", "Cookie: a=1\r\nCookie: b=2; user=7\r\n"),
            value
        );
        let address = key(&KeySource::Address, "192.0.2.1", "");
        assert_eq!(key(&header, "192.0.2.1", "Cookie: user=7\r\n"), address);
        assert_eq!(key(&cookie, "192.0.2.1", "X-Tenant: 7\r\n"), address);
    }
}
