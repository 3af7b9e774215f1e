//! What other threads, and the applications on this one, ask of a reactor: answers, messages, topics.

use std::io;
use std::sync::Arc;

use kinglet_core::Application;
use kinglet_core::http::Ticket;

use super::Reactor;
use crate::SlowReceiver;
use crate::outbox::{Frame, Outbox};
use crate::poller::Interest;
use crate::remote::{Answer, Mailbox, Message, Name, Publication};
use crate::table::Key;

impl<A: Application> Reactor<A> {
    /// Reads what has come, and sends what came of it.
    pub(super) fn read_mail(&mut self) -> io::Result<()> {
        let mailboxes = Arc::clone(&self.mailboxes);
        for message in mailboxes
            .get(self.thread)
            .into_iter()
            .flat_map(Mailbox::receive)
        {
            match message {
                Message::Accepted(socket, address) => self.receive(socket, address),
                Message::Redeem(ticket) => self.redeem(ticket),
                Message::Answer(ticket, answer) => self.answer(ticket, &answer),
                Message::Watch(ticket, presence) => match self.find(ticket) {
                    Some(index) => self.watched.watch(index, presence),
                    None => presence.end(),
                },
                Message::Frame(ticket, frame) => {
                    if let Some(index) = self.find(ticket) {
                        self.deliver(index, frame);
                    }
                }
                Message::Publication(publication) => self.publish(&publication),
                Message::Subscribe(ticket, topic) => {
                    let index = self.find(ticket);
                    if let Some(index) = index.filter(|&index| self.is_open_websocket(index)) {
                        self.topics.subscribe(index, &topic);
                    }
                }
                Message::Unsubscribe(ticket, topic) => {
                    if let Some(index) = self.find(ticket) {
                        self.topics.unsubscribe(index, &topic);
                    }
                }
                Message::Limits(limits) => self.io.context.limits = *limits,
                Message::Reconfigure(options) => self.reconfigure(&options)?,
                Message::Drain => self.drain()?,
            }
        }
        self.send_frames();
        Ok(())
    }

    fn is_open_websocket(&mut self, index: u32) -> bool {
        self.connections
            .get_mut(index)
            .is_some_and(|connection| connection.session.is_open_websocket())
    }

    /// Puts a frame from elsewhere behind those that wait for a connection.
    fn deliver(&mut self, index: u32, frame: Frame) {
        let max_len = self.max_backlog_len;
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if !connection.session.is_open_websocket() {
            return;
        }
        let has_room = |outbox: &Outbox| outbox.len() + frame.len() <= max_len;
        if connection
            .outbox
            .as_ref()
            .is_some_and(|outbox| !has_room(outbox))
        {
            // What came in this turn has not been offered to the peer yet.
            self.send_frames_to(index);
        }
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        match &mut connection.outbox {
            Some(outbox) if has_room(outbox) => outbox.push(frame),
            Some(_) => self.on_backlog(index),
            None => {
                let mut outbox = self.io.outboxes.pop().unwrap_or_default();
                outbox.push(frame);
                connection.outbox = Some(outbox);
                self.has_frames.push(index);
            }
        }
    }

    /// More waits for a connection than may.
    #[cold]
    fn on_backlog(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        match self.slow_receiver {
            SlowReceiver::Drop => log::debug!("a message for a slow receiver is dropped"),
            SlowReceiver::Close => {
                connection.session.refuse_slow_peer();
                self.nudge(index);
            }
        }
    }

    /// Delivers a message to the subscribers of its topic.
    fn publish(&mut self, publication: &Publication) {
        let except = publication.except.and_then(|ticket| self.find(ticket));
        let mut subscribers = core::mem::take(&mut self.subscribers);
        subscribers.clear();
        subscribers.extend_from_slice(self.topics.subscribers(&publication.topic));
        for &index in &subscribers {
            if Some(index) != except {
                self.deliver(index, Arc::clone(&publication.frame));
            }
        }
        self.subscribers = subscribers;
    }

    /// Sends the frames that have been put into outboxes that were empty.
    fn send_frames(&mut self) {
        let mut indices = core::mem::take(&mut self.has_frames);
        for index in indices.drain(..) {
            self.send_frames_to(index);
        }
        self.has_frames = indices;
    }

    fn send_frames_to(&mut self, index: u32) {
        let name = self.name(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        self.io.context.connection = name.to_u64();
        let interest = connection.interest;
        let verdict = self.io.send_frames(connection, interest);
        self.settle(index, verdict);
    }

    /// The connection that a ticket names, if it is still there.
    fn find(&self, ticket: Ticket) -> Option<u32> {
        let name = Name::from_u64(ticket.connection());
        let Key { index, .. } = name.key;
        let is_here = name.thread == self.thread && name.is(self.connections.key(index));
        is_here.then_some(index)
    }

    pub(super) fn redeem(&mut self, ticket: Ticket) {
        let Some(index) = self.find(ticket) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.session.redeem(ticket) && connection.interest != Interest::Write {
            self.nudge(index);
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: &Answer) {
        let Some(index) = self.find(ticket) else {
            return;
        };
        self.watched.forget(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        self.io.context.connection = ticket.connection();
        let verdict = self
            .io
            .answer(&mut self.application, connection, ticket, answer);
        self.settle(index, verdict);
    }
}
