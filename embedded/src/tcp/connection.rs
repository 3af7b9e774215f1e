//! One connection: the engine's turns over a socket's rings.
//!
//! ```text
//!            receive ring                              transmit ring
//!   [ ....remaining....| free ]      [ head | slices from flash ... | free ]
//!        | lent in place                        ^ copied        ^ copied as room comes up
//!        v                                      |               |
//!     Input ----------> Session::turn -----> Output           rest
//! ```
//!
//! A socket lends one of its rings at a time. So the engine reads, and changes, where the ring has the
//! bytes, and writes into one buffer for all connections, which is copied to the ring at once.

use kinglet_core::http::server::Cause;
use kinglet_core::websocket::deflate::{Deflate, Inflate};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Instant, Output, Session, Turn};
use smoltcp::socket::tcp::{Socket, State};

use super::unread::Unread;

/// What every connection's turn needs, apart from the connection: lent to one after the other.
#[derive(Debug)]
pub(super) struct Io<const W: usize> {
    pub(super) context: Context,
    pub(super) room: [u8; W],
    pub(super) queue: Queue,
}

/// What compresses and inflates for one connection.
pub(super) type Codec<'c> = Option<(&'c mut dyn Inflate, &'c mut dyn Deflate)>;

/// The state of one connection, without its socket.
#[derive(Debug)]
pub(super) struct Connection<E, const W: usize> {
    pub(super) session: Session<E>,
    unread: Unread<W>,
    /// What of an answer is sent from where it lies, behind all else, and has not gone into the ring.
    rest: &'static [u8],
    /// Bytes that lay in the receive ring when the last turn was over.
    seen: usize,
    sending: Sending,
    next: Next,
    /// Whether the engine knows that the peer has closed its side.
    has_ended: bool,
}

/// What the next turn waits for, if not for its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Turn,
    /// For the peer to take what is in the transmit ring.
    Room,
    /// For something to come.
    News,
}

/// What of the sending side is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// It closes when everything is in the ring.
    Ending,
    /// It is closed, and has ended when the peer has everything.
    Ended,
}

/// What is to become of a connection.
#[derive(Debug)]
pub(super) enum Verdict {
    Stays,
    Goes(Cause),
}

/// How many turns one connection may take before others have theirs.
const MAX_TURNS: usize = 8;

/// What a turn was shown, and what came of it.
struct Shown {
    turn: Turn,
    outlook: Outlook,
    /// Bytes of the window that are left.
    remaining: usize,
    /// Bytes that were copied into the output, and what is sent behind them.
    written: usize,
    rest: &'static [u8],
}

impl<E: Default, const W: usize> Connection<E, W> {
    pub(super) fn new() -> Self {
        Self {
            session: Session::new(),
            unread: Unread::EMPTY,
            rest: &[],
            seen: 0,
            sending: Sending::Open,
            next: Next::Turn,
            has_ended: false,
        }
    }

    /// Has the connection take a turn when it is looked at next.
    pub(super) fn nudge(&mut self) {
        if self.next == Next::News {
            self.next = Next::Turn;
        }
    }

