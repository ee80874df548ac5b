//! Reading the evidence of a report line by line: growing the tree and counting.

use std::collections::BTreeSet;

use json::{Limits, Tape, Value};
use model::Digest;

use super::problem::{Problem, Remark, Which};
use super::tally::{Tally, remarks};
use super::verify::{Body, MAX_HASHES, Problems};
use super::{Evidence, Leaf, Period, SKEW, Table, Verdict};
use crate::checkpoint::SignedCheckpoint;
use crate::entry::Shown;
use crate::fields::{Fields, Malformed, digest};
use crate::merkle::{EMPTY, Frontier, verify_inclusion};

/// A line of evidence.
const LINE: Limits = Limits::new(16 << 10, 8, 256);

/// A checkpoint that the growing tree must pass through.
struct Stop<'a> {
    /// `None` for one that does not stand in the report: of the previous report, where this one begins before its end,
    /// or seen elsewhere.
    which: Option<Which>,
    checkpoint: &'a SignedCheckpoint,
}

/// The evidence, line by line.
pub(super) struct Count<'a> {
    frontier: Frontier,
    tally: Tally,
    to: &'a SignedCheckpoint,
    /// By size, last first.
    stops: Vec<Stop<'a>>,
    consistent: usize,
    first: u64,
    /// The place of the next leaf.
    next: u64,
    carried: BTreeSet<u64>,
    /// Lines that should still come before those of the period; `None` once the first of these has come.
    to_carry: Option<u64>,
    period: Period,
    outside: Option<(u64, u64)>,
}

/// What the evidence gives.
pub(super) struct Counted {
    pub(super) tables: Vec<Table>,
    pub(super) open: Vec<(u64, Shown)>,
    pub(super) consistent: usize,
    pub(super) carried: BTreeSet<u64>,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> Count<'a> {
    pub(super) fn new(
        body: &'a Body<'_>,
        previous: Option<&'a Verdict>,
        seen: &'a [SignedCheckpoint],
        problems: &mut Problems,
    ) -> Self {
        let first = body.first();
        let root = body.from.as_ref().map_or(EMPTY, |from| from.checkpoint().root);
        let frontier = Frontier::from_parts(first, body.frontier.clone()).ok();
        let frontier = frontier.filter(|frontier| frontier.root() == root).unwrap_or_else(|| {
            problems.add(Problem::Start);
            Frontier::new()
        });
        let mut stops: Vec<Stop<'_>> = Vec::new();
        stops.extend(body.checkpoints().map(|(which, checkpoint)| Stop { which: Some(which), checkpoint }));
        let overlapping = previous.filter(|previous| previous.to.checkpoint().size > first);
        stops.extend(overlapping.map(|previous| Stop { which: None, checkpoint: &previous.to }));
        let log = std::slice::from_ref(&body.log);
        let within =
            seen.iter().filter(|seen| seen.checkpoint().size >= first && seen.verify_log(log).is_ok());
        stops.extend(within.map(|checkpoint| Stop { which: None, checkpoint }));
        stops.sort_by_key(|stop| std::cmp::Reverse(stop.checkpoint.checkpoint().size));
        Self {
            frontier,
            tally: Tally::new(),
            to: &body.to,
            stops,
            consistent: 0,
            first,
            next: first,
            carried: BTreeSet::new(),
            to_carry: Some(body.carried),
            period: body.period,
            outside: None,
        }
    }

    pub(super) fn lines(&mut self, evidence: &[u8], problems: &mut Problems) {
        let mut tape = Tape::new();
        let lines = evidence.strip_suffix(b"\n").unwrap_or(evidence);
        let lines = lines.split(|byte| *byte == b'\n').filter(|_| !evidence.is_empty());
        // The first line of the file is the signed one.
        for (number, line) in (2..).zip(lines) {
            match tape.parse(line, &LINE).map_err(Malformed::from).and_then(Line::read) {
                Ok(Line { leaf, proof: Some(proof) }) => self.carry(&leaf, &proof, problems),
                Ok(Line { leaf, proof: None }) => self.leaf(leaf, problems),
                Err(error) => {
                    problems.add(Problem::Line { line: number, problem: error.to_string() });
                    // It stands for a leaf, whichever it is, so that the others keep their places.
                    match self.to_carry.as_mut().filter(|left| **left > 0) {
                        Some(left) => *left -= 1,
                        None => self.next = self.next.saturating_add(1),
                    }
                }
            }
        }
    }

    fn carry(&mut self, leaf: &Leaf, proof: &[Digest], problems: &mut Problems) {
        let index = leaf.index;
        let left = self.to_carry.and_then(|left| left.checked_sub(1)).filter(|_| index < self.first);
        let (Evidence::Shown(shown), Some(left)) = (&leaf.evidence, left) else {
            return problems.add(Problem::CarriedAmiss { leaf: index });
        };
        self.to_carry = Some(left);
        let to = self.to.checkpoint();
        if shown.leaf_hash() != leaf.hash {
            problems.add(Problem::Opening { leaf: index });
        } else if let Err(error) = verify_inclusion(index, to.size, &leaf.hash, proof, &to.root) {
            problems.add(Problem::CarriedUnproved { leaf: index, error });
        } else if !self.carried.insert(index) {
            problems.add(Problem::CarriedAmiss { leaf: index });
        } else {
            self.tally.carry(index, shown);
        }
    }

