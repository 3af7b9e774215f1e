//! The lower bound: reads, counts blank lines, writes canned bytes.
//!
//! Not an HTTP server. It shows what the system calls alone cost with
//! level-triggered epoll, one read and one write per wake and one receive
//! buffer per thread; nothing that parses a request can be cheaper. The answer,
//! its date included, is built once at start. A connection that does not take
//! its answers at once is closed, because no answer is ever stored.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::SystemTime;

use kinglet_peers::{BODY, CONTENT_TYPE, Options, run_per_thread};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{SocketFlags, accept_with};

/// Answers that are written with one call.
const MAX_BATCH: usize = 1024;

/// Bytes read with one call.
const RECEIVE_LEN: usize = 64 * 1024;

/// Marks the listener among the events; a file descriptor is never that large.
const LISTENER: u64 = u64::MAX;

fn main() -> io::Result<()> {
    run_per_thread(Options::from_command_line(), serve)
}

fn serve(listener: TcpListener) -> io::Result<()> {
    let answer = canned_answer();
    let answers = answer.repeat(MAX_BATCH);
    let mut received = vec![0; RECEIVE_LEN];
    // Indexed by file descriptor.
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(256);

    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let interest = epoll::EventFlags::IN;
    epoll::add(
        &poll,
        &listener,
        epoll::EventData::new_u64(LISTENER),
        interest,
    )?;
    loop {
        events.clear();
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let key = event.data.u64();
            if key == LISTENER {
                while let Some(socket) = accept(&listener)? {
                    let key = socket.as_raw_fd() as u64;
                    epoll::add(&poll, &socket, epoll::EventData::new_u64(key), interest)?;
                    let slot = key as usize;
                    if connections.len() <= slot {
                        connections.resize_with(slot + 1, || None);
                    }
                    connections[slot] = Some(Connection::new(socket));
                }
                continue;
            }
            let slot = &mut connections[key as usize];
            if let Some(connection) = slot {
                let alive = connection.answer(&mut received, &answers, answer.len());
                if !alive {
                    *slot = None;
                }
            }
        }
    }
}

/// A connection, and how much of a blank line its last bytes are.
struct Connection {
    socket: OwnedFd,
    matched: u8,
}

impl Connection {
    fn new(socket: OwnedFd) -> Self {
        Self { socket, matched: 0 }
    }

    /// Reads once and answers every head that ended; `false` means close.
    fn answer(&mut self, received: &mut [u8], answers: &[u8], answer_len: usize) -> bool {
        let bytes = match rustix::io::read(&self.socket, &mut *received) {
            Ok(0) => return false,
            Ok(len) => &received[..len],
            Err(Errno::AGAIN | Errno::INTR) => return true,
            Err(_) => return false,
        };
        let mut left = self.count_blank_lines(bytes) * answer_len;
        while left > 0 {
            let batch = &answers[..left.min(answers.len())];
            match rustix::io::write(&self.socket, batch) {
                Ok(len) if len == batch.len() => left -= len,
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }

    fn count_blank_lines(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for &byte in bytes {
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') => self.matched + 1,
                (1 | 3, b'\n') => self.matched + 1,
                (_, b'\r') => 1,
                (_, _) => 0,
            };
            if self.matched == 4 {
                self.matched = 0;
                count += 1;
            }
        }
        count
    }
}

/// The next waiting connection, or `None` when no more wait.
fn accept(listener: &TcpListener) -> io::Result<Option<OwnedFd>> {
    match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
        Ok(socket) => {
            set_tcp_nodelay(&socket, true)?;
            Ok(Some(socket))
        }
        Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn canned_answer() -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: {}\r\nContent-Type: {CONTENT_TYPE}\r\n\
         Content-Length: {}\r\n\r\n{BODY}",
        httpdate::fmt_http_date(SystemTime::now()),
        BODY.len(),
    )
    .into_bytes()
}
