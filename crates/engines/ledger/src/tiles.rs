//! C2SP tlog-tiles: a tree and its entries as a set of files that never change.
//!
//! Our entries are commitments of 32 bytes ([`crate::entry`]); an entry bundle holds nothing else.

use std::fmt;
use std::str::FromStr;

use model::Digest;

use crate::merkle::{Frontier, HashReader, ProofError, leaf_hash, verify_subtree_consistency};

/// Hashes in a full tile, and entries in a full bundle.
pub const FULL: u16 = 256;

/// Levels a tree can have: the specification's paths go up to 63, but a hash at level 8 would take 2^64 leaves.
const LEVELS: u8 = 8;

/// One tile or entry bundle: which, and how wide. Its `Display` is its path below the log's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// `None` for entries.
    level: Option<u8>,
    index: u64,
    width: u16,
}

/// A tile's path or content is not what the specification says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// No such path.
    #[error("`{0}` is not the path of a tile; one is `tile/0/x001/067` or `tile/entries/000.p/12`")]
    Path(String),
    /// Not as many bytes as the width says.
    #[error("{tile}: {found} bytes where {expected} are needed")]
    Length {
        /// Which tile.
        tile: Tile,
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// An entry that is no commitment: our entries have exactly 32 bytes.
    #[error("{tile}: entry {at} is not a commitment of 32 bytes")]
    Entry {
        /// Which bundle.
        tile: Tile,
        /// Which entry of it.
        at: usize,
    },
    /// A hash of the tile and an entry of the bundle are not of one leaf.
    #[error("{tile}: entry {at} is not the one the tile has the hash of")]
    Differs {
        /// Which bundle.
        tile: Tile,
        /// Which entry of it.
        at: usize,
    },
    /// The tile is not in the tree.
    #[error("{tile}: {error}")]
    NotInTree {
        /// Which tile.
        tile: Tile,
        /// Why.
        error: ProofError,
    },
}

impl Tile {
    /// The hash tile `index` of a level (0 to 7) in a tree of `size` leaves, as wide as it is there; `None` when the tree
    /// has no such tile.
    #[must_use]
    pub fn hashes(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = if level < LEVELS { size >> (8 * level) } else { 0 };
        let width = hashes.saturating_sub(index.checked_mul(FULL.into())?).min(FULL.into());
        (width > 0).then(|| Self { level: Some(level), index, width: u16::try_from(width).unwrap_or(FULL) })
    }

    /// The bundle `index` of a tree of `size` leaves.
    #[must_use]
    pub fn entries(index: u64, size: u64) -> Option<Self> {
        Self::hashes(0, index, size).map(|tile| Self { level: None, ..tile })
    }

    /// Its level; `None` for an entry bundle.
    #[must_use]
    pub const fn level(&self) -> Option<u8> {
        self.level
    }

    /// Its place in its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in it: 1 to 256. Less than 256 makes a partial tile.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// What a tree of `size` leaves has that one of `old` leaves had not: hash tiles of all levels and entry bundles. What
    /// was partial and has grown is among them.
    pub fn since(old: u64, size: u64) -> impl Iterator<Item = Self> {
        let levels = [None].into_iter().chain((0..LEVELS).map(Some));
        levels.flat_map(move |level| {
            let (before, now) = (old >> (8 * level.unwrap_or(0)), size >> (8 * level.unwrap_or(0)));
            let indexes =
                if before < now { before / u64::from(FULL)..now.div_ceil(FULL.into()) } else { 0..0 };
            indexes.filter_map(move |index| match level {
                None => Self::entries(index, size),
                Some(level) => Self::hashes(level, index, size),
            })
        })
    }

    /// The leaves below it, `[start, end)`. They are a subtree.
    #[must_use]
    pub fn leaves(&self) -> (u64, u64) {
        let shift = 8 * u32::from(self.level.unwrap_or(0));
        let start = self.index.saturating_mul(FULL.into());
        let end = start.saturating_add(self.width.into());
        (start.saturating_mul(1 << shift), end.saturating_mul(1 << shift))
    }

    /// The content of a hash tile: its hashes one after the other. `None` for an entry bundle, or when one is missing.
    #[must_use]
    pub fn write(&self, hashes: &dyn HashReader) -> Option<Vec<u8>> {
        let level = self.level?.checked_mul(8)?;
        let start = self.index.checked_mul(FULL.into())?;
        let mut out = Vec::with_capacity(32 * usize::from(self.width));
        for index in start..start.checked_add(self.width.into())? {
            out.extend(hashes.hash(level, index)?.0);
        }
        Some(out)
    }

