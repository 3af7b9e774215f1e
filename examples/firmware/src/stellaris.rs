//! The Ethernet controller of Luminary's Stellaris, 2 KiB of queue in each direction.
//!
//! Section numbers are those of the LM3S6965's data sheet (DS-LM3S6965), chapter 15.
//!
//! ```text
//! to send:   length of what follows the header (2) | the frame | what fills the word      MACDATA
//! came:      length of all this (2) | the frame | its checksum (4) | what fills the word  MACDATA
//! ```

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::board::{Losses, Nic};
use crate::registers::{Register, Registers};

// §15.6
const MACRIS: Register = Register(0x00); // Reads what has happened; a bit that is written is taken back.
const MACIM: Register = Register(0x04);
const MACRCTL: Register = Register(0x08);
const MACTCTL: Register = Register(0x0c);
const MACDATA: Register = Register(0x10);
const MACIA0: Register = Register(0x14);
const MACIA1: Register = Register(0x18);
const MACTHR: Register = Register(0x1c);
const MACNP: Register = Register(0x34);
const MACTR: Register = Register(0x38);

const HAS_COME: u32 = 1 << 0;
const SEND_FAILED: u32 = 1 << 1;
const OVERRUN: u32 = 1 << 3;
const RECEIVE_FAILED: u32 = 1 << 4;

const RECEIVE: u32 = 1 << 0;
const ALL_MULTICAST: u32 = 1 << 1;
const NO_BAD_CHECKSUM: u32 = 1 << 3;
const EMPTY_QUEUE: u32 = 1 << 4;

const SEND: u32 = 1 << 0;
const FILL_UP: u32 = 1 << 1;
const ADD_CHECKSUM: u32 = 1 << 2;
const FULL_DUPLEX: u32 = 1 << 4;

/// A frame is sent when all of it is in the queue, and not before.
const WHOLE_FRAMES: u32 = 0x3f;
const NEW_FRAME: u32 = 1 << 0;
const FRAMES_WAITING: u32 = 0x3f;

const LENGTH_LEN: usize = 2;
const HEADER_LEN: usize = 14;
const CHECKSUM_LEN: usize = 4;
/// A frame without its checksum, at most.
const MAX_LEN: usize = 1514;
const BUFFER_LEN: usize = (LENGTH_LEN + MAX_LEN + CHECKSUM_LEN).next_multiple_of(4);

pub(crate) struct Stellaris {
    registers: Registers<0x1000>,
    address: EthernetAddress,
    losses: Losses,
    came: [u8; BUFFER_LEN],
    sent: [u8; BUFFER_LEN],
}

impl Stellaris {
    /// Lets the controller send and receive, under the address that it has; where that is none,
    /// under one that nobody was given.
    pub(crate) fn start(registers: Registers<0x1000>) -> Self {
        let low = registers.read(MACIA0).to_le_bytes();
        let high = registers.read(MACIA1).to_le_bytes();
        let mut address = EthernetAddress([low[0], low[1], low[2], low[3], high[0], high[1]]);
        if !address.is_unicast() || address.0 == [0; 6] {
            address = EthernetAddress([0x02, 0, 0, 0, 0, 1]);
            registers.write(MACIA0, u32::from_le_bytes([0x02, 0, 0, 0]));
            registers.write(MACIA1, u32::from_le_bytes([0, 1, 0, 0]));
        }
        registers.write(MACTHR, WHOLE_FRAMES);
        registers.write(MACTCTL, SEND | FILL_UP | ADD_CHECKSUM | FULL_DUPLEX);
        // What was in the queue before may have begun in the middle of a frame.
        registers.write(MACRCTL, EMPTY_QUEUE);
        // IPv6 finds its neighbours by multicast.
        registers.write(MACRCTL, RECEIVE | ALL_MULTICAST | NO_BAD_CHECKSUM);
        registers.write(MACRIS, u32::MAX);
        registers.write(MACIM, HAS_COME);
        Self {
            registers,
            address,
            losses: Losses::default(),
            came: [0; BUFFER_LEN],
            sent: [0; BUFFER_LEN],
        }
    }

    /// The queue takes one frame at a time.
    fn has_room(&self) -> bool {
        self.registers.read(MACTR) & NEW_FRAME == 0
    }

    /// Takes the next frame out of the queue. The answer is its length.
    fn take_frame(&mut self) -> Option<usize> {
        const LEAST: usize = LENGTH_LEN + HEADER_LEN + CHECKSUM_LEN;
        while self.is_waiting() {
            let first = self.registers.read(MACDATA).to_le_bytes();
            let len = usize::from(u16::from_le_bytes([first[0], first[1]]));
            let rest = len.div_ceil(4).saturating_sub(1);
            if (LEAST..=BUFFER_LEN).contains(&len) {
                self.came[..4].copy_from_slice(&first);
                for word in self.came[4..].chunks_exact_mut(4).take(rest) {
                    word.copy_from_slice(&self.registers.read(MACDATA).to_le_bytes());
                }
                return Some(len - LENGTH_LEN - CHECKSUM_LEN);
            }
            for _ in 0..rest {
                let _ = self.registers.read(MACDATA);
            }
            self.losses.bad += 1;
        }
        None
    }

    fn is_waiting(&self) -> bool {
        self.registers.read(MACNP) & FRAMES_WAITING != 0
    }

    fn room(&mut self) -> Room<'_> {
        Room {
            registers: &self.registers,
            buffer: &mut self.sent,
        }
    }
}

impl Nic for Stellaris {
    fn address(&self) -> EthernetAddress {
        self.address
    }

    fn acknowledge(&mut self) -> bool {
        let happened = self.registers.read(MACRIS);
        self.registers.write(MACRIS, happened);
        // Each says that there was one at least.
        let count = |bit| u32::from(happened & bit != 0);
        self.losses.bad += count(RECEIVE_FAILED);
        self.losses.dropped += count(OVERRUN);
        self.losses.unsent += count(SEND_FAILED);
        self.is_waiting()
    }

    fn losses(&self) -> Losses {
        self.losses
    }
}

impl Device for Stellaris {
    type RxToken<'a> = Came<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Came<'_>, Room<'_>)> {
        // A frame may want an answer, so one is taken only where there is room for that.
        if !self.has_room() {
            return None;
        }
        let len = self.take_frame()?;
        let room = Room {
            registers: &self.registers,
            buffer: &mut self.sent,
        };
        Some((Came(&self.came[LENGTH_LEN..LENGTH_LEN + len]), room))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        self.has_room().then(|| self.room())
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_LEN;
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

/// A frame that came.
pub(crate) struct Came<'a>(&'a [u8]);

impl phy::RxToken for Came<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame.
pub(crate) struct Room<'a> {
    registers: &'a Registers<0x1000>,
    buffer: &'a mut [u8; BUFFER_LEN],
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.buffer[LENGTH_LEN..LENGTH_LEN + len]);
        let content_len = len.saturating_sub(HEADER_LEN) as u16;
        self.buffer[..LENGTH_LEN].copy_from_slice(&content_len.to_le_bytes());
        let (words, _) = self.buffer[..(LENGTH_LEN + len).next_multiple_of(4)].as_chunks();
        for word in words {
            self.registers.write(MACDATA, u32::from_le_bytes(*word));
        }
        self.registers.write(MACTR, NEW_FRAME);
        result
    }
}
