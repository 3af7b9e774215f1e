//! Memory for compressed WebSockets, there from the first message that needs it.

use kinglet_core::websocket::deflate::{Deflate, End, Inflate, Inflated, InvalidDeflate, Takeover};

#[derive(Debug, Default)]
pub(crate) struct Inflater(Option<Box<u8>>);

#[derive(Debug, Default)]
pub(crate) struct Deflater(Option<Box<u8>>);

impl Inflate for Inflater {
    fn begin(&mut self, _: u8, _: Takeover) -> bool {
        false
    }
    fn inflate(&mut self, _: &[u8], _: End) -> Result<Inflated, InvalidDeflate> {
        Err(InvalidDeflate)
    }
    fn output(&self) -> &[u8] {
        &[]
    }
    fn end(&mut self, _: Takeover) {}
}

impl Deflate for Deflater {
    fn begin(&mut self, _: u8, _: Takeover) -> bool {
        false
    }
    fn deflate(&mut self, _: &[u8], _: &mut [u8]) -> Option<usize> {
        None
    }
    fn end(&mut self, _: Takeover) {}
}
