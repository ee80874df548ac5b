//! C2SP tlog-witness: what a witness answers to a log that submits a checkpoint, as a function of what it knows.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Digest, Timestamp};

use crate::checkpoint::{CheckpointError, SignedCheckpoint, decimal, hash};
use crate::merkle::verify_consistency;
use crate::note::{NoteKey, NoteSigner};

/// The most hashes a consistency proof has (tlog-witness, add-checkpoint).
const MAX_PROOF: usize = 63;

/// The body of an add-checkpoint request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint the log believes the witness to have seen last; 0 when it has seen none.
    pub old: u64,
    /// From there to the checkpoint.
    pub proof: Vec<Digest>,
    /// What is to be cosigned.
    pub checkpoint: SignedCheckpoint,
}

/// What the witness does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What to answer.
    pub answer: Result<Accepted, Refusal>,
    /// What to tell people, whatever the answer.
    pub alarm: Option<Alarm>,
}

/// The checkpoint was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Store this as the newest seen of its log **before** the answer is given, in the transaction in which the one
    /// before was read: otherwise two requests at once roll the log back (tlog-witness).
    pub seen: SignedCheckpoint,
    /// The answer's body: our signature line.
    pub lines: String,
}

/// Why the checkpoint was not cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: not such a request.
    #[error("not an add-checkpoint request: {0}")]
    Malformed(String),
    /// 404: we do not witness this log.
    #[error("`{0}` is not a log this node witnesses")]
    UnknownLog(String),
    /// 403: no key of the log has signed, or one's signature does not verify.
    #[error("{0}")]
    Forbidden(CheckpointError),
    /// 409: the newest we have cosigned is of another size than `old`, or of another root.
    #[error("the newest checkpoint seen here has {known} leaves; prove consistency from there")]
    Conflict {
        /// Leaves of the newest seen; 0 for none.
        known: u64,
    },
    /// 422: the proof does not hold.
    #[error("the consistency proof does not hold: {0}")]
    Unproven(crate::merkle::ProofError),
}

impl Refusal {
    /// The HTTP status the specification gives it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Forbidden(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::Conflict { .. } => 409,
            Self::Unproven(_) => 422,
        }
    }

    /// The body that goes with it: for a conflict the known size as `text/x.tlog.size`, otherwise the reason.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { known } => format!("{known}\n"),
            other => format!("{other}\n"),
        }
    }
}

/// A log has signed what it must not. The notes are kept: they are the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// Two trees of one size: proof by itself that the log shows different people different things.
    Equivocation {
        /// The note seen first.
        seen: String,
        /// The note that contradicts it.
        offered: String,
    },
    /// A tree smaller than one seen before. A checkpoint that was long under way looks the same: ask the log.
    Rollback {
        /// The note seen first.
        seen: String,
        /// The smaller one.
        offered: String,
    },
    /// A larger tree that the log could not prove to begin with the one seen. By itself this may be a faulty proof;
    /// if the log gives no other, it has forked.
    Unproven {
        /// The note seen first.
        seen: String,
        /// The note without proof.
        offered: String,
    },
}

impl Alarm {
    /// Its name in findings: `equivocation`, `rollback` or `unproven`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Equivocation { .. } => "equivocation",
            Self::Rollback { .. } => "rollback",
            Self::Unproven { .. } => "unproven",
        }
    }

    /// Both notes: the one seen first, then the other.
    #[must_use]
    pub fn notes(&self) -> (&str, &str) {
        match self {
            Self::Equivocation { seen, offered }
            | Self::Rollback { seen, offered }
            | Self::Unproven { seen, offered } => (seen, offered),
        }
    }
}

impl AddCheckpoint {
    /// The request's body.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            let _ = writeln!(text, "{}", STANDARD.encode(hash.0));
        }
        text.push('\n');
        text.push_str(self.checkpoint.note());
        text
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(body: &str) -> Result<Self, Refusal> {
        let fail = |why: &str| Refusal::Malformed(why.to_owned());
        let (head, note) =
            body.split_once("\n\n").ok_or_else(|| fail("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or_else(|| fail("the first line is not `old` and a size"))?;
        if head.len() > 64 + 45 * MAX_PROOF {
            return Err(fail("a proof has at most 63 hashes"));
        }
        let proof: Option<Vec<Digest>> = lines.map(hash).collect();
        let proof = proof.ok_or_else(|| fail("a line of the proof is not a hash in base64"))?;
        if proof.len() > MAX_PROOF {
            return Err(fail("a proof has at most 63 hashes"));
        }
        let checkpoint =
            SignedCheckpoint::parse(note).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok(Self { old, proof, checkpoint })
    }
}

/// What a witness does with a request. `keys` are those it trusts for the log (none: the log is not witnessed here);
/// `seen` is the newest checkpoint of it that was cosigned here.
#[must_use]
pub fn add_checkpoint(
    request: &AddCheckpoint,
    keys: &[NoteKey],
    seen: Option<&SignedCheckpoint>,
    witness: &NoteSigner,
    now: Timestamp,
) -> Outcome {
    let offered = request.checkpoint.checkpoint();
    let refuse = |refusal, alarm| Outcome { answer: Err(refusal), alarm };
    let ours = |key: &&NoteKey| key.name() == offered.origin;
    if !keys.iter().any(|key| ours(&key)) {
        return refuse(Refusal::UnknownLog(offered.origin.chars().take(255).collect()), None);
    }
    if let Err(error) = request.checkpoint.verify_log(keys) {
        return refuse(Refusal::Forbidden(error), None);
    }
    let seen = seen.filter(|seen| seen.checkpoint().origin == offered.origin);
    let alarm = seen.and_then(|seen| contradiction(seen, &request.checkpoint));
    if request.old > offered.size {
        return refuse(Refusal::Malformed("the old size is above the checkpoint's".to_owned()), alarm);
    }
    let (known, root) =
        seen.map_or((0, crate::merkle::EMPTY), |seen| (seen.checkpoint().size, seen.checkpoint().root));
    if request.old != known || alarm.is_some() {
        return refuse(Refusal::Conflict { known }, alarm);
    }
    if let Err(error) = verify_consistency(known, offered.size, &request.proof, &root, &offered.root) {
        let alarm = seen.map(|seen| Alarm::Unproven {
            seen: seen.note().to_owned(),
            offered: request.checkpoint.note().to_owned(),
        });
        return refuse(Refusal::Unproven(error), alarm);
    }
    let lines = request.checkpoint.cosign(witness, now);
    Outcome { answer: Ok(Accepted { seen: request.checkpoint.clone(), lines }), alarm: None }
}

/// What is wrong between two checkpoints of one log by their sizes and roots alone, each of which must have been
/// verified as the log's: another root at the same size, or a smaller size than seen before.
#[must_use]
pub fn contradiction(seen: &SignedCheckpoint, offered: &SignedCheckpoint) -> Option<Alarm> {
    let (first, second) = (seen.checkpoint(), offered.checkpoint());
    if first.origin != second.origin {
        return None;
    }
    let notes = || (seen.note().to_owned(), offered.note().to_owned());
    match second.size.cmp(&first.size) {
        std::cmp::Ordering::Equal if first.root != second.root => {
            let (seen, offered) = notes();
            Some(Alarm::Equivocation { seen, offered })
        }
        std::cmp::Ordering::Less => {
            let (seen, offered) = notes();
            Some(Alarm::Rollback { seen, offered })
        }
        _ => None,
    }
}
