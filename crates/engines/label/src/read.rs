//! From the markings of an object to how it, and each part of it, may be handled.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use json::{Kind, Value};
use model::{Finding, Label, Severity};
use stix::marking::{Markings, Meaning, meaning_of_id, property_markings};
use stix::redact::{Redaction, redact};

use crate::definition::{Said, read_text};
use crate::handling::Handling;
use crate::spif::Spifs;

/// Reads markings with the definitions and policies that are known.
///
/// `definitions` gives the raw text of a marking definition by its id, and only of one that the object's own
/// source or creator vouches for: a stranger's definition must not explain somebody else's marking. Definitions may
/// be marked themselves; that says how they may be handled, not what refers to them, so nobody follows it.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    definitions: &'a dyn Fn(&str) -> Option<String>,
    spifs: &'a Spifs,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("spifs", self.spifs).finish_non_exhaustive()
    }
}

/// A part of an object that granular markings select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
    /// How it may be handled: never wider than the object, nor than what it is part of.
    pub handling: Handling,
}

static NO_POLICY: Spifs = Spifs::NONE;

/// More marking definitions than these on one object are not looked up: the object stays in this organisation.
const MOST: usize = 64;

/// A label whose canonical text would be longer is nobody's: it has to serve as a key.
const LONGEST: usize = 8 << 10;

/// After so many findings about one object nobody learns anything from another.
const ENOUGH: usize = 16;

impl<'a> Reader<'a> {
    /// A reader with these definitions, for which no STANAG 4774 policy is known.
    #[must_use]
    pub const fn new(definitions: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { definitions, spifs: &NO_POLICY }
    }

    /// The same with these policies.
    #[must_use]
    pub const fn with_spifs(self, spifs: &'a Spifs) -> Self {
        Self { spifs, ..self }
    }

    /// The TLP of the object as a whole by its object markings; `default` where none of them has a word on TLP,
    /// such as the default of the source it came from. This is where `effective` comes from.
    #[must_use]
    pub fn effective(&self, object: Value<'_>, default: Label, findings: &mut Vec<Finding>) -> Label {
        let sight = Sight::of(object);
        let mut look = Look::new(self, findings);
        let whole = look.whole(&sight, Label::CLEAR);
        if look.tlp_said { whole.tlp() } else { whole.tlp().meet(default) }
    }

    /// How the object as a whole may be handled: the meet of `effective` and its object markings.
    ///
    /// Granular markings narrow the parts they select, see [`Reader::parts`]; where they break a rule of STIX 2.1
    /// §7.2.3, nobody can tell which parts, and they count for the whole. Statements restrict nothing, and an
    /// object without markings is handled as `effective` says.
    #[must_use]
    pub fn whole(&self, object: Value<'_>, effective: Label, findings: &mut Vec<Finding>) -> Handling {
        let sight = Sight::of(object);
        let mut look = Look::new(self, findings);
        let whole = look.whole(&sight, effective);
        match sight.granular.map(|_| property_markings(object)) {
            Some(Err(_)) => look.all_granular(&sight, whole),
            _ => whole,
        }
    }

    /// The parts that granular markings select, in the order of the document, and how each may be handled.
    ///
    /// Empty where there are none, and where they break a rule: see [`Reader::whole`].
    #[must_use]
    pub fn parts(&self, object: Value<'_>, effective: Label, findings: &mut Vec<Finding>) -> Vec<Part> {
        let sight = Sight::of(object);
        let mut look = Look::new(self, findings);
        look.parts(object, &sight, effective).map_or_else(Vec::new, |(_, parts)| parts)
    }

