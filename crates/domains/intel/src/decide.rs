//! The decision on one incoming object.

use json::{Edits, Limits, Tape, Value};
use label::Spifs;
use model::{Finding, Label, Severity, SourceId, StixId, Timestamp, VersionId};
use observable::Observable;
use stix::marking::Meaning;
use stix::{Valid, meaning};

use crate::facts::{Facts, marked_label};
use crate::output::marking_meaning;

/// How an incoming object says which version it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// By `modified`, as its creator set it.
    Version,
    /// By its content: it was made here from a list or feed that carries no versions, so its times are ours.
    Content,
}

/// Who stands behind an incoming object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vouched {
    /// Nobody is known to sign for its creator.
    Unknown,
    /// Nor to this node, which got it from a peer: only the source that first delivered the object is believed when it
    /// brings another version.
    Hearsay,
    /// The party that speaks for its creator delivered it, or signed the statement that came with it.
    Creator,
    /// A known party signs for its creator, and nothing of theirs came with it.
    Missing,
}

/// Rule of the refusal of what was erased here: nothing of such a value is to be kept.
pub const ERASED: &str = "shieldwall/erased";

/// One object, and how it came.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The object, validated.
    pub object: &'a Valid<'a>,
    /// Its projections.
    pub facts: &'a Facts,
    /// Whom it came from.
    pub source: SourceId,
    /// Whether this organisation itself speaks: then it may revise what nobody signed.
    pub local: bool,
    /// The source's label for unmarked objects.
    pub default_label: Label,
    /// What the wrapping said beyond the bytes (a MISP distribution, say). Only ever narrows.
    pub narrowing: Option<Label>,
    /// How it says which version it is.
    pub identity: Identity,
    /// Whether a person has released exactly this value from being held.
    pub released: bool,
    /// Who stands behind it.
    pub vouched: Vouched,
}

/// What [`decide`] wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Everything known about this object…
    pub id: StixId,
    /// …at this version; `None` asks for the most recent versions.
    pub version: Option<Timestamp>,
    /// Marking definitions whose meaning is not fixed by their id.
    pub markings: Vec<StixId>,
}

/// What was loaded.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The newest version, if any.
    pub latest: Option<Latest>,
    /// Renditions held of the version asked for, or the most recent versions.
    pub same: Vec<Held>,
    /// Whether the object was erased here.
    pub erased: bool,
    /// Texts of the marking definitions that were found.
    pub markings: Vec<(StixId, String)>,
    /// What a person once decided about this value when it was held.
    pub decided: Option<bool>,
}

/// Facts about the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its version.
    pub version: Timestamp,
    /// `created`.
    pub created: Option<Timestamp>,
    /// Whether the object is revoked.
    pub revoked: bool,
    /// Its creator.
    pub created_by: Option<StixId>,
    /// The source that first delivered the object.
    pub first_source: SourceId,
}

/// A rendition that is held already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its row.
    pub version_id: VersionId,
    /// 0 for full.
    pub rendition: u32,
    /// Its label.
    pub label: Label,
    /// Its text.
    pub raw: String,
    /// Whether its creator's party stands behind it.
    pub vouched: bool,
}

/// Knowledge that does not depend on the object.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Says which well-known benign value an observable is, if it is one.
    pub benign: &'a dyn Fn(&Observable) -> Option<String>,
    /// This organisation's identity: nobody else may speak in its name.
    pub own_identity: &'a StixId,
    /// Policies by which confidentiality labels (STANAG 4774) are read. A label of any other lets nobody have it.
    pub spifs: &'a Spifs,
}

/// What becomes of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Store it.
    Accept(Box<Accepted>),
    /// It is held already. Its label may have to be narrowed to what was said this time.
    Unchanged {
        /// The rendition that is held; none when nothing is, because a person dropped this value.
        held: Option<VersionId>,
        /// Its new, narrower label.
        relabel: Option<Label>,
        /// Whether whoever brought it this time may narrow it: what they said beyond this label counts too.
        heard: bool,
        /// What a person should know about it.
        findings: Vec<Finding>,
    },
    /// A person should look first.
    Hold(Vec<Finding>),
    /// It cannot be taken.
    Refuse(Vec<Finding>),
}

/// A version to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The version it counts as.
    pub version: Timestamp,
    /// Whether it becomes the newest.
    pub latest: bool,
    /// Text to store in place of the one that came in, when ours were its times.
    pub rewritten: Option<String>,
    /// How widely it may be handed on.
    pub label: Label,
    /// What output must add because the bytes do not say it.
    pub overlay: Option<Label>,
    /// Whether its own markings say TLP:CLEAR: then anyone may have it.
    pub public: bool,
    /// What was noticed on the way, warnings and above.
    pub findings: Vec<Finding>,
}