    /// When the connection has to be looked at again at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.next {
            Next::Room => self.session.send_deadline(),
            Next::Turn | Next::News => self.session.deadline(),
        }
    }

    /// Whether a turn is due at once.
    pub(super) fn is_due(&self) -> bool {
        self.next == Next::Turn
    }

    /// Whether bytes or the end of them have come since the last turn.
    pub(super) fn has_news(&self, socket: &Socket<'_>) -> bool {
        socket.recv_queue() != self.seen || has_ended(socket) != self.has_ended
    }

    /// Whether looking at the connection could change anything.
    pub(super) fn wants_look(&self, now: Instant, socket: &Socket<'_>) -> bool {
        self.next != Next::News
            || self.has_news(socket)
            // A peer that had closed its side before, and is gone now, is no news.
            || socket.state() == State::Closed
            || self.deadline().is_some_and(|at| now.has_reached(at))
    }

    /// Goes on as far as what has come and the room there is allow.
    pub(super) fn advance<A>(
        &mut self,
        application: &mut A,
        io: &mut Io<W>,
        mut codec: Codec<'_>,
        socket: &mut Socket<'_>,
    ) -> Verdict
    where
        A: Application<Exchange = E> + ?Sized,
    {
        for _ in 0..MAX_TURNS {
            if let Err(cause) = self.make_room(io, socket) {
                return Verdict::Goes(cause);
            }
            if self.next == Next::Room {
                return Verdict::Stays;
            }
            let shown = self.take_turn(application, io, reborrow(&mut codec), socket);
            self.send(&shown, io, socket);
            let is_due = match shown.turn {
                Turn::Close(cause) if self.closes_at_once(cause, socket) => {
                    return Verdict::Goes(cause);
                }
                Turn::Close(_) | Turn::Shutdown => {
                    self.sending = Sending::Ending;
                    true
                }
                Turn::Send => true,
                Turn::Wait => false,
                Turn::Receive => self.can_show_more(&shown, socket),
            };
            self.next = if is_due { Next::Turn } else { Next::News };
            if !is_due {
                // What is left over stays until something comes.
                self.seen = socket.recv_queue();
                return self.watch_rest(io, socket);
            }
        }
        Verdict::Stays
    }

    /// Whether a connection that closes has nothing in the ring that the peer is to have.
    fn closes_at_once(&self, cause: Cause, socket: &Socket<'_>) -> bool {
        let is_in_order = matches!(cause, Cause::Peer | Cause::Agreed | Cause::Idle);
        !is_in_order || self.sending != Sending::Open || socket.send_queue() == 0
    }

    /// What of an answer is not in the ring has a deadline from now on.
    fn watch_rest(&mut self, io: &Io<W>, socket: &Socket<'_>) -> Verdict {
        if self.rest.is_empty() {
            return Verdict::Stays;
        }
        match self.await_room(io, socket) {
            Ok(()) => Verdict::Stays,
            Err(cause) => Verdict::Goes(cause),
        }
    }

    /// Puts into the ring what has to go before the next turn, and sees whether there is room for that.
    fn make_room(&mut self, io: &Io<W>, socket: &mut Socket<'_>) -> Result<(), Cause> {
        if socket.state() == State::Closed {
            return Err(Cause::Peer);
        }
        self.send_rest(socket);
        if self.sending == Sending::Ending && self.rest.is_empty() {
            socket.close();
            self.sending = Sending::Ended;
        }
        if self.sending == Sending::Ended && socket.send_queue() > 0 {
            // The peer may have to say more before it reads on; the engine would drop it too.
            while socket
                .recv(|ring| (ring.len(), ring.len()))
                .is_ok_and(|len| len > 0)
            {}
            return self.await_room(io, socket);
        }
        let room = free(socket).min(W);
        let wanted = usize::from(io.context.limits.min_room)
            .min(W)
            .min(socket.send_capacity());
        let has_room = room >= wanted || self.sending == Sending::Ended;
        if has_room && self.rest.is_empty() {
            if self.next == Next::Room {
                self.next = Next::Turn;
                self.session.unsent(&io.context, 0)?;
            }
            return Ok(());
        }
        self.await_room(io, socket)
    }

    /// The peer is to take what there is.
    fn await_room(&mut self, io: &Io<W>, socket: &Socket<'_>) -> Result<(), Cause> {
        self.next = Next::Room;
        let unsent = socket.send_queue().saturating_add(self.rest.len());
        self.session.unsent(&io.context, unsent.max(1))
    }

    fn send_rest(&mut self, socket: &mut Socket<'_>) {
        while !self.rest.is_empty() {
            match socket.send_slice(self.rest) {
                Ok(len) if len > 0 => self.rest = self.rest.get(len..).unwrap_or_default(),
                _ => break,
            }
        }
    }

    /// One turn, over the bytes in the ring where they lie in one piece, and else over a copy.
    fn take_turn<A>(
        &mut self,
        application: &mut A,
        io: &mut Io<W>,
        mut codec: Codec<'_>,
        socket: &mut Socket<'_>,
    ) -> Shown
    where
        A: Application<Exchange = E> + ?Sized,
    {
        let room = free(socket).min(W);
        let has_ended = has_ended(socket);
        let queued = socket.recv_queue();
        let session = &mut self.session;
        // What lies around the end of the ring is copied where all of it fits, so that short messages
        // come whole.
        let is_whole = socket.peek(queued).is_ok_and(|piece| piece.len() == queued);
        if self.unread.is_empty() && queued > 0 && (is_whole || queued > W) {
            let shown = socket.recv(|ring| {
                let window = ring.get_mut(..W.min(ring.len())).unwrap_or_default();
                let len = window.len();
                let outlook = match len {
                    len if has_ended && len == queued => Outlook::Ended,
                    len if len == W => Outlook::Full,
                    _ => Outlook::More,
                };
                let codec = reborrow(&mut codec);
                let (shown, consumed) =
                    turn(session, application, io, codec, (window, outlook), room);
                // Where bytes were taken out of the middle, what remains joins what is behind it.
                let gone = len.saturating_sub(shown.remaining);
                move_up(window, consumed, gone);
                (gone, shown)
            });
            if let Ok(shown) = shown {
                self.has_ended |= shown.outlook == Outlook::Ended;
                return shown;
            }
        }
        let unread = &mut self.unread;
        let mut push = |ring: &mut [u8]| {
            let pushed = unread.push(ring);
            (pushed, pushed)
        };
        while socket.recv(&mut push).is_ok_and(|pushed| pushed > 0) {}
        let outlook = match self.unread.len() {
            _ if has_ended && socket.recv_queue() == 0 => Outlook::Ended,
            len if len == W => Outlook::Full,
            _ => Outlook::More,
        };
        let window = (self.unread.as_mut_slice(), outlook);
        let (shown, consumed) = turn(session, application, io, codec, window, room);
        self.unread.keep(consumed, shown.remaining);
        self.has_ended |= shown.outlook == Outlook::Ended;
        shown
    }

    /// Puts what a turn has written into the ring, which has room for it.
    fn send(&mut self, shown: &Shown, io: &Io<W>, socket: &mut Socket<'_>) {
        let written = io.room.get(..shown.written).unwrap_or_default();
        // A socket that sends no more is found to be closed before the next turn.
        let _ = socket.send_slice(written);
        self.rest = shown.rest;
        self.send_rest(socket);
    }

    /// After a turn that could use more than it was shown: whether there is more. What lies around the
    /// end of the ring is taken out of it for that, and so is what fills the ring and is not enough.
    fn can_show_more(&mut self, shown: &Shown, socket: &mut Socket<'_>) -> bool {
        let queued = socket.recv_queue();
        if !self.unread.is_empty() {
            return queued > 0 && self.unread.len() < W;
        }
        if shown.remaining == 0 {
            return queued > 0 || (has_ended(socket) && !self.has_ended);
        }
        let has_more = queued > shown.remaining || queued == socket.recv_capacity();
        if !has_more || shown.remaining == W {
            return false;
        }
        let moved = socket.recv(|ring| {
            let pushed = self
                .unread
                .push(ring.get(..shown.remaining).unwrap_or_default());
            (pushed, pushed)
        });
        moved.is_ok_and(|moved| moved > 0) && socket.recv_queue() > 0
    }
}

