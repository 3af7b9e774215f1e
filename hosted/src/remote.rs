//! Reaching a reactor from other threads: a lock-free queue, and one wake for many messages.

use core::cell::Cell;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_queue::SegQueue;
use kinglet_core::http::{Field, FieldError, Status, Ticket};
use kinglet_core::{Limits, websocket};

use crate::Options;
use crate::cancellation::Presence;
use crate::limits::{Reason, Refusals};
use crate::outbox::Frame;
use crate::poller::Wake;
use crate::table::Key;
use crate::topics::Counts;

/// What a reactor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A connection that another thread accepted.
    Accepted(OwnedFd, Option<SocketAddr>),
    Redeem(Ticket),
    Answer(Ticket, Box<Answer>),
    /// Whom to tell when nobody waits for an answer any more.
    Watch(Ticket, Arc<Presence>),
    Frame(Ticket, Frame),
    Publication(Arc<Publication>),
    Subscribe(Ticket, Box<str>),
    Unsubscribe(Ticket, Box<str>),
    Limits(Box<Limits>),
    Reconfigure(Arc<Options>),
    Drain,
}

/// A message for all subscribers of a topic, but one.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) topic: Box<str>,
    pub(crate) frame: Frame,
    pub(crate) except: Option<Ticket>,
}

/// The mailbox of one reactor.
#[derive(Debug)]
pub(crate) struct Mailbox {
    messages: SegQueue<Message>,
    /// Whether a wake is under way; then a further one says nothing new.
    is_woken: AtomicBool,
    /// How many connections its reactor has.
    connections: AtomicUsize,
    /// Whom its reactor has refused.
    pub(crate) refusals: Refusals,
    wake: Arc<dyn Wake>,
}

impl Mailbox {
    pub(crate) fn new(wake: Arc<dyn Wake>) -> Self {
        Self {
            messages: SegQueue::new(),
            is_woken: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            refusals: Refusals::default(),
            wake,
        }
    }

    pub(crate) fn send(&self, message: Message) {
        self.messages.push(message);
        if !self.is_woken.swap(true, Ordering::AcqRel) && !self.is_own() {
            // A reactor that cannot be woken has ended, and its mail with it.
            let _ = self.wake.wake();
        }
    }

    /// Makes this the mailbox of the calling thread, which looks at it before it waits, and so needs
    /// no wake for what it sends to itself.
    pub(crate) fn own(&self) -> Own {
        Own(OWN.replace(core::ptr::from_ref(self).addr()))
    }

    fn is_own(&self) -> bool {
        OWN.get() == core::ptr::from_ref(self).addr()
    }

    /// Whether there is mail. To be asked before a wait.
    pub(crate) fn has_unread(&self) -> bool {
        self.is_woken.load(Ordering::Acquire)
    }

    /// Whether there may be messages. To be asked once a turn, before [`receive`](Self::receive).
    pub(crate) fn has_mail(&self) -> bool {
        self.is_woken.load(Ordering::Relaxed) && self.is_woken.swap(false, Ordering::AcqRel)
    }

    /// The messages there are. Those that come meanwhile come with a wake of their own.
    pub(crate) fn receive(&self) -> impl Iterator<Item = Message> {
        (0..self.messages.len()).map_while(|_| self.messages.pop())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connections(&self, connections: usize) {
        self.connections.store(connections, Ordering::Relaxed);
    }
}

thread_local! {
    /// The address of the calling thread's own mailbox.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// The time during which a mailbox is the calling thread's; then it is the one before it.
#[derive(Debug)]
pub(crate) struct Own(usize);

impl Drop for Own {
    fn drop(&mut self) {
        OWN.set(self.0);
    }
}

/// A handle on a running [`Server`](crate::Server), for other threads.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) mailboxes: Arc<[Mailbox]>,
    pub(crate) counts: Arc<Counts>,
    /// Closes when the server drains.
    pub(crate) until_drain: Arc<Mutex<Option<UnixStream>>>,
}

impl Handle {
    /// Lets the application go on with a deferred or streamed exchange: its `resume` or `stream` is
    /// called, on its own thread. A ticket whose exchange is over does nothing.
    pub fn redeem(&self, ticket: Ticket) {
        self.send_to(ticket, Message::Redeem(ticket));
    }

