//! The bits of an input, the lowest of each byte first (RFC 1951 §3.1.1).

/// Bits read ahead of where a decoder is. They are kept from one input to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    /// The next bit is the lowest. Above those that count are zeros, or what comes next anyway.
    bits: u64,
    /// How many of them count, 63 at most.
    count: u32,
}

/// An input, and the bits that were read of it.
#[derive(Debug)]
pub(super) struct Reader<'i> {
    pub(super) bits: Bits,
    pub(super) input: &'i [u8],
}

impl Bits {
    pub(super) const fn new() -> Self {
        Self { bits: 0, count: 0 }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The bits, with more behind those that [are there](Self::has).
    #[inline(always)]
    pub(super) const fn peek(self) -> u64 {
        self.bits
    }

    #[inline(always)]
    pub(super) const fn has(self, count: u32) -> bool {
        self.count >= count
    }

    /// Drops bits that are there.
    #[inline(always)]
    pub(super) const fn skip(&mut self, count: u32) {
        self.bits = self.bits.wrapping_shr(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// Takes up to 32 bits as a number. None, and nothing is taken, when they are not there.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is cut off is not asked for"
    )]
    pub(super) const fn take(&mut self, count: u32) -> Option<u32> {
        if !self.has(count) {
            return None;
        }
        let mask = 1_u64.wrapping_shl(count).wrapping_sub(1);
        let number = (self.bits & mask) as u32;
        self.skip(count);
        Some(number)
    }

    /// Drops what is left of a byte.
    pub(super) const fn align(&mut self) {
        self.skip(self.count & 7);
    }
}

impl Reader<'_> {
    /// Reads ahead, so that at least 56 bits are there, or all that have come.
    #[cfg_attr(not(small), inline(always))]
    #[cfg_attr(small, inline(never))]
    pub(super) fn refill(&mut self) {
        let Bits { bits, count } = self.bits;
        if let Some(word) = self.input.first_chunk() {
            let bits = bits | u64::from_le_bytes(*word).wrapping_shl(count);
            // As many whole bytes as fit below bit 63, which makes 56 to 63 bits.
            let taken = 63_u32.wrapping_sub(count) >> 3;
            self.input = self.input.get(taken as usize..).unwrap_or_default();
            self.bits = Bits {
                bits,
                count: count | 56,
            };
        } else {
            self.refill_bytes();
        }
    }

    fn refill_bytes(&mut self) {
        self.trim();
        while self.bits.count < 56
            && let Some((&byte, rest)) = self.input.split_first()
        {
            self.bits.bits |= u64::from(byte).wrapping_shl(self.bits.count);
            self.bits.count = self.bits.count.wrapping_add(8);
            self.input = rest;
        }
    }

    /// Takes up to 32 bits, reading ahead for them. None when they have not come.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        if !self.bits.has(count) {
            self.refill();
        }
        self.bits.take(count)
    }

    /// Whether there is neither a bit nor a byte.
    pub(super) const fn is_empty(&self) -> bool {
        self.bits.is_empty() && self.input.is_empty()
    }

    /// Makes zeros of the bits that do not count: what follows them may be read in another way.
    pub(super) const fn trim(&mut self) {
        let mask = 1_u64.wrapping_shl(self.bits.count).wrapping_sub(1);
        self.bits.bits &= mask;
    }
}
