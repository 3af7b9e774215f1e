//! What can be set about a server.

use core::num::NonZeroUsize;
use core::time::Duration;

use kinglet_core::Limits;

use crate::Network;
use crate::tls::Tls;

/// The settings of a [`Server`](crate::Server). Each has a default that suits a server on the
/// internet.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct Options {
    /// Reactor threads, each with connections of its own.
    pub threads: NonZeroUsize,
    /// The engine's bounds on every connection.
    pub limits: Limits,
    /// The product name in `Server` (RFC 9110 §10.2.4); empty for none.
    pub server_name: String,
    /// Connections at once, over all threads. At the bound, new ones wait in the kernel's queue.
    /// Default: 65,536; the process's bound on open files is often lower.
    pub max_connections: usize,
    /// Connections at once from one address, over all threads; IPv6 addresses that share their first
    /// 64 bits count as one. Over it, a connection is closed as it comes. Default: 1,024.
    pub max_connections_per_address: usize,
    /// Whose connections are not counted for `max_connections_per_address`, such as a proxy's.
    /// Default: this machine's own.
    pub exempt: Vec<Network>,
    /// Peers that speak for others: each of their connections has to begin with a PROXY header
    /// ([version 2](crate::proxy_protocol)), and has the address that stands there. It has `head_timeout`
    /// to come. Nobody else's is looked for. Default: none.
    pub proxy_protocol: Vec<Network>,
    /// Bytes that one connection may have waiting to be read by the engine: a head, or content that
    /// is collected. At the bound the engine refuses what it is reading: a handler's `collect` gets no
    /// more than this, whatever bound it names. Default: 1 MiB.
    pub max_window_len: usize,
    /// Bytes of one answer past the send buffer that are kept for a connection. Over it the answer
    /// becomes 500: stream what can be that long. Default: 16 MiB.
    pub max_answer_len: usize,
    /// Bytes of messages from elsewhere, by [`Handle::send`](crate::Handle::send) or of a topic, that may
    /// wait for a WebSocket's peer to take them. Default: 1 MiB.
    pub max_backlog_len: usize,
    /// What becomes of a WebSocket for which more would wait. Default: it is closed.
    pub slow_receiver: SlowReceiver,
    /// TLS, which is spoken with all clients then. Default: none.
    pub tls: Option<Tls>,
    /// How long a TLS handshake may take. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How many steps of TLS handshakes a thread takes before the other connections have their turn
    /// again: each costs as much as hundreds of requests. Default: 8.
    pub max_handshakes: NonZeroUsize,
    /// After [`Handle::drain`](crate::Handle::drain): how long exchanges under way may take.
    /// Default: 10 s.
    pub drain_timeout: Duration,
    /// Connections that wait to be accepted, in the kernel.
    pub backlog: i32,
    /// What tells which sockets are ready.
    pub backend: Backend,
}

/// What becomes of a WebSocket whose peer takes messages more slowly than they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReceiver {
    /// It is closed with 1008, and knows that it has missed something.
    #[default]
    Close,
    /// It misses the messages that go past the bound.
    Drop,
}

/// Which system interface tells which sockets are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The leanest there is for the system: epoll itself on Linux, and else `Polling`.
    #[default]
    Native,
    /// The `polling` crate: epoll, kqueue and others, at two to four more system calls a wait on
    /// Linux.
    Polling,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN,
            limits: Limits::SERVER,
            server_name: String::from("kinglet"),
            max_connections: 65_536,
            max_connections_per_address: 1024,
            exempt: Network::LOOPBACK.to_vec(),
            proxy_protocol: Vec::new(),
            max_window_len: 1024 * 1024,
            max_answer_len: 16 * 1024 * 1024,
            max_backlog_len: 1024 * 1024,
            slow_receiver: SlowReceiver::Close,
            tls: None,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: const { NonZeroUsize::new(8).unwrap() },
            drain_timeout: Duration::from_secs(10),
            backlog: 4096,
            backend: Backend::Native,
        }
    }
}
