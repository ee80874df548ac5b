//! When a record says it happened, in every spelling that logs use.
//!
//! | Spelling | Where |
//! |---|---|
//! | `2024-01-01T00:00:00.123456Z`, `…+01:00`, `…+0000`, ` ` for `T`, `,` for `.`, no zone | RFC 3339, Suricata, Sysmon, AWS, nxlog |
//! | `1588205199.82437`, `1588205199824`, `…824370`, `…824370000` | Zeek; seconds, milli-, micro- and nanoseconds |
//! | `Oct 11 22:14:15`, `Oct 11 2024 22:14:15`, `Aug 24 05:34:00 CST 1987`, `1990 Oct 22 10:52:01` | syslog (RFC 3164 §4.1.2), CEF, LEEF, Cisco |
//! | `10/Oct/2000:13:55:36 -0700`, `10-Oct-2000 13:55:36.123`, `Tue, 10 Oct 2000 13:55:36 GMT` | web servers, BIND, mail |
//! | `/Date(1588205199824)/` | .NET |

use json::Kind;
use model::Timestamp;

use crate::slot::Raw;

/// What a spelling may leave out.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The node's present time: a time without a year is the last such day that is not after tomorrow.
    pub now: Timestamp,
    /// Minutes east of UTC of a time without a zone.
    pub zone: i32,
}

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The instant a text names; digits beyond the microsecond are cut off. `None` if anything else stands there.
#[must_use]
pub fn instant(text: &str, clock: &Clock) -> Option<Timestamp> {
    let text = text.trim();
    let (instant, used) = leading(text, clock)?;
    text.get(used..)?.trim().is_empty().then_some(instant)
}

/// The instant a text begins with, and how many bytes say it.
pub(crate) fn leading(text: &str, clock: &Clock) -> Option<(Timestamp, usize)> {
    let mut read = Read { bytes: text.as_bytes(), at: 0 };
    let first = read.peek()?;
    if text.starts_with("/Date(") {
        read.at = 6;
        let instant = read.epoch()?;
        read.until(b'/');
        return Some((instant, read.at));
    }
    if first.is_ascii_alphabetic() {
        read.weekday();
    }
    let run = read.digits();
    let instant = match (run, read.ahead(run)) {
        (4, Some(b'-' | b'/')) => read.iso()?.instant(clock),
        (4, Some(b' ')) => read.year_first()?.instant(clock),
        (1 | 2, Some(b'/' | b'-' | b' ')) => read.day_first()?.instant(clock),
        (0, _) => read.month_first()?.instant(clock),
        _ => read.epoch(),
    }?;
    Some((instant, read.at))
}

/// The instant of a value: numbers count from 1970.
pub(crate) fn of(raw: &Raw<'_>, clock: &Clock) -> Option<Timestamp> {
    match raw {
        Raw::Json(value) if value.kind() == Kind::Number => epoch(value.raw()).or_else(|| {
            let seconds = value.as_f64().filter(|seconds| (1e8..1e11).contains(seconds))?;
            Some(Timestamp::from_micros((seconds * 1e6) as i64))
        }),
        Raw::Json(value) => instant(value.as_str()?.as_ref(), clock),
        Raw::Text(text, _) => instant(text, clock),
        Raw::Many(_) => None,
    }
}

/// The instant of a number of seconds, milli-, micro- or nanoseconds since 1970.
fn epoch(text: &str) -> Option<Timestamp> {
    let mut read = Read { bytes: text.as_bytes(), at: 0 };
    let instant = read.epoch()?;
    (read.at == text.len()).then_some(instant)
}

/// A date and a time of day as they are written.
#[derive(Debug, Default)]
struct Civil {
    year: Option<i64>,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Minutes east of UTC.
    zone: Option<i64>,
}

impl Civil {
    fn instant(&self, clock: &Clock) -> Option<Timestamp> {
        if let Some(year) = self.year {
            return self.in_year(year, clock);
        }
        let this = clock.now.to_string().get(..4)?.parse::<i64>().ok()?;
        let latest = clock.now.plus_micros(DAY);
        // Eight years back there was a 29th of February, whatever year this is.
        (0..=9).filter_map(|back| self.in_year(this + 1 - back, clock)).find(|instant| *instant <= latest)
    }

