//! The pools as one thread has them: whom a request goes to, and what came of it.

use core::cell::RefCell;
use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;

use kinglet_core::http::Ticket;
use kinglet_hosted::outgoing::{Client, Destination, DestinationId};
use kinglet_hosted::{Address, Handle};

use crate::balance::key::KeySource;
use crate::balance::sticky::Sticky;
use crate::balance::{BackendId, Latency};
use crate::breaker::Permit;
use crate::outlier::Outcome;
use crate::pool::{Pick, Pool, Request, Service, Wanted};
use crate::proxy_v2;
use crate::queue::{Place, Queue};
use crate::retry::{self, Budget};
use crate::rng::Rng;
use crate::route::Routes;
use crate::shared::{BackendState, Known, PoolState, Shared, State};
use crate::siphash::HashKey;
use crate::time::Millis;

/// All pools of a thread.
pub(crate) struct Backends {
    shared: Arc<Shared>,
    client: Client,
    handle: Handle,
    generation: u64,
    pub(crate) state: Arc<State>,
    routes: Routes<String>,
    pools: Vec<ThreadPool>,
    rng: Rng,
}

/// A pool, and what belongs to it on this thread.
pub(crate) struct ThreadPool {
    pub(crate) name: String,
    balance: Pool<Own>,
    pub(crate) retry: retry::Settings,
    budget: Budget,
    queue: Queue<Ticket>,
    pub(crate) key: KeySource,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) overall: Option<Millis>,
    /// Whether backends are told by a PROXY header whom a connection is for.
    has_proxy_header: bool,
}

/// What a backend is to this thread.
#[derive(Clone, Debug)]
struct Own {
    destination: DestinationId,
    known: Arc<Known>,
}

/// A request that a backend was sent. However it ends, that is told.
pub(crate) struct Underway {
    backends: Rc<RefCell<Backends>>,
    pool: usize,
    pub(crate) id: BackendId,
    pub(crate) began: Millis,
    /// That it counts there.
    _permit: Permit,
    is_told: bool,
}

/// Which connections a request may go on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    /// Any to the backend.
    Shared(DestinationId),
    /// One of its own, whose destination is forgotten when the request is sent.
    Own(DestinationId),
}

impl Route {
    pub(crate) const fn id(self) -> DestinationId {
        match self {
            Self::Shared(id) | Self::Own(id) => id,
        }
    }

    /// Forgets what was for one request only.
    pub(crate) fn done(self, client: &Client) {
        if let Self::Own(id) = self {
            client.remove(id);
        }
    }
}

/// Where a request goes.
pub(crate) enum Where {
    To(Underway, DestinationId),
    /// All have as much as they may.
    Full,
    Nobody,
}

impl Backends {
    pub(crate) fn new(shared: Arc<Shared>, client: Client, handle: Handle, seed: u64) -> Self {
        let mut backends = Self {
            generation: 0,
            state: shared.state(),
            routes: Routes::default(),
            pools: Vec::new(),
            rng: Rng::new(seed),
            shared,
            client,
            handle,
        };
        backends.refresh();
        backends
    }

    pub(crate) fn hash_key(&self) -> HashKey {
        self.shared.hash_key
    }

    pub(crate) fn now(&self) -> Millis {
        self.shared.now()
    }

    /// Takes over what has changed.
    pub(crate) fn refresh(&mut self) {
        let generation = self.shared.generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        let state = self.shared.state();
        let is_new_config = !Arc::ptr_eq(&state, &self.state) || self.pools.is_empty();
        self.state = state;
        if is_new_config {
            self.configure();
        }
        let now = self.now();
        for pool in &mut self.pools {
            let seen: Vec<_> = pool
                .balance
                .backends()
                .map(|(candidate, backend)| (candidate.id, Arc::clone(&backend.own.known)))
                .collect();
            for (id, known) in seen {
                pool.balance.set_health(id, known.health(), now);
                let service = if known.is_draining() {
                    Service::Draining
                } else {
                    Service::Normal
                };
                pool.balance.set_draining(id, service, now);
            }
        }
    }

