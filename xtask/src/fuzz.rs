//! `cargo xtask check --fuzz`: every fuzz target for a while, starting from real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::process::{Failure, Result, cargo, has_cargo_tool, root, run as run_command, target};

/// How long each target runs unless told otherwise.
pub(crate) const SECONDS: u32 = 30;

/// Runs all targets and says how many inputs each has tried.
pub(crate) fn run(seconds: u32) -> Result {
    if !has_cargo_tool("fuzz") {
        return Err(Failure::Missing {
            what: "no cargo-fuzz".to_owned(),
            how: "cargo install --locked cargo-fuzz".to_owned(),
        });
    }
    run_command(&mut cargo(["fuzz", "build", "--sanitizer", "none"]))?;
    let mut found = Vec::new();
    for name in targets()? {
        let corpus = target().join("fuzz-corpus").join(&name);
        let seeds =
            seed(&name, &corpus).map_err(|e| Failure::Failed(format!("{}: {e}", corpus.display())))?;
        eprintln!("── {name}: {seconds} s from {seeds} files");
        let log = target().join(format!("fuzz-{name}.log"));
        let output =
            fs::File::create(&log).map_err(|e| Failure::Failed(format!("{}: {e}", log.display())))?;
        let mut fuzz = cargo(["fuzz", "run", "--sanitizer", "none", &name]);
        fuzz.arg(&corpus)
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", longest(&name)));
        fuzz.args(["-timeout=10", "-rss_limit_mb=512", "-print_final_stats=1"]);
        let dictionary = root().join("fuzz/dictionaries").join(format!("{name}.dict"));
        if dictionary.is_file() {
            fuzz.arg(format!("-dict={}", dictionary.display()));
        }
        let status = fuzz.stdout(Stdio::null()).stderr(output).status();
        let status = status.map_err(|error| Failure::Failed(format!("cargo does not run: {error}")))?;
        let text =
            fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if status.success() {
            println!("{name}: {} inputs tried", statistic(&text, "number_of_executed_units"));
        } else {
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("{}", lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n"));
            found.push(format!("{name} (whole log: {})", log.display()));
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(format!("fuzzing failed: {}", found.join(", "))))
    }
}

fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|e| Failure::Failed(format!("{}: {e}", folder.display())))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Copies the files a target starts from into its corpus; returns how many the corpus then holds.
///
/// Committed seeds come from `fuzz/seeds/TARGET`, real files from the shared data beside the checkout.
fn seed(name: &str, corpus: &Path) -> std::io::Result<usize> {
    fs::create_dir_all(corpus)?;
    let shared =
        std::env::var_os("SHIELDWALL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let mut folders = vec![root().join("fuzz/seeds").join(name)];
    folders.extend(real_files(name).iter().map(|folder| shared.join(folder)));
    for folder in folders {
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            if file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= longest(name)) {
                fs::copy(file.path(), corpus.join(file.file_name()))?;
            }
        }
    }
    Ok(fs::read_dir(corpus)?.count())
}

/// In bytes; longer inputs add nothing but time.
fn longest(name: &str) -> u64 {
    match name {
        "bundle" | "misp" => 1 << 16,
        _ => 1 << 12,
    }
}

fn real_files(name: &str) -> &'static [&'static str] {
    match name {
        "bundle" => &["data/stix-examples", "conformance/rfc8785/input"],
        "misp" => &["data/misp-events"],
        "list" => &["data/indicators/maltrail", "data/warninglists"],
        _ => &[],
    }
}

/// A figure of libFuzzer's closing statistics.
fn statistic<'a>(log: &'a str, name: &str) -> &'a str {
    let line = log.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
    line.map_or("?", |rest| rest.trim_start_matches(':').trim())
}
