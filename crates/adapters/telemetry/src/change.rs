//! Several files changed in one step: after a power cut, all of it has happened or nothing.
//!
//! New files are written under a name that nobody reads. Then a note of what is to be renamed and what removed is
//! written and synced: from there on it will happen, if need be at the next start. A record that is both in the
//! write-ahead log and in a file, or in a small file and in a large one, is never seen twice because of it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use ports::telemetry::TelemetryError;

use crate::disk::{Disk, fault, parent};

/// What the names of notes start with. Programs that read the files leave out what starts like this.
const PREFIX: &str = "_change-";

/// What is to happen.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// From and to.
    pub(crate) renames: Vec<(PathBuf, PathBuf)>,
    /// Files that go.
    pub(crate) removals: Vec<PathBuf>,
}

/// What will happen, whatever else does.
#[derive(Debug)]
pub(crate) struct Noted {
    note: PathBuf,
    change: Change,
}

/// Why something was not noted.
#[derive(Debug)]
pub(crate) struct NotNoted {
    pub(crate) error: TelemetryError,
    /// What will not happen. `None` if it may happen at the next start, and so must not be tried otherwise before.
    pub(crate) change: Option<Change>,
}

impl Change {
    /// Notes it, under a number that no other note has. The files to be renamed must be synced.
    ///
    /// # Errors
    /// [`NotNoted`] says whether it is certain that nothing will happen.
    pub(crate) fn note(self, disk: &Disk, number: u64) -> Result<Noted, NotNoted> {
        let folders: BTreeSet<&Path> = self.renames.iter().map(|(from, _)| parent(from)).collect();
        let synced = folders.into_iter().try_for_each(|folder| disk.sync_folder(folder));
        let mut text = String::new();
        for (from, to) in &self.renames {
            text.push_str(&format!("rename\t{}\t{}\n", from.display(), to.display()));
        }
        for file in &self.removals {
            text.push_str(&format!("remove\t{}\n", file.display()));
        }
        let note = PathBuf::from(format!("{PREFIX}{number:016}.txt"));
        match synced.and_then(|()| disk.write_whole(&note, text.as_bytes())) {
            Ok(()) => Ok(Noted { note, change: self }),
            Err(error) => {
                // Whether it reached the disk is unknown: it must not be found there later.
                let taken_back = disk.remove(&note).and_then(|()| disk.sync_folder(Path::new("")));
                Err(NotNoted { error, change: taken_back.is_ok().then_some(self) })
            }
        }
    }

    /// Removes the new files. What cannot be removed is at the next start, as nobody knows its name.
    pub(crate) fn discard(&self, disk: &Disk) {
        self.renames.iter().for_each(|(from, _)| drop(disk.remove(from)));
    }

    fn parse(text: &str) -> Option<Self> {
        let mut change = Self::default();
        for line in text.lines() {
            let mut words = line.split('\t');
            match (words.next()?, words.next(), words.next(), words.next()) {
                ("rename", Some(from), Some(to), None) => change.renames.push((inside(from)?, inside(to)?)),
                ("remove", Some(file), None, None) => change.removals.push(inside(file)?),
                _ => return None,
            }
        }
        Some(change)
    }
}

/// A path that stays below the root.
fn inside(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    (plain && !text.is_empty()).then(|| path.to_owned())
}

impl Noted {
    /// Gives the new files their names.
    ///
    /// # Errors
    /// Then [`Noted::undo`] it.
    pub(crate) fn rename(&self, disk: &Disk) -> Result<(), TelemetryError> {
        self.change.renames.iter().try_for_each(|(from, to)| disk.rename(from, to))?;
        let folders: BTreeSet<&Path> = self.change.renames.iter().map(|(_, to)| parent(to)).collect();
        folders.into_iter().try_for_each(|folder| disk.sync_folder(folder))
    }

    /// Removes what goes, and the note.
    ///
    /// # Errors
    /// What is left will be removed at the next start.
    pub(crate) fn remove(&self, disk: &Disk) -> Result<(), TelemetryError> {
        self.change.removals.iter().try_for_each(|file| disk.remove(file))?;
        let folders: BTreeSet<&Path> = self.change.removals.iter().map(|file| parent(file)).collect();
        folders.into_iter().try_for_each(|folder| disk.sync_folder(folder))?;
        // The note must be gone for good before any of its names may be used again.
        disk.remove(&self.note)?;
        disk.sync_folder(Path::new(""))
    }

