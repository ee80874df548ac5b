//! Processes that die at any moment: every acknowledged commit is there afterwards, and nothing half-written.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ports::Store;
use shieldwall_store_sqlite::{Options, SqliteStore};

use crate::workload;

const FOLDER: &str = "SHIELDWALL_CRASH_DIR";
const FIRST: &str = "SHIELDWALL_CRASH_FIRST";
const STATEMENT: &str = "SHIELDWALL_CRASH_STATEMENT";

/// Between them, these have everything in them that a step can: sharing and erasing what was shared too.
const STEPS: [u64; 3] = [3, 4, 0];

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("store.db"), Options { checkpoint_pages: 64, ..Options::default() })
        .unwrap()
}

fn spawn(test: &str, folder: &Path, variables: &[(&str, u64)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder);
    for (name, value) in variables {
        command.env(name, value.to_string());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn acknowledge(number: u64) {
    // One write, so that a line is there whole or not at all.
    std::io::stdout().write_all(format!("acknowledged {number}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

fn acknowledged(line: &str) -> Option<u64> {
    line.strip_prefix("acknowledged ").and_then(|number| number.parse().ok())
}

#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder));
    workload::found(&store);
    let next = AtomicU64::new(variable(FIRST).unwrap());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
                    acknowledge(number);
                }
            });
        }
    });
}

/// Three writers in another process are killed after some acknowledgements; the store goes on from there. How often:
/// `SHIELDWALL_KILLS`.
#[test]
fn killed_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut acked = Vec::new();
    for kill in 0..variable("SHIELDWALL_KILLS").unwrap_or(25) {
        let mut child = spawn("crash::writer", folder.path(), &[(FIRST, kill * 10_000)]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Spread over the life of the process: from opening the file to many commits.
        let patience = usize::try_from(kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58).unwrap();
        acked.extend(
            lines.by_ref().map_while(Result::ok).filter_map(|line| acknowledged(&line)).take(patience),
        );
        child.kill().unwrap();
        acked.extend(lines.map_while(Result::ok).filter_map(|line| acknowledged(&line)));
        child.wait().unwrap();
        workload::check(&open(folder.path()), &acked);
    }
    assert!(!acked.is_empty(), "no writer ever got to write");
}

#[test]
fn short_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    faultfs::abort_at_statement(variable(STATEMENT).unwrap());
    let store = open(Path::new(&folder));
    workload::found(&store);
    for number in STEPS {
        store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
        acknowledge(number);
    }
}

/// A short life, ended before its first statement, its second, and so on until it is lived to its end.
#[test]
fn dead_between_any_two_statements() {
    let next = AtomicU64::new(1);
    let live = || loop {
        let statement = next.fetch_add(1, Ordering::SeqCst);
        let folder = tempfile::tempdir().unwrap();
        let child = spawn("crash::short_writer", folder.path(), &[(STATEMENT, statement)]);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let acked: Vec<u64> = text.lines().filter_map(acknowledged).collect();
        workload::check(&open(folder.path()), &acked);
        if output.status.success() {
            assert_eq!(acked, STEPS);
            assert!(statement > 400, "only {statement} statements were seen");
            return;
        }
    };
    // Most of such a life is waiting for the disk.
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(live))));
}