/// What to load before deciding.
#[must_use]
pub fn needs(input: &Input<'_>) -> Needs {
    let object = input.object;
    let versioned = input.identity == Identity::Version && is_versioned(object);
    let mut markings = Vec::new();
    let refs = object.value().get("object_marking_refs").into_iter().flat_map(|list| list.items());
    let granular = object.value().get("granular_markings").into_iter().flat_map(|list| list.items());
    for reference in refs.chain(granular.filter_map(|g| g.get("marking_ref"))) {
        let id = reference.as_str().filter(|id| marking_meaning(id, None, &Spifs::NONE).is_none());
        markings.extend(id.and_then(|id| id.parse().ok()));
    }
    Needs { id: object.id().clone(), version: versioned.then(|| object.version()), markings }
}

/// Decides. Total: whatever comes in, one of the four decisions comes out.
#[must_use]
pub fn decide(input: &Input<'_>, view: &View, rules: &Rules<'_>, now: Timestamp) -> Decision {
    if view.erased {
        return Decision::Refuse(vec![refusal(
            ERASED,
            "",
            "this object was erased here and may not come back",
            "if that was a mistake, its creator must publish it under a new id",
        )]);
    }
    let object = input.object;
    // A list knows nothing of revocation: what was revoked is not brought back by being listed again.
    if input.identity == Identity::Content && view.latest.as_ref().is_some_and(|latest| latest.revoked) {
        return dropped();
    }
    match same_version(input, view, rules) {
        Same::Held { held, relabel, heard } => {
            let findings = relabel.iter().map(|label| narrowed(object, *label)).collect();
            return Decision::Unchanged { held: Some(held), relabel, heard, findings };
        }
        Same::Conflict => return conflict(object),
        Same::New => {}
    }
    let made_here = input.local || input.identity == Identity::Content;
    if !made_here && object.created_by().as_ref() == Some(rules.own_identity) {
        return Decision::Refuse(vec![refusal(
            "shieldwall/own-identity",
            "/created_by_ref",
            format!("`{}` claims to be this organisation's, but comes from elsewhere", object.id()),
            "an object of your own that was lost is brought back by importing it into the source `own`",
        )]);
    }
    if let Some(refusal) = view.latest.as_ref().and_then(|latest| forbidden(input, latest)) {
        return refusal;
    }
    let mut reasons = unclaimed(input, view.latest.as_ref());
    reasons.extend(unvouched(input));
    if !object.revoked() && object.type_name() == "indicator" {
        reasons.extend(benign(&input.facts.observables, rules));
    }
    if !reasons.is_empty() && !input.released {
        match view.decided {
            Some(true) => {}
            Some(false) => return dropped(),
            None => return Decision::Hold(reasons),
        }
    }
    accept(input, view, rules, now)
}

/// Nothing of it is held, and nothing is to be.
const fn dropped() -> Decision {
    Decision::Unchanged { held: None, relabel: None, heard: false, findings: Vec::new() }
}

/// Whether a stored text says the same as an incoming object, as far as its identity goes.
#[must_use]
pub fn same_value(stored: &str, incoming: Value<'_>, identity: Identity) -> bool {
    let mut tape = Tape::new();
    tape.parse(stored.as_bytes(), &Limits::OBJECT).is_ok_and(|stored| same(stored, incoming, identity))
}

fn same(stored: Value<'_>, incoming: Value<'_>, identity: Identity) -> bool {
    match identity {
        Identity::Version => meaning::same_meaning_ignoring(stored, incoming, &HANDLING),
        Identity::Content => meaning::same_meaning_ignoring(stored, incoming, &OURS),
    }
}

fn is_versioned(object: &Valid<'_>) -> bool {
    object.modified().or(object.created()).is_some()
}

fn resolve(id: &str, definitions: &[(StixId, String)], spifs: &Spifs) -> Option<Meaning> {
    let definition = definitions.iter().find(|(known, _)| known.as_str() == id);
    let mut tape = Tape::new();
    let parsed = definition.and_then(|(_, raw)| tape.parse(raw.as_bytes(), &Limits::OBJECT).ok());
    marking_meaning(id, parsed, spifs)
}

/// How the incoming object stands to the renditions held of its version.
enum Same {
    Held { held: VersionId, relabel: Option<Label>, heard: bool },
    Conflict,
    New,
}

/// Properties that say how an object may be handled, not what it says: a copy that went through a node which
/// narrowed it carries more of them, and is the same version all the same. The id is the same already, whatever its case.
const HANDLING: [&str; 3] = ["id", "object_marking_refs", "granular_markings"];

/// Properties that are ours, not the content's, in an object made from a list: a renamed list changes no value.
const OURS: [&str; 7] =
    ["id", "created", "modified", "valid_from", "description", "object_marking_refs", "granular_markings"];

