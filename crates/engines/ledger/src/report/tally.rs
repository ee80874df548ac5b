//! Counting: what leaves add up to. The node that makes a report and whoever verifies it count by this.

use std::collections::BTreeMap;
use std::fmt;

use model::{AgreementId, Timestamp};

use super::problem::Remark;
use crate::entry::{
    AgreementAct, BreakGlassAct, ErasureAct, Figures, Flow, Item, MisdirectedAct, QueryAnswer, ReleaseAct,
    Shown, Word,
};
use crate::fields::{Object, list, quoted};

/// A table of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What a row's keys are.
    pub columns: &'static [&'static str],
    /// What a row's figures are.
    pub measures: &'static [&'static str],
    /// In order of their keys.
    pub rows: BTreeMap<Vec<String>, Row>,
}

/// The figures of a row and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// In the order of the table's measures.
    pub measures: Vec<u64>,
    /// The leaves that were counted.
    pub leaves: Leaves,
}

/// Leaves, as ranges: `3,7-12`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves(Vec<(u64, u64)>);

impl Leaves {
    /// Every leaf, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    fn push(&mut self, leaf: u64) {
        // Nearly always the last place: only what is open at the end goes back.
        let at = self.0.partition_point(|(first, _)| *first <= leaf);
        let (before, after) = self.0.split_at_mut(at);
        let joins_next = after.first().is_some_and(|(first, _)| leaf.checked_add(1) == Some(*first));
        match (before.last_mut(), after.first_mut().filter(|_| joins_next)) {
            (Some((_, last)), _) if *last >= leaf => {}
            (Some((_, last)), next) if last.checked_add(1) == Some(leaf) => {
                *last = next.map_or(leaf, |(_, end)| *end);
                if joins_next {
                    self.0.remove(at);
                }
            }
            (_, Some((first, _))) => *first = leaf,
            (_, None) => self.0.insert(at, (leaf, leaf)),
        }
    }
}

impl fmt::Display for Leaves {
    /// At most sixteen ranges, then `…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().take(16).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        if self.0.len() > 16 { f.write_str(",…") } else { Ok(()) }
    }
}

impl Table {
    /// The total of a measure over the rows of which `keep` is true.
    #[must_use]
    pub fn total(&self, measure: &str, keep: impl Fn(&[String]) -> bool) -> u64 {
        let Some(at) = self.measures.iter().position(|name| *name == measure) else { return 0 };
        let kept = self.rows.iter().filter(|(key, _)| keep(key));
        kept.fold(0, |sum, (_, row)| sum.saturating_add(row.measures.get(at).copied().unwrap_or(0)))
    }

    /// Canonical JSON; a row is an array of its keys and then its figures.
    pub(super) fn to_text(&self) -> String {
        let names = |names: &[&str]| list(names.iter().map(|name| quoted(name)));
        let rows = self.rows.iter().map(|(key, row)| {
            list(key.iter().map(|key| quoted(key)).chain(row.measures.iter().map(u64::to_string)))
        });
        Object::default()
            .raw("columns", names(self.columns))
            .raw("measures", names(self.measures))
            .text("name", self.name)
            .list("rows", rows)
            .finish()
    }
}

/// Every table, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    InForce,
    Agreements,
    Flows,
    PersonalData,
    Denials,
    Misdirected,
    Erasures,
    Retention,
    Releases,
    BreakGlass,
    Overrides,
    Queries,
    Reviews,
    Access,
    Policy,
    Consumers,
    Departures,
    Witnesses,
    Keys,
    Kinds,
    Withheld,
}

impl Name {
    const ALL: [Self; 21] = [
        Self::InForce,
        Self::Agreements,
        Self::Flows,
        Self::PersonalData,
        Self::Denials,
        Self::Misdirected,
        Self::Erasures,
        Self::Retention,
        Self::Releases,
        Self::BreakGlass,
        Self::Overrides,
        Self::Queries,
        Self::Reviews,
        Self::Access,
        Self::Policy,
        Self::Consumers,
        Self::Departures,
        Self::Witnesses,
        Self::Keys,
        Self::Kinds,
        Self::Withheld,
    ];

