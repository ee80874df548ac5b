//! What differs between two texts, in words, and whether it lets more flow or less.
//!
//! What cannot be compared counts as wider: nobody is to sign it unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use label::{Handling, Onward, Stanag};
use model::{PartyId, Timestamp};

use crate::terms::{
    BreakGlass, Clause, Contributor, Form, LegalBasis, Party, QueryRight, Reciprocity, Redaction, Set, Terms,
    Who,
};

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// More may flow, to more, for longer, or with fewer signatures.
    Wider,
    /// Less.
    Narrower,
    /// Neither.
    Neutral,
}

impl Effect {
    /// The word: `wider`, `narrower` or `neutral`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Neutral => "neutral",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What it is a part of, such as ``clause `intel-out` ``; empty for the text as a whole.
    pub part: String,
    /// What has changed, such as `ceiling green → amber`.
    pub what: String,
    /// What that does.
    pub effect: Effect,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.part.is_empty() {
            write!(f, "{}: ", self.part)?;
        }
        write!(f, "{} ({})", self.what, self.effect.as_str())
    }
}

/// What is different in `new`, sorted by the part of the text.
#[must_use]
pub fn compare(old: &Terms, new: &Terms) -> Vec<Change> {
    let names = Names::of(old, new);
    let mut diff = Diff { names: &names, part: String::new(), out: Vec::new() };
    diff.whole(old, new);
    let by_id = |terms: &Terms| terms.clauses.iter().map(|c| (c.id.clone(), c.clone())).collect();
    diff.each("clause", &by_id(old), &by_id(new), Diff::clause);
    let by_id = |terms: &Terms| terms.queries.iter().map(|q| (q.id.clone(), q.clone())).collect();
    diff.each("query", &by_id(old), &by_id(new), Diff::query);
    diff.each("redaction", &old.redactions, &new.redactions, Diff::redaction);
    let by_key = |terms: &Terms| terms.parties.values().map(|p| (names.of_party(&p.id), p.clone())).collect();
    diff.each("party", &by_key(old), &by_key(new), Diff::party);
    let by_name = |terms: &Terms| terms.legal_basis.iter().map(|b| (b.name.clone(), b.clone())).collect();
    diff.each("legal basis", &by_name(old), &by_name(new), Diff::basis);
    let glass = |terms: &Terms| terms.break_glass.iter().map(|g| (String::new(), g.clone())).collect();
    diff.each("break-glass", &glass(old), &glass(new), Diff::break_glass);
    diff.out
}

/// What parties are called.
struct Names(BTreeMap<PartyId, String>);

impl Names {
    fn of(old: &Terms, new: &Terms) -> Self {
        let all = old.parties.values().chain(new.parties.values());
        Self(all.map(|party| (party.id, party.key.clone())).collect())
    }

    fn of_party(&self, party: &PartyId) -> String {
        self.0.get(party).cloned().unwrap_or_else(|| party.to_string())
    }

    fn who(&self, who: &Who) -> Option<BTreeSet<String>> {
        match who {
            Who::Any => None,
            Who::Parties(parties) => Some(parties.iter().map(|party| self.of_party(party)).collect()),
        }
    }

    fn onward(&self, onward: &Onward) -> String {
        match onward {
            Onward::Named(parties) => {
                let names: Vec<String> = parties.iter().map(|party| self.of_party(party)).collect();
                format!("to {} only", names.join(", "))
            }
            other => other.to_text(),
        }
    }
}

/// Words of a set; `None` is any.
fn words(set: &Set) -> Option<BTreeSet<String>> {
    match set {
        Set::Any => None,
        Set::Only(words) => Some(words.clone()),
    }
}

struct Diff<'n> {
    names: &'n Names,
    part: String,
    out: Vec<Change>,
}

