//! Type `cargo run --release --example websocket_chat`, then open http://127.0.0.1:8081/ in two windows.
//!
//! Rooms, names, who is here, and what was said last. `--listen ADDRESS:PORT` and `--threads N` say where
//! and on how many threads. `chat.rs` is the server, `assets/` the page.

mod chat;

use std::error::Error;
use std::sync::Arc;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Options, Server};

use chat::{Chat, MAX_MESSAGE_LEN, Rooms};

fn main() -> Result<(), Box<dyn Error>> {
    let (address, options) = parse_arguments()?;
    let server = Server::bind(&address, options)?;
    server.drain_on_signals()?;
    println!("serving http://{}/ until Ctrl-C", server.local_address());
    let handle = server.handle();
    let rooms = Arc::new(Rooms::default());
    server.run(|_thread| Chat::new(handle.clone(), Arc::clone(&rooms)))?;
    Ok(())
}

fn parse_arguments() -> Result<(Address, Options), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut address = "127.0.0.1:8081".parse()?;
    let mut options = Options {
        limits: Limits {
            max_message_len: MAX_MESSAGE_LEN,
            ..Limits::SERVER
        },
        ..Options::default()
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok((address, options))
}
