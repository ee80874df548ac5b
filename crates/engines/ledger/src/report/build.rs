//! Making a report.

use model::{Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::tally::Tally;
use super::{Evidence, Leaf, Overseer, Period, Report, Verdict};
use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::entry::Shown;
use crate::fields::{Object, list, quoted};
use crate::merkle::{EMPTY, Frontier, HashReader, ProofError, inclusion_proof};
use crate::note::{NoteKey, origin};

/// What a report is made from, beside its leaves.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Whose ledger it is.
    pub party: PartyId,
    /// The key that signs its checkpoints.
    pub log: &'a NoteKey,
    /// Which period.
    pub period: Period,
    /// Now, by our clock.
    pub made: Timestamp,
    /// The checkpoint at the beginning: the one at the end of the previous report. `None` for the ledger's first leaf.
    pub from: Option<&'a SignedCheckpoint>,
    /// Checkpoints in between that the reader should see to lie on one tree.
    pub between: &'a [SignedCheckpoint],
    /// The checkpoint at the end, cosigned.
    pub to: &'a SignedCheckpoint,
    /// What verifying the previous report gave.
    pub previous: Option<&'a Verdict>,
    /// Whom it is for.
    pub overseers: &'a [Overseer],
}

/// A report that would not hold is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A checkpoint is of another log, or the ledger's key has not signed it.
    #[error("a checkpoint cannot be used: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint is of another party's ledger.
    #[error("the checkpoint of `{0}` is not of this party's ledger")]
    Origin(String),
    /// The checkpoints are not in order of their sizes.
    #[error("the checkpoints are not in the order of their sizes")]
    Checkpoints,
    /// The stored hashes lack one, or a leaf of the previous report is not in the tree.
    #[error("a proof cannot be made: {0}")]
    Proof(#[from] ProofError),
    /// The leaves are not those between the checkpoints.
    #[error("leaf {expected} is missing, or not in its place")]
    Leaf {
        /// Which leaf was due.
        expected: u64,
    },
    /// An opening does not belong to its leaf.
    #[error("the opening of leaf {0} is not what was committed to")]
    Opening(u64),
    /// The leaves lead to another root than the checkpoint's: the stored ledger was damaged or changed.
    #[error("the leaves up to {size} do not lead to the root that the checkpoint states")]
    Root {
        /// At which size.
        size: u64,
    },
    /// The previous report ended elsewhere.
    #[error("the previous report ended with another checkpoint")]
    Previous,
    /// More rows than a signed document holds: take a shorter period.
    #[error("{0} rows of figures are more than a report holds ({MAX_ROWS}): take a shorter period")]
    Rows(usize),
}

/// Rows of all tables together: a signed body has at most 200,000 values.
const MAX_ROWS: usize = 25_000;

