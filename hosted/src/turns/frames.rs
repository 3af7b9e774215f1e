//! Frames from elsewhere that wait for a peer, and the turns of a WebSocket beside them.

use kinglet_core::http::server::Cause;
use kinglet_core::window::Queue;
use kinglet_core::{Application, Input, Output, Turn};

use super::{Io, Verdict};
use crate::connection::{Connection, Receiving, Sending, Transfer};
use crate::outbox::Outbox;
use crate::poller::Interest;

/// Bytes that the engine may say while frames from elsewhere wait: a few control frames.
const CONTROL_LEN: usize = 512;

/// How many outboxes a reactor keeps for use again.
const MAX_OUTBOXES: usize = 1024;

impl Io {
    /// Takes turns while frames from elsewhere wait for the peer: what the engine says goes in front of
    /// those that are not begun. Answers what came of it, or nothing when none of them wait any more.
    #[inline(never)]
    pub(super) fn take_turns_beside<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        input: &mut Input<'_>,
    ) -> Option<Verdict> {
        let mut room = [0; CONTROL_LEN];
        let mut queue = Queue::new();
        let mut output = Output::for_control(&mut room, &mut queue);
        let turn = connection
            .session
            .turn(application, &self.context, input, &mut output);
        if let Some(outbox) = &mut connection.outbox {
            for said in queue.slices(&room) {
                outbox.push_urgent(said);
            }
            if !connection.session.is_open_websocket() {
                outbox.clear_usual();
            }
        }
        if let Turn::Shutdown = turn {
            connection.sending = Sending::Ending;
        }
        if let Err(cause) = self.send_outbox(connection) {
            return Some(Verdict::Goes(cause));
        }
        if let Turn::Close(cause) = turn {
            return Some(Verdict::Goes(cause));
        }
        if connection.unsent.is_none() && !connection.has_outbox() {
            if connection.sending == Sending::Ending {
                connection.end_sending();
            }
            return None;
        }
        let interest = match turn {
            Turn::Receive
                if connection.receiving == Receiving::Open && connection.unsent.is_none() =>
            {
                Interest::Both
            }
            // What waits goes first.
            Turn::Receive | Turn::Wait | Turn::Send | Turn::Shutdown | Turn::Close(_) => {
                Interest::Write
            }
        };
        Some(self.wait_for(connection, interest))
    }

    /// Sends frames from elsewhere, as many as the peer takes, where that is their turn.
    #[inline(never)]
    pub(crate) fn send_outbox<E>(&mut self, connection: &mut Connection<E>) -> Result<(), Cause> {
        if connection.unsent.is_some() || !connection.has_outbox() {
            return Ok(());
        }
        while let Some(mut outbox) = connection.outbox.take() {
            if connection.channel.is_some() {
                let result = self.send_outbox_sealed(connection, &mut outbox);
                self.put_back(connection, outbox);
                result?;
                if connection.unsent.is_some() {
                    break;
                }
                continue;
            }
            let (transfer, offered) = outbox.slices(|slices| {
                let offered = slices.iter().map(|slice| slice.len()).sum::<usize>();
                (connection.send_vectored(slices), offered)
            });
            let sent = match transfer {
                Transfer::Done(sent) => sent,
                Transfer::Blocked => 0,
                Transfer::Broken => return Err(Cause::Peer),
            };
            outbox.advance(sent);
            self.put_back(connection, outbox);
            if sent < offered {
                break;
            }
        }
        Ok(())
    }

    /// Keeps an outbox with the connection, or for use again when it is empty.
    fn put_back<E>(&mut self, connection: &mut Connection<E>, outbox: Box<Outbox>) {
        if !outbox.is_empty() {
            connection.outbox = Some(outbox);
        } else if self.outboxes.len() < MAX_OUTBOXES {
            self.outboxes.push(outbox);
        }
    }

    /// Sends frames from elsewhere that have just come for a connection, which otherwise waits for
    /// `interest`.
    #[inline(never)]
    pub(crate) fn send_frames<E>(
        &mut self,
        connection: &mut Connection<E>,
        interest: Interest,
    ) -> Verdict {
        if let Err(cause) = self.send_outbox(connection) {
            return Verdict::Goes(cause);
        }
        let interest = match interest {
            // One that waits to send anything else goes on with these behind it.
            _ if connection.unsent.is_some() => Interest::Write,
            Interest::Write => Interest::Write,
            _ if !connection.has_outbox() => interest,
            Interest::Read | Interest::Both => Interest::Both,
            Interest::None | Interest::Lazy => Interest::Write,
        };
        self.wait_for(connection, interest)
    }

    /// The peer takes bytes again, or has sent some, while frames from elsewhere wait for it.
    pub(super) fn send_and_receive<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        buffer: &mut [u8],
    ) -> Verdict {
        match self.send_outbox(connection) {
            Ok(()) if connection.unsent.is_some() => self.wait_for(connection, Interest::Write),
            Ok(()) if !connection.has_outbox() => self.all_sent(application, connection),
            Ok(()) => self.receive(application, connection, buffer),
            Err(cause) => Verdict::Goes(cause),
        }
    }
}
