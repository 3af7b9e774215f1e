//! The right to send on an open WebSocket.

use core::time::Duration;

use super::close::CloseCode;
use super::connection::{Connection, Wake};
use super::frame::{Fin, Header, Rsv1};
use super::mask::{Mask, mask};
use super::message::{Kind, Message, Part};
use super::opcode::Opcode;
use super::state::Sending;
use super::{Role, frame};
use crate::http::Ticket;
use crate::window::{Output, copy_to_front, move_down};
use crate::{Context, Instant};

/// The right to send on an open WebSocket, for as long as a call of the application lasts.
///
/// A message is written into the output whole or not at all. The driver sends the output when the
/// call and what else can be done at once are over, so what several calls say leaves in one piece.
///
/// ```
/// use kinglet_core::websocket::{Part, SendError, Socket};
///
/// fn message(part: Part<'_>, socket: &mut Socket<'_>) {
///     match socket.forward(part) {
///         Ok(()) | Err(SendError::Closing) => {}
///         Err(_) => socket.notify(),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Socket<'s> {
    connection: &'s mut Connection,
    context: &'s Context,
    output: Output<'s>,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room for it now. [`Socket::notify`] tells when there is.
    Full,
    /// There will never be room for it: send it in fragments.
    TooLong,
    /// A message is under way in fragments, and this is not the next of them.
    InMessage,
    /// A Close frame has been sent.
    Closing,
    /// A control frame has at most 125 bytes of payload data (RFC 6455 §5.5).
    ControlTooLong,
    /// This close code may not be sent (RFC 6455 §7.4).
    InvalidCloseCode,
}

/// Whether a fragment is the last of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Rest {
    /// More fragments follow.
    More,
    /// The message ends.
    None,
}

impl<'s> Socket<'s> {
    #[cfg_attr(not(small), inline(always))]
    pub(super) const fn new(
        connection: &'s mut Connection,
        context: &'s Context,
        output: Output<'s>,
    ) -> Self {
        Self {
            connection,
            context,
            output,
        }
    }

