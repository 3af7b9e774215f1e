//! Memory for compressed WebSockets, there from the first message that needs it.
//!
//! Without context takeover it is given back behind each message, so a WebSocket that waits has none.
//! With it, a connection keeps its windows: up to 2^15 bytes for each direction, and what finds
//! repetitions beside the one that compresses.

use kinglet_core::websocket::deflate::{
    self, Deflate, End, Inflate, Inflated, InvalidDeflate, Takeover,
};

/// What one connection compresses with, in either direction.
#[derive(Debug, Default)]
pub(crate) struct Codecs {
    pub(crate) inflater: Inflater,
    pub(crate) deflater: Deflater,
}

/// What inflates for one connection.
#[derive(Debug, Default)]
pub(crate) struct Inflater(Option<Box<Inflating>>);

#[derive(Debug)]
struct Inflating {
    inflater: deflate::Inflater<Box<[u8]>>,
    takeover: Takeover,
    is_done: bool,
}

/// What compresses for one connection.
#[derive(Debug, Default)]
pub(crate) struct Deflater(Option<Box<Deflating>>);

#[derive(Debug)]
struct Deflating {
    deflater: deflate::Deflater<Box<[u8]>, Box<[u16]>>,
    takeover: Takeover,
}

/// Places that a compressor remembers.
const TABLE_LEN: usize = 8 * 1024;

impl Codecs {
    /// Gives back what is not needed between two turns, when what was inflated has been read: messages
    /// that know nothing of each other have nothing to keep.
    pub(crate) fn rest(mut self: Box<Self>) -> Option<Box<Self>> {
        let is_kept = |takeover| takeover == Takeover::Allowed;
        let inflating = self.inflater.0.as_ref();
        if inflating.is_some_and(|inflating| inflating.is_done && !is_kept(inflating.takeover)) {
            self.inflater.0 = None;
        }
        let deflating = self.deflater.0.as_ref();
        if deflating.is_some_and(|deflating| !is_kept(deflating.takeover)) {
            self.deflater.0 = None;
        }
        let is_empty = self.inflater.0.is_none() && self.deflater.0.is_none();
        (!is_empty).then_some(self)
    }
}

impl Inflate for Inflater {
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool {
        let new = || {
            let window = vec![0; 1 << window_bits].into_boxed_slice();
            Box::new(Inflating {
                inflater: deflate::Inflater::new(window),
                takeover,
                is_done: false,
            })
        };
        let inflating = self.0.get_or_insert_with(new);
        inflating.is_done = false;
        inflating.inflater.begin(window_bits, takeover)
    }

    fn inflate(&mut self, bytes: &[u8], end: End, most: usize) -> Result<Inflated, InvalidDeflate> {
        let inflating = self.0.as_mut().ok_or(InvalidDeflate)?;
        let inflated = inflating.inflater.inflate(bytes, end, most)?;
        inflating.is_done = inflated.is_done;
        Ok(inflated)
    }

    fn output(&self) -> &[u8] {
        let inflating = self.0.as_ref();
        inflating.map_or(&[], |inflating| inflating.inflater.output())
    }
}

impl Deflate for Deflater {
    fn begin(&mut self, window_bits: u8, takeover: Takeover) -> bool {
        let new = || {
            // Without takeover no window is needed: a message can refer to itself.
            let window_len = match takeover {
                Takeover::Allowed => 1 << window_bits,
                Takeover::Forbidden => 0,
            };
            let window = vec![0; window_len].into_boxed_slice();
            let table = vec![0; TABLE_LEN].into_boxed_slice();
            Box::new(Deflating {
                deflater: deflate::Deflater::new(window, table),
                takeover,
            })
        };
        let deflating = self.0.get_or_insert_with(new);
        deflating.deflater.begin(window_bits, takeover)
    }

    fn deflate(&mut self, message: &[u8], to: &mut [u8]) -> Option<usize> {
        self.0.as_mut()?.deflater.deflate(message, to)
    }
}
