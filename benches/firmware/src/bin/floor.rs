//! The image without an engine: what comes is answered with what has come.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_bench::{Sent, Server, play};

struct Floor {
    window: [u8; 1024],
    filled: usize,
}

impl Server for Floor {
    fn connect(&mut self) {}

    fn receive(&mut self, bytes: &[u8], sent: &mut Sent) {
        if let Some(window) = self.window.get_mut(self.filled..)
            && let Some(window) = window.get_mut(..bytes.len())
        {
            window.copy_from_slice(bytes);
            self.filled += bytes.len();
        }
        // Half of it comes again, as with an engine that has not consumed all of it.
        let consumed = self.filled.div_ceil(2);
        sent.push(self.window.get(..consumed).unwrap_or_default());
        self.filled -= consumed;
        if consumed > 0 {
            self.window.copy_within(consumed..consumed + self.filled, 0);
        }
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
