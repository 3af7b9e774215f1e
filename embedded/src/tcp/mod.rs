//! A server over smoltcp: connections in static memory. And [`Stream`], for a client.
//!
//! ```
//! # use kinglet_core::http::{Handled, Reply, Request, Status};
//! # use kinglet_core::{Application, Limits, Stamp};
//! # use smoltcp::iface::{Config, Interface, SocketSet};
//! # use smoltcp::phy::{Loopback, Medium};
//! # use smoltcp::wire::{EthernetAddress, HardwareAddress};
//! use kinglet_embedded::tcp::Server;
//! use smoltcp::socket::tcp;
//! use smoltcp::time::{Duration, Instant}; // kinglet's are its own, and core's
//!
//! # struct Hello;
//! #
//! # impl Application for Hello {
//! #     type Exchange = ();
//! #
//! #     fn request(&mut self, _: &mut (), _: &Request<'_>, reply: Reply<'_>) -> Handled {
//! #         reply.send(Status::OK, &[], b"hello\n")
//! #     }
//! # }
//! #
//! # let (mut application, mut passed) = (Hello, 0);
//! # let mut device = Loopback::new(Medium::Ethernet);
//! # let config = Config::new(HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 1])));
//! # let mut interface = Interface::new(config, &mut device, Instant::ZERO);
//! # let mut storage = [const { smoltcp::iface::SocketStorage::EMPTY }; 8];
//! # let mut sockets = SocketSet::new(&mut storage[..]);
//! # let (mut receive_rings, mut send_rings) = ([[0; 1024]; 8], [[0; 1024]; 8]);
//! # let mut millis = || {
//! #     passed += 1;
//! #     passed
//! # };
//! # let sleep = |_: Option<Duration>| {};
//! // A browser's head has up to 1 KiB, and so may an answer have that is not streamed.
//! let limits = Limits { max_head_len: 1024, min_room: 1024, ..Limits::MICROCONTROLLER };
//! let mut server: Server<_, 8, 1024> = Server::new(80, limits, Stamp::new("board"), ());
//! for (receive, send) in receive_rings.iter_mut().zip(&mut send_rings) {
//!     let [receive, send] = [receive, send].map(|ring| tcp::SocketBuffer::new(&mut ring[..]));
//!     server.add(sockets.add(tcp::Socket::new(receive, send)))?;
//! }
//! loop {
//!     let now = Instant::from_millis(millis());
//!     interface.poll(now, &mut device, &mut sockets); // frames to and from the device
//!     // Turns of the engine over the sockets' rings.
//!     let due: Option<Duration> = server.poll(&mut application, now, &mut sockets);
//!     let delays = [due, interface.poll_delay(now, &sockets)];
//!     sleep(delays.into_iter().flatten().min()); // or until a frame comes
//! #   if now > Instant::from_millis(3) {
//! #       break;
//! #   }
//! }
//! # assert!(sockets.iter().all(|(_, socket)| {
//! #     matches!(socket, smoltcp::socket::Socket::Tcp(socket) if socket.is_listening())
//! # }));
//! # Ok::<_, kinglet_embedded::tcp::TooManySockets>(())
//! ```
//!
//! smoltcp has no backlog: a socket that listens takes one connection. So every socket that a server
//! has is a connection or waits for one, and a few hostile or careless clients could take them all.
//! This is what is done about it:
//!
//! | sockets that listen | what changes |
//! |---|---|
//! | 2 and more | nothing |
//! | 1 | answers say `Connection: close`; who is silent has a second, a handshake two and a half |
//! | 0 | the connection that is idle longest is closed; where none is, the newcomer gets 503 |
//!
//! With fewer than four sockets there is none to spare for saying no, and only the first row holds.

mod connection;
mod doorman;
mod stream;
mod unread;

use core::fmt;
use core::time::Duration;

use heapless::Vec;
use kinglet_core::http::Ticket;
use kinglet_core::http::server::Cause;
use kinglet_core::window::Queue;
use kinglet_core::{Application, Compression, Context, Instant, Limits, Stamp};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, State};
use smoltcp::wire::IpListenEndpoint;

