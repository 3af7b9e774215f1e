//! A reverse proxy that balances load. Its parts, each without sockets, clocks and threads:
//!
//! | file | what it is |
//! |---|---|
//! | `pool.rs` | the backends of a pool, and which of them a request goes to |
//! | `balance/` | the policies, and what a request is hashed by |
//! | `health.rs`, `outlier.rs`, `slow_start.rs` | who is left out, and how it comes back |
//! | `breaker.rs`, `queue.rs`, `rate.rs` | how much at once, and what waits |
//! | `retry.rs`, `hedge.rs`, `timeouts.rs` | what is tried again, and how long anything may take |
#![allow(dead_code, reason = "what carries the requests is not here yet")]

mod balance;
mod breaker;
mod health;
mod hedge;
mod outlier;
mod pool;
mod queue;
mod rate;
mod retry;
mod rng;
#[cfg(test)]
mod samples;
mod siphash;
mod slow_start;
mod time;
mod timeouts;

fn main() {}
