//! What the values of a configuration are: each is checked where it is read, so that a mistake is told
//! with the line it stands on.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, RangeInclusive};
use core::str::FromStr;

use kinglet_core::syntax::token::is_token;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::balance::key::KeySource;
use crate::balance::sticky;
use crate::route::Host;
use crate::time::Millis;

/// A value that is written as text, such as an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T> Deref for Text<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for OfText<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(OfText(PhantomData))
    }
}

/// A number of milliseconds, zero too: `250ms`, `5s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Millis);

/// The same, but not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Millis);

/// The longest span, in milliseconds: thirty days. What is longer is a slip of the pen.
const MAX_SPAN: Millis = 30 * 24 * 3_600_000;

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time such as \"250ms\", \"5s\", \"2m\" or \"1h\"";
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(EXPECTED),
        };
        let number: Millis = number.parse().map_err(|_| EXPECTED)?;
        let span = number.checked_mul(unit).filter(|span| *span <= MAX_SPAN);
        span.map(Self)
            .ok_or("expected a time of thirty days at most")
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            Span(0) => Err("expected a time above zero"),
            Span(span) => Ok(Self(span)),
        }
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<const LEAST: u32, const MOST: u32>(pub(crate) u32);

impl<const LEAST: u32, const MOST: u32> Number<LEAST, MOST> {
    /// This number, if it is one of these.
    pub(crate) fn of(number: i64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (LEAST..=MOST).contains(&number).then_some(Self(number))
    }

    /// What is said of any other.
    pub(crate) fn expected() -> String {
        format!("expected a number from {LEAST} to {MOST}")
    }
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Number<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        Self::of(number).ok_or_else(|| D::Error::custom(Self::expected()))
    }
}

/// What a backend is given in proportion to others.
pub(crate) type Weight = Number<1, 1_000>;

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or("expected a name without a port, *.NAME or *")
    }
}

/// The beginning of paths: `/`, `/api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(pub(crate) String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_byte = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
        let is_path = text.starts_with('/') && text.bytes().all(is_byte);
        is_path
            .then(|| Self(text.to_owned()))
            .ok_or("expected a path that begins with /, without a query")
    }
}

impl FromStr for KeySource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = |name: &str| is_token(name.as_bytes()).then(|| name.to_owned());
        let source = match text.split_once(':') {
            None if text == "address" => Some(Self::Address),
            Some(("header", text)) => name(text).map(Self::Header),
            Some(("cookie", text)) => name(text).map(Self::Cookie),
            _ => None,
        };
        source.ok_or("expected \"address\", \"header:NAME\" or \"cookie:NAME\"")
    }
}

/// A token (RFC 9110 §5.6.2): the name of a cookie or of this proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = is_token(text.as_bytes()) && text.len() <= sticky::MAX_NAME_LEN;
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or("expected letters, digits and -_., 64 at most")
    }
}

/// Status codes: `200`, `"200-299"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(pub(crate) RangeInclusive<u16>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a status code or \"FIRST-LAST\"")]
        enum Form {
            One(i64),
            Range(String),
        }
        let status = |code: i64| {
            u16::try_from(code)
                .ok()
                .filter(|code| (100..=599).contains(code))
        };
        let range = match Form::deserialize(deserializer)? {
            Form::One(code) => status(code).map(|code| code..=code),
            Form::Range(text) => text.split_once('-').and_then(|(first, last)| {
                let [first, last] = [first, last].map(|text| status(text.parse().ok()?));
                Some(first?..=last?).filter(|range| !range.is_empty())
            }),
        };
        range.map(Self).ok_or_else(|| {
            D::Error::custom("expected a status code from 100 to 599, or \"FIRST-LAST\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, expected) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("0s", 0),
            ("2m", 120_000),
            ("720h", MAX_SPAN),
        ] {
            assert_eq!(text.parse(), Ok(Span(expected)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5S",
            "5sec",
            "721h",
            "99999999999999999999h",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("0ms".parse::<Period>().is_err());
    }

    #[test]
    fn keys_and_paths_and_names() {
        assert_eq!("address".parse(), Ok(KeySource::Address));
        assert_eq!(
            "header:X-A".parse(),
            Ok(KeySource::Header(String::from("X-A")))
        );
        assert_eq!("cookie:a".parse(), Ok(KeySource::Cookie(String::from("a"))));
        for text in ["", "header", "header:", "cookie:a b", "query:a"] {
            assert!(text.parse::<KeySource>().is_err(), "{text}");
        }
        assert!("/api".parse::<Prefix>().is_ok());
        for text in ["", "api", "/a b", "/a?b", "/\u{e9}"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
        assert!("edge-1".parse::<Token>().is_ok());
        assert!("a b".parse::<Token>().is_err() && "a".repeat(65).parse::<Token>().is_err());
    }
}
