//! The application: what is written once and runs under every driver.
//!
//! ```text
//!            request ---- send ---------------------------------------> done
//!               |  \ \--- later ------> (ticket) ------> resume ------>  as request
//!               |   \---- collect ----> request again, with content -->  as request
//!               |-------- receive ----> content, content ... --------->  as request
//!               \-------- start ------> stream, stream ... -- finish --> done
//! ```
//!
//! Every call hands over a token that has to be used: what can be done with it is what may be done
//! now. [`Session`] joins an application to a connection; a driver calls its [`turn`](Session::turn).

use crate::Context;
use crate::http::server::{Cause, Connection, Event, Next, Part};
use crate::http::{Handled, Reply, Request, Status, Stream, Ticket};
use crate::window::{Input, Output};

/// What a server does with requests.
///
/// Calls never wait: what takes long is put off with [`Reply::later`] or streamed.
///
/// ```
/// use kinglet_core::http::{Field, Handled, Reply, Request, Status};
/// use kinglet_core::{Application, field};
///
/// struct Hello;
///
/// impl Application for Hello {
///     type Exchange = ();
///
///     fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
///         const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
///         match request.path() {
///             "/" => reply.send(Status::OK, &[PLAIN], b"Hello, World!"),
///             _ => reply.send(Status::NOT_FOUND, &[], b""),
///         }
///     }
/// }
/// ```
pub trait Application {
    /// What is remembered from one call of an exchange to the next. Each exchange begins with the
    /// default, and the value is dropped when the exchange is over, however it ends.
    type Exchange: Default;

    /// A request has come; after [`Reply::collect`], it comes again with its content.
    fn request(
        &mut self,
        exchange: &mut Self::Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled;

    /// Content has come, after [`Reply::receive`].
    fn content(
        &mut self,
        exchange: &mut Self::Exchange,
        part: Part<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let _ = (exchange, part);
        reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"")
    }

    /// A ticket has been redeemed, after [`Reply::later`].
    fn resume(&mut self, exchange: &mut Self::Exchange, reply: Reply<'_>) -> Handled {
        let _ = exchange;
        reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"")
    }

    /// A streamed answer may go on, after [`Reply::start`] or [`Reply::switch`].
    fn stream(&mut self, exchange: &mut Self::Exchange, stream: Stream<'_>) -> Handled {
        let _ = exchange;
        stream.abort()
    }
}

/// A connection and what the application remembers of its exchange.
#[derive(Debug, Default)]
pub struct Session<E> {
    connection: Connection,
    exchange: E,
}

/// What a driver is to do before the next turn, besides sending what is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a turn says what is to be done before the next"]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum Turn {
    /// Receive more. The next turn is due when something has come, the peer has closed, or
    /// [`Session::deadline`] passes.
    Receive,
    /// Send: the next turn is due at once when all of the output is sent.
    Send,
    /// Wait for a ticket or the deadline. What comes meanwhile may stay where it is.
    Wait,
    /// Send; when all of the output is sent, close the sending side. The next turn is due at once
    /// then, and begins the wait for the peer to close.
    Shutdown,
    /// Send what the peer takes at once, and close the connection.
    Close(Cause),
}

impl<E: Default> Session<E> {
    /// For a connection that has just been accepted.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connection: Connection::new(),
            exchange: E::default(),
        }
    }

    /// Goes on as far as that is possible without the driver.
    ///
    /// `input` is everything received and not consumed. Whatever the answer, what is in the output
    /// is to be sent.
    pub fn turn<A>(
        &mut self,
        application: &mut A,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Turn
    where
        A: Application<Exchange = E> + ?Sized,
    {
        loop {
            let next = self.connection.next(context, input, output);
            if matches!(next, Next::Request) {
                let Some((request, reply)) = self.connection.request(context, input, output) else {
                    return self.end(Turn::Close(Cause::Aborted));
                };
                self.exchange = E::default();
                let _: Handled = application.request(&mut self.exchange, &request, reply);
            } else if matches!(next, Next::Receive) {
                self.forget_finished();
                return Turn::Receive;
            } else if let Some(turn) = self.act(next, application, context, input, output) {
                return turn;
            }
        }
    }

    /// Does what is not done in every turn, and answers what that leaves to the driver, if anything.
    #[inline(never)]
    fn act<A>(
        &mut self,
        next: Next,
        application: &mut A,
        context: &Context,
        input: &Input<'_>,
        output: &mut Output<'_>,
    ) -> Option<Turn>
    where
        A: Application<Exchange = E> + ?Sized,
    {
        let _: Handled = match self.connection.event(next, context, input, output) {
            Event::Request(request, reply) => {
                application.request(&mut self.exchange, &request, reply)
            }
            Event::Content(part, reply) => application.content(&mut self.exchange, part, reply),
            Event::Resume(reply) => application.resume(&mut self.exchange, reply),
            Event::Stream(stream) => application.stream(&mut self.exchange, stream),
            Event::Receive => {
                self.forget_finished();
                return Some(Turn::Receive);
            }
            Event::Send => {
                self.forget_finished();
                return Some(Turn::Send);
            }
            Event::Wait => return Some(Turn::Wait),
            Event::Shutdown => return Some(self.end(Turn::Shutdown)),
            Event::Close(cause) => return Some(self.end(Turn::Close(cause))),
        };
        None
    }

    /// The last turns of a connection: what an exchange has remembered is dropped.
    fn end(&mut self, turn: Turn) -> Turn {
        self.exchange = E::default();
        turn
    }

    /// What an exchange has remembered is dropped as soon as it is over.
    fn forget_finished(&mut self) {
        if size_of::<E>() > 0 && self.connection.is_between_exchanges() {
            self.exchange = E::default();
        }
    }
}

impl<E> Session<E> {
    /// When the next [`turn`](Self::turn) is due at the latest, whatever comes.
    #[must_use]
    pub fn deadline(&self) -> Option<crate::Instant> {
        self.connection.deadline()
    }

    /// See [`Connection::send_deadline`].
    #[must_use]
    pub fn send_deadline(&self) -> Option<crate::Instant> {
        self.connection.send_deadline()
    }

    /// See [`Connection::unsent`].
    ///
    /// # Errors
    ///
    /// The peer reads too slowly: close the connection.
    pub fn unsent(&mut self, context: &Context, len: usize) -> Result<(), Cause> {
        self.connection.unsent(context, len)
    }

    /// See [`Connection::drain`].
    pub fn drain(&mut self) {
        self.connection.drain();
    }

    /// Lets the application go on with a deferred exchange; a turn is due then. Answers whether the
    /// ticket was still good.
    pub fn redeem(&mut self, ticket: Ticket) -> bool {
        self.connection.redeem(ticket.exchange())
    }

    /// Answers a deferred exchange in the application's stead, where that was put off and not begun;
    /// a turn is due then. `None` when the ticket is no longer good for that.
    pub fn answer<'r>(
        &'r mut self,
        ticket: Ticket,
        context: &'r Context,
        output: &'r mut Output<'_>,
    ) -> Option<Reply<'r>> {
        self.connection.answer(ticket.exchange(), context, output)
    }

    /// Whether no exchange is under way and nothing of a next one has come.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }
}
