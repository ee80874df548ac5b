//! What can be wrong with a report, and what an overseer should look at in one that holds.

use std::fmt;

use model::{Digest, PartyId, Timestamp};

use super::tally::Leaves;
use crate::checkpoint::CheckpointError;
use crate::merkle::ProofError;

/// Which of a report's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// At the beginning of the period.
    From,
    /// Within it: the n-th, from 0.
    Between(usize),
    /// At its end.
    To,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From => f.write_str("the checkpoint at the beginning"),
            Self::Between(n) => write!(f, "checkpoint {n} within the period"),
            Self::To => f.write_str("the checkpoint at the end"),
        }
    }
}

/// Why a report is not to be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nobody who may has signed it, or it was changed after that.
    #[error("the report is not signed as it must be: {0}")]
    Signature(String),
    /// It is another party's.
    #[error("the report is that of party {0}")]
    OtherParty(PartyId),
    /// The times contradict each other.
    #[error("the times do not fit together: {0}")]
    Times(String),
    /// The evidence is not what the party signed for.
    #[error("the evidence was changed after the report was signed")]
    EvidenceAltered,
    /// The policy names the logs it accepts, and this is none of them; or the party's key history announces another key.
    #[error("the ledger's key is not one that the policy accepts, or not the one the party has announced")]
    OtherLog,
    /// A checkpoint is not this ledger's, or not signed by it.
    #[error("{which}: {error}")]
    Checkpoint {
        /// Which.
        which: Which,
        /// What is wrong.
        error: CheckpointError,
    },
    /// A checkpoint has another origin than the party's ledger.
    #[error("{which} is of `{origin}`, another log")]
    Origin {
        /// Which.
        which: Which,
        /// Its origin.
        origin: String,
    },
    /// Too few witnesses.
    #[error("{which}: too few witnesses have cosigned: {}", missing.join(", "))]
    NoQuorum {
        /// Which.
        which: Which,
        /// What is short.
        missing: Vec<String>,
    },
    /// The tree the report starts from is not that of the checkpoint at the beginning.
    #[error("the report does not start from the tree of the checkpoint at the beginning")]
    Start,
    /// A line of evidence cannot be read.
    #[error("line {line}: {problem}")]
    Line {
        /// Line of the file, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Leaves are missing, out of order, or there twice.
    #[error("leaf {expected} should come where leaf {found} is: leaves were dropped, added or moved")]
    Order {
        /// Which should come.
        expected: u64,
        /// Which does.
        found: u64,
    },
    /// The evidence ends too early or too late.
    #[error("the leaves end at {found} where the checkpoint has {expected}: leaves were dropped or added")]
    Count {
        /// Leaves by the checkpoint.
        expected: u64,
        /// Leaves there are.
        found: u64,
    },
    /// What is shown of a leaf is not what the leaf commits to.
    #[error("what is shown of leaf {leaf} is not what was committed to")]
    Opening {
        /// Which leaf.
        leaf: u64,
    },
    /// The leaves do not make the tree of a checkpoint.
    #[error("{which}: the leaves do not lead to its root, {root}")]
    Root {
        /// Which.
        which: Which,
        /// The root it states.
        root: Digest,
    },
    /// A leaf from before the period is not in the ledger.
    #[error("leaf {leaf}, carried over from before, is not proved: {error}")]
    CarriedUnproved {
        /// Which leaf.
        leaf: u64,
        /// Why.
        error: ProofError,
    },
    /// A leaf was carried over that says nothing about an open matter.
    #[error("leaf {leaf} was carried over although its matter was not open")]
    CarriedAmiss {
        /// Which leaf.
        leaf: u64,
    },
    /// A matter that was open at the end of the previous report was not carried over.
    #[error("leaf {leaf} was open at the end of the previous report and is not carried over")]
    CarriedDropped {
        /// Which leaf.
        leaf: u64,
    },
    /// A figure is not what the evidence gives.
    #[error("table `{table}`, row {row}: the report states {stated}, the evidence gives {counted}")]
    Figure {
        /// Which table.
        table: String,
        /// Which row: its columns.
        row: String,
        /// By the report; `nothing` when the row is missing there.
        stated: String,
        /// By the evidence; `nothing` when there is no such row.
        counted: String,
    },
    /// The ledger has forked: two checkpoints that no one tree has.
    #[error("the ledger has forked: two different trees of {size} leaves")]
    Fork {
        /// At this size.
        size: u64,
        /// The checkpoint of the previous report, or the one seen elsewhere: a signed note.
        note: String,
        /// This report's checkpoint at its beginning, a signed note; empty when the fork is within the period.
        now: String,
    },
    /// This report does not begin where the previous one ended.
    #[error("the previous report ends with {previous} leaves and this one begins with {now}")]
    Gap {
        /// Leaves at the end of the previous report.
        previous: u64,
        /// Leaves at the beginning of this one.
        now: u64,
    },
    /// The report refers to another report as its previous one.
    #[error("the report follows another one than the previous report given")]
    OtherPrevious,
    /// The previous report does not hold itself.
    #[error("the previous report does not hold itself: {0} problems")]
    PreviousFails(usize),
    /// There were more problems than are listed.
    #[error("and {0} more problems")]
    More(u64),
}