    /// Answers a deferred exchange in the application's stead.
    pub fn answer(&self, ticket: Ticket, answer: Answer) {
        self.send_to(ticket, Message::Answer(ticket, Box::new(answer)));
    }

    /// Has `presence` told when nobody waits for the answer any more.
    pub(crate) fn watch(&self, ticket: Ticket, presence: Arc<Presence>) {
        self.send_to(ticket, Message::Watch(ticket, presence));
    }

    /// Sends a message on an open WebSocket, behind what waits for it: on one that is closed, nothing.
    /// What does not leave at once is kept as [`Options::slow_receiver`](crate::Options) says.
    pub fn send<'m>(&self, ticket: Ticket, message: impl Into<websocket::Message<'m>>) {
        self.send_to(ticket, Message::Frame(ticket, frame(message.into())));
    }

    /// Has a WebSocket get the messages of a topic from now on. It leaves the topic when it closes.
    ///
    /// A message that the same thread publishes after this is one of them; of another thread's, the
    /// first may be missed.
    pub fn subscribe(&self, ticket: Ticket, topic: &str) {
        self.send_to(ticket, Message::Subscribe(ticket, topic.into()));
    }

    /// Has a WebSocket get no further messages of a topic.
    pub fn unsubscribe(&self, ticket: Ticket, topic: &str) {
        self.send_to(ticket, Message::Unsubscribe(ticket, topic.into()));
    }

    /// Sends a message to all subscribers of a topic.
    pub fn publish<'m>(&self, topic: &str, message: impl Into<websocket::Message<'m>>) {
        self.publish_to(topic, message.into(), None);
    }

    /// Sends a message to all subscribers of a topic but the one with this ticket.
    pub fn publish_to_others<'m>(
        &self,
        ticket: Ticket,
        topic: &str,
        message: impl Into<websocket::Message<'m>>,
    ) {
        self.publish_to(topic, message.into(), Some(ticket));
    }

    /// How many WebSockets are subscribed to a topic, as far as their threads have come to that.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.counts.count(topic)
    }

    /// Each thread finds its own subscribers; the message is encoded once.
    fn publish_to(&self, topic: &str, message: websocket::Message<'_>, except: Option<Ticket>) {
        let publication = Arc::new(Publication {
            topic: topic.into(),
            frame: frame(message),
            except,
        });
        for mailbox in self.mailboxes.iter() {
            mailbox.send(Message::Publication(Arc::clone(&publication)));
        }
    }

    /// Changes the engine's bounds, on connections that are open too: a deadline that runs already
    /// stays as it is.
    pub fn set_limits(&self, limits: &Limits) {
        for mailbox in self.mailboxes.iter() {
            mailbox.send(Message::Limits(Box::new(limits.clone())));
        }
    }

    /// Changes what can be changed while the server runs, as a reload does: all options but `threads`,
    /// `backlog` and `backend`, and all that has no effect before a connection begins is for new ones.
    pub fn reconfigure(&self, options: Options) {
        let options = Arc::new(options);
        for mailbox in self.mailboxes.iter() {
            mailbox.send(Message::Reconfigure(Arc::clone(&options)));
        }
    }

    /// How often something protected the server from a connection, since it was bound.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        let refusals = self.mailboxes.iter().map(|mailbox| &mailbox.refusals);
        refusals.map(|refusals| refusals.get(reason)).sum()
    }

    /// How many connections are open, as far as their threads have come to that.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.mailboxes.iter().map(Mailbox::connections).sum()
    }

    /// Stops accepting, lets exchanges that are under way finish, and closes: then
    /// [`Server::run`](crate::Server::run) returns.
    pub fn drain(&self) {
        drop(
            self.until_drain
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        for mailbox in self.mailboxes.iter() {
            mailbox.send(Message::Drain);
        }
    }

    fn send_to(&self, ticket: Ticket, message: Message) {
        if let Some(mailbox) = self
            .mailboxes
            .get(Name::from_u64(ticket.connection()).thread)
        {
            mailbox.send(message);
        }
    }
}

