//! Stands in for the server: answers each request with one and the same content.

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
const LONG_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
const LONG: usize = 8 << 20;

pub(crate) struct Server<const N: usize>([Option<(SocketHandle, usize)>; N]);

impl<const N: usize> Server<N> {
    pub(crate) fn new() -> Self {
        Self([None; N])
    }

    pub(crate) fn add(&mut self, handle: SocketHandle) {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((handle, 0));
        }
    }

    pub(crate) fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        for (handle, left) in self.0.iter_mut().flatten() {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
            if !socket.is_open() {
                *left = 0;
                let _ = socket.listen(80);
                continue;
            }
            while *left == 0 && socket.send_capacity() - socket.send_queue() >= 128 {
                let Ok(Some(long)) = socket.recv(|bytes| {
                    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
                    match end {
                        Some(end) => (end + 4, Some(bytes.starts_with(b"GET /long"))),
                        None => (0, None),
                    }
                }) else {
                    break;
                };
                *left = if long { LONG } else { 0 };
                let _ = socket.send_slice(if long { LONG_HEAD } else { HEAD });
            }
            while *left > 0 && socket.can_send() {
                let sent = socket.send(|room| {
                    let len = room.len().min(*left);
                    room[..len].fill(b'x');
                    (len, len)
                });
                *left -= sent.unwrap_or(0);
            }
            if socket.state() == tcp::State::CloseWait && *left == 0 {
                socket.close();
            }
        }
    }
}
