//! Tear-lines: an object without the parts that a receiver may not see.

use std::collections::{BTreeMap, BTreeSet};

use json::{Edits, Kind, Limits, Tape, Value, escape_pointer, write_string};
use model::{Finding, Severity, StixId};

use crate::marking::{Markings, Selectors, Step, To, contains, object_markings, property_markings};
use crate::schema::type_schema;
use crate::validate::{Checks, validate};

/// The extension that marks an object as redacted (§7.3): a property extension with one integer, `removed`,
/// the number of places something was taken from. It never says what.
///
/// In the few cyber-observables where extensions go into the deterministic id (`file`, `network-traffic`), the
/// id stays that of the original, which the standard permits (§2.9: SHOULD).
///
/// [`REDACTION_DEFINITIONS`] holds its definition, for receivers who look it up.
pub const REDACTION_EXTENSION: &str = "extension-definition--8aa32948-5aea-4153-b8a8-4578d160367d";

/// The identity and the extension definition that stand behind [`REDACTION_EXTENSION`].
pub const REDACTION_DEFINITIONS: [&str; 2] = [
    concat!(
        r#"{"type":"identity","spec_version":"2.1","id":"identity--7b5518c2-7c8a-4508-ba6f-d6914700240f","#,
        r#""created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","#,
        r#""name":"Shieldwall","identity_class":"system"}"#
    ),
    concat!(
        r#"{"type":"extension-definition","spec_version":"2.1","#,
        r#""id":"extension-definition--8aa32948-5aea-4153-b8a8-4578d160367d","#,
        r#""created_by_ref":"identity--7b5518c2-7c8a-4508-ba6f-d6914700240f","#,
        r#""created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","#,
        r#""name":"Redacted","description":"Marks an object from which parts were removed before it was passed on.","#,
        r#""schema":"removed (required, integer of at least 1): in how many places of the object something was removed","#,
        r#""version":"1.0.0","extension_types":["property-extension"]}"#
    ),
];

/// How many markings are looked at for one object, counted for each part they hold for. Far beyond what anyone
/// marks; it keeps a hostile object from taking the time of thousands.
const BUDGET: usize = 1_000_000;

/// What a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redaction {
    /// The object as it is.
    Whole,
    /// Nothing: the object itself is out of reach, or what is left would not be an object.
    Withheld,
    /// The object without some of its parts.
    TearLine {
        /// The new text. What was not removed keeps its spelling to the byte.
        text: String,
        /// What was removed: JSON pointers into the original, in its order, none inside another.
        removed: Vec<String>,
    },
}

/// Removes what a receiver may not see.
///
/// `may_see` decides on the markings that hold for some part: those of the object (none, if it is unmarked),
/// those of everything around the part, and the part's own. It is asked about the object first.
///
/// The result is never wider than the original: markings of what remains stay, and the object says that it
/// was redacted ([`REDACTION_EXTENSION`]). The object is withheld when
/// - its granular markings break a rule of §7.2.3, so that nobody can tell what they protect, or are too many,
/// - a part to hide is a marking, or `revoked`, which no receiver may be left without,
/// - a part to hide goes into the object's deterministic id, from which it could be guessed, or
/// - what remains violates a MUST, such as a required property, that the original did not.
///
/// Lists and dictionaries that would end up empty go as a whole, as does a top-level property whose remaining
/// content would not be valid.
#[must_use]
pub fn redact(object: Value<'_>, may_see: &dyn Fn(&Markings) -> bool) -> Redaction {
    let whole = object_markings(object);
    if !may_see(&whole) {
        return Redaction::Withheld;
    }
    let Some(granular) = object.get("granular_markings") else { return Redaction::Whole };
    let Ok(parts) = property_markings(object) else {
        // Nobody can tell what they protect, so they protect everything; one that names nothing readable
        // leaves nothing to ask about, and the answer is no.
        let mut all = whole;
        let readable = granular.kind() == Kind::Array
            && granular.items().all(|entry| match entry.get("marking_ref") {
                Some(id) => id.as_str().map(|id| all.extend([id.into_owned()])).is_some(),
                None => entry.get("lang").is_some(),
            });
        return if readable && may_see(&all) { Redaction::Whole } else { Redaction::Withheld };
    };
    // Parts come in document order, so those around a part are on the stack when it is reached.
    let mut around: Vec<(&str, Markings)> = Vec::new();
    let mut hidden = Vec::new();
    let mut budget = BUDGET;
    for part in &parts {
        while around.pop_if(|(outer, _)| !contains(outer, &part.pointer)).is_some() {}
        let mut markings = around.last().map_or_else(|| whole.clone(), |(_, markings)| markings.clone());
        markings.extend(part.markings.ids().map(str::to_owned));
        budget = match budget.checked_sub(markings.len()) {
            Some(left) => left,
            None => return Redaction::Withheld,
        };
        if !may_see(&markings) {
            hidden.push(part.pointer.as_str());
        }
        around.push((&part.pointer, markings));
    }
    if hidden.is_empty() {
        return Redaction::Whole;
    }
    let exactly = hidden.iter().map(|pointer| (*pointer).to_owned()).collect();
    narrowest(object, exactly)
}