    /// By way of the one text form that the model checks: months, leap days and leap seconds are its business.
    fn in_year(&self, year: i64, clock: &Clock) -> Option<Timestamp> {
        let digit = |value: i64, unit: i64| b'0' + u8::try_from(value / unit % 10).unwrap_or_default();
        let two = |value: i64| [digit(value, 10), digit(value, 1)];
        let year = [digit(year, 1000), digit(year, 100), digit(year, 10), digit(year, 1)];
        let ([mo1, mo2], [d1, d2], [h1, h2]) = (two(self.month), two(self.day), two(self.hour));
        let ([mi1, mi2], [s1, s2], [y1, y2, y3, y4]) = (two(self.minute), two(self.second), year);
        let text =
            [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2, b'Z'];
        let whole: Timestamp = std::str::from_utf8(&text).ok()?.parse().ok()?;
        // A leap second already reads as the end of its minute.
        let micros = if self.second == 60 { 0 } else { self.micros };
        let zone = self.zone.unwrap_or(i64::from(clock.zone));
        Some(whole.plus_micros(micros - zone * MINUTE))
    }
}

/// English abbreviations, which is what programs write whatever their locale.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Names of zones that mean one thing in practice, in minutes east of UTC.
const ZONES: [(&str, i64); 17] = [
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("JST", 540),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
];

