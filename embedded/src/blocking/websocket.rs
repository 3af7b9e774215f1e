//! A WebSocket client over a blocking stream.

use embedded_io::{Read, ReadReady, Write, WriteReady};
use kinglet_core::websocket::{CloseCode, Message, Opened, Opening, Part, Rest, SendError, Socket};
use kinglet_core::{Instant, Limits};

use super::{Came, Notices, Platform, Wrote, read, write};
use crate::client::{Channel, Error, Failure, Gathering, Handshake, Received, Step};
use crate::clock::is_late;
use crate::wire::Buffers;

/// A WebSocket to a server, over one stream.
///
/// Pings are answered, and sent into silence, while a call of [`receive`](Self::receive) or
/// [`receive_part`](Self::receive_part) lasts: call one of them at least as often as the server expects
/// a sign of life. What is sent leaves before the call returns; a server that takes too little of it
/// ends the WebSocket, by [`min_send_rate`](Limits::min_send_rate).
#[derive(Debug)]
pub struct WebSocket<'b, S, P> {
    stream: S,
    platform: P,
    channel: Channel<'b>,
}

impl<'b, S, P> WebSocket<'b, S, P>
where
    S: Read + Write + ReadReady + WriteReady,
    P: Platform<S>,
{
    /// Opens a WebSocket, until `deadline` at the latest. `random` draws four bytes that nobody can
    /// foresee.
    ///
    /// Compression is offered where the buffers have [codecs](Buffers::with_codecs).
    ///
    /// # Errors
    ///
    /// See [`Failure`]. The stream is of no more use.
    pub fn open<'c>(
        mut stream: S,
        mut platform: P,
        buffers: Buffers<'b>,
        limits: Limits,
        mut opening: Opening<'c>,
        random: fn() -> [u8; 4],
        deadline: Option<Instant>,
    ) -> Result<(Self, Opened<'c>), Error<S::Error>> {
        let mut handshake = Handshake::new(&mut opening, buffers, limits, random)?;
        while !handshake.unsent().is_empty() {
            match write(&mut stream, handshake.unsent()).map_err(Error::Stream)? {
                Wrote::Bytes(len) => handshake.sent(len),
                Wrote::NotReady if is_late(platform.now(), deadline) => {
                    return Err(Failure::Late.into());
                }
                Wrote::NotReady => platform.idle(&mut stream, deadline),
                Wrote::Gone => return Err(Failure::Closed.into()),
            }
        }
        stream.flush().map_err(Error::Stream)?;
        let opened = loop {
            if let Some(opened) = handshake.check(&opening)? {
                break opened;
            }
            let spare = handshake.wire().spare();
            match read(&mut stream, spare, deadline, Notices::Left, &mut platform) {
                Ok(Came::Bytes(len)) => handshake.wire().received(len),
                Ok(Came::Late) => return Err(Failure::Late.into()),
                Ok(Came::Notice(_)) => {}
                Err(error) => return Err(Error::Stream(error)),
            }
        };
        let websocket = Self {
            stream,
            platform,
            channel: handshake.open(&opened),
        };
        Ok((websocket, opened))
    }

    /// Sends a message: in one frame, or in fragments where it is longer than the output.
    ///
    /// # Errors
    ///
    /// [`Failure::Message`], [`Failure::Slow`], or the stream is broken.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error<S::Error>> {
        let message = message.into();
        match self.say(|socket| socket.send(message)) {
            Err(Error::Failed(Failure::Message(SendError::TooLong))) => {}
            result => return result,
        }
        let mut from = Some(0);
        while let Some(at) = from {
            self.tell();
            from = self.channel.say_part(message, at).map_err(Failure::from)?;
            self.flush()?;
        }
        Ok(())
    }

    /// Sends a part of a message whose length is not known; it has to fit the output.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn fragment<'m>(
        &mut self,
        data: impl Into<Message<'m>>,
        rest: Rest,
    ) -> Result<(), Error<S::Error>> {
        let data = data.into();
        self.say(|socket| socket.fragment(data, rest))
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        self.say(|socket| socket.ping(payload))
    }

    /// Begins the closing handshake; [`receive`](Self::receive) tells its end.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error<S::Error>> {
        self.say(|socket| socket.close(code, reason))
    }

    /// Waits for a message, until then at the latest, and puts it into `into`. One that is longer ends
    /// the WebSocket. So as not to wait, give the time that it is.
    ///
    /// # Errors
    ///
    /// [`Failure::Closed`] after the end, [`Failure::Slow`], or the stream is broken.
    pub fn receive<'m>(
        &mut self,
        into: &'m mut [u8],
        until: Option<Instant>,
    ) -> Result<Received<Message<'m>>, Error<S::Error>> {
        let mut gathering = Gathering::new(into);
        loop {
            // A message that has begun is waited for: what has come of it could not be given back.
            let until = until.filter(|_| gathering.is_empty());
            match self.receive_part(until, |part, socket| gathering.take(part, socket))? {
                Received::Message(()) if gathering.is_whole() => {
                    return Ok(Received::Message(gathering.message()));
                }
                Received::Message(()) => {}
                Received::Nothing => return Ok(Received::Nothing),
                Received::Closed(close) => return Ok(Received::Closed(close)),
            }
        }
    }

    /// Waits for a part of a message, until then at the latest, and hands it to `on_part`, which can
    /// answer at once with as much as there is room for.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_part(
        &mut self,
        until: Option<Instant>,
        mut on_part: impl FnMut(Part<'_>, &mut Socket<'_>),
    ) -> Result<Received<()>, Error<S::Error>> {
        loop {
            self.tell();
            let step = self.channel.step(&mut on_part)?;
            self.flush()?;
            match step {
                Step::Again => {}
                Step::Part => return Ok(Received::Message(())),
                Step::Closed(close) => return Ok(Received::Closed(close)),
                Step::Shutdown => {
                    let closed = self.platform.close_sending(&mut self.stream);
                    closed.map_err(Error::Stream)?;
                }
                Step::Read(deadline) => {
                    let first = [deadline, until]
                        .into_iter()
                        .flatten()
                        .reduce(Instant::earlier);
                    let spare = self.channel.wire().spare();
                    let (stream, platform) = (&mut self.stream, &mut self.platform);
                    match read(stream, spare, first, Notices::Left, platform) {
                        Ok(Came::Bytes(len)) => self.channel.wire().received(len),
                        Ok(Came::Late) if is_late(self.platform.now(), until) => {
                            return Ok(Received::Nothing);
                        }
                        Ok(Came::Late | Came::Notice(_)) => {}
                        Err(error) => return Err(Error::Stream(error)),
                    }
                }
            }
        }
    }

    /// What the stream runs on, as for its clock.
    pub const fn platform(&mut self) -> &mut P {
        &mut self.platform
    }

    /// The stream, and what it runs on.
    pub fn into_parts(self) -> (S, P) {
        (self.stream, self.platform)
    }

    fn tell(&mut self) {
        self.channel.tell(self.platform.now());
    }

    fn say(
        &mut self,
        say: impl FnOnce(&mut Socket<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error<S::Error>> {
        self.tell();
        self.channel.say(say).map_err(Failure::from)?;
        self.flush()
    }

    /// Sends all that is in the output.
    fn flush(&mut self) -> Result<(), Error<S::Error>> {
        let mut is_sent = false;
        while self.channel.wire().unsent_len() > 0 {
            let len = match write(&mut self.stream, self.channel.wire().unsent()) {
                Ok(Wrote::Bytes(len)) => len,
                Ok(Wrote::NotReady) => 0,
                Ok(Wrote::Gone) => return Err(Failure::Closed.into()),
                Err(error) => return Err(Error::Stream(error)),
            };
            self.tell();
            let until = self.channel.sent(len)?;
            if len == 0 {
                self.platform.idle(&mut self.stream, until);
            }
            is_sent = true;
        }
        if is_sent {
            self.stream.flush().map_err(Error::Stream)?;
        }
        Ok(())
    }
}
