//! Cache-Control, RFC 9111 §5.2: directives to caches along the way.
//!
//! ```text
//!  max-age=3600, private="set-cookie, x" , no-transform
//!  name    argument
//! ```

use core::iter::{Once, once};
use core::time::Duration;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::tag;
use nom::combinator::opt;
use nom::sequence::preceded;

use crate::syntax::list::elements_of_lines;
use crate::syntax::number::saturating_decimal;
use crate::syntax::quoted::{Quoted, token_or_quoted_string};
use crate::syntax::token::{eq_ignore_case, token};
use crate::syntax::whole;

/// The value of Cache-Control, in one or more field lines.
///
/// ```
/// use core::time::Duration;
/// use kinglet_core::http::values::cache_control::CacheControl;
///
/// let cache_control = CacheControl::new(b"no-cache, max-age=60");
/// assert!(cache_control.has("no-cache"));
/// assert_eq!(cache_control.max_age(), Some(Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone)]
pub struct CacheControl<L> {
    lines: L,
}

impl<'a> CacheControl<Once<&'a [u8]>> {
    /// The combined field value `value`.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self::from_lines(once(value))
    }
}

impl<'a, L> CacheControl<L>
where
    L: Iterator<Item = &'a [u8]> + Clone,
{
    /// The field line values `lines`, in order, as if they were combined.
    #[must_use]
    pub const fn from_lines(lines: L) -> Self {
        Self { lines }
    }

    /// The directives in the order received. An element that is none is
    /// skipped, as a directive that is not known is.
    pub fn directives(&self) -> impl Iterator<Item = Directive<'a>> + Clone + use<'a, L> {
        elements_of_lines(self.lines.clone()).filter_map(|element| whole(directive, element))
    }

    /// Whether there is a directive with this name, in any case, whatever
    /// its argument.
    ///
    /// With an argument `no-cache` and `private` are weaker, and yet caches
    /// often take them as if without one, as RFC 9111 §5.2.2.4 notes.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.directives().any(|directive| directive.is(name))
    }

    /// Whether nothing of the exchange may be stored, RFC 9111 §5.2.1.5 and
    /// §5.2.2.5.
    #[must_use]
    pub fn no_store(&self) -> bool {
        self.has("no-store")
    }

    /// Whether a stored response must be validated before use, RFC 9111
    /// §5.2.1.4 and §5.2.2.4.
    #[must_use]
    pub fn no_cache(&self) -> bool {
        self.has("no-cache")
    }

    /// The age up to which a response is fresh, RFC 9111 §5.2.1.1 and
    /// §5.2.2.1, as [`seconds`](Self::seconds) reads it.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.seconds("max-age")
    }

    /// As [`max_age`](Self::max_age) for shared caches, RFC 9111 §5.2.2.10.
    #[must_use]
    pub fn s_maxage(&self) -> Option<Duration> {
        self.seconds("s-maxage")
    }

    /// The delta-seconds of the first directive with this name, RFC 9111
    /// §1.2.2; `None` if there is no such directive.
    ///
    /// An argument that is no number counts as zero: RFC 9111 §4.2.1 asks
    /// to take a response with an invalid freshness for stale. A number too
    /// large counts as [`u64::MAX`] seconds.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        let found = self.directives().find(|directive| directive.is(name))?;
        let digits = found.argument.and_then(|argument| argument.as_slice());
        let seconds = whole(saturating_decimal, digits.unwrap_or_default());
        Some(Duration::from_secs(seconds.unwrap_or(0)))
    }
}

/// One directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Directive<'a> {
    /// The name as received: a token, whose case does not count.
    pub name: &'a [u8],
    /// What follows the equals sign, if there is one.
    pub argument: Option<Quoted<'a>>,
}

impl Directive<'_> {
    /// Whether the directive has this name, in any case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        eq_ignore_case(self.name, name.as_bytes())
    }
}

// cache-directive = token [ "=" ( token / quoted-string ) ]
fn directive(input: &[u8]) -> IResult<&[u8], Directive<'_>> {
    let (input, name) = token(input)?;
    let (input, argument) = opt(preceded(tag("="), token_or_quoted_string)).parse(input)?;
    Ok((input, Directive { name, argument }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &[u8], expected: &[(&str, Option<&str>)]) {
        let cache_control = CacheControl::new(value);
        assert_eq!(cache_control.directives().count(), expected.len());
        for (directive, (name, argument)) in cache_control.directives().zip(expected) {
            assert!(directive.is(name), "{directive:?}");
            assert_eq!(directive.argument.is_some(), argument.is_some());
            assert!(
                directive
                    .argument
                    .is_none_or(|found| found == argument.unwrap())
            );
        }
    }

    #[test]
    fn takes_directives_with_and_without_argument() {
        check(b"", &[]);
        check(b"No-Store", &[("no-store", None)]);
        check(
            b"max-age=3600, private=\"set-cookie, x\" ,, no-transform",
            &[
                ("max-age", Some("3600")),
                ("private", Some("set-cookie, x")),
                ("no-transform", None),
            ],
        );
        check(b"x=\"\"", &[("x", Some(""))]);
    }

    #[test]
    fn skips_what_is_no_directive() {
        check(
            b"a b, =1, max-age =1, max-age= 1, x=, \xe4, ok",
            &[("ok", None)],
        );
    }

    #[test]
    fn reads_delta_seconds() {
        #[track_caller]
        fn check(value: &[u8], expected: Option<u64>) {
            let found = CacheControl::new(value).max_age();
            assert_eq!(found, expected.map(Duration::from_secs), "{value:?}");
        }
        check(b"no-cache", None);
        check(b"max-age=0", Some(0));
        check(b"MAX-AGE=31536000", Some(31_536_000));
        check(b"max-age=\"60\"", Some(60));
        check(b"max-age=1, max-age=2", Some(1));
        check(b"max-age=99999999999999999999", Some(u64::MAX));
        check(b"max-age=-1", Some(0));
        check(b"max-age=1.5", Some(0));
        check(b"max-age", Some(0));
        check(b"x-max-age=1", None);
        assert_eq!(
            CacheControl::new(b"s-maxage=5").s_maxage(),
            Some(Duration::from_secs(5))
        );
    }

    #[test]
    fn field_lines_count_as_one_list() {
        let lines = [&b"public"[..], b"no-store, no-cache"];
        let cache_control = CacheControl::from_lines(lines.into_iter());
        assert!(cache_control.no_store() && cache_control.no_cache());
        assert!(cache_control.has("Public") && !cache_control.has("private"));
    }

    #[test]
    fn noise_has_directives_with_names() {
        noise::each(br#"max-age=60, ""#, |bytes| {
            let cache_control = CacheControl::new(bytes);
            assert!(
                cache_control
                    .directives()
                    .all(|found| !found.name.is_empty())
            );
            let _ = cache_control.max_age();
        });
    }
}
