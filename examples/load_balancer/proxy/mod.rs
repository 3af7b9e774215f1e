//! What is done with a request: passed on, and its answer passed back.
//!
//! ```text
//! client                     this thread                            backend
//! request  ---> route, rate limit, backend, field lines ---> send
//! content  ---> content (waits for room) ------------------> write, finish
//!               resume <--- ticket <------------------------ head, or failure: another try
//! answer   <--- send, or start and stream <----------------- content
//! ```

mod answer;
mod exchange;

use core::cell::RefCell;
use core::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use kinglet_core::Application;
use kinglet_core::field;
use kinglet_core::http::client::Request as Asked;
use kinglet_core::http::server::Part;
use kinglet_core::http::{Field, Framing, Handled, Length, Method, Reply, Request, Status, Stream};
use kinglet_hosted::outgoing::Client;
use kinglet_hosted::{Handle, Network, peer};

use crate::backends::{Backends, Where, client_options};
use crate::headers::{self, Earlier, Hop, HopByHop, Naming};
use crate::lines::Lines;
use crate::loops::{Forwards, forwards, has_been_here};
use crate::pool;
use crate::rate::RateLimit;
use crate::shared::Shared;
use crate::ticks::Ticks;

pub(crate) use exchange::Exchange;
use exchange::{Content, Head, Passing};

/// The proxy of one thread.
pub(crate) struct Proxy {
    backends: Rc<RefCell<Backends>>,
    client: Client,
    lines: Lines,
    buffer: Vec<u8>,
    rate: Option<RateLimit>,
    name: String,
    naming: Naming,
    trusted: Vec<Network>,
    /// `http` or `https`: what clients speak.
    scheme: &'static str,
    ticks: Arc<Ticks>,
}

/// RFC 5842 §7.2.
const LOOP_DETECTED: Status = match Status::new(508) {
    Some(status) => status,
    None => Status::BAD_GATEWAY,
};

const PLAIN: Field<'_> = field!("Content-Type", "text/plain; charset=utf-8");

impl Proxy {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        handle: Handle,
        scheme: &'static str,
        ticks: Arc<Ticks>,
        seed: u64,
    ) -> Self {
        let state = shared.state();
        let client = Client::new(client_options(&state));
        let config = &state.config;
        let backends = Backends::new(Arc::clone(shared), client.clone(), handle, seed);
        Self {
            backends: Rc::new(RefCell::new(backends)),
            client,
            lines: Lines::default(),
            buffer: Vec::new(),
            rate: config.rate().map(RateLimit::new),
            name: config.name.0.0.clone(),
            naming: config.client_fields,
            trusted: config.trusted.iter().map(|network| network.0).collect(),
            scheme,
            ticks,
        }
    }

    /// Refuses what cannot be passed on, before a backend is looked for.
    fn check(
        &mut self,
        request: &Request<'_>,
        client: Option<IpAddr>,
    ) -> Result<Option<u32>, Refusal> {
        let now = self.backends.borrow().now();
        if let (Some(rate), Some(address)) = (&mut self.rate, client)
            && let Err(too_many) = rate.request(address, now)
        {
            return Err(Refusal::TooMany(too_many.retry_after));
        }
        if request.method() == Method::Connect {
            return Err(Refusal::Status(Status::METHOD_NOT_ALLOWED));
        }
        if has_been_here(request.fields(), &self.name) {
            return Err(Refusal::Loop);
        }
        match forwards(request.method(), request.fields()) {
            Forwards::Any => Ok(None),
            Forwards::Left(left) => Ok(Some(left)),
            Forwards::None => Err(Refusal::Status(Status::OK)),
            Forwards::Invalid => Err(Refusal::Status(Status::BAD_REQUEST)),
        }
    }

    /// Puts together what the backend is told.
    fn write_lines(
        &mut self,
        request: &Request<'_>,
        client: Option<SocketAddr>,
        max_forwards: Option<u32>,
    ) -> bool {
        let is_trusted = |address: IpAddr| self.trusted.iter().any(|one| one.contains(address));
        let hop = Hop {
            pseudonym: &self.name,
            version: request.version(),
            client,
            scheme: self.scheme,
            host: request.authority(),
            naming: self.naming,
            earlier: match client {
                Some(client) if is_trusted(client.ip()) => Earlier::Keep,
                _ => Earlier::Drop,
            },
        };
        self.lines.clear();
        let lines = &mut self.lines;
        headers::request(
            request.fields(),
            &hop,
            max_forwards,
            &mut self.buffer,
            |name, value| lines.push(name, value),
        );
        let hop_by_hop = HopByHop::of(request.fields());
        if let Some(protocols) = hop_by_hop.upgrade.filter(|_| request.offers_upgrade()) {
            lines.push("Upgrade", protocols);
            return true;
        }
        false
    }
}

