//! A server's connection without its stream: what every driver does, said as what to do next.
//!
//! ```text
//!             +--------------- Pump::next ----------------+
//!  received ->|  a turn of the engine, when one is due    |-> Write   sent(n)
//!  sent     ->|  all of what it put out, before the next  |-> Flush
//!  redeem   ->|  then what the turn asked for             |-> Read    received(n)
//!             +-------------------------------------------+-> Wait, Shutdown, Close
//! ```
//!
//! A driver is a loop around [`Pump::next`] and a `match`; the two here are such loops. One for a TCP
//! stack of another kind needs nothing else.

use kinglet_core::http::server::Cause;
use kinglet_core::window::Outlook;
use kinglet_core::{Application, Context, Instant, Session, Turn};

use crate::Notice;
use crate::wire::{Buffers, Wire};

/// One connection to a server: session, buffers, and what is due.
#[derive(Debug)]
pub struct Pump<'b, E> {
    session: Session<E>,
    wire: Wire<'b>,
    due: Due,
    flushed: Flushed,
}

/// What is done next, when all of the output is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// A turn.
    Turn,
    /// What a turn has asked for.
    Asked(Turn),
    /// Nothing: the connection is over.
    Over(Cause),
}

/// Whether the stream may hold back what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    Yes,
    No,
}

