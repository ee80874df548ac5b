//! What is generated from the program and committed follows from the program as it is.

use std::path::Path;
use std::process::Command;

#[test]
fn the_committed_references_are_current() {
    let folder = testkit::temp_dir();
    let done = Command::new(env!("CARGO_BIN_EXE_shieldwall"))
        .args(["gen-docs", "--dir"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(done.success());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for file in ["openapi.json", "docs/cli.md", "docs/source-kinds.md", "docs/man/shieldwall.1"] {
        let fresh = std::fs::read_to_string(folder.path().join(file)).unwrap();
        let kept = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(fresh == kept, "{file} is out of date: run `cargo xtask gen`");
    }
}
