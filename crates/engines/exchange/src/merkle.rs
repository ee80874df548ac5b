//! Merkle trees over lists of digests: one signature for many, and a short proof for each.
//!
//! The shape is that of RFC 6962 §2.1: leaves and nodes are hashed under different prefixes, and a list of *n* splits
//! at the largest power of two below *n*. Leaves also carry the tree's domain, so that a leaf of one kind of tree
//! proves nothing in another.

use model::Digest;
use sha2::{Digest as _, Sha256};

/// The deepest proof that is looked at: enough for 2^32 leaves.
pub const MAX_PATH: usize = 32;

/// A list of digests, hashed level by level.
#[derive(Debug, Clone)]
pub struct Tree {
    /// From the leaves up. A node without a sibling stands unchanged on the next level.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over `items`, in order. An empty list has the root of RFC 6962: the hash of nothing.
    #[must_use]
    pub fn new(domain: &str, items: impl IntoIterator<Item = Digest>) -> Self {
        let leaves: Vec<Digest> = items.into_iter().map(|item| leaf(domain, &item)).collect();
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, odd) = below.as_chunks::<2>();
            let mut level: Vec<Digest> = pairs.iter().map(|[left, right]| node(left, right)).collect();
            level.extend_from_slice(odd);
            levels.push(level);
        }
        Self { levels }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        let top = self.levels.last().and_then(|level| level.first()).copied();
        top.unwrap_or_else(|| Digest(Sha256::digest([]).into()))
    }

    /// The siblings from a leaf up to the root; `None` beyond the last leaf.
    #[must_use]
    pub fn path(&self, index: usize) -> Option<Vec<Digest>> {
        self.levels.first()?.get(index)?;
        let mut path = Vec::new();
        let mut at = index;
        for level in &self.levels {
            // The last one of an odd level has no sibling, and goes up as it is.
            path.extend(level.get(at ^ 1).copied());
            at >>= 1;
        }
        Some(path)
    }
}

/// The root that `item` at `index` of `count` leads to by this path (RFC 9162 §2.1.3.2); `None` when the path has not
/// the length that this place in a tree of this size has.
#[must_use]
pub fn climb(domain: &str, item: &Digest, index: u64, count: u64, path: &[Digest]) -> Option<Digest> {
    if index >= count || path.len() > MAX_PATH {
        return None;
    }
    let (mut at, mut last) = (index, count.checked_sub(1)?);
    let mut hash = leaf(domain, item);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            // Levels on which this node is the odd one out have no sibling.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

fn leaf(domain: &str, item: &Digest) -> Digest {
    let hash = Sha256::new()
        .chain_update([0])
        .chain_update(domain.as_bytes())
        .chain_update([0])
        .chain_update(item.0)
        .finalize();
    Digest(hash.into())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}
