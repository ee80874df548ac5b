//! What is on a disk after a power cut.

use std::collections::BTreeMap;

/// Disks write a sector whole or not at all.
const SECTOR: usize = 512;

/// Something asked of the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A file was made or opened.
    Open {
        /// Its name within the folder.
        file: String,
    },
    /// Bytes were written, but may not be on the disk yet.
    Write {
        /// Its name within the folder.
        file: String,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut or extended.
    Truncate {
        /// Its name within the folder.
        file: String,
        /// To how many bytes.
        size: u64,
    },
    /// Everything asked of a file so far is on the disk.
    Sync {
        /// Its name within the folder.
        file: String,
    },
    /// A file was removed.
    Delete {
        /// Its name within the folder.
        file: String,
        /// Whether the folder was synced after it.
        synced: bool,
    },
    /// Nothing was asked: the test notes something of its own.
    Mark(u64),
}

/// What does not make it to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it does: the process died, the machine did not.
    Nothing,
    /// Of what was not synced an arbitrary part, chosen by the seed: writes are lost in any order, or torn.
    Unsynced(u64),
}

/// A file as it is surely on the disk, and what has been asked of it since.
#[derive(Debug, Default)]
struct File<'o> {
    synced: Option<Vec<u8>>,
    since: Vec<&'o Operation>,
}

/// The files that are found after these operations and a loss.
#[must_use]
pub fn disk(operations: &[Operation], loss: Loss) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<&str, File<'_>> = BTreeMap::new();
    for operation in operations {
        match operation {
            Operation::Mark(_) => {}
            Operation::Sync { file } => {
                let file = files.entry(file).or_default();
                let synced = file
                    .since
                    .drain(..)
                    .fold(file.synced.take(), |content, operation| apply(content, operation, &mut |_| true));
                file.synced = synced;
            }
            Operation::Open { file }
            | Operation::Write { file, .. }
            | Operation::Truncate { file, .. }
            | Operation::Delete { file, synced: false } => {
                files.entry(file).or_default().since.push(operation)
            }
            Operation::Delete { file, synced: true } => {
                files.remove(file.as_str());
            }
        }
    }
    let mut luck = Luck(match loss {
        Loss::Nothing => None,
        Loss::Unsynced(seed) => Some(seed),
    });
    let mut found = BTreeMap::new();
    for (name, file) in files {
        let mut content = file.synced;
        for operation in file.since {
            match luck.fate() {
                Fate::Kept => content = apply(content, operation, &mut |_| true),
                Fate::Torn => content = apply(content, operation, &mut |_| luck.even()),
                Fate::Lost => {}
            }
        }
        found.extend(content.map(|content| (name.to_owned(), content)));
    }
    found
}

/// A file after an operation of which only the sectors that `kept` says take effect.
fn apply(
    content: Option<Vec<u8>>,
    operation: &Operation,
    kept: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<u8>> {
    let mut file = content.unwrap_or_default();
    match operation {
        Operation::Write { offset, bytes, .. } => {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            for (place, sector) in bytes.chunks(SECTOR).enumerate() {
                if kept(place) {
                    let (from, to) = (start + place * SECTOR, start + place * SECTOR + sector.len());
                    file.resize(file.len().max(to), 0);
                    if let Some(target) = file.get_mut(from..to) {
                        target.copy_from_slice(sector);
                    }
                }
            }
        }
        Operation::Truncate { size, .. } => file.resize(usize::try_from(*size).unwrap_or(usize::MAX), 0),
        Operation::Delete { .. } => return None,
        Operation::Open { .. } | Operation::Sync { .. } | Operation::Mark(_) => {}
    }
    Some(file)
}

enum Fate {
    Kept,
    Torn,
    Lost,
}

/// A stream of chances (splitmix64); without a seed all goes well.
struct Luck(Option<u64>);

impl Luck {
    fn draw(&mut self) -> Option<u64> {
        let state = self.0.as_mut()?;
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ mixed >> 31)
    }

    fn even(&mut self) -> bool {
        self.draw().is_none_or(|drawn| drawn % 2 == 0)
    }

    fn fate(&mut self) -> Fate {
        match self.draw().map(|drawn| drawn % 5) {
            None | Some(0 | 1) => Fate::Kept,
            Some(2) => Fate::Torn,
            Some(_) => Fate::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &str, offset: u64, bytes: &[u8]) -> Operation {
        Operation::Write { file: file.to_owned(), offset, bytes: bytes.to_vec() }
    }

    fn sync(file: &str) -> Operation {
        Operation::Sync { file: file.to_owned() }
    }

    #[test]
    fn nothing_lost_is_the_file_as_written() {
        let operations = [
            write("a", 0, b"hello"),
            write("a", 7, b"x"),
            Operation::Truncate { file: "a".to_owned(), size: 6 },
            write("b", 0, b"gone"),
            Operation::Delete { file: "b".to_owned(), synced: false },
        ];
        let found = disk(&operations, Loss::Nothing);
        assert_eq!(found, BTreeMap::from([("a".to_owned(), b"hello\0".to_vec())]));
    }

    #[test]
    fn what_was_synced_is_never_lost_and_the_rest_sometimes() {
        let operations =
            [write("a", 0, &[1; 1024]), sync("a"), write("a", 1024, &[2; 1024]), write("a", 0, &[3; 512])];
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let file = disk(&operations, Loss::Unsynced(seed)).remove("a").unwrap();
            assert!(file[512..1024].iter().all(|byte| *byte == 1));
            assert!(file[..512].iter().all(|byte| *byte == file[0]), "a sector is whole");
            seen.insert((file[0], file.len()));
        }
        let outcomes: Vec<_> = seen.into_iter().collect();
        assert_eq!(outcomes, [(1, 1024), (1, 1536), (1, 2048), (3, 1024), (3, 1536), (3, 2048)]);
    }
}
