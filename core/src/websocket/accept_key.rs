//! The proof that an opening handshake was understood (RFC 6455 §4.2.2).

use base64ct::{Base64, Encoding};

use super::sha1;
use crate::window::Writer;

/// What every server appends to the key that it was sent.
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for that of `Sec-WebSocket-Key`.
///
/// ```text
/// Sec-WebSocket-Accept = base64-value-non-empty      base64(SHA-1(key GUID))
/// ```
#[must_use]
pub fn accept(key: &[u8; 24]) -> [u8; 28] {
    let mut hashed = [0; 60];
    Writer::new(&mut hashed).put_array(key).put_array(GUID);
    let mut value = [0; 28];
    let mut groups = [0; 21];
    Writer::new(&mut groups).put_array(&sha1::hash(&hashed));
    encode(&groups, &mut value);
    value[27] = b'=';
    value
}

/// The value of `Sec-WebSocket-Key` for a nonce.
#[must_use]
pub fn key(nonce: &[u8; 16]) -> [u8; 24] {
    let mut value = [0; 24];
    let mut groups = [0; 18];
    Writer::new(&mut groups).put_array(nonce);
    encode(&groups, &mut value);
    [value[22], value[23]] = [b'='; 2];
    value
}

/// The base64 of whole groups of three bytes; what is padding is up to the caller. A rest would be copied by
/// the library in a way that the compiler cannot see to be without panic.
#[inline]
fn encode<const LEN: usize, const ENCODED: usize>(groups: &[u8; LEN], value: &mut [u8; ENCODED]) {
    const { assert!(LEN * 4 == ENCODED * 3) };
    let _ = Base64::encode(groups, value);
}

/// The key in a field value that is the base64 of 16 bytes. The bits behind the last byte may be any,
/// as they are in the example of RFC 6455 §4.1: nobody decodes the key.
pub(super) fn parse_key(value: &[u8]) -> Option<&[u8; 24]> {
    let key = value.first_chunk().filter(|_| value.len() == 24)?;
    let digits = key.strip_suffix(b"==")?;
    let is_digit = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.iter().all(is_digit).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_key_of_the_rfc() {
        // RFC 6455 §1.3.
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert_eq!(&accept(key), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(parse_key(key), Some(key));
        assert_eq!(self::key(b"the sample nonce"), *key);
    }

    #[test]
    fn the_key_of_the_rfcs_example_is_one() {
        // RFC 6455 §4.1, item 7.
        let key = b"AQIDBAUGBwgJCgsMDQ4PEC==";
        assert_eq!(parse_key(key), Some(key));
    }

    #[test]
    fn a_key_is_the_base64_of_sixteen_bytes() {
        for value in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ===",
            // 17 and 18 bytes.
            "dGhlIHNhbXBsZSBub25jZWE=",
            "dGhlIHNhbXBsZSBub25jZWFh",
            "dGhlIHNhbXBsZSBub25jZ!==",
            "dGhlIHNhbXBsZSBub25j=Q==",
        ] {
            assert_eq!(parse_key(value.as_bytes()), None, "{value}");
        }
    }
}
