//! Registers of devices: the one place where memory is read and written behind the compiler's back.

/// Where a register lies in its block, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Register(pub(crate) usize);

/// A block of 32-bit registers, `LEN` bytes long.
pub(crate) struct Registers<const LEN: usize> {
    // base is a multiple of 4
    base: usize,
}

impl<const LEN: usize> Registers<LEN> {
    /// # Safety
    ///
    /// At `base` there are `LEN` bytes of registers of a device, and whatever is read from or written
    /// to them, the device does nothing to the program's own memory.
    pub(crate) const unsafe fn new(base: usize) -> Self {
        assert!(base.is_multiple_of(4));
        Self { base }
    }

    #[inline(always)]
    pub(crate) fn read(&self, register: Register) -> u32 {
        // SAFETY: it lies in the block, which holds registers.
        unsafe { self.at(register).read_volatile() }
    }

    #[inline(always)]
    pub(crate) fn write(&self, register: Register, value: u32) {
        // SAFETY: it lies in the block, and writing to it is harmless to memory.
        unsafe { self.at(register).write_volatile(value) }
    }

    /// Looks until `done` says so of what the register reads as, many times longer than a device takes.
    /// Answers whether it came to that.
    pub(crate) fn wait(&self, register: Register, done: impl Fn(u32) -> bool) -> bool {
        (0..1_000_000).any(|_| done(self.read(register)))
    }

    /// The check costs nothing: a register's place is a constant.
    #[inline(always)]
    fn at(&self, Register(offset): Register) -> *mut u32 {
        assert!(offset.is_multiple_of(4) && offset < LEN);
        (self.base + offset) as *mut u32
    }
}
