//! Why there is no answer, or not all of one.

use core::fmt;
use std::io;

use kinglet_core::http;
use kinglet_core::http::client::SendError;

use crate::tls::TlsError;

/// Why there is no answer, or not all of one. Reading content gives it inside an [`io::Error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URL, or the one that a redirection leads to, is none of HTTP or HTTPS that can be used.
    Url(String),
    /// A part of the request is not what it should be.
    Request(SendError),
    /// The host's name has no address, as far as the system knows.
    Resolve(io::Error),
    /// None of the addresses can be connected to.
    Connect(io::Error),
    /// TLS cannot be set up.
    Trust(TlsError),
    /// The handshake of TLS failed, or the server is not the one that was asked for.
    Tls(io::Error),
    /// A phase took too long.
    Timeout(Phase),
    /// The connection was closed before a byte of the answer came.
    Closed,
    /// It was broken off in the middle.
    Broken(io::Error),
    /// What came is no answer by the rules (RFC 9112 §4 to §7), or goes past a bound.
    Invalid(http::Error),
    /// The content of the request could not be read, or was shorter than declared.
    Content(io::Error),
    /// One more redirection than are followed.
    TooManyRedirects,
    /// A redirection from HTTPS to HTTP, which credentials or content would have followed.
    Downgrade,
    /// The inflated content goes past its bound.
    TooLong,
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// A connection.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// The head of the answer.
    Head,
    /// Bytes of content, in either direction.
    Content,
    /// All of it.
    Overall,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}: expected a URL such as https://HOST/PATH"),
            Self::Request(error) => error.fmt(f),
            Self::Resolve(error) => write!(f, "the host's address is not known: {error}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Trust(error) => write!(f, "TLS: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Timeout(phase) => f.write_str(match phase {
                Phase::Connect => "not connected in time",
                Phase::Tls => "TLS took too long",
                Phase::Head => "no answer in time",
                Phase::Content => "content stayed away for too long",
                Phase::Overall => "not done in time",
            }),
            Self::Closed => f.write_str("closed before an answer"),
            Self::Broken(error) => write!(f, "broken off in the middle: {error}"),
            Self::Invalid(error) => write!(f, "not an answer: {error}"),
            Self::Content(error) => write!(f, "the content to send: {error}"),
            Self::TooManyRedirects => f.write_str("too many redirections"),
            Self::Downgrade => f.write_str("redirected from HTTPS to HTTP"),
            Self::TooLong => f.write_str("the content is longer than allowed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Trust(error) => Some(error),
            Self::Resolve(error)
            | Self::Connect(error)
            | Self::Tls(error)
            | Self::Broken(error)
            | Self::Content(error) => Some(error),
            Self::Url(_)
            | Self::Timeout(_)
            | Self::Closed
            | Self::Invalid(_)
            | Self::TooManyRedirects
            | Self::Downgrade
            | Self::TooLong => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Url(_) | Error::Request(_) => io::ErrorKind::InvalidInput,
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            Error::Closed | Error::Broken(_) => io::ErrorKind::UnexpectedEof,
            Error::Invalid(_) | Error::TooLong => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
