//! What happens between a listener and the table of connections: proxies are asked whom they speak for,
//! and who has too many connections is sent away.
//!
//! ```text
//!            a proxy's                       header complete
//! accepted ------------> waiting for headers ---------------+
//!     |                          |                          v
//!     +------------------------- | -----------------> counted, let in
//!                                v                          |
//!                             closed <----------------------+ too many
//! ```

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use kinglet_core::Application;
use rustix::io::Errno;

use super::{Listening, Reactor};
use crate::Options;
use crate::limits::Reason;
use crate::listener::{Accepted, Dealing, Listener};
use crate::poller::Interest;
use crate::proxy_protocol::{self, MAX_LEN, Source, Status};
use crate::remote::Mailbox;
use crate::table::{Key, Table};

/// The first of the keys in the poller that name connections without a header; below are the others.
pub(super) const FIRST_KEY: usize = usize::MAX / 2;

/// The least key of a listener.
pub(super) const FIRST_LISTENER: usize = FIRST_KEY / 2 * 3;

/// For how long there have to be no descriptors until those that wait for one are sent away.
const EXHAUSTION_PATIENCE: u64 = 1000;

/// How many are sent away before others have their turn.
const MAX_SHED: usize = 1024;

/// Connections whose PROXY header has not come whole.
pub(super) struct Waiting {
    connections: Table<Headless>,
    /// When each has to be done, in the order in which they came; of some, the connection is gone.
    deadlines: VecDeque<(u64, Key)>,
}

/// A connection without its header.
struct Headless {
    socket: OwnedFd,
    proxy: Option<SocketAddr>,
    bytes: Vec<u8>,
}

/// A descriptor that is given up where there is no other, so that a connection can be accepted and
/// closed.
pub(super) struct Reserve {
    descriptor: Option<OwnedFd>,
    /// Since when there has been no other.
    exhausted_since: Option<u64>,
}

impl Waiting {
    pub(super) const fn new() -> Self {
        Self {
            connections: Table::new(),
            deadlines: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.front().map(|&(at, _)| at)
    }
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self {
            descriptor: open_reserve(),
            exhausted_since: None,
        }
    }

    /// A descriptor was there.
    pub(super) const fn note_accepted(&mut self) {
        self.exhausted_since = None;
    }

    /// There was none. Whether it has been so for long.
    fn note_exhausted(&mut self, now: u64) -> bool {
        let since = *self.exhausted_since.get_or_insert(now);
        now.saturating_sub(since) >= EXHAUSTION_PATIENCE
    }

    /// Accepts and closes one connection; whether there was one.
    fn shed(&mut self, listener: &Listener) -> io::Result<bool> {
        self.descriptor = None;
        let accepted = listener.accept()?;
        let is_shed = matches!(accepted, Accepted::Connection(..));
        if let Accepted::Connection(socket, _) = accepted {
            reset(socket);
        }
        self.descriptor = open_reserve();
        // Where another thread was faster, there is nothing to shed with.
        Ok(is_shed && self.descriptor.is_some())
    }
}

/// A descriptor that is good for nothing.
fn open_reserve() -> Option<OwnedFd> {
    let null = std::fs::File::open("/dev/null");
    null.ok().map(OwnedFd::from)
}

/// Closes a socket at once, and leaves nothing of it in the kernel.
fn reset(socket: OwnedFd) {
    // Where there is no such thing as a reset, the peer sees an end.
    let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
    drop(socket);
}

impl<A: Application> Reactor<A> {
    /// Takes note of a reason to refuse somebody.
    pub(super) fn refuse(&self, reason: Reason) {
        log::debug!("refused: {}", reason.name());
        if let Some(mailbox) = self.mailboxes.get(self.thread) {
            mailbox.refusals.count(reason);
        }
    }

    /// Takes in a connection that was accepted, here or on another thread.
    pub(super) fn receive(&mut self, socket: OwnedFd, peer: Option<SocketAddr>) {
        if self.admission.is_proxy(peer) {
            self.await_header(socket, peer);
        } else {
            self.admit(socket, peer);
        }
    }

    /// Lets a peer in, unless it has as many connections as it may.
    fn admit(&mut self, socket: OwnedFd, peer: Option<SocketAddr>) {
        match self.admission.enter(peer) {
            Some(peer) => self.welcome(socket, peer),
            None => {
                self.refuse(Reason::AddressFull);
                reset(socket);
            }
        }
    }

    fn await_header(&mut self, socket: OwnedFd, proxy: Option<SocketAddr>) {
        let headless = Headless {
            socket,
            proxy,
            bytes: Vec::new(),
        };
        let Some(index) = self.waiting.connections.insert(headless) else {
            return;
        };
        self.tell_connections();
        let timeout = self.io.context.limits.head_timeout.as_millis();
        let timeout = u64::try_from(timeout).unwrap_or(u64::MAX);
        let at = self.io.millis.saturating_add(timeout);
        let key = self.waiting.connections.key(index);
        self.waiting.deadlines.push_back((at, key));
        if let Some(headless) = self.waiting.connections.get_mut(index)
            && let Err(error) = self.io.poller.add(
                headless.socket.as_fd(),
                FIRST_KEY + index as usize,
                Interest::Read,
            )
        {
            log::error!("cannot watch a connection: {error}");
            self.waiting.connections.remove(index);
            self.tell_connections();
            return;
        }
        // It has often come already.
        self.read_header(index);
    }

