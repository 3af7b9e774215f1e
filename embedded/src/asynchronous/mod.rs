//! A server and clients over `embedded-io-async`, as of embassy: one task for each connection.
//!
//! ```text
//!   serve      Http      WebSocket          what moves bytes
//!        \      |       /
//!       Platform          Read + Write
//!       clock, timer      any stream
//! ```
//!
//! A read is dropped when a deadline or a notice comes first, and begun anew after that: the stream has
//! to be one that loses nothing by it, as those of embassy and tokio are. A write goes on until it is
//! done or the connection is given up. One stream does one of the two at a time: what is to be sent is
//! sent before more is read.

mod http;
mod race;
mod server;
mod websocket;

pub use http::Http;
pub use server::serve;
pub use websocket::WebSocket;

use core::task::{Context, Poll};

use kinglet_core::Instant;

use crate::Notice;

/// What a driver over a stream `S` needs besides the stream.
pub trait Platform<S: embedded_io_async::ErrorType> {
    /// The time, on a clock that only goes forward.
    fn now(&self) -> Instant;

    /// Waits until then.
    fn wait_until(&self, at: Instant) -> impl Future<Output = ()>;

    /// The next notice, where one is there; if not, wakes the task when one is. For servers only.
    fn poll_notice(&self, context: &mut Context<'_>) -> Poll<Notice> {
        let _ = context;
        Poll::Pending
    }

    /// Seconds since 1970-01-01T00:00:00Z, where that is known: a server's answers bear a `Date` then.
    fn unix_seconds(&self) -> Option<u64> {
        None
    }

    /// Closes the sending side of the stream, where that can be done: a peer then knows at once that
    /// it has read all there is, and need not be waited for until
    /// [`drain_timeout`](kinglet_core::Limits::drain_timeout).
    ///
    /// # Errors
    ///
    /// The stream's.
    fn close_sending(&self, stream: &mut S) -> impl Future<Output = Result<(), S::Error>> {
        let _ = stream;
        core::future::ready(Ok(()))
    }
}

impl<S: embedded_io_async::ErrorType, P: Platform<S>> Platform<S> for &P {
    fn now(&self) -> Instant {
        P::now(self)
    }

    fn wait_until(&self, at: Instant) -> impl Future<Output = ()> {
        P::wait_until(self, at)
    }

    fn poll_notice(&self, context: &mut Context<'_>) -> Poll<Notice> {
        P::poll_notice(self, context)
    }

    fn unix_seconds(&self) -> Option<u64> {
        P::unix_seconds(self)
    }

    fn close_sending(&self, stream: &mut S) -> impl Future<Output = Result<(), S::Error>> {
        P::close_sending(self, stream)
    }
}
