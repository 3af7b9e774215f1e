//! One exchange with another server, as the application has it.

use core::fmt;
use std::io;

use kinglet_core::http::{self, Field, Fields, Response, Ticket};

use super::upstream::Upstream;
use super::{Client, ClientOptions, DestinationId, Name};

/// A request that was sent, and its answer as that comes. Where it is dropped before its end, its
/// connection is closed.
#[derive(Debug)]
pub struct Outgoing {
    client: Client,
    name: Name,
}

/// What has come of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'p> {
    /// Nothing new; the ticket is redeemed when there is.
    Wait,
    /// The head, of an answer whose content follows.
    Head(Response<'p>),
    /// The head and all of the content, which is short and has come at once: nothing follows.
    Whole(Response<'p>, &'p [u8]),
    /// Content: answer how many bytes of it were taken. What was not comes again.
    Data(&'p [u8]),
    /// The answer is whole; its trailer section is empty where there is none.
    End(Fields<'p>),
    /// It has failed.
    Failed(&'p Failure),
}

/// Why there is no answer, or not all of one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The server cannot be reached.
    Connect(io::Error),
    /// It was not reached in time.
    ConnectTimeout,
    /// TLS failed.
    Tls(rustls::Error),
    /// The connection was closed before a byte of the answer came.
    Closed,
    /// It was reset, or closed in the middle.
    Broken,
    /// The head did not come in time.
    HeadTimeout,
    /// Content stayed away for too long.
    ContentTimeout,
    /// What came is no answer that can be passed on.
    Invalid(http::Error),
}

/// Why nothing was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The destination is none that the client knows.
    Unknown,
    /// The system refuses a socket.
    Socket(io::Error),
    /// A part of the request is not what it should be.
    Request(http::client::SendError),
    /// TLS cannot begin.
    Tls(rustls::Error),
    /// Some of the request, or of an answer, is gone.
    TooLate,
}

impl Outgoing {
    pub(super) const fn new(client: Client, name: Name) -> Self {
        Self { client, name }
    }

    /// Does something with the exchange, if it is not over.
    fn with<T>(&self, act: impl FnOnce(&mut Upstream, &ClientOptions) -> T) -> Option<T> {
        let mut pool = self.client.pool().borrow_mut();
        let (upstream, options) = pool.find(self.name)?;
        let result = act(upstream, options);
        pool.touch(self.name);
        Some(result)
    }

    /// Sends content, and answers whether there is room for more: else the ticket is redeemed when there
    /// is, and what is written before that is kept all the same.
    ///
    /// # Errors
    ///
    /// More content than was declared, or none is due.
    pub fn write(&mut self, data: &[u8]) -> Result<bool, http::client::SendError> {
        // Of an exchange that is over, the content is of no use to anybody.
        self.with(|upstream, options| upstream.write(data, options.max_buffer_len))
            .unwrap_or(Ok(true))
    }

    /// Ends the content.
    ///
    /// # Errors
    ///
    /// Less content than was declared.
    pub fn finish(&mut self, trailers: &[Field<'_>]) -> Result<(), http::client::SendError> {
        self.with(|upstream, _| upstream.finish(trailers))
            .unwrap_or(Ok(()))
    }

    /// Hands what has come of the answer to `take`, once; of content, that answers how many bytes are
    /// taken. Answers whether to look again at once: nothing is redeemed for what is here already.
    pub fn read(&mut self, take: impl FnOnce(Progress<'_>) -> usize) -> bool {
        self.with(|upstream, options| upstream.progress(options, take))
            .unwrap_or(false)
    }

    /// Whether all of the request is still here, so that it can be [sent again](Self::retry). Whether it
    /// may be, its method says (RFC 9110 §9.2.2), unless nothing of it was [sent](Self::was_sent).
    #[must_use]
    pub fn can_retry(&self) -> bool {
        self.with(|upstream, _| upstream.can_retry())
            .unwrap_or(false)
    }

    /// Whether a byte of an answer has come.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.with(|upstream, _| upstream.notes.is_answered)
            .unwrap_or(true)
    }

    /// Whether a byte of the request may have come to the server.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.with(|upstream, _| upstream.was_sent()).unwrap_or(true)
    }

    /// Whether its connection had carried another exchange before: its server may have closed it at the
    /// moment of use.
    #[must_use]
    pub fn was_reused(&self) -> bool {
        self.with(|upstream, _| upstream.notes.is_reused)
            .unwrap_or(false)
    }

    /// Sends the same request again, to another destination or the same, on a new connection or an
    /// idle one.
    ///
    /// # Errors
    ///
    /// As of [`Client::send`], or it is too late for that.
    pub fn retry(&mut self, destination: DestinationId, ticket: Ticket) -> Result<(), SendError> {
        let mut pool = self.client.pool().borrow_mut();
        self.name = pool.retry(self.name, destination, ticket)?;
        Ok(())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.client.pool().borrow_mut().give_up(self.name);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "cannot connect: {error}"),
            Self::ConnectTimeout => formatter.write_str("not connected in time"),
            Self::Tls(error) => write!(formatter, "TLS: {error}"),
            Self::Closed => formatter.write_str("closed before an answer"),
            Self::Broken => formatter.write_str("broken off in the middle"),
            Self::HeadTimeout => formatter.write_str("no answer in time"),
            Self::ContentTimeout => formatter.write_str("content stayed away for too long"),
            Self::Invalid(error) => write!(formatter, "not an answer: {error}"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("no such destination"),
            Self::Socket(error) => write!(formatter, "no socket: {error}"),
            Self::Request(error) => error.fmt(formatter),
            Self::Tls(error) => write!(formatter, "TLS: {error}"),
            Self::TooLate => formatter.write_str("too late to send it again"),
        }
    }
}

impl core::error::Error for SendError {}