    fn leaf(&mut self, leaf: Leaf, problems: &mut Problems) {
        self.end_carrying(problems);
        if leaf.index != self.next {
            problems.add(Problem::Order { expected: self.next, found: leaf.index });
        }
        self.next = leaf.index.saturating_add(1).max(self.next);
        self.pass(problems);
        self.frontier.append(leaf.hash);
        match leaf.evidence {
            Evidence::Withheld(why) => self.tally.withhold(leaf.index, &why),
            Evidence::Shown(shown) if shown.leaf_hash() == leaf.hash => {
                let (from, until) =
                    (self.period.from.plus_micros(-SKEW), self.period.until.plus_micros(SKEW));
                if !(from..until).contains(&shown.at()) {
                    let (count, first) = self.outside.unwrap_or((0, leaf.index));
                    self.outside = Some((count + 1, first));
                }
                self.tally.count(leaf.index, &shown);
            }
            Evidence::Shown(_) => problems.add(Problem::Opening { leaf: leaf.index }),
        }
    }

    /// What was carried over must be what open matters rest on, all of it and nothing else.
    fn end_carrying(&mut self, problems: &mut Problems) {
        let Some(left) = self.to_carry.take() else { return };
        let needed: BTreeSet<u64> = self.tally.open_leaves().into_iter().map(|(leaf, _)| leaf).collect();
        for leaf in self.carried.difference(&needed) {
            problems.add(Problem::CarriedAmiss { leaf: *leaf });
        }
        if left > 0 {
            let problem = format!("{left} leaves fewer are carried over than the report says");
            problems.add(Problem::Line { line: 2, problem });
        }
    }

    /// Compares the tree with the checkpoints of its present size.
    fn pass(&mut self, problems: &mut Problems) {
        let size = self.frontier.size();
        while let Some(stop) = self.stops.pop_if(|stop| stop.checkpoint.checkpoint().size <= size) {
            let checkpoint = stop.checkpoint.checkpoint();
            let holds = checkpoint.size == size && checkpoint.root == self.frontier.root();
            match stop.which {
                Some(_) if holds => self.consistent += 1,
                Some(which) => problems.add(Problem::Root { which, root: checkpoint.root }),
                None if holds || checkpoint.size != size => {}
                None => {
                    let note = stop.checkpoint.note().to_owned();
                    problems.add(Problem::Fork { size, note, now: String::new() });
                }
            }
        }
    }

    pub(super) fn finish(mut self, body: &Body<'_>, problems: &mut Problems) -> Counted {
        self.end_carrying(problems);
        let (found, expected) = (self.frontier.size(), self.to.checkpoint().size);
        if found != expected {
            problems.add(Problem::Count { expected, found });
        }
        self.pass(problems);
        for stop in &self.stops {
            if let Some(which) = stop.which {
                problems.add(Problem::Root { which, root: stop.checkpoint.checkpoint().root });
            }
        }
        let open = self.tally.open_leaves();
        let tables = self.tally.close(body.period.until);
        let mut remarks = remarks(&tables);
        if let Some((count, first)) = self.outside {
            remarks.push(Remark::OutsidePeriod { count, first });
        }
        Counted { tables, open, consistent: self.consistent, carried: self.carried, remarks }
    }
}

/// One line of evidence.
struct Line {
    leaf: Leaf,
    /// For leaves carried over.
    proof: Option<Vec<Digest>>,
}

impl Line {
    fn read(value: Value<'_>) -> Result<Self, Malformed> {
        let fields = Fields::of(value, "", &["hash", "leaf", "proof", "salt", "shown", "withheld"])?;
        let evidence = match (fields.optional("shown"), fields.optional("withheld")) {
            (Some(shown), None) => Evidence::Shown(Shown::read(fields.digest("salt")?, shown, "/shown")?),
            (None, Some(_)) if fields.optional("salt").is_none() => {
                Evidence::Withheld(fields.parsed("withheld")?)
            }
            _ => return Err(Malformed::new("", "`salt` and `shown`, or `withheld`, is needed")),
        };
        let proof = match fields.optional("proof") {
            None => None,
            Some(_) => {
                let items = fields.items("proof", MAX_HASHES)?.into_iter();
                Some(items.map(|(pointer, item)| digest(item, &pointer)).collect::<Result<_, _>>()?)
            }
        };
        let leaf = Leaf { index: fields.number("leaf")?, hash: fields.digest("hash")?, evidence };
        Ok(Self { leaf, proof })
    }
}
