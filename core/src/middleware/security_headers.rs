//! Field lines that tell a browser what it may do with an answer.

use crate::http::{Field, Handled, Part, Reply, Request};
use crate::{Application, field, hand_on};

/// Adds field lines to every answer that does not give them itself.
#[derive(Clone, Copy, Debug)]
pub struct SecurityHeaders<A> {
    inner: A,
    fields: &'static [Field<'static>],
}

impl<A> SecurityHeaders<A> {
    /// No sniffing of media types, no frames of other sites around a page, no referrer to them, and
    /// nothing loaded from them.
    pub const USUAL: &'static [Field<'static>] = &[
        field!("X-Content-Type-Options", "nosniff"),
        field!("X-Frame-Options", "DENY"),
        field!("Referrer-Policy", "same-origin"),
        field!("Content-Security-Policy", "default-src 'self'"),
    ];

    /// With the [usual](Self::USUAL) lines.
    pub const fn new(inner: A) -> Self {
        Self::with(inner, Self::USUAL)
    }

    /// With lines of one's own, such as `Strict-Transport-Security` where all is served over TLS.
    pub const fn with(inner: A, fields: &'static [Field<'static>]) -> Self {
        Self { inner, fields }
    }
}

impl<A: Application> Application for SecurityHeaders<A> {
    type Exchange = A::Exchange;

    fn request(
        &mut self,
        exchange: &mut A::Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let inner = &mut self.inner;
        reply.with_default_fields(self.fields, |reply| inner.request(exchange, request, reply))
    }

    fn content(&mut self, exchange: &mut A::Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        let inner = &mut self.inner;
        reply.with_default_fields(self.fields, |reply| inner.content(exchange, part, reply))
    }

    fn resume(&mut self, exchange: &mut A::Exchange, reply: Reply<'_>) -> Handled {
        let inner = &mut self.inner;
        reply.with_default_fields(self.fields, |reply| inner.resume(exchange, reply))
    }

    fn relay(
        &mut self,
        exchange: &mut A::Exchange,
        reply: Reply<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> Handled {
        let inner = &mut self.inner;
        reply.with_default_fields(self.fields, |reply| inner.relay(exchange, reply, answer))
    }

    hand_on!(inner: stream observes moved finished websockets);
}
