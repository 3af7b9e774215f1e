//! Text in a buffer of fixed length, without the weight of `core::fmt`.

use heapless::String;

/// Text of at most `N` bytes. What does not fit is not put, and the answer is `None` then.
#[derive(Debug, Default)]
pub(crate) struct Text<const N: usize>(String<N>);

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self(String::new())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was put past the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(crate) fn put(&mut self, text: &str) -> Option<()> {
        self.0.push_str(text).ok()
    }

    pub(crate) fn put_number(&mut self, number: u64) -> Option<()> {
        self.put_digits(number, 1)
    }

    /// `value` divided by 10 to the power of `decimals`.
    pub(crate) fn put_decimal(&mut self, value: i32, decimals: u8) -> Option<()> {
        if value < 0 {
            self.put("-")?;
        }
        let magnitude = value.unsigned_abs();
        match 10_u32.checked_pow(u32::from(decimals)) {
            Some(scale) if decimals > 0 => {
                self.put_number(u64::from(magnitude.checked_div(scale)?))?;
                self.put(".")?;
                self.put_digits(
                    u64::from(magnitude.checked_rem(scale)?),
                    usize::from(decimals),
                )
            }
            _ => self.put_number(u64::from(magnitude)),
        }
    }

    /// Eight hexadecimal digits.
    pub(crate) fn put_hexadecimal(&mut self, number: u32) -> Option<()> {
        (0..8).rev().try_for_each(|place: u32| {
            let digit = number >> place.saturating_mul(4) & 0xf;
            self.0.push(char::from_digit(digit, 16)?).ok()
        })
    }

    /// Decimal digits, with zeros in front where they are fewer than `least`.
    fn put_digits(&mut self, number: u64, least: usize) -> Option<()> {
        const MOST: usize = 20;
        let mut digits = [b'0'; MOST];
        let mut len = 0_usize;
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            if rest == 0 && len >= least {
                break;
            }
            *digit = b"0123456789".get((rest % 10) as usize).copied()?;
            rest /= 10;
            len = len.saturating_add(1);
        }
        let digits = digits.get(MOST.saturating_sub(len)..)?;
        self.put(core::str::from_utf8(digits).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_one_would() {
        let decimal = |value, decimals| {
            let mut text = Text::<32>::new();
            text.put_decimal(value, decimals).unwrap();
            text
        };
        let rows = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (7, 2, "0.07"),
            (-7, 1, "-0.7"),
            (2150, 2, "21.50"),
            (i32::MIN, 3, "-2147483.648"),
            (i32::MAX, 0, "2147483647"),
        ];
        for (value, decimals, expected) in rows {
            assert_eq!(decimal(value, decimals).as_str(), expected);
        }
        let mut text = Text::<40>::new();
        text.put_number(u64::MAX).unwrap();
        text.put_hexadecimal(0xcbf4_3926).unwrap();
        assert_eq!(text.as_str(), "18446744073709551615cbf43926");
    }

    #[test]
    fn what_does_not_fit_is_not_put() {
        let mut text = Text::<3>::new();
        assert_eq!(text.put("ab"), Some(()));
        assert_eq!(text.put("cd"), None);
        assert_eq!(text.put_number(7), Some(()));
        assert_eq!(text.as_str(), "ab7");
    }
}
