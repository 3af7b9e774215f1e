//! Byte ranges, RFC 9110 §14: Range and Content-Range.
//!
//! ```text
//!  Range: bytes=0-499, 9500-, -500          of 10000 bytes:
//!               |---|  |---|  |--|
//!               first  from   the last      (0, 500) (9500, 500) (9500, 500)
//!
//!  206   Content-Range: bytes 0-499/10000
//!  416   Content-Range: bytes */10000
//! ```
//!
//! On the wire the last position is part of the range. Here a range is a
//! start and a length, which can also say "nothing".
//!
//! A number too large for 64 bits in Range is a position beyond the end, as
//! RFC 9110 §14.1.2 asks; in Content-Range it is an error. Every function
//! reads its value once.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::combinator::{map_opt, opt, value};
use nom::sequence::{preceded, terminated};

use crate::syntax::emit::{Emitter, NoRoom};
use crate::syntax::list::{List, elements};
use crate::syntax::number::{Decimal, decimal, saturating_decimal};
use crate::syntax::token::{eq_ignore_case, token};
use crate::syntax::whole;

/// The value of Range with the unit `bytes`, checked to the end.
#[derive(Debug, Clone, Copy)]
pub struct RangeSet<'a> {
    // A list of at least one element, each a range-spec.
    specs: &'a [u8],
}

impl<'a> RangeSet<'a> {
    /// Parses the value of Range, RFC 9110 §14.2.
    ///
    /// `max_ranges` bounds the ranges in the set; a client that asks for
    /// many small ones makes a server send many heads (RFC 9110 §17.15).
    ///
    /// ```
    /// use kinglet_core::http::values::range::{ByteRange, RangeSet};
    ///
    /// let set = RangeSet::parse(b"bytes=0-499, -500", 4)?;
    /// let mut ranges = set.resolve(10_000).expect("satisfiable");
    /// assert_eq!(ranges.next(), Some(ByteRange::new(0, 500)));
    /// assert_eq!(ranges.next(), Some(ByteRange::new(9500, 500)));
    /// assert_eq!(ranges.next(), None);
    /// # Ok::<(), kinglet_core::http::values::range::RangeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Whatever the error, the request may be served as if it had no Range:
    ///
    /// - [`RangeError::Unit`] for another unit, which must be ignored;
    /// - [`RangeError::Syntax`] if the grammar is broken or a range ends
    ///   before it starts;
    /// - [`RangeError::TooMany`] for more than `max_ranges` ranges.
    pub fn parse(value: &'a [u8], max_ranges: usize) -> Result<Self, RangeError> {
        let (specs, unit) = terminated(token, tag("="))
            .parse(value)
            .map_err(|_: nom::Err<nom::error::Error<_>>| RangeError::Syntax)?;
        if !eq_ignore_case(unit, b"bytes") {
            return Err(RangeError::Unit);
        }
        let mut range_count = 0_usize;
        for element in elements(specs) {
            whole(range_spec, element).ok_or(RangeError::Syntax)?;
            range_count = range_count.saturating_add(1);
            if range_count > max_ranges {
                return Err(RangeError::TooMany);
            }
        }
        if range_count == 0 {
            return Err(RangeError::Syntax);
        }
        Ok(Self { specs })
    }

    /// The ranges of a representation of `complete_len` bytes, in the order
    /// requested and without those that are not satisfiable.
    ///
    /// Ranges may overlap; see [`is_ascending`](Self::is_ascending). Of an
    /// empty representation only the "last n bytes" are satisfiable; they are
    /// a range of length 0, for which there is no Content-Range, so the
    /// answer is 200 with no content.
    ///
    /// # Errors
    ///
    /// [`Unsatisfiable`] if no range is left: the answer is 416.
    pub fn resolve(&self, complete_len: u64) -> Result<SatisfiableRanges<'a>, Unsatisfiable> {
        let ranges = SatisfiableRanges {
            specs: elements(self.specs),
            complete_len,
        };
        match ranges.clone().next() {
            Some(_) => Ok(ranges),
            None => Err(Unsatisfiable { complete_len }),
        }
    }

    /// Whether each range starts at or after the end of the one before.
    ///
    /// A set that does not costs more than it is worth, and a server may
    /// ignore it, RFC 9110 §14.2.
    #[must_use]
    pub fn is_ascending(&self, complete_len: u64) -> bool {
        let mut ranges = SatisfiableRanges {
            specs: elements(self.specs),
            complete_len,
        };
        ranges
            .try_fold(0, |end, range| {
                (range.start >= end).then(|| range.start.saturating_add(range.len))
            })
            .is_some()
    }
}

