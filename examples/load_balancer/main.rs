//! A reverse proxy that balances load. Its parts, each without sockets, clocks and threads:
//!
//! | file | what it is |
//! |---|---|
//! | `balance/` | the policies, and what a request is hashed by |
#![allow(dead_code, reason = "what carries the requests is not here yet")]

mod balance;
mod rng;
#[cfg(test)]
mod samples;
mod siphash;
mod time;

fn main() {}
