//! Huffman codes, made ready to be decoded.

/// A code of up to `SYMBOLS` symbols. Code words of up to log2 of `TABLE` bits are looked up; longer ones
/// are rare, and found by walking through the lengths.
pub(super) struct Code<const SYMBOLS: usize, const TABLE: usize> {
    /// By the next bits of the input: the symbol, shifted by four, and the length of its code word in
    /// bits; zero where the table says nothing.
    table: [u16; TABLE],
    /// The symbols in the order of their code words.
    symbols: [u16; SYMBOLS],
    /// How many code words there are of each length.
    counts: [u16; LENGTHS],
}

/// Which code lengths besides a complete set are taken, as zlib takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complete {
    /// None: each sequence of bits has to mean something.
    Always,
    /// One code word of one bit, or none at all (RFC 1951 §3.2.7, for distances).
    UnlessLone,
}

/// A code word: which symbol, and how many bits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) symbol: u16,
    pub(super) len: u32,
}

impl<const SYMBOLS: usize, const TABLE: usize> Code<SYMBOLS, TABLE> {
    pub(super) const fn new() -> Self {
        Self {
            table: [0; TABLE],
            symbols: [0; SYMBOLS],
            counts: [0; LENGTHS],
        }
    }

    /// Makes the code whose symbols have code words of these lengths, each at most 15 and 0 for none
    /// (RFC 1951 §3.2.2). None when they are no code: too many for their lengths, or too few.
    pub(super) fn build(&mut self, lengths: &[u8], complete: Complete) -> Option<()> {
        let Self {
            table,
            symbols,
            counts,
        } = self;
        order(lengths, complete, symbols, counts)?;
        fill(table, symbols, counts);
        Some(())
    }

    /// The code word that the lowest bits begin with. Bits that have not come count as zeros, and the word
    /// may be longer than those that have. None when no word begins so.
    #[inline(always)]
    pub(super) fn find(&self, bits: u64) -> Option<Word> {
        let index = usize::from(bits.to_le_bytes()[0]) | usize::from(bits.to_le_bytes()[1]) << 8;
        let entry = self.table.get(index & TABLE.wrapping_sub(1));
        let entry = entry.copied().unwrap_or(0);
        if entry == 0 {
            return walk(&self.symbols, &self.counts, bits);
        }
        Some(Word {
            symbol: entry >> 4,
            len: u32::from(entry & 15),
        })
    }
}

// These are for codes of any size, so that each is there once.

/// Puts the symbols in the order of their code words, and counts these by their length.
fn order(
    lengths: &[u8],
    complete: Complete,
    symbols: &mut [u16],
    counts: &mut [u16; LENGTHS],
) -> Option<()> {
    *counts = [0; LENGTHS];
    for &len in lengths {
        let count = counts.get_mut(usize::from(len))?;
        *count = count.wrapping_add(1);
    }
    counts[0] = 0;

    // How many code words of the length at hand are not taken, which is 2 to the 15 at most.
    let mut left = 1_u32;
    let mut used = 0_u16;
    let mut next = [0; LENGTHS];
    for (&count, next) in counts.iter().zip(&mut next).skip(1) {
        left = left.wrapping_mul(2).checked_sub(u32::from(count))?;
        *next = used;
        used = used.wrapping_add(count);
    }
    let is_lone = used <= 1 && used == counts[1];
    if left > 0 && !(is_lone && complete == Complete::UnlessLone) {
        return None;
    }

    for (symbol, &len) in (0..).zip(lengths).filter(|&(_, &len)| len > 0) {
        let next = next.get_mut(usize::from(len))?;
        *symbols.get_mut(usize::from(*next))? = symbol;
        *next = next.wrapping_add(1);
    }
    Some(())
}

