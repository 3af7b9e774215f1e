//! What a server does for clients that behave.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use kinglet_core::http::{Handled, Reply, Request, Status};
use kinglet_core::{Application, Limits};
use kinglet_hosted::{Address, Answer, Backend, Handle, Options, Server};
use support::{LARGE, PATIENCE, connect, get, read_response, read_to_end, start};

/// Clients of these tests live as long as their server, which does not wait for them for long.
fn options(threads: usize, backend: Backend) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        backend,
        limits: Limits {
            drain_timeout: Duration::from_millis(300),
            ..Limits::SERVER
        },
        ..Options::default()
    }
}

#[test]
fn serves_on_every_backend_and_number_of_threads() {
    for (threads, backend) in [
        (1, Backend::Native),
        (3, Backend::Native),
        (1, Backend::Polling),
        (3, Backend::Polling),
    ] {
        let server = start("127.0.0.1:0", options(threads, backend), None);
        for _ in 0..20 {
            let mut client = server.connect();
            for _ in 0..3 {
                let (head, content) = get(&mut client, "/");
                assert!(
                    head.starts_with("HTTP/1.1 200 OK\r\nServer: kinglet\r\nDate: "),
                    "{head}"
                );
                assert_eq!(content, b"hello");
            }
        }
        server.finish();
    }
}

#[test]
fn serves_on_a_unix_socket_and_takes_an_abandoned_one_over() {
    let path = std::env::temp_dir().join(format!("kinglet-test-{}.sock", std::process::id()));
    // A socket nobody listens on is what a killed server leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    for threads in [1, 3] {
        let server = start(&address, options(threads, Backend::Native), None);
        let again = Server::bind(&address.parse().unwrap(), Options::default());
        assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        for _ in 0..5 {
            let mut client = UnixStream::connect(&path).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(get(&mut client, "/").1, b"hello");
        }
        server.finish();
        assert!(!path.exists());
    }
}

#[test]
fn an_address_in_use_is_an_error_for_any_number_of_threads() {
    for (first, second) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let any = "127.0.0.1:0".parse().unwrap();
        let first = Server::bind(&any, options(first, Backend::Native)).unwrap();
        let second = Server::bind(first.local_address(), options(second, Backend::Native));
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    let mut client = server.connect();
    let request = "GET /PATH HTTP/1.1\r\nHost: test\r\n\r\n";
    let batch: String = (0..1000)
        .map(|i| request.replace("PATH", if i % 3 == 0 { "" } else { "none" }))
        .collect();
    client.write_all(batch.as_bytes()).unwrap();
    for i in 0..1000 {
        let (head, _) = read_response(&mut client);
        let status = if i % 3 == 0 { "200" } else { "404" };
        assert_eq!(&head[9..12], status, "answer {i}");
    }
    server.finish();
}

#[test]
fn large_answers_arrive_whole_however_they_are_sent() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    for (path, len) in [
        ("/static", LARGE.len()),
        ("/streamed", LARGE.len()),
        ("/copied", 1 << 20),
    ] {
        let mut client = server.connect();
        // The next request waits behind the large answer and is not lost.
        write!(
            client,
            "GET {path} HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n"
        )
        .unwrap();
        let (_, content) = read_response(&mut client);
        assert_eq!(content.len(), len);
        assert!(content.iter().all(|&byte| byte == b'x'));
        assert_eq!(read_response(&mut client).1, b"hello");
    }
    server.finish();
}

#[test]
fn content_goes_in_and_out_with_backpressure() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    let mut client = server.connect();
    let mut sender = client.try_clone().unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let expected = content.clone();
    // Nothing is read while this is sent, until both socket buffers are full.
    let sending = std::thread::spawn(move || {
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            content.len()
        );
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(&content).unwrap();
    });
    let answer = read_to_end(&mut client);
    sending.join().unwrap();
    let at = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert!(dechunk(&answer[at..]) == expected);
    server.finish();
}

/// Takes the chunked coding off, without extensions or trailers.
fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = body
            .windows(2)
            .position(|window| window == b"\r\n")
            .unwrap();
        let len = usize::from_str_radix(core::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if len == 0 {
            assert_eq!(&body[end..], b"\r\n\r\n");
            return content;
        }
        content.extend_from_slice(&body[end + 2..end + 2 + len]);
        body = &body[end + 2 + len + 2..];
    }
}

#[test]
fn content_is_collected_up_to_the_bound() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    for (len, status) in [
        (0, "200"),
        (70_000, "200"),
        (512 * 1024, "200"),
        (512 * 1024 + 1, "413"),
    ] {
        let mut client = server.connect();
        write!(
            client,
            "POST /collect HTTP/1.1\r\nHost: t\r\nContent-Length: {len}\r\n\r\n"
        )
        .unwrap();
        // The server may refuse before it has read all.
        let _ = client.write_all(&vec![b'a'; len]);
        let (head, content) = read_response(&mut client);
        assert_eq!(&head[9..12], status, "{len}: {head}");
        if status == "200" {
            assert_eq!(content, len.to_string().as_bytes());
        }
    }
    // In many small chunks, too.
    let mut client = server.connect();
    write!(
        client,
        "POST /collect HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .unwrap();
    client.write_all(&b"1\r\na\r\n".repeat(50_000)).unwrap();
    client.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut client).1, b"50000");
    server.finish();
}

