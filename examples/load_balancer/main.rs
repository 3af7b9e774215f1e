//! Type `cargo run --release --example load_balancer -- --listen 127.0.0.1:8080 --upstream 127.0.0.1:9001
//! --upstream 127.0.0.1:9002`, or `-- --config examples/load_balancer/balancer.toml`.
//!
//! A reverse proxy that balances load. Read on in this order:
//!
//! | file | what it is |
//! |---|---|
//! | `serve.rs`, `shared.rs` | the process: threads that serve, and what they share |
//! | `proxy/` | what is done with a request, and with its answer |
//! | `backends.rs` | the pools of a thread |
//! | `admin.rs` | a page that shows how all are, and numbers |
//! | `checks.rs`, `members.rs`, `ticks.rs` | what goes on beside requests |
//!
//! The rest is without sockets, clocks and threads, and tested by `tests/load_balancer_parts.rs`:
//!
//! | file | what it is |
//! |---|---|
//! | `pool/` | the backends of a pool, and which of them a request goes to |
//! | `balance/` | the policies, and what a request is hashed by |
//! | `health.rs`, `outlier.rs`, `slow_start.rs` | who is left out, and how it comes back |
//! | `breaker.rs`, `queue.rs`, `rate.rs` | how much at once, and what waits |
//! | `route.rs` | which pool a request goes to |
//! | `headers/`, `loops.rs`, `proxy_v2.rs`, `lines.rs` | what is passed on, and what is added |
//! | `retry.rs`, `timeouts.rs` | what is tried again, and how long anything may take |
//! | `config/`, `discovery.rs` | the configuration, and lists of backends from elsewhere |

mod admin;
mod backends;
mod balance;
mod breaker;
mod checks;
mod config;
mod discovery;
mod headers;
mod health;
mod lines;
mod loops;
mod members;
mod outlier;
mod pool;
mod proxy;
mod proxy_v2;
mod queue;
mod rate;
mod retry;
mod rng;
mod route;
mod serve;
mod shared;
mod siphash;
mod slow_start;
mod ticks;
mod time;
mod timeouts;

use std::io::{self, Write};
use std::process::ExitCode;

use config::arguments::{Command, HELP, parse};

fn main() -> ExitCode {
    let print = |text: &str| write!(io::stdout(), "{text}").map_err(|error| error.to_string());
    let result = match parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(HELP),
        Ok(Command::Version) => print(concat!("load_balancer ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Check(source)) => source
            .load()
            .map_err(|mistake| mistake.to_string())
            .and_then(|_| print("the configuration is right\n")),
        Ok(Command::Serve(source)) => serve::serve(&source),
        Err(mistake) => Err(mistake.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("load_balancer: {text}");
            ExitCode::from(2)
        }
    }
}
