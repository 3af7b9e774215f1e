//! The blocks of RFC 1951, taken apart.

use super::code::{Code, Complete};
use super::reader::{Bits, Reader};
use super::window::Ring;
use super::{End, Inflated, InvalidDeflate, Takeover, Window};

/// What is needed to inflate one message besides its [`Window`]. It holds nothing between two messages.
pub struct Decoder {
    state: State,
    bits: Bits,
    /// Whether the block at hand, or the last one, has BFINAL set.
    is_final: bool,
    codes: Codes,
    /// How much of the tail has been read.
    tail_len: u8,
    literals: Code<288, 512>,
    /// The code of distances; before that is known, the code of code lengths.
    distances: Code<32, 128>,
    /// Code lengths: those of code lengths, then those of literals, and of distances behind them.
    lengths: [u8; 320],
}

/// What the codes at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codes {
    /// The fixed ones, which need not be made once more.
    Fixed,
    /// Those of a block, or none yet.
    Other,
}

/// What the next bits of the message are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// BFINAL and BTYPE, or nothing more.
    Header,
    /// LEN and NLEN, from the next whole byte on.
    StoredLen,
    /// So many bytes as they are.
    Stored { left: u32 },
    /// HLIT, HDIST and HCLEN.
    Counts,
    /// The code lengths of code lengths, of which some are read.
    LengthCode { counts: Counts, read: u8 },
    /// Code lengths, of which some are read.
    Lengths { counts: Counts, read: u16 },
    /// Literals, and lengths with distances.
    Symbols,
    /// Such, too; but first there is to be output what had no room.
    Repeat { distance: u32, len: u32 },
    /// None: the message is over.
    Done,
    /// None: it was invalid.
    Failed,
}

/// How many code lengths a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    literals: u16,
    distances: u8,
    code_lengths: u8,
}

/// Why decoding stops before the message is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// All of the input is read, and does not suffice.
    Starved,
    /// The ring is full to its end.
    Full,
    /// This is not DEFLATE.
    Invalid,
}

type Step<T = State> = Result<T, Stop>;

