//! `/lines?n=`: an answer that is longer than any buffer here, and whose length is not known before.

use kinglet_core::http::values::query::Query;
use kinglet_core::http::{Handled, Length, Reply, Request, Status, Stream};

use crate::PLAIN;
use crate::text::Text;

/// How far the lines have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    // sent <= count
    sent: u32,
    count: u32,
}

impl Lines {
    /// As many lines as the query says: 10 where it says nothing, `None` where that is no number.
    pub(crate) fn of(request: &Request<'_>) -> Option<Self> {
        let query = Query::new(request.query().unwrap_or_default().as_bytes());
        let count = match query.value_of("n") {
            None => 10,
            Some(value) => {
                let mut digits = [0; 7];
                let digits = value.decode_into(&mut digits).ok()?;
                core::str::from_utf8(digits).ok()?.parse().ok()?
            }
        };
        (1..=MAX_COUNT)
            .contains(&count)
            .then_some(Self { sent: 0, count })
    }

    pub(crate) fn begin(reply: Reply<'_>) -> Handled {
        reply.start(Status::OK, &[PLAIN], Length::Unknown)
    }

    /// Writes as many lines as there is room for, each as a whole.
    pub(crate) fn go_on(&mut self, mut stream: Stream<'_>) -> Handled {
        while self.sent < self.count {
            let mut line = Text::<40>::new();
            let number = self.sent.saturating_add(1);
            if self.put(number, &mut line).is_none() {
                return stream.abort();
            }
            if stream.room() < line.len() {
                return stream.more();
            }
            stream.write(line.as_bytes());
            self.sent = number;
        }
        stream.finish()
    }

    fn put(self, number: u32, line: &mut Text<40>) -> Option<()> {
        line.put("line ")?;
        line.put_number(u64::from(number))?;
        line.put(" of ")?;
        line.put_number(u64::from(self.count))?;
        line.put("\n")
    }
}

const MAX_COUNT: u32 = 1_000_000;
