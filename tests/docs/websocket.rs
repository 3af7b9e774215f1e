//! `docs/websocket-anatomy.md` is so: its frames are played on the engine, its rows read by the parts of
//! the engine that they are about, its tables compared with the code.

use std::fmt::Write;

use kinglet_core::Limits;
use kinglet_core::http::RequestParser;
use kinglet_core::websocket::accept_key;
use kinglet_core::websocket::close;
use kinglet_core::websocket::deflate::{End, Inflate, Inflater, Takeover};
use kinglet_core::websocket::frame::{Header, Rsv1Use};
use kinglet_core::websocket::{CloseCode, Deflate, Error, Handshake, LimitError, Opcode};
use kinglet_core::websocket::{ProtocolError, Role, Terms, TimeoutError, Utf8, mask};

use crate::escape::{escape, unescape};
use crate::example::{self, Delivery};
use crate::frames::{self, KEY, Masking};
use crate::markdown::{Block, blocks, table};

pub const PAGE: &str = include_str!("../../docs/websocket-anatomy.md");

#[test]
fn every_example_of_the_page_comes_out_as_shown() {
    for delivery in [Delivery::Whole, Delivery::ByteByByte] {
        let played = example::play(&blocks(PAGE), delivery);
        let answered = played.unwrap_or_else(|told| panic!("{told}"));
        assert!(answered > 20, "only {answered} examples");
    }
}

#[test]
fn no_bytes_of_the_page_escape_the_check() {
    let mut open = None;
    for block in blocks(PAGE) {
        match block.kind {
            "text" => {}
            "http-in" | "ws-in" => open = Some(block.at),
            "http-out" | "ws-out" => open = None,
            "ws-told" => {}
            _ => {
                let rows = check_rows(&block).unwrap_or_else(|told| panic!("{told}"));
                assert!(rows > 0, "line {}", block.at);
            }
        }
    }
    assert_eq!(open, None, "bytes sent, and no word of what comes of them");
}

