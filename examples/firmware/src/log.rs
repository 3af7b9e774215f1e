//! A line for whoever watches the board's UART.

use core::fmt::{self, Write};

use crate::board::{Board, Current};

pub(crate) struct Log;

impl Write for Log {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(Current::log);
        Ok(())
    }
}

/// Logs a line. What comes out of a UART and how fast is not the program's concern, so it cannot fail.
macro_rules! say {
    ($($part:tt)+) => {{
        use core::fmt::Write as _;
        let _ = core::writeln!($crate::log::Log, $($part)+);
    }};
}
pub(crate) use say;
