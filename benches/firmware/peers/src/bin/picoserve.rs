//! picoserve, HTTP alone.
#![no_std]
#![no_main]

use core::pin::pin;

use cortex_m_rt::entry;
use firmware_bench::play;
use firmware_peers::pico::{BUFFER_LEN, CONFIG, Memory, Never};
use firmware_peers::{Link, Polled};
use heapless::String;
use picoserve::routing::{get, parse_path_segment};
use picoserve::{Router, Server};

#[entry]
fn main() -> ! {
    let app = Router::new()
        .route("/", get(async || "Hello, World!"))
        .route(
            ("/items", parse_path_segment::<String<32>>()),
            get(async |item: String<32>| item),
        );
    let link = Link::new();
    let connection = pin!(None);
    play(&mut Polled::new(&link, connection, BUFFER_LEN, |end| {
        let app = &app;
        async move {
            let mut buffer = [0; BUFFER_LEN];
            let server = Server::<Memory, _, _, _>::custom(app, Never, &CONFIG, &mut buffer);
            let _ = server.serve(end).await;
        }
    }))
}
