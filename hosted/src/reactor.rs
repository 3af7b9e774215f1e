//! One thread's event loop: readiness in, turns of the engine, bytes out.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use kinglet_core::http::Ticket;
use kinglet_core::http::server::Cause;
use kinglet_core::{Application, Context, Stamp};

use crate::admission::{Addresses, Admission};
use crate::buffers::BUFFER_LEN;
use crate::cancellation::Watched;
use crate::connection::Connection;
use crate::limits::Reason;
use crate::listener::{Accepted, Dealing, Listener};
use crate::outgoing::{Client, made_here};
use crate::peers::{self, Packed};
use crate::poller::{Event, Interest, Poller, Readiness};
use crate::remote::{Mailbox, Message, Name};
use crate::table::Table;
use crate::tls::Tls;
use crate::tls::channel::Channel;
use crate::topics::{Counts, Topics};
use crate::turns::{Io, Verdict};
use crate::{Options, SlowReceiver};

use admission::{FIRST_KEY, FIRST_LISTENER, Reserve, Waiting};

mod admission;
mod mail;
mod outgoing;
mod rare;

/// One thread's share of a server.
pub(crate) struct Reactor<A: Application> {
    application: A,
    connections: Table<Connection<A::Exchange>>,
    io: Io,
    /// Where bytes are received that no connection has a spill for.
    receive: Box<[u8]>,
    listeners: Vec<Listener>,
    listening: Listening,
    due: Vec<u32>,
    mailboxes: Arc<[Mailbox]>,
    thread: usize,
    /// The thread whose turn it is to be given a connection.
    next_thread: usize,
    topics: Topics,
    watched: Watched,
    /// The application's, where it has one.
    client: Option<Client>,
    news: Vec<Ticket>,
    /// Of the topic that is published to.
    subscribers: Vec<u32>,
    /// Connections whose outbox was empty before this turn.
    has_frames: Vec<u32>,
    slow_receiver: SlowReceiver,
    max_backlog_len: usize,
    drain_deadline: Option<u64>,
    /// When those that have not sent anything yet are closed.
    fresh_deadline: Option<u64>,
    drain_timeout: Duration,
    /// While there is a listener here whose connections are dealt out.
    dealer: Option<Dealer>,
    /// How many threads deal connections out.
    dealers: Arc<AtomicUsize>,
    tls: Option<Tls>,
    handshake_timeout: Duration,
    max_handshakes: usize,
    admission: Admission,
    waiting: Waiting,
    reserve: Reserve,
}

/// Whether the listeners are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listening {
    Watched,
    /// There are as many connections as there may be.
    Full,
    /// The system has nothing left for another connection, until the time comes to try again.
    Exhausted(u64),
}

/// The key of the first listener in the poller; that of the next is one less, and so on. Connections
/// have their index.
const LISTENER: usize = usize::MAX - 1;

/// How many connections are accepted before others have their turn.
const MAX_ACCEPTED: usize = 64;

/// How many connections that wait in the kernel's queue are still accepted when draining.
const MAX_QUEUED: usize = 4096;

/// How long to wait before accepting again, when nothing else tells when that is possible.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection that nothing has come on is waited for when draining, in milliseconds.
const FRESH_PATIENCE: u64 = 1000;

/// Counts a thread that deals connections out, until it drains, or ends in another way.
struct Dealer(Arc<AtomicUsize>);

impl Drop for Dealer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a reactor is made of: its place among the others.
pub(crate) struct Place {
    pub(crate) thread: usize,
    pub(crate) poller: Box<dyn Poller + Send>,
    pub(crate) mailboxes: Arc<[Mailbox]>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) addresses: Arc<Addresses>,
    /// How many threads have a listener whose connections are dealt out.
    pub(crate) dealers: Arc<AtomicUsize>,
    pub(crate) listeners: Vec<Listener>,
}

impl<A: Application> Reactor<A> {
    pub(crate) fn new(application: A, options: &Options, place: Place) -> Self {
        let context = Context::new(options.limits.clone(), Stamp::new(&options.server_name));
        let io = Io::new(context, place.poller, options);
        let mut listeners = place.listeners.iter();
        let deals = listeners.any(|listener| listener.dealing == Dealing::Dealt);
        let dealer = deals.then(|| Dealer(Arc::clone(&place.dealers)));
        Self {
            application,
            connections: Table::new(),
            io,
            receive: vec![0; BUFFER_LEN].into_boxed_slice(),
            listeners: place.listeners,
            // Not watched yet; a reactor begins as if it had been full.
            listening: Listening::Full,
            due: Vec::new(),
            mailboxes: place.mailboxes,
            thread: place.thread,
            next_thread: place.thread,
            topics: Topics::new(place.counts),
            watched: Watched::default(),
            client: made_here(),
            news: Vec::new(),
            subscribers: Vec::new(),
            has_frames: Vec::new(),
            slow_receiver: options.slow_receiver,
            max_backlog_len: options.max_backlog_len,
            drain_deadline: None,
            fresh_deadline: None,
            drain_timeout: options.drain_timeout,
            dealer,
            dealers: place.dealers,
            tls: options.tls.clone(),
            handshake_timeout: options.handshake_timeout,
            max_handshakes: options.max_handshakes.get(),
            admission: Admission::new(options, place.addresses),
            waiting: Waiting::new(),
            reserve: Reserve::new(),
        }
    }

