//! `/echo`: sends the content back while it comes.
//!
//! What has come is copied to the answer as far as there is room, and only that much is consumed. So a
//! client that does not read is not read from: backpressure needs no buffer and no code.

use kinglet_core::field;
use kinglet_core::http::{Field, Framing, Handled, Length, Reply, Request, Status, Stream};

use crate::application::NO_SNIFFING;

/// Begins the answer, with the framing and the media type that the request has.
pub(crate) fn begin(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    const OCTETS: Field<'_> = field!("Content-Type", "application/octet-stream");
    const ANNOUNCED: Field<'_> = field!("Trailer", "Echo-Trailer");
    // Should a browser come to show it, then as a page of no origin, and without scripts.
    const SANDBOX: Field<'_> = field!("Content-Security-Policy", "default-src 'none'; sandbox");

    let received = request.fields().value("content-type");
    let content_type = received.and_then(|value| Field::new("Content-Type", value).ok());
    let fields = [
        content_type.unwrap_or(OCTETS),
        NO_SNIFFING,
        SANDBOX,
        ANNOUNCED,
    ];
    let (length, fields) = match request.framing() {
        Framing::None => (Length::Exact(0), &fields[..3]),
        Framing::Length(len) => (Length::Exact(len), &fields[..3]),
        _ => (Length::Unknown, &fields[..]),
    };
    reply.start(Status::OK, fields, length)
}

/// Goes on when content has come or there is room again.
pub(crate) fn go_on(mut stream: Stream<'_>) -> Handled {
    let written = stream.write(stream.content());
    stream.consume(written);
    if !stream.content_has_ended() {
        return stream.receive();
    }
    let values: Vec<Vec<u8>> = stream
        .trailers()
        .map(|line| [line.name().as_bytes(), b": ", line.value()].concat())
        .collect();
    let trailers: Vec<Field<'_>> = values
        .iter()
        .filter_map(|value| Field::new("Echo-Trailer", value.trim_ascii_end()).ok())
        .collect();
    match stream.finish_with(&trailers) {
        Ok(handled) => handled,
        // There is no room for so many: the content at least is whole.
        Err(stream) => stream.finish(),
    }
}
