//! Accept, RFC 9110 §12.5.1: which media types a response may have.
//!
//! ```text
//!  text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5
//!  |    | |   |
//!  range  weight
//! ```
//!
//! Of the ranges that match a media type, the most specific one gives its
//! weight, wherever it stands in the list. How specific a range is: `*/*`,
//! then `type/*`, then `type/subtype`, then that with more parameters. Where
//! two are equal, the greater weight counts.
//!
//! An element that breaks the grammar is skipped. A field without any valid
//! element states no preference, like a field that is absent.

use core::iter::{Once, once};

use crate::syntax::list::elements_of_lines;
use crate::syntax::parameter::{Parameter, parameters};
use crate::syntax::token::eq_ignore_case;

use super::media_type::{MediaType, names};
use super::quality::{self, Quality};

/// The value of Accept, in one or more field lines.
///
/// ```
/// use kinglet_core::http::values::accept::Accept;
///
/// let accept = Accept::new(b"text/html;q=0.8, application/json");
/// let offers = ["text/html", "application/json"];
/// assert_eq!(accept.best_of(&offers), Some(1));
/// assert_eq!(accept.best_of(&["image/png"]), None);
/// ```
#[derive(Debug, Clone)]
pub struct Accept<L> {
    lines: L,
}

impl<'a> Accept<Once<&'a [u8]>> {
    /// The combined field value `value`.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self::from_lines(once(value))
    }
}

impl<'a, L> Accept<L>
where
    L: Iterator<Item = &'a [u8]> + Clone,
{
    /// The field line values `lines`, in order, as if they were combined.
    #[must_use]
    pub const fn from_lines(lines: L) -> Self {
        Self { lines }
    }

    /// The media ranges in the order received, without those that break the
    /// grammar.
    pub fn ranges(&self) -> impl Iterator<Item = MediaRange<'a>> + Clone + use<'a, L> {
        elements_of_lines(self.lines.clone()).filter_map(MediaRange::parse)
    }

    /// The weight of a media type.
    #[must_use]
    pub fn quality_of(&self, offer: &MediaType<'_>) -> Quality {
        let mut best = None;
        let mut unmatched = Quality::ONE;
        for range in self.ranges() {
            unmatched = Quality::ZERO;
            let found = range.precedence(offer);
            best = best.max(found.map(|precedence| (precedence, range.quality)));
        }
        best.map_or(unmatched, |(_, quality)| quality)
    }

    /// The index of the offer with the greatest weight, the first of equals.
    ///
    /// `None` if none is acceptable: the answer is 406 (Not Acceptable) or
    /// any of them, RFC 9110 §12.4.1. Offers are media types; one that is not
    /// is never chosen.
    #[must_use]
    pub fn best_of(&self, offers: &[&str]) -> Option<usize> {
        quality::best_of(offers, |offer| {
            MediaType::parse(offer.as_bytes())
                .map_or(Quality::ZERO, |offer| self.quality_of(&offer))
        })
    }
}

/// One element of Accept.
#[derive(Debug, Clone, Copy)]
pub struct MediaRange<'a> {
    // The type is not "*" where the subtype is something else.
    type_name: &'a [u8],
    subtype: &'a [u8],
    // Every parameter in here parses, and "q" has a qvalue.
    parameters: &'a [u8],
    quality: Quality,
}

impl<'a> MediaRange<'a> {
    /// Parses a list element; `None` if it breaks the grammar.
    ///
    /// ```abnf
    /// media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
    /// ```
    #[must_use]
    pub fn parse(element: &'a [u8]) -> Option<Self> {
        let (rest, (type_name, subtype)) = names(element).ok()?;
        if type_name == b"*" && subtype != b"*" {
            return None;
        }
        let mut quality = Quality::ONE;
        for parameter in parameters(rest) {
            let parameter = parameter.ok()?;
            if parameter.is("q") {
                quality = Quality::parse(parameter.value.as_slice()?)?;
            }
        }
        Some(Self {
            type_name,
            subtype,
            parameters: rest,
            quality,
        })
    }

    /// The type as received, or `*`.
    #[must_use]
    pub const fn type_name(&self) -> &'a [u8] {
        self.type_name
    }

    /// The subtype as received, or `*`.
    #[must_use]
    pub const fn subtype(&self) -> &'a [u8] {
        self.subtype
    }

    /// The weight.
    #[must_use]
    pub const fn quality(&self) -> Quality {
        self.quality
    }

    /// The parameters of the range: all but the weight, which may stand
    /// anywhere among them (RFC 9110 §12.5.1).
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + Clone + use<'a> {
        parameters(self.parameters)
            .filter_map(Result::ok)
            .filter(|parameter| !parameter.is("q"))
    }

    /// Whether the range includes this media type.
    #[must_use]
    pub fn matches(&self, media_type: &MediaType<'_>) -> bool {
        self.precedence(media_type).is_some()
    }

    fn precedence(&self, media_type: &MediaType<'_>) -> Option<Precedence> {
        let names = if self.type_name == b"*" {
            Names::Any
        } else if !eq_ignore_case(self.type_name, media_type.type_name()) {
            return None;
        } else if self.subtype == b"*" {
            Names::AnySubtype
        } else if !eq_ignore_case(self.subtype, media_type.subtype()) {
            return None;
        } else {
            Names::One
        };
        let mut parameter_count = 0_usize;
        for parameter in self.parameters() {
            if !has(media_type, &parameter) {
                return None;
            }
            parameter_count = parameter_count.saturating_add(1);
        }
        Some((names, parameter_count))
    }
}

