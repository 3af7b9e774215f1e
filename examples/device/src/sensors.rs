//! `/sensors` and `/events`: the readings, each time that an interval has passed.
//!
//! ```text
//! {"at":12000,"readings":[{"name":"load","unit":"","value":0.42}]}
//! ```
//!
//! Both are the same text, once as messages of a WebSocket and once as server-sent events. Nothing is
//! kept for who reads slowly: a report that there is no room for is left out, and the next is newer.

use core::time::Duration;

use kinglet_core::Instant;
use kinglet_core::http::event_stream::{Event, MEDIA_TYPE};
use kinglet_core::http::{Handled, Length, Reply, Request, Status, Stream};
use kinglet_core::websocket::{Origins, Socket, Terms};

use crate::NO_STORE;
use crate::board::{Board, Reading};
use crate::text::Text;

/// A report of the readings.
type Report = Text<LEN>;

/// Bytes of a report. What frames it as an event or a message fits with it into 512.
const LEN: usize = 440;

/// When the reports of one client are due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rhythm {
    /// When the last one was; the first is due at once.
    last: Option<Instant>,
}

impl Rhythm {
    /// Opens the WebSocket, for pages of this device and for clients that are no browsers.
    pub(crate) fn open(request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const TERMS: Terms<'_> = Terms {
            origins: Origins::Same,
            ..Terms::ANY
        };
        reply.websocket(request, &TERMS)
    }

    /// Sends a report as a message when it is due.
    pub(crate) fn ready<B: Board>(&mut self, board: &mut B, socket: &mut Socket<'_>) {
        let now = socket.context().now;
        if self.is_due(board, now) {
            send(board, socket);
        }
        socket.notify_at(self.wake(board, now));
    }

    /// Begins the stream of events.
    pub(crate) fn begin(reply: Reply<'_>) -> Handled {
        reply.start(Status::OK, &[MEDIA_TYPE, NO_STORE], Length::Unknown)
    }

    /// Sends a report as an event when it is due.
    pub(crate) fn go_on<B: Board>(&mut self, board: &mut B, mut stream: Stream<'_>) -> Handled {
        let now = stream.context().now;
        if self.is_due(board, now) {
            let report = report(board, now);
            Event::new(report.as_str()).write(&mut stream);
        }
        stream.wait_until(self.wake(board, now))
    }

    /// Whether a report is due, which is then the last one.
    fn is_due<B: Board>(&mut self, board: &B, now: Instant) -> bool {
        let interval = board.settings().interval;
        let due = self.last.map_or(now, |last| last.after(interval));
        if !now.has_reached(due) {
            return false;
        }
        // In the same rhythm, unless a whole beat has been missed.
        let is_late = now.has_reached(due.after(interval));
        self.last = Some(if is_late { now } else { due });
        true
    }

    /// When to look again: an interval may be made shorter meanwhile.
    fn wake<B: Board>(self, board: &B, now: Instant) -> Instant {
        let last = self.last.unwrap_or(now);
        let due = last.after(board.settings().interval);
        due.earlier(now.after(MAX_WAIT))
    }
}

/// From one look at the settings to the next.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Sends a report as a message, if there is room.
fn send<B: Board>(board: &mut B, socket: &mut Socket<'_>) {
    let report = report(board, socket.context().now);
    // Without room it is left out.
    let _ = socket.send(report.as_str());
}

/// The readings as text. Those that there is no room for are left out.
fn report<B: Board>(board: &mut B, now: Instant) -> Report {
    let mut text = Report::new();
    let mut whole = text
        .put("{\"at\":")
        .and_then(|()| text.put_number(u64::from(now.as_millis())))
        .and_then(|()| text.put(",\"readings\":["));
    let mut index = 0_usize;
    while let (Some(()), Some(reading)) = (whole, board.reading(index, now)) {
        let len = text.len();
        whole = put(reading, index, &mut text);
        if whole.is_none() || text.len() > LEN.saturating_sub(END.len()) {
            text.truncate(len);
            break;
        }
        index = index.saturating_add(1);
    }
    let _ = text.put(END);
    text
}

fn put(reading: Reading, index: usize, text: &mut Report) -> Option<()> {
    text.put(if index == 0 {
        "{\"name\":\""
    } else {
        ",{\"name\":\""
    })?;
    text.put(reading.name)?;
    text.put("\",\"unit\":\"")?;
    text.put(reading.unit)?;
    text.put("\",\"value\":")?;
    text.put_decimal(reading.value, reading.decimals)?;
    text.put("}")
}

/// What a report ends with.
const END: &str = "]}";
