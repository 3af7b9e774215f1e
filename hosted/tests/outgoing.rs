//! Requests that an application sends to other servers from its reactor's thread.

mod support;

use core::net::SocketAddr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use kinglet_core::Application;
use kinglet_core::http::client::Request as Asked;
use kinglet_core::http::server::Part;
use kinglet_core::http::{Framing, Handled, Length, Reply, Request, Status, Stream};
use kinglet_hosted::outgoing::{
    Client, ClientOptions, Destination, DestinationId, Outgoing, Progress,
};
use kinglet_hosted::{Address, Handle, Options, Server, Tls};
use support::{LARGE, Running, connect, get, read_response, start};

/// Asks another server for everything, and says how that went.
struct Relay {
    client: Client,
    to: DestinationId,
}

/// An exchange with the other server.
#[derive(Default)]
struct Exchange {
    outgoing: Option<Outgoing>,
    has_sent: bool,
}

impl Relay {
    fn new(to: Destination, options: ClientOptions) -> Self {
        let client = Client::new(options);
        let to = client.add(to);
        Self { client, to }
    }

    /// Goes on with an exchange that has not been answered.
    fn go_on(&self, exchange: &mut Exchange, reply: Reply<'_>) -> Handled {
        let Some(outgoing) = &mut exchange.outgoing else {
            return reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"");
        };
        let has_sent = exchange.has_sent;
        let can_retry = outgoing.can_retry() && outgoing.was_reused() && !outgoing.was_answered();
        let ticket = reply.ticket();
        let mut reply = Some(reply);
        let mut handled = None;
        let mut has_failed = None;
        outgoing.read(|progress| {
            let mut take = || reply.take().expect("one answer");
            handled = match progress {
                Progress::Whole(response, content) => {
                    Some(take().send(response.status(), &[], content))
                }
                Progress::Head(response) => {
                    Some(take().start(response.status(), &[], Length::Unknown))
                }
                Progress::Failed(failure) => {
                    has_failed = Some(failure.to_string());
                    None
                }
                _ if !has_sent => Some(take().receive()),
                _ => Some(take().later().1),
            };
            0
        });
        match (handled, has_failed, reply) {
            (Some(handled), ..) => handled,
            (None, Some(_), Some(reply)) if can_retry => {
                outgoing
                    .retry(self.to, ticket)
                    .expect("it can be sent again");
                reply.later().1
            }
            (None, Some(text), Some(reply)) => {
                reply.send(Status::BAD_GATEWAY, &[], text.as_bytes())
            }
            _ => unreachable!("each progress has an answer"),
        }
    }
}

impl Application for Relay {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let content = match request.framing() {
            Framing::Length(len) => Some(Length::Exact(len)),
            _ => None,
        };
        let asked = Asked {
            method: request.method(),
            content,
            ..Asked::get(request.path(), "test")
        };
        match self.client.send(self.to, &asked, reply.ticket()) {
            Ok(outgoing) => exchange.outgoing = Some(outgoing),
            Err(error) => {
                return reply.send(Status::BAD_GATEWAY, &[], error.to_string().as_bytes());
            }
        }
        match content {
            Some(Length::Exact(1..)) => reply.receive(),
            _ => {
                exchange.has_sent = true;
                reply.later().1
            }
        }
    }

    fn content(&mut self, exchange: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        let outgoing = exchange.outgoing.as_mut().expect("it was sent");
        match part {
            Part::Data(data) => {
                if outgoing.write(data).unwrap() {
                    reply.receive()
                } else {
                    reply.later().1
                }
            }
            Part::End(_) => {
                outgoing.finish(&[]).unwrap();
                exchange.has_sent = true;
                reply.later().1
            }
        }
    }

    fn resume(&mut self, exchange: &mut Exchange, reply: Reply<'_>) -> Handled {
        self.go_on(exchange, reply)
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        let outgoing = exchange.outgoing.as_mut().expect("it was sent");
        let mut has_ended = false;
        let mut has_failed = false;
        loop {
            let goes_on = outgoing.read(|progress| match progress {
                Progress::Data(data) => stream.write(data),
                Progress::End(_) => {
                    has_ended = true;
                    0
                }
                Progress::Failed(_) => {
                    has_failed = true;
                    0
                }
                _ => 0,
            });
            if !goes_on {
                break;
            }
        }
        if has_failed {
            stream.abort()
        } else if has_ended {
            stream.finish()
        } else if stream.room() == 0 {
            stream.more()
        } else {
            stream.wait().1
        }
    }
}

