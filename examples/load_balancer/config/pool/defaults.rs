//! What a pool is where its configuration says nothing.

use super::super::values::{Number, Period, Span, Statuses, Text};
use super::{Breaker, Check, KeepAlive, Outlier, Policy, Pool, Queue, Retry, Timeouts};

impl Default for Pool {
    fn default() -> Self {
        Self {
            backends: Vec::new(),
            watch: None,
            watch_url: None,
            watch_interval: Text(Period(1_000)),
            policy: Policy::default(),
            hash: None,
            max_load: None,
            decay: Text(Period(10_000)),
            sticky: None,
            slow_start: Text(Span(0)),
            tls: None,
            proxy_protocol: false,
            check: None,
            outlier: Outlier::default(),
            retry: Retry::default(),
            breaker: Breaker::default(),
            queue: Queue::default(),
            timeouts: Timeouts::default(),
            keep_alive: KeepAlive::default(),
        }
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            path: None,
            host: None,
            expect: vec![Statuses(200..=399)],
            interval: Text(Period(5_000)),
            jitter_percent: Number(10),
            timeout: Text(Period(2_000)),
            rise: Number(2),
            fall: Number(3),
        }
    }
}

impl Default for Outlier {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive: Number(5),
            failure_percent: None,
            min_requests: Number(100),
            interval: Text(Period(10_000)),
            base: Text(Period(10_000)),
            max: Text(Period(300_000)),
            max_ejected_percent: Number(50),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_tries: Number(3),
            statuses: [502, 503, 504].map(Number).into(),
            budget_percent: Number(20),
            min_per_second: Number(3),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            max_len: Number(1_024),
            timeout: Text(Period(5_000)),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Text(Period(5_000)),
            response_head: Text(Period(30_000)),
            idle: Text(Period(60_000)),
            overall: None,
        }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            connections: Number(64),
            idle: Text(Period(30_000)),
        }
    }
}
