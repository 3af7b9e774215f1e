//! SMSC's LAN9118: Ethernet behind two queues of 32-bit words, which the processor fills and empties.
//!
//! Section numbers are those of its data sheet, revision 1.5. Queues are polled; the interrupt only says
//! that there is something to poll for.
//!
//! ```text
//! to send:   command A | command B | the frame, in words | ...        TX_DATA
//! came:      one word of status for each frame                        RX_STATUS
//!            the frame with its checksum, in words | ...              RX_DATA
//! ```

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::board::{Losses, Nic};
use crate::registers::{Register, Registers};

// What the processor sees (§5.3).
const RX_DATA: Register = Register(0x00);
const TX_DATA: Register = Register(0x20);
const RX_STATUS: Register = Register(0x40);
const TX_STATUS: Register = Register(0x48);
const ID_REV: Register = Register(0x50);
const IRQ_CFG: Register = Register(0x54);
const INT_STS: Register = Register(0x58);
const INT_EN: Register = Register(0x5c);
const BYTE_TEST: Register = Register(0x64);
const FIFO_INT: Register = Register(0x68);
const RX_CFG: Register = Register(0x6c);
const TX_CFG: Register = Register(0x70);
const HW_CFG: Register = Register(0x74);
const RX_FIFO_INF: Register = Register(0x7c);
const TX_FIFO_INF: Register = Register(0x80);
const PMT_CTRL: Register = Register(0x84);
const RX_DROP: Register = Register(0xa0);
const MAC_CSR_CMD: Register = Register(0xa4);
const MAC_CSR_DATA: Register = Register(0xa8);
const AFC_CFG: Register = Register(0xac);

/// What [`BYTE_TEST`] reads as when the bus is in order.
const BYTES_IN_ORDER: u32 = 0x8765_4321;

const IRQ_ENABLED: u32 = 1 << 8;
const IRQ_ACTIVE_HIGH: u32 = 1 << 4;
const IRQ_PUSH_PULL: u32 = 1 << 0;

/// There are more words of status for frames that came than [`FIFO_INT`] says.
const INT_CAME: u32 = 1 << 3;

const RESET: u32 = 1 << 0;
/// 5 KiB of memory are for what is sent, the rest for what comes; a bit that has to be one.
const FIVE_TO_SEND: u32 = 5 << 16 | 1 << 20;
const TX_ON: u32 = 1 << 1;
const IS_READY: u32 = 1 << 0;

// Flow control: from 7 KiB on the peer is asked to pause, below 3.5 KiB to go on (§5.3.24).
const PAUSE_LEVELS: u32 = 0x6e << 16 | 0x37 << 8 | 4 << 4;

// Registers of the MAC, one step further away (§5.4).
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const MII_ACC: u32 = 6;
const MII_DATA: u32 = 7;
const FLOW: u32 = 8;
const CSR_BUSY: u32 = 1 << 31;
const CSR_READ: u32 = 1 << 30;
const FULL_DUPLEX: u32 = 1 << 20;
const ALL_MULTICAST: u32 = 1 << 19;
const TX_ENABLE: u32 = 1 << 3;
const RX_ENABLE: u32 = 1 << 2;
const FLOW_ENABLE: u32 = 0xffff << 16 | 1 << 1;

// Registers of the PHY, another step (§5.5).
const PHY: u32 = 1 << 11;
const MII_WRITE: u32 = 1 << 1;
const MII_BUSY: u32 = 1 << 0;
const PHY_CONTROL: u32 = 0;
const PHY_ADVERTISE: u32 = 4;
const NEGOTIATE: u32 = 1 << 12 | 1 << 9;
/// 10 and 100 Mbit/s, both in full duplex, with pauses.
const OFFER: u32 = 1 << 10 | 1 << 8 | 1 << 6 | 1;

// Status of a frame that came (§3.13.3).
const CAME_WITH_ERROR: u32 = 1 << 15;
const CAME_FOR_OTHERS: u32 = 1 << 30;
const CAME_LEN: u32 = 0x3fff;

