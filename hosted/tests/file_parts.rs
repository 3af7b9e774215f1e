//! Parts of files as content, with and without TLS.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use kinglet_core::Application;
use kinglet_core::http::{Handled, Length, Reply, Request, Status, Stream};
use kinglet_hosted::{Address, Backend, Handle, Options, Server, Tls, write_file};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{LARGE, connect, read_to_end};

/// Answers with `head`, the file, and `tail`.
struct Site(Arc<File>);

/// Where an exchange has come to.
#[derive(Default)]
enum Exchange {
    #[default]
    Head,
    File(u64),
    Tail,
}

const TOTAL: u64 = 4 + LARGE.len() as u64 + 4;

impl Application for Site {
    type Exchange = Exchange;

    fn request(&mut self, _: &mut Exchange, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.path() {
            "/exact" => reply.start(Status::OK, &[], Length::Exact(TOTAL)),
            _ => reply.start(Status::OK, &[], Length::Unknown),
        }
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        let len = LARGE.len() as u64;
        match *exchange {
            Exchange::Head => {
                assert_eq!(stream.write(b"head"), 4);
                *exchange = Exchange::File(0);
                stream.more()
            }
            // In two parts, the second longer than what is left of the file.
            Exchange::File(from) if from < len => {
                let want = if from == 0 { 100_000 } else { len - from };
                let taken = write_file(&mut stream, &self.0, from, want);
                if taken == 0 {
                    let taken = stream.write(&LARGE[from as usize..]);
                    *exchange = Exchange::File(from + taken as u64);
                } else {
                    assert_eq!(taken, want);
                    assert_eq!(stream.write(b"x"), 0, "nothing goes behind it in this turn");
                    *exchange = Exchange::File(from + want);
                }
                stream.more()
            }
            Exchange::File(_) => {
                assert_eq!(stream.write(b"tail"), 4);
                *exchange = Exchange::Tail;
                stream.more()
            }
            Exchange::Tail => stream.finish(),
        }
    }
}

struct Running {
    address: Address,
    handle: Handle,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(file: &Arc<File>, options: Options) -> Self {
        let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
        let (address, handle) = (server.local_address().clone(), server.handle());
        let file = Arc::clone(file);
        let thread = std::thread::spawn(move || server.run(|_| Site(Arc::clone(&file))));
        Self {
            address,
            handle,
            thread,
        }
    }

    fn connect(&self) -> std::net::TcpStream {
        let Address::Tcp(address) = self.address else {
            panic!("not a TCP server")
        };
        connect(address)
    }

    fn finish(self) {
        self.handle.drain();
        self.thread.join().unwrap().unwrap();
    }
}

/// A file of the test's own, with what [`LARGE`] has.
fn file(test: &str) -> (PathBuf, Arc<File>) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::write(&path, &LARGE[..]).unwrap();
    let file = File::open(&path).unwrap();
    (path, Arc::new(file))
}

/// A certificate for `localhost`, and a client that trusts it.
fn tls() -> (Tls, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (tls, Arc::new(config))
}

fn check(client: &mut (impl Read + Write)) {
    for _ in 0..2 {
        write!(client, "GET /exact HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    }
    for _ in 0..2 {
        let (_, content) = support::read_response(client);
        let (head, rest) = content.split_at(4);
        let (middle, tail) = rest.split_at(LARGE.len());
        assert_eq!((head, tail), (b"head".as_slice(), b"tail".as_slice()));
        assert!(middle == LARGE);
    }
    // Where no length is declared, the file is not sent by the driver.
    write!(
        client,
        "GET /chunked HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > LARGE.len() && rest.ends_with(b"tail\r\n0\r\n\r\n"));
}

#[test]
fn a_part_of_a_file_arrives_where_it_belongs() {
    let (_, file) = file("whole");
    for backend in [Backend::Native, Backend::Polling] {
        let server = Running::start(
            &file,
            Options {
                backend,
                ..Options::default()
            },
        );
        check(&mut server.connect());
        server.finish();
    }
}

#[test]
fn with_tls_it_is_read_and_sealed() {
    let (_, file) = file("sealed");
    let (tls, config) = tls();
    let server = Running::start(
        &file,
        Options {
            tls: Some(tls),
            ..Options::default()
        },
    );
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    check(&mut StreamOwned::new(connection, server.connect()));
    server.finish();
}

#[test]
fn a_file_that_has_become_shorter_cuts_the_answer_off() {
    let (path, file) = file("shrunk");
    let server = Running::start(&file, Options::default());
    let mut client = server.connect();
    write!(client, "GET /exact HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    // It has begun, and cannot be whole yet: the sockets hold less than the file.
    let mut begin = [0; 1000];
    client.read_exact(&mut begin).unwrap();
    let shortened = File::options().write(true).open(path).unwrap();
    shortened.set_len(10_000).unwrap();
    let rest = read_to_end(&mut client);
    assert!(rest.len() < LARGE.len(), "{} bytes", rest.len());
    server.finish();
}