/// Makes the report of the leaves from the checkpoint at the beginning up to the one at the end. `hashes` reads the
/// tree at the end. The body is then signed under [`keys::context::REPORT`] and [`Report::file`] puts it together.
///
/// # Errors
/// [`BuildError`]: what would not verify is not made.
pub fn build(
    input: &Input<'_>,
    leaves: &mut dyn Iterator<Item = Leaf>,
    hashes: &dyn HashReader,
) -> Result<Report, BuildError> {
    let checkpoints: Vec<&SignedCheckpoint> =
        input.from.into_iter().chain(input.between).chain([input.to]).collect();
    check_checkpoints(input, &checkpoints)?;
    let first = input.from.map_or(0, |from| from.checkpoint().size);
    let mut frontier = Frontier::of(first, hashes)?;
    if frontier.root() != input.from.map_or(EMPTY, |from| from.checkpoint().root) {
        return Err(BuildError::Root { size: first });
    }
    let start = list(frontier.peaks().iter().map(|peak| quoted(&peak.to_string())));
    let (size, mut tally, mut evidence) = (input.to.checkpoint().size, Tally::new(), String::new());
    if let Some(previous) = input.previous {
        let end = previous.to.checkpoint();
        if input.from.map(SignedCheckpoint::checkpoint) != Some(end) {
            return Err(BuildError::Previous);
        }
        for (leaf, shown) in &previous.open {
            let proof = inclusion_proof(hashes, size, *leaf)?;
            let proof = list(proof.iter().map(|hash| quoted(&hash.to_string())));
            shown_line(*leaf, shown, Some(proof), &mut evidence);
            tally.carry(*leaf, shown);
        }
    }
    let carried = input.previous.map_or(0, |previous| previous.open.len() as u64);
    let mut roots = input.between.iter().chain([input.to]).map(SignedCheckpoint::checkpoint).peekable();
    for index in first..size {
        check_roots(&mut roots, &frontier)?;
        let leaf =
            leaves.next().filter(|leaf| leaf.index == index).ok_or(BuildError::Leaf { expected: index })?;
        match &leaf.evidence {
            Evidence::Shown(shown) if shown.leaf_hash() == leaf.hash => {
                shown_line(index, shown, None, &mut evidence);
                tally.count(index, shown);
            }
            Evidence::Shown(_) => return Err(BuildError::Opening(index)),
            Evidence::Withheld(why) => {
                let line =
                    Object::default().text("hash", leaf.hash).number("leaf", index).text("withheld", why);
                evidence.push_str(&line.finish());
                evidence.push('\n');
                tally.withhold(index, why);
            }
        }
        frontier.append(leaf.hash);
    }
    check_roots(&mut roots, &frontier)?;
    let tables = tally.close(input.period.until);
    let rows = tables.iter().map(|table| table.rows.len()).sum();
    if rows > MAX_ROWS {
        return Err(BuildError::Rows(rows));
    }
    let body = Object::default()
        .list("between", input.between.iter().map(|checkpoint| quoted(checkpoint.note())))
        .number("carried", carried)
        .text("evidence", Digest(Sha256::digest(evidence.as_bytes()).into()))
        .raw("from", input.from.map_or("null".to_owned(), |from| quoted(from.note())))
        .raw("frontier", start)
        .text("log", input.log)
        .text("made", input.made);
    let body = match input.overseers {
        [] => body,
        overseers => body.list("overseers", overseers.iter().map(Overseer::to_text)),
    };
    let body = body
        .text("party", input.party)
        .raw(
            "period",
            Object::default().text("from", input.period.from).text("until", input.period.until).finish(),
        )
        .raw(
            "previous",
            input.previous.map_or("null".to_owned(), |previous| quoted(&previous.report.to_string())),
        )
        .list("tables", tables.iter().map(super::Table::to_text))
        .text("to", input.to.note())
        .number("version", super::verify::VERSION)
        .finish();
    Ok(Report { body, evidence })
}

fn check_checkpoints(input: &Input<'_>, checkpoints: &[&SignedCheckpoint]) -> Result<(), BuildError> {
    let mut size = 0;
    for checkpoint in checkpoints {
        checkpoint.verify_log(std::slice::from_ref(input.log))?;
        let checkpoint = checkpoint.checkpoint();
        if checkpoint.origin != origin(input.party) {
            return Err(BuildError::Origin(checkpoint.origin.clone()));
        }
        if checkpoint.size < size {
            return Err(BuildError::Checkpoints);
        }
        size = checkpoint.size;
    }
    Ok(())
}

/// Checks the checkpoints of exactly the size that has been reached.
fn check_roots<'a>(
    roots: &mut std::iter::Peekable<impl Iterator<Item = &'a crate::checkpoint::Checkpoint>>,
    frontier: &Frontier,
) -> Result<(), BuildError> {
    while let Some(checkpoint) = roots.next_if(|checkpoint| checkpoint.size == frontier.size()) {
        if checkpoint.root != frontier.root() {
            return Err(BuildError::Root { size: checkpoint.size });
        }
    }
    Ok(())
}

fn shown_line(leaf: u64, shown: &Shown, proof: Option<String>, out: &mut String) {
    let mut line = Object::default().text("hash", shown.leaf_hash()).number("leaf", leaf);
    if let Some(proof) = proof {
        line = line.raw("proof", proof);
    }
    out.push_str(&line.text("salt", shown.salt()).raw("shown", shown.text()).finish());
    out.push('\n');
}
