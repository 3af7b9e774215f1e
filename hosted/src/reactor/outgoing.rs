//! What a reactor does for the client of its application.

use kinglet_core::Application;

use super::Reactor;
use super::admission;

/// The first of the keys in the poller that name connections to other servers.
pub(super) const FIRST_KEY: usize = admission::FIRST_KEY / 2;

/// How many times the application may be told of what came of its own doing before others have their
/// turn.
const MAX_ROUNDS: usize = 8;

impl<A: Application> Reactor<A> {
    /// A connection to another server is ready.
    pub(super) fn on_answer(&mut self, index: u32) {
        if let Some(client) = &self.client {
            client.pool().borrow_mut().on_event(index);
        }
    }

    /// Sends what the application has asked others for, and tells it what has come of that.
    pub(super) fn tend_client(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let Some(client) = &self.client else {
                return;
            };
            {
                let mut pool = client.pool().borrow_mut();
                pool.on_time(self.io.millis);
                if pool.is_quiet() {
                    return;
                }
                let key = |index| FIRST_KEY + index as usize;
                pool.tend(&mut *self.io.poller, key, &mut self.news);
            }
            let mut news = core::mem::take(&mut self.news);
            for ticket in news.drain(..) {
                self.redeem(ticket);
            }
            self.news = news;
        }
    }

    /// In how many milliseconds the client has something to do.
    pub(super) fn next_outgoing_timeout(&self) -> Option<u64> {
        let client = self.client.as_ref()?;
        let pool = client.pool().borrow();
        if pool.is_quiet() {
            pool.next_timeout(self.io.millis)
        } else {
            Some(0)
        }
    }
}
