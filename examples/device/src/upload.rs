//! `/upload`: takes content of any length, and tells how much it was and its checksum.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use kinglet_core::http::{Framing, Handled, Part, Reply, Request, Status};

use crate::text::Text;
use crate::{JSON, NO_STORE};

static CRC_32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// What is known of the content so far; of the content itself nothing is kept.
#[derive(Clone)]
pub(crate) struct Upload {
    len: u64,
    crc_32: Digest<'static, u32, Table<1>>,
}

impl Upload {
    pub(crate) fn new() -> Self {
        Self {
            len: 0,
            crc_32: CRC_32.digest(),
        }
    }

    pub(crate) fn begin(request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.framing() {
            Framing::None | Framing::Length(0) => Self::new().answer(reply),
            _ => reply.receive(),
        }
    }

    pub(crate) fn content(&mut self, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(bytes) => {
                self.len = self.len.saturating_add(bytes.len() as u64);
                self.crc_32.update(bytes);
                reply.receive()
            }
            Part::End(_) => self.clone().answer(reply),
        }
    }

    fn answer(self, reply: Reply<'_>) -> Handled {
        let mut text = Text::<80>::new();
        match self.put(&mut text) {
            Some(()) => reply.send(Status::OK, &[JSON, NO_STORE], text.as_bytes()),
            None => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
        }
    }

    fn put(self, text: &mut Text<80>) -> Option<()> {
        text.put("{\"bytes\":")?;
        text.put_number(self.len)?;
        text.put(",\"crc32\":\"")?;
        text.put_hexadecimal(self.crc_32.finalize())?;
        text.put("\"}\n")
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