    /// Takes it back, as long as nothing was removed yet.
    ///
    /// # Errors
    /// Then it will happen at the next start, and must not be tried otherwise before.
    pub(crate) fn undo(self, disk: &Disk) -> Result<(), TelemetryError> {
        // In this order it happens as a whole or not at all, wherever it ends.
        self.change.renames.iter().try_for_each(|(from, to)| disk.rename(to, from))?;
        let folders: BTreeSet<&Path> = self.change.renames.iter().map(|(from, _)| parent(from)).collect();
        folders.into_iter().try_for_each(|folder| disk.sync_folder(folder))?;
        disk.remove(&self.note)?;
        disk.sync_folder(Path::new(""))?;
        self.change.discard(disk);
        Ok(())
    }
}

/// Finishes what was noted before a start.
///
/// # Errors
/// [`TelemetryError::Damaged`] names a note that cannot be read.
pub(crate) fn finish_all(disk: &Disk) -> Result<(), TelemetryError> {
    for entry in disk.list(Path::new(""))? {
        if entry.is_folder || !entry.name.starts_with(PREFIX) {
            continue;
        }
        if !entry.name.ends_with(".txt") {
            disk.remove(&entry.path)?;
            continue;
        }
        let path = disk.at(&entry.path);
        let text = std::fs::read_to_string(&path).map_err(|error| fault("read", &path, &error))?;
        let change = Change::parse(&text).ok_or_else(|| {
            TelemetryError::Damaged(format!(
                "`{}` does not say what was to be done; restore it, or remove it and expect records of that moment twice",
                path.display()
            ))
        })?;
        let noted = Noted { note: entry.path, change };
        noted.rename(disk)?;
        noted.remove(disk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(disk: &Disk) -> Vec<String> {
        disk.list(Path::new("")).unwrap().into_iter().map(|entry| entry.name).collect()
    }

    fn set_up() -> (testkit::TempDir, Disk) {
        let folder = testkit::temp_dir();
        let disk = Disk::new(folder.path().to_owned(), true);
        for name in ["_new.tmp", "old"] {
            std::fs::write(disk.at(name), b"x").unwrap();
        }
        (folder, disk)
    }

    fn change() -> Change {
        Change { renames: vec![("_new.tmp".into(), "new".into())], removals: vec!["old".into()] }
    }

    #[test]
    fn what_is_noted_happens_at_the_next_start() {
        for steps in 0..3 {
            let (_folder, disk) = set_up();
            let noted = change().note(&disk, 7).unwrap();
            if steps > 0 {
                noted.rename(&disk).unwrap();
            }
            if steps > 1 {
                disk.remove(Path::new("old")).unwrap();
            }
            drop(noted);
            finish_all(&disk).unwrap();
            assert_eq!(files(&disk), ["new"], "{steps}");
            finish_all(&disk).unwrap();
            assert_eq!(files(&disk), ["new"]);
        }
    }

    #[test]
    fn what_is_not_noted_does_not_happen() {
        let (_folder, disk) = set_up();
        std::fs::write(disk.at("_change-0000000000000007.tmp"), b"rename\t_new.tmp\tnew\n").unwrap();
        finish_all(&disk).unwrap();
        assert_eq!(files(&disk), ["_new.tmp", "old"]);
    }

    #[test]
    fn undone() {
        let (_folder, disk) = set_up();
        let noted = change().note(&disk, 7).unwrap();
        noted.rename(&disk).unwrap();
        noted.undo(&disk).unwrap();
        assert_eq!(files(&disk), ["old"]);
    }

    #[test]
    fn a_note_that_says_something_else_is_named() {
        for text in ["remove\t../../etc/passwd\n", "remove\t/etc/passwd\n", "copy\ta\tb\n", "remove\n", "\n"]
        {
            let (_folder, disk) = set_up();
            std::fs::write(disk.at("_change-0000000000000007.txt"), text).unwrap();
            let error = finish_all(&disk).unwrap_err();
            assert!(error.to_string().contains("_change-0000000000000007.txt"), "{error}");
            assert_eq!(files(&disk).len(), 3);
        }
    }
}