/// Iterator over the satisfiable ranges of a [`RangeSet`].
#[derive(Debug, Clone)]
pub struct SatisfiableRanges<'a> {
    specs: List<'a>,
    complete_len: u64,
}

impl Iterator for SatisfiableRanges<'_> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let complete_len = self.complete_len;
        self.specs
            .find_map(|element| whole(range_spec, element)?.resolve(complete_len))
    }
}

impl FusedIterator for SatisfiableRanges<'_> {}

/// A part of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteRange {
    /// The offset of the first byte.
    pub start: u64,
    /// The number of bytes.
    pub len: u64,
}

impl ByteRange {
    /// `len` bytes from the offset `start`.
    #[must_use]
    pub const fn new(start: u64, len: u64) -> Self {
        Self { start, len }
    }
}

/// No range of the set is satisfiable: answer 416 (Range Not Satisfiable) with
/// this [`content_range`](Self::content_range), RFC 9110 §15.5.17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsatisfiable {
    /// The length of the representation in bytes.
    pub complete_len: u64,
}

impl Unsatisfiable {
    /// `bytes */complete_len`.
    #[must_use]
    pub const fn content_range(self) -> ContentRange {
        ContentRange::unsatisfied(self.complete_len)
    }
}

impl fmt::Display for Unsatisfiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a range within the representation")
    }
}

impl Error for Unsatisfiable {}

/// The value of Content-Range with the unit `bytes`, RFC 9110 §14.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    kind: Kind,
}

impl ContentRange {
    /// The longest value in bytes; the shortest is 9 bytes.
    pub const MAX_EMITTED_LEN: usize =
        "bytes 18446744073709551615-18446744073709551615/18446744073709551615".len();

    /// The value for a 206 response with `range` of a representation whose
    /// length, in bytes, may be unknown.
    ///
    /// `None` if no value can say that: the range is empty or reaches beyond
    /// the end.
    #[must_use]
    pub fn partial(range: ByteRange, complete_len: Option<u64>) -> Option<Self> {
        let first = range.start;
        let last = first.checked_add(range.len.checked_sub(1)?)?;
        let kind = Kind::Partial {
            first,
            last,
            complete_len,
        };
        kind.is_valid().then_some(Self { kind })
    }

    /// The value for a 416 response: `bytes */complete_len`.
    #[must_use]
    pub const fn unsatisfied(complete_len: u64) -> Self {
        Self {
            kind: Kind::Unsatisfied { complete_len },
        }
    }

    /// Parses the value of Content-Range.
    ///
    /// # Errors
    ///
    /// [`RangeError::Unit`] for another unit, [`RangeError::Syntax`] if the
    /// grammar is broken, a number is above [`u64::MAX`], or the range ends
    /// before it starts or beyond the representation.
    pub fn parse(value: &[u8]) -> Result<Self, RangeError> {
        let (rest, unit) = terminated(token, tag(" "))
            .parse(value)
            .map_err(|_: nom::Err<nom::error::Error<_>>| RangeError::Syntax)?;
        if !eq_ignore_case(unit, b"bytes") {
            return Err(RangeError::Unit);
        }
        whole(alt((range_resp, unsatisfied_range)), rest)
            .filter(Kind::is_valid)
            .map(|kind| Self { kind })
            .ok_or(RangeError::Syntax)
    }

    /// The range that the content is; `None` in a 416 response, and for the
    /// one range that needs 65 bits for its length.
    #[must_use]
    pub const fn range(&self) -> Option<ByteRange> {
        match self.kind {
            Kind::Partial { first, last, .. } => match last.saturating_sub(first).checked_add(1) {
                Some(len) => Some(ByteRange { start: first, len }),
                None => None,
            },
            Kind::Unsatisfied { .. } => None,
        }
    }

