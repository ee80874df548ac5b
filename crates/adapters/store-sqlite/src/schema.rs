//! The schema and how files reach it; what every connection is set to.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ports::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::Options;
use crate::error::Fault;

/// Every step from an empty file to the present, in order. Only ever append.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// What plans are made by; renewed with every step.
const STATISTICS: &str = include_str!("statistics.sql");

/// "shwl", so that `file` and we can tell our databases from others.
const APPLICATION_ID: i32 = 0x7368_776c;

/// Enough for every statement of this crate.
const STATEMENTS: usize = 512;

/// The newest schema this program knows.
pub(crate) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// A new file that only its owner may read; the engine gives its log the same mode.
pub(crate) fn create_private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::Exists(format!("`{}`", path.display())),
            std::io::ErrorKind::StorageFull => StoreError::Full,
            _ => StoreError::Engine(format!("cannot create `{}`: {error}", path.display())),
        }
    })
}

/// The write-ahead log beside a file.
pub(crate) fn log(path: &Path) -> PathBuf {
    let mut log = path.to_owned().into_os_string();
    log.push("-wal");
    log.into()
}

/// How large a file is; nothing when it is not there.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |facts| facts.len())
}

/// The file itself, made if need be.
///
/// To be closed after every connection to it: closing any handle of a file gives up all locks this process has on it.
pub(crate) fn file(path: &Path) -> Result<File, StoreError> {
    match create_private(path) {
        Err(StoreError::Exists(_)) => OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| StoreError::Engine(format!("cannot open `{}`: {error}", path.display()))),
        made => {
            let made = made?;
            sync_folder(path)?;
            Ok(made)
        }
    }
}

/// Makes the name of a new file survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::Engine(format!("cannot sync `{}`: {error}", folder.display())))
}

/// The one connection that writes, with the schema brought up to date.
pub(crate) fn writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    prepare_writer(&connection, options)?;
    migrate(&connection)?;
    Ok(connection)
}

/// A database that lives in memory and nowhere else.
pub(crate) fn memory(options: &Options) -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory().and_then(steady).map_err(Fault::from)?;
    prepare_writer(&connection, options)?;
    migrate(&connection)?;
    Ok(connection)
}

/// A connection that cannot write.
pub(crate) fn reader(path: &Path, options: &Options) -> Result<Connection, Fault> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, options)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.reader_cache_kib))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, mode: OpenFlags, options: &Options) -> Result<Connection, Fault> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match &options.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(options.timeout)?;
    // Sorting spills to memory, never to a file that an erasure would not reach.
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(steady(connection)?)
}

/// Statements are prepared once and for all. Without the guarantee, this build of the engine plans them anew for each
/// value that is bound, which costs more than running them.
fn steady(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn prepare_writer(connection: &Connection, options: &Options) -> Result<(), Fault> {
    // With a write-ahead log this is `full`. It is `extra` for the one moment before there is one: a rollback journal
    // whose removal is not synced may come back after a power cut, and take everything since with it.
    connection.pragma_update(None, "synchronous", if options.durable { "extra" } else { "off" })?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    connection.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
    connection.pragma_update(None, "journal_size_limit", i64::from(options.checkpoint_pages) * 4096 * 2)?;
    if let Some(pages) = options.max_pages {
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    Ok(())
}

/// Brings the schema to the newest known, one transaction per step.
fn migrate(connection: &Connection) -> Result<(), StoreError> {
    let found = check(connection)?;
    let step = |sql: &str, version: u32| -> Result<(), Fault> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = connection
            .execute_batch(sql)
            .and_then(|()| connection.pragma_update(None, "user_version", version))
            .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| if version == known() { connection.execute_batch(STATISTICS) } else { Ok(()) })
            .and_then(|()| connection.execute_batch("COMMIT"));
        if done.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        Ok(done?)
    };
    // The mode is kept in the file; it has to be set outside a transaction. In-memory databases stay as they are.
    connection.pragma_update(None, "journal_mode", "wal").map_err(Fault::from)?;
    for (version, sql) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        step(sql, version)?;
    }
    Ok(())
}

/// The schema of a file, if it is one of ours (or empty) and not too new.
pub(crate) fn check(connection: &Connection) -> Result<u32, StoreError> {
    let number =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(Fault::from);
    let (application, found) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(Fault::from)?;
    if application != i64::from(APPLICATION_ID) && tables > 0 {
        return Err(StoreError::Engine("the file is a database, but not a Shieldwall store".to_owned()));
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > known() {
        return Err(StoreError::NewerSchema { found, known: known() });
    }
    Ok(found)
}

/// How long a statement waits for a lock held by another process.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
