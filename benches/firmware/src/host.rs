//! The few calls of Arm's semihosting that are wanted here.

use core::arch::asm;

/// How an image ends.
pub(crate) enum Exit {
    Success,
    Failure,
}

/// The host's file that QEMU's command line names.
pub(crate) fn script(into: &mut [u8]) -> &[u8] {
    let mut name = [0_u8; 256];
    let mut command_line = [name.as_mut_ptr() as usize, name.len()];
    if call(GET_COMMAND_LINE, command_line.as_mut_ptr() as usize) != 0 {
        exit(Exit::Failure);
    }
    let [_, name_len] = command_line;
    let file = open(name.as_ptr(), name_len, READ_BINARY);
    let len = into.len();
    let missing = call(
        READ_FILE,
        [file, into.as_mut_ptr() as usize, len].as_ptr() as usize,
    );
    &into[..len.saturating_sub(missing)]
}

/// The host's standard output.
pub(crate) struct Output(usize);

impl Output {
    pub(crate) fn new() -> Self {
        Self(open(b":tt\0".as_ptr(), 3, WRITE_BINARY))
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        call(
            WRITE_FILE,
            [self.0, bytes.as_ptr() as usize, bytes.len()].as_ptr() as usize,
        );
    }

    pub(crate) fn write_word(&self, word: usize) {
        self.write(&word.to_le_bytes());
    }
}

/// Ends the program on the host.
pub(crate) fn exit(exit: Exit) -> ! {
    // ADP_Stopped_ApplicationExit, and a reason that QEMU takes for a failure.
    let reason = match exit {
        Exit::Success => 0x20026,
        Exit::Failure => 0x20024,
    };
    loop {
        call(EXIT, reason);
    }
}

fn open(name: *const u8, len: usize, mode: usize) -> usize {
    call(OPEN_FILE, [name as usize, mode, len].as_ptr() as usize)
}

const OPEN_FILE: usize = 0x01;
const WRITE_FILE: usize = 0x05;
const READ_FILE: usize = 0x06;
const GET_COMMAND_LINE: usize = 0x15;
const EXIT: usize = 0x18;

const READ_BINARY: usize = 1;
const WRITE_BINARY: usize = 5;

fn call(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: what the argument points to is alive and large enough, as each caller sees to.
    unsafe {
        asm!("bkpt 0xab", inout("r0") operation => result, in("r1") argument, options(nostack));
    }
    result
}