    /// The length of the whole representation in bytes, if it is known.
    #[must_use]
    pub const fn complete_len(&self) -> Option<u64> {
        match self.kind {
            Kind::Partial { complete_len, .. } => complete_len,
            Kind::Unsatisfied { complete_len } => Some(complete_len),
        }
    }

    /// Writes the value to the front of `out` and returns what was written.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if it does not fit;
    /// [`MAX_EMITTED_LEN`](Self::MAX_EMITTED_LEN) bytes are always enough.
    pub fn emit_into<'out>(&self, out: &'out mut [u8]) -> Result<&'out mut [u8], NoRoom> {
        let mut emitter = Emitter::new(out);
        emitter.push(b"bytes ")?;
        match self.kind {
            Kind::Partial { first, last, .. } => {
                emitter.push(Decimal::new(first).as_bytes())?;
                emitter.push_byte(b'-')?;
                emitter.push(Decimal::new(last).as_bytes())?;
            }
            Kind::Unsatisfied { .. } => emitter.push_byte(b'*')?,
        }
        emitter.push_byte(b'/')?;
        match self.complete_len() {
            Some(complete_len) => emitter.push(Decimal::new(complete_len).as_bytes())?,
            None => emitter.push_byte(b'*')?,
        }
        Ok(emitter.finish())
    }
}

/// Why a value of Range or Content-Range is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeError {
    /// The unit is not `bytes`.
    Unit,
    /// The grammar is broken, or the numbers contradict each other.
    Syntax,
    /// There are more ranges than the caller allows.
    TooMany,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "expected the range unit bytes",
            Self::Syntax => "expected byte ranges",
            Self::TooMany => "expected fewer ranges",
        })
    }
}

impl Error for RangeError {}

#[derive(Debug, Clone, Copy)]
enum RangeSpec {
    // first <= last
    Bounded { first: u64, last: u64 },
    From { first: u64 },
    Suffix { suffix_len: u64 },
}

impl RangeSpec {
    // RFC 9110 §14.1.2; `None` if it is not satisfiable.
    fn resolve(self, complete_len: u64) -> Option<ByteRange> {
        let (start, end) = match self {
            Self::Bounded { first, last } => (first, last.saturating_add(1).min(complete_len)),
            Self::From { first } => (first, complete_len),
            Self::Suffix { suffix_len: 0 } => return None,
            Self::Suffix { suffix_len } => {
                let start = complete_len.saturating_sub(suffix_len);
                let len = complete_len.saturating_sub(start);
                return Some(ByteRange { start, len });
            }
        };
        let len = end.checked_sub(start).filter(|&len| len > 0)?;
        Some(ByteRange { start, len })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Partial {
        first: u64,
        last: u64,
        complete_len: Option<u64>,
    },
    Unsatisfied {
        complete_len: u64,
    },
}

impl Kind {
    fn is_valid(&self) -> bool {
        match *self {
            Self::Partial {
                first,
                last,
                complete_len,
            } => first <= last && complete_len.is_none_or(|complete_len| last < complete_len),
            Self::Unsatisfied { .. } => true,
        }
    }
}

// range-spec   = int-range / suffix-range
// int-range    = first-pos "-" [ last-pos ]
// suffix-range = "-" suffix-length
fn range_spec(input: &[u8]) -> IResult<&[u8], RangeSpec> {
    let positions = (
        terminated(saturating_decimal, tag("-")),
        opt(saturating_decimal),
    );
    let int_range = map_opt(positions, |(first, last)| match last {
        Some(last) => (first <= last).then_some(RangeSpec::Bounded { first, last }),
        None => Some(RangeSpec::From { first }),
    });
    let suffix_range =
        preceded(tag("-"), saturating_decimal).map(|suffix_len| RangeSpec::Suffix { suffix_len });
    alt((int_range, suffix_range)).parse(input)
}

// range-resp = first-pos "-" last-pos "/" ( complete-length / "*" )
fn range_resp(input: &[u8]) -> IResult<&[u8], Kind> {
    let (input, first) = terminated(exact_decimal, tag("-")).parse(input)?;
    let (input, last) = terminated(exact_decimal, tag("/")).parse(input)?;
    let known = exact_decimal.map(Some);
    let (input, complete_len) = alt((known, value(None, tag("*")))).parse(input)?;
    let kind = Kind::Partial {
        first,
        last,
        complete_len,
    };
    Ok((input, kind))
}

// unsatisfied-range = "*/" complete-length
fn unsatisfied_range(input: &[u8]) -> IResult<&[u8], Kind> {
    preceded(tag("*/"), exact_decimal)
        .map(|complete_len| Kind::Unsatisfied { complete_len })
        .parse(input)
}

// 1*DIGIT of at most u64::MAX
fn exact_decimal(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(digit1, decimal).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &str, complete_len: u64, expected: &[(u64, u64)]) {
        let set = RangeSet::parse(value.as_bytes(), 8).expect(value);
        match set.resolve(complete_len) {
            Ok(ranges) => {
                let ranges = ranges.map(|range| (range.start, range.len));
                assert!(ranges.eq(expected.iter().copied()), "{value}");
            }
            Err(unsatisfiable) => {
                assert_eq!(expected, [], "{value}");
                assert_eq!(unsatisfiable.complete_len, complete_len);
            }
        }
    }