    fn table(self) -> Table {
        const COUNT: &[&str] = &["count"];
        let (name, columns, measures): (_, &[&str], &[&str]) = match self {
            Self::InForce => ("agreements-in-force", &["agreement", "state"], &["version"]),
            Self::Agreements => ("agreements", &["agreement", "act"], COUNT),
            Self::Flows => ("flows", &["direction", "peer", "category", "label"], COUNT),
            Self::PersonalData => ("personal-data", &["peer", "reason"], &["found", "redacted", "passed"]),
            Self::Denials => ("denials", &["rule", "peer", "label"], COUNT),
            Self::Misdirected => ("misdirected", &["peer", "state"], &["count", "longest-seconds"]),
            Self::Erasures => ("erasures", &["side", "peer", "state"], COUNT),
            Self::Retention => ("retention", &[], &["checks", "checked", "overdue"]),
            Self::Releases => ("releases", &["side", "peer", "state"], COUNT),
            Self::BreakGlass => ("break-glass", &["label", "peer", "state"], COUNT),
            Self::Overrides => ("overrides", &["rule", "post"], COUNT),
            Self::Queries => {
                ("queries", &["side", "peer"], &["count", "values", "answers", "refused", "unknown"])
            }
            Self::Reviews => ("reviews", &["detector", "decision", "reason"], COUNT),
            Self::Access => ("access", &["post", "action"], COUNT),
            Self::Policy => ("policy", &["agreement"], &["changes", "exposes", "withdraws"]),
            Self::Consumers => ("consumers", &["consumer", "act"], COUNT),
            Self::Departures => (
                "departures",
                &["way", "recipient", "purpose", "category", "label"],
                &["count", "objects", "redacted"],
            ),
            Self::Witnesses => ("witnesses", &["agreement"], &["missed", "needed"]),
            Self::Keys => ("keys", &["party", "event"], COUNT),
            Self::Kinds => ("kinds", &["kind"], COUNT),
            Self::Withheld => ("withheld", &["reason"], COUNT),
        };
        Table { name, columns, measures, rows: BTreeMap::new() }
    }
}

/// Something that begins in one entry and ends in another, perhaps periods later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Matter {
    Agreement(AgreementId),
    /// Of which table's sort, and which.
    Of(Name, Item),
}

/// What an entry does to its matter.
enum Step<'a> {
    Begin {
        facet: &'static str,
        peer: &'a Word,
        deadline: Timestamp,
        state: &'static str,
    },
    Mark {
        state: &'static str,
    },
    /// Of several answers the last one counts.
    Answer {
        state: &'static str,
    },
    /// `timed`: the state says whether the deadline was kept.
    End {
        state: String,
        timed: bool,
    },
}

#[derive(Debug, Clone)]
struct Open {
    /// The entry that began it, or gave its present version.
    leaf: u64,
    /// The entry that marked it: an agreement suspended, an erasure refused by a legal hold, the last answer to a
    /// request.
    mark: Option<u64>,
    /// What that answer was.
    answer: Option<Answer>,
    peer: String,
    /// What else tells its rows apart: the side, or the label.
    facet: &'static str,
    since: Timestamp,
    deadline: Timestamp,
    version: u64,
}

/// An answer to a request. It may be changed at any time, periods later even: the request stays open for the next one.
#[derive(Debug, Clone, Copy)]
struct Answer {
    state: &'static str,
    /// Whether it is of the period that is counted.
    counted: bool,
}

