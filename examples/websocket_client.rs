//! Type `cargo run --example websocket_client -- ws://127.0.0.1:9001/chat`, then lines to send.
//!
//! Prints what comes. `--trace` shows the bits of each frame's header, both ways; `--deflate` offers
//! compression; `--protocol NAME` and `--origin ORIGIN` go into the opening handshake. A line `/ping`
//! sends a ping, `/close` closes, and so does the end of the input.

use std::error::Error;
use std::io::{BufRead, stdin};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use kinglet_core::websocket::frame::{Header, Rsv1Use};
use kinglet_core::websocket::{CloseCode, Deflate, Role};
use kinglet_hosted::{Direction, Received, WebSocketClient, WebSocketOptions};

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;

    let (mut url, mut protocol, mut origin) = (None, None, None);
    let (mut deflate, mut traces) = (None, false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("trace") => traces = true,
            Long("deflate") => deflate = Some(Deflate::SERVER),
            Long("protocol") => protocol = Some(arguments.value()?.string()?),
            Long("origin") => origin = Some(arguments.value()?.string()?),
            Value(value) if url.is_none() => url = Some(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let url = url.unwrap_or_else(|| String::from("ws://127.0.0.1:9001/chat"));
    let protocols: Vec<&str> = protocol.iter().map(String::as_str).collect();
    let options = WebSocketOptions {
        protocols: &protocols,
        origin: origin.as_deref(),
        deflate,
        ..WebSocketOptions::default()
    };
    let mut client = WebSocketClient::connect(&url, &options)?;
    println!("open, compressed: {}", client.is_compressed());
    if traces {
        let (mut received, mut sent) =
            (Trace::new("<", Role::Client), Trace::new(">", Role::Server));
        client.trace(move |direction, bytes| match direction {
            Direction::Received => received.take(bytes),
            Direction::Sent => sent.take(bytes),
        });
    }
    // Lines are read on a thread of their own, since that waits.
    let (lines, typed) = channel();
    std::thread::spawn(move || {
        stdin()
            .lock()
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| lines.send(line))
    });
    loop {
        match typed.try_recv() {
            Ok(line) if line == "/ping" => client.ping(b"")?,
            Ok(line) if line == "/close" => client.close(CloseCode::NORMAL, "")?,
            Ok(line) => client.send(line.as_str())?,
            Err(TryRecvError::Empty) => {}
            // A second time, it is closing already.
            Err(TryRecvError::Disconnected) => drop(client.close(CloseCode::NORMAL, "")),
        }
        match client.receive_for(Duration::from_millis(20))? {
            None => {}
            Some(Received::Text(text)) => println!("{text}"),
            Some(Received::Binary(data)) => println!("{} bytes: {data:x?}", data.len()),
            Some(Received::Closed {
                code,
                reason,
                clean,
            }) => {
                println!("closed with {code} {reason:?}, clean: {clean}");
                return Ok(());
            }
        }
    }
}

/// The frames of one direction.
struct Trace {
    sign: &'static str,
    receiver: Role,
    /// Bytes of a header that is not whole.
    bytes: Vec<u8>,
    /// Bytes of payload data that are still to come.
    payload: u64,
}

impl Trace {
    fn new(sign: &'static str, receiver: Role) -> Self {
        Self {
            sign,
            receiver,
            bytes: Vec::new(),
            payload: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        loop {
            let skipped = self.payload.min(self.bytes.len() as u64);
            self.bytes.drain(..skipped as usize);
            self.payload -= skipped;
            if self.payload > 0 {
                return;
            }
            let parsed = Header::parse(&self.bytes, self.receiver, Rsv1Use::Compression);
            let Ok(Some((header, len))) = parsed else {
                return;
            };
            let bits: Vec<String> = self.bytes[..len]
                .iter()
                .map(|byte| format!("{byte:08b}"))
                .collect();
            println!("{} {} {:?}", self.sign, bits.join(" "), header.opcode());
            self.bytes.drain(..len);
            self.payload = header.payload_len();
        }
    }
}
