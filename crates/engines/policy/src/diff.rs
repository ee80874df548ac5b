//! What a new or changed agreement would newly expose or withdraw.

use std::collections::BTreeMap;

use label::{Facts, Nation, Onward};
use model::{Label, PartyId, Timestamp};

use crate::caveats::{Caveats, Receivers};
use crate::compile::Policy;
use crate::condition::Condition;
use crate::decide::{Question, obligations};
use crate::decision::Obligations;
use crate::request::Request;

/// Whose holdings are looked at, and when.
#[derive(Debug, Clone, Copy)]
pub struct Standpoint<'a> {
    /// Whose: this node's party.
    pub from: PartyId,
    /// Now. An agreement that has not begun is looked at as of its start.
    pub at: Timestamp,
    /// Our own rules.
    pub caveats: &'a Caveats,
    /// The exercise the holdings belong to; `None` is the real world.
    pub exercise: Option<&'a str>,
}

/// What changes, for each party that we might give to under either version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffReport {
    /// By receiver.
    pub parties: BTreeMap<PartyId, PartyDiff>,
    /// How many objects were looked at.
    pub objects: u64,
    /// Objects whose class cannot be read: nothing is decided about them, so they go nowhere.
    pub unreadable: u64,
}

/// What changes for one party.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartyDiff {
    /// What it would be given and is not now.
    pub exposed: Vec<Change>,
    /// What it is given now and would not be.
    pub withdrawn: Vec<Change>,
    /// What it is given either way, but under other obligations.
    pub altered: Vec<Change>,
    /// How many objects it is given either way under the same obligations.
    pub unchanged: u64,
    /// How many it is given in neither case.
    pub withheld: u64,
}

/// A class of objects that fares differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The class, to list its members by.
    pub class: String,
    /// Their effective label.
    pub label: Label,
    /// Their type.
    pub type_name: String,
    /// How many.
    pub objects: u64,
    /// The clause that permits them now, and what it obliges to.
    pub before: Option<(String, Obligations)>,
    /// The clause that would permit them, and what it would oblige to.
    pub after: Option<(String, Obligations)>,
}

/// Compares two versions of an agreement, or one with none, over classes of objects: `(class, label, objects)`, as the
/// store counts them. Members of one class fare alike, so the time depends on the classes and not on the objects.
#[must_use]
pub fn diff<'c>(
    old: Option<&Policy>,
    new: Option<&Policy>,
    standpoint: &Standpoint<'_>,
    classes: impl IntoIterator<Item = (&'c str, Label, u64)>,
) -> DiffReport {
    compare([(old, standpoint), (new, standpoint)], classes)
}

/// Compares what one agreement permits under our own rules of the standpoint with what it would under others.
#[must_use]
pub fn diff_rules<'c>(
    policy: &Policy,
    standpoint: &Standpoint<'_>,
    rules: &Caveats,
    classes: impl IntoIterator<Item = (&'c str, Label, u64)>,
) -> DiffReport {
    let then = Standpoint { caveats: rules, ..*standpoint };
    compare([(Some(policy), standpoint), (Some(policy), &then)], classes)
}