#[test]
fn an_example_or_a_row_that_is_wrong_does_not_pass() {
    let hello = frames::masked(0x81, b"Hello");
    let hex = |bytes: &[u8]| hex(bytes, 16);
    let right = format!(
        "```ws-in\n{}  text \"Hello\"\n```\n```ws-out\n81 05 48 65 6c 6c 6f  text \"Hello\"\n```\n\
         ```ws-told\ntext Hello\n```\n",
        hex(&hello)
    );
    let verdict = |text: &str| example::play(&blocks(text), Delivery::Whole);
    assert_eq!(verdict(&right), Ok(1));
    for (from, to) in [
        ("6c 6c 6f", "6c 6c 70"),
        ("\"Hello\"", "\"Hallo\""),
        ("ws-out", "ws-out close"),
        ("ws-in", "ws-in more"),
        ("text Hello", "binary Hello"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert!(verdict(&wrong).is_err(), "{from} is as good as {to}");
    }
    for row in [
        "ws-frame client\n81 80 00 00 00 00 -> FIN binary, 0 bytes, key 00 00 00 00",
        "ws-frame\n81 00 -> FIN text, 0 bytes",
        "ws-mask\n48 ^ 37 -> 7e",
        "ws-accept\naccept dGhlIHNhbXBsZSBub25jZQ== -> dGhlIHNhbXBsZSBub25jZQ==",
        "ws-close\n03 e8 -> 1001 \"\"",
        "ws-text\nc3 -> text",
        "ws-offer\npermessage-deflate -> none",
        "ws-deflate\nf2 48 cd c9 c9 07 00 -> \"Hallo\"",
        "ws-nothing\na -> b",
    ] {
        let text = format!("```{row}\n```\n");
        assert!(check_rows(&blocks(&text)[0]).is_err(), "{row}");
    }
}

#[test]
fn every_error_is_in_the_table_with_its_code() {
    use LimitError::*;
    use ProtocolError::*;
    let errors: [(&str, Error); 23] = [
        ("ReservedBit", ReservedBit.into()),
        ("ReservedOpcode", ReservedOpcode.into()),
        ("UnmaskedFrame", UnmaskedFrame.into()),
        ("MaskedFrame", MaskedFrame.into()),
        ("LengthNotMinimal", LengthNotMinimal.into()),
        ("LengthTooLong", LengthTooLong.into()),
        ("FragmentedControl", FragmentedControl.into()),
        ("ControlTooLong", ControlTooLong.into()),
        ("UnexpectedContinuation", UnexpectedContinuation.into()),
        ("MissingContinuation", MissingContinuation.into()),
        ("InvalidClosePayload", InvalidClosePayload.into()),
        ("InvalidCloseCode", InvalidCloseCode.into()),
        ("InvalidUtf8", Error::InvalidUtf8),
        ("InvalidDeflate", Error::InvalidDeflate),
        ("MessageTooLong", MessageTooLong.into()),
        ("TooManyFragments", TooManyFragments.into()),
        ("InflatedTooFar", InflatedTooFar.into()),
        ("NoMemory", NoMemory.into()),
        ("WindowTooSmall", WindowTooSmall.into()),
        ("TooSlow", TooSlow.into()),
        ("Pong", TimeoutError::Pong.into()),
        ("Close", TimeoutError::Close.into()),
        ("Send", TimeoutError::Send.into()),
    ];
    let table = table(PAGE, "What fails the connection");
    table.has_only(&errors.map(|(name, _)| name));
    let source = include_str!("../../core/src/websocket/error.rs");
    for (name, error) in errors {
        assert!(source.contains(&format!(" {name},\n")), "{name}");
        let code = error
            .close_code()
            .map_or("none".into(), |code| code.to_string());
        assert_eq!(table.row(name)[3], code, "{name}");
    }
}

#[test]
fn every_code_is_in_the_table_as_one_that_is_sent_or_never() {
    let table = table(PAGE, "Close codes");
    let mut codes = Vec::new();
    for row in &table.rows {
        let ends = row[0]
            .split_once(" to ")
            .map_or([row[0]; 2], |ends| ends.into());
        let [first, last] = ends.map(|end| end.parse::<u16>().expect("a number"));
        for code in first..=last {
            let sent = CloseCode::new(code).may_be_sent();
            assert_eq!(row[2] == "yes", sent, "{code}");
            codes.push(code);
        }
    }
    let sent = |code: &u16| CloseCode::new(*code).may_be_sent();
    let missing = (0..=u16::MAX).find(|code| sent(code) && !codes.contains(code));
    assert_eq!(missing, None);
}

/// The request of an opening handshake, with the key of RFC 6455 §1.3.
pub fn opening(offer: Option<&str>) -> Vec<u8> {
    let extensions = offer.map_or(String::new(), |offer| {
        format!("Sec-WebSocket-Extensions: {offer}\r\n")
    });
    let request = "GET /ws HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    format!("{request}{extensions}\r\n").into_bytes()
}

/// The bytes of a block of frames. In each line they stand in hexadecimal, and behind two spaces in the
/// words of `tests/support/frames.rs`, or with a remark in parentheses where they are no frame.
pub fn bytes(block: &Block<'_>) -> Result<Vec<u8>, String> {
    let masking = match block.kind {
        "ws-in" => Masking::Masked,
        _ => Masking::Plain,
    };
    let mut all = Vec::new();
    for line in &block.lines {
        let (digits, words) = line
            .split_once("  ")
            .ok_or_else(|| format!("no words: {line}"))?;
        let bytes = unhex(digits)?;
        let words = words.trim();
        if !words.starts_with('(') {
            let expected = frames::bytes(words, masking)?;
            if expected != bytes {
                return Err(format!("{words} is {}", hex(&expected, 16)));
            }
        }
        all.extend(bytes);
    }
    Ok(all)
}

/// Checks a block of rows `bytes -> what comes of them`, and answers how many there are.
fn check_rows(block: &Block<'_>) -> Result<usize, String> {
    let mut inflater = Inflater::new(vec![0; 1 << 15]);
    for line in &block.lines {
        let told = |what: String| format!("below line {}: {line}: {what}", block.at);
        let (left, expected) = line
            .rsplit_once(" -> ")
            .ok_or_else(|| told("no arrow".into()))?;
        let left = left.trim();
        let got = match (block.kind, &block.words[..]) {
            ("ws-frame", ["client"]) => frame(left, Role::Server, Rsv1Use::None),
            ("ws-frame", ["client", "deflate"]) => frame(left, Role::Server, Rsv1Use::Compression),
            ("ws-frame", ["server"]) => frame(left, Role::Client, Rsv1Use::None),
            ("ws-mask", []) => masked(left),
            ("ws-accept", []) => accepted(left),
            ("ws-close", []) => unhex(left).map(|payload| closed(&payload)),
            ("ws-text", []) => text(left),
            ("ws-offer", []) => answer(left, Deflate::SERVER),
            ("ws-offer", ["shared"]) => answer(left, Deflate::SHARED),
            ("ws-offer", ["small"]) => answer(left, SMALL),
            ("ws-deflate", []) => inflated(left, &mut inflater, Takeover::Allowed),
            ("ws-deflate", ["alone"]) => inflated(left, &mut inflater, Takeover::Forbidden),
            (kind, words) => Err(format!("a block of kind {kind} {words:?}")),
        };
        let got = got.map_err(told)?;
        if got != expected {
            return Err(told(got));
        }
    }
    Ok(block.lines.len())
}

/// A server with less memory.
const SMALL: Deflate = Deflate {
    server_max_window_bits: 12,
    client_max_window_bits: 11,
    ..Deflate::SERVER
};

/// What the header of a frame says, and its payload, where that is there.
fn frame(digits: &str, receiver: Role, rsv1: Rsv1Use) -> Result<String, String> {
    let bytes = unhex(digits)?;
    let (header, len) = match Header::parse(&bytes, receiver, rsv1) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Ok("more is needed".into()),
        Err(error) => return Ok(refusal(error.into())),
    };
    let mut said = String::new();
    if header.is_final() {
        said.push_str("FIN ");
    }
    if header.is_compressed() {
        said.push_str("RSV1 ");
    }
    said.push_str(match header.opcode() {
        Opcode::Continuation => "continuation",
        Opcode::Text => "text",
        Opcode::Binary => "binary",
        Opcode::Close => "close",
        Opcode::Ping => "ping",
        Opcode::Pong => "pong",
    });
    let unit = if header.payload_len() == 1 {
        "byte"
    } else {
        "bytes"
    };
    let _ = write!(said, ", {} {unit}", header.payload_len());
    let mut payload = bytes[len..].to_vec();
    if let Some(key) = header.masking_key() {
        let _ = write!(said, ", key {}", hex(&key, 16));
        mask(&mut payload, key);
    }
    if !payload.is_empty() {
        if payload.len() as u64 != header.payload_len() {
            return Err("neither a header nor a frame".into());
        }
        let _ = write!(said, ": \"{}\"", escape(&payload));
    }
    Ok(said)
}

