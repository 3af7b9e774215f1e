//! Who is let in: how many connections there may be, over all and of one address.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::peers::Packed;
use crate::{Network, Options};

/// How many connections each address has, over all threads.
///
/// An address has an entry as long as it has a connection, so there are never more of them than
/// connections. It is looked at when a connection comes and when it goes, and not between.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<HashMap<u64, u32>>);

/// One reactor's rules.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) max_connections: usize,
    max_per_address: u32,
    exempt: Vec<Network>,
    /// Peers that speak for others, with a PROXY header.
    proxies: Vec<Network>,
    addresses: Arc<Addresses>,
}

impl Admission {
    pub(crate) fn new(options: &Options, addresses: Arc<Addresses>) -> Self {
        let max_per_address = u32::try_from(options.max_connections_per_address);
        Self {
            max_connections: options.max_connections.max(1),
            max_per_address: max_per_address.unwrap_or(u32::MAX).max(1),
            exempt: options.exempt.clone(),
            proxies: options.proxy_protocol.clone(),
            addresses,
        }
    }

    /// The same under other options.
    pub(crate) fn reconfigure(&mut self, options: &Options) {
        *self = Self::new(options, Arc::clone(&self.addresses));
    }

    /// Whether a peer has to say whom it speaks for.
    pub(crate) fn is_proxy(&self, peer: Option<SocketAddr>) -> bool {
        !self.proxies.is_empty() && Network::any_contains(&self.proxies, peer)
    }

    /// Lets a peer in, and counts it; none where it has as many connections as it may.
    pub(crate) fn enter(&self, peer: Option<SocketAddr>) -> Option<Packed> {
        let Some(address) = peer else {
            return Some(Packed::NONE);
        };
        let packed = Packed::from(address);
        if Network::any_contains(&self.exempt, peer) {
            return Some(packed);
        }
        let is_in = self
            .addresses
            .enter(group(address.ip()), self.max_per_address);
        is_in.then(|| packed.counted())
    }

    /// Takes note that the connection of a peer that was let in is closed.
    pub(crate) fn leave(&self, peer: Packed) {
        if peer.is_counted()
            && let Some(address) = peer.unpack()
        {
            self.addresses.leave(group(address.ip()));
        }
    }
}

impl Addresses {
    fn enter(&self, group: u64, max: u32) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(group).or_insert(0);
        let has_room = *count < max;
        if has_room {
            *count += 1;
        }
        has_room
    }

    fn leave(&self, group: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(group) {
            if *count.get() > 1 {
                *count.get_mut() -= 1;
            } else {
                count.remove();
            }
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, since who has one has all that begin so
/// (RFC 4291 §2.5.1).
///
/// No IPv6 address that is routed begins with 32 zeros, so the two kinds do not meet.
const fn group(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_bits() as u64,
        IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_connections_per_address: usize) -> Admission {
        let options = Options {
            max_connections_per_address,
            ..Options::default()
        };
        Admission::new(&options, Arc::default())
    }

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        for (first, same, other) in [
            ("192.0.2.7:1", "192.0.2.7:2", "192.0.2.8:1"),
            (
                "[2001:db8::1]:1",
                "[2001:db8::2:3:4:5]:1",
                "[2001:db8:0:1::1]:1",
            ),
            ("192.0.2.7:1", "[::ffff:192.0.2.7]:1", "[2001:db8::1]:1"),
        ] {
            let admission = admission(2);
            let enter = |text: &str| admission.enter(text.parse().ok());
            let one = enter(first).expect("the first");
            let two = enter(same).expect("the second");
            assert_eq!(enter(first), None);
            assert_eq!(enter(same), None);
            let three = enter(other).expect("another");
            admission.leave(two);
            let again = enter(first).expect("a place that was left");
            assert_eq!(enter(same), None);
            for peer in [one, again, three] {
                admission.leave(peer);
            }
            assert!(admission.addresses.0.lock().unwrap().is_empty());
        }
    }

    #[test]
    fn who_is_exempt_or_has_no_address_is_not_counted() {
        let admission = admission(1);
        for text in ["127.0.0.1:1", "[::1]:1", "none"] {
            for _ in 0..3 {
                assert!(admission.enter(text.parse().ok()).is_some(), "{text}");
            }
        }
        assert!(admission.addresses.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let addresses = Addresses::default();
        assert!(addresses.enter(7, 1));
        assert!(!addresses.enter(7, 1));
        addresses.leave(7);
        addresses.leave(7);
        assert!(addresses.0.lock().unwrap().is_empty());
    }
}
