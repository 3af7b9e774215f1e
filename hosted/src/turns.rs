//! A connection's turns: bytes in, the engine's turns over them, bytes out.

use std::os::fd::AsFd;

use kinglet_core::http::server::Cause;
use kinglet_core::http::{Reply, Ticket};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Compression, Context, Input, Instant, Output, Stamp, Turn};

use crate::Options;
use crate::buffers::{BUFFER_LEN, Pool, Rest, Unread, Unsent};
use crate::clock::Clock;
use crate::codecs::{Codecs, Deflater};
use crate::connection::{Connection, Receiving, Sending, Transfer};
use crate::outbox::Outbox;
use crate::poller::{Interest, Poller, Readiness};
use crate::remote::{Answer, Name};
use crate::wheel::Wheel;

mod files;
mod frames;
mod sealed;

use sealed::Sealing;

/// What every connection's turn needs, apart from the connection.
pub(crate) struct Io {
    pub(crate) poller: Box<dyn Poller + Send>,
    pub(crate) clock: Clock,
    pub(crate) context: Context,
    pub(crate) millis: u64,
    pub(crate) wheel: Wheel,
    send: Box<[u8]>,
    queue: Queue,
    rest: Rest,
    pub(crate) pool: Pool,
    pub(crate) sealing: Sealing,
    /// Outboxes to be used again.
    #[expect(
        clippy::vec_box,
        reason = "a connection gets the box and not what is in it"
    )]
    pub(crate) outboxes: Vec<Box<Outbox>>,
    max_window_len: usize,
}

/// What is to become of a connection after an event.
pub(crate) enum Verdict {
    Stays,
    /// It stays, and its handshake has the time that it had.
    Shakes,
    Goes(Cause),
}

/// How many times one connection may fill the send buffer before others have their turn.
const MAX_TURNS: usize = 8;

impl Io {
    pub(crate) fn new(
        mut context: Context,
        poller: Box<dyn Poller + Send>,
        options: &Options,
    ) -> Self {
        context.compression = Compression::Lent;
        Self {
            poller,
            clock: Clock::new(),
            context,
            millis: 0,
            wheel: Wheel::new(),
            send: vec![0; BUFFER_LEN].into_boxed_slice(),
            queue: Queue::new(),
            rest: Rest::new(options.max_answer_len),
            pool: Pool::default(),
            sealing: Sealing::default(),
            outboxes: Vec::new(),
            max_window_len: options.max_window_len.max(BUFFER_LEN),
        }
    }

    /// The same under other options.
    pub(crate) fn reconfigure(&mut self, options: &Options) {
        self.context.limits = options.limits.clone();
        self.context.stamp = Stamp::new(&options.server_name);
        self.clock.forget_date();
        self.millis = self.clock.tell(&mut self.context);
        self.rest.max_len = options.max_answer_len;
        self.max_window_len = options.max_window_len.max(BUFFER_LEN);
    }

    /// Has the reactor look at a connection again when its deadline comes.
    #[inline(always)]
    pub(crate) fn watch_deadline<E>(&mut self, index: u32, connection: &Connection<E>) {
        if let Some(deadline) = connection.deadline() {
            self.watch_instant(index, deadline);
        }
    }

    #[inline(always)]
    pub(crate) fn watch_instant(&mut self, index: u32, deadline: Instant) {
        let now = self.context.now;
        // A deadline that has passed is due at once.
        let left = deadline
            .as_millis()
            .wrapping_sub(now.as_millis())
            .cast_signed();
        let left = u64::try_from(left).unwrap_or(0);
        self.wheel.set(index, self.millis + left);
    }

