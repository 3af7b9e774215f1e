//! A session, its driver and its peer, in memory and in virtual time.
//!
//! ```text
//!   peer -- send() --> in flight --> input (capacity) --> session
//!   peer <-- received <-- appetite <-- output (room) <-----+
//! ```
//!
//! The driver follows the contract of [`Turn`] to the letter, and watches the session while it does: a
//! turn that asks for something it does not need, an application called without end, and a wait
//! without a deadline all fail the test.

use std::time::Duration;

use kinglet_core::http::server::{Cause, Part};
use kinglet_core::http::{Handled, Reply, Request, Status, Stream, Ticket};
use kinglet_core::websocket::deflate::{Deflater, Inflater};
use kinglet_core::websocket::{self, Closed, Socket};
use kinglet_core::window::{Outlook, Overflow, Queue};
use kinglet_core::{
    Application, Compression, Context, Input, Instant, Limits, Outcome, Output, Session, Stamp,
    Traffic, Turn,
};

use super::escape::escape;

/// What the driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for bytes from the peer.
    Receiving,
    /// It waits for the peer to take what is in the output; the next turn is due then.
    Sending,
    /// It waits for a ticket or the deadline.
    Waiting,
    /// It has closed its sending side, and waits for the peer to close.
    Shut,
    /// The connection is closed.
    Closed(Cause),
}

pub struct Link<A: Application> {
    pub application: A,
    pub session: Session<A::Exchange>,
    pub context: Context,
    pub state: State,
    /// What the peer has sent and the driver has not taken.
    in_flight: Vec<u8>,
    /// What the session has not consumed.
    input: Vec<u8>,
    /// How many bytes of input the driver has memory for.
    capacity: usize,
    peer_has_closed: bool,
    bytes: Vec<u8>,
    queue: Queue,
    overflow: Option<Spill>,
    codecs: Option<Box<Codecs>>,
    /// How many bytes the peer takes before it stops reading.
    appetite: usize,
    received: Vec<u8>,
    /// Whether the sending side is closed as soon as all is sent.
    shuts: bool,
    /// Turns so far.
    pub turns: usize,
    /// Bytes still to be sent when the connection closed; the peer does not get them.
    pub lost: usize,
    /// Whether a wait may be without a deadline: a tunnel, or a ticket that is out.
    pub patient: bool,
}

/// A driver's memory for compression.
#[derive(Debug)]
struct Codecs {
    inflater: Inflater<Vec<u8>>,
    deflater: Deflater<Vec<u8>, Vec<u16>>,
}

/// A driver's heap.
#[derive(Debug, Default)]
pub struct Spill {
    bytes: Vec<u8>,
    pub max_len: usize,
}

impl Overflow for Spill {
    fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = self.bytes.len() + bytes.len() <= self.max_len;
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    fn room(&self) -> usize {
        self.max_len.saturating_sub(self.bytes.len())
    }
}

impl<A: Application> Link<A> {
    /// A connection just accepted, by a driver with room for what its limits promise.
    pub fn new(application: A, limits: Limits) -> Self {
        let room = usize::from(limits.min_room);
        let capacity = usize::from(limits.max_head_len) + 64 * 1024;
        Self::with_buffers(application, limits, capacity, room)
    }

    /// The same, with this much memory for input and output.
    pub fn with_buffers(application: A, limits: Limits, capacity: usize, room: usize) -> Self {
        Self {
            application,
            session: Session::new(),
            context: Context::new(limits, Stamp::EMPTY),
            state: State::Receiving,
            in_flight: Vec::new(),
            input: Vec::new(),
            capacity,
            peer_has_closed: false,
            bytes: vec![0; room],
            queue: Queue::new(),
            overflow: None,
            codecs: None,
            appetite: usize::MAX,
            received: Vec::new(),
            shuts: false,
            turns: 0,
            lost: 0,
            patient: false,
        }
    }

