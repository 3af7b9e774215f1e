//! Requests that wait because every backend has as much as it may have.
//!
//! ```text
//!   push --> [ oldest ... youngest ] (at most `max_len`)
//!              |      |
//!              |      +-- expire: after `timeout` it is answered with 503
//!              +-- pop: a backend has room
//! ```
//!
//! First come, first served. All wait equally long, so deadlines are in order too, and the first to
//! expire is always the first in the queue.

use std::collections::VecDeque;

use crate::time::Millis;

/// Waiting requests, each with what the driver wants to know of it.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    max_len: usize,
    timeout: Millis,
    /// Places in a row: the one of the first is `first`. Those who have left are empty.
    places: VecDeque<(Millis, Option<T>)>,
    first: u64,
    len: usize,
}

/// A place in a queue, to leave it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

/// One that leaves the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Waiting<T> {
    pub(crate) request: T,
    /// When it would have expired, or has.
    pub(crate) deadline: Millis,
}

impl<T> Queue<T> {
    /// Of at most `max_len` requests, none of which waits longer than `timeout`.
    pub(crate) const fn new(max_len: usize, timeout: Millis) -> Self {
        Self {
            max_len,
            timeout,
            places: VecDeque::new(),
            first: 0,
            len: 0,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a request at the end, or gives it back where the queue is full.
    pub(crate) fn push(&mut self, request: T, now: Millis) -> Result<Place, T> {
        if self.len == self.max_len {
            return Err(request);
        }
        let place = Place(self.first + self.places.len() as u64);
        self.places.push_back((now + self.timeout, Some(request)));
        self.len += 1;
        Ok(place)
    }

    /// The request that has waited longest, and is not too late: a backend has room for it.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<T> {
        let in_time = self.places.front()?.0 > now;
        in_time.then(|| self.take_first())?.map(|one| one.request)
    }

    /// The next request that has waited too long; call until there is none.
    pub(crate) fn expire(&mut self, now: Millis) -> Option<Waiting<T>> {
        let is_late = self.places.front()?.0 <= now;
        is_late.then(|| self.take_first())?
    }

    /// When the next one expires.
    pub(crate) fn next_timeout(&self) -> Option<Millis> {
        self.places.front().map(|(deadline, _)| *deadline)
    }

    /// Takes out a request whose client has gone, wherever it stands. `None` where it has left before.
    pub(crate) fn leave(&mut self, place: Place) -> Option<T> {
        let at = usize::try_from(place.0.checked_sub(self.first)?).ok()?;
        let request = self.places.get_mut(at)?.1.take()?;
        self.len -= 1;
        self.drop_empty();
        Some(request)
    }

    fn take_first(&mut self) -> Option<Waiting<T>> {
        let (deadline, request) = self.places.pop_front()?;
        self.first += 1;
        self.len -= 1;
        self.drop_empty();
        // The first place is never empty.
        request.map(|request| Waiting { request, deadline })
    }

    /// So that the first place is never empty, and empty ones never more than the full ones.
    fn drop_empty(&mut self) {
        while let Some((_, None)) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served() {
        let mut queue = Queue::new(3, 100);
        for (request, now) in ["a", "b", "c"].into_iter().zip(0..) {
            assert!(queue.push(request, now).is_ok());
        }
        assert_eq!(queue.push("d", 3), Err("d"));
        assert_eq!(queue.pop(50), Some("a"));
        assert!(queue.push("d", 50).is_ok());
        assert_eq!(
            [queue.pop(60), queue.pop(60), queue.pop(60), queue.pop(60)],
            [Some("b"), Some("c"), Some("d"), None]
        );
        assert!(queue.is_empty());
    }

    #[test]
    fn who_waits_too_long_is_not_served() {
        let mut queue = Queue::new(8, 100);
        for (request, now) in [("a", 0), ("b", 10), ("c", 10)] {
            assert!(queue.push(request, now).is_ok());
        }
        assert_eq!(queue.next_timeout(), Some(100));
        assert_eq!(queue.expire(99), None);
        assert_eq!(queue.pop(110), None);
        let expired: Vec<_> = core::iter::from_fn(|| queue.expire(109)).collect();
        assert_eq!(
            expired,
            [Waiting {
                request: "a",
                deadline: 100
            }]
        );
        assert_eq!(queue.next_timeout(), Some(110));
        assert_eq!(queue.pop(109), Some("b"));
        assert_eq!(queue.expire(110).map(|one| one.request), Some("c"));
        assert_eq!((queue.next_timeout(), queue.len()), (None, 0));
    }

    #[test]
    fn who_leaves_makes_room() {
        let mut queue = Queue::new(3, 100);
        let places = ["a", "b", "c"].map(|request| queue.push(request, 0).unwrap());
        assert_eq!(queue.leave(places[1]), Some("b"));
        assert_eq!(queue.leave(places[1]), None);
        assert_eq!(queue.len(), 2);
        let d = queue.push("d", 5).unwrap();
        assert_eq!(queue.push("e", 5), Err("e"));
        assert_eq!(queue.pop(6), Some("a"));
        assert_eq!(queue.leave(places[0]), None);
        assert_eq!(queue.pop(6), Some("c"));
        assert_eq!(queue.leave(d), Some("d"));
        assert_eq!(
            (queue.len(), queue.next_timeout(), queue.pop(6)),
            (0, None, None)
        );
    }

    #[test]
    fn a_queue_of_none_takes_none() {
        assert_eq!(Queue::new(0, 100).push("a", 0), Err("a"));
    }
}
