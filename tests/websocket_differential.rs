//! Our WebSocket beside `tungstenite`, over frames of all kinds and damage to them.
//!
//! Both get the same bytes in the server's role and tell what they understood. Where they differ, the
//! table of [`explain`] says why, and each of its reasons is checked on the input: a difference without
//! one fails.

mod support;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::websocket::{
    Closed, Collected, Collector, Error, Kind, Part, ProtocolError, Socket, Terms,
};
use kinglet_core::{Application, Limits};
use support::escape::escape;
use support::frames::{KEY, frame};
use support::link::Link;
use support::noise::Noise;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// What one of the two understood.
#[derive(Debug, Default, PartialEq)]
struct Understood {
    /// Messages, and pings by their answers.
    messages: Vec<(char, Vec<u8>)>,
    end: End,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum End {
    /// It waits for more.
    #[default]
    Open,
    /// The peer's Close frame has come, with this code.
    Closed(Option<u16>),
    /// A rule is broken.
    Refused(String),
}

#[derive(Default)]
struct Listener {
    understood: Understood,
    message: Collector<heapless::Vec<u8, 8192>>,
    error: Option<Error>,
}

impl Application for Listener {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &Terms::ANY)
    }

    fn message(&mut self, (): &mut (), part: Part<'_>, _: &mut Socket<'_>) {
        if let Collected::Message(message) = self.message.push(part) {
            let kind = match message.kind() {
                Kind::Text => 't',
                Kind::Binary => 'b',
            };
            self.understood
                .messages
                .push((kind, message.data().to_vec()));
        }
    }

    fn closed(&mut self, (): &mut (), closed: Closed<'_>) {
        self.error = closed.error();
        self.understood.end = match closed.error() {
            Some(error) => End::Refused(error.to_string()),
            None => End::Closed(Some(closed.code().as_u16()).filter(|&code| code != 1005)),
        };
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn ours(input: &[u8]) -> (Understood, Option<Error>) {
    let limits = Limits {
        // Theirs, for a frame.
        max_message_len: 16 << 20,
        ..Limits::SERVER
    };
    let mut link = Link::new(Listener::default(), limits);
    link.send(REQUEST);
    link.send(input);
    let listener = core::mem::take(&mut link.application);
    (listener.understood, listener.error)
}

/// A peer that has said all of its bytes, and takes whatever comes.
struct Peer<'i>(&'i [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.0.read(to) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            result => result,
        }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(input: &[u8]) -> Understood {
    let mut socket = WebSocket::from_raw_socket(Peer(input), Role::Server, None);
    let mut understood = Understood::default();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => understood.messages.push(('t', text.as_bytes().to_vec())),
            Ok(Message::Binary(data)) => understood.messages.push(('b', data.to_vec())),
            Ok(Message::Close(close)) => {
                understood.end = End::Closed(close.map(|close| close.code.into()));
                return understood;
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(_)) => return understood,
            Err(error) => {
                understood.end = End::Refused(error.to_string());
                return understood;
            }
        }
    }
}

/// Why the two may differ on an input: the reason, if it holds.
fn explain(ours: &(Understood, Option<Error>), theirs: &Understood) -> Option<&'static str> {
    let (understood, error) = ours;
    let is_prefix = theirs.messages.starts_with(&understood.messages);
    match error {
        // We refuse at the byte that tells; they wait for the rest of the frame, or of the message.
        Some(_) if theirs.end == End::Open && understood.messages == theirs.messages => {
            Some("refused before the frame is whole")
        }
        // RFC 6455 §5.2: the minimal number of bytes MUST be used.
        Some(Error::Protocol(ProtocolError::LengthNotMinimal | ProtocolError::ControlTooLong))
            if is_prefix =>
        {
            Some("a length in more bytes than it needs")
        }
        // RFC 6455 §7.4.1: 1004 and the codes up to 2999 that are not registered are reserved. They take
        // these for a policy of their own, and answer 1002 in their Close frame.
        Some(Error::Protocol(ProtocolError::InvalidCloseCode)) if is_prefix => {
            Some("a close code that may not be sent")
        }
        _ => None,
    }
}

/// A frame of any kind, mostly a legal one.
fn any_frame(noise: &mut Noise) -> Vec<u8> {
    const TEXTS: [&[u8]; 6] = [
        b"",
        b"a",
        b"kinglet",
        b"\xc3\xa9\xe2\x82\xac",
        b"\xf0\x9f\x90\xa6",
        b"\xff",
    ];
    const FIRSTS: [u8; 12] = [
        0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x88, 0x89, 0x8a, 0x89, 0x00,
    ];
    let first = *noise.one_of(&FIRSTS);
    let mut payload = noise.one_of(&TEXTS).repeat(noise.below(5));
    if first == 0x88 && noise.below(3) > 0 {
        let code = *noise.one_of(&[1000_u16, 1001, 1004, 1005, 1011, 2999, 3000, 4999, 5000]);
        payload.splice(0..0, code.to_be_bytes());
    }
    if noise.below(20) == 0 {
        payload.resize(200, b'x');
    }
    let width = *noise.one_of(&[0, 0, 0, 0, 0, 0, 0, 0, 126, 127]);
    let key = (noise.below(30) > 0).then_some(KEY);
    let mut bytes = frame(first, width, key, &payload);
    if noise.below(12) == 0 {
        let at = noise.below(bytes.len());
        bytes[at] ^= 1 << noise.below(8);
    }
    bytes
}

#[test]
fn both_understand_the_same_or_we_say_why_not() {
    let mut noise = Noise::new(6455);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..30_000 {
        let mut input: Vec<u8> = (0..=noise.below(6))
            .flat_map(|_| any_frame(&mut noise))
            .collect();
        if noise.below(4) == 0 {
            input.truncate(noise.below(input.len() + 1));
        }
        let ours = ours(&input);
        let theirs = theirs(&input);
        let is_same = ours.0.messages == theirs.messages
            && match (&ours.0.end, &theirs.end) {
                (End::Refused(_), End::Refused(_)) => true,
                (ours, theirs) => ours == theirs,
            };
        let reason = if is_same {
            "the same"
        } else {
            explain(&ours, &theirs)
                .unwrap_or_else(|| panic!("{}\nours {ours:?}\ntheirs {theirs:?}", escape(&input)))
        };
        *reasons.entry(reason).or_default() += 1;
    }
    println!("{reasons:#?}");
    assert!(reasons["the same"] > 15_000, "{reasons:?}");
    assert_eq!(reasons.len(), 4, "{reasons:?}");
}
