//! edge-http, HTTP alone.
#![no_std]
#![no_main]

use core::fmt::{Debug, Display};
use core::pin::pin;

use cortex_m_rt::entry;
use edge_http::io::Error;
use edge_http::io::server::{Connection, Handler, handle_request};
use edge_nal::TcpSplit;
use embedded_io_async::{ErrorType, Read, Write};
use firmware_bench::play;
use firmware_peers::{End, Link, Polled};

const BUFFER_LEN: usize = 1024;
const MAX_FIELD_LINES: usize = 32;

/// The end of a link, with halves as edge-nal names them.
struct Stream<'l>(End<'l>);

impl ErrorType for Stream<'_> {
    type Error = core::convert::Infallible;
}

impl Read for Stream<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        self.0.read(buffer).await
    }
}

impl Write for Stream<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl edge_nal::Readable for Stream<'_> {
    async fn readable(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<'l> TcpSplit for Stream<'l> {
    type Read<'a>
        = Stream<'l>
    where
        Self: 'a;
    type Write<'a>
        = Stream<'l>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        (Stream(self.0), Stream(self.0))
    }
}

struct Routes;

impl Handler for Routes {
    type Error<E>
        = Error<E>
    where
        E: Debug;

    async fn handle<T, const N: usize>(
        &self,
        _: impl Display + Copy,
        connection: &mut Connection<'_, T, N>,
    ) -> Result<(), Self::Error<T::Error>>
    where
        T: Read + Write + TcpSplit,
    {
        let path = connection.headers()?.path;
        if path == "/" {
            let fields = [("Content-Type", "text/plain"), ("Content-Length", "13")];
            connection
                .initiate_response(200, Some("OK"), &fields)
                .await?;
            connection.write_all(b"Hello, World!").await?;
        } else if let Some(item) = path.strip_prefix("/items/") {
            // The item is borrowed from the head, which the answer takes the place of.
            let mut copy = heapless::String::<32>::new();
            let _ = copy.push_str(item);
            let mut digits = heapless::String::<4>::new();
            let _ = core::fmt::write(&mut digits, format_args!("{}", copy.len()));
            let fields = [("Content-Length", digits.as_str())];
            connection
                .initiate_response(200, Some("OK"), &fields)
                .await?;
            connection.write_all(copy.as_bytes()).await?;
        } else {
            connection
                .initiate_response(404, Some("Not Found"), &[("Content-Length", "0")])
                .await?;
        }
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    let link = Link::new();
    let connection = pin!(None);
    play(&mut Polled::new(
        &link,
        connection,
        BUFFER_LEN,
        |end| async move {
            let mut buffer = [0; BUFFER_LEN];
            loop {
                let stream = Stream(end);
                let handled =
                    handle_request::<_, _, MAX_FIELD_LINES>(&mut buffer, stream, 0, Routes).await;
                if !matches!(handled, Ok(false)) {
                    return;
                }
            }
        },
    ))
}
