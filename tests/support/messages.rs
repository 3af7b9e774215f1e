//! Requests, answers and applications that several tests use.

use kinglet_core::Limits;
use kinglet_core::http::{Decoder, Framing, Length, Piece, Status};

use super::escape::escape;
use super::link::Link;
use super::script::Script;

pub const LIMITS: Limits = Limits {
    min_room: 256,
    ..Limits::SERVER
};

pub const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub const OK: &str = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok";
pub const FAILED: &str = "HTTP/1.1 500 Internal Server Error\\r\\nContent-Length: 22\\r\\n\
    Connection: close\\r\\nContent-Type: text/plain\\r\\n\\r\\nInternal Server Error\\n";

pub fn ok() -> Script {
    Script::new(|_, reply| reply.send(Status::OK, &[], b"ok"))
}

pub fn post(framing: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
}

/// Content in which every run of bytes tells its place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index * 7 + index / 251).to_le_bytes()[0])
        .collect()
}

/// `content` in chunks of these lengths, over and over.
pub fn chunked(content: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = content;
    for &len in lens.iter().cycle() {
        let (chunk, others) = rest.split_at(len.min(rest.len()));
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
        rest = others;
        if chunk.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// The content behind a head, which is whole, with its framing taken off.
pub fn content_of(output: &[u8]) -> Vec<u8> {
    let head = output
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let text = escape(&output[..head]);
    let framing = match text.split_once("Content-Length: ") {
        Some((_, rest)) => Framing::Length(rest.split_once('\\').unwrap().0.parse().unwrap()),
        None => Framing::Chunked,
    };
    let mut decoder = Decoder::new(framing, &Limits::SERVER).unwrap();
    let (mut at, mut content) = (head, Vec::new());
    loop {
        match decoder.decode(&output[at..], &Limits::SERVER).unwrap() {
            Piece::Data { start, end } => {
                content.extend(&output[at + start..at + end]);
                at += end;
            }
            Piece::End { end, .. } => {
                assert_eq!(output.len(), at + end, "bytes behind the answer");
                return content;
            }
            Piece::More { .. } => panic!("the content is cut short: {} bytes", content.len()),
        }
    }
}

/// The client takes `bite` bytes at a time until nothing more comes.
pub fn take_all(link: &mut Link<Script>, bite: usize) -> Vec<u8> {
    let mut received = link.received();
    loop {
        link.take(bite);
        let bitten = link.received();
        if bitten.is_empty() {
            return received;
        }
        received.extend(bitten);
    }
}

/// Sends back what comes, as far as there is room.
pub fn echo(length: Length) -> Script {
    Script::new(move |_, reply| reply.start(Status::OK, &[], length)).stream(|mut stream| {
        let written = stream.write(stream.content());
        stream.consume(written);
        if stream.content_has_ended() {
            stream.finish()
        } else {
            stream.receive()
        }
    })
}