/// Why a request is not passed on.
enum Refusal {
    TooMany(u64),
    Loop,
    Status(Status),
}

impl Refusal {
    fn answer(self, reply: Reply<'_>) -> Handled {
        match self {
            Self::TooMany(seconds) => {
                let seconds = seconds.to_string();
                let retry = Field::new("Retry-After", seconds.as_bytes());
                let fields: &[_] = &retry.map_or([PLAIN, PLAIN], |retry| [PLAIN, retry]);
                reply.send(Status::TOO_MANY_REQUESTS, fields, b"too many requests\n")
            }
            Self::Loop => reply.send(
                LOOP_DETECTED,
                &[PLAIN],
                b"this request has been here before\n",
            ),
            Self::Status(status) => reply.send(status, &[PLAIN], b""),
        }
    }
}

impl Application for Proxy {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        self.backends.borrow_mut().refresh();
        let client = peer(reply.context()).and_then(|peer| peer.address);
        let address = client.map(|client| client.ip());
        let max_forwards = match self.check(request, address) {
            Ok(max_forwards) => max_forwards,
            Err(refusal) => return refusal.answer(reply),
        };
        let route = self
            .backends
            .borrow()
            .route(request.authority(), request.path());
        let Some(pool) = route else {
            return reply.send(Status::NOT_FOUND, &[PLAIN], b"no route\n");
        };
        let offers_upgrade = self.write_lines(request, client, max_forwards);
        let content = match request.framing() {
            Framing::Length(len @ 1..) => Some(Length::Exact(len)),
            Framing::Chunked => Some(Length::Unknown),
            _ => None,
        };
        let backends = self.backends.borrow();
        let now = backends.now();
        let (key, token, overall) = match backends.pool(pool) {
            None => (0, None, None),
            Some(thread_pool) => {
                let hash_key = backends.hash_key();
                let key = if backends.needs_key(pool) {
                    thread_pool.key.key(address, request.fields(), hash_key)
                } else {
                    0
                };
                let sticky = thread_pool.sticky.as_ref();
                let token = sticky.and_then(|sticky| sticky.of_request(request.fields()));
                (key, token, thread_pool.overall)
            }
        };
        drop(backends);
        if let Some(overall) = overall {
            self.ticks.add(now + overall, reply.ticket());
        }
        let state = match content {
            None => Content::Whole,
            Some(_) => Content::Coming,
        };
        let mut passing = Box::new(Passing {
            client,
            key,
            token,
            deadline: overall.map(|overall| now + overall),
            ..Passing::new(pool, known(request.method()), state)
        });
        let head = Head {
            method: request.method(),
            target: request.raw_target(),
            authority: request.authority(),
            content,
            offers_upgrade,
        };
        self.backends.borrow_mut().note_request(pool);
        let handled = self.send(&mut passing, &head, reply);
        exchange.0 = Some(passing);
        handled
    }

    fn content(&mut self, exchange: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        let Some(passing) = &mut exchange.0 else {
            return reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"");
        };
        let Some(outgoing) = &mut passing.outgoing else {
            return reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"");
        };
        let result = match part {
            Part::Data(data) => outgoing.write(data),
            Part::End(trailers) => {
                passing.content = Content::Whole;
                let mut lines = answer::Fields::new();
                headers::end_to_end(trailers, |line| {
                    if let Some(field) = Field::of_line(line) {
                        // What does not fit is left out, as any trailer may be (RFC 9110 §6.5.1).
                        let _ = lines.push(field);
                    }
                });
                outgoing.finish(&lines).map(|()| true)
            }
        };
        match result {
            Ok(true) if passing.content == Content::Coming => reply.receive(),
            // It goes on with the ticket: when there is room again, or when the answer comes.
            Ok(_) => reply.later().1,
            Err(error) => {
                log::error!("content cannot be passed on: {error}");
                reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"")
            }
        }
    }

    fn resume(&mut self, exchange: &mut Exchange, reply: Reply<'_>) -> Handled {
        match &mut exchange.0 {
            Some(passing) => self.go_on(passing, reply),
            None => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
        }
    }

    fn stream(&mut self, exchange: &mut Exchange, stream: Stream<'_>) -> Handled {
        match &mut exchange.0 {
            Some(passing) => passing.stream(stream),
            None => stream.abort(),
        }
    }
}

