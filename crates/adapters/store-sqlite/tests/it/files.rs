//! Files: their mode, their age, copies of them, and damage to them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use model::{StixId, Timestamp};
use ports::detection::AlertFilter;
use ports::{Edge, NewVersion, Store, StoreError};
use rusqlite::Connection;
use shieldwall_store_sqlite::{Options, SqliteStore, restore};

use crate::workload;

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, Options::default())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).unwrap();
    workload::found(&store);
    let _read = store.read().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn newer_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = open(&newer).err().unwrap();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, .. }), "{refused}");
    assert!(matches!(restore(&newer, &folder.path().join("x.db")), Err(StoreError::NewerSchema { .. })));

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let refused = open(&foreign).err().unwrap();
    assert!(refused.to_string().contains("not a Shieldwall store"), "{refused}");

    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "no database, this ".repeat(1000)).unwrap();
    assert!(matches!(open(&garbage).err(), Some(StoreError::Corrupt(_))));
}

/// Files of every schema there has been open, verify, and give back what is in them.
#[test]
fn old_files_open_for_ever() {
    // And of how many versions the class is not known, and how many groups of alerts there are.
    let fixtures = [
        ("v1", include_str!("../fixtures/v1.sql"), 15, 0),
        ("v2", include_str!("../fixtures/v2.sql"), 15, 0),
        ("v3", include_str!("../fixtures/v3.sql"), 0, 0),
        ("v4", include_str!("../fixtures/v4.sql"), 0, 5),
    ];
    for (name, sql, unclassified, alerts) in fixtures {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let store = open(&path).unwrap();
        workload::check(&store, &[0, 1, 2, 3, 4]);
        let read = store.read().unwrap();
        let hits = read.search(workload::SCOPE, "title", 10).unwrap();
        assert_eq!(hits.len(), 2, "{name}");
        assert_eq!(read.node(workload::SCOPE.tenant).unwrap().unwrap().name, "Test");
        let every = AlertFilter { closed: true, ..AlertFilter::default() };
        assert_eq!(read.alerts(workload::SCOPE, &every, 99).unwrap().len(), alerts, "{name}");
        drop(read);
        let store: &dyn Store = &store;
        let erased = workload::id("indicator", 3);
        assert!(store.transact(|tx| tx.existing(workload::SCOPE, &erased, None)).unwrap().erased);
        store.write(Box::new(|tx| workload::step(tx, 5))).unwrap();
        workload::check(store, &[0, 1, 2, 3, 4, 5]);
        let read = store.read().unwrap();
        assert_eq!(read.alerts(workload::SCOPE, &every, 99).unwrap().len(), alerts + 1, "{name}");
        drop(read);
        classify(store, unclassified);
        workload::check(store, &[0, 1, 2, 3, 4, 5]);
    }
}

/// Gives a class to every version that has none, a few at a time, as a node does after an upgrade.
fn classify(store: &dyn Store, expected: usize) {
    let count = || -> u64 {
        let classes = store.read().unwrap().classes(workload::SCOPE).unwrap();
        classes.iter().filter(|class| class.class.is_empty()).map(|class| class.objects).sum()
    };
    assert_eq!(count() > 0, expected > 0);
    let mut classified = 0;
    loop {
        let some = store.transact(|tx| tx.unclassified(workload::SCOPE, 4)).unwrap();
        if some.is_empty() {
            break;
        }
        classified += some.len();
        store
            .transact(|tx| {
                some.iter().try_for_each(|one| tx.classify(workload::SCOPE, one.version_id, "old"))
            })
            .unwrap();
    }
    assert_eq!((classified, count()), (expected, 0));
}

/// Names that were given in streams are made with this key: no later schema may change it.
#[test]
fn naming_keys_are_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v3");
    Connection::open(&path).unwrap().execute_batch(include_str!("../fixtures/v3.sql")).unwrap();
    let key = open(&path).unwrap().read().unwrap().naming_key(workload::SCOPE.tenant).unwrap();
    assert_eq!(
        model::Digest(key).to_string(),
        "1695f7cabe83c72edbd070eec4d005b70db0ab011186f008e01095d85d22169e"
    );
}

/// A copy made while others write is one instant of the whole, and can be made a store again.
#[test]
fn backup_and_restore_while_running() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy, back) =
        (folder.path().join("store.db"), folder.path().join("copy.db"), folder.path().join("back.db"));
    let store = open(&path).unwrap();
    workload::found(&store);
    let before: Vec<u64> = (0..20).collect();
    for number in &before {
        store.write(Box::new(|tx| workload::step(tx, *number))).unwrap();
    }
    let copied = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 100;
            while !copied.load(Ordering::SeqCst) {
                store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
                number += 1;
            }
        });
        let outcome = store.backup(&copy);
        copied.store(true, Ordering::SeqCst);
        outcome.unwrap();
    });
    assert_eq!(mode(&copy), 0o600);
    assert!(matches!(store.backup(&copy), Err(StoreError::Exists(_))), "a backup is not overwritten");
    restore(&copy, &back).unwrap();
    assert_eq!(mode(&back), 0o600);
    workload::check(&open(&back).unwrap(), &before);
    assert!(matches!(restore(&copy, &path), Err(StoreError::Exists(_))), "a store is not overwritten");
    assert!(matches!(restore(&folder.path().join("none"), &path), Err(StoreError::Missing(_))));

    let damaged = folder.path().join("damaged.db");
    let mut bytes = std::fs::read(&copy).unwrap();
    let half = bytes.len() / 2;
    bytes.get_mut(half..half + 4096).unwrap().fill(0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    let fresh = folder.path().join("fresh.db");
    assert!(matches!(restore(&damaged, &fresh), Err(StoreError::Corrupt(_))));
    assert!(!fresh.exists());
}

