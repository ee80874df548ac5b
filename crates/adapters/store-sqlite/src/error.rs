//! What the engine says, in the words of the port.

use ports::StoreError;
use rusqlite::ErrorCode;

/// An error on its way out: the engine's or already the port's.
#[derive(Debug)]
pub(crate) enum Fault {
    Engine(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Engine(error) => engine(&error),
        }
    }
}

fn engine(error: &rusqlite::Error) -> StoreError {
    let Some(cause) = error.sqlite_error() else { return StoreError::Engine(error.to_string()) };
    match cause.code {
        ErrorCode::DiskFull => StoreError::Full,
        // The shared-memory index could not grow: the same lack of room by another name.
        _ if cause.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Engine(error.to_string()),
    }
}

/// Whether the error says that a unique key is taken.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