#[test]
fn content_that_fills_the_window_at_once_is_refused_with_413() {
    let options = Options {
        max_window_len: 64 * 1024,
        ..options(1, Backend::Native)
    };
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
    let Address::Tcp(address) = server.local_address().clone() else {
        panic!("not TCP")
    };
    // All of it is there when the server begins to read.
    let mut client = connect(address);
    client
        .write_all(b"POST /collect HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n")
        .unwrap();
    client.write_all(&[b'a'; 70_000]).unwrap();
    let running = support::start_bound(server, None);
    let (head, _) = read_response(&mut client);
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    drop(client);
    running.finish();
}

#[test]
fn a_client_that_has_said_all_is_still_answered() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    let mut client = server.connect();
    client
        .write_all(&b"GET / HTTP/1.1\r\nHost: t\r\n\r\n".repeat(3))
        .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let answer = read_to_end(&mut client);
    assert_eq!(
        answer
            .windows(5)
            .filter(|window| window == b"hello")
            .count(),
        3
    );
    server.finish();
}

#[test]
fn an_answer_arrives_whole_though_the_request_behind_it_does_not() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    let next = [
        "G",
        "POST /collect HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab",
    ];
    for next in next {
        let mut client = server.connect();
        write!(client, "GET /static HTTP/1.1\r\nHost: t\r\n\r\n{next}").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = vec![0; 64 * 1024];
        let mut len = 0;
        // So slowly that the server is done long before.
        loop {
            std::thread::park_timeout(Duration::from_millis(1));
            match client.read(&mut received).expect("no reset") {
                0 => break,
                read => len += read,
            }
        }
        assert!(len > LARGE.len(), "{len} bytes of the answer");
    }
    server.finish();
}

#[test]
fn an_error_answer_is_readable_though_more_was_sent() {
    let server = start("127.0.0.1:0", options(1, Backend::Native), None);
    let mut client = server.connect();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        .unwrap();
    // Far more than is ever read as a request.
    let _ = client.write_all(&vec![b'z'; 1_000_000]);
    let answer = String::from_utf8(read_to_end(&mut client)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(
        answer.matches("HTTP/1.1 400 Bad Request").count(),
        1,
        "{answer}"
    );
    assert!(answer.ends_with("a request must have a Host\n"), "{answer}");
    server.finish();
}

#[test]
fn deferred_requests_are_answered_from_another_thread() {
    let (tickets, waiting) = mpsc::channel();
    let server = start("127.0.0.1:0", options(2, Backend::Native), Some(tickets));
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client
            .write_all(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
    }
    let mut stale = Vec::new();
    for (index, _) in clients.iter().enumerate() {
        let ticket = waiting.recv_timeout(PATIENCE).unwrap();
        if index % 2 == 0 {
            server.handle.redeem(ticket);
        } else {
            let answer = Answer::new(Status::CREATED, "answered")
                .with_field("X-A", "b")
                .unwrap();
            server.handle.answer(ticket, answer);
        }
        stale.push(ticket);
    }
    for client in &mut clients {
        let (head, content) = read_response(client);
        match content.as_slice() {
            b"resumed" => assert!(head.starts_with("HTTP/1.1 200 ")),
            b"answered" => assert!(head.contains("201 Created") && head.contains("\r\nX-A: b\r\n")),
            other => panic!("{other:?}"),
        }
        assert_eq!(read_response(client).1, b"hello");
    }
    // Tickets of exchanges that are over do nothing.
    for ticket in stale {
        server.handle.redeem(ticket);
        server
            .handle
            .answer(ticket, Answer::new(Status::OK, "late"));
    }
    for client in &mut clients {
        assert_eq!(get(client, "/").1, b"hello");
    }
    server.finish();
}

/// Puts `/busy` off again and again, until another request has come.
struct Busy {
    handle: Handle,
    begun: Option<mpsc::Sender<()>>,
    others: usize,
}

impl Busy {
    fn put_off(&self, reply: Reply<'_>) -> Handled {
        let (ticket, handled) = reply.later();
        self.handle.redeem(ticket);
        handled
    }
}

impl Application for Busy {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.path() {
            "/busy" => return self.put_off(reply),
            "/panic" => std::panic::resume_unwind(Box::new("the application has panicked")),
            _ => {}
        }
        self.others += 1;
        reply.send(Status::OK, &[], b"hello")
    }

    fn resume(&mut self, (): &mut (), reply: Reply<'_>) -> Handled {
        if let Some(begun) = self.begun.take() {
            begun.send(()).expect("the test listens");
        }
        match self.others {
            0 => self.put_off(reply),
            _ => reply.send(Status::OK, &[], b"done"),
        }
    }
}

