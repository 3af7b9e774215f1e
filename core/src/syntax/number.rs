//! Decimal numbers without sign, as every length and position is written.

use super::run;
use nom::IResult;
use nom::Parser;

/// The value of `bytes`, which is nothing but digits.
///
/// ```abnf
/// 1*DIGIT
/// ```
///
/// `None` if there is no digit, if there is anything else (a sign, a space),
/// or if the number is above [`u64::MAX`]. Leading zeros are allowed, since
/// the grammar of RFC 9110 §8.6 and others allows them.
///
/// ```
/// use kinglet_core::syntax::number::decimal;
///
/// assert_eq!(decimal(b"0042"), Some(42));
/// assert_eq!(decimal(b"+42"), None);
/// ```
#[must_use]
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |value, &byte| {
        value.checked_mul(10)?.checked_add(digit(byte)?)
    })
}

/// Takes the digits at the start of `input`; a number above [`u64::MAX`]
/// counts as [`u64::MAX`].
///
/// For positions in a representation, where a number too large to hold only
/// means "beyond the end" (RFC 9110 §14.1.2). A length that frames a message
/// goes through [`decimal`] instead.
///
/// # Errors
///
/// A recoverable error of nom if `input` does not start with a digit.
pub fn saturating_decimal(input: &[u8]) -> IResult<&[u8], u64> {
    run(1, |byte: u8| byte.is_ascii_digit())
        .map(|digits: &[u8]| decimal(digits).unwrap_or(u64::MAX))
        .parse(input)
}

/// A number as the digits that are sent for it.
///
/// ```
/// use kinglet_core::syntax::number::Decimal;
///
/// assert_eq!(Decimal::new(1234).as_bytes(), b"1234");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: [u8; 20],
    // start < digits.len(); what is before it is '0'
    start: usize,
}

impl Decimal {
    /// The digits of `value`, without leading zeros.
    #[must_use]
    pub fn new(value: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        let mut rest = value;
        for (index, slot) in digits.iter_mut().enumerate().rev() {
            let [low, ..] = (rest % 10).to_le_bytes();
            *slot = low.saturating_add(b'0');
            start = index;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    /// The digits: 1 to 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

const fn digit(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some((byte & 0x0f) as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[test]
    fn takes_digits_and_nothing_else() {
        fn check(input: &[u8], expected: Option<u64>) {
            assert_eq!(decimal(input), expected, "{input:?}");
        }
        check(b"0", Some(0));
        check(b"007", Some(7));
        check(b"18446744073709551615", Some(u64::MAX));
        check(b"00000000000000000000000000001", Some(1));
        check(b"18446744073709551616", None);
        check(b"99999999999999999999999", None);
        check(b"", None);
        check(b"-1", None);
        check(b"+1", None);
        check(b" 1", None);
        check(b"1 ", None);
        check(b"1a", None);
        check(b"\xb2", None);
    }

    #[test]
    fn a_number_too_large_is_the_largest() {
        fn check(input: &[u8], expected: Option<(&[u8], u64)>) {
            assert_eq!(saturating_decimal(input).ok(), expected);
        }
        check(b"12-", Some((b"-", 12)));
        check(b"18446744073709551616", Some((b"", u64::MAX)));
        check(b"-1", None);
        check(b"", None);
    }

    #[test]
    fn emits_what_it_parses() {
        fn check(value: u64, expected: &[u8]) {
            assert_eq!(Decimal::new(value).as_bytes(), expected);
            assert_eq!(decimal(expected), Some(value));
        }
        check(0, b"0");
        check(9, b"9");
        check(10, b"10");
        check(4096, b"4096");
        check(u64::MAX, b"18446744073709551615");
    }

    #[test]
    fn a_number_that_parses_is_the_same_without_leading_zeros() {
        noise::each(b"0123456789", |bytes| {
            let Some(value) = decimal(bytes) else { return };
            let zeros = bytes.iter().take_while(|&&byte| byte == b'0').count();
            let kept = bytes.get(zeros..).filter(|kept| !kept.is_empty());
            assert_eq!(Decimal::new(value).as_bytes(), kept.unwrap_or(b"0"));
        });
    }
}
