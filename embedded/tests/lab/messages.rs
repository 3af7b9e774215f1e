//! Requests, and what is in their answers.

pub(crate) const CLOSE: &str = "Host: lab\r\nConnection: close\r\n\r\n";

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{CLOSE}").into_bytes()
}

pub(crate) fn post(path: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Length: {}\r\n{CLOSE}",
        content.len()
    );
    [head.as_bytes(), content].concat()
}

/// The content of an answer, with its head before it.
pub(crate) fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(answer))) + 4;
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head is ASCII");
    (head, answer[end..].to_vec())
}

/// What is left of chunks when their framing is taken off.
pub(crate) fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let line = bytes
            .windows(2)
            .position(|end| end == b"\r\n")
            .expect("a size");
        let size = core::str::from_utf8(&bytes[..line]).expect("hexadecimal");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        bytes = &bytes[line + 2..];
        if size == 0 {
            assert_eq!(bytes, b"\r\n");
            return content;
        }
        content.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

/// One masked frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x9a, 0x55, 0xf0];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&KEY);
    let masked = payload.iter().zip(KEY.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}

/// The payload data of all frames of a server's messages, in order, and how many bytes they took.
/// Control frames are left out.
pub(crate) fn payloads(mut bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (len, rest) = match *second {
            126 if rest.len() >= 2 => (u16::from_be_bytes([rest[0], rest[1]]).into(), &rest[2..]),
            127 if rest.len() >= 8 => {
                let len = u64::from_be_bytes(rest[..8].try_into().expect("eight bytes"));
                (len as usize, &rest[8..])
            }
            126 | 127 => break,
            len => (usize::from(len), rest),
        };
        let Some(payload) = rest.get(..len) else {
            break;
        };
        if first & 0x08 == 0 {
            data.extend_from_slice(payload);
        }
        bytes = &rest[len..];
    }
    data
}

/// The opening handshake of RFC 6455 §1.3, with `more` field lines.
pub(crate) fn opening(more: &str) -> Vec<u8> {
    format!(
        "GET /ws HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}
