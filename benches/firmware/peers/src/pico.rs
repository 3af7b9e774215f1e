//! What picoserve asks for: a socket, and a timer that never fires.

use core::convert::Infallible;
use core::future;

use picoserve::io::{Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::time::{Duration, Timer};
use picoserve::{Config, Error, Timeouts};

use crate::End;

/// Names our socket and timer.
#[derive(Debug)]
pub struct Memory;

/// Time stands still.
#[derive(Debug)]
pub struct Never;

impl Timer<Memory> for Never {
    async fn delay(&self, _: Duration) {
        future::pending().await
    }
}

impl Write for End<'_> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        fill: F,
    ) -> Result<R, Infallible> {
        Ok(self.write_with(|room| {
            let mut buffer = BorrowedBuffer::new(room);
            let result = fill(buffer.unfilled());
            (buffer.filled().len(), result)
        }))
    }
}

impl<'l> Socket<Memory> for End<'l> {
    type Error = Infallible;
    type ReadHalf<'a>
        = End<'l>
    where
        Self: 'a;
    type WriteHalf<'a>
        = End<'l>
    where
        Self: 'a;

    fn split(&mut self) -> (End<'l>, End<'l>) {
        (*self, *self)
    }

    async fn abort<T: Timer<Memory>>(self, _: &Timeouts, _: &T) -> Result<(), Error<Infallible>> {
        Ok(())
    }

    async fn shutdown<T: Timer<Memory>>(
        self,
        _: &Timeouts,
        _: &T,
    ) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}

/// Persistent connections.
pub static CONFIG: Config = Config::const_default().keep_connection_alive();

/// Bytes of the buffer for heads.
pub const BUFFER_LEN: usize = 1024;
