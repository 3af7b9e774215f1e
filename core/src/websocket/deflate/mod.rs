//! Compression of messages (RFC 7692): what a driver lends, and what works in it.

/// Whether a compressor may refer to messages before the one it compresses (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Takeover {
    /// It may: the window stays from one message to the next.
    Allowed,
    /// It may not: nothing is remembered between messages.
    Forbidden,
}

/// Memory to inflate with.
pub trait Inflate: core::fmt::Debug {
    /// A compressed message begins. False: there is no memory.
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool;
    /// Inflates.
    ///
    /// # Errors
    ///
    /// The bytes are no compressed data.
    fn inflate(&mut self, bytes: &[u8], end: End) -> Result<Inflated, InvalidDeflate>;
    /// What the last call inflated.
    fn output(&self) -> &[u8];
    /// The message is over.
    fn end(&mut self, takeover: Takeover);
}

/// Memory to compress with.
pub trait Deflate: core::fmt::Debug {
    /// A message begins. False: there is no memory.
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool;
    /// Compresses.
    fn deflate(&mut self, message: &[u8], to: &mut [u8]) -> Option<usize>;
    /// The message is over.
    fn end(&mut self, takeover: Takeover);
}

/// Whether a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum End {
    /// It goes on.
    More,
    /// It ends behind these bytes.
    Message,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "implementations build it")]
pub struct Inflated {
    /// Bytes consumed.
    pub consumed: usize,
    /// Bytes in the output.
    pub len: usize,
    /// Whether the message is over.
    pub is_done: bool,
}

/// Not compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say")]
pub struct InvalidDeflate;
