//! HTTP alone, with one more row in the table.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::kinglet::Kinglet;
use firmware_bench::{http_application, play};

http_application!(Http, "/1");

#[entry]
fn main() -> ! {
    play(&mut Kinglet::new(Http, ()))
}
