//! `cargo xtask check --soak`: the same tests as always, with counts that take hours, and a record of it.

use std::fs;
use std::time::Instant;

use crate::machine;
use crate::process::{Failure, Result, cargo, command, output, root, run as run_command};

/// Suites that repeat something, the variable that says how often, and how often here.
const SUITES: [(&str, &str, u64); 8] = [
    ("shieldwall-sim", "SHIELDWALL_SIM_SEEDS", 10_000),
    ("shieldwall-sim", "SHIELDWALL_SEEDS", 200),
    ("shieldwall", "SHIELDWALL_EXCHANGE_KILLS", 1_000),
    ("shieldwall-store-sqlite", "SHIELDWALL_KILLS", 1_000),
    ("shieldwall-store-sqlite", "SHIELDWALL_CUTS", 2),
    ("shieldwall-json", "PROPTEST_CASES", 100_000),
    ("shieldwall-stix", "PROPTEST_CASES", 100_000),
    ("shieldwall-stix-pattern", "PROPTEST_CASES", 100_000),
];

const HEAD: &str = "\
# Soak runs

Each row is one suite under `cargo xtask check --soak`: the tests of everyday runs with full counts.
Rows are appended by that command.

| Date | Commit | Suite | Repeats | Result | Minutes | Machine |
|---|---|---|---|---|---|---|
";

/// Runs every suite, also after one has failed, and appends the results to `docs/soak.md`.
pub(crate) fn run() -> Result {
    let record = root().join("docs/soak.md");
    let at_record = |error: std::io::Error| Failure::Failed(format!("{}: {error}", record.display()));
    let mut text =
        if record.exists() { fs::read_to_string(&record).map_err(at_record)? } else { HEAD.to_owned() };
    let commit =
        output(&mut command("git", ["describe", "--always", "--dirty"])).unwrap_or_else(|| "?".to_owned());
    let mut failed = Vec::new();
    for (package, variable, count) in SUITES {
        eprintln!("── {package}: {variable}={count}");
        let begun = Instant::now();
        let mut tests = cargo(["test", "--no-fail-fast", "--package", package]);
        let result = run_command(tests.env(variable, count.to_string()).env("CI", "true"));
        let verdict = if result.is_ok() { "passed" } else { "**failed**" };
        let minutes = begun.elapsed().as_secs_f32() / 60.0;
        let (date, machine) = (machine::date(), machine::hardware());
        let suite = format!("{package} ({variable})");
        let row = format!("| {date} | {commit} | {suite} | {count} | {verdict} | {minutes:.1} | {machine} |");
        println!("{row}");
        text.push_str(&row);
        text.push('\n');
        // Written after each suite: a soak that is cut short keeps what it has.
        fs::write(&record, &text).map_err(at_record)?;
        if result.is_err() {
            failed.push(package);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("failed: {}", failed.join(", ")))) }
}
