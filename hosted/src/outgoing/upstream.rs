//! One connection to another server: socket, TLS, what was received, what is to be sent.

use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;

use kinglet_core::http::client::{Connection, Event, Request, SendError};
use kinglet_core::http::{Field, Method, Ticket};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Input, Output};
use rustix::io::Errno;
use rustls::client::UnbufferedClientConnection;

use super::exchange::Failure;
use super::{ClientOptions, DestinationId};
use crate::buffers::{self, BUFFER_LEN, Unread};
use crate::poller::Interest;
use crate::tls::channel::{Channel, Stage};

/// A connection, idle or with an exchange under way.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(super) socket: OwnedFd,
    pub(super) destination: DestinationId,
    channel: Option<Box<Channel<UnbufferedClientConnection>>>,
    pub(super) machine: Connection,
    /// The same without what it has read.
    asked: Connection,
    phase: Phase,
    /// Whom to tell; nobody while it is idle.
    pub(super) ticket: Option<Ticket>,
    /// Which exchange of the connection it is.
    pub(super) exchange: u32,
    pub(super) unread: Option<Unread>,
    /// What was read and not handed over, and how much of it was taken.
    pub(super) event: Option<Event>,
    pub(super) taken: usize,
    /// The request, and how much of it is sent.
    request: Vec<u8>,
    sent: usize,
    /// What goes ahead of it as it is: a preamble, or records.
    raw: Vec<u8>,
    raw_sent: usize,
    pub(super) failure: Option<Failure>,
    /// What decides where the answer ends: HEAD, or GET for all others.
    pub(super) method: Method<'static>,
    pub(super) notes: Notes,
    /// What the poller was told.
    pub(super) watched: Option<Interest>,
    pub(super) deadline: Option<u64>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Shaking,
    Open,
}

/// What is remembered of an exchange.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(super) struct Notes {
    /// A byte of an answer has come.
    pub(super) is_answered: bool,
    /// The answer is another protocol.
    pub(super) is_switched: bool,
    /// The beginning of the request is forgotten.
    is_forgotten: bool,
    /// The connection has carried an exchange before.
    pub(super) is_reused: bool,
    /// The server has closed its side.
    pub(super) has_ended: bool,
    /// The application could not write all it had.
    wants_room: bool,
    /// The answer was handed over to its end.
    pub(super) is_over: bool,
    /// The application has dropped it.
    pub(super) is_given_up: bool,
}

/// A request with what its connection remembers of it, to be sent again.
#[derive(Debug)]
pub(super) struct Again {
    machine: Connection,
    request: Vec<u8>,
    method: Method<'static>,
}

/// Memory that the connections of a thread share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) pool: buffers::Pool,
    records: Vec<u8>,
    plain: Vec<u8>,
}

/// Bytes of a request's head, but for target, authority and field lines, at most.
const HEAD_LEN: usize = 128;

/// Bytes that frame content, at most.
const FRAMING_LEN: usize = 32;

impl Upstream {
    /// A connection that is being made.
    pub(super) fn new(
        socket: OwnedFd,
        destination: DestinationId,
        channel: Option<Box<Channel<UnbufferedClientConnection>>>,
        preamble: &[u8],
    ) -> Self {
        Self {
            socket,
            destination,
            channel,
            machine: Connection::new(),
            asked: Connection::new(),
            phase: Phase::Connecting,
            ticket: None,
            exchange: 0,
            unread: None,
            event: None,
            taken: 0,
            request: Vec::new(),
            sent: 0,
            raw: preamble.to_vec(),
            raw_sent: 0,
            failure: None,
            method: Method::Get,
            notes: Notes::default(),
            watched: None,
            deadline: None,
        }
    }

    /// Begins an exchange.
    pub(super) fn begin(
        &mut self,
        request: &Request<'_>,
        ticket: Ticket,
        shared: &mut Shared,
    ) -> Result<(), SendError> {
        if self.request.capacity() == 0 {
            self.request = shared.pool.take();
        }
        let fields = request.fields.iter();
        let fields: usize = fields
            .map(|field| field.name().len() + field.value().len() + 4)
            .sum();
        let len = request.target.len() + request.authority.len() + fields + HEAD_LEN;
        self.put(len, |machine, output| {
            machine.request(request, &Input::new(&mut [], Outlook::More), output)
        })?;
        self.ticket = Some(ticket);
        self.method = match request.method {
            Method::Head => Method::Head,
            _ => Method::Get,
        };
        Ok(())
    }

    /// Begins an exchange with a request that was sent before.
    pub(super) fn begin_again(&mut self, again: Again, ticket: Ticket) {
        self.machine = again.machine;
        self.asked = again.machine;
        self.request = again.request;
        self.method = again.method;
        self.ticket = Some(ticket);
    }

    /// The request, to be sent again elsewhere.
    pub(super) fn take_again(&mut self) -> Option<Again> {
        self.can_retry().then(|| Again {
            machine: self.asked,
            request: core::mem::take(&mut self.request),
            method: self.method,
        })
    }

