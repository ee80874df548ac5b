//! Files and folders: private, synced, and named so that no name of a source leads elsewhere.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::Timestamp;
use ports::telemetry::TelemetryError;
use twox_hash::XxHash3_64;

/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// Longest name of a folder that is made from the name of a source; file systems allow 255 bytes.
const LONGEST: usize = 160;

/// The folder that everything is in. Paths are relative to it.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    durable: bool,
}

/// What the operating system said, with what was tried on what.
pub(crate) fn fault(tried: &str, path: &Path, error: &io::Error) -> TelemetryError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => TelemetryError::Full,
        _ => TelemetryError::Failed(format!("cannot {tried} `{}`: {error}", path.display())),
    }
}

impl Disk {
    pub(crate) fn new(root: PathBuf, durable: bool) -> Self {
        Self { root, durable }
    }

    /// The whole path.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Makes the bytes of a file survive a power cut.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        if self.durable { file.sync_data() } else { Ok(()) }
    }

    /// Makes the names in a folder survive a power cut. One that is not there any more has none.
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<(), TelemetryError> {
        if !self.durable {
            return Ok(());
        }
        let folder = self.at(folder);
        match File::open(&folder).and_then(|folder| folder.sync_all()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(fault("sync the folder", &folder, &error))
            }
            _ => Ok(()),
        }
    }

    /// A folder that only its owner may look into, with those above it, where they are not there.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), TelemetryError> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !self.at(folder).exists()).collect();
        let path = self.at(folder);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| fault("make the folder", &path, &error))?;
        // Above the root is where the root itself is named.
        let mut above = missing.into_iter().rev().map(|folder| folder.parent().unwrap_or(Path::new("..")));
        above.try_for_each(|above| self.sync_folder(above))
    }

    /// A new file that only its owner may read.
    pub(crate) fn create(&self, file: &Path) -> Result<File, TelemetryError> {
        let path = self.at(file);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| fault("create", &path, &error))
    }

    /// A small file with these bytes, whole or not at all, in place of what it held.
    pub(crate) fn write_whole(&self, file: &Path, bytes: &[u8]) -> Result<(), TelemetryError> {
        let draft = file.with_extension("tmp");
        self.remove(&draft)?;
        let written = self.create(&draft)?;
        let path = self.at(&draft);
        (&written)
            .write_all(bytes)
            .and_then(|()| self.sync(&written))
            .map_err(|error| fault("write", &path, &error))?;
        self.rename(&draft, file)?;
        self.sync_folder(parent(file))
    }

    /// Renames; that it is not there any more is no error.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), TelemetryError> {
        let path = self.at(from);
        match fs::rename(&path, self.at(to)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("rename", &path, &error)),
            _ => Ok(()),
        }
    }

    /// Removes a file; that it is not there any more is no error.
    pub(crate) fn remove(&self, file: &Path) -> Result<(), TelemetryError> {
        let path = self.at(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", &path, &error)),
            _ => Ok(()),
        }
    }

    /// Removes a folder if nothing is in it, and those above it up to the root.
    pub(crate) fn prune(&self, folder: &Path) {
        let above = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty());
        for folder in above {
            if fs::remove_dir(self.at(folder)).is_err() {
                return;
            }
        }
    }

    /// What is in a folder, by name: files and folders, no links. Nothing if it is not there.
    pub(crate) fn list(&self, folder: &Path) -> Result<Vec<Listed>, TelemetryError> {
        let path = self.at(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault("list", &path, &error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| fault("list", &path, &error))?;
            let kind = entry.file_type().map_err(|error| fault("look at", &entry.path(), &error))?;
            // Names that are no text are none of ours.
            if let Ok(name) = entry.file_name().into_string()
                && (kind.is_dir() || kind.is_file())
            {
                found.push(Listed { path: folder.join(&name), name, is_folder: kind.is_dir() });
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

/// An entry of a folder.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
}

/// The folder a file is in.
pub(crate) fn parent(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// The hour an instant is in, counted from 1970.
pub(crate) fn hour_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(HOUR)
}

/// The first instant of an hour.
pub(crate) fn hour_begins(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour.saturating_mul(HOUR))
}

/// Where records of a source and an hour go, by names that Hive and whoever learned from it understand.
pub(crate) fn partition(source: &str, hour: i64) -> PathBuf {
    let begins = hour_begins(hour).to_string();
    let date = begins.get(..10).unwrap_or_default();
    let clock = begins.get(11..13).unwrap_or_default();
    PathBuf::from(format!("source={}", escaped(source)))
        .join(format!("date={date}"))
        .join(format!("hour={clock}"))
}

/// The hour that the names of two folders say.
pub(crate) fn hour_named(date: &str, hour: &str) -> Option<i64> {
    let text = format!("{}T{}:00:00Z", date.strip_prefix("date=")?, hour.strip_prefix("hour=")?);
    text.parse().ok().map(hour_of)
}

/// A name as part of a path: letters, digits, `-`, `_` and `.` as they are, other bytes as `%XX`. A long one is cut and
/// told from others by its hash behind a `~`.
pub(crate) fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if out.len() > LONGEST {
            return format!("{out}~{}", hash(name));
        }
        escape(byte, &mut out);
    }
    out
}

/// The whole name, however long, with nothing in it that a line of a file could be cut at.
pub(crate) fn escaped_whole(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    name.bytes().for_each(|byte| escape(byte, &mut out));
    out
}

fn escape(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// The name that was escaped, as far as it was not cut.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        out.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(out).ok()
}

/// Sixteen hex digits that tell one name from another.
pub(crate) fn hash(name: &str) -> String {
    format!("{:016x}", XxHash3_64::oneshot(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        let check = |name: &str, expect: &str| {
            assert_eq!(escaped(name), expect);
            assert_eq!(unescaped(expect).as_deref(), Some(name));
        };
        check("dc1.corp_sysmon-2", "dc1.corp_sysmon-2");
        check("../../etc", "..%2F..%2Fetc");
        check("a=b c%41", "a%3Db%20c%2541");
        check("zürich\n\t\0", "z%C3%BCrich%0A%09%00");
        let path = partition("../..", 0);
        assert_eq!(path, Path::new("source=..%2F../date=1970-01-01/hour=00"));
    }

    #[test]
    fn long_names_stay_apart() {
        let (one, other) = ("ü".repeat(200), format!("{}x", "ü".repeat(200)));
        assert!(escaped(&one).len() < 200 && escaped(&other).len() < 200);
        assert_ne!(escaped(&one), escaped(&other));
        assert_eq!(unescaped(&escaped_whole(&one)), Some(one));
    }

    #[test]
    fn what_is_no_escape() {
        for text in ["%", "%4", "%GG", "a%C3"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    #[test]
    fn hours_and_their_names() {
        let time: Timestamp = "2026-11-22T05:59:59.999999Z".parse().unwrap();
        assert_eq!(hour_begins(hour_of(time)).to_string(), "2026-11-22T05:00:00.000Z");
        assert_eq!(hour_named("date=2026-11-22", "hour=05"), Some(hour_of(time)));
        for (date, hour) in [("date=2026-11-22", "hour=24"), ("2026-11-22", "05"), ("date=x", "hour=05")] {
            assert_eq!(hour_named(date, hour), None);
        }
        assert_eq!(hour_of(Timestamp::from_micros(-1)), -1);
    }
}
