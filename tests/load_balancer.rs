//! The load balancer as a process, between clients and backends that do what a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A balancer that runs until it is dropped.
struct Balancer {
    process: Child,
    address: SocketAddr,
}

impl Balancer {
    fn start(arguments: &[&str]) -> Self {
        let tests = std::env::current_exe().unwrap();
        let folder = tests.ancestors().nth(2).unwrap().join("examples");
        let mut process = Command::new(folder.join("load_balancer"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo test builds the example");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("listening on ").map(str::to_owned)
        });
        let address = line.expect("it says where it listens").parse().unwrap();
        Self { process, address }
    }

    fn before(backends: &[SocketAddr]) -> Self {
        let mut arguments = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
        for backend in backends {
            arguments.extend(["--upstream".to_owned(), backend.to_string()]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Self::start(&arguments)
    }

    fn with_file(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        Self::start(&["--config", path.to_str().unwrap()])
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.address, PATIENCE).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn get(&self, path: &str) -> (String, String) {
        let mut client = self.connect();
        write!(client, "GET {path} HTTP/1.1\r\nHost: site.example\r\n\r\n").unwrap();
        read_response(&mut client)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

/// The head and the content of an answer with `Content-Length`.
fn read_response(stream: &mut impl Read) -> (String, String) {
    let head = read_head(stream).expect("an answer");
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let mut content = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    stream.read_exact(&mut content).unwrap();
    (head, String::from_utf8(content).unwrap())
}

fn answer(stream: &mut TcpStream, content: &str) {
    let len = content.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: yesterday\r\nServer: back\r\nContent-Length: {len}\r\n\r\n{content}"
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

/// A backend: each connection is given to `each`, with the number of those before it.
fn backend(mut each: impl FnMut(TcpStream, usize) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            each(stream.unwrap(), number);
        }
    });
    address
}

/// One that answers every request with `name`, and tells of its head.
fn good(name: &'static str, heads: &Sender<String>) -> SocketAddr {
    let heads = heads.clone();
    backend(move |mut stream, _| {
        let heads = heads.clone();
        std::thread::spawn(move || {
            while let Some(head) = read_head(&mut stream) {
                let _ = heads.send(head);
                answer(&mut stream, name);
            }
        });
    })
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn next(heads: &Receiver<String>) -> String {
    heads.recv_timeout(PATIENCE).expect("a request comes")
}

#[test]
fn a_request_is_passed_on_with_what_a_proxy_has_to_change() {
    let (tell, heads) = channel();
    let balancer = Balancer::before(&[good("a", &tell)]);
    let mut client = balancer.connect();
    write!(
        client,
        "GET /path?query HTTP/1.1\r\nHost: site.example\r\nConnection: keep-alive, X-Hop\r\n\
         X-Hop: secret\r\nX-Kept: 1\r\nTE: trailers\r\n\r\n"
    )
    .unwrap();
    let (head, content) = read_response(&mut client);
    assert_eq!(content, "a");
    // The origin's own lines stay, and the proxy is named.
    assert!(head.contains("\r\nDate: yesterday\r\n"), "{head}");
    assert!(head.contains("\r\nServer: back\r\n"), "{head}");
    assert!(head.contains("\r\nVia: 1.1 kinglet\r\n"), "{head}");
    assert_eq!(head.matches("Date: ").count(), 1, "{head}");
    let passed = next(&heads);
    let expected = "GET /path?query HTTP/1.1\r\nHost: site.example\r\nX-Kept: 1\r\n";
    assert!(passed.starts_with(expected), "{passed}");
    for line in ["X-Hop", "TE:", "Connection"] {
        assert!(!passed.contains(line), "{passed}");
    }
    assert!(passed.contains("Via: 1.1 kinglet\r\n"), "{passed}");
    assert!(
        passed.contains("X-Forwarded-For: 127.0.0.1\r\n"),
        "{passed}"
    );
}

#[test]
fn a_request_that_was_not_sent_goes_to_another_backend_whatever_its_method() {
    let (tell, _heads) = channel();
    let balancer = Balancer::before(&[nowhere(), good("there", &tell), nowhere()]);
    for _ in 0..20 {
        let (head, content) = balancer.get("/");
        assert_eq!(content, "there", "{head}");
        let mut client = balancer.connect();
        write!(
            client,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        assert_eq!(read_response(&mut client).1, "there");
    }
}

#[test]
fn what_was_sent_is_sent_again_only_where_that_is_safe() {
    let (tell, _heads) = channel();
    let (count, counted) = channel();
    // Reads a request and closes.
    let rude = backend(move |mut stream, _| {
        if read_head(&mut stream).is_some() {
            count.send(()).unwrap();
        }
    });
    let balancer = Balancer::with_file(
        "safe.toml",
        &format!(
            "[[listen]]\naddress = '127.0.0.1:0'\n[pools.web]\npolicy = 'round-robin'\n\
             outlier = {{ enabled = false }}\nbackends = ['{rude}', '{}']",
            good("there", &tell)
        ),
    );
    let mut refused = 0;
    for _ in 0..10 {
        assert_eq!(balancer.get("/").1, "there");
        let mut client = balancer.connect();
        write!(
            client,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let (head, _) = read_response(&mut client);
        refused += usize::from(head.starts_with("HTTP/1.1 502 "));
        assert!(
            head.starts_with("HTTP/1.1 502 ") || head.starts_with("HTTP/1.1 200 "),
            "{head}"
        );
    }
    assert!(refused > 0, "the rude one was asked too");
    assert!(counted.try_iter().count() >= refused);
}

#[test]
fn a_failure_is_answered_with_its_status() {
    let (keep, _kept) = channel();
    let silent = backend(move |stream, _| keep.send(stream).unwrap());
    let garbage = backend(|mut stream, _| {
        let _ = read_head(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9\r\n\r\n");
    });
    for (backend, status) in [(nowhere(), "502"), (silent, "504"), (garbage, "502")] {
        let balancer = Balancer::with_file(
            &format!("failure-{}.toml", backend.port()),
            &format!(
                "[[listen]]\naddress = '127.0.0.1:0'\n[pools.web]\n\
                 timeouts = {{ connect = '100ms', response_head = '200ms' }}\n\
                 backends = ['{backend}']"
            ),
        );
        let (head, _) = balancer.get("/");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[test]
fn who_finds_all_full_waits_for_its_turn() {
    let (tell, begun) = channel();
    let slow = backend(move |mut stream, _| {
        let tell = tell.clone();
        std::thread::spawn(move || {
            while read_head(&mut stream).is_some() {
                let (go_on, told) = channel::<()>();
                tell.send(go_on).unwrap();
                let _ = told.recv_timeout(PATIENCE);
                answer(&mut stream, "done");
            }
        });
    });
    let balancer = Balancer::with_file(
        "full.toml",
        &format!(
            "[[listen]]\naddress = '127.0.0.1:0'\n[pools.web]\nbreaker = {{ max_requests = 1 }}\n\
             queue = {{ max_len = 1, timeout = '10s' }}\nbackends = ['{slow}']"
        ),
    );
    let ask = || {
        let mut client = balancer.connect();
        write!(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        client
    };
    let mut first = ask();
    let go_on = begun.recv_timeout(PATIENCE).unwrap();
    // Of two that come while it is full, one waits and the other is told at once.
    let mut others = [ask(), ask()];
    let told = others
        .iter()
        .position(|client| {
            client
                .set_read_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            client.peek(&mut [0]).is_ok()
        })
        .expect("one is refused");
    let (head, _) = read_response(&mut others[told]);
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    go_on.send(()).unwrap();
    assert_eq!(read_response(&mut first).1, "done");
    begun.recv_timeout(PATIENCE).unwrap().send(()).unwrap();
    let waited = &mut others[1 - told];
    waited.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_response(waited).1, "done");
}

#[test]
fn a_tunnel_carries_bytes_in_both_directions() {
    let switching = backend(|mut stream, _| {
        std::thread::spawn(move || {
            let head = read_head(&mut stream).unwrap();
            assert!(head.contains("Connection: upgrade\r\n"), "{head}");
            assert!(head.contains("Upgrade: echo\r\n"), "{head}");
            let answer =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            let mut buffer = [0; 1000];
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..len]).unwrap();
            }
        });
    });
    let balancer = Balancer::before(&[switching]);
    let mut client = balancer.connect();
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut client).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for text in ["hello", "there"] {
        client.write_all(text.as_bytes()).unwrap();
        let mut heard = [0; 5];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(heard, text.as_bytes());
    }
}

#[test]
fn a_loop_is_broken() {
    let (tell, _heads) = channel();
    let balancer = Balancer::before(&[good("a", &tell)]);
    let mut client = balancer.connect();
    write!(
        client,
        "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 kinglet\r\n\r\n"
    )
    .unwrap();
    let (head, _) = read_response(&mut client);
    assert!(head.starts_with("HTTP/1.1 508 "), "{head}");
}
