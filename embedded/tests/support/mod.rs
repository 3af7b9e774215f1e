//! Two ends of a line in memory, a clock that a test moves, and who acts while a driver waits.
//!
//! ```text
//!   near: End --- the driver's stream ---> sent ---> far: End, or what the script takes
//!                                     <--- incoming <---
//! ```
//!
//! Everything happens on one thread. A driver that blocks calls `idle`, one that does not is polled:
//! either way the next act of the script follows, and the time jumps to the deadline when there is none.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of this")]

pub mod application;

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_io::{ErrorKind, ErrorType};
use kinglet_core::Instant;
use kinglet_embedded::{Notice, blocking};

/// One direction of a line.
#[derive(Debug)]
struct Way {
    bytes: VecDeque<u8>,
    /// How many bytes fit.
    capacity: usize,
    /// How many of them one call moves at most.
    bite: usize,
    state: State,
}

/// What a way has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Broken,
}

/// One end of a line, with the traits of both kinds of drivers.
#[derive(Clone, Debug)]
pub struct End {
    incoming: Rc<RefCell<Way>>,
    outgoing: Rc<RefCell<Way>>,
    pub flushes: Rc<Cell<usize>>,
}

/// A line whose ways take this many bytes, and move so many of them with each call.
pub fn line(capacity: usize, bite: usize) -> (End, End) {
    let way = || {
        Rc::new(RefCell::new(Way {
            bytes: VecDeque::new(),
            capacity,
            bite,
            state: State::Open,
        }))
    };
    let (there, back) = (way(), way());
    let end = |incoming: &Rc<RefCell<Way>>, outgoing: &Rc<RefCell<Way>>| End {
        incoming: Rc::clone(incoming),
        outgoing: Rc::clone(outgoing),
        flushes: Rc::default(),
    };
    (end(&back, &there), end(&there, &back))
}

impl End {
    /// Sends as much as fits, and answers how much that is.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut way = self.outgoing.borrow_mut();
        let len = bytes.len().min(way.capacity - way.bytes.len());
        way.bytes.extend(&bytes[..len]);
        len
    }

    /// Takes up to `len` bytes of what has come.
    pub fn take(&self, len: usize) -> Vec<u8> {
        let mut way = self.incoming.borrow_mut();
        let len = len.min(way.bytes.len());
        way.bytes.drain(..len).collect()
    }

    /// Closes the sending side.
    pub fn finish(&self) {
        self.outgoing.borrow_mut().state = State::Ended;
    }

    /// Whether the other end has closed its sending side.
    pub fn has_ended(&self) -> bool {
        self.incoming.borrow().state == State::Ended
    }

    /// Breaks the line: every call of either end fails from now on.
    pub fn sever(&self) {
        for way in [&self.incoming, &self.outgoing] {
            way.borrow_mut().state = State::Broken;
        }
    }

    fn read_now(&self, into: &mut [u8]) -> Result<Option<usize>, ErrorKind> {
        let mut way = self.incoming.borrow_mut();
        if way.state == State::Broken {
            return Err(ErrorKind::ConnectionReset);
        }
        let len = into.len().min(way.bytes.len()).min(way.bite);
        for (to, byte) in into.iter_mut().zip(way.bytes.drain(..len)) {
            *to = byte;
        }
        Ok((len > 0 || way.state == State::Ended).then_some(len))
    }

    fn write_now(&self, bytes: &[u8]) -> Result<Option<usize>, ErrorKind> {
        let mut way = self.outgoing.borrow_mut();
        if way.state == State::Broken {
            return Err(ErrorKind::ConnectionReset);
        }
        assert!(way.state != State::Ended, "a write after the end");
        let room = way.capacity - way.bytes.len();
        let len = bytes.len().min(room).min(way.bite);
        way.bytes.extend(&bytes[..len]);
        Ok((len > 0).then_some(len))
    }
}

impl ErrorType for End {
    type Error = ErrorKind;
}

impl embedded_io::Read for End {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        let len = self.read_now(into)?;
        Ok(len.expect("a read only when the stream is ready"))
    }
}

impl embedded_io::Write for End {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let len = self.write_now(bytes)?;
        Ok(len.expect("a write only when the stream is ready"))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushes.set(self.flushes.get() + 1);
        Ok(())
    }
}

impl embedded_io::ReadReady for End {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        let way = self.incoming.borrow();
        match way.state == State::Broken {
            true => Err(ErrorKind::ConnectionReset),
            false => Ok(!way.bytes.is_empty() || way.state == State::Ended),
        }
    }
}

impl embedded_io::WriteReady for End {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        let way = self.outgoing.borrow();
        match way.state == State::Broken {
            true => Err(ErrorKind::ConnectionReset),
            false => Ok(way.bytes.len() < way.capacity),
        }
    }
}

#[cfg(feature = "async")]
impl embedded_io_async::Read for End {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| match self.read_now(into) {
            Ok(Some(len)) => Poll::Ready(Ok(len)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        })
        .await
    }
}

