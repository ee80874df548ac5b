//! By what a file is known again: where it lies, and how it begins.

use sha2::{Digest as _, Sha256};

/// How much of a file's beginning tells it from others that lie in its place: 64 KiB.
pub(super) const DEEP: usize = 64 << 10;
/// A beginning that is shorter tells nothing about other files: a day's first line may be that of any day.
pub(super) const TELLING: u64 = 512;

/// Where a file lies: its device and inode. The number is given again when the file is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What a file's first bytes come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Print {
    /// How many bytes, at most [`DEEP`].
    pub(super) length: u64,
    /// Eight bytes of their SHA-256.
    pub(super) hash: u64,
    /// The same of the first [`TELLING`] of them; 0 when there are fewer.
    pub(super) brief: u64,
}

impl Print {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut deep = Deep::default();
        deep.feed(0, bytes);
        deep.print()
    }

    /// Whether these first bytes of a file are those.
    pub(super) fn fits(self, first: &[u8]) -> bool {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        first.get(..length).is_some_and(|same| Self::of(same) == self)
    }
}

/// The print of a file that is being read.
#[derive(Clone, Default)]
pub(super) struct Deep {
    hash: Sha256,
    brief: Sha256,
    length: u64,
}

impl Deep {
    /// Takes in what stands at `offset`, as far as it was not taken in before.
    pub(super) fn feed(&mut self, offset: u64, bytes: &[u8]) {
        let Some(known) = self.length.checked_sub(offset) else { return };
        let room = usize::try_from((DEEP as u64).saturating_sub(self.length)).unwrap_or(0);
        let fresh = usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default();
        let fresh = fresh.get(..room).unwrap_or(fresh);
        let brief = usize::try_from(TELLING.saturating_sub(self.length)).unwrap_or(0);
        self.brief.update(fresh.get(..brief).unwrap_or(fresh));
        self.hash.update(fresh);
        self.length += fresh.len() as u64;
    }

    pub(super) fn print(&self) -> Print {
        let brief = if self.length < TELLING { 0 } else { short(&self.brief).max(1) };
        Print { length: self.length, hash: short(&self.hash), brief }
    }
}

fn short(hash: &Sha256) -> u64 {
    let hash: [u8; 32] = hash.clone().finalize().into();
    hash.first_chunk::<8>().map(|first| u64::from_le_bytes(*first)).unwrap_or_default()
}

/// What a packed or converted file's size and date come to; never 0. When it changes, the file is read again.
pub(super) fn stamp(size: u64, modified: i64) -> u64 {
    (size.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ modified.cast_unsigned()) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_is_of_the_first_bytes_however_they_come() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0] ^ 7).collect();
        let whole = Print::of(&bytes);
        assert_eq!(whole.length, DEEP as u64);
        let mut deep = Deep::default();
        for begin in (0..bytes.len()).step_by(1_000) {
            // Each piece overlaps the one before.
            let from = begin.saturating_sub(300);
            deep.feed(from as u64, &bytes[from..begin + 1_000]);
        }
        assert_eq!(deep.print(), whole);
        assert!(whole.fits(&bytes) && !whole.fits(&bytes[..100]) && !whole.fits(&bytes[1..]));
        // A gap is not passed over.
        let mut deep = Deep::default();
        deep.feed(10, &bytes);
        assert_eq!(deep.print(), Print::of(b""));
        assert!(Print::of(b"").fits(b"anything"));
        // The brief one is the same as soon as there is enough.
        assert_eq!(Print::of(&bytes[..511]).brief, 0);
        assert_eq!(Print::of(&bytes[..512]).brief, whole.brief);
    }
}
