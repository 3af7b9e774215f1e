//! `application/x-www-form-urlencoded`: what forms put into a query or into
//! the content of a request.
//!
//! ```text
//!  name=Jane+Doe&city=K%C3%B6ln&flag
//!  |--| |------| |---------------|
//!  key   value      more pairs         flag has an empty value
//! ```
//!
//! The rules are those of the URL standard of WHATWG, §5.1: pairs are split at
//! `&`, empty ones are skipped, a pair is split at its first `=`, and in both
//! halves `+` is a space and `%` starts a triplet. In one thing this is
//! stricter: a malformed triplet is an error of its key or value, where that
//! standard passes the `%` through, for the reason given in
//! [`percent`](crate::syntax::percent). The other pairs stay readable.
//!
//! Nothing is decoded before it is read.

use core::iter::FusedIterator;

use crate::syntax::emit::Emitter;
use crate::syntax::list::split_once;
use crate::syntax::percent::{PercentError, first};

/// The pairs of a query, RFC 3986 §3.4, or of the content of a form.
///
/// ```
/// use kinglet_core::http::values::query::Query;
///
/// let query = Query::new(b"name=Jane+Doe&city=K%C3%B6ln");
/// assert!(query.value_of("name").is_some_and(|name| name == "Jane Doe"));
/// assert!(query.value_of("city").is_some_and(|city| city == "Köln"));
/// assert!(query.value_of("age").is_none());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    input: &'a [u8],
}

impl<'a> Query<'a> {
    /// The pairs in `input`, which has no question mark in front.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input }
    }

    /// The pairs in the order received.
    #[must_use]
    pub const fn pairs(&self) -> Pairs<'a> {
        Pairs { rest: self.input }
    }

    /// The value of the first pair whose decoded key is `key`.
    #[must_use]
    pub fn value_of(&self, key: &str) -> Option<Component<'a>> {
        let found = self.pairs().find(|pair| pair.key == key)?;
        Some(found.value)
    }
}

/// Iterator over the pairs of a [`Query`].
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        while !self.rest.is_empty() {
            let (pair, rest) = split_once(self.rest, b'&');
            self.rest = rest;
            if !pair.is_empty() {
                let (key, value) = split_once(pair, b'=');
                return Some(Pair {
                    key: Component { raw: key },
                    value: Component { raw: value },
                });
            }
        }
        None
    }
}

impl FusedIterator for Pairs<'_> {}

/// One key and its value.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Pair<'a> {
    /// What is before the first `=`, or all if there is none.
    pub key: Component<'a>,
    /// What is after the first `=`, or nothing if there is none.
    pub value: Component<'a>,
}

/// A key or a value, decoded when it is read.
///
/// It is equal to a text if it decodes without error and to that text.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    raw: &'a [u8],
}

impl<'a> Component<'a> {
    /// The bytes as received.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The decoded bytes, one by one. An error ends them.
    #[must_use]
    pub const fn bytes(&self) -> FormDecoded<'a> {
        FormDecoded { rest: self.raw }
    }

    /// Writes the decoded bytes to the front of `out` and returns them.
    ///
    /// # Errors
    ///
    /// [`PercentError::Triplet`] for a malformed triplet,
    /// [`PercentError::NoRoom`] if `out` is too small; as large as
    /// [`raw`](Self::raw) is always enough.
    pub fn decode_into<'out>(&self, out: &'out mut [u8]) -> Result<&'out mut [u8], PercentError> {
        let mut emitter = Emitter::new(out);
        for byte in self.bytes() {
            emitter.push_byte(byte?)?;
        }
        Ok(emitter.finish())
    }
}

impl PartialEq<[u8]> for Component<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().map(|&byte| Ok(byte)))
    }
}

impl PartialEq<str> for Component<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Component<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == *other.as_bytes()
    }
}

/// Iterator over the decoded bytes of a [`Component`].
#[derive(Debug, Clone)]
pub struct FormDecoded<'a> {
    rest: &'a [u8],
}

impl Iterator for FormDecoded<'_> {
    type Item = Result<u8, PercentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let [b'+', rest @ ..] = self.rest {
            self.rest = rest;
            return Some(Ok(b' '));
        }
        if self.rest.is_empty() {
            return None;
        }
        let Some((byte, taken_len)) = first(self.rest) else {
            self.rest = &[];
            return Some(Err(PercentError::Triplet));
        };
        self.rest = self.rest.get(taken_len..).unwrap_or_default();
        Some(Ok(byte))
    }
}

impl FusedIterator for FormDecoded<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(input: &[u8], expected: &[(&str, &str)]) {
        let query = Query::new(input);
        assert_eq!(query.pairs().count(), expected.len(), "{input:?}");
        for (pair, (key, value)) in query.pairs().zip(expected) {
            assert_eq!(pair.key, *key);
            assert_eq!(pair.value, *value);
            let mut out = [0; 64];
            assert_eq!(pair.value.decode_into(&mut out).unwrap(), value.as_bytes());
            if let Some(short) = value.len().checked_sub(1) {
                let decoded = pair.value.decode_into(&mut out[..short]);
                assert_eq!(decoded, Err(PercentError::NoRoom));
            }
        }
    }

    #[test]
    fn splits_pairs_and_decodes_both_halves() {
        check(b"", &[]);
        check(b"a=b", &[("a", "b")]);
        check(b"a=b&c=d", &[("a", "b"), ("c", "d")]);
        check(b"a+b=c+d", &[("a b", "c d")]);
        check(b"%61%3D=%26%2B+", &[("a=", "&+ ")]);
        check(b"k=K%C3%B6ln", &[("k", "Köln")]);
    }

    #[test]
    fn halves_may_be_empty_and_pairs_may_not() {
        check(b"&", &[]);
        check(b"&&a=b&&", &[("a", "b")]);
        check(b"a", &[("a", "")]);
        check(b"a=", &[("a", "")]);
        check(b"=b", &[("", "b")]);
        check(b"=", &[("", "")]);
        check(b"a=b=c", &[("a", "b=c")]);
        check(b"a=b;c=d", &[("a", "b;c=d")]);
    }

    #[test]
    fn a_malformed_triplet_is_an_error_of_its_half_only() {
        let query = Query::new(b"a=100%&%zz=1&b=%4&c=1");
        let mut out = [0; 8];
        for key in ["a", "b"] {
            let value = query.value_of(key).unwrap();
            assert_eq!(value.decode_into(&mut out), Err(PercentError::Triplet));
            assert_ne!(value, "100%");
            assert_ne!(value, "");
        }
        assert_eq!(query.value_of("c").unwrap(), "1");
        assert!(query.value_of("%zz").is_none());
        assert_eq!(query.value_of("a").unwrap().raw(), b"100%");
        assert_eq!(query.value_of("b").unwrap().bytes().count(), 1);
    }

    #[test]
    fn the_first_pair_of_a_key_counts() {
        let query = Query::new(b"a=1&a=2&%61=3");
        assert_eq!(query.value_of("a").unwrap(), "1");
        let all = query.pairs().filter(|pair| pair.key == "a");
        assert_eq!(all.count(), 3);
    }

    #[test]
    fn noise_decodes_to_no_more_than_its_length() {
        noise::each(b"ab=&+%4f", |bytes| {
            for pair in Query::new(bytes).pairs() {
                let mut out = [0; 64];
                if let Ok(value) = pair.value.decode_into(&mut out) {
                    assert!(value.len() <= pair.value.raw().len());
                    assert!(pair.value == *value);
                }
                let _ = pair.key == "a";
            }
        });
    }
}
