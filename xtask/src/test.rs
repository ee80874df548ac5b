//! `cargo xtask test`: everything the tests need, the tests, and what was not tested.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::process::{Failure, Result, cargo, need_c_compiler, target};
use crate::python;

/// Sets up and runs `cargo test`; other arguments than `--ci` go to it.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let under_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let strict = under_ci || arguments.contains(&"--ci");
    let filters: Vec<&str> = arguments.iter().copied().filter(|argument| *argument != "--ci").collect();
    need_c_compiler()?;
    let python = match python::environment() {
        Err(failure) if strict => return Err(failure),
        Err(failure) => {
            eprintln!("tests with third-party clients will be skipped: {failure}");
            None
        }
        Ok(python) => Some(python),
    };

    let skipped = target().join("skipped.txt");
    // An earlier run's notes; usually there are none.
    if skipped.exists() {
        fs::remove_file(&skipped)
            .map_err(|error| Failure::Failed(format!("{}: {error}", skipped.display())))?;
    }
    let mut tests = cargo(["test", "--no-fail-fast"]);
    let narrowed = filters.iter().any(|filter| filter.starts_with("-p") || filter.starts_with("--package"));
    if !narrowed {
        tests.arg("--workspace");
    }
    tests.args(&filters).env("SHIELDWALL_SKIPPED", &skipped).stdout(Stdio::piped());
    if strict {
        tests.env("CI", "true");
    }
    if let Some(python) = python {
        tests.env("SHIELDWALL_PYTHON", python);
    }
    let mut child = tests.spawn().map_err(|error| Failure::Failed(format!("cargo does not run: {error}")))?;
    let mut total = Total::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(std::result::Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            total.add(&line);
        }
    }
    let status = child.wait().map_err(|error| Failure::Failed(format!("cargo test: {error}")))?;

    // No file means that nothing was skipped.
    let notes = fs::read_to_string(&skipped).unwrap_or_default();
    let reasons = by_test(&notes);
    if !reasons.is_empty() {
        println!("\nskipped:");
        for (test, why) in &reasons {
            println!("  {test}: {why}");
        }
    }
    let passed = total.passed.saturating_sub(reasons.len());
    println!("\n{passed} passed, {} failed, {} skipped", total.failed, reasons.len());
    if status.success() { Ok(()) } else { Err(Failure::Failed("some tests failed; see above".to_owned())) }
}

/// What the test binaries report, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    passed: usize,
    failed: usize,
}

impl Total {
    /// Takes in a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split(';') {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<usize>().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse::<usize>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Lines of `test: reason`, one reason for each test.
fn by_test(notes: &str) -> BTreeMap<&str, &str> {
    notes.lines().filter_map(|line| line.split_once(": ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_many_binaries_add_up() {
        let mut total = Total::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 32 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.5s",
            "test result: nonsense",
        ] {
            total.add(line);
        }
        assert_eq!(total, Total { passed: 35, failed: 2 });
    }

    #[test]
    fn a_test_is_skipped_once_however_often_it_says_so() {
        let notes = "a::b: no data\na::b: no data\nc: `x`: missing\n";
        assert_eq!(by_test(notes), BTreeMap::from([("a::b", "no data"), ("c", "`x`: missing")]));
    }
}