    /// Reads what has come of a header, and nothing behind it.
    #[inline(never)]
    pub(super) fn read_header(&mut self, index: u32) {
        let Some(headless) = self.waiting.connections.get_mut(index) else {
            return;
        };
        let outcome = loop {
            let needed = match proxy_protocol::parse(&headless.bytes) {
                Ok(Status::Complete(source, _)) => break Some(source),
                Ok(Status::Partial(needed)) => needed.min(MAX_LEN),
                Err(error) => {
                    log::debug!("{error}");
                    break None;
                }
            };
            let mut room = [0; MAX_LEN];
            let room = &mut room[..needed - headless.bytes.len()];
            match rustix::io::read(&headless.socket, &mut *room) {
                Ok(0) => break None,
                Ok(len) => headless.bytes.extend_from_slice(&room[..len]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => break None,
            }
        };
        let before = self.len();
        let Some(Headless { socket, proxy, .. }) = self.forget_headless(index) else {
            return;
        };
        match outcome {
            None => {
                self.refuse(Reason::ProxyHeader);
                reset(socket);
            }
            // A proxy on its own behalf is not one of its clients.
            Some(Source::Proxy) => {
                let peer = proxy.map_or(crate::peers::Packed::NONE, Into::into);
                self.welcome(socket, peer);
            }
            Some(Source::Local) => self.admit(socket, None),
            Some(Source::Client(client)) => self.admit(socket, Some(client)),
        }
        self.tell_connections();
        if self.len() < before {
            self.take_place();
        }
    }

    /// Takes a connection out of those that wait for a header.
    fn forget_headless(&mut self, index: u32) -> Option<Headless> {
        let headless = self.waiting.connections.remove(index)?;
        // A socket that the poller does not know any more is what is wanted.
        let _ = self.io.poller.remove(headless.socket.as_fd());
        let Waiting {
            connections,
            deadlines,
        } = &mut self.waiting;
        while deadlines
            .front()
            .is_some_and(|&(_, key)| connections.key(key.index) != key)
        {
            deadlines.pop_front();
        }
        Some(headless)
    }

    /// Gives up those whose time is over.
    #[inline]
    pub(super) fn expire_headers(&mut self) {
        if self.waiting.next_deadline().is_some() {
            self.expire_some();
        }
    }

    #[inline(never)]
    fn expire_some(&mut self) {
        let is_over = self
            .drain_deadline
            .is_some_and(|deadline| deadline <= self.io.millis);
        while let Some(&(at, key)) = self.waiting.deadlines.front()
            && (at <= self.io.millis || is_over)
        {
            self.waiting.deadlines.pop_front();
            if self.waiting.connections.key(key.index) != key {
                continue;
            }
            if let Some(headless) = self.forget_headless(key.index) {
                self.refuse(Reason::ProxyHeader);
                reset(headless.socket);
                self.tell_connections();
                self.take_place();
            }
        }
    }

    /// There is no descriptor left: waits a while, and where that does not help, sends those away that
    /// wait in the kernel's queue, since nobody would ever come to them.
    pub(super) fn on_exhausted(&mut self, at: usize) -> io::Result<()> {
        if !self.reserve.note_exhausted(self.io.millis) {
            log::error!("no descriptors or memory left: accepting no more for now");
        } else if let Some(listener) = self.listeners.get(at) {
            let mut shed = 0;
            while shed < MAX_SHED && self.reserve.shed(listener)? {
                shed += 1;
            }
            log::error!("still no descriptors or memory left: {shed} connections closed");
            for _ in 0..shed {
                self.refuse(Reason::NoDescriptors);
            }
        }
        self.pause(Some(self.next_try()))
    }

    /// A connection has made room: those that wait for it have their turn.
    pub(super) fn take_place(&mut self) {
        if let Err(error) = self.listen_again() {
            log::error!("cannot watch the listener: {error}");
        }
    }

    /// Goes on under other options.
    pub(super) fn reconfigure(&mut self, options: &Options) -> io::Result<()> {
        self.io.reconfigure(options);
        self.admission.reconfigure(options);
        self.slow_receiver = options.slow_receiver;
        self.max_backlog_len = options.max_backlog_len;
        self.drain_timeout = options.drain_timeout;
        self.tls.clone_from(&options.tls);
        self.handshake_timeout = options.handshake_timeout;
        self.max_handshakes = options.max_handshakes.get();
        // There may be room for more now.
        if self.listening == Listening::Full {
            self.listen_again()?;
        }
        Ok(())
    }

    /// Lets the thread that deals connections out know how many are here.
    pub(super) fn tell_connections(&self) {
        if let Some(mailbox) = self.mailboxes.get(self.thread) {
            mailbox.set_connections(self.len());
        }
    }

    /// How many connections there are, with those that wait for a header.
    pub(super) fn len(&self) -> usize {
        self.connections.len() + self.waiting.len()
    }

    /// Whether there are as many connections as there may be: of all threads where this one deals them
    /// out, and else this thread's share.
    pub(super) fn is_full(&self, dealing: Dealing) -> bool {
        let max = self.admission.max_connections;
        match dealing {
            Dealing::Kept => self.len() >= max.div_ceil(self.mailboxes.len()),
            Dealing::Dealt => {
                let all: usize = self.mailboxes.iter().map(Mailbox::connections).sum();
                all >= max
            }
        }
    }
}
