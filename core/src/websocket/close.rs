//! Close codes and reasons (RFC 6455 §5.5.1, §7.4).

use super::error::{Error, ProtocolError};
use crate::window::copy_to_front;

/// Why a WebSocket is closed (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// What the connection was for is done.
    pub const NORMAL: Self = Self(1000);
    /// A server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// Data of a kind that cannot be accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// The Close frame had no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// There was no Close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// Data that is not of the kind it claims to be: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A rule of the application, or one that has no code of its own.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message that is too long.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The client needs an extension that the server did not agree to.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// The server failed at what it was asked for.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server is restarted.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got no valid answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether a Close frame may have it: the registered codes but those that stand for the want of
    /// one, and all from 3000 to 4999 (RFC 6455 §7.4.2).
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl core::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads the payload data of a Close frame: its code and reason, [`CloseCode::NO_STATUS`] and nothing
/// where it is empty.
///
/// # Errors
///
/// One byte alone, a code that may not be sent, or a reason that is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<(CloseCode, &str), Error> {
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok((CloseCode::NO_STATUS, "")),
            _ => Err(ProtocolError::InvalidClosePayload.into()),
        };
    };
    let code = CloseCode(u16::from_be_bytes(code));
    if !code.may_be_sent() {
        return Err(ProtocolError::InvalidCloseCode.into());
    }
    let reason = core::str::from_utf8(reason).map_err(|_| Error::InvalidUtf8)?;
    Ok((code, reason))
}

/// Writes the payload data of a Close frame and answers its length in bytes; `None` where the code may
/// not be sent. A reason of more than 123 bytes is cut off at the end of a character.
#[must_use]
pub fn emit(code: CloseCode, reason: &str, payload: &mut [u8; 125]) -> Option<usize> {
    if !code.may_be_sent() {
        return None;
    }
    let (to_code, to_reason) = payload.split_first_chunk_mut::<2>()?;
    *to_code = code.0.to_be_bytes();
    let end = reason.floor_char_boundary(to_reason.len());
    let reason = reason.as_bytes().get(..end)?;
    copy_to_front(reason, to_reason)?;
    end.checked_add(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_sent_and_taken_or_neither() {
        for number in 0..=u16::MAX {
            let code = CloseCode::new(number);
            let may_be_sent = match number {
                1000..=1014 => ![1004, 1005, 1006].contains(&number),
                _ => (3000..5000).contains(&number),
            };
            assert_eq!(code.may_be_sent(), may_be_sent, "{number}");
            let mut payload = [0; 125];
            let len = emit(code, "why", &mut payload);
            assert_eq!(len, may_be_sent.then_some(5));
            let sent = [&number.to_be_bytes()[..], b"why"].concat();
            let expected = if may_be_sent {
                assert_eq!(payload[..5], sent);
                Ok((code, "why"))
            } else {
                Err(ProtocolError::InvalidCloseCode.into())
            };
            assert_eq!(parse(&sent), expected);
        }
    }

    #[test]
    fn a_reason_is_cut_off_at_the_end_of_a_character() {
        let mut payload = [0; 125];
        let long = "\u{20ac}".repeat(50);
        assert_eq!(emit(CloseCode::NORMAL, &long, &mut payload), Some(125));
        let long = std::format!("x{long}");
        assert_eq!(emit(CloseCode::NORMAL, &long, &mut payload), Some(123));
        assert_eq!(
            parse(&payload[..123]),
            Ok((CloseCode::NORMAL, &long[..121]))
        );
    }
}
