//! The client of the exact runs: a fixed number of requests in a fixed order.
//!
//! Each round sends `depth` requests on every connection, then reads the
//! answers of every connection. So the server finds all connections readable at
//! once, and two runs of it differ only in the number of rounds.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use kinglet_peers::Flags;

/// How long a server may leave a request without an answer.
const PATIENCE: Duration = Duration::from_secs(60);

struct Plan {
    connect: SocketAddr,
    connections: usize,
    depth: usize,
    requests: usize,
}

fn main() -> io::Result<()> {
    let plan = plan();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", plan.connect).repeat(plan.depth);
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(Connection::open(plan.connect)?);
    }
    for _ in 0..plan.requests / (plan.connections * plan.depth) {
        for connection in &mut connections {
            connection.socket.write_all(request.as_bytes())?;
        }
        for connection in &mut connections {
            for _ in 0..plan.depth {
                connection.read_answer()?;
            }
            if connection.start != connection.end {
                return Err(wrong("bytes behind the last answer"));
            }
        }
    }
    Ok(())
}

fn plan() -> Plan {
    let usage = "--connect ADDRESS:PORT [--connections N] [--depth N] [--requests N]\n\
                 requests must be a multiple of connections times depth";
    let mut flags = Flags::from_command_line(usage);
    let mut plan = Plan {
        connect: SocketAddr::from(([127, 0, 0, 1], 8080)),
        connections: 8,
        depth: 1,
        requests: 8_000,
    };
    while let Some(flag) = flags.next_flag() {
        match flag.as_str() {
            "--connect" => plan.connect = flags.value(),
            "--connections" => plan.connections = flags.value(),
            "--depth" => plan.depth = flags.value(),
            "--requests" => plan.requests = flags.value(),
            _ => flags.refuse(),
        }
    }
    let round = plan.connections * plan.depth;
    if round == 0 || !plan.requests.is_multiple_of(round) {
        flags.refuse();
    }
    plan
}

/// A connection and what it has received; `start..end` is not yet used.
struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    // start <= end <= buffer.len()
    start: usize,
    end: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            buffer: vec![0; 64 * 1024],
            start: 0,
            end: 0,
        })
    }

    /// Takes one whole answer off the connection.
    fn read_answer(&mut self) -> io::Result<()> {
        loop {
            if let Some(len) = answer_len(&self.buffer[self.start..self.end])? {
                self.start += len;
                return Ok(());
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            return Err(wrong("an answer larger than the buffer"));
        }
        match self.socket.read(&mut self.buffer[self.end..])? {
            0 => Err(wrong("closed before the last answer")),
            len => {
                self.end += len;
                Ok(())
            }
        }
    }
}

/// The length of the answer at the start of `bytes`, or `None` if more bytes
/// are needed.
fn answer_len(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head_len) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = str::from_utf8(&bytes[..head_len]).map_err(|_| wrong("a head that is no text"))?;
    let mut lines = head.split("\r\n");
    if !lines
        .next()
        .is_some_and(|line| line.starts_with("HTTP/1.1 200"))
    {
        return Err(wrong("a status other than 200"));
    }
    let content_len = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or_else(|| wrong("no Content-Length"))?;
    let len = head_len + 4 + content_len;
    Ok((len <= bytes.len()).then_some(len))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
