//! Accept-Language, RFC 9110 §12.5.4: which natural languages are preferred.
//!
//! ```text
//!  da, en-gb;q=0.8, en;q=0.7
//! ```
//!
//! A range matches a language tag that it equals or that continues it after a
//! hyphen: `en` matches `en-GB`, not `enm`. That is the basic filtering of RFC
//! 4647 §3.3.1. The longest matching range gives the weight; `*` matches what
//! no other range does.
//!
//! A range does not match a shorter tag: `de-AT` does not match `de`. A server
//! that wants it so offers nothing but a default when nothing matches.
//!
//! An element that breaks the grammar is skipped. A field without any valid
//! element states no preference.

use core::iter::{Once, once};

use crate::syntax::list::elements_of_lines;

use super::quality::{self, Quality, weighted};

/// The value of Accept-Language, in one or more field lines.
///
/// ```
/// use kinglet_core::http::values::accept_language::AcceptLanguage;
///
/// let accept = AcceptLanguage::new(b"da, en-gb;q=0.8, en;q=0.7");
/// assert_eq!(accept.best_of(&["en-US", "en-GB", "fr"]), Some(1));
/// ```
#[derive(Debug, Clone)]
pub struct AcceptLanguage<L> {
    lines: L,
}

impl<'a> AcceptLanguage<Once<&'a [u8]>> {
    /// The combined field value `value`.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self::from_lines(once(value))
    }
}

impl<'a, L> AcceptLanguage<L>
where
    L: Iterator<Item = &'a [u8]> + Clone,
{
    /// The field line values `lines`, in order, as if they were combined.
    #[must_use]
    pub const fn from_lines(lines: L) -> Self {
        Self { lines }
    }

    /// The language ranges and their weights in the order received, without
    /// the elements that break the grammar.
    pub fn ranges(&self) -> impl Iterator<Item = (&'a [u8], Quality)> + Clone + use<'a, L> {
        elements_of_lines(self.lines.clone())
            .filter_map(weighted)
            .filter(|(range, _)| is_language_range(range))
    }

    /// The weight of a language tag.
    #[must_use]
    pub fn quality_of(&self, tag: &str) -> Quality {
        let mut best = None;
        let mut unmatched = Quality::ONE;
        for (range, quality) in self.ranges() {
            unmatched = Quality::ZERO;
            let found = matching_len(range, tag.as_bytes());
            best = best.max(found.map(|len| (len, quality)));
        }
        best.map_or(unmatched, |(_, quality)| quality)
    }

    /// The index of the offered tag with the greatest weight, the first of
    /// equals, or `None` if no range matches any.
    #[must_use]
    pub fn best_of(&self, offers: &[&str]) -> Option<usize> {
        quality::best_of(offers, |offer| self.quality_of(offer))
    }
}

// The bytes of `tag` that `range` matches; none for "*".
fn matching_len(range: &[u8], tag: &[u8]) -> Option<usize> {
    if range == b"*" {
        return Some(0);
    }
    let (start, rest) = tag.split_at_checked(range.len())?;
    let ends = matches!(rest, [] | [b'-', ..]);
    (ends && start.eq_ignore_ascii_case(range)).then_some(range.len())
}

// language-range = (1*8ALPHA *("-" 1*8alphanum)) / "*"      RFC 4647 §2.1
fn is_language_range(range: &[u8]) -> bool {
    let mut subtags = range.split(|&byte| byte == b'-');
    let primary = subtags.next().unwrap_or_default();
    let is_primary =
        (1..=8).contains(&primary.len()) && primary.iter().all(u8::is_ascii_alphabetic);
    let rest_fits = subtags.all(|subtag| {
        (1..=8).contains(&subtag.len()) && subtag.iter().all(u8::is_ascii_alphanumeric)
    });
    range == b"*" || (is_primary && rest_fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &str, offers: &[(&str, u16)]) {
        let accept = AcceptLanguage::new(value.as_bytes());
        for &(offer, expected) in offers {
            let found = accept.quality_of(offer).thousandths();
            assert_eq!(found, expected, "{offer} in {value}");
        }
    }

    #[test]
    fn the_longest_matching_range_gives_the_weight() {
        check(
            "da, en-gb;q=0.8, en;q=0.7",
            &[
                ("da", 1000),
                ("en-GB", 800),
                ("en-US", 700),
                ("EN", 700),
                ("fr", 0),
            ],
        );
        check(
            "en;q=0.9, *;q=0.1, en-gb;q=0",
            &[("en-gb-x-a", 0), ("de", 100)],
        );
    }

    #[test]
    fn a_range_matches_whole_subtags() {
        check(
            "de-de",
            &[
                ("de-DE-1996", 1000),
                ("de-Deva", 0),
                ("de-Latn-DE", 0),
                ("de", 0),
            ],
        );
        check("en", &[("enm", 0)]);
    }

    #[test]
    fn broken_elements_are_skipped() {
        check(
            "en_US, abcdefghi, e1, -a, a-, en;q=2, *-a, fr;q=0.5",
            &[("en_US", 0), ("en", 0), ("fr", 500)],
        );
        check("", &[("en", 1000)]);
        check("1", &[("en", 1000)]);
    }

    #[test]
    fn offers_are_in_order_of_the_servers_preference() {
        let accept = AcceptLanguage::new(b"fr;q=0.5, de;q=0.5");
        assert_eq!(accept.best_of(&["en", "de", "fr"]), Some(1));
        assert_eq!(accept.best_of(&["en"]), None);
    }

    #[test]
    fn noise_is_weighed() {
        noise::each(b"en-DE*;q=01., ", |bytes| {
            let accept = AcceptLanguage::new(bytes);
            assert!(
                accept
                    .best_of(&["en-DE", "e"])
                    .is_none_or(|index| index < 2)
            );
        });
    }
}
