//! actix-web: no logger, no middleware, one worker per thread.

use std::io;
use std::time::Duration;

use actix_web::http::KeepAlive;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SERVER};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use kinglet_peers::{BACKLOG, BODY, Options};

fn main() -> io::Result<()> {
    let options = Options::from_command_line();
    System::new().block_on(
        HttpServer::new(|| App::new().default_service(web::to(hello)))
            .workers(options.threads)
            .backlog(BACKLOG as u32)
            .tcp_nodelay(true)
            .max_connections(100_000)
            // No timers: an idle connection stays open, and none is counted.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(Duration::ZERO)
            .disable_signals()
            .bind(options.listen)?
            .run(),
    )
}

async fn hello() -> HttpResponse {
    let mut response = HttpResponse::with_body(
        actix_web::http::StatusCode::OK,
        web::Bytes::from_static(BODY.as_bytes()),
    );
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(kinglet_peers::CONTENT_TYPE),
    );
    fields.insert(SERVER, HeaderValue::from_static("actix"));
    response.map_into_boxed_body()
}
