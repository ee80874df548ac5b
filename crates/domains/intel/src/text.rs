//! What full-text search should find an object by.

use json::{Kind, Value};

/// The searchable text of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its name, or the line that best stands for it.
    pub title: String,
    /// Everything else a person would search for.
    pub body: String,
}

/// Properties that can stand for an object without a name, best first.
const TITLES: [&str; 9] =
    ["name", "value", "subject", "path", "relationship_type", "abstract", "opinion", "key", "pattern"];

/// Properties that say nothing to a person.
const SKIPPED: [&str; 8] = [
    "type",
    "spec_version",
    "created",
    "modified",
    "valid_from",
    "payload_bin",
    "object_marking_refs",
    "extensions",
];

/// No more text than this per object goes into the index, in bytes.
const LIMIT: usize = 16 * 1024;

/// Collects title and body. Bounded; long values are cut at a character boundary.
#[must_use]
pub fn text(object: Value<'_>) -> Text {
    let title = TITLES
        .iter()
        .find_map(|name| object.get(name).and_then(|value| value.as_str()))
        .or_else(|| object.get("type").and_then(|value| value.as_str()))
        .unwrap_or_default();
    let mut body = String::new();
    for (key, value) in object.entries() {
        if !SKIPPED.iter().any(|name| key.is(name)) {
            collect(value, &mut body);
        }
    }
    Text { title: cut(&title, 200).to_owned(), body }
}

fn collect(value: Value<'_>, body: &mut String) {
    if body.len() >= LIMIT {
        return;
    }
    match value.kind() {
        Kind::String => {
            let Some(text) = value.as_str() else { return };
            let room = LIMIT - body.len();
            body.push_str(cut(&text, room));
            body.push('\n');
        }
        Kind::Array => value.items().for_each(|item| collect(item, body)),
        Kind::Object => value.entries().for_each(|(_, member)| collect(member, body)),
        _ => {}
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use json::{Limits, Tape};

    use super::*;

    fn check(object: &str, title: &str, found: &[&str], not_found: &[&str]) {
        let mut tape = Tape::new();
        let got = text(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap());
        assert_eq!(got.title, title);
        for word in found {
            assert!(got.body.contains(word), "{word} in {}", got.body);
        }
        for word in not_found {
            assert!(!got.body.contains(word), "{word} in {}", got.body);
        }
    }

    #[test]
    fn names_aliases_and_external_ids_are_found() {
        check(
            r#"{"type":"malware","name":"Zebrocy","aliases":["Zekapab"],"external_references":[{"external_id":"S0251"}],"created":"2020-01-01T00:00:00Z"}"#,
            "Zebrocy",
            &["Zebrocy", "Zekapab", "S0251"],
            &["2020-01-01"],
        );
    }

    #[test]
    fn an_object_without_a_name_is_called_by_what_it_says() {
        check(r#"{"type":"domain-name","value":"bad.example"}"#, "bad.example", &["bad.example"], &[]);
        check(r#"{"type":"grouping"}"#, "grouping", &[], &[]);
    }

    #[test]
    fn text_is_bounded_and_cut_between_characters() {
        let object = format!(r#"{{"type":"note","content":"{}"}}"#, "é".repeat(LIMIT));
        let mut tape = Tape::new();
        let got = text(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap());
        assert!(got.body.len() <= LIMIT + 1);
    }
}
