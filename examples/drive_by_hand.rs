//! Type `cargo run --example drive_by_hand`, then `curl http://127.0.0.1:8081/`.
//!
//! The smallest complete driver: it lends the engine bytes, room and time over blocking sockets.
//! `--listen ADDRESS:PORT` says where; `--threads N` how many connections there may be at once.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{self, Duration, SystemTime};

use kinglet_core::http::{Handled, Reply, Request, Status};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Instant, Limits, Output, Session, Stamp, Turn};
use lexopt::ValueExt;

struct Hello;

impl Application for Hello {
    type Exchange = ();
    fn request(&mut self, _: &mut (), _: &Request<'_>, reply: Reply<'_>) -> Handled {
        reply.send_static(Status::OK, &[], b"driven by hand\n")
    }
}

const TICK: Duration = Duration::from_millis(250); // No call blocks for longer.

fn main() -> Result<(), Box<dyn Error>> {
    let (mut listen, mut threads) = (String::from("127.0.0.1:8081"), 16);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("listen") => listen = arguments.value()?.parse()?,
            lexopt::Arg::Long("threads") => threads = arguments.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let listener = TcpListener::bind(listen)?;
    println!("http://{}/", listener.local_addr()?);
    let serve = || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = drive(stream); // A connection that breaks ends alone.
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(serve))));
    Ok(())
}

/// Drives one connection from its first byte to its end.
fn drive(mut stream: TcpStream) -> io::Result<()> {
    let start = time::Instant::now();
    let now = || Instant::from_millis(start.elapsed().as_millis() as u64);
    let mut context = Context::new(Limits::SERVER, Stamp::new("drive_by_hand"));
    let mut session = Session::new();
    let (mut received, mut outlook, mut queue) = (Vec::new(), Outlook::More, Queue::new());
    let (mut window, mut room) = ([0; 16 * 1024], [0; 16 * 1024]);
    stream.set_write_timeout(Some(TICK))?;
    loop {
        context.now = now();
        let unix_time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        context.stamp.set_date(unix_time.as_secs());
        let mut input = Input::new(&mut received, outlook);
        let mut output = Output::new(&mut room, &mut queue);
        let turn = session.turn(&mut Hello, &context, &mut input, &mut output);
        received = input.remaining().to_vec(); // Comes again, with more behind it.
        while !queue.is_empty() {
            let slice = queue.slices(&room).next().unwrap_or_default();
            queue.advance(in_time(stream.write(slice))?.unwrap_or(0));
            context.now = now();
            let pace = session.unsent(&context, queue.len());
            pace.map_err(|_| ErrorKind::TimedOut)?;
        }
        let left = session.deadline().map(|at| context.now.until(at));
        let patience = left.unwrap_or(TICK).clamp(Duration::from_millis(1), TICK);
        match turn {
            Turn::Send => continue,
            Turn::Close(_) => return Ok(()),
            Turn::Shutdown => stream.shutdown(Shutdown::Write)?,
            Turn::Wait => {
                std::thread::sleep(patience);
                continue;
            }
            Turn::Receive => {}
        }
        stream.set_read_timeout(Some(patience))?;
        let came = in_time(stream.read(&mut window))?;
        received.extend_from_slice(&window[..came.unwrap_or(0)]);
        if came == Some(0) {
            outlook = Outlook::Ended;
        }
    }
}

/// How much was read or written, or `None` where that took too long.
fn in_time(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        other => other.map(Some),
    }
}
