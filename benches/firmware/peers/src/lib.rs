//! A connection in memory for servers over `embedded-io-async`, and an executor that polls them.
#![no_std]

pub mod pico;

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};
use firmware_bench::{Sent, Server};

/// Both directions of a connection: what has come and is not read, and what is written and not sent.
#[derive(Debug)]
pub struct Link {
    received: RefCell<Ring>,
    written: RefCell<Ring>,
}

#[derive(Debug)]
struct Ring {
    bytes: [u8; 1024],
    start: usize,
    end: usize,
}

impl Ring {
    const fn new() -> Self {
        Self {
            bytes: [0; 1024],
            start: 0,
            end: 0,
        }
    }

    /// Takes in as much of `bytes` as there is room for.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let len = bytes.len().min(room.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..len), bytes.get(..len)) {
            room.copy_from_slice(bytes);
        }
        self.end += len;
        len
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn advance(&mut self, len: usize) {
        self.start += len;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

impl Link {
    /// Nothing has come.
    pub const fn new() -> Self {
        Self {
            received: RefCell::new(Ring::new()),
            written: RefCell::new(Ring::new()),
        }
    }
}

impl End<'_> {
    /// Lets `fill` write into the room there is; it answers how much of that was used, and something else.
    fn write_with<R>(&mut self, fill: impl FnOnce(&mut [u8]) -> (usize, R)) -> R {
        let mut written = self.0.written.borrow_mut();
        let end = written.end;
        let (len, result) = fill(written.bytes.get_mut(end..).unwrap_or_default());
        written.end += len;
        result
    }
}

/// One end of a [`Link`], in the hands of the server.
#[derive(Clone, Copy, Debug)]
pub struct End<'l>(pub &'l Link);

impl ErrorType for End<'_> {
    type Error = Infallible;
}

impl Read for End<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        core::future::poll_fn(|_| {
            let mut received = self.0.received.borrow_mut();
            let bytes = received.bytes();
            let len = bytes.len().min(buffer.len());
            if len == 0 {
                return Poll::Pending;
            }
            if let (Some(buffer), Some(bytes)) = (buffer.get_mut(..len), bytes.get(..len)) {
                buffer.copy_from_slice(bytes);
            }
            received.advance(len);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for End<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(self.0.written.borrow_mut().put(bytes))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A server that is a future for each connection.
#[derive(Debug)]
pub struct Polled<'l, 'c, F, M> {
    link: &'l Link,
    connection: Pin<&'c mut Option<F>>,
    accept: M,
    buffers_len: usize,
}

impl<'l, 'c, F: Future, M: Fn(End<'l>) -> F> Polled<'l, 'c, F, M> {
    /// `accept` makes the future of a connection, which has `buffers_len` bytes of buffers in it.
    pub fn new(
        link: &'l Link,
        connection: Pin<&'c mut Option<F>>,
        buffers_len: usize,
        accept: M,
    ) -> Self {
        Self {
            link,
            connection,
            accept,
            buffers_len,
        }
    }
}

impl<'l, F: Future, M: Fn(End<'l>) -> F> Server for Polled<'l, '_, F, M> {
    fn connect(&mut self) {
        *self.link.received.borrow_mut() = Ring::new();
        *self.link.written.borrow_mut() = Ring::new();
        self.connection.set(Some((self.accept)(End(self.link))));
    }

    fn receive(&mut self, bytes: &[u8], sent: &mut Sent) {
        self.link.received.borrow_mut().put(bytes);
        if let Some(connection) = self.connection.as_mut().as_pin_mut() {
            let mut context = Context::from_waker(Waker::noop());
            if connection.poll(&mut context).is_ready() {
                self.connection.set(None);
            }
        }
        let mut written = self.link.written.borrow_mut();
        sent.push(written.bytes());
        let len = written.bytes().len();
        written.advance(len);
    }

    fn state_len(&self) -> usize {
        size_of::<F>().saturating_sub(self.buffers_len)
    }
}
