//! The rules of this repository that a machine can check.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod layering;
mod sources;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

/// One breach of a rule, as `file: what is wrong`.
type Breach = String;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What is committed or about to be: every file git knows or would add, or without git every file that no build made.
fn files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listing {
        Ok(listing) if listing.status.success() => {
            let listing = String::from_utf8(listing.stdout).unwrap();
            // A file that was just deleted is still in the index.
            listing
                .split_terminator('\0')
                .map(PathBuf::from)
                .filter(|file| root().join(file).is_file())
                .collect()
        }
        _ => {
            let mut found = Vec::new();
            walk(&root(), &mut found);
            found
        }
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_file() {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        } else if !["target", ".git", ".venv", "node_modules"].contains(&name.as_ref()) {
            walk(&path, found);
        }
    }
}

/// Every tracked text file with its text; pictures and the like are left out.
fn texts() -> Vec<(PathBuf, String)> {
    let read = |file: PathBuf| std::fs::read_to_string(root().join(&file)).ok().map(|text| (file, text));
    files().into_iter().filter_map(read).collect()
}

#[track_caller]
fn none(breaches: Vec<Breach>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}
