//! Requests to other servers, sent and answered on a reactor's own thread.
//!
//! ```text
//! application   Client::send(destination, request, ticket) -> Outgoing
//!                  |                                             ^  | write, finish, read
//!                  v                                  redeemed   |  v
//! client        idle connections <--> exchanges under way ----> ticket
//!                  ^
//!                  | readiness, time
//! reactor       its poller, its turns
//! ```
//!
//! A ticket is redeemed when something has come or there is room again, and the application looks
//! what that is. Nothing waits, and nothing is locked: a client belongs to its thread.

mod answer;
mod exchange;
mod pool;
mod upstream;

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use kinglet_core::Limits;
use kinglet_core::http::{Ticket, client};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

pub use exchange::{Failure, Outgoing, Progress, SendError};
pub(crate) use pool::Pool;

use crate::Address;
use crate::table::Key;

/// A client for the application of one reactor thread: make it in the closure that
/// [`Server::run`](crate::Server::run) is given, on its thread.
#[derive(Clone, Debug)]
pub struct Client(Rc<RefCell<Pool>>);

/// The settings of a [`Client`].
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct ClientOptions {
    /// The engine's bounds on what servers answer.
    pub limits: Limits,
    /// How long it may take to connect, with a TLS handshake where there is one. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long an answer's head may take, from the last of the request that was sent. Default: 30 s.
    pub head_timeout: Duration,
    /// How long an answer's content may stay away while there is room for it. Default: 30 s.
    pub content_timeout: Duration,
    /// Connections that are kept to be used again, for each destination. Default: 64.
    pub max_idle: usize,
    /// For how long. Default: 30 s; less than the server keeps them, or it closes them first.
    pub idle_timeout: Duration,
    /// Bytes that one exchange may have waiting, in either direction. Default: 64 KiB.
    pub max_buffer_len: usize,
}

/// Where requests go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Destination {
    /// The server's address.
    pub address: Address,
    /// With whom TLS is spoken; without, plain HTTP.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What goes before everything else on each connection, such as a PROXY header.
    pub preamble: Option<Box<[u8]>>,
}

/// The name of an exchange: its connection, and which of its exchanges.
#[derive(Clone, Copy, Debug)]
struct Name {
    key: Key,
    exchange: u32,
}

/// A [`Destination`] that a client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationId(u32);

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            limits: Limits::SERVER,
            connect_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(30),
            content_timeout: Duration::from_secs(30),
            max_idle: 64,
            idle_timeout: Duration::from_secs(30),
            max_buffer_len: 64 * 1024,
        }
    }
}

impl From<Address> for Destination {
    fn from(address: Address) -> Self {
        Self {
            address,
            tls: None,
            preamble: None,
        }
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address).into()
    }
}

thread_local! {
    /// The client that was made last on this thread.
    static MADE: RefCell<Weak<RefCell<Pool>>> = const { RefCell::new(Weak::new()) };
}

/// The client that the application of this thread's reactor has made.
pub(crate) fn made_here() -> Option<Client> {
    MADE.take().upgrade().map(Client)
}

impl Client {
    /// A client of this thread. A reactor serves the last one that was made before it began.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let client = Self(Rc::new(RefCell::new(Pool::new(options))));
        MADE.set(Rc::downgrade(&client.0));
        client
    }

    /// Makes a destination known.
    #[must_use]
    pub fn add(&self, destination: impl Into<Destination>) -> DestinationId {
        self.0.borrow_mut().add(destination.into())
    }

    /// Forgets a destination: its idle connections are closed, and exchanges under way go on.
    pub fn remove(&self, destination: DestinationId) {
        self.0.borrow_mut().forget(destination);
    }

    /// Sends a request's head, on a connection that is idle or a new one. `ticket` is redeemed whenever
    /// there is something to [`read`](Outgoing::read) or room to [`write`](Outgoing::write).
    ///
    /// # Errors
    ///
    /// Nothing was sent: the system refuses a socket, or the request is none that can be sent.
    pub fn send(
        &self,
        destination: DestinationId,
        request: &client::Request<'_>,
        ticket: Ticket,
    ) -> Result<Outgoing, SendError> {
        let name = self.0.borrow_mut().send(destination, request, ticket)?;
        Ok(Outgoing::new(self.clone(), name))
    }

    /// How many connections to a destination are idle.
    #[must_use]
    pub fn idle(&self, destination: DestinationId) -> usize {
        self.0.borrow().idle(destination)
    }

    pub(crate) fn pool(&self) -> &RefCell<Pool> {
        &self.0
    }
}
