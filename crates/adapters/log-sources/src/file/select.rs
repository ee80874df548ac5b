//! Which files a source reads, and opening one without being led elsewhere.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use ports::logs::LogError;
use rustix::fs::{Mode, OFlags};

use super::identity::Id;
use super::unpack::Packing;
use crate::config::wrong;

/// Folders below folders that are read.
const DEPTH: usize = 16;
/// Entries that are looked at in one round.
const ENTRIES: usize = 100_000;
/// Entries that are refused by name in one round.
const REFUSED: usize = 64;

/// What a path selects.
#[derive(Debug)]
pub(super) struct Selection {
    /// A file or folder; with a pattern, the folder it is matched in.
    path: PathBuf,
    pattern: Option<String>,
    recursive: bool,
}

/// A file that is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where to open it: no link.
    pub(super) path: PathBuf,
    /// What people see.
    pub(super) name: String,
    pub(super) id: Id,
    pub(super) size: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub(super) modified: i64,
    pub(super) packing: Option<Packing>,
}

impl Found {
    fn of(path: PathBuf, name: String, metadata: &Metadata) -> Self {
        let id = Id { device: metadata.dev(), inode: metadata.ino() };
        let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        let packing = Packing::of(&name);
        Self { path, name, id, size: metadata.len(), modified, packing }
    }

    /// Files are read in the order in which they were changed last.
    pub(super) const fn order(&self) -> (i64, u64) {
        (self.modified, self.id.inode)
    }
}

/// What one look came to.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order of [`Found::order`].
    pub(super) found: Vec<Found>,
    /// What cannot be read, and why.
    pub(super) refused: Vec<String>,
    /// What was named is not there, as for a moment when it is rotated.
    pub(super) missing: Option<String>,
    /// Whether not everything could be looked at: what was not found may be there.
    pub(super) partial: bool,
}

impl Listing {
    fn refuse(&mut self, path: &Path, why: &str) {
        if self.refused.len() < REFUSED {
            self.refused.push(format!("`{}` {why}", path.display()));
        }
    }

    fn failed(&mut self, path: &Path, error: &io::Error) {
        self.partial = true;
        self.refuse(path, &why(error));
    }
}

/// What an error of the file system means to whoever runs the node.
pub(super) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "is not there: check the path; it is read as soon as it appears".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "may not be read by the node: let its group read it, and enter the folders above".to_owned()
        }
        _ => format!("cannot be read: {error}; it is tried again"),
    }
}

impl Selection {
    /// By a path whose last part may hold `*` and `?`.
    pub(super) fn new(path: &Path, recursive: bool) -> Result<Self, LogError> {
        let is_pattern = |text: &str| text.contains(['*', '?']);
        let parent = path.parent().unwrap_or(path);
        if is_pattern(&parent.to_string_lossy()) {
            let path = path.display();
            return Err(wrong(format!(
                "`path`: in `{path}` a wildcard stands before the last part; name the folder and set `recursive`"
            )));
        }
        let last = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(match last.filter(|last| is_pattern(last)) {
            Some(pattern) => Self { path: parent.to_owned(), pattern: Some(pattern), recursive },
            None => Self { path: path.to_owned(), pattern: None, recursive },
        })
    }

