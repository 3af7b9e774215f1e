//! The way back: what a backend answers, or that it does not.

use kinglet_core::http::{
    Field, Framing, Handled, Length, Method, Reply, Response, Status, Stream, Version,
};
use kinglet_hosted::outgoing::{Failure, Outgoing, Progress};

use super::exchange::{Content, Passing};
use super::{PLAIN, Proxy, unavailable};
use crate::backends::{Backends, Where};
use crate::balance::Latency;
use crate::balance::sticky::{SET_COOKIE_LEN, Security};
use crate::headers;
pub(super) use crate::lines::Fields;
use crate::outlier::Outcome;
use crate::pool;
use crate::retry;

/// What comes of looking.
enum Next {
    Wait,
    Done(Handled),
    /// It has failed in this way, for this reason.
    Failed(retry::Failure, String, Status),
}

impl Proxy {
    /// Something has come for a request that is not answered: an answer, a failure, room for content, or
    /// its turn or its end in the queue.
    pub(super) fn go_on(&mut self, passing: &mut Passing, reply: Reply<'_>) -> Handled {
        let now = self.backends.borrow().now();
        if passing.deadline.is_some_and(|deadline| deadline <= now) {
            let underway = passing.underway.take();
            let why = "not answered in time, all tries together";
            return self.give_up(passing, Status::GATEWAY_TIMEOUT, why, underway, reply);
        }
        if let Some(waiting) = passing.waiting.take() {
            if self.backends.borrow_mut().has_expired(passing.pool) {
                return unavailable(reply, "no backend had room in time");
            }
            self.lines = waiting.lines.clone();
            return self.send(passing, &waiting.head(), reply);
        }
        let Some(mut outgoing) = passing.outgoing.take() else {
            return reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"");
        };
        let mut reply = Some(reply);
        let mut next = Next::Wait;
        outgoing.read(|progress| {
            match progress {
                Progress::Head(response) => {
                    self.answer(passing, &response, None, &mut reply, &mut next)
                }
                Progress::Whole(response, content) => {
                    self.answer(passing, &response, Some(content), &mut reply, &mut next);
                }
                Progress::Failed(failure) => next = failed(failure),
                _ => {}
            }
            0
        });
        match (next, reply) {
            (Next::Done(handled), _) => {
                passing.outgoing = Some(outgoing);
                handled
            }
            (Next::Failed(failure, why, status), Some(reply)) => {
                self.try_again(passing, outgoing, failure, (&why, status), reply)
            }
            (_, Some(reply)) => {
                passing.outgoing = Some(outgoing);
                match passing.content {
                    Content::Coming => reply.receive(),
                    Content::Whole => reply.later().1,
                }
            }
            (_, None) => unreachable!("a reply is used up by an answer alone"),
        }
    }

    /// Passes a response on: all of it, or its head with the content to follow.
    fn answer(
        &mut self,
        passing: &mut Passing,
        response: &Response<'_>,
        content: Option<&[u8]>,
        reply: &mut Option<Reply<'_>>,
        next: &mut Next,
    ) {
        let status = response.status();
        let attempt = retry::Attempt {
            method: passing.method,
            tries: passing.tries,
            failure: retry::Failure::Status(status.code()),
            // Whether it was, is looked at before it is sent again.
            content: retry::Content::Kept,
        };
        let backends = self.backends.borrow();
        let may = backends
            .pool(passing.pool)
            .map(|pool| pool.retry.allow(&attempt));
        drop(backends);
        if may == Some(Ok(())) {
            let why = format!("answered {}", status.code());
            *next = Next::Failed(attempt.failure, why, status);
            return;
        }
        let Some(reply) = reply.take() else {
            return;
        };
        let mut via = [0; 80];
        let mut cookie = [0; SET_COOKIE_LEN];
        let fields = self.fields(passing, response, &mut via, &mut cookie);
        let Some(fields) = fields else {
            let text = b"the answer has too many field lines\n";
            *next = Next::Done(reply.send(Status::BAD_GATEWAY, &[PLAIN], text));
            return;
        };
        if let Some(underway) = passing.underway.take() {
            let latency = self.backends.borrow().now().saturating_sub(underway.began);
            let outcome = Outcome::of_status(status.code());
            if content.is_some() {
                underway.finish(Some(Latency::Answered(latency)), outcome);
            } else {
                // It counts there until the answer is whole.
                passing.underway = Some(underway);
                passing.latency = Some(latency);
                passing.outcome = outcome;
            }
        }
        passing.is_switched = status == Status::SWITCHING_PROTOCOLS;
        let method = passing.method;
        let pass = |reply: Reply<'_>| pass(reply, method, response, &fields, content);
        *next = Next::Done(if response.fields().value("date").is_some() {
            reply.relay(pass)
        } else {
            pass(reply)
        });
    }

    /// The field lines of an answer, `Via` and the cookie of a sticky session among them; `None` where
    /// they are too many.
    fn fields<'a>(
        &self,
        passing: &Passing,
        response: &Response<'a>,
        via: &'a mut [u8; 80],
        cookie: &'a mut [u8; SET_COOKIE_LEN],
    ) -> Option<Fields<'a>> {
        let mut fields = Fields::new();
        let mut fits = true;
        headers::end_to_end(response.fields(), |line| {
            if let Some(field) = Field::of_line(line) {
                fits &= fields.push(field).is_ok();
            }
        });
        if response.status() == Status::SWITCHING_PROTOCOLS
            && let Some(protocol) = response.fields().value("upgrade")
            && let Ok(field) = Field::new("Upgrade", protocol)
        {
            fits &= fields.push(field).is_ok();
        }
        let number: &[u8] = match response.version() {
            Version::Http10 => b"1.0 ",
            _ => b"1.1 ",
        };
        let name = self.name.as_bytes();
        let end = number.len() + name.len().min(via.len() - number.len());
        via[..number.len()].copy_from_slice(number);
        via[number.len()..end].copy_from_slice(&name[..end - number.len()]);
        if let Ok(field) = Field::new("Via", &via[..end]) {
            fits &= fields.push(field).is_ok();
        }
        if let Some(underway) = &passing.underway {
            let backends = self.backends.borrow();
            let sticky = backends
                .pool(passing.pool)
                .and_then(|pool| pool.sticky.as_ref());
            let token = backends.token(passing.pool, underway.id);
            if let (Some(sticky), Some(token)) = (sticky, token)
                && passing.token != Some(token)
            {
                let security = match self.scheme {
                    "https" => Security::Tls,
                    _ => Security::None,
                };
                let value = sticky.set_cookie(token, security, cookie)?;
                let field = Field::new("Set-Cookie", value).ok()?;
                fits &= fields.push(field).is_ok();
            }
        }
        fits.then_some(fields)
    }

    /// A try has failed: another one, where that is allowed, and else that is said.
    fn try_again(
        &mut self,
        passing: &mut Passing,
        mut outgoing: Outgoing,
        failure: retry::Failure,
        (why, status): (&str, Status),
        reply: Reply<'_>,
    ) -> Handled {
        let failure = match failure {
            retry::Failure::NoResponse if !outgoing.was_sent() => retry::Failure::NothingSent,
            failure => failure,
        };
        let underway = passing.underway.take();
        let id = underway.as_ref().map(|underway| underway.id);
        if let Some(id) = id {
            let name = self.backends.borrow().name(passing.pool, id);
            log::warn!("backend {name}: {why}");
        }
        let attempt = retry::Attempt {
            method: passing.method,
            tries: passing.tries,
            failure,
            content: if outgoing.can_retry() {
                retry::Content::Kept
            } else {
                retry::Content::Gone
            },
        };
        let may = self.backends.borrow_mut().may_retry(passing.pool, &attempt);
        if let Err(refusal) = may {
            log::warn!("not tried again: {refusal}");
            return self.give_up(passing, status, why, underway, reply);
        }
        self.tell_failure(underway);
        let request = pool::Request {
            key: passing.key,
            token: passing.token,
            tried: &passing.tried,
        };
        let Where::To(underway, destination) =
            Backends::pick(&self.backends, passing.pool, request)
        else {
            return self.give_up(passing, status, why, None, reply);
        };
        self.backends.borrow().note_retry(passing.pool, underway.id);
        passing.tries += 1;
        passing.tried.push(underway.id);
        let route = self
            .backends
            .borrow()
            .destination(passing.pool, destination, passing.client);
        let sent = outgoing.retry(route.id(), reply.ticket());
        route.done(&self.client);
        match sent {
            Ok(()) => {
                passing.outgoing = Some(outgoing);
                passing.underway = Some(underway);
                match passing.content {
                    Content::Coming => reply.receive(),
                    Content::Whole => reply.later().1,
                }
            }
            Err(error) => {
                log::warn!("cannot be sent again: {error}");
                self.give_up(passing, status, why, Some(underway), reply)
            }
        }
    }

    fn tell_failure(&self, underway: Option<crate::backends::Underway>) {
        if let Some(underway) = underway {
            let latency = self.backends.borrow().now().saturating_sub(underway.began);
            underway.finish(Some(Latency::Failed(latency)), Outcome::Failed);
        }
    }

    /// Says that a request has failed.
    fn give_up(
        &self,
        passing: &mut Passing,
        status: Status,
        why: &str,
        underway: Option<crate::backends::Underway>,
        reply: Reply<'_>,
    ) -> Handled {
        self.tell_failure(underway);
        passing.outgoing = None;
        let text = format!("{} {}\n", status.code(), status.reason());
        log::warn!("{}: {why}", status.code());
        reply.send(status, &[PLAIN], text.as_bytes())
    }
}

