//! The bytes of one connection: what has come, what is to be sent, and the memory for both.
//!
//! ```text
//! input    [ consumed | remaining | spare ]      received(n): the spare part begins later
//! output   [ sent     | unsent    | room  ]      with 'static slices between, that are not copied
//! ```

use kinglet_core::websocket::deflate::{Deflate, Inflate};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Compression, Input, Output};

/// Memory for the bytes of one connection: `IN` of those that come, `OUT` of those that go.
///
/// A head has to fit the first, and what an application answers in one call the second: see
/// [`max_head_len`](kinglet_core::Limits::max_head_len) and
/// [`min_room`](kinglet_core::Limits::min_room).
///
/// ```
/// use kinglet_embedded::Memory;
///
/// let mut memory = Memory::<512, 1024>::new();
/// let buffers = memory.lend();
/// # drop(buffers);
/// ```
#[derive(Clone, Debug)]
pub struct Memory<const IN: usize, const OUT: usize> {
    input: [u8; IN],
    output: [u8; OUT],
}

/// Memory that is lent to a connection: from a [`Memory`], or from wherever there is some.
#[derive(Debug)]
pub struct Buffers<'b> {
    input: &'b mut [u8],
    output: &'b mut [u8],
    codecs: Option<Codecs<'b>>,
}

/// What inflates and compresses WebSocket messages.
#[derive(Debug)]
struct Codecs<'b> {
    inflater: &'b mut dyn Inflate,
    deflater: &'b mut dyn Deflate,
}

impl<const IN: usize, const OUT: usize> Memory<IN, OUT> {
    /// Memory that no connection has used.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            input: [0; IN],
            output: [0; OUT],
        }
    }

    /// Lends all of it.
    #[must_use]
    pub const fn lend(&mut self) -> Buffers<'_> {
        Buffers::new(&mut self.input, &mut self.output)
    }
}

impl<const IN: usize, const OUT: usize> Default for Memory<IN, OUT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'b> Buffers<'b> {
    /// These bytes for what comes and for what goes.
    #[must_use]
    pub const fn new(input: &'b mut [u8], output: &'b mut [u8]) -> Self {
        Self {
            input,
            output,
            codecs: None,
        }
    }

    /// The same, with memory for compressed WebSocket messages: see
    /// [`Inflater`](kinglet_core::websocket::deflate::Inflater) and
    /// [`Deflater`](kinglet_core::websocket::deflate::Deflater). Both are used by this connection alone
    /// for as long as it lasts.
    #[must_use]
    pub fn with_codecs(
        mut self,
        inflater: &'b mut dyn Inflate,
        deflater: &'b mut dyn Deflate,
    ) -> Self {
        self.codecs = Some(Codecs { inflater, deflater });
        self
    }
}

/// One connection's bytes, between the engine and a stream.
#[derive(Debug)]
pub(crate) struct Wire<'b> {
    buffers: Buffers<'b>,
    // start <= end <= buffers.input.len(); what lies between has come and is not consumed
    start: usize,
    end: usize,
    has_ended: bool,
    queue: Queue,
}

impl<'b> Wire<'b> {
    pub(crate) const fn new(buffers: Buffers<'b>) -> Self {
        Self {
            buffers,
            start: 0,
            end: 0,
            has_ended: false,
            queue: Queue::new(),
        }
    }

    /// Whether the engine may agree on compression.
    pub(crate) const fn compression(&self) -> Compression {
        match self.buffers.codecs {
            Some(_) => Compression::Lent,
            None => Compression::None,
        }
    }

