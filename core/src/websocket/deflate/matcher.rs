//! What in a message has been there before.

/// What precedes a message, in two slices, as it may go round the end of a ring; and the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    pub(super) earlier: [&'t [u8]; 2],
    pub(super) message: &'t [u8],
}

/// Where sequences of four bytes stood last, by a hash of them. An entry may be of any age, or of another
/// context: nothing is believed that is not compared.
#[derive(Debug)]
pub(super) struct Matcher<'t> {
    pub(super) text: Text<'t>,
    /// The two positions at which there last was something with the hash, modulo 2^16, the last first.
    table: &'t mut [[u16; 2]],
    /// By how much a product is shifted to make a hash of it.
    shift: u32,
    /// The position of the first byte of the message.
    base: u16,
    /// The window, in bytes.
    max_distance: usize,
    /// How many bytes precede the message.
    earlier: usize,
}

/// A sequence that is there once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) len: usize,
    pub(super) distance: usize,
}

impl<'t> Matcher<'t> {
    pub(super) fn new(
        text: Text<'t>,
        table: &'t mut [u16],
        base: u16,
        max_distance: usize,
    ) -> Self {
        let (pairs, _) = table.as_chunks_mut::<2>();
        let bits = pairs.len().checked_ilog2().unwrap_or(0).min(16);
        let [first, second] = text.earlier;
        Self {
            text,
            table: pairs,
            shift: 32_u32.wrapping_sub(bits),
            base,
            max_distance,
            earlier: first.len().wrapping_add(second.len()),
        }
    }

    /// The longest match at `index` of the message that is known, and makes the index known.
    #[inline(always)]
    pub(super) fn find(&mut self, index: usize) -> Option<Match> {
        let position = self.position(index);
        let ahead = self.text.message.get(index..)?;
        let ahead = ahead.get(..MAX_LEN).unwrap_or(ahead);
        let word = ahead.first_chunk::<4>()?;
        let entry = self.entry(word)?;
        let candidates = *entry;
        *entry = [position, candidates[0]];
        let mut best = Match {
            len: MIN_LEN.wrapping_sub(1),
            distance: 0,
        };
        for candidate in candidates {
            let distance = usize::from(position.wrapping_sub(candidate));
            let reach = self.max_distance.min(index.saturating_add(self.earlier));
            // A distance of nothing becomes one that is out of reach.
            if distance.wrapping_sub(1) >= reach {
                continue;
            }
            let len = match index.checked_sub(distance) {
                Some(from) => {
                    let from = self.text.message.get(from..).unwrap_or_default();
                    match from.first_chunk::<4>() == Some(word) {
                        true => common(from, ahead),
                        false => 0,
                    }
                }
                None => self.common_with_earlier(distance.wrapping_sub(index), ahead),
            };
            if len > best.len {
                best = Match { len, distance };
            }
        }
        (best.len >= MIN_LEN).then_some(best)
    }

    /// Makes the index known.
    #[inline(always)]
    pub(super) fn insert(&mut self, index: usize) {
        let position = self.position(index);
        let ahead = self.text.message.get(index..).unwrap_or_default();
        if let Some(word) = ahead.first_chunk::<4>()
            && let Some(entry) = self.entry(word)
        {
            *entry = [position, entry[0]];
        }
    }

    #[inline(always)]
    fn entry(&mut self, word: &[u8; 4]) -> Option<&mut [u16; 2]> {
        let product = u32::from_le_bytes(*word).wrapping_mul(0x9e37_79b1);
        let hash = product.checked_shr(self.shift).unwrap_or(0);
        self.table.get_mut(hash as usize)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "positions are modulo 2^16")]
    const fn position(&self, index: usize) -> u16 {
        self.base.wrapping_add(index as u16)
    }

    /// How much is the same ahead and from so far before the message.
    fn common_with_earlier(&self, distance: usize, ahead: &[u8]) -> usize {
        let [first, second] = self.text.earlier;
        let mut skipped = self.earlier.wrapping_sub(distance);
        let mut len = 0_usize;
        for part in [first, second, self.text.message] {
            let Some(part) = part.get(skipped..) else {
                skipped = skipped.wrapping_sub(part.len());
                continue;
            };
            skipped = 0;
            let rest = ahead.get(len..).unwrap_or_default();
            let same = common(part, rest);
            len = len.wrapping_add(same);
            if same < part.len() {
                break;
            }
        }
        len
    }
}

/// How many bytes two slices begin with in common.
#[cfg_attr(not(small), inline(always))]
#[cfg_attr(small, inline(never))]
fn common(a: &[u8], b: &[u8]) -> usize {
    if cfg!(small) {
        return common_bytes(a, b);
    }
    let mut len = 0_usize;
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_words.iter().zip(b_words) {
        let differences = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differences != 0 {
            return len.wrapping_add((differences.trailing_zeros() >> 3) as usize);
        }
        len = len.wrapping_add(8);
    }
    let a_rest = a.get(len..).unwrap_or(a_rest);
    let b_rest = b.get(len..).unwrap_or(b_rest);
    len.wrapping_add(common_bytes(a_rest, b_rest))
}

#[cfg_attr(not(small), inline(always))]
fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The shortest match that is worth its bits at any distance, and that a hash of four bytes finds.
const MIN_LEN: usize = 4;

/// The longest that RFC 1951 §3.2.5 has.
const MAX_LEN: usize = 258;
