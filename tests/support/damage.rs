//! Damage to messages, of the kinds that parsers fall for.

use super::noise::Noise;

/// Pieces that matter to a parser of HTTP.
const TOKENS: [&str; 24] = [
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "\"",
    "\0",
    "\x7f",
    "0",
    "ffffffffffffffff",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "Host: a\r\n",
    "HTTP/1.1",
    "chunked",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "0\r\n\r\n",
    "%41",
];

/// Changes a few bytes, or puts in a piece that matters.
pub fn damage(noise: &mut Noise, bytes: &mut Vec<u8>) {
    let at = noise.below(bytes.len() + 1);
    let end = (at + noise.below(12)).min(bytes.len());
    match noise.below(7) {
        0 => drop(bytes.drain(at..end)),
        1 => drop(bytes.splice(at..end, noise.one_of(&TOKENS).bytes())),
        2 => drop(bytes.splice(at..at, noise.one_of(&TOKENS).bytes())),
        3 => bytes.insert(at, noise.byte()),
        4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = noise.byte();
            }
        }
        5 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << noise.below(8);
            }
        }
        _ => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}
