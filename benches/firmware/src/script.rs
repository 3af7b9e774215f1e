//! The script, and what the host is told of it.
//!
//! ```text
//! delivery   | how often | bytes at once | flags | length | bytes ... |
//! answer     | ticks | stack | length | bytes ... |      of the last time
//! ```
//!
//! All numbers are words of four bytes, the lowest first. The first word of all answers is the state's length.

use crate::host::{self, Exit, Output};
use crate::{Sent, Server, stack, timer};

/// Plays the host's script to `server`, and ends.
pub fn play(server: &mut impl Server) -> ! {
    let mut memory = [0; 64 * 1024];
    let script = host::script(&mut memory);
    let output = Output::new();
    output.write_word(server.state_len());
    timer::start();
    let mut sent = Sent::new();
    let mut rest = script;
    while let Some((delivery, after)) = Delivery::split_off(rest) {
        rest = after;
        if delivery.is_new {
            server.connect();
        }
        let start = timer::ticks();
        let mut depth = 0;
        if delivery.times == 1 {
            depth = stack::depth_of(|| delivery.make(server, &mut sent));
        } else {
            for _ in 0..delivery.times {
                delivery.make(server, &mut sent);
            }
        }
        output.write_word(timer::ticks().wrapping_sub(start) as usize);
        output.write_word(depth);
        output.write_word(sent.bytes().len());
        output.write(sent.bytes());
    }
    host::exit(if rest.is_empty() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

struct Delivery<'a> {
    times: u32,
    at_once: usize,
    is_new: bool,
    bytes: &'a [u8],
}

impl<'a> Delivery<'a> {
    fn split_off(script: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (times, rest) = word(script)?;
        let (at_once, rest) = word(rest)?;
        let (flags, rest) = word(rest)?;
        let (len, rest) = word(rest)?;
        let (bytes, rest) = rest.split_at_checked(len as usize)?;
        let delivery = Self {
            times,
            at_once: at_once as usize,
            is_new: flags & 1 != 0,
            bytes,
        };
        Some((delivery, rest))
    }

    /// Delivers the bytes once.
    #[inline(never)]
    fn make(&self, server: &mut impl Server, sent: &mut Sent) {
        sent.len = 0;
        for part in self.bytes.chunks(self.at_once.max(1)) {
            server.receive(part, sent);
        }
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*word), rest))
}