    /// Sends a message in one frame; compressed where that was agreed and makes it shorter.
    ///
    /// # Errors
    ///
    /// Nothing of it was sent, for the reason given.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let message = message.into();
        if self.connection.sending != Sending::Open {
            return Err(SendError::Closing);
        }
        if self.connection.outgoing.is_some() {
            return Err(SendError::InMessage);
        }
        let data = message.data();
        if cfg!(not(small)) && self.put_short(message.kind(), data) {
            return Ok(());
        }
        if self.connection.agreement.is_some() && data.len() >= MIN_DEFLATED_LEN {
            return self.send_deflated(message);
        }
        self.put(opcode(message.kind()), Fin::Last, data)
    }

    /// Sends one fragment of a message whose length is not known (RFC 6455 §5.4). The first fragment
    /// decides on the kind; the others have to be of the same. Fragments are not compressed.
    ///
    /// # Errors
    ///
    /// Nothing of it was sent, for the reason given.
    pub fn fragment<'m>(
        &mut self,
        data: impl Into<Message<'m>>,
        rest: Rest,
    ) -> Result<(), SendError> {
        let data = data.into();
        if self.connection.sending != Sending::Open {
            return Err(SendError::Closing);
        }
        let opcode = match self.connection.outgoing {
            None => opcode(data.kind()),
            Some(kind) if kind == data.kind() => Opcode::Continuation,
            Some(_) => return Err(SendError::InMessage),
        };
        let (fin, outgoing) = match rest {
            Rest::More => (Fin::More, Some(data.kind())),
            Rest::None => (Fin::Last, None),
        };
        self.put(opcode, fin, data.data())?;
        self.connection.outgoing = outgoing;
        Ok(())
    }

    /// Sends a part that has come as it is: a whole message as one, and else as a fragment.
    ///
    /// # Errors
    ///
    /// Nothing of it was sent, for the reason given.
    #[inline]
    pub fn forward(&mut self, part: Part<'_>) -> Result<(), SendError> {
        match part.whole() {
            Some(message) => self.send(message),
            None => {
                let rest = if part.place().is_last() {
                    Rest::None
                } else {
                    Rest::More
                };
                self.fragment(Message::validated(part.kind(), part.data()), rest)
            }
        }
    }

    /// Sends a ping (RFC 6455 §5.5.2). The engine sends its own into silence: see
    /// [`ping_interval`](crate::Limits::ping_interval).
    ///
    /// # Errors
    ///
    /// Nothing was sent, for the reason given.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > frame::MAX_CONTROL_PAYLOAD_LEN {
            return Err(SendError::ControlTooLong);
        }
        if self.connection.sending != Sending::Open {
            return Err(SendError::Closing);
        }
        let is_put =
            self.connection
                .put_control(Opcode::Ping, payload, self.context, &mut self.output);
        if is_put { Ok(()) } else { Err(SendError::Full) }
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2). What is cut off of `reason` is what of it goes
    /// past 123 bytes. No message comes after this, and nothing more can be sent.
    ///
    /// # Errors
    ///
    /// Nothing was sent, for the reason given.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if self.connection.sending != Sending::Open {
            return Err(SendError::Closing);
        }
        if !code.may_be_sent() {
            return Err(SendError::InvalidCloseCode);
        }
        let is_put =
            self.connection
                .put_close(Some((code, reason)), self.context, &mut self.output);
        if is_put { Ok(()) } else { Err(SendError::Full) }
    }

    /// Closes with [`MESSAGE_TOO_BIG`](CloseCode::MESSAGE_TOO_BIG), for a message that is longer than
    /// the application wants.
    pub fn refuse_long_message(&mut self) {
        self.fail(super::error::LimitError::MessageTooLong.into());
    }

    /// Has the application called again when everything that is waiting to be sent has left. Without
    /// effect while nothing is.
    pub fn notify(&mut self) {
        if !self.output.is_empty() && self.connection.wake != Wake::Now {
            self.connection.wake = Wake::Sent;
        }
    }

    /// Has the application called again at `instant`, or before when its ticket is redeemed. An instant
    /// that has been reached means the next one. [`notify`](Self::notify) takes the place of this, and
    /// this of an instant that was named before.
    ///
    /// It is what sends news at intervals, under any driver and without a thread:
    ///
    /// ```
    /// use core::time::Duration;
    /// use kinglet_core::websocket::Socket;
    ///
    /// fn ready(socket: &mut Socket<'_>) {
    ///     let _ = socket.send("tick");
    ///     let now = socket.context().now;
    ///     socket.notify_at(now.after(Duration::from_secs(1)));
    /// }
    /// ```
    pub fn notify_at(&mut self, instant: Instant) {
        let now = self.context.now;
        let next = now.after(Duration::from_millis(1));
        let is_past = now.has_reached(instant);
        self.connection.wake = Wake::At(if is_past { next } else { instant });
    }

    /// How many bytes of message data fit now.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.output.room().saturating_sub(Header::MAX_LEN)
    }

    /// What the WebSocket is known by outside of the call, as in a list of those that want news: inert
    /// once it is closed. Redeemed, it has the application called with the socket.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.connection.ticket(self.context)
    }

    /// What the driver told of this turn.
    #[must_use]
    pub const fn context(&self) -> &'s Context {
        self.context
    }

    /// Fails the connection with the close code of `error`.
    fn fail(&mut self, error: super::Error) {
        if self.connection.sending == Sending::Open {
            self.connection.fail(error);
        }
    }

    /// Puts what nearly every message of a server is, if there is room: one frame of at most 125 bytes
    /// that is not compressed.
    #[cfg_attr(not(small), inline(always))]
    fn put_short(&mut self, kind: Kind, data: &[u8]) -> bool {
        let first = match kind {
            Kind::Text => frame::WHOLE_TEXT,
            Kind::Binary => frame::WHOLE_BINARY,
        };
        let is_deflated = self.connection.agreement.is_some() && data.len() >= MIN_DEFLATED_LEN;
        match u8::try_from(data.len()) {
            Ok(len @ ..=125) if self.connection.role == Role::Server && !is_deflated => {
                self.output.append(|writer| {
                    writer.put_array(&[first, len]).put(data);
                })
            }
            _ => false,
        }
    }

    /// Puts a frame that is not compressed, or nothing.
    #[inline]
    fn put(&mut self, opcode: Opcode, fin: Fin, data: &[u8]) -> Result<(), SendError> {
        let key = self.connection.masking_key(self.context);
        let header = Header::new(opcode, data.len() as u64, key)
            .with_fin(fin)
            .emit();
        // Nearly all fits, and is put at once.
        let is_put = key.is_none()
            && cfg!(not(small))
            && self.output.append(|writer| {
                writer.put(header.as_bytes()).put(data);
            });
        match is_put {
            true => Ok(()),
            false => self.put_long(header.as_bytes(), data, key),
        }
    }

    /// Puts a frame that goes on in the driver's overflow or has to be masked, or nothing.
    #[inline(never)]
    fn put_long(
        &mut self,
        header: &[u8],
        data: &[u8],
        key: Option<[u8; 4]>,
    ) -> Result<(), SendError> {
        let len = header.len().saturating_add(data.len());
        if !self.output.takes(len) {
            return Err(if self.output.is_empty() {
                SendError::TooLong
            } else {
                SendError::Full
            });
        }
        self.output.copy_part(header);
        match key {
            None => self.output.copy_part(data),
            Some(key) => self.copy_masked(data, key),
        }
        Ok(())
    }

    /// Copies the payload of a client's frame, for which there is room.
    fn copy_masked(&mut self, data: &[u8], key: [u8; 4]) {
        let mut mask = Mask::new(key);
        let mut masked = [0; 256];
        for part in data.chunks(masked.len()) {
            let _ = copy_to_front(part, &mut masked);
            if let Some(masked) = masked.get_mut(..part.len()) {
                mask.apply(masked);
                self.output.copy_part(masked);
            }
        }
    }

    /// Sends a message compressed where that makes it shorter, and else as it is.
    #[inline(never)]
    fn send_deflated(&mut self, message: Message<'_>) -> Result<(), SendError> {
        match self.put_deflated(message) {
            Some(()) => Ok(()),
            None => self.put(opcode(message.kind()), Fin::Last, message.data()),
        }
    }

    /// Puts a compressed message in one frame: its payload first, behind room for the header.
    fn put_deflated(&mut self, message: Message<'_>) -> Option<()> {
        let data = message.data();
        let (window_bits, takeover) = self.connection.own_window()?;
        let key = self.connection.masking_key(self.context);
        let reserved = Header::new(Opcode::Binary, data.len() as u64, key)
            .emit()
            .as_bytes()
            .len();
        let (spare, deflater) = self.output.deflated()?;
        // Shorter than the message, or it is not worth it.
        let most = data.len().saturating_sub(1);
        let room = spare.get_mut(reserved..)?;
        let most = most.min(room.len());
        if !deflater.begin(window_bits, takeover) {
            return None;
        }
        let len = deflater.deflate(data, room.get_mut(..most)?)?;
        if let Some(key) = key {
            mask(room.get_mut(..len)?, key);
        }
        let header = Header::new(opcode(message.kind()), len as u64, key)
            .with_rsv1(Rsv1::Compressed)
            .emit();
        let header = header.as_bytes();
        let end = reserved.checked_add(len)?;
        if header.len() < reserved {
            let from = reserved.wrapping_sub(header.len());
            let frame = spare.get_mut(..end)?;
            move_down(frame, from);
        }
        copy_to_front(header, spare)?;
        self.output.commit(header.len().wrapping_add(len));
        Some(())
    }
}

/// Below this a message is not worth compressing.
const MIN_DEFLATED_LEN: usize = 32;

const fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "expected room in the output",
            Self::TooLong => "expected a message that fits the output",
            Self::InMessage => "expected the next fragment of the message under way",
            Self::Closing => "expected an open connection, found one that is closing",
            Self::ControlTooLong => "expected at most 125 bytes of payload data",
            Self::InvalidCloseCode => "expected a close code that may be sent",
        })
    }
}

impl core::error::Error for SendError {}
