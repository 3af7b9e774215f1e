//! A pool: its backends, who of them may be sent a request, and who is.
//!
//! ```text
//!   checks ----- set_health ----+
//!   admin page - set_draining --+--> share of each backend --> policy --> pick: one of them
//!   outcomes --- finished ------+        ^                                     |
//!   discovery -- update --------+        | slow start, ejections over          v
//!                                      time                            permit of its breaker
//! ```
//!
//! One pool for each reactor thread. Threads share nothing but the [`Load`](crate::breaker::Load)s of the backends: health
//! comes from the thread that checks, and each thread ejects by what it sees itself.

mod backend;

use crate::balance::sticky::{Sticky, Token};
use crate::balance::{BackendId, Candidate, Candidates, FULL_SHARE, Latency, Policy};
use crate::breaker::{self, Permit};
use crate::health::Health;
use crate::outlier::{self, Outcome};
use crate::rng::Rng;
use crate::siphash::HashKey;
use crate::time::Millis;

pub(crate) use backend::{Backend, Service, Wanted};

/// How a pool treats its backends.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) sticky: Option<Sticky>,
    pub(crate) outlier: Option<outlier::Settings>,
    pub(crate) breaker: breaker::Limits,
    /// How long a backend that has come back is spared; 0 for not at all.
    pub(crate) slow_start: Millis,
}

/// What a request asks of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request<'a> {
    /// What it is hashed by; any, where the policy [needs none](Pool::needs_key).
    pub(crate) key: u64,
    /// The token that it brought.
    pub(crate) token: Option<Token>,
    /// Backends on which it has failed.
    pub(crate) tried: &'a [BackendId],
}

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Pick {
    /// It goes there, and counts there until the permit is dropped.
    Backend(BackendId, Permit),
    /// Everyone who could be asked has as much as is allowed: it waits in the queue, or is answered 503.
    Full,
    /// Nobody is there who has not been tried: 503, or what the last try came to.
    Nobody,
}

/// The backends of a pool, as one thread sees them.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    settings: Settings,
    policy: Policy,
    // Both in the order of ids.
    candidates: Vec<Candidate>,
    backends: Vec<Backend<T>>,
    next_id: u32,
    /// When a share changes without anybody having said anything.
    refresh_at: Millis,
}

impl<T> Pool<T> {
    /// Without a backend.
    pub(crate) const fn new(settings: Settings, policy: Policy) -> Self {
        Self {
            settings,
            policy,
            candidates: Vec::new(),
            backends: Vec::new(),
            next_id: 0,
            refresh_at: Millis::MAX,
        }
    }

    /// Whether a request's key is looked at.
    pub(crate) const fn needs_key(&self) -> bool {
        self.policy.needs_key()
    }

    /// All backends, those that leave too, with what the policies know of them.
    pub(crate) fn backends(&self) -> impl Iterator<Item = (&Candidate, &Backend<T>)> {
        self.candidates.iter().zip(&self.backends)
    }

    /// A backend that is there.
    pub(crate) fn backend(&self, id: BackendId) -> Option<&Backend<T>> {
        self.place(id).map(|at| &self.backends[at])
    }

    /// The same, to change the driver's own.
    pub(crate) fn backend_mut(&mut self, id: BackendId) -> Option<&mut Backend<T>> {
        self.place(id).map(|at| &mut self.backends[at])
    }

    /// Has these backends from now on. Who was there stays as it is, with its new weight; who is no
    /// longer wanted leaves, and who is new has a slow start unless it is among the first.
    pub(crate) fn update(&mut self, wanted: Vec<Wanted<T>>, now: Millis) {
        let since = (!self.backends.is_empty()).then_some(now);
        let is_wanted = |name: &str| wanted.iter().any(|one| one.name == name);
        for backend in &mut self.backends {
            match (is_wanted(&backend.name), backend.service) {
                (false, _) => backend.service = Service::Leaving,
                (true, Service::Leaving) => backend.service = Service::Normal,
                (true, Service::Normal | Service::Draining) => {}
            }
        }
        for wanted in wanted {
            let place = self.backends.iter().position(|one| one.name == wanted.name);
            match place.and_then(|at| self.candidates.get_mut(at)) {
                Some(candidate) => candidate.weight = wanted.weight.max(1),
                None => self.add(wanted, since),
            }
        }
        self.drop_left();
        self.policy.align(&self.candidates);
        self.refresh(now);
    }

    /// Takes note of what the checks say.
    pub(crate) fn set_health(&mut self, id: BackendId, health: Health, now: Millis) {
        let Some(backend) = self.backend_mut(id) else {
            return;
        };
        if (backend.health, health) == (Health::Down, Health::Up) {
            backend.since = Some(now);
        }
        backend.health = health;
        self.refresh(now);
    }

    /// Sends no new clients to a backend, or sends them again.
    pub(crate) fn set_draining(&mut self, id: BackendId, service: Service, now: Millis) {
        if let Some(backend) = self.backend_mut(id)
            && backend.service != Service::Leaving
        {
            backend.service = service;
            self.refresh(now);
        }
    }

