//! The WebSocket client of the runs: `echo`, `fanout`, `idle` and `count`.
//!
//! Every byte that a server sends is compared with what it must send. When all
//! connections are open, and warm, a mode prints `ready` and waits for a line
//! (or the end) of its input; then it measures, and prints one line of figures.

mod batch;
mod connection;
mod count;
mod echo;
mod fanout;
mod figures;
mod idle;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use kinglet_peers::Flags;

/// How long a server may leave a message without an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the command line says, whichever the mode is.
#[derive(Debug)]
struct Plan {
    connect: SocketAddr,
    /// Connections: of `fanout` those that receive.
    connections: usize,
    /// Messages in one write: of `fanout` those that not all have received yet.
    depth: usize,
    /// Bytes of a message.
    size: usize,
    seconds: f64,
    /// Of `count` all messages, of `idle` those of each connection.
    messages: usize,
    /// Messages a second at most, or 0 for as many as possible.
    rate: f64,
}

fn main() -> io::Result<()> {
    let usage = "MODE --connect ADDRESS:PORT\n\
                 echo    [--connections 64] [--depth 1] [--size 32] [--seconds 5]\n\
                 fanout  [--receivers 1000] [--depth 1] [--size 32] [--seconds 5] [--rate 0]\n\
                 idle    [--connections 10000] [--messages 1] [--size 32]\n\
                 count   [--connections 8] [--depth 1] [--size 32] [--messages 8000]";
    let mut flags = Flags::from_command_line(usage);
    let Some(mode) = flags.next_flag() else {
        flags.refuse();
    };
    let (run, connections, messages): (fn(&Plan) -> io::Result<()>, _, _) = match mode.as_str() {
        "echo" => (echo::run, 64, 0),
        "fanout" => (fanout::run, 1000, 0),
        "idle" => (idle::run, 10_000, 1),
        "count" => (count::run, 8, 8_000),
        _ => flags.refuse(),
    };
    let mut plan = Plan {
        connect: SocketAddr::from(([127, 0, 0, 1], 8080)),
        connections,
        depth: 1,
        size: 32,
        seconds: 5.0,
        messages,
        rate: 0.0,
    };
    while let Some(flag) = flags.next_flag() {
        match flag.as_str() {
            "--connect" => plan.connect = flags.value(),
            "--connections" | "--receivers" => plan.connections = flags.value(),
            "--depth" => plan.depth = flags.value(),
            "--size" => plan.size = flags.value(),
            "--seconds" => plan.seconds = flags.value(),
            "--messages" => plan.messages = flags.value(),
            "--rate" => plan.rate = flags.value(),
            _ => flags.refuse(),
        }
    }
    if !plan.is_sound() {
        flags.refuse();
    }
    run(&plan)
}

impl Plan {
    /// All within bounds, and against this machine alone.
    fn is_sound(&self) -> bool {
        self.connect.ip().is_loopback()
            && (1..=100_000).contains(&self.connections)
            && (1..=1024).contains(&self.depth)
            && (1..=65_535).contains(&self.size)
            && (0.0..=600.0).contains(&self.seconds)
            && (0.0..=1e6).contains(&self.rate)
            && self.messages <= 100_000_000
    }
}

/// Says that all is set up, and waits until it is to begin.
fn ready() -> io::Result<()> {
    println!("ready");
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
