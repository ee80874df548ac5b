//! The conformance suite on a file.

use ports::Store;
use shieldwall_store_sqlite::{Options, SqliteStore};

fn with_store(case: &dyn Fn(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    // The suite is about answers, not about the disk: the crash tests sync.
    let options = Options { durable: false, readers: 4, ..Options::default() };
    case(&SqliteStore::open(folder.path().join("store.db"), options).unwrap());
}

store_conformance::suite!(with_store);
store_conformance::snapshots!(with_store);
