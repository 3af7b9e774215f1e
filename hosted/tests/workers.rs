//! Handlers that block, on threads of their own.

mod support;

use core::net::SocketAddr;
use core::num::NonZeroUsize;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use kinglet_core::Application;
use kinglet_core::http::{Handled, Reply, Request, Status};
use kinglet_hosted::{Address, Answer, Job, Options, Server, Workers};
use support::{PATIENCE, connect, get, read_response};

/// `/fast` is answered at once, and all else by a worker: `/slow` when the test says so.
struct Site {
    workers: Workers,
    begun: Sender<Begun>,
}

/// A job that has begun: what it is told to answer with, and what it has seen.
struct Begun {
    go_on: Sender<&'static str>,
    was_cancelled: Receiver<bool>,
}

impl Application for Site {
    type Exchange = ();

    fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.path() {
            "/fast" => reply.send(Status::OK, &[], b"fast"),
            "/panic" => self.workers.answer(reply, |_| panic!("on purpose")),
            _ => {
                let begun = self.begun.clone();
                self.workers.answer(reply, move |job| slow(job, &begun))
            }
        }
    }
}

/// Waits for the test, and answers with what it says.
fn slow(job: &Job, begun: &Sender<Begun>) -> Answer {
    let (go_on, told) = channel();
    let (seen, was_cancelled) = channel();
    let _ = begun.send(Begun {
        go_on,
        was_cancelled,
    });
    let text = told.recv_timeout(PATIENCE).unwrap_or("nobody has said");
    let _ = seen.send(job.is_cancelled());
    Answer::new(Status::OK, text)
}

struct Running {
    address: SocketAddr,
    handle: kinglet_hosted::Handle,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
    begun: Receiver<Begun>,
    workers: Workers,
}

impl Running {
    fn start(threads: usize, max_waiting: usize) -> Self {
        let options = Options::default();
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
        let Address::Tcp(address) = *server.local_address() else {
            panic!("not a TCP server")
        };
        let handle = server.handle();
        let threads = NonZeroUsize::new(threads).unwrap();
        let workers = Workers::start(handle.clone(), threads, max_waiting).unwrap();
        let (begin, begun) = channel();
        let begin = Arc::new(Mutex::new(begin));
        let theirs = workers.clone();
        let thread = std::thread::spawn(move || {
            server.run(|_| Site {
                workers: theirs.clone(),
                begun: begin.lock().unwrap().clone(),
            })
        });
        Self {
            address,
            handle,
            thread,
            begun,
            workers,
        }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut client = connect(self.address);
        write!(client, "GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        client
    }

    fn next_job(&self) -> Begun {
        self.begun.recv_timeout(PATIENCE).expect("a job begins")
    }

    /// Waits until that many jobs wait for a worker.
    fn wait_for_queue(&self, len: usize) {
        let began = std::time::Instant::now();
        while self.workers.waiting() != len {
            assert!(
                began.elapsed() < PATIENCE,
                "{} wait",
                self.workers.waiting()
            );
            std::thread::yield_now();
        }
    }

    fn finish(self) {
        self.handle.drain();
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn what_blocks_holds_up_nobody_else() {
    let server = Running::start(2, 10);
    let mut slow: Vec<TcpStream> = (0..4).map(|_| server.ask("/slow")).collect();
    let jobs = [server.next_job(), server.next_job()];
    server.wait_for_queue(2);
    // Both workers stand still, and two more wait for them: all others are served meanwhile.
    let mut fast = connect(server.address);
    for _ in 0..100 {
        assert_eq!(get(&mut fast, "/fast").1, b"fast");
    }
    for job in jobs {
        job.go_on.send("now").unwrap();
    }
    for _ in 0..2 {
        server.next_job().go_on.send("now").unwrap();
    }
    for client in &mut slow {
        assert_eq!(read_response(client).1, b"now");
    }
    drop((slow, fast));
    server.finish();
}

#[test]
fn where_too_many_wait_the_answer_is_503() {
    let server = Running::start(1, 1);
    let mut first = server.ask("/slow");
    let job = server.next_job();
    let mut second = server.ask("/slow");
    server.wait_for_queue(1);
    let (head, _) = read_response(&mut server.ask("/slow"));
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
    job.go_on.send("one").unwrap();
    server.next_job().go_on.send("two").unwrap();
    assert_eq!(read_response(&mut first).1, b"one");
    assert_eq!(read_response(&mut second).1, b"two");
    drop((first, second));
    server.finish();
}

#[test]
fn a_job_learns_that_its_client_has_gone() {
    let server = Running::start(1, 1);
    let gone = server.ask("/slow");
    let job = server.next_job();
    drop(gone);
    // A connection that comes later is served later, so the end of the first has been seen then.
    assert_eq!(get(&mut connect(server.address), "/fast").1, b"fast");
    assert_eq!(get(&mut connect(server.address), "/fast").1, b"fast");
    job.go_on.send("in vain").unwrap();
    assert_eq!(job.was_cancelled.recv_timeout(PATIENCE), Ok(true));

    let mut here = server.ask("/slow");
    let job = server.next_job();
    job.go_on.send("still here").unwrap();
    assert_eq!(job.was_cancelled.recv_timeout(PATIENCE), Ok(false));
    assert_eq!(read_response(&mut here).1, b"still here");
    drop(here);
    server.finish();
}

#[test]
fn a_client_that_has_said_all_still_gets_the_answer() {
    let server = Running::start(1, 1);
    let mut client = server.ask("/slow");
    let job = server.next_job();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(get(&mut connect(server.address), "/fast").1, b"fast");
    job.go_on.send("all the same").unwrap();
    assert_eq!(read_response(&mut client).1, b"all the same");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.finish();
}

#[test]
fn who_has_said_all_gets_the_answers_to_all_requests() {
    let server = Running::start(1, 10);
    let mut client = connect(server.address);
    write!(
        client,
        "GET /slow HTTP/1.1\r\nHost: t\r\n\r\nGET /slow HTTP/1.1\r\nHost: t\r\n\r\n"
    )
    .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut other = server.ask("/slow");
    for text in ["one", "two", "three"] {
        server.next_job().go_on.send(text).unwrap();
    }
    let first = read_response(&mut client).1;
    let second = read_response(&mut client).1;
    let third = read_response(&mut other).1;
    let mut all = [first, second, third];
    all.sort();
    assert_eq!(all, [&b"one"[..], b"three", b"two"]);
    drop((client, other));
    server.finish();
}

#[test]
fn a_job_that_panics_is_500_and_its_worker_goes_on() {
    let server = Running::start(1, 1);
    for _ in 0..3 {
        let (head, _) = read_response(&mut server.ask("/panic"));
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    }
    let mut client = server.ask("/slow");
    server.next_job().go_on.send("fine").unwrap();
    assert_eq!(read_response(&mut client).1, b"fine");
    drop(client);
    server.finish();
}
