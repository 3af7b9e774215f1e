//! The drivers and clients of kinglet-embedded over a stream that comes from elsewhere.

use core::convert::Infallible;
use core::pin::pin;
use core::task::Waker;

use kinglet_core::http::client::Request;
use kinglet_core::http::{Length, Method};
use kinglet_core::websocket::deflate::{Deflater, Inflater};
use kinglet_core::websocket::{CloseCode, Opening, Rest};
use kinglet_core::{Context, Instant, Limits, Stamp};
use kinglet_embedded::{Buffers, Error, Memory, Notice, asynchronous, blocking};

use crate::{Message, Probe};

/// Two functions of a firmware's.
#[derive(Clone, Copy)]
struct Line {
    read: extern "C" fn(*mut u8, usize) -> usize,
    write: extern "C" fn(*const u8, usize) -> usize,
    now: extern "C" fn() -> u64,
}

impl embedded_io::ErrorType for Line {
    type Error = Infallible;
}

impl embedded_io::Read for Line {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        Ok((self.read)(into.as_mut_ptr(), into.len()))
    }
}

impl embedded_io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok((self.write)(bytes.as_ptr(), bytes.len()))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::ReadReady for Line {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok((self.now)() % 2 == 0)
    }
}

impl embedded_io::WriteReady for Line {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok((self.now)() % 3 == 0)
    }
}

impl embedded_io_async::Read for Line {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        Ok((self.read)(into.as_mut_ptr(), into.len()))
    }
}

impl embedded_io_async::Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok((self.write)(bytes.as_ptr(), bytes.len()))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl blocking::Platform<Self> for Line {
    fn now(&mut self) -> Instant {
        Instant::from_millis((self.now)())
    }

    fn notice(&mut self) -> Option<Notice> {
        ((self.now)() % 5 == 0).then_some(Notice::Drain)
    }
}

impl asynchronous::Platform<Self> for Line {
    fn now(&self) -> Instant {
        Instant::from_millis((self.now)())
    }

    async fn wait_until(&self, _: Instant) {}
}

fn probe() -> Probe {
    Probe {
        ticket: None,
        message: Message::new(heapless::Vec::new()),
    }
}

fn request(content: Length) -> Request<'static> {
    Request {
        method: Method::Post,
        content: Some(content),
        ..Request::get("/", "probe")
    }
}

fn random() -> [u8; 4] {
    [1, 2, 3, 4]
}

/// A server, an HTTP exchange and a WebSocket, one after the other.
#[unsafe(no_mangle)]
extern "C" fn kinglet_probe_blocking(
    read: extern "C" fn(*mut u8, usize) -> usize,
    write: extern "C" fn(*const u8, usize) -> usize,
    now: extern "C" fn() -> u64,
) -> usize {
    let line = Line { read, write, now };
    let mut context = Context::new(Limits::MICROCONTROLLER, Stamp::new("probe"));
    let (mut input, mut output) = ([0; 512], [0; 512]);
    let mut inflater = Inflater::new([0; 1024]);
    let mut deflater = Deflater::new([0; 1024], [0; 512]);
    let buffers = Buffers::new(&mut input, &mut output).with_codecs(&mut inflater, &mut deflater);
    let (mut stream, mut platform) = (line, line);
    let served =
        blocking::serve(&mut stream, &mut probe(), &mut context, buffers, &mut platform);
    usize::from(served.is_ok()).wrapping_add(blocking_clients(line).unwrap_or(0))
}

fn blocking_clients(line: Line) -> Result<usize, Error<Infallible>> {
    let limits = Limits::MICROCONTROLLER;
    let mut memory = Memory::<512, 512>::new();
    let mut client = blocking::Http::new(line, line, memory.lend(), limits.clone());
    let mut len = client.ask(&request(Length::Exact(9)), b"0123456789")?.fields().into_iter().count();
    while let Some(content) = client.read()? {
        len = len.wrapping_add(content.len());
    }
    client.request(&request(Length::Unknown))?;
    client.write(&[7; 1000])?;
    client.finish(&[])?;
    len = len.wrapping_add(client.trailers().into_iter().count());

    let opening = Opening::new("/", "probe", [0; 16]);
    let (mut socket, _) =
        blocking::WebSocket::open(line, line, memory.lend(), limits, opening, random, None)?;
    let mut into = [0; 256];
    socket.send("text")?;
    socket.fragment(&[1_u8; 9][..], Rest::None)?;
    socket.ping(b"ping")?;
    socket.receive(&mut into, None)?;
    socket.close(CloseCode::NORMAL, "probe")?;
    Ok(len)
}

/// The same, in the first poll of each task.
#[unsafe(no_mangle)]
extern "C" fn kinglet_probe_asynchronous(
    read: extern "C" fn(*mut u8, usize) -> usize,
    write: extern "C" fn(*const u8, usize) -> usize,
    now: extern "C" fn() -> u64,
) -> usize {
    let line = Line { read, write, now };
    let mut task = core::task::Context::from_waker(Waker::noop());
    let mut context = Context::new(Limits::MICROCONTROLLER, Stamp::new("probe"));
    let mut memory = Memory::<512, 512>::new();
    let (mut stream, mut application, buffers) = (line, probe(), memory.lend());
    let served =
        asynchronous::serve(&mut stream, &mut application, &mut context, buffers, &line);
    let is_served = pin!(served).poll(&mut task).is_ready();
    let is_asked = pin!(asynchronous_clients(line)).poll(&mut task).is_ready();
    usize::from(is_served).wrapping_add(usize::from(is_asked))
}

async fn asynchronous_clients(line: Line) -> Result<usize, Error<Infallible>> {
    let limits = Limits::MICROCONTROLLER;
    let mut memory = Memory::<512, 512>::new();
    let mut client = asynchronous::Http::new(line, line, memory.lend(), limits.clone());
    client.ask(&request(Length::Unknown), b"0123456789").await?;
    let mut len = 0_usize;
    while let Some(content) = client.read().await? {
        len = len.wrapping_add(content.len());
    }
    let opening = Opening::new("/", "probe", [0; 16]);
    let opened =
        asynchronous::WebSocket::open(line, line, memory.lend(), limits, opening, random, None);
    let (mut socket, _) = opened.await?;
    let mut into = [0; 256];
    socket.send("text").await?;
    socket.receive(&mut into, None).await?;
    socket.close(CloseCode::NORMAL, "probe").await?;
    Ok(len)
}