// How specific a matching range is; the greater wins.
type Precedence = (Names, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Names {
    Any,
    AnySubtype,
    One,
}

// Whether the case of a value counts depends on the parameter; of those that
// are often negotiated it does not count for charset (RFC 9110 §8.3.2).
fn has(media_type: &MediaType<'_>, wanted: &Parameter<'_>) -> bool {
    media_type.parameters().any(|parameter| {
        if !eq_ignore_case(parameter.name, wanted.name) {
            return false;
        }
        if wanted.is("charset") {
            let lower = |byte: u8| byte.to_ascii_lowercase();
            let wanted = wanted.value.bytes().map(lower);
            parameter.value.bytes().map(lower).eq(wanted)
        } else {
            parameter.value == wanted.value
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &str, offers: &[(&str, u16)]) {
        let accept = Accept::new(value.as_bytes());
        for &(offer, expected) in offers {
            let media_type = MediaType::parse(offer.as_bytes()).unwrap();
            let found = accept.quality_of(&media_type).thousandths();
            assert_eq!(found, expected, "{offer} in {value}");
        }
    }

    #[test]
    fn the_most_specific_range_gives_the_weight() {
        // RFC 9110 table 5, but for its last row: 0.7 is the weight of
        // text/plain, and no range gives it to text/html.
        check(
            "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed,\
             text/plain;format=fixed;q=0.4, */*;q=0.5",
            &[
                ("text/plain;format=flowed", 1000),
                ("text/plain", 700),
                ("text/html", 300),
                ("image/jpeg", 500),
                ("text/plain;format=fixed", 400),
                ("text/html;level=3", 300),
            ],
        );
        check(
            "audio/*; q=0.2, audio/basic",
            &[("audio/basic", 1000), ("audio/ogg", 200), ("text/html", 0)],
        );
        check(
            "a/b;x=1;q=0.1, a/b;x=1;y=2;q=0.2, a/b;q=0.3",
            &[("a/b;y=2;x=1", 200), ("a/b;x=1", 100), ("a/b;y=2", 300)],
        );
    }

    #[test]
    fn names_and_charsets_have_no_case() {
        check("TEXT/Html;Q=0.5", &[("text/HTML", 500)]);
        check(
            "text/html;charset=UTF-8",
            &[("text/html;Charset=\"utf-8\"", 1000)],
        );
        check("a/b;x=Y", &[("a/b;x=y", 0), ("a/b;X=Y", 1000)]);
    }

    #[test]
    fn the_weight_may_stand_anywhere() {
        check("a/b;q=0.5;x=1", &[("a/b;x=1", 500), ("a/b", 0)]);
        check("a/b;q=\"0.5\"", &[("a/b", 500)]);
    }

    #[test]
    fn equal_ranges_count_with_the_greater_weight() {
        check("a/b;q=0.2, a/b;q=0.8, a/b;q=0.5", &[("a/b", 800)]);
    }

    #[test]
    fn broken_elements_are_skipped() {
        check(
            "*/html, text, a/b;q=2, a/b;x, a/b c, image/*;q=0.5",
            &[("a/b", 0), ("image/png", 500)],
        );
    }

    #[test]
    fn without_a_valid_element_there_is_no_preference() {
        for value in ["", " , ", "text", "*"] {
            check(value, &[("a/b", 1000)]);
        }
    }

    #[test]
    fn offers_are_in_order_of_the_servers_preference() {
        #[track_caller]
        fn check(value: &str, offers: &[&str], expected: Option<usize>) {
            let accept = Accept::new(value.as_bytes());
            assert_eq!(accept.best_of(offers), expected, "{value}");
        }
        let offers = ["text/html", "application/json", "text/x-c"];
        check("*/*", &offers, Some(0));
        check("application/json, text/html", &offers, Some(0));
        check("text/html;q=0.9, */*", &offers, Some(1));
        check("text/html;q=0, text/*;q=0.1", &offers, Some(2));
        check("*/*;q=0", &offers, None);
        check("image/png", &offers, None);
        check("text/html", &[], None);
        check("*/*", &["no media type", "a/b"], Some(1));
    }

    #[test]
    fn field_lines_count_as_one_list() {
        let lines = [&b"text/html;q=0.1"[..], b"text/plain"];
        let accept = Accept::from_lines(lines.into_iter());
        assert_eq!(accept.best_of(&["text/html", "text/plain"]), Some(1));
    }

    #[test]
    fn noise_is_weighed() {
        noise::each(br#"ab/*;q=01., ""#, |bytes| {
            let accept = Accept::new(bytes);
            let best = accept.best_of(&["a/b", "a/a;q=1", "b/b"]);
            assert!(best.is_none_or(|index| index < 3));
        });
    }
}
