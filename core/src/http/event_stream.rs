//! Server-sent events: `text/event-stream` (WHATWG HTML §9.2).
//!
//! ```text
//! event: news\n         the name, "message" where there is none
//! id: 7\n               what the browser sends as Last-Event-ID when it comes again
//! data: two\n           one line for each of the data
//! data: lines\n
//! \n                    the end
//! ```
//!
//! An answer of unknown length, in which each [`Event`] is written whole or not at all:
//!
//! ```
//! use core::time::Duration;
//! use kinglet_core::http::event_stream::{Event, MEDIA_TYPE};
//! use kinglet_core::http::{Handled, Length, Reply, Status, Stream};
//!
//! fn begin(reply: Reply<'_>) -> Handled {
//!     reply.start(Status::OK, &[MEDIA_TYPE], Length::Unknown)
//! }
//!
//! fn go_on(mut stream: Stream<'_>) -> Handled {
//!     if !Event::new("21.5").write(&mut stream) {
//!         return stream.more(); // There is no room yet.
//!     }
//!     let now = stream.context().now;
//!     stream.wait_until(now.after(Duration::from_secs(1)))
//! }
//! ```

use core::time::Duration;

use super::{Field, Stream};
use crate::field;
use crate::window::Writer;

/// The `Content-Type` of an event stream.
pub const MEDIA_TYPE: Field<'_> = field!("Content-Type", "text/event-stream");

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    name: Option<Line<'a>>,
    id: Option<Line<'a>>,
    retry: Option<Duration>,
    data: &'a str,
}

/// Text without the end of a line in it, which would begin another field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a>(&'a str);

impl<'a> Line<'a> {
    /// `None` where `text` has CR, LF or NUL: a browser ignores an id with the last.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let is_line = !text
            .bytes()
            .any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'));
        is_line.then_some(Self(text))
    }
}

impl<'a> Event<'a> {
    /// An event with data, whose lines end in any of CR, LF and CRLF and arrive with LF.
    #[must_use]
    pub const fn new(data: &'a str) -> Self {
        Self {
            name: None,
            id: None,
            retry: None,
            data,
        }
    }

    /// The same, for those who listen to `name`.
    #[must_use]
    pub const fn with_name(mut self, name: Line<'a>) -> Self {
        self.name = Some(name);
        self
    }

    /// The same, with what the browser is to remember as the last that it has seen.
    #[must_use]
    pub const fn with_id(mut self, id: Line<'a>) -> Self {
        self.id = Some(id);
        self
    }

    /// The same, with how long the browser is to wait before it connects again, in whole milliseconds.
    #[must_use]
    pub const fn with_retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Writes the event if all of it fits, and answers whether it does.
    pub fn write(&self, stream: &mut Stream<'_>) -> bool {
        stream.write_with(|room| self.emit(room).unwrap_or(0)) > 0
    }

    /// Writes the event to the start of `out`, and answers how many bytes it has; `None` where it does
    /// not fit.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(out);
        if let Some(Line(name)) = self.name {
            writer.put(b"event: ").put(name.as_bytes()).put(b"\n");
        }
        if let Some(Line(id)) = self.id {
            writer.put(b"id: ").put(id.as_bytes()).put(b"\n");
        }
        if let Some(retry) = self.retry {
            let millis = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
            writer.put(b"retry: ").put_decimal(millis).put(b"\n");
        }
        for line in lines(self.data) {
            writer.put(b"data: ").put(line).put(b"\n");
        }
        writer.put(b"\n").len()
    }
}

/// Writes a comment, which browsers ignore and which shows whether they are still there. Answers whether
/// it fits.
pub fn write_comment(stream: &mut Stream<'_>, text: Line<'_>) -> bool {
    stream.write_with(|room| {
        let mut writer = Writer::new(room);
        writer.put(b": ").put(text.0.as_bytes()).put(b"\n\n");
        writer.len().unwrap_or(0)
    }) > 0
}

/// The lines of `data`: one at least, and one more than it has ends of lines.
fn lines(data: &str) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data.as_bytes());
    core::iter::from_fn(move || {
        let bytes = rest?;
        let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            rest = None;
            return Some(bytes);
        };
        let (line, end) = bytes.split_at_checked(at)?;
        rest = match end {
            [b'\r', b'\n', behind @ ..] | [_, behind @ ..] => Some(behind),
            [] => None,
        };
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(event: &Event<'_>) -> std::string::String {
        let mut room = [0; 128];
        let len = event.emit(&mut room).expect("room");
        for short in 0..len {
            assert_eq!(event.emit(&mut room[..short]), None, "{short} of {len}");
        }
        std::string::String::from_utf8(room[..len].to_vec()).expect("UTF-8")
    }

    #[test]
    fn data_is_split_at_every_kind_of_line_end() {
        let rows = [
            ("", "data: \n\n"),
            ("one", "data: one\n\n"),
            ("one\ntwo", "data: one\ndata: two\n\n"),
            ("one\rtwo", "data: one\ndata: two\n\n"),
            ("one\r\ntwo", "data: one\ndata: two\n\n"),
            ("one\n\rtwo", "data: one\ndata: \ndata: two\n\n"),
            ("\n", "data: \ndata: \n\n"),
            (": no comment", "data: : no comment\n\n"),
            ("id: 5\nevent: x", "data: id: 5\ndata: event: x\n\n"),
        ];
        for (data, expected) in rows {
            assert_eq!(emitted(&Event::new(data)), expected, "{data:?}");
        }
    }

    #[test]
    fn fields_come_before_the_data() {
        let event = Event::new("x")
            .with_retry(Duration::from_millis(1500))
            .with_id(Line::new("7").unwrap())
            .with_name(Line::new("news").unwrap());
        let expected = "event: news\nid: 7\nretry: 1500\ndata: x\n\n";
        assert_eq!(emitted(&event), expected);
    }

    #[test]
    fn a_name_cannot_begin_another_field() {
        for text in ["a\nb", "a\r", "\r\n", "a\0"] {
            assert_eq!(Line::new(text), None, "{text:?}");
        }
        assert!(Line::new("grüße: 1").is_some());
    }
}
