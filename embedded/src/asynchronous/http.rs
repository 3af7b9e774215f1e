//! An HTTP client over an asynchronous stream.

use core::time::Duration;

use embedded_io_async::{Read, Write};
use kinglet_core::http::client::Request;
use kinglet_core::http::{Field, Fields, Response};
use kinglet_core::{Instant, Limits};

use super::Platform;
use super::race::{First, Notices, race};
use crate::client::{Error, Exchange, Failure, Progress};
use crate::wire::Buffers;

/// An HTTP client over one stream: one exchange after the other, for as long as the server agrees.
///
/// The input has to take a response's head, the output a request's; content of any length passes
/// through both. A server that answers before it has all of the content is not listened to before it is
/// sent: where that breaks the stream, [`response`](Self::response) may still tell the answer.
#[derive(Debug)]
pub struct Http<'b, S, P> {
    stream: S,
    platform: P,
    exchange: Exchange<'b>,
    deadline: Option<Instant>,
}

impl<'b, S, P> Http<'b, S, P>
where
    S: Read + Write,
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

    /// The same, for a deadline so long from now.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.deadline = Some(self.platform.now().after(timeout));
    }

    /// Sends a request with all of its content, and waits for the response.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn ask(
        &mut self,
        request: &Request<'_>,
        content: &[u8],
    ) -> Result<Response<'_>, Error<S::Error>> {
        self.request(request).await?;
        self.write(content).await?;
        self.finish(&[]).await?;
        self.response().await
    }

    /// Begins an exchange. The head leaves with the first of the content, or with the wait for the
    /// response.
    ///
    /// # Errors
    ///
    /// [`Failure::Request`], or the stream is broken.
    pub async fn request(&mut self, request: &Request<'_>) -> Result<(), Error<S::Error>> {
        // A server that has closed the connection meanwhile, or said what nobody asked for.
        let spare = self.exchange.wire().spare();
        if !spare.is_empty() {
            let now = Some(self.platform.now());
            let came = race(self.stream.read(spare), now, Notices::Left, &self.platform).await;
            if let First::Done(len) = came {
                self.exchange.wire().received(len.map_err(Error::Stream)?);
            }
        }
        Ok(self.exchange.request(request)?)
    }

    /// Sends content. What is too long to be copied is sent from where it lies, where the length of the
    /// content was declared.
    ///
    /// # Errors
    ///
    /// What a [`Failure`] can be while sending.
    pub async fn write(&mut self, mut data: &[u8]) -> Result<(), Error<S::Error>> {
        if self.exchange.is_passable(data) {
            self.send().await?;
            while !data.is_empty() {
                let (stream, platform) = (&mut self.stream, &self.platform);
                let len = write(stream, data, self.deadline, platform).await?;
                self.exchange.passed(len);
                data = data.get(len..).unwrap_or_default();
            }
            return self.stream.flush().await.map_err(Error::Stream);
        }
        while !data.is_empty() {
            match self.exchange.put(data)? {
                0 => self.send().await?,
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
    pub async fn finish(&mut self, trailers: &[Field<'_>]) -> Result<(), Error<S::Error>> {
        let mut finished = self.exchange.finish(trailers);
        if Exchange::is_full(&finished) {
            self.send().await?;
            finished = self.exchange.finish(trailers);
        }
        Ok(finished?)
    }

    /// Waits for the response. Interim ones are passed over.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn response(&mut self) -> Result<Response<'_>, Error<S::Error>> {
        self.advance().await?;
        Ok(self.exchange.response()?)
    }

    /// The next part of the response's content, or `None` at its end.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn read(&mut self) -> Result<Option<&[u8]>, Error<S::Error>> {
        if self.exchange.has_ended() {
            return Ok(None);
        }
        self.advance().await?;
        if self.exchange.is_head() {
            self.exchange.pass_over();
            self.advance().await?;
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
    async fn advance(&mut self) -> Result<(), Error<S::Error>> {
        self.send().await?;
        while self.exchange.advance()? == Progress::Read {
            let spare = self.exchange.wire().spare();
            let read = self.stream.read(spare);
            match race(read, self.deadline, Notices::Left, &self.platform).await {
                First::Done(Ok(len)) => self.exchange.wire().received(len),
                First::Done(Err(error)) => return Err(Error::Stream(error)),
                First::Notice(_) | First::Late => return Err(Failure::Late.into()),
            }
        }
        Ok(())
    }

    /// Sends all that is in the output.
    async fn send(&mut self) -> Result<(), Error<S::Error>> {
        if self.exchange.wire().unsent_len() == 0 {
            return Ok(());
        }
        while self.exchange.wire().unsent_len() > 0 {
            let (stream, platform) = (&mut self.stream, &self.platform);
            let unsent = self.exchange.wire().unsent();
            let len = write(stream, unsent, self.deadline, platform).await?;
            self.exchange.wire().sent(len);
        }
        self.stream.flush().await.map_err(Error::Stream)
    }
}

/// Writes some bytes, until then at the latest, and answers how many; not none.
pub(super) async fn write<S: Write, P: Platform<S>>(
    stream: &mut S,
    bytes: &[u8],
    deadline: Option<Instant>,
    platform: &P,
) -> Result<usize, Error<S::Error>> {
    match race(stream.write(bytes), deadline, Notices::Left, platform).await {
        First::Done(Ok(0)) => Err(Failure::Closed.into()),
        First::Done(Ok(len)) => Ok(len),
        First::Done(Err(error)) => Err(Error::Stream(error)),
        First::Notice(_) | First::Late => Err(Failure::Late.into()),
    }
}
