//! An HTTP client that waits, for tools and tests: HTTP/1.1 over TCP or TLS (RFC 9112, RFC 9110).
//!
//! ```no_run
//! use kinglet_hosted::HttpClient;
//! use kinglet_hosted::http_client::HttpClientOptions;
//!
//! let client = HttpClient::new(HttpClientOptions::default());
//! let mut response = client.get("https://example.com/")?;
//! println!("{}", response.status());
//! std::io::copy(&mut response, &mut std::io::stdout())?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Connections are kept and used again, by origin; content is streamed both ways, at the same time
//! where it has to be. There are no cookies, no cache and no proxies. On a reactor's thread, where
//! nothing may wait, [`outgoing`](crate::outgoing) is the client to use.

mod error;
mod exchange;
mod options;
mod pool;
mod redirect;
mod request;
mod response;

use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use kinglet_core::http::client::Connection;
use kinglet_core::http::{self, Field, Length, Method, ResponseParser};
use kinglet_core::{Limits, field};
use rustls::ClientConfig;

pub use error::{Error, Phase};
pub use options::{Decompression, Expect, HttpClientOptions, Redirects, Timeouts, Trace, Tracer};
pub use request::{Content, Request};
pub use response::Response;

use exchange::Exchange;
use pool::{Idle, Origin, Pool};
use redirect::Hop;
use request::Source;
use response::{Body, Wire};

use crate::connector;
use crate::transport::Transport;

/// A client with its connections; a clone is the same. Threads can share it.
#[derive(Clone, Debug)]
pub struct HttpClient(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Arc<HttpClientOptions>,
    /// Made when TLS is first spoken: the system's roots take a while to read.
    tls: OnceLock<Arc<ClientConfig>>,
    pool: Pool,
}

/// Bytes of a redirection's content that are read to keep its connection.
const MAX_DISCARDED_LEN: usize = 64 * 1024;

impl HttpClient {
    /// A client without connections.
    #[must_use]
    pub fn new(options: HttpClientOptions) -> Self {
        Self(Arc::new(Shared {
            options: Arc::new(options),
            tls: OnceLock::new(),
            pool: Pool::default(),
        }))
    }

