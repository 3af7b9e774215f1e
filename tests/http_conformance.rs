//! The published HTTP/1.1 vectors, and the verdict that RFC 9110 and RFC 9112 give on each.
//!
//! The vectors are not in this repository. The environment variable `KINGLET_HTTP1_VECTORS` names the
//! folder that has them, in the format `http1-vectors/1`; without it only the reader of that format
//! is tested. There is no list of exceptions: every vector has to come out as it says.
//!
//! Each runs whole, byte by byte and split in two at every point, first through the parsers of single
//! messages and then, where it is a request, through a connection that answers.

mod support;

use std::path::Path;

use kinglet_core::Limits;
use kinglet_core::http::server::Part;
use kinglet_core::http::{
    Decoder, Error, Field, Fields, Framing, Handled, Method, Piece, Reply, Request, RequestParser,
    ResponseParser, Status, Stream, SyntaxError, Target, Version,
};
use kinglet_core::{Application, field};
use serde_json::Value;
use support::escape::{escape, unescape};
use support::link::{Link, State};

const FILES: [(&str, usize); 3] = [
    ("llhttp-requests.json", 137),
    ("llhttp-responses.json", 67),
    ("picohttpparser.json", 61),
];

#[test]
fn published_vectors_come_out_as_they_say() {
    let Ok(folder) = std::env::var("KINGLET_HTTP1_VECTORS") else {
        println!("not run: KINGLET_HTTP1_VECTORS names no folder");
        return;
    };
    let mut failures = Vec::new();
    for (name, count) in FILES {
        let path = Path::new(&folder).join(name);
        let text = std::fs::read_to_string(&path).expect(name);
        let vectors = load(&text);
        assert_eq!(vectors.len(), count, "vectors in {name}");
        failures.extend(vectors.iter().filter_map(|vector| {
            let difference = judge(vector).err()?;
            Some(format!(
                "{}: {difference}\n  {}",
                vector.id,
                escape(&vector.input)
            ))
        }));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_format_of_the_vectors_is_read() {
    let vectors = load(SAMPLE);
    assert_eq!(vectors.len(), 5);
    for vector in &vectors {
        assert_eq!(judge(vector), Ok(()), "{}", vector.id);
    }
    let first = &vectors[0].messages[0];
    assert_eq!(first.body, b"a\r\n\t\\\x00\xff");
    assert_eq!(first.trailers, [("T".to_owned(), b"v".to_vec())]);
    // Each verdict can fail, too: the judge is not one that nods.
    for (index, wrong) in [
        (0, Verdict::Reject),
        (1, Verdict::Accept),
        (2, Verdict::Accept),
    ] {
        let mut vector = load(SAMPLE).swap_remove(index);
        vector.verdict = wrong;
        assert!(judge(&vector).is_err(), "{}", vector.id);
    }
    let mut vector = load(SAMPLE).swap_remove(0);
    vector.messages[0].body.push(b'.');
    assert!(judge(&vector).is_err());
    assert!(unescape("\\xGG").is_err());
    assert!(unescape("\\").is_err());
}

const SAMPLE: &str = r#"{"format": "http1-vectors/1", "source": "", "licence": "", "vectors": [
    {"id": "whole", "title": "", "kind": "request",
     "input": "POST /a HTTP/1.1\\r\\nHost: h\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n7\\r\\na\\r\\n\\t\\\\\\x00\\xff\\r\\n0\\r\\nT: v\\r\\n\\r\\n",
     "strict": {"verdict": "accept", "messages": [{"method": "POST", "target": "/a", "form": "origin",
       "version": "1.1", "headers": [["Host", "h"], ["Transfer-Encoding", "chunked"]],
       "framing": "chunked", "body": "a\\r\\n\\t\\\\\\x00\\xff", "trailers": [["T", "v"]], "keep_alive": true}]}},
    {"id": "broken", "title": "", "kind": "request", "input": "GET / HTTP/2.0\\r\\n\\r\\n",
     "strict": {"verdict": "reject", "messages": [], "why": "", "rfc": "9110-2.5", "level": "should", "status": 505}},
    {"id": "cut", "title": "", "kind": "response", "input": "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\na",
     "strict": {"verdict": "incomplete", "messages": []}},
    {"id": "no host", "title": "", "kind": "request", "input": "GET / HTTP/1.1\\r\\n\\r\\n",
     "strict": {"verdict": "accept", "messages": [{"method": "GET", "target": "/", "form": "origin",
       "version": "1.1", "headers": [], "framing": "len", "body": "", "keep_alive": true}],
       "server": {"status": 400, "why": "HTTP/1.1 request without Host", "rfc": "9112-3.2", "message": 0}}},
    {"id": "close", "title": "", "kind": "response", "input": "HTTP/1.1 204 \\r\\nConnection: close\\r\\n\\r\\nrest",
     "strict": {"verdict": "accept", "messages": [{"status": 204, "reason": "", "version": "1.1",
       "headers": [["Connection", "close"]], "framing": "none", "body": "", "keep_alive": false}], "rest": "rest"}}
]}"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Reject,
    Incomplete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
}

