//! Index files in a folder: written as a whole, then mapped into memory.
//!
//! A file is written under another name, synced, renamed, and the folder is synced: whoever looks, after whatever crash,
//! finds the old one or the new one. No file is ever written to again, so a mapping shows the same bytes for as long as
//! it lives, also when a new file has taken the old one's name. What a crash left half written is cleared away when the
//! folder is opened.
//!
//! **Invariant:** a file under its own name is whole; folder and files are readable by their owner alone.
//!
//! **Must not know:** what the bytes mean. Whether they are what was written, who reads them checks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;
use ports::segments::{SegmentBytes, SegmentError, Segments};

/// What half-written files end in. No name of a file does.
const UNFINISHED: &str = ".tmp~";
/// The most bytes of a name.
const MAX_NAME: usize = 64;

/// A folder of index files. One process at a time has it open.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// So that two that are being written never share a name.
    written: AtomicU64,
}

impl Folder {
    /// Opens the folder, making it if it is not there, and clears away what a crash left in it.
    ///
    /// # Errors
    /// [`SegmentError::Io`] when it cannot be made private, or is no folder.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, SegmentError> {
        let path = path.into();
        make_private(&path).map_err(|error| failed("make a private folder of", &path, &error))?;
        let folder = Self { path, written: AtomicU64::new(0) };
        for name in folder.files()?.into_iter().filter(|name| name.ends_with(UNFINISHED)) {
            let file = folder.path.join(name);
            fs::remove_file(&file).map_err(|error| failed("clear away", &file, &error))?;
        }
        Ok(folder)
    }

    fn file(&self, name: &str) -> Result<PathBuf, SegmentError> {
        if is_name(name) { Ok(self.path.join(name)) } else { Err(SegmentError::Name(name.to_owned())) }
    }

    /// The names of all files that have one in UTF-8.
    fn files(&self) -> Result<Vec<String>, SegmentError> {
        let listed = fs::read_dir(&self.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let listed = listed.map_err(|error| failed("list", &self.path, &error))?;
        let files = listed.iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        Ok(files.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Segments for Folder {
    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), SegmentError> {
        let file = self.file(name)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let new = self.path.join(format!("{name}.{number}{UNFINISHED}"));
        let written = write_new(&new, bytes).and_then(|()| fs::rename(&new, &file));
        if let Err(error) = written {
            // What could not be written is worth nothing; if it stays, the next start clears it away.
            let _ = fs::remove_file(&new);
            return Err(failed("write", &file, &error));
        }
        self.sync().map_err(|error| failed("sync", &self.path, &error))
    }

    fn open(&self, name: &str) -> Result<Option<SegmentBytes>, SegmentError> {
        let path = self.file(name)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path, &error)),
        };
        let mapped = map(&file).map_err(|error| failed("map", &path, &error))?;
        Ok(Some(SegmentBytes::new(mapped)))
    }

    fn remove(&self, name: &str) -> Result<(), SegmentError> {
        let file = self.file(name)?;
        match fs::remove_file(&file) {
            Ok(()) => self.sync().map_err(|error| failed("sync", &self.path, &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", &file, &error)),
        }
    }

    fn names(&self) -> Result<Vec<String>, SegmentError> {
        let mut names = self.files()?;
        names.retain(|name| is_name(name));
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether a file can have the name: no path, nothing hidden, nothing half written.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

#[expect(
    unsafe_code,
    reason = "a mapping is sound as long as nobody changes the file: these are written once, under another name, and \
              only their owner can open them"
)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: nobody writes to the file or shortens it after it has its name; see above.
    unsafe { Mmap::map(file) }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes a file that was not there, and waits until the disk has it.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(action: &'static str, path: &Path, error: &io::Error) -> SegmentError {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SegmentError::Full(path),
        _ => SegmentError::Io { action, path, reason: error.to_string() },
    }
}
