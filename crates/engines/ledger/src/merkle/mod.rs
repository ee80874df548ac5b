//! Merkle trees as in RFC 6962 §2.1 and C2SP merkle-tree: SHA-256, leaves prefixed `0x00`, nodes `0x01`.
//!
//! A range of leaves `[start, end)` is a *subtree* when it is what a tree that ends at `end` has above those leaves
//! (draft-ietf-plants-merkle-tree-certs §4). A whole tree is the subtree `[0, size)` and a leaf is `[n, n + 1)`, so one
//! pair of functions makes and one pair verifies every kind of proof.

mod frontier;
mod prove;
mod tree;
mod verify;

use model::Digest;
use sha2::{Digest as _, Sha256};

pub use frontier::Frontier;
pub use prove::{
    HashReader, Leaves, consistency_proof, inclusion_proof, root, subtree_consistency_proof,
    subtree_inclusion_proof,
};
pub use tree::{TileReader, Tree};
pub use verify::{
    verify_consistency, verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};

/// The root of a tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub const EMPTY: Digest = Digest([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of a leaf: SHA-256 of `0x00` and the entry (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of a node: SHA-256 of `0x01` and its children (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut block = [1; 65];
    let (prefixed, last) = block.split_at_mut(33);
    for (slot, byte) in prefixed.iter_mut().skip(1).zip(left.0) {
        *slot = byte;
    }
    last.copy_from_slice(&right.0);
    Digest(Sha256::digest(block).into())
}

/// Whether `[start, end)` is a subtree: `start` is a multiple of the smallest power of two that `end - start` fits in.
/// Empty ranges are (draft-ietf-plants-merkle-tree-certs §4.1).
#[must_use]
pub const fn is_subtree(start: u64, end: u64) -> bool {
    match end.checked_sub(start) {
        None => false,
        Some(0) => true,
        // Beyond 2^63 leaves the power of two is 2^64, of which only zero is a multiple.
        Some(length) => match length.checked_next_power_of_two() {
            Some(power) => start & (power - 1) == 0,
            None => start == 0,
        },
    }
}

/// Why a proof cannot be made, or does not prove what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies outside.
    #[error("leaf {index} is not in [{start}, {end})")]
    NotInside {
        /// The leaf.
        index: u64,
        /// First leaf of the tree or subtree.
        start: u64,
        /// The leaf after its last.
        end: u64,
    },
    /// No tree has a node over these leaves and no others.
    #[error("[{start}, {end}) is not a subtree")]
    NotASubtree {
        /// First leaf.
        start: u64,
        /// The leaf after the last.
        end: u64,
    },
    /// A part cannot be larger than the whole; or the tree has shrunk.
    #[error("a tree of {size} leaves cannot contain the first {end}")]
    TooSmall {
        /// Where the part ends.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// Too many or too few hashes for these sizes.
    #[error("the proof has {found} hashes where {expected} are needed")]
    Length {
        /// How many there are.
        found: usize,
        /// How many it takes.
        expected: usize,
    },
    /// The hashes do not lead to the roots.
    #[error("the proof does not lead to the root")]
    Mismatch,
    /// The reader does not have a hash that is needed.
    #[error("the hash of subtree {index} at level {level} is not at hand")]
    Missing {
        /// log2 of the number of leaves below.
        level: u8,
        /// Which subtree of that level, from 0.
        index: u64,
    },
}

/// The largest power of two below `length`, which is at least 2: where RFC 6962 splits a tree.
pub(crate) fn split(length: u64) -> u64 {
    1 << length.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

/// The root above consecutive hashes of one level.
pub(crate) fn fold(hashes: &[Digest]) -> Digest {
    match hashes {
        [] => EMPTY,
        [one] => *one,
        many => {
            let (left, right) = many.split_at(usize::try_from(split(many.len() as u64)).unwrap_or(1));
            node_hash(&fold(left), &fold(right))
        }
    }
}
