//! What is fuzzed of WebSocket, as functions of bytes that panic where an invariant is broken.

use kinglet_core::http::{Handled, Reply, Request, RequestParser, ResponseParser};
use kinglet_core::websocket::deflate::{Deflate as _, Deflater, End, Inflate as _, Inflater};
use kinglet_core::websocket::deflate::{InvalidDeflate, Takeover};
use kinglet_core::websocket::extension;
use kinglet_core::websocket::frame::{Header, Rsv1Use};
use kinglet_core::websocket::{
    Closed, Collected, Collector, Deflate, Handshake, Kind, Opening, Part, ProtocolError, Role,
    Socket, Terms,
};
use kinglet_core::{Application, Limits};

use crate::support::escape::escape;
use crate::support::link::{Link, State};

/// Small bounds, so that they are reached.
const LIMITS: Limits = Limits {
    max_message_len: 300,
    max_fragments: 6,
    min_room: 160,
    ..Limits::SERVER
};

/// A frame's header: refused at the same byte however it is cut, no longer than there is, and the same
/// again when it is written.
pub fn frame(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let receiver = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let rsv1 = if choice & 2 == 0 {
        Rsv1Use::None
    } else {
        Rsv1Use::Compression
    };
    let parse = |len: usize| Header::parse(&input[..len], receiver, rsv1);
    let verdict = parse(input.len());
    let mut seen: Option<Result<Option<(Header, usize)>, ProtocolError>> = None;
    for len in 0..=input.len() {
        let so_far = parse(len);
        match seen {
            Some(seen) => assert_eq!(so_far, seen, "it changes with what comes behind"),
            None if so_far == Ok(None) => {}
            None => seen = Some(so_far),
        }
    }
    assert_eq!(seen.unwrap_or(Ok(None)), verdict);
    if let Ok(Some((header, len))) = verdict {
        assert!(len <= input.len());
        assert_eq!(header.emit().as_bytes(), &input[..len]);
    }
}

/// What an application was told, and what it sent.
#[derive(Debug, Default)]
struct Told {
    events: Vec<String>,
    message: Collector<heapless::Vec<u8, 512>>,
}