use crate::codecs::Codecs;
use crate::fmt::{Shown, debug, trace, warning};
use connection::{Connection, Io, Verdict};
use doorman::{Doorman, pressing};

pub use stream::Stream;

/// Up to `N` connections. `W` is how many bytes a head may have, and an answer that is not streamed.
///
/// `E` is the application's [`Exchange`](Application::Exchange), and `C` what compresses for its
/// WebSockets, if anything does.
#[derive(Debug)]
pub struct Server<E, const N: usize, const W: usize, C = ()> {
    slots: Vec<Slot<E, W>, N>,
    io: Io<W>,
    codecs: C,
    endpoint: IpListenEndpoint,
    /// The bounds while there are sockets to spare.
    limits: Limits,
    mode: Mode,
    counters: Counters,
}

/// A socket, and the connection it has.
#[derive(Debug)]
struct Slot<E, const W: usize> {
    handle: SocketHandle,
    stage: Stage,
    /// When it came to this stage; for a connection that is served, when it was not idle last.
    since: Instant,
    /// Connections that the slot has had, so that a ticket of an earlier one is known as such.
    generation: u32,
    connection: Connection<E, W>,
}

/// What a socket is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It listens, or is about to.
    Listening,
    /// A client has begun to connect.
    Arriving,
    /// A connection, and the application answers it.
    Served,
    /// The same, and it is being closed to have its socket back.
    Evicted,
    /// A connection that there is no room for: it is answered with 503.
    TurnedAway,
    /// The connection has failed, and is reset when the peer has what was said to it before.
    Failing,
    /// The connection is over; the socket is not.
    Leaving,
}

/// How newcomers fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// Hardly a socket is left.
    Pressed,
    /// Nobody is let in any more.
    Draining,
}

/// What has happened since the server was made. Each count wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that were accepted.
    pub accepted: u32,
    /// Of these, how many were answered with 503 because all sockets were taken.
    pub turned_away: u32,
    /// Idle connections that were closed to have their sockets back.
    pub evicted: u32,
    /// Connections that ended because of the peer's mistake, or its slowness.
    pub failed: u32,
}

/// All of a server's sockets are its connections already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManySockets;

/// How long a connection has to be idle before it may be closed in favour of another: time for a
/// request that is on its way.
const GRACE: Duration = Duration::from_millis(200);

/// With so many sockets, one is kept to say that there is none.
const MIN_SOCKETS_TO_REFUSE: usize = 4;

impl<E: Default, const N: usize, const W: usize, C: Codecs> Server<E, N, W, C> {
    /// A server that listens on `endpoint`, such as `80`, as soon as it has sockets.
    ///
    /// Limits on heads and answers are lowered to what `W` allows.
    pub fn new(
        endpoint: impl Into<IpListenEndpoint>,
        limits: Limits,
        stamp: Stamp,
        codecs: C,
    ) -> Self {
        let window = u16::try_from(W).unwrap_or(u16::MAX);
        let limits = Limits {
            max_head_len: limits.max_head_len.min(window),
            min_room: limits.min_room.min(window),
            ..limits
        };
        Self {
            slots: Vec::new(),
            io: Io {
                context: Context::new(limits.clone(), stamp),
                room: [0; W],
                queue: Queue::new(),
            },
            codecs,
            endpoint: endpoint.into(),
            limits,
            mode: Mode::Open,
            counters: Counters::default(),
        }
    }

    /// Gives the server one more socket, which is its alone from now on.
    ///
    /// Its transmit ring should have [`min_room`](Limits::min_room) bytes at least: a shorter one has to
    /// be empty before a request is looked at.
    ///
    /// # Errors
    ///
    /// It has `N` already.
    pub fn add(&mut self, handle: SocketHandle) -> Result<(), TooManySockets> {
        let slot = Slot {
            handle,
            stage: Stage::Listening,
            since: Instant::default(),
            generation: 0,
            connection: Connection::new(),
        };
        self.slots.push(slot).map_err(|_| TooManySockets)
    }