    /// Has the engine go on with what is here, and takes note of what it consumed.
    pub(crate) fn turn<T>(&mut self, turn: impl FnOnce(&mut Input<'_>, &mut Output<'_>) -> T) -> T {
        let outlook = self.outlook();
        let bytes = self.buffers.input.get_mut(self.start..self.end);
        let mut input = Input::new(bytes.unwrap_or_default(), outlook);
        let mut output = Output::new(self.buffers.output, &mut self.queue);
        if let Some(codecs) = &mut self.buffers.codecs {
            input = input.with_inflater(&mut *codecs.inflater);
            output = output.with_deflater(&mut *codecs.deflater);
        }
        let came_of_it = turn(&mut input, &mut output);
        // The engine may have taken bytes out of the middle: what remains counts, not what came.
        let (consumed, remaining) = (input.consumed(), input.remaining().len());
        self.start = self.start.saturating_add(consumed).min(self.end);
        self.end = self.start.saturating_add(remaining).min(self.end);
        came_of_it
    }

    /// What lies behind the bytes that are here.
    pub(crate) const fn outlook(&self) -> Outlook {
        if self.has_ended {
            Outlook::Ended
        } else if self.end.saturating_sub(self.start) == self.buffers.input.len() {
            Outlook::Full
        } else {
            Outlook::More
        }
    }

    /// Bytes that have come and are not consumed.
    pub(crate) fn remaining(&self) -> &[u8] {
        let remaining = self.buffers.input.get(self.start..self.end);
        remaining.unwrap_or_default()
    }

    /// Room for more to come, behind what is here. Empty where [`outlook`](Self::outlook) is not
    /// [`Outlook::More`].
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.has_ended {
            return &mut [];
        }
        let (start, end) = (self.start, self.end);
        if start > 0
            && let Some(bytes) = self.buffers.input.get_mut(..end)
            && start <= bytes.len()
        {
            bytes.copy_within(start.., 0);
            self.end = end.saturating_sub(start);
            self.start = 0;
        }
        self.buffers.input.get_mut(self.end..).unwrap_or_default()
    }

    /// Takes note of what came into the [spare](Self::spare) room; of nothing, that the peer has closed
    /// its side.
    pub(crate) fn received(&mut self, len: usize) {
        self.has_ended |= len == 0;
        self.end = self.end.saturating_add(len).min(self.buffers.input.len());
    }

    /// Lets the first `len` bytes go that have come, for who has read them without the engine.
    pub(crate) const fn skip(&mut self, len: usize) {
        let start = self.start.saturating_add(len);
        self.start = if start < self.end { start } else { self.end };
    }

    /// The memory for output, for what is written without the engine before there is any.
    pub(crate) const fn output(&mut self) -> &mut [u8] {
        self.buffers.output
    }

    /// The next bytes to be sent; none when all are.
    pub(crate) fn unsent(&self) -> &[u8] {
        let mut slices = self.queue.slices(self.buffers.output);
        slices.next().unwrap_or_default()
    }

    /// How many bytes are to be sent.
    pub(crate) fn unsent_len(&self) -> usize {
        self.queue.len()
    }

    /// Takes note that the first `len` of them were sent.
    pub(crate) fn sent(&mut self, len: usize) {
        self.queue.advance(len);
    }

    /// Gives up what is to be sent.
    pub(crate) const fn drop_unsent(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has the engine's windows turn over, without an engine.
    fn remaining(wire: &mut Wire<'_>) -> usize {
        wire.turn(|input, _| input.remaining().len())
    }

    #[test]
    fn what_is_not_consumed_is_moved_to_the_front_when_room_is_asked_for() {
        let mut memory = Memory::<4, 4>::new();
        let mut wire = Wire::new(memory.lend());
        wire.spare().copy_from_slice(b"abcd");
        wire.received(4);
        assert_eq!(wire.outlook(), Outlook::Full);
        assert_eq!(remaining(&mut wire), 4);
        (wire.start, wire.end) = (3, 4);
        assert_eq!(wire.outlook(), Outlook::More);
        assert_eq!(wire.spare().len(), 3);
        assert_eq!(wire.remaining(), b"d");
    }

    #[test]
    fn nothing_comes_behind_the_end() {
        let mut memory = Memory::<4, 4>::new();
        let mut wire = Wire::new(memory.lend());
        wire.received(0);
        assert_eq!(wire.outlook(), Outlook::Ended);
        assert!(wire.spare().is_empty());
    }
}
