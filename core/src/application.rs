//! The application: what is written once and runs under every driver.
//!
//! ```text
//!            request ---- send ---------------------------------------> done
//!               |  \ \--- later ------> (ticket) ------> resume ------>  as request
//!               |   \---- collect ----> request again, with content -->  as request
//!               |-------- receive ----> content, content ... --------->  as request
//!               |-------- start ------> stream, stream ... -- finish --> done
//!               \------ websocket ----> opened, message, ready ... ----> closed
//! ```
//!
//! Every call of an exchange hands over a token that has to be used: what can be done with it is what
//! may be done now. A WebSocket's calls lend a [`Socket`], which may be used. [`Session`] joins an application to a connection; a driver calls its [`turn`](Session::turn).

use crate::Context;
use crate::http::server::{Cause, Connection, Event, Next, Part};
use crate::http::{Handled, Reply, Request, Status, Stream, Ticket};
use crate::outcome::{Observer, Outcome, Traffic};
use crate::websocket::{self, Agreement, Closed, Socket};
use crate::window::{Input, Outlook, Output};

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

    /// The answer to a deferred exchange has come from elsewhere, by way of the driver: `answer` gives
    /// it. What stands around an application adds its own there, as it does to `resume`.
    fn relay(
        &mut self,
        exchange: &mut Self::Exchange,
        reply: Reply<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> Handled {
        let _ = exchange;
        answer(reply)
    }

    /// Whether [`moved`](Self::moved) and [`finished`](Self::finished) are called. Where this is
    /// constantly no, nothing is done for them.
    #[inline]
    fn observes(&self) -> bool {
        false
    }

    /// Bytes of this exchange have come or been put into the output, in this turn and since the last
    /// call. Of a WebSocket, too; but not of the frames that a driver sends on its own.
    fn moved(&mut self, exchange: &mut Self::Exchange, traffic: Traffic) {
        let _ = (exchange, traffic);
    }

    /// The exchange is over, or has become another protocol's and that is: called once for each
    /// [`request`](Self::request) that did not become a WebSocket, which has [`closed`](Self::closed).
    ///
    /// Also called, with an exchange that nothing has been told of, for each answer that the engine
    /// has given to what was no request: 400, 408, 431 and their like. Not called for a connection that
    /// just closes between two exchanges.
    ///
    /// `exchange` is dropped after this.
    fn finished(&mut self, exchange: &mut Self::Exchange, outcome: &Outcome<'_>) {
        let _ = (exchange, outcome);
    }

    /// Whether requests may become WebSockets. Where this is constantly no, a compiler that looks at the
    /// whole program leaves that protocol's code out of it. [`Reply::websocket`] must not be used then:
    /// its connection would just close.
    #[inline]
    fn has_websockets(&self) -> bool {
        true
    }

    /// A WebSocket is open, after [`Reply::websocket`]. `exchange` is what the request left in it, and
    /// stays until the WebSocket is closed.
    fn opened(&mut self, exchange: &mut Self::Exchange, socket: &mut Socket<'_>) {
        let _ = (exchange, socket);
    }

    /// A part of a message has come.
    fn message(
        &mut self,
        exchange: &mut Self::Exchange,
        part: websocket::Part<'_>,
        socket: &mut Socket<'_>,
    ) {
        let _ = (exchange, part, socket);
    }

    /// What was sent has left, after [`Socket::notify`], or the socket's ticket has been redeemed.
    fn ready(&mut self, exchange: &mut Self::Exchange, socket: &mut Socket<'_>) {
        let _ = (exchange, socket);
    }

    /// The WebSocket is closed: called once for each that was opened, whatever its end.
    fn closed(&mut self, exchange: &mut Self::Exchange, closed: Closed<'_>) {
        let _ = (exchange, closed);
    }
}

/// A connection and what the application remembers of its exchange.
#[derive(Debug, Default)]
pub struct Session<E> {
    protocol: Protocol,
    exchange: E,
}

