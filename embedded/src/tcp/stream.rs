//! One of smoltcp's sockets as a stream, for a device that asks others.
//!
//! ```text
//!      Http, WebSocket
//!        |         |
//!   read, write   idle
//!        |         |
//!     Stream    Platform       yours: polls the interface, and sleeps
//!        \        /
//!    RefCell<SocketSet>
//! ```

use core::cell::RefCell;

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{RecvError, Socket, State};

/// A TCP socket as a stream for the clients of [`blocking`](crate::blocking).
///
/// The sockets are shared with the client's [`Platform`](crate::blocking::Platform): its
/// [`idle`](crate::blocking::Platform::idle) polls the interface, and may poll a [`Server`](super::Server)
/// over the same sockets. What is written leaves at the next poll of the interface. How to connect, and
/// such a platform, are in `docs/your-first-board.md`.
///
/// A socket that is not connected yet is not ready. One that was refused, or reset, is ready, and fails
/// with [`ErrorKind::ConnectionReset`]. A read or write of what is not ready fails with
/// [`ErrorKind::Interrupted`] instead of blocking, since nothing would come meanwhile.
///
/// # Panics
///
/// Each of its methods does where the sockets are borrowed already, or the handle is not that of a TCP
/// socket among them.
#[derive(Debug)]
pub struct Stream<'a, 's> {
    sockets: &'a RefCell<SocketSet<'s>>,
    handle: SocketHandle,
}

impl<'a, 's> Stream<'a, 's> {
    /// A stream over the socket, which sends at once what it is given from now on.
    #[must_use]
    pub fn new(sockets: &'a RefCell<SocketSet<'s>>, handle: SocketHandle) -> Self {
        let stream = Self { sockets, handle };
        // What a client says at once belongs together, and nothing more is to come.
        stream.with(|socket| socket.set_nagle_enabled(false));
        stream
    }

    /// Closes the sending side, as [`close_sending`](crate::blocking::Platform::close_sending) is to.
    pub fn close_sending(&mut self) {
        self.with(Socket::close);
    }

    fn with<R>(&self, act: impl FnOnce(&mut Socket<'s>) -> R) -> R {
        act(self.sockets.borrow_mut().get_mut(self.handle))
    }
}

impl ErrorType for Stream<'_, '_> {
    type Error = ErrorKind;
}

impl Read for Stream<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        self.with(|socket| match socket.recv_slice(into) {
            Ok(0) if !into.is_empty() => Err(ErrorKind::Interrupted),
            Ok(len) => Ok(len),
            Err(RecvError::Finished) => Ok(0),
            Err(RecvError::InvalidState) => Err(why(socket)),
        })
    }
}

impl ReadReady for Stream<'_, '_> {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        // Where nothing will ever come, a read says so.
        Ok(self.with(|socket| socket.can_recv() || !(socket.may_recv() || is_connecting(socket))))
    }
}

impl Write for Stream<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.with(|socket| match socket.send_slice(bytes) {
            Ok(0) if !bytes.is_empty() => Err(ErrorKind::Interrupted),
            Ok(len) => Ok(len),
            Err(_) => Err(why(socket)),
        })
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl WriteReady for Stream<'_, '_> {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(self.with(|socket| socket.can_send() || !(socket.may_send() || is_connecting(socket))))
    }
}

/// Why a socket neither receives nor sends.
fn why(socket: &Socket<'_>) -> ErrorKind {
    if is_connecting(socket) {
        ErrorKind::Interrupted
    } else {
        ErrorKind::ConnectionReset
    }
}

/// Whether there is no connection yet.
fn is_connecting(socket: &Socket<'_>) -> bool {
    matches!(
        socket.state(),
        State::Listen | State::SynSent | State::SynReceived
    )
}
