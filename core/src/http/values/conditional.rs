//! Conditional requests, RFC 9110 §13: may the method be performed?
//!
//! ```text
//!  If-Match ── false ─────────────────────────────> 412
//!     │ absent                                       ^
//!  If-Unmodified-Since ── false ─────────────────────┤
//!     │                                              │
//!  If-None-Match ── false ── not GET or HEAD ────────┘
//!     │ absent             └ GET or HEAD ─────────> 304
//!     │                                              ^
//!  If-Modified-Since ── false ── GET or HEAD ────────┘
//!     │
//!  perform the method; for GET with Range, If-Range decides on the range
//! ```
//!
//! Preconditions count only if the answer without them would be 2xx or 412,
//! and not for CONNECT, OPTIONS and TRACE (RFC 9110 §13.2.1): the caller sees
//! to that. A field value that breaks the grammar never makes a request
//! bolder than the client asked for:
//!
//! | field | malformed value |
//! |---|---|
//! | If-Match | false: no tag in it matches |
//! | If-Unmodified-Since, If-Modified-Since | ignored, as RFC 9110 §13.1.3 and §13.1.4 demand |
//! | If-None-Match | GET and HEAD: true, so the whole representation is sent; others: false |
//! | If-Range | false: the whole representation is sent |

use super::date::HttpDate;
use super::entity_tag::{EntityTag, EntityTags};

/// The preconditions of a request, each a combined field value or absent.
///
/// ```
/// use kinglet_core::http::values::conditional::{
///     Evaluation, MethodClass, Preconditions, Validators,
/// };
/// use kinglet_core::http::values::date::HttpDate;
/// use kinglet_core::http::values::entity_tag::EntityTag;
///
/// let preconditions = Preconditions {
///     if_none_match: Some(b"\"v1\", \"v2\""),
///     ..Preconditions::default()
/// };
/// let current = Validators {
///     entity_tag: EntityTag::strong(b"v2").ok(),
///     last_modified: None,
/// };
/// let now = HttpDate::from_unix(784_111_777);
/// let evaluation = preconditions.evaluate(MethodClass::GetOrHead, Some(&current), now);
/// assert_eq!(evaluation, Evaluation::NotModified);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "RFC 9110 §13.1 has these, If-Range aside, and a literal with them is readable"
)]
pub struct Preconditions<'a> {
    /// If-Match, RFC 9110 §13.1.1.
    pub if_match: Option<&'a [u8]>,
    /// If-None-Match, RFC 9110 §13.1.2.
    pub if_none_match: Option<&'a [u8]>,
    /// If-Modified-Since, RFC 9110 §13.1.3.
    pub if_modified_since: Option<&'a [u8]>,
    /// If-Unmodified-Since, RFC 9110 §13.1.4.
    pub if_unmodified_since: Option<&'a [u8]>,
}

impl Preconditions<'_> {
    /// Evaluates the preconditions in the order of RFC 9110 §13.2.2, If-Range
    /// aside, for which there is [`if_range_holds`].
    ///
    /// `current` has the validators of the selected representation, and is
    /// `None` if the target resource has no current representation. `now` is
    /// needed to read a date whose year has two digits.
    #[must_use]
    pub fn evaluate(
        &self,
        method: MethodClass,
        current: Option<&Validators<'_>>,
        now: HttpDate,
    ) -> Evaluation {
        let unchanged = match (self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => if_match_holds(tags, current),
            (None, Some(date)) => if_unmodified_since_holds(date, current, now),
            (None, None) => true,
        };
        if !unchanged {
            return Evaluation::PreconditionFailed;
        }
        match (self.if_none_match, self.if_modified_since, method) {
            (Some(tags), _, _) if if_none_match_holds(tags, current, method) => Evaluation::Proceed,
            (Some(_), _, MethodClass::GetOrHead) => Evaluation::NotModified,
            (Some(_), _, MethodClass::Other) => Evaluation::PreconditionFailed,
            (None, Some(date), MethodClass::GetOrHead)
                if !if_modified_since_holds(date, current, now) =>
            {
                Evaluation::NotModified
            }
            (None, _, _) => Evaluation::Proceed,
        }
    }
}

/// What distinguishes methods where preconditions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9110 §13.2.2 makes this distinction and no other"
)]
pub enum MethodClass {
    /// GET or HEAD.
    GetOrHead,
    /// Any other method that selects or modifies a representation.
    Other,
}

/// The validators of a representation, RFC 9110 §8.8.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "RFC 9110 §8.8 has these two validators"
)]
pub struct Validators<'a> {
    /// The entity tag, if it has one.
    pub entity_tag: Option<EntityTag<'a>>,
    /// The modification date, if it is known.
    pub last_modified: Option<HttpDate>,
}

/// What the preconditions say about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9110 §13.2.2 has these outcomes"
)]
pub enum Evaluation {
    /// Perform the method.
    Proceed,
    /// Answer 304 (Not Modified), RFC 9110 §15.4.5.
    NotModified,
    /// Answer 412 (Precondition Failed), RFC 9110 §15.5.13.
    PreconditionFailed,
}