impl Application for Told {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &Terms::ANY)
    }

    fn message(&mut self, (): &mut (), part: Part<'_>, socket: &mut Socket<'_>) {
        match self.message.push(part) {
            Collected::Message(message) => {
                if message.kind() == Kind::Text {
                    assert!(message.as_text().is_some(), "text that is none");
                }
                let data = escape(message.data());
                self.events.push(format!("{:?} {data}", message.kind()));
                if message.data().len() < 100 {
                    // Refused only where the WebSocket is closing.
                    let _ = socket.send(message);
                }
            }
            Collected::Partly => {}
            Collected::TooLong => panic!("a message past its bound"),
        }
    }

    fn closed(&mut self, (): &mut (), closed: Closed<'_>) {
        self.events.push(format!("{closed:?}"));
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A WebSocket, in which the application is told the same and the client gets the same, however the
/// bytes come and go; and of its end once at most.
pub fn websocket(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let cut = usize::from(cut) * input.len() / 256;
    let feeds = [
        (vec![input.len()], 4096, usize::MAX),
        ((1..=input.len()).collect(), 256, usize::MAX),
        (vec![cut, input.len()], 512, 7),
        ((1..=input.len()).collect(), 4096, 64),
    ];
    let outcomes = feeds.map(|(feed, room, bite)| speak(input, &feed, room, bite));
    for pair in outcomes.windows(2) {
        assert!(
            pair[0] == pair[1],
            "{:#?}\nor {:#?}\nof {}",
            pair[0],
            pair[1],
            escape(input)
        );
    }
}

fn speak(input: &[u8], feed: &[usize], room: usize, bite: usize) -> (Vec<String>, String, String) {
    let mut link = Link::with_buffers(Told::default(), LIMITS, 2048, room);
    link.send(REQUEST);
    let mut output = Vec::new();
    if bite != usize::MAX {
        link.take(0);
    }
    let mut at = 0;
    for &to in feed {
        link.send(&input[at..to]);
        link.bite(bite, &mut output);
        at = to;
    }
    output.extend(link.received());
    let state = match link.state {
        State::Receiving | State::Sending | State::Waiting => "open".into(),
        other => format!("{other:?}"),
    };
    let ends = |events: &[String]| {
        events
            .iter()
            .filter(|event| event.starts_with("Closed"))
            .count()
    };
    assert!(ends(&link.application.events) <= 1);
    link.lose();
    assert_eq!(ends(&link.application.events), 1);
    let mut events = core::mem::take(&mut link.application.events);
    if state == "open" {
        events.pop();
    }
    (events, escape(&output), state)
}

/// An opening handshake: what is agreed on is answered, and the answer is one that a client takes.
pub fn handshake(data: &[u8]) {
    let terms = Terms {
        protocols: &["chat", "a"],
        deflate: Some(Deflate::SERVER),
        ..Terms::ANY
    };
    let Ok(Some(request)) = RequestParser::new().parse(data, &Limits::SERVER) else {
        return;
    };
    let Ok(handshake) = Handshake::parse(&request) else {
        return;
    };
    assert!(request.offers_upgrade());
    let Ok(agreed) = handshake.agree(&terms) else {
        return;
    };
    let named: Vec<&str> = handshake.protocols().collect();
    assert!(
        agreed
            .protocol()
            .is_none_or(|protocol| named.contains(&protocol))
    );
    agreed.with_fields(|fields| assert!((2..=4).contains(&fields.len())));
    let text = format!("{handshake:?} {agreed:?} {:?}", handshake.origin());
    assert!(!text.is_empty());
}

/// A list of extensions: what is agreed on suits the side that offered it, whatever both sides want.
pub fn extensions(data: &[u8]) {
    // As the value of the one field line in a head.
    let head = [
        b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Extensions: ",
        data,
        b"\r\n\r\n",
    ]
    .concat();
    let Ok(Some(request)) = RequestParser::new().parse(&head, &Limits::SERVER) else {
        return;
    };
    for ours in [Deflate::SERVER, Deflate::SHARED, Deflate::MICROCONTROLLER] {
        if let Ok(Some(accepted)) = extension::accept_offer(request.fields(), &ours) {
            let (server_bits, _) = accepted.agreement().server();
            let (client_bits, _) = accepted.agreement().client();
            assert!((8..=ours.server_max_window_bits).contains(&server_bits));
            assert!((8..=ours.client_max_window_bits).contains(&client_bits));
            let mut value = [0; extension::MAX_LEN];
            assert!(accepted.emit(&mut value).is_some());
        }
    }
    // As an answer, a client takes it or leaves it.
    let opening = Opening {
        deflate: Some(Deflate::MICROCONTROLLER),
        ..Opening::new("/", "a", [0; 16])
    };
    let answer = [
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
          Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\nSec-WebSocket-Extensions: ",
        data,
        b"\r\n\r\n",
    ]
    .concat();
    if let Ok(Some(response)) = ResponseParser::new().parse(&answer, &Limits::SERVER)
        && let Ok(opened) = opening.check(&response)
        && let Some(agreement) = opened.compression
    {
        assert!(agreement.server().0 <= 10 && agreement.client().0 <= 10);
        assert_eq!(agreement.server().1, Takeover::Forbidden);
    }
}

/// A compressed message: the same however it is cut, with progress in each call and an end.
pub fn inflate(data: &[u8]) {
    let Some((&cut, payload)) = data.split_first() else {
        return;
    };
    let whole = inflated(&[payload]);
    let (first, second) = payload.split_at(usize::from(cut) * payload.len() / 256);
    assert_eq!(inflated(&[first, second]), whole);
    let bytes: Vec<&[u8]> = payload.chunks(1).collect();
    if !bytes.is_empty() {
        assert_eq!(inflated(&bytes), whole);
    }
}

/// How much is inflated of one input at most.
const MAX_LEN: usize = 1 << 20;

fn inflated(pieces: &[&[u8]]) -> Result<Vec<u8>, InvalidDeflate> {
    let mut inflater = Inflater::new([0; 1 << 10]);
    assert!(inflater.begin(10, Takeover::Forbidden));
    let mut output = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let is_last = index + 1 == pieces.len();
        let end = if is_last { End::Message } else { End::More };
        let mut rest = *piece;
        loop {
            let inflated = inflater.inflate(rest, end, usize::MAX)?;
            assert!(inflated.consumed <= rest.len());
            output.extend_from_slice(inflater.output());
            rest = &rest[inflated.consumed..];
            if inflated.is_done || output.len() > MAX_LEN {
                return Ok(output);
            }
            if inflated.consumed == 0 && inflated.len == 0 {
                assert!(rest.is_empty() && !is_last, "a call without progress");
                break;
            }
        }
    }
    Ok(output)
}

/// Any messages, compressed and inflated again, come back; and grow by no more than they may.
pub fn deflate(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let bits = 8 + choice % 8;
    let takeover = if choice & 8 == 0 {
        Takeover::Allowed
    } else {
        Takeover::Forbidden
    };
    let mut deflater = Deflater::new([0; 1 << 12], [0; 256]);
    let mut inflater = Inflater::new(vec![0; 1 << bits]);
    // A message may repeat itself and those before it.
    let messages = data.chunks(1 + usize::from(choice) * 3);
    for message in messages.clone().chain(messages) {
        let mut payload = vec![0; message.len() + 6 + message.len() / 65_535 * 5];
        assert!(deflater.begin(bits, takeover));
        let len = deflater.deflate(message, &mut payload);
        let len = len.expect("it does not grow by more");
        assert!(inflater.begin(bits, takeover));
        let (mut rest, mut output) = (&payload[..len], Vec::new());
        loop {
            let inflated = inflater
                .inflate(rest, End::Message, usize::MAX)
                .expect("what we deflated");
            output.extend_from_slice(inflater.output());
            rest = &rest[inflated.consumed..];
            if inflated.is_done {
                break;
            }
        }
        assert!(output == message);
    }
}
