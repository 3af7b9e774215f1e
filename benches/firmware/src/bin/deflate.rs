//! HTTP and compressed WebSocket.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::kinglet::{Kinglet, Memory};
use firmware_bench::{play, websocket_application};
use kinglet_core::Compression;
use kinglet_core::websocket::deflate::{Deflate, Deflater, Inflate, Inflater};
use kinglet_core::websocket::{self, Terms};

websocket_application!(
    WebSocket,
    Terms {
        deflate: Some(websocket::Deflate::MICROCONTROLLER),
        ..Terms::ANY
    }
);

struct Windows {
    inflater: Inflater<[u8; 1024]>,
    deflater: Deflater<[u8; 1024], [u16; 512]>,
}

impl Memory for Windows {
    fn lend(&mut self) -> Option<(&mut dyn Inflate, &mut dyn Deflate)> {
        Some((&mut self.inflater, &mut self.deflater))
    }
}

#[entry]
fn main() -> ! {
    let windows = Windows {
        inflater: Inflater::new([0; 1024]),
        deflater: Deflater::new([0; 1024], [0; 512]),
    };
    let mut server = Kinglet::new(WebSocket, windows);
    server.context().compression = Compression::Lent;
    play(&mut server)
}