impl Diff<'_> {
    fn tell(&mut self, what: impl Into<String>, effect: Effect) {
        self.out.push(Change { part: self.part.clone(), what: what.into(), effect });
    }

    /// Things by name: added, removed, changed.
    fn each<T: PartialEq + Clone>(
        &mut self,
        kind: &str,
        old: &BTreeMap<String, T>,
        new: &BTreeMap<String, T>,
        compare: fn(&mut Self, &T, &T),
    ) {
        let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in all {
            self.part = if name.is_empty() { kind.to_owned() } else { format!("{kind} `{name}`") };
            match (old.get(name), new.get(name)) {
                (Some(before), Some(after)) => {
                    let told = self.out.len();
                    compare(self, before, after);
                    if told == self.out.len() && before != after {
                        self.tell("changed", Effect::Wider);
                    }
                }
                (None, Some(_)) => self.tell("added", Effect::Wider),
                (Some(_), None) => self.tell("removed", Effect::Narrower),
                (None, None) => {}
            }
        }
        self.part.clear();
    }

    /// A value of which more is `more`.
    fn ordered<T: PartialOrd + fmt::Display>(&mut self, what: &str, old: &T, new: &T, more: Effect) {
        if old != new {
            let less = match more {
                Effect::Wider => Effect::Narrower,
                Effect::Narrower => Effect::Wider,
                Effect::Neutral => Effect::Neutral,
            };
            self.tell(format!("{what} {old} → {new}"), if new > old { more } else { less });
        }
    }

    fn plain(&mut self, what: &str, old: impl fmt::Display, new: impl fmt::Display, effect: Effect) {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            self.tell(format!("{what} {old} → {new}"), effect);
        }
    }

    /// Sets in which each member lets more flow; `None` is everything.
    fn set(&mut self, what: &str, old: Option<BTreeSet<String>>, new: Option<BTreeSet<String>>) {
        let list = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join(", ");
        match (old, new) {
            (Some(old), Some(new)) => {
                for added in new.difference(&old) {
                    self.tell(format!("{what} + {added}"), Effect::Wider);
                }
                for removed in old.difference(&new) {
                    self.tell(format!("{what} − {removed}"), Effect::Narrower);
                }
            }
            (Some(old), None) => self.tell(format!("{what} {} → any", list(&old)), Effect::Wider),
            (None, Some(new)) => self.tell(format!("{what} any → {}", list(&new)), Effect::Narrower),
            (None, None) => {}
        }
    }

    fn strings<T: fmt::Display>(&mut self, what: &str, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        let words = |set: &BTreeSet<T>| Some(set.iter().map(ToString::to_string).collect());
        self.set(what, words(old), words(new));
    }

    fn whole(&mut self, old: &Terms, new: &Terms) {
        use Effect::{Narrower, Neutral, Wider};
        self.plain("name", &old.name, &new.name, Neutral);
        self.plain("version", old.version, new.version, Neutral);
        let world = |terms: &Terms| terms.exercise.clone().unwrap_or_else(|| "real".to_owned());
        self.plain("world", world(old), world(new), Wider);
        self.ordered("start", &old.start, &new.start, Narrower);
        self.ordered("review", &old.review, &new.review, Wider);
        self.ordered("expiry", &old.expiry, &new.expiry, Wider);
        self.ordered("notice (hours)", &old.notice_hours, &new.notice_hours, Neutral);
        self.strings("purposes", &old.purposes, &new.purposes);
        self.ordered("kept (days)", &old.retention.keep_days, &new.retention.keep_days, Wider);
        let erase = |terms: &Terms| terms.retention.erase_within_hours;
        self.ordered("erased within (hours)", &erase(old), &erase(new), Wider);
        let caps = |terms: &Terms| {
            let caps = terms.caps;
            [caps.objects_per_hour, caps.objects_per_day, caps.bytes_per_day, caps.largest_object_bytes]
        };
        let names = ["objects per hour", "objects per day", "bytes per day", "largest object (bytes)"];
        for ((name, old), new) in names.into_iter().zip(caps(old)).zip(caps(new)) {
            self.ordered(name, &old, &new, Wider);
        }
        let rule = |reciprocity: &Reciprocity| match reciprocity {
            Reciprocity::None => "none".to_owned(),
            Reciprocity::Mirrored => "mirrored".to_owned(),
            Reciprocity::Least { objects, days } => format!("{objects} objects in {days} days"),
        };
        let effect = if new.reciprocity == Reciprocity::None { Wider } else { Narrower };
        self.plain("reciprocity", rule(&old.reciprocity), rule(&new.reciprocity), effect);
        match (&old.form, &new.form) {
            (Form::Circle(old), Form::Circle(new)) => {
                self.ordered("quorum to join", &old.join_quorum, &new.join_quorum, Narrower);
                self.ordered("quorum to revise", &old.revise_quorum, &new.revise_quorum, Narrower);
                self.ordered("most members", &old.most_members, &new.most_members, Wider);
            }
            (old, new) if old != new => self.tell("kind bilateral ↔ circle", Wider),
            _ => {}
        }
        match (&old.overseer, &new.overseer) {
            (Some(a), Some(b)) if a != b => {
                self.tell(format!("overseer {} → {}", a.name, b.name), Wider);
            }
            (Some(a), None) => self.tell(format!("overseer {} → nobody", a.name), Wider),
            (None, Some(b)) => self.tell(format!("overseer nobody → {}", b.name), Narrower),
            _ => {}
        }
        self.ordered("witnesses needed", &old.witnesses.quorum, &new.witnesses.quorum, Narrower);
        if (&old.witnesses.keys, old.witnesses.parties) != (&new.witnesses.keys, new.witnesses.parties) {
            self.tell("who witnesses has changed", Wider);
        }
        for settled in new.settles.difference(&old.settles) {
            self.tell(format!("settles {settled} is declared void"), Neutral);
        }
    }

    fn direction(&mut self, old: (&Who, &Who), new: (&Who, &Who)) {
        self.set("from", self.names.who(old.0), self.names.who(new.0));
        self.set("to", self.names.who(old.1), self.names.who(new.1));
    }

    fn clause(&mut self, old: &Clause, new: &Clause) {
        use Effect::{Narrower, Wider};
        self.direction((&old.from, &old.to), (&new.from, &new.to));
        self.set("types", words(&old.types), words(&new.types));
        self.set("categories", words(&old.categories), words(&new.categories));
        self.set("sectors", words(&old.sectors), words(&new.sectors));
        self.set("countries", words(&old.countries), words(&new.countries));
        self.ceiling(&old.ceiling, &new.ceiling);
        self.strings("actions", &old.actions, &new.actions);
        if old.onward != new.onward {
            let effect = if new.onward.is_at_most(&old.onward) { Narrower } else { Wider };
            self.plain("onward", self.names.onward(&old.onward), self.names.onward(&new.onward), effect);
        }
        let profile = |clause: &Clause| clause.redaction.clone().unwrap_or_else(|| "none".to_owned());
        let effect = if old.redaction.is_none() { Narrower } else { Wider };
        self.plain("redaction", profile(old), profile(new), effect);
        self.ordered("personal data", &old.personal, &new.personal, Wider);
        self.strings("purposes", &old.purposes, &new.purposes);
        self.ordered("delay (seconds)", &old.delay_seconds, &new.delay_seconds, Narrower);
        self.ordered("sums only", &old.aggregate, &new.aggregate, Narrower);
    }

    /// A ceiling that is narrower as a label lets more flow.
    fn ceiling(&mut self, old: &Handling, new: &Handling) {
        use Effect::{Narrower, Wider};
        let lower = |is_lower: bool| if is_lower { Wider } else { Narrower };
        self.plain("ceiling", old.tlp(), new.tlp(), lower(new.tlp() < old.tlp()));
        self.plain("ceiling PAP", old.pap(), new.pap(), lower(new.pap() < old.pap()));
        if old.iep() != new.iep() {
            let (a, b) = (old.iep().permitted_actions.as_str(), new.iep().permitted_actions.as_str());
            let effect = if new.iep().is_within(old.iep()) { Narrower } else { Wider };
            self.tell(format!("ceiling IEP {a} → {b}"), effect);
        }
        let stanag = |handling: &Handling| match handling.stanag() {
            Stanag::Unmarked => "unclassified".to_owned(),
            Stanag::Label(label) => label.name.clone(),
            Stanag::Nobody => "none".to_owned(),
        };
        if old.stanag() != new.stanag() {
            let effect = if new.stanag().is_within(old.stanag()) { Narrower } else { Wider };
            self.tell(format!("ceiling classification {} → {}", stanag(old), stanag(new)), effect);
        }
        let nations = |handling: &Handling| -> Option<BTreeSet<String>> {
            handling.releasability().to().map(|list| list.iter().map(ToString::to_string).collect())
        };
        self.set("releasable to", nations(old), nations(new));
        let eyes = |handling: &Handling| handling.releasability().is_eyes_only();
        self.ordered("eyes only", &eyes(old), &eyes(new), Narrower);
    }

    fn query(&mut self, old: &QueryRight, new: &QueryRight) {
        use Effect::Wider;
        self.direction((&old.from, &old.to), (&new.from, &new.to));
        self.set("kinds", words(&old.kinds), words(&new.kinds));
        self.strings("purposes", &old.purposes, &new.purposes);
        self.ordered("questions per day", &old.per_day, &new.per_day, Wider);
        self.ordered("values per question", &old.most_values, &new.most_values, Wider);
        self.ordered("answer", &old.answer, &new.answer, Wider);
        self.ordered("leakage (bits per day)", &old.leakage_bits_per_day, &new.leakage_bits_per_day, Wider);
    }

    fn redaction(&mut self, old: &Redaction, new: &Redaction) {
        use Effect::Narrower;
        let kept = |redaction: &Redaction| -> BTreeSet<String> {
            let types = redaction.keep.keys().cloned();
            let paths = redaction
                .keep
                .iter()
                .flat_map(|(name, paths)| paths.iter().map(move |p| format!("{name}{p}")));
            types.chain(paths).collect()
        };
        self.set("keeps", Some(kept(old)), Some(kept(new)));
        let addresses = |redaction: &Redaction| redaction.pseudonymise_addresses;
        self.ordered("pseudonymises addresses", &addresses(old), &addresses(new), Narrower);
        self.ordered::<Contributor>("contributor", &old.contributor, &new.contributor, Narrower);
    }

    fn party(&mut self, old: &Party, new: &Party) {
        use Effect::{Narrower, Neutral, Wider};
        self.plain("name", &old.name, &new.name, Neutral);
        self.plain("called", &old.key, &new.key, Neutral);
        self.plain("jurisdiction", &old.jurisdiction, &new.jurisdiction, Wider);
        self.plain("role", old.role, new.role, Neutral);
        self.plain("epoch key", old.epoch, new.epoch, Neutral);
        self.strings("speaks for", &old.identities, &new.identities);
        self.strings("posts that sign", &old.posts, &new.posts);
        self.ordered("officers who must sign", &old.officers, &new.officers, Narrower);
        self.ordered("out of", &old.of, &new.of, Neutral);
    }

    fn basis(&mut self, old: &LegalBasis, new: &LegalBasis) {
        use Effect::{Narrower, Neutral, Wider};
        self.plain("reference", &old.reference, &new.reference, Neutral);
        self.ordered::<Timestamp>("valid from", &old.valid_from, &new.valid_from, Narrower);
        self.ordered::<Timestamp>("valid until", &old.valid_until, &new.valid_until, Wider);
        self.set("for", self.names.who(&old.parties), self.names.who(&new.parties));
    }

    fn break_glass(&mut self, old: &BreakGlass, new: &BreakGlass) {
        use Effect::{Narrower, Wider};
        self.direction((&old.from, &old.to), (&new.from, &new.to));
        self.set("types", words(&old.types), words(&new.types));
        self.strings("posts that sign", &old.posts, &new.posts);
        self.ordered("officers who must sign", &old.officers, &new.officers, Narrower);
        self.ceiling(&old.ceiling, &new.ceiling);
        self.ordered("lasts (hours)", &old.hours, &new.hours, Wider);
        self.ordered("report within (hours)", &old.report_within_hours, &new.report_within_hours, Wider);
    }
}