    /// Asks for what is at a URL.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub fn get(&self, url: &str) -> Result<Response<'static>, Error> {
        // The URL is needed no longer than the request.
        let request = Request::get(url);
        self.send_source(&request, Source::new(Content::None))
    }

    /// Sends a request and waits for the head of its answer; content may go on being sent while the
    /// answer's is read. A request that may be repeated (RFC 9110 §9.2.2) is sent once more on a new
    /// connection, where a kept one turns out to be closed.
    ///
    /// # Errors
    ///
    /// There is no answer, for the reason given.
    pub fn send<'r>(&self, mut request: Request<'r>) -> Result<Response<'r>, Error> {
        let content = core::mem::replace(&mut request.content, Content::None);
        self.send_source(&request, Source::new(content))
    }

    /// How many connections are idle.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.pool.len()
    }

    fn send_source<'r>(
        &self,
        request: &Request<'_>,
        mut source: Source<'r>,
    ) -> Result<Response<'r>, Error> {
        let options = &self.0.options;
        let overall = options.timeouts.overall;
        let overall = overall.and_then(|overall| Instant::now().checked_add(overall));
        let mut hop = Hop::new(request.url, request.method)?;
        let mut followed = 0;
        loop {
            let (mut exchange, head) = self.ask(&hop, request.fields, source, overall)?;
            let Some(parsed) = parse(&head) else {
                return Err(Error::Broken(ErrorKind::InvalidData.into()));
            };
            let status = parsed.status();
            if let Redirects::Followed(max) = options.redirects {
                let location = parsed.fields().value("Location");
                let content = exchange.content().filter(|_| !hop.is_without_content);
                let next = hop.next(status.code(), location, request.fields, content)?;
                // What can be sent once and is gone cannot be sent there.
                let next =
                    next.filter(|next| next.is_without_content || exchange.can_begin_again());
                if let Some(next) = next {
                    if followed == max {
                        return Err(Error::TooManyRedirects);
                    }
                    followed += 1;
                    options.tell(&Trace::Redirected(next.url.as_str()));
                    self.discard(&mut exchange);
                    let (rest, idle) = exchange.split();
                    if let Some(idle) = idle {
                        self.keep(hop.origin, idle);
                    }
                    source = rest.rewind();
                    hop = next;
                    continue;
                }
            }
            let (wants_inflating, len) =
                (self.inflates(&parsed, &exchange), exchange.content_left());
            let mut wire = Wire::new(exchange, self.clone(), hop.origin);
            wire.end()?;
            return Ok(Response {
                status,
                url: hop.url,
                len: len.filter(|_| wants_inflating.is_none()),
                body: body(wire, wants_inflating),
                head,
            });
        }
    }

    /// Sends one request, again where that is safe, and waits for the head.
    fn ask<'r>(
        &self,
        hop: &Hop<'_>,
        fields: &[Field<'_>],
        mut source: Source<'r>,
        overall: Option<Instant>,
    ) -> Result<(Exchange<'r>, Vec<u8>), Error> {
        let options = &self.0.options;
        const EXPECT: Field<'_> = field!("Expect", "100-continue");
        let expects = expects(options, &source) && !hop.is_without_content;
        let mut expectation = expects.then_some(EXPECT);
        let mut may_reuse = true;
        loop {
            let idle = may_reuse
                .then(|| self.0.pool.take(&hop.origin, options))
                .flatten();
            let is_reused = idle.is_some();
            let idle = match idle {
                Some(idle) => {
                    options.tell(&Trace::Reused);
                    idle
                }
                None => self.connect(&hop.origin, overall)?,
            };
            let all = self.fields(hop, fields, expectation);
            let options = Arc::clone(options);
            let mut exchange = Exchange::new(idle, options, hop, &all, source, overall)?;
            match exchange.head() {
                Ok(head)
                    if expectation.is_some()
                        && is_status(&head, 417)
                        && exchange.can_begin_again() =>
                {
                    // RFC 9110 §10.1.1: to be repeated without the expectation.
                    expectation = None;
                    source = exchange.into_source().rewind();
                }
                Ok(head) => return Ok((exchange, head)),
                Err(Error::Closed)
                    if is_reused && is_idempotent(hop.method) && exchange.can_begin_again() =>
                {
                    may_reuse = false;
                    source = exchange.into_source().rewind();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A new connection to an origin.
    fn connect(&self, origin: &Origin, overall: Option<Instant>) -> Result<Idle, Error> {
        let options = &self.0.options;
        let began = Instant::now();
        let addresses = connector::resolve(&origin.host, origin.port).map_err(Error::Resolve)?;
        options.tell(&Trace::Resolved(&addresses, began.elapsed()));

        let timed_out = |phase| match overall {
            Some(overall) if Instant::now() >= overall => Error::Timeout(Phase::Overall),
            _ => Error::Timeout(phase),
        };
        let until = |timeout| {
            let due = Instant::now().checked_add(timeout);
            [due, overall].into_iter().flatten().min()
        };
        let began = Instant::now();
        let socket = connector::connect(&addresses, until(options.timeouts.connect));
        let transport = socket.and_then(Transport::plain);
        let mut transport = transport.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => timed_out(Phase::Connect),
            _ => Error::Connect(error),
        })?;
        let peer = transport.socket().peer_addr().map_err(Error::Connect)?;
        options.tell(&Trace::Connected(peer, began.elapsed()));

        if origin.is_secure {
            let config = self.tls()?;
            let began = Instant::now();
            let until = until(options.timeouts.tls);
            let secured = transport.secure(config, &origin.host, until);
            transport = secured.map_err(|error| match error.kind() {
                ErrorKind::TimedOut => timed_out(Phase::Tls),
                _ => Error::Tls(error),
            })?;
            options.tell(&Trace::Secured(began.elapsed()));
        }
        Ok(Idle {
            transport,
            machine: Connection::new(),
        })
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.0.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.0.options.trust.config().map_err(Error::Trust)?;
        Ok(Arc::clone(self.0.tls.get_or_init(|| config)))
    }

    /// The field lines of a request: the caller's, as far as they go along, and the client's own.
    fn fields<'f>(
        &'f self,
        hop: &Hop<'_>,
        fields: &[Field<'f>],
        expectation: Option<Field<'f>>,
    ) -> Vec<Field<'f>> {
        let mut all: Vec<_> = fields
            .iter()
            .filter(|field| hop.takes(field))
            .copied()
            .collect();
        let mut add = |name: &'static str, value: &'f [u8]| {
            let is_there = all
                .iter()
                .any(|field| field.name().eq_ignore_ascii_case(name));
            if let (false, Ok(field)) = (is_there || value.is_empty(), Field::new(name, value)) {
                all.push(field);
            }
        };
        add("User-Agent", self.0.options.user_agent.as_bytes());
        #[cfg(feature = "compression")]
        if let Decompression::Gzip(_) = self.0.options.decompression
            && !fields
                .iter()
                .any(|field| field.name().eq_ignore_ascii_case("Range"))
        {
            add("Accept-Encoding", b"gzip");
        }
        all.extend(expectation);
        all
    }

    fn keep(&self, origin: Origin, idle: Idle) {
        self.0.pool.put(origin, idle, &self.0.options);
    }

    /// Reads content that nobody wants, as far as that is worth its connection.
    fn discard(&self, exchange: &mut Exchange<'_>) {
        let mut part = [0; 4096];
        for _ in 0..MAX_DISCARDED_LEN / part.len() {
            if !matches!(exchange.read(&mut part), Ok(1..)) {
                break;
            }
        }
    }

    /// The bound up to which the content of a response is to be inflated, if it is.
    #[cfg_attr(
        not(feature = "compression"),
        expect(clippy::unused_self, reason = "it is used with")
    )]
    fn inflates(&self, response: &http::Response<'_>, exchange: &Exchange<'_>) -> Option<u64> {
        #[cfg(feature = "compression")]
        if let Decompression::Gzip(max_len) = self.0.options.decompression {
            let mut codings = response.fields().list("Content-Encoding");
            let is_gzip = |coding: &[u8]| {
                [b"gzip".as_slice(), b"x-gzip"]
                    .iter()
                    .any(|name| coding.eq_ignore_ascii_case(name))
            };
            let is_alone = codings.next().is_some_and(is_gzip) && codings.next().is_none();
            return (is_alone && exchange.content_left() != Some(0)).then_some(max_len);
        }
        let _ = (response, exchange);
        None
    }
}

