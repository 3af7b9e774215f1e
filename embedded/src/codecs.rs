//! Memory to compress WebSocket messages with: a few pieces for all connections.

use core::fmt;

use kinglet_core::websocket::deflate::{Deflate, Deflater, Inflate, Inflater};

/// Where a server has its codecs from. `()` is none: its WebSockets are not compressed, and the code for
/// it is not in the image.
pub trait Codecs {
    /// Whether one more connection could have a codec.
    fn has_free(&self) -> bool;
    /// The codec of a connection, which gets one if it has none yet and there is one.
    fn lend(&mut self, connection: usize) -> Option<(&mut dyn Inflate, &mut dyn Deflate)>;
    /// A connection is over, and so is its context.
    fn take_back(&mut self, connection: usize);
}

impl Codecs for () {
    fn has_free(&self) -> bool {
        false
    }

    fn lend(&mut self, _: usize) -> Option<(&mut dyn Inflate, &mut dyn Deflate)> {
        None
    }

    fn take_back(&mut self, _: usize) {}
}

/// `COUNT` codecs. While all of them are lent, further WebSockets agree on no compression.
///
/// `WINDOW` is 2^bits bytes for the bits that the application's terms have, and `TABLE` a power of two:
/// places that the compressor remembers, 2 bytes each. A codec of 1 KiB and 512 places has 5.3 KiB.
#[derive(Debug)]
pub struct Pool<const COUNT: usize, const WINDOW: usize, const TABLE: usize> {
    codecs: [Codec<WINDOW, TABLE>; COUNT],
}

struct Codec<const WINDOW: usize, const TABLE: usize> {
    owner: Option<usize>,
    inflater: Inflater<[u8; WINDOW]>,
    deflater: Deflater<[u8; WINDOW], [u16; TABLE]>,
}

impl<const WINDOW: usize, const TABLE: usize> Codec<WINDOW, TABLE> {
    const FREE: Self = Self {
        owner: None,
        inflater: Inflater::new([0; WINDOW]),
        deflater: Deflater::new([0; WINDOW], [0; TABLE]),
    };
}

impl<const COUNT: usize, const WINDOW: usize, const TABLE: usize> Pool<COUNT, WINDOW, TABLE> {
    /// All of them free.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            codecs: [const { Codec::FREE }; COUNT],
        }
    }
}

impl<const COUNT: usize, const WINDOW: usize, const TABLE: usize> Codecs
    for Pool<COUNT, WINDOW, TABLE>
{
    fn has_free(&self) -> bool {
        self.codecs.iter().any(|codec| codec.owner.is_none())
    }

    fn lend(&mut self, connection: usize) -> Option<(&mut dyn Inflate, &mut dyn Deflate)> {
        let owned = |codec: &Codec<WINDOW, TABLE>| codec.owner == Some(connection);
        let is_free = |codec: &Codec<WINDOW, TABLE>| codec.owner.is_none();
        let place = self.codecs.iter().position(owned);
        let place = place.or_else(|| self.codecs.iter().position(is_free))?;
        let codec = self.codecs.get_mut(place)?;
        codec.owner = Some(connection);
        Some((&mut codec.inflater, &mut codec.deflater))
    }

    fn take_back(&mut self, connection: usize) {
        for codec in &mut self.codecs {
            if codec.owner == Some(connection) {
                // A context is one connection's.
                *codec = Codec::FREE;
            }
        }
    }
}

impl<const COUNT: usize, const WINDOW: usize, const TABLE: usize> Default
    for Pool<COUNT, WINDOW, TABLE>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const WINDOW: usize, const TABLE: usize> fmt::Debug for Codec<WINDOW, TABLE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
