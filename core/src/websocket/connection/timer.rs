//! Deadlines of a WebSocket: silence, pongs, the closing handshake.

use super::read::has_room_for_control;
use super::{Connection, Next, Timer, Wake};
use crate::http::server::Cause;
use crate::pace::Sent;
use crate::websocket::error::TimeoutError;
use crate::websocket::opcode::Opcode;
use crate::websocket::state::Sending;
use crate::window::{Input, Output};
use crate::{Context, Instant};

impl Connection {
    /// When [`step`](Self::step) has to be called at the latest, whatever comes.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        let own = (self.timer != Timer::Off).then_some(self.deadline);
        if !self.pace.is_stuck() && !matches!(self.wake, Wake::At(_)) {
            return own;
        }
        self.earliest_deadline(own)
    }

    #[inline(never)]
    fn earliest_deadline(&self, own: Option<Instant>) -> Option<Instant> {
        let wake = match self.wake {
            Wake::At(instant) if self.is_open() => Some(instant),
            Wake::At(_) | Wake::None | Wake::Sent | Wake::Now => None,
        };
        [own, self.pace.deadline(), wake]
            .into_iter()
            .flatten()
            .reduce(Instant::earlier)
    }

    /// When [`unsent`](Self::unsent) has to be called again at the latest, while the peer takes too
    /// little.
    #[must_use]
    pub fn send_deadline(&self) -> Option<Instant> {
        self.pace.deadline()
    }

    /// Tells, after every attempt to send, how many bytes the peer has not taken.
    ///
    /// # Errors
    ///
    /// The peer reads more slowly than [`min_send_rate`](crate::Limits::min_send_rate): close the
    /// connection.
    pub fn unsent(&mut self, context: &Context, len: usize) -> Result<(), Cause> {
        match self.pace.note(context, len) {
            Sent::All | Sent::Part => Ok(()),
            Sent::AllAtLast => {
                // The driver may not have received meanwhile.
                if self.timer != Timer::Close {
                    self.timer = Timer::Off;
                }
                Ok(())
            }
            Sent::TooLittle => {
                self.fail(TimeoutError::Send.into());
                Err(Cause::WebSocket(TimeoutError::Send.into()))
            }
        }
    }

    /// Waits for bytes. Any that come are a sign of life, so a ping is sent only into silence.
    #[inline]
    pub(super) fn await_in_time(
        &mut self,
        context: &Context,
        input: &Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let len = u32::try_from(input.remaining().len()).unwrap_or(u32::MAX);
        let has_come = input.consumed() > 0 || self.seen != len;
        self.seen = len;
        if self.sending == Sending::Open && (has_come || self.timer == Timer::Off) {
            self.timer = Timer::Silence;
            self.deadline = context.now.after(context.limits.ping_interval);
            return Next::Receive;
        }
        if !context.now.has_reached(self.deadline) {
            return Next::Receive;
        }
        self.on_deadline(context, output)
    }

    #[inline(never)]
    fn on_deadline(&mut self, context: &Context, output: &mut Output<'_>) -> Next {
        match self.timer {
            Timer::Off | Timer::Drain => Next::Receive,
            Timer::Silence => {
                if !has_room_for_control(output) {
                    return Next::Send;
                }
                self.put_control(Opcode::Ping, b"", context, output);
                self.timer = Timer::Pong;
                self.deadline = context.now.after(context.limits.pong_timeout);
                Next::Receive
            }
            Timer::Pong => Next::Fail(TimeoutError::Pong.into()),
            Timer::Close => Next::Fail(TimeoutError::Close.into()),
        }
    }

    /// Our Close frame is written: the peer's is due.
    pub(super) const fn await_close(&mut self, context: &Context) {
        self.timer = Timer::Close;
        self.deadline = context.now.after(context.limits.close_timeout);
    }

    /// All is said: the peer is to close.
    pub(super) fn await_end(&mut self, context: &Context) -> Next {
        if self.timer != Timer::Drain {
            self.timer = Timer::Drain;
            self.deadline = context.now.after(context.limits.drain_timeout);
        } else if context.now.has_reached(self.deadline) {
            return self.close();
        }
        Next::Receive
    }
}
