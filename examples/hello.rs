//! Type `cargo run --release --example hello`, then `curl -i http://127.0.0.1:8080/`.
//!
//! The smallest server: one answer to every GET. `--listen ADDRESS:PORT` and `--threads N` say where
//! and on how many threads; `--polling` takes the portable back end in place of the system's own. With
//! `--tls-self-signed`, or `--tls-cert FILE --tls-key FILE`, it is `https`.

#[path = "shared/tls.rs"]
mod tls;

use std::error::Error;

use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status};
use kinglet_core::{Application, field};
use kinglet_hosted::{Address, Backend, Options, Server};

struct Hello;

impl Application for Hello {
    type Exchange = ();

    fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
        const ALLOW: Field<'_> = field!("Allow", "GET, HEAD, OPTIONS");
        match request.method() {
            // To HEAD, the engine leaves the content out.
            Method::Get | Method::Head => reply.send(Status::OK, &[PLAIN], b"Hello, World!"),
            Method::Options => reply.send(Status::NO_CONTENT, &[ALLOW], b""),
            _ => reply.send(Status::METHOD_NOT_ALLOWED, &[ALLOW], b""),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (address, options) = parse_arguments()?;
    let server = Server::bind(&address, options)?;
    server.drain_on_signals()?;
    println!("listening on {}", server.local_address());
    server.run(|_thread| Hello)?;
    Ok(())
}

fn parse_arguments() -> Result<(Address, Options), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut address = "127.0.0.1:8080".parse()?;
    let mut options = Options::default();
    let mut tls = tls::TlsArguments::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            Long("tls-cert") => tls.certificate = Some(arguments.value()?.into()),
            Long("tls-key") => tls.key = Some(arguments.value()?.into()),
            Long("tls-self-signed") => tls.is_self_signed = true,
            Long("polling") => options.backend = Backend::Polling,
            _ => return Err(argument.unexpected().into()),
        }
    }
    options.tls = tls.into_tls()?;
    Ok((address, options))
}
