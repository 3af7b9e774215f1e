//! What the images have in common: a connection in memory, played from a script that the host has.
//!
//! ```text
//! host's file -> bytes that come -> Server::receive -> bytes that are sent -> the host's output
//! ```
//!
//! For each delivery the host learns what was sent, how long it took and how deep the stack went. An
//! image is told of nothing else, so all of them are the same but for their [`Server`].
#![no_std]

mod host;
pub mod kinglet;
pub mod routes;
mod script;
mod stack;
mod timer;

use core::panic::PanicInfo;

pub use script::play;

/// One connection at a time.
pub trait Server {
    /// A new connection takes the place of the one before.
    fn connect(&mut self);
    /// Bytes have come. Takes all the turns that there are to take.
    fn receive(&mut self, bytes: &[u8], sent: &mut Sent);
    /// Bytes of memory that a connection has, without its buffers.
    fn state_len(&self) -> usize;
}

/// What was sent since the last delivery; what is longer than its room is counted only.
#[derive(Debug)]
pub struct Sent {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Sent {
    const ROOM: usize = 4096;

    const fn new() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            len: 0,
        }
    }

    /// Appends `bytes`.
    #[inline(never)]
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        if let Some(room) = room.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.len = self.len.wrapping_add(bytes.len());
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    host::exit(host::Exit::Failure)
}
