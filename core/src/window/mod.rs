//! The two windows that a driver lends to a turn: bytes received, and room for bytes to send.
//!
//! The engine owns no buffer. It reads from an [`Input`] and says in it what it has consumed; it
//! appends to an [`Output`], which copies what is small and refers to what is `'static`. When an
//! output is full, nothing of a part is written and no state has moved: that is all the backpressure
//! there is.

mod input;
mod output;
mod queue;
mod writer;

pub use input::{Input, Outlook};
pub use output::{Output, Overflow};
pub use queue::Queue;

pub(crate) use input::move_down;
pub(crate) use writer::Writer;
