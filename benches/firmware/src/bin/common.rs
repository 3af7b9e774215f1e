//! HTTP alone, and the two routes that the peers have too.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::kinglet::Kinglet;
use firmware_bench::{play, routes};
use kinglet_core::Application;
use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::routes::{Route, Routes};

const ROUTES: Routes<Common> = Routes::new(&[
    Route::get("/", routes::hello),
    Route::get("/items/{item}", routes::item),
]);

struct Common;

impl Application for Common {
    type Exchange = ();

    fn request(&mut self, exchange: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        ROUTES.dispatch(self, exchange, request, reply)
    }

    fn has_websockets(&self) -> bool {
        false
    }
}

#[entry]
fn main() -> ! {
    play(&mut Kinglet::new(Common, ()))
}
