//! What an application that [observes](crate::Application::observes) is told of its exchanges.
//!
//! ```text
//! request -> moved(traffic) -> ... -> moved(traffic) -> finished(outcome)
//! ```
//!
//! An exchange is over here as soon as its answer is whole in the output, or cannot be any more. What
//! the peer then takes of it is the driver's matter, and so is what it still sends of a content that
//! nobody wanted.

use crate::http::Status;
use crate::http::server::{Cause, Connection};
use crate::{Application, Context, Input, Output};

/// How an exchange has ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    status: Option<Status>,
    cause: Option<Cause>,
    context: Option<&'a Context>,
}

impl<'a> Outcome<'a> {
    /// The status of the answer, whoever gave it; `None` where there was none.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        self.status
    }

    /// Why the connection came to its end before the answer was whole, or with an answer that the
    /// engine had to give; `None` where the application has given it, and it is whole.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// What the driver told of this turn; `None` where it has given the connection up.
    #[must_use]
    pub const fn context(&self) -> Option<&'a Context> {
        self.context
    }

    pub(crate) const fn new(status: Option<Status>, cause: Option<Cause>) -> Self {
        Self {
            status,
            cause,
            context: None,
        }
    }

    pub(crate) const fn with_context(self, context: &'a Context) -> Self {
        Self {
            context: Some(context),
            ..self
        }
    }
}

/// Bytes of an exchange that were used and made, heads and framing among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes of the input that are done with.
    pub received: usize,
    /// Bytes that were put into the output.
    pub sent: usize,
}

impl Traffic {
    /// Whether nothing has moved.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.received == 0 && self.sent == 0
    }
}

/// Tells an application that observes what has moved, and what is over. For others there is no code.
pub(crate) struct Observer(Meter);

impl Observer {
    /// At the beginning of a turn, in which `lent` bytes of the input are as good as consumed.
    #[inline(always)]
    pub(crate) fn of<A: Application + ?Sized>(
        application: &A,
        lent: u32,
        input: &Input<'_>,
        output: &Output<'_>,
    ) -> Self {
        Self(if application.observes() {
            Meter::read(lent, input, output)
        } else {
            Meter::default()
        })
    }

    /// Something may have moved.
    #[inline(always)]
    pub(crate) fn moved<A: Application + ?Sized>(
        &mut self,
        application: &mut A,
        exchange: &mut A::Exchange,
        lent: u32,
        input: &Input<'_>,
        output: &Output<'_>,
    ) {
        if application.observes() {
            let traffic = self.0.advance(lent, input, output);
            if !traffic.is_none() {
                application.moved(exchange, traffic);
            }
        }
    }

    /// Something may have moved, and the exchange may be over.
    #[inline(always)]
    pub(crate) fn tell<A: Application + ?Sized>(
        &mut self,
        application: &mut A,
        exchange: &mut A::Exchange,
        connection: &mut Connection,
        context: &Context,
        input: &Input<'_>,
        output: &Output<'_>,
    ) {
        if !application.observes() {
            return;
        }
        if !connection.is_observed() {
            // What moves between exchanges is nobody's.
            self.0.advance(connection.lent(), input, output);
            return;
        }
        self.moved(application, exchange, connection.lent(), input, output);
        if let Some(outcome) = connection.take_outcome() {
            application.finished(exchange, &outcome.with_context(context));
            *exchange = A::Exchange::default();
        }
    }
}

/// Where input and output of a turn stood when what had moved was last told.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    unread: usize,
    appended: usize,
}

impl Meter {
    fn read(lent: u32, input: &Input<'_>, output: &Output<'_>) -> Self {
        Self {
            unread: input.remaining().len().wrapping_sub(lent as usize),
            appended: output.appended(),
        }
    }

    /// What has moved since the last time.
    fn advance(&mut self, lent: u32, input: &Input<'_>, output: &Output<'_>) -> Traffic {
        let now = Self::read(lent, input, output);
        let before = core::mem::replace(self, now);
        Traffic {
            received: before.unread.wrapping_sub(now.unread),
            sent: now.appended.wrapping_sub(before.appended),
        }
    }
}