    /// What a receiver gets who may see only what `may_see` permits: the object, the object without some parts, or
    /// nothing. See [`stix::redact::redact`] for what a tear-line keeps of markings and identity.
    ///
    /// `may_see` is asked about the whole first, then about parts, each with everything that holds for it; so a
    /// part is never wider than the whole. Where an ACS marking does not permit `TEARLINE` to the receiver
    /// ([`Handling::may_be_cut`]), the caller withholds what would have to be cut.
    #[must_use]
    pub fn tear_line(
        &self,
        object: Value<'_>,
        effective: Label,
        may_see: &dyn Fn(&Handling) -> bool,
    ) -> Redaction {
        let mut ignored = Vec::new();
        let look = RefCell::new(Look::new(self, &mut ignored));
        redact(object, &|markings: &Markings| {
            let mut look = look.borrow_mut();
            let ids = markings.ids();
            let handling = ids.fold(Handling::from(effective), |all, id| look.add(all, id, OBJECT));
            may_see(&look.bounded(handling, OBJECT))
        })
    }
}

const OBJECT: &str = "/object_marking_refs";
const GRANULAR: &str = "/granular_markings";

/// The two places of an object where markings stand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sight<'a> {
    pub(crate) refs: Option<Value<'a>>,
    pub(crate) granular: Option<Value<'a>>,
}

impl<'a> Sight<'a> {
    fn of(object: Value<'a>) -> Self {
        Self { refs: object.get("object_marking_refs"), granular: object.get("granular_markings") }
    }
}

/// One look at one object: what was found out about its markings on the way.
pub(crate) struct Look<'r, 'a> {
    reader: &'r Reader<'a>,
    findings: &'r mut Vec<Finding>,
    said: usize,
    known: BTreeMap<String, Handling>,
    tlp_said: bool,
}

impl<'r, 'a> Look<'r, 'a> {
    pub(crate) const fn new(reader: &'r Reader<'a>, findings: &'r mut Vec<Finding>) -> Self {
        Self { reader, findings, said: 0, known: BTreeMap::new(), tlp_said: false }
    }

    /// The meet of `effective` and the object markings.
    pub(crate) fn whole(&mut self, sight: &Sight<'_>, effective: Label) -> Handling {
        let refs = sight.refs.into_iter().flat_map(one_or_many);
        let whole = refs.fold(Handling::from(effective), |all, id| self.add_value(all, id, OBJECT));
        self.bounded(whole, OBJECT)
    }

    fn bounded(&mut self, handling: Handling, place: &'static str) -> Handling {
        if handling.is_short() || handling.to_text().len() <= LONGEST {
            return handling;
        }
        self.say("shieldwall/marking-too-many", place, None, || {
            "the markings together are too long, so the object stays in this organisation".to_owned()
        });
        Handling::own_only()
    }

    /// As if all granular markings were markings of the whole.
    fn all_granular(&mut self, sight: &Sight<'_>, whole: Handling) -> Handling {
        let entries = sight.granular.into_iter().flat_map(one_or_many);
        // An entry that only names a language marks nothing; one that names neither is unreadable.
        let refs = entries
            .filter(|entry| entry.get("lang").is_none() || entry.get("marking_ref").is_some())
            .map(|entry| entry.get("marking_ref").unwrap_or(entry));
        let whole = refs.fold(whole, |all, id| self.add_value(all, id, GRANULAR));
        self.bounded(whole, GRANULAR)
    }

    /// The whole and its parts; `None` where the granular markings break a rule.
    fn parts(
        &mut self,
        object: Value<'_>,
        sight: &Sight<'_>,
        effective: Label,
    ) -> Option<(Handling, Vec<Part>)> {
        let whole = self.whole(sight, effective);
        if sight.granular.is_none() {
            return Some((whole, Vec::new()));
        }
        let mut around: Vec<Part> = Vec::new();
        let mut parts = Vec::new();
        for part in property_markings(object).ok()? {
            // Parts come in document order, so those around a part are on the stack when it is reached.
            while around.pop_if(|outer| !contains(&outer.pointer, &part.pointer)).is_some() {}
            let outer = around.last().map_or(&whole, |outer| &outer.handling).clone();
            let handling = part.markings.ids().fold(outer, |all, id| self.add(all, id, GRANULAR));
            let handling = self.bounded(handling, GRANULAR);
            let part = Part { pointer: part.pointer, handling };
            around.push(part.clone());
            parts.push(part);
        }
        Some((whole, parts))
    }