/// Whether the Range field of a GET request counts, RFC 9110 §13.1.5.
///
/// `value` is that of If-Range. If this is false, ignore Range and send the
/// whole representation. A server with no `current` representation or without
/// support for ranges does not ask.
///
/// An entity tag is compared strongly. A date must be the modification date
/// exactly, and that second must be over: then what a conforming client
/// stored after it, which is all that it may name by a date (RFC 9110
/// §8.8.2.2), was the last change in it.
#[must_use]
pub fn if_range_holds(value: &[u8], current: &Validators<'_>, now: HttpDate) -> bool {
    match (EntityTag::parse(value), HttpDate::parse(value, now)) {
        (Ok(tag), _) => current
            .entity_tag
            .is_some_and(|current| current.matches_strongly(&tag)),
        (Err(_), Ok(date)) => current
            .last_modified
            .is_some_and(|modified| modified == date && modified < now),
        (Err(_), Err(_)) => false,
    }
}

// RFC 9110 §13.1.1
fn if_match_holds(tags: &[u8], current: Option<&Validators<'_>>) -> bool {
    match (EntityTags::parse(tags), current) {
        (Ok(EntityTags::Any), current) => current.is_some(),
        (Ok(EntityTags::Listed(mut tags)), Some(current)) => current
            .entity_tag
            .is_some_and(|current| tags.any(|tag| current.matches_strongly(&tag))),
        (Ok(EntityTags::Listed(_)), None) | (Err(_), _) => false,
    }
}

// RFC 9110 §13.1.2
fn if_none_match_holds(tags: &[u8], current: Option<&Validators<'_>>, method: MethodClass) -> bool {
    match (EntityTags::parse(tags), current) {
        (Ok(EntityTags::Any), current) => current.is_none(),
        (Ok(EntityTags::Listed(mut tags)), Some(current)) => !current
            .entity_tag
            .is_some_and(|current| tags.any(|tag| current.matches_weakly(&tag))),
        (Ok(EntityTags::Listed(_)), None) => true,
        (Err(_), _) => method == MethodClass::GetOrHead,
    }
}

// RFC 9110 §13.1.3
fn if_modified_since_holds(date: &[u8], current: Option<&Validators<'_>>, now: HttpDate) -> bool {
    match (HttpDate::parse(date, now), last_modified(current)) {
        (Ok(since), Some(modified)) => modified > since,
        (_, _) => true,
    }
}

// RFC 9110 §13.1.4
fn if_unmodified_since_holds(date: &[u8], current: Option<&Validators<'_>>, now: HttpDate) -> bool {
    match (HttpDate::parse(date, now), last_modified(current)) {
        (Ok(since), Some(modified)) => modified <= since,
        (_, _) => true,
    }
}