/// What a driver is to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the connection goes on when this is done"]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum Next<'p> {
    /// Write some of these bytes, and tell how many with [`Pump::sent`]: 0 when none were taken at
    /// once, and again when none were taken until then.
    Write(&'p [u8], Option<Instant>),
    /// Have the stream send what it holds back, until then at the latest.
    Flush(Option<Instant>),
    /// Read into this, and tell how much with [`Pump::received`]; or go on when it is that time.
    Read(&'p mut [u8], Option<Instant>),
    /// Wait for a [`Notice`], or for this time, and go on.
    Wait(Option<Instant>),
    /// Close the sending side, where the stream can, and go on.
    Shutdown,
    /// Close the stream. There is nothing else to do, now or later.
    Close(Cause),
}

impl<'b, E: Default> Pump<'b, E> {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(buffers: Buffers<'b>) -> Self {
        Self {
            session: Session::new(),
            wire: Wire::new(buffers),
            due: Due::Turn,
            flushed: Flushed::Yes,
        }
    }

    /// Goes on as far as that is possible without the stream.
    ///
    /// `context` has the time and a name for the connection; what it says of compression is set here.
    pub fn next<A>(&mut self, application: &mut A, context: &mut Context) -> Next<'_>
    where
        A: Application<Exchange = E> + ?Sized,
    {
        loop {
            if self.wire.unsent_len() > 0 {
                let until = match self.due {
                    // What goes with the end is written where that takes no time.
                    Due::Asked(Turn::Close(_)) => Some(context.now),
                    Due::Turn | Due::Asked(_) | Due::Over(_) => self.send_deadline(),
                };
                return Next::Write(self.wire.unsent(), until);
            }
            let turn = match self.due {
                Due::Turn | Due::Asked(Turn::Send) => {
                    self.turn(application, context);
                    continue;
                }
                Due::Over(cause) => return Next::Close(cause),
                Due::Asked(turn) => turn,
            };
            if self.flushed == Flushed::No {
                self.flushed = Flushed::Yes;
                return Next::Flush(self.patience(turn, context));
            }
            self.due = Due::Turn;
            match turn {
                // While the application has the next move, a peer that is lost is noticed by reading.
                Turn::Receive | Turn::Wait if self.wire.outlook() == Outlook::More => {
                    return Next::Read(self.wire.spare(), self.session.deadline());
                }
                Turn::Receive | Turn::Wait | Turn::Send => {
                    return Next::Wait(self.session.deadline());
                }
                Turn::Shutdown => return Next::Shutdown,
                Turn::Close(cause) => self.due = Due::Over(cause),
            }
        }
    }

    /// Until when a stream has time for what it holds back.
    fn patience(&self, turn: Turn, context: &Context) -> Option<Instant> {
        match turn {
            Turn::Close(_) => Some(context.now),
            Turn::Shutdown => Some(context.now.after(context.limits.drain_timeout)),
            Turn::Receive | Turn::Send | Turn::Wait => self.session.deadline(),
        }
    }

    fn turn<A>(&mut self, application: &mut A, context: &mut Context)
    where
        A: Application<Exchange = E> + ?Sized,
    {
        context.compression = self.wire.compression();
        let (session, context) = (&mut self.session, &*context);
        let turn = self
            .wire
            .turn(|input, output| session.turn(application, context, input, output));
        self.due = Due::Asked(turn);
    }

    /// The stream is broken: tells the application of what that ends.
    pub fn abandon<A>(&mut self, application: &mut A)
    where
        A: Application<Exchange = E> + ?Sized,
    {
        if !matches!(self.due, Due::Over(_)) {
            self.wire.drop_unsent();
            self.session.abandon(application);
            self.due = Due::Over(Cause::Peer);
        }
    }

    /// Takes note that `len` bytes of [`Next::Write`] were written. With 0, that none were taken in
    /// time: a peer that is too slow is given up, and the application told.
    pub fn sent<A>(&mut self, len: usize, application: &mut A, context: &Context)
    where
        A: Application<Exchange = E> + ?Sized,
    {
        self.wire.sent(len);
        if len > 0 {
            self.flushed = Flushed::No;
        }
        if matches!(self.due, Due::Asked(Turn::Close(_))) {
            if len == 0 {
                self.wire.drop_unsent();
            }
            return;
        }
        let was_stuck = self.session.send_deadline().is_some();
        if let Err(cause) = self.session.unsent(context, self.wire.unsent_len()) {
            self.wire.drop_unsent();
            self.session.abandon(application);
            self.due = Due::Over(cause);
        } else if was_stuck && self.wire.unsent_len() == 0 {
            // No peer was late meanwhile: what is waited for begins anew, with a turn.
            self.take_turn();
        }
    }
}

impl<'b, E> Pump<'b, E> {
    /// Takes note that `len` bytes were read into [`Next::Read`]; with 0, that the peer has closed its
    /// side.
    pub fn received(&mut self, len: usize) {
        self.wire.received(len);
    }

    /// What is to be written, and what says until when that may last, each time that it has lasted so
    /// long: `None` where it is to be given up, for the peer was too slow or is owed no time.
    #[cfg(feature = "async")]
    pub(crate) fn writing<'p>(
        &'p mut self,
        context: &'p mut Context,
    ) -> (
        &'p [u8],
        impl FnMut(Instant) -> Option<Instant> + use<'p, 'b, E>,
    ) {
        let is_last = matches!(self.due, Due::Asked(Turn::Close(_)));
        let (session, unsent_len) = (&mut self.session, self.wire.unsent_len());
        let stuck = move |now| {
            context.now = now;
            if is_last || session.unsent(context, unsent_len).is_err() {
                return None;
            }
            session.send_deadline()
        };
        (self.wire.unsent(), stuck)
    }

    /// Takes a notice: a turn is due where it changes anything.
    ///
    /// Answers whether a ticket was still good, and one of this connection.
    pub fn notice(&mut self, notice: Notice, context: &Context) -> bool {
        let is_news = match notice {
            Notice::Redeem(ticket) => {
                ticket.connection() == context.connection && self.session.redeem(ticket)
            }
            Notice::Drain => {
                self.session.drain();
                true
            }
        };
        if is_news {
            self.take_turn();
        }
        is_news
    }

    /// A turn is due, and not what the last has asked for, unless that was the end.
    const fn take_turn(&mut self) {
        match self.due {
            Due::Asked(Turn::Receive | Turn::Send | Turn::Wait) => self.due = Due::Turn,
            Due::Asked(Turn::Shutdown | Turn::Close(_)) | Due::Turn | Due::Over(_) => {}
        }
    }

    /// Whether there is something to be written.
    pub(crate) fn is_writing(&self) -> bool {
        self.wire.unsent_len() > 0
    }

    /// Until when a peer that takes nothing has time; no turn is taken before it takes something.
    pub(crate) fn send_deadline(&self) -> Option<Instant> {
        self.session.send_deadline()
    }

    /// When a turn is due at the latest, whatever comes.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }
}
