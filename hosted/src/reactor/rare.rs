//! What a reactor seldom waits for: draining, accepting again, PROXY headers, the application's client.
//!
//! It is kept out of the loop, so that a turn pays one short check for all of it.

use std::io;

use kinglet_core::Application;
use kinglet_core::http::server::Cause;

use super::{Listening, Reactor};
use crate::limits::Reason;

impl<A: Application> Reactor<A> {
    /// Whether there is, or may be, something to wait for besides the connections' deadlines.
    #[inline]
    pub(super) fn has_rare(&self) -> bool {
        self.drain_deadline.is_some()
            || self.fresh_deadline.is_some()
            || matches!(self.listening, Listening::Exhausted(_))
            || self.waiting.next_deadline().is_some()
            || self.client.is_some()
    }

    /// In how many milliseconds that is.
    #[inline(never)]
    pub(super) fn next_rare(&self) -> Option<u64> {
        let retry = match self.listening {
            Listening::Exhausted(at) => Some(at),
            Listening::Watched | Listening::Full => None,
        };
        let header = self.waiting.next_deadline();
        let at = [retry, self.drain_deadline, self.fresh_deadline, header];
        let at = at.into_iter().flatten().min();
        let fixed = at.map(|at| at.saturating_sub(self.io.millis));
        let outgoing = self.next_outgoing_timeout();
        [fixed, outgoing].into_iter().flatten().min()
    }

    /// Does what else is due.
    #[inline(never)]
    pub(super) fn on_rare(&mut self) -> io::Result<()> {
        self.expire_headers();
        if self.fresh_deadline.is_some_and(|at| at <= self.io.millis) {
            self.fresh_deadline = None;
            self.drain_connections();
        }
        if matches!(self.listening, Listening::Exhausted(at) if at <= self.io.millis) {
            self.listen_again()?;
        }
        if self
            .drain_deadline
            .is_some_and(|deadline| deadline <= self.io.millis)
        {
            for index in 0..self.connections.indices() {
                let Ok(index) = u32::try_from(index) else {
                    break;
                };
                if self.connections.get_mut(index).is_some() {
                    self.refuse(Reason::DrainTimeout);
                    self.close(index, Cause::Aborted);
                }
            }
        }
        self.tend_client();
        Ok(())
    }
}
