//! Quality values, RFC 9110 §12.4.2: the weight of a preference.
//!
//! ```text
//!  text/html;q=0.85
//!             |--|      850 thousandths
//! ```

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while_m_n, take_while1};
use nom::combinator::opt;
use nom::sequence::preceded;

use crate::syntax::number::decimal;
use crate::syntax::token::{is_whitespace, ows};
use crate::syntax::whole;

/// A weight in thousandths, 0 to 1000. Zero means "not acceptable".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality {
    // thousandths <= 1000
    thousandths: u16,
}

impl Quality {
    /// Not acceptable.
    pub const ZERO: Self = Self { thousandths: 0 };

    /// The least weight that is acceptable, 0.001.
    pub const LEAST: Self = Self { thousandths: 1 };

    /// The weight of what carries none.
    pub const ONE: Self = Self { thousandths: 1000 };

    /// Parses a qvalue; `None` if `value` is not one, RFC 9110 §12.4.2.
    ///
    /// ```
    /// use kinglet_core::http::values::quality::Quality;
    ///
    /// assert_eq!(Quality::parse(b"0.85").map(Quality::thousandths), Some(850));
    /// assert_eq!(Quality::parse(b"1.5"), None);
    /// ```
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        whole(qvalue, value)
    }

    /// The weight times 1000.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.thousandths
    }

    /// Whether the weight is not zero.
    #[must_use]
    pub const fn is_acceptable(self) -> bool {
        self.thousandths > 0
    }
}

/// The index of the offer that `quality_of` weighs most, the first of equals,
/// or `None` if none is acceptable.
pub(super) fn best_of(offers: &[&str], quality_of: impl Fn(&str) -> Quality) -> Option<usize> {
    let mut best = None;
    let mut best_quality = Quality::ZERO;
    for (index, offer) in offers.iter().enumerate() {
        let quality = quality_of(offer);
        if quality > best_quality {
            best = Some(index);
            best_quality = quality;
        }
    }
    best
}

/// A list element that is one word and at most a weight.
///
/// ```abnf
/// element = word [ OWS ";" OWS "q=" qvalue ]
/// ```
///
/// The word is whatever is before the weight, yet to be checked.
pub(super) fn weighted(element: &[u8]) -> Option<(&[u8], Quality)> {
    let word = take_while1(|byte| byte != b';' && !is_whitespace(byte));
    let weight = preceded((ows, tag(";"), ows, tag_no_case("q=")), qvalue);
    let (word, weight) = whole((word, opt(weight)), element)?;
    Some((word, weight.unwrap_or(Quality::ONE)))
}

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
fn qvalue(input: &[u8]) -> IResult<&[u8], Quality> {
    let digits = take_while_m_n(0, 3, |byte: u8| byte.is_ascii_digit());
    let zeros = take_while_m_n(0, 3, |byte| byte == b'0');
    let below_one = preceded(tag("0"), opt(preceded(tag("."), digits)));
    let one = preceded(tag("1"), opt(preceded(tag("."), zeros)));
    alt((
        below_one.map(|digits: Option<&[u8]>| Quality {
            thousandths: thousandths(digits.unwrap_or_default()),
        }),
        one.map(|_| Quality::ONE),
    ))
    .parse(input)
}

// At most three digits after the point, so the result is below 1000.
fn thousandths(digits: &[u8]) -> u16 {
    let scale = match digits.len() {
        1 => 100,
        2 => 10,
        _ => 1,
    };
    let digits = decimal(digits).unwrap_or_default();
    u16::try_from(digits.saturating_mul(scale)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &[u8], expected: Option<u16>) {
        let parsed = Quality::parse(value);
        assert_eq!(parsed.map(Quality::thousandths), expected, "{value:?}");
    }

    #[test]
    fn takes_up_to_three_digits_after_the_point() {
        check(b"0", Some(0));
        check(b"0.", Some(0));
        check(b"0.000", Some(0));
        check(b"0.001", Some(1));
        check(b"0.07", Some(70));
        check(b"0.5", Some(500));
        check(b"0.999", Some(999));
        check(b"1", Some(1000));
        check(b"1.", Some(1000));
        check(b"1.000", Some(1000));
    }

    #[test]
    fn rejects_everything_else() {
        for value in [
            &b""[..],
            b".5",
            b"1.001",
            b"1.0000",
            b"0.1234",
            b"2",
            b"00",
            b"01",
            b"-0",
            b"+1",
            b" 1",
            b"1 ",
            b"0,5",
            b"0.5e1",
        ] {
            check(value, None);
        }
    }

    #[test]
    fn noise_is_never_above_one() {
        noise::each(b"01.", |bytes| {
            assert!(Quality::parse(bytes).is_none_or(|quality| quality <= Quality::ONE));
        });
    }
}
