//! The oversight report: what a node did in a period, in figures that the reader counts again.
//!
//! A report is a file of lines. The first is a signed document ([`keys::Signed`], context
//! [`keys::context::REPORT`]): the period, the checkpoints at its ends, the tables of figures, and the digest of the lines that
//! follow. Those are the evidence: one line for each leaf between the two checkpoints, in order, with the leaf's hash and
//! either the entry's figures and their salt ([`crate::entry::Shown`]) or the word that the opening is withheld. Before them
//! come the leaves of earlier periods whose matter was still open when this one began, each with an inclusion proof.
//!
//! ```text
//! {"body":{…},"signatures":[…]}
//! {"hash":"…","leaf":17,"proof":["…"],"salt":"…","shown":{…}}        carried over from before
//! {"hash":"…","leaf":512,"salt":"…","shown":{…}}                     a leaf of the period
//! {"hash":"…","leaf":513,"withheld":"erased"}                        one that cannot be shown
//! ```
//!
//! [`verify()`] needs no node, no content and nothing but this file, the party's key history and a witness policy:
//! it starts from the right edge of the tree at the first checkpoint, appends every leaf hash and must arrive at the root of
//! the second (which proves inclusion of every leaf and consistency of the two checkpoints at once), checks every opening
//! against its leaf, and counts every table anew. Time and memory grow with the number of leaves.

mod build;
mod compare;
mod count;
mod problem;
mod tally;
mod verify;

use std::fmt;

use json::Value;
use keys::{KeyId, PublicKey, Signed};
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::checkpoint::{Cosignature, SignedCheckpoint};
use crate::entry::{Shown, Word};
use crate::fields::{Fields, Malformed, Object};
use crate::note::NoteKey;
use crate::policy::Policy;

pub use build::{BuildError, Input, build};
pub use problem::{Problem, Remark, Which};
pub use tally::{Leaves, Row, Table};
pub use verify::verify;

/// A report that is not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Canonical JSON, to be signed under [`keys::context::REPORT`].
    pub body: String,
    /// The lines that go behind it.
    pub evidence: String,
}

impl Report {
    /// The file, with the signed body.
    #[must_use]
    pub fn file(&self, signed: &Signed) -> String {
        format!("{}\n{}", signed.to_text(), self.evidence)
    }
}

/// One leaf of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its place in the ledger.
    pub index: u64,
    /// Its hash.
    pub hash: Digest,
    /// What is shown of it.
    pub evidence: Evidence,
}

/// What a report shows of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The figures.
    Shown(Shown),
    /// Nothing, and why in a word: `erased`, `sealed`. It is counted.
    Withheld(Word),
}

/// A period, by the node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// The instant after; what is overdue is so by this.
    pub until: Timestamp,
}

/// What the reader of a report trusts beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Trusted<'a> {
    /// Whose report it should be.
    pub party: PartyId,
    /// Whose signature on it counts.
    pub signers: Signers<'a>,
    /// Which witnesses must have cosigned the checkpoints. If it names logs, the ledger's key must be among them. It must
    /// also be the one the key history announces, where that is given.
    pub policy: &'a Policy,
    /// Checkpoints of this ledger that the reader has from elsewhere: from witnesses, from peers. Those within the period
    /// must lie on the report's tree; those that the ledger's key has not signed say nothing.
    pub seen: &'a [SignedCheckpoint],
}

/// Keys that may sign a report.
#[derive(Debug, Clone, Copy)]
pub enum Signers<'a> {
    /// The party's key history: the epoch key at the time the report was made, or the root keys.
    History(&'a keys::events::KeyHistory),
    /// Any of these.
    Keys(&'a [PublicKey]),
}

/// What came of verifying a report.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Digest of the signed body: how the next report refers to this one.
    pub report: Digest,
    /// Whose report it says it is.
    pub party: PartyId,
    /// Which period.
    pub period: Period,
    /// When it was made, by the node's clock.
    pub made: Timestamp,
    /// Who signed, where that could be verified.
    pub signed_by: Option<KeyId>,
    /// Whom it says it is for.
    pub overseers: Vec<Overseer>,
    /// The ledger's key.
    pub log: NoteKey,
    /// Leaves before the period.
    pub first: u64,
    /// The checkpoint at its end.
    pub to: SignedCheckpoint,
    /// How many checkpoints of the period lie on one tree, those at its ends included.
    pub consistent: usize,
    /// Witnesses of the checkpoint at its end.
    pub witnesses: Vec<Cosignature>,
    /// The figures, counted from the evidence; every table, also those without rows.
    pub tables: Vec<Table>,
    /// What makes the report one not to rely on. Empty for a report that holds.
    pub problems: Vec<Problem>,
    /// What is true by this report and somebody should look at.
    pub remarks: Vec<Remark>,
    /// Leaves whose matter is open at the end: the next report must carry them. A request to an originator stays open
    /// once it is answered, since the answer may be changed.
    pub open: Vec<(u64, Shown)>,
}

/// Overseers that one report is for, at most.
pub const MAX_OVERSEERS: usize = 1_000;

/// Somebody whom an agreement names as its overseer: a report says whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overseer {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Its name, for people.
    pub name: String,
    /// The id of its key, as the text names it.
    pub key: KeyId,
}

impl Overseer {
    fn to_text(&self) -> String {
        let object = Object::default().text("agreement", self.agreement).text("key", self.key);
        object.text("name", &self.name).finish()
    }

    fn read(value: Value<'_>, pointer: &str) -> Result<Self, Malformed> {
        let fields = Fields::of(value, pointer, &["agreement", "key", "name"])?;
        let agreement = AgreementId(fields.digest("agreement")?);
        Ok(Self { agreement, name: fields.text("name")?, key: fields.parsed("key")? })
    }
}

impl Verdict {
    /// Whether every figure is proved.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    /// A table by name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

/// How far clocks may be apart before it matters: five minutes, in microseconds.
const SKEW: i64 = 5 * 60 * 1_000_000;