    /// The handling of the whole, and whether some part is narrower.
    pub(crate) fn summary(
        &mut self,
        object: Value<'_>,
        sight: &Sight<'_>,
        effective: Label,
    ) -> (Handling, bool) {
        if sight.granular.is_none() {
            return (self.whole(sight, effective), false);
        }
        match self.parts(object, sight, effective) {
            Some((whole, parts)) => {
                let narrower = parts.iter().any(|part| part.handling != whole);
                (whole, narrower)
            }
            None => {
                self.say("shieldwall/marking-selectors", GRANULAR, None, || {
                    "the granular markings break a rule, so they count for the whole object".to_owned()
                });
                let whole = self.whole(sight, effective);
                (self.all_granular(sight, whole), false)
            }
        }
    }

    fn add_value(&mut self, all: Handling, value: Value<'_>, place: &'static str) -> Handling {
        match value.as_plain() {
            Some(id) => self.add(all, id, place),
            None => self.add(all, &value.as_str().unwrap_or(Cow::Borrowed(value.raw())), place),
        }
    }

    /// Narrows by what a marking restricts.
    fn add(&mut self, all: Handling, id: &str, place: &'static str) -> Handling {
        // The fixed ids are by far the most frequent.
        if let Some(Meaning::Tlp(tlp)) = meaning_of_id(id) {
            self.tlp_said = true;
            let tlp = all.tlp().meet(Label::Tlp(tlp));
            return all.with_tlp(tlp);
        }
        if let Some(known) = self.known.get(id) {
            return all.meet(known);
        }
        if self.known.len() >= MOST {
            self.say("shieldwall/marking-too-many", place, None, || {
                format!(
                    "there are more than {MOST} different markings, so the object stays in this organisation"
                )
            });
            return all.meet(&Handling::own_only());
        }
        let handling = self.explain(id, place);
        let all = all.meet(&handling);
        self.known.insert(id.to_owned(), handling);
        all
    }

    fn explain(&mut self, id: &str, place: &'static str) -> Handling {
        let mut notes = Vec::new();
        let found = (self.reader.definitions)(id);
        let meaning = match &found {
            Some(text) => read_text(id, text, self.reader.spifs, &mut notes),
            None => Err("is not known here".to_owned()),
        };
        for note in notes {
            self.say("shieldwall/marking-narrowed", place, None, || {
                format!("the marking `{}` {note}", brief(id))
            });
        }
        let said = meaning.unwrap_or_else(|problem| {
            let hint =
                found.is_none().then_some("import the marking-definition before the objects that use it");
            self.say("shieldwall/marking-unknown", place, hint, || {
                format!("the marking `{}` {problem}, so the object stays in this organisation", brief(id))
            });
            Said { handling: Handling::own_only(), tlp: true }
        });
        self.tlp_said |= said.tlp;
        said.handling
    }

    fn say(
        &mut self,
        rule: &'static str,
        place: &'static str,
        hint: Option<&'static str>,
        message: impl FnOnce() -> String,
    ) {
        self.said += 1;
        if self.said <= ENOUGH {
            let mut finding = Finding::new(Severity::Warning, rule, place, message());
            finding.hint = hint.map(Cow::Borrowed);
            self.findings.push(finding);
        }
    }
}

/// The items of a list, or the value itself where a list should be.
fn one_or_many(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let alone = (value.kind() != Kind::Array).then_some(value);
    value.items().chain(alone)
}

/// Whether the value at `outer` is, or contains, the one at `inner`.
fn contains(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The start of a text, for a message.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}
