//! hyper 1 on tokio: one current-thread runtime and one listener per thread.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kinglet_peers::{BODY, Options, run_per_thread};
use tokio::runtime::Builder;

fn main() -> io::Result<()> {
    run_per_thread(Options::from_command_line(), serve)
}

fn serve(listener: TcpListener) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(accept(listener))
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut http = http1::Builder::new();
    http.pipeline_flush(true);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        socket.set_nodelay(true)?;
        let connection = http.serve_connection(TokioIo::new(socket), service_fn(hello));
        // A connection that its client breaks off is no concern of a benchmark.
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(kinglet_peers::CONTENT_TYPE),
    );
    fields.insert(SERVER, HeaderValue::from_static("hyper"));
    Ok(response)
}