    /// The backend that a request goes to. It counts as under way until [`finished`](Self::finished).
    pub(crate) fn pick(&mut self, request: Request<'_>, now: Millis, rng: &mut Rng) -> Pick {
        if now >= self.refresh_at {
            self.refresh(now);
        }
        let stuck = request
            .token
            .and_then(|token| self.stuck_to(token, request.tried, now));
        if let Some(at) = stuck
            && let Some(permit) = self.take(at)
        {
            return Pick::Backend(self.candidates[at].id, permit);
        }
        let mut full = Vec::new();
        loop {
            let tried = if full.is_empty() {
                request.tried
            } else {
                &full
            };
            let candidates = Candidates {
                all: &self.candidates,
                tried,
            };
            let id = self.policy.pick(candidates, request.key, now, rng);
            let Some((id, at)) = id.and_then(|id| Some((id, self.place(id)?))) else {
                return if full.is_empty() {
                    Pick::Nobody
                } else {
                    Pick::Full
                };
            };
            if let Some(permit) = self.take(at) {
                return Pick::Backend(id, permit);
            }
            if full.is_empty() {
                full.extend_from_slice(request.tried);
            }
            full.push(id);
        }
    }

    /// The token that brings a client back to a backend, where the pool has sticky sessions.
    pub(crate) fn token(&self, id: BackendId) -> Option<Token> {
        self.backend(id)?.token
    }

    /// Takes note of how a request went; `latency` is `None` where it says nothing of the backend, as
    /// when the client has left. Says whether the backend is left out from now on.
    pub(crate) fn finished(
        &mut self,
        id: BackendId,
        latency: Option<Latency>,
        outcome: Option<Outcome>,
        now: Millis,
    ) -> bool {
        let Some(at) = self.place(id) else {
            return false;
        };
        let candidate = &mut self.candidates[at];
        candidate.outstanding = candidate.outstanding.saturating_sub(1);
        let is_over = candidate.outstanding == 0;
        if let Some(latency) = latency {
            self.policy.answered(id, latency, now);
        }
        let is_ejected = outcome.is_some_and(|outcome| self.record(at, outcome, now));
        if is_over && self.backends[at].service == Service::Leaving {
            self.drop_left();
            self.policy.align(&self.candidates);
        }
        is_ejected
    }

    fn record(&mut self, at: usize, outcome: Outcome, now: Millis) -> bool {
        let Some(settings) = &self.settings.outlier else {
            return false;
        };
        let asks_for_it = self.backends[at].record.record(settings, outcome, now);
        let out = |one: &&Backend<T>| one.record.is_ejected(now);
        let ejected = self.backends.iter().filter(out).count();
        if !asks_for_it || !outlier::may_eject(settings, self.backends.len(), ejected) {
            return false;
        }
        self.backends[at].record.eject(settings, now);
        self.refresh(now);
        true
    }

    /// Where the backend is that a client sticks to, if it can be asked.
    fn stuck_to(&self, token: Token, tried: &[BackendId], now: Millis) -> Option<usize> {
        let is_it = |one: &Backend<T>| one.token == Some(token);
        let at = self.backends.iter().position(is_it)?;
        let backend = &self.backends[at];
        let is_well = backend.health != Health::Down && !backend.record.is_ejected(now);
        let is_there = is_well && backend.service != Service::Leaving;
        (is_there && !tried.contains(&self.candidates[at].id)).then_some(at)
    }

    fn take(&mut self, at: usize) -> Option<Permit> {
        let permit = self.backends[at].load.take(&self.settings.breaker)?;
        self.candidates[at].outstanding += 1;
        Some(permit)
    }

    fn place(&self, id: BackendId) -> Option<usize> {
        self.candidates.binary_search_by_key(&id, |one| one.id).ok()
    }

    fn add(&mut self, wanted: Wanted<T>, since: Option<Millis>) {
        self.candidates.push(Candidate {
            id: BackendId(self.next_id),
            identity: HashKey::default().hash(wanted.name.as_bytes()),
            weight: wanted.weight.max(1),
            share: FULL_SHARE,
            outstanding: 0,
        });
        self.next_id += 1;
        let sticky = self.settings.sticky.as_ref();
        let token = sticky.map(|sticky| sticky.token(&wanted.name));
        self.backends.push(Backend::new(wanted, token, since));
    }

    /// Those that leave and have nothing under way are gone.
    fn drop_left(&mut self) {
        let mut at = 0;
        while let Some(backend) = self.backends.get(at) {
            if backend.service == Service::Leaving && self.candidates[at].outstanding == 0 {
                self.backends.remove(at);
                self.candidates.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Says anew what share each has, and when that changes by itself.
    fn refresh(&mut self, now: Millis) {
        self.refresh_at = Millis::MAX;
        for (candidate, backend) in self.candidates.iter_mut().zip(&self.backends) {
            let (share, stays) = backend.share(self.settings.slow_start, now);
            candidate.share = share;
            let until = stays.map_or(Millis::MAX, |stays| now + stays);
            self.refresh_at = self.refresh_at.min(until);
        }
    }
}

#[cfg(test)]
mod tests;
