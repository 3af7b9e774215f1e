//! Rows of `tests/vectors`, as `tests/vectors/README.md` describes them.

use std::path::Path;

use kinglet_core::Limits;

use super::escape::{escape, unescape};

/// One row: what a client sends, and all that comes of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it is: file, line and title.
    pub name: String,
    pub limits: Limits,
    pub input: Vec<u8>,
    /// Whether the client closes its side behind the input.
    pub ends: bool,
    /// What the application is told, one event a line.
    pub events: Vec<String>,
    output: Vec<Part>,
    pub then: Then,
}

#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    /// 100 (Continue), where the content had not come when it was wanted.
    Continue,
}

/// What has become of the connection when the input is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It waits for the next request.
    Open,
    /// It waits for the rest of a message.
    More,
    /// We have closed our side and wait for the client to close.
    Close,
    /// It is closed.
    Gone,
    /// It is no longer HTTP.
    Tunnel,
}

pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The bounds of a row that names none.
pub const LIMITS: Limits = Limits {
    min_room: 192,
    ..Limits::SERVER
};

impl Row {
    /// What the client gets, where content came late or not.
    pub fn output(&self, content_was_late: bool) -> Vec<u8> {
        let parts = self.output.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.as_slice(),
            Part::Continue if content_was_late => CONTINUE,
            Part::Continue => b"",
        });
        parts.collect::<Vec<_>>().concat()
    }
}

/// All rows of all files, in the order of their names.
pub fn load() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let entries = std::fs::read_dir(&folder).expect("the folder of vectors");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let rows = paths.iter().flat_map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(path).expect("a readable file");
        parse(&name, &text).unwrap_or_else(|why| panic!("{why}"))
    });
    rows.collect()
}

/// The rows of one file.
pub fn parse(file: &str, text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    let mut is_complete = true;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        let line = line.trim_end();
        if line.is_empty() || (line.starts_with('#') && !line.starts_with("## ")) {
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            if !is_complete {
                return Err(format!("{place}: the row before has no `then`"));
            }
            if !title.contains(" (RFC ") || !title.contains('§') {
                return Err(format!("{place}: a row names its section"));
            }
            rows.push(Row::new(format!("{place} {title}")));
            is_complete = false;
            continue;
        }
        let row = rows.last_mut().filter(|_| !is_complete);
        let row = row.ok_or_else(|| format!("{place}: a line outside of a row"))?;
        is_complete = row.take(line).map_err(|why| format!("{place}: {why}"))?;
    }
    if is_complete {
        Ok(rows)
    } else {
        Err(format!("{file}: the last row has no `then`"))
    }
}

impl Row {
    fn new(name: String) -> Self {
        Self {
            name,
            limits: LIMITS,
            input: Vec::new(),
            ends: false,
            events: Vec::new(),
            output: Vec::new(),
            then: Then::Open,
        }
    }

    /// Takes one line, and tells whether it ends the row.
    fn take(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            ">" => self.input.extend(unescape(rest)?),
            "<" => self.output.push(Part::Bytes(unescape(rest)?)),
            "eof" => self.ends = true,
            "limits" => rest.split(' ').try_for_each(|bound| self.bound(bound))?,
            "request" | "field" | "trailer" | "end" | "aborted" => {
                self.events.push(line.to_owned())
            }
            "content" => self
                .events
                .push(format!("content {}", escape(&unescape(rest)?))),
            "answer" => self.output.push(Part::Bytes(answer(rest)?)),
            "refuse" => self.output.push(Part::Bytes(refusal(rest)?)),
            "continue" => self.output.push(Part::Continue),
            "then" => {
                self.then = match rest {
                    "open" => Then::Open,
                    "more" => Then::More,
                    "close" => Then::Close,
                    "gone" => Then::Gone,
                    "tunnel" => Then::Tunnel,
                    _ => return Err(format!("then what? {rest}")),
                };
                return Ok(true);
            }
            _ => return Err(format!("unknown word: {word}")),
        }
        Ok(false)
    }

    fn bound(&mut self, bound: &str) -> Result<(), String> {
        let (name, number) = bound.split_once('=').ok_or("limits are name=number")?;
        let number: u64 = number.parse().map_err(|_| format!("no number: {number}"))?;
        let short = u16::try_from(number).unwrap_or(u16::MAX);
        let limits = &mut self.limits;
        match name {
            "max_head_len" => limits.max_head_len = short,
            "max_target_len" => limits.max_target_len = short,
            "max_field_lines" => limits.max_field_lines = short,
            "max_content_len" => limits.max_content_len = number,
            "max_chunk_extensions_len" => limits.max_chunk_extensions_len = short,
            "max_trailers_len" => limits.max_trailers_len = short,
            "max_discarded_len" => {
                limits.max_discarded_len = u32::try_from(number).map_err(|_| "too large")?;
            }
            "max_exchanges" => {
                limits.max_exchanges = u32::try_from(number).map_err(|_| "too large")?;
            }
            _ => return Err(format!("unknown bound: {name}")),
        }
        Ok(())
    }
}

/// `200 "content"`, with `close` or `keep-alive` before the content where that line is sent.
fn answer(text: &str) -> Result<Vec<u8>, String> {
    let (head, content) = text
        .split_once('"')
        .ok_or("an answer has content in quotes")?;
    let content = unescape(content.strip_suffix('"').ok_or("a quote is missing")?)?;
    let mut words = head.split_whitespace();
    let status = words.next().ok_or("an answer has a status")?;
    let mut bytes = status_line(status)?;
    bytes.extend(format!("Content-Length: {}\r\n", content.len()).bytes());
    if let Some(option) = words.next() {
        bytes.extend(format!("Connection: {option}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(content);
    Ok(bytes)
}

/// `400 what was expected`: the answer that the engine gives itself, after which it closes.
fn refusal(text: &str) -> Result<Vec<u8>, String> {
    let (status, reason) = text
        .split_once(' ')
        .ok_or("a refusal has a status and a reason")?;
    let mut bytes = status_line(status)?;
    let rest = format!(
        "Content-Length: {}\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n{reason}\n",
        reason.len() + 1
    );
    bytes.extend(rest.bytes());
    Ok(bytes)
}

fn status_line(status: &str) -> Result<Vec<u8>, String> {
    let phrase = match status {
        "200" => "OK",
        "400" => "Bad Request",
        "403" => "Forbidden",
        "404" => "Not Found",
        "413" => "Content Too Large",
        "414" => "URI Too Long",
        "417" => "Expectation Failed",
        "431" => "Request Header Fields Too Large",
        "500" => "Internal Server Error",
        "501" => "Not Implemented",
        "505" => "HTTP Version Not Supported",
        _ => return Err(format!("no reason phrase for {status}")),
    };
    Ok(format!("HTTP/1.1 {status} {phrase}\r\n").into_bytes())
}
