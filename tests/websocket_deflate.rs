//! Compressed messages on a connection: what goes in comes out, in bounds, with control frames between.

mod support;

use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::websocket::deflate::{
    Deflate as _, Deflater, End, Inflate as _, Inflater, Takeover,
};
use kinglet_core::websocket::{
    CloseCode, Closed, Collected, Collector, Deflate, Error, LimitError, Part, Socket, Terms,
};
use kinglet_core::{Application, Limits};
use support::frames::{self, KEY, Masking, frame};
use support::link::Link;
use support::noise::Noise;

/// Sends every message back, and counts what came.
struct Echo {
    terms: Terms<'static>,
    message: Collector<heapless::Vec<u8, 65_536>>,
    inflated: usize,
    end: Option<(CloseCode, Option<Error>)>,
}

impl Echo {
    fn new(deflate: Deflate) -> Self {
        Self {
            terms: Terms {
                deflate: Some(deflate),
                ..Terms::ANY
            },
            message: Collector::new(heapless::Vec::new()),
            inflated: 0,
            end: None,
        }
    }
}

impl Application for Echo {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &self.terms)
    }

    fn message(&mut self, (): &mut (), part: Part<'_>, socket: &mut Socket<'_>) {
        self.inflated += part.data().len();
        if let Collected::Message(message) = self.message.push(part) {
            socket.send(message).expect("there is room");
        }
    }

    fn closed(&mut self, (): &mut (), closed: Closed<'_>) {
        self.end = Some((closed.code(), closed.error()));
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

fn open(deflate: Deflate, limits: Limits) -> Link<Echo> {
    let mut link =
        Link::with_buffers(Echo::new(deflate), limits, 64 * 1024, 64 * 1024).with_windows(1 << 15);
    link.send([REQUEST, OFFER].concat());
    let answer = link.received_text();
    assert!(answer.contains("permessage-deflate"), "{answer}");
    link
}

/// A client's side of the compression.
struct Peer {
    deflater: Deflater<Vec<u8>, Vec<u16>>,
    inflater: Inflater<Vec<u8>>,
    takeover: Takeover,
}

impl Peer {
    fn new(takeover: Takeover) -> Self {
        Self {
            deflater: Deflater::new(vec![0; 1 << 15], vec![0; 4096]),
            inflater: Inflater::new(vec![0; 1 << 15]),
            takeover,
        }
    }

    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; message.len() + 100];
        assert!(self.deflater.begin(15, self.takeover));
        let len = self.deflater.deflate(message, &mut payload).expect("room");
        payload.truncate(len);
        payload
    }

    fn inflate(&mut self, mut payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        assert!(self.inflater.begin(15, self.takeover));
        loop {
            let inflated = self.inflater.inflate(payload, End::Message, usize::MAX);
            let inflated = inflated.expect("what a server compressed");
            message.extend_from_slice(self.inflater.output());
            payload = &payload[inflated.consumed..];
            if inflated.is_done {
                return message;
            }
        }
    }
}

/// The frames that were sent: their first bytes and payloads.
fn frames_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, len, rest @ ..] = bytes {
        let (len, rest) = match len {
            126 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            len => (usize::from(*len), rest),
        };
        frames.push((*first, rest[..len].to_vec()));
        bytes = &rest[len..];
    }
    frames
}

#[test]
fn messages_come_back_however_they_are_cut() {
    let mut noise = Noise::new(7692);
    for (deflate, takeover) in [
        (Deflate::SERVER, Takeover::Allowed),
        (Deflate::SHARED, Takeover::Forbidden),
    ] {
        let mut link = open(deflate, Limits::SERVER);
        let mut peer = Peer::new(takeover);
        let mut lens = Vec::new();
        for round in 0..200_usize {
            let text = "kinglets are the smallest birds; ".repeat(round % 60);
            let payload = peer.deflate(text.as_bytes());
            // In one frame or several, with pings between, delivered in any pieces.
            let cut = noise.below(payload.len() + 1);
            let mut input = Vec::new();
            if round % 3 == 0 {
                input.extend(frame(0x41, 0, Some(KEY), &payload[..cut]));
                input.extend(frame(0x89, 0, Some(KEY), b"?"));
                input.extend(frame(0x80, 0, Some(KEY), &payload[cut..]));
            } else {
                input.extend(frame(0xc1, 0, Some(KEY), &payload));
            }
            for piece in input.chunks(1 + noise.below(input.len())) {
                link.send(piece);
            }
            let mut sent = frames_of(&link.received());
            if round % 3 == 0 {
                assert_eq!(sent.remove(0), (0x8a, b"?".to_vec()));
            }
            let [(first, payload)] = sent.as_slice() else {
                panic!("{sent:?}");
            };
            lens.push(payload.len());
            match first {
                0xc1 => assert_eq!(peer.inflate(payload), text.as_bytes()),
                // Too short to be worth it.
                _ => assert_eq!((*first, payload.as_slice()), (0x81, text.as_bytes())),
            }
        }
        // What was said before is referred to where it may be.
        let refers = lens[62] < lens[2] / 2 + 8;
        assert_eq!(refers, takeover == Takeover::Allowed, "{lens:?}");
    }
}

