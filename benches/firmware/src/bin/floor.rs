//! The image without an engine: what comes is answered with what has come.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::{Sent, Server, append, move_down, play};

struct Floor {
    window: [u8; 1024],
    filled: usize,
}

impl Server for Floor {
    fn connect(&mut self) {}

    fn receive(&mut self, bytes: &[u8], sent: &mut Sent) {
        self.filled += append(&mut self.window, self.filled, bytes);
        // Half of it comes again, as with an engine that has not consumed all of it.
        let consumed = self.filled.div_ceil(2);
        sent.push(self.window.get(..consumed).unwrap_or_default());
        if consumed > 0 {
            let window = self.window.get_mut(..self.filled);
            move_down(window.unwrap_or_default(), consumed);
        }
        self.filled -= consumed;
    }

    fn state_len(&self) -> usize {
        0
    }
}

#[entry]
fn main() -> ! {
    play(&mut Floor {
        window: [0; 1024],
        filled: 0,
    })
}