// Status of a frame that was sent (§3.12.4).
const SENT_WITH_ERROR: u32 = 1 << 15;

// Commands (§3.12.2).
const FIRST_SEGMENT: u32 = 1 << 13;
const LAST_SEGMENT: u32 = 1 << 12;
const COMMANDS_LEN: u32 = 8;

const CHECKSUM_LEN: usize = 4;
/// A frame without its checksum, at most.
const MAX_LEN: usize = 1514;
/// The same with its checksum, in whole words.
const BUFFER_LEN: usize = (MAX_LEN + CHECKSUM_LEN).next_multiple_of(4);
/// How many of the longest frames the queue of those that came takes: 10,560 bytes of them.
const BURST: usize = 10_560 / BUFFER_LEN;

pub(crate) struct Lan9118 {
    registers: Registers<0x100>,
    address: EthernetAddress,
    losses: Losses,
    came: [u8; BUFFER_LEN],
    sent: [u8; BUFFER_LEN],
}

impl Lan9118 {
    /// Resets the controller, and lets it send and receive. The address is the one that it has loaded
    /// from its own memory.
    pub(crate) fn start(registers: Registers<0x100>) -> Result<Self, &'static str> {
        let wake = || registers.wait(PMT_CTRL, |status| status & IS_READY != 0);
        if !wake() {
            return Err("the LAN9118 does not wake");
        }
        if registers.read(BYTE_TEST) != BYTES_IN_ORDER || registers.read(ID_REV) >> 16 != 0x0118 {
            return Err("there is no LAN9118");
        }
        registers.write(HW_CFG, RESET);
        if !registers.wait(HW_CFG, |config| config & RESET == 0) || !wake() {
            return Err("the LAN9118 does not reset");
        }
        registers.write(HW_CFG, FIVE_TO_SEND);
        registers.write(AFC_CFG, PAUSE_LEVELS);
        registers.write(FIFO_INT, 0); // Each frame that comes interrupts.
        registers.write(RX_CFG, 0); // Frames begin and end at words.
        registers.write(TX_CFG, TX_ON);

        let mut this = Self {
            registers,
            address: EthernetAddress([0; 6]),
            losses: Losses::default(),
            came: [0; BUFFER_LEN],
            sent: [0; BUFFER_LEN],
        };
        this.address = this.load_address()?;
        this.write_phy(PHY_ADVERTISE, OFFER)?;
        this.write_phy(PHY_CONTROL, NEGOTIATE)?;
        this.write_mac(FLOW, FLOW_ENABLE)?;
        // IPv6 finds its neighbours by multicast.
        let enable = TX_ENABLE | RX_ENABLE;
        this.write_mac(MAC_CR, FULL_DUPLEX | ALL_MULTICAST | enable)?;