    /// The file, or the folder that is looked into.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that is selected now.
    pub(super) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                listing.missing = Some(format!("`{}` {}", self.path.display(), why(&error)));
            }
            Err(error) => listing.failed(&self.path, &error),
            Ok(metadata) if metadata.is_dir() => self.list_folder(&mut listing),
            Ok(_) if self.pattern.is_some() => listing.refuse(&self.path, "is no folder: check the path"),
            // It was named, so a link is followed wherever it leads.
            Ok(metadata) => match (fs::canonicalize(&self.path), irregular(&metadata)) {
                (_, Some(what)) => listing.refuse(&self.path, &format!("is {what}: name a file or a folder")),
                (Ok(path), None) => listing.found.push(Found::of(path, name_of(&self.path), &metadata)),
                (Err(error), None) => listing.failed(&self.path, &error),
            },
        }
        listing
    }

    /// Files beside the one that is named which may be what it was before: renamed, or packed afterwards. None where a
    /// folder or a pattern is named.
    pub(super) fn siblings(&self) -> Vec<Found> {
        let (None, Some(parent)) = (&self.pattern, self.path.parent()) else { return Vec::new() };
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_dir()) {
            return Vec::new();
        }
        let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
        let own = name_of(&self.path);
        let found = entries.take(ENTRIES).filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
            (name != own).then(|| Found::of(entry.path(), name, &metadata))
        });
        found.collect()
    }

    /// Whether a sibling's name says that it was rotated from the one that is named: `eve.json.1.gz` of `eve.json`.
    pub(super) fn is_rotated(&self, name: &str) -> bool {
        name.strip_prefix(&name_of(&self.path)).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    }

    fn list_folder(&self, listing: &mut Listing) {
        let root = match fs::canonicalize(&self.path) {
            Ok(root) => root,
            Err(error) => return listing.failed(&self.path, &error),
        };
        let mut met = BTreeSet::new();
        let mut folders = vec![(root.clone(), 0)];
        let mut most = ENTRIES;
        while let Some((folder, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // A folder may go while it is looked at.
                Err(error) if depth > 0 && error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    listing.failed(&folder, &error);
                    continue;
                }
            };
            for entry in entries.flatten() {
                if most == 0 {
                    listing.partial = true;
                    listing.refuse(
                        &self.path,
                        &format!(
                            "holds more than {ENTRIES} files, and not all are read: name a narrower path"
                        ),
                    );
                    folders.clear();
                    break;
                }
                most -= 1;
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(kind) = entry.file_type() else { continue };
                if name.starts_with('.') {
                    continue;
                }
                if kind.is_dir() {
                    if self.recursive && depth < DEPTH {
                        folders.push((path, depth + 1));
                    }
                } else if self.takes(&name) {
                    add(listing, &root, path, &mut met);
                }
            }
        }
        listing.found.sort_by_key(Found::order);
        listing.refused.sort();
    }

    fn takes(&self, name: &str) -> bool {
        !name.ends_with(".tmp") && self.pattern.as_ref().is_none_or(|pattern| matches(pattern, name))
    }

    /// Opens a file that was found, and nothing else: not what lies in its place since, no pipe that would be waited at,
    /// and nothing outside the folder that is read.
    pub(super) fn open(&self, found: &Found) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = File::from(rustix::fs::open(&found.path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        let same = Id { device: metadata.dev(), inode: metadata.ino() } == found.id;
        if !metadata.is_file() || !same {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file lies there now"));
        }
        if self.is_folder() {
            // The folders on the way may have been exchanged for links since; the open file's own path tells.
            let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
            let path = path.or_else(|_| fs::canonicalize(&found.path))?;
            if !path.starts_with(fs::canonicalize(&self.path)?) {
                return Err(io::Error::other("a link leads out of the folder"));
            }
        }
        Ok(file)
    }

    fn is_folder(&self) -> bool {
        self.pattern.is_some() || self.path.is_dir()
    }
}

/// Adds a file, or what a link in the folder leads to.
fn add(listing: &mut Listing, root: &Path, path: PathBuf, met: &mut BTreeSet<Id>) {
    let Ok(own) = fs::symlink_metadata(&path) else { return };
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
    let (target, metadata) = if own.is_symlink() {
        // A link that leads nowhere is nothing to read.
        let Ok(target) = fs::canonicalize(&path) else { return };
        let Ok(metadata) = fs::symlink_metadata(&target) else { return };
        if metadata.is_dir() {
            return;
        }
        if !target.starts_with(root) {
            return listing
                .refuse(&path, "leads out of the folder and is not followed: name its target itself");
        }
        (target, metadata)
    } else {
        (path.clone(), own)
    };
    if let Some(what) = irregular(&metadata) {
        return listing
            .refuse(&path, &format!("is {what} and is not read: move it elsewhere, or name a pattern"));
    }
    let found = Found::of(target, name, &metadata);
    if met.insert(found.id) {
        listing.found.push(found);
    }
}

/// What something is that is no file.
fn irregular(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a name is what a pattern with `*` and `?` means. Takes time that is their product at most.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where the last star stands, and where in the name what it takes ends.
    let mut star: Option<(usize, usize)> = None;
    while let Some(char) = name.get(in_name) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(expected) if expected == char || *expected == '?' => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
        };
        check("*", "", true);
        check("eve.json*", "eve.json", true);
        check("eve.json*", "eve.json.1.gz", true);
        check("eve.json*", "leve.json", false);
        check("*.log", "conn.10:00.log", true);
        check("*.log", "conn.log.gz", false);
        check("a*b*c", "axxbxxbxc", true);
        check("a*b*c", "axxbxx", false);
        check("?.log", "ä.log", true);
        check("?.log", ".log", false);
        check("**", "x", true);
        check(&"*a".repeat(200), &"b".repeat(2_000), false);
    }

    #[test]
    fn wildcards_stand_in_the_last_part_only() {
        let selection = |path: &str| Selection::new(Path::new(path), false);
        assert!(selection("/var/*/x.log").is_err());
        let found = selection("/var/log/x?.log").unwrap();
        assert_eq!((found.path.as_path(), found.pattern.as_deref()), (Path::new("/var/log"), Some("x?.log")));
        assert_eq!(selection("/var/log/x.log").unwrap().pattern, None);
        assert!(selection("/").is_ok());
    }

    #[test]
    fn rotated_names() {
        let selection = Selection::new(Path::new("/l/eve.json"), false).unwrap();
        for (name, expect) in
            [("eve.json.1", true), ("eve.json-20240101.gz", true), ("eve.json", false), ("x", false)]
        {
            assert_eq!(selection.is_rotated(name), expect, "{name}");
        }
    }
}
