//! What depends on several values at once: contradictions, and terms that are broader than an agreement may be.
//!
//! Each rule has a name in its message, so that a lawyer and a machine mean the same one.

use std::collections::BTreeSet;

use keys::window::DAY;
use label::{Nation, Onward};
use model::{Label, PartyId, Severity, Timestamp, Tlp};

use crate::terms::{Action, Answer, Clause, Form, Party, PersonalData, Reciprocity, Set, Terms, Who};

/// Tells what is wrong: severity, path of names, message, hint.
pub(crate) type Tell<'a> = dyn FnMut(Severity, &[&str], String, String) + 'a;

/// The most times something may be handed on.
pub const MOST_STEPS: u8 = 3;
/// The longest an agreement may last, in days.
const LONGEST_DAYS: i64 = 3653;

/// Tells everything that is wrong with terms as a whole. Where parts of the text could not be read, what rests on
/// something not being there is not told. `now` is for a text that is about to be put forward or signed: what others
/// signed in its time stays readable after it, and is checked without.
pub(crate) fn check(terms: &Terms, is_partial: bool, now: Option<Timestamp>, tell: &mut Tell<'_>) {
    let mut checker = Checker { terms, now, tell };
    checker.versions();
    checker.dates();
    checker.parties();
    checker.legal_basis();
    for clause in &terms.clauses {
        checker.clause(clause);
    }
    checker.redactions();
    checker.quantities();
    checker.queries();
    checker.break_glass();
    checker.witnesses();
    if !is_partial {
        checker.sides();
        checker.reciprocity();
        checker.unused();
    }
}

impl Terms {
    /// Why a text may no longer be put forward or signed at an instant: that its `expiry` is past, and the remedy. The
    /// end itself is past it.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Option<(String, &'static str)> {
        let told = || (format!("it ended on {}, which is past", self.expiry), "put a later `expiry`");
        (self.expiry <= now).then(told)
    }
}

struct Checker<'t, 'f, 'g> {
    terms: &'t Terms,
    now: Option<Timestamp>,
    tell: &'f mut Tell<'g>,
}

