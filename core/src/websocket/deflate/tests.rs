//! Against another implementation of RFC 1951, in both directions, at every window and every cut.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test that overflows fails"
)]

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::{Deflate, Deflater, End, Inflate, Inflater, InvalidDeflate, Takeover};

/// Inflates a message that comes in these pieces; the output is gathered.
fn inflate(
    inflater: &mut impl Inflate,
    bits: u8,
    takeover: Takeover,
    pieces: &[&[u8]],
) -> Result<Vec<u8>, InvalidDeflate> {
    inflate_by(usize::MAX, inflater, bits, takeover, pieces)
}

/// The same, no more than `most` bytes at a time.
fn inflate_by(
    most: usize,
    inflater: &mut impl Inflate,
    bits: u8,
    takeover: Takeover,
    pieces: &[&[u8]],
) -> Result<Vec<u8>, InvalidDeflate> {
    assert!(inflater.begin(bits, takeover));
    let mut output = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let is_last = index + 1 == pieces.len();
        let end = if is_last { End::Message } else { End::More };
        let mut rest = *piece;
        loop {
            let inflated = inflater.inflate(rest, end, most)?;
            assert_eq!(inflater.output().len(), inflated.len);
            assert!(inflated.len <= most);
            assert!(
                inflated.consumed > 0 || inflated.len > 0 || inflated.is_done || rest.is_empty(),
                "a call without progress"
            );
            output.extend_from_slice(inflater.output());
            rest = &rest[inflated.consumed..];
            let is_over = if is_last {
                inflated.is_done
            } else {
                rest.is_empty() && inflated.len == 0
            };
            if is_over {
                break;
            }
        }
        assert!(rest.is_empty());
    }
    Ok(output)
}

/// The same message whole, byte by byte, and cut in two at every place where it is short.
fn inflate_all_ways(payload: &[u8], bits: u8) -> Result<Vec<u8>, InvalidDeflate> {
    let fresh = |pieces: &[&[u8]]| {
        let mut inflater = Inflater::new(vec![0; 1 << bits].into_boxed_slice());
        inflate(&mut inflater, bits, Takeover::Forbidden, pieces)
    };
    let whole = fresh(&[payload]);
    for most in [1, 2, 100].into_iter().filter(|_| payload.len() < 20_000) {
        let mut inflater = Inflater::new(vec![0; 1 << bits].into_boxed_slice());
        let slowly = inflate_by(most, &mut inflater, bits, Takeover::Forbidden, &[payload]);
        assert_eq!(slowly, whole, "{most} at a time");
    }
    let bytes: Vec<&[u8]> = payload.chunks(1).collect();
    if !bytes.is_empty() && payload.len() < 20_000 {
        assert_eq!(fresh(&bytes), whole, "byte by byte");
    }
    if payload.len() <= 300 {
        for at in 0..=payload.len() {
            let (first, second) = payload.split_at(at);
            assert_eq!(fresh(&[first, second]), whole, "cut at {at}");
        }
    }
    whole
}

/// What another implementation makes of a message, without the tail.
fn deflate_by_oracle(oracle: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() * 2 + 1000);
    oracle
        .compress_vec(message, &mut payload, FlushCompress::Sync)
        .unwrap();
    match payload.strip_suffix(&[0, 0, 0xff, 0xff]) {
        Some(payload) => payload.to_vec(),
        // There is nothing to flush a second time.
        None => {
            assert_eq!((message, payload.as_slice()), (&[][..], &[][..]));
            vec![0]
        }
    }
}

/// What it takes a payload for, with exactly that window.
fn inflate_by_oracle(oracle: &mut Decompress, payload: &[u8], len: usize) -> Vec<u8> {
    let mut output = Vec::with_capacity(len + 1000);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    let before = oracle.total_in();
    oracle
        .decompress_vec(&whole, &mut output, FlushDecompress::Sync)
        .unwrap();
    assert_eq!(oracle.total_in() - before, whole.len() as u64);
    output
}