    /// Serves until it is drained.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::new();
        let _own = self.mailboxes[self.thread].own();
        let _peers = peers::run(self.thread);
        for (at, listener) in self.listeners.iter().enumerate() {
            let key = LISTENER - at;
            self.io.poller.add(listener.as_fd(), key, Interest::None)?;
        }
        self.listen_again()?;
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
            if self.fresh_deadline.is_some() {
                self.drain_fresh(&events);
            }
            for event in &events {
                match event.key {
                    index if index < outgoing::FIRST_KEY => {
                        self.on_event(index as u32, event.readiness);
                    }
                    key if key < FIRST_KEY => self.on_answer((key - outgoing::FIRST_KEY) as u32),
                    key if key < FIRST_LISTENER => self.read_header((key - FIRST_KEY) as u32),
                    key => self.accept(LISTENER - key)?,
                }
            }
            if self
                .mailboxes
                .get(self.thread)
                .is_some_and(Mailbox::has_mail)
            {
                self.read_mail()?;
            }
            self.on_time();
            if self.has_rare() {
                self.on_rare()?;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.drain_deadline.is_some()
            && self.len() == 0
            // Nobody deals connections to this thread any more, and none is on its way.
            && self.dealers.load(Ordering::Acquire) == 0
            && !self.mailboxes[self.thread].has_unread()
    }

    #[inline]
    fn next_timeout(&self) -> Option<Duration> {
        let deadline = self.io.wheel.next(self.io.millis);
        let next = if self.has_rare() {
            [deadline, self.next_rare()].into_iter().flatten().min()
        } else {
            deadline
        };
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
                self.watched.doubt(index);
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
                self.refuse(Reason::SlowHandshake);
                self.close(index, Cause::Peer);
            } else {
                self.io.watch_instant(index, until);
            }
            return;
        }
        let verdict = match connection.interest {
            Interest::None | Interest::Lazy | Interest::Read | Interest::Both => {
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
        let reason = if connection.has_failed_tls() {
            Some(Reason::Tls)
        } else {
            Reason::of(cause)
        };
        if let Some(reason) = reason {
            self.refuse(reason);
        }
        self.topics.forget(index);
        self.watched.end(index);
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

    /// Accepts what waits at a listener.
    #[inline(never)]
    fn accept(&mut self, at: usize) -> io::Result<()> {
        for _ in 0..MAX_ACCEPTED {
            if self.listening != Listening::Watched {
                return Ok(());
            }
            let Some(dealing) = self.listeners.get(at).map(|listener| listener.dealing) else {
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
            match self.listeners[at].accept()? {
                Accepted::None => return Ok(()),
                Accepted::Connection(socket, peer) => {
                    self.reserve.note_accepted();
                    self.deal(dealing, socket, peer);
                }
                Accepted::Exhausted => return self.on_exhausted(at),
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
        if self.listening == Listening::Watched {
            self.watch_listeners(Interest::None)?;
            self.listening = retry.map_or(Listening::Full, Listening::Exhausted);
        }
        Ok(())
    }

    fn listen_again(&mut self) -> io::Result<()> {
        if self.listening != Listening::Watched {
            self.watch_listeners(Interest::Read)?;
            self.listening = Listening::Watched;
        }
        Ok(())
    }

    fn watch_listeners(&mut self, interest: Interest) -> io::Result<()> {
        for (at, listener) in self.listeners.iter().enumerate() {
            let key = LISTENER - at;
            self.io.poller.modify(listener.as_fd(), key, interest)?;
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        if self.drain_deadline.is_some() {
            return Ok(());
        }
        let patience = u64::try_from(self.drain_timeout.as_millis()).unwrap_or(u64::MAX);
        self.drain_deadline = Some(self.io.millis.saturating_add(patience));
        self.fresh_deadline = Some(self.io.millis + FRESH_PATIENCE.min(patience));
        for listener in core::mem::take(&mut self.listeners) {
            // Closing the listener would reset those that wait in its queue; where somebody else has
            // it too, they are theirs.
            let queued = if listener.is_handed_over() {
                0
            } else {
                MAX_QUEUED
            };
            for _ in 0..queued {
                match listener.accept()? {
                    Accepted::Connection(socket, peer) => self.receive(socket, peer),
                    Accepted::None | Accepted::Exhausted => break,
                }
            }
            self.io.poller.remove(listener.as_fd())?;
        }
        if self.dealer.take().is_some() {
            // Others may be waiting for just that.
            for mailbox in self.mailboxes.iter() {
                mailbox.send(Message::Drain);
            }
        }
        self.drain_connections();
        Ok(())
    }

    #[inline(never)]
    fn drain_connections(&mut self) {
        for index in 0..self.connections.indices() {
            let Ok(index) = u32::try_from(index) else {
                break;
            };
            self.drain_connection(index);
        }
    }

    /// Has those that nothing had come on drain with what comes now: it is their only request.
    #[inline(never)]
    fn drain_fresh(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| event.key < FIRST_KEY) {
            if let Some(connection) = self.connections.get_mut(event.key as u32)
                && connection.is_fresh()
                && connection.handshake_deadline().is_none()
            {
                connection.session.drain();
            }
        }
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
        if self.fresh_deadline.is_some() && connection.is_fresh() {
            // Its request is on the way.
            return;
        }
        connection.session.drain();
        if connection.session.is_idle() && connection.interest != Interest::Write {
            self.nudge(index);
        }
    }

    /// Looks at the connections whose deadline has come.
    #[inline]
    fn on_time(&mut self) {
        let mut due = core::mem::take(&mut self.due);
        self.io.wheel.advance(self.io.millis, &mut due);
        for &index in &due {
            self.nudge(index);
        }
        self.due = due;
    }
}
