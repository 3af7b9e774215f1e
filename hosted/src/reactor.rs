//! One thread's event loop: readiness in, turns of the engine, bytes out.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use kinglet_core::http::server::Cause;
use kinglet_core::{Application, Context, Stamp};

use crate::admission::{Addresses, Admission};
use crate::buffers::BUFFER_LEN;
use crate::cancellation::Watched;
use crate::connection::Connection;
use crate::limits::Reason;
use crate::listener::{Accepted, Listener};
use crate::peers::{self, Packed};
use crate::poller::{Event, Interest, Poller, Readiness};
use crate::remote::{Mailbox, Message, Name};
use crate::table::Table;
use crate::tls::Tls;
use crate::tls::channel::Channel;
use crate::topics::{Counts, Topics};
use crate::turns::{Io, Verdict};
use crate::{Options, SlowReceiver};

use admission::{FIRST_KEY, Reserve, Waiting};

mod admission;
mod mail;

/// One thread's share of a server.
pub(crate) struct Reactor<A: Application> {
    application: A,
    connections: Table<Connection<A::Exchange>>,
    io: Io,
    /// Where bytes are received that no connection has a spill for.
    receive: Box<[u8]>,
    listening: Listening,
    due: Vec<u32>,
    mailboxes: Arc<[Mailbox]>,
    thread: usize,
    /// The thread whose turn it is to be given a connection.
    next_thread: usize,
    topics: Topics,
    watched: Watched,
    /// Of the topic that is published to.
    subscribers: Vec<u32>,
    /// Connections whose outbox was empty before this turn.
    has_frames: Vec<u32>,
    slow_receiver: SlowReceiver,
    max_backlog_len: usize,
    drain_deadline: Option<u64>,
    drain_timeout: Duration,
    tls: Option<Tls>,
    handshake_timeout: Duration,
    max_handshakes: usize,
    admission: Admission,
    waiting: Waiting,
    reserve: Reserve,
}

/// The listener, and whether it is watched.
enum Listening {
    Watched(Listener),
    /// There are as many connections as there may be.
    Full(Listener),
    /// The system has nothing left for another connection, until the time comes to try again.
    Exhausted(Listener, u64),
    None,
}

/// Who is given the connections that a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dealing {
    /// This thread: the kernel has balanced them.
    Kept,
    /// All threads in turn.
    Dealt,
}

/// The key of the listener in the poller; connections have their index.
const LISTENER: usize = usize::MAX - 1;

/// How many connections are accepted before others have their turn.
const MAX_ACCEPTED: usize = 64;

/// How many connections that wait in the kernel's queue are still accepted when draining.
const MAX_QUEUED: usize = 4096;

/// How long to wait before accepting again, when nothing else tells when that is possible.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What a reactor is made of: its place among the others.
pub(crate) struct Place {
    pub(crate) thread: usize,
    pub(crate) poller: Box<dyn Poller + Send>,
    pub(crate) mailboxes: Arc<[Mailbox]>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) listener: Option<Listener>,
}

impl<A: Application> Reactor<A> {
    pub(crate) fn new(application: A, options: &Options, place: Place) -> Self {
        let context = Context::new(options.limits.clone(), Stamp::new(&options.server_name));
        let io = Io::new(context, place.poller, options);
        Self {
            application,
            connections: Table::new(),
            io,
            receive: vec![0; BUFFER_LEN].into_boxed_slice(),
            listening: place.listener.map_or(Listening::None, |listener| {
                // Not watched yet; a reactor begins as if it had been full.
                Listening::Full(listener)
            }),
            due: Vec::new(),
            mailboxes: place.mailboxes,
            thread: place.thread,
            next_thread: place.thread,
            topics: Topics::new(place.counts),
            watched: Watched::default(),
            subscribers: Vec::new(),
            has_frames: Vec::new(),
            slow_receiver: options.slow_receiver,
            max_backlog_len: options.max_backlog_len,
            drain_deadline: None,
            drain_timeout: options.drain_timeout,
            tls: options.tls.clone(),
            handshake_timeout: options.handshake_timeout,
            max_handshakes: options.max_handshakes.get(),
            admission: Admission::new(options, place.addresses),
            waiting: Waiting::new(),
            reserve: Reserve::new(),
        }
    }

    /// Serves until it is drained.
    pub(crate) fn run(&mut self, dealing: Dealing) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::new();
        let _own = self.mailboxes[self.thread].own();
        let _peers = peers::run(self.thread);
        if let Listening::Full(listener) = &self.listening {
            self.io
                .poller
                .add(listener.as_fd(), LISTENER, Interest::None)?;
            self.listen_again()?;
        }
        self.io.millis = self.io.clock.tell(&mut self.io.context);
        while !self.is_over() {
            // The time is that of the last turn: a wait may be longer by what that took.
            let timeout = if self.mailboxes[self.thread].has_unread() {
                // Mail that this thread has sent to itself comes without a wake.
                Some(Duration::ZERO)
            } else {
                self.next_timeout()
            };
            self.io.poller.wait(&mut events, timeout)?;
            self.io.millis = self.io.clock.tell(&mut self.io.context);
            self.io.sealing.handshakes_left = self.max_handshakes;
            for event in &events {
                match event.key {
                    index if index < FIRST_KEY => self.on_event(index as u32, event.readiness),
                    LISTENER => self.accept(dealing)?,
                    key => self.read_header((key - FIRST_KEY) as u32),
                }
            }
            if self
                .mailboxes
                .get(self.thread)
                .is_some_and(Mailbox::has_mail)
            {
                self.read_mail()?;
            }
            self.on_time()?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.drain_deadline.is_some() && self.len() == 0
    }

