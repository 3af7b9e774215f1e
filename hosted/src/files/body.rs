//! The content of an open file, on its way into a stream.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use kinglet_core::http::Stream;
use rustix::fs::{Stat, fstat};
use rustix::io::{Errno, pread};

use super::SendFile;
use crate::file_part::write_file;

/// A file whose content is sent from its descriptor.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: Arc<File>,
    written: Written,
    sendfile: SendFile,
}

/// How long a file is and when it was last written to: another answer means that its bytes may be others.
///
/// The inode's time of change is no part of it: a file that is replaced by another of its name changes
/// in that way, but its bytes stay what they were for those who have it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) len: u64,
    pub(super) seconds: i64,
    pub(super) nanos: i64,
}

/// What came of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// As much as there was room for.
    Piece,
    /// Nothing, for the file is not what it was any more.
    Changed,
}

/// Bytes that are read at once: a read of what is not in memory holds up the whole thread.
const MAX_READ: u64 = 64 * 1024;

/// Bytes that the kernel is asked to send at once.
const MAX_SENT: u64 = 2 * 1024 * 1024;

/// The last bytes of an answer, which are read and not sent from the file.
const TAIL_LEN: u64 = 1024;

impl Written {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        reason = "the types of a stat differ from system to system"
    )]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            len: u64::try_from(stat.st_size).unwrap_or(0),
            seconds: stat.st_mtime as i64,
            nanos: stat.st_mtime_nsec as i64,
        }
    }
}

impl OpenFile {
    pub(super) fn new(descriptor: OwnedFd, written: Written, sendfile: SendFile) -> Self {
        Self {
            file: Arc::new(File::from(descriptor)),
            written,
            sendfile,
        }
    }

    /// Reads what it can at `offset`.
    pub(super) fn read(&self, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        loop {
            match pread(&self.file, &mut *room, offset) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// Whether the bytes read so far are those of the file that was opened.
    pub(super) fn is_unchanged(&self) -> bool {
        fstat(&self.file).is_ok_and(|stat| Written::of(&stat) == self.written)
    }
}

/// Sends what there is room for of the `left` bytes from `offset` on, and moves both.
///
/// What is read is sent only when the file is what it was: other bytes do not have the validator that the
/// head of the answer has named. What the kernel sends is sent unseen, so the last bytes are read all the
/// same, behind all others: a file that has changed by then is cut off.
pub(super) fn send(
    stream: &mut Stream<'_>,
    file: &OpenFile,
    offset: &mut u64,
    left: &mut u64,
) -> Sent {
    let mut sent = Sent::Piece;
    let by_kernel = match file.sendfile {
        SendFile::On => left.saturating_sub(TAIL_LEN).min(MAX_SENT),
        SendFile::Off => 0,
    };
    let mut len = 0;
    if by_kernel > 0 {
        // There is time for a change while a long one is sent.
        if by_kernel == MAX_SENT && !file.is_unchanged() {
            return Sent::Changed;
        }
        len = write_file(stream, &file.file, *offset, by_kernel);
    }
    if len == 0 {
        let read = stream.write_with(|room| {
            let most = usize::try_from((*left).min(MAX_READ)).unwrap_or(0);
            let most = most.min(room.len());
            let room = room.get_mut(..most).unwrap_or_default();
            match file.read(room, *offset) {
                Ok(len) if len > 0 && file.is_unchanged() => len,
                _ => {
                    sent = Sent::Changed;
                    0
                }
            }
        });
        len = read as u64;
    }
    *offset += len;
    *left -= len.min(*left);
    sent
}
