//! `/echo` and `/ws`: what comes is sent back while it comes.
//!
//! Only as much is taken as there is room for in the output. So a client that does not read is not read
//! from, and no message is too long for a buffer, since there is none. What bounds it is
//! [`LIMITS`](crate::LIMITS): a message has 16 MiB at most and inflates by no more than 200 to 1; content of a
//! request has 1 GiB.

use kinglet_core::field;
use kinglet_core::http::{Field, Framing, Handled, Length, Reply, Request, Status, Stream};
use kinglet_core::websocket::{Deflate, Part, SendError, Socket, Terms};

use crate::NO_SNIFFING;

/// Begins the answer, with the framing and the media type that the request has.
pub(crate) fn begin(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    const OCTETS: Field<'_> = field!("Content-Type", "application/octet-stream");
    // Should a browser come to show it, then as a page of no origin, and without scripts.
    const SANDBOX: Field<'_> = field!("Content-Security-Policy", "default-src 'none'; sandbox");
    /// Bytes of a media type that there is room for in a head.
    const MAX_LEN: usize = 128;

    let received = request.fields().value("content-type");
    let content_type = received
        .filter(|value| value.len() <= MAX_LEN)
        .and_then(|value| Field::new("Content-Type", value).ok());
    let length = match request.framing() {
        Framing::None => Length::Exact(0),
        Framing::Length(len) => Length::Exact(len),
        _ => Length::Unknown,
    };
    let fields = [content_type.unwrap_or(OCTETS), NO_SNIFFING, SANDBOX];
    reply.start(Status::OK, &fields, length)
}

/// Goes on when content has come or there is room again.
pub(crate) fn go_on(mut stream: Stream<'_>) -> Handled {
    let written = stream.write(stream.content());
    stream.consume(written);
    if stream.content_has_ended() {
        stream.finish()
    } else {
        stream.receive()
    }
}

/// Any page may try it: there is nothing here that it could misuse.
pub(crate) fn open(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    const TERMS: Terms<'_> = Terms {
        deflate: Some(Deflate::MICROCONTROLLER),
        ..Terms::ANY
    };
    reply.websocket(request, &TERMS)
}

/// Sends a part of a message back. The engine offers no more than there is room for.
pub(crate) fn message(part: Part<'_>, socket: &mut Socket<'_>) {
    match socket.forward(part) {
        Ok(()) | Err(SendError::Closing) => {}
        // Half a message is worse than none.
        Err(_) => socket.refuse_long_message(),
    }
}
