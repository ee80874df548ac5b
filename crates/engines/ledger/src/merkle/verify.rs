//! Verifying proofs: total, without a reader, in a number of steps that the sizes give.

use model::Digest;

use super::prove::{Descent, Side, check_inside};
use super::{EMPTY, ProofError, node_hash, split};

/// Verifies that the tree of `size` leaves with `root` has `leaf` at `index` (RFC 6962 §2.1.1).
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Digest,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    verify_subtree_inclusion(index, 0, size, leaf, proof, root)
}

/// Verifies that the tree of `size` leaves with `root` begins with the tree of `old` leaves with `old_root`
/// (RFC 6962 §2.1.2; C2SP merkle-tree for `old` = 0, with which every tree is consistent).
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(
    old: u64,
    size: u64,
    proof: &[Digest],
    old_root: &Digest,
    root: &Digest,
) -> Result<(), ProofError> {
    if old == size && old_root != root {
        return Err(ProofError::Mismatch);
    }
    verify_subtree_consistency(0, old, size, proof, old_root, root)
}

/// Verifies that the subtree `[start, end)` with `root` has `leaf` at `index`.
///
/// # Errors
/// [`ProofError`].
pub fn verify_subtree_inclusion(
    index: u64,
    start: u64,
    end: u64,
    leaf: &Digest,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    check_inside(start, end, index)?;
    let (mut low, mut high) = (start, end);
    // Whether the way goes left, from the root down.
    let mut left = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        left.push(index < middle);
        if index < middle {
            high = middle;
        } else {
            low = middle;
        }
    }
    check_length(proof, left.len())?;
    let way = left.iter().rev().zip(proof);
    let found = way.fold(
        *leaf,
        |hash, (left, sibling)| {
            if *left { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
        },
    );
    if found == *root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Verifies that the tree of `size` leaves with `root` contains the subtree `[start, end)` with `subtree_root`.
///
/// An empty subtree is contained in every tree, so `root` is not looked at for one.
///
/// # Errors
/// [`ProofError`].
pub fn verify_subtree_consistency(
    start: u64,
    end: u64,
    size: u64,
    proof: &[Digest],
    subtree_root: &Digest,
    root: &Digest,
) -> Result<(), ProofError> {
    let descent = Descent::new(start, end, size)?;
    if start == end {
        check_length(proof, 0)?;
        return if *subtree_root == EMPTY { Ok(()) } else { Err(ProofError::Mismatch) };
    }
    let expected = descent.steps.len() + usize::from(descent.seed.is_some());
    check_length(proof, expected)?;
    let (seed, siblings) = match (descent.seed, proof.split_first()) {
        (Some(_), Some((seed, siblings))) => (*seed, siblings),
        _ => (*subtree_root, proof),
    };
    let (mut part, mut whole) = (seed, seed);
    for (step, sibling) in descent.steps.iter().rev().zip(siblings) {
        match step.side {
            Side::Right => whole = node_hash(&whole, sibling),
            Side::Left => whole = node_hash(sibling, &whole),
            Side::Shared => {
                part = node_hash(sibling, &part);
                whole = node_hash(sibling, &whole);
            }
        }
    }
    if part == *subtree_root && whole == *root { Ok(()) } else { Err(ProofError::Mismatch) }
}

fn check_length(proof: &[Digest], expected: usize) -> Result<(), ProofError> {
    if proof.len() == expected { Ok(()) } else { Err(ProofError::Length { found: proof.len(), expected }) }
}