#[test]
fn an_application_that_redeems_its_own_tickets_leaves_others_their_turn() {
    for backend in [Backend::Native, Backend::Polling] {
        let options = options(1, backend);
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
        let (address, handle) = (server.local_address().clone(), server.handle());
        let Address::Tcp(address) = address else {
            panic!("not TCP")
        };
        let (begun, has_begun) = mpsc::channel();
        let running = std::thread::spawn(move || {
            let handle = server.handle();
            server.run(|_| Busy {
                handle: handle.clone(),
                begun: Some(begun.clone()),
                others: 0,
            })
        });
        let mut busy = connect(address);
        busy.write_all(b"GET /busy HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
        has_begun.recv_timeout(PATIENCE).unwrap();
        let mut other = connect(address);
        assert_eq!(get(&mut other, "/").1, b"hello");
        assert_eq!(read_response(&mut busy).1, b"done");
        drop((busy, other));
        handle.drain();
        running.join().unwrap().unwrap();
    }
}

#[test]
fn a_panic_on_any_thread_ends_the_server() {
    // On one thread; on the second of two, to which the first connection is dealt; and on either.
    let path = std::env::temp_dir().join(format!("kinglet-panic-{}.sock", std::process::id()));
    let unix = format!("unix:{}", path.display());
    for (address, threads) in [("127.0.0.1:0", 1), (&unix, 2), ("127.0.0.1:0", 3)] {
        let options = options(threads, Backend::Native);
        let server = Server::bind(&address.parse().unwrap(), options).unwrap();
        let address = server.local_address().clone();
        let running = std::thread::spawn(move || {
            let handle = server.handle();
            server.run(|_| Busy {
                handle: handle.clone(),
                begun: None,
                others: 0,
            })
        });
        let request = b"GET /panic HTTP/1.1\r\nHost: t\r\n\r\n";
        let received = match address {
            Address::Tcp(address) => {
                let mut client = connect(address);
                client.write_all(request).unwrap();
                read_to_end(&mut client)
            }
            _ => {
                let mut client = UnixStream::connect(&path).unwrap();
                client.write_all(request).unwrap();
                read_to_end(&mut client)
            }
        };
        assert_eq!(received, b"");
        assert!(running.join().is_err());
    }
}

#[test]
fn an_answer_from_another_thread_follows_those_that_are_not_sent_yet() {
    for backend in [Backend::Native, Backend::Polling] {
        let (tickets, waiting) = mpsc::channel();
        let server = start("127.0.0.1:0", options(1, backend), Some(tickets));
        let mut client = server.connect();
        // In one write, so that one read has them all: nothing more is read while the large answer waits.
        let requests = ["/static", "/later", "/"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
        client.write_all(requests.concat().as_bytes()).unwrap();
        // Nothing is read until the answer is given, so it waits behind the large one.
        let ticket = waiting.recv_timeout(PATIENCE).unwrap();
        let content = vec![b'a'; 300_000];
        let answer = Answer::new(Status::CREATED, content.clone());
        server.handle.answer(ticket, answer);
        assert!(get(&mut server.connect(), "/").1 == b"hello");
        assert!(read_response(&mut client).1 == LARGE);
        let (head, answered) = read_response(&mut client);
        assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
        assert!(answered == content, "{} bytes", answered.len());
        assert_eq!(read_response(&mut client).1, b"hello");
        drop(client);
        server.finish();
    }
}

#[test]
fn draining_finishes_what_is_under_way_and_nothing_else() {
    let (tickets, waiting) = mpsc::channel();
    let server = start("127.0.0.1:0", options(2, Backend::Native), Some(tickets));
    let Address::Tcp(address) = server.address.clone() else {
        panic!("not TCP")
    };
    let mut idle = connect(address);
    get(&mut idle, "/");
    let mut deferred = connect(address);
    deferred
        .write_all(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    let ticket = waiting.recv_timeout(PATIENCE).unwrap();
    let mut large = connect(address);
    large
        .write_all(b"GET /streamed HTTP/1.1\r\nHost: t\r\n\r\n")
        .unwrap();
    let mut first = [0];
    large.read_exact(&mut first).unwrap();

    server.handle.drain();
    assert_eq!(read_to_end(&mut idle), b"");
    server.handle.redeem(ticket);
    let answer = String::from_utf8(read_to_end(&mut deferred)).unwrap();
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("resumed"));
    let rest = read_to_end(&mut large);
    assert!(rest.ends_with(&LARGE), "{} bytes", rest.len());
    drop((idle, deferred, large));
    server.join();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn draining_loses_no_request_that_has_come() {
    let server =
        Server::bind(&"127.0.0.1:0".parse().unwrap(), options(1, Backend::Native)).unwrap();
    let Address::Tcp(address) = server.local_address().clone() else {
        panic!("not TCP")
    };
    // The server does not run yet: the kernel accepts, and keeps what is sent.
    let mut clients: Vec<_> = (0..100).map(|_| connect(address)).collect();
    for client in &mut clients {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            .unwrap();
    }
    server.handle().drain();
    let running = support::start_bound(server, None);
    for client in &mut clients {
        assert!(read_to_end(client).ends_with(b"hello"));
    }
    drop(clients);
    running.join();
}
