//! What a backend reads is what the balancer meant: every row of `tests/vectors` goes through the balancer,
//! to a backend that records each byte and reads it with a parser that is not ours.
//!
//! A request is smuggled where a backend sees one that the balancer did not pass on as such. So a backend
//! must read whole requests and nothing else, no more of them than the engine saw in the row, and each must
//! be answered to the client once.

mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::vectors::{self, Row};

const PATIENCE: Duration = Duration::from_secs(20);

/// What marks an answer as the backend's.
const MARK: &str = "X-Back: 1";

/// What has come to the backend: a line for each request, or what was wrong.
type Record = Arc<Mutex<Vec<Result<String, String>>>>;

struct Balancer(Child);

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(backend: SocketAddr) -> (Balancer, SocketAddr) {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap().join("examples");
    let mut process = Command::new(folder.join("load_balancer"))
        .args(["--listen", "127.0.0.1:0", "--upstream"])
        .arg(backend.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo test builds the example");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        line.strip_prefix("listening on ").map(str::to_owned)
    });
    (Balancer(process), address.unwrap().parse().unwrap())
}

/// A backend that answers every request it reads, and records it.
fn backend(record: &Record) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let record = Arc::clone(record);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let record = Arc::clone(&record);
            std::thread::spawn(move || serve(stream.unwrap(), &record));
        }
    });
    address
}

fn serve(mut stream: TcpStream, record: &Record) {
    let mut bytes = Vec::new();
    loop {
        match read_request(&bytes) {
            Ok(Some((line, len))) => {
                bytes.drain(..len);
                let is_head = line.starts_with("HEAD ");
                record.lock().unwrap().push(Ok(line));
                let content = if is_head { "" } else { "ok" };
                let answer =
                    format!("HTTP/1.1 200 OK\r\n{MARK}\r\nContent-Length: 2\r\n\r\n{content}");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(why) => {
                let shown = bytes.escape_ascii();
                record.lock().unwrap().push(Err(format!("{why}: {shown}")));
                return;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            // A request that was cut off with its client is none that could be acted on.
            Ok(0) | Err(_) => return,
            Ok(len) => bytes.extend_from_slice(&buffer[..len]),
        }
    }
}

/// The first request: its method and target, and its length. None where it is not whole.
fn read_request(bytes: &[u8]) -> Result<Option<(String, usize)>, String> {
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut fields);
    let head = match request.parse(bytes).map_err(|error| error.to_string())? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(len) => len,
    };
    let line = format!("{} {}", request.method.unwrap(), request.path.unwrap());
    let values = |name: &str| -> Vec<&[u8]> {
        let of_name = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        request
            .headers
            .iter()
            .filter(of_name)
            .map(|field| field.value)
            .collect()
    };
    if values("host").len() != 1 {
        return Err(String::from("not one Host"));
    }
    let content = &bytes[head..];
    let len = match (
        values("content-length")[..].as_ref(),
        values("transfer-encoding")[..].as_ref(),
    ) {
        ([], []) => Some(0),
        ([len], []) => {
            let len: usize = str::from_utf8(len).unwrap().parse().map_err(|_| "length")?;
            (content.len() >= len).then_some(len)
        }
        ([], [b"chunked"]) => chunked_len(content)?,
        _ => return Err(String::from("two framings")),
    };
    Ok(len.map(|len| (line, head + len)))
}

/// The length of a chunked body, where it is whole.
fn chunked_len(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(&bytes[at..]).map_err(|_| "a chunk")? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete((line, 0)) => {
                at += line;
                let mut fields = [httparse::EMPTY_HEADER; 200];
                let trailers = httparse::parse_headers(&bytes[at..], &mut fields);
                return Ok(match trailers.map_err(|error| error.to_string())? {
                    httparse::Status::Partial => None,
                    httparse::Status::Complete((len, _)) => Some(at + len),
                });
            }
            httparse::Status::Complete((line, len)) => {
                at += line + usize::try_from(len).map_err(|_| "a chunk's length")?;
                match bytes.get(at..at + 2) {
                    None => return Ok(None),
                    Some(b"\r\n") => at += 2,
                    Some(_) => return Err(String::from("no CRLF behind a chunk")),
                }
            }
        }
    }
}

#[test]
fn nothing_is_smuggled() {
    let record = Record::default();
    let (_balancer, address) = start(backend(&record));
    let mut rows = vectors::load();
    // Rows with bounds of their own, which the balancer does not have; and those in which it depends on
    // what the application of the rows does whether a request follows: it answers early, or switches.
    let is_apart = |row: &Row| {
        let by_application = ["early.txt", "switching.txt"];
        row.limits != vectors::LIMITS
            || by_application.iter().any(|file| row.name.starts_with(file))
    };
    rows.retain(|row| !is_apart(row));
    assert!(rows.len() > 200, "only {} rows", rows.len());
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|row| check(row, address, &record).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} rows\n{}",
        failures.len(),
        rows.len(),
        failures.join("\n")
    );
}

fn check(row: &Row, address: SocketAddr, record: &Record) -> Result<(), String> {
    record.lock().unwrap().clear();
    let mut client = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be told before it has said all.
    let _ = client.write_all(&row.input);
    let _ = client.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    match client.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => return Err(format!("{}: {error}", row.name)),
    }
    let seen = record.lock().unwrap().clone();
    let meant = |event: &&String| event.starts_with("request ");
    let meant: Vec<&String> = row.events.iter().filter(meant).collect();
    let mut rest = meant.iter();
    let mut whole = 0;
    for request in &seen {
        let request = request
            .as_ref()
            .map_err(|why| format!("{}: {why}", row.name))?;
        let method = request.split(' ').next().unwrap_or_default();
        // In their order; some are answered by the balancer itself.
        let same = |event: &&String| event.split(' ').nth(1) == Some(method);
        if !rest.any(same) {
            return Err(format!("{}: {request} was not meant: {meant:?}", row.name));
        }
        whole += 1;
    }
    let told = String::from_utf8_lossy(&said).matches(MARK).count();
    if told > whole {
        return Err(format!("{}: {told} answers to {whole} requests", row.name));
    }
    Ok(())
}
