//! Type `cargo run --release --example websocket_echo`, then open a WebSocket to `ws://127.0.0.1:9001/`.
//!
//! Every path echoes each message as one frame of its kind; `/chat` sends it to all others on `/chat`.
//! `--listen ADDRESS:PORT` and `--threads N` say where and on how many threads; messages are compressed
//! where the client offers that, unless `--no-deflate` is given. With `--tls-self-signed`, or with
//! `--tls-cert FILE --tls-key FILE`, it is `wss`.

#[path = "shared/tls.rs"]
mod tls;

use std::error::Error;

use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::websocket::{Collected, Collector, Deflate, Part, SendError, Socket, Terms};
use kinglet_core::{Application, Limits};
use kinglet_hosted::{Address, Handle, HeapStore, Options, Server};

struct Echo {
    terms: Terms<'static>,
    handle: Handle,
}

/// What is remembered of a WebSocket.
#[derive(Default)]
struct Peer {
    chats: bool,
    message: Collector<HeapStore>,
}

impl Application for Echo {
    type Exchange = Peer;

    fn request(&mut self, peer: &mut Peer, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        peer.chats = request.path() == "/chat";
        reply.websocket(request, &self.terms)
    }

    fn opened(&mut self, peer: &mut Peer, socket: &mut Socket<'_>) {
        if peer.chats {
            self.handle.subscribe(socket.ticket(), "chat");
        }
    }

    fn message(&mut self, peer: &mut Peer, part: Part<'_>, socket: &mut Socket<'_>) {
        match peer.message.push(part) {
            Collected::Message(message) if peer.chats => {
                self.handle
                    .publish_to_others(socket.ticket(), "chat", message);
            }
            Collected::Message(message) => match socket.send(message) {
                // There is room for an answer to every message: `max_answer_len` sees to it.
                Ok(()) | Err(SendError::Closing) => {}
                Err(error) => eprintln!("cannot echo: {error}"),
            },
            Collected::Partly => {}
            Collected::TooLong => socket.refuse_long_message(),
        }
        if part.whole().is_none() && part.place().is_last() {
            peer.message.clear();
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (address, options, terms) = parse_arguments()?;
    let server = Server::bind(&address, options)?;
    server.drain_on_signals()?;
    println!("listening on {}", server.local_address());
    let handle = server.handle();
    server.run(|_thread| Echo {
        terms,
        handle: handle.clone(),
    })?;
    Ok(())
}

fn parse_arguments() -> Result<(Address, Options, Terms<'static>), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut address = "127.0.0.1:9001".parse()?;
    let mut terms = Terms {
        deflate: Some(Deflate::SERVER),
        ..Terms::ANY
    };
    let mut options = Options {
        limits: Limits {
            max_message_len: 16 * 1024 * 1024,
            ..Limits::SERVER
        },
        max_answer_len: 17 * 1024 * 1024,
        ..Options::default()
    };
    let mut tls = tls::TlsArguments::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            Long("no-deflate") => terms.deflate = None,
            Long("tls-cert") => tls.certificate = Some(arguments.value()?.into()),
            Long("tls-key") => tls.key = Some(arguments.value()?.into()),
            Long("tls-self-signed") => tls.is_self_signed = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    options.tls = tls.into_tls()?;
    Ok((address, options, terms))
}
