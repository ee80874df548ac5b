//! Skipping aloud, and what the surroundings say about a test run.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// Says that the calling test does not run and why; `cargo xtask test` repeats it at the end of its output.
///
/// # Panics
/// Under CI, where everything a test needs must be there.
#[expect(clippy::panic, reason = "under CI a skipped test is a failed one")]
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {why}", thread.name().unwrap_or("a test"));
    if under_ci() {
        panic!("cannot run {line}");
    }
    eprintln!("skipped {line}");
    // `cargo test` shows what a passing test prints to nobody, hence the file.
    if let Some(path) = variable("SHIELDWALL_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())) {
            eprintln!("cannot note that: {error}");
        }
    }
}

/// The interpreter of a Python environment with the third-party clients in it, or `None` after [`skip`].
///
/// `cargo xtask test` makes the environment and names the interpreter in `SHIELDWALL_PYTHON`.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let python = variable("SHIELDWALL_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skip("no Python environment; run the tests with `cargo xtask test`");
    }
    python
}

/// How often to repeat something: the number in the environment variable `name`, else `default`.
///
/// # Panics
/// When the variable holds something else than a number.
#[must_use]
#[expect(clippy::panic, reason = "a soak with a mistyped count must not pass as the small one")]
pub fn count(name: &str, default: u64) -> u64 {
    match variable(name).map(|value| value.to_string_lossy().into_owned()) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is not a number")),
    }
}

fn under_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

/// A set and non-empty environment variable.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
