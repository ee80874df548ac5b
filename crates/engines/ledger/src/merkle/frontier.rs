//! The right edge of a tree: enough to append and to know the root.

use model::Digest;

use super::{EMPTY, HashReader, ProofError, node_hash, prove::range_hash};

/// The roots of the perfect subtrees a tree consists of, largest first: at most 64 hashes for any tree.
///
/// Two frontiers are equal when their trees are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// A frontier from its parts, as [`Self::size`] and [`Self::peaks`] give them.
    ///
    /// # Errors
    /// [`ProofError::Length`] when the number of peaks is not the number of ones in the size.
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Result<Self, ProofError> {
        let expected = size.count_ones() as usize;
        if peaks.len() == expected {
            Ok(Self { size, peaks })
        } else {
            Err(ProofError::Length { found: peaks.len(), expected })
        }
    }

    /// The frontier of the first `size` leaves.
    ///
    /// # Errors
    /// [`ProofError::Missing`] when the reader does not have them.
    pub fn of(size: u64, hashes: &dyn HashReader) -> Result<Self, ProofError> {
        let mut peaks = Vec::new();
        let mut start = 0;
        while let Some(level) = (size - start).checked_ilog2() {
            let end = start + (1 << level);
            peaks.push(range_hash(hashes, start, end)?);
            start = end;
        }
        Ok(Self { size, peaks })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, largest subtree first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return EMPTY };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Digest) {
        self.append_with(leaf, |_, _| ());
    }

    /// Appends a leaf and tells of every perfect subtree that it completes: its level (0 for the leaf itself) and hash.
    pub(crate) fn append_with(&mut self, leaf: Digest, mut completed: impl FnMut(u8, Digest)) {
        let (mut hash, mut level, mut size) = (leaf, 0, self.size);
        completed(level, hash);
        while size & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            size >>= 1;
            level += 1;
            completed(level, hash);
        }
        self.peaks.push(hash);
        // 2^64 leaves are out of reach of any clock.
        self.size = self.size.saturating_add(1);
    }
}