impl Passing {
    /// Goes on with an answer that is passed on in parts.
    pub(super) fn stream(&mut self, mut stream: Stream<'_>) -> Handled {
        let Some(outgoing) = &mut self.outgoing else {
            // The client was told the length of what it did not ask for.
            return stream.finish();
        };
        let mut has_room = true;
        let len = stream.content().len();
        if len > 0 {
            // Where nobody wants it any more, it does not go anywhere.
            has_room = outgoing.write(stream.content()).unwrap_or(true);
            stream.consume(len);
        }
        let content_ends = self.content == Content::Coming || self.is_switched;
        if content_ends && stream.content_has_ended() {
            self.content = Content::Whole;
            if self.is_switched {
                // A tunnel that one side has closed is of no use to the other.
                return stream.finish();
            }
            let _ = outgoing.finish(&[]);
        }
        let mut end = None;
        let mut wrote = false;
        while outgoing.read(|progress| match progress {
            Progress::Data(data) => {
                let taken = stream.write(data);
                wrote |= taken > 0;
                taken
            }
            Progress::End(_) => {
                end = Some(Ok(()));
                0
            }
            Progress::Failed(failure) => {
                end = Some(Err(failure.to_string()));
                0
            }
            _ => 0,
        }) {}
        match end {
            Some(Ok(())) => {
                self.tell(self.outcome);
                stream.finish()
            }
            Some(Err(why)) if self.is_switched => {
                log::debug!("a tunnel has ended: {why}");
                stream.finish()
            }
            Some(Err(why)) => {
                log::warn!("an answer is cut off: {why}");
                self.tell(Outcome::Failed);
                stream.abort()
            }
            None if stream.room() == 0 => stream.more(),
            None if has_room && content_ends && !stream.content_has_ended() => stream.receive(),
            None => stream.wait().1,
        }
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(underway) = self.underway.take() {
            underway.finish(self.latency.map(Latency::Answered), outcome);
        }
    }
}