/// Takes out the values at these JSON pointers, whatever their markings say: for what an agreement does not let pass.
///
/// The result keeps the promises of [`redact`], and is withheld for the same reasons.
#[must_use]
pub fn remove(object: Value<'_>, hidden: &BTreeSet<String>) -> Redaction {
    if !hidden.iter().any(|pointer| object.pointer(pointer).is_some()) {
        return Redaction::Whole;
    }
    narrowest(object, hidden.clone())
}

/// Takes out exactly these parts or, where what is left would not be valid, the whole top-level properties they are in.
fn narrowest(object: Value<'_>, exactly: BTreeSet<String>) -> Redaction {
    let top_level = |pointer: &String| {
        let end = pointer.match_indices('/').nth(1).map_or(pointer.len(), |(at, _)| at);
        pointer.get(..end).unwrap_or_default().to_owned()
    };
    let generously = exactly.iter().map(top_level).collect();
    [exactly, generously].iter().find_map(|hidden| without(object, hidden)).unwrap_or(Redaction::Withheld)
}

/// The object without the values at these pointers; `None` if that cannot be.
fn without(object: Value<'_>, hidden: &BTreeSet<String>) -> Option<Redaction> {
    let mut sweep = Sweep { hidden, gone: Vec::new() };
    if sweep.empties(object, &mut String::new())
        || sweep.gone.iter().any(|(pointer, _)| is_fixed(object, pointer))
    {
        return None;
    }
    let gone = sweep.gone;
    let mut edits = Edits::new();
    gone.iter().for_each(|(_, value)| edits.remove(*value));
    move_selectors(object, &gone, &mut edits);
    mark_redacted(object, &gone, &mut edits)?;
    let text = edits.apply(object);
    no_new_error(object, &text).then(|| Redaction::TearLine {
        text,
        removed: gone.into_iter().map(|(pointer, _)| pointer).collect(),
    })
}

/// Finds the outermost values that go, including containers of which nothing is left.
struct Sweep<'a, 'h> {
    hidden: &'h BTreeSet<String>,
    gone: Vec<(String, Value<'a>)>,
}

impl<'a> Sweep<'a, '_> {
    /// Whether this value goes. `pointer` is restored on return.
    fn goes(&mut self, value: Value<'a>, pointer: &mut String) -> bool {
        let before = self.gone.len();
        let goes = self.hidden.contains(pointer.as_str()) || self.empties(value, pointer);
        if goes {
            self.gone.truncate(before);
            self.gone.push((pointer.clone(), value));
        }
        goes
    }

    /// Whether a container loses all it had.
    fn empties(&mut self, value: Value<'a>, pointer: &mut String) -> bool {
        if !matches!(value.kind(), Kind::Object | Kind::Array) {
            return false;
        }
        // Nothing hidden in here: no need to look at every leaf of a large object.
        let inside = format!("{pointer}/");
        if !self.hidden.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside)) {
            return false;
        }
        let (length, mut left) = (pointer.len(), false);
        let members = value
            .entries()
            .map(|(key, member)| (escape_pointer(&key.as_str().unwrap_or_default()).into_owned(), member));
        let items = value.items().enumerate().map(|(index, item)| (index.to_string(), item));
        for (segment, child) in members.chain(items) {
            pointer.push('/');
            pointer.push_str(&segment);
            left |= !self.goes(child, pointer);
            pointer.truncate(length);
        }
        !left
    }
}

/// Whether this part may not be taken out of the object, whatever the schema says.
fn is_fixed(object: Value<'_>, pointer: &str) -> bool {
    let name = pointer.split('/').nth(1).unwrap_or_default();
    matches!(name, "granular_markings" | "object_marking_refs" | "revoked") || contributes(object, name)
}

