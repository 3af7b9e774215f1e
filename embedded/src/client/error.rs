//! Why a client does not get what it asked for.

use core::fmt;

use kinglet_core::http;
use kinglet_core::http::client::SendError;
use kinglet_core::websocket::{self, AnswerError};

/// Why a client does not get what it asked for; `E` is the stream's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Error<E> {
    /// The stream is broken.
    Stream(E),
    /// The stream is not.
    Failed(Failure),
}

/// The same, where the stream is not the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The request, or content of it, cannot be sent.
    Request(SendError),
    /// The server has answered before it had all of the content: the rest need not be sent, and the
    /// response can be read.
    Answered,
    /// No answer is due.
    NotAsked,
    /// The server broke a rule of HTTP, or reached a bound.
    Response(http::Error),
    /// The server does not open a WebSocket.
    Opening(AnswerError),
    /// The opening handshake does not fit the output, or a part of it is not what it should be.
    InvalidOpening,
    /// The message, ping or Close frame cannot be sent.
    Message(websocket::SendError),
    /// The server takes too little of what is sent to it.
    Slow,
    /// The server has closed the connection.
    Closed,
    /// The deadline has passed.
    Late,
}

impl<E> From<Failure> for Error<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Request(error)
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        Self::Response(error)
    }
}

impl From<websocket::SendError> for Failure {
    fn from(error: websocket::SendError) -> Self {
        Self::Message(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Response(error) => error.fmt(f),
            Self::Opening(error) => error.fmt(f),
            Self::Message(error) => error.fmt(f),
            Self::Answered => f.write_str("expected no answer before all of the content"),
            Self::NotAsked => f.write_str("expected a request to be under way"),
            Self::InvalidOpening => {
                f.write_str("expected an opening handshake that can be sent and fits the output")
            }
            Self::Slow => f.write_str("expected a server that reads faster"),
            Self::Closed => f.write_str("expected an open connection"),
            Self::Late => f.write_str("expected an answer before the deadline"),
        }
    }
}

impl core::error::Error for Failure {}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(error) => error.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

#[cfg(feature = "defmt")]
impl defmt::Format for Failure {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::Debug2Format(self).format(to);
    }
}

#[cfg(feature = "defmt")]
impl<E: defmt::Format> defmt::Format for Error<E> {
    fn format(&self, to: defmt::Formatter<'_>) {
        match self {
            Self::Stream(error) => error.format(to),
            Self::Failed(failure) => failure.format(to),
        }
    }
}
