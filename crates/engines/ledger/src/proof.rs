//! C2SP tlog-proof: one file that proves offline that a leaf is in a log that witnesses have seen.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Digest;

use crate::checkpoint::{CheckpointError, SignedCheckpoint, decimal, hash};
use crate::merkle::{ProofError, verify_inclusion};
use crate::note::NoteKey;
use crate::policy::{Evaluation, Policy};

/// The suffix of a proof's file name.
pub const FILE_SUFFIX: &str = ".tlog-proof";

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves has this many hashes above a leaf.
const MAX_HASHES: usize = 64;
/// Bytes of extra data, decoded.
const MAX_EXTRA: usize = 64 << 10;

/// An inclusion proof with the checkpoint it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Data for the application; nothing vouches for it. We put the opening of the leaf here when it is to be shown.
    pub extra: Option<Vec<u8>>,
    /// Which leaf.
    pub index: u64,
    /// From the leaf's sibling up.
    pub hashes: Vec<Digest>,
    /// Signed by the log, cosigned by witnesses.
    pub checkpoint: SignedCheckpoint,
}

/// A proof file cannot be read, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not such a file.
    #[error("not a tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is none, or not signed by the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The leaf is not in the tree.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
    /// Too few witnesses.
    #[error("too few witnesses have cosigned: {}", .0.join(", "))]
    NoQuorum(Vec<String>),
}

impl Proof {
    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            let _ = writeln!(text, "extra {}", STANDARD.encode(extra));
        }
        let _ = writeln!(text, "index {}", self.index);
        for hash in &self.hashes {
            let _ = writeln!(text, "{}", STANDARD.encode(hash.0));
        }
        text.push('\n');
        text.push_str(self.checkpoint.note());
        text
    }

    /// Reads a proof file. Nothing is verified yet.
    ///
    /// # Errors
    /// [`TlogProofError::Malformed`] or [`TlogProofError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let fail = TlogProofError::Malformed;
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(fail("the first line is not `c2sp.org/tlog-proof@v1`"))?;
        let (head, note) = rest.split_once("\n\n").ok_or(fail("no empty line before the checkpoint"))?;
        if head.len() > MAX_EXTRA * 2 {
            return Err(fail("too long before the checkpoint"));
        }
        let mut lines = head.split('\n').peekable();
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            None => None,
            Some(encoded) => {
                let extra = STANDARD.decode(encoded).ok().filter(|extra| extra.len() <= MAX_EXTRA);
                lines.next();
                Some(extra.ok_or(fail("the extra data is not base64, or above 64 KiB"))?)
            }
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(fail("no line with `index` and a number"))?;
        let hashes: Option<Vec<Digest>> = lines.map(hash).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= MAX_HASHES);
        let hashes = hashes.ok_or(fail("the proof is not at most 64 hashes in base64"))?;
        Ok(Self { extra, index, hashes, checkpoint: SignedCheckpoint::parse(note)? })
    }

    /// Verifies that `leaf` (a leaf hash) is in the log, that one of the log's keys signed the checkpoint, and that the
    /// policy's quorum cosigned it. A policy that names logs accepts no others.
    ///
    /// # Errors
    /// [`TlogProofError`].
    pub fn verify(
        &self,
        leaf: &Digest,
        log: &[NoteKey],
        policy: &Policy,
    ) -> Result<Evaluation, TlogProofError> {
        let accepted: Vec<NoteKey> = log
            .iter()
            .filter(|key| policy.logs().is_empty() || policy.logs().contains(key))
            .cloned()
            .collect();
        self.checkpoint.verify_log(&accepted)?;
        let evaluation = policy.evaluate(&self.checkpoint)?;
        if !evaluation.satisfied {
            return Err(TlogProofError::NoQuorum(evaluation.missing));
        }
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(self.index, checkpoint.size, leaf, &self.hashes, &checkpoint.root)?;
        Ok(evaluation)
    }
}
