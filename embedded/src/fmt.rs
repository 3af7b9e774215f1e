//! What happens, said through `log` or `defmt`, or not at all.
//!
//! ```text
//! debug!("connection {} closes: {}", number, Shown(&cause));
//!     feature log      log::debug!      a program under an operating system, a test
//!     feature defmt    defmt::debug!    a probe; the text stays on the host
//!     neither          nothing          the arguments are not even looked at
//! ```
//!
//! Both features may be on, and then both are told. A format string is one that both understand: `{}`
//! alone. What the engine has types for is not `defmt::Format`: [`Shown`] makes it so.

/// Says how something goes on that goes on often.
macro_rules! trace {
    ($($arguments:tt)+) => { $crate::fmt::say!(trace, $($arguments)+) };
}

/// Says what became of a connection.
macro_rules! debug {
    ($($arguments:tt)+) => { $crate::fmt::say!(debug, $($arguments)+) };
}

/// Says what somebody should look at.
macro_rules! warning {
    ($($arguments:tt)+) => { $crate::fmt::say!(warn, $($arguments)+) };
}

macro_rules! say {
    ($level:ident, $format:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::$level!($format $(, $argument)*);
        #[cfg(feature = "defmt")]
        defmt::$level!($format $(, $argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        {
            $(let _ = &$argument;)*
        }
    }};
}

#[allow(
    unused_imports,
    reason = "which of them are used depends on the features"
)]
pub(crate) use {debug, say, trace, warning};

/// Shows by `Debug` what is said, on either side.
pub(crate) struct Shown<'v, T>(pub(crate) &'v T);

impl<T: core::fmt::Debug> core::fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "defmt")]
impl<T: core::fmt::Debug> defmt::Format for Shown<'_, T> {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::Debug2Format(self.0).format(to);
    }
}
