//! One client of the chat sends, all others receive; the latency is that of each
//! delivery, from when the message was due.
//!
//! At most `depth` messages are on their way to any receiver: with a depth of 1
//! the next is sent when all have the last.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kinglet_peers::CHAT;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::batch::{Random, push_frame};
use crate::connection::open;
use crate::echo::poll_now;
use crate::figures::Figures;
use crate::{PATIENCE, Plan, ready, wrong};

/// Bytes read with one call.
const SCRATCH_LEN: usize = 256 * 1024;

/// A message holds the time it was sent at, and its number.
const STAMP_LEN: usize = 16;

/// Bytes on their way to a receiver at most: the sockets take so many, whatever
/// the server does.
const MAX_ON_THE_WAY: usize = 64 * 1024;

const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    if plan.size < STAMP_LEN || plan.size * plan.depth > MAX_ON_THE_WAY {
        return Err(wrong(
            "a size of less than 16, or depth times size above 65536",
        ));
    }
    let mut fanout = Fanout::open(plan)?;
    fanout.run_for(WARM_UP.min(Duration::from_secs_f64(plan.seconds)))?;
    fanout.figures.clear();
    ready()?;
    let elapsed = fanout.run_for(Duration::from_secs_f64(plan.seconds))?;
    fanout.figures.print(elapsed);
    Ok(())
}

struct Fanout {
    sender: TcpStream,
    receivers: Vec<Receiver>,
    poll: OwnedFd,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    figures: Figures,
    random: Random,
    /// When this program began: the time in a message is counted from here.
    epoch: Instant,
    /// The time between two messages, or nothing if there is no rate.
    interval: Duration,
    message: Vec<u8>,
    sending: Vec<u8>,
    /// The last `depth` messages; that of number n is at n % depth.
    recent: Vec<Sent>,
    /// Their frames as a server must send them, in the same order.
    frames: Vec<u8>,
    frame_len: usize,
    // Of messages; completed <= next <= completed + depth
    next: u64,
    completed: u64,
}

struct Receiver {
    socket: TcpStream,
    /// Bytes so far, since the connection was opened.
    received: u64,
}

#[derive(Clone)]
struct Sent {
    due: Instant,
    /// Receivers that do not have it yet.
    missing: usize,
}

impl Fanout {
    fn open(plan: &Plan) -> io::Result<Self> {
        let epoch = Instant::now();
        let mut sockets = open(plan.connect, CHAT, plan.connections + 1)?;
        let sender = sockets.remove(0);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let add = |socket: &TcpStream, number: usize| {
            let key = epoll::EventData::new_u64(number as u64);
            epoll::add(&poll, socket, key, epoll::EventFlags::IN)
        };
        // Nothing comes to the sender; if it does, it is noticed.
        add(&sender, plan.connections)?;
        for (number, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true)?;
            add(socket, number)?;
        }
        let mut random = Random(1);
        let mut message = vec![0; plan.size];
        message.fill_with(|| random.next().to_le_bytes()[7]);
        let mut frame = Vec::new();
        push_frame(&mut frame, &message, None);
        let receiver = |socket| Receiver {
            socket,
            received: 0,
        };
        let none = Sent {
            due: epoch,
            missing: 0,
        };
        Ok(Self {
            sender,
            receivers: sockets.into_iter().map(receiver).collect(),
            events: Vec::with_capacity(plan.connections + 1),
            poll,
            scratch: vec![0; SCRATCH_LEN],
            figures: Figures::new()?,
            random,
            epoch,
            interval: if plan.rate > 0.0 {
                Duration::from_secs_f64(1.0 / plan.rate)
            } else {
                Duration::ZERO
            },
            message,
            sending: Vec::with_capacity((plan.size + 14) * plan.depth),
            recent: vec![none; plan.depth],
            frames: frame.repeat(plan.depth),
            frame_len: frame.len(),
            next: 0,
            completed: 0,
        })
    }

    /// Sends for so long, and waits for the deliveries that are left; these are
    /// not in the figures.
    fn run_for(&mut self, length: Duration) -> io::Result<Duration> {
        let begin = Instant::now();
        let end = begin + length;
        let mut due = begin;
        loop {
            let now = Instant::now();
            if now < end {
                self.send_what_is_due(&mut due, now)?;
            } else if self.next == self.completed {
                return Ok(length);
            }
            poll_now(&self.poll, &mut self.events)?;
            if self.next > self.completed {
                let oldest = &self.recent[self.place(self.completed)];
                if now.saturating_duration_since(oldest.due) > PATIENCE {
                    return Err(wrong("a message that does not reach all"));
                }
            }
            for event in 0..self.events.len() {
                self.receive(self.events[event].data.u64() as usize, end)?;
            }
        }
    }

    /// Where the message of that number is among the recent ones.
    fn place(&self, message: u64) -> usize {
        (message % self.recent.len() as u64) as usize
    }

    fn has_room(&self) -> bool {
        self.next - self.completed < self.recent.len() as u64
    }

    /// All that may be sent now, in one write.
    fn send_what_is_due(&mut self, due: &mut Instant, now: Instant) -> io::Result<()> {
        self.sending.clear();
        while self.has_room() && *due <= now {
            let when = if self.interval.is_zero() { now } else { *due };
            *due = when + self.interval;
            self.push_message(when);
        }
        if !self.sending.is_empty() {
            self.sender.write_all(&self.sending)?;
        }
        Ok(())
    }

    fn push_message(&mut self, when: Instant) {
        let time = (when - self.epoch).as_nanos() as u64;
        self.message[..8].copy_from_slice(&time.to_le_bytes());
        self.message[8..STAMP_LEN].copy_from_slice(&self.next.to_le_bytes());
        let place = self.place(self.next);
        self.recent[place] = Sent {
            due: when,
            missing: self.receivers.len(),
        };
        let frame = &mut self.frames[place * self.frame_len..][..self.frame_len];
        let payload_at = frame.len() - self.message.len();
        frame[payload_at..].copy_from_slice(&self.message);
        push_frame(&mut self.sending, &self.message, Some(self.random.key()));
        self.next += 1;
    }

    /// Reads once; every byte must be the next of those that were sent.
    fn receive(&mut self, number: usize, end: Instant) -> io::Result<()> {
        let Some(receiver) = self.receivers.get_mut(number) else {
            return Err(wrong("a message that comes back to its sender"));
        };
        let mut bytes = match rustix::io::read(&receiver.socket, &mut *self.scratch) {
            Ok(0) => return Err(wrong("closed before the last message")),
            Ok(len) => &self.scratch[..len],
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let frame_len = self.frame_len as u64;
        let first = receiver.received / frame_len;
        if receiver.received + bytes.len() as u64 > self.next * frame_len {
            return Err(wrong("more than was sent"));
        }
        while !bytes.is_empty() {
            let at = (receiver.received % self.frames.len() as u64) as usize;
            let len = bytes.len().min(self.frames.len() - at);
            if bytes[..len] != self.frames[at..at + len] {
                return Err(wrong("other bytes than were sent, or in another order"));
            }
            receiver.received += len as u64;
            bytes = &bytes[len..];
        }
        let now = Instant::now();
        for message in first..receiver.received / frame_len {
            let place = self.place(message);
            let sent = &mut self.recent[place];
            sent.missing -= 1;
            if now < end {
                self.figures
                    .record(now.saturating_duration_since(sent.due), 1);
            }
            // Each receiver takes them in order, so they complete in order.
            if sent.missing == 0 {
                self.completed = message + 1;
            }
        }
        Ok(())
    }
}
