//! A client's connection without its stream: the engine's machine, and its bytes.

use kinglet_core::Limits;
use kinglet_core::http::client::{Connection, Event, Request};
use kinglet_core::http::{Field, Fields, Response};

use super::Failure;
use crate::wire::{Buffers, Wire};

/// One exchange after the other.
#[derive(Debug)]
pub(crate) struct Exchange<'b> {
    wire: Wire<'b>,
    connection: Connection,
    limits: Limits,
    /// What was come to last; what it speaks of lies in the wire.
    event: Event,
    /// Whether that has not been handed over yet.
    is_news: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Read some bytes.
    Read,
    /// An event is there.
    News,
}

impl<'b> Exchange<'b> {
    pub(crate) const fn new(buffers: Buffers<'b>, limits: Limits) -> Self {
        Self {
            wire: Wire::new(buffers),
            connection: Connection::new(),
            limits,
            event: Event::Receive,
            is_news: false,
        }
    }

    pub(crate) const fn wire(&mut self) -> &mut Wire<'b> {
        &mut self.wire
    }

    pub(crate) fn request(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        let connection = &mut self.connection;
        self.wire
            .turn(|input, output| connection.request(request, input, output))?;
        (self.event, self.is_news) = (Event::Receive, false);
        Ok(())
    }

    /// Copies content into the output, as much as there is room for.
    pub(crate) fn put(&mut self, data: &[u8]) -> Result<usize, Failure> {
        let connection = &mut self.connection;
        Ok(self.wire.turn(|_, output| connection.write(data, output))?)
    }

    /// Whether `data` may be sent from where it lies, and is too long to be copied.
    pub(crate) fn is_passable(&mut self, data: &[u8]) -> bool {
        let room = self.wire.turn(|_, output| output.room());
        data.len() > room && data.len() as u64 <= self.connection.passable()
    }

    pub(crate) const fn passed(&mut self, len: usize) {
        self.connection.pass(len);
    }

    pub(crate) fn finish(&mut self, trailers: &[Field<'_>]) -> Result<(), Failure> {
        let connection = &mut self.connection;
        Ok(self
            .wire
            .turn(|_, output| connection.finish(trailers, output))?)
    }

    /// Whether the output has to be sent before [`finish`](Self::finish) or more content.
    pub(crate) const fn is_full(result: &Result<(), Failure>) -> bool {
        matches!(
            result,
            Err(Failure::Request(
                kinglet_core::http::client::SendError::Full
            ))
        )
    }

    /// Goes on to the next event, if that is here.
    pub(crate) fn advance(&mut self) -> Result<Progress, Failure> {
        if self.is_news {
            return Ok(Progress::News);
        }
        let (connection, limits) = (&mut self.connection, &self.limits);
        let event = self.wire.turn(|input, _| connection.step(limits, input))?;
        self.event = event;
        match event {
            Event::Receive if self.connection.is_busy() => Ok(Progress::Read),
            Event::Receive => Err(Failure::NotAsked),
            Event::Closed => Err(Failure::Closed),
            Event::Head | Event::Data { .. } | Event::End { .. } => {
                self.is_news = true;
                Ok(Progress::News)
            }
        }
    }

    /// Whether the response has come already, and what is left of the request need not be sent.
    pub(crate) fn is_answered(&mut self) -> Result<bool, Failure> {
        let is_answered = self.advance()? == Progress::News;
        if is_answered {
            self.wire.drop_unsent();
        }
        Ok(is_answered)
    }

    /// The head that has come. Another event is left for [`data`](Self::data).
    pub(crate) fn response(&mut self) -> Result<Response<'_>, Failure> {
        let response = match self.event {
            Event::Head if self.is_news => self.connection.response(self.wire.remaining()),
            Event::Head
            | Event::Receive
            | Event::Data { .. }
            | Event::End { .. }
            | Event::Closed => None,
        };
        self.is_news &= response.is_none();
        response.ok_or(Failure::NotAsked)
    }

    /// The content that has come; `None` at its end.
    pub(crate) fn data(&mut self) -> Option<&[u8]> {
        self.is_news = false;
        match self.event {
            Event::Data { .. } => Some(self.event.data(self.wire.remaining())),
            Event::Receive | Event::Head | Event::End { .. } | Event::Closed => None,
        }
    }

    /// Whether the head has come and was not asked for: it is passed over by who reads content.
    pub(crate) fn is_head(&self) -> bool {
        self.event == Event::Head
    }

    /// Lets the head go.
    pub(crate) const fn pass_over(&mut self) {
        self.is_news = false;
    }

    /// Whether the content has been read to its end.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.event, Event::End { .. })
    }

    pub(crate) fn trailers(&self) -> Fields<'_> {
        self.event.trailers(self.wire.remaining())
    }

    /// Whether another request may follow.
    pub(crate) const fn is_reusable(&self) -> bool {
        self.connection.persists() && !self.connection.is_busy()
    }
}
