//! What all threads share: the configuration as it is now, and how each backend does.
//!
//! A thread looks at one number with each request; where that has changed, it takes the new state over.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::breaker::Load;
use crate::config::Config;
use crate::health::Health;
use crate::siphash::HashKey;
use crate::time::Millis;

/// The state of the process.
#[derive(Debug)]
pub(crate) struct Shared {
    began: Instant,
    /// Rises with every change.
    generation: AtomicU64,
    state: RwLock<Arc<State>>,
    /// What is known of backends, by pool and name: it outlives a configuration.
    known: Mutex<HashMap<(String, String), Arc<Known>>>,
    pub(crate) hash_key: HashKey,
}

/// The configuration, and the backends there are.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    /// In the order of the configuration's pools.
    pub(crate) pools: Vec<PoolState>,
}

/// A pool, as all threads see it.
#[derive(Clone, Debug)]
pub(crate) struct PoolState {
    pub(crate) name: String,
    pub(crate) backends: Vec<BackendState>,
    /// With whom TLS is spoken.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A backend that there is to be.
#[derive(Clone, Debug)]
pub(crate) struct BackendState {
    pub(crate) address: SocketAddr,
    pub(crate) weight: u32,
    pub(crate) known: Arc<Known>,
}

/// What is known of a backend.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) load: Arc<Load>,
    health: AtomicU8,
    is_draining: AtomicBool,
    pub(crate) counts: Counts,
}

/// What has become of the requests that a backend was sent.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) ejections: AtomicU64,
    /// Milliseconds until the heads of responses, all together.
    pub(crate) latency: AtomicU64,
}

impl Known {
    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            1 => Health::Up,
            2 => Health::Down,
            _ => Health::Unknown,
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Without a configuration yet.
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            began: Instant::now(),
            generation: AtomicU64::new(1),
            state: RwLock::new(Arc::new(State {
                config: Config::default(),
                pools: Vec::new(),
            })),
            known: Mutex::default(),
            hash_key,
        }
    }

    /// Milliseconds since the process began.
    pub(crate) fn now(&self) -> Millis {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn state(&self) -> Arc<State> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state)
    }

    /// What is known of a backend, from the first time that it is named.
    pub(crate) fn known(&self, pool: &str, backend: &str) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry((pool.into(), backend.into()));
        Arc::clone(entry.or_default())
    }

    /// Has another state from now on.
    pub(crate) fn replace(&self, config: Config, pools: Vec<PoolState>) {
        let state = Arc::new(State { config, pools });
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed();
    }

    /// Has one pool have these backends from now on.
    pub(crate) fn set_backends(&self, pool: &str, backends: Vec<BackendState>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut pools = state.pools.clone();
        if let Some(place) = pools.iter_mut().find(|other| other.name == pool) {
            place.backends = backends;
        }
        *state = Arc::new(State {
            config: state.config.clone(),
            pools,
        });
        drop(state);
        self.changed();
    }

    pub(crate) fn set_health(&self, known: &Known, health: Health) {
        let number = match health {
            Health::Unknown => 0,
            Health::Up => 1,
            Health::Down => 2,
        };
        known.health.store(number, Ordering::Relaxed);
        self.changed();
    }

    pub(crate) fn set_draining(&self, known: &Known, is_draining: bool) {
        if known.is_draining.swap(is_draining, Ordering::Relaxed) != is_draining {
            self.changed();
        }
    }

    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }
}
