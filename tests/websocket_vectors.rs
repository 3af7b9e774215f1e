//! Rows of `tests/vectors/websocket`, each replayed in many ways.
//!
//! Whole, byte by byte, and split in two at every point; followed by further bytes; with as little room
//! for output as the limits allow, and to a client that takes few bytes at a time. However the bytes
//! come and go, the application is told the same and the client gets the same.

mod support;

use std::path::Path;

use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::websocket::{Closed, Collected, Collector, Kind, Part, Socket, Terms};
use kinglet_core::{Application, Limits};
use support::escape::escape;
use support::frames::{self, Masking};
use support::link::{Link, State};

/// One row: what a client sends, and all that comes of it.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    limits: Limits,
    input: Vec<u8>,
    /// Whether the client closes its side behind the input.
    ends: bool,
    events: Vec<String>,
    output: Vec<u8>,
    then: String,
}

const LIMITS: Limits = Limits {
    min_room: 160,
    ..Limits::SERVER
};

/// Writes down what it is told, and sends every message back.
#[derive(Default)]
struct Echo {
    events: Vec<String>,
    message: Collector<heapless::Vec<u8, 4096>>,
}

impl Application for Echo {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.websocket(request, &Terms::ANY)
    }

    fn message(&mut self, (): &mut (), part: Part<'_>, socket: &mut Socket<'_>) {
        match self.message.push(part) {
            Collected::Message(message) => {
                let kind = match message.kind() {
                    Kind::Text => "text",
                    Kind::Binary => "binary",
                };
                let event = format!("{kind} {}", escape(message.data()));
                self.events.push(event.trim_end().into());
                if message.data() == b"bye" {
                    let code = kinglet_core::websocket::CloseCode::new(4000);
                    socket.close(code, "as asked").expect("it is open");
                    return;
                }
                if message.data().len() < 100 {
                    socket.send(message).expect("there is room");
                }
            }
            Collected::Partly => {}
            Collected::TooLong => socket.refuse_long_message(),
        }
    }

    fn closed(&mut self, (): &mut (), closed: Closed<'_>) {
        let clean = if closed.is_clean() {
            "clean"
        } else {
            "unclean"
        };
        let reason = escape(closed.reason().as_bytes());
        self.events
            .push(format!("closed {} {clean} \"{reason}\"", closed.code()));
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn every_row_holds_however_its_bytes_come_and_go() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/websocket");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        rows.extend(parse(&name, &text).unwrap_or_else(|why| panic!("{why}")));
    }
    assert!(rows.len() > 60, "only {} rows", rows.len());
    let failures: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_row_that_is_wrong_does_not_hold() {
    let right = "## t (RFC 6455 §5)\n> text \"a\"\ntext a\n< text \"a\"\nthen open\n";
    let verdict = |text: &str| check(&parse("inline", text).expect("a row")[0]);
    assert_eq!(verdict(right), Ok(()));
    for (from, to) in [
        ("text a", "text b"),
        ("< text \"a\"", "< text \"b\""),
        ("open", "gone"),
    ] {
        assert!(verdict(&right.replace(from, to)).is_err(), "{to}");
    }
}

fn parse(file: &str, text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |why: String| format!("{file}:{}: {why}", index + 1);
        let line = line.trim_end();
        if let Some(title) = line.strip_prefix("## ") {
            if !title.contains(" (RFC ") || !title.contains('§') {
                return Err(at(String::from("a row names its section")));
            }
            rows.push(Row {
                name: format!("{file}:{} {title}", index + 1),
                limits: LIMITS,
                input: Vec::new(),
                ends: false,
                events: Vec::new(),
                output: Vec::new(),
                then: String::new(),
            });
        } else if !line.is_empty() && !line.starts_with('#') {
            let row = rows.last_mut().ok_or_else(|| at(String::from("no row")))?;
            row.take(line).map_err(at)?;
        }
    }
    Ok(rows)
}

impl Row {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            ">" => self.input.extend(frames::bytes(rest, Masking::Masked)?),
            "<" => self.output.extend(frames::bytes(rest, Masking::Plain)?),
            "eof" => self.ends = true,
            "then" => self.then = rest.into(),
            "limits" => match rest.split_once('=') {
                Some(("max_message_len", len)) => {
                    self.limits.max_message_len = len.parse().map_err(|_| line)?;
                }
                Some(("max_fragments", count)) => {
                    self.limits.max_fragments = count.parse().map_err(|_| line)?;
                }
                _ => return Err(format!("no such limit: {rest}")),
            },
            "text" | "binary" | "closed" => self.events.push(line.into()),
            _ => return Err(format!("no such line: {line}")),
        }
        Ok(())
    }
}

/// How the bytes come and go.
#[derive(Clone, Debug)]
struct Manner {
    /// Lengths up to which the input has come.
    feed: Vec<usize>,
    room: usize,
    bite: usize,
}

fn check(row: &Row) -> Result<(), String> {
    let len = row.input.len();
    let bytes: Vec<usize> = (1..=len).collect();
    let least = usize::from(row.limits.min_room);
    let mut manners: Vec<Manner> = (0..len)
        .map(|split| vec![split, len])
        .chain([bytes.clone()])
        .map(|feed| Manner {
            feed,
            room: 4096,
            bite: usize::MAX,
        })
        .collect();
    for room in [least, least + 1, 2 * least] {
        for feed in [vec![len], bytes.clone()] {
            manners.extend([1, 7, usize::MAX].map(|bite| Manner {
                feed: feed.clone(),
                room,
                bite,
            }));
        }
    }
    for manner in manners {
        replay(row, &manner).map_err(|why| format!("{}\n  {manner:?}\n  {why}", row.name))?;
    }
    Ok(())
}

fn replay(row: &Row, manner: &Manner) -> Result<(), String> {
    let mut link = Link::with_buffers(
        Echo::default(),
        row.limits.clone(),
        8 * 1024,
        manner.room.max(256),
    );
    link.send(REQUEST);
    let answer = link.received();
    if answer != ANSWER {
        return Err(format!(
            "the handshake is answered with {}",
            escape(&answer)
        ));
    }
    let mut output = Vec::new();
    if manner.bite != usize::MAX {
        link.take(0);
    }
    let mut at = 0;
    for &to in &manner.feed {
        link.send(&row.input[at..to]);
        link.bite(manner.bite, &mut output);
        at = to;
    }
    if row.ends {
        link.finish();
        link.bite(manner.bite, &mut output);
    }
    output.extend(link.received());
    let then = match link.state {
        State::Receiving | State::Sending | State::Waiting => "open",
        State::Shut => "close",
        State::Closed(_) => "gone",
    };
    if link.application.events != row.events {
        return Err(format!("told {:?}", link.application.events));
    }
    if output != row.output {
        return Err(format!(
            "sent {}\n not {}",
            escape(&output),
            escape(&row.output)
        ));
    }
    if then != row.then {
        return Err(format!("then {then}, not {}", row.then));
    }
    Ok(())
}
