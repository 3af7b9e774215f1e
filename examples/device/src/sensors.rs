//! `/sensors` and `/events`: the readings, each time that an interval has passed.
//!
//! ```text
//! {"at":12000,"readings":[{"name":"load","unit":"","value":0.42}]}
//! ```
//!
//! Both are the same text, once as messages of a WebSocket and once as server-sent events. Nothing is
//! kept for who reads slowly: a report that there is no room for is left out, and the next is newer.

use kinglet_core::http::{Handled, Length, Reply, Status, Stream};
use kinglet_core::{Instant, field};

use crate::NO_STORE;
use crate::board::Board;
use crate::text::Text;

/// A report of the readings.
type Report = Text<LEN>;

/// Bytes of a report. What frames it as an event or a message fits with it into 512.
const LEN: usize = 440;

/// The stream of events of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events {
    /// When the next report is due.
    due: Instant,
}

impl Events {
    /// Begins with a report.
    pub(crate) fn begin(reply: Reply<'_>) -> (Self, Handled) {
        let due = reply.context().now;
        let fields = [field!("Content-Type", "text/event-stream"), NO_STORE];
        (
            Self { due },
            reply.start(Status::OK, &fields, Length::Unknown),
        )
    }

    /// Sends a report when it is due.
    pub(crate) fn go_on<B: Board>(&mut self, board: &mut B, mut stream: Stream<'_>) -> Handled {
        let now = stream.context().now;
        if now.has_reached(self.due) {
            let report = report(board, now);
            if stream.room() >= LEN.saturating_add(EVENT_LEN) {
                stream.write_with(|room| put_event(&report, room));
            }
            self.due = next(self.due, now, board);
        }
        stream.wait_until(self.due)
    }
}

/// Writes an event, for which there is room, and answers its length.
fn put_event(report: &Report, room: &mut [u8]) -> usize {
    let mut len = 0_usize;
    for part in [b"data: ".as_slice(), report.as_str().as_bytes(), b"\n\n"] {
        let end = len.saturating_add(part.len());
        match room.get_mut(len..end) {
            Some(room) => room.copy_from_slice(part),
            None => return 0,
        }
        len = end;
    }
    len
}

/// Bytes of an event around its data.
const EVENT_LEN: usize = 8;

/// When the report after one that was due is: in the same rhythm, unless that is past.
fn next<B: Board>(due: Instant, now: Instant, board: &B) -> Instant {
    let interval = board.settings().interval;
    let next = due.after(interval);
    if now.has_reached(next) {
        now.after(interval)
    } else {
        next
    }
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

fn put(reading: crate::board::Reading, index: usize, text: &mut Report) -> Option<()> {
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
