//! What a request says of the representation that it wants.

use std::borrow::Cow;

use kinglet_core::http::values::accept_encoding::AcceptEncoding;
use kinglet_core::http::values::conditional::{
    Evaluation, MethodClass, Preconditions, if_range_holds,
};
use kinglet_core::http::{FieldLine, Method, Request};

use super::entry::{self, Coding, Outcome, Resource, Variant};

/// The fields of a request that matter, each the combined value of its lines (RFC 9110 §5.3).
#[derive(Debug, Default)]
pub(super) struct Asked<'r> {
    pub(super) is_get: bool,
    accept_encoding: Option<Cow<'r, [u8]>>,
    if_match: Option<Cow<'r, [u8]>>,
    if_none_match: Option<Cow<'r, [u8]>>,
    if_modified_since: Option<Cow<'r, [u8]>>,
    if_unmodified_since: Option<Cow<'r, [u8]>>,
    range: Option<Cow<'r, [u8]>>,
    if_range: Option<Cow<'r, [u8]>>,
}

impl<'r> Asked<'r> {
    pub(super) fn of(request: &Request<'r>) -> Self {
        let mut asked = Self {
            is_get: request.method() == Method::Get,
            ..Self::default()
        };
        for line in request.fields() {
            if let Some(value) = asked.place(&line) {
                match value {
                    None => *value = Some(Cow::Borrowed(line.value())),
                    Some(before) => {
                        let before = before.to_mut();
                        before.extend(b", ");
                        before.extend(line.value());
                    }
                }
            }
        }
        asked
    }

    #[inline]
    fn place(&mut self, line: &FieldLine<'r>) -> Option<&mut Option<Cow<'r, [u8]>>> {
        if line.is("accept-encoding") {
            Some(&mut self.accept_encoding)
        } else if line.is("if-none-match") {
            Some(&mut self.if_none_match)
        } else if line.is("if-modified-since") {
            Some(&mut self.if_modified_since)
        } else if line.is("range") {
            Some(&mut self.range)
        } else if line.is("if-range") {
            Some(&mut self.if_range)
        } else if line.is("if-match") {
            Some(&mut self.if_match)
        } else if line.is("if-unmodified-since") {
            Some(&mut self.if_unmodified_since)
        } else {
            None
        }
    }

    /// Whether the answer may be made of this, which was found out a while ago. A head must not promise
    /// what a file has no more.
    #[inline]
    pub(super) fn may_be_told(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::File(resource) => self.select(resource).1.is_unchanged(),
            Outcome::Redirected | Outcome::Listed(_) | Outcome::Refused(_) => true,
        }
    }

    /// The variant that the client likes best; of equals the shortest. One that says nothing of codings is
    /// not asked to know any, and one that refuses all there are gets the file as it is.
    pub(super) fn select<'v>(&self, resource: &'v Resource) -> (Option<Coding>, &'v Variant) {
        let plain = (None, &*resource.plain);
        let Some(accepted) = &self.accept_encoding else {
            return plain;
        };
        if resource.compressed.is_empty() {
            return plain;
        }
        let mut offers = ["identity"; Coding::ALL.len() + 1];
        for (offer, (coding, _)) in offers.iter_mut().zip(&resource.compressed) {
            *offer = coding.name();
        }
        let best = AcceptEncoding::new(accepted).best_of(&offers);
        let chosen = best.and_then(|index| resource.compressed.get(index));
        chosen.map_or(plain, |(coding, variant)| (Some(*coding), &**variant))
    }

    /// Whether the preconditions hold (RFC 9110 §13.2.2).
    pub(super) fn evaluate(&self, current: &Variant) -> Evaluation {
        let preconditions = Preconditions {
            if_match: self.if_match.as_deref(),
            if_none_match: self.if_none_match.as_deref(),
            if_modified_since: self.if_modified_since.as_deref(),
            if_unmodified_since: self.if_unmodified_since.as_deref(),
        };
        if preconditions.if_match.is_none()
            && preconditions.if_none_match.is_none()
            && preconditions.if_modified_since.is_none()
            && preconditions.if_unmodified_since.is_none()
        {
            return Evaluation::Proceed;
        }
        let current = current.validators();
        preconditions.evaluate(MethodClass::GetOrHead, Some(&current), entry::now())
    }

    /// The ranges that are asked for, where they still mean what the client has (RFC 9110 §13.1.5). Those
    /// of HEAD mean nothing (RFC 9110 §14.2).
    pub(super) fn range(&self, current: &Variant) -> Option<&[u8]> {
        let range = self.range.as_deref().filter(|_| self.is_get)?;
        match &self.if_range {
            Some(value) if !if_range_holds(value, &current.validators(), entry::now()) => None,
            _ => Some(range),
        }
    }
}
