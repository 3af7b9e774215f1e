//! The CMSDK timer 0 of an mps2 board: 32 bits, counting down at 25 MHz.
//!
//! Under `qemu -icount shift=0` an instruction takes a nanosecond, and so a tick forty of them.

const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;

pub(crate) fn start() {
    // SAFETY: these are the timer's registers, and nothing else uses them.
    unsafe {
        RELOAD.write_volatile(u32::MAX);
        VALUE.write_volatile(u32::MAX);
        CONTROL.write_volatile(1);
    }
}

/// Ticks since [`start`].
pub(crate) fn ticks() -> u32 {
    // SAFETY: as above.
    u32::MAX.wrapping_sub(unsafe { VALUE.read_volatile() })
}