impl Problem {
    /// Its name, for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Signature(_) => "signature",
            Self::OtherParty(_) => "other-party",
            Self::Times(_) => "times",
            Self::EvidenceAltered => "evidence-altered",
            Self::OtherLog => "other-log",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Origin { .. } => "origin",
            Self::NoQuorum { .. } => "no-quorum",
            Self::Start => "start",
            Self::Line { .. } => "line",
            Self::Order { .. } => "order",
            Self::Count { .. } => "count",
            Self::Opening { .. } => "opening",
            Self::Root { .. } => "root",
            Self::CarriedUnproved { .. } => "carried-unproved",
            Self::CarriedAmiss { .. } => "carried-amiss",
            Self::CarriedDropped { .. } => "carried-dropped",
            Self::Figure { .. } => "figure",
            Self::Fork { .. } => "fork",
            Self::Gap { .. } => "gap",
            Self::OtherPrevious => "other-previous",
            Self::PreviousFails(_) => "previous-fails",
            Self::More(_) => "more",
        }
    }
}

/// What is true by a report and somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// Rows whose count should be 0 and is not.
    #[error("{what}: {count} (leaves {leaves})")]
    Look {
        /// What they are.
        what: &'static str,
        /// How many.
        count: u64,
        /// Where.
        leaves: Leaves,
    },
    /// Retention was not checked in the period.
    #[error("nobody checked retention in this period")]
    NoRetentionCheck,
    /// Entries whose time is outside of the period by more than clocks differ.
    #[error("{count} entries have a time outside of the period (first: leaf {first})")]
    OutsidePeriod {
        /// How many.
        count: u64,
        /// The first of them.
        first: u64,
    },
    /// The report follows another, which was not given: what it carries over is proved to be in the ledger, not to be all.
    #[error("the report follows report {0}, which was not compared")]
    NotCompared(Digest),
    /// The report begins within the ledger and follows no other: matters open before are not in it.
    #[error("the report begins with leaf {0} and follows no other report")]
    NoPrevious(u64),
    /// The last checkpoint was cosigned well before the period ended: what happened after that is not in the report.
    #[error(
        "the last checkpoint was cosigned {seen}, before the period ended {until}: later leaves are not in the report"
    )]
    EndsEarly {
        /// When the last witness saw it.
        seen: Timestamp,
        /// When the period ended.
        until: Timestamp,
    },
    /// The ledger's key is another than in the previous report.
    #[error("the ledger's key has changed since the previous report")]
    LogKeyChanged,
    /// The periods do not meet.
    #[error("the previous period ended {previous}, this one begins {now}")]
    PeriodGap {
        /// End of the previous period.
        previous: Timestamp,
        /// Beginning of this one.
        now: Timestamp,
    },
}
