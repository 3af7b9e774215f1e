//! Type `cargo run --release --example http_server`, then open http://127.0.0.1:8080/ in a browser.
//!
//! A small but real server, to learn from and to start from. Read on in this order:
//!
//! | file | what it shows |
//! |---|---|
//! | `application.rs` | the routes, and what an exchange remembers |
//! | `headers.rs`, `status.rs` | answers that are ready at once |
//! | `echo.rs`, `lines.rs`, `drip.rs` | answers that are streamed |
//! | `later.rs` | an answer that another thread gives |
//! | `frames.rs` | a WebSocket |
//! | `welcome.rs`, `anatomy.rs`, `conditions.rs` | the page that shows your own request |
//! | `html.rs`, `rfc.rs`, `query.rs`, `arguments.rs` | what they need |

mod anatomy;
mod application;
mod arguments;
mod conditions;
mod drip;
mod echo;
mod frames;
mod headers;
mod html;
mod later;
mod lines;
mod query;
mod rfc;
mod status;
mod welcome;

use core::num::NonZeroUsize;
use std::io::{self, Write};
use std::process::ExitCode;

use kinglet_hosted::{Address, Options, Server, Workers};

use application::Demo;
use arguments::{Command, HELP, Settings, Site};

fn main() -> ExitCode {
    let result = match arguments::parse() {
        Ok(Command::Help) => write!(io::stdout(), "{HELP}").map_err(|error| error.to_string()),
        Ok(Command::Version) => writeln!(io::stdout(), "http_server {}", env!("CARGO_PKG_VERSION"))
            .map_err(|error| error.to_string()),
        Ok(Command::Serve(settings)) => serve(&settings),
        Err(mistake) => Err(mistake.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("http_server: {text}");
            ExitCode::from(2)
        }
    }
}

/// Serves until SIGINT or SIGTERM, and until the exchanges under way are over.
fn serve(settings: &Settings) -> Result<(), String> {
    let options = Options {
        threads: settings.threads,
        ..Options::default()
    };
    let server = Server::bind(&settings.address, options).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; end the program that has it, or choose another port",
            io::ErrorKind::PermissionDenied => "; choose a port above 1023",
            _ => "",
        };
        format!("{error}{hint}")
    })?;
    server
        .drain_on_signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;

    let site = Site::at(server.local_address());
    let handle = server.handle();
    let workers = Workers::start(handle.clone(), NonZeroUsize::MIN, later::MAX_WAITING)
        .map_err(|error| format!("cannot start the worker thread: {error}"))?;
    match server.local_address() {
        Address::Tcp(_) => println!("serving {}/ until Ctrl-C", site.origin),
        other => println!(
            "serving {other} until Ctrl-C: {} {}/",
            site.curl, site.origin
        ),
    }
    server
        .run(|_thread| Demo::new(site.clone(), handle.clone(), workers.clone()))
        .map_err(|error| format!("cannot go on: {error}"))
}
