//! Dates in field values, RFC 9110 §5.6.7.
//!
//! ```text
//!  Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate: the one that is sent
//!  Sunday, 06-Nov-94 08:49:37 GMT    rfc850-date: two digits of the year
//!  Sun Nov  6 08:49:37 1994          asctime-date
//! ```
//!
//! All three are accepted, byte for byte as the grammar has them. The day has
//! to exist and to fall on the weekday that is named, as RFC 5322 §3.3
//! demands of the first form; a date that contradicts itself says nothing
//! reliable, and every field that carries one may be ignored.
//!
//! A leap second, `23:59:60`, counts as the second before it.

use core::error::Error;
use core::fmt;

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take};
use nom::combinator::map_opt;
use nom::sequence::{preceded, terminated};

use crate::syntax::number::decimal;
use crate::syntax::whole;

/// A moment as HTTP knows it: one second in a year of four digits, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate {
    // FIRST <= unix_seconds <= LAST
    unix_seconds: i64,
}

impl HttpDate {
    /// Bytes of the form that is sent.
    pub const EMITTED_LEN: usize = 29;

    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    ///
    /// What would be after the year 9999 becomes its last second.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        let clamped = if seconds < LAST.cast_unsigned() {
            seconds
        } else {
            LAST.cast_unsigned()
        };
        Self {
            unix_seconds: clamped.cast_signed(),
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z, negative before it.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.unix_seconds
    }

    /// Parses any of the three forms, RFC 9110 §5.6.7.
    ///
    /// `now` decides on the century of a two-digit year: it is the latest one
    /// that is not more than 50 years ahead. The other two forms ignore it.
    ///
    /// # Errors
    ///
    /// [`DateError::Syntax`] if `value` has none of the forms,
    /// [`DateError::Range`] if there is no such day or time,
    /// [`DateError::Weekday`] if the day has another name.
    pub fn parse(value: &[u8], now: Self) -> Result<Self, DateError> {
        let forms = alt((imf_fixdate, rfc850_date, asctime_date));
        let parts = whole(forms, value).ok_or(DateError::Syntax)?;
        let year = match parts.year {
            Year::Full(year) => year,
            Year::LastTwoDigits(digits) => full_year(digits, &parts, now.civil()),
        };
        let date = Civil {
            year,
            month: parts.month,
            day: parts.day,
            second: parts.time.second_of_day().ok_or(DateError::Range)?,
        };
        let day_number = date.day_number().ok_or(DateError::Range)?;
        if day_number % 7 != parts.weekday {
            return Err(DateError::Weekday);
        }
        Ok(Self::from_day(day_number, date.second))
    }

    /// The IMF-fixdate of this moment.
    ///
    /// ```
    /// use kinglet_core::http::values::date::HttpDate;
    ///
    /// let date = HttpDate::from_unix(784_111_777);
    /// assert_eq!(&date.emit(), b"Sun, 06 Nov 1994 08:49:37 GMT");
    /// ```
    #[must_use]
    pub fn emit(self) -> [u8; Self::EMITTED_LEN] {
        let date = self.civil();
        let [w1, w2, w3] = short_name(&WEEKDAYS, self.day_number() % 7);
        let [m1, m2, m3] = short_name(&MONTHS, date.month.saturating_sub(1));
        let [d1, d2] = two_digits(date.day);
        let [y1, y2] = two_digits(date.year / 100);
        let [y3, y4] = two_digits(date.year);
        let [h1, h2] = two_digits(date.second / 3600);
        let [n1, n2] = two_digits(date.second / 60 % 60);
        let [s1, s2] = two_digits(date.second % 60);
        [
            w1, w2, w3, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', h1, h2,
            b':', n1, n2, b':', s1, s2, b' ', b'G', b'M', b'T',
        ]
    }

    fn since_year_zero(self) -> u64 {
        // FIRST is subtracted, so this is never negative.
        self.unix_seconds.saturating_sub(FIRST).cast_unsigned()
    }

    fn day_number(self) -> u64 {
        self.since_year_zero() / DAY
    }

    fn civil(self) -> Civil {
        Civil::from_day_number(self.day_number(), self.since_year_zero() % DAY)
    }

    const fn from_day(day_number: u64, second: u64) -> Self {
        let since_year_zero = day_number.saturating_mul(DAY).saturating_add(second);
        Self {
            unix_seconds: since_year_zero.cast_signed().saturating_add(FIRST),
        }
    }
}

