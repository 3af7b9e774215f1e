//! Connections: opened, upgraded, and what is received compared.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::{PATIENCE, wrong};

/// Connections that are opened together: a server's backlog takes so many.
const OPENED_TOGETHER: usize = 250;

/// Connections from one source address; there are about 28,000 ports.
const PER_SOURCE: usize = 20_000;

/// File descriptors beyond those of the connections.
const OTHER_FILES: u64 = 100;

/// The key of RFC 6455 §1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Opens `count` WebSocket connections to the path, all blocking.
pub(crate) fn open(server: SocketAddr, path: &str, count: usize) -> io::Result<Vec<TcpStream>> {
    allow_open_files(count as u64 + OTHER_FILES)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let opened = connections.len();
        for number in opened..count.min(opened + OPENED_TOGETHER) {
            connections.push(connect(server, number / PER_SOURCE)?);
        }
        for connection in &mut connections[opened..] {
            connection.write_all(request.as_bytes())?;
        }
        for connection in &mut connections[opened..] {
            check_upgrade(connection)?;
        }
    }
    Ok(connections)
}

/// The n-th source address is 127.0.0.(1 + n).
fn connect(server: SocketAddr, source: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    if source > 0 {
        let last = u8::try_from(1 + source).map_err(|_| wrong("too many connections"))?;
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        socket.bind(&SocketAddr::from((address, 0)).into())?;
    }
    socket.connect(&server.into())?;
    socket.set_tcp_nodelay(true)?;
    // Closed by a reset: no port is left waiting for the next server.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

fn check_upgrade(connection: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut len = 0;
    while !buffer[..len].ends_with(b"\r\n\r\n") {
        match connection.read(&mut buffer[len..])? {
            0 => return Err(wrong("closed, or no end of the answer to the handshake")),
            more => len += more,
        }
    }
    let head = str::from_utf8(&buffer[..len]).map_err(|_| wrong("a head that is no text"))?;
    let mut lines = head.split("\r\n");
    if !lines
        .next()
        .is_some_and(|line| line.starts_with("HTTP/1.1 101"))
    {
        return Err(wrong("a status other than 101"));
    }
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let has = |wanted: &str, expected: &str| {
        let named = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(wanted);
        fields
            .iter()
            .find(named)
            .is_some_and(|(_, value)| value.trim() == expected)
    };
    if !has("sec-websocket-accept", ACCEPT) {
        return Err(wrong("a wrong Sec-WebSocket-Accept"));
    }
    if fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-extensions"))
    {
        return Err(wrong("an extension that was not offered"));
    }
    Ok(())
}

/// Sends the frames and waits for the whole answer, on a blocking connection.
pub(crate) fn exchange(
    connection: &mut TcpStream,
    sent: &[u8],
    answer: &[u8],
    scratch: &mut [u8],
) -> io::Result<()> {
    connection.write_all(sent)?;
    take(connection, answer, scratch)
}

/// Receives exactly the answer.
pub(crate) fn take(
    connection: &mut TcpStream,
    answer: &[u8],
    scratch: &mut [u8],
) -> io::Result<()> {
    let mut received = 0;
    while received < answer.len() {
        let len = connection.read(scratch)?;
        received = compare(answer, received, &scratch[..len])?;
    }
    Ok(())
}

/// How much of the answer has come when `bytes` come behind `received` of it.
pub(crate) fn compare(answer: &[u8], received: usize, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Err(wrong("closed before the last answer"));
    }
    let end = received + bytes.len();
    match answer.get(received..end) {
        Some(expected) if expected == bytes => Ok(end),
        Some(_) => Err(wrong("an answer of other bytes than were sent")),
        None => Err(wrong("bytes behind the last answer")),
    }
}

fn allow_open_files(count: u64) -> io::Result<()> {
    let limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    let maximum = limits.maximum.map(|maximum| maximum.max(count));
    // More than the maximum is for root alone.
    let raised = Rlimit {
        current: Some(count),
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
