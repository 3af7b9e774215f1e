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

/// Copies `from` to where `to` begins, if there is room for all of it.
#[cfg_attr(not(small), inline)]
#[cfg_attr(small, inline(never))]
pub(crate) fn copy_to_front(from: &[u8], to: &mut [u8]) -> Option<()> {
    let to = to.get_mut(..from.len())?;
    if cfg!(not(small)) {
        to.copy_from_slice(from);
        return Some(());
    }
    // Where code is to be small, what compares the lengths in `copy_from_slice` is a function of its own,
    // which can panic.
    let (to, to_rest) = to.as_chunks_mut::<8>();
    let (from, from_rest) = from.as_chunks();
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    let rest = to_rest.iter_mut().zip(from_rest);
    rest.for_each(|(to, from)| *to = *from);
    Some(())
}