/// What one writer has looked up is worth nothing once another has written.
#[test]
fn two_writers_do_not_confuse_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (one, other) = (open(&path).unwrap(), open(&path).unwrap());
    workload::found(&one);
    let (first, second, target) =
        (workload::id("tool", 1), workload::id("tool", 2), workload::id("x-only-referred-to", 3));
    let edges = || vec![Edge { name: "x_ref".to_owned(), target: target.clone() }];
    let put = |store: &SqliteStore, id: &StixId| {
        let new = NewVersion { edges: edges(), ..workload::version(id, 1, "x") };
        store.write(Box::new(|tx| tx.put(workload::SCOPE, Timestamp::EPOCH, &new).map(drop))).unwrap();
    };
    put(&one, &first);
    // This takes away the numbers that the first has in mind for the target and for the names.
    other.write(Box::new(|tx| tx.erase(workload::SCOPE, Timestamp::EPOCH, &first).map(drop))).unwrap();
    other.scrub().unwrap();
    put(&one, &second);
    assert_eq!(one.verify().unwrap().problems, Vec::<String>::new());
    let edges = one.read().unwrap().edges(workload::SCOPE, &second, 9).unwrap();
    assert_eq!(edges.iter().map(|edge| &edge.target).collect::<Vec<_>>(), [&target]);
}

#[test]
fn memory_can_be_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::memory().unwrap();
    workload::found(&store);
    store.write(Box::new(|tx| workload::step(tx, 0))).unwrap();
    store.backup(&copy).unwrap();
    workload::check(&open(&copy).unwrap(), &[0]);
}

