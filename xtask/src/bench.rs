//! `cargo xtask bench`: every measured figure comes from here, together with what it was measured on.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::machine;
use crate::process::{
    Failure, Result, cargo, files_under, need_c_compiler, root, run as run_command, target,
};

/// Something that can be measured.
struct Bench {
    name: String,
    about: &'static str,
    run: Box<dyn Fn() -> Result>,
}

/// Runs all benches but the builds, or those named.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let benches = benches()?;
    if let ["--list"] = arguments {
        for bench in &benches {
            println!("{:<24} {}", bench.name, bench.about);
        }
        return Ok(());
    }
    if let Some(unknown) = arguments.iter().find(|name| benches.iter().all(|bench| bench.name != **name)) {
        return Err(Failure::Usage(format!(
            "there is no bench `{unknown}`; `cargo xtask bench --list` names them"
        )));
    }
    need_c_compiler()?;
    println!("{}", machine::line());
    for bench in &benches {
        let named = arguments.contains(&bench.name.as_str());
        if named || (arguments.is_empty() && !bench.name.starts_with("build-")) {
            println!("\n── {}: {}", bench.name, bench.about);
            (bench.run)()?;
        }
    }
    Ok(())
}

/// Whole-program benches, then one for each `benches/*.rs` of a crate, then the builds.
fn benches() -> Result<Vec<Bench>> {
    let mut benches: Vec<Bench> = PROGRAM
        .iter()
        .map(|(name, about, arguments)| Bench {
            name: (*name).to_owned(),
            about,
            run: Box::new(|| {
                let mut bench = cargo(["run", "--release", "--package", "shieldwall", "--"]);
                run_command(bench.args(*arguments))
            }),
        })
        .collect();
    for (package, bench) in crate_benches()? {
        let run_bench = bench.clone();
        benches.push(Bench {
            name: bench,
            about: "in-process",
            run: Box::new(move || {
                run_command(&mut cargo(["bench", "--package", &package, "--bench", &run_bench]))
            }),
        });
    }
    benches.push(Bench {
        name: "build-release".to_owned(),
        about: "CPU-seconds of a clean release build, and its dearest crates",
        run: Box::new(|| clean_build("build-release", &["build", "--release", "--package", "shieldwall"])),
    });
    benches.push(Bench {
        name: "build-demo".to_owned(),
        about: "the same for the profile of `cargo xtask demo`",
        run: Box::new(|| {
            clean_build("build-demo", &["build", "--profile", "demo", "--package", "shieldwall"])
        }),
    });
    benches.push(Bench {
        name: "build-test".to_owned(),
        about: "the same for all tests",
        run: Box::new(|| clean_build("build-test", &["test", "--workspace", "--no-run"])),
    });
    Ok(benches)
}

/// Benches that are the release binary with these arguments.
const PROGRAM: [(&str, &str, &[&str]); 1] =
    [("publish", "five nodes: publish on one until visible on four", &["demo", "--once", "--json"])];

/// `(package, bench)` for each bench file in the workspace.
fn crate_benches() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut files = files_under(&root().join("crates"))?;
    files.extend(files_under(&root().join("shieldwall/benches"))?);
    for file in files {
        let Some(folder) = file.parent().filter(|folder| folder.ends_with("benches")) else { continue };
        let manifest = fs::read_to_string(folder.with_file_name("Cargo.toml")).ok();
        if let (Some(package), Some(stem)) = (manifest.and_then(|text| package_name(&text)), file.file_stem())
        {
            found.push((package, stem.to_string_lossy().into_owned()));
        }
    }
    Ok(found)
}

fn package_name(manifest: &str) -> Option<String> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("name = \""))?;
    value.strip_suffix('"').map(str::to_owned)
}

/// Builds into an empty folder and says what that cost.
fn clean_build(name: &str, arguments: &[&str]) -> Result {
    let folder = target().join(name);
    let at_folder = |error: std::io::Error| Failure::Failed(format!("{}: {error}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(at_folder)?;
    }
    let (begun, before) = (Instant::now(), machine::cpu_seconds_of_children());
    run_command(cargo(arguments).args(["--timings", "--quiet"]).env("CARGO_TARGET_DIR", &folder))?;
    let spent = machine::cpu_seconds_of_children().zip(before).map(|(after, before)| after - before);
    let cpu = spent.map_or_else(|| "unknown".to_owned(), |seconds| format!("{seconds:.0}"));
    println!(
        "{cpu} CPU-seconds, {:.0} s on the clock; dearest crates by seconds on the clock:",
        begun.elapsed().as_secs_f32()
    );
    let report = fs::read_to_string(folder.join("cargo-timings/cargo-timing.html")).map_err(at_folder)?;
    for (crate_name, seconds) in dearest(&report).iter().take(12) {
        println!("{seconds:8.1}  {crate_name}");
    }
    fs::remove_dir_all(&folder).map_err(at_folder)
}

/// Crates by the time cargo spent on them, build scripts included, dearest first.
///
/// Read off the list of units in cargo's own timing report, which has `"name"` before `"duration"` in each.
fn dearest(report: &str) -> Vec<(String, f64)> {
    let mut by_name = BTreeMap::<&str, f64>::new();
    let mut name = None;
    for line in report.lines().map(str::trim) {
        if let Some(value) = line.strip_prefix("\"name\": \"") {
            name = value.split('"').next();
        } else if let Some(value) = line.strip_prefix("\"duration\": ")
            && let (Some(name), Ok(seconds)) = (name.take(), value.trim_end_matches(',').parse::<f64>())
        {
            *by_name.entry(name).or_default() += seconds;
        }
    }
    let mut sorted: Vec<(String, f64)> =
        by_name.into_iter().map(|(name, secs)| (name.to_owned(), secs)).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_added_up_by_crate() {
        let report = r#"
            "name": "ring",
            "target": " build script (run)",
            "duration": 2.5,
            "name": "tokio",
            "duration": 3.0,
            "name": "ring",
            "duration": 1.5,
        "#;
        assert_eq!(dearest(report), [("ring".to_owned(), 4.0), ("tokio".to_owned(), 3.0)]);
    }

    #[test]
    fn a_package_is_named_by_its_manifest() {
        assert_eq!(
            package_name("[package]\nname = \"shieldwall-json\"\n").as_deref(),
            Some("shieldwall-json")
        );
    }
}
