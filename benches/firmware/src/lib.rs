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
        append(&mut self.bytes, self.len, bytes);
        self.len = self.len.wrapping_add(bytes.len());
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// Copies `bytes` behind the first `filled` ones of `to`, and answers how many that were: all or none.
///
/// Neither this nor [`move_down`] has a call that can panic, so that what can in an image is its server's.
/// `copy_from_slice` is one where it is not inlined, whatever is known of the lengths.
pub fn append(to: &mut [u8], filled: usize, bytes: &[u8]) -> usize {
    let room = to.get_mut(filled..).unwrap_or_default();
    let Some(room) = room.get_mut(..bytes.len()) else {
        return 0;
    };
    // SAFETY: `room` was made as long as `bytes`, and nothing else refers to it.
    unsafe {
        room.as_mut_ptr()
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
    };
    bytes.len()
}

/// Moves what lies behind the first `by` of `bytes` to their front.
pub fn move_down(bytes: &mut [u8], by: usize) {
    let len = bytes.len();
    if by <= len {
        bytes.copy_within(by..len, 0);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    host::exit(host::Exit::Failure)
}
