//! The embedded store: [`ports::Store`] on SQLite, in one file beside its write-ahead log.
//!
//! **Invariant:** [`Store::write`] returns `Ok` only after a synced commit that holds all of the job's effects, and
//! nothing of a job that failed is ever seen. One connection writes; readers see committed snapshots.
//!
//! **Must not know:** what a STIX object means. Labels, versions and references arrive decided; here they are rows.

mod backup;
mod codec;
mod error;
mod group;
mod pool;
mod read;
mod schema;
mod tx;
mod verify;
mod wipe;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ports::{Read, Store, StoreError, VerifyReport, WriteJob};

pub use backup::restore;
use group::Writer;
use pool::Pool;
use read::Reader;

/// How to open a store. [`Options::default`] is right for a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// Readers at a time, at most; the next waits.
    pub readers: usize,
    /// How long to wait: for a free reader, for another process's lock, for readers in the way of a scrub.
    pub timeout: Duration,
    /// Page cache of the writer, in KiB.
    pub cache_kib: u32,
    /// Page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
    /// Whether a commit waits for the disk. Only for stores that nobody will miss.
    pub durable: bool,
    /// Jobs that may share one commit, at most.
    pub group: usize,
    /// Pages of 4 KiB in the log before they are copied into the file.
    pub checkpoint_pages: u32,
    /// Pages of 4 KiB the file may grow to; beyond, writes get [`StoreError::Full`].
    pub max_pages: Option<u32>,
    /// A registered SQLite VFS to go through instead of the system's.
    pub vfs: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 8,
            timeout: schema::DEFAULT_TIMEOUT,
            cache_kib: 64 * 1024,
            reader_cache_kib: 4 * 1024,
            durable: true,
            group: 64,
            checkpoint_pages: 8 * 1024,
            max_pages: None,
            vfs: None,
        }
    }
}

/// A store in a file (or, for tests and simulation, in memory).
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    /// `None` in memory: there readers borrow the writer's connection for each call.
    pool: Option<Pool>,
    /// Last, because it has to be closed after the connections.
    file: Option<File>,
}

impl SqliteStore {
    /// Opens the file, making it (readable by its owner only) if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::Corrupt`], or that the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self, StoreError> {
        let path = path.into();
        let file = schema::file(&path)?;
        let connection = schema::writer(&path, &options)?;
        Ok(Self {
            writer: Writer::new(connection, options.group, Some(path.clone())),
            pool: Some(Pool::new(path, options)),
            file: Some(file),
        })
    }

    /// A store that is gone when dropped.
    ///
    /// It has one connection: a [`Read`] sees each commit at once, not a snapshot, and must not be called from
    /// within a write job.
    ///
    /// # Errors
    /// When memory is short.
    pub fn memory() -> Result<Self, StoreError> {
        let options = Options { durable: false, cache_kib: 2048, ..Options::default() };
        // Readers on the same connection would see a group that is not committed yet: so every job commits.
        Ok(Self { writer: Writer::new(schema::memory(&options)?, 1, None), pool: None, file: None })
    }
}

impl Store for SqliteStore {
    fn write(&self, job: WriteJob<'_>) -> Result<(), StoreError> {
        self.writer.write(|tx| job(tx))
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        Ok(Box::new(Reader::new(&self.writer, self.pool.as_ref())?))
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let reader = Reader::new(&self.writer, self.pool.as_ref())?;
        reader.with(|connection| backup::copy(connection, to))
    }

    fn verify(&self) -> Result<VerifyReport, StoreError> {
        let reader = Reader::new(&self.writer, self.pool.as_ref())?;
        reader.with(verify::verify)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.writer.write(|tx| tx.sweep())?;
        let Some(file) = &self.file else { return Ok(()) };
        Ok(self.writer.with(|connection| wipe::scrub(connection, file, self.writer.path()))?)
    }
}