/// Why something is not an HTTP-date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DateError {
    /// None of the three forms.
    Syntax,
    /// No such day in the calendar, or no such time in a day.
    Range,
    /// The weekday is that of another day.
    Weekday,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "expected a date in one of the three forms of HTTP",
            Self::Range => "expected a day and a time that exist",
            Self::Weekday => "expected the weekday on which the date falls",
        })
    }
}

impl Error for DateError {}

// A day in the proleptic Gregorian calendar and a second in that day.
#[derive(Debug, Clone, Copy)]
struct Civil {
    // year <= 9999
    year: u64,
    // 1 <= month <= 12
    month: u64,
    // 1 <= day <= month_len(year, month)
    day: u64,
    // second < DAY
    second: u64,
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "years have four digits, so no number here reaches 2^32, and what is subtracted is not larger"
)]
impl Civil {
    // Days from 0000-01-01, or `None` if there is no such day.
    fn day_number(&self) -> Option<u64> {
        if self.year > 9999 || self.day == 0 || self.day > month_len(self.year, self.month) {
            return None;
        }
        let months: u64 = (1..self.month)
            .map(|month| month_len(self.year, month))
            .sum();
        Some(days_before(self.year) + months + (self.day - 1))
    }

    fn from_day_number(day_number: u64, second: u64) -> Self {
        // The mean year guesses the year or the one before or after it.
        let guess = day_number * 400 / 146_097;
        let year = if days_before(guess + 1) <= day_number {
            guess + 1
        } else if days_before(guess) > day_number {
            guess - 1
        } else {
            guess
        };
        let mut month = 1;
        let mut day = day_number - days_before(year);
        while month < 12 && day >= month_len(year, month) {
            day -= month_len(year, month);
            month += 1;
        }
        let day = day + 1;
        Self {
            year,
            month,
            day,
            second,
        }
    }
}

// Days from 0000-01-01 to the first day of `year`; the year 0 is a leap year.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "year <= 10000 in every call, so the sum is below 2^22 and its first terms exceed what is subtracted"
)]
const fn days_before(year: u64) -> u64 {
    year * 365 + year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400)
}

