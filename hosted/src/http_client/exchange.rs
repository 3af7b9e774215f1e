//! One request and its answer, over a connection that waits.
//!
//! Both directions go on in the same loop: content is sent while an answer is read, so a server that
//! answers early, or as it reads, is never waited for in vain.

use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use kinglet_core::http::client::{self, Event, SendError};
use kinglet_core::http::{Field, Length, Method, SyntaxError};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Input, Output, http};

use super::options::Trace;
use super::pool::Idle;
use super::redirect::Hop;
use super::request::{Content, Source};
use super::{Error, Expect, HttpClientOptions, Phase};
use crate::buffers::BUFFER_LEN;
use crate::transport::{BYTES, ROOM_TOO};

/// Content is read in pieces of this many bytes.
const PART_LEN: usize = 16 * 1024;

/// An exchange under way.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(super) struct Exchange<'r> {
    idle: Idle,
    options: Arc<HttpClientOptions>,
    // window[start..filled] has come and is not consumed; start <= filled <= window.len()
    window: Vec<u8>,
    start: usize,
    filled: usize,
    has_ended: bool,
    /// A byte of an answer has come.
    is_answered: bool,
    is_final: bool,
    room: Vec<u8>,
    queue: Queue,
    source: Source<'r>,
    // part[part_at..] was read from the source and is not sent
    part: Vec<u8>,
    part_at: usize,
    sending: Sending,
    began: Instant,
    /// When bytes moved last, of those that count for the phase.
    moved: Instant,
    overall: Option<Instant>,
    /// Content that has come, as a part of what remains in the window.
    data: (usize, usize),
}

/// What becomes of the request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// It waits for 100 (Continue), until then.
    Withheld(Instant),
    Flowing,
    /// It is whole, or no use to anybody.
    Over,
}

impl<'r> Exchange<'r> {
    /// Writes the head of a request, to be sent.
    pub(super) fn new(
        idle: Idle,
        options: Arc<HttpClientOptions>,
        hop: &Hop<'_>,
        fields: &[Field<'_>],
        source: Source<'r>,
        overall: Option<Instant>,
    ) -> Result<Self, Error> {
        let now = Instant::now();
        let mut exchange = Self {
            idle,
            options,
            window: vec![0; BUFFER_LEN],
            start: 0,
            filled: 0,
            has_ended: false,
            is_answered: false,
            is_final: false,
            room: vec![0; BUFFER_LEN],
            queue: Queue::new(),
            source,
            part: Vec::new(),
            part_at: 0,
            sending: Sending::Flowing,
            began: now,
            moved: now,
            overall,
            data: (0, 0),
        };
        let is = |field: &&Field<'_>, name| field.name().eq_ignore_ascii_case(name);
        let host = fields.iter().find(|field| is(field, "Host"));
        let host = host.and_then(|field| core::str::from_utf8(field.value()).ok());
        let authority = hop.origin.authority();
        let rest: Vec<_> = fields
            .iter()
            .filter(|field| !is(field, "Host"))
            .copied()
            .collect();
        let expects = fields.iter().any(|field| is(&field, "Expect"));
        let content = (!hop.is_without_content)
            .then(|| exchange.source.length())
            .flatten();
        let request = client::Request {
            method: hop.method,
            target: &hop.target(),
            authority: host.unwrap_or(&authority),
            fields: &rest,
            content,
            offers_upgrade: false,
        };
        if request.method == Method::Connect {
            return Err(Error::Request(SendError::Invalid));
        }
        let mut output = Output::new(&mut exchange.room, &mut exchange.queue);
        let input = Input::new(&mut [], Outlook::More);
        let machine = &mut exchange.idle.machine;
        machine
            .request(&request, &input, &mut output)
            .map_err(Error::Request)?;
        exchange.sending = match (machine.is_sending(), expects, exchange.options.expect) {
            (false, ..) => Sending::Over,
            (true, true, Expect::From(_, wait)) => now
                .checked_add(wait)
                .map_or(Sending::Flowing, Sending::Withheld),
            (true, ..) => Sending::Flowing,
        };
        let head: Vec<u8> = exchange
            .queue
            .slices(&exchange.room)
            .flatten()
            .copied()
            .collect();
        exchange.options.tell(&Trace::Asked(&head));
        Ok(exchange)
    }

    /// Sends, and waits for the final response's head.
    pub(super) fn head(&mut self) -> Result<Vec<u8>, Error> {
        match self.next()? {
            Event::Head => {}
            Event::Closed => return Err(Error::Closed),
            Event::Receive | Event::Data { .. } | Event::End { .. } => {
                return Err(broken(ErrorKind::InvalidData));
            }
        }
        self.is_final = true;
        self.moved = Instant::now();
        let remaining = &self.window[self.start..self.filled];
        let Some(response) = self.idle.machine.response(remaining) else {
            return Err(broken(ErrorKind::InvalidData));
        };
        let took = self.began.elapsed();
        self.options.tell(&Trace::Answered(&response, took));
        // What was refused, or is asked for elsewhere, need not be sent (RFC 9110 §10.1.1).
        let is_unwanted = response.status().code() >= 300;
        if is_unwanted || matches!(self.sending, Sending::Withheld(_)) {
            self.sending = Sending::Over;
        }
        Ok(remaining[..response.head_len()].to_vec())
    }

    /// How many bytes of content are to come, where that was declared.
    pub(super) fn content_left(&self) -> Option<u64> {
        self.idle.machine.content_left()
    }

    /// Reads content; 0 bytes are the end.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, Error> {
        loop {
            let (from, to) = self.data;
            if from < to {
                let data = &self.window[self.start..self.filled][from..to];
                let len = data.len().min(room.len());
                room[..len].copy_from_slice(&data[..len]);
                self.data.0 += len;
                return Ok(len);
            }
            match self.next()? {
                Event::Data { start, end } => self.data = (start, end),
                Event::End { .. } => {
                    // The machine takes note that the trailer section is done with.
                    let _nothing_follows = self.step()?;
                    return Ok(0);
                }
                Event::Receive | Event::Head | Event::Closed => {
                    return Err(broken(ErrorKind::InvalidData));
                }
            }
        }
    }

