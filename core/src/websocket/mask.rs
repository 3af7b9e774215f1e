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
