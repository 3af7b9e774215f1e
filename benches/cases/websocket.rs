//! The operations of WebSocket, and the same of others.

use std::hint::black_box;
use std::io::Cursor;

use kinglet_core::websocket::frame::{Header, Rsv1Use};
use kinglet_core::websocket::{Opcode, Role, Utf8, mask};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// A tweet, a page and a picture.
pub const LENGTHS: [usize; 3] = [64, 1024, 64 * 1024];

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Payload data of `len` bytes.
pub fn payload(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// Takes the mask off.
pub fn unmask(payload: &mut [u8]) {
    mask(black_box(payload), black_box(KEY));
}

/// The same with fastwebsockets.
pub fn fastwebsockets_unmask(payload: &mut [u8]) {
    fastwebsockets::unmask(black_box(payload), black_box(KEY));
}

/// Text of `len` bytes: ASCII alone.
pub fn ascii(len: usize) -> Vec<u8> {
    b"{\"bird\":\"goldcrest\",\"grams\":5.5}, "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Text of `len` bytes with characters of one to four, a sentence of each script.
pub fn mixed(len: usize) -> Vec<u8> {
    let sentences = "The goldcrest is small. Das Wintergoldhähnchen fällt kaum auf. \
                     Королёк жёлтый. キクイタダキは小さい。 \u{1f426} ";
    let mut text = String::with_capacity(len);
    for character in sentences.chars().cycle() {
        match len - text.len() {
            0 => break,
            room if room >= character.len_utf8() => text.push(character),
            _ => text.push('.'),
        }
    }
    text.into_bytes()
}

/// Whether a message of text is UTF-8.
pub fn utf8(text: &[u8]) -> bool {
    let mut checked = Utf8::new();
    checked.push(black_box(text)).is_ok() && checked.is_complete()
}

/// The same with the standard library.
pub fn std_utf8(text: &[u8]) -> bool {
    str::from_utf8(black_box(text)).is_ok()
}

/// The same with simdutf8.
pub fn simdutf8(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(black_box(text)).is_ok()
}

/// A masked frame of each length that the header has a form for.
pub fn masked_headers() -> [Vec<u8>; 3] {
    [100, 1000, 100_000].map(|payload_len| {
        let header = Header::new(Opcode::Binary, payload_len, Some(KEY)).emit();
        [header.as_bytes(), &[0; 16]].concat()
    })
}

/// Reads a header as a server.
pub fn parse(bytes: &[u8]) -> u64 {
    match Header::parse(black_box(bytes), Role::Server, black_box(Rsv1Use::None)) {
        Ok(Some((header, len))) => {
            black_box((
                header.masking_key(),
                header.is_final(),
                header.opcode(),
                len,
            ));
            header.payload_len()
        }
        _ => 0,
    }
}

/// The same with tungstenite.
pub fn tungstenite_parse(bytes: &[u8]) -> u64 {
    match FrameHeader::parse(&mut Cursor::new(black_box(bytes))) {
        Ok(Some((header, payload_len))) => {
            black_box(header);
            payload_len
        }
        _ => 0,
    }
}

/// Writes a header as a server and answers its length.
pub fn emit(payload_len: u64, out: &mut [u8]) -> usize {
    let header = Header::new(black_box(Opcode::Binary), black_box(payload_len), None).emit();
    let bytes = header.as_bytes();
    black_box(out)[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}

/// The same with tungstenite.
pub fn tungstenite_emit(payload_len: u64, out: &mut [u8]) -> usize {
    let header = FrameHeader {
        opcode: black_box(OpCode::Data(Data::Binary)),
        ..FrameHeader::default()
    };
    let mut room = black_box(out);
    let free = room.len();
    let written = header.format(black_box(payload_len), &mut room);
    assert!(written.is_ok());
    free - room.len()
}
