//! tokio-websockets: vector instructions are its default, and taken at run time.

use std::io;

use kinglet_peers::room::Room;
use kinglet_peers::{CHAT, Options, messages, run_per_thread, tokio_server};
use tokio::net::TcpStream;
use tokio_websockets::{Config, Message, ServerBuilder};

/// Bytes that may be queued before a write: all the answers to one read.
const FLUSH_THRESHOLD: usize = 1024 * 1024;

thread_local! {
    static ROOM: Room<Message> = const { Room::new() };
}

fn main() -> io::Result<()> {
    run_per_thread(Options::from_command_line(), |listener| {
        tokio_server::serve(listener, connection)
    })
}

async fn connection(socket: TcpStream) {
    let config = Config::default().flush_threshold(FLUSH_THRESHOLD);
    let accepted = ServerBuilder::new().config(config).accept(socket).await;
    // A connection that its client breaks off is no concern of a benchmark.
    let Ok((request, stream)) = accepted else {
        return;
    };
    let is_chat = request.uri().path() == CHAT;
    drop(request);
    if is_chat {
        messages::chat(stream, &ROOM, is_data).await;
    } else {
        messages::echo(stream, is_data).await;
    }
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}
