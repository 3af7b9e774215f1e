//! Deadlines: how long a peer may be silent or slow (RFC 9112 §9.5).

use core::time::Duration;

use super::{Cause, Connection, Next, Plan, Timer};
use crate::http::error::TimeoutError;
use crate::http::state::Sending;
use crate::http::stream::{Streaming, Want};
use crate::pace::Sent;
use crate::window::Input;
use crate::{Context, Instant};

impl Connection {
    /// When [`step`](Self::step) has to be called at the latest, whatever comes.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub fn deadline(&self) -> Option<Instant> {
        let is_running = !matches!(self.timer, Timer::Off | Timer::Paused);
        let receive = is_running.then_some(self.receive_deadline);
        if !self.pace.is_stuck() && self.sending != Sending::Content {
            return receive;
        }
        self.deadline_while_sending(receive)
    }

    #[inline(never)]
    fn deadline_while_sending(&self, receive: Option<Instant>) -> Option<Instant> {
        let send = self.send_deadline();
        let wake = match self.plan {
            Plan::Stream(Streaming {
                want: Want::Instant,
                wake,
                ..
            }) if self.sending == Sending::Content => Some(wake),
            Plan::Undecided
            | Plan::Asked
            | Plan::Receive
            | Plan::Collect { .. }
            | Plan::Later
            | Plan::Resume
            | Plan::WebSocket(_)
            | Plan::Stream(_) => None,
        };
        [receive, send, wake]
            .into_iter()
            .flatten()
            .reduce(Instant::earlier)
    }

    /// When [`unsent`](Self::unsent) has to be called again at the latest, while the peer takes too
    /// little: the deadline of a driver that takes no turn before all of the output is sent.
    #[must_use]
    pub fn send_deadline(&self) -> Option<Instant> {
        self.pace.deadline()
    }

    /// Output is sent first: no peer is late meanwhile.
    pub(super) fn pause(&mut self) {
        self.timer = match self.timer {
            Timer::Content | Timer::Paused => Timer::Paused,
            Timer::Off | Timer::Idle | Timer::Head | Timer::Drain => Timer::Off,
        };
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
                self.pause();
                Ok(())
            }
            Sent::TooLittle => {
                let cause = Cause::Failed(TimeoutError::Send.into());
                self.close(cause);
                Err(cause)
            }
        }
    }

    /// Waits for the peer, until the deadline that goes with `timer`.
    pub(super) fn await_peer(
        &mut self,
        timer: Timer,
        context: &Context,
        input: &Input<'_>,
    ) -> Next {
        let limits = &context.limits;
        let is_within = !context.now.has_reached(self.receive_deadline);
        if self.timer == Timer::Paused && timer == Timer::Content && is_within {
            self.timer = Timer::Content;
        }
        if self.timer == timer {
            if is_within {
                return Next::Receive;
            }
            match timer {
                Timer::Off | Timer::Paused => return Next::Receive,
                Timer::Idle => return self.close(Cause::Idle),
                Timer::Head => return Next::Fail(TimeoutError::Head.into()),
                Timer::Drain => return self.close(self.cause.unwrap_or(Cause::Agreed)),
                Timer::Content => {
                    let came = self.arrived.wrapping_add(wrapping_len(input));
                    if came < limits.least_in_window(limits.min_receive_rate) {
                        return Next::Fail(TimeoutError::Content.into());
                    }
                }
            }
        }
        let patience = match timer {
            Timer::Off | Timer::Paused => Duration::ZERO,
            Timer::Idle => limits.idle_timeout,
            Timer::Head => limits.head_timeout,
            Timer::Drain => limits.drain_timeout,
            Timer::Content => {
                // What lies here already has not come in this window.
                self.arrived = wrapping_len(input).wrapping_neg();
                limits.rate_window
            }
        };
        self.timer = timer;
        self.receive_deadline = context.now.after(patience);
        Next::Receive
    }
}

/// The length of what remains, modulo 2³².
fn wrapping_len(input: &Input<'_>) -> u32 {
    u32::try_from(input.remaining().len()).unwrap_or(u32::MAX)
}
