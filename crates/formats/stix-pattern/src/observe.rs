//! Observed data made ready to be searched.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use json::{Kind, Value};
use model::Timestamp;

use crate::token::{BASE64, hex};

/// Deeper values are left out; readers of JSON stop earlier.
const MAX_DEPTH: usize = 128;

/// A set of observations, indexed by the types of the objects they hold.
#[derive(Debug, Default)]
pub struct Observations {
    pub(crate) list: Vec<Observation>,
    pub(crate) by_type: ByType,
}

/// For each object type, where its objects are: (observation, object), ascending.
pub(crate) type ByType = BTreeMap<Box<str>, Vec<(usize, usize)>>;

/// One observed-data object with the objects it holds or refers to. A copy shares the objects.
#[derive(Debug, Clone)]
pub struct Observation {
    id: Box<str>,
    /// How many observations this stands for: `number_observed`, at least 1.
    pub(crate) number: u32,
    /// `first_observed` and `last_observed` in microseconds; `None` if neither is a timestamp.
    pub(crate) interval: Option<(i64, i64)>,
    pub(crate) objects: Vec<Arc<Object>>,
    /// What references may name, sorted: local key or id, and the place in `objects`.
    names: Vec<(Box<str>, usize)>,
}

/// One cyber-observable object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) kind: Box<str>,
    pub(crate) body: Item,
}

/// A property value in its native form (§9.6.4).
#[derive(Debug)]
pub(crate) enum Item {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
    /// From a property named `_bin` or `_hex`.
    Bytes(Box<[u8]>),
    List(Vec<Self>),
    /// Sorted by key.
    Map(Vec<(Box<str>, Self)>),
}

impl Observations {
    /// Reads every observed-data object among these, in their order, and resolves `object_refs` among all of
    /// them. A bundle stands for the objects in it. Both forms are read: `objects` (STIX 2.0) and `object_refs`.
    ///
    /// Nothing needs to be valid: what is missing or of the wrong type is passed over. Of two objects with the
    /// same id the later one counts, except that of an observed-data object the latest `modified` does.
    #[must_use]
    pub fn from_objects<'a>(objects: impl IntoIterator<Item = Value<'a>>) -> Self {
        let mut reader = Reader::default();
        for object in objects {
            reader.add(object);
        }
        reader.finish()
    }

    /// How many observed-data objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The id of one; empty if it came without, or if there is no such place.
    #[must_use]
    pub fn id(&self, place: usize) -> &str {
        self.list.get(place).map_or("", Observation::id)
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Observation> {
        self.list.get(place)
    }
}

impl Observation {
    /// The observed-data object's id; empty if it came without.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// One observation of these objects, which references name by their place.
    pub(crate) fn of(interval: Option<(i64, i64)>, objects: Vec<Arc<Object>>) -> Self {
        let mut names: Vec<(Box<str>, usize)> =
            (0..objects.len()).map(|place| (place.to_string().into(), place)).collect();
        names.sort_unstable();
        Self { id: Box::default(), number: 1, interval, objects, names }
    }

    /// The object a reference names.
    pub(crate) fn resolve(&self, name: &str) -> Option<&Object> {
        let place = self.names.binary_search_by(|(own, _)| (**own).cmp(name)).ok()?;
        let &(_, object) = self.names.get(place)?;
        self.objects.get(object).map(AsRef::as_ref)
    }
}

impl Item {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        let place = members.binary_search_by(|(own, _)| (**own).cmp(key)).ok()?;
        members.get(place).map(|(_, item)| item)
    }

    fn read(value: Value<'_>, name: &str, depth: usize) -> Self {
        match value.kind() {
            _ if depth > MAX_DEPTH => Self::Null,
            Kind::Null => Self::Null,
            Kind::Bool => Self::Boolean(value.as_bool() == Some(true)),
            Kind::Number => match value.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Float(value.as_f64().unwrap_or(f64::NAN)),
            },
            Kind::String => {
                let text = value.as_str().unwrap_or_default();
                let bytes = if name.ends_with("_bin") {
                    BASE64.decode(text.as_bytes()).ok()
                } else if name.ends_with("_hex") {
                    hex(&text)
                } else {
                    None
                };
                match bytes {
                    Some(bytes) => Self::Bytes(bytes.into()),
                    None => Self::Text(text.into()),
                }
            }
            Kind::Array => Self::List(value.items().map(|item| Self::read(item, name, depth + 1)).collect()),
            Kind::Object => {
                let mut members: Vec<(Box<str>, Self)> = value
                    .entries()
                    .map(|(key, value)| {
                        let key = key.as_str().unwrap_or_default();
                        let item = Self::read(value, &key, depth + 1);
                        (key.into(), item)
                    })
                    .collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Map(members)
            }
        }
    }
}

