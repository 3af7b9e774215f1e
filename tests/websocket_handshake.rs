//! The opening handshake: every requirement of RFC 6455 §4, as a server and as a client.

mod support;

use kinglet_core::http::{Handled, Reply, Request, ResponseParser, Status};
use kinglet_core::websocket::deflate::Takeover;
use kinglet_core::websocket::{
    AnswerError, Deflate, Handshake, HandshakeError, Opening, Origins, Terms,
};
use kinglet_core::{Application, Limits, field};
use support::link::{Link, State};

const TERMS: Terms<'static> = Terms {
    protocols: &["chat.v2", "chat"],
    origins: Origins::Any,
    deflate: None,
};

struct Server(Terms<'static>);

impl Application for Server {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &self.0)
    }
}

/// The answer to a request head whose lines are separated by `|`.
fn answer(terms: Terms<'static>, lines: &str) -> (String, State) {
    let mut link = Link::new(Server(terms), Limits::SERVER);
    link.patient = true;
    link.send(lines.replace('|', "\r\n") + "\r\n\r\n");
    let answer = String::from_utf8(link.received()).expect("text");
    (answer, link.state)
}

const OPENING: &str = "GET /chat HTTP/1.1|Host: example.com|Connection: Upgrade|\
    Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn the_handshake_of_the_rfc_is_accepted() {
    // RFC 6455 §1.3.
    let (answer, state) = answer(
        TERMS,
        &format!("{OPENING}|Origin: http://example.com|Sec-WebSocket-Protocol: chat, superchat"),
    );
    assert_eq!(
        answer,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
    assert_eq!(state, State::Receiving);
}