type Lines = Vec<(String, Vec<u8>)>;

/// One message, as a vector describes it and as a parser has read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    start: String,
    lines: Lines,
    framing: String,
    body: Vec<u8>,
    trailers: Lines,
    keep_alive: bool,
    upgrade: bool,
}

#[derive(Clone, Debug)]
struct Vector {
    id: String,
    kind: Kind,
    input: Vec<u8>,
    verdict: Verdict,
    messages: Vec<Message>,
    rest: Vec<u8>,
    status: Option<u16>,
    may_reject: bool,
    /// The same, before anything else allows for it.
    original_may_reject: bool,
    may_exceed_limit: bool,
    /// The message that a server answers with this status, though its syntax is right.
    server: Option<(usize, u16)>,
}

fn load(text: &str) -> Vec<Vector> {
    let json: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(json["format"], "http1-vectors/1");
    let vectors = json["vectors"].as_array().expect("vectors");
    vectors.iter().map(Vector::load).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    unescape(value.as_str().expect("escaped bytes")).expect("escaped bytes")
}

fn pairs(value: &Value) -> Lines {
    let pairs = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = |pair: &Value| (text(&pair[0]), bytes(&pair[1]));
    pairs.iter().map(pair).collect()
}

fn code(value: &Value) -> u16 {
    u16::try_from(value.as_u64().expect("a number")).expect("a status code")
}

impl Vector {
    fn load(json: &Value) -> Self {
        let strict = &json["strict"];
        let server = &strict["server"];
        Self {
            id: text(&json["id"]),
            kind: match json["kind"].as_str() {
                Some("request") => Kind::Request,
                Some("response") => Kind::Response,
                other => panic!("kind {other:?}"),
            },
            input: bytes(&json["input"]),
            verdict: match strict["verdict"].as_str() {
                Some("accept") => Verdict::Accept,
                Some("reject") => Verdict::Reject,
                Some("incomplete") => Verdict::Incomplete,
                other => panic!("verdict {other:?}"),
            },
            messages: strict["messages"]
                .as_array()
                .expect("messages")
                .iter()
                .map(Message::load)
                .collect(),
            rest: strict.get("rest").map(bytes).unwrap_or_default(),
            status: strict.get("status").map(code),
            may_reject: strict.get("may_reject").is_some(),
            original_may_reject: strict.get("may_reject").is_some(),
            may_exceed_limit: strict.get("limit").is_some(),
            server: server.is_object().then(|| {
                let message = server["message"].as_u64().expect("a number");
                let message = usize::try_from(message).expect("an index");
                (message, code(&server["status"]))
            }),
        }
    }
}

impl Message {
    fn load(json: &Value) -> Self {
        let start = match json.get("method") {
            Some(method) => format!(
                "{} {} {} {}",
                text(method),
                text(&json["form"]),
                text(&json["target"]),
                text(&json["version"])
            ),
            None => format!(
                "{} {} {}",
                text(&json["version"]),
                code(&json["status"]),
                text(&json["reason"])
            ),
        };
        Self {
            start,
            lines: pairs(&json["headers"]),
            framing: text(&json["framing"]),
            body: bytes(&json["body"]),
            trailers: pairs(&json["trailers"]),
            keep_alive: json["keep_alive"].as_bool().expect("keep_alive"),
            upgrade: json["upgrade"].as_bool().unwrap_or(false),
        }
    }
}

fn judge(vector: &Vector) -> Result<(), String> {
    let vector = &refused_without_host(vector);
    for feed in feeds(&vector.input) {
        let read = Reader::read(vector.kind, &vector.input, &feed);
        check_messages(vector, &read).map_err(|why| format!("{why}, fed up to {feed:?}"))?;
    }
    if vector.kind == Kind::Request {
        for feed in feeds(&vector.input) {
            check_server(vector, &feed).map_err(|why| format!("{why}, served up to {feed:?}"))?;
        }
        check_with_host(vector)?;
    }
    Ok(())
}