/// What is spoken on a connection: one thing after the other, in the same memory.
#[derive(Debug)]
enum Protocol {
    Http(Connection),
    WebSocket(websocket::Connection),
}

impl Default for Protocol {
    fn default() -> Self {
        Self::Http(Connection::new())
    }
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
            protocol: Protocol::default(),
            exchange: E::default(),
        }
    }

    /// Goes on as far as that is possible without the driver.
    ///
    /// `input` is everything received and not consumed. Whatever the answer, what is in the output
    /// is to be sent.
    #[cfg_attr(not(small), inline(always))]
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
        let exchange = &mut self.exchange;
        let turn = match &mut self.protocol {
            Protocol::WebSocket(_) if !application.has_websockets() => {
                return Turn::Close(Cause::Aborted);
            }
            Protocol::WebSocket(websocket) => {
                return websocket_turn(websocket, exchange, application, context, input, output);
            }
            Protocol::Http(connection) => {
                http_turn(connection, exchange, application, context, input, output)
            }
        };
        match turn {
            Ok(turn) => turn,
            Err(_) if !application.has_websockets() => Turn::Close(Cause::Aborted),
            Err(upgrade) => self.become_websocket(upgrade, application, context, input, output),
        }
    }

    /// The connection is a WebSocket from here on, whose application has not been told of it.
    #[inline(never)]
    fn become_websocket<A>(
        &mut self,
        Upgrade(agreement): Upgrade,
        application: &mut A,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Turn
    where
        A: Application<Exchange = E> + ?Sized,
    {
        if let Protocol::Http(connection) = &self.protocol {
            self.protocol = Protocol::WebSocket(connection.websocket(agreement));
        }
        let Protocol::WebSocket(connection) = &mut self.protocol else {
            return Turn::Close(Cause::Aborted);
        };
        let exchange = &mut self.exchange;
        application.opened(exchange, &mut connection.socket(context, output));
        websocket_turn(connection, exchange, application, context, input, output)
    }

    /// Tells that the connection is lost, and with it the session: an application whose WebSocket has
    /// not been closed, or that observes and whose exchange is not over, is told so. For every connection that a driver closes before a turn has said
    /// [`Turn::Close`].
    pub fn abandon<A>(&mut self, application: &mut A)
    where
        A: Application<Exchange = E> + ?Sized,
    {
        match &mut self.protocol {
            Protocol::Http(connection) => {
                if application.observes()
                    && let Some(outcome) = connection.abandon()
                {
                    application.finished(&mut self.exchange, &outcome);
                }
            }
            Protocol::WebSocket(connection) => {
                if application.has_websockets()
                    && let Some(closed) = connection.abandon()
                {
                    application.closed(&mut self.exchange, closed);
                }
            }
        }
    }

    /// Has a deferred exchange answered in the application's stead, where that was put off and not
    /// begun; a turn is due then. Answers whether the ticket was still good for that.
    pub fn answer<A>(
        &mut self,
        ticket: Ticket,
        application: &mut A,
        context: &Context,
        output: &mut Output<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> bool
    where
        A: Application<Exchange = E> + ?Sized,
    {
        let Protocol::Http(connection) = &mut self.protocol else {
            return false;
        };
        let exchange = &mut self.exchange;
        let input = Input::new(&mut [], Outlook::More);
        let mut observer = Observer::of(&*application, connection.lent(), &input, output);
        let Some(reply) = connection.answer(ticket.exchange(), context, output) else {
            return false;
        };
        let _: Handled = application.relay(exchange, reply, answer);
        observer.tell(application, exchange, connection, context, &input, output);
        true
    }
}

/// That a connection is to become a WebSocket, compressed or not.
struct Upgrade(Option<Agreement>);

#[cfg_attr(not(small), inline(always))]
fn http_turn<A>(
    connection: &mut Connection,
    exchange: &mut A::Exchange,
    application: &mut A,
    context: &Context,
    input: &mut Input<'_>,
    output: &mut Output<'_>,
) -> Result<Turn, Upgrade>
where
    A: Application + ?Sized,
{
    let mut observer = Observer::of(&*application, connection.lent(), input, output);
    loop {
        let next = connection.next(context, input, output);
        if matches!(next, Next::Request) {
            if application.observes() {
                connection.observe();
            }
            let Some((request, reply)) = connection.request(context, input, output) else {
                *exchange = A::Exchange::default();
                return Ok(Turn::Close(Cause::Aborted));
            };
            *exchange = A::Exchange::default();
            let _: Handled = application.request(exchange, &request, reply);
            observer.tell(application, exchange, connection, context, input, output);
        } else if matches!(next, Next::Receive) {
            observer.tell(application, exchange, connection, context, input, output);
            forget_finished(connection, exchange);
            return Ok(Turn::Receive);
        } else if let Next::WebSocket(agreement) = next {
            return Err(Upgrade(agreement));
        } else {
            let turn = act(
                connection,
                exchange,
                next,
                application,
                context,
                input,
                output,
            );
            observer.tell(application, exchange, connection, context, input, output);
            if let Some(turn) = turn {
                forget_last(turn, exchange);
                return Ok(turn);
            }
        }
    }
}

/// Does what is not done in every turn, and answers what comes of that, unless it goes on.
#[inline(never)]
fn act<A>(
    connection: &mut Connection,
    exchange: &mut A::Exchange,
    next: Next,
    application: &mut A,
    context: &Context,
    input: &Input<'_>,
    output: &mut Output<'_>,
) -> Option<Turn>
where
    A: Application + ?Sized,
{
    let turn = match connection.event(next, context, input, output) {
        Event::Request(request, reply) => {
            let _: Handled = application.request(exchange, &request, reply);
            return None;
        }
        Event::Content(part, reply) => {
            let _: Handled = application.content(exchange, part, reply);
            return None;
        }
        Event::Resume(reply) => {
            let _: Handled = application.resume(exchange, reply);
            return None;
        }
        Event::Stream(stream) => {
            let _: Handled = application.stream(exchange, stream);
            return None;
        }
        // It has been looked for before.
        Event::WebSocket(_) => Turn::Close(Cause::Aborted),
        Event::Receive => Turn::Receive,
        Event::Send => Turn::Send,
        Event::Wait => return Some(Turn::Wait),
        Event::Shutdown => return Some(Turn::Shutdown),
        Event::Close(cause) => return Some(Turn::Close(cause)),
    };
    forget_finished(connection, exchange);
    Some(turn)
}

/// What an exchange has remembered is dropped in the last turns of its connection.
#[cfg_attr(not(small), inline(always))]
fn forget_last<E: Default>(turn: Turn, exchange: &mut E) {
    if size_of::<E>() > 0 && matches!(turn, Turn::Shutdown | Turn::Close(_)) {
        *exchange = E::default();
    }
}

/// What an exchange has remembered is dropped as soon as it is over.
#[cfg_attr(not(small), inline(always))]
fn forget_finished<E: Default>(connection: &Connection, exchange: &mut E) {
    if size_of::<E>() > 0 && connection.is_between_exchanges() {
        *exchange = E::default();
    }
}

/// A turn of a WebSocket.
#[inline(never)]
fn websocket_turn<A>(
    connection: &mut websocket::Connection,
    exchange: &mut A::Exchange,
    application: &mut A,
    context: &Context,
    input: &mut Input<'_>,
    output: &mut Output<'_>,
) -> Turn
where
    A: Application + ?Sized,
{
    let mut observer = Observer::of(&*application, connection.lent(), input, output);
    let turn = loop {
        match connection.next(context, input, output) {
            websocket::Next::Part(slice) => {
                let (part, mut socket) = connection.part(slice, context, input, output);
                application.message(exchange, part, &mut socket);
            }
            websocket::Next::Receive | websocket::Next::Again | websocket::Next::Fail(_) => {
                break Turn::Receive;
            }
            websocket::Next::Send => break Turn::Send,
            websocket::Next::Ready => {
                application.ready(exchange, &mut connection.socket(context, output));
            }
            websocket::Next::Closed {
                code,
                error,
                reason,
            } => {
                observer.moved(application, exchange, connection.lent(), input, output);
                application.closed(exchange, Closed::new(code, error, reason, input));
                *exchange = A::Exchange::default();
            }
            websocket::Next::Shutdown => break Turn::Shutdown,
            websocket::Next::Close(cause) => break Turn::Close(cause),
        }
    };
    if !connection.is_told() {
        observer.moved(application, exchange, connection.lent(), input, output);
    }
    turn
}

impl<E> Session<E> {
    /// When the next [`turn`](Self::turn) is due at the latest, whatever comes.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<crate::Instant> {
        match &self.protocol {
            Protocol::Http(connection) => connection.deadline(),
            Protocol::WebSocket(connection) => connection.deadline(),
        }
    }

    /// See [`Connection::send_deadline`].
    #[must_use]
    pub fn send_deadline(&self) -> Option<crate::Instant> {
        match &self.protocol {
            Protocol::Http(connection) => connection.send_deadline(),
            Protocol::WebSocket(connection) => connection.send_deadline(),
        }
    }

    /// See [`Connection::unsent`].
    ///
    /// # Errors
    ///
    /// The peer reads too slowly: close the connection.
    pub fn unsent(&mut self, context: &Context, len: usize) -> Result<(), Cause> {
        match &mut self.protocol {
            Protocol::Http(connection) => connection.unsent(context, len),
            Protocol::WebSocket(connection) => connection.unsent(context, len),
        }
    }

    /// See [`Connection::drain`], and [`websocket::Connection::drain`].
    pub fn drain(&mut self) {
        match &mut self.protocol {
            Protocol::Http(connection) => connection.drain(),
            Protocol::WebSocket(connection) => connection.drain(),
        }
    }

    /// Lets the application go on with a deferred exchange or an open WebSocket; a turn is due then.
    /// Answers whether the ticket was still good.
    pub fn redeem(&mut self, ticket: Ticket) -> bool {
        match &mut self.protocol {
            Protocol::Http(connection) => connection.redeem(ticket.exchange()),
            Protocol::WebSocket(connection) => connection.redeem(ticket.exchange()),
        }
    }

    /// Whether a driver may send a whole WebSocket frame behind what the engine has put into the
    /// output, as of a message that goes to many.
    #[must_use]
    pub fn takes_frames(&self) -> bool {
        match &self.protocol {
            Protocol::Http(_) => false,
            Protocol::WebSocket(connection) => connection.takes_frames(),
        }
    }

    /// Whether it is a WebSocket whose messages may be compressed: it is to be lent an
    /// [inflater](Input::with_inflater) and a [deflater](Output::with_deflater) in each turn.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub fn is_compressed(&self) -> bool {
        match &self.protocol {
            Protocol::Http(_) => false,
            Protocol::WebSocket(connection) => connection.agreement().is_some(),
        }
    }

    /// Whether it is an open WebSocket.
    #[must_use]
    pub fn is_open_websocket(&self) -> bool {
        match &self.protocol {
            Protocol::Http(_) => false,
            Protocol::WebSocket(connection) => connection.is_open(),
        }
    }

    /// Fails a WebSocket whose peer takes too little of what others send to it; a turn is due then.
    pub fn refuse_slow_peer(&mut self) {
        if let Protocol::WebSocket(connection) = &mut self.protocol {
            connection.refuse_slow_peer();
        }
    }

    /// Whether no request has come yet, as a whole or in part. Who has just connected is about to send
    /// one, and would miss the answer of a server that drains.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        match &self.protocol {
            Protocol::Http(connection) => connection.is_fresh(),
            Protocol::WebSocket(_) => false,
        }
    }

    /// Whether the connection may be drained by a turn at once: no exchange is under way and nothing
    /// of a next one has come, or it is a WebSocket.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &self.protocol {
            Protocol::Http(connection) => connection.is_idle(),
            Protocol::WebSocket(_) => true,
        }
    }
}