/// Messages of many kinds: text, binary, random, repeated; from nothing to several windows.
fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for len in [
        0, 1, 2, 3, 4, 5, 10, 31, 32, 33, 100, 257, 258, 259, 260, 300, 1000,
    ] {
        messages.push(vec![b'a'; len]);
        messages.push(random(len, 251));
        messages.push(random(len, 3));
        messages.push((0..len).map(|at| (at % 7) as u8).collect());
    }
    let mut json = std::string::String::from("[");
    for number in 0..1200_u32 {
        let hash = number.wrapping_mul(2_654_435_761);
        json += &std::format!(
            "{{\"id\":{number},\"name\":\"user {hash}\",\"active\":{}}},",
            hash % 2 == 0
        );
    }
    messages.push(json.clone().into_bytes());
    messages.push(random(70_000, 256));
    messages.push(vec![0; 100_000]);
    let mixed = [json.as_bytes(), &random(66_000, 256), json.as_bytes()].concat();
    messages.push(mixed);
    messages
}

/// Bytes from 0 up to one below `kinds`, the same in each run.
fn random(len: usize, kinds: u32) -> Vec<u8> {
    let mut seed = 0x9e37_79b9_u32;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        (seed >> 7) % kinds
    };
    (0..len).map(|_| u8::try_from(next()).unwrap()).collect()
}

#[test]
fn the_examples_of_the_rfc_are_understood() {
    // RFC 7692 §7.2.3.
    let hello = Ok(b"Hello".to_vec());
    for payload in [
        // §7.2.3.1: a block with fixed codes.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        // §7.2.3.3: a stored block.
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        // §7.2.3.4: a block with BFINAL set.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // §7.2.3.5: two blocks.
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ] {
        assert_eq!(inflate_all_ways(payload, 15), hello, "{payload:x?}");
        assert_eq!(inflate_all_ways(payload, 8), hello, "{payload:x?}");
    }
    // §7.2.3.6: an empty message.
    assert_eq!(inflate_all_ways(&[0x00], 8), Ok(vec![]));
    // §7.2.3.2: the second message refers to the first, where it may.
    let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let mut inflater = Inflater::new([0; 256]);
    let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for (takeover, expected) in [
        (Takeover::Allowed, hello.clone()),
        (Takeover::Forbidden, Err(InvalidDeflate)),
    ] {
        assert_eq!(inflate(&mut inflater, 8, takeover, &[&first]), hello);
        assert_eq!(inflate(&mut inflater, 8, takeover, &[&second]), expected);
    }
}

#[test]
fn what_another_deflates_is_inflated() {
    for message in messages() {
        for level in [0, 1, 6, 9] {
            for bits in 9..=15 {
                if message.len() > 300 && bits % 6 != 3 {
                    continue;
                }
                let level = Compression::new(level);
                let mut oracle = Compress::new_with_window_bits(level, false, bits);
                let payload = deflate_by_oracle(&mut oracle, &message);
                assert_eq!(inflate_all_ways(&payload, bits), Ok(message.clone()));
            }
        }
    }
}

#[test]
fn what_is_deflated_another_inflates_with_the_agreed_window() {
    for bits in 8..=15 {
        for (window_len, table_len) in [(1 << bits, 4096), (1 << (bits - 1), 64), (0, 1)] {
            let window = vec![7; window_len].into_boxed_slice();
            let mut deflater = Deflater::new(window, vec![9; table_len]);
            for message in messages() {
                let mut to = vec![0; message.len() + message.len() / 65_535 * 5 + 16];
                assert!(deflater.begin(bits, Takeover::Forbidden));
                let len = deflater
                    .deflate(&message, &mut to)
                    .expect("it hardly grows");
                // What zlib takes for a window of 8 bits is one of 9.
                let mut oracle = Decompress::new_with_window_bits(false, bits.max(9));
                let inflated = inflate_by_oracle(&mut oracle, &to[..len], message.len());
                assert!(inflated == message, "{bits} bits, {} bytes", message.len());
                let mut inflater = Inflater::new(vec![0; 1 << bits]);
                let payload = &to[..len];
                let inflated = inflate(&mut inflater, bits, Takeover::Forbidden, &[payload]);
                assert!(inflated.as_ref() == Ok(&message), "{bits} bits, strictly");
            }
        }
    }
}

