//! SHA-1 (FIPS 180-4 §6.1) of the one length that an opening handshake hashes.
//!
//! ```text
//! key 24 | GUID 36 | 80 00 00 00 || 00 ... 00 | 00 00 01 e0        two blocks of 64 bytes
//! ```
//!
//! What is behind the message is always the same, so there is no buffer and no padding to be computed. Short
//! code goes before fast code: a connection does this once.

/// The hash of `message`.
pub(super) fn hash(message: &[u8; 60]) -> [u8; 20] {
    const BIT_LEN: u32 = 8 * 60;
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let mut block = [0; 16];
    let (words, _) = message.as_chunks();
    for (word, bytes) in block.iter_mut().zip(words) {
        *word = u32::from_be_bytes(*bytes);
    }
    // The bit that ends a message.
    block[15] = 0x8000_0000;
    digest(&mut state, &block);
    block = [0; 16];
    block[15] = BIT_LEN;
    digest(&mut state, &block);
    let mut hash = [0; 20];
    let (to, _) = hash.as_chunks_mut();
    for (to, word) in to.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    hash
}

/// Takes one block into `state`.
#[inline(never)]
fn digest(state: &mut [u32; 5], block: &[u32; 16]) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    // The next sixteen words of the message schedule.
    let mut words = *block;
    for round in 0..80 {
        let (mixed, constant) = match round {
            0..20 => (b & c | !b & d, 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc_u32),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let [
            w0,
            w1,
            w2,
            w3,
            w4,
            w5,
            w6,
            w7,
            w8,
            w9,
            w10,
            w11,
            w12,
            w13,
            w14,
            w15,
        ] = words;
        let w16 = (w0 ^ w2 ^ w8 ^ w13).rotate_left(1);
        words = [
            w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15, w16,
        ];
        let sum = [mixed, e, constant, w0]
            .into_iter()
            .fold(a.rotate_left(5), u32::wrapping_add);
        (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(message: &[u8; 60]) -> std::string::String {
        let digits = hash(message).map(|byte| std::format!("{byte:02x}"));
        digits.concat()
    }

    /// Compared with what `sha1sum` says.
    #[test]
    fn hashes_sixty_bytes() {
        assert_eq!(
            hexadecimal(&[0; 60]),
            "fb3d8fb74570a077e332993f7d3d27603501b987"
        );
        let letters = core::array::from_fn(|at| b"abcdefghijklmnopqrstuvwxyz"[at % 26]);
        assert_eq!(
            hexadecimal(&letters),
            "6d8c64099fafda87af096c9e8185de824d3c54ad"
        );
    }
}