/// `payload ^ key`, in hexadecimal or in bits.
fn masked(row: &str) -> Result<String, String> {
    let (payload, key) = row.split_once(" ^ ").ok_or("no ^")?;
    let radix = if payload.split(' ').all(|byte| byte.len() == 8) {
        2
    } else {
        16
    };
    let [mut payload, key] = [payload, key].map(|bytes| parse(bytes, radix));
    let payload = payload.as_mut().map_err(|why| why.clone())?;
    let key = match key?[..] {
        [byte] => [byte; 4],
        [a, b, c, d] => [a, b, c, d],
        _ => return Err("a key has four bytes".into()),
    };
    mask(payload, key);
    Ok(hex(payload, radix))
}

/// A step on the way from a nonce to the proof.
fn accepted(row: &str) -> Result<String, String> {
    let (step, value) = row.split_once(' ').ok_or("no step")?;
    let value = value.trim();
    let accept = || {
        let key = value.as_bytes().try_into().map_err(|_| "a key of 24 bytes");
        key.map(|key: &[u8; 24]| accept_key::accept(key))
    };
    Ok(match step {
        "key" => {
            let nonce = unhex(value)?.try_into().map_err(|_| "16 bytes")?;
            String::from_utf8_lossy(&accept_key::key(&nonce)).into_owned()
        }
        "digest" => hex(&unbase64(&accept()?), 16),
        "accept" => String::from_utf8_lossy(&accept()?).into_owned(),
        _ => return Err(format!("no such step: {step}")),
    })
}

