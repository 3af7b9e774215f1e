//! A connection of a client that waits for what it wants: TCP, with TLS where the scheme says so.
//!
//! The socket does not block. Waiting is a poll of its own, so one deadline holds for both directions,
//! and a server that answers early is heard while it is still being sent to.

use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// To wait until something has come.
pub(crate) const BYTES: PollFlags = PollFlags::IN;

/// To wait until something has come or there is room.
pub(crate) const ROOM_TOO: PollFlags = PollFlags::IN.union(PollFlags::OUT);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Transport {
    /// Over a socket that is made not to block.
    pub(crate) fn plain(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, tls: None })
    }

    /// Shakes hands with the server of that name (RFC 8446 §2), until `deadline`.
    pub(crate) fn secure(
        mut self,
        config: Arc<ClientConfig>,
        host: &str,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut socket = &self.socket;
        while tls.is_handshaking() {
            push(&mut tls, socket)?;
            match tls.read_tls(&mut socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => process(&mut tls, socket)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let wanted = if tls.wants_write() { ROOM_TOO } else { BYTES };
                    wait(socket, wanted, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // The last of the handshake is ours to send; it may wait for what follows it.
        push(&mut tls, socket)?;
        self.tls = Some(Box::new(tls));
        Ok(self)
    }

    /// Reads what has come. An end that TLS did not announce is `UnexpectedEof` (RFC 9112 §9.8).
    ///
    /// # Errors
    ///
    /// `WouldBlock` where nothing has come.
    pub(crate) fn try_read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut socket = &self.socket;
        let Some(tls) = &mut self.tls else {
            return uninterrupted(|| socket.read(room));
        };
        loop {
            match tls.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            uninterrupted(|| tls.read_tls(&mut socket))?;
            process(tls, socket)?;
        }
    }

    /// Sends some of `bytes`, and answers how many were taken.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where there is no room.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = &self.socket;
        let Some(tls) = &mut self.tls else {
            return uninterrupted(|| socket.write(bytes));
        };
        push(tls, socket)?;
        if tls.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = tls.writer().write(bytes)?;
        push(tls, socket)?;
        Ok(taken)
    }

    /// Sends records that are still here, as far as there is room; answers whether all are sent.
    pub(crate) fn try_flush(&mut self) -> io::Result<bool> {
        match &mut self.tls {
            None => Ok(true),
            Some(tls) => push(tls, &self.socket).map(|()| !tls.wants_write()),
        }
    }

    /// Waits for [`BYTES`], or for [`ROOM_TOO`], or fails with `TimedOut`.
    pub(crate) fn wait(&self, wanted: PollFlags, deadline: Option<Instant>) -> io::Result<()> {
        let has_records = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        let wanted = if has_records { ROOM_TOO } else { wanted };
        wait(&self.socket, wanted, deadline)
    }

    /// Waits for bytes, `TimedOut` past the deadline.
    pub(crate) fn read(&mut self, room: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            match self.try_read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(BYTES, deadline)?
                }
                result => return result,
            }
        }
    }

    /// Sends all of `bytes`, `TimedOut` past the deadline.
    pub(crate) fn write_all(
        &mut self,
        mut bytes: &[u8],
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        while !(bytes.is_empty() && self.try_flush()?) {
            match self.try_write(bytes) {
                Ok(taken) if taken > 0 => bytes = &bytes[taken..],
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                // What has come meanwhile is no reason to wake, and is left where it is.
                Ok(_) | Err(_) => wait(&self.socket, PollFlags::OUT, deadline)?,
            }
        }
        Ok(())
    }

    /// Whether nothing has come, not even the end: what the server had to say between two exchanges
    /// (a 408, a close) is no answer to the next (RFC 9112 §9.5).
    pub(crate) fn is_quiet(&mut self) -> bool {
        matches!(self.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Says that nothing more is sent.
    pub(crate) fn shut_down(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // Who is gone needs no word of it.
            let _ = push(tls, &self.socket);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// The socket.
    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = push(tls, &self.socket);
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends records, as far as there is room.
fn push(tls: &mut ClientConnection, mut socket: &TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(&mut socket) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens the records that were read, and says what TLS has to say to them.
fn process(tls: &mut ClientConnection, socket: &TcpStream) -> io::Result<()> {
    let processed = tls.process_new_packets();
    let pushed = push(tls, socket);
    match processed {
        Ok(_) => pushed,
        Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn wait(socket: impl AsFd, flags: PollFlags, deadline: Option<Instant>) -> io::Result<()> {
    let mut polled = [PollFd::new(&socket, flags)];
    poll(&mut polled, deadline)?;
    match polled[0].revents().is_empty() {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(()),
    }
}

/// Waits until one of them is ready or the deadline has passed.
pub(crate) fn poll(polled: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // What the system cannot count to is as good as never.
        let left = left.and_then(|left: Duration| Timespec::try_from(left).ok());
        match rustix::event::poll(polled, left.as_ref()) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
