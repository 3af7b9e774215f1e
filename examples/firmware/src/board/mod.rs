//! What differs from one board to the other.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use smoltcp::phy::Device;
use smoltcp::wire::EthernetAddress;

#[cfg(feature = "lm3s6965evb")]
mod lm3s6965evb;
#[cfg(feature = "mps2")]
mod mps2;

#[cfg(feature = "lm3s6965evb")]
pub(crate) use lm3s6965evb::Lm3s6965evb as Current;
#[cfg(feature = "mps2")]
pub(crate) use mps2::Mps2 as Current;

pub(crate) trait Board: Sized {
    const NAME: &'static str;
    /// Cycles of the processor in a second.
    const HERTZ: u32;
    /// How many connections there may be at once.
    const CONNECTIONS: usize;
    /// What each connection keeps of what has come, and of what the peer has not confirmed: bytes.
    const RECEIVE_LEN: usize;
    const SEND_LEN: usize;

    /// The longest head, and the longest answer that is not streamed: bytes, for each connection.
    const WINDOW_LEN: usize;

    /// How many WebSockets are compressed at once.
    const CODECS: usize;

    /// Bytes of the stack for what is made on it once and stays: the server, and where its sockets are.
    /// No more than this is checked when the firmware is built, and `run --build-only` prints it.
    const STACK_LEN: usize;

    const NIC: Interrupt;
    const ALARM: Interrupt;

    type Nic: Nic;

    /// Sets up clocks, the log, the alarm and the network. To be called once.
    fn start() -> Result<Self, &'static str>;

    fn nic(&mut self) -> &mut Self::Nic;

    /// Raises [`Self::ALARM`] after so many milliseconds, and no longer for what was set before.
    fn set_alarm(&mut self, millis: u32);

    /// Lights the board's own light, or puts it out.
    fn light(&mut self, is_lit: bool);

    /// Puts a byte into the log, and waits where that is full.
    fn log(byte: u8);

    /// Sleeps until a frame has come, or `millis` have passed.
    ///
    /// Interrupts are never taken: all are masked for good, and one that is pending ends a sleep even
    /// so. What is not looked at here before it sleeps becomes pending, so nothing is missed.
    fn sleep(&mut self, millis: u32) {
        self.set_alarm(millis);
        NVIC::unpend(Self::ALARM);
        // Frames that came before this are seen here; a later one interrupts.
        let waiting = self.nic().acknowledge();
        NVIC::unpend(Self::NIC);
        if !waiting {
            cortex_m::asm::wfi();
        }
    }
}

/// A network controller.
pub(crate) trait Nic: Device {
    fn address(&self) -> EthernetAddress;

    /// Takes the interrupt back, and says whether a frame is waiting all the same.
    fn acknowledge(&mut self) -> bool;

    fn losses(&self) -> Losses;
}

/// Frames that were lost since the start.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// They came with an error, or longer than Ethernet has them.
    pub(crate) bad: u32,
    /// There was no room in the controller.
    pub(crate) dropped: u32,
    /// They were to be sent, and were not.
    pub(crate) unsent: u32,
}

/// The number of an interrupt, counted from the first of the board's own.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(pub(crate) u16);

// SAFETY: a number stays the same.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}
