//! HTTP and WebSocket.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::kinglet::Kinglet;
use firmware_bench::{play, websocket_application};
use kinglet_core::websocket::Terms;

websocket_application!(WebSocket, Terms::ANY);

#[entry]
fn main() -> ! {
    play(&mut Kinglet::new(WebSocket, ()))
}
