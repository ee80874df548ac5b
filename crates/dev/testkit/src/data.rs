//! Real data that lies beside the checkout, not in it.

use std::path::{Path, PathBuf};

use crate::skip::{skip, variable};

/// The folder with the shared data, or `None` after [`crate::skip`].
///
/// It is named by `SHIELDWALL_SHARED`, else `shared` beside the checkout.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(4).map(|parent| parent.join("shared"));
    let folder = variable("SHIELDWALL_SHARED").map(PathBuf::from).or(beside)?;
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    skip(&format!("`{}` has no shared data; set SHIELDWALL_SHARED to the folder that has", folder.display()));
    None
}

/// All files under a folder of the shared data whose name ends in `.extension`, in the order of their paths.
///
/// The folder is relative, such as `data/attack`. Empty after [`crate::skip`], and only then.
#[must_use]
pub fn corpus(folder: &str, extension: &str) -> Vec<PathBuf> {
    let Some(shared) = shared() else { return Vec::new() };
    let mut found = Vec::new();
    collect(&shared.join(folder), extension, &mut found);
    found.sort();
    if found.is_empty() {
        skip(&format!("`{}` holds no .{extension} file", shared.join(folder).display()));
    }
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}
