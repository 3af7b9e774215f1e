//! What the machine that runs QEMU tells, by semihosting: a breakpoint that QEMU, or a debugger, takes
//! for a call. A board by itself has neither; there, take the seed from its random generator.

use cortex_m_semihosting::debug::{self, EXIT_FAILURE};
use cortex_m_semihosting::{nr, syscall1};

/// The words `NAME=VALUE` of the command line that QEMU was given for us.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// What does not fit into `buffer` is not told.
    pub(crate) fn ask(buffer: &'a mut [u8]) -> Self {
        // As the call wants it: where, and how much; it answers how much it was.
        let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
        let address = (&raw mut block) as usize;
        // SAFETY: it writes into `block`, and into `buffer` no more than was said.
        let failed = unsafe { syscall1(nr::GET_CMDLINE, address) };
        let len = if failed == 0 { block[1] } else { 0 };
        let words = buffer.get(..len).unwrap_or_default();
        Self(core::str::from_utf8(words).unwrap_or_default())
    }

    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        let mut words = self.0.split([' ', '\0']);
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn number(self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

/// Ends QEMU with a status that says that we have failed.
pub(crate) fn fail() -> ! {
    loop {
        debug::exit(EXIT_FAILURE);
    }
}
