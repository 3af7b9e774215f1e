//! Masking: every byte of a client's payload XOR the masking key, over and over (RFC 6455 §5.3).
//!
//! ```text
//! payload  b0 b1 b2 b3 b4 b5 b6 ...
//! key      k0 k1 k2 k3 k0 k1 k2 ...
//! ```
//!
//! The same again takes it off. A payload is done in blocks, and what is left at its end by one last
//! block that overlaps the one before: its bytes are read before any is changed. Where code is to be small,
//! a block is a word.

/// Masks a payload, or takes the mask off.
///
/// ```
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58";
/// kinglet_core::websocket::mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(&payload, b"Hello");
/// ```
#[cfg_attr(not(small), inline)]
#[cfg_attr(small, inline(never))]
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    match payload.len() {
        _ if cfg!(small) => mask_words(payload, key),
        0..4 => mask_words(payload, key),
        4..8 => mask_ends::<4>(payload, key),
        8..16 => mask_ends::<8>(payload, key),
        16..32 => mask_ends::<16>(payload, key),
        32..=64 => mask_ends::<32>(payload, key),
        _ => mask_blocks::<64>(payload, key),
    }
}

/// Masks a payload that comes in pieces.
///
/// ```
/// use kinglet_core::websocket::Mask;
///
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58";
/// let (first, second) = payload.split_at_mut(2);
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// mask.apply(first);
/// mask.apply(second);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    // Rotated so that the next byte takes the first of it.
    key: [u8; 4],
}

impl Mask {
    /// For a payload that begins with the next byte.
    #[inline]
    #[must_use]
    pub const fn new(masking_key: [u8; 4]) -> Self {
        Self { key: masking_key }
    }

    /// Masks the next piece of the payload, or takes the mask off it.
    #[inline]
    pub fn apply(&mut self, piece: &mut [u8]) {
        mask(piece, self.key);
        self.key = rotated(self.key, piece.len());
    }
}

/// Of a payload that two blocks cover: the first and the last, which may overlap.
#[inline]
fn mask_ends<const LEN: usize>(payload: &mut [u8], key: [u8; 4]) {
    let (Some(first), Some(last)) = (payload.first_chunk(), payload.last_chunk()) else {
        return;
    };
    let first: [u8; LEN] = xor(*first, key);
    let last: [u8; LEN] = xor(*last, rotated(key, payload.len()));
    put_first(payload, first);
    put_last(payload, last);
}

/// Of a payload that is longer than a block: one after the other, and the last, which may overlap.
#[inline]
fn mask_blocks<const LEN: usize>(payload: &mut [u8], key: [u8; 4]) {
    let Some(last) = payload.last_chunk() else {
        return;
    };
    let last: [u8; LEN] = xor(*last, rotated(key, payload.len()));
    let (blocks, _) = payload.as_chunks_mut::<LEN>();
    for block in blocks {
        *block = xor(*block, key);
    }
    put_last(payload, last);
}

/// A block and the key, which begins with it. Its length is a multiple of four.
///
/// The compiler makes vectors of these words where there are some, but not of wider ones.
#[inline]
fn xor<const LEN: usize>(mut block: [u8; LEN], key: [u8; 4]) -> [u8; LEN] {
    mask_words(&mut block, key);
    block
}

#[inline]
fn mask_words(payload: &mut [u8], key: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key for what follows after `len` bytes.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "0 to 24")]
const fn rotated(key: [u8; 4], len: usize) -> [u8; 4] {
    let bits = (len % 4).wrapping_mul(8) as u32;
    u32::from_le_bytes(key).rotate_right(bits).to_le_bytes()
}

#[inline]
fn put_first<const LEN: usize>(payload: &mut [u8], bytes: [u8; LEN]) {
    if let Some(first) = payload.first_chunk_mut() {
        *first = bytes;
    }
}

#[inline]
fn put_last<const LEN: usize>(payload: &mut [u8], bytes: [u8; LEN]) {
    if let Some(last) = payload.last_chunk_mut() {
        *last = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// RFC 6455 §5.3, as it is written there.
    fn naive(payload: &[u8], key: [u8; 4], phase: usize) -> Vec<u8> {
        let keys = key.into_iter().cycle().skip(phase);
        payload
            .iter()
            .zip(keys)
            .map(|(octet, key)| octet ^ key)
            .collect()
    }

    fn noise(len: usize) -> Vec<u8> {
        let next = |byte: &u8| Some(byte.wrapping_mul(5).wrapping_add(167));
        core::iter::successors(Some(5), next).take(len).collect()
    }

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn masks_as_the_byte_loop_at_every_length_start_and_phase() {
        for len in 0..300 {
            for start in 0..16 {
                for phase in 0..4 {
                    let mut payload = noise(len + 32);
                    let expected = [
                        &payload[..start],
                        &naive(&payload[start..start + len], KEY, phase),
                        &payload[start + len..],
                    ]
                    .concat();
                    let mut key = KEY;
                    key.rotate_left(phase);
                    mask(&mut payload[start..start + len], key);
                    assert_eq!(payload, expected, "{len} {start} {phase}");
                }
            }
        }
    }

    #[test]
    fn masks_pieces_as_the_whole_at_every_split() {
        for len in 0..100 {
            let expected = naive(&noise(len), KEY, 0);
            for (first, second) in (0..=len).flat_map(|a| (a..=len).map(move |b| (a, b))) {
                let mut payload = noise(len);
                let mut mask = Mask::new(KEY);
                mask.apply(&mut payload[..first]);
                mask.apply(&mut payload[first..second]);
                mask.apply(&mut payload[second..]);
                assert_eq!(payload, expected, "{len} {first} {second}");
            }
            let mut payload = noise(len);
            let mut mask = Mask::new(KEY);
            for byte in payload.chunks_mut(1) {
                mask.apply(byte);
            }
            assert_eq!(payload, expected, "{len}");
        }
    }

    #[test]
    fn every_byte_of_a_key_counts() {
        for (place, value) in (0..4).flat_map(|place| (0..=255).map(move |value| (place, value))) {
            let mut key = [0; 4];
            key[place] = value;
            let mut payload = [0; 21];
            mask(&mut payload, key);
            assert_eq!(payload[..], naive(&[0; 21], key, 0));
        }
    }

    #[test]
    fn twice_is_not_at_all() {
        let mut payload = noise(1000);
        mask(&mut payload, KEY);
        mask(&mut payload, KEY);
        assert_eq!(payload, noise(1000));
    }

    #[test]
    fn a_mask_is_four_bytes() {
        assert_eq!(size_of::<Mask>(), 4);
    }
}
