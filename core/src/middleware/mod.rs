//! What stands around an application: plain composition over [`Application`](crate::Application).
//!
//! ```text
//!   driver --- request ---> Cors ---> SecurityHeaders ---> the application
//!          <-- its lines behind <---- its lines behind <-- answer
//! ```
//!
//! Each part is an application that has another inside. What it adds to answers are field lines, given
//! with [`Reply::with_fields`](crate::http::Reply::with_fields); nothing is allocated. Answers that the
//! engine gives by itself, such as 400, bear none of them.

mod security_headers;
mod trace_context;

pub use security_headers::SecurityHeaders;
pub use trace_context::{TraceContext, TraceContextError};

/// Hands the named methods of [`Application`](crate::Application) on to the application inside.
///
/// ```
/// use kinglet_core::http::{Handled, Reply, Request};
/// use kinglet_core::{Application, hand_on};
///
/// struct Counting<A> {
///     inner: A,
///     requests: u64,
/// }
///
/// impl<A: Application> Application for Counting<A> {
///     type Exchange = A::Exchange;
///
///     fn request(
///         &mut self,
///         exchange: &mut A::Exchange,
///         request: &Request<'_>,
///         reply: Reply<'_>,
///     ) -> Handled {
///         self.requests += 1;
///         self.inner.request(exchange, request, reply)
///     }
///
///     hand_on!(inner: content resume stream relay observes moved finished websockets);
/// }
/// ```
#[macro_export]
macro_rules! hand_on {
    ($inner:ident: $($method:ident)+) => { $($crate::hand_on!(@$method $inner);)+ };
    (@content $inner:ident) => {
        fn content(
            &mut self,
            exchange: &mut Self::Exchange,
            part: $crate::http::Part<'_>,
            reply: $crate::http::Reply<'_>,
        ) -> $crate::http::Handled {
            self.$inner.content(exchange, part, reply)
        }
    };
    (@resume $inner:ident) => {
        fn resume(
            &mut self,
            exchange: &mut Self::Exchange,
            reply: $crate::http::Reply<'_>,
        ) -> $crate::http::Handled {
            self.$inner.resume(exchange, reply)
        }
    };
    (@stream $inner:ident) => {
        fn stream(
            &mut self,
            exchange: &mut Self::Exchange,
            stream: $crate::http::Stream<'_>,
        ) -> $crate::http::Handled {
            self.$inner.stream(exchange, stream)
        }
    };
    (@relay $inner:ident) => {
        fn relay(
            &mut self,
            exchange: &mut Self::Exchange,
            reply: $crate::http::Reply<'_>,
            answer: &mut dyn FnMut($crate::http::Reply<'_>) -> $crate::http::Handled,
        ) -> $crate::http::Handled {
            self.$inner.relay(exchange, reply, answer)
        }
    };
    (@observes $inner:ident) => {
        #[inline]
        fn observes(&self) -> bool {
            self.$inner.observes()
        }
    };
    (@moved $inner:ident) => {
        fn moved(&mut self, exchange: &mut Self::Exchange, traffic: $crate::Traffic) {
            self.$inner.moved(exchange, traffic);
        }
    };
    (@finished $inner:ident) => {
        fn finished(&mut self, exchange: &mut Self::Exchange, outcome: &$crate::Outcome<'_>) {
            self.$inner.finished(exchange, outcome);
        }
    };
    (@websockets $inner:ident) => {
        #[inline]
        fn has_websockets(&self) -> bool {
            self.$inner.has_websockets()
        }

        fn opened(
            &mut self,
            exchange: &mut Self::Exchange,
            socket: &mut $crate::websocket::Socket<'_>,
        ) {
            self.$inner.opened(exchange, socket);
        }

        fn message(
            &mut self,
            exchange: &mut Self::Exchange,
            part: $crate::websocket::Part<'_>,
            socket: &mut $crate::websocket::Socket<'_>,
        ) {
            self.$inner.message(exchange, part, socket);
        }

        fn ready(
            &mut self,
            exchange: &mut Self::Exchange,
            socket: &mut $crate::websocket::Socket<'_>,
        ) {
            self.$inner.ready(exchange, socket);
        }

        fn closed(
            &mut self,
            exchange: &mut Self::Exchange,
            closed: $crate::websocket::Closed<'_>,
        ) {
            self.$inner.closed(exchange, closed);
        }
    };
}
