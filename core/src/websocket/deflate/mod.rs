//! Compression of messages: permessage-deflate (RFC 7692) over DEFLATE (RFC 1951).
//!
//! ```text
//!  driver lends       engine calls, per compressed message
//!  ---------------    -----------------------------------------------------------------
//!  &mut dyn Inflate   begin   inflate, output   inflate, output   ...   is_done
//!  &mut dyn Deflate   begin   deflate (the whole message at once)
//! ```
//!
//! The engine owns no window. What it is lent are two objects, behind which memory is kept as its owner
//! likes: beside each connection, or in a pool of which a connection has a piece while a message is
//! under way. [`Inflater`] and [`Deflater`] are ours, over memory of any kind:
//!
//! | Piece              | bytes                     | kept between messages                   |
//! |--------------------|---------------------------|-----------------------------------------|
//! | window to inflate  | 2^bits, no less           | with context takeover                   |
//! | [`Decoder`]        | 2,408                     | never                                   |
//! | [`Window`]         | its memory and 4 words    | with context takeover                   |
//! | window to deflate  | up to 2^bits, may be none | with context takeover                   |
//! | table to deflate   | 2 for each `u16`          | never: without it less is found, no more|
//!
//! A device may have windows of 1 KiB and a table of 512, together about 5.3 KiB for both directions; a
//! server, 15 bits and a table of 16,384.
//!
//! Invariants: no bytes of another context are ever seen. A distance that leads to before the first
//! byte of the context, or beyond the agreed window, is [`InvalidDeflate`], as is all else that is not
//! RFC 1951. [`Deflater`] refers to nothing that the peer need not have kept.
//!
//! The payload of a message "Hello" (RFC 7692 §7.2.3.1), and of the same once more (§7.2.3.2):
//!
//! ```
//! use kinglet_core::websocket::deflate::{Deflate, Deflater, End, Inflate, Inflater, Takeover};
//!
//! let mut inflater = Inflater::new([0; 1024]);
//! let payloads: [&[u8]; 2] = [
//!     &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
//!     &[0xf2, 0x00, 0x11, 0x00, 0x00],
//! ];
//! for payload in payloads {
//!     assert!(inflater.begin(10, Takeover::Allowed));
//!     let inflated = inflater.inflate(payload, End::Message, usize::MAX)?;
//!     assert_eq!(inflater.output(), b"Hello");
//!     assert!(inflated.is_done && inflated.consumed == payload.len());
//! }
//!
//! let mut deflater = Deflater::new([0; 1024], [0; 512]);
//! let mut room = [0; 32];
//! assert!(deflater.begin(10, Takeover::Allowed));
//! assert_eq!(deflater.deflate(b"Hello", &mut room), Some(7));
//! assert!(room.starts_with(payloads[0]));
//! # Ok::<(), kinglet_core::websocket::deflate::InvalidDeflate>(())
//! ```

mod code;
mod decoder;
mod deflater;
mod encoder;
mod inflater;
mod matcher;
mod reader;
mod window;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use deflater::Deflater;
pub use inflater::Inflater;
pub use window::Window;

/// Whether what earlier messages left in the window may be referred to, RFC 7692 §7.1.1: "context
/// takeover".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Takeover {
    /// It may be.
    Allowed,
    /// Each message begins with an empty window.
    Forbidden,
}

/// What lies behind the bytes given to [`Inflate::inflate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum End {
    /// More of the same message.
    More,
    /// Nothing: the message ends there.
    Message,
}

/// What one call of [`Inflate::inflate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a driver may inflate by means of its own"
)]
pub struct Inflated {
    /// Bytes of the input that are done with; the next call begins behind them.
    pub consumed: usize,
    /// The length of [`Inflate::output`], in bytes.
    pub len: usize,
    /// Whether the message is over: all of it is consumed, and behind this output comes no more.
    pub is_done: bool,
}

/// Turns the payload of compressed messages into what was said, RFC 7692 §7.2.2.
pub trait Inflate {
    /// A compressed message begins. `window_bits`, 8 to 15, is the LZ77 window that the peer agreed to
    /// keep within (RFC 7692 §7.1.2). False: no memory is to be had.
    #[must_use]
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool;

    /// Inflates what fits in one go, and no more than `most` bytes. `bytes` is payload of the message that is not yet consumed, masking
    /// undone; `end` says whether the message ends behind it.
    ///
    /// Each call with something to consume consumes, outputs, or is done; so does each call with
    /// [`End::Message`] that does not fail. A caller gives what is left until it is done.
    ///
    /// # Errors
    ///
    /// [`InvalidDeflate`] when the payload is not what RFC 7692 §7.2.1 makes of a message, from the call
    /// on in which that shows. What this call has inflated before is not output.
    fn inflate(&mut self, bytes: &[u8], end: End, most: usize) -> Result<Inflated, InvalidDeflate>;

    /// What the last call inflated: one slice, at most a window long, there until the next call. After a
    /// turn in which the message was over, what need not be kept can be given back.
    fn output(&self) -> &[u8];
}

/// Turns messages into the payload of compressed messages, RFC 7692 §7.2.1.
pub trait Deflate {
    /// A message to be compressed begins. `window_bits`, 8 to 15, is the LZ77 window that the peer has
    /// been told suffices (RFC 7692 §7.1.2). False: no memory is to be had.
    #[must_use]
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool;

    /// Compresses a whole message into `to`, and returns how long the payload is. It is flushed to a
    /// whole byte, and its tail, 00 00 ff ff, is left off.
    ///
    /// None when it does not fit. What has been sent is then no longer referred to, so that the message
    /// can be sent without compression, or not at all.
    fn deflate(&mut self, message: &[u8], to: &mut [u8]) -> Option<usize>;
}

// Said here and not asked of who implements them: what formats would be in every firmware that inflates.

impl core::fmt::Debug for dyn Inflate + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("dyn Inflate")
    }
}

impl core::fmt::Debug for dyn Deflate + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("dyn Deflate")
    }
}

/// A payload that is not DEFLATE, refers to what is not in the window, or ends inside a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to tell apart")]
pub struct InvalidDeflate;

impl core::fmt::Display for InvalidDeflate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("expected whole blocks of RFC 1951 that refer to no more than the window")
    }
}

impl core::error::Error for InvalidDeflate {}

/// The size of a window of `bits`, in bytes; none for bits that RFC 7692 §7.1.2 does not have.
const fn window_size(bits: u8) -> Option<usize> {
    match bits {
        8..=15 => 1_usize.checked_shl(bits as u32),
        _ => None,
    }
}
