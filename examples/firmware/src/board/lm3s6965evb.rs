//! Luminary's evaluation board with the LM3S6965: 64 KiB of RAM (data sheet DS-LM3S6965).

use super::{Board, Interrupt};
use crate::registers::{Register, Registers};
use crate::stellaris::Stellaris;

pub(crate) struct Lm3s6965evb {
    alarm: Registers<0x1000>,
    lights: Registers<0x1000>,
    nic: Stellaris,
}

// System control (§5).
const SYSTEM_BASE: usize = 0x400f_e000;
const RIS: Register = Register(0x050);
const RCC: Register = Register(0x060);
const RCGC1: Register = Register(0x104);
const RCGC2: Register = Register(0x108);
const PLL_IS_LOCKED: u32 = 1 << 6;
const UART0: u32 = 1 << 0;
const TIMER0: u32 = 1 << 16;
const GPIO_A_AND_F: u32 = 1 << 0 | 1 << 5;
const ETHERNET: u32 = 1 << 28 | 1 << 30; // The controller, and its PHY.

// How the system's clock is made: 8 MHz by a crystal, 200 MHz by the PLL, divided by four.
const RCC_BYPASS: u32 = 1 << 11;
const RCC_PLL_OFF: u32 = 1 << 13;
const RCC_DIVIDER: u32 = 0b1111 << 23;
const RCC_DIVIDE_BY_4: u32 = 3 << 23;
const RCC_USES_DIVIDER: u32 = 1 << 22;
const RCC_SOURCE: u32 = 0b1111 << 6 | 0b11 << 4;
const RCC_CRYSTAL_8_MHZ: u32 = 0xe << 6;

// Which pins are a device's own (§8).
const GPIO_A_BASE: usize = 0x4000_4000;
const GPIO_F_BASE: usize = 0x4002_5000;
const GPIO_STATUS_DATA: Register = Register(STATUS_PIN as usize * 4); // The address is the mask.
const GPIO_DIR: Register = Register(0x400);
const GPIO_AFSEL: Register = Register(0x420);
const GPIO_DEN: Register = Register(0x51c);
const UART_PINS: u32 = 0b11;
const LED_PINS: u32 = 0b1100; // Of the network's socket.
const STATUS_PIN: u32 = 0b1; // Of port F, to the board's light.

// A general-purpose timer (§9).
const TIMER_BASE: usize = 0x4003_0000;
const TIMER_CFG: Register = Register(0x00);
const TIMER_TAMR: Register = Register(0x04);
const TIMER_CTL: Register = Register(0x0c);
const TIMER_IMR: Register = Register(0x18);
const TIMER_ICR: Register = Register(0x24);
const TIMER_TAILR: Register = Register(0x28);
const TIMER_ONCE: u32 = 1;
const TIMER_RUN: u32 = 1 << 0;
const TIMER_IS_OUT: u32 = 1 << 0;

// A UART of the kind PL011 (§12).
const UART_BASE: usize = 0x4000_c000;
const UART_DR: Register = Register(0x00);
const UART_FR: Register = Register(0x18);
const UART_IBRD: Register = Register(0x24);
const UART_FBRD: Register = Register(0x28);
const UART_LCRH: Register = Register(0x2c);
const UART_CTL: Register = Register(0x30);
const UART_IS_FULL: u32 = 1 << 5;
const UART_8_BITS_AND_FIFO: u32 = 0b11 << 5 | 1 << 4;
const UART_SENDS: u32 = 1 << 8 | 1 << 0;
const BAUD: u32 = 115_200;

const NIC_BASE: usize = 0x4004_8000;

impl Board for Lm3s6965evb {
    const NAME: &'static str = "lm3s6965evb";
    const HERTZ: u32 = 50_000_000;
    const CONNECTIONS: usize = 6;
    const RECEIVE_LEN: usize = 1024;
    const SEND_LEN: usize = 2048;
    const WINDOW_LEN: usize = 1024;
    const CODECS: usize = 1;
    const STACK_LEN: usize = 22_700;

    const NIC: Interrupt = Interrupt(42);
    const ALARM: Interrupt = Interrupt(19);

    type Nic = Stellaris;

