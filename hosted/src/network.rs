//! Groups of addresses: those that are exempt, those that are trusted.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// Addresses that begin alike (RFC 4632 §3.1): `192.0.2.0/24`, `2001:db8::/32`, a single address, or
/// `unix` for the peers on a Unix socket, which have none.
///
/// ```
/// use kinglet_hosted::Network;
///
/// let network: Network = "192.0.2.0/24".parse()?;
/// assert!(network.contains("192.0.2.7".parse()?));
/// assert!(!network.contains("192.0.3.7".parse()?));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Repr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repr {
    // The bits behind the first `len` are zero.
    V4 { bits: u32, len: u8 },
    V6 { bits: u128, len: u8 },
    Unix,
}

/// The text is no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkError;

impl Network {
    /// The addresses of this machine that never leave it: 127.0.0.0/8 and ::1.
    pub const LOOPBACK: [Self; 2] = [
        Self(Repr::V4 {
            bits: Ipv4Addr::new(127, 0, 0, 0).to_bits(),
            len: 8,
        }),
        Self(Repr::V6 {
            bits: Ipv6Addr::LOCALHOST.to_bits(),
            len: 128,
        }),
    ];

    /// The peers on a Unix socket.
    pub const UNIX: Self = Self(Repr::Unix);

    /// Whether an address is one of these. An IPv4 address in an IPv6 one is taken for what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.0, address.to_canonical()) {
            (Repr::V4 { bits, len }, IpAddr::V4(v4)) => first_v4(v4.to_bits(), len) == bits,
            (Repr::V6 { bits, len }, IpAddr::V6(v6)) => first_v6(v6.to_bits(), len) == bits,
            (Repr::V4 { .. } | Repr::V6 { .. } | Repr::Unix, _) => false,
        }
    }

    /// Whether a peer, which has no address where it is on a Unix socket, is one of any of `networks`.
    #[must_use]
    pub fn any_contains(networks: &[Self], peer: Option<SocketAddr>) -> bool {
        networks.iter().any(|network| match peer {
            Some(address) => network.contains(address.ip()),
            None => network.0 == Repr::Unix,
        })
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if text == "unix" {
            return Ok(Self::UNIX);
        }
        let (address, len) = match text.split_once('/') {
            None => (text, None),
            Some((address, len)) => (address, Some(len)),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let len = match len {
            None => longest,
            Some(len) if len.bytes().all(|byte| byte.is_ascii_digit()) => {
                len.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        if len > longest {
            return Err(NetworkError);
        }
        let network = match address {
            IpAddr::V4(v4) => Repr::V4 {
                bits: first_v4(v4.to_bits(), len),
                len,
            },
            IpAddr::V6(v6) => Repr::V6 {
                bits: first_v6(v6.to_bits(), len),
                len,
            },
        };
        Ok(Self(network))
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => Repr::V4 {
                bits: v4.to_bits(),
                len: 32,
            },
            IpAddr::V6(v6) => Repr::V6 {
                bits: v6.to_bits(),
                len: 128,
            },
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::V4 { bits, len } => write!(f, "{}/{len}", Ipv4Addr::from_bits(bits)),
            Repr::V6 { bits, len } => write!(f, "{}/{len}", Ipv6Addr::from_bits(bits)),
            Repr::Unix => f.write_str("unix"),
        }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network must be ADDRESS/LENGTH, such as 192.0.2.0/24, an address, or unix")
    }
}

impl core::error::Error for NetworkError {}

/// The first `len` bits, with zeros behind them.
const fn first_v4(bits: u32, len: u8) -> u32 {
    match u32::MAX.checked_shl(32 - len as u32) {
        Some(kept) => bits & kept,
        None => 0,
    }
}

/// The first `len` bits, with zeros behind them.
const fn first_v6(bits: u128, len: u8) -> u128 {
    match u128::MAX.checked_shl(128 - len as u32) {
        Some(kept) => bits & kept,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_networks_it_begins_like() {
        for (network, address, is_in) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.7/31", "192.0.2.6", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("unix", "127.0.0.1", false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(
                parsed.contains(address.parse().unwrap()),
                is_in,
                "{address} in {network}"
            );
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in [
            "",
            "/",
            "192.0.2/24",
            "192.0.2.0/",
            "192.0.2.0/33",
            "::/129",
            "::/-1",
            "::/+1",
            "a",
            "192.0.2.0/24/1",
            "192.0.2.0/256",
            "192.0.2.0:80",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text:?}");
        }
    }

    #[test]
    fn a_peer_without_an_address_is_on_a_unix_socket() {
        let loopback = Network::LOOPBACK;
        assert!(!Network::any_contains(&loopback, None));
        assert!(Network::any_contains(&[Network::UNIX], None));
        let local = "[::1]:80".parse().ok();
        assert!(Network::any_contains(&loopback, local));
        assert!(!Network::any_contains(&[Network::UNIX], local));
        let loopback = loopback.map(|network| network.to_string());
        assert_eq!(loopback, ["127.0.0.0/8", "::1/128"]);
    }
}
