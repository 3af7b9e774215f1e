//! A reverse proxy that balances load. Its parts, each without sockets, clocks and threads:
//!
//! | file | what it is |
//! |---|---|
//! | `pool.rs` | the backends of a pool, and which of them a request goes to |
//! | `balance/` | the policies, and what a request is hashed by |
//! | `health.rs`, `outlier.rs`, `slow_start.rs` | who is left out, and how it comes back |
//! | `breaker.rs`, `queue.rs`, `rate.rs` | how much at once, and what waits |
//! | `route.rs` | which pool a request goes to |
//! | `headers.rs`, `loops.rs`, `proxy_v2.rs` | what is passed on, what is added, and what goes round |
//! | `retry.rs`, `hedge.rs`, `timeouts.rs` | what is tried again, and how long anything may take |
#![allow(dead_code, reason = "what carries the requests is not here yet")]

mod balance;
mod breaker;
mod headers;
mod health;
mod hedge;
mod loops;
mod outlier;
mod pool;
mod proxy_v2;
mod queue;
mod rate;
mod retry;
mod rng;
mod route;
#[cfg(test)]
mod samples;
mod siphash;
mod slow_start;
mod time;
mod timeouts;

fn main() {}
