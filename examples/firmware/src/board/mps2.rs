//! Arm's MPS2 with the image AN385 or AN386 (application notes DAI 0385 and DAI 0386).

use super::{Board, Interrupt};
use crate::lan9118::Lan9118;
use crate::registers::{Register, Registers};

pub(crate) struct Mps2 {
    alarm: Registers<0x1000>,
    lights: Registers<0x1000>,
    nic: Lan9118,
}

// A timer of the CMSDK, the system design kit (DDI 0479, §4.4).
const TIMER_BASE: usize = 0x4000_0000;
const TIMER_CTRL: Register = Register(0x0);
const TIMER_VALUE: Register = Register(0x4);
const TIMER_RELOAD: Register = Register(0x8);
const TIMER_INTCLEAR: Register = Register(0xc);
const TIMER_RUN: u32 = 1 << 0;
const TIMER_INTERRUPT: u32 = 1 << 3;

// Its UART (§4.3).
const UART_BASE: usize = 0x4000_4000;
const UART_DATA: Register = Register(0x0);
const UART_STATE: Register = Register(0x4);
const UART_CTRL: Register = Register(0x8);
const UART_BAUDDIV: Register = Register(0x10);
const UART_IS_FULL: u32 = 1 << 0;
const UART_SENDS: u32 = 1 << 0;
const BAUD: u32 = 115_200;

// The lights of the board (DAI 0385, §4.5).
const FPGAIO_BASE: usize = 0x4002_8000;
const FPGAIO_LED0: Register = Register(0x0);

const NIC_BASE: usize = 0x4020_0000;

impl Board for Mps2 {
    const NAME: &'static str = "mps2";
    const HERTZ: u32 = 25_000_000;
    const CONNECTIONS: usize = 12;
    const RECEIVE_LEN: usize = 4096;
    const SEND_LEN: usize = 4096;
    const WINDOW_LEN: usize = 2048;
    const CODECS: usize = 4;
    const STACK_LEN: usize = 104_600;

    const NIC: Interrupt = Interrupt(13);
    const ALARM: Interrupt = Interrupt(8);

    type Nic = Lan9118;

    fn start() -> Result<Self, &'static str> {
        let uart = uart();
        uart.write(UART_BAUDDIV, Self::HERTZ / BAUD);
        uart.write(UART_CTRL, UART_SENDS);
        // SAFETY: the first timer is there, and does nothing but count.
        let alarm = unsafe { Registers::new(TIMER_BASE) };
        // SAFETY: the lights are there, and do nothing but shine.
        let lights = unsafe { Registers::new(FPGAIO_BASE) };
        // SAFETY: the controller is there, and has no way to memory of its own.
        let nic = unsafe { Registers::new(NIC_BASE) };
        let nic = Lan9118::start(nic)?;
        Ok(Self { alarm, lights, nic })
    }

    fn nic(&mut self) -> &mut Lan9118 {
        &mut self.nic
    }

    fn set_alarm(&mut self, millis: u32) {
        let cycles = millis.max(1) * (Self::HERTZ / 1000);
        self.alarm.write(TIMER_CTRL, 0);
        self.alarm.write(TIMER_RELOAD, cycles);
        self.alarm.write(TIMER_VALUE, cycles);
        self.alarm.write(TIMER_INTCLEAR, 1);
        self.alarm.write(TIMER_CTRL, TIMER_RUN | TIMER_INTERRUPT);
    }

    fn light(&mut self, is_lit: bool) {
        self.lights.write(FPGAIO_LED0, is_lit.into());
    }

    fn log(byte: u8) {
        let uart = uart();
        while uart.read(UART_STATE) & UART_IS_FULL != 0 {}
        uart.write(UART_DATA, byte.into());
    }
}

fn uart() -> Registers<0x1000> {
    // SAFETY: the first UART is there, and has no way to memory.
    unsafe { Registers::new(UART_BASE) }
}
