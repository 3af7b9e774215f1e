//! A part of a file that is sent by the kernel, without a copy in our memory.
//!
//! The engine knows no files. An application offers one, and has the engine ask the driver for bytes
//! of its own; the reactor, which is that driver, takes what was offered on its thread.

use core::cell::Cell;
use std::fs::File;
use std::io;
use std::sync::Arc;

use kinglet_core::http::Stream;

/// Bytes of a file that are still to be sent.
#[derive(Debug)]
pub(crate) struct FilePart {
    file: Arc<File>,
    offset: u64,
    len: usize,
}

thread_local! {
    /// What an application of this thread has just offered.
    static OFFERED: Cell<Option<(Arc<File>, u64)>> = const { Cell::new(None) };
}

/// Sends `len` bytes of `file` from `offset` on as the next of a stream's content, and answers how many
/// of them: all that the declared length of the answer allows. Where that is none, because no length was
/// declared or the driver is another one, they are to be read and [written](Stream::write).
///
/// The bytes are sent by the kernel from the file itself, or read in pieces where TLS has to seal them,
/// as the client takes them. A file that has become shorter by then cuts the answer off.
pub fn write_file(stream: &mut Stream<'_>, file: &Arc<File>, offset: u64, len: u64) -> u64 {
    OFFERED.set(Some((Arc::clone(file), offset)));
    let taken = stream.write_own(len);
    OFFERED.set(None);
    taken
}

/// Takes `len` bytes of what has just been offered.
pub(crate) fn take_offered(len: u64) -> Option<FilePart> {
    let (file, offset) = OFFERED.take()?;
    let len = usize::try_from(len).ok()?;
    Some(FilePart { file, offset, len })
}

impl FilePart {
    /// How many bytes are left.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Reads the next bytes into `to`, and answers how many: none at the end of the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = self.len.min(to.len());
        let read = rustix::io::retry_on_intr(|| {
            rustix::io::pread(&self.file, &mut to[..most], self.offset)
        })?;
        self.advance(read);
        Ok(read)
    }

    /// Has the kernel send up to `most` bytes to `socket`, and answers how many: none at the end of the
    /// file.
    #[cfg(target_os = "linux")]
    pub(crate) fn send(
        &mut self,
        socket: impl std::os::fd::AsFd,
        most: usize,
    ) -> Result<usize, rustix::io::Errno> {
        let mut offset = self.offset;
        let most = self.len.min(most);
        let sent = rustix::fs::sendfile(socket, &self.file, Some(&mut offset), most)?;
        self.advance(sent);
        Ok(sent)
    }

    fn advance(&mut self, len: usize) {
        self.offset += len as u64;
        self.len -= len.min(self.len);
    }
}