        let irq = IRQ_ENABLED | IRQ_ACTIVE_HIGH | IRQ_PUSH_PULL;
        this.registers.write(IRQ_CFG, irq);
        this.registers.write(INT_STS, u32::MAX);
        this.registers.write(INT_EN, INT_CAME);
        Ok(this)
    }

    /// The controller's address; where it has none, one that nobody was given.
    fn load_address(&self) -> Result<EthernetAddress, &'static str> {
        let low = self.read_mac(ADDRL)?.to_le_bytes();
        let high = self.read_mac(ADDRH)?.to_le_bytes();
        let address = EthernetAddress([low[0], low[1], low[2], low[3], high[0], high[1]]);
        if address.is_unicast() && address.0 != [0; 6] {
            return Ok(address);
        }
        self.write_mac(ADDRL, u32::from_le_bytes([0x02, 0, 0, 0]))?;
        self.write_mac(ADDRH, u32::from_le_bytes([0, 1, 0, 0]))?;
        Ok(EthernetAddress([0x02, 0, 0, 0, 0, 1]))
    }

    fn read_mac(&self, register: u32) -> Result<u32, &'static str> {
        self.command_mac(CSR_READ | register)?;
        Ok(self.registers.read(MAC_CSR_DATA))
    }

    fn write_mac(&self, register: u32, value: u32) -> Result<(), &'static str> {
        self.registers.write(MAC_CSR_DATA, value);
        self.command_mac(register)
    }

    fn command_mac(&self, command: u32) -> Result<(), &'static str> {
        self.registers.write(MAC_CSR_CMD, CSR_BUSY | command);
        let done = |command| command & CSR_BUSY == 0;
        match self.registers.wait(MAC_CSR_CMD, done) {
            true => Ok(()),
            false => Err("the LAN9118's MAC does not answer"),
        }
    }

    fn write_phy(&self, register: u32, value: u32) -> Result<(), &'static str> {
        self.write_mac(MII_DATA, value)?;
        self.write_mac(MII_ACC, PHY | register << 6 | MII_WRITE | MII_BUSY)?;
        for _ in 0..10_000 {
            if self.read_mac(MII_ACC)? & MII_BUSY == 0 {
                return Ok(());
            }
        }
        Err("the LAN9118's PHY does not answer")
    }

    /// Whether a frame of any length can be put into the queue. What became of earlier ones is
    /// looked at first: the controller stops when nobody does.
    fn has_room(&mut self) -> bool {
        let room = loop {
            let info = self.registers.read(TX_FIFO_INF);
            if info >> 16 & 0xff == 0 {
                break info & 0xffff;
            }
            if self.registers.read(TX_STATUS) & SENT_WITH_ERROR != 0 {
                self.losses.unsent += 1;
            }
        };
        room >= COMMANDS_LEN + BUFFER_LEN as u32
    }

    /// Takes the next good frame out of the queue. The answer is its length.
    fn take_frame(&mut self) -> Option<usize> {
        while self.is_waiting() {
            let status = self.registers.read(RX_STATUS);
            let len = (status >> 16 & CAME_LEN) as usize;
            let is_bad = status & (CAME_WITH_ERROR | CAME_FOR_OTHERS) != 0;
            if !is_bad && (CHECKSUM_LEN..=BUFFER_LEN).contains(&len) {
                for word in self.came[..len.next_multiple_of(4)].chunks_exact_mut(4) {
                    word.copy_from_slice(&self.registers.read(RX_DATA).to_le_bytes());
                }
                return Some(len - CHECKSUM_LEN);
            }
            // The controller could skip a frame by itself, if it is of four words or more (§3.13.1.1);
            // QEMU's then loses count of what is in the queue.
            for _ in 0..len.div_ceil(4) {
                let _ = self.registers.read(RX_DATA);
            }
            self.losses.bad += 1;
        }
        None
    }

    fn is_waiting(&self) -> bool {
        self.registers.read(RX_FIFO_INF) >> 16 & 0xff != 0
    }
}

impl Nic for Lan9118 {
    fn address(&self) -> EthernetAddress {
        self.address
    }

    fn acknowledge(&mut self) -> bool {
        self.registers.write(INT_STS, INT_CAME);
        self.losses.dropped += self.registers.read(RX_DROP); // It begins again at zero.
        self.is_waiting()
    }

    fn losses(&self) -> Losses {
        self.losses
    }
}

impl Device for Lan9118 {
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
        Some((Came(&self.came[..len]), room))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        self.has_room().then_some(Room {
            registers: &self.registers,
            buffer: &mut self.sent,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_LEN;
        capabilities.max_burst_size = Some(BURST);
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
    registers: &'a Registers<0x100>,
    buffer: &'a mut [u8; BUFFER_LEN],
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.buffer[..len]);
        let command = FIRST_SEGMENT | LAST_SEGMENT | len as u32;
        self.registers.write(TX_DATA, command);
        self.registers.write(TX_DATA, len as u32);
        let (words, _) = self.buffer[..len.next_multiple_of(4)].as_chunks();
        for word in words {
            self.registers.write(TX_DATA, u32::from_le_bytes(*word));
        }
        result
    }
}