fn unbase64(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text
        .iter()
        .map_while(|byte| DIGITS.iter().position(|digit| digit == byte));
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for digit in digits {
        bits = bits << 6 | digit;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

fn closed(payload: &[u8]) -> String {
    match close::parse(payload) {
        Ok((code, reason)) => format!("{code} \"{}\"", escape(reason.as_bytes())),
        Err(error) => refusal(error),
    }
}

/// What comes of text in pieces, which a bar separates.
fn text(row: &str) -> Result<String, String> {
    let mut utf8 = Utf8::new();
    for (index, piece) in row.split(" | ").enumerate() {
        if utf8.push(&unhex(piece)?).is_err() {
            return Ok(format!("refused in piece {}", index + 1));
        }
    }
    Ok(match utf8.is_complete() {
        true => "text".into(),
        false => "incomplete".into(),
    })
}

/// The answer to an offer of extensions.
fn answer(offer: &str, ours: Deflate) -> Result<String, String> {
    const FIELD: &str = "Sec-WebSocket-Extensions";
    let head = opening(Some(offer));
    let parsed = RequestParser::new().parse(&head, &Limits::SERVER);
    let request = parsed.map_err(|why| why.to_string())?.ok_or("no head")?;
    let terms = Terms {
        deflate: Some(ours),
        ..Terms::ANY
    };
    let agreed = Handshake::parse(&request).and_then(|handshake| handshake.agree(&terms));
    Ok(match agreed {
        Err(error) => format!("{} {error}", error.status().code()),
        Ok(agreed) => agreed.with_fields(|fields| {
            let field = fields.iter().find(|field| field.name() == FIELD);
            field.map_or("none".into(), |field| escape(field.value()))
        }),
    })
}

/// A compressed message, behind those of the rows before it.
fn inflated<W>(
    digits: &str,
    inflater: &mut Inflater<W>,
    takeover: Takeover,
) -> Result<String, String>
where
    W: AsRef<[u8]> + AsMut<[u8]>,
    Inflater<W>: Inflate,
{
    let bytes = unhex(digits)?;
    assert!(inflater.begin(15, takeover), "there is memory");
    let (mut message, mut at) = (Vec::new(), 0);
    loop {
        let Ok(step) = inflater.inflate(&bytes[at..], End::Message, usize::MAX) else {
            return Ok(refusal(Error::InvalidDeflate));
        };
        message.extend_from_slice(inflater.output());
        at += step.consumed;
        if step.is_done {
            return Ok(format!("\"{}\"", escape(&message)));
        }
    }
}

fn refusal(error: Error) -> String {
    match error.close_code() {
        Some(code) => format!("{code} {error}"),
        None => error.to_string(),
    }
}

fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    parse(digits, 16)
}

fn parse(bytes: &str, radix: u32) -> Result<Vec<u8>, String> {
    let byte = |digits| u8::from_str_radix(digits, radix).map_err(|why| format!("{why}: {digits}"));
    bytes.split_whitespace().map(byte).collect()
}

fn hex(bytes: &[u8], radix: u32) -> String {
    let digits = bytes.iter().map(|byte| match radix {
        2 => format!("{byte:08b}"),
        _ => format!("{byte:02x}"),
    });
    digits.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_masks_with_the_key_of_its_frames() {
    assert!(PAGE.contains(&format!("key {}", hex(&KEY, 16))));
    assert_eq!(unescape("\\x37"), Ok(vec![KEY[0]]));
}
