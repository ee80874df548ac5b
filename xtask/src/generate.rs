//! `cargo xtask gen`: files that follow from the code and are committed, so that a change to them is reviewed.

use std::fs;
use std::path::Path;

use crate::process::{Failure, Result, cargo, files_under, root, run as run_command, target};

/// Writes the generated files into the checkout, or with `--check` compares what is there.
///
/// The binary knows them all (`shieldwall gen-docs --dir DIR` writes them at their places under `DIR`).
pub(crate) fn run(arguments: &[&str]) -> Result {
    match *arguments {
        [] => generate(&root()),
        ["--check"] => check(),
        [argument, ..] => Err(Failure::Usage(format!("`gen` does not know `{argument}`"))),
    }
}

fn generate(folder: &Path) -> Result {
    let mut docs = cargo(["run", "--quiet", "--package", "shieldwall", "--", "gen-docs", "--dir"]);
    run_command(docs.arg(folder))
}

fn check() -> Result {
    let fresh = target().join("generated");
    let at_fresh = |error: std::io::Error| Failure::Failed(format!("{}: {error}", fresh.display()));
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(at_fresh)?;
    }
    fs::create_dir_all(&fresh).map_err(at_fresh)?;
    generate(&fresh)?;
    let files = files_under(&fresh)?;
    let mut stale = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&fresh).unwrap_or(file);
        if fs::read(root().join(name)).ok() != fs::read(file).ok() {
            stale.push(name.display().to_string());
        }
    }
    if files.is_empty() {
        return Err(Failure::Failed("nothing was generated".to_owned()));
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("out of date: {}; run `cargo xtask gen`", stale.join(", "))))
}