    /// Lets the driver put up to `max_len` bytes of an answer on its heap.
    pub fn with_overflow(mut self, max_len: usize) -> Self {
        self.overflow = Some(Spill {
            max_len,
            ..Spill::default()
        });
        self
    }

    /// Lets the driver lend windows of this many bytes.
    pub fn with_windows(mut self, len: usize) -> Self {
        self.context.compression = Compression::Lent;
        self.codecs = Some(Box::new(Codecs {
            inflater: Inflater::new(vec![0; len]),
            deflater: Deflater::new(vec![0; len], vec![0; 1024]),
        }));
        self
    }

    /// The connection has been accepted, at this time.
    pub fn open(mut self, now: Instant) -> Self {
        self.context.now = now;
        self.run();
        self
    }

    /// The peer sends `bytes`, and they arrive at once.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        assert!(!self.peer_has_closed, "the peer has closed its side");
        self.in_flight.extend_from_slice(bytes.as_ref());
        self.run();
        self
    }

    /// The peer sends `bytes` one at a time, each of which is a turn.
    pub fn trickle(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
        self
    }

    /// The peer closes its sending side.
    pub fn finish(&mut self) -> &mut Self {
        self.peer_has_closed = true;
        self.run();
        self
    }

    /// From now on the peer takes `len` bytes and no more; what has been offered already, at once.
    pub fn take(&mut self, len: usize) -> &mut Self {
        self.appetite = len;
        self.flush();
        self.run();
        self
    }

    /// The peer takes `len` bytes at a time until nothing more comes, and adds them to `received`. One
    /// that takes all there is at any time has them already.
    pub fn bite(&mut self, len: usize, received: &mut Vec<u8>) {
        if len == usize::MAX {
            return;
        }
        loop {
            self.take(len);
            let bitten = self.received();
            received.extend_from_slice(&bitten);
            if bitten.is_empty() {
                return;
            }
        }
    }

    /// What the peer has got since it was last asked.
    pub fn received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// The same as text.
    pub fn received_text(&mut self) -> String {
        escape(&self.received())
    }

    /// Redeems a ticket, as the driver does for another thread.
    pub fn redeem(&mut self, ticket: Ticket) -> bool {
        let good = self.session.redeem(ticket);
        if good {
            self.state = State::Receiving;
            self.run();
        }
        good
    }

    /// Answers in the application's stead.
    pub fn answer(&mut self, ticket: Ticket, answer: impl FnOnce(Reply<'_>) -> Handled) -> bool {
        let mut output = Output::new(&mut self.bytes, &mut self.queue);
        let mut answer = Some(answer);
        let good = self.session.answer(
            ticket,
            &mut self.application,
            &self.context,
            &mut output,
            &mut |reply| match answer.take() {
                Some(answer) => answer(reply),
                None => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
            },
        );
        if good {
            self.state = State::Receiving;
            self.flush();
            self.run();
        }
        good
    }

    /// The connection is lost, as by a reset.
    pub fn lose(&mut self) -> &mut Self {
        self.session.abandon(&mut self.application);
        self.state = State::Closed(Cause::Peer);
        self
    }

    /// The driver wants to be done with the connection.
    pub fn drain(&mut self) -> &mut Self {
        self.session.drain();
        self.run();
        self
    }

    /// Lets `duration` pass. The driver wakes at each deadline on the way, and at no other time.
    pub fn pass(&mut self, duration: Duration) -> &mut Self {
        let end = self.context.now.after(duration);
        for _ in 0..10_000 {
            match self.deadline() {
                Some(deadline) if end.has_reached(deadline) => {
                    self.context.now = deadline;
                    self.wake();
                }
                _ => {
                    self.context.now = end;
                    return self;
                }
            }
        }
        panic!("the deadline is passed again and again");
    }

    /// Lets time pass up to the next deadline, and answers how long that was.
    pub fn pass_to_deadline(&mut self) -> Option<Duration> {
        let deadline = self.deadline()?;
        let duration = self.context.now.until(deadline);
        self.context.now = deadline;
        self.wake();
        Some(duration)
    }

    /// How long it is until the deadline.
    pub fn patience(&self) -> Option<Duration> {
        Some(self.context.now.until(self.deadline()?))
    }

    /// Bytes that the session has left in the input, those in flight included.
    pub fn unread(&self) -> usize {
        self.input.len() + self.in_flight.len()
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Closed(_) => None,
            State::Receiving | State::Sending | State::Waiting | State::Shut => {
                self.session.deadline()
            }
        }
    }

    /// A deadline has passed: an attempt to send, and a turn.
    fn wake(&mut self) {
        self.flush();
        if !matches!(self.state, State::Closed(_)) && self.overflow_is_empty() {
            self.turn();
            self.run();
        }
        if let Some(deadline) = self.deadline() {
            assert!(
                !self.context.now.has_reached(deadline),
                "a turn leaves its deadline passed: {:?}",
                self.state
            );
        }
    }

    /// Takes turns until there is nothing to do but wait.
    fn run(&mut self) {
        let mut idle = 0;
        loop {
            // What is in the overflow comes before anything a turn could append.
            let is_due = self.overflow_is_empty()
                && match self.state {
                    State::Receiving | State::Shut => true,
                    State::Sending => self.unsent() == 0,
                    State::Waiting => self.peer_has_closed || !self.in_flight.is_empty(),
                    State::Closed(_) => false,
                };
            if !is_due {
                return;
            }
            let before = self.measure();
            self.turn();
            if self.measure() != before {
                idle = 0;
                continue;
            }
            idle += 1;
            match self.state {
                State::Receiving | State::Shut | State::Waiting => return,
                State::Sending if self.unsent() > 0 => return,
                State::Sending | State::Closed(_) => {}
            }
            assert!(idle < 3, "turns without progress: {:?}", self.state);
        }
    }

    /// What every turn has to change, or else to wait.
    fn measure(&self) -> (usize, usize, usize, State) {
        let written = self.received.len() + self.unsent();
        (self.unread(), written, self.lost, self.state)
    }

    fn turn(&mut self) {
        let room = self.capacity.saturating_sub(self.input.len());
        let arriving = room.min(self.in_flight.len());
        self.input.extend(self.in_flight.drain(..arriving));
        let outlook = if self.peer_has_closed && self.in_flight.is_empty() {
            Outlook::Ended
        } else if self.input.len() >= self.capacity {
            Outlook::Full
        } else {
            Outlook::More
        };
        let was_sending = !self.queue.is_empty();
        let mut input = Input::new(&mut self.input, outlook);
        let mut output = match &mut self.overflow {
            Some(overflow) => Output::with_overflow(&mut self.bytes, &mut self.queue, overflow),
            None => Output::new(&mut self.bytes, &mut self.queue),
        };
        // Each call of the application is worth a byte received or sent, and a few more.
        let mut bound = input.remaining().len() + output.room() + 64;
        if let Some(codecs) = &mut self.codecs {
            // Or a thousand bytes that one inflates to.
            bound *= 1000;
            input = input.with_inflater(&mut codecs.inflater);
            output = output.with_deflater(&mut codecs.deflater);
        }
        let mut watched = Watched {
            application: &mut self.application,
            calls_left: bound,
        };
        self.turns += 1;
        let turn = self
            .session
            .turn(&mut watched, &self.context, &mut input, &mut output);
        let nothing_to_send = output.is_empty();
        let rest = input.remaining().to_vec();
        self.input = rest;
        assert!(
            turn != Turn::Send || was_sending || !nothing_to_send || self.shuts,
            "asks to send nothing"
        );
        self.state = match turn {
            Turn::Receive if self.shuts => State::Shut,
            Turn::Receive => State::Receiving,
            Turn::Send => State::Sending,
            Turn::Wait => State::Waiting,
            Turn::Shutdown => {
                assert!(!self.shuts, "shuts down twice");
                self.shuts = true;
                State::Sending
            }
            Turn::Close(cause) => State::Closed(cause),
        };
        let waits_for_peer = matches!(self.state, State::Receiving | State::Shut);
        assert!(
            !waits_for_peer || self.patient || self.session.deadline().is_some(),
            "waits for the peer without a deadline: {turn:?}"
        );
        self.flush();
    }

    /// Offers what is in the output to the peer, and tells the session what is left.
    fn flush(&mut self) {
        if matches!(self.state, State::Closed(_)) {
            self.lost += self.unsent();
            self.queue = Queue::new();
            return;
        }
        let mut taken = 0;
        for slice in self.queue.slices(&self.bytes) {
            let len = slice.len().min(self.appetite - taken);
            self.received.extend_from_slice(&slice[..len]);
            taken += len;
        }
        self.queue.advance(taken);
        if let Some(overflow) = self.overflow.as_mut().filter(|_| self.queue.is_empty()) {
            let len = overflow.bytes.len().min(self.appetite - taken);
            self.received.extend(overflow.bytes.drain(..len));
            taken += len;
        }
        if self.appetite != usize::MAX {
            self.appetite -= taken;
        }
        if let Err(cause) = self.session.unsent(&self.context, self.unsent()) {
            self.state = State::Closed(cause);
        }
    }

    fn overflow_is_empty(&self) -> bool {
        self.overflow
            .as_ref()
            .is_none_or(|overflow| overflow.bytes.is_empty())
    }

    fn unsent(&self) -> usize {
        self.queue.len()
            + self
                .overflow
                .as_ref()
                .map_or(0, |overflow| overflow.bytes.len())
    }
}

