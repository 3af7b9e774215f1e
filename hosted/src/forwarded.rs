//! Whom a request comes from, by way of proxies that are trusted.
//!
//! ```text
//!  Forwarded: for=a, for=b, for=c        the peer is d
//!             |      |      |
//!             |      |      +- d says: it came from c         d trusted?  else the client is d
//!             |      +-------- c says: it came from b         c trusted?  else the client is c
//!             +--------------- b says: it came from a         b trusted?  else the client is b
//! ```
//!
//! Each proxy adds what it knows at the end, and anything may stand before that: so the list is
//! believed from its end on, as long as those who have said it are trusted.

use core::net::{IpAddr, SocketAddr};

use kinglet_core::http::Request;
use kinglet_core::syntax::quoted::{Quoted, token_or_quoted_string};

use crate::Network;

/// Which field lines the trusted proxies write. They have to be the ones that they replace or append to,
/// whatever the client has sent: a proxy lets the other ones pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forwarding {
    /// `Forwarded` (RFC 7239 §4).
    Forwarded,
    /// `X-Forwarded-For` and `X-Forwarded-Proto`, as most proxies do.
    XForwarded,
}

/// Whom a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The address nearest to the client that somebody trusted has named; `None` where it named none
    /// (`unknown`, or a name of its own), or what stands there is not understood.
    pub address: Option<IpAddr>,
    /// What the client spoke to the first proxy, where one said so.
    pub scheme: Option<Scheme>,
}

/// What is spoken with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// Whom a request comes from. `peer` is the other side of its connection, as
/// [`peer`](crate::peer()) tells; nothing is believed but what `trusted` proxies say.
///
/// ```
/// use kinglet_core::http::{Handled, Reply, Request, Status};
/// use kinglet_hosted::{Forwarding, Network, client_address, peer};
///
/// fn whoami(request: &Request<'_>, reply: Reply<'_>, trusted: &[Network]) -> Handled {
///     let peer = peer(reply.context()).and_then(|peer| peer.address);
///     let client = client_address(request, peer, trusted, Forwarding::XForwarded);
///     let text = client.address.map_or(String::from("unknown"), |address| address.to_string());
///     reply.send(Status::OK, &[], text.as_bytes())
/// }
/// ```
#[must_use]
pub fn client_address(
    request: &Request<'_>,
    peer: Option<SocketAddr>,
    trusted: &[Network],
    forwarding: Forwarding,
) -> Client {
    let own = Client {
        address: peer.map(|peer| peer.ip().to_canonical()),
        scheme: None,
    };
    if !Network::any_contains(trusted, peer) {
        return own;
    }
    let fields = request.fields();
    match forwarding {
        Forwarding::Forwarded => {
            let named = fields.list("Forwarded").map(forwarded_element);
            nearest(named, trusted).unwrap_or(own)
        }
        Forwarding::XForwarded => {
            let named = fields.list("X-Forwarded-For").map(|element| Client {
                address: address(element),
                scheme: None,
            });
            let client = nearest(named, trusted).unwrap_or(own);
            let scheme = fields.list("X-Forwarded-Proto").last();
            Client {
                scheme: scheme.and_then(scheme_of),
                ..client
            }
        }
    }
}

/// The last one that is not trusted, and so is whom the client is for those who are; the first, where
/// all are.
fn nearest(named: impl Iterator<Item = Client>, trusted: &[Network]) -> Option<Client> {
    let mut nearest: Option<Client> = None;
    for client in named {
        let is_trusted = client
            .address
            .is_some_and(|address| trusted.iter().any(|network| network.contains(address)));
        if nearest.is_none() || !is_trusted {
            nearest = Some(client);
        }
    }
    nearest
}

/// What one proxy says (RFC 7239 §4): pairs with semicolons between them. Where that is broken,
/// nothing of it counts.
fn forwarded_element(element: &[u8]) -> Client {
    let mut client = Client::default();
    let mut rest = element;
    while !rest.is_empty() {
        let Some((name, value, after)) = first_pair(rest) else {
            return Client::default();
        };
        let value = value.as_slice();
        if name.eq_ignore_ascii_case(b"for") {
            client.address = value.and_then(address);
        } else if name.eq_ignore_ascii_case(b"proto") {
            client.scheme = value.and_then(scheme_of);
        }
        rest = after;
    }
    client
}

/// The first pair, and what stands behind its semicolon.
fn first_pair(pairs: &[u8]) -> Option<(&[u8], Quoted<'_>, &[u8])> {
    let at = pairs.iter().position(|&byte| byte == b'=')?;
    let (name, value) = pairs.split_at(at);
    let (after, value) = token_or_quoted_string(value.get(1..)?).ok()?;
    let after = match after.trim_ascii_start() {
        [] => &[],
        [b';', after @ ..] => after.trim_ascii_start(),
        _ => return None,
    };
    Some((name.trim_ascii(), value, after))
}

/// The address of a node (RFC 7239 §6), with or without a port; an IPv6 address may come without its
/// brackets, as in `X-Forwarded-For`.
fn address(node: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(node).ok()?;
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            let address: core::net::Ipv6Addr = address.parse().ok().filter(|_| is_port)?;
            IpAddr::V6(address)
        }
        None => match text.parse() {
            Ok(address) => address,
            Err(_) => {
                let (address, port) = text.split_once(':')?;
                let address: core::net::Ipv4Addr =
                    address.parse().ok().filter(|_| is_port(port))?;
                IpAddr::V4(address)
            }
        },
    };
    Some(address.to_canonical())
}