#[test]
fn what_does_not_get_shorter_goes_as_it_is_and_the_next_is_understood() {
    let mut link = open(Deflate::SERVER, Limits::SERVER);
    let mut peer = Peer::new(Takeover::Allowed);
    let mut noise = Noise::new(1);
    let random: Vec<u8> = (0..1000).map(|_| noise.byte()).collect();
    let text = b"a text that gets shorter, a text that gets shorter".as_slice();
    for message in [text, &random, text, &random, text] {
        let payload = peer.deflate(message);
        link.send(frame(0xc2, 0, Some(KEY), &payload));
        let sent = frames_of(&link.received());
        match sent.as_slice() {
            [(0xc2, payload)] => assert_eq!(peer.inflate(payload), message),
            [(0x82, data)] => assert_eq!(data, message),
            other => panic!("{other:?}"),
        }
        assert_eq!(sent[0].0 == 0x82, message == random);
        // The peer's window does not have what was not compressed.
    }
}

#[test]
fn a_bomb_ends_at_the_ratio_or_at_the_length() {
    let zeros = vec![0; 10 << 20];
    let payload = Peer::new(Takeover::Forbidden).deflate(&zeros);
    for (limits, error, at_most) in [
        (
            // Our own compressor does not reach the default of 200, which others do.
            Limits {
                max_inflate_ratio: 50,
                ..Limits::SERVER
            },
            LimitError::InflatedTooFar,
            64 * 1024 + 50 * payload.len(),
        ),
        (
            Limits {
                max_inflate_ratio: u16::MAX,
                max_message_len: 1 << 20,
                ..Limits::SERVER
            },
            LimitError::MessageTooLong,
            1 << 20,
        ),
    ] {
        let mut link = open(Deflate::SERVER, limits);
        // As slowly as it likes.
        for piece in frame(0xc2, 0, Some(KEY), &payload).chunks(100) {
            if link.application.end.is_none() {
                link.send(piece);
            }
        }
        let end = (CloseCode::MESSAGE_TOO_BIG, Some(Error::Limit(error)));
        assert_eq!(link.application.end, Some(end));
        assert!(link.application.inflated <= at_most);
        let close = frames::bytes("close 1009", Masking::Plain).expect("a frame");
        assert!(link.received().ends_with(&close));
    }
}

#[test]
fn what_is_no_compressed_data_or_text_fails_the_connection() {
    let mut peer = Peer::new(Takeover::Forbidden);
    let not_text = peer.deflate(b"text, and then \xff");
    let cut_character = peer.deflate(b"\xe2\x82");
    let cut = {
        let mut payload = peer.deflate(&b"a message of some length".repeat(3));
        payload.truncate(payload.len() / 2);
        payload
    };
    for (first, payload, error) in [
        (0xc1, not_text.as_slice(), Error::InvalidUtf8),
        (0xc1, &cut_character, Error::InvalidUtf8),
        (0xc2, &cut, Error::InvalidDeflate),
        (0xc2, &[0xff, 0xff], Error::InvalidDeflate),
        (0xc2, &[], Error::InvalidDeflate),
    ] {
        for piece_len in [1, 100] {
            let mut link = open(Deflate::SERVER, Limits::SERVER);
            for piece in frame(first, 0, Some(KEY), payload).chunks(piece_len) {
                if link.application.end.is_none() {
                    link.send(piece);
                }
            }
            let end = (CloseCode::INVALID_PAYLOAD, Some(error));
            assert_eq!(link.application.end, Some(end), "{payload:x?}");
        }
    }
}

#[test]
fn a_driver_without_memory_agrees_to_nothing() {
    let mut link = Link::new(Echo::new(Deflate::SERVER), Limits::SERVER);
    link.send([REQUEST, OFFER].concat());
    let answer = link.received_text();
    assert!(
        answer.contains("101") && !answer.contains("permessage-deflate"),
        "{answer}"
    );
    // So the first reserved bit means nothing.
    link.send(frame(0xc1, 0, Some(KEY), b"x"));
    assert_eq!(
        link.application.end.map(|(code, _)| code),
        Some(CloseCode::PROTOCOL_ERROR)
    );
}

#[test]
fn a_message_may_come_uncompressed_all_the_same() {
    let mut link = open(Deflate::SERVER, Limits::SERVER);
    link.send(frame(0x81, 0, Some(KEY), b"plain"));
    assert_eq!(frames_of(&link.received()), [(0x81, b"plain".to_vec())]);
    // The bit belongs to the first frame of a message, and to no control frame.
    for frames in [
        [
            frame(0x01, 0, Some(KEY), b"a"),
            frame(0xc0, 0, Some(KEY), b"b"),
        ]
        .concat(),
        frame(0xc9, 0, Some(KEY), b"ping"),
    ] {
        let mut link = open(Deflate::SERVER, Limits::SERVER);
        link.send(frames);
        assert_eq!(
            link.application.end.map(|(code, _)| code),
            Some(CloseCode::PROTOCOL_ERROR)
        );
    }
}