/// A turn of the engine with `room` bytes to write into, and how much of the input it has consumed.
// One copy of the engine's turn in the image.
#[inline(never)]
fn turn<A, const W: usize>(
    session: &mut Session<A::Exchange>,
    application: &mut A,
    io: &mut Io<W>,
    codec: Codec<'_>,
    (window, outlook): (&mut [u8], Outlook),
    room: usize,
) -> (Shown, usize)
where
    A: Application + ?Sized,
{
    let mut input = Input::new(window, outlook);
    let bytes = io.room.get_mut(..room).unwrap_or_default();
    io.queue.clear();
    let mut output = Output::for_ring(bytes, &mut io.queue);
    if let Some((inflater, deflater)) = codec {
        input = input.with_inflater(inflater);
        output = output.with_deflater(deflater);
    }
    let turn = session.turn(application, &io.context, &mut input, &mut output);
    let shown = Shown {
        turn,
        outlook,
        remaining: input.remaining().len(),
        written: io.queue.filled(),
        rest: io.queue.take_reference(),
    };
    (shown, input.consumed())
}

/// Moves the bytes from `from` on up to `to`, and forgets as many at the end.
fn move_up(bytes: &mut [u8], from: usize, to: usize) {
    let removed = to.saturating_sub(from);
    let end = bytes.len().saturating_sub(removed);
    // The condition tells the compiler that nothing here can panic.
    if removed > 0 && from <= end && to <= bytes.len() {
        bytes.copy_within(from..end, to);
    }
}

/// Whether the peer has closed its side.
fn has_ended(socket: &Socket<'_>) -> bool {
    matches!(
        socket.state(),
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
    )
}

/// Bytes that the transmit ring takes.
fn free(socket: &Socket<'_>) -> usize {
    if socket.may_send() {
        socket.send_capacity().saturating_sub(socket.send_queue())
    } else {
        0
    }
}

/// The same codec, for a shorter time.
fn reborrow<'c>(codec: &'c mut Codec<'_>) -> Codec<'c> {
    match codec {
        Some((inflater, deflater)) => Some((&mut **inflater, &mut **deflater)),
        None => None,
    }
}