fn same_version(input: &Input<'_>, view: &View, rules: &Rules<'_>) -> Same {
    let incoming = input.object.value();
    let versioned = input.identity == Identity::Version && is_versioned(input.object);
    // Whoever delivers a copy may narrow what is held, never widen it. A hostile source can use that to keep an object
    // from travelling, which a person sees and can undo; a leak could not be undone.
    // About this organisation's own objects only the organisation itself decides; about others' that were first brought in
    // here, their creator does too. Whoever was given them says nothing by sending them back.
    let ours = input.object.created_by().as_ref() == Some(rules.own_identity);
    let made_here = view.latest.as_ref().is_some_and(|latest| latest.first_source == SourceId(0));
    let listens = input.local || !(ours || made_here && input.vouched != Vouched::Creator);
    let said = if listens { stated_label(input, view, rules) } else { None };
    let mut conflict = false;
    for held in &view.same {
        // What its creator signed, label included, is not narrowed by a copy that they did not.
        let heard = listens && (!held.vouched || input.local || input.vouched == Vouched::Creator);
        let said = said.filter(|_| heard);
        let relabel = said.map(|label| held.label.meet(label)).filter(|label| *label != held.label);
        let there = Same::Held { held: held.version_id, relabel, heard };
        if held.raw == incoming.raw() {
            return there;
        }
        let mut tape = Tape::new();
        let Ok(stored) = tape.parse(held.raw.as_bytes(), &Limits::OBJECT) else { continue };
        if self::same(stored, incoming, input.identity) {
            return there;
        }
        if !versioned {
            continue;
        }
        match (held.rendition, input.facts.rendition) {
            // Two texts of one rendition must say the same.
            (stored, new) if stored == new => conflict = true,
            _ if !meaning::common_properties_agree(stored, incoming) => conflict = true,
            // A narrower copy of what is held in full adds nothing.
            (0, _) => return there,
            _ => {}
        }
    }
    if conflict { Same::Conflict } else { Same::New }
}

fn narrowed(object: &Valid<'_>, label: Label) -> Finding {
    let message =
        format!("a copy of `{}` came with a narrower label: what is held is now {label}", object.id());
    Finding::new(Severity::Warning, "shieldwall/label-narrowed", "/object_marking_refs", message)
        .hint("ask the creator which label is meant; a new version can widen it again")
}

/// What the bytes and their wrapping say about handling; `None` when they say nothing.
fn stated_label(input: &Input<'_>, view: &View, rules: &Rules<'_>) -> Option<Label> {
    let resolve = |id: &str| resolve(id, &view.markings, rules.spifs);
    let marked = marked_label(input.object.value(), &resolve, &mut Vec::new()).label();
    match (marked, input.narrowing) {
        (Some(marked), Some(narrow)) => Some(marked.meet(narrow)),
        (marked, narrow) => marked.or(narrow),
    }
}

fn conflict(object: &Valid<'_>) -> Decision {
    Decision::Refuse(vec![refusal(
        "stix-2.1/3.6/version-conflict",
        "/modified",
        format!("`{}` is held with this same version but another meaning: an integrity alarm", object.id()),
        "ask the creator which one is theirs; a changed object needs a later `modified`",
    )])
}

/// The versioning rules of STIX 2.1 §3.6, and who may speak for an object.
fn forbidden(input: &Input<'_>, latest: &Latest) -> Option<Decision> {
    let object = input.object;
    if input.identity == Identity::Content || !is_versioned(object) {
        return None;
    }
    if latest.created_by.as_ref() != object.created_by().as_ref() {
        return Some(Decision::Refuse(vec![refusal(
            "stix-2.1/3.6/creator-only",
            "/created_by_ref",
            format!("only its creator may make a new version of `{}`", object.id()),
            "refer to it from an object of your own: a note, an opinion, or a relationship",
        )]));
    }
    if latest.created.is_some() && object.created().is_some() && latest.created != object.created() {
        return Some(Decision::Refuse(vec![refusal(
            "stix-2.1/3.6/created-fixed",
            "/created",
            "`created` differs from the versions held: it must never change",
            "keep the first version's `created`",
        )]));
    }
    if object.version() <= latest.version {
        return None;
    }
    if latest.revoked {
        return Some(Decision::Refuse(vec![refusal(
            "stix-2.1/3.6/revoked-final",
            "/modified",
            format!("`{}` was revoked, and revocation is permanent", object.id()),
            "publish it under a new id",
        )]));
    }
    None
}

