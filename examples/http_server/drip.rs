//! `/drip?bytes=&ms=`: a byte every so many milliseconds.
//!
//! A stream says when it wants to be called again; nothing sleeps, and ten thousand of them cost no
//! thread.

use std::time::Duration;

use kinglet_core::Instant;
use kinglet_core::http::{Handled, Length, Reply, Status, Stream};

use crate::application::PLAIN;

/// How far the drip has come.
#[derive(Debug)]
pub(crate) struct Drip {
    left: u64,
    pause: Duration,
    /// When the next byte is due.
    due: Instant,
}

impl Drip {
    /// The first of `bytes` bytes is due at once, and another each `millis` milliseconds.
    pub(crate) const fn new(bytes: u64, millis: u64, now: Instant) -> Self {
        Self {
            left: bytes,
            pause: Duration::from_millis(millis),
            due: now,
        }
    }

    pub(crate) fn begin(&self, reply: Reply<'_>) -> Handled {
        reply.start(Status::OK, &[PLAIN], Length::Exact(self.left))
    }

    /// Sends the byte that is due.
    pub(crate) fn go_on(&mut self, mut stream: Stream<'_>) -> Handled {
        let now = stream.context().now;
        if now.has_reached(self.due) {
            let byte = if self.left == 1 { b"\n" } else { b"." };
            self.left -= stream.write(byte) as u64;
            self.due = now.after(self.pause);
        }
        if self.left == 0 {
            stream.finish()
        } else {
            stream.wait_until(self.due)
        }
    }
}
