//! The PROXY protocol, version 2: a proxy says whom it speaks for, before anything else.
//!
//! ```text
//!  0                       12      13      14          16          16 + length
//! [ 0D 0A 0D 0A 00 ... 0A | 2, cmd | fam, | length, BE | addresses, fields ]
//! ```
//!
//! The text is HAProxy's `doc/proxy-protocol.txt`. Version 1, a line of text, is not spoken: it has no
//! length in front, so its end could not be found without reading into what follows.
//!
//! A header is read to its last byte and no further, so what follows stays in the socket.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with: its signature, version, command, family and length.
const FIXED_LEN: usize = 16;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header that is taken. Addresses are 216 bytes at most; what a proxy adds about a client
/// that speaks TLS is short.
pub const MAX_LEN: usize = 1024;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The proxy speaks for itself, such as to see whether the server is there, or does not say for
    /// whom.
    Proxy,
    /// It speaks for the client at this address.
    Client(SocketAddr),
    /// It speaks for a client on a Unix socket.
    Local,
}

/// What came of [`parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Status {
    /// There is nothing wrong yet; so many bytes of the header are needed from its start on, or more.
    Partial(usize),
    /// The header is complete, and that long.
    Complete(Source, usize),
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// It does not begin with the signature.
    Signature,
    /// The version is not 2.
    Version,
    /// The command is neither LOCAL nor PROXY.
    Command,
    /// The transport is not a stream's.
    Transport,
    /// The header is longer than [`MAX_LEN`].
    TooLong,
    /// It is shorter than its addresses.
    TooShort,
    /// A field behind the addresses goes past the end.
    Field,
    /// The checksum does not agree.
    Checksum,
}

/// Reads a header from the bytes that a connection begins with.
///
/// # Errors
///
/// The bytes are no header, whatever follows.
pub fn parse(bytes: &[u8]) -> Result<Status, ProxyHeaderError> {
    let signature = bytes.iter().zip(&SIGNATURE);
    if signature
        .into_iter()
        .any(|(byte, expected)| byte != expected)
    {
        return Err(ProxyHeaderError::Signature);
    }
    let command = match bytes.get(12) {
        None => None,
        Some(byte) if byte >> 4 != 2 => return Err(ProxyHeaderError::Version),
        Some(byte) if byte & 0xf > 1 => return Err(ProxyHeaderError::Command),
        Some(byte) => Some(byte & 0xf),
    };
    let Some(&[family, high, low]) = bytes.get(13..FIXED_LEN) else {
        return Ok(Status::Partial(FIXED_LEN));
    };
    let len = FIXED_LEN + usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_LEN {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(header) = bytes.get(..len) else {
        return Ok(Status::Partial(len));
    };
    let rest = header.get(FIXED_LEN..).unwrap_or_default();
    let (source, fields) = match command {
        // LOCAL: whatever the rest says is to be passed over.
        Some(0) => return Ok(Status::Complete(Source::Proxy, len)),
        _ => addresses(family, rest)?,
    };
    check_fields(header, fields)?;
    Ok(Status::Complete(source, len))
}

/// The source address, and what follows the addresses.
fn addresses(family: u8, rest: &[u8]) -> Result<(Source, &[u8]), ProxyHeaderError> {
    const TOO_SHORT: ProxyHeaderError = ProxyHeaderError::TooShort;
    match family {
        // UNSPEC: how long addresses would be is not known, so neither is where fields begin.
        0x00 => Ok((Source::Proxy, &[])),
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, _, _, ref fields @ ..] = *rest else {
                return Err(TOO_SHORT);
            };
            let port = u16::from_be_bytes([high, low]);
            let client = (Ipv4Addr::new(a, b, c, d), port).into();
            Ok((Source::Client(client), fields))
        }
        0x21 => {
            let (addresses, fields) = rest.split_at_checked(36).ok_or(TOO_SHORT)?;
            let (source, others) = addresses.split_at(16);
            let source: [u8; 16] = source.try_into().map_err(|_| TOO_SHORT)?;
            let &[.., high, low, _, _] = others else {
                return Err(TOO_SHORT);
            };
            let port = u16::from_be_bytes([high, low]);
            let client = (Ipv6Addr::from(source), port).into();
            Ok((Source::Client(client), fields))
        }
        0x31 => {
            let (_, fields) = rest.split_at_checked(216).ok_or(TOO_SHORT)?;
            Ok((Source::Local, fields))
        }
        _ => Err(ProxyHeaderError::Transport),
    }
}

/// Looks through the fields behind the addresses: a type, a length, a value each. A checksum is held
/// against the header; all else is passed over.
fn check_fields(header: &[u8], mut fields: &[u8]) -> Result<(), ProxyHeaderError> {
    const CRC32C: u8 = 0x03;
    while let [kind, rest @ ..] = fields {
        let [high, low, rest @ ..] = rest else {
            return Err(ProxyHeaderError::Field);
        };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, after) = rest.split_at_checked(len).ok_or(ProxyHeaderError::Field)?;
        if *kind == CRC32C {
            let sum: [u8; 4] = value.try_into().map_err(|_| ProxyHeaderError::Checksum)?;
            // It was made over the whole header with zeros in its own place.
            let end = header.len() - after.len();
            let own = end - sum.len()..end;
            let bytes = header.iter().enumerate();
            let bytes = bytes.map(|(at, &byte)| if own.contains(&at) { 0 } else { byte });
            if crc32c(bytes) != u32::from_be_bytes(sum) {
                return Err(ProxyHeaderError::Checksum);
            }
        }
        fields = after;
    }
    Ok(())
}

/// The checksum of RFC 9260 §A, bit by bit: headers are short.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let sum = bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            sum >> 1 ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    });
    !sum
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "expected the signature of a PROXY header",
            Self::Version => "expected version 2 of the PROXY protocol",
            Self::Command => "expected LOCAL or PROXY",
            Self::Transport => "expected a stream over IPv4, IPv6 or a Unix socket",
            Self::TooLong => "expected a PROXY header of at most 1024 bytes",
            Self::TooShort => "expected addresses in the PROXY header",
            Self::Field => "expected a field to end within the PROXY header",
            Self::Checksum => "expected the checksum of the PROXY header to agree",
        })
    }
}

impl core::error::Error for ProxyHeaderError {}

#[cfg(test)]
mod tests;
