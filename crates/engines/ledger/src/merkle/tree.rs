//! A growing tree in memory, and reading hashes by tiles.

use std::cell::RefCell;
use std::collections::BTreeMap;

use model::Digest;

use super::{Frontier, HashReader, fold};
use crate::tiles::{FULL, Tile};

/// Everything above the leaf tiles of a growing tree: about one hash for 255 leaves, so 126 KiB for a million.
///
/// Leaf hashes stay where they are stored; [`Tree::reader`] fetches a tile of them where a proof needs one. After a
/// restart the tree is appended to anew from the stored leaf hashes.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    frontier: Frontier,
    /// By tile level from 1: the hashes of full tiles of the level below.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { frontier: Frontier::new(), levels: Vec::new() }
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }

    /// Its right edge.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Digest) {
        let levels = &mut self.levels;
        self.frontier.append_with(leaf, |level, hash| {
            if level > 0 && level % 8 == 0 {
                // A level's first hash comes after the first of the level below.
                let at = usize::from(level / 8 - 1);
                if at == levels.len() {
                    levels.push(Vec::new());
                }
                if let Some(hashes) = levels.get_mut(at) {
                    hashes.push(hash);
                }
            }
        });
    }

    /// Reads this tree; `leaves(n)` gives the hashes of leaves `256 n` up to `256 n + 255`, as far as there are any.
    pub fn reader<'a>(
        &'a self,
        leaves: impl Fn(u64) -> Option<Vec<Digest>> + 'a,
    ) -> TileReader<impl Fn(Tile) -> Option<Vec<Digest>> + 'a> {
        TileReader::new(self.size(), move |tile| match tile.level() {
            Some(0) => leaves(tile.index()),
            Some(level) => {
                let hashes = self.levels.get(usize::from(level) - 1)?;
                let start = usize::try_from(tile.index()).ok()?.checked_mul(FULL.into())?;
                let end = start.checked_add(tile.width().into())?;
                hashes.get(start..end).map(<[Digest]>::to_vec)
            }
            None => None,
        })
    }
}

/// A [`HashReader`] over the tiles of a tree of a given size, wherever they come from: memory, a store, a web server.
///
/// Each tile is asked for once and kept for as long as the reader lives: a proof needs at most two per level. What the
/// source gives is not verified here; a proof made of it is, against the root.
pub struct TileReader<F> {
    size: u64,
    fetch: F,
    kept: RefCell<BTreeMap<Tile, Option<Vec<Digest>>>>,
}

impl<F: Fn(Tile) -> Option<Vec<Digest>>> TileReader<F> {
    /// Reads hash tiles of a tree of `size` leaves; `fetch` gives a tile's hashes, or `None` when it has none.
    pub const fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, kept: RefCell::new(BTreeMap::new()) }
    }
}

impl<F> std::fmt::Debug for TileReader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TileReader").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<F: Fn(Tile) -> Option<Vec<Digest>>> HashReader for TileReader<F> {
    fn hash(&self, level: u8, index: u64) -> Option<Digest> {
        let within = level % 8;
        let tile = Tile::hashes(level / 8, index >> (8 - within), self.size)?;
        let start = usize::try_from(index.checked_shl(within.into())? & u64::from(FULL - 1)).ok()?;
        let mut kept = self.kept.borrow_mut();
        let hashes = kept.entry(tile).or_insert_with(|| (self.fetch)(tile));
        hashes.as_ref()?.get(start..start + (1 << within)).map(fold)
    }
}
