//! Instants, as STIX writes them and as the store orders them.

use std::fmt;
use std::str::FromStr;

/// An instant in UTC at microsecond precision, from year 1 to year 9999.
///
/// The digits a document was received with are kept in its raw text; this is the value they are
/// compared by. Digits beyond the microsecond are truncated here (see [`Timestamp::parse_exact`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTimestamp;

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 timestamp in UTC such as 2026-01-31T12:00:00.000Z")
    }
}

impl std::error::Error for InvalidTimestamp {}

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROS;

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(days_from_civil(1, 1, 1) * DAY);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self((days_from_civil(9999, 12, 31) + 1) * DAY - 1);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since 1970-01-01T00:00:00Z, clamped to the representable years.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant moved by `micros` microseconds, clamped to the representable years.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// Parses `YYYY-MM-DDTHH:MM:SS[.s+]Z` (STIX 2.1 §2.16) and says whether digits beyond the microsecond
    /// were cut off.
    ///
    /// A leap second (`:60`) reads as the last microsecond before the following minute, so that order is kept.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] for any other form, including lower-case `t`/`z` and numeric offsets, and for
    /// dates that do not exist.
    pub fn parse_exact(text: &str) -> Result<(Self, bool), InvalidTimestamp> {
        let bytes = text.as_bytes();
        let (head, tail) = bytes.split_at_checked(19).ok_or(InvalidTimestamp)?;
        let &[y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] =
            head
        else {
            return Err(InvalidTimestamp);
        };
        let year = number(&[y1, y2, y3, y4])?;
        let month = number(&[mo1, mo2])?;
        let day = number(&[d1, d2])?;
        let (hour, minute, second) = (number(&[h1, h2])?, number(&[mi1, mi2])?, number(&[s1, s2])?);
        if year < 1
            || !(1..=12).contains(&month)
            || !(1..=days_in_month(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return Err(InvalidTimestamp);
        }
        let (fraction, truncated) = match tail {
            b"Z" => (0, false),
            [b'.', digits @ .., b'Z'] if !digits.is_empty() => fraction(digits)?,
            _ => return Err(InvalidTimestamp),
        };
        let days = days_from_civil(year, month, day);
        let seconds = hour * 3600 + minute * 60 + second.min(59);
        let fraction = if second == 60 { MICROS - 1 } else { fraction };
        Ok((Self(days * DAY + seconds * MICROS + fraction), truncated))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        Self::parse_exact(text).map(|(instant, _)| instant)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with three digits, or six where the microseconds need them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, within) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        let (seconds, micros) = (within / MICROS, within % MICROS);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        if micros % 1000 == 0 { write!(f, "{:03}Z", micros / 1000) } else { write!(f, "{micros:06}Z") }
    }
}

fn number(digits: &[u8]) -> Result<i64, InvalidTimestamp> {
    digits.iter().try_fold(0, |value, digit| {
        if digit.is_ascii_digit() { Ok(value * 10 + i64::from(digit - b'0')) } else { Err(InvalidTimestamp) }
    })
}

fn fraction(digits: &[u8]) -> Result<(i64, bool), InvalidTimestamp> {
    let (mut micros, mut unit, mut truncated) = (0, MICROS / 10, false);
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(InvalidTimestamp);
        }
        let value = i64::from(digit - b'0');
        truncated |= unit == 0 && value != 0;
        micros += value * unit;
        unit /= 10;
    }
    Ok((micros, truncated))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the
/// leap day comes last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        let parsed = text.parse::<Timestamp>().ok().map(|t| t.to_string());
        assert_eq!(parsed.as_deref(), expect, "{text}");
    }

    #[test]
    fn stix_timestamps() {
        check("2016-01-20T12:31:12.12345Z", Some("2016-01-20T12:31:12.123450Z"));
        check("2016-01-20T12:31:12Z", Some("2016-01-20T12:31:12.000Z"));
        check("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00.000Z"));
        check("9999-12-31T23:59:59.999999Z", Some("9999-12-31T23:59:59.999999Z"));
        check("2000-02-29T00:00:00Z", Some("2000-02-29T00:00:00.000Z"));
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59.999999Z"));
    }

    #[test]
    fn what_is_no_timestamp() {
        for text in [
            "",
            "2016-01-20",
            "2016-01-20T12:31:12",
            "2016-01-20t12:31:12Z",
            "2016-01-20T12:31:12z",
            "2016-01-20T12:31:12.Z",
            "2016-01-20T12:31:12+00:00",
            "2016-01-20T24:00:00Z",
            "2016-13-20T12:31:12Z",
            "2015-02-29T12:31:12Z",
            "1900-02-29T12:31:12Z",
            "0000-01-01T00:00:00Z",
            "２016-01-20T12:31:12Z",
            "2016-01-20T12:31:12.1a3Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn same_instant_different_digits_are_equal() {
        let parse = |text| Timestamp::parse_exact(text).unwrap();
        assert_eq!(parse("2020-01-01T00:00:00.1Z"), parse("2020-01-01T00:00:00.100000Z"));
        assert_eq!(parse("2020-01-01T00:00:00.0000001Z"), (parse("2020-01-01T00:00:00Z").0, true));
    }

    #[test]
    fn every_day_round_trips() {
        for days in (Timestamp::MIN.0 / DAY)..=(Timestamp::MAX.0 / DAY) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn arithmetic_is_clamped() {
        assert_eq!(Timestamp::MAX.plus_micros(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
    }
}
