//! MISP's instants: seconds since 1970 as text, dates, and RFC 3339 with any offset.

use model::Timestamp;

const MICROS: i64 = 1_000_000;

/// Seconds since 1970-01-01, with or without a fraction. Zero means "not set" in MISP.
pub(crate) fn from_epoch(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next()?;
    let seconds: i64 = whole.parse().ok().filter(|seconds| *seconds > 0)?;
    let micros = seconds.checked_mul(MICROS)?;
    (micros <= Timestamp::MAX.as_micros()).then(|| Timestamp::from_micros(micros))
}

/// `2026-01-31`, at midnight UTC.
pub(crate) fn from_date(text: &str) -> Option<Timestamp> {
    format!("{text}T00:00:00Z").parse().ok()
}

/// RFC 3339 with `Z` or a numeric offset, a space allowed for the `T`.
pub(crate) fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let text = text.trim().replacen(' ', "T", 1).replace('z', "Z");
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let at = text.len().checked_sub(6)?;
    let (local, offset) = text.split_at_checked(at)?;
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let instant: Timestamp = format!("{local}Z").parse().ok()?;
    Some(instant.plus_micros(-sign * (hours * 3600 + minutes * 60) * MICROS))
}
