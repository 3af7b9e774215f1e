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
//! | `html.rs`, `rfc.rs`, `query.rs` | what they need |
//! | `config.rs`, `arguments.rs` | settings, from a file and from flags |
//! | `open.rs` | what they name: certificates, and the folder of files |
//! | `process.rs` | the process's number, user and permissions |

mod anatomy;
mod application;
mod arguments;
mod conditions;
mod config;
mod drip;
mod echo;
mod frames;
mod headers;
mod html;
mod later;
mod lines;
mod open;
mod process;
mod query;
mod rfc;
#[path = "../shared/self_signed.rs"]
mod self_signed;
mod status;
mod welcome;

use core::num::NonZeroUsize;
use std::io::{self, Write};
use std::process::ExitCode;

use kinglet_hosted::files::Files;
use kinglet_hosted::{Address, Options, Server, Tls, Workers};

use application::Demo;
use arguments::{Command, Site, Source};
use config::Config;

fn main() -> ExitCode {
    let print = |text: &str| write!(io::stdout(), "{text}").map_err(|error| error.to_string());
    let result = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(&arguments::help()),
        Ok(Command::Version) => print(concat!("http_server ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::CheckConfig) => print("the settings are right\n"),
        Ok(Command::Serve(config, source)) => serve(&config, source),
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
fn serve(config: &Config, source: Source) -> Result<(), String> {
    let _pid_file = process::prepare(&config.server)?;
    let tls = open::tls(&config.tls)?;
    let files = open::files(&config.files)?;
    let server = listen(config, tls.clone())?;
    process::become_user(&config.server)?;
    server
        .drain_on_signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let mut current = config.clone();
    server
        .reload_on_signal(move |handle| match source.load() {
            Ok(new) => {
                if let Some(key) = current.needs_restart(&new) {
                    eprintln!("http_server: {key} is as it was until the next start");
                }
                if let Some(tls) = &tls
                    && new.tls.cert.is_some()
                    && let Err(error) = tls.reload()
                {
                    eprintln!("http_server: the certificates are as they were: {error}");
                }
                handle.reconfigure(options(&new, tls.clone()));
                current = new;
            }
            Err(mistake) => eprintln!("http_server: all stays as it is: {mistake}"),
        })
        .map_err(|error| format!("cannot wait for signals: {error}"))?;

    let site = Site::at(server.local_address(), &config.tls);
    let handle = server.handle();
    let workers = Workers::start(handle.clone(), NonZeroUsize::MIN, later::MAX_WAITING)
        .map_err(|error| format!("cannot start the worker thread: {error}"))?;
    for address in server.local_addresses() {
        let site = Site::at(address, &config.tls);
        match address {
            Address::Tcp(_) => println!("serving {}/ until Ctrl-C", site.origin),
            other => println!(
                "serving {other} until Ctrl-C: {} {}/",
                site.curl, site.origin
            ),
        }
    }
    server
        .run(|_thread| {
            let files = files.as_ref().map(Files::for_thread);
            Demo::new(site.clone(), handle.clone(), workers.clone(), files)
        })
        .map_err(|error| format!("cannot go on: {error}"))
}

/// The server's options, with its certificates.
fn options(config: &Config, tls: Option<Tls>) -> Options {
    Options {
        tls,
        ..config.options()
    }
}

/// Takes over from the process before this one, or takes the sockets that the service manager has made,
/// or listens.
fn listen(config: &Config, tls: Option<Tls>) -> Result<Server, String> {
    let options = options(config, tls);
    let offer = config.server.hand_over.as_deref();
    let mut server = None;
    if let Some(path) = offer {
        server = Server::take_over(path, options.clone())
            .map_err(|error| format!("cannot take over at {}: {error}", path.display()))?;
    }
    if server.is_none() {
        server = Server::from_service_manager(options.clone())
            .map_err(|error| format!("cannot use the sockets that were passed: {error}"))?;
    }
    let mut server = match server {
        Some(server) => server,
        None => Server::bind_all(&config.addresses(), options).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => "; end the program that has it, or choose another port",
                io::ErrorKind::PermissionDenied => "; choose a port above 1023",
                _ => "",
            };
            format!("{error}{hint}")
        })?,
    };
    if let Some(path) = offer {
        server
            .offer_hand_over(path)
            .map_err(|error| format!("cannot offer a hand-over: {error}"))?;
    }
    Ok(server)
}
