//! Lists, RFC 9110 §5.6.1: the elements of a combined field value.
//!
//! ```text
//!  gzip , , br;x="a,b",
//!  |--|     |--------|      two elements; the empty ones do not count
//! ```
//!
//! The iterator knows commas, whitespace and quoted-strings, and nothing of
//! what an element means: each element still has to be parsed. Two properties
//! make it safe to use on anything:
//!
//! - it reads every byte once, so a value of nothing but commas costs its length;
//! - a quote that opens no quoted-string takes the rest of the value into its
//!   element, so no part of a broken value turns up as an element of its own.
//!
//! A list of entity tags does not go through here: there a backslash is an
//! ordinary byte (RFC 9110 §8.8.3).

use core::iter::FusedIterator;

use super::quoted::skip_quoted_string;
use super::token::trim_ows;

/// The elements of `value`, without whitespace around them and without the
/// empty ones.
///
/// ```
/// use kinglet_core::syntax::list::elements;
///
/// let mut list = elements(b"gzip , , br;x=\"a,b\",");
/// assert_eq!(list.next(), Some(&b"gzip"[..]));
/// assert_eq!(list.next(), Some(&b"br;x=\"a,b\""[..]));
/// assert_eq!(list.next(), None);
/// ```
#[must_use]
pub const fn elements(value: &[u8]) -> List<'_> {
    List { rest: value }
}

/// The elements of the field line values `lines`, in order.
///
/// The same elements as those of the values joined by commas, which is what
/// RFC 9110 §5.3 makes of field lines with one name, without joining them.
pub fn elements_of_lines<'a, L>(lines: L) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, L>
where
    L: Iterator<Item = &'a [u8]> + Clone,
{
    lines.flat_map(elements as fn(&'a [u8]) -> List<'a>)
}

/// What is before the first `delimiter` in `input` and what is after it; all
/// and nothing if there is none.
pub(crate) fn split_once(input: &[u8], delimiter: u8) -> (&[u8], &[u8]) {
    let end = input.iter().position(|&byte| byte == delimiter);
    end.and_then(|end| input.split_at_checked(end))
        .map_or((input, &[]), |(before, after)| {
            (before, after.get(1..).unwrap_or_default())
        })
}

/// Iterator over list elements, made by [`elements`].
#[derive(Debug, Clone)]
pub struct List<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let found = self.element();
        // Only the end of the value makes an empty element here.
        (!found.is_empty()).then_some(found)
    }
}

impl FusedIterator for List<'_> {}

impl<'a> List<'a> {
    /// `#element => [ element ] *( OWS "," OWS [ element ] )`
    fn element(&mut self) -> &'a [u8] {
        while let [b',' | b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        let start = self.rest;
        loop {
            self.rest = match self.rest {
                [] | [b',', ..] => break,
                quoted @ [b'"', ..] => skip_quoted_string(quoted).unwrap_or_default(),
                [_, rest @ ..] => rest,
            };
        }
        let len = start.len().wrapping_sub(self.rest.len());
        trim_ows(start.get(..len).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    fn check(value: &[u8], expected: &[&[u8]]) {
        assert!(elements(value).eq(expected.iter().copied()), "{value:?}");
    }

    #[test]
    fn splits_at_commas_and_skips_what_is_empty() {
        check(b"", &[]);
        check(b",", &[]);
        check(b",   ,", &[]);
        check(b" \t", &[]);
        check(b"foo,bar", &[b"foo", b"bar"]);
        check(b"foo ,bar,", &[b"foo", b"bar"]);
        check(b"foo , ,bar,charlie", &[b"foo", b"bar", b"charlie"]);
        check(b"\ta b\t,\tc", &[b"a b", b"c"]);
    }

    #[test]
    fn keeps_commas_inside_quoted_strings() {
        check(br#"a="1,2" , b"#, &[br#"a="1,2""#, b"b"]);
        check(br#"a="\",",b"#, &[br#"a="\",""#, b"b"]);
        check(br#""","""#, &[br#""""#, br#""""#]);
    }

    #[test]
    fn a_quote_that_opens_nothing_takes_the_rest() {
        check(br#"a,b"c,d"#, &[b"a", br#"b"c,d"#]);
        check(b"\"\r\",b", &[b"\"\r\",b"]);
    }

    #[test]
    fn field_lines_are_one_list() {
        let lines = [&b"a, b"[..], b"", b",c,"];
        assert!(elements_of_lines(lines.into_iter()).eq([&b"a"[..], b"b", b"c"]));
    }

    #[test]
    fn split_once_leaves_the_delimiter_out() {
        assert_eq!(split_once(b"a;b;c", b';'), (&b"a"[..], &b"b;c"[..]));
        assert_eq!(split_once(b";", b';'), (&b""[..], &b""[..]));
        assert_eq!(split_once(b"ab", b';'), (&b"ab"[..], &b""[..]));
        assert_eq!(split_once(b"", b';'), (&b""[..], &b""[..]));
    }

    #[test]
    fn quotes_and_backslashes_cost_their_length() {
        // Quadratic behaviour would take minutes here.
        let mut value = [0; 1 << 20];
        for (index, byte) in value.iter_mut().enumerate() {
            *byte = if index % 2 == 0 { b'"' } else { b'\\' };
        }
        assert_eq!(elements(&value).count(), 1);
        value.fill(b',');
        assert_eq!(elements(&value).count(), 0);
    }

    #[test]
    fn elements_of_noise_are_trimmed_and_not_empty() {
        noise::each(br#"a ,"\;"#, |bytes| {
            for element in elements(bytes) {
                assert_eq!(element, trim_ows(element));
                assert!(!element.is_empty());
            }
        });
    }
}
