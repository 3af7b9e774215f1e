//! picoserve, HTTP and WebSocket.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use cortex_m_rt::entry;
use firmware_bench::play;
use firmware_peers::pico::{BUFFER_LEN, CONFIG, Memory, Never};
use firmware_peers::{Link, Polled};
use heapless::String;
use picoserve::io::{Read, Write};
use picoserve::response::ws::{Message, SocketRx, SocketTx, WebSocketCallback, WebSocketUpgrade};
use picoserve::routing::{get, parse_path_segment};
use picoserve::{Router, Server};

struct Echo;

impl WebSocketCallback for Echo {
    async fn run<R: Read, W: Write<Error = R::Error>>(
        self,
        mut rx: SocketRx<R>,
        mut tx: SocketTx<W>,
    ) -> Result<(), W::Error> {
        let mut buffer = [0; BUFFER_LEN];
        loop {
            let next = rx
                .next_message(&mut buffer, core::future::pending::<Infallible>())
                .await?;
            match next.ignore_never_b() {
                Ok(Message::Text(text)) => tx.send_text(text).await?,
                Ok(Message::Binary(data)) => tx.send_binary(data).await?,
                Ok(Message::Ping(data)) => tx.send_pong(data).await?,
                Ok(Message::Pong(_)) => {}
                Ok(Message::Close(_)) | Err(_) => return tx.close(None).await,
            }
        }
    }
}

#[entry]
fn main() -> ! {
    let app = Router::new()
        .route("/", get(async || "Hello, World!"))
        .route(
            ("/items", parse_path_segment::<String<32>>()),
            get(async |item: String<32>| item),
        )
        .route(
            "/ws",
            get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(Echo)),
        );
    let link = Link::new();
    let connection = pin!(None);
    play(&mut Polled::new(&link, connection, 2 * BUFFER_LEN, |end| {
        let app = &app;
        async move {
            let mut buffer = [0; BUFFER_LEN];
            let server = Server::<Memory, _, _, _>::custom(app, Never, &CONFIG, &mut buffer);
            let _ = server.serve(end).await;
        }
    }))
}