#[cfg(feature = "async")]
impl embedded_io_async::Write for End {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| match self.write_now(bytes) {
            Ok(Some(len)) => Poll::Ready(Ok(len)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushes.set(self.flushes.get() + 1);
        Ok(())
    }
}

/// What happens while a driver waits.
#[derive(Clone, Debug)]
pub enum Act {
    /// The peer sends.
    Send(Vec<u8>),
    /// The peer takes up to this much.
    Take(usize),
    /// The peer closes its sending side.
    Finish,
    /// The line breaks.
    Sever,
    /// The driver is told.
    Tell(Notice),
    /// So many milliseconds pass.
    Pass(u64),
}

/// A clock, a script, and the far end of the line.
#[derive(Clone)]
pub struct World {
    millis: Rc<Cell<u64>>,
    script: Rc<RefCell<VecDeque<Act>>>,
    notices: Rc<RefCell<VecDeque<Notice>>>,
    far: Rc<RefCell<Option<End>>>,
    received: Rc<RefCell<Vec<u8>>>,
    /// The earliest time that somebody waits for.
    wakes: Rc<Cell<Option<Instant>>>,
    /// Who acts beside the script: a server under a client, or the other way round.
    other: Rc<RefCell<Option<Other>>>,
    pub unix_seconds: Rc<Cell<Option<u64>>>,
}

type Other = Pin<Box<dyn Future<Output = ()>>>;

impl World {
    pub fn new() -> Self {
        Self {
            millis: Rc::new(Cell::new(1000)),
            script: Rc::default(),
            notices: Rc::default(),
            far: Rc::default(),
            received: Rc::default(),
            wakes: Rc::default(),
            other: Rc::default(),
            unix_seconds: Rc::default(),
        }
    }

    /// A world in which a script has the far end of a line.
    pub fn scripted(far: End, script: impl IntoIterator<Item = Act>) -> Self {
        let world = Self::new();
        *world.far.borrow_mut() = Some(far);
        world.script.borrow_mut().extend(script);
        world
    }

    /// Has `other` polled while somebody waits.
    pub fn beside(&self, other: impl Future<Output = ()> + 'static) {
        *self.other.borrow_mut() = Some(Box::pin(other));
    }

    pub fn millis(&self) -> u64 {
        self.millis.get()
    }

    /// What the peer has got, and what still lies on the line.
    pub fn received(&self) -> String {
        if let Some(far) = &*self.far.borrow() {
            self.received.borrow_mut().extend(far.take(usize::MAX));
        }
        String::from_utf8_lossy(&self.received.borrow()).into_owned()
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.millis.get())
    }

    /// Something happens: the other future goes on, or the next act follows, or it gets late.
    fn turn(&self, until: Option<Instant>) {
        self.wakes.set(None);
        let other = self.other.borrow_mut().take();
        if let Some(mut other) = other {
            let poll = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if poll.is_pending() {
                *self.other.borrow_mut() = Some(other);
            }
        }
        let act = self.script.borrow_mut().pop_front();
        match act {
            Some(act) => self.act(act),
            None => {
                // A millisecond for what others do; all the time there is where nobody else is.
                let is_alone = self.other.borrow().is_none();
                match until {
                    Some(until) if is_alone => self.jump(until),
                    None if is_alone => panic!("a wait without end"),
                    _ => self.millis.set(self.millis.get() + 1),
                }
            }
        }
    }

    fn jump(&self, until: Instant) {
        let passed = self.instant().until(until).as_millis();
        self.millis
            .set(self.millis.get() + u64::try_from(passed).unwrap());
    }

    fn act(&self, act: Act) {
        let far = self.far.borrow().clone().expect("a far end");
        match act {
            Act::Send(bytes) => {
                let len = far.send(&bytes);
                if len < bytes.len() {
                    let rest = Act::Send(bytes[len..].to_vec());
                    self.script.borrow_mut().push_front(rest);
                    assert!(len > 0 || self.millis.get() < 10_000_000, "nobody reads");
                    self.millis.set(self.millis.get() + 1);
                }
            }
            Act::Take(len) => self.received.borrow_mut().extend(far.take(len)),
            Act::Finish => far.finish(),
            Act::Sever => far.sever(),
            Act::Tell(notice) => self.notices.borrow_mut().push_back(notice),
            Act::Pass(millis) => self.millis.set(self.millis.get() + millis),
        }
    }

    /// Polls `future` to its end, with something happening in between.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = core::pin::pin!(future);
        loop {
            self.wakes.set(None);
            match future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(done) => return done,
                Poll::Pending => self.turn(self.wakes.get()),
            }
        }
    }
}

impl blocking::Platform<End> for World {
    fn now(&mut self) -> Instant {
        self.instant()
    }

    fn idle(&mut self, _: &mut End, until: Option<Instant>) {
        let is_over = until.is_some_and(|until| self.instant().has_reached(until));
        assert!(!is_over, "a wait for what has come already");
        self.turn(until);
    }

    fn notice(&mut self) -> Option<Notice> {
        self.notices.borrow_mut().pop_front()
    }

    fn unix_seconds(&mut self) -> Option<u64> {
        self.unix_seconds.get()
    }

    fn close_sending(&mut self, stream: &mut End) -> Result<(), ErrorKind> {
        stream.finish();
        Ok(())
    }
}

#[cfg(feature = "async")]
impl kinglet_embedded::asynchronous::Platform<End> for World {
    fn now(&self) -> Instant {
        self.instant()
    }

    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| {
            if self.instant().has_reached(at) {
                return Poll::Ready(());
            }
            let first = self.wakes.get().map_or(at, |wake| wake.earlier(at));
            self.wakes.set(Some(first));
            Poll::Pending
        })
        .await;
    }

    fn poll_notice(&self, _: &mut Context<'_>) -> Poll<Notice> {
        match self.notices.borrow_mut().pop_front() {
            Some(notice) => Poll::Ready(notice),
            None => Poll::Pending,
        }
    }

    fn unix_seconds(&self) -> Option<u64> {
        self.unix_seconds.get()
    }

    async fn close_sending(&self, stream: &mut End) -> Result<(), ErrorKind> {
        stream.finish();
        Ok(())
    }
}