impl Decoder {
    /// A decoder, for any message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Done,
            bits: Bits::new(),
            is_final: false,
            codes: Codes::Other,
            tail_len: 0,
            literals: Code::new(),
            distances: Code::new(),
            lengths: [0; 320],
        }
    }

    /// As [`Inflate::begin`](super::Inflate::begin), with the window of that connection.
    #[must_use]
    pub fn begin<W: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        window: &mut Window<W>,
        window_bits: u8,
        takeover: Takeover,
    ) -> bool {
        let has_window = window.begin(window_bits, takeover);
        self.state = match has_window {
            true => State::Header,
            false => State::Failed,
        };
        self.bits = Bits::new();
        self.is_final = false;
        self.tail_len = 0;
        has_window
    }

    /// As [`Inflate::inflate`](super::Inflate::inflate), with the window that the message began with.
    ///
    /// A block with BFINAL set ends at the next whole byte, and others follow it (RFC 7692 §7.2.3.4).
    /// When a message ends just behind such a block, the tail is not read: there is nothing that it could
    /// end, zlib leaves it alone as well, and some peers send so.
    ///
    /// # Errors
    ///
    /// [`InvalidDeflate`], from then on in each call.
    pub fn inflate<W: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        window: &mut Window<W>,
        bytes: &[u8],
        end: End,
        most: usize,
    ) -> Result<Inflated, InvalidDeflate> {
        let mut ring = window.ring(most);
        let result = self.read(bytes, end, &mut ring);
        let position = ring.position;
        let len = window.advance(position);
        match result {
            Ok(consumed) => Ok(Inflated {
                consumed,
                len,
                is_done: matches!(self.state, State::Done),
            }),
            Err(error) => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }

    /// Reads the bytes, and the tail behind them at the end, and returns how many of the bytes.
    fn read(
        &mut self,
        bytes: &[u8],
        end: End,
        ring: &mut Ring<'_>,
    ) -> Result<usize, InvalidDeflate> {
        let (mut stop, mut left) = self.run(bytes, ring);
        let consumed = bytes.len().wrapping_sub(left);
        let needs_tail = !(self.is_final && self.tail_len == 0 && self.is_between_blocks());
        if end == End::Message && stop == Stop::Starved && needs_tail {
            let tail = TAIL.get(usize::from(self.tail_len)..).unwrap_or_default();
            (stop, left) = self.run(tail, ring);
            self.tail_len = TAIL.len().wrapping_sub(left).to_le_bytes()[0];
        }
        match (stop, end) {
            (Stop::Full, _) | (Stop::Starved, End::More) => Ok(consumed),
            (Stop::Starved, End::Message) if self.is_between_blocks() => {
                self.state = State::Done;
                Ok(consumed)
            }
            (Stop::Starved, End::Message) if matches!(self.state, State::Done) => Ok(consumed),
            (Stop::Starved, End::Message) | (Stop::Invalid, _) => Err(InvalidDeflate),
        }
    }

    /// Whether a block has ended, and with it all that was read.
    fn is_between_blocks(&self) -> bool {
        matches!(self.state, State::Header) && self.bits.is_empty()
    }

    /// Reads as much as can be, and returns how many bytes are left.
    fn run(&mut self, input: &[u8], ring: &mut Ring<'_>) -> (Stop, usize) {
        let mut reader = Reader {
            bits: self.bits,
            input,
        };
        let stop = loop {
            match self.step(&mut reader, ring) {
                Ok(state) => self.state = state,
                Err(stop) => break stop,
            }
        };
        reader.trim();
        self.bits = reader.bits;
        (stop, reader.input.len())
    }

    /// What one state leads to. A step that stops has left in `state` where it is to go on.
    fn step(&mut self, reader: &mut Reader<'_>, ring: &mut Ring<'_>) -> Step {
        match self.state {
            State::Header => self.header(reader),
            State::StoredLen => stored_len(reader),
            State::Stored { left } => self.stored(left, reader, ring),
            State::Counts => self.counts(reader),
            State::LengthCode { counts, read } => self.length_code(counts, read, reader),
            State::Lengths { counts, read } => self.lengths(counts, read, reader),
            State::Symbols => self.symbols(reader, ring),
            State::Repeat { distance, len } => self.repeat(distance, len, ring),
            State::Done => Err(Stop::Starved),
            State::Failed => Err(Stop::Invalid),
        }
    }

    /// RFC 1951 §3.2.3:
    ///
    /// ```text
    ///  BFINAL: 1 bit   BTYPE: 2 bits; 0 stored, 1 fixed codes, 2 dynamic codes
    /// ```
    fn header(&mut self, reader: &mut Reader<'_>) -> Step {
        let header = reader.take(3).ok_or(Stop::Starved)?;
        self.is_final = header & 1 == 1;
        match header >> 1 {
            0 => Ok(State::StoredLen),
            1 => self.fixed().ok_or(Stop::Invalid),
            2 => Ok(State::Counts),
            _ => Err(Stop::Invalid),
        }
    }

    fn end_block(&self, reader: &mut Reader<'_>) -> State {
        if self.is_final {
            reader.bits.align();
        }
        State::Header
    }

    fn stored(&mut self, mut left: u32, reader: &mut Reader<'_>, ring: &mut Ring<'_>) -> Step {
        // What has been read ahead comes first.
        while left > 0 && !reader.bits.is_empty() {
            if !ring.push(reader.bits.peek().to_le_bytes()[0]) {
                self.state = State::Stored { left };
                return Err(Stop::Full);
            }
            reader.bits.skip(8);
            left = left.wrapping_sub(1);
        }
        if left > 0 {
            reader.trim();
            let here = reader.input.get(..left as usize).unwrap_or(reader.input);
            let copied = ring.extend(here);
            reader.input = reader.input.get(copied..).unwrap_or_default();
            left = left.saturating_sub(u32::try_from(copied).unwrap_or(u32::MAX));
        }
        if left > 0 {
            self.state = State::Stored { left };
            return Err(match reader.is_empty() {
                true => Stop::Starved,
                false => Stop::Full,
            });
        }
        Ok(self.end_block(reader))
    }

    /// The codes of RFC 1951 §3.2.6.
    fn fixed(&mut self) -> Option<State> {
        if self.codes == Codes::Fixed {
            return Some(State::Symbols);
        }
        for (symbol, len) in (0..).zip(&mut self.lengths) {
            *len = match symbol {
                0..144 => 8,
                144..256 => 9,
                256..280 => 7,
                280..FIXED_LITERALS => 8,
                // Distances.
                _ => 5_u8,
            };
        }
        self.codes = Codes::Fixed;
        self.build(FIXED_LITERALS, self.lengths.len(), Complete::Always)
    }

    /// RFC 1951 §3.2.7:
    ///
    /// ```text
    ///  HLIT: 5 bits, from 257   HDIST: 5 bits, from 1   HCLEN: 4 bits, from 4
    /// ```
    fn counts(&mut self, reader: &mut Reader<'_>) -> Step {
        let [low, high, ..] = reader.take(14).ok_or(Stop::Starved)?.to_le_bytes();
        let counts = Counts {
            literals: u16::from(low & 31).wrapping_add(257),
            distances: (low >> 5 | (high & 3) << 3).wrapping_add(1),
            code_lengths: (high >> 2).wrapping_add(4),
        };
        if counts.literals > 286 || counts.distances > 30 {
            return Err(Stop::Invalid);
        }
        self.codes = Codes::Other;
        self.lengths = [0; 320];
        Ok(State::LengthCode { counts, read: 0 })
    }

    /// The code lengths of code lengths, of three bits each.
    fn length_code(&mut self, counts: Counts, read: u8, reader: &mut Reader<'_>) -> Step {
        for index in read..counts.code_lengths {
            let Some(len) = reader.take(3) else {
                self.state = State::LengthCode {
                    counts,
                    read: index,
                };
                return Err(Stop::Starved);
            };
            let symbol = LENGTH_ORDER.get(usize::from(index)).copied().unwrap_or(0);
            if let Some(slot) = self.lengths.get_mut(usize::from(symbol)) {
                *slot = len.to_le_bytes()[0];
            }
        }
        let lengths = self.lengths.get(..LENGTH_ORDER.len()).unwrap_or_default();
        let code = self.distances.build(lengths, Complete::Always);
        code.ok_or(Stop::Invalid)?;
        Ok(State::Lengths { counts, read: 0 })
    }

    /// The code lengths of literals and of distances, as one sequence.
    fn lengths(&mut self, counts: Counts, mut read: u16, reader: &mut Reader<'_>) -> Step {
        let total = counts.literals.wrapping_add(u16::from(counts.distances));
        while read < total {
            let (len, count) = self.run_of_lengths(read, reader).inspect_err(|_| {
                self.state = State::Lengths { counts, read };
            })?;
            let end = read.wrapping_add(count);
            if end > total {
                return Err(Stop::Invalid);
            }
            let slots = self.lengths.get_mut(usize::from(read)..usize::from(end));
            slots.unwrap_or_default().fill(len);
            read = end;
        }
        if self.lengths.get(usize::from(END_OF_BLOCK)) == Some(&0) {
            return Err(Stop::Invalid);
        }
        self.build(counts.literals.into(), total.into(), Complete::UnlessLone)
            .ok_or(Stop::Invalid)
    }

    /// Makes both codes of the first `total` lengths, of which the first `literals` are for those.
    fn build(&mut self, literals: usize, total: usize, complete: Complete) -> Option<State> {
        let lengths = self.lengths.get(..total)?;
        let (literals, distances) = lengths.split_at_checked(literals)?;
        self.literals.build(literals, complete)?;
        self.distances.build(distances, complete)?;
        Some(State::Symbols)
    }

    /// A code length, and how many times it stands there.
    fn run_of_lengths(&self, read: u16, reader: &mut Reader<'_>) -> Step<(u8, u16)> {
        reader.refill();
        let mut bits = reader.bits;
        let symbol = symbol(&self.distances, &mut bits)?;
        let (len, extra, least) = match symbol {
            16 => {
                let last = usize::from(read).checked_sub(1);
                let last = last.and_then(|last| self.lengths.get(last));
                (*last.ok_or(Stop::Invalid)?, 2, 3)
            }
            17 => (0, 3, 3),
            18 => (0, 7, 11),
            _ => (symbol.to_le_bytes()[0], 0, 1),
        };
        let extra = bits.take(extra).ok_or(Stop::Starved)?;
        reader.bits = bits;
        Ok((len, u16::from(extra.to_le_bytes()[0]).wrapping_add(least)))
    }

    /// Literals, and lengths with distances, up to the end of the block (RFC 1951 §3.2.5). Nothing of a
    /// symbol is read before all of it has come and a literal has room.
    fn symbols(&mut self, reader: &mut Reader<'_>, ring: &mut Ring<'_>) -> Step {
        self.state = State::Symbols;
        loop {
            // The longest pair has 15 + 5 + 15 + 13 bits.
            if !reader.bits.has(48) {
                reader.refill();
            }
            let mut bits = reader.bits;
            let symbol = symbol(&self.literals, &mut bits)?;
            if symbol < END_OF_BLOCK {
                if !ring.push(symbol.to_le_bytes()[0]) {
                    return Err(Stop::Full);
                }
                reader.bits = bits;
                continue;
            }
            if symbol == END_OF_BLOCK {
                reader.bits = bits;
                return Ok(self.end_block(reader));
            }
            let (distance, len) = self.pair(symbol, &mut bits)?;
            if !ring.has(distance as usize) {
                return Err(Stop::Invalid);
            }
            reader.bits = bits;
            let left = ring.repeat(distance as usize, len as usize);
            if left > 0 {
                let len = u32::try_from(left).unwrap_or(0);
                return Ok(State::Repeat { distance, len });
            }
        }
    }

    /// The distance and the length that begin with this symbol.
    #[inline(always)]
    fn pair(&self, length_symbol: u16, bits: &mut Bits) -> Step<(u32, u32)> {
        let index = length_symbol.wrapping_sub(END_OF_BLOCK).wrapping_sub(1);
        let length = LENGTHS.get(usize::from(index)).ok_or(Stop::Invalid)?;
        let extra = bits.take(length.extra.into()).ok_or(Stop::Starved)?;
        let len = u32::from(length.least).wrapping_add(extra);
        let distance = usize::from(symbol(&self.distances, bits)?);
        let distance = DISTANCES.get(distance).ok_or(Stop::Invalid)?;
        let extra = bits.take(distance.extra.into()).ok_or(Stop::Starved)?;
        Ok((u32::from(distance.least).wrapping_add(extra), len))
    }

    fn repeat(&mut self, distance: u32, len: u32, ring: &mut Ring<'_>) -> Step {
        let left = ring.repeat(distance as usize, len as usize);
        match u32::try_from(left) {
            Ok(len @ 1..) => {
                self.state = State::Repeat { distance, len };
                Err(Stop::Full)
            }
            _ => Ok(State::Symbols),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// RFC 1951 §3.2.4:
///
/// ```text
///  LEN: 2 bytes, the lower first   NLEN: 2 bytes, its complement
/// ```
fn stored_len(reader: &mut Reader<'_>) -> Step {
    reader.bits.align();
    let lens = reader.take(32).ok_or(Stop::Starved)?;
    let (left, complement) = (lens & 0xffff, lens >> 16);
    match left ^ complement {
        0xffff => Ok(State::Stored { left }),
        _ => Err(Stop::Invalid),
    }
}

/// Takes a symbol of a code.
#[cfg_attr(not(small), inline(always))]
#[cfg_attr(small, inline(never))]
fn symbol<const SYMBOLS: usize, const TABLE: usize>(
    code: &Code<SYMBOLS, TABLE>,
    bits: &mut Bits,
) -> Step<u16> {
    match code.find(bits.peek()) {
        Some(word) if bits.has(word.len) => {
            bits.skip(word.len);
            Ok(word.symbol)
        }
        // Without the bits that have yet to come, this says nothing.
        Some(_) => Err(Stop::Starved),
        None if !bits.has(15) => Err(Stop::Starved),
        None => Err(Stop::Invalid),
    }
}

/// What is read behind a message, RFC 7692 §7.2.2.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The symbol behind the 256 literals.
const END_OF_BLOCK: u16 = 256;

/// How many symbols the fixed code of literals has, RFC 1951 §3.2.6.
const FIXED_LITERALS: usize = 288;

/// The order in which code lengths of code lengths stand, RFC 1951 §3.2.7.
const LENGTH_ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// What a symbol for lengths or distances says: the least of them, and how many bits are to be added.
struct Range {
    least: u16,
    extra: u8,
}

/// The lengths from symbol 257 on, RFC 1951 §3.2.5.
const LENGTHS: [Range; 29] = {
    let mut ranges = ranges::<29>(3, 4);
    ranges[28] = Range {
        least: 258,
        extra: 0,
    };
    ranges
};

/// The distances, RFC 1951 §3.2.5.
const DISTANCES: [Range; 30] = ranges::<30>(1, 2);

/// Ranges that begin at `least`, each behind the one before: the first `same` times two have no bits to
/// be added, and after as many as `same` each there is one more.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler only"
)]
const fn ranges<const COUNT: usize>(mut least: u16, same: u32) -> [Range; COUNT] {
    let mut ranges = [const { Range { least: 0, extra: 0 } }; COUNT];
    let mut index = 0;
    while index < COUNT {
        let step = index as u32 / same;
        let extra = step.saturating_sub(1);
        ranges[index] = Range {
            least,
            extra: extra as u8,
        };
        least = least.wrapping_add(1 << extra);
        index += 1;
    }
    ranges
}
