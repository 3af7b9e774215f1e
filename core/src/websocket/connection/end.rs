//! How a WebSocket comes to its end (RFC 6455 §7).

use super::read::has_room_for_control;
use super::{Closed, Connection, Next, Notice, Timer};
use crate::Context;
use crate::http::server::Cause;
use crate::websocket::Role;
use crate::websocket::close::{self, CloseCode};
use crate::websocket::error::{Error, LimitError};
use crate::websocket::frame::Header;
use crate::websocket::mask::mask;
use crate::websocket::opcode::Opcode;
use crate::websocket::state::{Receive, Receiving, Send, Sending};
use crate::window::{Input, Outlook, Output};

impl Connection {
    /// Nothing more is read as frames: says so, and goes to the end.
    #[inline(never)]
    pub(super) fn end(
        &mut self,
        context: &Context,
        input: &mut Input<'_>,
        output: &mut Output<'_>,
    ) -> Next {
        let failure = self.failure();
        if self.sending == Sending::Open
            && let Some(code) = failure.and_then(Error::close_code)
        {
            if !has_room_for_control(output) {
                return Next::Send;
            }
            self.put_close(Some((code, "")), context, output);
        }
        if self.notice != Notice::Closed {
            let code = failure.and_then(Error::close_code);
            return self.told(code.unwrap_or(CloseCode::ABNORMAL), failure, (0, 0));
        }
        if self.receiving == Receiving::Ended {
            return self.close();
        }
        if self.sending != Sending::Shut && (self.role == Role::Server || failure.is_some()) {
            self.send_side(Send::Shutdown);
            self.receive_side(Receive::Discard);
            self.timer = Timer::Off;
            return Next::Shutdown;
        }
        // A client leaves it to the server to close (RFC 6455 §7.1.1).
        input.consume(input.remaining().len());
        if input.outlook() == Outlook::Ended {
            return self.close();
        }
        self.await_end(context)
    }

    pub(super) fn close(&mut self) -> Next {
        self.receive_side(Receive::End);
        self.send_side(Send::Shutdown);
        self.timer = Timer::Off;
        Next::Close(*self.cause.get_or_insert(Cause::Agreed))
    }

    /// Fails the connection (RFC 6455 §7.1.7): the next round says so.
    pub(in crate::websocket) fn fail(&mut self, error: Error) {
        self.cause = Some(Cause::WebSocket(error));
        self.receive_side(if error.close_code().is_some() {
            Receive::Discard
        } else {
            Receive::End
        });
    }

    /// Fails the connection for a peer that takes too little of what a driver sends on its own.
    pub fn refuse_slow_peer(&mut self) {
        if self.is_open() {
            self.fail(LimitError::TooSlow.into());
        }
    }

    /// The peer is gone without a Close frame, or what must not be has come about.
    pub(super) fn lose(&mut self) {
        self.cause.get_or_insert(Cause::Peer);
        self.receive_side(Receive::End);
    }

    /// What must not be: the connection is given up instead of a panic.
    #[cold]
    pub(super) fn aborted(&mut self) -> Next {
        self.cause.get_or_insert(Cause::Aborted);
        self.receive_side(Receive::End);
        Next::Again
    }

    /// Tells the application, which is done once.
    pub(super) fn told(
        &mut self,
        code: CloseCode,
        error: Option<Error>,
        reason: (usize, usize),
    ) -> Next {
        self.notice = Notice::Closed;
        Next::Closed {
            code,
            error,
            reason,
        }
    }

    /// The connection is lost, by the driver's word. What the application is to be told of that, if it
    /// has not been told of an end before.
    pub(crate) fn abandon(&mut self) -> Option<Closed<'static>> {
        let is_news = self.notice != Notice::Closed;
        let error = self.failure();
        self.notice = Notice::Closed;
        self.lose();
        is_news.then_some(Closed::abnormal(error))
    }

    /// Whether the application has been told of the end.
    pub(crate) fn is_told(&self) -> bool {
        self.notice == Notice::Closed
    }

    /// Bytes of the input that the next step consumes.
    pub(crate) const fn lent(&self) -> u32 {
        self.lent
    }

    fn failure(&self) -> Option<Error> {
        match self.cause {
            Some(Cause::WebSocket(error)) => Some(error),
            Some(_) | None => None,
        }
    }

    /// The peer's Close frame has come: answers it, where that is still to be done.
    pub(super) fn read_close(
        &mut self,
        payload: &[u8],
        context: &Context,
        output: &mut Output<'_>,
    ) -> Result<CloseCode, Error> {
        let (code, _) = close::parse(payload)?;
        if self.sending == Sending::Open {
            // The peer's own code, as is usual (RFC 6455 §5.5.1), or none as it gave none.
            let echoed = (code != CloseCode::NO_STATUS).then_some((code, ""));
            self.put_close(echoed, context, output);
        }
        self.receive_side(Receive::Close);
        Ok(code)
    }

    /// Writes a Close frame, and begins the wait for the peer's. Answers whether it was written: not
    /// with a code that may not be sent, and not without room.
    pub(in crate::websocket) fn put_close(
        &mut self,
        reason: Option<(CloseCode, &str)>,
        context: &Context,
        output: &mut Output<'_>,
    ) -> bool {
        let mut payload = [0; 125];
        let len = match reason {
            None => Some(0),
            Some((code, reason)) => close::emit(code, reason, &mut payload),
        };
        let payload = len.and_then(|len| payload.get(..len));
        let is_put = payload
            .is_some_and(|payload| self.put_control(Opcode::Close, payload, context, output));
        if is_put {
            self.send_side(Send::Close);
            self.outgoing = None;
            self.await_close(context);
        }
        is_put
    }

    /// Writes a control frame, if frames may be sent and there is room. Answers whether it did.
    pub(in crate::websocket) fn put_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        context: &Context,
        output: &mut Output<'_>,
    ) -> bool {
        if self.sending != Sending::Open {
            return false;
        }
        let key = self.masking_key(context);
        let header = Header::new(opcode, payload.len() as u64, key).emit();
        let filled = output.filled();
        let is_put = output.append(|writer| {
            writer.put(header.as_bytes()).put(payload);
        });
        if is_put && let Some(key) = key {
            let from = filled.saturating_add(header.as_bytes().len());
            mask(output.copied_from(from), key);
        }
        is_put
    }

    /// A new key for each frame of a client (RFC 6455 §5.3), which the driver draws.
    #[cfg_attr(not(small), inline(always))]
    pub(in crate::websocket) fn masking_key(&self, context: &Context) -> Option<[u8; 4]> {
        match self.role {
            Role::Server => None,
            Role::Client => Some((context.random)()),
        }
    }
}