    /// Makes the pools what the state says. What is known of a pool that stays is kept where its
    /// settings allow that: its backends by name.
    fn configure(&mut self) {
        let now = self.now();
        let state = Arc::clone(&self.state);
        let mut old = core::mem::take(&mut self.pools);
        for pool in &state.pools {
            let Some(config) = state.config.pools.get(&pool.name) else {
                continue;
            };
            let config = config.as_ref();
            let place = old.iter().position(|other| other.name == pool.name);
            let mut thread_pool = match place.map(|at| old.swap_remove(at)) {
                Some(same) => same,
                None => {
                    let settings = config.settings(self.shared.hash_key);
                    ThreadPool {
                        name: pool.name.clone(),
                        sticky: settings.sticky.clone(),
                        balance: Pool::new(settings, config.policy()),
                        retry: config.retry(),
                        budget: Budget::default(),
                        queue: config.queue(),
                        key: config.key_source(),
                        overall: config.timeouts().overall,
                        has_proxy_header: config.proxy_protocol,
                    }
                }
            };
            thread_pool.retry = config.retry();
            thread_pool.key = config.key_source();
            thread_pool.overall = config.timeouts().overall;
            thread_pool.has_proxy_header = config.proxy_protocol;
            let wanted = pool
                .backends
                .iter()
                .map(|backend| self.wanted(pool, backend, &thread_pool))
                .collect();
            thread_pool.balance.update(wanted, now);
            self.pools.push(thread_pool);
        }
        self.routes = state.config.routes();
    }

    fn wanted(&self, pool: &PoolState, backend: &BackendState, before: &ThreadPool) -> Wanted<Own> {
        let name = backend.address.to_string();
        let same = before
            .balance
            .backends()
            .find(|(_, other)| other.name == name);
        let own = match same {
            Some((_, other)) => other.own.clone(),
            None => {
                let mut destination = Destination::from(Address::Tcp(backend.address));
                destination.tls.clone_from(&pool.tls);
                Own {
                    destination: self.client.add(destination),
                    known: Arc::clone(&backend.known),
                }
            }
        };
        Wanted {
            name,
            weight: backend.weight,
            load: Arc::clone(&backend.known.load),
            own,
        }
    }

    /// The pool that a request goes to, by its host and path.
    pub(crate) fn route(&self, authority: &str, path: &str) -> Option<usize> {
        let name = self.routes.find(authority, path)?;
        self.pools.iter().position(|pool| pool.name == *name)
    }

    pub(crate) fn pool(&self, index: usize) -> Option<&ThreadPool> {
        self.pools.get(index)
    }

    pub(crate) fn needs_key(&self, pool: usize) -> bool {
        self.pools
            .get(pool)
            .is_some_and(|pool| pool.balance.needs_key())
    }

    /// The value of the cookie that brings a client back to a backend, where the pool has such.
    pub(crate) fn token(
        &self,
        pool: usize,
        id: BackendId,
    ) -> Option<crate::balance::sticky::Token> {
        self.pools.get(pool)?.balance.token(id)
    }

    /// Chooses the backend for a request.
    pub(crate) fn pick(this: &Rc<RefCell<Self>>, pool: usize, request: Request<'_>) -> Where {
        let backends = &mut *this.borrow_mut();
        let now = backends.now();
        let Some(thread_pool) = backends.pools.get_mut(pool) else {
            return Where::Nobody;
        };
        match thread_pool.balance.pick(request, now, &mut backends.rng) {
            Pick::Full => Where::Full,
            Pick::Nobody => Where::Nobody,
            Pick::Backend(id, permit) => {
                let Some(backend) = thread_pool.balance.backend(id) else {
                    return Where::Nobody;
                };
                let own = &backend.own;
                own.known.counts.requests.fetch_add(1, Ordering::Relaxed);
                let destination = own.destination;
                let underway = Underway {
                    backends: Rc::clone(this),
                    pool,
                    id,
                    began: now,
                    _permit: permit,
                    is_told: false,
                };
                Where::To(underway, destination)
            }
        }
    }

    /// Where a request to this backend goes: for a pool with PROXY headers, on a connection of the
    /// client's own, which is not used again.
    pub(crate) fn destination(
        &self,
        pool: usize,
        to: DestinationId,
        client: Option<SocketAddr>,
    ) -> Route {
        let has_header = self
            .pools
            .get(pool)
            .is_some_and(|pool| pool.has_proxy_header);
        let backend = self.state.pools.get(pool).filter(|_| has_header);
        let address = self.pools.get(pool).and_then(|pool| {
            let mut backends = pool.balance.backends();
            let found = backends.find(|(_, backend)| backend.own.destination == to);
            found.and_then(|(_, backend)| backend.name.parse::<SocketAddr>().ok())
        });
        let (Some(state), Some(address)) = (backend, address) else {
            return Route::Shared(to);
        };
        let mut header = [0; proxy_v2::MAX_LEN];
        let listen = self
            .state
            .config
            .listen
            .first()
            .map(|one| &one.as_ref().address.0);
        let here = match listen {
            Some(Address::Tcp(address)) => Some(*address),
            _ => None,
        };
        let mut destination = Destination::from(address);
        destination.tls.clone_from(&state.tls);
        destination.preamble = Some(proxy_v2::of_client(client, here, &mut header).into());
        Route::Own(self.client.add(destination))
    }