    /// Receives once and goes on. What comes is received in `buffer`, or behind what is left over.
    #[inline(always)]
    pub(crate) fn receive<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        buffer: &mut [u8],
    ) -> Verdict {
        if connection.unread.is_some() || connection.channel.is_some() {
            return self.receive_behind(application, connection, buffer);
        }
        match connection.receive(buffer) {
            Transfer::Done(len) => {
                if len == 0 {
                    connection.receiving = Receiving::Ended;
                }
                let received = buffer.get_mut(..len).unwrap_or_default();
                self.turn(application, connection, received)
            }
            Transfer::Blocked => Verdict::Stays,
            Transfer::Broken => Verdict::Goes(Cause::Peer),
        }
    }

    /// The same for a connection with TLS, or behind what was received before and is not consumed.
    #[inline(never)]
    fn receive_behind<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        buffer: &mut [u8],
    ) -> Verdict {
        if connection.channel.is_some() {
            return self.receive_records(application, connection, buffer);
        }
        let Some(mut unread) = connection.unread.take() else {
            return Verdict::Stays;
        };
        match connection.receive(unread.spare(self.max_window_len)) {
            Transfer::Done(len) => {
                if len == 0 {
                    connection.receiving = Receiving::Ended;
                }
                unread.filled(len);
                self.turn_unread(application, connection, unread)
            }
            Transfer::Blocked => {
                connection.unread = Some(unread);
                Verdict::Stays
            }
            Transfer::Broken => Verdict::Goes(Cause::Peer),
        }
    }

    /// Goes on with what was received before.
    #[inline(never)]
    pub(crate) fn go_on<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
    ) -> Verdict {
        match connection.unread.take() {
            None => self.turn(application, connection, &mut []),
            Some(unread) => self.turn_unread(application, connection, unread),
        }
    }

    /// Takes turns over the thread's receive buffer; what is left over is copied.
    #[inline(always)]
    fn turn<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        bytes: &mut [u8],
    ) -> Verdict {
        let outlook = outlook(connection, bytes.len(), self.max_window_len);
        let mut codecs = connection.take_codecs();
        let (mut input, deflater) = lend(Input::new(bytes, outlook), &mut codecs);
        let verdict = self.take_turns(application, connection, &mut input, deflater);
        if !input.remaining().is_empty() {
            self.keep_unread(connection, input.remaining());
        }
        if let Some(codecs) = codecs {
            connection.codecs = codecs.rest();
        }
        verdict
    }

    #[inline(never)]
    fn keep_unread<E>(&mut self, connection: &mut Connection<E>, remaining: &[u8]) {
        let unread = Unread::new(remaining, &mut self.pool);
        connection.unread = Some(Box::new(unread));
    }

    /// Takes turns over a connection's own spill; what is left over stays there.
    fn turn_unread<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        mut unread: Box<Unread>,
    ) -> Verdict {
        let outlook = outlook(connection, unread.len(), self.max_window_len);
        let mut codecs = connection.take_codecs();
        let (mut input, deflater) = lend(Input::new(unread.remaining(), outlook), &mut codecs);
        let verdict = self.take_turns(application, connection, &mut input, deflater);
        let (consumed, remaining) = (input.consumed(), input.remaining().len());
        if let Some(codecs) = codecs {
            connection.codecs = codecs.rest();
        }
        if remaining == 0 {
            unread.recycle(&mut self.pool);
        } else {
            unread.keep(consumed, remaining);
            connection.unread = Some(unread);
        }
        verdict
    }

    /// Has the engine take turns as long as it can go on at once; sends what comes of them, and keeps
    /// what is left over on both sides.
    fn take_turns<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        input: &mut Input<'_>,
        mut deflater: Option<&mut Deflater>,
    ) -> Verdict {
        if connection.has_outbox()
            && let Some(verdict) = self.take_turns_beside(application, connection, input)
        {
            return verdict;
        }
        let mut turns = 0;
        let interest = loop {
            let mut output = Output::with_overflow(&mut self.send, &mut self.queue, &mut self.rest);
            if let Some(deflater) = &mut deflater {
                output = output.with_deflater(*deflater);
            }
            let turn = connection
                .session
                .turn(application, &self.context, input, &mut output);
            if let Turn::Shutdown = turn {
                connection.sending = Sending::Ending;
            }
            if let Err(cause) = self.flush(connection) {
                return Verdict::Goes(cause);
            }
            if let Turn::Close(cause) = turn {
                return Verdict::Goes(cause);
            }
            if connection.unsent.is_some() {
                break Interest::Write;
            }
            turns += 1;
            match turn {
                Turn::Send | Turn::Shutdown if turns < MAX_TURNS => {}
                // Others first; a socket that can be written to is ready again at once.
                Turn::Send | Turn::Shutdown => break Interest::Write,
                Turn::Receive if connection.receiving == Receiving::Open => break Interest::Read,
                Turn::Receive | Turn::Wait | Turn::Close(_) => break Interest::None,
            }
        };
        if connection.outbox.is_some() {
            // What came while a message was sent in fragments.
            return self.send_frames(connection, interest);
        }
        if (connection.interest, interest) == (Interest::Read, Interest::Read) {
            return Verdict::Stays;
        }
        self.wait_for(connection, interest)
    }

    /// Watches a connection for what it needs next, and its peer's pace where that is to take bytes.
    #[inline(never)]
    fn wait_for<E>(&mut self, connection: &mut Connection<E>, interest: Interest) -> Verdict {
        match self.watch(connection, interest) {
            Verdict::Stays if matches!(interest, Interest::Write | Interest::Both) => {
                self.note_unsent(connection)
            }
            verdict => verdict,
        }
    }

    /// Has the engine note how much waits for the peer to take it; a peer that takes too little goes.
    pub(crate) fn note_unsent<E>(&self, connection: &mut Connection<E>) -> Verdict {
        // Where the kernel has just taken all there was, there is still more to come.
        let len = connection.unsent_len().max(1);
        match connection.session.unsent(&self.context, len) {
            Ok(()) => Verdict::Stays,
            Err(cause) => Verdict::Goes(cause),
        }
    }

    /// Sends what the engine has said, and keeps for later what the peer does not take.
    #[inline(always)]
    fn flush<E>(&mut self, connection: &mut Connection<E>) -> Result<(), Cause> {
        let len = self.queue.len() + self.rest.len;
        if len > 0 {
            let is_sealed = connection.channel.is_some();
            let transfer = match self.send.get(..len) {
                Some(bytes) if self.queue.copied_len() == len && !is_sealed => {
                    connection.send(bytes)
                }
                _ => {
                    self.flush_any(connection)?;
                    Transfer::Done(len)
                }
            };
            match transfer {
                Transfer::Done(sent) if sent == len => {}
                Transfer::Done(sent) => self.keep(connection, sent),
                Transfer::Blocked => self.keep(connection, 0),
                Transfer::Broken => {
                    self.forget_output();
                    return Err(Cause::Peer);
                }
            }
            self.forget_output();
        }
        if connection.sending == Sending::Ending && connection.unsent.is_none() {
            connection.end_sending();
        }
        Ok(())
    }

    #[inline]
    fn forget_output(&mut self) {
        self.queue.clear();
        self.rest.clear();
    }

    /// Watches a connection for what it needs next.
    #[inline]
    fn watch<E>(&mut self, connection: &mut Connection<E>, interest: Interest) -> Verdict {
        match (connection.interest, interest) {
            (Interest::Read, Interest::None) => connection.interest = Interest::Lazy,
            (Interest::Lazy, Interest::Read) => connection.interest = Interest::Read,
            (Interest::Lazy, Interest::None) => {}
            (now, next) if now == next => {}
            _ => return self.modify(connection, interest),
        }
        Verdict::Stays
    }

    /// Tells the poller what a connection needs next.
    fn modify<E>(&mut self, connection: &mut Connection<E>, interest: Interest) -> Verdict {
        let index = Name::from_u64(self.context.connection).key.index;
        let socket = connection.as_fd();
        if let Err(error) = self.poller.modify(socket, index as usize, interest) {
            log::error!("cannot watch a connection: {error}");
            return Verdict::Goes(Cause::Peer);
        }
        connection.interest = interest;
        Verdict::Stays
    }

    /// Keeps what is left of the output when its first `sent` bytes are sent.
    #[inline(never)]
    fn keep<E>(&mut self, connection: &mut Connection<E>, sent: usize) {
        let rest = core::mem::take(&mut self.rest.bytes);
        let file = self.rest.file.take();
        let mut unsent = Unsent::new(&self.queue, &self.send, rest, file, &mut self.pool);
        unsent.advance(sent);
        connection.unsent = Some(Box::new(unsent));
    }

    /// The peer takes bytes again: sends what was kept, and goes on when that is all.
    pub(crate) fn send_on<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
    ) -> Verdict {
        if let Some(mut unsent) = connection.unsent.take() {
            if unsent.memory_len() > 0 {
                match unsent.slices(|slices| connection.send_vectored(slices)) {
                    Transfer::Done(sent) => unsent.advance(sent),
                    Transfer::Blocked => {}
                    Transfer::Broken => return Verdict::Goes(Cause::Peer),
                }
                if unsent.memory_len() > 0 {
                    connection.unsent = Some(unsent);
                    return self.note_unsent(connection);
                }
            }
            let file = unsent.file().take();
            unsent.recycle(&mut self.pool);
            if let Some(file) = file {
                if let Err(cause) = self.send_file(connection, file) {
                    return Verdict::Goes(cause);
                }
                if connection.unsent.is_some() {
                    return self.note_unsent(connection);
                }
            }
        }
        if connection.handshake_deadline().is_some() {
            return self.go_on_shaking(connection);
        }
        if connection.outbox.is_some() {
            if let Err(cause) = self.send_outbox(connection) {
                return Verdict::Goes(cause);
            }
            if connection.has_outbox() || connection.unsent.is_some() {
                return self.note_unsent(connection);
            }
        }
        if connection.sending == Sending::Ending {
            connection.end_sending();
        }
        self.all_sent(application, connection)
    }

    /// A socket is ready that is not watched for bytes that have come alone.
    #[inline(never)]
    pub(crate) fn take_event<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        buffer: &mut [u8],
        readiness: Readiness,
    ) -> Verdict {
        match (connection.interest, readiness) {
            (Interest::Read, _) => self.receive(application, connection, buffer),
            (Interest::Write, _) => self.send_on(application, connection),
            (Interest::Both, _) => self.send_and_receive(application, connection, buffer),
            // It waits for the application; only its end can have been reported.
            (Interest::None | Interest::Lazy, Readiness::Closed) => Verdict::Goes(Cause::Peer),
            // What has come stays where it is, and the poller has to know.
            (Interest::Lazy, Readiness::Ready) => self.modify(connection, Interest::None),
            (Interest::None, Readiness::Ready) => Verdict::Stays,
        }
    }

    /// Nothing waits for the peer any more: goes on.
    fn all_sent<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
    ) -> Verdict {
        match connection.session.unsent(&self.context, 0) {
            Ok(()) => self.go_on(application, connection),
            Err(cause) => Verdict::Goes(cause),
        }
    }

    /// Answers a deferred exchange, and goes on.
    pub(crate) fn answer<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        ticket: Ticket,
        answer: &Answer,
    ) -> Verdict {
        let mut output = Output::with_overflow(&mut self.send, &mut self.queue, &mut self.rest);
        let mut send = |reply: Reply<'_>| answer.send(reply);
        let session = &mut connection.session;
        if !session.answer(ticket, application, &self.context, &mut output, &mut send) {
            return Verdict::Stays;
        }
        if let Some(unsent) = &mut connection.unsent {
            // Answers to earlier requests are on their way.
            if connection.channel.is_some() {
                if let Err(cause) = self.flush_sealed(connection) {
                    return Verdict::Goes(cause);
                }
            } else {
                unsent.append(&self.queue, &self.send, &self.rest.bytes);
                self.forget_output();
            }
            return match connection.session.unsent(&self.context, 0) {
                Ok(()) => self.note_unsent(connection),
                Err(cause) => Verdict::Goes(cause),
            };
        }
        match self.flush(connection) {
            Ok(()) if connection.unsent.is_some() => self.wait_for(connection, Interest::Write),
            Ok(()) => self.go_on(application, connection),
            Err(cause) => Verdict::Goes(cause),
        }
    }
}

/// Lends what inflates with the input, and what compresses beside it.
#[inline(always)]
fn lend<'b>(
    input: Input<'b>,
    codecs: &'b mut Option<Box<Codecs>>,
) -> (Input<'b>, Option<&'b mut Deflater>) {
    match codecs.as_deref_mut() {
        None => (input, None),
        Some(Codecs { inflater, deflater }) => (input.with_inflater(inflater), Some(deflater)),
    }
}

/// What may come behind the `len` bytes there are.
const fn outlook<E>(connection: &Connection<E>, len: usize, max_len: usize) -> Outlook {
    match connection.receiving {
        Receiving::Open if len < max_len => Outlook::More,
        Receiving::Open => Outlook::Full,
        Receiving::Ended => Outlook::Ended,
    }
}