    /// Reads the content of a hash tile.
    ///
    /// # Errors
    /// [`TileError::Length`].
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        self.check_length(bytes, 32)?;
        Ok(bytes.as_chunks::<32>().0.iter().copied().map(Digest).collect())
    }

    /// The content of an entry bundle: each commitment behind its length, a big-endian `u16`.
    #[must_use]
    pub fn write_entries(commitments: &[Digest]) -> Vec<u8> {
        commitments.iter().flat_map(|commitment| [0, 32].into_iter().chain(commitment.0)).collect()
    }

    /// Reads the content of an entry bundle.
    ///
    /// # Errors
    /// [`TileError::Length`] or [`TileError::Entry`].
    pub fn read_entries(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        self.check_length(bytes, 34)?;
        let read = |(at, entry): (usize, &[u8; 34])| match entry {
            [0, 32, commitment @ ..] => Ok(Digest(*commitment)),
            _ => Err(TileError::Entry { tile: *self, at }),
        };
        bytes.as_chunks::<34>().0.iter().enumerate().map(read).collect()
    }

    /// Verifies that the tree of `size` leaves with `root` has this hash tile; `proof` is the subtree consistency proof of
    /// [`Self::leaves`].
    ///
    /// # Errors
    /// [`TileError::Length`] or [`TileError::NotInTree`].
    pub fn verify(
        &self,
        hashes: &[Digest],
        proof: &[Digest],
        size: u64,
        root: &Digest,
    ) -> Result<(), TileError> {
        if hashes.len() != usize::from(self.width) {
            let expected = 32 * usize::from(self.width);
            return Err(TileError::Length { tile: *self, found: 32 * hashes.len(), expected });
        }
        let mut top = Frontier::new();
        hashes.iter().for_each(|hash| top.append(*hash));
        let (start, end) = self.leaves();
        verify_subtree_consistency(start, end, size, proof, &top.root(), root)
            .map_err(|error| TileError::NotInTree { tile: *self, error })
    }

    /// Verifies that an entry bundle is of the leaves whose hashes are in the level 0 tile of the same place.
    ///
    /// # Errors
    /// [`TileError::Length`] or [`TileError::Differs`].
    pub fn verify_entries(&self, commitments: &[Digest], hashes: &[Digest]) -> Result<(), TileError> {
        if commitments.len() != hashes.len() {
            let (found, expected) = (34 * commitments.len(), 34 * hashes.len());
            return Err(TileError::Length { tile: *self, found, expected });
        }
        match commitments.iter().zip(hashes).position(|(entry, hash)| leaf_hash(&entry.0) != *hash) {
            None => Ok(()),
            Some(at) => Err(TileError::Differs { tile: *self, at }),
        }
    }

    fn check_length(&self, bytes: &[u8], each: usize) -> Result<(), TileError> {
        let (found, expected) = (bytes.len(), each * usize::from(self.width));
        if found == expected { Ok(()) } else { Err(TileError::Length { tile: *self, found, expected }) }
    }
}

impl fmt::Display for Tile {
    /// `tile/<level>/<index>[.p/<width>]`, the index in groups of three digits, all but the last after an `x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            None => f.write_str("tile/entries/")?,
            Some(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    /// Takes the one spelling of a path.
    fn from_str(path: &str) -> Result<Self, TileError> {
        let shown = path.chars().take(64).collect();
        parse(path).filter(|tile| tile.to_string() == path).ok_or(TileError::Path(shown))
    }
}

/// Generous: [`FromStr`] compares the spelling.
fn parse(path: &str) -> Option<Tile> {
    // The longest path of an index of 64 bits.
    if path.len() > 64 {
        return None;
    }
    let (level, index) = path.strip_prefix("tile/")?.split_once('/')?;
    let level =
        if level == "entries" { None } else { Some(level.parse().ok().filter(|level| *level < LEVELS)?) };
    let (index, width) = match index.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| (1..FULL).contains(width))?),
        None => (index, FULL),
    };
    let index = index.split('/').try_fold(0u64, |index, group| {
        let group =
            group.strip_prefix('x').unwrap_or(group).parse::<u64>().ok().filter(|group| *group < 1000)?;
        index.checked_mul(1000)?.checked_add(group)
    })?;
    Some(Tile { level, index, width })
}
