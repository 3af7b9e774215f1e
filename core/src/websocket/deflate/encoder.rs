//! The blocks of RFC 1951, put together: fixed codes, and bytes as they are.

/// Bits on their way into the room for a payload, the lowest of each byte first.
#[derive(Debug)]
pub(super) struct Writer<'t> {
    to: &'t mut [u8],
    /// How many bytes the block at hand may end with, all told.
    limit: usize,
    at: Mark,
}

/// How far a writer has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Whole bytes that are in their place.
    len: usize,
    /// What comes behind them, and how many bits that is; fewer than 32 between two calls.
    bits: u64,
    count: u32,
}

impl<'t> Writer<'t> {
    pub(super) const fn new(to: &'t mut [u8]) -> Self {
        let limit = to.len();
        let at = Mark {
            len: 0,
            bits: 0,
            count: 0,
        };
        Self { to, limit, at }
    }

    pub(super) const fn mark(&self) -> Mark {
        self.at
    }

    pub(super) const fn rewind(&mut self, mark: Mark) {
        self.at = mark;
        self.limit = self.to.len();
    }

    /// The header of a block with fixed codes that is to be no longer than [`store`](Self::store) would
    /// make it of so many bytes.
    pub(super) fn begin_fixed(&mut self, stored: usize) -> Option<()> {
        let header = (self.at.count.wrapping_add(3 + 7) >> 3) as usize;
        let longest = self.at.len.saturating_add(header).saturating_add(4);
        self.limit = longest.saturating_add(stored).min(self.to.len());
        self.put(0b010, 3)
    }

    /// The end of such a block, when it is not longer.
    pub(super) fn end_fixed(&mut self) -> Option<()> {
        self.put(0, 7)?;
        let pending = (self.at.count.wrapping_add(7) >> 3) as usize;
        let is_within = self.at.len.saturating_add(pending) <= self.limit;
        self.limit = self.to.len();
        is_within.then_some(())
    }

    #[inline(always)]
    pub(super) fn literal(&mut self, byte: u8) -> Option<()> {
        #[cfg(not(small))]
        let word = LITERALS.get(usize::from(byte)).copied().unwrap_or(0);
        #[cfg(small)]
        let word = literal_word(byte);
        self.put(u32::from(word), 8_u32.wrapping_add((byte >= 144).into()))
    }

    /// A length, 3 to 258, and a distance, 1 to 32,768.
    #[inline(always)]
    pub(super) fn pair(&mut self, len: usize, distance: usize) -> Option<()> {
        let above = u8::try_from(len.wrapping_sub(3)).ok()?;
        #[cfg(not(small))]
        let word = LENGTHS.get(usize::from(above))?;
        #[cfg(small)]
        let word = length_word(above);
        self.put(word & 0xff_ffff, word >> 24)?;
        let distance = u32::try_from(distance).ok()?.wrapping_sub(1);
        // Beyond the first two, each power of two has two symbols, which its next bit tells apart.
        let power = 31_u32.wrapping_sub((distance | 1).leading_zeros());
        let extra = power.saturating_sub(1);
        let symbol = extra
            .wrapping_mul(2)
            .wrapping_add(distance.wrapping_shr(extra));
        let extra_bits = distance & 1_u32.wrapping_shl(extra).wrapping_sub(1);
        let word = symbol.reverse_bits() >> 27;
        self.put(word | extra_bits << 5, extra.wrapping_add(5))
    }

    /// A stored block, of 65,535 bytes at most (RFC 1951 §3.2.4).
    pub(super) fn store(&mut self, bytes: &[u8]) -> Option<()> {
        let len = u16::try_from(bytes.len()).ok()?;
        self.put(0b000, 3)?;
        self.align()?;
        self.put(u32::from(len) | u32::from(!len) << 16, 32)?;
        self.align()?;
        let end = self.at.len.checked_add(bytes.len())?;
        crate::window::copy_to_front(bytes, self.to.get_mut(self.at.len..)?)?;
        self.at.len = end;
        Some(())
    }

    /// The header of an empty stored block, whose other four bytes RFC 7692 §7.2.1 leaves off. Returns how
    /// long the payload is.
    pub(super) fn finish(mut self) -> Option<usize> {
        self.put(0b000, 3)?;
        self.align()?;
        Some(self.at.len)
    }

    /// Fills up the last byte with zeros, and puts all in its place.
    fn align(&mut self) -> Option<()> {
        while self.at.count > 0 {
            *self.to.get_mut(self.at.len)? = self.at.bits.to_le_bytes()[0];
            self.at.len = self.at.len.wrapping_add(1);
            self.at.bits >>= 8;
            self.at.count = self.at.count.saturating_sub(8);
        }
        Some(())
    }

    /// Appends up to 32 bits. None when they have no room.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    fn put(&mut self, bits: u32, count: u32) -> Option<()> {
        self.at.bits |= u64::from(bits).wrapping_shl(self.at.count);
        self.at.count = self.at.count.wrapping_add(count);
        if self.at.count >= 32 {
            // All of these are to be in their place some time.
            let end = self.at.len.wrapping_add(4);
            if end > self.limit {
                return None;
            }
            let room = self.to.get_mut(self.at.len..)?.first_chunk_mut::<4>()?;
            let [a, b, c, d, ..] = self.at.bits.to_le_bytes();
            *room = [a, b, c, d];
            self.at.len = end;
            self.at.bits >>= 32;
            self.at.count = self.at.count.wrapping_sub(32);
        }
        Some(())
    }
}

/// The fixed code word of a literal, first bit lowest, RFC 1951 §3.2.6.
const fn literal_word(byte: u8) -> u16 {
    let literal = byte as u16;
    match literal {
        0..144 => literal.wrapping_add(0b0011_0000).reverse_bits() >> 8,
        _ => literal.wrapping_add(0b1_1001_0000 - 144).reverse_bits() >> 7,
    }
}

#[cfg(not(small))]
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler only"
)]
static LITERALS: [u16; 256] = {
    let mut words = [0; 256];
    let mut literal = 0;
    while literal < 256 {
        words[literal] = literal_word(literal as u8);
        literal += 1;
    }
    words
};

/// The fixed code word of a length, which is so much above 3, with the bits to be added behind it, and in the
/// highest byte how many bits that is together, RFC 1951 §3.2.5 and §3.2.6.
const fn length_word(above: u8) -> u32 {
    let above = above as u32;
    let power = if above < 8 { 2 } else { above.ilog2() };
    let extra = power.wrapping_sub(2);
    // Symbols from 257 on; each power of two has four, but the very last length has its own.
    let (symbol, extra) = match above {
        255 => (28, 0),
        0..8 => (above, 0),
        _ => (
            extra
                .wrapping_mul(4)
                .wrapping_add(above.wrapping_shr(extra)),
            extra,
        ),
    };
    let (word, len) = match symbol.wrapping_add(1) {
        above @ 0..24 => (above.reverse_bits() >> 25, 7),
        above => (
            above.wrapping_add(0b1100_0000 - 24).reverse_bits() >> 24,
            8_u32,
        ),
    };
    let added = above & 1_u32.wrapping_shl(extra).wrapping_sub(1);
    word | added.wrapping_shl(len) | len.wrapping_add(extra) << 24
}

#[cfg(not(small))]
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler only"
)]
static LENGTHS: [u32; 256] = {
    let mut words = [0; 256];
    let mut above = 0;
    while above < 256 {
        words[above] = length_word(above as u8);
        above += 1;
    }
    words
};
