//! Rate limits: how many requests an address may send.
//!
//! ```text
//!  each request is due one interval (1 s / rate) after the one before;
//!  it may come early by as many intervals as a burst has, less one
//!
//!   due      |----|----|----|          a burst of 4 at once, then one for each interval
//!   arrival  xxxx    x    x
//! ```
//!
//! This is the generic cell rate algorithm: one moment for each address says as much as a bucket of
//! tokens would. Each thread counts what it sees, so with several, whose connections land on several,
//! may have as many times the rate.

use core::net::IpAddr;
use std::collections::HashMap;

use crate::time::Millis;

/// How many requests an address may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) per_second: u32,
    /// At once, after a time without any; at least 1.
    pub(crate) burst: u32,
}

/// Addresses that are remembered at most: more than one thread has connections, as a rule.
const MAX_ADDRESSES: usize = 65_536;

/// What each address has sent of late.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Microseconds between requests.
    interval: u64,
    /// How early a request may be, in microseconds.
    early: u64,
    /// When the next request of an address is due, in microseconds.
    due: HashMap<Source, u64>,
}

/// Who sends: an IPv4 address, or the network of an IPv6 address, in which a host has as many addresses
/// as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(u64);

/// The request is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// After how many seconds it is welcome, for `Retry-After`.
    pub(crate) retry_after: u64,
}

impl RateLimit {
    pub(crate) fn new(settings: Settings) -> Self {
        let interval = 1_000_000 / u64::from(settings.per_second.max(1));
        Self {
            interval,
            early: interval * u64::from(settings.burst.saturating_sub(1)),
            due: HashMap::new(),
        }
    }

    /// Counts a request of an address, if it may be sent.
    pub(crate) fn request(&mut self, address: IpAddr, now: Millis) -> Result<(), TooMany> {
        let now = now * 1_000;
        let source = Source::of(address);
        if self.due.len() >= MAX_ADDRESSES && !self.due.contains_key(&source) {
            self.due.retain(|_, due| *due > now);
            if self.due.len() >= MAX_ADDRESSES {
                // Nobody is refused for what others do.
                return Ok(());
            }
        }
        let due = self.due.entry(source).or_insert(now);
        let at = now.max(*due);
        if at - now > self.early {
            let wait = at - now - self.early;
            return Err(TooMany {
                retry_after: wait.div_ceil(1_000_000),
            });
        }
        *due = at + self.interval;
        Ok(())
    }
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // ::/64 holds no address of a host, so these are nobody's network.
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit::new(Settings { per_second, burst })
    }

    fn allowed(limit: &mut RateLimit, address: &str, times: impl Iterator<Item = Millis>) -> usize {
        let address = address.parse().unwrap();
        times
            .filter(|&now| limit.request(address, now).is_ok())
            .count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut limit = limit(10, 5);
        assert_eq!(
            allowed(&mut limit, "192.0.2.1", core::iter::repeat_n(0, 100)),
            5
        );
        assert_eq!(allowed(&mut limit, "192.0.2.1", 1..=1_000), 10);
        assert_eq!(
            allowed(&mut limit, "192.0.2.2", core::iter::repeat_n(0, 100)),
            5
        );
        assert_eq!(
            allowed(&mut limit, "192.0.2.1", core::iter::repeat_n(9_000, 100)),
            5
        );
    }

    #[test]
    fn who_is_refused_is_told_when_to_come_back() {
        let mut limit = limit(1, 2);
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(limit.request(address, 0), Ok(()));
        assert_eq!(limit.request(address, 0), Ok(()));
        assert_eq!(limit.request(address, 0), Err(TooMany { retry_after: 1 }));
        assert_eq!(limit.request(address, 999), Err(TooMany { retry_after: 1 }));
        assert_eq!(limit.request(address, 1_000), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let mut limit = limit(1, 1);
        assert_eq!(allowed(&mut limit, "2001:db8::1", 0..1), 1);
        assert_eq!(allowed(&mut limit, "2001:db8::2", 0..1), 0);
        assert_eq!(allowed(&mut limit, "2001:db8:0:1::2", 0..1), 1);
        assert_eq!(allowed(&mut limit, "192.0.2.1", 0..1), 1);
        assert_eq!(allowed(&mut limit, "::ffff:192.0.2.1", 0..1), 0);
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let mut limit = limit(1, 1);
        for address in 0..MAX_ADDRESSES as u32 + 10 {
            let address = IpAddr::V4(address.into());
            assert_eq!(limit.request(address, 0), Ok(()));
        }
        assert_eq!(limit.due.len(), MAX_ADDRESSES);
        assert_eq!(limit.request(IpAddr::V4(u32::MAX.into()), 2_000), Ok(()));
        assert_eq!(limit.due.len(), 1);
    }
}
