//! An HTTP client over a blocking stream.

use core::time::Duration;

use embedded_io::{Read, ReadReady, Write, WriteReady};
use kinglet_core::http::client::Request;
use kinglet_core::http::{Field, Fields, Response};
use kinglet_core::{Instant, Limits};

use super::{Came, Notices, Platform, Wrote, read, write};
use crate::client::{Error, Exchange, Failure, Progress};
use crate::wire::Buffers;

/// An HTTP client over one stream: one exchange after the other, for as long as the server agrees.
///
/// The input has to take a response's head, the output a request's; content of any length passes
/// through both. A device that reports to its server is in `examples/device_client.rs`.
#[derive(Debug)]
pub struct Http<'b, S, P> {
    stream: S,
    platform: P,
    exchange: Exchange<'b>,
    deadline: Option<Instant>,
}

impl<'b, S, P> Http<'b, S, P>
where
    S: Read + Write + ReadReady + WriteReady,
    P: Platform<S>,
{
    /// A client over a stream that is connected.
    #[must_use]
    pub const fn new(stream: S, platform: P, buffers: Buffers<'b>, limits: Limits) -> Self {
        Self {
            stream,
            platform,
            exchange: Exchange::new(buffers, limits),
            deadline: None,
        }
    }

    /// Has calls fail with [`Failure::Late`] from `deadline` on; the connection is to be given up then.
    pub const fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// What the stream runs on, as for its clock.
    pub const fn platform(&mut self) -> &mut P {
        &mut self.platform
    }

    /// The same, for a deadline so long from now.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.deadline = Some(self.platform.now().after(timeout));
    }

    /// Sends a request with all of its content, and waits for the response.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a server that answers early is none.
    pub fn ask(
        &mut self,
        request: &Request<'_>,
        content: &[u8],
    ) -> Result<Response<'_>, Error<S::Error>> {
        self.request(request)?;
        let sent = self.write(content).and_then(|()| self.finish(&[]));
        match sent {
            Ok(()) | Err(Error::Failed(Failure::Answered)) => self.response(),
            Err(error) => Err(error),
        }
    }

    /// Begins an exchange. The head leaves with the first of the content, or with the wait for the
    /// response.
    ///
    /// # Errors
    ///
    /// [`Failure::Request`], or the stream is broken.
    pub fn request(&mut self, request: &Request<'_>) -> Result<(), Error<S::Error>> {
        // A server that has closed the connection meanwhile, or said what nobody asked for.
        let spare = self.exchange.wire().spare();
        if !spare.is_empty() && self.stream.read_ready().map_err(Error::Stream)? {
            let len = self.stream.read(spare).map_err(Error::Stream)?;
            self.exchange.wire().received(len);
        }
        Ok(self.exchange.request(request)?)
    }

    /// Sends content. What is too long to be copied is sent from where it lies, where the length of the
    /// content was declared.
    ///
    /// # Errors
    ///
    /// [`Failure::Answered`], and what else a [`Failure`] can be while sending.
    pub fn write(&mut self, mut data: &[u8]) -> Result<(), Error<S::Error>> {
        if self.exchange.is_passable(data) {
            self.send()?;
            while let Some(len) = self.write_some(data)? {
                self.exchange.passed(len);
                data = data.get(len..).unwrap_or_default();
            }
            return Ok(());
        }
        while !data.is_empty() {
            match self.exchange.put(data)? {
                0 => self.send()?,
                len => data = data.get(len..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Ends the content, with a trailer section where its length was not declared.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn finish(&mut self, trailers: &[Field<'_>]) -> Result<(), Error<S::Error>> {
        let mut finished = self.exchange.finish(trailers);
        if Exchange::is_full(&finished) {
            self.send()?;
            finished = self.exchange.finish(trailers);
        }
        Ok(finished?)
    }

    /// Waits for the response. Interim ones are passed over.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub fn response(&mut self) -> Result<Response<'_>, Error<S::Error>> {
        self.advance()?;
        Ok(self.exchange.response()?)
    }

    /// The next part of the response's content, or `None` at its end.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub fn read(&mut self) -> Result<Option<&[u8]>, Error<S::Error>> {
        if self.exchange.has_ended() {
            return Ok(None);
        }
        self.advance()?;
        if self.exchange.is_head() {
            self.exchange.pass_over();
            self.advance()?;
        }
        Ok(self.exchange.data())
    }

    /// The trailer section, once [`read`](Self::read) has answered that the content has ended.
    pub fn trailers(&self) -> Fields<'_> {
        self.exchange.trailers()
    }

    /// Whether another request may follow: the response was read to its end, and neither side wants
    /// the connection closed.
    pub const fn is_reusable(&self) -> bool {
        self.exchange.is_reusable()
    }

    /// The stream, and what it runs on.
    pub fn into_parts(self) -> (S, P) {
        (self.stream, self.platform)
    }

    /// Goes on to the next event, when all of the output is sent.
    fn advance(&mut self) -> Result<(), Error<S::Error>> {
        match self.send() {
            Ok(()) | Err(Error::Failed(Failure::Answered)) => {}
            Err(error) => return Err(error),
        }
        while self.exchange.advance()? == Progress::Read {
            let spare = self.exchange.wire().spare();
            let (stream, platform) = (&mut self.stream, &mut self.platform);
            match read(stream, spare, self.deadline, Notices::Left, platform) {
                Ok(Came::Bytes(len)) => self.exchange.wire().received(len),
                Ok(Came::Late) => return Err(Failure::Late.into()),
                Ok(Came::Notice(_)) => {}
                Err(error) => return Err(Error::Stream(error)),
            }
        }
        Ok(())
    }

    /// Sends all that is in the output.
    fn send(&mut self) -> Result<(), Error<S::Error>> {
        let mut is_sent = false;
        while self.exchange.wire().unsent_len() > 0 {
            match write(&mut self.stream, self.exchange.wire().unsent()).map_err(Error::Stream)? {
                Wrote::Bytes(len) => self.exchange.wire().sent(len),
                Wrote::NotReady => self.wait_to_write()?,
                Wrote::Gone => return Err(Failure::Closed.into()),
            }
            is_sent = true;
        }
        if is_sent {
            self.stream.flush().map_err(Error::Stream)?;
        }
        Ok(())
    }

    /// Sends some of what the caller has, and answers how much; `None` when it is nothing.
    fn write_some(&mut self, data: &[u8]) -> Result<Option<usize>, Error<S::Error>> {
        while !data.is_empty() {
            match write(&mut self.stream, data).map_err(Error::Stream)? {
                Wrote::Bytes(len) => return Ok(Some(len)),
                Wrote::NotReady => self.wait_to_write()?,
                Wrote::Gone => return Err(Failure::Closed.into()),
            }
        }
        self.stream.flush().map_err(Error::Stream)?;
        Ok(None)
    }

    /// Waits for the server to take more, or to say that it wants no more.
    fn wait_to_write(&mut self) -> Result<(), Error<S::Error>> {
        let spare = self.exchange.wire().spare();
        if !spare.is_empty() && self.stream.read_ready().map_err(Error::Stream)? {
            let len = self.stream.read(spare).map_err(Error::Stream)?;
            self.exchange.wire().received(len);
            if self.exchange.is_answered()? {
                return Err(Failure::Answered.into());
            }
        }
        let is_late = |now: Instant| self.deadline.is_some_and(|at| now.has_reached(at));
        if is_late(self.platform.now()) {
            return Err(Failure::Late.into());
        }
        self.platform.idle(&mut self.stream, self.deadline);
        Ok(())
    }
}