#[test]
fn what_a_server_requires_is_there_or_the_answer_says_what_is_not() {
    #[rustfmt::skip]
    let rows = [
        // Section, what is changed, into what, status code of the answer.
        ("§4.2.1", "GET", "GET", 101),
        ("§4.1", "GET ", "POST ", 405),
        ("§4.1", "GET ", "HEAD ", 405),
        ("§4.1", "HTTP/1.1", "HTTP/1.0", 400),
        ("§4.2.1", "Upgrade: websocket|", "", 426),
        ("§4.2.1", "Upgrade: websocket", "Upgrade: WebSocket", 101),
        ("§4.2.1", "Upgrade: websocket", "Upgrade: h2c, WEBSOCKET", 101),
        ("§4.2.1", "Upgrade: websocket", "Upgrade: h2c|Upgrade: websocket", 101),
        ("§4.2.1", "Upgrade: websocket", "Upgrade: h2c", 426),
        ("§4.2.1", "Upgrade: websocket", "Upgrade: websocket/13", 426),
        ("§4.2.1", "Connection: Upgrade|", "", 426),
        ("§4.2.1", "Connection: Upgrade", "Connection: keep-alive, Upgrade", 101),
        ("§4.2.1", "Connection: Upgrade", "Connection: keep-alive|Connection: uPGRADE", 101),
        ("§4.2.1", "Connection: Upgrade", "Connection: keep-alive", 426),
        ("§4.2.1", "Connection: Upgrade", "Connection: Upgraded", 426),
        ("§4.2.1", "Sec-WebSocket-Version: 13|", "", 426),
        ("§4.4", "Version: 13", "Version: 8", 426),
        ("§4.4", "Version: 13", "Version: 013", 426),
        ("§4.4", "Version: 13", "Version: 13, 8", 426),
        ("§11.3.5", "Version: 13", "Version: 13|Sec-WebSocket-Version: 13", 400),
        ("§4.2.1", "|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", 400),
        ("§4.2.1", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400),
        ("§4.2.1", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=", 400),
        ("§4.2.1", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWFh", 400),
        ("§4.2.1", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!Q==", 400),
        ("§11.3.1", "Key: ", "Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Key: ", 400),
        ("§4.1", "Version", "Protocol: a, b|Sec-WebSocket-Version", 101),
        ("§4.1", "Version", "Protocol: a|Sec-WebSocket-Protocol: b|Sec-WebSocket-Version", 101),
        ("§4.1", "Version", "Protocol: a, a|Sec-WebSocket-Version", 400),
        ("§4.1", "Version", "Protocol: a|Sec-WebSocket-Protocol: a|Sec-WebSocket-Version", 400),
        ("§4.1", "Version", "Protocol: a b|Sec-WebSocket-Version", 400),
        ("§9.1", "Version", "Extensions: x-unknown; a=1|Sec-WebSocket-Version", 101),
        ("§4.1", "dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC==", 101),
        ("§4.1", "Version", "Protocol: ,|Sec-WebSocket-Version", 400),
        ("§9.1", "Version", "Extensions: x;|Sec-WebSocket-Version", 400),
        ("§9.1", "Version", "Extensions:|Sec-WebSocket-Version", 400),
        ("§4.1", "Host", "Origin: null|Host", 101),
        ("§4.1", "Host", "Origin: http://a|Origin: http://b|Host", 400),
        ("§4.2.1", "Host: example.com|", "", 400),
    ];
    for (section, from, to, status) in rows {
        let request = OPENING.replacen(from, to, 1);
        let (answer, state) = answer(TERMS, &request);
        let place = format!("{section}: {request}\n{answer}");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{place}"
        );
        let has = |line: &str| answer.contains(&format!("\r\n{line}\r\n"));
        match status {
            405 => assert!(has("Allow: GET"), "{place}"),
            426 => {
                assert!(has("Upgrade: websocket"), "{place}");
                let connection = if state == State::Receiving {
                    ""
                } else {
                    "close, "
                };
                assert!(has(&format!("Connection: {connection}upgrade")), "{place}");
                assert!(has("Sec-WebSocket-Version: 13"), "{place}");
            }
            _ => {}
        }
        // What is refused is an answer like any other, and the connection goes on; but HTTP/1.0 has no
        // other request, and without a host there was none.
        if !request.contains("HTTP/1.0") && request.contains("|Host: ") {
            assert_eq!(state, State::Receiving, "{place}");
        }
    }
}

#[test]
fn a_handshake_with_content_is_refused() {
    for content in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let (answer, _) = answer(TERMS, &format!("{OPENING}|{content}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let (answer, _) = answer(TERMS, &format!("{OPENING}|Content-Length: 0"));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

#[test]
fn the_first_protocol_of_the_client_that_we_speak_is_chosen() {
    for (named, chosen) in [
        ("chat", Some("chat")),
        ("chat, chat.v2", Some("chat")),
        ("superchat, chat.v2, chat", Some("chat.v2")),
        ("superchat", None),
        ("Chat", None),
    ] {
        let (answer, _) = answer(TERMS, &format!("{OPENING}|Sec-WebSocket-Protocol: {named}"));
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(line, chosen, "{named}");
    }
}

#[test]
fn the_application_names_the_origins_that_it_accepts() {
    const ONLY: Origins<'_> = Origins::Only(&["https://example.com", "http://localhost:3000"]);
    for (origins, origin, is_accepted) in [
        (Origins::Any, "https://evil.example", true),
        (Origins::Same, "https://example.com", true),
        (Origins::Same, "http://example.com", true),
        (Origins::Same, "http://EXAMPLE.com:80", true),
        (Origins::Same, "https://example.com:443", true),
        (Origins::Same, "http://example.com:", true),
        (Origins::Same, "http://example.com:8080", false),
        (Origins::Same, "http://example.com:x", false),
        (Origins::Same, "http://user@example.com", false),
        (Origins::Same, "https://example.com.evil.example", false),
        (Origins::Same, "https://evil.example", false),
        (Origins::Same, "null", false),
        (Origins::Same, "example.com", false),
        (Origins::Same, "file://example.com", false),
        (ONLY, "https://example.com", true),
        (ONLY, "HTTPS://example.com", true),
        (ONLY, "http://localhost:3000", true),
        (ONLY, "http://example.com", false),
        (ONLY, "http://localhost", false),
        (ONLY, "null", false),
    ] {
        let terms = Terms { origins, ..TERMS };
        let (refused, _) = answer(terms, &format!("{OPENING}|Origin: {origin}"));
        let status = if is_accepted { 101 } else { 403 };
        let begins = format!("HTTP/1.1 {status} ");
        assert!(refused.starts_with(&begins), "{origins:?} {origin}");
        // A client that is no browser names none.
        let (accepted, _) = answer(terms, OPENING);
        assert!(accepted.starts_with("HTTP/1.1 101 "));
    }
}

#[test]
fn browsers_are_understood() {
    let headers = [
        // Chromium, Firefox, Safari.
        "Connection: Upgrade|Pragma: no-cache|Cache-Control: no-cache|Upgrade: websocket|\
         Origin: http://example.com|Sec-WebSocket-Version: 13|Accept-Encoding: gzip, deflate, br|\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Accept: */*|Sec-WebSocket-Version: 13|Origin: http://example.com|\
         Sec-WebSocket-Extensions: permessage-deflate|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|\
         Connection: keep-alive, Upgrade|Sec-Fetch-Mode: websocket|Upgrade: websocket",
        "Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|\
         Sec-WebSocket-Extensions: permessage-deflate|Upgrade: websocket|Connection: Upgrade|\
         Origin: http://example.com",
    ];
    for lines in headers {
        let terms = Terms {
            origins: Origins::Same,
            ..TERMS
        };
        let request = format!("GET / HTTP/1.1|Host: example.com|{lines}");
        let (answer, _) = answer(terms, &request);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        // The driver of this test lends no memory to compress with.
        assert!(!answer.contains("permessage-deflate"), "{answer}");
    }
}

const NONCE: [u8; 16] = *b"the sample nonce";

#[test]
fn a_client_asks_as_the_rfc_says() {
    let opening = Opening {
        protocols: &["chat", "superchat"],
        deflate: Some(Deflate::SERVER),
        fields: &[field!("Origin", "http://example.com")],
        ..Opening::new("/chat", "example.com", NONCE)
    };
    let mut out = [0; 512];
    let len = opening.emit(&mut out).expect("it fits");
    let head = std::str::from_utf8(&out[..len]).expect("text");
    assert_eq!(
        head,
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nOrigin: http://example.com\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    );
    for room in 0..len {
        assert_eq!(opening.emit(&mut out[..room]), None);
    }
    for protocols in [&["not a token"][..], &["a", "b", "a"], &[""]] {
        let wrong = Opening {
            protocols,
            ..opening
        };
        assert_eq!(wrong.emit(&mut out), None, "{protocols:?}");
    }
    // What is written anyway cannot be given.
    for field in [field!("Host", "b"), field!("sec-websocket-key", "x")] {
        let fields = &[field];
        assert_eq!(Opening { fields, ..opening }.emit(&mut out), None);
    }
    let authority = "";
    assert_eq!(
        Opening {
            authority,
            ..opening
        }
        .emit(&mut out),
        None
    );
}

#[test]
fn a_client_checks_what_it_gets() {
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|\
        Connection: Upgrade|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let opening = Opening {
        protocols: &["chat", "superchat"],
        deflate: Some(Deflate::SERVER),
        ..Opening::new("/chat", "example.com", NONCE)
    };
    #[rustfmt::skip]
    let rows = [
        // RFC 6455 §4.1, in its order.
        ("", "", Ok((None, None))),
        ("HTTP/1.1", "HTTP/1.0", Err(AnswerError::Version)),
        ("101 Switching Protocols", "200 OK", Err(AnswerError::Status(Status::OK))),
        ("Upgrade: websocket|", "", Err(AnswerError::Upgrade)),
        ("Upgrade: websocket", "Upgrade: WebSocket", Ok((None, None))),
        ("Upgrade: websocket", "Upgrade: h2c, websocket", Err(AnswerError::Upgrade)),
        ("Connection: Upgrade|", "", Err(AnswerError::Connection)),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade", Ok((None, None))),
        ("|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", Err(AnswerError::Accept)),
        ("s3pPLMBi", "S3pPLMBi", Err(AnswerError::Accept)),
        ("Upgrade:", "Sec-WebSocket-Protocol: superchat|Upgrade:", Ok((Some("superchat"), None))),
        ("Upgrade:", "Sec-WebSocket-Protocol: other|Upgrade:", Err(AnswerError::Protocol)),
        ("Upgrade:", "Sec-WebSocket-Protocol: chat, superchat|Upgrade:", Err(AnswerError::Protocol)),
        ("Upgrade:", "Sec-WebSocket-Extensions: permessage-deflate|Upgrade:", Ok((None, Some(Takeover::Allowed)))),
        ("Upgrade:", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover|Upgrade:", Ok((None, Some(Takeover::Forbidden)))),
        ("Upgrade:", "Sec-WebSocket-Extensions: permessage-bzip2|Upgrade:", Err(AnswerError::Extensions)),
    ];
    for (from, to, expected) in rows {
        let head = ANSWER.replacen(from, to, 1).replace('|', "\r\n") + "\r\n\r\n";
        let mut parser = ResponseParser::new();
        let response = parser.parse(head.as_bytes(), &Limits::SERVER);
        let response = response.expect("a response").expect("a whole one");
        let checked = opening.check(&response).map(|opened| {
            let takeover = opened.compression.map(|agreement| agreement.server().1);
            (opened.protocol, takeover)
        });
        assert_eq!(checked, expected, "{head}");
    }
}

#[test]
fn what_a_client_asks_a_server_grants() {
    let opening = Opening {
        protocols: &["chat"],
        ..Opening::new("/", "example.com", NONCE)
    };
    let mut out = [0; 512];
    let len = opening.emit(&mut out).expect("it fits");
    let mut link = Link::new(Server(TERMS), Limits::SERVER);
    link.send(&out[..len]);
    let head = link.received();
    let mut parser = ResponseParser::new();
    let response = parser.parse(&head, &Limits::SERVER);
    let response = response.expect("a response").expect("a whole one");
    let opened = opening.check(&response).expect("our answer");
    assert_eq!(opened.protocol, Some("chat"));
}

#[test]
fn a_handshake_can_be_looked_at_before_it_is_answered() {
    struct Curious;

    impl Application for Curious {
        type Exchange = ();

        fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
            match Handshake::parse(request) {
                Ok(handshake) => {
                    let protocols: Vec<&str> = handshake.protocols().collect();
                    assert_eq!(protocols, ["a", "b"]);
                    assert_eq!(handshake.origin(), Some("http://x"));
                    reply.websocket(request, &TERMS)
                }
                Err(error) => {
                    assert_eq!(error, HandshakeError::NoUpgrade);
                    reply.send(Status::OK, &[], b"a page")
                }
            }
        }
    }

    let mut link = Link::new(Curious, Limits::SERVER);
    link.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(link.received().ends_with(b"a page"));
    let request = format!("{OPENING}|Origin: http://x|Sec-WebSocket-Protocol: a, b||");
    link.send(request.replace('|', "\r\n"));
    assert!(link.received().starts_with(b"HTTP/1.1 101 "));
}
