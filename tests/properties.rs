//! Properties of valid messages that have been damaged, with a deterministic source of damage.

#[path = "fuzz/src/bodies.rs"]
mod bodies;
mod support;
#[path = "fuzz/src/websocket.rs"]
mod websocket;

use std::path::Path;

use kinglet_core::Limits;
use kinglet_core::http::{Decoder, Error, Framing, LimitError, Piece, RequestParser, SyntaxError};
use support::damage::damage;
use support::noise::Noise;
use support::vectors;

/// Inputs of our vectors, whole, damaged, and one behind another; the first byte says where to cut.
fn damaged(seed: u64, count: usize, check: fn(&[u8])) {
    let rows = vectors::load();
    let mut noise = Noise::new(seed);
    for round in 0..count {
        let mut bytes = noise.one_of(&rows).input.clone();
        if noise.below(4) == 0 {
            bytes.extend_from_slice(&noise.one_of(&rows).input);
        }
        for _ in 0..(round % 4) {
            damage(&mut noise, &mut bytes);
        }
        bytes.insert(0, noise.byte());
        check(&bytes);
    }
}

#[test]
fn a_head_parses_the_same_however_it_is_cut_and_survives_being_sent() {
    damaged(1, 6000, bodies::head);
}

#[test]
fn a_chunked_body_decodes_the_same_however_it_is_cut() {
    damaged(2, 3000, bodies::chunked);
    // Bodies alone, too, without the heads in which they are lost.
    let rows = vectors::load();
    let bodies: Vec<Vec<u8>> = rows
        .iter()
        .filter_map(|row| {
            let end = row
                .input
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")?;
            Some(row.input[end + 4..].to_vec()).filter(|body| !body.is_empty())
        })
        .collect();
    let mut noise = Noise::new(3);
    for round in 0..6000 {
        let mut bytes = noise.one_of(&bodies).clone();
        for _ in 0..(round % 4) {
            damage(&mut noise, &mut bytes);
        }
        bytes.insert(0, noise.byte());
        bodies::chunked(&bytes);
    }
}

#[test]
fn a_connection_says_the_same_however_its_bytes_come_and_go() {
    damaged(4, 6000, bodies::connection);
}

type Body = fn(&[u8]);

/// All targets of `tests/fuzz`.
const TARGETS: [(&str, Body); 9] = [
    ("head", bodies::head),
    ("chunked", bodies::chunked),
    ("connection", bodies::connection),
    ("frame", websocket::frame),
    ("websocket", websocket::websocket),
    ("handshake", websocket::handshake),
    ("extensions", websocket::extensions),
    ("inflate", websocket::inflate),
    ("deflate", websocket::deflate),
];

#[test]
fn what_is_seeded_for_websocket_holds_under_damage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let mut noise = Noise::new(9);
    for (target, body) in &TARGETS[3..] {
        let entries = std::fs::read_dir(folder.join(target)).expect("a folder of seeds");
        let seeds: Vec<Vec<u8>> = entries
            .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a seed"))
            .collect();
        for round in 0..4000 {
            let mut bytes = noise.one_of(&seeds).clone();
            for _ in 0..=(round % 5) {
                let at = noise.below(bytes.len());
                match noise.below(4) {
                    0 => bytes[at] = noise.byte(),
                    1 => bytes[at] ^= 1 << noise.below(8),
                    2 => bytes.insert(at, noise.byte()),
                    _ => damage(&mut noise, &mut bytes),
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            body(&bytes);
        }
    }
}

#[test]
fn inputs_that_were_found_by_fuzzing_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for (target, body) in TARGETS {
        let entries = std::fs::read_dir(folder.join(target)).expect("a folder of seeds");
        for entry in entries {
            body(&std::fs::read(entry.expect("an entry").path()).expect("a readable seed"));
        }
    }
}

/// The value of hexadecimal digits, by arithmetic that does not overflow.
fn model(digits: &str) -> Option<u64> {
    let value = digits.chars().try_fold(0_u128, |value, digit| {
        let value = value * 16 + u128::from(digit.to_digit(16)?);
        Some(value.min(u128::MAX >> 8))
    });
    value.and_then(|value| u64::try_from(value).ok())
}

#[test]
fn chunk_sizes_agree_with_wide_arithmetic() {
    let mut noise = Noise::new(5);
    for round in 0..20_000 {
        let len = 1 + round % 20;
        let digits: String = (0..len)
            .map(|_| char::from(*noise.one_of(b"0001789abcdefABCDEFffff")))
            .collect();
        let limits = Limits {
            max_content_len: u64::MAX,
            ..Limits::SERVER
        };
        let mut decoder = Decoder::new(Framing::Chunked, &limits).expect("chunked has no length");
        let piece = decoder.decode(format!("{digits}\r\nx").as_bytes(), &limits);
        let expected = match model(&digits) {
            None => Err(Error::Syntax(SyntaxError::InvalidChunkSize)),
            // `x` is no trailer line and may begin one.
            Some(0) => Ok(Piece::More { consumed: len + 2 }),
            Some(_) => Ok(Piece::Data {
                start: len + 2,
                end: len + 3,
            }),
        };
        assert_eq!(piece, expected, "{digits}");
    }
}

#[test]
fn content_lengths_agree_with_wide_arithmetic() {
    let mut noise = Noise::new(6);
    for round in 0..20_000 {
        let len = 1 + round % 24;
        let digits: String = (0..len)
            .map(|_| char::from(*noise.one_of(b"000112345678999")))
            .collect();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {digits}\r\n\r\n");
        let framing = RequestParser::new()
            .parse(head.as_bytes(), &Limits::SERVER)
            .map(|request| request.expect("a whole head").framing());
        let expected = match digits
            .parse::<u128>()
            .ok()
            .and_then(|value| u64::try_from(value).ok())
        {
            None => Err(Error::Syntax(SyntaxError::InvalidContentLength)),
            Some(0) => Ok(Framing::None),
            Some(len) => Ok(Framing::Length(len)),
        };
        assert_eq!(framing, expected, "{digits}");
        let limit = Decoder::new(Framing::Length(u64::MAX), &Limits::SERVER);
        assert_eq!(limit, Err(Error::Limit(LimitError::ContentTooLarge)));
    }
}
