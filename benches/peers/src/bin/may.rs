//! may_minihttp: stackful coroutines on `may`, one worker per thread.

use std::io;

use kinglet_peers::{BODY, Options};
use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};

/// Bytes are counted in words of eight: 32 KiB, the stack size that the
/// library's own benchmarks ask for.
const STACK_WORDS: usize = 0x1000;

struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain").body(BODY);
        Ok(())
    }
}

impl HttpServiceFactory for Hello {
    type Service = Self;

    fn new_service(&self, _: usize) -> Self {
        Self
    }
}

fn main() -> io::Result<()> {
    let options = Options::from_command_line();
    may::config()
        .set_workers(options.threads)
        .set_pool_capacity(500)
        .set_stack_size(STACK_WORDS);
    let server = Hello.start(options.listen)?;
    server
        .join()
        .map_err(|_| io::Error::other("the server's coroutine ended"))
}
