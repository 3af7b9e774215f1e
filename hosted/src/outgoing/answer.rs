//! What has come of an answer, handed to the application piece by piece.

use kinglet_core::Input;
use kinglet_core::http::client::Event;
use kinglet_core::http::{Error, Framing, Method, Response, Status, SyntaxError};
use kinglet_core::window::Outlook;

use super::ClientOptions;
use super::exchange::{Failure, Progress};
use super::upstream::Upstream;

impl Upstream {
    /// Hands what has come to `take`. Answers whether to look again at once.
    pub(super) fn progress(
        &mut self,
        options: &ClientOptions,
        take: impl FnOnce(Progress<'_>) -> usize,
    ) -> bool {
        if self.event.is_none() && self.failure.is_none() && !self.notes.is_over {
            self.step(options);
        }
        if let Some(failure) = &self.failure {
            take(Progress::Failed(failure));
            return false;
        }
        let bytes: &[u8] = match &mut self.unread {
            Some(unread) => unread.remaining(),
            None => &[],
        };
        match self.event.take() {
            None | Some(Event::Receive | Event::Closed) => {
                take(Progress::Wait);
                false
            }
            Some(Event::Head) => {
                let Some(response) = self.machine.response(bytes) else {
                    return false;
                };
                self.notes.is_switched = response.status() == Status::SWITCHING_PROTOCOLS;
                match whole_content(&response, self.method, bytes) {
                    Some(content) => {
                        take(Progress::Whole(response, content));
                        self.skip_content(options);
                        false
                    }
                    None => {
                        take(Progress::Head(response));
                        true
                    }
                }
            }
            Some(Event::Data { start, end }) => {
                let data = bytes.get(start + self.taken..end).unwrap_or_default();
                let taken = take(Progress::Data(data)).min(data.len());
                if taken == data.len() {
                    self.taken = 0;
                    return true;
                }
                self.taken += taken;
                self.event = Some(Event::Data { start, end });
                false
            }
            Some(event @ Event::End { .. }) => {
                self.notes.is_over = true;
                take(Progress::End(event.trailers(bytes)));
                false
            }
        }
    }

    /// Reads on in what has come, to the next event.
    fn step(&mut self, options: &ClientOptions) {
        let Some(unread) = &mut self.unread else {
            if self.notes.has_ended {
                self.fail(Failure::Closed);
            }
            return;
        };
        let outlook = if self.notes.has_ended {
            Outlook::Ended
        } else if unread.len() >= options.max_buffer_len {
            Outlook::Full
        } else {
            Outlook::More
        };
        let mut input = Input::new(unread.remaining(), outlook);
        let result = self.machine.step(&options.limits, &mut input);
        let (consumed, remaining) = (input.consumed(), input.remaining().len());
        unread.keep(consumed, remaining);
        match result {
            Ok(Event::Receive) => {}
            Ok(Event::Closed) => self.fail(Failure::Closed),
            Ok(event) => self.event = Some(event),
            Err(Error::Syntax(SyntaxError::Truncated)) => self.fail(Failure::Broken),
            Err(error) => self.fail(Failure::Invalid(error)),
        }
    }

    /// Passes over content that was handed over with its head.
    fn skip_content(&mut self, options: &ClientOptions) {
        self.step(options);
        while let Some(Event::Data { .. }) = self.event {
            self.event = None;
            self.step(options);
        }
        if let Some(Event::End { .. }) = self.event {
            self.event = None;
            self.notes.is_over = true;
        }
    }
}

/// The content of a response, where all of it lies behind the head.
fn whole_content<'b>(
    response: &Response<'_>,
    method: Method<'_>,
    bytes: &'b [u8],
) -> Option<&'b [u8]> {
    let behind = bytes.get(response.head_len()..)?;
    match response.framing(method) {
        Ok(Framing::None) => Some(&[]),
        Ok(Framing::Length(len)) => behind.get(..usize::try_from(len).ok()?),
        _ => None,
    }
}
