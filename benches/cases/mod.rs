//! What is measured, for all benchmarks: the inputs, and one operation each.
#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod websocket;

use std::hint::black_box;
use std::mem::MaybeUninit;

use kinglet_core::http::{Decoder, Field, Framing, Handled, Method, Piece, Reply, Request};
use kinglet_core::http::{RequestParser, Status, emit};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Limits, Output, Session, Stamp, field};

/// Requests of 35, 100 and 703 bytes: the shortest there is, a tool's, and a browser's with cookies.
pub const HEADS: [&[u8]; 3] = [
    b"GET /wren HTTP/1.1\r\nHost: a.com\r\n\r\n",
    b"GET /birds?king=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.5\r\n\
      Accept: */*\r\nX-Id: 4217\r\n\r\n",
    b"GET /assets/photographs/2024/11/goldcrest-in-the-old-spruce-at-dawn.webp HTTP/1.1\r\n\
      Host: images.example.org\r\n\
      User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0\r\n\
      Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n\
      Accept-Language: de-CH,de;q=0.8,en-GB;q=0.5,en;q=0.3\r\n\
      Accept-Encoding: gzip, deflate, br\r\n\
      Connection: keep-alive\r\n\
      Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; region=eu-central; visits=17; \
      last_seen=1732300800; consent=necessary:1|statistics:0|marketing:0; \
      basket=a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52\
      a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52a41c9be07d52a4\r\n\r\n",
];

/// What the load generators ask.
pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const _: () = assert!(HEADS[0].len() == 35 && HEADS[1].len() == 100 && HEADS[2].len() == 703);

/// Reads one head.
pub fn parse(head: &[u8]) {
    let mut parser = RequestParser::new();
    let request = parser.parse(black_box(head), &Limits::SERVER);
    assert!(request.is_ok_and(|request| request.is_some()));
}

/// The same with httparse, its slots for field lines left uninitialised.
pub fn httparse(head: &[u8]) {
    let mut lines = [const { MaybeUninit::uninit() }; 32];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(black_box(head), &mut lines);
    assert!(status.is_ok_and(|status| status.is_complete()));
}

/// A chunked message body of 16 chunks with `chunk_len` bytes each.
pub fn chunked(chunk_len: usize) -> Vec<u8> {
    let chunk = format!("{chunk_len:x}\r\n{}\r\n", "k".repeat(chunk_len));
    let mut body = chunk.repeat(16).into_bytes();
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// Decodes a whole chunked body and answers how much content it has.
pub fn decode(body: &[u8]) -> usize {
    let limits = &Limits::SERVER;
    let mut decoder = Decoder::new(Framing::Chunked, limits).expect("chunked has no length");
    let (mut at, mut len) = (0, 0);
    while let Piece::Data { start, end } = decoder.decode(&body[at..], limits).expect("chunks") {
        len += end - start;
        at += end;
    }
    len
}

/// Writes the head of an answer and answers its length.
pub fn respond(out: &mut [u8]) -> usize {
    let framing = Framing::Length(black_box(13));
    emit::response_head(out, black_box(Status::OK), &[PLAIN], framing).expect("there is room")
}

const PLAIN: Field<'_> = field!("Content-Type", "text/plain");

/// One connection with everything that a driver lends to it.
pub struct Server {
    session: Session<()>,
    context: Context,
    output: Vec<u8>,
    queue: Queue,
    requests: Vec<u8>,
    input: Vec<u8>,
}

impl Server {
    /// To which each time `depth` requests come at once.
    pub fn new(depth: usize) -> Self {
        let mut stamp = Stamp::new("kinglet");
        stamp.set_date(784_111_777);
        // So that none of the answers is the last on its connection.
        let limits = Limits {
            max_exchanges: u32::MAX,
            ..Limits::SERVER
        };
        Self {
            session: Session::new(),
            context: Context::new(limits, stamp),
            output: vec![0; 64 * 1024],
            queue: Queue::new(),
            requests: REQUEST.repeat(depth),
            input: vec![0; REQUEST.len() * depth],
        }
    }

    /// One turn: all requests are read and answered.
    pub fn turn(&mut self) -> usize {
        self.input.copy_from_slice(&self.requests);
        let mut input = Input::new(&mut self.input, Outlook::More);
        let mut output = Output::new(&mut self.output, &mut self.queue);
        let turn = self
            .session
            .turn(&mut Hello, &self.context, &mut input, &mut output);
        assert!(input.remaining().is_empty());
        let _ = black_box(turn);
        let len = self.queue.len();
        self.queue.advance(len);
        len
    }
}

struct Hello;

impl Application for Hello {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.method() {
            Method::Get | Method::Head => reply.send(Status::OK, &[PLAIN], b"Hello, World!"),
            _ => reply.send(
                Status::METHOD_NOT_ALLOWED,
                &[field!("Allow", "GET, HEAD")],
                b"",
            ),
        }
    }
}