/// A head that lacks `Host` is refused when it is whole (RFC 9112 §3.2). Where the vector says no more
/// of such a request than that its content is cut short, refusing it is right, too; what follows
/// the head is judged with `Host` put in.
fn refused_without_host(vector: &Vector) -> Vector {
    let read = Reader::read(vector.kind, &vector.input, &[vector.input.len()]);
    let mut vector = vector.clone();
    vector.may_reject |= vector.verdict == Verdict::Incomplete && lacks_host(&read);
    vector
}

fn lacks_host(read: &Reader) -> bool {
    read.error == Some(Error::Syntax(SyntaxError::MissingHost))
}

/// The lengths up to which the input has come: whole, byte by byte, and in two parts.
fn feeds(input: &[u8]) -> Vec<Vec<usize>> {
    let len = input.len();
    let mut feeds = vec![vec![len], (1..=len).collect()];
    feeds.extend((1..len).map(|split| vec![split, len]));
    feeds
}

/// The messages of an input, read with the public parsers.
#[derive(Debug)]
struct Reader {
    kind: Kind,
    messages: Vec<Message>,
    verdict: Verdict,
    error: Option<Error>,
    at: usize,
    /// Whether no message follows on this connection.
    is_over: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Request(RequestParser),
    Response(ResponseParser),
    Body(Box<Message>, Decoder),
}

impl Reader {
    fn read(kind: Kind, input: &[u8], feed: &[usize]) -> Self {
        let mut reader = Self {
            kind,
            messages: Vec::new(),
            verdict: Verdict::Incomplete,
            error: None,
            at: 0,
            is_over: false,
            place: start(kind),
        };
        for &len in feed {
            if let Err(error) = reader.go_on(&input[..len]) {
                reader.verdict = Verdict::Reject;
                reader.error = Some(error);
                return reader;
            }
        }
        reader.end(input);
        reader
    }

    fn go_on(&mut self, input: &[u8]) -> Result<(), Error> {
        const LIMITS: &Limits = &Limits::SERVER;
        while !self.is_over {
            let window = &input[self.at..];
            match &mut self.place {
                Place::Request(parser) => {
                    let is_fresh = *parser == RequestParser::new();
                    if is_fresh && window.starts_with(b"\r\n") {
                        self.at += 2;
                        continue;
                    }
                    if is_fresh && matches!(window, [] | [b'\r']) {
                        return Ok(());
                    }
                    let Some(request) = parser.parse(window, LIMITS)? else {
                        return Ok(());
                    };
                    self.at += request.head_len();
                    let decoder = Decoder::new(request.framing(), LIMITS)?;
                    self.place = Place::Body(Box::new(Message::of_request(&request)), decoder);
                }
                Place::Response(parser) => {
                    if window.is_empty() {
                        return Ok(());
                    }
                    let Some(response) = parser.parse(window, LIMITS)? else {
                        return Ok(());
                    };
                    self.at += response.head_len();
                    let framing = response.framing(Method::Get)?;
                    let decoder = Decoder::new(framing, LIMITS)?;
                    let message = Message::of_response(&response, framing);
                    if framing == Framing::Switched {
                        self.messages.push(message);
                        self.is_over = true;
                        return Ok(());
                    }
                    self.place = Place::Body(Box::new(message), decoder);
                }
                Place::Body(message, decoder) => match decoder.decode(window, LIMITS)? {
                    Piece::More { consumed } => {
                        self.at += consumed;
                        return Ok(());
                    }
                    Piece::Data { start, end } => {
                        message.body.extend_from_slice(&window[start..end]);
                        self.at += end;
                    }
                    Piece::End { start, end } => {
                        message.trailers = lines_of(&window[start..end]);
                        self.at += end;
                        self.complete();
                    }
                },
            }
        }
        Ok(())
    }

    fn complete(&mut self) {
        if let Place::Body(message, _) = std::mem::replace(&mut self.place, start(self.kind)) {
            self.is_over = !message.keep_alive || message.upgrade;
            self.messages.push(*message);
        }
    }

