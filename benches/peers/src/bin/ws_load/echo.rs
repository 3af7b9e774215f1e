//! As many messages as the server sends back, `depth` at a time on every
//! connection; the latency is that of all `depth` together.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::batch::Batch;
use crate::connection::{compare, open};
use crate::figures::Figures;
use crate::{PATIENCE, Plan, ready, wrong};

/// Each connection sends these in turn, so that no two messages in a row are
/// the same.
const BATCHES: usize = 4;

/// Bytes read with one call.
const SCRATCH_LEN: usize = 256 * 1024;

const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    let mut load = Load::open(plan)?;
    load.run_for(WARM_UP.min(Duration::from_secs_f64(plan.seconds)))?;
    load.figures.clear();
    ready()?;
    let elapsed = load.run_for(Duration::from_secs_f64(plan.seconds))?;
    load.figures.print(elapsed);
    Ok(())
}

struct Load {
    connections: Vec<Connection>,
    batches: Vec<Batch>,
    depth: usize,
    poll: OwnedFd,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    figures: Figures,
}

/// A connection, and how far it is with its batch.
struct Connection {
    socket: TcpStream,
    batch: usize,
    sent: usize,
    received: usize,
    begun: Instant,
    /// The socket took less than all when it was last written to.
    is_full: bool,
}

impl Load {
    fn open(plan: &Plan) -> io::Result<Self> {
        let batch = |seed: usize| Batch::new(plan.depth, plan.size, seed as u64);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for (number, socket) in open(plan.connect, "/", plan.connections)?
            .into_iter()
            .enumerate()
        {
            socket.set_nonblocking(true)?;
            let key = epoll::EventData::new_u64(number as u64);
            epoll::add(&poll, &socket, key, epoll::EventFlags::IN)?;
            connections.push(Connection {
                socket,
                batch: number % BATCHES,
                sent: 0,
                received: 0,
                begun: Instant::now(),
                is_full: false,
            });
        }
        Ok(Self {
            batches: (0..BATCHES).map(batch).collect(),
            depth: plan.depth,
            poll,
            events: Vec::with_capacity(connections.len()),
            scratch: vec![0; SCRATCH_LEN],
            figures: Figures::new()?,
            connections,
        })
    }

    /// Begins on every connection, goes on for so long, and waits for the
    /// answers that are left; these are not in the figures.
    fn run_for(&mut self, length: Duration) -> io::Result<Duration> {
        let begin = Instant::now();
        let end = begin + length;
        let mut last_answer = begin;
        for number in 0..self.connections.len() {
            self.begin(number, Instant::now())?;
        }
        let mut outstanding = self.connections.len();
        while outstanding > 0 {
            poll_now(&self.poll, &mut self.events)?;
            if self.events.is_empty() && last_answer.elapsed() > PATIENCE {
                return Err(wrong("no answer"));
            }
            for event in 0..self.events.len() {
                let number = self.events[event].data.u64() as usize;
                if self.connections[number].is_full {
                    self.send(number)?;
                }
                if !self.receive(number)? {
                    continue;
                }
                let now = Instant::now();
                last_answer = now;
                if now < end {
                    self.figures
                        .record(now - self.connections[number].begun, self.depth);
                    self.begin(number, now)?;
                } else {
                    outstanding -= 1;
                }
            }
        }
        Ok(length)
    }

    /// Goes over to the next batch.
    fn begin(&mut self, number: usize, now: Instant) -> io::Result<()> {
        let connection = &mut self.connections[number];
        connection.batch = (connection.batch + 1) % BATCHES;
        connection.sent = 0;
        connection.received = 0;
        connection.begun = now;
        self.send(number)
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        let connection = &mut self.connections[number];
        let left = &self.batches[connection.batch].sent[connection.sent..];
        let was_full = connection.is_full;
        match rustix::io::write(&connection.socket, left) {
            Ok(len) => {
                connection.sent += len;
                connection.is_full = len < left.len();
            }
            Err(Errno::AGAIN) => connection.is_full = true,
            Err(error) => return Err(error.into()),
        }
        if connection.is_full != was_full {
            let mut interest = epoll::EventFlags::IN;
            interest.set(epoll::EventFlags::OUT, connection.is_full);
            let key = epoll::EventData::new_u64(number as u64);
            epoll::modify(&self.poll, &connection.socket, key, interest)?;
        }
        Ok(())
    }

    /// Reads once; says whether the batch has been answered.
    fn receive(&mut self, number: usize) -> io::Result<bool> {
        let connection = &mut self.connections[number];
        let answer = &self.batches[connection.batch].answer;
        let bytes = match rustix::io::read(&connection.socket, &mut *self.scratch) {
            Ok(len) => &self.scratch[..len],
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        connection.received = compare(answer, connection.received, bytes)?;
        Ok(connection.received == answer.len())
    }
}

/// What is readable at this moment, in place of what was.
///
/// The client has a core of its own, and does not sleep: a server that is faster
/// than it would else pay, in each write, for waking it.
pub(crate) fn poll_now(poll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<()> {
    events.clear();
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match epoll::wait(poll, spare_capacity(events), Some(&at_once)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
