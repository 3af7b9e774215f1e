//! Messages and their parts (RFC 6455 §5.4, §5.6).
//!
//! ```text
//! message   [ fragment        | fragment | fragment ]     as many frames as the sender likes
//! parts     [ part  | part    | part     | part     ]     as the bytes come, cut anywhere
//!             first                        last
//! ```
//!
//! What is received is handed over in [`Part`]s, none of which is ever copied or held back. Most
//! messages are short and come [`whole`](Part::whole); [`Collector`](super::Collector) puts the others
//! together. What is sent is a [`Message`], which cannot say that it is text and not be.

use super::Opcode;
use super::frame::{Fin, Header};

/// What the data of a message is (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Kind {
    /// Text, in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// A whole message; text in it is valid UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'m> {
    kind: Kind,
    data: &'m [u8],
}

impl<'m> Message<'m> {
    /// A text message.
    #[must_use]
    pub const fn text(text: &'m str) -> Self {
        Self {
            kind: Kind::Text,
            data: text.as_bytes(),
        }
    }

    /// A binary message.
    #[must_use]
    pub const fn binary(data: &'m [u8]) -> Self {
        Self {
            kind: Kind::Binary,
            data,
        }
    }

    /// `data` is valid where the kind is text.
    pub(crate) const fn validated(kind: Kind, data: &'m [u8]) -> Self {
        Self { kind, data }
    }

    /// Text or binary.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes.
    #[must_use]
    pub const fn data(&self) -> &'m [u8] {
        self.data
    }

    /// The header of a frame with all of it, as a server sends it: the frame is this and the
    /// [data](Self::data). For a driver that sends one frame to many.
    #[must_use]
    pub const fn header(&self) -> Header {
        let opcode = match self.kind {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        };
        Header::new(opcode, self.data.len() as u64, None)
    }

    /// The text, where it is text. Looks at all of it once more.
    #[must_use]
    pub fn as_text(&self) -> Option<&'m str> {
        match self.kind {
            Kind::Text => core::str::from_utf8(self.data).ok(),
            Kind::Binary => None,
        }
    }
}

impl<'m> From<&'m str> for Message<'m> {
    fn from(text: &'m str) -> Self {
        Self::text(text)
    }
}

impl<'m> From<&'m [u8]> for Message<'m> {
    fn from(data: &'m [u8]) -> Self {
        Self::binary(data)
    }
}

impl<'m, const LEN: usize> From<&'m [u8; LEN]> for Message<'m> {
    fn from(data: &'m [u8; LEN]) -> Self {
        Self::binary(data)
    }
}

/// A part of a message that has come.
///
/// The parts of a message come in order, and no other message's between them. Text is checked as it
/// comes: what the parts so far have is the beginning of valid UTF-8, though a part may end within a
/// character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'e> {
    kind: Kind,
    place: Place,
    data: &'e [u8],
}

/// Where in its message a part lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no further place")]
pub enum Place {
    /// The part is all of it.
    Whole,
    /// At its beginning, and more is to come.
    First,
    /// Neither at its beginning nor at its end.
    Middle,
    /// At its end.
    Last,
}

impl Place {
    /// The place of a part that begins here, and is the last or not.
    pub(super) const fn ending(self, end: Fin) -> Self {
        match (self.is_first(), end) {
            (true, Fin::Last) => Self::Whole,
            (true, Fin::More) => Self::First,
            (false, Fin::More) => Self::Middle,
            (false, Fin::Last) => Self::Last,
        }
    }

    /// Whether the message begins here.
    #[must_use]
    pub const fn is_first(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    /// Whether the message ends here.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }
}

impl<'e> Part<'e> {
    pub(super) const fn new(kind: Kind, place: Place, data: &'e [u8]) -> Self {
        Self { kind, place, data }
    }

    /// Whether its message is text or binary.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where in its message it lies.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The bytes; empty only at the end of a message.
    #[must_use]
    pub const fn data(&self) -> &'e [u8] {
        self.data
    }

    /// The message, where this part is all of it.
    #[must_use]
    pub const fn whole(&self) -> Option<Message<'e>> {
        match self.place {
            Place::Whole => Some(Message::validated(self.kind, self.data)),
            Place::First | Place::Middle | Place::Last => None,
        }
    }
}