#[test]
fn messages_refer_to_those_before_them() {
    for bits in [8, 10, 15] {
        for window_len in [1 << bits, 100, 0] {
            let mut deflater = Deflater::new(vec![0; window_len], vec![0; 2048]);
            let mut inflater = Inflater::new(vec![0; 1 << bits]);
            let mut oracle = Decompress::new_with_window_bits(false, bits.max(9));
            for message in messages().iter().chain(&messages()) {
                let mut to = vec![0; message.len() + message.len() / 65_535 * 5 + 16];
                assert!(deflater.begin(bits, Takeover::Allowed));
                let len = deflater.deflate(message, &mut to).expect("it hardly grows");
                let inflated = inflate(&mut inflater, bits, Takeover::Allowed, &[&to[..len]]);
                assert!(inflated.as_ref() == Ok(message), "{bits} bits");
                let inflated = inflate_by_oracle(&mut oracle, &to[..len], message.len());
                assert!(inflated == *message, "{bits} bits");
            }
        }
    }
    // It pays.
    let mut deflater = Deflater::new([0; 1024], [0; 512]);
    let text = b"the quick brown fox jumps over the lazy dog";
    let lens = [0; 2].map(|_| {
        assert!(deflater.begin(10, Takeover::Allowed));
        deflater.deflate(text, &mut [0; 64]).unwrap()
    });
    assert!(lens[1] < lens[0] / 4, "{lens:?}");
}

#[test]
fn what_another_deflates_with_takeover_is_inflated() {
    for bits in 9..=15 {
        let mut oracle = Compress::new_with_window_bits(Compression::new(6), false, bits);
        let mut inflater = Inflater::new(vec![0; 1 << bits]);
        for message in messages() {
            let payload = deflate_by_oracle(&mut oracle, &message);
            let inflated = inflate(&mut inflater, bits, Takeover::Allowed, &[&payload]);
            assert!(inflated == Ok(message), "{bits} bits");
        }
    }
}

#[test]
fn what_does_not_fit_is_forgotten_on_both_sides() {
    let mut deflater = Deflater::new([0; 1024], [0; 512]);
    let mut inflater = Inflater::new([0; 1024]);
    let message = random(200, 251);
    let mut to = [0; 300];
    for room in 0..300 {
        assert!(deflater.begin(10, Takeover::Allowed));
        let first = deflater.deflate(&message, &mut to[..room]);
        if let Some(len) = first {
            let inflated = inflate(&mut inflater, 10, Takeover::Allowed, &[&to[..len]]);
            assert_eq!(inflated, Ok(message.clone()));
        }
        // Whether that was sent or not, the next one is understood.
        assert!(deflater.begin(10, Takeover::Allowed));
        let len = deflater.deflate(&message[50..], &mut to).unwrap();
        let inflated = inflate(&mut inflater, 10, Takeover::Allowed, &[&to[..len]]);
        assert_eq!(inflated, Ok(message[50..].to_vec()), "room for {room}");
    }
}

#[test]
fn nothing_of_another_context_is_ever_seen() {
    // Length 3 at a distance of 1 to 32,768, before anything was said: fixed codes by hand.
    let mut secret = Inflater::new(vec![b's'; 1 << 15]);
    let message = random(1 << 15, 251);
    let mut oracle = Compress::new_with_window_bits(Compression::new(9), false, 15);
    let payload = deflate_by_oracle(&mut oracle, &message);
    assert_eq!(
        inflate(&mut secret, 15, Takeover::Allowed, &[&payload]),
        Ok(message.clone())
    );
    // The same words as a new context: what they referred to is not there any more.
    let again = deflate_by_oracle(&mut oracle, &message[20_000..20_300]);
    assert!(again.len() < 100);
    secret.forget();
    let refused = inflate(&mut secret, 15, Takeover::Allowed, &[&again]);
    assert_eq!(refused, Err(InvalidDeflate));
}