    fn end(&mut self, input: &[u8]) {
        let left = &input[self.at..];
        self.verdict = match &mut self.place {
            _ if self.is_over => Verdict::Accept,
            Place::Request(_) | Place::Response(_) if left.is_empty() => Verdict::Accept,
            Place::Request(_) | Place::Response(_) => Verdict::Incomplete,
            Place::Body(_, decoder) => match decoder.end_of_input() {
                Ok(()) => {
                    self.complete();
                    Verdict::Accept
                }
                Err(_) => Verdict::Incomplete,
            },
        };
    }
}

fn start(kind: Kind) -> Place {
    match kind {
        Kind::Request => Place::Request(RequestParser::new()),
        Kind::Response => Place::Response(ResponseParser::new()),
    }
}

fn lines(fields: Fields<'_>) -> Lines {
    let line =
        |line: kinglet_core::http::FieldLine<'_>| (line.name().to_owned(), line.value().to_vec());
    fields.map(line).collect()
}

/// The lines of a trailer section that has been validated.
fn lines_of(section: &[u8]) -> Lines {
    let text = section.strip_suffix(b"\r\n").unwrap_or_default();
    let lines = text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let line = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
        let name = String::from_utf8(line[..colon].to_vec()).expect("a token");
        (name, line[colon + 1..].trim_ascii().to_vec())
    };
    lines.map(line).collect()
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "1.0",
        _ => "1.1",
    }
}

/// A vector does not tell a body of no bytes from none, in a request.
fn framing_of_request(framing: Framing) -> &'static str {
    match framing {
        Framing::None | Framing::Length(_) => "len",
        Framing::Chunked => "chunked",
        other => panic!("a request with {other:?}"),
    }
}

fn form(target: Target<'_>) -> &'static str {
    match target {
        Target::Origin { .. } => "origin",
        Target::Absolute { .. } => "absolute",
        Target::Authority(_) => "authority",
        Target::Asterisk => "asterisk",
        other => panic!("a form of its own: {other:?}"),
    }
}

impl Message {
    fn of_request(request: &Request<'_>) -> Self {
        Self {
            start: format!(
                "{} {} {} {}",
                request.method(),
                form(request.target()),
                escape(request.raw_target()),
                version(request.version())
            ),
            lines: lines(request.fields()),
            framing: framing_of_request(request.framing()).to_owned(),
            keep_alive: request.persists(),
            upgrade: request.offers_upgrade() || request.method() == Method::Connect,
            ..Self::default()
        }
    }

    fn of_response(response: &kinglet_core::http::Response<'_>, framing: Framing) -> Self {
        let no_body = response.status().forbids_content();
        Self {
            start: format!(
                "{} {} {}",
                version(response.version()),
                response.status().code(),
                escape(response.reason())
            ),
            lines: lines(response.fields()),
            framing: match framing {
                Framing::Switched => "none",
                Framing::None if no_body => "none",
                Framing::None | Framing::Length(_) => "len",
                Framing::Chunked => "chunked",
                Framing::UntilClose => "eof",
                other => panic!("a response with {other:?}"),
            }
            .to_owned(),
            keep_alive: response.persists() && framing != Framing::UntilClose,
            upgrade: framing == Framing::Switched,
            ..Self::default()
        }
    }
}

fn check_messages(vector: &Vector, read: &Reader) -> Result<(), String> {
    if let (Some((message, _)), Some(_)) = (vector.server, read.error)
        && read.messages[..] == vector.messages[..message.min(vector.messages.len())]
    {
        return Ok(());
    }
    let refused_early = vector.verdict == Verdict::Incomplete && vector.may_reject;
    let verdict_fits = read.verdict == vector.verdict
        || (read.verdict == Verdict::Reject && (refused_early || vector.may_exceed_limit));
    if !verdict_fits {
        return Err(format!(
            "{:?} ({:?}), not {:?}",
            read.verdict, read.error, vector.verdict
        ));
    }
    // A method that ends HTTP is known by its name in a vector, and has no mark of its own.
    let mut messages = read.messages.clone();
    for (message, expected) in messages.iter_mut().zip(&vector.messages) {
        if message.start.starts_with("CONNECT ") {
            message.upgrade = expected.upgrade;
        }
    }
    if messages != vector.messages {
        return Err(format!(
            "read {:?}, not {:?}",
            read.messages, vector.messages
        ));
    }
    if vector.verdict == Verdict::Accept && vector.input[read.at..] != vector.rest {
        return Err(format!("left {}", escape(&vector.input[read.at..])));
    }
    Ok(())
}

/// A server that reads all content, answers 200, and goes on in whatever protocol it is offered.
struct Server;

impl Server {
    fn answer(may_switch: bool, reply: Reply<'_>) -> Handled {
        const ANY: Field<'_> = field!("Upgrade", "any");
        if may_switch {
            reply.switch(&[ANY])
        } else {
            reply.send(Status::OK, &[], b"")
        }
    }
}

impl Application for Server {
    type Exchange = bool;

    fn request(
        &mut self,
        may_switch: &mut bool,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        *may_switch = request.offers_upgrade() || request.method() == Method::Connect;
        match request.framing() {
            Framing::None => Self::answer(*may_switch, reply),
            _ => reply.receive(),
        }
    }

    fn content(&mut self, may_switch: &mut bool, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(_) => reply.receive(),
            Part::End(_) => Self::answer(*may_switch, reply),
        }
    }

    fn stream(&mut self, _: &mut bool, mut stream: Stream<'_>) -> Handled {
        stream.consume(usize::MAX);
        if stream.content_has_ended() {
            stream.finish()
        } else {
            stream.receive()
        }
    }
}