const fn month_len(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

// RFC 9110 §5.6.7: a two-digit year that seems more than 50 years ahead is the
// most recent one in the past. So: the latest that is not more than 50 ahead.
fn full_year(last_two_digits: u64, date: &Parts, now: Civil) -> u64 {
    let latest = now.year.saturating_add(50);
    let back = latest.saturating_add(100).saturating_sub(last_two_digits) % 100;
    let second = date.time.second_of_day().unwrap_or_default();
    let later_in_year =
        (date.month, date.day, second) > (now.month, now.day, now.second) && back == 0;
    let back = if later_in_year { 100 } else { back };
    latest.saturating_sub(back)
}

// What a date says, before anything but the grammar has been checked.
#[derive(Debug, Clone, Copy)]
struct Parts {
    // Days after a Saturday, as 0000-01-01 was one.
    weekday: u64,
    year: Year,
    // 1 <= month <= 12
    month: u64,
    day: u64,
    time: TimeOfDay,
}

#[derive(Debug, Clone, Copy)]
enum Year {
    Full(u64),
    LastTwoDigits(u64),
}

#[derive(Debug, Clone, Copy)]
struct TimeOfDay {
    hour: u64,
    minute: u64,
    second: u64,
}

impl TimeOfDay {
    // 00:00:00 - 23:59:60
    fn second_of_day(self) -> Option<u64> {
        let second = match (self.hour, self.minute, self.second) {
            (23, 59, 60) => 59,
            (0..24, 0..60, second @ 0..60) => second,
            _ => return None,
        };
        let hours = self.hour.saturating_mul(3600);
        let minutes = self.minute.saturating_mul(60);
        Some(hours.saturating_add(minutes).saturating_add(second))
    }
}

// IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT
// date1       = day SP month SP year
fn imf_fixdate(input: &[u8]) -> IResult<&[u8], Parts> {
    let (input, weekday) = terminated(day_name, tag(", ")).parse(input)?;
    let (input, day) = terminated(digits(2), tag(" ")).parse(input)?;
    let (input, month) = terminated(month, tag(" ")).parse(input)?;
    let (input, year) = terminated(digits(4), tag(" ")).parse(input)?;
    let (input, time) = terminated(time_of_day, tag(" GMT")).parse(input)?;
    let parts = Parts {
        weekday,
        year: Year::Full(year),
        month,
        day,
        time,
    };
    Ok((input, parts))
}

// rfc850-date = day-name-l "," SP date2 SP time-of-day SP GMT
// date2       = day "-" month "-" 2DIGIT
fn rfc850_date(input: &[u8]) -> IResult<&[u8], Parts> {
    let (input, weekday) = terminated(day_name_l, tag(", ")).parse(input)?;
    let (input, day) = terminated(digits(2), tag("-")).parse(input)?;
    let (input, month) = terminated(month, tag("-")).parse(input)?;
    let (input, year) = terminated(digits(2), tag(" ")).parse(input)?;
    let (input, time) = terminated(time_of_day, tag(" GMT")).parse(input)?;
    let parts = Parts {
        weekday,
        year: Year::LastTwoDigits(year),
        month,
        day,
        time,
    };
    Ok((input, parts))
}

// asctime-date = day-name SP date3 SP time-of-day SP year
// date3        = month SP ( 2DIGIT / ( SP 1DIGIT ))
fn asctime_date(input: &[u8]) -> IResult<&[u8], Parts> {
    let (input, weekday) = terminated(day_name, tag(" ")).parse(input)?;
    let (input, month) = terminated(month, tag(" ")).parse(input)?;
    let day = alt((digits(2), preceded(tag(" "), digits(1))));
    let (input, day) = terminated(day, tag(" ")).parse(input)?;
    let (input, time) = terminated(time_of_day, tag(" ")).parse(input)?;
    let (input, year) = digits(4).parse(input)?;
    let parts = Parts {
        weekday,
        year: Year::Full(year),
        month,
        day,
        time,
    };
    Ok((input, parts))
}

// time-of-day = hour ":" minute ":" second
fn time_of_day(input: &[u8]) -> IResult<&[u8], TimeOfDay> {
    let (input, hour) = terminated(digits(2), tag(":")).parse(input)?;
    let (input, minute) = terminated(digits(2), tag(":")).parse(input)?;
    let (input, second) = digits(2).parse(input)?;
    let time = TimeOfDay {
        hour,
        minute,
        second,
    };
    Ok((input, time))
}

// day-name = %s"Mon" / %s"Tue" / ...
fn day_name(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take(3_usize), |name| position(&WEEKDAYS, name)).parse(input)
}

// day-name-l = %s"Monday" / %s"Tuesday" / ...
fn day_name_l(input: &[u8]) -> IResult<&[u8], u64> {
    let (_, weekday) = day_name(input)?;
    let (input, _) = tag(name(&WEEKDAYS, weekday)).parse(input)?;
    Ok((input, weekday))
}

// month = %s"Jan" / %s"Feb" / ...
fn month(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take(3_usize), |short| position(&MONTHS, short))
        .map(|index| index.saturating_add(1))
        .parse(input)
}