fn last_modified(current: Option<&Validators<'_>>) -> Option<HttpDate> {
    current.and_then(|current| current.last_modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const NOW: HttpDate = HttpDate::from_unix(1_000_000_000);

    fn validators(tag: &[u8]) -> Validators<'_> {
        Validators {
            entity_tag: EntityTag::parse(tag).ok(),
            last_modified: Some(HttpDate::from_unix(784_111_777)),
        }
    }

    fn field(value: &str) -> Option<&[u8]> {
        (value != "-").then_some(value.as_bytes())
    }

    // The fields in the order in which they are evaluated; "-" for absent.
    #[track_caller]
    fn check_against(
        current: Option<&Validators<'_>>,
        [if_match, unmodified, none_match, modified]: [&str; 4],
        [get, put]: [Evaluation; 2],
    ) {
        let preconditions = Preconditions {
            if_match: field(if_match),
            if_unmodified_since: field(unmodified),
            if_none_match: field(none_match),
            if_modified_since: field(modified),
        };
        let evaluate = |method| preconditions.evaluate(method, current, NOW);
        assert_eq!(evaluate(MethodClass::GetOrHead), get, "{preconditions:?}");
        assert_eq!(evaluate(MethodClass::Other), put, "{preconditions:?}");
    }

    #[track_caller]
    fn check(fields: [&str; 4], expected: [Evaluation; 2]) {
        check_against(Some(&validators(br#""a""#)), fields, expected);
    }

    use Evaluation::{NotModified as N, PreconditionFailed as F, Proceed as P};

    #[test]
    fn if_match_compares_strongly() {
        check(["-", "-", "-", "-"], [P, P]);
        check([r#""a""#, "-", "-", "-"], [P, P]);
        check([r#""b", "a""#, "-", "-", "-"], [P, P]);
        check(["*", "-", "-", "-"], [P, P]);
        check([r#""b""#, "-", "-", "-"], [F, F]);
        check([r#"W/"a""#, "-", "-", "-"], [F, F]);
        check(["", "-", "-", "-"], [F, F]);
        let weak = validators(br#"W/"a""#);
        check_against(Some(&weak), [r#"W/"a""#, "-", "-", "-"], [F, F]);
    }

    #[test]
    fn if_unmodified_since_counts_without_if_match() {
        check(["-", BEFORE, "-", "-"], [F, F]);
        check(["-", MODIFIED, "-", "-"], [P, P]);
        check(["-", AFTER, "-", "-"], [P, P]);
        check([r#""a""#, BEFORE, "-", "-"], [P, P]);
        check(["-", "Mon, 01 Jan 1900 00:00:00 GMT", "-", "-"], [F, F]);
        check(["-", "yesterday", "-", "-"], [P, P]);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        check(["-", "-", r#""a""#, "-"], [N, F]);
        check(["-", "-", r#"W/"a""#, "-"], [N, F]);
        check(["-", "-", r#""b", W/"a""#, "-"], [N, F]);
        check(["-", "-", "*", "-"], [N, F]);
        check(["-", "-", r#""b""#, "-"], [P, P]);
        check(["-", "-", "", "-"], [P, P]);
    }

    #[test]
    fn if_modified_since_counts_for_get_without_if_none_match() {
        check(["-", "-", "-", BEFORE], [P, P]);
        check(["-", "-", "-", MODIFIED], [N, P]);
        check(["-", "-", "-", AFTER], [N, P]);
        check(["-", "-", r#""b""#, AFTER], [P, P]);
        check(["-", "-", r#""a""#, BEFORE], [N, F]);
        check(["-", "-", "-", "tomorrow"], [P, P]);
    }

    #[test]
    fn the_first_two_come_before_the_others() {
        check([r#""b""#, "-", r#""a""#, "-"], [F, F]);
        check([r#""a""#, "-", r#""a""#, "-"], [N, F]);
        check(["-", BEFORE, r#""a""#, "-"], [F, F]);
        check(["-", AFTER, "-", AFTER], [N, P]);
    }

    #[test]
    fn a_malformed_list_of_tags_is_on_the_safe_side() {
        check(["a", "-", "-", "-"], [F, F]);
        check(["*, *", "-", "-", "-"], [F, F]);
        check(["-", "-", "a", "-"], [P, F]);
        check(["-", "-", r#"*, "b""#, "-"], [P, F]);
    }

    #[test]
    fn without_a_representation_only_if_match_fails() {
        let check = |fields, expected| check_against(None, fields, expected);
        check(["*", "-", "-", "-"], [F, F]);
        check([r#""a""#, "-", "-", "-"], [F, F]);
        check(["-", BEFORE, "-", "-"], [P, P]);
        check(["-", "-", "*", "-"], [P, P]);
        check(["-", "-", r#""a""#, "-"], [P, P]);
        check(["-", "-", "-", AFTER], [P, P]);
    }

    #[test]
    fn without_validators_nothing_matches() {
        let none = Validators::default();
        let check = |fields, expected| check_against(Some(&none), fields, expected);
        check([r#""a""#, "-", "-", "-"], [F, F]);
        check(["*", "-", "-", "-"], [P, P]);
        check(["-", BEFORE, "-", "-"], [P, P]);
        check(["-", "-", r#""a""#, "-"], [P, P]);
        check(["-", "-", "*", "-"], [N, F]);
        check(["-", "-", "-", AFTER], [P, P]);
    }

    #[test]
    fn if_range_takes_an_exact_and_strong_validator() {
        let strong = validators(br#""a""#);
        let weak = validators(br#"W/"a""#);
        assert!(if_range_holds(br#""a""#, &strong, NOW));
        assert!(if_range_holds(MODIFIED.as_bytes(), &strong, NOW));
        for value in [
            r#""b""#,
            r#"W/"a""#,
            BEFORE,
            AFTER,
            "",
            "a",
            r#""a", "b""#,
            "*",
        ] {
            assert!(!if_range_holds(value.as_bytes(), &strong, NOW), "{value}");
        }
        for value in [r#""a""#, r#"W/"a""#] {
            assert!(!if_range_holds(value.as_bytes(), &weak, NOW));
        }
        let same_second = HttpDate::from_unix(784_111_777);
        assert!(!if_range_holds(MODIFIED.as_bytes(), &strong, same_second));
        assert!(!if_range_holds(br#""a""#, &Validators::default(), NOW));
    }

    #[test]
    fn noise_is_evaluated() {
        let current = validators(br#""a""#);
        noise::each(br#"W/"a, *"#, |bytes| {
            let preconditions = Preconditions {
                if_match: Some(bytes),
                if_none_match: Some(bytes),
                ..Preconditions::default()
            };
            // What matches strongly matches weakly too, so nothing proceeds.
            let evaluation = preconditions.evaluate(MethodClass::Other, Some(&current), NOW);
            assert_eq!(evaluation, F);
            let _ = if_range_holds(bytes, &current, NOW);
        });
    }
}
