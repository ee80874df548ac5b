//! Copies of the whole store: out while it runs, and back.

use std::fs::{File, remove_file};
use std::path::Path;
use std::time::Duration;

use ports::StoreError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::Fault;
use crate::schema;
use crate::verify::integrity;

/// Pages copied between looks at whether anyone is in the way.
const STEP: i32 = 1024;

/// Copies what `from` sees into a new private file. Where `from` holds a snapshot, writers go on meanwhile.
pub(crate) fn copy(from: &Connection, to: &Path) -> Result<(), Fault> {
    let file = schema::create_private(to)?;
    let copied = fill(from, to).and_then(|()| settle(&file, to));
    if copied.is_err() {
        // Half a copy must not pass for one.
        let _ = remove_file(to);
    }
    copied
}

fn fill(from: &Connection, to: &Path) -> Result<(), Fault> {
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = Backup::new(from, &mut target)?;
        loop {
            match backup.step(STEP)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// The copy and its name survive a power cut.
fn settle(file: &File, to: &Path) -> Result<(), Fault> {
    file.sync_all()
        .map_err(|error| StoreError::Engine(format!("cannot sync `{}`: {error}", to.display())))?;
    Ok(schema::sync_folder(to)?)
}

/// Makes a store of a backup. The backup is checked first and left as it is; the target must not exist.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::NewerSchema`], [`StoreError::Corrupt`], [`StoreError::Exists`], or what
/// writing said.
pub fn restore(from: &Path, to: &Path) -> Result<(), StoreError> {
    if !from.is_file() {
        return Err(StoreError::Missing(format!("`{}`", from.display())));
    }
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Fault::from)?;
    if schema::check(&source)? == 0 {
        return Err(StoreError::Corrupt(format!("`{}` is empty", from.display())));
    }
    if let Some(problem) = integrity(&source)?.into_iter().next() {
        return Err(StoreError::Corrupt(problem));
    }
    Ok(copy(&source, to)?)
}
