//! Our [`Inflate`]: a decoder and its window, kept together.

use super::{Decoder, End, Inflate, Inflated, InvalidDeflate, Takeover, Window};

/// Inflates into memory that is lent: `[u8; 1024]` on a device, a `Box<[u8]>` on a server.
///
/// It can be whatever a connection is: kept with it, or taken from a pool for one message. Where a
/// context is taken over, only its [`Window`] need outlive a message, and one who keeps many of them can
/// bring a [`Decoder`] to each in turn.
pub struct Inflater<W> {
    window: Window<W>,
    decoder: Decoder,
}

impl<W: AsRef<[u8]> + AsMut<[u8]>> Inflater<W> {
    /// An inflater with nothing in its window. The memory has to have 2^bits bytes for the bits of a
    /// message, else [`begin`](Inflate::begin) returns false.
    #[must_use]
    pub const fn new(memory: W) -> Self {
        Self {
            window: Window::new(memory),
            decoder: Decoder::new(),
        }
    }

    /// Forgets what is in the window, which another connection is about to use.
    pub const fn forget(&mut self) {
        self.window.forget();
    }
}

impl<W: AsRef<[u8]> + AsMut<[u8]>> Inflate for Inflater<W> {
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool {
        self.decoder.begin(&mut self.window, window_bits, takeover)
    }

    fn inflate(&mut self, bytes: &[u8], end: End, most: usize) -> Result<Inflated, InvalidDeflate> {
        self.decoder.inflate(&mut self.window, bytes, end, most)
    }

    fn output(&self) -> &[u8] {
        self.window.output()
    }
}

impl<W> core::fmt::Debug for Inflater<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflater")
            .field("window", &self.window)
            .field("decoder", &self.decoder)
            .finish()
    }
}
