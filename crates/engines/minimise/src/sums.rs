//! A sighting as a sum: how many, on which days, and nothing of where.
//!
//! An agreement may let only sums go. Of all objects a sighting alone is one already (STIX 2.1 §5.2: a count of what was
//! seen); what makes it more than that is taken out, and its numbers are made coarse.

use json::{Edits, Kind, Value};

/// What an object comes to where only sums go, and the pointers to what was taken out of it.
///
/// `None` for what is no sum of anything: every object but a sighting, and one that says in its own words or through other
/// objects what was seen; and for one of which some parts are marked otherwise than others.
#[must_use]
pub fn sums(object: Value<'_>) -> Option<(String, Vec<String>)> {
    if !object.get("type")?.is("sighting") {
        return None;
    }
    let (mut edits, mut removed) = (Edits::new(), Vec::new());
    for (name, value) in object.entries() {
        let Some(name) = name.as_str() else { continue };
        match name.as_ref() {
            "type"
            | "spec_version"
            | "id"
            | "created"
            | "modified"
            | "created_by_ref"
            | "revoked"
            | "confidence"
            | "lang"
            | "sighting_of_ref"
            | "object_marking_refs" => {}
            // They name parts of it, of which hardly any are left.
            "granular_markings" => return None,
            "count" => edits.replace(value, coarse(whole(value)?).to_string()),
            "first_seen" | "last_seen" => edits.replace(value, day(value)?),
            "extensions" => {
                for (_, extension) in value.entries() {
                    coarsen(extension, &mut edits);
                }
            }
            other => {
                edits.remove(value);
                removed.push(format!("/{}", json::escape_pointer(other)));
            }
        }
    }
    Some((edits.apply(object), removed))
}

/// Numbers and instants of an extension as coarse as the sighting's own; its texts are taken out.
fn coarsen(extension: Value<'_>, edits: &mut Edits) {
    for (name, value) in extension.entries() {
        if name.is("extension_type") {
            continue;
        }
        match value.kind() {
            Kind::Number => {
                if let Some(number) = whole(value) {
                    edits.replace(value, coarse(number).to_string());
                }
            }
            Kind::Bool => {}
            Kind::String => match day(value) {
                Some(day) => edits.replace(value, day),
                None => edits.remove(value),
            },
            Kind::Null | Kind::Array | Kind::Object => edits.remove(value),
        }
    }
}

/// A number that counts something.
fn whole(value: Value<'_>) -> Option<u64> {
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}

/// The order of magnitude of a count, as others are told it: 0 stays 0, everything else becomes the next power of ten, at
/// most 100,000,000. Two counts that differ a little nearly always come to the same, and what is coarse stays as it is.
#[must_use]
pub const fn coarse(number: u64) -> u64 {
    const MOST: u64 = 100_000_000;
    if number == 0 {
        return 0;
    }
    let mut step = 1;
    while step < number && step < MOST {
        step *= 10;
    }
    step
}

/// The day of an instant, as a quoted instant.
fn day(value: Value<'_>) -> Option<String> {
    let text = value.as_str()?;
    let date = text.get(..10)?;
    let shaped = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (shaped && text.as_bytes().get(10) == Some(&b'T')).then(|| format!("\"{date}T00:00:00Z\""))
}

#[cfg(test)]
mod tests {
    use json::{Limits, Tape};

    use super::*;

    fn of(text: &str) -> Option<(String, Vec<String>)> {
        let mut tape = Tape::new();
        sums(tape.parse(text.as_bytes(), &Limits::OBJECT).ok()?)
    }

    #[test]
    fn a_sighting_says_how_many_and_when_and_not_where() {
        let (text, removed) = of(concat!(
            r#"{"type":"sighting","spec_version":"2.1","id":"sighting--1","count":37,"#,
            r#""first_seen":"2026-11-21T13:45:01.5Z","last_seen":"2026-11-22T00:00:01Z","#,
            r#""description":"on the mail server","where_sighted_refs":["identity--2"],"#,
            r#""extensions":{"extension-definition--3":{"extension_type":"property-extension","events":1234567,"#,
            r#""from":"2026-10-01T09:00:00Z","complete":true,"sources":["mail"],"note":"x"}}}"#,
        ))
        .unwrap();
        for kept in ["\"count\":100", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "\"events\":10000000"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        for gone in ["mail", "identity--2", "13:45", "09:00", "note"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert_eq!(removed, ["/description", "/where_sighted_refs"]);
    }

    #[test]
    fn nothing_seen_stays_nothing() {
        let (text, _) = of(r#"{"type":"sighting","count":0}"#).unwrap();
        assert!(text.contains("\"count\":0"));
    }

    #[test]
    fn other_objects_are_no_sums() {
        assert_eq!(of(r#"{"type":"indicator","count":3}"#), None);
        assert_eq!(of(r#"{"count":3}"#), None);
        // What nobody can read as a number or an instant does not go.
        assert_eq!(of(r#"{"type":"sighting","count":-3}"#), None);
        assert_eq!(of(r#"{"type":"sighting","first_seen":"yesterday"}"#), None);
    }

    #[test]
    fn numbers_are_powers_of_ten() {
        let of = [(0, 0), (1, 1), (2, 10), (10, 10), (11, 100), (u64::MAX, 100_000_000)];
        for (number, rough) in of {
            assert_eq!(coarse(number), rough);
        }
    }

    #[test]
    fn what_is_coarse_says_no_less_the_second_time_and_hides_small_differences() {
        for number in [0, 1, 2, 9, 10, 37, 99_999, 1_234_567, u64::MAX] {
            assert_eq!(coarse(coarse(number)), coarse(number));
            // Only nothing is told as nothing.
            assert_eq!(coarse(number) == 0, number == 0);
        }
        // A minute more of ordinary traffic is not to be read off.
        assert_eq!(coarse(1_204_311), coarse(1_204_377));
    }
}
