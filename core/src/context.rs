//! What every call into the engine is told: the limits, the time, and the lines that every answer
//! bears.

use crate::http::values::date::HttpDate;
use crate::window::{Writer, copy_to_front};
use crate::{Instant, Limits};

/// What a driver lends to every call: one for each thread, brought up to date before a turn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The bounds to keep.
    pub limits: Limits,
    /// The time of this turn.
    pub now: Instant,
    /// The field lines that go into every answer.
    pub stamp: Stamp,
    /// The driver's own name for the connection whose turn it is. The engine only copies it into
    /// [`Ticket`](crate::http::Ticket)s.
    pub connection: u64,
    /// Draws four bytes that nobody can foresee: the masking key of a frame that a WebSocket client
    /// sends (RFC 6455 §5.3). Never called for a server.
    pub random: fn() -> [u8; 4],
    /// Whether WebSockets may be compressed.
    pub compression: Compression,
}

/// Whether a driver has memory to compress WebSocket messages with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Compression {
    /// It has none: no compression is agreed on.
    None,
    /// It lends some in every turn of a session that [is compressed](crate::Session::is_compressed).
    Lent,
}

impl Context {
    /// A context at the clock's origin, with no date yet.
    #[must_use]
    pub const fn new(limits: Limits, stamp: Stamp) -> Self {
        Self {
            limits,
            now: Instant::from_millis(0),
            stamp,
            connection: 0,
            random: || [0; 4],
            compression: Compression::None,
        }
    }
}

/// `Server` and `Date`, written out once and copied into every response head.
///
/// A driver with a wall clock calls [`set_date`](Self::set_date) when the second changes. Without
/// one no `Date` is sent, as RFC 9110 §6.6.1 asks of a server without a clock.
///
/// ```text
/// bytes  [ HTTP/1.1 200 OK | Server | Date | Content-Length: ]
///                          ^ lines of all  ^ end
/// ```
///
/// Most answers begin with all of these bytes, so they are copied at once.
#[derive(Clone, Debug)]
pub struct Stamp {
    bytes: [u8; Self::CAPACITY],
    // STATUS_LINE.len() <= server_end <= end <= bytes.len() - LENGTH_NAME.len()
    server_end: u8,
    end: u8,
}

/// What stands before the lines of a [`Stamp`], and what behind them.
const STATUS_LINE: &[u8; 17] = b"HTTP/1.1 200 OK\r\n";
const LENGTH_NAME: &[u8; 16] = b"Content-Length: ";

impl Stamp {
    const CAPACITY: usize = 144;
    /// The longest product name that [`new`](Self::new) takes, in bytes.
    pub const MAX_SERVER_LEN: usize = 64;

    /// No lines at all.
    #[expect(clippy::cast_possible_truncation, reason = "17 bytes")]
    pub const EMPTY: Self = {
        let mut bytes = [0; Self::CAPACITY];
        let (status_line, rest) = bytes.split_at_mut(STATUS_LINE.len());
        status_line.copy_from_slice(STATUS_LINE);
        rest.split_at_mut(LENGTH_NAME.len())
            .0
            .copy_from_slice(LENGTH_NAME);
        Self {
            bytes,
            server_end: STATUS_LINE.len() as u8,
            end: STATUS_LINE.len() as u8,
        }
    };

    /// A stamp with a `Server` line (RFC 9110 §10.2.4), such as `kinglet`.
    ///
    /// Nothing is written when `server` is empty, is longer than
    /// [`MAX_SERVER_LEN`](Self::MAX_SERVER_LEN), or has bytes other than visible ASCII and SP.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let mut stamp = Self::EMPTY;
        let legal = server.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        if legal && !server.is_empty() && server.len() <= Self::MAX_SERVER_LEN {
            for part in [b"Server: ", server.as_bytes(), b"\r\n"] {
                stamp.push(part);
            }
            stamp.server_end = stamp.end;
            stamp.put_behind(LENGTH_NAME);
        }
        stamp
    }

    /// Sets the `Date` line to `unix_seconds` after 1970-01-01T00:00:00Z.
    pub fn set_date(&mut self, unix_seconds: u64) {
        self.end = self.server_end;
        for part in [
            b"Date: ".as_slice(),
            &HttpDate::from_unix(unix_seconds).emit(),
            b"\r\n",
        ] {
            self.push(part);
        }
        self.put_behind(LENGTH_NAME);
    }

    /// The lines, each with its CRLF.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(STATUS_LINE.len()..usize::from(self.end))
            .unwrap_or_default()
    }

    /// Puts the beginning of the usual head: status line, the lines, and `Content-Length: `.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn put_usual_head(&self, writer: &mut Writer<'_>) {
        /// Long enough for a date and a short name.
        const USUAL_LEN: usize = 96;
        let len = usize::from(self.end).wrapping_add(LENGTH_NAME.len());
        match self.bytes.first_chunk::<USUAL_LEN>() {
            Some(head) if len <= USUAL_LEN => {
                writer.put_first(head, len);
            }
            _ => {
                writer.put(self.bytes.get(..len).unwrap_or_default());
            }
        }
    }

    fn push(&mut self, part: &[u8]) {
        self.put_behind(part);
        let end = usize::from(self.end).saturating_add(part.len());
        self.end = u8::try_from(end).unwrap_or(self.end);
    }

    /// Puts `part` behind the lines.
    fn put_behind(&mut self, part: &[u8]) {
        let at = usize::from(self.end);
        let _ = copy_to_front(part, self.bytes.get_mut(at..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_server_and_date() {
        let mut stamp = Stamp::new("kinglet");
        assert_eq!(stamp.as_bytes(), b"Server: kinglet\r\n");
        for _ in 0..2 {
            stamp.set_date(784_111_777);
            let lines = b"Server: kinglet\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
            assert_eq!(stamp.as_bytes(), lines);
        }
    }

    #[test]
    fn a_server_name_cannot_split_the_head() {
        for name in ["", "a\r\nX: y", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(Stamp::new(name).as_bytes(), b"", "{name:?}");
        }
        assert_eq!(Stamp::new(&"x".repeat(64)).as_bytes().len(), 64 + 10);
    }
}
