//! A block of bytes at once.
//!
//! On x86-64, where SSE2 is part of the instruction set, a block is 16 bytes; elsewhere it is a
//! 64-bit word, eight lanes of ordinary arithmetic.

use super::Class;

/// The index of the first byte of `bytes` that is not of `class`, or the length.
#[inline(always)]
pub(crate) fn skip(class: Class, bytes: &[u8]) -> usize {
    // Most runs end in their first block. A longer one goes on in a leaf: a call of it costs less
    // than its loop among the registers of a caller that has its own.
    match bytes.first_chunk().map(|block| lanes::stops(class, block)) {
        Some(stops) if stops != 0 => lanes::first(stops),
        _ => match class {
            Class::Text => skip_text(bytes),
            Class::Name => skip_name(bytes),
            Class::HostName => skip_host_name(bytes),
            Class::Digit => skip_digit(bytes),
            Class::Target => skip_target(bytes),
        },
    }
}

#[inline(never)]
fn skip_text(bytes: &[u8]) -> usize {
    skip_second_block(Class::Text, bytes)
}

#[inline(never)]
fn skip_name(bytes: &[u8]) -> usize {
    skip_second_block(Class::Name, bytes)
}

#[inline(never)]
fn skip_host_name(bytes: &[u8]) -> usize {
    skip_second_block(Class::HostName, bytes)
}

#[inline(never)]
fn skip_digit(bytes: &[u8]) -> usize {
    skip_second_block(Class::Digit, bytes)
}

#[inline(never)]
fn skip_target(bytes: &[u8]) -> usize {
    skip_second_block(Class::Target, bytes)
}

/// The same for bytes of which the first block, if they have a whole one, is of `class`.
#[inline(always)]
fn skip_second_block(class: Class, bytes: &[u8]) -> usize {
    let (Some((_, mut rest)), Some(last)) = (
        bytes.split_first_chunk::<{ lanes::COUNT }>(),
        bytes.last_chunk(),
    ) else {
        // NUL is of no class.
        return lanes::first(lanes::stops(class, &lanes::padded(bytes)));
    };
    while let Some((block, after)) = rest.split_first_chunk() {
        let stops = lanes::stops(class, block);
        if stops != 0 {
            let seen = bytes.len().wrapping_sub(rest.len());
            return seen.wrapping_add(lanes::first(stops));
        }
        rest = after;
    }
    // Fewer bytes than a block are left. The last whole block overlaps what was seen: shift that out.
    let overlap = lanes::COUNT.wrapping_sub(rest.len());
    let stops = lanes::drop_first(lanes::stops(class, last), overlap);
    let run = lanes::first(stops).min(rest.len());
    bytes.len().wrapping_sub(rest.len()).wrapping_add(run)
}

/// The index at or after `from` of the first `byte`, or the length.
#[inline]
pub(crate) fn find(byte: u8, bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let stops = lanes::equal(byte, block);
        if stops != 0 {
            return at.wrapping_add(lanes::first(stops));
        }
        at = at.wrapping_add(lanes::COUNT);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let run = rest.iter().position(|&other| other == byte);
    at.wrapping_add(run.unwrap_or(rest.len()))
}

