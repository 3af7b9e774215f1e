//! What a client is set up with.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use kinglet_core::Limits;
use kinglet_core::http::Response;

use crate::tls::Trust;

/// The settings of an [`HttpClient`](super::HttpClient).
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct HttpClientOptions {
    /// The engine's bounds on what servers answer. Default: those of a server, without one on content,
    /// which is streamed.
    pub limits: Limits,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Whom it trusts to be a server of HTTPS. Default: the system's roots.
    pub trust: Trust,
    /// What becomes of redirections. Default: up to 10 are followed.
    pub redirects: Redirects,
    /// What becomes of compressed content. Default: it is handed over as it comes.
    pub decompression: Decompression,
    /// When the server is asked before content is sent (RFC 9110 §10.1.1). Default: from 1 MiB on, and
    /// for content of unknown length, with a wait of 1 s.
    pub expect: Expect,
    /// Idle connections that are kept, for each origin. Default: 8.
    pub max_idle: usize,
    /// Idle connections that are kept, of all origins. Default: 64.
    pub max_idle_total: usize,
    /// For how long they are. Default: 30 s.
    pub idle_timeout: Duration,
    /// The value of `User-Agent`, where a request has none. Default: `kinglet`; empty: no such line.
    pub user_agent: String,
    /// Who is told what happens. Default: nobody.
    pub tracer: Option<Tracer>,
}

/// How long each phase may take. The name is looked up by the system, which waits as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct Timeouts {
    /// Until TCP connects to one of the addresses. Default: 10 s.
    pub connect: Duration,
    /// The handshake of TLS. Default: 10 s.
    pub tls: Duration,
    /// From the last byte of the request to the last of the answer's head. Default: 30 s.
    pub head: Duration,
    /// Between bytes of content, in either direction, while there is room for them. Default: 30 s.
    pub content: Duration,
    /// All of it, redirections and content included. Default: no bound.
    pub overall: Option<Duration>,
}

/// What becomes of redirections (RFC 9110 §15.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirects {
    /// They are handed over like any answer.
    HandedOver,
    /// Up to so many are followed; one more is an error.
    Followed(u8),
}

/// What becomes of content that is compressed with gzip (RFC 9110 §8.4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decompression {
    /// It is not asked for, and handed over as it comes.
    None,
    /// It is asked for and inflated, up to so many bytes; one more is an error.
    #[cfg(feature = "compression")]
    Gzip(u64),
}

/// When the server is asked before content is sent (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Content follows its head at once.
    Never,
    /// It waits for 100 (Continue), or for so long, where it has that many bytes or nobody knows.
    From(u64, Duration),
}

/// What happens on the way to an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trace<'t> {
    /// The host has these addresses; found after that time.
    Resolved(&'t [SocketAddr], Duration),
    /// TCP is connected to this one, after that time.
    Connected(SocketAddr, Duration),
    /// TLS's handshake is over, after that time.
    Secured(Duration),
    /// An idle connection is used again.
    Reused,
    /// The head of the request, as it is sent.
    Asked(&'t [u8]),
    /// The head of an answer, interim or final, that much after the request's.
    Answered(&'t Response<'t>, Duration),
    /// The answer was a redirection to this URL.
    Redirected(&'t str),
}

/// Who is told of each [`Trace`].
#[derive(Clone)]
pub struct Tracer(Arc<dyn Fn(&Trace<'_>) + Send + Sync>);

impl Tracer {
    /// Has `trace` called, on the thread that sends the request.
    pub fn new(trace: impl Fn(&Trace<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(trace))
    }
}

impl HttpClientOptions {
    pub(super) fn tell(&self, trace: &Trace<'_>) {
        if let Some(Tracer(tracer)) = &self.tracer {
            tracer(trace);
        }
    }
}

impl Default for HttpClientOptions {
    fn default() -> Self {
        Self {
            limits: Limits {
                max_content_len: u64::MAX,
                ..Limits::SERVER
            },
            timeouts: Timeouts::default(),
            trust: Trust::System,
            redirects: Redirects::Followed(10),
            decompression: Decompression::None,
            expect: Expect::From(1 << 20, Duration::from_secs(1)),
            max_idle: 8,
            max_idle_total: 64,
            idle_timeout: Duration::from_secs(30),
            user_agent: String::from("kinglet"),
            tracer: None,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            head: Duration::from_secs(30),
            content: Duration::from_secs(30),
            overall: None,
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}
