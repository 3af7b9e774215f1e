//! Frames from elsewhere that wait for a connection: messages of other threads and of topics.
//!
//! ```text
//!  [ front, sent in part | urgent, urgent | frame, frame, frame ]
//!                          ^ what the engine says meanwhile
//! ```
//!
//! A frame is encoded once and shared by all that it goes to. What the engine has to say while frames
//! wait goes in front of those that are not begun, so that an answer to a ping is not late for being
//! behind them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// A whole frame, or several.
pub(crate) type Frame = Arc<[u8]>;

/// The frames that wait for one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<(Lane, Frame)>,
    /// How much of the front is sent.
    sent: usize,
    /// Bytes that are not sent.
    len: usize,
}

/// Whose frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// The engine's.
    Urgent,
    Usual,
}

/// How many frames one system call sends at most.
pub(crate) const MAX_SLICES: usize = 64;

impl Outbox {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.len += frame.len();
        self.frames.push_back((Lane::Usual, frame));
    }

    /// Puts what the engine has said in front of what is not begun.
    pub(crate) fn push_urgent(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        let at = self.begun();
        self.frames.insert(at, (Lane::Urgent, bytes.into()));
    }

    /// Forgets the frames that are not the engine's and not begun.
    pub(crate) fn clear_usual(&mut self) {
        let dropped = self.frames.drain(self.begun()..);
        self.len -= dropped.map(|(_, frame)| frame.len()).sum::<usize>();
    }

    /// How many frames at the front are begun or the engine's.
    fn begun(&self) -> usize {
        let begun = usize::from(self.sent > 0);
        let rest = self.frames.iter().skip(begun);
        begun + rest.take_while(|(lane, _)| *lane == Lane::Urgent).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that are not sent.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Hands what one system call can send to `send`.
    pub(crate) fn slices<T>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut from = self.sent;
        let mut count = 0;
        for (to, (_, frame)) in slices.iter_mut().zip(&self.frames) {
            *to = IoSlice::new(&frame[from..]);
            from = 0;
            count += 1;
        }
        send(&slices[..count])
    }

    /// Takes note that the first `len` bytes are sent.
    pub(crate) fn advance(&mut self, len: usize) {
        self.len -= len;
        self.sent += len;
        while let Some((_, front)) = self.frames.front()
            && self.sent >= front.len()
        {
            self.sent -= front.len();
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsent(outbox: &Outbox) -> Vec<u8> {
        outbox.slices(|slices| slices.iter().flat_map(|slice| slice.to_vec()).collect())
    }

    #[test]
    fn what_the_engine_says_goes_in_front_of_what_is_not_begun() {
        let mut outbox = Outbox::default();
        for frame in [b"abc", b"def", b"ghi"] {
            outbox.push(frame.as_slice().into());
        }
        outbox.push_urgent(b"1");
        assert_eq!(unsent(&outbox), b"1abcdefghi");
        outbox.advance(2);
        outbox.push_urgent(b"2");
        outbox.push_urgent(b"3");
        assert_eq!(unsent(&outbox), b"bc23defghi");
        outbox.advance(3);
        assert_eq!(unsent(&outbox), b"3defghi");
        outbox.push_urgent(b"4");
        outbox.clear_usual();
        assert_eq!(
            (unsent(&outbox).as_slice(), outbox.len()),
            (b"34".as_slice(), 2)
        );
        outbox.advance(2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_frame_that_is_begun_is_finished() {
        let mut outbox = Outbox::default();
        outbox.push(b"abc".as_slice().into());
        outbox.push(b"def".as_slice().into());
        outbox.advance(4);
        outbox.clear_usual();
        assert_eq!(unsent(&outbox), b"ef");
    }
}
