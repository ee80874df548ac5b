//! `cargo xtask demo`: from a fresh checkout to five nodes that work together.

use crate::process::{Failure, Result, cargo, need_c_compiler, root};

/// Builds the `demo` profile and becomes `shieldwall demo` with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Result {
    need_c_compiler()?;
    eprintln!("building the demo; the first time this takes a few minutes");
    let mut demo = cargo(["run", "--profile", "demo", "--package", "shieldwall", "--", "demo"]);
    demo.args(arguments);
    // Recorded logs, where they were put beside the project; the demo has small ones of its own.
    let captures = root().join("../shared/data");
    if captures.join("host-logs").is_dir() && !arguments.contains(&"--captures") {
        demo.arg("--captures").arg(captures);
    }
    // The demo takes this process's place, so that Ctrl-C and the exit code are its own.
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        Err(Failure::Failed(format!("cargo does not run: {}", demo.exec())))
    }
    #[cfg(not(unix))]
    crate::process::run(&mut demo)
}