/// Whether a property went into the object's own deterministic id (§2.9).
fn contributes(object: Value<'_>, name: &str) -> bool {
    let id = object.get("id").and_then(|id| id.as_str()?.parse::<StixId>().ok());
    let shape = object.get("type").and_then(|name| name.as_str()).and_then(|name| type_schema(&name));
    id.is_some_and(|id| id.uuid().version() == 5)
        && shape
            .is_none_or(|schema| schema.shape.property(name).is_some_and(|property| property.contributing))
}

/// Drops the selectors of what is gone, and renumbers those that pass through shortened lists.
fn move_selectors<'a>(object: Value<'a>, gone: &[(String, Value<'a>)], edits: &mut Edits) {
    let Some(list) = object.get("granular_markings") else { return };
    let gone: BTreeSet<u32> = gone.iter().map(|(_, value)| value.position()).collect();
    let mut selectors = Selectors::new(object);
    let mut shifts = Shifts { gone: &gone, lists: BTreeMap::new() };
    let mut entries_left = false;
    for entry in list.items() {
        let mut left = false;
        for selector in entry.get("selectors").into_iter().flat_map(|selectors| selectors.items()) {
            let text = selector.as_str().unwrap_or_default();
            match selectors.follow(&text).ok().and_then(|steps| shifts.moved(&steps)) {
                Some(new) => {
                    left = true;
                    if new != text {
                        edits.replace(selector, quoted(&new));
                    }
                }
                None => edits.remove(selector),
            }
        }
        if !left {
            edits.remove(entry);
        }
        entries_left |= left;
    }
    if !entries_left {
        edits.remove(list);
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}

struct Shifts<'g> {
    gone: &'g BTreeSet<u32>,
    /// By position of a list: the new place of each item.
    lists: BTreeMap<u32, Vec<usize>>,
}

impl Shifts<'_> {
    /// The selector after the removal; `None` if what it selects is gone.
    fn moved(&mut self, steps: &[Step<'_>]) -> Option<String> {
        let mut out = String::new();
        for step in steps {
            if self.gone.contains(&step.value.position()) {
                return None;
            }
            if !out.is_empty() {
                out.push('.');
            }
            match &step.to {
                To::Name(name) => out.push_str(name),
                To::Index(index) => {
                    let places = self.lists.entry(step.container.position()).or_insert_with(|| {
                        let mut next = 0;
                        let mut place = |item: Value<'_>| {
                            let here = next;
                            next += usize::from(!self.gone.contains(&item.position()));
                            here
                        };
                        step.container.items().map(&mut place).collect()
                    });
                    out.push_str(&format!("[{}]", places.get(*index)?));
                }
            }
        }
        Some(out)
    }
}

/// Leaves word that something was removed; `None` if there is no place for it.
fn mark_redacted(object: Value<'_>, gone: &[(String, Value<'_>)], edits: &mut Edits) -> Option<()> {
    let extensions = object.get("extensions");
    let ours = extensions.and_then(|extensions| extensions.get(REDACTION_EXTENSION));
    let earlier = ours.and_then(|ours| ours.get("removed")?.as_i64()).unwrap_or(0).clamp(0, 1 << 32);
    let count = earlier + i64::try_from(gone.len()).ok()?;
    let mark = format!(r#"{{"extension_type":"property-extension","removed":{count}}}"#);
    match (extensions, ours) {
        (None, _) => edits.append(object, "extensions", format!(r#"{{"{REDACTION_EXTENSION}":{mark}}}"#)),
        (Some(all), _) if gone.iter().any(|(pointer, _)| pointer == "/extensions") => {
            edits.replace(all, format!(r#"{{"{REDACTION_EXTENSION}":{mark}}}"#));
        }
        (Some(_), Some(ours)) => edits.replace(ours, mark),
        (Some(all), None) if all.kind() == Kind::Object => edits.append(all, REDACTION_EXTENSION, mark),
        _ => return None,
    }
    Some(())
}

/// Whether the new text breaks no MUST that the original kept.
fn no_new_error(object: Value<'_>, text: &str) -> bool {
    let mut tape = Tape::new();
    let Ok(new) = tape.parse(text.as_bytes(), &Limits::DOCUMENT) else { return false };
    let mut after = Vec::new();
    if validate(new, &Checks::default(), &mut after).is_some() {
        return true;
    }
    let mut before = Vec::new();
    validate(object, &Checks::default(), &mut before);
    let errors = |findings: Vec<Finding>| {
        findings.into_iter().filter(|finding| finding.severity == Severity::Error).map(|finding| finding.rule)
    };
    let known: BTreeSet<_> = errors(before).collect();
    errors(after).all(|rule| known.contains(&rule))
}