/// Why a person should look at a new version before it counts: nobody has signed for the object, and it comes by
/// another way than the object did.
fn unclaimed(input: &Input<'_>, latest: Option<&Latest>) -> Vec<Finding> {
    let object = input.object;
    let Some(latest) = latest else { return Vec::new() };
    let versioned = input.identity == Identity::Version && is_versioned(object);
    let elsewhere = !input.local && latest.first_source != input.source;
    let vouched = match input.vouched {
        Vouched::Creator => true,
        Vouched::Hearsay => false,
        Vouched::Unknown | Vouched::Missing => object.created_by().is_some(),
    };
    if !versioned || !elsewhere || vouched || object.version() <= latest.version {
        return Vec::new();
    }
    let message =
        "nobody known signs for this object, and the new version comes from another source than it did";
    vec![
        Finding::new(Severity::Warning, "shieldwall/unclaimed-version", "/created_by_ref", message)
            .hint("release it if this source is trusted to speak for the object"),
    ]
}

/// Why a person should look at an object in the name of somebody who signs what is theirs.
fn unvouched(input: &Input<'_>) -> Option<Finding> {
    if input.local || input.identity == Identity::Content || input.vouched != Vouched::Missing {
        return None;
    }
    let message = "its creator's party signs what is theirs, and nothing signed came with this";
    let finding = Finding::new(Severity::Warning, "shieldwall/unvouched", "/created_by_ref", message);
    Some(finding.hint("take it from the party itself; release it only if you know it to be genuine"))
}

fn benign(observables: &[Observable], rules: &Rules<'_>) -> Vec<Finding> {
    observables
        .iter()
        .filter_map(|observable| {
            let list = (rules.benign)(observable)?;
            let message = format!("the pattern names `{observable}`, a well-known benign value ({list})");
            let finding = Finding::new(Severity::Warning, "shieldwall/warning-list", "/pattern", message);
            Some(finding.hint("release it if it is malicious here all the same, otherwise drop it"))
        })
        .collect()
}

fn accept(input: &Input<'_>, view: &View, rules: &Rules<'_>, now: Timestamp) -> Decision {
    let object = input.object;
    let mut findings = Vec::new();
    let labelled =
        marked_label(object.value(), &|id| resolve(id, &view.markings, rules.spifs), &mut findings);
    let (explicit, marked) = if marking_meaning(object.id().as_str(), None, &Spifs::NONE).is_some() {
        // Definitions that every node knows by heart are nobody's secret, and a marking on them would change them.
        (Some(Label::CLEAR), Label::CLEAR)
    } else {
        (labelled.label(), labelled.label_or(input.default_label))
    };
    let label = input.narrowing.map_or(marked, |narrow| marked.meet(narrow));
    let newest = view.latest.as_ref();
    let by_version = input.identity == Identity::Version && is_versioned(object);
    let first = if is_versioned(object) { object.version() } else { now };
    let version = match newest {
        _ if by_version => object.version(),
        Some(latest) => now.max(latest.version.plus_micros(STEP)),
        None => first,
    };
    if by_version && version > now.plus_micros(FUTURE_SLACK) {
        let message = format!("dated {version}, in the future");
        findings.push(Finding::new(Severity::Warning, "shieldwall/future-version", "/modified", message));
    }
    // The full rendition of the newest version takes over from a narrower one.
    let held_full = view.same.iter().any(|held| held.rendition == 0);
    let latest = newest.is_none_or(|latest| {
        version > latest.version || (version == latest.version && !held_full && input.facts.rendition == 0)
    });
    let first_created = newest.and_then(|latest| latest.created);
    let rewritten = (input.identity == Identity::Content)
        .then(|| first_created.and_then(|created| keep_created(object.value(), created, version)))
        .flatten();
    // Own-only is also what unknown markings come to, and those do not say it to the next reader. Clear restricts
    // nothing: only its creator may say it in an object's own bytes.
    let needed = explicit != Some(label) || label == Label::OwnOnly;
    let overlay = (needed && label != Label::CLEAR).then_some(label);
    let public = explicit == Some(Label::CLEAR) && label == Label::CLEAR;
    Decision::Accept(Box::new(Accepted { version, latest, rewritten, label, overlay, public, findings }))
}

/// Versions made here follow one another at least this far apart, in microseconds: what STIX timestamps show.
const STEP: i64 = 1_000;

/// Clocks of honest creators differ by this much, in microseconds (five minutes).
const FUTURE_SLACK: i64 = 300_000_000;

/// A later version of an object made from a list keeps the first one's `created`.
fn keep_created(object: Value<'_>, created: Timestamp, modified: Timestamp) -> Option<String> {
    let mut edits = Edits::new();
    edits.replace(object.get("created")?, format!("\"{created}\""));
    edits.replace(object.get("modified")?, format!("\"{modified}\""));
    Some(edits.apply(object))
}

fn refusal(
    rule: &'static str,
    pointer: &'static str,
    message: impl Into<String>,
    hint: &'static str,
) -> Finding {
    Finding::new(Severity::Error, rule, pointer, message).hint(hint)
}
