//! Output that is more than one piece of memory: slices from several places, and parts of files.

use kinglet_core::http::server::Cause;

use super::Io;
use crate::buffers::{BUFFER_LEN, Unsent, send_slices};
use crate::connection::{Connection, Transfer};
use crate::file_part::FilePart;

/// How much of a file is sent before others have their turn.
const MAX_FILE_LEN: usize = 2 * 1024 * 1024;

impl Io {
    /// Sends what the engine has said, wherever it lies, and keeps for later what the peer does not
    /// take.
    #[inline(never)]
    pub(super) fn flush_any<E>(&mut self, connection: &mut Connection<E>) -> Result<(), Cause> {
        let file = self.rest.file.take();
        if connection.channel.is_some() {
            self.flush_sealed(connection)?;
        } else {
            self.flush_slices(connection, file.as_ref())?;
        }
        match (file, &mut connection.unsent) {
            (None, _) => Ok(()),
            (Some(file), Some(unsent)) => {
                *unsent.file() = Some(file);
                Ok(())
            }
            (Some(file), None) => self.send_file(connection, file),
        }
    }

    /// The same for what lies in memory; the kernel is told where a file follows at once.
    fn flush_slices<E>(
        &mut self,
        connection: &mut Connection<E>,
        behind: Option<&FilePart>,
    ) -> Result<(), Cause> {
        let len = self.queue.len() + self.rest.bytes.len();
        let transfer = send_slices(&self.queue, &self.send, &self.rest.bytes, |slices| {
            if behind.is_some() {
                connection.send_ahead(slices)
            } else {
                connection.send_vectored(slices)
            }
        });
        match transfer {
            Transfer::Done(sent) if sent == len => {}
            Transfer::Done(sent) => self.keep(connection, sent),
            Transfer::Blocked => self.keep(connection, 0),
            Transfer::Broken => {
                self.forget_output();
                return Err(Cause::Peer);
            }
        }
        self.forget_output();
        Ok(())
    }

    /// Sends a part of a file, as much as the peer takes; the rest is kept with what it has not taken.
    pub(super) fn send_file<E>(
        &mut self,
        connection: &mut Connection<E>,
        mut file: FilePart,
    ) -> Result<(), Cause> {
        let mut budget = MAX_FILE_LEN;
        while file.len() > 0 && budget > 0 && connection.unsent.is_none() {
            let before = file.len();
            let goes_on = if cfg!(target_os = "linux") && connection.channel.is_none() {
                send_by_kernel(connection, &mut file, budget)?
            } else {
                self.send_read(connection, &mut file)?;
                true
            };
            if !goes_on {
                break;
            }
            budget = budget.saturating_sub(before - file.len());
        }
        if file.len() > 0 {
            match &mut connection.unsent {
                Some(unsent) => *unsent.file() = Some(file),
                None => {
                    let unsent = Unsent::of_bytes(&[], Some(file), &mut self.pool);
                    connection.unsent = Some(Box::new(unsent));
                }
            }
        }
        Ok(())
    }

    /// Reads the next bytes of a file and sends them.
    fn send_read<E>(
        &mut self,
        connection: &mut Connection<E>,
        file: &mut FilePart,
    ) -> Result<(), Cause> {
        let mut piece = self.pool.take();
        piece.resize(BUFFER_LEN, 0);
        let len = match file.read(&mut piece) {
            Ok(0) => Err(has_shrunk()),
            Ok(len) => Ok(len),
            Err(error) => {
                log::error!("a file cannot be read: {error}");
                Err(Cause::Aborted)
            }
        };
        let result = len.and_then(|len| self.send_piece(connection, &piece[..len]));
        self.pool.put(piece);
        result
    }

    /// Sends one piece of content, sealed where that is asked for, and keeps what the peer does not take.
    fn send_piece<E>(&mut self, connection: &mut Connection<E>, piece: &[u8]) -> Result<(), Cause> {
        if connection.channel.is_some() {
            return self.send_piece_sealed(connection, piece);
        }
        let sent = match connection.send(piece) {
            Transfer::Done(sent) => sent,
            Transfer::Blocked => 0,
            Transfer::Broken => return Err(Cause::Peer),
        };
        if sent < piece.len() {
            let unsent = Unsent::of_bytes(&piece[sent..], None, &mut self.pool);
            connection.unsent = Some(Box::new(unsent));
        }
        Ok(())
    }
}

/// Has the kernel send up to `most` bytes of a file; answers whether the peer may take more at once.
#[cfg(target_os = "linux")]
fn send_by_kernel<E>(
    connection: &Connection<E>,
    file: &mut FilePart,
    most: usize,
) -> Result<bool, Cause> {
    use std::os::fd::AsFd;

    use rustix::io::Errno;
    match file.send(connection.as_fd(), most) {
        Ok(0) => Err(has_shrunk()),
        Ok(_) | Err(Errno::INTR) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Err(Cause::Peer),
        Err(error) => {
            log::error!("a file cannot be sent: {error}");
            Err(Cause::Aborted)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn send_by_kernel<E>(_: &Connection<E>, _: &mut FilePart, _: usize) -> Result<bool, Cause> {
    Err(Cause::Aborted)
}

/// A file has become shorter than it was when its length was declared: the answer cannot be whole.
#[cold]
fn has_shrunk() -> Cause {
    log::warn!("a file has become shorter while it was sent");
    Cause::Aborted
}