/// An observed-data object before its references are resolved.
struct Draft<'a> {
    value: Value<'a>,
    id: Box<str>,
    modified: Option<Timestamp>,
}

#[derive(Default)]
struct Reader<'a> {
    drafts: Vec<Draft<'a>>,
    /// Place in `drafts` by id.
    known: BTreeMap<Box<str>, usize>,
    /// Everything else that has an id.
    others: BTreeMap<Box<str>, Value<'a>>,
}

impl<'a> Reader<'a> {
    fn add(&mut self, value: Value<'a>) {
        let kind = text(value, "type");
        if &*kind == "bundle" {
            // A bundle holds objects, not bundles.
            let objects = value.get("objects").into_iter().flat_map(|objects| objects.items());
            objects.filter(|object| &*text(*object, "type") != "bundle").for_each(|object| self.add(object));
            return;
        }
        let id = text(value, "id");
        if &*kind != "observed-data" {
            if !id.is_empty() {
                self.others.insert(id, value);
            }
            return;
        }
        let draft = Draft { value, modified: instant(value, "modified"), id: id.clone() };
        if id.is_empty() {
            self.drafts.push(draft);
        } else if let Some(known) = self.known.get(&id).and_then(|place| self.drafts.get_mut(*place)) {
            if draft.modified >= known.modified {
                *known = draft;
            }
        } else {
            self.known.insert(id, self.drafts.len());
            self.drafts.push(draft);
        }
    }

    fn finish(self) -> Observations {
        let mut out = Observations::default();
        // Objects that several observations refer to are read once.
        let mut shared: BTreeMap<Box<str>, Arc<Object>> = BTreeMap::new();
        for Draft { value, id, .. } in self.drafts {
            let mut named: BTreeMap<Box<str>, Arc<Object>> = BTreeMap::new();
            let refs = value.get("object_refs").into_iter().flat_map(|refs| refs.items());
            for name in refs.filter_map(|name| name.as_str()) {
                if let Some(object) = shared.get(&*name) {
                    named.insert(name.into(), Arc::clone(object));
                } else if let Some(object) =
                    self.others.get(&*name).map(|other| Arc::new(Object::read(*other)))
                {
                    shared.insert(name.as_ref().into(), Arc::clone(&object));
                    named.insert(name.into(), object);
                }
            }
            for (key, object) in value.get("objects").into_iter().flat_map(|objects| objects.entries()) {
                named.insert(key.as_str().unwrap_or_default().into(), Arc::new(Object::read(object)));
            }
            let first = instant(value, "first_observed").map(Timestamp::as_micros);
            let last = instant(value, "last_observed").map(Timestamp::as_micros);
            let interval = first.or(last).zip(last.or(first)).map(|(a, b)| (a.min(b), a.max(b)));
            let number = value.get("number_observed").and_then(|number| number.as_i64()).unwrap_or(1).max(1);
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let (names, objects): (Vec<_>, Vec<_>) =
                named.into_iter().enumerate().map(|(place, (name, object))| ((name, place), object)).unzip();
            for (place, object) in objects.iter().enumerate() {
                out.by_type.entry(object.kind.clone()).or_default().push((out.list.len(), place));
            }
            out.list.push(Observation { id, number, interval, objects, names });
        }
        out
    }
}

impl Object {
    fn read(value: Value<'_>) -> Self {
        Self { kind: text(value, "type"), body: Item::read(value, "", 0) }
    }
}

fn text(value: Value<'_>, name: &str) -> Box<str> {
    value.get(name).and_then(|value| value.as_str()).map_or_else(Box::default, Into::into)
}

fn instant(value: Value<'_>, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}
