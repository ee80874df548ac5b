//! Observations that are put together from values, where there is no document to read them from.

use std::sync::Arc;

use model::Timestamp;

use crate::observe::{Item, Object, Observation};

/// One observation in the making: objects, and the properties that are put into them.
///
/// What is put where something of another form stands already is left out: nothing here fails.
#[derive(Debug, Default)]
pub struct Assembly {
    objects: Vec<Object>,
}

impl Assembly {
    /// An observation of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { objects: Vec::new() }
    }

    /// Adds an object of this type, such as `ipv4-addr`, and says which one it is: the place that the other methods
    /// ask for.
    pub fn object(&mut self, kind: &str) -> usize {
        // Patterns also ask for the type by its path: `dst_ref.type`.
        let body = Item::Map(vec![("type".into(), Item::Text(kind.into()))]);
        self.objects.push(Object { kind: kind.into(), body });
        self.objects.len() - 1
    }

    /// How many objects there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Puts a text at a path, one name for each level: `["hashes", "SHA-256"]`.
    pub fn text(&mut self, object: usize, path: &[&str], text: &str) {
        self.put(object, path, Item::Text(text.into()));
    }

    /// Puts a number at a path.
    pub fn integer(&mut self, object: usize, path: &[&str], number: i64) {
        self.put(object, path, Item::Integer(number));
    }

    /// Has a property refer to another object. One whose name ends in `_refs` refers to several: this is one more.
    pub fn refer(&mut self, object: usize, name: &str, to: usize) {
        let to = Item::Text(to.to_string().into());
        if name.ends_with("_refs") {
            self.append(object, name, to);
        } else {
            self.put(object, &[name], to);
        }
    }

    /// Adds a text to a list.
    pub fn append_text(&mut self, object: usize, name: &str, text: &str) {
        self.append(object, name, Item::Text(text.into()));
    }

    /// Adds a dictionary of texts to a list.
    pub fn append_members(&mut self, object: usize, name: &str, members: &[(&str, &str)]) {
        let mut item = Item::Map(Vec::new());
        for (name, text) in members {
            if let Some(slot) = slot(&mut item, name) {
                *slot = Item::Text((*text).into());
            }
        }
        self.append(object, name, item);
    }

    /// The observation: seen once, at that instant if there is one.
    #[must_use]
    pub fn finish(self, at: Option<Timestamp>) -> Observation {
        let interval = at.map(|at| (at.as_micros(), at.as_micros()));
        Observation::of(interval, self.objects.into_iter().map(Arc::new).collect())
    }

    fn put(&mut self, object: usize, path: &[&str], item: Item) {
        let Some(object) = self.objects.get_mut(object) else { return };
        let place = path.iter().try_fold(&mut object.body, |inside, name| slot(inside, name));
        if let Some(place) = place
            && !matches!(place, Item::Map(_) | Item::List(_))
        {
            *place = item;
        }
    }

    fn append(&mut self, object: usize, name: &str, item: Item) {
        let Some(list) = self.objects.get_mut(object).and_then(|object| slot(&mut object.body, name)) else {
            return;
        };
        match list {
            Item::List(items) => items.push(item),
            Item::Null => *list = Item::List(vec![item]),
            _ => {}
        }
    }
}

/// Where a member of a dictionary stands, made if it is not there. What holds nothing becomes a dictionary.
fn slot<'i>(inside: &'i mut Item, name: &str) -> Option<&'i mut Item> {
    if matches!(inside, Item::Null) {
        *inside = Item::Map(Vec::new());
    }
    let Item::Map(members) = inside else { return None };
    let at = match members.binary_search_by(|(own, _)| (**own).cmp(name)) {
        Ok(at) => at,
        Err(at) => {
            members.insert(at, (name.into(), Item::Null));
            at
        }
    };
    members.get_mut(at).map(|(_, item)| item)
}