    /// Takes note of a request, for the retry budget.
    pub(crate) fn note_request(&mut self, pool: usize) {
        let now = self.now();
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.budget.request(now);
        }
    }

    /// Whether a try may follow, which is spent then.
    pub(crate) fn may_retry(
        &mut self,
        pool: usize,
        attempt: &retry::Attempt<'_>,
    ) -> Result<(), retry::Refusal> {
        let now = self.now();
        let Some(pool) = self.pools.get_mut(pool) else {
            return Err(retry::Refusal::TooManyTries);
        };
        pool.retry.allow(attempt)?;
        pool.budget.spend(&pool.retry, now)
    }

    /// Has a request wait until somebody has room; `None` where too many do.
    pub(crate) fn wait(&mut self, pool: usize, ticket: Ticket) -> Option<Place> {
        let now = self.now();
        self.pools.get_mut(pool)?.queue.push(ticket, now).ok()
    }

    /// Whether a request that waits has waited for too long; it has left the queue then.
    pub(crate) fn has_expired(&mut self, pool: usize) -> bool {
        let now = self.now();
        let Some(pool) = self.pools.get_mut(pool) else {
            return true;
        };
        let mut has_expired = false;
        while let Some(waiting) = pool.queue.expire(now) {
            has_expired = true;
            self.handle.redeem(waiting.request);
        }
        has_expired
    }

    pub(crate) fn leave(&mut self, pool: usize, place: Place) {
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.queue.leave(place);
        }
    }

    /// When the first of those that wait has waited for too long.
    pub(crate) fn next_expiry(&self) -> Option<Millis> {
        self.pools
            .iter()
            .filter_map(|pool| pool.queue.next_timeout())
            .min()
    }

    fn finished(
        &mut self,
        pool: usize,
        id: BackendId,
        latency: Option<Latency>,
        outcome: Option<Outcome>,
    ) {
        let now = self.now();
        let Some(pool) = self.pools.get_mut(pool) else {
            return;
        };
        if let Some(backend) = pool.balance.backend(id) {
            let counts = &backend.own.known.counts;
            if outcome == Some(Outcome::Failed) {
                counts.failures.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(Latency::Answered(millis)) = latency {
                counts.latency.fetch_add(millis, Ordering::Relaxed);
            }
        }
        if pool.balance.finished(id, latency, outcome, now)
            && let Some(backend) = pool.balance.backend(id)
        {
            backend
                .own
                .known
                .counts
                .ejections
                .fetch_add(1, Ordering::Relaxed);
            log::warn!("{} of pool {} is left out for now", backend.name, pool.name);
        }
        if let Some(ticket) = pool.queue.pop(now) {
            self.handle.redeem(ticket);
        }
    }

    /// The name of a backend.
    pub(crate) fn name(&self, pool: usize, id: BackendId) -> String {
        let backend = self
            .pools
            .get(pool)
            .and_then(|pool| pool.balance.backend(id));
        backend.map_or_else(String::new, |backend| backend.name.clone())
    }

    pub(crate) fn note_retry(&self, pool: usize, id: BackendId) {
        let backend = self
            .pools
            .get(pool)
            .and_then(|pool| pool.balance.backend(id));
        if let Some(backend) = backend {
            backend
                .own
                .known
                .counts
                .retries
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Underway {
    /// Tells how it went, and that it is over.
    pub(crate) fn finish(mut self, latency: Option<Latency>, outcome: Outcome) {
        self.is_told = true;
        let (pool, id) = (self.pool, self.id);
        self.backends
            .borrow_mut()
            .finished(pool, id, latency, Some(outcome));
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.is_told {
            // The client has gone: that says nothing of the backend.
            let (pool, id) = (self.pool, self.id);
            self.backends.borrow_mut().finished(pool, id, None, None);
        }
    }
}

/// The client's settings that a configuration asks for: one client serves all pools of a thread, so the
/// longest of each time counts.
pub(crate) fn client_options(state: &State) -> kinglet_hosted::outgoing::ClientOptions {
    let mut options = kinglet_hosted::outgoing::ClientOptions {
        connect_timeout: Duration::ZERO,
        head_timeout: Duration::ZERO,
        content_timeout: Duration::ZERO,
        max_idle: 0,
        idle_timeout: Duration::ZERO,
        ..Default::default()
    };
    for pool in state.config.pools.values() {
        let pool = pool.as_ref();
        let timeouts = pool.timeouts();
        let longest = |now: Duration, millis| now.max(Duration::from_millis(millis));
        options.connect_timeout = longest(options.connect_timeout, timeouts.connect);
        options.head_timeout = longest(options.head_timeout, timeouts.response_head);
        options.content_timeout = longest(options.content_timeout, timeouts.idle);
        options.idle_timeout = longest(options.idle_timeout, pool.keep_alive.idle.0.0);
        let idle = usize::try_from(pool.keep_alive.connections.0).unwrap_or(usize::MAX);
        options.max_idle = options.max_idle.max(idle);
    }
    options
}
