//! `cargo xtask check`: what a change must pass before it is committed, besides the tests.

use std::time::Instant;

use crate::process::{Failure, Result, cargo, has_cargo_tool, need_c_compiler, output, run as run_command};
use crate::{fuzz, generate, soak};

/// Runs every check, also after one has failed, and sums up.
pub(crate) fn run(arguments: &[&str]) -> Result {
    match *arguments {
        [] => all(false),
        ["--full"] => all(true),
        ["--soak"] => soak::run(),
        ["--fuzz"] => fuzz::run(fuzz::SECONDS),
        ["--fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds),
            Err(_) => Err(Failure::Usage(format!("`{seconds}` is not a number of seconds"))),
        },
        [argument, ..] => Err(Failure::Usage(format!("`check` does not know `{argument}`"))),
    }
}

/// A check that could not run, and how to make it run.
struct Skipped(String);

type Check = fn() -> Result<std::result::Result<(), Skipped>>;

const CHECKS: [(&str, Check); 7] = [
    ("formatting", || {
        run_command(&mut cargo(["fmt", "--all", "--check"]))?;
        // The fuzz targets are a workspace of their own.
        run_command(&mut cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])).map(Ok)
    }),
    ("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
        run_command(&mut cargo(clippy)).map(Ok)
    }),
    ("repository rules", || run_command(&mut cargo(["test", "--package", "xtask", "--quiet"])).map(Ok)),
    ("generated files", || generate::run(&["--check"]).map(Ok)),
    ("unused dependencies", || {
        with_tool("machete", || run_command(&mut cargo(["machete", "--skip-target-dir"])).map(Ok))
    }),
    ("licences, sources, bans", || {
        let deny = ["deny", "--log-level", "error", "check", "licenses", "sources", "bans"];
        with_tool("deny", || run_command(&mut cargo(deny)).map(Ok))
    }),
    ("advisories", || with_tool("deny", advisories)),
];

fn all(strict: bool) -> Result {
    need_c_compiler()?;
    let mut summary = Vec::new();
    let mut failed = 0;
    for (name, check) in CHECKS {
        eprintln!("── {name}");
        let begun = Instant::now();
        let verdict = match check() {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(Skipped(how))) => {
                failed += usize::from(strict);
                format!("skipped: {how}")
            }
            Err(failure) => {
                failed += 1;
                format!("failed: {failure}")
            }
        };
        summary.push(format!("{name:<24} {:>5.1} s  {verdict}", begun.elapsed().as_secs_f32()));
    }
    println!("\n{}", summary.join("\n"));
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Failed("one check did not pass".to_owned())),
        _ => Err(Failure::Failed(format!("{failed} checks did not pass"))),
    }
}

fn with_tool(
    name: &str,
    check: impl FnOnce() -> Result<std::result::Result<(), Skipped>>,
) -> Result<std::result::Result<(), Skipped>> {
    if has_cargo_tool(name) {
        check()
    } else {
        Ok(Err(Skipped(format!("cargo install --locked cargo-{name}"))))
    }
}

/// The advisory database is a repository of its own: where it cannot be fetched, nothing is known.
fn advisories() -> Result<std::result::Result<(), Skipped>> {
    if output(&mut cargo(["deny", "fetch", "db"])).is_none() {
        return Ok(Err(Skipped("the advisory database cannot be fetched from here".to_owned())));
    }
    run_command(&mut cargo(["deny", "--log-level", "error", "check", "advisories"])).map(Ok)
}
