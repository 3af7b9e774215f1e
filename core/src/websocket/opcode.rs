//! What a frame is (RFC 6455 §5.2, §11.8).

/// The opcodes that are not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all others are reserved")]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The last frame in its direction.
    Close = 0x8,
    /// A question that is answered with a pong.
    Ping = 0x9,
    /// The answer to a ping, or a sign of life.
    Pong = 0xa,
}

impl Opcode {
    /// The opcode in the low four bits of a frame's first byte; `None` where it is reserved.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits & 0xf {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// The four bits.
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether it is that of a control frame (RFC 6455 §5.5).
    #[must_use]
    #[cfg_attr(not(small), inline(always))]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}