    /// Forgets an exchange that is over: another may follow. Answers whether it may.
    pub(super) fn rest(&mut self, shared: &mut Shared) -> bool {
        let is_clean = self.unread.as_ref().is_none_or(|unread| unread.len() == 0)
            && self.machine.persists()
            && !self.machine.is_busy()
            && !self.notes.has_ended
            && self.failure.is_none()
            && self.pending() == 0;
        if let Some(unread) = self.unread.take() {
            unread.recycle(&mut shared.pool);
        }
        shared.pool.put(core::mem::take(&mut self.request));
        self.sent = 0;
        self.ticket = None;
        self.event = None;
        self.exchange = self.exchange.wrapping_add(1);
        self.notes = Notes {
            is_reused: true,
            ..Notes::default()
        };
        is_clean
    }

    /// What the poller should watch it for.
    pub(super) fn interest(&self, options: &ClientOptions) -> Interest {
        let has_room = || {
            let unread = self.unread.as_ref().map_or(0, Unread::len);
            !self.notes.has_ended && unread < options.max_buffer_len
        };
        let writes = self.raw.len() > self.raw_sent
            || (self.phase == Phase::Open && self.request.len() > self.sent);
        match (self.phase, writes, has_room()) {
            (Phase::Connecting, _, _) => Interest::Write,
            (_, true, true) => Interest::Both,
            (_, true, false) => Interest::Write,
            (_, false, true) => Interest::Read,
            (_, false, false) => Interest::None,
        }
    }

    /// When it is due at the latest, as it stands now.
    pub(super) fn due(&self, now: u64, options: &ClientOptions) -> Option<u64> {
        let timeout = if self.phase != Phase::Open {
            // From its beginning on.
            return self
                .deadline
                .or(Some(now + millis(options.connect_timeout)));
        } else if self.ticket.is_none() {
            options.idle_timeout
        } else if self.notes.is_switched {
            return None;
        } else if self.notes.is_answered {
            options.content_timeout
        } else {
            options.head_timeout
        };
        Some(now + millis(timeout))
    }

    /// Its time is up. Answers whether that is a failure.
    pub(super) fn expire(&mut self) -> bool {
        let waits_for_us = self.unread.as_ref().is_some_and(|unread| unread.len() > 0);
        if waits_for_us && self.phase == Phase::Open {
            return false;
        }
        self.fail(match self.phase {
            Phase::Connecting | Phase::Shaking => Failure::ConnectTimeout,
            Phase::Open if self.notes.is_answered => Failure::ContentTimeout,
            Phase::Open => Failure::HeadTimeout,
        });
        true
    }

    /// The socket is ready. Answers whether that is worth a word to the application.
    pub(super) fn on_ready(&mut self, options: &ClientOptions, shared: &mut Shared) -> bool {
        if self.phase == Phase::Connecting {
            match rustix::net::sockopt::socket_error(&self.socket) {
                Ok(Ok(())) => {}
                Ok(Err(error)) | Err(error) => {
                    self.fail(Failure::Connect(error.into()));
                    return true;
                }
            }
            self.phase = match self.channel {
                Some(_) => Phase::Shaking,
                None => Phase::Open,
            };
            self.deadline = self.deadline.filter(|_| self.phase == Phase::Shaking);
            if self.phase == Phase::Shaking {
                self.open(0, shared);
            }
            return self.send(options);
        }
        self.send(options) | self.receive(options, shared)
    }

    /// Sends as much as the server takes. Answers whether that is worth a word to the application: it
    /// has failed, or there is room again.
    pub(super) fn send(&mut self, options: &ClientOptions) -> bool {
        let has_failed = self.push();
        let has_room = self.notes.wants_room && self.pending() < options.max_buffer_len;
        self.notes.wants_room &= !has_room;
        has_failed || has_room
    }

    /// Sends as much as the server takes. Answers whether it has failed.
    fn push(&mut self) -> bool {
        if self.phase == Phase::Connecting || self.failure.is_some() {
            return false;
        }
        loop {
            let (bytes, sent) = if self.raw_sent < self.raw.len() {
                (&self.raw, &mut self.raw_sent)
            } else if self.sent == self.request.len() || self.phase != Phase::Open {
                return false;
            } else if let Some(channel) = &mut self.channel {
                self.raw.clear();
                self.raw_sent = 0;
                let end = self.request.len().min(self.sent + BUFFER_LEN);
                if channel
                    .seal(&self.request[self.sent..end], &mut self.raw)
                    .is_err()
                {
                    return self.break_off();
                }
                self.sent = end;
                continue;
            } else {
                (&self.request, &mut self.sent)
            };
            match rustix::io::write(&self.socket, &bytes[*sent..]) {
                Ok(len) => *sent += len,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                // An answer may have come ahead of the reset; what is received tells.
                Err(_) if self.notes.is_answered => return false,
                Err(_) => return self.break_off(),
            }
        }
    }

