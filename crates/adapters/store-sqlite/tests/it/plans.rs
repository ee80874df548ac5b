//! How statements find their rows: by a key, unless all are wanted. Speed on a large store hangs on it, and nothing else
//! that is tested here would notice.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Once;

use rusqlite::Connection;
use shieldwall_store_sqlite::{Options, SqliteStore};

/// Names the file to which this process writes what statements it runs.
const STATEMENTS: &str = "SHIELDWALL_STATEMENTS";

/// Tables that stay small.
const SMALL: &[&str] = &[
    "account",
    "channel",
    "checkpoint",
    "collection",
    "inbox",
    "i",
    "log_source",
    "meta",
    "node",
    "peer",
    "s",
    "source",
    "stream",
    "tenant",
    "token",
    "trust",
    "warning_list",
    "word",
];

/// Statements that mean all rows, or begin a listing of all, by their beginnings and ends.
const WHOLE: &[(&str, &str)] = &[
    // Counts, checks and migrations.
    ("SELECT count(*) FROM ", ""),
    ("SELECT * FROM (SELECT ", ""),
    ("UPDATE object SET label = ( SELECT ", ""),
    // Sweeping up after erasures, and mentions in texts.
    ("DELETE FROM object WHERE latest IS NULL ", ""),
    ("DELETE FROM word ", ""),
    ("DELETE FROM class ", ""),
    (
        "DELETE FROM finding WHERE ",
        "(object = ?3 OR instr(message, ?3) > 0 OR instr(coalesce(hint, ''), ?3) > 0)",
    ),
    ("UPDATE status_item SET id = ?3, message = '' ", ""),
    // Counted from an index; listed from the first row on.
    ("SELECT coalesce(c.text, '') AS text, n.label, n.objects FROM ", ""),
    ("SELECT rule, sum(count >> 32), ", "GROUP BY rule ORDER BY rule"),
    ("SELECT h.number, h.at, ", "h.released IS NULL ORDER BY h.number DESC LIMIT ?3"),
    ("SELECT h.number, h.at, ", "h.released IS NOT NULL ORDER BY h.number DESC LIMIT ?3"),
    ("SELECT h.object, ", "WHERE h.tenant = ?1 ORDER BY h.number LIMIT ?3 OFFSET ?2"),
    ("SELECT c.party, ", "WHERE d.tenant = ?1 ORDER BY d.number LIMIT ?3 OFFSET ?2"),
    ("SELECT c.party, ", "d.receipt <> 'erased') ORDER BY d.number LIMIT ?3 OFFSET ?2"),
    ("SELECT r.number, ", "r.released IS NULL ORDER BY r.number LIMIT ?2"),
    ("SELECT r.number, ", "r.released IS NOT NULL ORDER BY r.number LIMIT ?2"),
    ("SELECT w.text, ", "v.class = 0 ORDER BY v.number LIMIT ?3"),
];

/// Starts to write down statements, in the child of the test below.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(path) = std::env::var_os(STATEMENTS) else { return };
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        faultfs::tell_statements(move |text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            file.write_all(format!("{}\n", words.join(" ")).as_bytes()).unwrap();
        });
    });
}

/// What is wrong with a step of a plan, if it is: it goes through a table, or through all that one tenant has in it.
fn goes_through_all(step: &str) -> bool {
    let mut words = step.split_whitespace();
    let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let by = step.rsplit_once('(').map_or("", |(_, by)| by.trim_end_matches(')'));
    let all = verb == "SCAN" || verb == "SEARCH" && matches!(by, "tenant=?" | "tenant=? AND world=?");
    // Full-text search has indexes of its own; subqueries are looked at by their own steps.
    all && !SMALL.contains(&table)
        && !step.contains("VIRTUAL TABLE")
        && !matches!(table, "(subquery-1)" | "e" | "n")
}

/// Every statement that the conformance suite makes the store run is planned as it would be in a store of any size.
#[test]
fn every_statement_finds_its_rows_by_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("statements");
    let child = Command::new(std::env::current_exe().unwrap())
        .arg("memory::")
        .env(STATEMENTS, &log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(child.success(), "the suite itself fails");
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path, Options::default()).unwrap());
    let store = Connection::open(&path).unwrap();
    let text = std::fs::read_to_string(log).unwrap();
    let statements: BTreeSet<&str> = text
        .lines()
        .filter(|line| ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| line.starts_with(verb)))
        // What full-text search asks of its own tables is its own affair, and what plans are made by is in no plan.
        .filter(|line| !line.contains("'search_") && !line.starts_with("INSERT INTO sqlite_stat1 "))
        .collect();
    assert!(statements.len() > 150, "only {} statements were seen", statements.len());
    let mut breaches = Vec::new();
    let mut used = BTreeSet::new();
    for statement in statements {
        let mut plan = store.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let steps: Vec<String> = plan.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap();
        if !steps.iter().any(|step| goes_through_all(step)) {
            continue;
        }
        match WHOLE.iter().find(|(begin, end)| statement.starts_with(begin) && statement.ends_with(end)) {
            Some(known) => drop(used.insert(*known)),
            None => breaches.push(format!("{statement}\n    {}", steps.join("\n    "))),
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    let idle: Vec<_> = WHOLE.iter().filter(|known| !used.contains(*known)).collect();
    assert!(idle.is_empty(), "excused, but not in need of it: {idle:#?}");
}
