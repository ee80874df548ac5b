//! Writing new objects, as raw JSON text in the order the standard lists properties.

use json::write_string;
use model::{StixId, Timestamp, Uuid};

/// A new random id of this type (§2.9: UUID version 4). The randomness is the caller's.
#[must_use]
pub fn new_id(type_name: &str, random: [u8; 16]) -> StixId {
    StixId::new(type_name, Uuid::v4(random))
}

/// Collects the properties of one new object.
#[derive(Debug, Clone)]
pub struct ObjectBuilder {
    text: String,
}

impl ObjectBuilder {
    /// Starts an object that has versions: a domain or relationship object of STIX 2.1.
    #[must_use]
    pub fn versioned(id: &StixId, created: Timestamp, modified: Timestamp) -> Self {
        Self::start(id.type_name())
            .string("spec_version", "2.1")
            .string("id", id.as_str())
            .string("created", &created.to_string())
            .string("modified", &modified.to_string())
    }

    /// Starts a cyber-observable.
    #[must_use]
    pub fn observable(id: &StixId) -> Self {
        Self::start(id.type_name()).string("spec_version", "2.1").string("id", id.as_str())
    }

    fn start(type_name: &str) -> Self {
        Self { text: String::from("{") }.string("type", type_name)
    }

    /// Appends a property with a string value.
    #[must_use]
    pub fn string(self, name: &str, value: &str) -> Self {
        let mut raw = String::with_capacity(value.len() + 2);
        write_string(value, &mut raw);
        self.raw(name, &raw)
    }

    /// Appends a property with a list of strings; an empty list is left out (§2.12).
    #[must_use]
    pub fn strings<T: AsRef<str>>(self, name: &str, values: &[T]) -> Self {
        if values.is_empty() {
            return self;
        }
        let mut raw = String::from("[");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                raw.push(',');
            }
            write_string(value.as_ref(), &mut raw);
        }
        raw.push(']');
        self.raw(name, &raw)
    }

    /// Appends a property whose value is JSON text already.
    #[must_use]
    pub fn raw(mut self, name: &str, value: &str) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        write_string(name, &mut self.text);
        self.text.push(':');
        self.text.push_str(value);
        self
    }

    /// The object as JSON text.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}