/// A place in the bytes of a time.
struct Read<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Read<'_> {
    fn peek(&self) -> Option<u8> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<u8> {
        self.bytes.get(self.at + by).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes one of these bytes; says whether there was one.
    fn one_of(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn spaces(&mut self) -> bool {
        let before = self.at;
        while self.eat(b' ') {}
        self.at > before
    }

    /// Takes everything up to and with the last such byte ahead.
    fn until(&mut self, byte: u8) {
        if let Some(found) = memchr::memrchr(byte, self.rest()) {
            self.at += found + 1;
        }
    }

    /// How many digits stand here.
    fn digits(&self) -> usize {
        self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A number of one or two digits, or of exactly four for years.
    fn number(&mut self, most: usize) -> Option<i64> {
        let run = self.digits();
        if run == 0 || run > most || (most == 4 && run != 4) {
            return None;
        }
        let digits = self.rest().iter().take(run);
        let value = digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        self.at += run;
        Some(value)
    }

    /// The place of the word here in a list of three-letter words, counted from 1.
    fn named(&mut self, words: &[&str]) -> Option<i64> {
        let letters = self.rest().iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let head = self.rest().get(..3)?;
        let place = words.iter().position(|word| head.eq_ignore_ascii_case(word.as_bytes()))?;
        self.at += letters;
        i64::try_from(place + 1).ok()
    }

    /// `Tue, ` or `Tue ` says nothing that the date does not.
    fn weekday(&mut self) {
        let before = self.at;
        if self.named(&WEEKDAYS).is_some() {
            self.eat(b',');
            if self.spaces() {
                return;
            }
        }
        self.at = before;
    }

    /// `22:14:15.003`, seconds optional.
    fn time_of_day(&mut self, civil: &mut Civil) -> Option<()> {
        civil.hour = self.number(2)?;
        self.eat(b':').then_some(())?;
        civil.minute = self.number(2)?;
        if self.eat(b':') {
            civil.second = self.number(2)?;
            if matches!(self.peek(), Some(b'.' | b',')) && self.ahead(1).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1;
                civil.micros = self.fraction();
            }
        }
        Some(())
    }

    /// Digits behind a decimal point, as microseconds.
    fn fraction(&mut self) -> i64 {
        let (mut micros, mut unit) = (0, 100_000);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        micros
    }

    /// `Z`, `+01:00`, `-0700`, `+01`, `UTC`, `GMT+08:00`, with a space before it or none. Takes nothing otherwise.
    fn zone(&mut self) -> Option<i64> {
        let before = self.at;
        self.spaces();
        let letters = self.rest().iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let word = self.rest().get(..letters).unwrap_or_default();
        let named = match word {
            b"Z" | b"z" => Some(0),
            _ => ZONES.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, minutes)| *minutes),
        };
        if named.is_some() {
            self.at += letters;
        }
        let offset = self.offset();
        if named.is_none() && offset.is_none() {
            self.at = before;
            return None;
        }
        Some(named.unwrap_or_default() + offset.unwrap_or_default())
    }

    /// `+01:00`, `-0700` or `+01`.
    fn offset(&mut self) -> Option<i64> {
        let before = self.at;
        let sign = match self.peek()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.at += 1;
        let minutes = match self.digits() {
            4 => self.number(4).map(|both| both / 100 * 60 + both % 100),
            2 => self.number(2).and_then(|hours| {
                let minutes = if self.eat(b':') { self.number(2)? } else { 0 };
                Some(hours * 60 + minutes)
            }),
            _ => None,
        };
        if minutes.is_none_or(|minutes| minutes > 24 * 60) {
            self.at = before;
            return None;
        }
        minutes.map(|minutes| sign * minutes)
    }

    /// `2024-01-31T12:00:00Z` and its kin; a date alone is its midnight.
    fn iso(&mut self) -> Option<Civil> {
        let mut civil = Civil { year: self.number(4), ..Civil::default() };
        self.one_of(b"-/").then_some(())?;
        civil.month = self.number(2)?;
        self.one_of(b"-/").then_some(())?;
        civil.day = self.number(2)?;
        let before = self.at;
        let separated = self.one_of(b"Tt_") || self.spaces();
        if separated && self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.time_of_day(&mut civil)?;
            civil.zone = self.zone();
        } else {
            self.at = before;
        }
        Some(civil)
    }

    /// `1990 Oct 22 10:52:01 TZ-6` (RFC 3164 §5.4, example 4).
    fn year_first(&mut self) -> Option<Civil> {
        let year = self.number(4);
        self.spaces();
        let mut civil = Civil { year, ..self.month_first()? };
        if civil.zone.is_none() && self.rest().starts_with(b" TZ") {
            let sign = if self.ahead(3)? == b'-' { -1 } else { 1 };
            self.at += 4;
            civil.zone = Some(sign * 60 * self.number(2)?);
        }
        Some(civil)
    }

    /// `10/Oct/2000:13:55:36 -0700` and `10 Oct 2000 13:55:36 GMT`.
    fn day_first(&mut self) -> Option<Civil> {
        let mut civil = Civil { day: self.number(2)?, ..Civil::default() };
        self.one_of(b"/- ").then_some(())?;
        civil.month = self.named(&MONTHS)?;
        self.one_of(b"/- ").then_some(())?;
        civil.year = Some(self.number(4)?);
        self.one_of(b": ").then_some(())?;
        self.time_of_day(&mut civil)?;
        civil.zone = self.zone();
        Some(civil)
    }

    /// `Oct 11 22:14:15`, with a year before or behind the time of day or none, and a zone or none.
    fn month_first(&mut self) -> Option<Civil> {
        let mut civil = Civil { month: self.named(&MONTHS)?, ..Civil::default() };
        self.spaces().then_some(())?;
        civil.day = self.number(2)?;
        self.eat(b',');
        self.spaces().then_some(())?;
        if self.digits() == 4 {
            civil.year = self.number(4);
            self.spaces().then_some(())?;
        }
        self.time_of_day(&mut civil)?;
        civil.zone = self.zone();
        let before = self.at;
        if civil.year.is_none() {
            self.spaces();
            civil.year = self.number(4).filter(|year| (1970..2200).contains(year));
            if civil.year.is_none() || matches!(self.peek(), Some(b'.' | b':' | b'-' | b'a'..=b'z')) {
                // It was the name of a host.
                self.at = before;
                civil.year = None;
            }
        }
        Some(civil)
    }

    /// A count since 1970; how many digits it has says of what.
    fn epoch(&mut self) -> Option<Timestamp> {
        let run = self.digits();
        let value: i64 = std::str::from_utf8(self.rest().get(..run)?).ok()?.parse().ok()?;
        let micros = match run {
            9..=11 => value.checked_mul(1_000_000)?,
            12..=14 => value.checked_mul(1000)?,
            15..=17 => value,
            18..=20 => value / 1000,
            _ => return None,
        };
        self.at += run;
        let mut part = 0;
        if self.peek() == Some(b'.') && self.ahead(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            part = self.fraction();
        }
        // Only seconds have parts worth keeping.
        Some(Timestamp::from_micros(if run <= 11 { micros + part } else { micros }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str, zone: i32) -> Clock {
        Clock { now: now.parse().unwrap(), zone }
    }

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let found = instant(text, &clock("2024-06-01T00:00:00Z", 0)).map(|found| found.to_string());
        assert_eq!(found.as_deref(), expect, "{text}");
    }

    #[test]
    fn dates_with_numbers() {
        check("2024-01-01T00:00:00.123456+0000", Some("2024-01-01T00:00:00.123456Z"));
        check("2003-08-24T05:14:15.000003-07:00", Some("2003-08-24T12:14:15.000003Z"));
        check("2020-09-22 18:10:15.813", Some("2020-09-22T18:10:15.813Z"));
        check("2020-08-06 01:20:11", Some("2020-08-06T01:20:11.000Z"));
        check("2025-11-27T07:40:10.1653247Z", Some("2025-11-27T07:40:10.165324Z"));
        check("2009-11-24T21:27:09.534255", Some("2009-11-24T21:27:09.534255Z"));
        check("2024/01/31 12:00:00,5 +01", Some("2024-01-31T11:00:00.500Z"));
        check("2024-01-31 12:00:00 UTC", Some("2024-01-31T12:00:00.000Z"));
        check("2024-01-31", Some("2024-01-31T00:00:00.000Z"));
        check("2016-12-31T23:59:60.5Z", Some("2016-12-31T23:59:59.999999Z"));
    }

    #[test]
    fn counts() {
        check("1588205199.82437", Some("2020-04-30T00:06:39.824370Z"));
        check("1588205199", Some("2020-04-30T00:06:39.000Z"));
        check("1588205199824", Some("2020-04-30T00:06:39.824Z"));
        check("1588205199824370", Some("2020-04-30T00:06:39.824370Z"));
        check("1588205199824370123", Some("2020-04-30T00:06:39.824370Z"));
        check("/Date(1588205199824)/", Some("2020-04-30T00:06:39.824Z"));
        for text in ["5", "123456789012345678901234567890", "15882051x", "1588205199.", "-1588205199"] {
            check(text, None);
        }
    }

    #[test]
    fn dates_with_names() {
        check("Oct 11 22:14:15", Some("2023-10-11T22:14:15.000Z"));
        check("Oct  1 22:14:15.003", Some("2023-10-01T22:14:15.003Z"));
        check("Jun  1 12:00:00", Some("2024-06-01T12:00:00.000Z"));
        check("Jun  3 12:00:00", Some("2023-06-03T12:00:00.000Z"));
        check("Feb 29 00:00:00", Some("2024-02-29T00:00:00.000Z"));
        check("Jan 28 2015 02:00:36 GMT+00:00", Some("2015-01-28T02:00:36.000Z"));
        check("Mar 09 2015 17:05:21 GMT+08:00", Some("2015-03-09T09:05:21.000Z"));
        check("Aug 24 05:34:00 CST 1987", Some("1987-08-24T11:34:00.000Z"));
        check("1990 Oct 22 10:52:01 TZ-6", Some("1990-10-22T16:52:01.000Z"));
        check("10/Oct/2000:13:55:36 -0700", Some("2000-10-10T20:55:36.000Z"));
        check("10-Oct-2000 13:55:36.123", Some("2000-10-10T13:55:36.123Z"));
        check("Tue, 10 Oct 2000 13:55:36 GMT", Some("2000-10-10T13:55:36.000Z"));
        check("Wed Oct 11 22:14:15 2023", Some("2023-10-11T22:14:15.000Z"));
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            " ",
            "-",
            "now",
            "Octember 1 00:00:00 x",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01Tx",
            "10/11/2020 01:02:03",
            "Oct 11",
            "１588205199",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_year_that_is_not_written() {
        let at = |text: &str, now: &str| instant(text, &clock(now, 0)).unwrap().to_string();
        assert_eq!(at("Dec 31 23:59:59", "2024-01-01T00:00:01Z"), "2023-12-31T23:59:59.000Z");
        assert_eq!(at("Jan  1 00:00:01", "2023-12-31T23:59:59Z"), "2024-01-01T00:00:01.000Z");
        assert_eq!(at("Feb 29 12:00:00", "2027-03-01T00:00:00Z"), "2024-02-29T12:00:00.000Z");
    }

    #[test]
    fn a_zone_that_is_not_written() {
        let there = clock("2024-06-01T00:00:00Z", -240);
        let found = instant("2020-08-06 01:20:11", &there).unwrap();
        assert_eq!(found.to_string(), "2020-08-06T05:20:11.000Z");
        assert_eq!(instant("2020-08-06 01:20:11Z", &there).unwrap().to_string(), "2020-08-06T01:20:11.000Z");
    }

    #[test]
    fn what_follows_a_time_is_left_alone() {
        let clock = clock("2024-06-01T00:00:00Z", 0);
        for (text, used) in [
            ("Oct 11 22:14:15 mymachine su: x", 15),
            ("Oct 11 22:14:15 192.0.2.1 su: x", 15),
            ("Oct 11 22:14:15 2001:db8::1 su: x", 15),
            ("2024-01-31T12:00:00Z host", 20),
            ("2024-01-31 12:00:00 host", 19),
        ] {
            assert_eq!(leading(text, &clock).map(|(_, used)| used), Some(used), "{text}");
        }
    }
}
