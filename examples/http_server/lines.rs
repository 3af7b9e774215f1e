//! `/stream?lines=`: an answer whose length is not known before, with trailers at its end.

use std::io::Write;

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Length, Reply, Status, Stream};

use crate::application::PLAIN;

/// How far the lines have come.
#[derive(Debug)]
pub(crate) struct Lines {
    // sent <= count
    sent: u64,
    count: u64,
    bytes: usize,
}

impl Lines {
    pub(crate) const fn new(count: u64) -> Self {
        Self {
            sent: 0,
            count,
            bytes: 0,
        }
    }

    pub(crate) fn begin(reply: Reply<'_>) -> Handled {
        const ANNOUNCED: Field<'_> = field!("Trailer", "Line-Count, Byte-Count");
        reply.start(Status::OK, &[PLAIN, ANNOUNCED], Length::Unknown)
    }

    /// Writes as many lines as there is room for.
    pub(crate) fn go_on(&mut self, mut stream: Stream<'_>) -> Handled {
        self.bytes += stream.write_with(|room| self.fill(room));
        if self.sent < self.count {
            return stream.more();
        }
        let (lines, bytes) = (self.sent.to_string(), self.bytes.to_string());
        let trailers = [("Line-Count", &lines), ("Byte-Count", &bytes)]
            .map(|(name, value)| Field::new(name, value.as_bytes()));
        match trailers {
            [Ok(lines), Ok(bytes)] => match stream.finish_with(&[lines, bytes]) {
                Ok(handled) => handled,
                // Not enough room is left; in a turn of its own there is.
                Err(stream) => stream.more(),
            },
            _ => stream.finish(),
        }
    }

    /// Writes whole lines to `room`, and answers how many bytes they are.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        let room_len = room.len();
        let mut rest = room;
        while self.sent < self.count {
            let line = format!("line {} of {}\n", self.sent + 1, self.count);
            if line.len() > rest.len() || rest.write_all(line.as_bytes()).is_err() {
                break;
            }
            self.sent += 1;
        }
        room_len - rest.len()
    }
}
