//! From what a configuration says to what the parts of the balancer are made of.

use super::Config;
use super::pool::{Check, Outlier, Policy, Pool};
use crate::balance::key::KeySource;
use crate::balance::sticky::Sticky;
use crate::balance::{self, maglev::Maglev, p2c::P2c};
use crate::route::Routes;
use crate::siphash::HashKey;
use crate::{breaker, health, outlier, pool, queue, rate, retry, timeouts};

impl Config {
    /// The key of hashes and cookies, from the configured secret, or from one made by lot.
    pub(crate) fn hash_key(&self, by_lot: HashKey) -> HashKey {
        self.secret.as_deref().map_or(by_lot, HashKey::of_text)
    }

    /// The routes, each to the name of its pool.
    pub(crate) fn routes(&self) -> Routes<String> {
        let mut routes = Routes::default();
        for route in &self.routes {
            let route = route.as_ref();
            let pool = route.pool.as_ref().clone();
            // What is there twice has not passed the check.
            let _ = routes.add(route.host.0.clone(), route.path.0.0.clone(), pool);
        }
        if let (true, Some(name)) = (self.routes.is_empty(), self.pools.keys().next()) {
            let _ = routes.add(crate::route::Host::Any, String::from("/"), name.clone());
        }
        routes
    }

    /// How many requests an address may send, if there is a limit.
    pub(crate) fn rate(&self) -> Option<rate::Settings> {
        let per_second = self.limits.requests_per_second?.0;
        let burst = self.limits.burst.as_ref().map(|burst| burst.as_ref().0);
        Some(rate::Settings {
            per_second,
            burst: burst.unwrap_or(per_second),
        })
    }
}

impl Pool {
    /// A policy, for one thread.
    pub(crate) fn policy(&self) -> balance::Policy {
        match self.policy {
            Policy::RoundRobin => balance::Policy::RoundRobin(Default::default()),
            Policy::Weighted => balance::Policy::Weighted(Default::default()),
            Policy::LeastConnections => balance::Policy::LeastConnections(Default::default()),
            Policy::TwoChoices => balance::Policy::P2c(P2c::new(self.decay.0.0)),
            Policy::Maglev => {
                let max_load = self.max_load.as_ref().map(|percent| percent.as_ref().0);
                balance::Policy::Maglev(Maglev::new(max_load))
            }
        }
    }

    /// What requests are hashed by.
    pub(crate) fn key_source(&self) -> KeySource {
        let hash = self.hash.as_ref().map(|source| source.as_ref().0.clone());
        hash.unwrap_or(KeySource::Address)
    }

    pub(crate) fn settings(&self, hash_key: HashKey) -> pool::Settings {
        let sticky = self.sticky.as_ref();
        let breaker = &self.breaker;
        pool::Settings {
            sticky: sticky.map(|name| Sticky::new(name.0.0.clone(), hash_key)),
            outlier: self.outlier.enabled.then(|| self.outlier.settings()),
            breaker: breaker::Limits {
                max_requests: breaker.max_requests.map_or(u32::MAX, |most| most.0),
            },
            slow_start: self.slow_start.0.0,
        }
    }

    pub(crate) fn retry(&self) -> retry::Settings {
        let statuses = self.retry.statuses.iter();
        retry::Settings {
            max_tries: self.retry.max_tries.0,
            statuses: statuses
                .filter_map(|one| u16::try_from(one.0).ok())
                .collect(),
            budget_percent: self.retry.budget_percent.0,
            min_per_second: self.retry.min_per_second.0,
        }
    }

    pub(crate) fn timeouts(&self) -> timeouts::Timeouts {
        let overall = self.timeouts.overall.as_ref();
        timeouts::Timeouts {
            connect: self.timeouts.connect.0.0,
            response_head: self.timeouts.response_head.0.0,
            idle: self.timeouts.idle.0.0,
            overall: overall.map(|overall| overall.as_ref().0.0),
        }
    }

    /// An empty queue, for one thread.
    pub(crate) const fn queue<T>(&self) -> queue::Queue<T> {
        queue::Queue::new(self.queue.max_len.0 as usize, self.queue.timeout.0.0)
    }
}

impl Check {
    pub(crate) fn settings(&self) -> health::Settings {
        let expected = self.expect.iter().map(|statuses| statuses.0.clone());
        let probe = self.path.as_ref().map(|path| health::Probe::Http {
            path: path.0.0.clone(),
            host: self.host.clone(),
            expected: expected.collect(),
        });
        health::Settings {
            probe: probe.unwrap_or(health::Probe::Tcp),
            interval: self.interval.0.0,
            jitter_percent: self.jitter_percent.0,
            timeout: self.timeout.0.0,
            rise: self.rise.0,
            fall: self.fall.0,
        }
    }
}

impl Outlier {
    fn settings(&self) -> outlier::Settings {
        outlier::Settings {
            consecutive: self.consecutive.0,
            failure_percent: self.failure_percent.map_or(101, |percent| percent.0),
            min_requests: self.min_requests.0,
            interval: self.interval.0.0,
            base: self.base.0.0,
            max: self.max.0.0,
            max_ejected_percent: self.max_ejected_percent.0,
        }
    }
}
