//! Why a WebSocket fails, whose fault it is, and the close code that says so.

use core::fmt;

use super::CloseCode;

/// Why a connection is failed (RFC 6455 §7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule of the protocol.
    Protocol(ProtocolError),
    /// Text, or a close reason, is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// A compressed message is none (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// The peer reached a bound.
    Limit(LimitError),
    /// The peer was too slow.
    Timeout(TimeoutError),
}

/// A rule of the protocol that the peer broke, by the section of RFC 6455 §5 or §7 that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that nothing was agreed on for (§5.2).
    ReservedBit,
    /// A reserved opcode (§5.2).
    ReservedOpcode,
    /// A frame to a server that is not masked (§5.1).
    UnmaskedFrame,
    /// A frame to a client that is (§5.1).
    MaskedFrame,
    /// A payload length in more bytes than it needs (§5.2).
    LengthNotMinimal,
    /// A payload length of more than 63 bits (§5.2).
    LengthTooLong,
    /// A control frame in fragments (§5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A continuation without a beginning (§5.4).
    UnexpectedContinuation,
    /// A new message before the last one is whole (§5.4).
    MissingContinuation,
    /// A Close frame with half a code (§5.5.1).
    InvalidClosePayload,
    /// A close code that may not be sent (§7.4).
    InvalidCloseCode,
}

/// A bound that was reached. See [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// `max_message_len`, or the bound that the application has.
    MessageTooLong,
    /// `max_fragments`.
    TooManyFragments,
    /// `max_inflate_ratio`.
    InflatedTooFar,
    /// The driver has no memory to inflate with.
    NoMemory,
    /// The driver's window is too small for a header or a control frame.
    WindowTooSmall,
    /// What others send to the peer waits for it past the driver's bound.
    TooSlow,
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutError {
    /// `pong_timeout`.
    Pong,
    /// `close_timeout`.
    Close,
    /// `min_send_rate`.
    Send,
}

impl Error {
    /// The close code that tells the peer; `None` where a Close frame would not reach it.
    #[must_use]
    pub const fn close_code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Protocol(
                ProtocolError::ReservedBit
                | ProtocolError::ReservedOpcode
                | ProtocolError::UnmaskedFrame
                | ProtocolError::MaskedFrame
                | ProtocolError::LengthNotMinimal
                | ProtocolError::LengthTooLong
                | ProtocolError::FragmentedControl
                | ProtocolError::ControlTooLong
                | ProtocolError::UnexpectedContinuation
                | ProtocolError::MissingContinuation
                | ProtocolError::InvalidClosePayload
                | ProtocolError::InvalidCloseCode,
            ) => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::Limit(LimitError::MessageTooLong | LimitError::InflatedTooFar) => {
                CloseCode::MESSAGE_TOO_BIG
            }
            Self::Limit(LimitError::TooManyFragments | LimitError::TooSlow) => {
                CloseCode::POLICY_VIOLATION
            }
            Self::Limit(LimitError::NoMemory | LimitError::WindowTooSmall) => {
                CloseCode::INTERNAL_ERROR
            }
            Self::Timeout(TimeoutError::Pong | TimeoutError::Close | TimeoutError::Send) => {
                return None;
            }
        })
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<TimeoutError> for Error {
    fn from(error: TimeoutError) -> Self {
        Self::Timeout(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(error) => match error {
                ProtocolError::ReservedBit => "expected a reserved bit to be clear",
                ProtocolError::ReservedOpcode => "expected an opcode that is not reserved",
                ProtocolError::UnmaskedFrame => "expected a masked frame",
                ProtocolError::MaskedFrame => "expected a frame that is not masked",
                ProtocolError::LengthNotMinimal => "expected a length in the fewest bytes",
                ProtocolError::LengthTooLong => "expected a length of at most 63 bits",
                ProtocolError::FragmentedControl => "expected a control frame in one piece",
                ProtocolError::ControlTooLong => "expected a control frame of at most 125 bytes",
                ProtocolError::UnexpectedContinuation => "expected the beginning of a message",
                ProtocolError::MissingContinuation => "expected the rest of a message",
                ProtocolError::InvalidClosePayload => "expected a close code of two bytes",
                ProtocolError::InvalidCloseCode => "expected a close code that may be sent",
            },
            Self::InvalidUtf8 => "expected UTF-8",
            Self::InvalidDeflate => "expected compressed data",
            Self::Limit(error) => match error {
                LimitError::MessageTooLong => "expected a shorter message",
                LimitError::TooManyFragments => "expected fewer fragments",
                LimitError::InflatedTooFar => "expected a lower compression ratio",
                LimitError::NoMemory => "expected memory to inflate with",
                LimitError::WindowTooSmall => "expected room for a control frame",
                LimitError::TooSlow => "expected a peer that reads faster",
            },
            Self::Timeout(error) => match error {
                TimeoutError::Pong => "expected a pong in time",
                TimeoutError::Close => "expected a Close frame in time",
                TimeoutError::Send => "expected a peer that reads faster",
            },
        })
    }
}

impl core::error::Error for Error {}