/// Answers as a backend has.
fn pass(
    reply: Reply<'_>,
    method: Method<'_>,
    response: &Response<'_>,
    fields: &[Field<'_>],
    content: Option<&[u8]>,
) -> Handled {
    let status = response.status();
    match (content, response.framing(method)) {
        _ if status == Status::SWITCHING_PROTOCOLS => reply.switch(fields),
        (Some(content), _) if method != Method::Head => reply.send(status, fields, content),
        // Without content, there may be a length of what there would be (RFC 9110 §8.6).
        (Some(_), _) => match declared_length(response) {
            Some(len) => reply.start(status, fields, Length::Exact(len)),
            None => reply.send(status, fields, b""),
        },
        (None, Ok(Framing::Length(len))) => reply.start(status, fields, Length::Exact(len)),
        (None, _) => reply.start(status, fields, Length::Unknown),
    }
}

fn failed(failure: &Failure) -> Next {
    let (kind, status) = match failure {
        Failure::Connect(_) | Failure::Tls(_) => (retry::Failure::NothingSent, Status::BAD_GATEWAY),
        Failure::ConnectTimeout => (retry::Failure::NothingSent, Status::GATEWAY_TIMEOUT),
        Failure::HeadTimeout => (retry::Failure::NoResponse, Status::GATEWAY_TIMEOUT),
        Failure::Closed => (retry::Failure::NoResponse, Status::BAD_GATEWAY),
        _ => (retry::Failure::Garbage, Status::BAD_GATEWAY),
    };
    Next::Failed(kind, failure.to_string(), status)
}

/// The length that a response declares, whatever its framing.
fn declared_length(response: &Response<'_>) -> Option<u64> {
    let value = response.fields().value("content-length")?;
    kinglet_core::syntax::number::decimal(value)
}
