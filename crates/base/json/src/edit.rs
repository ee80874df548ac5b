//! Changing a document without touching what is not changed.

use std::collections::BTreeMap;

use crate::value::{Kind, Value, write_string};

/// Changes to apply to one document, by value.
///
/// What is not named keeps its spelling to the byte; only white space between the members of a container
/// in which something changes is not kept.
#[derive(Debug, Default)]
pub struct Edits {
    by_position: BTreeMap<u32, Edit>,
}

#[derive(Debug)]
enum Edit {
    Remove,
    Replace(String),
    Append(Vec<(String, String)>),
}

impl Edits {
    /// No changes.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_position: BTreeMap::new() }
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_position.is_empty()
    }

    /// Removes a member (with its name) or an item.
    pub fn remove(&mut self, value: Value<'_>) {
        self.by_position.insert(value.position(), Edit::Remove);
    }

    /// Puts raw JSON in the place of a value.
    pub fn replace(&mut self, value: Value<'_>, raw: impl Into<String>) {
        self.by_position.insert(value.position(), Edit::Replace(raw.into()));
    }

    /// Appends a member with a raw JSON value to an object. The name must not be in use there: replace it instead.
    pub fn append(&mut self, object: Value<'_>, name: &str, raw: impl Into<String>) {
        let member = (name.to_owned(), raw.into());
        match self.by_position.entry(object.position()).or_insert_with(|| Edit::Append(Vec::new())) {
            Edit::Append(members) => members.push(member),
            other => *other = Edit::Append(vec![member]),
        }
    }

    /// The changed document. Without edits it is the raw text itself.
    #[must_use]
    pub fn apply(&self, root: Value<'_>) -> String {
        let mut out = String::with_capacity(root.raw().len() + 64);
        self.write(root, &mut out);
        out
    }

    fn touches(&self, value: Value<'_>, last: u32) -> bool {
        self.by_position.range(value.position()..last).next().is_some()
    }

    fn removed(&self, value: Value<'_>) -> bool {
        matches!(self.by_position.get(&value.position()), Some(Edit::Remove))
    }

    fn write(&self, value: Value<'_>, out: &mut String) {
        if !self.touches(value, value.subtree_end()) {
            return out.push_str(value.raw());
        }
        match (self.by_position.get(&value.position()), value.kind()) {
            (Some(Edit::Replace(raw)), _) => out.push_str(raw),
            (edit, Kind::Object) => {
                out.push('{');
                let mut first = true;
                let mut comma = |out: &mut String| {
                    if !std::mem::take(&mut first) {
                        out.push(',');
                    }
                };
                for (key, member) in value.entries().filter(|(_, member)| !self.removed(*member)) {
                    comma(out);
                    out.push_str(key.raw());
                    out.push(':');
                    self.write(member, out);
                }
                if let Some(Edit::Append(members)) = edit {
                    for (name, raw) in members {
                        comma(out);
                        write_string(name, out);
                        out.push(':');
                        out.push_str(raw);
                    }
                }
                out.push('}');
            }
            (_, Kind::Array) => {
                out.push('[');
                for (index, item) in value.items().filter(|item| !self.removed(*item)).enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write(item, out);
                }
                out.push(']');
            }
            _ => out.push_str(value.raw()),
        }
    }
}
