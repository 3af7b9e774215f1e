//! Accept-Encoding, RFC 9110 §12.5.3: which content codings a response may
//! have.
//!
//! ```text
//!  gzip;q=1.0, identity; q=0.5, *;q=0
//! ```
//!
//! | coding | weight |
//! |---|---|
//! | listed | as listed |
//! | not listed, but `*` is | that of `*` |
//! | `identity`, and neither is listed | the least: acceptable, but the last choice |
//! | any other | not acceptable |
//!
//! A request without this field accepts every coding; that is for the caller
//! to see. An empty field wants none. An element that breaks the grammar is
//! skipped. `x-gzip` and `x-compress` are `gzip` and `compress`, RFC 9110
//! §8.4.1.

use core::iter::{Once, once};

use crate::syntax::list::elements_of_lines;
use crate::syntax::token::{eq_ignore_case, is_token};

use super::quality::{self, Quality, weighted};

/// The value of Accept-Encoding, in one or more field lines.
///
/// ```
/// use kinglet_core::http::values::accept_encoding::AcceptEncoding;
///
/// let accept = AcceptEncoding::new(b"gzip;q=0.8, br");
/// assert_eq!(accept.best_of(&["gzip", "br", "identity"]), Some(1));
/// assert_eq!(accept.best_of(&["zstd", "identity"]), Some(1));
/// ```
#[derive(Debug, Clone)]
pub struct AcceptEncoding<L> {
    lines: L,
}

impl<'a> AcceptEncoding<Once<&'a [u8]>> {
    /// The combined field value `value`.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self::from_lines(once(value))
    }
}

impl<'a, L> AcceptEncoding<L>
where
    L: Iterator<Item = &'a [u8]> + Clone,
{
    /// The field line values `lines`, in order, as if they were combined.
    #[must_use]
    pub const fn from_lines(lines: L) -> Self {
        Self { lines }
    }

    /// The codings, or `*`, and their weights in the order received, without
    /// the elements that break the grammar.
    pub fn codings(&self) -> impl Iterator<Item = (&'a [u8], Quality)> + Clone + use<'a, L> {
        elements_of_lines(self.lines.clone())
            .filter_map(weighted)
            .filter(|(coding, _)| is_token(coding))
    }

    /// The weight of a coding, by the table on the module page. What is
    /// listed twice has the greater weight.
    #[must_use]
    pub fn quality_of(&self, coding: &str) -> Quality {
        let wanted = canonical(coding.as_bytes());
        let mut listed = None;
        let mut wildcard = None;
        for (coding, quality) in self.codings() {
            if eq_ignore_case(canonical(coding), wanted) {
                listed = listed.max(Some(quality));
            } else if coding == b"*" {
                wildcard = wildcard.max(Some(quality));
            }
        }
        let by_default = if eq_ignore_case(wanted, b"identity") {
            Quality::LEAST
        } else {
            Quality::ZERO
        };
        listed.or(wildcard).unwrap_or(by_default)
    }

    /// The index of the offer with the greatest weight, the first of equals.
    ///
    /// Offer `identity` if the response can be sent without a coding. `None`
    /// means that no offer is acceptable, which with `identity` among them
    /// takes a client that excludes it.
    #[must_use]
    pub fn best_of(&self, offers: &[&str]) -> Option<usize> {
        quality::best_of(offers, |offer| self.quality_of(offer))
    }
}

// RFC 9110 §8.4.1.1 and §8.4.1.3: the older names mean the same.
const fn canonical(coding: &[u8]) -> &[u8] {
    if eq_ignore_case(coding, b"x-gzip") {
        b"gzip"
    } else if eq_ignore_case(coding, b"x-compress") {
        b"compress"
    } else {
        coding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &str, offers: &[(&str, u16)]) {
        let accept = AcceptEncoding::new(value.as_bytes());
        for &(offer, expected) in offers {
            let found = accept.quality_of(offer).thousandths();
            assert_eq!(found, expected, "{offer} in {value}");
        }
    }

    #[test]
    fn follows_the_table() {
        check(
            "compress, gzip",
            &[("gzip", 1000), ("br", 0), ("identity", 1)],
        );
        check("", &[("gzip", 0), ("identity", 1)]);
        check("*", &[("gzip", 1000), ("identity", 1000)]);
        check("*;q=0", &[("gzip", 0), ("identity", 0)]);
        check("identity;q=0", &[("identity", 0)]);
        check(
            "gzip;q=1.0, identity; q=0.5, *;q=0",
            &[("gzip", 1000), ("identity", 500), ("br", 0)],
        );
        check("*;q=0.5, gzip;q=0", &[("gzip", 0), ("br", 500)]);
    }

    #[test]
    fn codings_have_no_case_and_two_have_older_names() {
        check("GZip;Q=0.5", &[("gzip", 500), ("x-gzip", 500)]);
        check(
            "X-GZIP, x-compress;q=0.1",
            &[("gzip", 1000), ("compress", 100)],
        );
    }

    #[test]
    fn broken_elements_are_skipped() {
        check(
            "gzip;q=5, g/zip, br;level=1, br;q=, \"br\", deflate;q=0.5",
            &[("gzip", 0), ("br", 0), ("deflate", 500), ("identity", 1)],
        );
    }

    #[test]
    fn identity_is_the_last_choice_unless_it_is_listed() {
        #[track_caller]
        fn check(value: &str, offers: &[&str], expected: Option<usize>) {
            let accept = AcceptEncoding::new(value.as_bytes());
            assert_eq!(accept.best_of(offers), expected, "{value}");
        }
        let offers = ["identity", "gzip", "br"];
        check("br, gzip", &offers, Some(1));
        check("gzip;q=0.01", &offers, Some(1));
        check("zstd", &offers, Some(0));
        check("", &offers, Some(0));
        check("*", &offers, Some(0));
        check("identity;q=0, zstd", &offers, None);
        check("*;q=0", &offers, None);
        check("gzip;q=0.5, identity", &offers, Some(0));
    }

    #[test]
    fn noise_is_weighed() {
        noise::each(b"gzip*;q=01., ", |bytes| {
            let accept = AcceptEncoding::new(bytes);
            let best = accept.best_of(&["gzip", "g", "identity"]);
            assert!(best.is_none_or(|index| index < 3));
        });
    }
}
