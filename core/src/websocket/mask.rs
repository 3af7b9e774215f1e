//! Masking (RFC 6455 §5.3): each byte of the payload data is combined with one of the key by XOR, so
//! doing it twice undoes it.

/// Masks or unmasks in pieces: the key, turned so that the next byte uses its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    key: [u8; 4],
}

impl Mask {
    /// For the first byte of a frame's payload data.
    #[must_use]
    #[inline(always)]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks or unmasks the next bytes.
    #[inline(always)]
    pub fn apply(&mut self, payload: &mut [u8]) {
        mask(payload, self.key);
        self.key.rotate_left(payload.len() % 4);
    }
}

/// Masks or unmasks all of a frame's payload data.
#[inline(always)]
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<8>();
    let word = u64::from(u32::from_le_bytes(key));
    let word = word | word << 32;
    for bytes in words {
        *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_le_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule of RFC 6455 §5.3, to the letter.
    fn naive(payload: &[u8], key: [u8; 4]) -> std::vec::Vec<u8> {
        let octets = payload.iter().enumerate();
        octets.map(|(i, octet)| octet ^ key[i % 4]).collect()
    }

    #[test]
    fn masks_as_the_rule_says_at_every_length_and_start() {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let payload: std::vec::Vec<u8> = (0..300_u32).map(|i| (i * 7 % 251) as u8).collect();
        for start in 0..16 {
            for end in start..payload.len() {
                let mut masked = payload.clone();
                mask(&mut masked[start..end], KEY);
                assert_eq!(masked[start..end], naive(&payload[start..end], KEY));
                assert_eq!(masked[..start], payload[..start]);
                assert_eq!(masked[end..], payload[end..]);
            }
        }
    }

    #[test]
    fn pieces_are_masked_as_the_whole() {
        const KEY: [u8; 4] = [1, 2, 4, 8];
        let payload = [0; 40];
        for first in 0..=payload.len() {
            for second in first..=payload.len() {
                let mut masked = payload;
                let mut mask = Mask::new(KEY);
                mask.apply(&mut masked[..first]);
                mask.apply(&mut masked[first..second]);
                mask.apply(&mut masked[second..]);
                assert_eq!(masked[..], naive(&payload, KEY));
            }
        }
    }
}
