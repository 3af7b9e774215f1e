//! What is fuzzed, as functions of bytes that panic where an invariant is broken.
//!
//! The tests of `tests/properties.rs` call them with noise of their own.

use kinglet_core::Limits;
use kinglet_core::http::{
    Decoder, Error, Field, Fields, Framing, Method, Piece, Request, RequestParser, Response,
    ResponseParser, emit,
};

use crate::support::escape::escape;
use crate::support::link::{Link, State};
use crate::support::recorder::Recorder;
use crate::support::vectors::CONTINUE;

/// Small bounds, so that they are reached.
const LIMITS: Limits = Limits {
    max_head_len: 400,
    max_target_len: 60,
    max_field_lines: 6,
    max_content_len: 300,
    max_chunk_extensions_len: 40,
    max_trailers_len: 60,
    max_discarded_len: 50,
    max_exchanges: 4,
    min_room: 192,
    ..Limits::SERVER
};

/// A head of either kind: the outcome does not depend on how it was cut, it consumes no more than there
/// is, and what was parsed can be emitted and parsed again to the same.
pub fn head(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let cuts = cuts(input.len(), cut);
    let requests = cuts.iter().map(|feed| request_outcome(input, feed));
    assert_same(requests.collect(), input);
    let responses = cuts.iter().map(|feed| response_outcome(input, feed));
    assert_same(responses.collect(), input);
    if let Ok(Some(request)) = RequestParser::new().parse(input, &LIMITS) {
        emit_request(&request);
    }
    if let Ok(Some(response)) = ResponseParser::new().parse(input, &LIMITS) {
        emit_response(&response);
    }
}

/// A chunked body, the same way; and any content comes back out of the chunks it is put into.
pub fn chunked(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let feeds = cuts(input.len(), cut);
    assert_same(
        feeds.iter().map(|feed| decode(input, feed)).collect(),
        input,
    );
    emit_chunks(input, usize::from(cut) + 1);
}

/// A connection, in which the application is told the same and the client gets the same, however the
/// bytes come and go.
pub fn connection(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let least = usize::from(LIMITS.min_room);
    let feeds = cuts(input.len(), cut);
    let mut outcomes = Vec::new();
    for (index, feed) in feeds.iter().enumerate() {
        // Input and output that the driver has memory for, and bytes that the client takes at a time.
        let manners: &[(usize, usize, usize)] = match index {
            0 => &[
                (4096, 4096, usize::MAX),
                (ENOUGH, least, 11),
                (ENOUGH + 1, 4096, usize::MAX),
            ],
            1 => &[(ENOUGH, least, usize::MAX)],
            _ => &[(4096, 2 * least, 64)],
        };
        outcomes.extend(manners.iter().map(|&manner| serve(input, feed, manner)));
    }
    assert_same(outcomes, input);
}

fn assert_same<T: PartialEq + std::fmt::Debug>(outcomes: Vec<T>, input: &[u8]) {
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

/// Lengths up to which an input comes: whole, byte by byte, and in parts.
fn cuts(len: usize, cut: u8) -> Vec<Vec<usize>> {
    let cut = usize::from(cut) * len / 256;
    vec![
        vec![len],
        (1..=len).collect(),
        vec![cut, len],
        vec![len / 3, cut.max(len / 3), len],
    ]
}

type Outcome = Result<Option<(usize, String)>, Error>;

fn request_outcome(input: &[u8], feed: &[usize]) -> Outcome {
    let mut parser = RequestParser::new();
    for &len in feed {
        if let Some(request) = parser.parse(&input[..len], &LIMITS)? {
            assert!(request.head_len() <= len, "more consumed than there is");
            assert!(request.head_len() <= usize::from(LIMITS.max_head_len));
            assert!(request.fields().count() <= usize::from(LIMITS.max_field_lines));
            assert_eq!(request.head(), &input[..request.head_len()]);
            // Whatever is asked of a request, it answers.
            let about = (
                request.path(),
                request.query(),
                request.authority(),
                request.framing(),
            );
            let options = (
                request.persists(),
                request.expects_continue(),
                request.offers_upgrade(),
            );
            let text = format!("{request:?} {:?} {about:?} {options:?}", request.target());
            return Ok(Some((request.head_len(), text)));
        }
    }
    Ok(None)
}

fn response_outcome(input: &[u8], feed: &[usize]) -> Outcome {
    let mut parser = ResponseParser::new();
    for &len in feed {
        if let Some(response) = parser.parse(&input[..len], &LIMITS)? {
            assert!(response.head_len() <= len, "more consumed than there is");
            assert!(response.head_len() <= usize::from(LIMITS.max_head_len));
            let framings =
                [Method::Get, Method::Head, Method::Connect].map(|method| response.framing(method));
            let reason = escape(response.reason());
            let text = format!("{response:?} {reason} {framings:?} {}", response.persists());
            return Ok(Some((response.head_len(), text)));
        }
    }
    Ok(None)
}

/// The lines that an application may send, as they would be sent.
fn sendable<'a>(fields: Fields<'a>) -> Vec<Field<'a>> {
    fields
        .filter_map(|line| Field::new(line.name(), line.value()).ok())
        .collect()
}

