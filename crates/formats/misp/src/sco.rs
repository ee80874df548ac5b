//! Cyber-observables under construction: properties first, the id follows from them.

use std::collections::BTreeMap;

use json::{Limits, Tape, write_string};
use model::StixId;

use crate::convert::own_id;

/// A cyber-observable object whose id is not computed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sco {
    type_name: &'static str,
    /// By algorithm; the first value said stays.
    hashes: BTreeMap<String, String>,
    /// Names and raw JSON values, in order.
    properties: Vec<(&'static str, String)>,
}

impl Sco {
    pub(crate) const fn new(type_name: &'static str) -> Self {
        Self { type_name, hashes: BTreeMap::new(), properties: Vec::new() }
    }

    pub(crate) const fn type_name(&self) -> &'static str {
        self.type_name
    }

    pub(crate) fn text(self, name: &'static str, value: &str) -> Self {
        let mut raw = String::with_capacity(value.len() + 2);
        write_string(value, &mut raw);
        self.raw(name, raw)
    }

    pub(crate) fn raw(mut self, name: &'static str, raw: impl Into<String>) -> Self {
        self.properties.push((name, raw.into()));
        self
    }

    pub(crate) fn texts<T: AsRef<str>>(self, name: &'static str, values: &[T]) -> Self {
        if values.is_empty() {
            return self;
        }
        let mut raw = String::from("[");
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                raw.push(',');
            }
            write_string(value.as_ref(), &mut raw);
        }
        raw.push(']');
        self.raw(name, raw)
    }

    pub(crate) fn hashes(mut self, hashes: &[(String, String)]) -> Self {
        for (name, value) in hashes {
            self.hashes.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.hashes.is_empty()
    }

    /// The id its contributing properties give it (STIX 2.1 §2.9); where it has none, one of ours over all of them.
    pub(crate) fn id(&self) -> StixId {
        let text = self.render(None, None);
        let mut tape = Tape::new();
        tape.parse(text.as_bytes(), &Limits::OBJECT)
            .ok()
            .and_then(stix::sco::deterministic_id)
            .unwrap_or_else(|| own_id(self.type_name, &["sco", &text]))
    }

    /// Takes over the properties and hashes this one lacks.
    pub(crate) fn merge(&mut self, other: Self) {
        for (name, value) in other.hashes {
            self.hashes.entry(name).or_insert(value);
        }
        for (name, raw) in other.properties {
            if !self.properties.iter().any(|(present, _)| *present == name) {
                self.properties.push((name, raw));
            }
        }
    }

    pub(crate) fn render(&self, id: Option<&StixId>, marking: Option<&StixId>) -> String {
        let mut out = format!("{{\"type\":\"{}\",\"spec_version\":\"2.1\"", self.type_name);
        if let Some(id) = id {
            out.push_str(&format!(",\"id\":\"{id}\""));
        }
        for (place, (name, value)) in self.hashes.iter().enumerate() {
            out.push_str(if place == 0 { ",\"hashes\":{" } else { "," });
            write_string(name, &mut out);
            out.push(':');
            write_string(value, &mut out);
        }
        if !self.hashes.is_empty() {
            out.push('}');
        }
        for (name, raw) in &self.properties {
            out.push_str(&format!(",\"{name}\":{raw}"));
        }
        if let Some(marking) = marking {
            out.push_str(&format!(",\"object_marking_refs\":[\"{marking}\"]"));
        }
        out.push('}');
        out
    }
}
