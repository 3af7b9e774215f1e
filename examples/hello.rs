//! `cargo run --release --example hello -- --listen 127.0.0.1:8080 --threads 1`
use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status};
use kinglet_core::{Application, field};
use kinglet_hosted::{Options, Server};

struct Hello;
impl Application for Hello {
    type Exchange = ();
    fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
        match request.method() {
            Method::Get | Method::Head => reply.send(Status::OK, &[PLAIN], b"Hello, World!"),
            _ => reply.send(
                Status::METHOD_NOT_ALLOWED,
                &[field!("Allow", "GET, HEAD")],
                b"",
            ),
        }
    }
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut listen = String::from("127.0.0.1:8080");
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--listen" => listen = args.next().unwrap(),
            "--threads" => options.threads = args.next().unwrap().parse()?,
            _ => return Err("--listen ADDRESS:PORT --threads N".into()),
        }
    }
    let server = Server::bind(&listen.parse()?, options)?;
    server.drain_on_signals()?;
    server.run(|_| Hello)?;
    Ok(())
}