    fn start() -> Result<Self, &'static str> {
        // SAFETY: system control is there. What is written to it changes clocks, not memory.
        let system = unsafe { Registers::<0x1000>::new(SYSTEM_BASE) };
        run_fast(&system)?;
        system.write(RCGC1, system.read(RCGC1) | UART0 | TIMER0);
        system.write(RCGC2, system.read(RCGC2) | GPIO_A_AND_F | ETHERNET);
        // A device's clock has begun after three cycles.
        cortex_m::asm::delay(8);
        // SAFETY: ports are there. They have no way to memory.
        let port = unsafe { Registers::<0x1000>::new(GPIO_A_BASE) };
        lend_pins(&port, UART_PINS);
        // SAFETY: as before.
        let port = unsafe { Registers::<0x1000>::new(GPIO_F_BASE) };
        lend_pins(&port, LED_PINS);
        port.write(GPIO_DIR, port.read(GPIO_DIR) | STATUS_PIN);
        port.write(GPIO_DEN, port.read(GPIO_DEN) | STATUS_PIN);
        start_uart();
        // SAFETY: the first timer is there, and does nothing but count.
        let alarm = unsafe { Registers::new(TIMER_BASE) };
        // SAFETY: the controller is there, and has no way to memory of its own.
        let nic = unsafe { Registers::new(NIC_BASE) };
        let nic = Stellaris::start(nic);
        Ok(Self {
            alarm,
            lights: port,
            nic,
        })
    }

    fn nic(&mut self) -> &mut Stellaris {
        &mut self.nic
    }

    fn set_alarm(&mut self, millis: u32) {
        let cycles = millis.max(1) * (Self::HERTZ / 1000);
        self.alarm.write(TIMER_CTL, 0);
        self.alarm.write(TIMER_CFG, 0); // One timer of 32 bits, not two of 16.
        self.alarm.write(TIMER_TAMR, TIMER_ONCE);
        self.alarm.write(TIMER_TAILR, cycles);
        self.alarm.write(TIMER_ICR, TIMER_IS_OUT);
        self.alarm.write(TIMER_IMR, TIMER_IS_OUT);
        self.alarm.write(TIMER_CTL, TIMER_RUN);
    }

    fn light(&mut self, is_lit: bool) {
        let pins = if is_lit { STATUS_PIN } else { 0 };
        self.lights.write(GPIO_STATUS_DATA, pins);
    }

    fn log(byte: u8) {
        let uart = uart();
        while uart.read(UART_FR) & UART_IS_FULL != 0 {}
        uart.write(UART_DR, byte.into());
    }
}

/// Lets the processor run at [`Board::HERTZ`], in the order that the data sheet wants (§5.3).
fn run_fast(system: &Registers<0x1000>) -> Result<(), &'static str> {
    let slow = (system.read(RCC) | RCC_BYPASS) & !RCC_USES_DIVIDER;
    system.write(RCC, slow);
    let rcc = slow & !(RCC_SOURCE | RCC_PLL_OFF | RCC_DIVIDER);
    let rcc = rcc | RCC_CRYSTAL_8_MHZ | RCC_DIVIDE_BY_4 | RCC_USES_DIVIDER;
    system.write(RCC, rcc);
    if !system.wait(RIS, |status| status & PLL_IS_LOCKED != 0) {
        return Err("the PLL does not lock");
    }
    system.write(RCC, rcc & !RCC_BYPASS);
    Ok(())
}

fn lend_pins(port: &Registers<0x1000>, pins: u32) {
    port.write(GPIO_AFSEL, port.read(GPIO_AFSEL) | pins);
    port.write(GPIO_DEN, port.read(GPIO_DEN) | pins);
}

fn start_uart() {
    // Sixteen samples a bit, in 64ths.
    const DIVISOR: u32 = Lm3s6965evb::HERTZ * 4 / BAUD;
    let uart = uart();
    uart.write(UART_CTL, 0);
    uart.write(UART_IBRD, DIVISOR / 64);
    uart.write(UART_FBRD, DIVISOR % 64);
    uart.write(UART_LCRH, UART_8_BITS_AND_FIFO);
    uart.write(UART_CTL, UART_SENDS);
}

fn uart() -> Registers<0x1000> {
    // SAFETY: the first UART is there, and has no way to memory.
    unsafe { Registers::new(UART_BASE) }
}