// nDIGIT
fn digits(len: usize) -> impl FnMut(&[u8]) -> IResult<&[u8], u64> {
    move |input| map_opt(take(len), decimal).parse(input)
}

fn position(names: &[&str], short: &[u8]) -> Option<u64> {
    let index = names
        .iter()
        .position(|name| name.as_bytes().get(..3) == Some(short))?;
    u64::try_from(index).ok()
}

fn name<'a>(names: &[&'a str], index: u64) -> &'a str {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index))
        .copied()
        .unwrap_or_default()
}

fn short_name(names: &[&str], index: u64) -> [u8; 3] {
    let short = name(names, index).as_bytes().first_chunk();
    short.copied().unwrap_or_default()
}

// The last two digits of `number`.
const fn two_digits(number: u64) -> [u8; 2] {
    let [tens, ..] = (number / 10 % 10).to_le_bytes();
    let [ones, ..] = (number % 10).to_le_bytes();
    [tens.wrapping_add(b'0'), ones.wrapping_add(b'0')]
}

// 0000-01-01 was a Saturday.
const WEEKDAYS: [&str; 7] = [
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds in a day; a leap second is not counted.
const DAY: u64 = 86_400;

/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    // 2024-02-29T12:00:00Z
    const NOW: HttpDate = HttpDate {
        unix_seconds: 1_709_208_000,
    };

    #[track_caller]
    fn check(value: &str, expected: Result<i64, DateError>) {
        let parsed = HttpDate::parse(value.as_bytes(), NOW);
        assert_eq!(parsed.map(HttpDate::unix_seconds), expected, "{value}");
    }

    #[test]
    fn the_three_forms_are_one_moment() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", Ok(784_111_777));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Ok(784_111_777));
        check("Sun Nov  6 08:49:37 1994", Ok(784_111_777));
        check("Sun Nov 06 08:49:37 1994", Ok(784_111_777));
        check("Wed Nov 16 08:49:37 1994", Ok(784_975_777));
    }

    #[test]
    fn takes_the_whole_range_of_years() {
        check("Sat, 01 Jan 0000 00:00:00 GMT", Ok(FIRST));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Ok(-1));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Ok(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Ok(LAST));
        check("Fri, 31 Dec 9999 23:59:60 GMT", Ok(LAST));
        check("Sat, 31 Dec 2016 23:59:60 GMT", Ok(1_483_228_799));
    }

    #[test]
    fn rejects_what_the_grammar_does_not_have() {
        for value in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 gmt",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 NOV 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "784111777",
        ] {
            check(value, Err(DateError::Syntax));
        }
    }

    #[test]
    fn rejects_days_and_times_that_do_not_exist() {
        for value in [
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Thu, 31 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Thu, 29 Feb 1900 00:00:00 GMT",
            "Wednesday, 29-Feb-23 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 23:59:61 GMT",
        ] {
            check(value, Err(DateError::Range));
        }
        check("Tue, 29 Feb 2000 00:00:00 GMT", Ok(951_782_400));
    }

    #[test]
    fn rejects_the_wrong_weekday() {
        check("Mon, 06 Nov 1994 08:49:37 GMT", Err(DateError::Weekday));
        check("Mon Nov  6 08:49:37 1994", Err(DateError::Weekday));
        check("Monday, 06-Nov-94 08:49:37 GMT", Err(DateError::Weekday));
    }

    #[test]
    fn a_two_digit_year_is_at_most_50_years_ahead() {
        fn check(now: &str, value: &str, expected: &str) {
            let any = HttpDate::from_unix(0);
            let now = HttpDate::parse(now.as_bytes(), any).unwrap();
            let parsed = HttpDate::parse(value.as_bytes(), now).unwrap();
            assert_eq!(&parsed.emit(), expected.as_bytes());
        }
        let now = "Thu, 29 Feb 2024 12:00:00 GMT";
        check(
            now,
            "Thursday, 29-Feb-24 12:00:00 GMT",
            "Thu, 29 Feb 2024 12:00:00 GMT",
        );
        check(
            now,
            "Wednesday, 28-Feb-74 12:00:00 GMT",
            "Wed, 28 Feb 2074 12:00:00 GMT",
        );
        check(
            now,
            "Friday, 01-Mar-74 00:00:00 GMT",
            "Fri, 01 Mar 1974 00:00:00 GMT",
        );
        check(
            now,
            "Wednesday, 01-Jan-75 00:00:00 GMT",
            "Wed, 01 Jan 1975 00:00:00 GMT",
        );
        check(
            "Thu, 31 Dec 2099 00:00:00 GMT",
            "Saturday, 01-Jan-01 00:00:00 GMT",
            "Sat, 01 Jan 2101 00:00:00 GMT",
        );
        // A clock that was never set still reads a date of today.
        check(
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT",
        );
    }

    #[test]
    fn seconds_after_the_last_year_are_its_last() {
        assert_eq!(
            HttpDate::from_unix(u64::MAX).emit(),
            *b"Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }

    // Walks the calendar day by day, which needs no formula.
    #[test]
    fn every_day_of_230_years_comes_back() {
        let (mut year, mut month, mut day, mut weekday) = (1970, 1, 1, 3_usize);
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let mut midnight = 0_u64;
        while year < 2200 {
            // 08:49:37 and, by the day, other times.
            let second = (midnight / DAY * 7919) % DAY;
            let date = HttpDate::from_unix(midnight + second);
            let emitted = date.emit();
            let text = str::from_utf8(&emitted).unwrap();
            let mut words = text.split([' ', ',', ':']).filter(|word| !word.is_empty());
            assert_eq!(words.next(), Some(names[weekday]));
            assert_eq!(words.next().unwrap().parse(), Ok(day));
            assert_eq!(words.next(), Some(MONTHS[month - 1]));
            assert_eq!(words.next().unwrap().parse(), Ok(year));
            assert_eq!(words.next().unwrap().parse(), Ok(second / 3600));
            assert_eq!(words.next().unwrap().parse(), Ok(second / 60 % 60));
            assert_eq!(words.next().unwrap().parse(), Ok(second % 60));
            assert_eq!(words.next(), Some("GMT"));
            assert_eq!(HttpDate::parse(&emitted, NOW), Ok(date));

            midnight += DAY;
            weekday = (weekday + 1) % 7;
            day += 1;
            let leap = year % 4 == 0 && year != 2100;
            let last = [
                31,
                28 + u64::from(leap),
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ];
            if day > last[month - 1] {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn every_day_of_ten_thousand_years_is_its_own_inverse() {
        let mut date = HttpDate {
            unix_seconds: FIRST,
        };
        for day_number in 0..days_before(10_000) {
            assert_eq!(date.civil().day_number(), Some(day_number));
            date.unix_seconds += DAY.cast_signed();
        }
        assert_eq!(date.unix_seconds, LAST + 1);
    }

    #[test]
    fn noise_that_parses_is_a_date_that_emits() {
        noise::each(b"SunMoFebNv, 0123:-GMT", |bytes| {
            if let Ok(date) = HttpDate::parse(bytes, NOW) {
                assert_eq!(HttpDate::parse(&date.emit(), NOW), Ok(date));
            }
        });
        // One byte at a time, as noise seldom looks like a date.
        for template in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            for position in 0..template.len() {
                for byte in 0..=u8::MAX {
                    let mut bytes = [0; 32];
                    let bytes = &mut bytes[..template.len()];
                    bytes.copy_from_slice(template.as_bytes());
                    bytes[position] = byte;
                    if let Ok(date) = HttpDate::parse(bytes, NOW) {
                        assert_eq!(HttpDate::parse(&date.emit(), NOW), Ok(date));
                    }
                }
            }
        }
    }
}
