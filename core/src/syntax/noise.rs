//! Repeatable noise for the tests that say "no input panics".

/// Calls `body` with 20,000 short byte strings.
///
/// Three bytes of four come from `alphabet`, so that the noise gets past the
/// first rule of a grammar; the rest are any byte.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "neither length is zero, and no test passes an empty alphabet"
)]
pub(crate) fn each(alphabet: &[u8], mut body: impl FnMut(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::from(state.to_le_bytes()[3]) | usize::from(state.to_le_bytes()[4]) << 8
    };
    for _ in 0..20_000 {
        let mut bytes = [0; 64];
        let len = next() % bytes.len();
        for byte in &mut bytes[..len] {
            let (choice, index) = (next(), next());
            *byte = match choice % 4 {
                0 => index.to_le_bytes()[0],
                _ => alphabet[index % alphabet.len()],
            };
        }
        body(&bytes[..len]);
    }
}