/// The state of counting.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    tables: BTreeMap<Name, Table>,
    open: BTreeMap<Matter, Open>,
    /// What is shown of leaves that may still be open at the end.
    kept: BTreeMap<u64, Shown>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let tables = Name::ALL.into_iter().map(|name| (name, name.table())).collect();
        Self { tables, open: BTreeMap::new(), kept: BTreeMap::new() }
    }

    /// Takes up a leaf from before the period: it opens or marks a matter, and is counted nowhere.
    pub(super) fn carry(&mut self, leaf: u64, shown: &Shown) {
        self.take(leaf, shown, false);
    }

    /// Counts a leaf of the period.
    pub(super) fn count(&mut self, leaf: u64, shown: &Shown) {
        self.add(Name::Kinds, &[shown.figures().kind().as_str()], leaf, &[1]);
        self.take(leaf, shown, true);
    }

    /// Counts a leaf that is not shown.
    pub(super) fn withhold(&mut self, leaf: u64, why: &Word) {
        self.add(Name::Withheld, &[why.as_str()], leaf, &[1]);
    }

    /// The leaves that open matters rest on. Of each matter, first the entry that began it: they can be taken up again
    /// in this order.
    pub(super) fn open_leaves(&self) -> Vec<(u64, Shown)> {
        let leaves = self.open.values().flat_map(|open| [Some(open.leaf), open.mark]).flatten();
        leaves.filter_map(|leaf| Some((leaf, self.kept.get(&leaf)?.clone()))).collect()
    }

    /// Ends the period: what is open now goes into the tables.
    pub(super) fn close(mut self, until: Timestamp) -> Vec<Table> {
        for (matter, open) in std::mem::take(&mut self.open) {
            let leaf = open.mark.unwrap_or(open.leaf);
            let Matter::Of(table, _) = matter else {
                if let Matter::Agreement(agreement) = matter {
                    let state = if open.mark.is_some() { "suspended" } else { "in-force" };
                    self.add(Name::InForce, &[&agreement.to_string(), state], leaf, &[open.version]);
                }
                continue;
            };
            let state = match table {
                Name::Erasures if open.mark.is_some() => "on-hold",
                Name::Erasures if open.deadline < until => "overdue",
                Name::Erasures => "open",
                Name::BreakGlass => "unreviewed",
                Name::Releases => match open.answer {
                    None => "unanswered",
                    Some(answer) if answer.counted => answer.state,
                    // The period in which it was given has counted it.
                    Some(_) => continue,
                },
                _ => "unnotified",
            };
            self.count_step(table, open.facet, &open.peer, state, leaf);
        }
        self.tables.into_values().collect()
    }

    fn take(&mut self, leaf: u64, shown: &Shown, counted: bool) {
        match shown.figures() {
            Figures::Disclosure { flow, personal } if counted => {
                self.flow("sent", flow, leaf);
                let found = personal.redacted.saturating_add(personal.passed);
                if found > 0 {
                    let reason = personal.reason.as_ref().map_or("none", Word::as_str);
                    let measures = [found, personal.redacted, personal.passed];
                    self.add(Name::PersonalData, &[flow.peer.as_str(), reason], leaf, &measures);
                }
            }
            Figures::Receipt { flow } if counted => self.flow("received", flow, leaf),
            Figures::Denial { peer, rule, label } if counted => {
                self.add(Name::Denials, &[rule.as_str(), peer.as_str(), label.as_str()], leaf, &[1]);
            }
            Figures::KeyEvent { party, event } if counted => {
                self.add(Name::Keys, &[party.as_str(), event.as_str()], leaf, &[1]);
            }
            Figures::Query { side, peer, values, answer } if counted => {
                let (answers, refused, unknown) = match answer {
                    QueryAnswer::Matches(matches) => (*matches, 0, 0),
                    QueryAnswer::Refused => (0, 1, 0),
                    QueryAnswer::Unknown => (0, 0, 1),
                };
                let measures = [1, *values, answers, refused, unknown];
                self.add(Name::Queries, &[side.as_str(), peer.as_str()], leaf, &measures);
            }
            Figures::Review { detector, decision, reason } if counted => {
                self.add(Name::Reviews, &[detector.as_str(), decision.as_str(), reason.as_str()], leaf, &[1]);
            }
            Figures::Override { rule, post } if counted => {
                self.add(Name::Overrides, &[rule.as_str(), post.as_str()], leaf, &[1]);
            }
            Figures::Retention { checked, overdue } if counted => {
                let row = self.row(Name::Retention, &[]);
                row.sum(0, 1);
                row.sum(1, *checked);
                // What is overdue at several checks is overdue once: the worst check counts.
                row.max(2, *overdue);
                row.leaves.push(leaf);
            }
            Figures::Access { post, action, count } if counted => {
                self.add(Name::Access, &[post.as_str(), action.as_str()], leaf, &[*count]);
            }
            Figures::Policy { agreement, exposes, withdraws } if counted => {
                self.add(Name::Policy, &[&agreement.to_string()], leaf, &[1, *exposes, *withdraws]);
            }
            Figures::Consumer { consumer, act } if counted => {
                self.add(Name::Consumers, &[consumer.as_str(), act.as_str()], leaf, &[1]);
            }
            Figures::Departure { way, recipient, purpose, category, label, count, redacted } if counted => {
                let key =
                    [way.as_str(), recipient.as_str(), purpose.as_str(), category.as_str(), label.as_str()];
                self.add(Name::Departures, &key, leaf, &[1, *count, *redacted]);
            }
            Figures::Witness { agreement, needed, .. } if counted => {
                let row = self.row(Name::Witnesses, &[&agreement.to_string()]);
                row.sum(0, 1);
                row.max(1, *needed);
                row.leaves.push(leaf);
            }
            Figures::Agreement { agreement, act, version } => {
                if counted {
                    self.add(Name::Agreements, &[&agreement.to_string(), act.as_str()], leaf, &[1]);
                }
                self.agreement(*agreement, *act, *version, leaf, shown);
            }
            Figures::Erasure { item, act } => {
                let step = match act {
                    ErasureAct::Demanded { side, peer, deadline } => {
                        Step::Begin { facet: side.as_str(), peer, deadline: *deadline, state: "demanded" }
                    }
                    ErasureAct::Confirmed => Step::End { state: "confirmed".to_owned(), timed: true },
                    ErasureAct::Held => Step::Mark { state: "hold-claimed" },
                    ErasureAct::Kept => Step::End { state: "kept-otherwise".to_owned(), timed: true },
                    ErasureAct::NotHeld => Step::End { state: "not-held".to_owned(), timed: true },
                };
                self.step(Name::Erasures, *item, step, leaf, shown, counted);
            }
            Figures::BreakGlass { item, act } => {
                let step = match act {
                    BreakGlassAct::Used { peer, label, expires } => {
                        Step::Begin { facet: label.as_str(), peer, deadline: *expires, state: "used" }
                    }
                    BreakGlassAct::Reviewed { outcome } => {
                        Step::End { state: format!("reviewed-{outcome}"), timed: false }
                    }
                };
                self.step(Name::BreakGlass, *item, step, leaf, shown, counted);
            }
            Figures::Release { item, act } => {
                let step = match act {
                    ReleaseAct::Requested { side, peer } => Step::Begin {
                        facet: side.as_str(),
                        peer,
                        deadline: Timestamp::MAX,
                        state: "requested",
                    },
                    ReleaseAct::Granted => Step::Answer { state: "granted" },
                    ReleaseAct::Refused => Step::Answer { state: "refused" },
                };
                self.step(Name::Releases, *item, step, leaf, shown, counted);
            }
            Figures::Misdirected { item, act } => {
                let step = match act {
                    MisdirectedAct::Found { peer } => {
                        Step::Begin { facet: "", peer, deadline: Timestamp::MAX, state: "found" }
                    }
                    MisdirectedAct::Notified => Step::End { state: "notified".to_owned(), timed: false },
                };
                self.step(Name::Misdirected, *item, step, leaf, shown, counted);
            }
            // Kinds that open nothing are not carried.
            _ => {}
        }
    }

    fn agreement(
        &mut self,
        agreement: AgreementId,
        act: AgreementAct,
        version: u64,
        leaf: u64,
        shown: &Shown,
    ) {
        let matter = Matter::Agreement(agreement);
        match act {
            AgreementAct::InForce | AgreementAct::Changed => {
                // A new version does not lift a suspension.
                let mark = self.open.get(&matter).and_then(|open| open.mark);
                let mark = mark.filter(|_| act == AgreementAct::Changed);
                self.kept.insert(leaf, shown.clone());
                let open = Open {
                    leaf,
                    mark,
                    answer: None,
                    peer: String::new(),
                    facet: "",
                    since: shown.at(),
                    deadline: Timestamp::MAX,
                    version,
                };
                self.open.insert(matter, open);
            }
            AgreementAct::Suspended => {
                self.mark(matter, leaf, shown);
            }
            AgreementAct::Resumed => {
                if let Some(open) = self.open.get_mut(&matter) {
                    open.mark = None;
                }
            }
            AgreementAct::Revoked | AgreementAct::Ended => {
                self.open.remove(&matter);
            }
            _ => {}
        }
    }

    /// One step of a matter.
    fn step(&mut self, table: Name, item: Item, step: Step<'_>, leaf: u64, shown: &Shown, counted: bool) {
        let matter = Matter::Of(table, item);
        let mut seconds = 0;
        let (found, state) = match step {
            Step::Begin { facet, peer, deadline, state } => {
                let (since, peer) = (shown.at(), peer.to_string());
                // What is open stays as it was: a second demand does not put off a deadline.
                if !self.open.contains_key(&matter) {
                    self.kept.insert(leaf, shown.clone());
                    let peer = peer.clone();
                    let open =
                        Open { leaf, mark: None, answer: None, peer, facet, since, deadline, version: 0 };
                    self.open.insert(matter, open);
                }
                (Some((facet, peer)), state.to_owned())
            }
            Step::Mark { state } => (self.mark(matter, leaf, shown), state.to_owned()),
            Step::Answer { state } => {
                // Which answer is the last one is known when the period ends: it is counted then.
                if self.answer(matter, leaf, shown, Answer { state, counted }) {
                    return;
                }
                (None, state.to_owned())
            }
            Step::End { state, timed } => match self.open.remove(&matter) {
                None => (None, state),
                Some(open) => {
                    let micros = shown.at().as_micros().saturating_sub(open.since.as_micros());
                    seconds = u64::try_from(micros / 1_000_000).unwrap_or(0);
                    let late = if shown.at() > open.deadline { "-late" } else { "-in-time" };
                    (Some((open.facet, open.peer)), if timed { state + late } else { state })
                }
            },
        };
        if !counted {
            return;
        }
        // The answer to something that no shown entry asked is counted too.
        let (facet, peer, state) = match &found {
            Some((facet, peer)) => (*facet, peer.as_str(), state.as_str()),
            None => (UNKNOWN, UNKNOWN, UNMATCHED),
        };
        self.count_step(table, facet, peer, state, leaf).max(1, seconds);
    }

    fn count_step(&mut self, table: Name, facet: &str, peer: &str, state: &str, leaf: u64) -> &mut Row {
        let key: &[&str] = if table == Name::Misdirected { &[peer, state] } else { &[facet, peer, state] };
        let row = self.row(table, key);
        row.sum(0, 1);
        row.leaves.push(leaf);
        row
    }

    /// Marks an open matter, the first time; its facet and peer.
    fn mark(&mut self, matter: Matter, leaf: u64, shown: &Shown) -> Option<(&'static str, String)> {
        let open = self.open.get_mut(&matter)?;
        if open.mark.is_none() {
            open.mark = Some(leaf);
            self.kept.insert(leaf, shown.clone());
        }
        Some((open.facet, open.peer.clone()))
    }

    /// Notes an answer to an open request, in place of the one before; whether there is such a request.
    fn answer(&mut self, matter: Matter, leaf: u64, shown: &Shown, answer: Answer) -> bool {
        let Some(open) = self.open.get_mut(&matter) else { return false };
        open.answer = Some(answer);
        if let Some(before) = open.mark.replace(leaf) {
            self.kept.remove(&before);
        }
        self.kept.insert(leaf, shown.clone());
        true
    }

    fn flow(&mut self, direction: &str, flow: &Flow, leaf: u64) {
        let key = [direction, flow.peer.as_str(), flow.category.as_str(), flow.label.as_str()];
        self.add(Name::Flows, &key, leaf, &[1]);
    }

    fn add(&mut self, table: Name, key: &[&str], leaf: u64, measures: &[u64]) {
        let row = self.row(table, key);
        for (at, number) in measures.iter().enumerate() {
            row.sum(at, *number);
        }
        row.leaves.push(leaf);
    }

    fn row(&mut self, name: Name, key: &[&str]) -> &mut Row {
        let table = self.tables.entry(name).or_insert_with(|| name.table());
        let measures = vec![0; table.measures.len()];
        let key = key.iter().map(|key| (*key).to_owned()).collect();
        table.rows.entry(key).or_insert_with(|| Row { measures, leaves: Leaves::default() })
    }
}

