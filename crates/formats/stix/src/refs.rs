//! Which other objects an object names (STIX 2.1 §2.9: properties ending in `_ref` and `_refs` hold ids).

use std::borrow::Cow;

use json::{Kind, Value, escape_pointer};
use model::Uuid;

/// Calls back for every reference in an object, at any depth: its JSON pointer, the property it stands in
/// and the id itself.
///
/// A string that is not in the form `type--uuid` refers to nothing and is skipped: the local keys of a
/// STIX 2.0 `objects` container, or a dictionary key that merely ends in `_ref`. Allocates only when there is
/// something to call back for, or when a property name is escaped.
pub fn references(value: Value<'_>, each: &mut dyn FnMut(&str, &str, Value<'_>)) {
    let mut walk = Walk { pointer: String::new(), each };
    walk.object_or_list(value, None);
}

/// Whether an object of this type stops making sense without this reference, so that hiding the reference
/// means withholding the object.
///
/// Markings are required everywhere: an object that lost one would travel further than its origin allowed.
/// `property` is the innermost property name, as [`references`] reports it.
#[must_use]
pub fn is_required_reference(type_name: &str, property: &str) -> bool {
    matches!(
        (type_name, property),
        (_, "object_marking_refs" | "marking_ref")
            | ("relationship", "source_ref" | "target_ref")
            | ("sighting", "sighting_of_ref")
            | ("grouping" | "note" | "observed-data" | "opinion" | "report", "object_refs")
            | ("language-content", "object_ref")
            | ("extension-definition", "created_by_ref")
            // The archive extension of a file (§6.7.2); other types have it as an optional list.
            | ("file", "contains_refs")
    )
}

/// Whether a string has the form of a STIX id, `type--uuid`.
pub(crate) fn is_id(text: &str) -> bool {
    text.len().checked_sub(38).filter(|at| *at > 0).and_then(|at| text.split_at_checked(at)).is_some_and(
        |(name, tail)| {
            name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
                && tail.strip_prefix("--").is_some_and(|uuid| Uuid::parse(uuid.as_bytes()).is_ok())
        },
    )
}

/// The way from the root to a value, innermost segment first; lives on the stack.
#[derive(Clone, Copy)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    segment: Segment<'p>,
}

#[derive(Clone, Copy)]
enum Segment<'p> {
    Name(&'p str),
    Index(usize),
}

impl Path<'_> {
    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        out.push('/');
        match self.segment {
            Segment::Name(name) => out.push_str(&escape_pointer(name)),
            Segment::Index(index) => out.push_str(&index.to_string()),
        }
    }
}

struct Walk<'e> {
    pointer: String,
    each: &'e mut dyn FnMut(&str, &str, Value<'_>),
}

impl Walk<'_> {
    fn object_or_list(&mut self, value: Value<'_>, parent: Option<&Path<'_>>) {
        match value.kind() {
            Kind::Object => {
                for (key, member) in value.entries() {
                    let name = key.as_plain().map_or_else(|| key.as_str().unwrap_or_default(), Cow::Borrowed);
                    let path = Path { parent, segment: Segment::Name(&name) };
                    match member.kind() {
                        Kind::String if name.ends_with("_ref") => self.id(member, &name, &path),
                        Kind::Array if name.ends_with("_refs") => {
                            for (index, item) in member.items().enumerate() {
                                let path = Path { parent: Some(&path), segment: Segment::Index(index) };
                                match item.kind() {
                                    Kind::String => self.id(item, &name, &path),
                                    _ => self.object_or_list(item, Some(&path)),
                                }
                            }
                        }
                        Kind::Object | Kind::Array => self.object_or_list(member, Some(&path)),
                        _ => {}
                    }
                }
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    self.object_or_list(item, Some(&Path { parent, segment: Segment::Index(index) }));
                }
            }
            _ => {}
        }
    }

    fn id(&mut self, value: Value<'_>, property: &str, path: &Path<'_>) {
        if value.as_str().is_some_and(|text| is_id(&text)) {
            self.pointer.clear();
            path.write(&mut self.pointer);
            (self.each)(&self.pointer, property, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use json::{Limits, Tape};

    const A: &str = "identity--b38dfe21-7477-40d1-aa90-5c8671ce51ca";
    const M: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";

    fn check(text: &str, expect: &[(&str, &str)]) {
        let text = text.replace("$A", A).replace("$M", M);
        let mut tape = Tape::new();
        let mut found = Vec::new();
        references(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap(), &mut |pointer, property, value| {
            assert!(value.is(A) || value.is(M));
            found.push((pointer.to_owned(), property.to_owned()));
        });
        let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn references_at_every_depth() {
        check(
            r#"{"id":"$A","created_by_ref":"$A","object_marking_refs":["$M","$M"],
                "granular_markings":[{"marking_ref":"$M","selectors":["name"]}],
                "extensions":{"a/b":{"deep":[{"x_ref":"$A"}]}}}"#,
            &[
                ("/created_by_ref", "created_by_ref"),
                ("/object_marking_refs/0", "object_marking_refs"),
                ("/object_marking_refs/1", "object_marking_refs"),
                ("/granular_markings/0/marking_ref", "marking_ref"),
                ("/extensions/a~1b/deep/0/x_ref", "x_ref"),
            ],
        );
    }

    #[test]
    fn hidden_spellings_are_found() {
        // An escaped property name, an escaped id, and a reference inside a list that should hold only ids.
        check(r#"{"created_by_\u0072ef":"$A"}"#, &[("/created_by_ref", "created_by_ref")]);
        check(r#"{"a_ref":"\u0069dentity--b38dfe21-7477-40d1-aa90-5c8671ce51ca"}"#, &[("/a_ref", "a_ref")]);
        check(
            r#"{"a_refs":[[{"b_ref":"$A"}],"$A"]}"#,
            &[("/a_refs/0/0/b_ref", "b_ref"), ("/a_refs/1", "a_refs")],
        );
    }

    #[test]
    fn what_refers_to_nothing() {
        check(r#"{"objects":{"0":{"type":"file","content_ref":"1","contains_refs":["2","3"]}}}"#, &[]);
        check(
            r#"{"external_references":[{"source_name":"$A"}],"git_ref":"a--b","n_ref":5,"m_refs":"$A"}"#,
            &[],
        );
    }

    #[test]
    fn an_observed_data_of_2_0_keeps_its_real_references() {
        check(
            r#"{"type":"observed-data","created_by_ref":"$A","objects":{"0":{"src_ref":"1"}}}"#,
            &[("/created_by_ref", "created_by_ref")],
        );
    }

    #[test]
    fn what_cannot_be_hidden() {
        assert!(is_required_reference("relationship", "source_ref"));
        assert!(is_required_reference("note", "object_refs"));
        assert!(is_required_reference("indicator", "object_marking_refs"));
        assert!(!is_required_reference("indicator", "created_by_ref"));
        assert!(!is_required_reference("sighting", "observed_data_refs"));
    }
}
