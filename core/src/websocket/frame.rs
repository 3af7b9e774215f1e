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
    #[cfg_attr(not(small), inline(always))]
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
pub(super) const MASK: u8 = 0x80;
/// The first byte of a frame that is all of a message, and not compressed.
pub(super) const WHOLE_TEXT: u8 = FIN | Opcode::Text.bits();
pub(super) const WHOLE_BINARY: u8 = FIN | Opcode::Binary.bits();
/// The 7-bit lengths that say that 16 or 64 bits follow.
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

impl Header {
    /// Bytes of the longest header.
    pub const MAX_LEN: usize = 14;

    /// The header of a frame that is all of its message, or a control frame; not compressed.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
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
    #[cfg_attr(not(small), inline(always))]
    pub const fn with_fin(mut self, fin: Fin) -> Self {
        self.first = match fin {
            Fin::More => self.first & !FIN,
            Fin::Last => self.first | FIN,
        };
        self
    }

    /// The same, of a compressed message or not.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn with_rsv1(mut self, rsv1: Rsv1) -> Self {
        self.first = match rsv1 {
            Rsv1::Clear => self.first & !RSV1,
            Rsv1::Compressed => self.first | RSV1,
        };
        self
    }

    /// What the frame is.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Whether it is the last of its message.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn is_final(&self) -> bool {
        self.first & FIN != 0
    }

    /// Whether its message is compressed; said by the first frame of a message only.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn is_compressed(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// Bytes of payload data.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// The masking key, where the payload data is masked.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn masking_key(&self) -> Option<[u8; 4]> {
        self.masking_key
    }

    /// Reads the header at the start of `bytes`, as one that `receiver` gets, and answers how many
    /// bytes it has; `None` when some of them are missing.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, as soon as a byte tells.
    #[cfg_attr(not(small), inline(always))]
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
    #[cfg_attr(not(small), inline(always))]
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
    #[cfg_attr(not(small), inline(always))]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }
}

/// What the first byte tells: whether its opcode goes with its other bits.
#[cfg_attr(not(small), inline(always))]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first two bytes of a frame tell, rule by rule (RFC 6455 §5.1, §5.2, §5.5).
    fn model(first: u8, second: u8, receiver: Role, rsv1: Rsv1Use) -> Result<(), ProtocolError> {
        let opcode = first & 15;
        if first & 0b0011_0000 != 0 {
            return Err(ProtocolError::ReservedBit);
        }
        if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
            return Err(ProtocolError::ReservedOpcode);
        }
        let may_be_compressed = rsv1 == Rsv1Use::Compression && (opcode == 1 || opcode == 2);
        if first & 0b0100_0000 != 0 && !may_be_compressed {
            return Err(ProtocolError::ReservedBit);
        }
        if opcode >= 8 && first < 128 {
            return Err(ProtocolError::FragmentedControl);
        }
        match (receiver, second >= 128) {
            (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
            (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
            _ => {}
        }
        if opcode >= 8 && second % 128 > 125 {
            return Err(ProtocolError::ControlTooLong);
        }
        Ok(())
    }

    #[test]
    fn every_pair_of_first_bytes_is_as_in_the_model() {
        for (first, second) in (0..=255_u8).flat_map(|a| (0..=255_u8).map(move |b| (a, b))) {
            for receiver in [Role::Server, Role::Client] {
                for rsv1 in [Rsv1Use::None, Rsv1Use::Compression] {
                    let expected = model(first, second, receiver, rsv1);
                    // Behind them comes a length that is valid in any width, and a key.
                    let mut bytes = std::vec![first, second];
                    match second % 128 {
                        126 => bytes.extend([0xff, 0xff]),
                        127 => bytes.extend([0, 1, 0, 0, 0, 0, 0, 0]),
                        _ => {}
                    }
                    if receiver == Role::Server {
                        bytes.extend([9, 8, 7, 6]);
                    }
                    for len in 0..bytes.len() {
                        let parsed = Header::parse(&bytes[..len], receiver, rsv1);
                        let refused = match (expected, len) {
                            (_, 0) | (Ok(()), _) => Ok(None),
                            // The first byte may be enough to tell.
                            (Err(error), 1) => match model(first, 0, Role::Client, rsv1) {
                                Err(_) => Err(error),
                                Ok(()) => Ok(None),
                            },
                            (Err(error), _) => Err(error),
                        };
                        assert_eq!(parsed, refused, "{bytes:x?}, {len} of them");
                    }
                    for behind in [&[][..], &[0; 20]] {
                        let all = [bytes.as_slice(), behind].concat();
                        let parsed = Header::parse(&all, receiver, rsv1);
                        let Ok(Some((header, len))) = parsed else {
                            assert_eq!(parsed.map(|_| ()), expected, "{bytes:x?}");
                            continue;
                        };
                        assert_eq!((expected, len), (Ok(()), bytes.len()));
                        assert_eq!(header.emit().as_bytes(), bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_come_back_in_the_fewest_bytes() {
        for (payload_len, len) in [
            (0, 2),
            (125, 2),
            (126, 4),
            (0xffff, 4),
            (0x1_0000, 10),
            ((1 << 63) - 1, 10),
        ] {
            for (receiver, key, key_len) in [
                (Role::Client, None, 0),
                (Role::Server, Some([1, 2, 3, 4]), 4),
            ] {
                let header = Header::new(Opcode::Binary, payload_len, key);
                let bytes = header.emit();
                assert_eq!(bytes.as_bytes().len(), len + key_len);
                let parsed = Header::parse(bytes.as_bytes(), receiver, Rsv1Use::None);
                assert_eq!(parsed, Ok(Some((header, len + key_len))));
            }
        }
    }

    #[test]
    fn a_length_in_more_bytes_than_it_needs_is_refused() {
        for (bytes, error) in [
            (&[0x82, 126, 0, 125][..], ProtocolError::LengthNotMinimal),
            (
                &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff],
                ProtocolError::LengthNotMinimal,
            ),
            (&[0x82, 127, 0x80], ProtocolError::LengthTooLong),
        ] {
            let parse = |bytes| Header::parse(bytes, Role::Client, Rsv1Use::None);
            assert_eq!(parse(bytes), Err(error));
            assert_eq!(parse(&bytes[..bytes.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn bits_are_set_and_cleared() {
        let header = Header::new(Opcode::Text, 0, None);
        let first = |header: Header| header.emit().as_bytes()[0];
        assert_eq!(first(header), 0x81);
        assert_eq!(first(header.with_fin(Fin::More)), 0x01);
        assert_eq!(first(header.with_fin(Fin::More).with_fin(Fin::Last)), 0x81);
        assert_eq!(first(header.with_rsv1(Rsv1::Compressed)), 0xc1);
        let cleared = header.with_rsv1(Rsv1::Compressed).with_rsv1(Rsv1::Clear);
        assert_eq!(first(cleared), 0x81);
    }
}
