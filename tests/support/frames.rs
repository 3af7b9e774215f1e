//! WebSocket frames in words, and as bytes; written without a look at the engine.
//!
//! ```text
//! text "hello"                a whole text message
//! more text "hel"             the first fragment of one
//! continuation "lo"           its last
//! ping "x"  pong "x"          control frames
//! close 1000 "bye"            a Close frame with code and reason; `close` alone has neither
//! rsv1 rsv2 rsv3              reserved bits
//! opcode3 "x"                 a reserved opcode
//! len16 len64                 the payload length in 16 or 64 bits, whether it needs them or not
//! plain                       not masked, though the others of its side are, or the other way round
//! "x"*300                     a payload that is repeated
//! hex 81 05 48                bytes as they are
//! ```

use super::escape::unescape;

/// Whether the frames of a side are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    Masked,
    Plain,
}

/// The key of every masked frame: no byte of it is 0, and no two are alike.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The bytes of a frame in words.
pub fn bytes(line: &str, masking: Masking) -> Result<Vec<u8>, String> {
    if let Some(hex) = line.strip_prefix("hex ") {
        let byte = |digits| u8::from_str_radix(digits, 16).map_err(|why| format!("{why}: {line}"));
        return hex.split_whitespace().map(byte).collect();
    }
    let (words, quoted) = match line.split_once('"') {
        Some((words, rest)) => (words, Some(rest)),
        None => (line, None),
    };
    let mut payload = match quoted {
        None => Vec::new(),
        Some(rest) => {
            let (text, times) = rest.rsplit_once('"').ok_or("no closing quote")?;
            let times = match times.trim().strip_prefix('*') {
                None => 1,
                Some(times) => times.parse().map_err(|why| format!("{why}: {line}"))?,
            };
            unescape(text)?.repeat(times)
        }
    };
    let (mut first, mut width, mut masked) = (0x80_u8, 0, masking == Masking::Masked);
    for word in words.split_whitespace() {
        match word {
            "more" => first &= 0x7f,
            "rsv1" => first |= 0x40,
            "rsv2" => first |= 0x20,
            "rsv3" => first |= 0x10,
            "len16" => width = 126,
            "len64" => width = 127,
            "plain" => masked = !masked,
            "continuation" => {}
            "text" => first |= 1,
            "binary" => first |= 2,
            "close" => first |= 8,
            "ping" => first |= 9,
            "pong" => first |= 10,
            _ => match (word.strip_prefix("opcode"), word.parse::<u16>()) {
                (Some(opcode), _) => {
                    first |= opcode.parse::<u8>().map_err(|why| why.to_string())?
                }
                (None, Ok(code)) => {
                    payload.splice(0..0, code.to_be_bytes());
                }
                (None, Err(_)) => return Err(format!("no such word: {word}")),
            },
        }
    }
    Ok(frame(first, width, masked.then_some(KEY), &payload))
}

/// A frame with a first byte and a payload; `width` is 126 or 127 for a length in more bits than it
/// needs.
pub fn frame(first: u8, width: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![first];
    match (width, len) {
        (0, 0..=125) => frame.push(mask | len as u8),
        (126, 0..=0xffff) | (0, 126..=0xffff) => {
            frame.push(mask | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    match key {
        None => frame.extend(payload),
        Some(key) => {
            frame.extend(key);
            frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
        }
    }
    frame
}

/// A whole message as a client sends it.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0, Some(KEY), payload)
}