/// What a server answers, and whether one more answer may follow that refuses what is incomplete.
fn answers(vector: &Vector) -> (Vec<u16>, bool) {
    let mut statuses = Vec::new();
    for (index, message) in vector.messages.iter().enumerate() {
        match vector.server {
            Some((refused, status)) if refused == index => {
                statuses.push(status);
                return (statuses, false);
            }
            _ if message.upgrade => statuses.push(101),
            _ => statuses.push(200),
        }
    }
    match (vector.server, vector.verdict) {
        (Some((refused, status)), _) if refused == vector.messages.len() => statuses.push(status),
        (_, Verdict::Reject) => statuses.extend(vector.status),
        (_, Verdict::Incomplete) => return (statuses, vector.may_reject),
        (_, Verdict::Accept) => {}
    }
    (statuses, false)
}

fn check_server(vector: &Vector, feed: &[usize]) -> Result<(), String> {
    let mut link = Link::new(Server, Limits::SERVER);
    link.patient = true;
    let mut at = 0;
    for &len in feed {
        link.send(&vector.input[at..len]);
        at = len;
    }
    link.finish();
    let output = link.received();
    let mut statuses = statuses(&output);
    statuses.retain(|status| *status != 100);
    let (expected, one_more) = answers(vector);
    if one_more && statuses.len() == expected.len() + 1 {
        statuses.pop();
    }
    if statuses != expected {
        return Err(format!("answered {statuses:?}, not {expected:?}"));
    }
    if !matches!(link.state, State::Closed(_)) {
        return Err(format!("left in {:?}", link.state));
    }
    Ok(())
}

/// The status codes of all answers in `output`, whose contents do not look like a status line.
fn statuses(output: &[u8]) -> Vec<u16> {
    let text = escape(output);
    let lines = text
        .match_indices("HTTP/1.1 ")
        .map(|(at, name)| &text[at + name.len()..]);
    lines
        .map(|line| line[..3].parse().expect("a status code"))
        .collect()
}

/// Our request parser wants `Host`, as a server has to, and most vectors have none. So these are
/// tried again with one put in behind each request line that lacks it.
fn check_with_host(vector: &Vector) -> Result<(), String> {
    let mut repaired = vector.clone();
    let whole = |vector: &Vector| {
        let len = vector.input.len();
        Reader::read(Kind::Request, &vector.input, &[len])
    };
    loop {
        let read = whole(&repaired);
        if !lacks_host(&read) {
            break;
        }
        let head = &repaired.input[read.at..];
        let line = head
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .expect("a request line");
        let at = read.at + line + 2;
        repaired.input.splice(at..at, *b"Host: h\r\n");
        if let Some(message) = repaired.messages.get_mut(read.messages.len()) {
            message.lines.insert(0, ("Host".to_owned(), b"h".to_vec()));
        }
    }
    if repaired.input == vector.input {
        return Ok(());
    }
    repaired.server = None;
    repaired.may_reject = vector.original_may_reject;
    for feed in feeds(&repaired.input) {
        let read = Reader::read(Kind::Request, &repaired.input, &feed);
        check_messages(&repaired, &read)
            .and_then(|()| check_server(&repaired, &feed))
            .map_err(|why| format!("{why}, with Host, up to {feed:?}"))?;
    }
    Ok(())
}