fn compare<'c>(
    [(old, standpoint), (new, then)]: [(Option<&Policy>, &Standpoint<'_>); 2],
    classes: impl IntoIterator<Item = (&'c str, Label, u64)>,
) -> DiffReport {
    let sides: Vec<&Policy> = [old, new].into_iter().flatten().collect();
    let rules = [standpoint.caveats, then.caveats];
    let mut report = DiffReport::default();
    let mut alike: BTreeMap<Likeness, Vec<PartyId>> = BTreeMap::new();
    for party in sides.iter().flat_map(|policy| policy.parties()).filter(|party| party.id != standpoint.from)
    {
        if report.parties.insert(party.id, PartyDiff::default()).is_none() {
            alike.entry(likeness(&sides, rules, party.id)).or_default().push(party.id);
        }
    }
    let alike: Vec<Vec<PartyId>> = alike.into_values().collect();
    let apart: Vec<Vec<PartyId>> = alike.iter().flatten().map(|party| vec![*party]).collect();
    for (class, label, objects) in classes {
        report.objects = report.objects.saturating_add(objects);
        let Ok(facts) = Facts::parse(class) else {
            report.unreadable = report.unreadable.saturating_add(objects);
            continue;
        };
        // A label column that is narrower than the class was narrowed here since: never the other way about.
        let narrowed = facts.handling.tlp().meet(label);
        let facts = Facts { handling: facts.handling.clone().with_tlp(narrowed), ..facts };
        // Who is named in an onward rule fares otherwise than who is not.
        let groups = if matches!(facts.onward, Onward::Named(_)) { &apart } else { &alike };
        for group in groups {
            let Some(first) = group.first() else { continue };
            let before = old.and_then(|policy| outcome(policy, standpoint, &facts, *first));
            let after = new.and_then(|policy| outcome(policy, then, &facts, *first));
            for receiver in group {
                let Some(party) = report.parties.get_mut(receiver) else { continue };
                party.count(class, narrowed, &facts.type_name, objects, before.clone(), after.clone());
            }
        }
    }
    report
}

/// Everything by which two policies and our own rules tell receivers apart.
type Likeness = (Vec<Option<Option<Nation>>>, Vec<bool>);

/// Receivers of the same likeness are decided on once.
fn likeness(sides: &[&Policy], rules: [&Caveats; 2], receiver: PartyId) -> Likeness {
    let nations = sides.iter().map(|policy| policy.nations.get(&receiver).copied()).collect();
    let mut is_in = Vec::new();
    for policy in sides {
        let conditions = policy.guards.iter().chain(policy.clauses.iter().flat_map(|rule| &rule.conditions));
        for condition in conditions {
            match condition {
                Condition::To(who) => is_in.push(who.includes(&receiver)),
                Condition::ReleasableTo(parties) => is_in.push(parties.contains(&receiver)),
                Condition::Basis(bases) => {
                    is_in.extend(bases.iter().map(|basis| basis.parties.includes(&receiver)))
                }
                _ => {}
            }
        }
    }
    for rule in rules.iter().flat_map(|caveats| caveats.rules()) {
        if let Receivers::Parties(parties) = &rule.to {
            is_in.push(parties.contains(&receiver));
        }
    }
    (nations, is_in)
}

fn outcome(
    policy: &Policy,
    standpoint: &Standpoint<'_>,
    facts: &Facts,
    to: PartyId,
) -> Option<(String, Obligations)> {
    let at = standpoint.at.max(policy.start);
    let request = Request {
        caveats: standpoint.caveats,
        exercise: standpoint.exercise,
        ..Request::delivery(facts, standpoint.from, to, at)
    };
    let rule = Question::new(&request).permitting(policy).ok()?;
    Some((rule.id.clone(), obligations(rule, &request)))
}

impl PartyDiff {
    fn count(
        &mut self,
        class: &str,
        label: Label,
        type_name: &str,
        objects: u64,
        before: Option<(String, Obligations)>,
        after: Option<(String, Obligations)>,
    ) {
        let list = match (&before, &after) {
            (None, None) => {
                self.withheld = self.withheld.saturating_add(objects);
                return;
            }
            (Some((_, old)), Some((_, new))) if old == new => {
                self.unchanged = self.unchanged.saturating_add(objects);
                return;
            }
            (Some(_), Some(_)) => &mut self.altered,
            (None, Some(_)) => &mut self.exposed,
            (Some(_), None) => &mut self.withdrawn,
        };
        list.push(Change {
            class: class.to_owned(),
            label,
            type_name: type_name.to_owned(),
            objects,
            before,
            after,
        });
    }

    /// Whether nothing changes for this party.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exposed.is_empty() && self.withdrawn.is_empty() && self.altered.is_empty()
    }
}

impl DiffReport {
    /// Whether nothing changes for anyone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parties.values().all(PartyDiff::is_empty)
    }
}

/// How many objects, by type and label.
#[must_use]
pub fn by_type_and_label(changes: &[Change]) -> BTreeMap<(&str, Label), u64> {
    let mut out = BTreeMap::new();
    for change in changes {
        let count: &mut u64 = out.entry((change.type_name.as_str(), change.label)).or_default();
        *count = count.saturating_add(change.objects);
    }
    out
}