/// A server that relays to another.
struct Front {
    address: SocketAddr,
    handle: Handle,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

impl Front {
    fn start(to: Destination, options: ClientOptions) -> Self {
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), Options::default()).unwrap();
        let Address::Tcp(address) = *server.local_address() else {
            panic!("not a TCP server")
        };
        let handle = server.handle();
        let thread =
            std::thread::spawn(move || server.run(|_| Relay::new(to.clone(), options.clone())));
        Self {
            address,
            handle,
            thread,
        }
    }

    fn before(running: &Running) -> Self {
        Self::start(running.address.clone().into(), ClientOptions::default())
    }

    fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    fn finish(self) {
        self.handle.drain();
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn answers_come_through_whole() {
    let back = start("127.0.0.1:0", Options::default(), None);
    let front = Front::before(&back);
    let mut client = front.connect();
    for _ in 0..3 {
        assert_eq!(get(&mut client, "/").1, b"hello");
        assert!(get(&mut client, "/nothing").0.starts_with("HTTP/1.1 404 "));
    }
    write!(
        client,
        "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 50000\r\n\r\n"
    )
    .unwrap();
    client.write_all(&LARGE[..50_000]).unwrap();
    assert_eq!(read_response(&mut client).1, b"50000");
    write!(
        client,
        "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n",
        LARGE.len()
    )
    .unwrap();
    client.write_all(&LARGE).unwrap();
    assert_eq!(
        read_response(&mut client).1,
        LARGE.len().to_string().as_bytes()
    );
    write!(
        client,
        "GET /streamed HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > LARGE.len() && rest.ends_with(b"\r\n0\r\n\r\n"));
    front.finish();
    back.finish();
}

/// Accepts connections one after the other, and does with each what is said.
fn back(mut each: impl FnMut(TcpStream, usize) + Send + 'static) -> Destination {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            each(client.unwrap(), number);
        }
    });
    address.into()
}

/// Answers in one piece.
fn answer(client: &mut TcpStream, text: &str) {
    let len = text.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{text}");
    client.write_all(answer.as_bytes()).unwrap();
}

fn read_head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

#[test]
fn a_connection_is_used_again_and_by_one_exchange_at_a_time() {
    let to = back(|mut client, number| {
        std::thread::spawn(move || {
            let mut count = 0;
            while read_head(&mut client).is_some() {
                count += 1;
                let text = format!("{number}:{count}");
                answer(&mut client, &text);
            }
        });
    });
    let front = Front::start(to, ClientOptions::default());
    let mut client = front.connect();
    for count in 1..5 {
        assert_eq!(get(&mut client, "/").1, format!("0:{count}").as_bytes());
    }
    drop(client);
    front.finish();
}

#[test]
fn what_cannot_be_had_is_said() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let rows: [(&'static [u8], &str); 5] = [
        (b"", "closed before an answer"),
        (b"HTTP/1.1 200", "broken off"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n\r\n", "not an answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "not an answer",
        ),
        (b"HTTP/1.1 200 OK\nA: b\n\n", "not an answer"),
    ];
    let refused = Front::start(unused.into(), ClientOptions::default());
    let (head, text) = get(&mut refused.connect(), "/");
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert!(text.starts_with(b"cannot connect"), "{text:?}");
    refused.finish();
    for (answer, reason) in rows {
        let to = back(move |mut client, _| {
            read_head(&mut client);
            client.write_all(answer).unwrap();
        });
        let front = Front::start(to, ClientOptions::default());
        let (head, text) = get(&mut front.connect(), "/");
        let text = String::from_utf8(text).unwrap();
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert!(
            text.starts_with(reason),
            "{text} for {}",
            answer.escape_ascii()
        );
        front.finish();
    }
}

#[test]
fn an_answer_comes_through_though_the_request_is_not_whole() {
    let to = back(|mut client, _| {
        read_head(&mut client);
        answer(&mut client, "enough");
    });
    let front = Front::start(to, ClientOptions::default());
    let mut client = front.connect();
    write!(
        client,
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\nbeginning"
    )
    .unwrap();
    assert_eq!(read_response(&mut client).1, b"enough");
    drop(client);
    front.finish();
}

#[test]
fn who_answers_too_late_is_given_up() {
    use core::time::Duration;
    let (keep, kept) = std::sync::mpsc::channel();
    let to = back(move |client, _| keep.send(client).unwrap());
    let front = Front::start(
        to,
        ClientOptions {
            head_timeout: Duration::from_millis(100),
            ..ClientOptions::default()
        },
    );
    let (head, text) = get(&mut front.connect(), "/");
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert_eq!(text, b"no answer in time");
    drop(kept);
    front.finish();
}

#[test]
fn a_connection_that_is_closed_at_the_moment_of_use_loses_nothing() {
    // Each connection answers once and is closed at the next request, unanswered.
    let to = back(|mut client, number| {
        std::thread::spawn(move || {
            read_head(&mut client);
            answer(&mut client, &number.to_string());
            read_head(&mut client);
        });
    });
    let front = Front::start(to, ClientOptions::default());
    let mut client = front.connect();
    for number in 0..5 {
        assert_eq!(get(&mut client, "/").1, number.to_string().as_bytes());
    }
    drop(client);
    front.finish();
}

#[test]
fn with_tls_all_is_the_same() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let back = start(
        "127.0.0.1:0",
        Options {
            tls: Some(tls),
            ..Options::default()
        },
        None,
    );
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for (name, is_right) in [("localhost", true), ("other.example", false)] {
        let name = rustls::pki_types::ServerName::try_from(name).unwrap();
        let mut to = Destination::from(back.address.clone());
        to.tls = Some((Arc::new(config.clone()), name));
        let front = Front::start(to, ClientOptions::default());
        let mut client = front.connect();
        if !is_right {
            let (head, text) = get(&mut client, "/");
            assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
            assert!(
                text.starts_with(b"TLS: invalid peer certificate"),
                "{text:?}"
            );
            continue;
        }
        for _ in 0..3 {
            assert_eq!(get(&mut client, "/").1, b"hello");
        }
        write!(
            client,
            "GET /static HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > LARGE.len() && rest.ends_with(b"\r\n0\r\n\r\n"));
        drop(client);
        front.finish();
    }
    back.finish();
}