/// An application that is called a bounded number of times.
struct Watched<'a, A> {
    application: &'a mut A,
    calls_left: usize,
}

impl<A> Watched<'_, A> {
    fn count(&mut self) {
        assert!(self.calls_left > 0, "the application is called without end");
        self.calls_left -= 1;
    }
}

impl<A: Application> Application for Watched<'_, A> {
    type Exchange = A::Exchange;

    fn request(
        &mut self,
        exchange: &mut Self::Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        self.count();
        self.application.request(exchange, request, reply)
    }

    fn content(
        &mut self,
        exchange: &mut Self::Exchange,
        part: Part<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        self.count();
        self.application.content(exchange, part, reply)
    }

    fn resume(&mut self, exchange: &mut Self::Exchange, reply: Reply<'_>) -> Handled {
        self.count();
        self.application.resume(exchange, reply)
    }

    fn stream(&mut self, exchange: &mut Self::Exchange, stream: Stream<'_>) -> Handled {
        self.count();
        self.application.stream(exchange, stream)
    }

    fn relay(
        &mut self,
        exchange: &mut Self::Exchange,
        reply: Reply<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> Handled {
        self.application.relay(exchange, reply, answer)
    }

    fn observes(&self) -> bool {
        self.application.observes()
    }

    fn moved(&mut self, exchange: &mut Self::Exchange, traffic: Traffic) {
        self.application.moved(exchange, traffic);
    }

    fn finished(&mut self, exchange: &mut Self::Exchange, outcome: &Outcome<'_>) {
        self.application.finished(exchange, outcome);
    }

    fn opened(&mut self, exchange: &mut Self::Exchange, socket: &mut Socket<'_>) {
        self.count();
        self.application.opened(exchange, socket);
    }

    fn message(
        &mut self,
        exchange: &mut Self::Exchange,
        part: websocket::Part<'_>,
        socket: &mut Socket<'_>,
    ) {
        self.count();
        self.application.message(exchange, part, socket);
    }

    fn ready(&mut self, exchange: &mut Self::Exchange, socket: &mut Socket<'_>) {
        self.count();
        self.application.ready(exchange, socket);
    }

    fn closed(&mut self, exchange: &mut Self::Exchange, closed: Closed<'_>) {
        self.count();
        self.application.closed(exchange, closed);
    }
}
