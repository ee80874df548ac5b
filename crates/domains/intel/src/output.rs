//! Labels on the way out: the overlay becomes a marking, so that it is never dropped.

use json::{Edits, Kind, Value};
use label::{Spifs, tlp_meaning};
use model::Label;
use stix::marking::{Meaning, meaning_of_id, tlp_ref};

/// The marking that says "this organisation only" where STIX has no word for it.
///
/// A receiver that does not know it must fail closed, which is what it asks for.
pub const OWN_ONLY_MARKING: &str = "marking-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a01";

/// The definition of [`OWN_ONLY_MARKING`], as stored on every node.
pub const OWN_ONLY_DEFINITION: &str = r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a01","created":"2026-01-01T00:00:00.000Z","name":"Own organisation only","definition_type":"statement","definition":{"statement":"For the holding organisation only. Not to be passed on without a new decision by its release officers."}}"#;

/// What a marking reference means for TLP, by its id alone or by its definition when that is at hand. What else it
/// restricts stands in [`label::Facts`], which policy decides by.
#[must_use]
pub fn marking_meaning(id: &str, definition: Option<Value<'_>>, spifs: &Spifs) -> Option<Meaning> {
    if id == OWN_ONLY_MARKING {
        return Some(Meaning::Unknown);
    }
    meaning_of_id(id).or_else(|| definition.map(|definition| tlp_meaning(definition, spifs)))
}

/// The text to give out: the object's own bytes, with the overlay label added as a marking reference.
///
/// Without an overlay these are the bytes as received. Everything but the added reference keeps its spelling.
#[must_use]
pub fn with_overlay(object: Value<'_>, overlay: Option<Label>) -> String {
    let Some(label) = overlay else { return object.raw().to_owned() };
    let reference = match label {
        Label::OwnOnly => format!("\"{OWN_ONLY_MARKING}\""),
        Label::Tlp(tlp) => format!("\"{}\"", tlp_ref(tlp)),
    };
    let mut edits = Edits::new();
    match object.get("object_marking_refs") {
        Some(list) if list.kind() == Kind::Array => {
            if list.items().any(|item| item.raw() == reference) {
                return object.raw().to_owned();
            }
            let mut items: Vec<&str> = list.items().map(|item| item.raw()).collect();
            items.push(&reference);
            edits.replace(list, format!("[{}]", items.join(",")));
        }
        _ => edits.append(object, "object_marking_refs", format!("[{reference}]")),
    }
    edits.apply(object)
}

#[cfg(test)]
mod tests {
    use json::{Limits, Tape};
    use model::Tlp;

    use super::*;

    fn check(object: &str, overlay: Option<Label>, expect: &str) {
        let mut tape = Tape::new();
        let value = tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap();
        assert_eq!(with_overlay(value, overlay), expect);
    }

    #[test]
    fn without_an_overlay_the_bytes_are_untouched() {
        check(r#"{ "n" : 1.50e1 }"#, None, r#"{ "n" : 1.50e1 }"#);
    }

    #[test]
    fn an_overlay_is_added_beside_what_is_there() {
        let amber = Label::Tlp(Tlp::AmberStrict);
        let id = tlp_ref(Tlp::AmberStrict);
        check(r#"{"n": 1.50}"#, Some(amber), &format!(r#"{{"n":1.50,"object_marking_refs":["{id}"]}}"#));
        let marked = r#"{"object_marking_refs": ["marking-definition--x"],"n":1.50}"#;
        let expect = format!(r#"{{"object_marking_refs":["marking-definition--x","{id}"],"n":1.50}}"#);
        check(marked, Some(amber), &expect);
        check(&expect, Some(amber), &expect);
    }

    #[test]
    fn own_only_is_said_in_words_that_fail_closed() {
        let expect = format!(r#"{{"object_marking_refs":["{OWN_ONLY_MARKING}"]}}"#);
        check("{}", Some(Label::OwnOnly), &expect);
    }
}
