//! A WebSocket client over an asynchronous stream.

use embedded_io_async::{Read, Write};
use kinglet_core::websocket::{CloseCode, Message, Opened, Opening, Part, Rest, SendError, Socket};
use kinglet_core::{Instant, Limits};

use super::Platform;
use super::race::{First, Notices, race, write};
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
    S: Read + Write,
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
    pub async fn open<'c>(
        mut stream: S,
        platform: P,
        buffers: Buffers<'b>,
        limits: Limits,
        mut opening: Opening<'c>,
        random: fn() -> [u8; 4],
        deadline: Option<Instant>,
    ) -> Result<(Self, Opened<'c>), Error<S::Error>> {
        let mut handshake = Handshake::new(&mut opening, buffers, limits, random)?;
        while !handshake.unsent().is_empty() {
            let unsent = handshake.unsent();
            let len = super::http::write(&mut stream, unsent, deadline, &platform).await?;
            handshake.sent(len);
        }
        stream.flush().await.map_err(Error::Stream)?;
        let opened = loop {
            if let Some(opened) = handshake.check(&opening)? {
                break opened;
            }
            let read = stream.read(handshake.wire().spare());
            match race(read, deadline, Notices::Left, &platform).await {
                First::Done(Ok(len)) => handshake.wire().received(len),
                First::Done(Err(error)) => return Err(Error::Stream(error)),
                First::Notice(_) | First::Late => return Err(Failure::Late.into()),
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
    pub async fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
    ) -> Result<(), Error<S::Error>> {
        let message = message.into();
        match self.say(|socket| socket.send(message)).await {
            Err(Error::Failed(Failure::Message(SendError::TooLong))) => {}
            result => return result,
        }
        let mut from = Some(0);
        while let Some(at) = from {
            self.tell();
            from = self.channel.say_part(message, at).map_err(Failure::from)?;
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends a part of a message whose length is not known; it has to fit the output.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn fragment<'m>(
        &mut self,
        data: impl Into<Message<'m>>,
        rest: Rest,
    ) -> Result<(), Error<S::Error>> {
        let data = data.into();
        self.say(|socket| socket.fragment(data, rest)).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        self.say(|socket| socket.ping(payload)).await
    }

    /// Begins the closing handshake; [`receive`](Self::receive) tells its end.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error<S::Error>> {
        self.say(|socket| socket.close(code, reason)).await
    }

    /// Waits for a message, until then at the latest, and puts it into `into`. One that is longer ends
    /// the WebSocket. So as not to wait, give the time that it is.
    ///
    /// # Errors
    ///
    /// [`Failure::Closed`] after the end, [`Failure::Slow`], or the stream is broken.
    pub async fn receive<'m>(
        &mut self,
        into: &'m mut [u8],
        until: Option<Instant>,
    ) -> Result<Received<Message<'m>>, Error<S::Error>> {
        let mut gathering = Gathering::new(into);
        loop {
            // A message that has begun is waited for: what has come of it could not be given back.
            let until = until.filter(|_| gathering.is_empty());
            match self
                .receive_part(until, |part, socket| gathering.take(part, socket))
                .await?
            {
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
    pub async fn receive_part(
        &mut self,
        until: Option<Instant>,
        mut on_part: impl FnMut(Part<'_>, &mut Socket<'_>),
    ) -> Result<Received<()>, Error<S::Error>> {
        loop {
            self.tell();
            let step = self.channel.step(&mut on_part)?;
            self.flush().await?;
            match step {
                Step::Again => {}
                Step::Part => return Ok(Received::Message(())),
                Step::Closed(close) => return Ok(Received::Closed(close)),
                Step::Shutdown => {
                    let closed = self.platform.close_sending(&mut self.stream).await;
                    closed.map_err(Error::Stream)?;
                }
                Step::Read(deadline) => {
                    let first = [deadline, until]
                        .into_iter()
                        .flatten()
                        .reduce(Instant::earlier);
                    let spare = self.channel.wire().spare();
                    let read = self.stream.read(spare);
                    match race(read, first, Notices::Left, &self.platform).await {
                        First::Done(Ok(len)) => self.channel.wire().received(len),
                        First::Done(Err(error)) => return Err(Error::Stream(error)),
                        First::Late if is_late(self.platform.now(), until) => {
                            return Ok(Received::Nothing);
                        }
                        First::Late | First::Notice(_) => {}
                    }
                }
            }
        }
    }

    /// The stream, and what it runs on.
    pub fn into_parts(self) -> (S, P) {
        (self.stream, self.platform)
    }

    fn tell(&mut self) {
        self.channel.tell(self.platform.now());
    }

    async fn say(
        &mut self,
        say: impl FnOnce(&mut Socket<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error<S::Error>> {
        self.tell();
        self.channel.say(say).map_err(Failure::from)?;
        self.flush().await
    }

    /// Sends all that is in the output.
    async fn flush(&mut self) -> Result<(), Error<S::Error>> {
        if self.channel.wire().unsent_len() == 0 {
            return Ok(());
        }
        let mut until = None;
        while self.channel.wire().unsent_len() > 0 {
            let (bytes, stuck) = self.channel.writing();
            let written = write(&mut self.stream, bytes, until, stuck, &self.platform).await;
            let len = match written {
                Ok(Some(0)) => return Err(Failure::Closed.into()),
                Ok(len) => len.unwrap_or(0),
                Err(error) => return Err(Error::Stream(error)),
            };
            self.tell();
            until = self.channel.sent(len)?;
        }
        self.stream.flush().await.map_err(Error::Stream)
    }
}
