//! What the firmware serves: a greeting at `/`, and eight megabytes at `/long`.

use kinglet_core::http::{Field, Handled, Length, Reply, Request, Status, Stream};
use kinglet_core::{Application, field};

pub(crate) struct Greeting;

const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
const LONG: u64 = 8 << 20;

impl Application for Greeting {
    /// How much of a long answer is still to be sent.
    type Exchange = u64;

    fn request(&mut self, left: &mut u64, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.path() {
            "/" => reply.send(Status::OK, &[PLAIN], b"hello\n"),
            "/long" => {
                *left = LONG;
                reply.start(Status::OK, &[PLAIN], Length::Exact(LONG))
            }
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        }
    }

    fn stream(&mut self, left: &mut u64, mut stream: Stream<'_>) -> Handled {
        let written = stream.write_with(|room| {
            room.fill(b'x');
            room.len()
        });
        *left -= written as u64;
        if *left == 0 {
            return stream.finish();
        }
        stream.more()
    }
}
