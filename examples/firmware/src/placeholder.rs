//! Stands in for the server: answers each request with one and the same content.

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
const LONG_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
const LONG: usize = 8 << 20;
const END: &[u8] = b"\r\n\r\n";
const LONG_BEGIN: &[u8] = b"GET /long";

pub(crate) struct Server<const N: usize>([Option<Connection>; N]);

#[derive(Clone, Copy)]
struct Connection {
    handle: SocketHandle,
    /// How much of the request has come, and how much of its end.
    came: usize,
    end: usize,
    is_long: bool,
    /// How much content is still to be sent.
    left: usize,
}

impl<const N: usize> Server<N> {
    pub(crate) fn new() -> Self {
        Self([None; N])
    }

    pub(crate) fn add(&mut self, handle: SocketHandle) {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(Connection::new(handle));
        }
    }

    pub(crate) fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        for connection in self.0.iter_mut().flatten() {
            connection.poll(sockets.get_mut(connection.handle));
        }
    }
}

impl Connection {
    fn new(handle: SocketHandle) -> Self {
        Self {
            handle,
            came: 0,
            end: 0,
            is_long: true,
            left: 0,
        }
    }

    fn poll(&mut self, socket: &mut tcp::Socket<'_>) {
        if !socket.is_open() {
            *self = Self::new(self.handle);
            let _ = socket.listen(80);
            return;
        }
        loop {
            while self.left > 0 && socket.can_send() {
                let send = |room: &mut [u8]| {
                    let len = room.len().min(self.left);
                    room[..len].fill(b'x');
                    (len, len)
                };
                self.left -= socket.send(send).unwrap_or(0);
            }
            let room = socket.send_capacity() - socket.send_queue();
            if self.left > 0 || room < LONG_HEAD.len() || !socket.can_recv() {
                break;
            }
            if socket.recv(|bytes| self.receive(bytes)) == Ok(true) {
                self.left = if self.is_long { LONG } else { 0 };
                let head = if self.is_long { LONG_HEAD } else { HEAD };
                let _ = socket.send_slice(head);
                (self.came, self.end, self.is_long) = (0, 0, true);
            }
        }
        if socket.state() == tcp::State::CloseWait && self.left == 0 {
            socket.close();
        }
    }

    /// How many bytes belong to the request, and whether it is whole.
    fn receive(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            self.is_long &= LONG_BEGIN.get(self.came).is_none_or(|want| want == byte);
            self.came += 1;
            self.end = match END[self.end] == *byte {
                true => self.end + 1,
                false => usize::from(*byte == b'\r'),
            };
            if self.end == END.len() {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }
}
