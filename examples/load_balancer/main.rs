//! Type `cargo run --example load_balancer -- --config examples/load_balancer/balancer.toml --check`.
//!
//! A reverse proxy that balances load. Its parts, each without sockets, clocks and threads:
//!
//! | file | what it is |
//! |---|---|
//! | `config/`, `discovery.rs` | what it is told, by a file, by flags, and while it runs |
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
mod config;
mod discovery;
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

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use config::Config;
use config::arguments::{self, Command, HELP};

fn main() -> ExitCode {
    let text = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => Ok(HELP.to_owned()),
        Ok(Command::Version) => Ok(format!("load_balancer {}\n", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Check(source)) => source.load().map(|config| summary(&config)),
        Ok(Command::Serve(_)) => {
            eprintln!("load_balancer: serving is not supported yet: expected --check");
            return ExitCode::from(2);
        }
        Err(mistake) => Err(mistake),
    };
    match text {
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(mistake) => {
            eprintln!("load_balancer: {mistake}");
            ExitCode::from(2)
        }
    }
}

/// What a configuration comes to.
fn summary(config: &Config) -> String {
    let mut text = String::new();
    // A string takes everything.
    for listen in &config.listen {
        let listen = listen.as_ref();
        let tls = if listen.certificate.is_some() {
            " with TLS"
        } else {
            ""
        };
        let _ = writeln!(text, "listen {}{tls}", listen.address.0);
    }
    for (name, pool) in &config.pools {
        let pool = pool.as_ref();
        let _ = writeln!(text, "pool {name}: {:?}", pool.policy);
        for backend in &pool.backends {
            let backend = backend.as_ref();
            let (target, weight) = (&backend.target, backend.weight);
            let _ = writeln!(text, "  backend {target}, weight {weight}");
        }
        if let Some(path) = &pool.watch {
            let _ = writeln!(text, "  and those that {} lists", path.as_ref().display());
        }
        if let Some(url) = &pool.watch_url {
            let _ = writeln!(text, "  and those that {} lists", url.as_ref());
        }
    }
    text
}
