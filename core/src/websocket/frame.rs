//! The header of a frame (RFC 6455 §5.2).
//!
//! ```text
//!  byte 0            byte 1            0, 2 or 8 bytes          0 or 4 bytes
//! [F R R R opcode ] [M payload len] [ extended payload length ] [ masking key ]  payload data
//!  I S S S           A                when the 7 bits are         when MASK is set
//!  N V V V           S                126 or 127
//!    1 2 3           K
//! ```
//!
//! A header is refused at the first byte that breaks a rule, whatever is missing behind it.

use super::Role;
use super::error::ProtocolError;
use super::opcode::Opcode;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// FIN, the reserved bits and the opcode, as on the wire.
    first: u8,
    opcode: Opcode,
    masking_key: Option<[u8; 4]>,
    payload_len: u64,
}

/// Whether a frame is the last of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum Fin {
    /// Further fragments follow.
    More,
    /// It is.
    Last,
}

impl From<bool> for Fin {
    /// `Last` where so.
    #[inline(always)]
    fn from(is_last: bool) -> Self {
        if is_last { Self::Last } else { Self::More }
    }
}

/// The first reserved bit: whether a message is compressed (RFC 7692 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum Rsv1 {
    /// It is not.
    Clear,
    /// It is, where this is the first frame of a data message.
    Compressed,
}

/// What was agreed on for RSV1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Rsv1Use {
    /// Nothing: it has to be clear.
    None,
    /// permessage-deflate.
    Compression,
}

/// A header as on the wire.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes {
    // 2 <= len <= 14
    bytes: [u8; Header::MAX_LEN],
    len: u8,
}

/// Bytes of payload data that a control frame has at most (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD_LEN: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;
/// The 7-bit lengths that say that 16 or 64 bits follow.
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

impl Header {
    /// Bytes of the longest header.
    pub const MAX_LEN: usize = 14;

    /// The header of a frame that is all of its message, or a control frame; not compressed.
    #[must_use]
    #[inline(always)]
    pub const fn new(opcode: Opcode, payload_len: u64, masking_key: Option<[u8; 4]>) -> Self {
        Self {
            first: FIN | opcode.bits(),
            opcode,
            masking_key,
            payload_len,
        }
    }

    /// The same, as the last fragment or not.
    #[must_use]
    #[inline(always)]
    pub const fn with_fin(mut self, fin: Fin) -> Self {
        self.first = match fin {
            Fin::More => self.first & !FIN,
            Fin::Last => self.first | FIN,
        };
        self
    }

    /// The same, of a compressed message or not.
    #[must_use]
    #[inline(always)]
    pub const fn with_rsv1(mut self, rsv1: Rsv1) -> Self {
        self.first = match rsv1 {
            Rsv1::Clear => self.first & !RSV1,
            Rsv1::Compressed => self.first | RSV1,
        };
        self
    }

    /// What the frame is.
    #[must_use]
    #[inline(always)]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Whether it is the last of its message.
    #[must_use]
    #[inline(always)]
    pub const fn is_final(&self) -> bool {
        self.first & FIN != 0
    }