/// Fewer than eight bytes, with zeros behind them.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "fewer than 8 bytes")]
fn padded_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            // Both have the middle, which is the same in both.
            let first = u64::from(u32::from_le_bytes(*first));
            let seen = bytes.len().wrapping_sub(4) as u32;
            first | u64::from(u32::from_le_bytes(*last)).wrapping_shl(seen.wrapping_mul(8))
        }
        _ => {
            let last_to_first = bytes.iter().rev();
            last_to_first.fold(0, |word, &byte| word << 8 | u64::from(byte))
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod lanes {
    //! Sixteen bytes a block; a mask has one bit for each.

    use super::Class;
    use core::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_movemask_epi8,
        _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };

    pub(super) const COUNT: usize = 16;

    /// The index of the first set lane; at least [`COUNT`] when there is none.
    #[inline(always)]
    pub(super) const fn first(mask: u32) -> usize {
        mask.trailing_zeros() as usize
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "at most 16 lanes")]
    pub(super) const fn drop_first(mask: u32, lanes: usize) -> u32 {
        mask.wrapping_shr(lanes as u32)
    }

    /// Bytes that are fewer than a block, with zeros behind them.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 16 bytes")]
    pub(super) fn padded(bytes: &[u8]) -> [u8; COUNT] {
        let wide = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                // Both have the middle; of the last, only what the first has not is wanted.
                let missing = COUNT.wrapping_sub(bytes.len()) as u32;
                let last = u64::from_le_bytes(*last).checked_shr(missing.wrapping_mul(8));
                let first = u128::from(u64::from_le_bytes(*first));
                first | u128::from(last.unwrap_or(0)) << 64
            }
            _ => u128::from(super::padded_word(bytes)),
        };
        wide.to_le_bytes()
    }

    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "a function with a target feature is called from one without"
    )]
    pub(super) fn stops(class: Class, block: &[u8; COUNT]) -> u32 {
        // SAFETY: the feature the callee asks for, SSE2, is on for the whole crate: `cfg` above.
        unsafe { stops_sse2(class, block) }
    }

    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "a function with a target feature is called from one without"
    )]
    pub(super) fn equal(byte: u8, block: &[u8; COUNT]) -> u32 {
        // SAFETY: the feature the callee asks for, SSE2, is on for the whole crate: `cfg` above.
        unsafe { equal_sse2(byte, block) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn stops_sse2(class: Class, block: &[u8; COUNT]) -> u32 {
        let bytes = load(block);
        let letter = || in_range(_mm_or_si128(bytes, splat(0x20)), b'a', b'z');
        match class {
            // One more than each lies above SP, as signed bytes: DEL has become the least of all.
            Class::Text => {
                let next = _mm_add_epi8(bytes, splat(1));
                0xffff ^ mask(_mm_cmpgt_epi8(next, splat(b' ')))
            }
            Class::Name => {
                let digit = in_range(bytes, b'0', b'9');
                let dash = _mm_cmpeq_epi8(bytes, splat(b'-'));
                0xffff ^ mask(_mm_or_si128(_mm_or_si128(letter(), digit), dash))
            }
            Class::HostName => {
                let dash_to_digit = in_range(bytes, b'-', b'9');
                let slash = _mm_cmpeq_epi8(bytes, splat(b'/'));
                let others = _mm_andnot_si128(slash, dash_to_digit);
                0xffff ^ mask(_mm_or_si128(letter(), others))
            }
            Class::Digit => 0xffff ^ mask(in_range(bytes, b'0', b'9')),
            Class::Target => {
                let marks_and_digits = in_range(bytes, b'&', b';');
                let equals = _mm_cmpeq_epi8(bytes, splat(b'='));
                let question = _mm_cmpeq_epi8(bytes, splat(b'?'));
                let underscore = _mm_cmpeq_epi8(bytes, splat(b'_'));
                let marks = _mm_or_si128(_mm_or_si128(equals, question), underscore);
                let others = _mm_or_si128(marks, marks_and_digits);
                0xffff ^ mask(_mm_or_si128(letter(), others))
            }
        }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal_sse2(byte: u8, block: &[u8; COUNT]) -> u32 {
        mask(_mm_cmpeq_epi8(load(block), splat(byte)))
    }

    /// One unaligned 16-byte load.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(block: &[u8; COUNT]) -> __m128i {
        let [low @ .., _, _, _, _, _, _, _, _] = *block;
        let [_, _, _, _, _, _, _, _, high @ ..] = *block;
        _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn splat(byte: u8) -> __m128i {
        _mm_set1_epi8(byte.cast_signed())
    }

    /// All ones in each lane that lies from `low` to `high`, as unsigned bytes.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn in_range(bytes: __m128i, low: u8, high: u8) -> __m128i {
        // Moved so that `high` becomes the greatest signed byte, and what is above it the least.
        let moved = _mm_add_epi8(bytes, splat(GREATEST.wrapping_sub(high)));
        let below = GREATEST
            .wrapping_sub(high.wrapping_sub(low))
            .wrapping_sub(1);
        _mm_cmpgt_epi8(moved, splat(below))
    }

    /// The greatest signed byte.
    const GREATEST: u8 = i8::MAX.cast_unsigned();

    #[inline]
    #[target_feature(enable = "sse2")]
    fn mask(lanes: __m128i) -> u32 {
        _mm_movemask_epi8(lanes).cast_unsigned()
    }
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod words {
    //! Eight bytes a block, in one 64-bit word; a mask has the high bit of each.
    //!
    //! Every test is exact in each lane, with no carry from one into the next: the low seven bits
    //! are added to a constant that reaches bit 7 just when they are large enough, and bytes from
    //! 0x80 are told apart by their own high bit.

    use super::Class;

    pub(super) const COUNT: usize = 8;

    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

    /// The index of the first set lane; at least [`COUNT`] when there is none.
    #[inline(always)]
    pub(super) const fn first(mask: u64) -> usize {
        (mask.trailing_zeros() >> 3) as usize
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "at most 8 lanes")]
    pub(super) const fn drop_first(mask: u64, lanes: usize) -> u64 {
        match mask.checked_shr((lanes as u32).wrapping_mul(8)) {
            Some(rest) => rest,
            None => 0,
        }
    }

    /// Bytes that are fewer than a block, with zeros behind them.
    #[inline(always)]
    pub(super) fn padded(bytes: &[u8]) -> [u8; COUNT] {
        super::padded_word(bytes).to_le_bytes()
    }

    #[inline(always)]
    pub(super) const fn stops(class: Class, block: &[u8; COUNT]) -> u64 {
        let bytes = u64::from_le_bytes(*block);
        let letter = in_range(bytes | splat(0x20), b'a', b'z');
        match class {
            Class::Text => HIGH & !in_range(bytes, b' ', b'~'),
            Class::Name => {
                let dash = in_range(bytes, b'-', b'-');
                HIGH & !(letter | in_range(bytes, b'0', b'9') | dash)
            }
            Class::HostName => {
                let others = in_range(bytes, b'-', b'9') & !in_range(bytes, b'/', b'/');
                HIGH & !(letter | others)
            }
            Class::Digit => HIGH & !in_range(bytes, b'0', b'9'),
            Class::Target => {
                let marks = in_range(bytes, b'=', b'=') | in_range(bytes, b'?', b'?');
                let others = marks | in_range(bytes, b'_', b'_');
                HIGH & !(letter | others | in_range(bytes, b'&', b';'))
            }
        }
    }

    #[inline(always)]
    pub(super) const fn equal(byte: u8, block: &[u8; COUNT]) -> u64 {
        let difference = u64::from_le_bytes(*block) ^ splat(byte);
        HIGH & !(difference | (difference & !HIGH).wrapping_add(!HIGH))
    }

    const fn splat(byte: u8) -> u64 {
        ONES.wrapping_mul(byte as u64)
    }

    /// The high bit of each lane that lies from `low` to `high`, both ASCII; other bits are noise.
    const fn in_range(bytes: u64, low: u8, high: u8) -> u64 {
        !below(bytes, low) & below(bytes, high.wrapping_add(1)) & !bytes
    }

    /// The high bit of each lane whose low seven bits are less than `bound`; other bits are noise.
    const fn below(bytes: u64, bound: u8) -> u64 {
        !(bytes & !HIGH).wrapping_add(splat(0x80_u8.wrapping_sub(bound)))
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
use words as lanes;

#[cfg(test)]
mod tests {
    use super::super::bytes;
    use super::*;

    const CLASSES: [Class; 5] = [
        Class::Text,
        Class::Name,
        Class::HostName,
        Class::Digit,
        Class::Target,
    ];

    #[test]
    fn every_byte_in_every_lane_agrees_with_the_class() {
        for class in CLASSES {
            for byte in 0..=255 {
                for lane in 0..16 {
                    let mut block = [b'7'; 16];
                    block[lane] = byte;
                    let expected = |count| match class.contains(byte) {
                        true => count,
                        false => lane % count,
                    };
                    let part = block[lane - lane % lanes::COUNT..].first_chunk().unwrap();
                    let stop = lanes::first(lanes::stops(class, part)).min(lanes::COUNT);
                    assert_eq!(
                        stop,
                        expected(lanes::COUNT),
                        "{class:?} {byte:#04x}, {lane}"
                    );
                    let part = block[lane - lane % words::COUNT..].first_chunk().unwrap();
                    let stop = words::first(words::stops(class, part)).min(words::COUNT);
                    assert_eq!(
                        stop,
                        expected(words::COUNT),
                        "{class:?} {byte:#04x}, {lane}"
                    );
                }
            }
        }
    }

    #[test]
    fn words_are_exact_beside_any_neighbour() {
        for class in CLASSES {
            for (first, second) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
                let block = [b'7', first, second, b'7', second, first, b'7', b'7'];
                let stops = words::stops(class, &block);
                for (lane, &byte) in block.iter().enumerate() {
                    let stop = stops >> (8 * lane) & 0x80 != 0;
                    assert_eq!(stop, !class.contains(byte), "{class:?} {block:?}");
                }
                let equal = words::equal(second, &block);
                for (lane, &byte) in block.iter().enumerate() {
                    assert_eq!(equal >> (8 * lane) & 0x80 != 0, byte == second);
                }
            }
        }
    }

    #[test]
    fn skips_as_far_as_byte_by_byte_at_every_length_and_start() {
        let mut bytes = [b'7'; 70];
        for len in 0..=bytes.len() {
            for stop in (0..len).chain([usize::MAX]) {
                if let Some(byte) = bytes.get_mut(stop) {
                    *byte = b'\r';
                }
                for class in CLASSES {
                    for from in [0, 1, 15, 16, 17, len / 2, len]
                        .into_iter()
                        .filter(|&f| f <= len)
                    {
                        let expected = bytes::skip(class, &bytes[from..len]);
                        assert_eq!(skip(class, &bytes[from..len]), expected);
                        let expected = bytes::find(b'\r', &bytes[..len], from);
                        assert_eq!(find(b'\r', &bytes[..len], from), expected);
                    }
                }
                if let Some(byte) = bytes.get_mut(stop) {
                    *byte = b'7';
                }
            }
        }
    }

    #[test]
    fn fewer_bytes_than_a_block_have_zeros_behind_them() {
        let bytes: [u8; 16] = core::array::from_fn(|at| u8::try_from(at + 1).unwrap());
        for len in 0..16 {
            let mut expected = [0; 16];
            expected[..len].copy_from_slice(&bytes[..len]);
            if len < lanes::COUNT {
                assert_eq!(lanes::padded(&bytes[..len])[..], expected[..lanes::COUNT]);
            }
            if len < words::COUNT {
                assert_eq!(words::padded(&bytes[..len])[..], expected[..words::COUNT]);
            }
        }
    }

    #[test]
    fn lanes_can_be_dropped() {
        assert_eq!(words::drop_first(0x80_00_80, 1), 0x80_00);
        assert_eq!(words::drop_first(u64::MAX, 8), 0);
        let mut block = [b'a'; lanes::COUNT];
        (block[0], block[2]) = (b'\r', b'\r');
        let stops = lanes::stops(Class::Text, &block);
        assert_eq!(lanes::first(lanes::drop_first(stops, 1)), 1);
        assert_eq!(lanes::drop_first(stops, lanes::COUNT), 0);
    }
}