    /// Goes on with every connection, and answers after how long at the latest this is to be called
    /// again, whatever the network does.
    ///
    /// # Panics
    ///
    /// A handle is not that of a TCP socket in `sockets`.
    pub fn poll<A>(
        &mut self,
        application: &mut A,
        now: smoltcp::time::Instant,
        sockets: &mut SocketSet<'_>,
    ) -> Option<smoltcp::time::Duration>
    where
        A: Application<Exchange = E> + ?Sized,
    {
        self.io.context.now = instant(now);
        let newcomer = self.look_after_sockets(sockets);
        self.make_way(sockets, newcomer);
        self.take_turns(application, sockets);
        let delay = self.delay();
        delay.map(|delay| smoltcp::time::Duration::from_micros(micros(delay)))
    }

    /// Has sockets listen again, and answers in which slot somebody has come, the last if more have.
    fn look_after_sockets(&mut self, sockets: &mut SocketSet<'_>) -> Option<usize> {
        let care = self.care();
        let mut newcomer = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let socket = sockets.get_mut::<Socket<'_>>(slot.handle);
            match slot.stage {
                Stage::Listening | Stage::Arriving => {
                    if slot.await_client(socket, &care) {
                        self.counters.accepted = self.counters.accepted.wrapping_add(1);
                        trace!("connection {}: accepted", index);
                        newcomer = Some(index);
                    }
                }
                Stage::Failing => slot.reset_in_time(socket, &care),
                Stage::Leaving => slot.leave(socket, &care),
                Stage::Served | Stage::Evicted | Stage::TurnedAway => {}
            }
        }
        newcomer
    }

    fn care(&self) -> Care {
        /// A client's answer to our SYN-ACK, or to the second of them a second later.
        const PRESSED_HANDSHAKE: Duration = Duration::from_millis(2500);
        let handshake_timeout = match self.mode {
            Mode::Pressed => self.limits.head_timeout.min(PRESSED_HANDSHAKE),
            Mode::Open | Mode::Draining => self.limits.head_timeout,
        };
        Care {
            now: self.io.context.now,
            mode: self.mode,
            endpoint: self.endpoint,
            handshake_timeout,
            drain_timeout: self.limits.drain_timeout,
        }
    }

    /// Does what the table at the top of this page says.
    fn make_way(&mut self, sockets: &SocketSet<'_>, newcomer: Option<usize>) {
        if self.slots.len() < MIN_SOCKETS_TO_REFUSE || self.mode == Mode::Draining {
            return;
        }
        let now = self.io.context.now;
        let count = |stage| self.slots.iter().filter(|slot| slot.stage == stage).count();
        let listening = count(Stage::Listening);
        let mode = if listening <= 1 {
            Mode::Pressed
        } else {
            Mode::Open
        };
        if self.mode != mode {
            self.mode = mode;
            self.io.context.limits = match mode {
                Mode::Pressed => pressing(&self.limits),
                Mode::Open | Mode::Draining => self.limits.clone(),
            };
        }
        if listening > 0 || count(Stage::Evicted) > 0 {
            return;
        }
        let idle = |slot: &&mut Slot<E, W>| {
            let socket = sockets.get::<Socket<'_>>(slot.handle);
            // Who still reads an answer is not idle, and would be long in going.
            let is_idle = slot.connection.session.is_idle()
                && !slot.connection.session.is_open_websocket()
                && !slot.connection.has_news(socket)
                && socket.send_queue() == 0;
            slot.stage == Stage::Served && is_idle && now.has_reached(slot.since.after(GRACE))
        };
        // The idle time that is the longest is the one that began before all others.
        let age = |slot: &&mut Slot<E, W>| slot.since.until(now);
        if let Some(slot) = self.slots.iter_mut().filter(idle).max_by_key(age) {
            slot.connection.session.drain();
            slot.connection.nudge();
            slot.enter(Stage::Evicted, now);
            debug!("an idle connection is closed to have its socket back");
            self.counters.evicted = self.counters.evicted.wrapping_add(1);
            return;
        }
        if let Some(slot) = newcomer.and_then(|index| self.slots.get_mut(index)) {
            slot.stage = Stage::TurnedAway;
            warning!("all sockets are taken: a connection is turned away");
            self.counters.turned_away = self.counters.turned_away.wrapping_add(1);
        }
    }

    fn take_turns<A>(&mut self, application: &mut A, sockets: &mut SocketSet<'_>)
    where
        A: Application<Exchange = E> + ?Sized,
    {
        let now = self.io.context.now;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let is_full = match slot.stage {
                Stage::Served | Stage::Evicted => false,
                Stage::TurnedAway => true,
                Stage::Listening | Stage::Arriving | Stage::Failing | Stage::Leaving => continue,
            };
            let socket = sockets.get_mut::<Socket<'_>>(slot.handle);
            let connection = &mut slot.connection;
            if !connection.wants_look(now, socket) {
                continue;
            }
            let is_active = connection.has_news(socket) || !connection.session.is_idle();
            if slot.stage == Stage::Served && is_active {
                slot.since = now;
            }
            self.io.context.connection = name(index, slot.generation);
            self.io.context.compression = if self.codecs.has_free() {
                Compression::Lent
            } else {
                Compression::None
            };
            let codec = if connection.session.is_compressed() {
                self.codecs.lend(index)
            } else {
                None
            };
            let mut doorman = Doorman {
                application,
                is_full,
            };
            let verdict = connection.advance(&mut doorman, &mut self.io, codec, socket);
            if connection.session.is_compressed() {
                // It has been agreed on, perhaps just now, and is nobody else's from here on.
                let _ = self.codecs.lend(index);
            }
            if let Verdict::Goes(cause) = verdict {
                debug!("connection {}: closes: {}", index, Shown(&cause));
                connection.session.abandon(&mut doorman);
                self.codecs.take_back(index);
                let is_over = matches!(socket.state(), State::TimeWait | State::Closed);
                let stage = match cause {
                    Cause::Peer | Cause::Agreed | Cause::Idle => {
                        socket.close();
                        Stage::Leaving
                    }
                    _ => {
                        self.counters.failed = self.counters.failed.wrapping_add(1);
                        if is_over {
                            Stage::Leaving
                        } else {
                            Stage::Failing
                        }
                    }
                };
                slot.enter(stage, now);
            }
        }
    }

    /// How long nothing is due.
    fn delay(&self) -> Option<Duration> {
        let (now, care) = (self.io.context.now, self.care());
        let due = |slot: &Slot<E, W>| match slot.stage {
            Stage::Listening => None,
            Stage::Arriving => Some(slot.since.after(care.handshake_timeout)),
            Stage::Failing | Stage::Leaving => Some(slot.since.after(self.limits.drain_timeout)),
            Stage::Served | Stage::Evicted | Stage::TurnedAway => {
                if slot.connection.is_due() {
                    Some(now)
                } else {
                    slot.connection.deadline()
                }
            }
        };
        self.slots
            .iter()
            .filter_map(due)
            .map(|at| now.until(at))
            .min()
    }

    /// Lets the application go on with a deferred exchange or an open WebSocket, at the next
    /// [`poll`](Self::poll). Answers whether the ticket was still good.
    pub fn redeem(&mut self, ticket: Ticket) -> bool {
        let (index, generation) = place(ticket.connection());
        match self.slots.get_mut(index) {
            Some(slot) if slot.generation == generation && slot.has_connection() => {
                let is_good = slot.connection.session.redeem(ticket);
                if is_good {
                    slot.connection.nudge();
                }
                is_good
            }
            _ => false,
        }
    }

    /// Takes no more connections, and lets those there are come to their end.
    /// [`connections`](Self::connections) tells when they have.
    pub fn drain(&mut self) {
        self.mode = Mode::Draining;
        for slot in self.slots.iter_mut().filter(|slot| slot.has_connection()) {
            slot.connection.session.drain();
            slot.connection.nudge();
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        let has_one = |slot: &&Slot<E, W>| slot.stage != Stage::Listening;
        self.slots.iter().filter(has_one).count()
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The stamp of every answer; for a device that learns what time it is.
    pub const fn stamp_mut(&mut self) -> &mut Stamp {
        &mut self.io.context.stamp
    }
}

/// By what all sockets are looked after.
struct Care {
    now: Instant,
    mode: Mode,
    endpoint: IpListenEndpoint,
    handshake_timeout: Duration,
    drain_timeout: Duration,
}

impl<E: Default, const W: usize> Slot<E, W> {
    /// Answers whether a client has connected, and the slot serves it from now on.
    fn await_client(&mut self, socket: &mut Socket<'_>, care: &Care) -> bool {
        let mut stage = Stage::Listening;
        match socket.state() {
            State::SynReceived => {
                let is_late = self.stage == Stage::Arriving
                    && care
                        .now
                        .has_reached(self.since.after(care.handshake_timeout));
                stage = if is_late {
                    socket.abort();
                    Stage::Leaving
                } else {
                    Stage::Arriving
                };
            }
            State::Established | State::CloseWait => {
                self.generation = self.generation.wrapping_add(1);
                self.connection = Connection::new();
                if care.mode == Mode::Draining {
                    self.connection.session.drain();
                }
                // What the engine says at once belongs together, and nothing more is to come.
                socket.set_nagle_enabled(false);
                stage = Stage::Served;
            }
            State::Listen if care.mode == Mode::Draining => socket.close(),
            State::Listen => {}
            _ => care.listen(socket),
        }
        self.enter(stage, care.now);
        stage == Stage::Served
    }

    /// Resets a connection that has failed, when the peer has what was said to it before.
    fn reset_in_time(&mut self, socket: &mut Socket<'_>, care: &Care) {
        let is_late = care.now.has_reached(self.since.after(care.drain_timeout));
        if is_late || socket.send_queue() == 0 || !socket.may_send() {
            socket.abort();
            self.enter(Stage::Leaving, care.now);
        }
    }

    /// Has the socket back when nothing more is to be done for its last connection.
    fn leave(&mut self, socket: &mut Socket<'_>, care: &Care) {
        let has_waited = care.now.has_reached(self.since.after(care.drain_timeout));
        let is_over = match socket.state() {
            State::TimeWait => true,
            // A reset that is to be sent takes the interface one more round, or is given up where
            // nobody can be reached.
            State::Closed => has_waited || socket.remote_endpoint().is_none(),
            _ => false,
        };
        if is_over {
            self.enter(Stage::Listening, care.now);
            care.listen(socket);
        } else if has_waited {
            socket.abort();
            self.since = care.now;
        }
    }
}

impl Care {
    fn listen(&self, socket: &mut Socket<'_>) {
        if self.mode != Mode::Draining {
            // It fails where the last connection is not over, and is tried again then.
            let _ = socket.listen(self.endpoint);
        }
    }
}

impl<E, const W: usize> Slot<E, W> {
    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage != stage {
            self.stage = stage;
            self.since = now;
        }
    }

    const fn has_connection(&self) -> bool {
        matches!(
            self.stage,
            Stage::Served | Stage::Evicted | Stage::TurnedAway
        )
    }
}

impl fmt::Display for TooManySockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server has as many sockets as it has room for")
    }
}

impl core::error::Error for TooManySockets {}

/// The name of a connection, for its tickets.
const fn name(index: usize, generation: u32) -> u64 {
    (generation as u64) << 32 | index as u64
}

/// The slot and the generation that a name stands for.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a name")]
const fn place(name: u64) -> (usize, u32) {
    (name as u32 as usize, (name >> 32) as u32)
}

/// The engine's time of smoltcp's, which counts from the same origin.
fn instant(now: smoltcp::time::Instant) -> Instant {
    Instant::from_millis(now.total_millis().unsigned_abs())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