    /// Whether its message is compressed; said by the first frame of a message only.
    #[must_use]
    #[inline(always)]
    pub const fn is_compressed(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// Bytes of payload data.
    #[must_use]
    #[inline(always)]
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// The masking key, where the payload data is masked.
    #[must_use]
    #[inline(always)]
    pub const fn masking_key(&self) -> Option<[u8; 4]> {
        self.masking_key
    }

    /// Reads the header at the start of `bytes`, as one that `receiver` gets, and answers how many
    /// bytes it has; `None` when some of them are missing.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, as soon as a byte tells.
    #[inline(always)]
    pub fn parse(
        bytes: &[u8],
        receiver: Role,
        rsv1: Rsv1Use,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        // Nearly every frame: masked and short, with its header here as a whole.
        if receiver == Role::Server
            && let Some(&[first, second, a, b, c, d]) = bytes.first_chunk()
            && second & MASK != 0
            && second & !MASK < LEN_16
        {
            let opcode = check_first(first, rsv1)?;
            let header = Self {
                first,
                opcode,
                masking_key: Some([a, b, c, d]),
                payload_len: u64::from(second & !MASK),
            };
            return Ok(Some((header, 6)));
        }
        Self::parse_any(bytes, receiver, rsv1)
    }

    #[inline(never)]
    fn parse_any(
        bytes: &[u8],
        receiver: Role,
        rsv1: Rsv1Use,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let opcode = check_first(first, rsv1)?;
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        match (receiver, second & MASK != 0) {
            (Role::Server, true) | (Role::Client, false) => {}
            (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
            (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
        }
        let short = second & !MASK;
        if opcode.is_control() && short >= LEN_16 {
            return Err(ProtocolError::ControlTooLong);
        }
        let (payload_len, rest) = match short {
            LEN_16 => match rest.split_first_chunk() {
                Some((&[0, 0..LEN_16], _)) => return Err(ProtocolError::LengthNotMinimal),
                Some((&len, rest)) => (u16::from_be_bytes(len).into(), rest),
                None => return Ok(None),
            },
            LEN_64 => {
                check_long(rest)?;
                match rest.split_first_chunk() {
                    Some((&len, rest)) => (u64::from_be_bytes(len), rest),
                    None => return Ok(None),
                }
            }
            _ => (short.into(), rest),
        };
        let (masking_key, rest) = match (receiver, rest.split_first_chunk()) {
            (Role::Client, _) => (None, rest),
            (Role::Server, Some((&key, rest))) => (Some(key), rest),
            (Role::Server, None) => return Ok(None),
        };
        let header = Self {
            first,
            opcode,
            masking_key,
            payload_len,
        };
        Ok(Some((header, bytes.len().saturating_sub(rest.len()))))
    }

    /// The header as on the wire, its length in the fewest bytes.
    #[must_use]
    #[inline(always)]
    pub fn emit(&self) -> HeaderBytes {
        let mut bytes = [0; Self::MAX_LEN];
        let mask = if self.masking_key.is_some() { MASK } else { 0 };
        let mut len: u8 = 2;
        let [.., high, low] = self.payload_len.to_be_bytes();
        bytes[0] = self.first;
        if self.payload_len < LEN_16 as u64 {
            bytes[1] = mask | low;
        } else if self.payload_len <= 0xffff {
            bytes[1] = mask | LEN_16;
            bytes[2] = high;
            bytes[3] = low;
            len = 4;
        } else {
            bytes[1] = mask | LEN_64;
            let [_, _, to @ ..] = &mut bytes;
            if let Some(to) = to.first_chunk_mut() {
                *to = self.payload_len.to_be_bytes();
            }
            len = 10;
        }
        if let Some(key) = self.masking_key {
            if let Some(to) = bytes
                .get_mut(usize::from(len)..)
                .and_then(|to| to.first_chunk_mut())
            {
                *to = key;
            }
            len = len.wrapping_add(4);
        }
        HeaderBytes { bytes, len }
    }
}

impl HeaderBytes {
    /// The bytes.
    #[must_use]
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }
}

/// What the first byte tells: whether its opcode goes with its other bits.
#[inline(always)]
const fn check_first(first: u8, rsv1: Rsv1Use) -> Result<Opcode, ProtocolError> {
    if first & RSV2_RSV3 != 0 {
        return Err(ProtocolError::ReservedBit);
    }
    let Some(opcode) = Opcode::from_bits(first) else {
        return Err(ProtocolError::ReservedOpcode);
    };
    if first & RSV1 != 0 {
        // Only the first frame of a data message says so (RFC 7692 §6.1).
        let may_say = matches!(opcode, Opcode::Text | Opcode::Binary);
        if !may_say || matches!(rsv1, Rsv1Use::None) {
            return Err(ProtocolError::ReservedBit);
        }
    }
    if opcode.is_control() && first & FIN == 0 {
        return Err(ProtocolError::FragmentedControl);
    }
    Ok(opcode)
}

/// What the bytes that are here of a 64-bit length tell already.
fn check_long(bytes: &[u8]) -> Result<(), ProtocolError> {
    match bytes {
        [0x80..=0xff, ..] => Err(ProtocolError::LengthTooLong),
        [0, 0, 0, 0, 0, 0, _, ..] => Err(ProtocolError::LengthNotMinimal),
        _ => Ok(()),
    }
}
