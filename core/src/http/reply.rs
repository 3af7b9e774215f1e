//! The right to answer a request, once.
//!
//! A [`Reply`] comes with a request and is used up by the answer, whatever form that takes. It cannot
//! be copied, and a [`Handled`] can only be had from one, so a handler that forgets to answer, or
//! answers twice, does not compile. A reply that is dropped all the same becomes 500.

use super::emit;
use super::error::{Error, LimitError};
use super::field::{Added, Field};
#[cfg(feature = "middleware")]
use super::field::{More, Rule};
use super::framing::Framing;
use super::server::{Connection, Expectation, Plan};
use super::state::Send;
use super::stream::Encoding;
use super::{Request, Status, Version};
use crate::websocket::{Handshake, HandshakeError, Terms};
use crate::window::Output;
use crate::{Compression, Context, Stamp};

/// The right to answer a request.
///
/// What is written goes into the output that the driver lent; it holds
/// [`min_room`](crate::Limits::min_room) bytes at least, and a driver with a heap takes what is
/// longer. What never fits is answered with 500.
#[derive(Debug)]
#[must_use = "a reply that is dropped is answered with 500"]
pub struct Reply<'r> {
    connection: &'r mut Connection,
    context: &'r Context,
    output: Output<'r>,
    /// What goes into the answer behind its own field lines.
    added: Added<'r>,
}

/// Proof that a [`Reply`] or a [`Stream`](super::Stream) was used.
#[derive(Debug)]
#[must_use = "hand it back to whoever handed out the token"]
pub struct Handled(());

/// The content of an answer, and what the output does with it.
#[derive(Clone, Copy)]
enum Source<'a> {
    Copied(&'a [u8]),
    Held(&'static [u8]),
}

impl<'a> Source<'a> {
    const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Copied(bytes) | Self::Held(bytes) => bytes,
        }
    }

    const fn is_copied(self) -> bool {
        match self {
            Self::Copied(_) => true,
            Self::Held(bytes) => bytes.len() <= Output::COPIED_LEN,
        }
    }
}

/// How long the content of a streamed answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Length {
    /// This many bytes. A stream that ends short of it is cut off, so that the client sees it.
    Exact(u64),
    /// Not known: chunked, or until the connection closes where the client is an HTTP/1.0 one.
    Unknown,
}

/// What a deferred exchange is known by, outside of the engine.
///
/// It is plain data, and inert once its exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    connection: u64,
    exchange: u32,
}

impl Ticket {
    /// The connection, by the name that the driver gave it in
    /// [`Context::connection`](crate::Context::connection).
    #[must_use]
    pub const fn connection(&self) -> u64 {
        self.connection
    }

    /// The exchange, counted on its connection; for [`Connection::redeem`].
    #[must_use]
    pub const fn exchange(&self) -> u32 {
        self.exchange
    }
}

impl Ticket {
    pub(crate) const fn new(connection: u64, exchange: u32) -> Self {
        Self {
            connection,
            exchange,
        }
    }
}

impl Handled {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl<'r> Reply<'r> {
    #[inline]
    pub(super) const fn new(
        connection: &'r mut Connection,
        context: &'r Context,
        output: Output<'r>,
    ) -> Self {
        Self {
            connection,
            context,
            output,
            added: Added::NONE,
        }
    }