/// Whether this is a port, or one that has been given another name.
fn is_port(text: &str) -> bool {
    let is_name = |rest: &str| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !rest.is_empty() && rest.bytes().all(is_of_name)
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && text.parse::<u16>().is_ok()) || text.strip_prefix('_').is_some_and(is_name)
}

fn scheme_of(value: &[u8]) -> Option<Scheme> {
    if value.eq_ignore_ascii_case(b"https") {
        Some(Scheme::Https)
    } else if value.eq_ignore_ascii_case(b"http") {
        Some(Scheme::Http)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use kinglet_core::Limits;
    use kinglet_core::http::RequestParser;

    use super::*;

    /// Who the client is by these field lines; `-` stands for nobody.
    fn client(peer: &str, lines: &str, forwarding: Forwarding) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:aa::/48", "unix"];
        let trusted = trusted.map(|text| text.parse::<Network>().unwrap());
        let head = format!("GET / HTTP/1.1\r\nHost: t\r\n{lines}\r\n");
        let mut parser = RequestParser::new();
        let request = parser.parse(head.as_bytes(), &Limits::SERVER);
        let request = request.unwrap().unwrap();
        let client = client_address(&request, peer.parse().ok(), &trusted, forwarding);
        let address = client
            .address
            .map_or(String::from("-"), |ip| ip.to_string());
        match client.scheme {
            None => address,
            Some(Scheme::Http) => address + " http",
            Some(Scheme::Https) => address + " https",
        }
    }

    #[test]
    fn forwarded_is_believed_from_its_end_on() {
        for (peer, lines, expected) in [
            // Nobody trusted has said anything.
            ("192.0.2.1:5", "", "192.0.2.1"),
            ("192.0.2.1:5", "Forwarded: for=203.0.113.9\r\n", "192.0.2.1"),
            ("10.0.0.1:5", "", "10.0.0.1"),
            ("10.0.0.1:5", "Forwarded: \r\n", "10.0.0.1"),
            // One proxy.
            (
                "10.0.0.1:5",
                "Forwarded: for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "unix",
                "Forwarded: For=203.0.113.9;Proto=HTTPS\r\n",
                "203.0.113.9 https",
            ),
            (
                "[2001:db8:aa::1]:5",
                "Forwarded: proto=http ; for=203.0.113.9\r\n",
                "203.0.113.9 http",
            ),
            (
                "[::ffff:10.0.0.1]:5",
                "Forwarded: for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"203.0.113.9:47011\"\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"[2001:db8::17]:4711\";by=10.0.0.1\r\n",
                "2001:db8::17",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"[2001:db8::17]:_x\"\r\n",
                "2001:db8::17",
            ),
            // What the client has made up stands further left.
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1, for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1;proto=https, for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1\r\nForwarded: for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"\r\nForwarded: for=203.0.113.9\r\n",
                "203.0.113.9",
            ),
            ("10.0.0.1:5", "X-Forwarded-For: 1.1.1.1\r\n", "10.0.0.1"),
            // Several proxies.
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1, for=203.0.113.9;proto=https, for=10.0.0.2\r\n",
                "203.0.113.9 https",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=203.0.113.9, for=192.0.2.1, for=10.0.0.2\r\n",
                "192.0.2.1",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=10.0.0.3, for=10.0.0.2\r\n",
                "10.0.0.3",
            ),
            // Somebody without a name, or broken: nobody to its left is believed.
            ("10.0.0.1:5", "Forwarded: for=1.1.1.1, for=unknown\r\n", "-"),
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1, for=_hidden, for=10.0.0.2\r\n",
                "-",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1, for, for=10.0.0.2\r\n",
                "-",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=1.1.1.1, for=203.0.113.9 x\r\n",
                "-",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"1.1.1.1, for=203.0.113.9\r\n",
                "-",
            ),
            (
                "10.0.0.1:5",
                "Forwarded: for=\"203.0.113.9:70000\"\r\n",
                "-",
            ),
            ("10.0.0.1:5", "Forwarded: for=\"[203.0.113.9]\"\r\n", "-"),
            ("10.0.0.1:5", "Forwarded: proto=https\r\n", "- https"),
        ] {
            let found = client(peer, lines, Forwarding::Forwarded);
            assert_eq!(found, expected, "{peer}: {lines}");
        }
    }

    #[test]
    fn x_forwarded_for_is_believed_from_its_end_on() {
        for (peer, lines, expected) in [
            (
                "192.0.2.1:5",
                "X-Forwarded-For: 203.0.113.9\r\n",
                "192.0.2.1",
            ),
            ("192.0.2.1:5", "X-Forwarded-Proto: https\r\n", "192.0.2.1"),
            (
                "10.0.0.1:5",
                "X-Forwarded-Proto: https\r\n",
                "10.0.0.1 https",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 203.0.113.9:80\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 2001:db8::1\r\n",
                "2001:db8::1",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: [2001:db8::1]:80\r\n",
                "2001:db8::1",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.1.2.3\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.9\r\n",
                "203.0.113.9",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 1.1.1.1, unknown\r\nX-Forwarded-Proto: https\r\n",
                "- https",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http, https\r\n",
                "203.0.113.9 https",
            ),
            (
                "10.0.0.1:5",
                "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: gopher\r\n",
                "203.0.113.9",
            ),
            ("10.0.0.1:5", "Forwarded: for=1.1.1.1\r\n", "10.0.0.1"),
        ] {
            let found = client(peer, lines, Forwarding::XForwarded);
            assert_eq!(found, expected, "{peer}: {lines}");
        }
    }
}