impl Proxy {
    /// Sends a request to a backend, or has it wait for one.
    fn send(&mut self, passing: &mut Passing, head: &Head<'_>, reply: Reply<'_>) -> Handled {
        let request = pool::Request {
            key: passing.key,
            token: passing.token,
            tried: &passing.tried,
        };
        match Backends::pick(&self.backends, passing.pool, request) {
            Where::Nobody => unavailable(reply, "no backend is there"),
            Where::Full => {
                let place = self
                    .backends
                    .borrow_mut()
                    .wait(passing.pool, reply.ticket());
                let Some(place) = place else {
                    return unavailable(reply, "too many requests wait");
                };
                if let Some(at) = self.backends.borrow().next_expiry() {
                    self.ticks.add(at, reply.ticket());
                }
                passing.waits(place, &self.backends, head, &self.lines);
                reply.later().1
            }
            Where::To(underway, destination) => {
                let Ok(fields) = self.lines.fields() else {
                    let status = Status::REQUEST_HEADER_FIELDS_TOO_LARGE;
                    return reply.send(status, &[PLAIN], b"too many field lines\n");
                };
                let asked = Asked {
                    method: head.method,
                    target: str::from_utf8(head.target).unwrap_or("/"),
                    authority: head.authority,
                    fields: &fields,
                    content: head.content,
                    offers_upgrade: head.offers_upgrade,
                };
                passing.tries += 1;
                passing.tried.push(underway.id);
                let route =
                    self.backends
                        .borrow()
                        .destination(passing.pool, destination, passing.client);
                let sent = self.client.send(route.id(), &asked, reply.ticket());
                route.done(&self.client);
                match sent {
                    Ok(outgoing) => {
                        passing.outgoing = Some(outgoing);
                        passing.underway = Some(underway);
                        match passing.content {
                            Content::Coming => reply.receive(),
                            Content::Whole => reply.later().1,
                        }
                    }
                    Err(error) => {
                        log::warn!("a request cannot be sent: {error}");
                        reply.send(Status::BAD_GATEWAY, &[PLAIN], b"cannot be sent\n")
                    }
                }
            }
        }
    }
}

/// A method that is remembered; one that nobody knows is as little idempotent as POST.
const fn known(method: Method<'_>) -> Method<'static> {
    match method {
        Method::Get => Method::Get,
        Method::Head => Method::Head,
        Method::Put => Method::Put,
        Method::Delete => Method::Delete,
        Method::Options => Method::Options,
        Method::Trace => Method::Trace,
        _ => Method::Post,
    }
}

/// Answers that nobody can be asked now (RFC 9110 §15.6.4).
fn unavailable(reply: Reply<'_>, why: &str) -> Handled {
    const RETRY: Field<'_> = field!("Retry-After", "1");
    log::warn!("503: {why}");
    let text = format!("{why}\n");
    reply.send(
        Status::SERVICE_UNAVAILABLE,
        &[PLAIN, RETRY],
        text.as_bytes(),
    )
}
