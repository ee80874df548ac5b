//! The conformance suite in memory.

use ports::Store;
use shieldwall_store_sqlite::SqliteStore;

fn with_store(case: &dyn Fn(&dyn Store)) {
    crate::plans::listen();
    case(&SqliteStore::memory().unwrap());
}

store_conformance::suite!(with_store);
