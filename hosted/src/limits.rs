//! Why connections are refused or given up, and how often.

use core::sync::atomic::{AtomicU64, Ordering};

use kinglet_core::http::server::Cause;
use kinglet_core::http::{Error, TimeoutError};

/// Why a connection was not served, or not to its end: what protected the server from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// As many connections as [`Options::max_connections`](crate::Options) allows were open, so no more
    /// were accepted for a while. Counted for each such time; nothing is closed.
    Full,
    /// The address had as many as [`Options::max_connections_per_address`](crate::Options) allows:
    /// closed.
    AddressFull,
    /// There were no descriptors left for a while: closed.
    NoDescriptors,
    /// No PROXY header came where one has to, or none that is understood: closed.
    ProxyHeader,
    /// A TLS handshake took longer than [`Options::handshake_timeout`](crate::Options): closed.
    SlowHandshake,
    /// A rule of TLS was broken, or one side did not accept the other's certificate: closed with an alert
    /// (RFC 8446 §6.2).
    Tls,
    /// Nothing came for `idle_timeout`: closed. Browsers leave connections so, too.
    Idle,
    /// A head took longer than `head_timeout`.
    SlowHead,
    /// Content came below `min_receive_rate`.
    SlowContent,
    /// The peer took less than `min_send_rate`.
    SlowReceiver,
    /// Another bound of [`Limits`](kinglet_core::Limits) was reached.
    Limit,
    /// The peer broke a rule of the protocol.
    Syntax,
    /// A WebSocket failed, by a rule, a bound or a timeout.
    WebSocket,
    /// Draining took longer than [`Options::drain_timeout`](crate::Options).
    DrainTimeout,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Full,
        Self::AddressFull,
        Self::NoDescriptors,
        Self::ProxyHeader,
        Self::SlowHandshake,
        Self::Tls,
        Self::Idle,
        Self::SlowHead,
        Self::SlowContent,
        Self::SlowReceiver,
        Self::Limit,
        Self::Syntax,
        Self::WebSocket,
        Self::DrainTimeout,
    ];

    /// A name for metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::AddressFull => "address_full",
            Self::NoDescriptors => "no_descriptors",
            Self::ProxyHeader => "proxy_header",
            Self::SlowHandshake => "slow_handshake",
            Self::Tls => "tls",
            Self::Idle => "idle",
            Self::SlowHead => "slow_head",
            Self::SlowContent => "slow_content",
            Self::SlowReceiver => "slow_receiver",
            Self::Limit => "limit",
            Self::Syntax => "syntax",
            Self::WebSocket => "websocket",
            Self::DrainTimeout => "drain_timeout",
        }
    }

    /// That of a connection's end, where it was not an ordinary one.
    pub(crate) const fn of(cause: Cause) -> Option<Self> {
        match cause {
            Cause::Failed(Error::Timeout(TimeoutError::Head)) => Some(Self::SlowHead),
            Cause::Failed(Error::Timeout(TimeoutError::Content)) => Some(Self::SlowContent),
            Cause::Failed(Error::Timeout(_)) => Some(Self::SlowReceiver),
            Cause::Failed(Error::Limit(_)) => Some(Self::Limit),
            Cause::Failed(Error::Syntax(_)) => Some(Self::Syntax),
            Cause::WebSocket(_) => Some(Self::WebSocket),
            Cause::Idle => Some(Self::Idle),
            // Peer, Agreed and Aborted are ordinary.
            _ => None,
        }
    }
}

/// How often each [`Reason`] applied on one thread. That thread alone writes them.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; Reason::ALL.len()]);

impl Refusals {
    pub(crate) fn count(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self, reason: Reason) -> u64 {
        let count = self.0.get(reason as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_place_and_a_name_of_its_own() {
        let refusals = Refusals::default();
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            for _ in 0..=place {
                refusals.count(reason);
            }
        }
        let mut names = Vec::new();
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(refusals.get(reason), place as u64 + 1);
            assert!(!names.contains(&reason.name()));
            names.push(reason.name());
        }
    }
}