#[test]
fn a_distance_beyond_the_agreed_window_is_refused() {
    // A compressor with a window of 15 bits that the peer takes for one of 10.
    let mut message = random(5000, 251);
    message.extend_from_within(..200);
    let mut oracle = Compress::new_with_window_bits(Compression::new(9), false, 15);
    let payload = deflate_by_oracle(&mut oracle, &message);
    let mut inflater = Inflater::new(vec![0; 1 << 15]);
    assert_eq!(
        inflate(&mut inflater, 15, Takeover::Forbidden, &[&payload]),
        Ok(message)
    );
    let refused = inflate(&mut inflater, 10, Takeover::Forbidden, &[&payload]);
    assert_eq!(refused, Err(InvalidDeflate));
}

#[test]
fn there_is_no_message_without_memory_or_of_other_windows() {
    let mut inflater = Inflater::new([0; 1024]);
    for bits in 0..=255 {
        let has_memory = (8..=10).contains(&bits);
        assert_eq!(
            inflater.begin(bits, Takeover::Allowed),
            has_memory,
            "{bits}"
        );
        let mut deflater = Deflater::new([0; 16], [0; 16]);
        let is_window = (8..=15).contains(&bits);
        assert_eq!(deflater.begin(bits, Takeover::Allowed), is_window, "{bits}");
    }
}

#[test]
fn a_bomb_inflates_in_flat_memory() {
    const LEN: usize = 16 << 20;
    let mut oracle = Compress::new_with_window_bits(Compression::new(9), false, 15);
    let payload = deflate_by_oracle(&mut oracle, &vec![0; LEN]);
    assert!(payload.len() < LEN / 1000);
    let mut inflater = Inflater::new([0; 1 << 15]);
    assert!(inflater.begin(15, Takeover::Forbidden));
    let (mut rest, mut len) = (payload.as_slice(), 0);
    loop {
        let inflated = inflater.inflate(rest, End::Message, usize::MAX).unwrap();
        rest = &rest[inflated.consumed..];
        len += inflated.len;
        assert!(inflater.output().iter().all(|&byte| byte == 0));
        if inflated.is_done {
            break;
        }
    }
    assert_eq!(len, LEN);
}

#[test]
fn garbage_ends_and_is_the_same_however_it_is_cut() {
    let mut verdicts = [0; 2];
    let mut seed = 7_u32;
    for round in 0..5000_usize {
        let mut payload: Vec<u8> = (0..round % 40)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_le_bytes()[3]
            })
            .collect();
        // Half of them begin as compressed data does.
        if round % 2 == 0 {
            payload.splice(0..0, [0xf2, 0x48, 0xcd]);
        }
        let fresh = |pieces: &[&[u8]]| {
            let mut inflater = Inflater::new([0; 256]);
            inflate(&mut inflater, 8, Takeover::Forbidden, pieces)
        };
        let whole = fresh(&[&payload]);
        let pieces: Vec<&[u8]> = payload.chunks(1).collect();
        if !pieces.is_empty() {
            assert_eq!(fresh(&pieces), whole, "{payload:x?}");
        }
        verdicts[usize::from(whole.is_ok())] += 1;
    }
    assert!(verdicts[0] > 1000 && verdicts[1] > 5, "{verdicts:?}");
}

#[test]
fn a_message_that_ends_within_a_block_is_refused() {
    let message = b"a message of some length, some length".repeat(5);
    let mut oracle = Compress::new_with_window_bits(Compression::new(9), false, 15);
    let payload = deflate_by_oracle(&mut oracle, &message);
    for len in 0..payload.len() {
        let cut = inflate_all_ways(&payload[..len], 15);
        assert!(
            cut.is_err() || cut.as_ref().is_ok_and(|cut| cut.len() < message.len()),
            "{len}"
        );
    }
    assert_eq!(inflate_all_ways(&payload, 15), Ok(message));
}

#[test]
fn the_state_is_as_small_as_its_page_says() {
    assert!(
        size_of::<super::Decoder>() <= 2408,
        "{}",
        size_of::<super::Decoder>()
    );
    assert!(size_of::<super::Window<[u8; 0]>>() <= 4 * size_of::<usize>());
    assert!(size_of::<Deflater<[u8; 1024], [u16; 512]>>() <= 2048 + 6 * size_of::<usize>());
    assert!(!InvalidDeflate.to_string().is_empty());
}
