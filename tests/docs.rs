//! What `docs/` says is so: its examples are played on the engine, its tables and names compared with
//! the code.

#[path = "docs/application.rs"]
mod application;
#[path = "support/escape.rs"]
mod escape;
#[path = "docs/example.rs"]
mod example;
#[path = "docs/files.rs"]
mod files;
#[path = "support/frames.rs"]
mod frames;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/network.rs"]
mod network;
#[path = "docs/websocket.rs"]
mod websocket;

use std::path::Path;
use std::time::Duration;

use example::Delivery;
use kinglet_core::{Limits, Stamp, window::Queue};
use kinglet_hosted::files::FilesOptions;
use kinglet_hosted::{Backend, CompressorOptions, Options, SlowReceiver};
use markdown::{blocks, citations, table};

const ANATOMY: &str = include_str!("../docs/http-anatomy.md");
const BOARD: &str = include_str!("../docs/your-first-board.md");
const LIMITS: &str = include_str!("../docs/limits.md");
const THREATS: &str = include_str!("../docs/threat-model.md");

#[test]
fn every_example_of_the_anatomy_comes_out_as_shown() {
    for delivery in [Delivery::Whole, Delivery::ByteByByte] {
        let played = example::play(&blocks(ANATOMY), delivery);
        let answered = played.unwrap_or_else(|told| panic!("{told}"));
        assert!(answered > 20, "only {answered} examples");
    }
}