    /// The connection, for another exchange, where one may follow.
    pub(super) fn into_idle(self) -> Option<Idle> {
        let is_clean = self.start == self.filled
            && !self.has_ended
            && self.queue.is_empty()
            && !self.idle.machine.is_busy()
            && self.idle.machine.persists();
        is_clean.then_some(self.idle)
    }

    /// How long the request's content is, where there is some.
    pub(super) const fn content(&self) -> Option<Length> {
        self.source.length()
    }

    /// Whether the request can be sent again, whole.
    pub(super) const fn can_begin_again(&self) -> bool {
        self.source.can_begin()
    }

    /// The content, and the connection as [`into_idle`](Self::into_idle) has it.
    pub(super) fn split(mut self) -> (Source<'r>, Option<Idle>) {
        let source = core::mem::replace(&mut self.source, Source::new(Content::None));
        (source, self.into_idle())
    }

    pub(super) fn into_source(self) -> Source<'r> {
        self.source
    }

    fn next(&mut self) -> Result<Event, Error> {
        loop {
            let has_sent = self.send()?;
            match self.step()? {
                Event::Receive if self.has_ended => return Err(broken(ErrorKind::UnexpectedEof)),
                Event::Receive => {}
                event => return Ok(event),
            }
            if !(self.receive()? || has_sent) {
                self.wait()?;
            }
        }
    }

    fn step(&mut self) -> Result<Event, Error> {
        let remaining = &mut self.window[self.start..self.filled];
        let outlook = match (self.has_ended, remaining.len()) {
            (true, _) => Outlook::Ended,
            (false, BUFFER_LEN) => Outlook::Full,
            (false, _) => Outlook::More,
        };
        let mut input = Input::new(remaining, outlook);
        let mut may_go_on = false;
        let (options, took) = (&self.options, self.began.elapsed());
        let machine = &mut self.idle.machine;
        let event = machine.step_with_interim(&options.limits, &mut input, |interim| {
            may_go_on |= interim.status().code() == 100;
            options.tell(&Trace::Answered(interim, took));
        });
        self.start += input.consumed();
        if may_go_on && matches!(self.sending, Sending::Withheld(_)) {
            self.sending = Sending::Flowing;
            self.moved = Instant::now();
        }
        event.map_err(|error| match error {
            http::Error::Syntax(SyntaxError::Truncated) => broken(ErrorKind::UnexpectedEof),
            error => Error::Invalid(error),
        })
    }

    /// Sends what there is room for; answers whether anything was.
    fn send(&mut self) -> Result<bool, Error> {
        let mut has_sent = false;
        loop {
            if self.queue.is_empty() {
                if self.sending != Sending::Flowing {
                    break;
                }
                self.produce()?;
                continue;
            }
            let slice = self.queue.slices(&self.room).next().unwrap_or_default();
            match self.idle.transport.try_write(slice) {
                Ok(len) => {
                    self.queue.advance(len);
                    self.moved = Instant::now();
                    has_sent = true;
                    // Between two parts an answer is listened for.
                    if self.queue.is_empty() && self.sending == Sending::Flowing {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(has_sent),
                Err(_) => {
                    // An answer may have come ahead of the reset; what is received tells.
                    self.queue.clear();
                    self.sending = Sending::Over;
                }
            }
        }
        if self.idle.transport.try_flush().is_err() {
            self.sending = Sending::Over;
        }
        Ok(has_sent)
    }

    /// Puts more content, or its end, into the room.
    fn produce(&mut self) -> Result<(), Error> {
        if self.part_at == self.part.len() {
            self.part.resize(PART_LEN, 0);
            let len = self.source.read(&mut self.part).map_err(Error::Content)?;
            self.part.truncate(len);
            self.part_at = 0;
        }
        let mut output = Output::new(&mut self.room, &mut self.queue);
        let machine = &mut self.idle.machine;
        if self.part.is_empty() {
            self.sending = Sending::Over;
            let finished = machine.finish(&[], &mut output);
            return finished.map_err(|_| Error::Content(ErrorKind::UnexpectedEof.into()));
        }
        let written = machine.write(&self.part[self.part_at..], &mut output);
        self.part_at += written.map_err(Error::Request)?;
        Ok(())
    }

    /// Receives what has come; answers whether anything has.
    fn receive(&mut self) -> Result<bool, Error> {
        if self.start > 0 {
            self.window.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
        }
        if self
            .overall
            .is_some_and(|overall| Instant::now() >= overall)
        {
            return Err(Error::Timeout(Phase::Overall));
        }
        match self
            .idle
            .transport
            .try_read(&mut self.window[self.filled..])
        {
            Ok(0) => self.has_ended = true,
            Ok(len) => {
                self.filled += len;
                self.is_answered = true;
                if self.is_final {
                    self.moved = Instant::now();
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(_) if !self.is_answered => return Err(Error::Closed),
            Err(error) => return Err(Error::Broken(error)),
        }
        Ok(true)
    }

    fn wait(&mut self) -> Result<(), Error> {
        let timeouts = &self.options.timeouts;
        let is_sending = !self.queue.is_empty() || self.sending == Sending::Flowing;
        let (due, phase) = match self.sending {
            Sending::Withheld(until) => (Some(until), Phase::Head),
            _ if self.is_final || is_sending => {
                (later(self.moved, timeouts.content), Phase::Content)
            }
            _ => (later(self.moved, timeouts.head), Phase::Head),
        };
        let wanted = if is_sending { ROOM_TOO } else { BYTES };
        let until = [due, self.overall].into_iter().flatten().min();
        match self.idle.transport.wait(wanted, until) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => return Err(Error::Broken(error)),
            Ok(()) => return Ok(()),
        }
        if self
            .overall
            .is_some_and(|overall| Instant::now() >= overall)
        {
            return Err(Error::Timeout(Phase::Overall));
        }
        if matches!(self.sending, Sending::Withheld(_)) {
            // RFC 9110 §10.1.1: a client that waits for 100 does not wait for ever.
            self.sending = Sending::Flowing;
            self.moved = Instant::now();
            return Ok(());
        }
        Err(Error::Timeout(phase))
    }
}

fn broken(kind: ErrorKind) -> Error {
    Error::Broken(io::Error::from(kind))
}

fn later(moment: Instant, by: Duration) -> Option<Instant> {
    moment.checked_add(by)
}