impl Checker<'_, '_, '_> {
    fn error(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        (self.tell)(Severity::Error, path, message.into(), hint.into());
    }

    fn warn(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        (self.tell)(Severity::Warning, path, message.into(), hint.into());
    }

    fn is_circle(&self) -> bool {
        matches!(self.terms.form, Form::Circle(_))
    }

    fn versions(&mut self) {
        let terms = self.terms;
        match (terms.version, terms.agreement, terms.previous) {
            (1, None, None) | (2.., Some(_), Some(_)) => {}
            (0, ..) => self.error(&["version"], "versions count from 1", "write version = 1 in the first"),
            (1, ..) => {
                let hint = "leave out `agreement` and `previous`, or count the version on";
                self.error(&["version"], "the first version follows nothing", hint);
            }
            _ => {
                let hint = "add `agreement` and `previous`, as `agreement show` prints them";
                self.error(&["version"], "a later version says which agreement and version it follows", hint);
            }
        }
        if terms.version < 2 && !terms.settles.is_empty() {
            self.error(&["settles"], "the first version has nothing to settle", "leave it out");
        }
        if terms.purposes.is_empty() {
            self.error(
                &["purposes"],
                "no purpose is named",
                "say what it is for, such as [\"cyber-defence\"]",
            );
        }
    }

    fn is_past(&self, at: Timestamp) -> bool {
        self.now.is_some_and(|now| at <= now)
    }

    fn dates(&mut self) {
        let terms = self.terms;
        if let Some((message, hint)) = self.now.and_then(|now| terms.expired(now)) {
            self.error(&["expiry"], message, hint);
        }
        if self.is_past(terms.review) {
            let message = format!("the review was due on {}, which is past", terms.review);
            self.warn(&["review"], message, "put a later `review`, when the parties look at it again");
        }
        if terms.expiry <= terms.start {
            self.error(&["expiry"], "it ends before it starts", "put `expiry` after `start`");
        }
        if terms.review <= terms.start || terms.review > terms.expiry {
            self.error(
                &["review"],
                "the review is not between start and expiry",
                "put it where it can change something",
            );
        }
        let days =
            |from: Timestamp, until: Timestamp| (until.as_micros().saturating_sub(from.as_micros())) / DAY;
        let (length, first) = (days(terms.start, terms.expiry), days(terms.start, terms.review));
        if length > LONGEST_DAYS {
            self.error(
                &["expiry"],
                "over-broad: in force for more than ten years",
                "end it earlier and renew it",
            );
        } else if length > 3 * 366 {
            self.warn(&["expiry"], "in force for more than three years", "end it earlier and renew it");
        }
        if first > 366 && length <= LONGEST_DAYS {
            self.warn(&["review"], "the first review is more than a year away", "review it within a year");
        }
    }

    fn sides(&mut self) {
        let terms = self.terms;
        let count = u32::try_from(terms.parties.len()).unwrap_or(u32::MAX);
        match &terms.form {
            Form::Bilateral if count != 2 => {
                self.error(
                    &["party"],
                    format!("a bilateral agreement of {count} parties"),
                    "write kind = \"circle\"",
                );
            }
            Form::Bilateral => {}
            Form::Circle(circle) => {
                let more = "which the text does not have members for";
                if count > circle.most_members {
                    let message = format!("{count} parties where {} are the most", circle.most_members);
                    self.error(&["circle", "most_members"], message, "raise it, or name fewer");
                }
                if circle.join_quorum > count || circle.join_quorum == 0 {
                    let message = format!("a quorum of {}, {more}", circle.join_quorum);
                    self.error(&["circle", "join_quorum"], message, format!("use 1 to {count}"));
                } else if circle.join_quorum.saturating_mul(2) <= count {
                    let message =
                        "less than a majority lets members in: two groups may sign different members at once";
                    self.warn(
                        &["circle", "join_quorum"],
                        message,
                        "that would suspend the circle; use more than half",
                    );
                }
                let least = count / 2 + 1;
                if !(least..=count).contains(&circle.revise_quorum) {
                    let message =
                        format!("a quorum of {}: a new text needs more than half", circle.revise_quorum);
                    self.error(&["circle", "revise_quorum"], message, format!("use {least} to {count}"));
                }
            }
        }
    }

    fn parties(&mut self) {
        for party in self.terms.parties.values() {
            let path = |field: &'static str| ["party", party.key.as_str(), field];
            if party.posts.is_empty() {
                let message = format!("nobody may sign for `{}`", party.key);
                self.error(&path("posts"), message, "name posts, such as [\"release-officer\"]");
            }
            if party.officers == 0 || party.officers > party.of {
                let message =
                    format!("{} persons of {} cannot sign for `{}`", party.officers, party.of, party.key);
                self.error(&path("officers"), message, "at least 1, and at most as many as `of` says");
            } else if party.officers == 1 {
                let message = format!("one person alone can sign for `{}`", party.key);
                self.warn(&path("officers"), message, "use 2 or more");
            }
            if party.identities.is_empty() {
                let message = format!(
                    "`{}` speaks for no identity: nothing it makes can be told to be its own",
                    party.key
                );
                self.warn(&path("identities"), message, "name its identity objects");
            }
        }
    }

    fn legal_basis(&mut self) {
        let terms = self.terms;
        for (at, basis) in terms.legal_basis.iter().enumerate() {
            let at = at.to_string();
            if basis.valid_until <= basis.valid_from {
                let path = ["legal_basis", &at, "valid_until"];
                self.error(&path, format!("`{}` ends before it begins", basis.name), "correct the dates");
            } else if basis.valid_from >= terms.expiry || basis.valid_until <= terms.start {
                let message = format!("`{}` is not valid while this is in force", basis.name);
                self.error(&["legal_basis", &at], message, "leave it out, or correct the dates");
            } else if self.is_past(basis.valid_until) {
                let of: Vec<&str> =
                    terms.parties_of(&basis.parties).map(|party| party.key.as_str()).collect();
                let message = format!(
                    "`{}` lapsed on {}: nothing that rests on it flows to or from {}",
                    basis.name,
                    basis.valid_until,
                    of.join(", ")
                );
                let hint = "state a basis that is valid now, or leave it out";
                self.warn(&["legal_basis", &at, "valid_until"], message, hint);
            } else if basis.valid_until < terms.expiry {
                let message =
                    format!("`{}` lapses on {}, before the agreement ends", basis.name, basis.valid_until);
                let hint = "flows stop then unless another basis is valid";
                self.warn(&["legal_basis", &at, "valid_until"], message, hint);
            }
        }
        for party in terms.parties.values() {
            let own = terms.legal_basis.iter().filter(|basis| basis.parties.includes(&party.id));
            if own.count() == 0 {
                let message = format!("no legal basis is stated for `{}`", party.key);
                let hint = "without one nothing that is marked as personal may flow to or from it; what detectors find waits for \
                            a release officer, who answers for it";
                self.warn(&["legal_basis"], message, hint);
            }
        }
    }

    fn clause(&mut self, clause: &Clause) {
        let id = clause.id.as_str();
        let path = |field: &'static str| ["clause", id, field];
        self.direction("clause", id, &clause.from, &clause.to);
        self.ceiling(&["clause", id, "ceiling"], clause.ceiling.tlp(), &clause.to);
        if clause.types == Set::Any && clause.ceiling.tlp() < Label::Tlp(Tlp::Amber) {
            let message = format!("clause `{id}` lets every type flow up to {}", clause.ceiling.tlp());
            self.warn(&path("types"), message, "name the types that are needed");
        }
        let unknown = |kind: &&String| !kind.starts_with("x-") && stix::schema::type_schema(kind).is_none();
        if let Set::Only(types) = &clause.types
            && let Some(kind) = types.iter().find(unknown)
        {
            let message = format!("clause `{id}` names `{kind}`, which is no type of STIX 2.1");
            self.warn(&path("types"), message, "look at the spelling; a type of your own begins with `x-`");
        }
        if !clause.actions.contains(&Action::Receive) {
            let message = format!("clause `{id}` does not let anyone receive anything");
            self.error(&path("actions"), message, "add \"receive\", or leave the clause out");
        }
        self.onward(clause);
        self.personal(clause);
        if clause.purposes.is_empty() || !clause.purposes.is_subset(&self.terms.purposes) {
            let known: Vec<&str> = self.terms.purposes.iter().map(String::as_str).collect();
            let message = format!("clause `{id}` has a purpose that the agreement does not have, or none");
            self.error(&path("purposes"), message, format!("the agreement's are {}", known.join(", ")));
        }
        if clause.delay_seconds > 90 * 86_400 {
            self.warn(&path("delay_hours"), "it goes more than 90 days later", "what is that old helps few");
        }
        let nations = clause.ceiling.releasability();
        let named = clause.to != Who::Any;
        let outside: Vec<&Party> =
            self.terms.parties_of(&clause.to).filter(|party| !nations.permits(nation(party))).collect();
        for party in outside {
            let message = format!(
                "clause `{id}` is releasable to a list of nations without {} (`{}`)",
                party.jurisdiction, party.key
            );
            let hint = "it will not be given anything; add its nation to rel_to, or leave it out of `to`";
            if named {
                self.error(&path("ceiling"), message, hint)
            } else {
                self.warn(&path("ceiling"), message, hint)
            }
        }
        if let Some(name) = &clause.redaction {
            match self.terms.redactions.get(name) {
                None => {
                    let message =
                        format!("clause `{id}` uses the redaction `{name}`, which is not in the text");
                    self.error(&path("redaction"), message, format!("write [redaction.{name}]"));
                }
                Some(profile) => {
                    let kept = |kind: &String| profile.keep.contains_key(kind);
                    if let Set::Only(types) = &clause.types
                        && let Some(kind) = types.iter().find(|kind| !kept(kind))
                    {
                        let message =
                            format!("redaction `{name}` keeps nothing of `{kind}`, so it is withheld");
                        self.warn(
                            &path("redaction"),
                            message,
                            format!("add {kind} under [redaction.{name}.keep]"),
                        );
                    }
                }
            }
        }
    }

    /// Who gives to whom, for anything that has a direction.
    fn direction(&mut self, list: &'static str, id: &str, from: &Who, to: &Who) {
        if *to == Who::Any && !self.is_circle() {
            let message = format!("over-broad: {list} `{id}` is to \"any\" outside a circle");
            self.error(&[list, id, "to"], message, "name the receiver by its key");
        }
        let (from, to): (BTreeSet<PartyId>, BTreeSet<PartyId>) = (
            self.terms.parties_of(from).map(|party| party.id).collect(),
            self.terms.parties_of(to).map(|party| party.id).collect(),
        );
        if from.len() < 2 && from == to {
            let message = format!("{list} `{id}` is from a party to itself");
            self.error(&[list, id, "to"], message, "name the other party in `to`");
        }
    }

    fn ceiling(&mut self, path: &[&str], tlp: Label, to: &Who) {
        match tlp {
            Label::OwnOnly => {
                let message = "over-broad: what is for one's own organisation only never leaves";
                self.error(path, message, "use red, amber+strict, amber, green or clear");
            }
            Label::Tlp(Tlp::Red) if *to == Who::Any => {
                let message =
                    "over-broad: red is for the individual recipients of one exchange, not for \"any\"";
                self.error(path, message, "name the receivers, or lower the ceiling");
            }
            Label::Tlp(_) => {}
        }
    }

    fn onward(&mut self, clause: &Clause) {
        let id = clause.id.as_str();
        let (rule, act) = (["clause", id, "onward"], ["clause", id, "actions"]);
        let passes = clause.actions.contains(&Action::PassOn);
        if passes && clause.onward == Onward::None {
            let message = format!("clause `{id}` permits passing on and forbids it");
            self.error(&act, message, "leave \"pass-on\" out, or state the onward rule");
        } else if !passes && clause.onward != Onward::None {
            let message = format!("clause `{id}` has an onward rule but does not permit passing on");
            self.error(&act, message, "add \"pass-on\", or write onward = \"none\"");
        }
        match &clause.onward {
            Onward::Depth(steps) if *steps > MOST_STEPS => {
                let message =
                    format!("over-broad: handed on {steps} times; nobody oversees more than {MOST_STEPS}");
                self.error(&rule, message, format!("use depth = {MOST_STEPS} or less"));
            }
            Onward::Depth(0) => self.error(&rule, "handed on 0 times", "write onward = \"none\""),
            Onward::Free if clause.ceiling.tlp() < Label::Tlp(Tlp::Green) => {
                let message = format!(
                    "clause `{id}` lets receivers pass on without limit up to {}",
                    clause.ceiling.tlp()
                );
                self.warn(&rule, message, "name the parties, or state a depth");
            }
            Onward::Named(parties) if parties.iter().any(|party| !self.terms.parties.contains_key(party)) => {
                self.error(&rule, "it names a party that is not in the text", "name parties by their keys");
            }
            _ => {}
        }
        if clause.ceiling.releasability().is_eyes_only() && clause.onward != Onward::None {
            let message =
                format!("clause `{id}` is for the eyes of its receivers only, and may be passed on");
            self.error(&rule, message, "write onward = \"none\", or leave eyes_only out");
        }
    }

    /// Pseudonymised data are personal data still (Regulation (EU) 2016/679, recital 26).
    fn personal(&mut self, clause: &Clause) {
        if clause.personal < PersonalData::Pseudonymise {
            return;
        }
        let path = ["clause", clause.id.as_str(), "personal"];
        let terms = self.terms;
        let concerned =
            terms.parties.values().filter(|p| clause.from.includes(&p.id) || clause.to.includes(&p.id));
        // One that has lapsed is none.
        let has_one = |party: &Party| terms.bases_of(&party.id).any(|basis| !self.is_past(basis.valid_until));
        let without = concerned.filter(|party| !has_one(party));
        let names: Vec<&str> = without.map(|party| party.key.as_str()).collect();
        if !names.is_empty() {
            let message = format!(
                "over-broad: clause `{}` lets personal data flow without a legal basis for {}",
                clause.id,
                names.join(", ")
            );
            self.error(
                &path,
                message,
                "state one under [[legal_basis]], or write personal = \"redact\" or \"refuse\"",
            );
        }
    }

    fn redactions(&mut self) {
        for (name, profile) in &self.terms.redactions {
            if profile.keep.is_empty() {
                let message = format!("redaction `{name}` keeps nothing, so nothing could flow through it");
                self.error(
                    &["redaction", name],
                    message,
                    format!("list what stays under [redaction.{name}.keep]"),
                );
            }
        }
    }

    fn unused(&mut self) {
        if self.terms.clauses.is_empty() && self.terms.queries.is_empty() {
            let hint = "write a [[clause]], or sign nothing";
            self.error(&["clause"], "nothing may flow and nothing be asked", hint);
        }
        for name in self.terms.redactions.keys() {
            if !self.terms.clauses.iter().any(|clause| clause.redaction.as_ref() == Some(name)) {
                self.warn(
                    &["redaction", name],
                    format!("no clause uses the redaction `{name}`"),
                    "leave it out",
                );
            }
        }
    }

    fn reciprocity(&mut self) {
        if let Reciprocity::Least { objects, days } = self.terms.reciprocity
            && (objects == 0 || days == 0)
        {
            self.error(&["reciprocity"], "0 objects or 0 days bind nobody", "write reciprocity = \"none\"");
        }
        if self.terms.reciprocity != Reciprocity::Mirrored {
            return;
        }
        let mirror = |clause: &Clause| Clause {
            from: clause.to.clone(),
            to: clause.from.clone(),
            id: String::new(),
            ..clause.clone()
        };
        let nameless = |clause: &Clause| Clause { id: String::new(), ..clause.clone() };
        for clause in &self.terms.clauses {
            let wanted = mirror(clause);
            if !self.terms.clauses.iter().any(|other| nameless(other) == wanted) {
                let message =
                    format!("clause `{}` has no mirror image, though the agreement is reciprocal", clause.id);
                let hint = "write the same clause with `from` and `to` exchanged, or change `reciprocity`";
                self.error(&["clause", &clause.id], message, hint);
            }
        }
    }

    fn quantities(&mut self) {
        let (keep, caps) = (self.terms.retention, self.terms.caps);
        if keep.keep_days == 0 || keep.erase_within_hours == 0 {
            self.error(&["retention"], "0 would mean never or at once", "use 1 or more");
        }
        if keep.keep_days > 5 * 366 {
            let hint = "state a shorter time; what is still needed can be asked for again";
            self.warn(&["retention", "keep_days"], "kept for more than five years", hint);
        }
        if keep.erase_within_hours > 720 {
            let message = "what is taken back may stay for more than a month";
            self.warn(&["retention", "erase_within_hours"], message, "72 hours are usual");
        }
        let numbers =
            [caps.objects_per_hour, caps.objects_per_day, caps.bytes_per_day, caps.largest_object_bytes];
        if numbers.contains(&0) {
            self.error(&["caps"], "0 would mean nothing or everything", "use 1 or more");
        }
        if caps.objects_per_hour > caps.objects_per_day {
            self.error(&["caps", "objects_per_hour"], "more in an hour than in a day", "lower it");
        }
        if caps.largest_object_bytes > caps.bytes_per_day {
            self.error(
                &["caps", "largest_object_bytes"],
                "one object larger than what may flow in a day",
                "lower it",
            );
        }
    }

    fn queries(&mut self) {
        for right in &self.terms.queries {
            let id = right.id.as_str();
            self.direction("query", id, &right.from, &right.to);
            if right.purposes.is_empty() || !right.purposes.is_subset(&self.terms.purposes) {
                let message = format!("query `{id}` has a purpose that the agreement does not have, or none");
                self.error(&["query", id, "purposes"], message, "use some of the agreement's");
            }
            if right.per_day == 0 || right.most_values == 0 || right.leakage_bits_per_day == 0 {
                self.error(&["query", id], "0 would mean nothing or everything", "use 1 or more");
                continue;
            }
            let one = bits_of_answer(right.answer, right.most_values);
            let all = one.saturating_mul(right.per_day);
            if right.leakage_bits_per_day < one {
                let message =
                    format!("query `{id}`: one full question gives away {one} bits, more than a day may");
                self.warn(
                    &["query", id, "leakage_bits_per_day"],
                    message,
                    "lower most_values, or raise the budget",
                );
            } else if right.leakage_bits_per_day > all {
                let message =
                    format!("query `{id}`: the budget binds nobody; a day's answers give away {all} bits");
                self.warn(
                    &["query", id, "leakage_bits_per_day"],
                    message,
                    format!("lower it to {all} or less"),
                );
            }
            if right.kinds == Set::Any && right.answer == Answer::YesNo {
                let message = format!("query `{id}`: yes or no for every kind of observable");
                self.warn(&["query", id, "kinds"], message, "name the kinds that are needed");
            }
        }
    }

    fn break_glass(&mut self) {
        let terms = self.terms;
        let Some(glass) = &terms.break_glass else { return };
        self.ceiling(&["break_glass", "ceiling"], glass.ceiling.tlp(), &glass.to);
        if glass.to == Who::Any && !self.is_circle() {
            let message = "over-broad: break_glass is to \"any\" outside a circle";
            self.error(&["break_glass", "to"], message, "name the receiver by its key");
        }
        if glass.posts.is_empty() {
            let hint = "name posts, such as [\"duty-officer\"]";
            self.error(&["break_glass", "posts"], "nobody may use it", hint);
        }
        if glass.officers == 0 || glass.hours == 0 || glass.report_within_hours == 0 {
            self.error(&["break_glass"], "0 would bind nobody", "use 1 or more");
        }
        if glass.officers == 1 {
            self.warn(&["break_glass", "officers"], "one person alone can use it", "use 2 or more");
        }
        if glass.report_within_hours > 72 {
            let message = "a use need not be reported for more than three days";
            self.warn(&["break_glass", "report_within_hours"], message, "24 hours are usual");
        }
    }

    fn witnesses(&mut self) {
        let witnesses = &self.terms.witnesses;
        let others = if witnesses.parties { self.terms.parties.len().saturating_sub(1) } else { 0 };
        let most = witnesses.keys.len().saturating_add(others);
        if usize::try_from(witnesses.quorum).unwrap_or(usize::MAX) > most {
            let message = format!("{} cosignatures where there are {most} witnesses", witnesses.quorum);
            self.error(&["witnesses", "quorum"], message, "name more witnesses, or lower it");
        } else if witnesses.quorum == 0 {
            let message = "no witness is needed: nobody would notice a ledger that was written anew";
            self.warn(&["witnesses", "quorum"], message, "use 1 or more");
        }
    }
}

/// A party's nation, if the text's code is one.
pub(crate) fn nation(party: &Party) -> Option<Nation> {
    party.jurisdiction.parse().ok()
}

/// Bits that one answer about so many values gives away at most.
fn bits_of_answer(answer: Answer, values: u32) -> u32 {
    match answer {
        Answer::YesNo => values,
        // n + 1 outcomes, rounded up.
        Answer::Count => u32::BITS - values.leading_zeros(),
    }
}