/// Each kind of damage is noticed.
#[test]
fn verify_notices() {
    let check = |damage: &str, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::open(&path, Options { durable: false, ..Options::default() }).unwrap();
        workload::found(&store);
        for number in 0..5 {
            store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
        }
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let report = store.verify().unwrap();
        assert!(report.versions > 0 && report.entries > 0);
        assert!(
            report.problems.iter().any(|problem| problem.contains(expect)),
            "{damage}: {:?}",
            report.problems
        );
    };
    check("DELETE FROM journal WHERE seq = 3", "entries where");
    check("UPDATE journal SET seq = 99 WHERE seq = 3", "journal of tenant 1");
    check("UPDATE tenant SET head = head + 1", "journal of tenant 1");
    check("UPDATE tenant SET objects = 3", "counts 3 objects");
    check("DELETE FROM payload WHERE number = 2", "has no payload");
    check("INSERT INTO payload (tenant, raw) VALUES (1, x'00')", "belongs to nothing");
    check("UPDATE version SET label = 9 WHERE number = 1", "label");
    check("UPDATE object SET latest = 2 WHERE latest = 1", "has no newest version");
    check("DELETE FROM version WHERE number = 1", "not stored");
    check("UPDATE membership SET last = 1 WHERE last = 0", "exactly one first and one last");
    check("UPDATE collection SET added = 0", "beyond its last");
    check("UPDATE object SET latest = NULL WHERE number = (SELECT source FROM edge)", "an edge leaves");
    check("DELETE FROM object WHERE number = (SELECT target FROM edge)", "an edge leads");
    check("UPDATE observable SET object = 999", "an observable belongs");
    check("UPDATE version SET class = 99 WHERE number = 1", "has no text");
    check("UPDATE object SET class = 99 WHERE latest = 1", "has not the class and label");
    check("UPDATE object SET label = 2 WHERE latest = 1", "has not the class and label");
    check("UPDATE object SET label = 2 WHERE latest IS NULL", "has not the class and label");
    check("UPDATE version SET label = 2 WHERE number = 1", "has not the class and label");
    check("DELETE FROM leaf WHERE place = 2", "holds 4 leaves where 5 belong");
    check("UPDATE leaf SET place = 9 WHERE place = 2", "the ledger of tenant 1");
    check("UPDATE trust SET leaves = 4", "holds 5 leaves where 4 belong");
    check("DELETE FROM trust", "belongs to no known ledger");
    check("UPDATE opening SET place = 9 WHERE place = 2", "leaf 9 is opened");
    check("DELETE FROM entry WHERE seq = 2", "entries from 1 to");
    check("UPDATE stream SET seq = 2", "stands at 2 of epoch 1, but its last entry is");
    check("DELETE FROM stream", "is ahead of stream");
    check("UPDATE entry SET epoch = 2 WHERE seq = 5", "is ahead of stream");
    check("UPDATE stream SET acked = 99", "beyond its end");
    check("UPDATE stream SET couriered = 99", "beyond its end");
    check("UPDATE segment SET count = 2 WHERE first = 6", "signs entries that are not there");
    check("DELETE FROM segment WHERE first = 2", "not each signed once");
    check("UPDATE entry SET payload = 9999 WHERE seq = 2", "has no payload");
    check("UPDATE entry SET payload = NULL WHERE seq = 2", "belongs to nothing");
    check("UPDATE entry SET version = 999 WHERE seq = 2", "carries version 999");
    check("UPDATE outbox SET version = 999", "version 999 waits");
    check("UPDATE outbox SET decision = 999", "by decision 999");
    check("UPDATE decision SET version = 999 WHERE number = 2", "is about version 999");
    check("UPDATE decision SET object = NULL WHERE number = 2", "decision 2 is about");
    check("UPDATE holding SET version = 999 WHERE number = 2", "holding 2 is of version 999");
    check("UPDATE disclosure SET version = 999 WHERE number = 2", "disclosure 2 is of version 999");
    check("UPDATE review SET version = 999 WHERE number = 2", "review 2 is of version 999");
    check("UPDATE origin SET version = 999 WHERE version = 2", "an origin is stated for version 999");
    for (table, what) in [
        ("decision", "decisions"),
        ("outbox", "queued entries"),
        ("stream", "streams"),
        ("entry", "entries"),
        ("holding", "holdings"),
        ("disclosure", "disclosures"),
        ("withdrawal", "withdrawals"),
        ("review", "reviews"),
        ("private_query", "private queries"),
    ] {
        check(
            &format!("UPDATE {table} SET channel = 99"),
            &format!("{what} are with party and agreement 99"),
        );
    }
    check("UPDATE channel SET party = x'00'", "is not between a party and an agreement");
    for (counter, what) in [
        ("channels", "channels"),
        ("documents", "documents"),
        ("decisions", "decisions"),
        ("queued", "queued entries"),
        ("holdings", "holdings"),
        ("disclosures", "disclosures"),
        ("reviews", "reviews"),
        ("queries", "private queries"),
    ] {
        check(&format!("UPDATE trust SET {counter} = 0"), &format!("has {what} beyond the last number"));
    }
    check("UPDATE document SET kind = 77", "of unknown kind 77");
    check(
        "INSERT INTO peer VALUES (1, x'00', 'p', NULL, 9, 1, 1, NULL, NULL, NULL, '')",
        "of unknown state 9",
    );
    check("UPDATE journal SET kind = 77 WHERE seq = 1", "of unknown kind 77");
    check("UPDATE tenant SET last_alert = 2", "has alerts beyond the last number");
    check("UPDATE alert SET author = NULL", "is half closed");
    check("UPDATE alert SET closed = NULL", "is half closed");
    check("UPDATE alert SET reason = 'so' WHERE closed IS NULL", "is half closed");
    check("UPDATE alert SET digest = x'00' WHERE number = 2", "alert 2 is of no group");
    check("UPDATE alert SET count = -1 WHERE number = 2", "alert 2 counts -1 events");
    check("UPDATE work SET party = x'00'", "has an id or a party that is none");
    check("UPDATE work SET kind = 77", "of unknown kind 77");
    check("UPDATE log_source SET error_at = 1", "`log` failed at no time or for no reason");
}

/// How a fixture is made, when there is a new schema to keep one of: with the environment variable
/// `SHIELDWALL_FIXTURE` naming the file to write.
#[test]
fn write_fixture() {
    let Some(target) = std::env::var_os("SHIELDWALL_FIXTURE") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).unwrap();
    workload::found(&store);
    for number in 0..5 {
        store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
    }
    drop(store);
    let old = Connection::open(&path).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = old.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut lines =
        vec!["-- A store of an old schema, as it was. Never edit.".to_owned(), "BEGIN;".to_owned()];
    lines.extend(
        texts("SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'search\\__%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = 'search_document' ORDER BY rowid"),
    );
    // Makes the table of statistics, which no one else may.
    lines.push("ANALYZE sqlite_schema;".to_owned());
    for table in texts(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%' OR name = 'search_document' ORDER BY name",
    ) {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        lines.extend(texts(&format!(
            "SELECT 'INSERT INTO {table} VALUES (' || {} || ');' FROM {table}",
            quoted.join(" || ',' || ")
        )));
    }
    lines.push("INSERT INTO search (search, rank) VALUES ('secure-delete', 1);".to_owned());
    lines.push("INSERT INTO search (search) VALUES ('rebuild');".to_owned());
    for pragma in ["application_id", "user_version"] {
        let value: i64 = old.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        lines.push(format!("PRAGMA {pragma} = {value};"));
    }
    lines.push("COMMIT;\n".to_owned());
    std::fs::write(target, lines.join("\n")).unwrap();
}