fn lines(fields: &[Field<'_>]) -> Vec<(String, Vec<u8>)> {
    let line = |field: &Field<'_>| (field.name().to_owned(), field.value().to_vec());
    fields.iter().map(line).collect()
}

fn emit_request(request: &Request<'_>) {
    let mut fields = sendable(request.fields());
    fields.retain(|field| !field.name().eq_ignore_ascii_case("host"));
    let target = std::str::from_utf8(request.raw_target()).expect("a target is ASCII");
    let authority = request.authority();
    let mut bytes = [0; 2048];
    let method = request.method();
    let framing = request.framing();
    let len = emit::request_head(&mut bytes, method, target, authority, &fields, framing);
    let len = len.expect("what was parsed can be sent");
    let again = RequestParser::new().parse(&bytes[..len], &Limits::SERVER);
    let again = again
        .expect("what was sent is a request")
        .expect("and whole");
    assert_eq!(again.head_len(), len);
    assert_eq!(
        (again.method(), again.raw_target()),
        (method, request.raw_target())
    );
    assert_eq!((again.authority(), again.framing()), (authority, framing));
    let mut sent = sendable(again.fields());
    sent.retain(|field| !field.name().eq_ignore_ascii_case("host"));
    assert_eq!(lines(&sent), lines(&fields));
}

fn emit_response(response: &Response<'_>) {
    let fields = sendable(response.fields());
    let Ok(framing) = response.framing(Method::Get) else {
        return;
    };
    let mut bytes = [0; 2048];
    let len = emit::response_head(&mut bytes, response.status(), &fields, framing);
    let len = len.expect("what was parsed can be sent");
    let again = ResponseParser::new().parse(&bytes[..len], &Limits::SERVER);
    let again = again
        .expect("what was sent is a response")
        .expect("and whole");
    assert_eq!((again.head_len(), again.status()), (len, response.status()));
    assert_eq!(again.framing(Method::Get), Ok(framing));
    assert_eq!(lines(&sendable(again.fields())), lines(&fields));
}

/// The content so far, and where the body ended or what was wrong with it.
type Decoded = (Vec<u8>, Result<Option<(usize, Vec<u8>)>, Error>);

fn decode(input: &[u8], feed: &[usize]) -> Decoded {
    let mut content = Vec::new();
    let mut decoder = Decoder::new(Framing::Chunked, &LIMITS).expect("chunked has no length");
    let mut at = 0;
    for &len in feed {
        loop {
            let window = &input[at..len];
            match decoder.decode(window, &LIMITS) {
                Ok(Piece::More { consumed }) => {
                    assert!(consumed <= window.len(), "more consumed than there is");
                    at += consumed;
                    break;
                }
                Ok(Piece::Data { start, end }) => {
                    assert!(start < end, "data is never empty");
                    content.extend_from_slice(&window[start..end]);
                    at += end;
                }
                Ok(Piece::End { start, end }) => {
                    let trailers = window[start..end].to_vec();
                    at += end;
                    return (content, Ok(Some((at, trailers))));
                }
                Err(error) => return (content, Err(error)),
            }
        }
    }
    assert!(
        decoder.end_of_input().is_err(),
        "content that is cut short is not whole"
    );
    (content, Ok(None))
}

fn emit_chunks(content: &[u8], len: usize) {
    let content = &content[..content.len().min(300)];
    let mut bytes = vec![0; 8 * 1024];
    let mut at = 0;
    for data in content.chunks(len) {
        at += emit::chunk(&mut bytes[at..], data, "").expect("room for a chunk");
    }
    at += emit::last_chunk(&mut bytes[at..], &[]).expect("room for the last chunk");
    let (decoded, end) = decode(&bytes[..at], &[at]);
    assert_eq!(decoded, content);
    assert_eq!(end, Ok(Some((at, b"\r\n".to_vec()))));
}

#[derive(Debug, PartialEq)]
struct Served {
    events: Vec<String>,
    output: String,
    state: State,
    unread: usize,
}

/// Room for a head, what is collected, and the longest line of framing.
const ENOUGH: usize = 400 + 10 + 80;

fn serve(input: &[u8], feed: &[usize], (capacity, room, bite): (usize, usize, usize)) -> Served {
    let mut link = Link::with_buffers(Recorder::default(), LIMITS, capacity, room);
    link.patient = true;
    let mut output = Vec::new();
    let mut at = 0;
    if bite != usize::MAX {
        link.take(0);
    }
    for &len in feed.iter().filter(|&&len| len > 0) {
        link.send(&input[at..len]);
        at = len;
        link.bite(bite, &mut output);
    }
    output.extend(link.received());
    let unread = link.unread();
    Served {
        events: link.application.events,
        output: escape(&output).replace(&escape(CONTINUE), ""),
        state: link.state,
        unread,
    }
}