impl Row {
    fn sum(&mut self, at: usize, number: u64) {
        if let Some(measure) = self.measures.get_mut(at) {
            *measure = measure.saturating_add(number).min(crate::fields::EXACT);
        }
    }

    fn max(&mut self, at: usize, number: u64) {
        if let Some(measure) = self.measures.get_mut(at) {
            *measure = number.max(*measure);
        }
    }
}

/// The peer and facet of what ends a matter that no shown entry began.
const UNKNOWN: &str = "unknown";
/// Its state.
const UNMATCHED: &str = "unmatched";

/// What an overseer should look at in counted tables.
pub(super) fn remarks(tables: &[Table]) -> Vec<Remark> {
    const LOOK: [(Name, &str, &str, &str); 13] = [
        (Name::Retention, "overdue", "", "objects kept beyond their time"),
        (Name::Erasures, "count", "overdue", "erasures not confirmed by their deadline"),
        (Name::Erasures, "count", "confirmed-late", "erasures confirmed after their deadline"),
        (Name::Erasures, "count", "on-hold", "erasures refused by a legal hold"),
        (Name::Erasures, "count", UNMATCHED, "answers to demands for erasure that are not shown"),
        (Name::BreakGlass, "count", "unreviewed", "break-glass uses without a review"),
        (Name::BreakGlass, "count", UNMATCHED, "reviews of break-glass uses that are not shown"),
        (Name::Misdirected, "count", "unnotified", "misdirected items nobody was notified of"),
        (Name::Misdirected, "count", UNMATCHED, "notifications of misdirected items that are not shown"),
        (Name::Releases, "count", "unanswered", "requests to originators without an answer"),
        (Name::Releases, "count", UNMATCHED, "answers to requests that are not shown"),
        (Name::Witnesses, "missed", "", "times too few witnesses had cosigned in time"),
        (Name::Withheld, "count", "", "leaves whose opening is withheld"),
    ];
    let mut remarks = Vec::new();
    for (name, measure, state, what) in LOOK {
        let Some(table) = tables.iter().find(|table| table.name == name.table().name) else { continue };
        let fits = |key: &[String]| state.is_empty() || key.last().is_some_and(|last| last == state);
        let count = table.total(measure, fits);
        if count > 0 {
            let mut leaves = Leaves::default();
            let rows = table.rows.iter().filter(|(key, _)| fits(key));
            rows.flat_map(|(_, row)| row.leaves.iter()).for_each(|leaf| leaves.push(leaf));
            remarks.push(Remark::Look { what, count, leaves });
        }
        if name == Name::Retention && table.rows.is_empty() {
            remarks.push(Remark::NoRetentionCheck);
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::Leaves;

    #[test]
    fn leaves_are_a_set_in_whatever_order_they_come() {
        let all: Vec<u64> = vec![0, 1, 2, 5, 6, 9, u64::MAX - 1, u64::MAX];
        // Every rotation, forwards and backwards, with every leaf twice.
        for turn in 0..all.len() {
            let mut order = all.clone();
            order.rotate_left(turn);
            for order in [order.clone(), order.iter().rev().copied().collect()] {
                let mut leaves = Leaves::default();
                order.iter().chain(&order).for_each(|leaf| leaves.push(*leaf));
                assert_eq!(
                    leaves.to_string(),
                    format!("0-2,5-6,9,{}-{}", u64::MAX - 1, u64::MAX),
                    "{order:?}"
                );
                assert_eq!(leaves.iter().collect::<Vec<_>>(), all);
            }
        }
    }

    #[test]
    fn long_lists_are_cut_when_shown() {
        let mut leaves = Leaves::default();
        (0..40).for_each(|n| leaves.push(2 * n));
        assert!(leaves.to_string().ends_with(",28,30,…"), "{leaves}");
    }
}
