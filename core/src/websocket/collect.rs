//! Putting the parts of a message together, up to a bound.

use super::{Message, Part};

/// Where the bytes of a message are gathered that comes in several parts.
///
/// It is implemented for `heapless::Vec`; a driver with a heap has one that grows. Nothing is reserved
/// for what a peer only announces.
pub trait Store: core::fmt::Debug {
    /// Appends `bytes` behind what is stored, or takes none of them.
    fn append(&mut self, bytes: &[u8]) -> bool;
    /// All that is stored.
    fn bytes(&self) -> &[u8];
    /// Forgets what is stored; memory may be given back.
    fn clear(&mut self);
}

impl<const LEN: usize> Store for heapless::Vec<u8, LEN> {
    fn append(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes).is_ok()
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn clear(&mut self) {
        self.clear();
    }
}

/// Makes whole messages of [`Part`]s.
///
/// A message that comes whole is handed on and never copied.
///
/// ```
/// use kinglet_core::websocket::{Collected, Collector, Part, Socket};
///
/// struct Chat {
///     message: Collector<heapless::Vec<u8, 512>>,
/// }
///
/// impl Chat {
///     fn message(&mut self, part: Part<'_>, socket: &mut Socket<'_>) {
///         match self.message.push(part) {
///             Collected::Message(message) => {
///                 // What does not fit now is the application's to keep or to drop.
///                 let _ = socket.send(message);
///             }
///             Collected::Partly => {}
///             Collected::TooLong => socket.refuse_long_message(),
///         }
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Collector<S> {
    store: S,
    progress: Progress,
}

/// What of the message under way is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Nothing, or a message that has been handed on.
    #[default]
    Done,
    /// All that has come.
    Gathering,
    /// Nothing, for it is too long.
    Refused,
}

/// What came of one more part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Collected<'c> {
    /// The message is whole.
    Message(Message<'c>),
    /// There is more to come.
    Partly,
    /// The message is longer than the store: said once a message.
    TooLong,
}

impl<S: Store> Collector<S> {
    /// A collector that gathers in `store`.
    #[must_use]
    pub const fn new(store: S) -> Self {
        Self {
            store,
            progress: Progress::Done,
        }
    }

    /// Takes one more part.
    pub fn push<'c>(&'c mut self, part: Part<'c>) -> Collected<'c> {
        if let Some(message) = part.whole() {
            return Collected::Message(message);
        }
        self.gather(part)
    }

    fn gather<'c>(&'c mut self, part: Part<'c>) -> Collected<'c> {
        if part.place().is_first() {
            self.store.clear();
            self.progress = Progress::Gathering;
        }
        let is_last = part.place().is_last();
        match self.progress {
            Progress::Gathering if self.store.append(part.data()) => {
                if !is_last {
                    return Collected::Partly;
                }
                self.progress = Progress::Done;
                Collected::Message(Message::validated(part.kind(), self.store.bytes()))
            }
            Progress::Gathering => {
                self.store.clear();
                self.progress = Progress::Refused;
                Collected::TooLong
            }
            Progress::Refused | Progress::Done => Collected::Partly,
        }
    }

    /// Forgets a message that was gathered; memory may be given back.
    pub fn clear(&mut self) {
        self.store.clear();
        self.progress = Progress::Done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{Kind, Place};

    fn part(place: Place, data: &[u8]) -> Part<'_> {
        Part::new(Kind::Binary, place, data)
    }

    #[test]
    fn gathers_up_to_its_bound_and_starts_anew() {
        let mut collector = Collector::new(heapless::Vec::<u8, 4>::new());
        for _ in 0..2 {
            assert_eq!(collector.push(part(Place::First, b"ab")), Collected::Partly);
            assert_eq!(collector.push(part(Place::Middle, b"c")), Collected::Partly);
            let whole = Collected::Message(Message::binary(b"abcd"));
            assert_eq!(collector.push(part(Place::Last, b"d")), whole);

            assert_eq!(
                collector.push(part(Place::First, b"abcd")),
                Collected::Partly
            );
            assert_eq!(
                collector.push(part(Place::Middle, b"e")),
                Collected::TooLong
            );
            assert_eq!(collector.push(part(Place::Middle, b"f")), Collected::Partly);
            assert_eq!(collector.push(part(Place::Last, b"")), Collected::Partly);
        }
    }

    #[test]
    fn a_whole_message_is_not_bounded_by_the_store() {
        let mut collector = Collector::new(heapless::Vec::<u8, 1>::new());
        let message = Collected::Message(Message::binary(b"long"));
        assert_eq!(collector.push(part(Place::Whole, b"long")), message);
    }
}
