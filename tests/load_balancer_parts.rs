//! The parts of the load balancer that know no socket, clock or thread: their tests are in their own files.
#![allow(dead_code, reason = "what carries the requests is not among them")]

#[path = "../examples/load_balancer/balance/mod.rs"]
mod balance;
#[path = "../examples/load_balancer/breaker.rs"]
mod breaker;
#[path = "../examples/load_balancer/config/mod.rs"]
mod config;
#[path = "../examples/load_balancer/discovery.rs"]
mod discovery;
#[path = "../examples/load_balancer/headers/mod.rs"]
mod headers;
#[path = "../examples/load_balancer/health.rs"]
mod health;
#[path = "../examples/load_balancer/loops.rs"]
mod loops;
#[path = "../examples/load_balancer/outlier.rs"]
mod outlier;
#[path = "../examples/load_balancer/pool/mod.rs"]
mod pool;
#[path = "../examples/load_balancer/proxy_v2.rs"]
mod proxy_v2;
#[path = "../examples/load_balancer/queue.rs"]
mod queue;
#[path = "../examples/load_balancer/rate.rs"]
mod rate;
#[path = "../examples/load_balancer/retry.rs"]
mod retry;
#[path = "../examples/load_balancer/rng.rs"]
mod rng;
#[path = "../examples/load_balancer/route.rs"]
mod route;
#[path = "../examples/load_balancer/samples.rs"]
mod samples;
#[path = "../examples/load_balancer/siphash.rs"]
mod siphash;
#[path = "../examples/load_balancer/slow_start.rs"]
mod slow_start;
#[path = "../examples/load_balancer/time.rs"]
mod time;
#[path = "../examples/load_balancer/timeouts.rs"]
mod timeouts;
