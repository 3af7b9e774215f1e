//! `/ws`: a WebSocket that sends back each message, and then tells how the frame with it looked.
//!
//! A browser shows a page the messages of a WebSocket and never their frames. What the server sends is
//! known here to the byte, since nothing is compressed and a server's frames are not masked.

use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::websocket::{
    Collected, Collector, Kind, Message, Origins, Part, SendError, Socket, Terms,
};
use kinglet_hosted::HeapStore;

/// Bytes of a message that this is still fun with. Over it: close code 1009.
const MAX_LEN: usize = 1000;

/// What is remembered of a WebSocket.
#[derive(Debug)]
pub(crate) struct Frames {
    message: Collector<HeapStore>,
    /// Parts of the message under way that have come.
    parts: u32,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            message: Collector::new(HeapStore::new(MAX_LEN as u32)),
            parts: 0,
        }
    }
}

/// Opens a WebSocket for pages of this server, and for clients that are no browsers.
pub(crate) fn begin(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    let terms = Terms {
        origins: Origins::Same,
        ..Terms::ANY
    };
    reply.websocket(request, &terms)
}

impl Frames {
    /// Greets.
    pub(crate) fn opened(socket: &mut Socket<'_>) {
        send_with_frame(socket, Message::text("Hello, WebSocket!"), None);
    }

    /// Takes a part of a message, and answers the message when it is whole.
    pub(crate) fn message(&mut self, part: Part<'_>, socket: &mut Socket<'_>) {
        self.parts += 1;
        match self.message.push(part) {
            Collected::Message(message) if message.data().len() <= MAX_LEN => {
                send_with_frame(socket, message, Some(self.parts));
            }
            Collected::Message(_) | Collected::TooLong => socket.refuse_long_message(),
            Collected::Partly => {}
        }
        if part.place().is_last() {
            self.message.clear();
            self.parts = 0;
        }
    }
}

/// Sends a message, and behind it one of JSON with the bytes of its frame. `parts` says in how many the
/// same message has come, where it is an echo.
fn send_with_frame(socket: &mut Socket<'_>, message: Message<'_>, parts: Option<u32>) {
    let header = message.header().emit();
    let frame = header.as_bytes().iter().chain(message.data());
    let hex: String = frame.map(|byte| format!("{byte:02x}")).collect();
    let kind = match message.kind() {
        Kind::Text => "text",
        Kind::Binary => "binary",
    };
    let told = format!(
        "{{\"kind\":\"{kind}\",\"len\":{len},\"parts\":{parts},\"frame\":\"{hex}\"}}",
        len = message.data().len(),
        parts = parts.unwrap_or_default(),
    );
    for message in [message, Message::text(&told)] {
        match socket.send(message) {
            Ok(()) | Err(SendError::Closing) => {}
            // So much fits past the send buffer that it is a mistake of this program.
            Err(error) => eprintln!("http_server: cannot send a message: {error}"),
        }
    }
}