/// Makes the table: for each length, what there is of shorter code words is doubled, and those of this
/// length are entered where their bits, first one lowest, say.
fn fill(table: &mut [u16], symbols: &[u16], counts: &[u16; LENGTHS]) {
    table.fill(0);
    let mut symbols = symbols.iter();
    let mut code = 0_u16;
    let mut size = 1_usize;
    for (len, &count) in (1_u16..).zip(counts.iter().skip(1)) {
        let doubled = size.wrapping_mul(2);
        let Some(filled) = table.get_mut(..doubled) else {
            return;
        };
        if let Some((low, high)) = filled.split_at_mut_checked(size) {
            for (high, low) in high.iter_mut().zip(low) {
                *high = *low;
            }
        }
        for &symbol in symbols.by_ref().take(usize::from(count)) {
            let reversed = code
                .reverse_bits()
                .wrapping_shr(16_u32.wrapping_sub(len.into()));
            if let Some(entry) = filled.get_mut(usize::from(reversed)) {
                *entry = symbol << 4 | len;
            }
            code = code.wrapping_add(1);
        }
        code <<= 1;
        size = doubled;
    }
}

/// What [`Code::find`] says, for a code word of any length, bit by bit. Words of one length are numbers in a row, and
/// those that are longer begin with greater numbers.
#[cold]
fn walk(symbols: &[u16], counts: &[u16; LENGTHS], mut bits: u64) -> Option<Word> {
    let (mut code, mut first, mut index) = (0_u16, 0_u16, 0_u16);
    for (len, &count) in (1_u32..).zip(counts.iter().skip(1)) {
        code |= u16::from(bits & 1 == 1);
        bits >>= 1;
        let offset = code.wrapping_sub(first);
        if offset < count {
            let index = usize::from(index.wrapping_add(offset));
            let &symbol = symbols.get(index)?;
            return Some(Word { symbol, len });
        }
        index = index.wrapping_add(count);
        first = first.wrapping_add(count) << 1;
        code <<= 1;
    }
    None
}

/// The lengths that a code word can have, 0 to 15.
const LENGTHS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(lengths: &[u8], complete: Complete) -> Option<Code<32, 8>> {
        let mut code = Code::new();
        code.build(lengths, complete).map(|()| code)
    }

    #[test]
    fn the_code_of_rfc_1951_is_found_by_table_and_by_walk() {
        // RFC 1951 §3.2.2: A to H have lengths 3 3 3 3 3 2 4 4.
        let words = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        let code = code(&[3, 3, 3, 3, 3, 2, 4, 4], Complete::Always).expect("complete");
        for (symbol, word) in (0..).zip(words) {
            let first_lowest = word.bytes().rev().collect();
            let bits =
                u64::from_str_radix(&std::string::String::from_utf8(first_lowest).unwrap(), 2);
            let bits = bits.unwrap();
            let expected = Some(Word {
                symbol,
                len: u32::try_from(word.len()).unwrap(),
            });
            for behind in [0, u64::MAX] {
                let bits = bits | behind << word.len();
                assert_eq!(code.find(bits), expected, "{word}");
                assert_eq!(walk(&code.symbols, &code.counts, bits), expected, "{word}");
            }
        }
    }

    #[test]
    fn a_set_of_lengths_is_complete_or_lone() {
        let rows: [(&[u8], bool, bool); 9] = [
            // Lengths; taken when completeness is asked for; taken when a lone word may stand.
            (&[1, 1], true, true),
            (&[1, 2, 2], true, true),
            (&[1, 1, 1], false, false),
            (&[1, 2, 2, 15], false, false),
            (&[1], false, true),
            (&[0, 0, 1, 0], false, true),
            (&[2], false, false),
            (&[0, 0], false, true),
            (&[1, 2], false, false),
        ];
        for (lengths, always, unless_lone) in rows {
            assert_eq!(
                code(lengths, Complete::Always).is_some(),
                always,
                "{lengths:?}"
            );
            assert_eq!(
                code(lengths, Complete::UnlessLone).is_some(),
                unless_lone,
                "{lengths:?}"
            );
        }
    }

    #[test]
    fn table_and_walk_agree_on_all_bits() {
        let lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15];
        let code = code(&lengths, Complete::Always).expect("complete");
        for bits in 0..1 << 15 {
            assert!(code.find(bits).is_some());
            assert_eq!(
                code.find(bits),
                walk(&code.symbols, &code.counts, bits),
                "{bits:b}"
            );
        }
        let lone = self::code(&[0, 1], Complete::UnlessLone).expect("lone");
        assert_eq!(lone.find(0), Some(Word { symbol: 1, len: 1 }));
        assert_eq!(lone.find(1), None);
    }
}
