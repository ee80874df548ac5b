//! Making proofs (RFC 6962 §2.1.1 and §2.1.2, and their generalisation to subtrees).

use model::Digest;

use super::{EMPTY, ProofError, fold, is_subtree, node_hash, split};

/// Where the hashes of a tree are read from.
pub trait HashReader {
    /// The hash of the perfect subtree of `2^level` leaves that begins at leaf `index << level`; `None` when it is not at
    /// hand, which it never is for a subtree that is not full yet.
    fn hash(&self, level: u8, index: u64) -> Option<Digest>;
}

/// A [`HashReader`] over leaf hashes alone: every node is computed anew. For small trees and tests.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a>(pub &'a [Digest]);

impl HashReader for Leaves<'_> {
    fn hash(&self, level: u8, index: u64) -> Option<Digest> {
        let length = 1usize.checked_shl(level.into())?;
        let start = usize::try_from(index).ok()?.checked_mul(length)?;
        self.0.get(start..start.checked_add(length)?).map(fold)
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`ProofError::Missing`].
pub fn root(hashes: &dyn HashReader, size: u64) -> Result<Digest, ProofError> {
    if size == 0 { Ok(EMPTY) } else { range_hash(hashes, 0, size) }
}

/// The proof that leaf `index` is in the tree of `size` leaves.
///
/// # Errors
/// [`ProofError::NotInside`] or [`ProofError::Missing`].
pub fn inclusion_proof(hashes: &dyn HashReader, size: u64, index: u64) -> Result<Vec<Digest>, ProofError> {
    subtree_inclusion_proof(hashes, 0, size, index)
}

/// The proof that the tree of `size` leaves begins with the tree of `old` leaves. Empty when `old` is 0 or `size`.
///
/// # Errors
/// [`ProofError::TooSmall`] or [`ProofError::Missing`].
pub fn consistency_proof(hashes: &dyn HashReader, old: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
    subtree_consistency_proof(hashes, 0, old, size)
}

/// The proof that leaf `index` is in the subtree `[start, end)`.
///
/// # Errors
/// [`ProofError::NotASubtree`], [`ProofError::NotInside`] or [`ProofError::Missing`].
pub fn subtree_inclusion_proof(
    hashes: &dyn HashReader,
    start: u64,
    end: u64,
    index: u64,
) -> Result<Vec<Digest>, ProofError> {
    check_inside(start, end, index)?;
    let (mut low, mut high) = (start, end);
    let mut proof = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range_hash(hashes, middle, high)?);
            high = middle;
        } else {
            proof.push(range_hash(hashes, low, middle)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `size` leaves contains the subtree `[start, end)`.
///
/// # Errors
/// [`ProofError::NotASubtree`], [`ProofError::TooSmall`] or [`ProofError::Missing`].
pub fn subtree_consistency_proof(
    hashes: &dyn HashReader,
    start: u64,
    end: u64,
    size: u64,
) -> Result<Vec<Digest>, ProofError> {
    let descent = Descent::new(start, end, size)?;
    let mut proof = Vec::new();
    if let Some((low, high)) = descent.seed {
        proof.push(range_hash(hashes, low, high)?);
    }
    for step in descent.steps.iter().rev() {
        proof.push(range_hash(hashes, step.low, step.high)?);
    }
    Ok(proof)
}

pub(super) fn check_inside(start: u64, end: u64, index: u64) -> Result<(), ProofError> {
    if !is_subtree(start, end) {
        return Err(ProofError::NotASubtree { start, end });
    }
    if (start..end).contains(&index) { Ok(()) } else { Err(ProofError::NotInside { index, start, end }) }
}

/// The way from the root of a tree down to a subtree, which has at most 64 steps: the tree halves at each.
#[derive(Debug)]
pub(super) struct Descent {
    /// From the root down.
    pub(super) steps: Vec<Step>,
    /// Where the subtree is not one node of the tree: its last part, whose hash begins the proof.
    pub(super) seed: Option<(u64, u64)>,
}

/// The sibling that is passed by.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Left of the subtree.
    Left,
    /// Right of it.
    Right,
    /// Left of the way, and a part of the subtree.
    Shared,
}

impl Descent {
    pub(super) fn new(start: u64, end: u64, size: u64) -> Result<Self, ProofError> {
        if !is_subtree(start, end) {
            return Err(ProofError::NotASubtree { start, end });
        }
        if end > size {
            return Err(ProofError::TooSmall { end, size });
        }
        let mut descent = Self { steps: Vec::new(), seed: None };
        if start == end {
            return Ok(descent);
        }
        let (mut low, mut high, mut start) = (0, size, start);
        while (low, high) != (start, end) && high - low > 1 {
            let middle = low + split(high - low);
            if end <= middle {
                descent.steps.push(Step { low: middle, high, side: Side::Right });
                high = middle;
            } else if start >= middle {
                descent.steps.push(Step { low, high: middle, side: Side::Left });
                low = middle;
            } else {
                // A subtree that crosses the middle begins where the node does.
                descent.steps.push(Step { low, high: middle, side: Side::Shared });
                low = middle;
                start = middle;
            }
        }
        if descent.steps.iter().any(|step| step.side == Side::Shared) {
            descent.seed = Some((low, high));
        }
        Ok(descent)
    }
}

/// The hash above `[low, high)`, which is not empty and a subtree. Recurses at most 64 deep.
pub(super) fn range_hash(hashes: &dyn HashReader, low: u64, high: u64) -> Result<Digest, ProofError> {
    let length = high - low;
    if length.is_power_of_two() {
        let level = u8::try_from(length.trailing_zeros()).unwrap_or(u8::MAX);
        let index = low >> level;
        return hashes.hash(level, index).ok_or(ProofError::Missing { level, index });
    }
    let middle = low + split(length);
    Ok(node_hash(&range_hash(hashes, low, middle)?, &range_hash(hashes, middle, high)?))
}