    #[test]
    fn resolves_the_examples() {
        check("bytes=0-499", 10_000, &[(0, 500)]);
        check("bytes=500-999", 10_000, &[(500, 500)]);
        check("bytes=-500", 10_000, &[(9500, 500)]);
        check("bytes=9500-", 10_000, &[(9500, 500)]);
        check("bytes=0-0,-1", 10_000, &[(0, 1), (9999, 1)]);
        check(
            "bytes= 0-999, 4500-5499, -1000",
            10_000,
            &[(0, 1000), (4500, 1000), (9000, 1000)],
        );
        check(
            "Bytes=500-700,,601-999 ,",
            10_000,
            &[(500, 201), (601, 399)],
        );
    }

    #[test]
    fn leaves_out_what_is_not_satisfiable() {
        check("bytes=0-99", 10, &[(0, 10)]);
        check("bytes=9-9", 10, &[(9, 1)]);
        check("bytes=10-10", 10, &[]);
        check("bytes=10-", 10, &[]);
        check("bytes=-0", 10, &[]);
        check("bytes=10-20, -0, 5-", 10, &[(5, 5)]);
        check("bytes=-11", 10, &[(0, 10)]);
        check("bytes=0-0", 0, &[]);
        check("bytes=0-", 0, &[]);
        check("bytes=-1", 0, &[(0, 0)]);
    }

    #[test]
    fn numbers_beyond_64_bits_are_beyond_the_end() {
        check("bytes=5-99999999999999999999", 10, &[(5, 5)]);
        check("bytes=-99999999999999999999", 10, &[(0, 10)]);
        check("bytes=99999999999999999999-", 10, &[]);
        check("bytes=99999999999999999998-99999999999999999999", 10, &[]);
        check("bytes=0-18446744073709551615", u64::MAX, &[(0, u64::MAX)]);
        check(
            "bytes=18446744073709551614-",
            u64::MAX,
            &[(u64::MAX - 1, 1)],
        );
    }

    #[test]
    fn rejects_what_is_not_a_set_of_byte_ranges() {
        #[track_caller]
        fn check(value: &str, expected: RangeError) {
            let error = RangeSet::parse(value.as_bytes(), 2).unwrap_err();
            assert_eq!(error, expected, "{value}");
        }
        for value in [
            "",
            "bytes",
            "=0-1",
            "bytes =0-1",
            "bytes=",
            "bytes=,",
            "bytes=1",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=0-1;",
            "bytes=0-1, x",
            "bytes=0 - 1",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=0-1 2-3",
            "bytes=0x1-2",
            "bytes=\"0-1\"",
            "bytes:0-1",
        ] {
            check(value, RangeError::Syntax);
        }
        check("items=0-1", RangeError::Unit);
        check("byte=0-1", RangeError::Unit);
        check("bytes=0-1,1-2,2-3", RangeError::TooMany);
        assert!(RangeSet::parse(b"bytes=0-1,,,1-2,", 2).is_ok());
        assert!(RangeSet::parse(b"bytes=0-1", 0).is_err());
    }