    fn next_timeout(&self) -> Option<Duration> {
        let retry = match self.listening {
            Listening::Exhausted(_, at) => Some(at),
            Listening::Watched(_) | Listening::Full(_) | Listening::None => None,
        };
        let header = self.waiting.next_deadline();
        let at = [retry, self.drain_deadline, header].into_iter().flatten();
        let at = at.min();
        let fixed = at.map(|at| at.saturating_sub(self.io.millis));
        let next = [fixed, self.io.wheel.next(self.io.millis)]
            .into_iter()
            .flatten()
            .min();
        next.map(Duration::from_millis)
    }

    /// A socket is ready.
    #[inline(always)]
    fn on_event(&mut self, index: u32, readiness: Readiness) {
        let name = self.name(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        self.io.context.connection = name.to_u64();
        let verdict = if connection.interest == Interest::Read {
            self.io
                .receive(&mut self.application, connection, &mut self.receive)
        } else {
            let buffer = &mut self.receive;
            if connection.interest == Interest::None {
                // It waits for the application, and its end has come.
                self.watched.cancel(index);
            }
            self.io
                .take_event(&mut self.application, connection, buffer, readiness)
        };
        match verdict {
            Verdict::Stays => self.io.watch_deadline(index, connection),
            Verdict::Shakes => {}
            Verdict::Goes(cause) => self.close(index, cause),
        }
    }

    #[inline(always)]
    fn name(&self, index: u32) -> Name {
        Name {
            thread: self.thread,
            key: self.connections.key(index),
        }
    }

    /// Has a connection take a turn without anything new.
    fn nudge(&mut self, index: u32) {
        let name = self.name(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        self.io.context.connection = name.to_u64();
        if let Some(until) = connection.handshake_deadline() {
            if self.io.context.now.has_reached(until) {
                self.close(index, Cause::Idle);
            } else {
                self.io.watch_instant(index, until);
            }
            return;
        }
        let verdict = match connection.interest {
            Interest::None | Interest::Read | Interest::Both => {
                self.io.go_on(&mut self.application, connection)
            }
            Interest::Write => self.io.send_on(&mut self.application, connection),
        };
        self.settle(index, verdict);
    }

    /// Carries out a verdict, and watches a connection that stays for what it needs next.
    #[inline]
    fn settle(&mut self, index: u32, verdict: Verdict) {
        match (verdict, self.connections.get_mut(index)) {
            (Verdict::Stays, Some(connection)) => self.io.watch_deadline(index, connection),
            (Verdict::Goes(cause), Some(_)) => self.close(index, cause),
            (Verdict::Shakes, Some(_)) | (_, None) => {}
        }
    }

    #[inline(never)]
    fn close(&mut self, index: u32, cause: Cause) {
        self.io.wheel.clear(index);
        let name = self.name(index);
        let Some(mut connection) = self.connections.remove(index) else {
            return;
        };
        self.tell_connections();
        log::debug!("connection closed: {cause:?}");
        self.io.context.connection = name.to_u64();
        connection.session.abandon(&mut self.application);
        if let Some(peer) = peers::take(name) {
            self.admission.leave(peer);
        }
        if let Some(reason) = Reason::of(cause) {
            self.refuse(reason);
        }
        self.topics.forget(index);
        self.watched.cancel(index);
        match cause {
            Cause::Aborted | Cause::Failed(_) | Cause::WebSocket(_) => connection.reset_on_close(),
            _ => connection.say_end(),
        }
        // A socket that the poller does not know any more is what is wanted.
        let _ = self.io.poller.remove(connection.as_fd());
        if let Some(unread) = connection.unread {
            unread.recycle(&mut self.io.pool);
        }
        if let Some(unsent) = connection.unsent {
            unsent.recycle(&mut self.io.pool);
        }
        self.take_place();
    }

    /// Accepts what waits.
    fn accept(&mut self, dealing: Dealing) -> io::Result<()> {
        for _ in 0..MAX_ACCEPTED {
            let Listening::Watched(listener) = &self.listening else {
                return Ok(());
            };
            if self.is_full(dealing) {
                log::warn!(
                    "{} connections: accepting no more for now",
                    self.admission.max_connections
                );
                self.refuse(Reason::Full);
                // Connections of other threads close without a word to this one.
                let retry = (dealing == Dealing::Dealt).then(|| self.next_try());
                return self.pause(retry);
            }
            match listener.accept()? {
                Accepted::None => return Ok(()),
                Accepted::Connection(socket, peer) => {
                    self.reserve.note_accepted();
                    self.deal(dealing, socket, peer);
                }
                Accepted::Exhausted => return self.on_exhausted(),
            }
        }
        Ok(())
    }

    /// When to try again to accept.
    fn next_try(&self) -> u64 {
        self.io.millis + RETRY_PAUSE.as_millis() as u64
    }

    fn deal(&mut self, dealing: Dealing, socket: OwnedFd, peer: Option<SocketAddr>) {
        if dealing == Dealing::Dealt {
            self.next_thread = (self.next_thread + 1) % self.mailboxes.len();
            if self.next_thread != self.thread {
                self.mailboxes[self.next_thread].send(Message::Accepted(socket, peer));
                return;
            }
        }
        self.receive(socket, peer);
    }

    /// Takes in a connection whose peer is let in.
    fn welcome(&mut self, socket: OwnedFd, peer: Packed) {
        let channel = match self.tls.as_ref().map(|tls| self.channel(tls)) {
            None => None,
            Some(Ok(channel)) => Some(Box::new(channel)),
            Some(Err(error)) => {
                log::error!("TLS cannot begin: {error}");
                self.admission.leave(peer);
                return;
            }
        };
        let Some(index) = self.connections.insert(Connection::new(socket, channel)) else {
            self.admission.leave(peer);
            return;
        };
        peers::set(self.name(index), peer);
        self.tell_connections();
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if let Err(error) = self
            .io
            .poller
            .add(connection.as_fd(), index as usize, Interest::Read)
        {
            log::error!("cannot watch a connection: {error}");
            peers::take(self.name(index));
            self.admission.leave(peer);
            self.connections.remove(index);
            return;
        }
        match self.drain_deadline {
            // A handshake waits for the client, and its time runs.
            None => self.nudge(index),
            Some(_) => self.drain_connection(index),
        }
    }

    /// TLS for a connection that begins.
    fn channel(&self, tls: &Tls) -> Result<Channel, rustls::Error> {
        let until = self.io.context.now.after(self.handshake_timeout);
        Channel::new(tls.config(), until)
    }

    /// Stops accepting until a connection closes, or until `retry`.
    fn pause(&mut self, retry: Option<u64>) -> io::Result<()> {
        if let Listening::Watched(listener) =
            core::mem::replace(&mut self.listening, Listening::None)
        {
            self.io
                .poller
                .modify(listener.as_fd(), LISTENER, Interest::None)?;
            self.listening = match retry {
                None => Listening::Full(listener),
                Some(at) => Listening::Exhausted(listener, at),
            };
        }
        Ok(())
    }

    fn listen_again(&mut self) -> io::Result<()> {
        match core::mem::replace(&mut self.listening, Listening::None) {
            Listening::Full(listener) | Listening::Exhausted(listener, _) => {
                self.io
                    .poller
                    .modify(listener.as_fd(), LISTENER, Interest::Read)?;
                self.listening = Listening::Watched(listener);
            }
            other => self.listening = other,
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        if self.drain_deadline.is_some() {
            return Ok(());
        }
        let patience = u64::try_from(self.drain_timeout.as_millis()).unwrap_or(u64::MAX);
        self.drain_deadline = Some(self.io.millis.saturating_add(patience));
        if let Listening::Watched(listener)
        | Listening::Full(listener)
        | Listening::Exhausted(listener, _) =
            core::mem::replace(&mut self.listening, Listening::None)
        {
            // Closing the listener would reset those that wait in its queue.
            for _ in 0..MAX_QUEUED {
                match listener.accept()? {
                    Accepted::Connection(socket, peer) => self.receive(socket, peer),
                    Accepted::None | Accepted::Exhausted => break,
                }
            }
            self.io.poller.remove(listener.as_fd())?;
        }
        for index in 0..self.connections.indices() {
            let Ok(index) = u32::try_from(index) else {
                break;
            };
            self.drain_connection(index);
        }
        Ok(())
    }

    /// Lets a connection come to its end. What has come already is answered before.
    fn drain_connection(&mut self, index: u32) {
        if self
            .connections
            .get_mut(index)
            .is_some_and(|connection| connection.interest == Interest::Read)
        {
            self.on_event(index, Readiness::Ready);
        }
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        connection.session.drain();
        if connection.session.is_idle() && connection.interest != Interest::Write {
            self.nudge(index);
        }
    }

    /// Does what is due.
    fn on_time(&mut self) -> io::Result<()> {
        let mut due = core::mem::take(&mut self.due);
        self.io.wheel.advance(self.io.millis, &mut due);
        for &index in &due {
            self.nudge(index);
        }
        self.due = due;
        self.expire_headers();
        if matches!(self.listening, Listening::Exhausted(_, at) if at <= self.io.millis) {
            self.listen_again()?;
        }
        if self
            .drain_deadline
            .is_some_and(|deadline| deadline <= self.io.millis)
        {
            for index in 0..self.connections.indices() {
                let Ok(index) = u32::try_from(index) else {
                    break;
                };
                if self.connections.get_mut(index).is_some() {
                    self.refuse(Reason::DrainTimeout);
                    self.close(index, Cause::Aborted);
                }
            }
        }
        Ok(())
    }
}
