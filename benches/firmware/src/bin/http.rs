//! HTTP alone, with one handler of each kind.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::kinglet::Kinglet;
use firmware_bench::{http_application, play};

http_application!(Http);

#[entry]
fn main() -> ! {
    play(&mut Kinglet::new(Http, ()))
}
