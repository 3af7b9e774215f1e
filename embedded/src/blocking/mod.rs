//! A server and clients over `embedded-io`: no executor, one connection at a time.
//!
//! ```text
//!   serve      Http      WebSocket          what moves bytes
//!        \      |       /
//!       Platform    Read + Write + ReadReady + WriteReady
//!       clock, WFI              any stream
//! ```
//!
//! The stream is never read or written before it says that it is ready, so no call waits longer than a
//! deadline; between two looks at it, [`Platform::idle`] may put the processor to sleep. `flush` is
//! called when all that is due has been written: one that waits for the peer, and not only for the
//! device, should do nothing.

mod http;
mod server;
mod websocket;

pub use http::Http;
pub use server::serve;
pub use websocket::WebSocket;

use embedded_io::{Read, ReadReady, Write, WriteReady};
use kinglet_core::Instant;

use crate::Notice;
use crate::clock::is_late;

/// What a driver over a stream `S` needs besides the stream.
pub trait Platform<S: embedded_io::ErrorType> {
    /// The time, on a clock that only goes forward.
    fn now(&mut self) -> Instant;

    /// There is nothing to do until `until`, or until the stream is ready or a notice is there: sleep,
    /// as with WFI, or poll the TCP stack. May come back at any time, and at once, as it does unless it
    /// is written.
    fn idle(&mut self, stream: &mut S, until: Option<Instant>) {
        let _ = (stream, until);
    }

    /// The next notice, where one is there. For servers only.
    fn notice(&mut self) -> Option<Notice> {
        None
    }

    /// Seconds since 1970-01-01T00:00:00Z, where that is known: a server's answers bear a `Date` then.
    fn unix_seconds(&mut self) -> Option<u64> {
        None
    }

    /// Closes the sending side of the stream, where that can be done: a peer then knows at once that
    /// it has read all there is, and need not be waited for until
    /// [`drain_timeout`](kinglet_core::Limits::drain_timeout).
    ///
    /// # Errors
    ///
    /// The stream's.
    fn close_sending(&mut self, stream: &mut S) -> Result<(), S::Error> {
        let _ = stream;
        Ok(())
    }
}

impl<S: embedded_io::ErrorType, P: Platform<S>> Platform<S> for &mut P {
    fn now(&mut self) -> Instant {
        P::now(self)
    }

    fn idle(&mut self, stream: &mut S, until: Option<Instant>) {
        P::idle(self, stream, until);
    }

    fn notice(&mut self) -> Option<Notice> {
        P::notice(self)
    }

    fn unix_seconds(&mut self) -> Option<u64> {
        P::unix_seconds(self)
    }

    fn close_sending(&mut self, stream: &mut S) -> Result<(), S::Error> {
        P::close_sending(self, stream)
    }
}

/// What can be read and written, and says when.
pub(crate) trait Stream: Read + Write + ReadReady + WriteReady {}

impl<S: Read + Write + ReadReady + WriteReady> Stream for S {}

/// What came of waiting for bytes.
pub(crate) enum Came {
    /// This many; 0 where the peer has closed its side.
    Bytes(usize),
    Notice(Notice),
    /// The time.
    Late,
}

/// Whether something may interrupt a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notices {
    Taken,
    Left,
}

/// Reads some bytes, until then at the latest. Where `into` is empty it only waits.
pub(crate) fn read<S: Stream, P: Platform<S>>(
    stream: &mut S,
    into: &mut [u8],
    until: Option<Instant>,
    notices: Notices,
    platform: &mut P,
) -> Result<Came, S::Error> {
    loop {
        if stream.read_ready()? && !into.is_empty() {
            return Ok(Came::Bytes(stream.read(into)?));
        }
        if notices == Notices::Taken
            && let Some(notice) = platform.notice()
        {
            return Ok(Came::Notice(notice));
        }
        if is_late(platform.now(), until) {
            return Ok(Came::Late);
        }
        platform.idle(stream, until);
    }
}

/// Writes some bytes where that can be done at once, and answers how many.
pub(crate) fn write<S: Stream>(stream: &mut S, bytes: &[u8]) -> Result<Wrote, S::Error> {
    if !stream.write_ready()? {
        return Ok(Wrote::NotReady);
    }
    Ok(match stream.write(bytes)? {
        0 => Wrote::Gone,
        len => Wrote::Bytes(len),
    })
}

/// What came of a write.
pub(crate) enum Wrote {
    /// This many, and not none.
    Bytes(usize),
    NotReady,
    /// The stream is ready to take nothing at all.
    Gone,
}
