//! Who is in the chat of a thread, and what each is still to be sent. Nothing is
//! shared with another thread, so nothing is locked.
//!
//! Each member has a queue of what it is still to be sent. A message is cloned
//! into every queue, so it should be cheap to clone; a member that was idle is
//! woken, and finds all that has come meanwhile at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::thread::LocalKey;

/// All members of a thread's room.
#[derive(Debug)]
pub struct Room<M> {
    members: RefCell<Vec<Option<Member<M>>>>,
}

#[derive(Debug)]
struct Member<M> {
    queue: VecDeque<M>,
    waker: Option<Waker>,
}

impl<M> Room<M> {
    /// A room that nobody is in.
    pub const fn new() -> Self {
        Self {
            members: RefCell::new(Vec::new()),
        }
    }
}

impl<M> Default for Room<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// A place in a room, left when it is dropped.
#[derive(Debug)]
pub struct Seat<M: 'static> {
    room: &'static LocalKey<Room<M>>,
    number: usize,
}

impl<M: Clone> Seat<M> {
    /// A place in the room of the calling thread.
    pub fn take(room: &'static LocalKey<Room<M>>) -> Self {
        let member = Some(Member {
            queue: VecDeque::new(),
            waker: None,
        });
        let number = room.with(|room| {
            let members = &mut *room.members.borrow_mut();
            match members.iter().position(Option::is_none) {
                Some(free) => {
                    members[free] = member;
                    free
                }
                None => {
                    members.push(member);
                    members.len() - 1
                }
            }
        });
        Self { room, number }
    }

    /// Queues the message for everybody else.
    pub fn publish(&self, message: &M) {
        self.room.with(|room| {
            for (number, member) in room.members.borrow_mut().iter_mut().enumerate() {
                if let Some(member) = member
                    && number != self.number
                {
                    member.push(message.clone());
                }
            }
        });
    }

    /// Queues a message for the member itself.
    pub fn keep(&self, message: M) {
        self.with_member(|member| member.push(message));
    }

    /// The next message that is to be sent to this member.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<M> {
        self.with_member(|member| match member.queue.pop_front() {
            Some(message) => Poll::Ready(message),
            None => {
                let waker = context.waker();
                if !member
                    .waker
                    .as_ref()
                    .is_some_and(|old| old.will_wake(waker))
                {
                    member.waker = Some(waker.clone());
                }
                Poll::Pending
            }
        })
    }

    /// The next message, if there is one.
    pub fn next_now(&self) -> Option<M> {
        self.with_member(|member| member.queue.pop_front())
    }

    fn with_member<R>(&self, action: impl FnOnce(&mut Member<M>) -> R) -> R {
        self.room.with(|room| {
            let members = &mut *room.members.borrow_mut();
            let member = members.get_mut(self.number).and_then(Option::as_mut);
            action(member.expect("a seat is a member until it is dropped"))
        })
    }
}

impl<M> Member<M> {
    fn push(&mut self, message: M) {
        // With more than one queued, the member is awake already.
        if self.queue.is_empty()
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
        self.queue.push_back(message);
    }
}

impl<M> Drop for Seat<M> {
    fn drop(&mut self) {
        // The thread may be ending, and its room gone.
        let _ = self.room.try_with(|room| {
            let left = room.members.borrow_mut()[self.number].take();
            // Dropped here: waking or freeing runs code of others.
            drop(left);
        });
    }
}