    #[test]
    fn ascending_ranges_do_not_overlap() {
        let is_ascending = |value: &[u8]| RangeSet::parse(value, 8).unwrap().is_ascending(100);
        assert!(is_ascending(b"bytes=0-9,10-19,-5"));
        assert!(is_ascending(b"bytes=50-,200-"));
        assert!(!is_ascending(b"bytes=0-9,9-19"));
        assert!(!is_ascending(b"bytes=10-19,0-9"));
        assert!(!is_ascending(b"bytes=0-,0-,0-"));
    }

    #[test]
    fn content_range_parses_and_emits() {
        #[track_caller]
        fn check(value: &str, range: Option<(u64, u64)>, complete_len: Option<u64>) {
            let parsed = ContentRange::parse(value.as_bytes()).expect(value);
            let found = parsed.range().map(|range| (range.start, range.len));
            assert_eq!((found, parsed.complete_len()), (range, complete_len));
            let mut out = [0; ContentRange::MAX_EMITTED_LEN];
            assert_eq!(parsed.emit_into(&mut out).unwrap(), value.as_bytes());
            let short = value.len().saturating_sub(1);
            assert_eq!(parsed.emit_into(&mut out[..short]), Err(NoRoom));
            let built = match (parsed.range(), complete_len) {
                (Some(range), complete_len) => ContentRange::partial(range, complete_len),
                (None, Some(complete_len)) => Some(ContentRange::unsatisfied(complete_len)),
                (None, None) => None,
            };
            assert_eq!(built, Some(parsed));
        }
        check("bytes 42-1233/1234", Some((42, 1192)), Some(1234));
        check("bytes 42-1233/*", Some((42, 1192)), None);
        check("bytes */1234", None, Some(1234));
        check("bytes 0-0/1", Some((0, 1)), Some(1));
        check("bytes */0", None, Some(0));
        check(
            "bytes 18446744073709551614-18446744073709551614/18446744073709551615",
            Some((u64::MAX - 1, 1)),
            Some(u64::MAX),
        );
    }

    #[test]
    fn content_range_rejects_contradictions() {
        for value in [
            "",
            "bytes",
            "bytes=0-1/2",
            "bytes 0-1",
            "bytes 0-1/",
            "bytes 1-0/2",
            "bytes 0-2/2",
            "bytes 0-1/1",
            "bytes */*",
            "bytes *",
            "bytes -1/2",
            "bytes 0-/2",
            "bytes  0-1/2",
            "bytes 0-1/2 ",
            "bytes 0-1/99999999999999999999",
        ] {
            let parsed = ContentRange::parse(value.as_bytes());
            assert_eq!(parsed, Err(RangeError::Syntax), "{value}");
        }
        assert_eq!(ContentRange::parse(b"items 0-1/2"), Err(RangeError::Unit));
        let partial = |start, len| ContentRange::partial(ByteRange::new(start, len), Some(10));
        assert!(partial(0, 10).is_some());
        assert!(partial(0, 0).is_none());
        assert!(partial(1, 10).is_none());
        assert!(partial(u64::MAX, 2).is_none());
        // All of 2^64 positions: a value that parses, but no length holds it.
        let all = ContentRange::parse(b"bytes 0-18446744073709551615/*").unwrap();
        assert_eq!(all.range(), None);
    }

    #[test]
    fn ranges_of_noise_are_within_the_representation() {
        noise::each(b"0123456789-,, ", |bytes| {
            let mut value = [0; 70];
            let value = &mut value[..bytes.len() + 6];
            value[..6].copy_from_slice(b"bytes=");
            value[6..].copy_from_slice(bytes);
            if let Ok(set) = RangeSet::parse(value, 16) {
                let _ = set.is_ascending(100);
                for range in set.resolve(100).into_iter().flatten() {
                    assert!(range.len > 0 && range.start + range.len <= 100);
                }
            }
            value[5] = b' ';
            if let Ok(content_range) = ContentRange::parse(value) {
                let mut out = [0; ContentRange::MAX_EMITTED_LEN];
                let emitted = content_range.emit_into(&mut out).unwrap();
                assert_eq!(ContentRange::parse(emitted), Ok(content_range));
            }
        });
    }
}