    /// Answers with `content`, copied into the output.
    ///
    /// The content of an answer to HEAD, and of a status that has none, is left out.
    #[inline]
    pub fn send(mut self, status: Status, fields: &[Field<'_>], content: &[u8]) -> Handled {
        self.answer(status, fields, Source::Copied(content))
    }

    /// Answers with `content`, which is sent from where it lies.
    #[inline]
    pub fn send_static(
        mut self,
        status: Status,
        fields: &[Field<'_>],
        content: &'static [u8],
    ) -> Handled {
        self.answer(status, fields, Source::Held(content))
    }

    /// Begins an answer whose content follows in parts: the application's `stream` is called for
    /// them. What the client still sends of its own content is offered there, too.
    pub fn start(mut self, status: Status, fields: &[Field<'_>], length: Length) -> Handled {
        let version = self.connection.version();
        // 205 has no content, and says so (RFC 9110 §15.3.6).
        let length = if status == Status::RESET_CONTENT {
            Length::Exact(0)
        } else {
            length
        };
        let (framing, encoding) = match (length, version) {
            (Length::Exact(left), _) => (Framing::Length(left), Encoding::Length),
            (Length::Unknown, Version::Http11) => (Framing::Chunked, Encoding::Chunked),
            (Length::Unknown, Version::Http10) => (Framing::UntilClose, Encoding::Raw),
        };
        let no_content = status.forbids_content() || self.connection.head_only();
        // The application may mean to read while it answers; after the answer's head it is too late
        // to ask for content.
        let is_whole = no_content || length == Length::Exact(0);
        let wants_content = !is_whole && self.connection.expectation == Expectation::Continue;
        if is_whole {
            self.connection.forsake_content();
        }
        let filled = self.output.filled();
        if wants_content && self.output.copy(emit::CONTINUE) {
            self.connection.expectation = Expectation::None;
        }
        if framing == Framing::UntilClose {
            self.connection.close_afterwards();
        }
        if !self.is_final(status) || !self.head(status, fields, framing) {
            self.output.truncate(filled);
            return self.misused();
        }
        if is_whole {
            self.connection.send_side(Send::Answer);
        } else {
            let left = match length {
                Length::Exact(left) => left,
                Length::Unknown => 0,
            };
            self.connection.begin_stream(encoding, left);
        }
        Handled::new()
    }

    /// Asks for the content in parts: the application's `content` is called with each, and with a
    /// reply again.
    ///
    /// This is what sends 100 (Continue) to a client that waits for it.
    pub fn receive(self) -> Handled {
        if self.connection.has_content_to_come() {
            self.connection.plan = Plan::Receive;
            Handled::new()
        } else {
            self.misused()
        }
    }

    /// Asks for the content as one slice of at most `max_len` bytes: the request comes again when it
    /// is whole, with [`Request::content`](super::Request::content). A client that sends more gets
    /// 413.
    ///
    /// Meanwhile the content lies behind the head in the driver's window, which has to be large
    /// enough for both.
    pub fn collect(self, max_len: u32) -> Handled {
        if !self.connection.is_fresh_request() {
            return self.misused();
        }
        if self
            .connection
            .content_left()
            .is_some_and(|left| left > u64::from(max_len))
        {
            self.connection
                .fail(Error::Limit(LimitError::ContentTooLarge));
            return Handled::new();
        }
        self.connection.plan = Plan::Collect {
            max_len,
            collected: 0,
        };
        // The head stays where it is, for the second time that the request comes.
        self.connection.lent = 0;
        Handled::new()
    }

    /// Puts the answer off. The ticket redeems it: the application's `resume` is called then, with a
    /// reply again. Until then nothing further of the connection is read.
    pub fn later(self) -> (Ticket, Handled) {
        self.connection.plan = Plan::Later;
        (self.connection.ticket(self.context), Handled::new())
    }

    /// Sends an interim response, such as 103 (Early Hints), ahead of the answer (RFC 9110 §15.2).
    ///
    /// It is left out where the client is an HTTP/1.0 one, where `status` is none or is 101, and
    /// where there is no room: a client has to do without it at any time.
    pub fn interim(mut self, status: Status, fields: &[Field<'_>]) -> Self {
        let legal = status.is_informational() && status != Status::SWITCHING_PROTOCOLS;
        if legal && self.connection.version() == Version::Http11 {
            let fits = self.output.append(|writer| {
                let framing = Framing::None;
                emit::response(
                    writer,
                    status,
                    &Stamp::EMPTY,
                    framing,
                    b"",
                    fields,
                    Added::NONE,
                );
            });
            if fits && status == Status::CONTINUE {
                self.connection.expectation = Expectation::None;
            }
        }
        self
    }

    /// Goes on in another protocol: 101 (Switching Protocols) with `fields`, which name it in
    /// `Upgrade` (RFC 9110 §7.8), or 200 where the method is CONNECT (RFC 9110 §9.3.6). What follows
    /// is raw bytes in either direction, as a stream's content.
    ///
    /// Only where the client has offered it and its content has been read; a misuse is 500.
    pub fn switch(mut self, fields: &[Field<'_>]) -> Handled {
        let (status, connection) = match self.connection.may_switch() {
            None => return self.misused(),
            Some(status @ Status::SWITCHING_PROTOCOLS) => (status, emit::UPGRADE),
            Some(status) => (status, b"".as_slice()),
        };
        let (stamp, added) = (&self.context.stamp, self.added);
        let fits = self.output.append(|writer| {
            let framing = Framing::Switched;
            emit::response(writer, status, stamp, framing, connection, fields, added);
        });
        if !fits {
            return self.misused();
        }
        self.connection.status = status.code();
        self.connection.switch();
        Handled::new()
    }

    /// Goes on as a WebSocket (RFC 6455 §4.2), where `request` asks for one and `terms` allow it; else
    /// refuses the request with what is wrong with it. The application's `opened` is called next.
    ///
    /// ```
    /// use kinglet_core::http::{Handled, Reply, Request, Status};
    /// use kinglet_core::websocket::Terms;
    ///
    /// fn request(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    ///     match request.path() {
    ///         "/ws" => reply.websocket(request, &Terms::ANY),
    ///         _ => reply.send(Status::NOT_FOUND, &[], b""),
    ///     }
    /// }
    /// ```
    pub fn websocket(mut self, request: &Request<'_>, terms: &Terms<'_>) -> Handled {
        match self.accept(request, terms) {
            Ok(()) => Handled::new(),
            Err(error) => self.refuse(error),
        }
    }

    /// Accepts an opening handshake; where there is no room for that, the connection is given up. Apart
    /// from its refusal, so that both do not need the stack at once.
    #[inline(never)]
    fn accept(&mut self, request: &Request<'_>, terms: &Terms<'_>) -> Result<(), HandshakeError> {
        let mut terms = *terms;
        if self.context.compression == Compression::None {
            terms.deflate = None;
        }
        let agreed = Handshake::parse(request)?.agree(&terms)?;
        if self.connection.may_switch() != Some(Status::SWITCHING_PROTOCOLS) {
            self.connection.abort();
            return Ok(());
        }
        let (stamp, added) = (&self.context.stamp, self.added);
        let output = &mut self.output;
        let fits = agreed.with_fields(|fields| {
            output.append(|writer| {
                let status = Status::SWITCHING_PROTOCOLS;
                let framing = Framing::Switched;
                let connection = emit::UPGRADE;
                emit::response(writer, status, stamp, framing, connection, fields, added);
            })
        });
        if !fits {
            self.connection.abort();
            return Ok(());
        }
        self.connection.become_websocket(agreed.compression());
        Ok(())
    }

    /// Answers an opening handshake that cannot be accepted.
    #[inline(never)]
    fn refuse(self, error: HandshakeError) -> Handled {
        error.with_fields(|fields| self.send(error.status(), fields, error.reason().as_bytes()))
    }

    /// What the exchange is known by, while it is deferred or streamed.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.connection.ticket(self.context)
    }

    /// Has `answer` answer, with `fields` behind the field lines that it gives itself: what stands
    /// around an application adds to its answers so.
    ///
    /// They go into every answer that is given with that reply: also into one that is streamed, that
    /// refuses a handshake, or that switches the protocol. They do not go into an interim one, nor into
    /// one that the engine gives by itself, such as 413; and where the answer is put off, they have to
    /// be given again with the next reply.
    ///
    /// ```
    /// use kinglet_core::field;
    /// use kinglet_core::http::{Handled, Reply, Status};
    ///
    /// fn request(reply: Reply<'_>) -> Handled {
    ///     let fields = [field!("X-Frame-Options", "DENY")];
    ///     reply.with_fields(&fields, |reply| reply.send(Status::OK, &[], b"framed by nobody"))
    /// }
    /// ```
    #[cfg(feature = "middleware")]
    pub fn with_fields(
        self,
        fields: &[Field<'_>],
        answer: impl FnOnce(Reply<'_>) -> Handled,
    ) -> Handled {
        self.with_more(Rule::Always, fields, answer)
    }

    /// The same, without those whose field name is one of the answer's own.
    #[cfg(feature = "middleware")]
    pub fn with_default_fields(
        self,
        fields: &[Field<'_>],
        answer: impl FnOnce(Reply<'_>) -> Handled,
    ) -> Handled {
        self.with_more(Rule::Default, fields, answer)
    }

    /// Has `answer` pass on what another server has answered, without the lines of this one's
    /// [`Stamp`]: its `Date` and `Server` are among the fields, as
    /// [`Field::of_line`] takes them over (RFC 9110 §6.6.1, §10.2.4).
    #[cfg(feature = "middleware")]
    pub fn relay(self, answer: impl FnOnce(Reply<'_>) -> Handled) -> Handled {
        self.with_more(Rule::Relayed, &[], answer)
    }

    #[cfg(feature = "middleware")]
    fn with_more(
        mut self,
        rule: Rule,
        fields: &[Field<'_>],
        answer: impl FnOnce(Reply<'_>) -> Handled,
    ) -> Handled {
        let more = More {
            rule,
            fields,
            before: self.added,
        };
        answer(Reply {
            connection: self.connection,
            context: self.context,
            output: self.output.reborrow_for_answer(),
            added: Added::of(&more),
        })
    }

    /// The bytes that an answer may have, head included, to be copied into the output.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.output.room()
    }

    /// What the driver told of this turn.
    #[must_use]
    pub const fn context(&self) -> &Context {
        self.context
    }

    /// Answers at once where the answer is such as most are, and else with more care.
    #[cfg_attr(not(small), inline(always))]
    fn answer(&mut self, status: Status, fields: &[Field<'_>], content: Source<'_>) -> Handled {
        let is_usual = status == Status::OK && content.is_copied() && self.added.is_none();
        if is_usual && !cfg!(small) && self.usual_answer(fields, content.bytes()) {
            return Handled::new();
        }
        self.any_answer(status, fields, content)
    }

    /// Answers with 200, where the connection asks for nothing else and there is room; or not at all.
    #[inline(never)]
    fn usual_answer(&mut self, fields: &[Field<'_>], content: &[u8]) -> bool {
        let stamp = &self.context.stamp;
        let is_answered = self.connection.wants_usual_answer()
            && self
                .output
                .append(|writer| emit::usual_response(writer, stamp, fields, content));
        if is_answered {
            self.connection.status = Status::OK.code();
            self.connection.send_side(Send::Answer);
        }
        is_answered
    }

    #[inline(never)]
    fn any_answer(&mut self, status: Status, fields: &[Field<'_>], content: Source<'_>) -> Handled {
        self.connection.forsake_content();
        const NOTHING: Source<'_> = Source::Copied(b"");
        let content = if status.has_no_content() {
            NOTHING
        } else {
            content
        };
        let framing = Framing::Length(content.bytes().len() as u64);
        let content = if self.connection.head_only() {
            NOTHING
        } else {
            content
        };
        if self.is_final(status) && self.whole(status, fields, framing, content) {
            self.connection.send_side(Send::Answer);
        } else {
            self.connection.abort();
        }
        Handled::new()
    }

    /// Writes a whole answer, whose content may be held or go on in the overflow; or nothing.
    #[inline(never)]
    fn whole(
        &mut self,
        status: Status,
        fields: &[Field<'_>],
        framing: Framing,
        content: Source<'_>,
    ) -> bool {
        let filled = self.output.filled();
        let fits = self.head(status, fields, framing)
            && match content {
                Source::Copied(content) => self.output.copy(content),
                Source::Held(content) => self.output.hold(content),
            };
        if !fits {
            self.output.truncate(filled);
        }
        fits
    }

    /// Writes the head of an answer, or nothing.
    fn head(&mut self, status: Status, fields: &[Field<'_>], framing: Framing) -> bool {
        let mut connection = self.connection.connection_field();
        if status == Status::UPGRADE_REQUIRED {
            // Its `Upgrade` is of this connection only (RFC 9110 §7.8).
            connection = match connection {
                emit::CLOSE => emit::CLOSE_UPGRADE,
                _ => emit::UPGRADE,
            };
        }
        self.connection.status = status.code();
        let (stamp, added) = (&self.context.stamp, self.added);
        self.output.append(|writer| {
            emit::response(writer, status, stamp, framing, connection, fields, added);
        })
    }

    /// Whether `status` may answer this request for good: not an interim one, and to CONNECT not one
    /// that would make a tunnel.
    #[inline]
    fn is_final(&self, status: Status) -> bool {
        let makes_tunnel = self.connection.is_connect() && status.is_success();
        !status.is_informational() && !makes_tunnel
    }

    fn misused(self) -> Handled {
        self.connection.abort();
        Handled::new()
    }
}
