//! How deep a call goes: the stack below is painted before, and looked at afterwards.

use core::arch::asm;

/// Bytes that are painted. A deeper call would be seen to reach the end of them.
const PAINTED_LEN: usize = 16 * 1024;
const PAINT: u32 = 0xa5c3_5a3c;

/// Calls `call`, and answers how many bytes of stack were touched below this function's frame.
#[inline(never)]
pub(crate) fn depth_of(call: impl FnOnce()) -> usize {
    let top: usize;
    // SAFETY: it only reads the stack pointer.
    unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack)) };
    let top = top & !3;
    let bottom = top.wrapping_sub(PAINTED_LEN);
    let mut at = bottom;
    while at < top {
        // SAFETY: this is free stack: nothing below the stack pointer is alive, and the loop has no call.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
        at = at.wrapping_add(4);
    }
    call();
    at = bottom;
    // SAFETY: as above.
    while at < top && unsafe { (at as *const u32).read_volatile() } == PAINT {
        at = at.wrapping_add(4);
    }
    top.wrapping_sub(at)
}