/// A message as one frame.
fn frame(message: websocket::Message<'_>) -> Frame {
    [message.header().emit().as_bytes(), message.data()]
        .concat()
        .into()
}

/// An answer that owns its parts, so that it can come from another thread.
#[derive(Clone, Debug)]
pub struct Answer {
    status: Status,
    fields: Vec<(String, Vec<u8>)>,
    content: Vec<u8>,
}

impl Answer {
    /// An answer with no field lines of its own.
    #[must_use]
    pub fn new(status: Status, content: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            content: content.into(),
        }
    }

    /// The same, with one more field line.
    ///
    /// # Errors
    ///
    /// Name and value are none that an application may send.
    pub fn with_field(
        mut self,
        name: impl Into<String>,
        value: impl Into<Vec<u8>>,
    ) -> Result<Self, FieldError> {
        let (name, value) = (name.into(), value.into());
        Field::new(&name, &value)?;
        self.fields.push((name, value));
        Ok(self)
    }

    /// The same, with one more field line that was checked before, as by
    /// [`field!`](kinglet_core::field).
    #[must_use]
    pub fn with(mut self, field: Field<'_>) -> Self {
        self.fields
            .push((field.name().to_owned(), field.value().to_owned()));
        self
    }

    pub(crate) fn send(&self, reply: kinglet_core::http::Reply<'_>) -> kinglet_core::http::Handled {
        let fields: Vec<Field<'_>> = self
            .fields
            .iter()
            .filter_map(|(name, value)| Field::new(name, value).ok())
            .collect();
        reply.send(self.status, &fields, &self.content)
    }
}

/// The name of a connection in a ticket: its thread, and its key there.
///
/// ```text
/// 63       56 55               32 31                0
/// [  thread  |    generation     |      index       ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) thread: usize,
    pub(crate) key: Key,
}

impl Name {
    /// The most threads that names can tell apart.
    pub(crate) const MAX_THREADS: usize = 1 << 8;
    const GENERATIONS: u32 = 1 << 24;

    pub(crate) fn to_u64(self) -> u64 {
        let generation = u64::from(self.key.generation % Self::GENERATIONS);
        (self.thread as u64) << 56 | generation << 32 | u64::from(self.key.index)
    }

    pub(crate) fn from_u64(name: u64) -> Self {
        let generation = (name >> 32) as u32 % Self::GENERATIONS;
        Self {
            thread: (name >> 56) as usize,
            key: Key {
                index: name as u32,
                generation,
            },
        }
    }

    /// Whether `key` is the one named, as far as a name tells.
    pub(crate) const fn is(self, key: Key) -> bool {
        self.key.index == key.index && self.key.generation == key.generation % Self::GENERATIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_was() {
        for (thread, index, generation) in [(0, 0, 0), (255, u32::MAX, 0xff_ffff), (7, 12, 345)] {
            let name = Name {
                thread,
                key: Key { index, generation },
            };
            assert_eq!(Name::from_u64(name.to_u64()), name);
            assert!(name.is(name.key));
            assert!(name.is(Key {
                index,
                generation: generation + Name::GENERATIONS
            }));
            assert!(!name.is(Key {
                index,
                generation: generation ^ 1
            }));
        }
    }

    #[test]
    fn an_answer_is_checked_when_it_is_made() {
        let answer = Answer::new(Status::OK, "hi")
            .with_field("X-A", "b")
            .unwrap();
        assert_eq!(answer.fields.len(), 1);
        assert!(answer.clone().with_field("X-A", "b\r\nc").is_err());
        assert!(answer.with_field("Content-Length", "7").is_err());
    }
}