#[test]
fn an_example_that_is_wrong_does_not_pass() {
    let right = "```http-in\nGET /nothing HTTP/1.0\\r\\n\n\\r\\n\n```\n\
        ```http-out close\nHTTP/1.1 204 No Content\\r\\nServer: kinglet\\r\\n\n\
        Date: Sun, 06 Nov 1994 08:49:37 GMT\\r\\nConnection: close\\r\\n\n\\r\\n\n```\n";
    let verdict = |text: &str| example::play(&blocks(text), Delivery::Whole);
    assert_eq!(verdict(right), Ok(1));
    for (from, to) in [
        ("204", "200"),
        ("1994", "1995"),
        ("http-out close", "http-out"),
        ("http-out close", "http-out gone"),
        ("http-in", "http-in more"),
        ("http-in", "http-in later"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert!(verdict(&wrong).is_err(), "{from} is as good as {to}");
    }
}

#[test]
fn no_bytes_of_the_anatomy_escape_the_check() {
    let mut open = None;
    for block in blocks(ANATOMY) {
        match block.kind {
            "text" => {}
            "http-in" => open = Some(block.at),
            "http-out" => open = None,
            "http-line" | "http-field" | "http-framing" | "http-chunked" => {
                let rows = example::check_rows(&block).unwrap_or_else(|told| panic!("{told}"));
                assert!(rows > 0, "line {}", block.at);
            }
            other => panic!("line {}: a block of kind {other:?}", block.at),
        }
    }
    assert_eq!(open, None, "bytes sent, and no word of what comes of them");
}

#[test]
fn the_sketch_of_a_firmware_is_the_one_that_compiles() {
    let page = read("README.md");
    let blocks = blocks(&page);
    let sketch = blocks
        .iter()
        .find(|block| {
            block
                .lines
                .iter()
                .any(|line| line.contains("interface.poll"))
        })
        .expect("a sketch");
    let code = read("embedded/src/tcp/mod.rs");
    let compiled = code
        .lines()
        .skip_while(|line| *line != "//! ```")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .filter(|line| *line != "#" && !line.starts_with("# "));
    assert_eq!(sketch.lines, compiled.collect::<Vec<_>>());
}

/// How a value is written in a table.
trait Written {
    fn written(&self) -> String;
}

impl Written for u64 {
    fn written(&self) -> String {
        match self {
            _ if *self == 0 || !self.is_multiple_of(1 << 10) => grouped(*self),
            _ if self.is_multiple_of(1 << 20) => format!("{} MiB", self >> 20),
            _ => format!("{} KiB", self >> 10),
        }
    }
}

impl Written for u16 {
    fn written(&self) -> String {
        u64::from(*self).written()
    }
}

impl Written for u32 {
    fn written(&self) -> String {
        u64::from(*self).written()
    }
}

impl Written for Duration {
    fn written(&self) -> String {
        format!("{} s", self.as_secs_f64())
    }
}

/// A number with a comma behind each thousand.
fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// The name and the two values of each field that is named. A field that is not does not compile.
macro_rules! presets {
    ($($field:ident)*) => {{
        let Limits { $($field),* } = Limits::SERVER;
        let server = [$($field.written()),*];
        let Limits { $($field),* } = Limits::MICROCONTROLLER;
        let microcontroller = [$($field.written()),*];
        ([$(stringify!($field)),*], server, microcontroller)
    }};
}

#[test]
fn every_limit_is_in_its_table_with_its_values() {
    let (names, server, microcontroller) = presets!(
        max_head_len max_target_len max_field_lines max_content_len max_chunk_extensions_len
        max_trailers_len max_discarded_len max_exchanges min_room head_timeout idle_timeout
        rate_window min_receive_rate min_send_rate max_message_len max_fragments max_inflate_ratio
        ping_interval pong_timeout close_timeout drain_timeout
    );
    let table = table(LIMITS, "Limits of the engine");
    table.has_only(&names);
    for (at, name) in names.into_iter().enumerate() {
        let values = [&*server[at], &*microcontroller[at]];
        assert_eq!(table.row(name)[2..4], values, "{name}");
    }
}

#[test]
fn every_option_is_in_its_table_with_its_default() {
    let Options {
        threads,
        limits,
        server_name,
        max_connections,
        max_connections_per_address,
        exempt,
        proxy_protocol,
        max_window_len,
        max_answer_len,
        max_backlog_len,
        slow_receiver,
        tls,
        handshake_timeout,
        max_handshakes,
        drain_timeout,
        backlog,
        backend,
    } = Options::default();
    assert_eq!(limits, Limits::SERVER);
    assert_eq!(backend, Backend::Native);
    assert_eq!(slow_receiver, SlowReceiver::Close);
    assert!(tls.is_none());
    assert_eq!(proxy_protocol, []);
    let exempt: Vec<String> = exempt
        .iter()
        .map(|network| format!("`{network}`"))
        .collect();
    let bytes = |len: usize| u64::try_from(len).expect("64 bits").written();
    let count = |number: usize| grouped(u64::try_from(number).expect("64 bits"));
    let rows = [
        ("threads", count(threads.get())),
        ("limits", "`Limits::SERVER`".into()),
        ("server_name", format!("`{server_name}`")),
        ("max_connections", count(max_connections)),
        (
            "max_connections_per_address",
            count(max_connections_per_address),
        ),
        ("exempt", exempt.join(", ")),
        ("proxy_protocol", "none".into()),
        ("max_window_len", bytes(max_window_len)),
        ("max_answer_len", bytes(max_answer_len)),
        ("max_backlog_len", bytes(max_backlog_len)),
        ("slow_receiver", "`Close`".into()),
        ("tls", "none".into()),
        ("handshake_timeout", handshake_timeout.written()),
        ("max_handshakes", count(max_handshakes.get())),
        ("drain_timeout", drain_timeout.written()),
        ("backlog", count(backlog.try_into().expect("not negative"))),
        ("backend", "`Native`".into()),
    ];
    let table = table(LIMITS, "Options of the server");
    table.has_only(&rows.each_ref().map(|(name, _)| *name));
    for (name, default) in rows {
        assert_eq!(table.row(name)[2], default, "{name}");
    }
}

#[test]
fn every_example_of_static_files_comes_out_as_shown() {
    assert_eq!(files::play(&blocks(files::PAGE)), 5);
}

#[test]
fn every_option_of_static_files_is_in_its_table_with_its_default() {
    let FilesOptions {
        symlinks,
        dot_files,
        index,
        listing,
        max_listed,
        precompressed,
        sendfile,
        cache_control,
        media_types,
        max_ranges,
        fresh_for,
        max_small_len,
        max_cached,
        max_open,
        max_held_len,
    } = FilesOptions::default();
    let bytes = |len: usize| u64::try_from(len).expect("64 bits").written();
    let count = |number: usize| grouped(u64::try_from(number).expect("64 bits"));
    let named = |value: &dyn std::fmt::Debug| format!("`{value:?}`");
    assert!(cache_control.is_empty() && media_types.is_empty());
    let rows = [
        ("symlinks", named(&symlinks)),
        ("dot_files", named(&dot_files)),
        ("index", format!("`{}`", index.join(", "))),
        ("listing", named(&listing)),
        ("max_listed", count(max_listed)),
        ("precompressed", named(&precompressed)),
        ("sendfile", named(&sendfile)),
        ("cache_control", "none".into()),
        ("media_types", "none".into()),
        ("max_ranges", count(max_ranges)),
        ("fresh_for", fresh_for.written()),
        ("max_small_len", bytes(max_small_len)),
        ("max_cached", count(max_cached)),
        ("max_open", count(max_open)),
        ("max_held_len", bytes(max_held_len)),
    ];
    let table = table(LIMITS, "Options of static files");
    table.has_only(&rows.each_ref().map(|(name, _)| *name));
    for (name, default) in rows {
        assert_eq!(table.row(name)[2], default, "{name}");
    }
}

#[test]
fn every_option_of_the_compressor_is_in_its_table_with_its_default() {
    let CompressorOptions {
        level,
        min_len,
        max_len,
        media_types,
    } = CompressorOptions::default();
    assert!(media_types.is_empty());
    let bytes = |len: usize| u64::try_from(len).expect("64 bits").written();
    let rows = [
        ("level", level.to_string()),
        ("min_len", bytes(min_len)),
        ("max_len", bytes(max_len)),
        ("media_types", "none".into()),
    ];
    let table = table(LIMITS, "Options of the compressor");
    table.has_only(&rows.each_ref().map(|(name, _)| *name));
    for (name, default) in rows {
        assert_eq!(table.row(name)[2], default, "{name}");
    }
}

#[test]
fn every_constant_in_the_table_has_its_value_in_the_code() {
    let table = table(LIMITS, "Constants");
    assert!(!table.rows.is_empty());
    for row in &table.rows {
        let [name, value, file] = [row[0], row[1], row[2]].map(|cell| cell.trim_matches('`'));
        let code = read(file);
        let begins = format!("const {name}: ");
        let ends = format!(" = {value};");
        let mut lines = code.lines();
        let found = lines.any(|line| line.contains(&begins) && line.ends_with(&ends));
        assert!(found, "{file} has no {begins}..{ends}");
    }
    assert_eq!(table.row("MAX_HELD")[1], format!("`{}`", Queue::MAX_HELD));
    let max_server_len = format!("`{}`", Stamp::MAX_SERVER_LEN);
    assert_eq!(table.row("MAX_SERVER_LEN")[1], max_server_len);
}

#[test]
fn what_is_cited_from_the_code_is_there() {
    for (page, text) in [
        ("http-anatomy", ANATOMY),
        ("websocket-anatomy", websocket::PAGE),
        ("network-layers", network::PAGE),
        ("your-first-board", BOARD),
        ("limits", LIMITS),
        ("static-files", files::PAGE),
        ("threat-model", THREATS),
    ] {
        let citations = citations(text);
        assert!(citations.len() > 3, "{page}: only {}", citations.len());
        for citation in citations {
            let file = read(citation.file);
            for name in citation.names {
                let last = name.rsplit("::").next().unwrap_or(name);
                assert!(
                    file.contains(last),
                    "{page}: {} has no {name}",
                    citation.file
                );
            }
        }
    }
}

/// A file of this repository.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