    /// Receives once. Answers whether that is worth a word to the application.
    fn receive(&mut self, options: &ClientOptions, shared: &mut Shared) -> bool {
        if self.channel.is_some() {
            return self.receive_records(shared) | self.send(options);
        }
        let Shared { pool, plain, .. } = shared;
        let unread = self.unread.get_or_insert_with(|| Unread::new(&[], pool));
        // What comes first is short, most often: it is copied, and no memory is made ready for more.
        let is_first = unread.len() == 0;
        let room = if is_first {
            plain.resize(BUFFER_LEN, 0);
            &mut plain[..]
        } else {
            unread.spare(options.max_buffer_len.max(BUFFER_LEN))
        };
        if room.is_empty() {
            return false;
        }
        match rustix::io::read(&self.socket, &mut *room) {
            Ok(0) => {
                self.notes.has_ended = true;
                true
            }
            Ok(len) => {
                if is_first {
                    unread.extend(&plain[..len]);
                } else {
                    unread.filled(len);
                }
                self.notes.is_answered = true;
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => false,
            Err(_) => self.break_off(),
        }
    }

    /// The same, with TLS.
    fn receive_records(&mut self, shared: &mut Shared) -> bool {
        shared.records.resize(BUFFER_LEN, 0);
        let channel = self.channel.as_mut();
        let kept = channel.and_then(|channel| channel.take_unopened(&mut shared.records));
        let Some(kept) = kept.filter(|&kept| kept < BUFFER_LEN) else {
            return self.break_off();
        };
        match rustix::io::read(&self.socket, &mut shared.records[kept..]) {
            Ok(0) => {
                self.notes.has_ended = true;
                if self.phase == Phase::Shaking {
                    return self.break_off();
                }
                true
            }
            Ok(len) => self.open(kept + len, shared),
            Err(Errno::AGAIN | Errno::INTR) => false,
            Err(_) => self.break_off(),
        }
    }

    /// Opens the first `len` bytes of the records that were received.
    fn open(&mut self, len: usize, shared: &mut Shared) -> bool {
        let Shared {
            pool,
            records,
            plain,
        } = shared;
        plain.resize(BUFFER_LEN, 0);
        let Some(channel) = &mut self.channel else {
            return false;
        };
        let opened = channel.open(&mut records[..len], plain, &mut self.raw);
        let stage = channel.stage();
        if self.phase == Phase::Shaking && stage == Stage::Open {
            self.phase = Phase::Open;
            self.deadline = None;
        }
        self.notes.has_ended |= stage == Stage::PeerClosed;
        match opened {
            Ok(0) => self.notes.has_ended,
            Ok(len) => {
                self.notes.is_answered = true;
                let unread = self.unread.get_or_insert_with(|| Unread::new(&[], pool));
                unread.extend(&plain[..len]);
                true
            }
            Err(error) => {
                self.fail(Failure::Tls(error));
                true
            }
        }
    }

    /// Writes content, and answers whether there is room for more.
    pub(super) fn write(&mut self, data: &[u8], max_len: usize) -> Result<bool, SendError> {
        if self.failure.is_some() || self.notes.is_over {
            self.notes.is_forgotten = true;
            return Ok(true);
        }
        if self.request.len() + data.len() > max_len {
            // Too long to be kept for another time.
            self.request.drain(..self.sent);
            self.sent = 0;
            self.notes.is_forgotten = true;
        }
        if self.notes.is_switched {
            self.request.extend_from_slice(data);
        } else {
            self.put(data.len() + FRAMING_LEN, |machine, output| {
                machine.write(data, output)
            })?;
        }
        let has_room = self.pending() < max_len;
        self.notes.wants_room = !has_room;
        Ok(has_room)
    }

    /// Ends the content.
    pub(super) fn finish(&mut self, trailers: &[Field<'_>]) -> Result<(), SendError> {
        if self.failure.is_some() || self.notes.is_over {
            return Ok(());
        }
        let len: usize = trailers
            .iter()
            .map(|field| field.name().len() + field.value().len() + 4)
            .sum();
        self.put(len + FRAMING_LEN, |machine, output| {
            machine.finish(trailers, output)
        })
    }

    /// Has the machine put up to `len` bytes behind the request.
    fn put<T>(
        &mut self,
        len: usize,
        put: impl FnOnce(&mut Connection, &mut Output<'_>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        let start = self.request.len();
        self.request.resize(start + len, 0);
        let mut queue = Queue::new();
        let mut output = Output::new(&mut self.request[start..], &mut queue);
        let result = put(&mut self.machine, &mut output);
        self.request.truncate(start + queue.copied_len());
        self.asked = self.machine;
        result
    }

    pub(super) fn can_retry(&self) -> bool {
        !self.notes.is_forgotten
    }

    pub(super) fn was_sent(&self) -> bool {
        self.sent > 0 || self.notes.is_forgotten
    }

    /// Bytes of the request that are not sent.
    fn pending(&self) -> usize {
        self.request.len() - self.sent + self.raw.len() - self.raw_sent
    }

    /// The connection is broken.
    fn break_off(&mut self) -> bool {
        self.fail(match (self.phase, self.notes.is_answered) {
            (Phase::Open, true) => Failure::Broken,
            (Phase::Open, false) => Failure::Closed,
            (Phase::Connecting | Phase::Shaking, _) => {
                Failure::Connect(io::ErrorKind::ConnectionReset.into())
            }
        });
        true
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
