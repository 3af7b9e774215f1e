//! A backend of a pool, and what is known of it.

use std::sync::Arc;

use crate::balance::FULL_SHARE;
use crate::balance::sticky::Token;
use crate::breaker::Load;
use crate::health::Health;
use crate::outlier::Record;
use crate::slow_start;
use crate::time::Millis;

/// A backend that there is to be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<T> {
    /// What it is called wherever it is named; an address as a rule. No two have the same.
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) load: Arc<Load>,
    /// The driver's own: where to connect, idle connections.
    pub(crate) own: T,
}

/// A backend.
#[derive(Debug)]
pub(crate) struct Backend<T> {
    pub(crate) name: String,
    pub(crate) load: Arc<Load>,
    pub(crate) own: T,
    pub(super) token: Option<Token>,
    pub(super) service: Service,
    pub(super) health: Health,
    pub(super) record: Record,
    /// Since when it is there, where it came after others.
    pub(super) since: Option<Millis>,
}

/// Whether a backend is to be sent requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Service {
    #[default]
    Normal,
    /// None but those of clients that stick to it.
    Draining,
    /// None; it goes when what it has been sent is over.
    Leaving,
}

impl<T> Backend<T> {
    pub(super) fn new(wanted: Wanted<T>, token: Option<Token>, since: Option<Millis>) -> Self {
        Self {
            name: wanted.name,
            load: wanted.load,
            own: wanted.own,
            token,
            service: Service::Normal,
            health: Health::Unknown,
            record: Record::default(),
            since,
        }
    }

    /// Whether it is to be sent requests.
    #[cfg(test)]
    pub(crate) const fn service(&self) -> Service {
        self.service
    }

    /// Until when it is left out, if it is.
    #[cfg(test)]
    pub(crate) fn ejected_until(&self, now: Millis) -> Option<Millis> {
        self.record.ejected_until(now)
    }

    /// The share it has, and for how long if that will change by itself.
    pub(super) fn share(&self, slow_start: Millis, now: Millis) -> (u32, Option<Millis>) {
        if self.health == Health::Down || self.service != Service::Normal {
            return (0, None);
        }
        if let Some(until) = self.record.ejected_until(now) {
            return (0, Some(until - now));
        }
        let returned = self.record.returned_at(now).max(self.since);
        returned.map_or((FULL_SHARE, None), |since| {
            slow_start::share(slow_start, now.saturating_sub(since))
        })
    }
}
