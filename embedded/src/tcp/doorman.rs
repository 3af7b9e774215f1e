//! Who answers: the application, or nobody because there is no room.

use core::time::Duration;

use kinglet_core::http::server::Part;
use kinglet_core::http::{Field, Handled, Reply, Request, Status, Stream};
use kinglet_core::websocket::{self, Closed, Socket};
use kinglet_core::{Application, Limits, Outcome, Traffic, field};

/// The application, with somebody at its door. One type for both cases, so that the code of a turn is
/// in the image once.
pub(super) struct Doorman<'a, A: ?Sized> {
    pub(super) application: &'a mut A,
    /// Whether what comes is turned away.
    pub(super) is_full: bool,
}

/// The bounds while hardly a socket is left: one exchange for each connection, and less patience.
pub(super) fn pressing(limits: &Limits) -> Limits {
    const PATIENCE: Duration = Duration::from_secs(1);
    Limits {
        max_exchanges: 1,
        idle_timeout: limits.idle_timeout.min(PATIENCE),
        head_timeout: limits.head_timeout.min(PATIENCE),
        drain_timeout: limits.drain_timeout.min(PATIENCE),
        ..limits.clone()
    }
}

impl<A: Application + ?Sized> Application for Doorman<'_, A> {
    type Exchange = A::Exchange;

    fn request(
        &mut self,
        exchange: &mut A::Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        const SOON: Field<'_> = field!("Retry-After", "1");
        const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
        if self.is_full {
            let fields = [SOON, PLAIN];
            return reply.send(
                Status::SERVICE_UNAVAILABLE,
                &fields,
                b"all connections are taken\n",
            );
        }
        self.application.request(exchange, request, reply)
    }

    fn content(&mut self, exchange: &mut A::Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        self.application.content(exchange, part, reply)
    }

    fn resume(&mut self, exchange: &mut A::Exchange, reply: Reply<'_>) -> Handled {
        self.application.resume(exchange, reply)
    }

    fn stream(&mut self, exchange: &mut A::Exchange, stream: Stream<'_>) -> Handled {
        self.application.stream(exchange, stream)
    }

    fn relay(
        &mut self,
        exchange: &mut A::Exchange,
        reply: Reply<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> Handled {
        self.application.relay(exchange, reply, answer)
    }

    fn observes(&self) -> bool {
        self.application.observes()
    }

    fn moved(&mut self, exchange: &mut A::Exchange, traffic: Traffic) {
        self.application.moved(exchange, traffic);
    }

    fn finished(&mut self, exchange: &mut A::Exchange, outcome: &Outcome<'_>) {
        self.application.finished(exchange, outcome);
    }

    fn has_websockets(&self) -> bool {
        self.application.has_websockets()
    }

    fn opened(&mut self, exchange: &mut A::Exchange, socket: &mut Socket<'_>) {
        self.application.opened(exchange, socket);
    }

    fn message(
        &mut self,
        exchange: &mut A::Exchange,
        part: websocket::Part<'_>,
        socket: &mut Socket<'_>,
    ) {
        self.application.message(exchange, part, socket);
    }

    fn ready(&mut self, exchange: &mut A::Exchange, socket: &mut Socket<'_>) {
        self.application.ready(exchange, socket);
    }

    fn closed(&mut self, exchange: &mut A::Exchange, closed: Closed<'_>) {
        self.application.closed(exchange, closed);
    }
}
