//! tokio-tungstenite: what is fed stays in its buffer until it is flushed.

use std::io;

use kinglet_peers::room::Room;
use kinglet_peers::{CHAT, Options, messages, run_per_thread, tokio_server};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Bytes of a read. The library clears a buffer of that length before each, and
/// keeps one for each connection: its default of 128 KiB is slower, and larger.
const READ_LEN: usize = 4 * 1024;

thread_local! {
    static ROOM: Room<Message> = const { Room::new() };
}

fn main() -> io::Result<()> {
    run_per_thread(Options::from_command_line(), |listener| {
        tokio_server::serve(listener, connection)
    })
}

async fn connection(socket: TcpStream) {
    let mut is_chat = false;
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let note_path = |request: &Request, response: Response| {
        is_chat = request.uri().path() == CHAT;
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(READ_LEN);
    let accepted =
        tokio_tungstenite::accept_hdr_async_with_config(socket, note_path, Some(config)).await;
    // A connection that its client breaks off is no concern of a benchmark.
    let Ok(stream) = accepted else {
        return;
    };
    if is_chat {
        messages::chat(stream, &ROOM, is_data).await;
    } else {
        messages::echo(stream, is_data).await;
    }
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}