fn body(wire: Wire<'_>, max_inflated_len: Option<u64>) -> Body<'_> {
    #[cfg(feature = "compression")]
    if let Some(max_len) = max_inflated_len {
        return Body::Gzip(Box::new(response::Gunzip::new(wire, max_len)));
    }
    let _ = max_inflated_len;
    Body::Plain(wire)
}

/// A head that has been read before, within bounds.
fn parse(head: &[u8]) -> Option<http::Response<'_>> {
    let limits = Limits {
        max_head_len: u16::MAX,
        max_field_lines: u16::MAX,
        ..Limits::SERVER
    };
    ResponseParser::new().parse(head, &limits).ok().flatten()
}

fn is_status(head: &[u8], code: u16) -> bool {
    parse(head).is_some_and(|response| response.status().code() == code)
}

/// Whether a server is asked before this content is sent.
const fn expects(options: &HttpClientOptions, source: &Source<'_>) -> bool {
    match (options.expect, source.length()) {
        (Expect::Never, _) | (_, None) => false,
        (Expect::From(..), Some(Length::Unknown)) => true,
        (Expect::From(least, _), Some(Length::Exact(len))) => len > 0 && len >= least,
    }
}

/// Whether the effect of two requests is that of one (RFC 9110 §9.2.2).
const fn is_idempotent(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options | Method::Trace
    )
}
