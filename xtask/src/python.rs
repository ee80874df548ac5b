//! A Python environment with the third-party clients that the tests let loose on a node.

use std::fs;
use std::path::PathBuf;

use crate::process::{Failure, Result, command, output, root, run, target};

/// The environment's interpreter; makes the environment when it is not there or out of date.
///
/// It lives in the folder named by `SHIELDWALL_CACHE`, else among the build products. An interpreter named
/// in `SHIELDWALL_PYTHON` is taken as it is.
pub(crate) fn environment() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("SHIELDWALL_PYTHON").filter(|path| !path.is_empty()) {
        return Ok(python.into());
    }
    let wanted = root().join("xtask/requirements.txt");
    let wanted =
        fs::read_to_string(&wanted).map_err(|e| Failure::Failed(format!("{}: {e}", wanted.display())))?;
    let folder = std::env::var_os("SHIELDWALL_CACHE").map_or_else(target, PathBuf::from).join("venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last, so a half-made environment is made again.
    let made_for = folder.join("made-for.txt");
    let current = fs::read_to_string(&made_for).is_ok_and(|text| text == wanted);
    if current
        && output(&mut command(&python, ["-c", "import duckdb, stix2, suricataparser, taxii2client"]))
            .is_some()
    {
        return Ok(python);
    }

    let Some(version) = output(&mut command("python3", ["--version"])) else {
        return Err(missing("no Python: `python3 --version` does not run"));
    };
    if output(&mut command("python3", ["-c", "import ensurepip, venv"])).is_none() {
        return Err(missing(&format!("{version} comes without venv")));
    }
    eprintln!("making a Python environment for the third-party clients");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| Failure::Failed(format!("{}: {e}", folder.display())))?;
    }
    run(command("python3", ["-m", "venv"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(command(&python, pip).arg(root().join("xtask/requirements.txt")))?;
    fs::write(&made_for, wanted).map_err(|e| Failure::Failed(format!("{}: {e}", made_for.display())))?;
    Ok(python)
}

fn missing(what: &str) -> Failure {
    Failure::Missing {
        what: what.to_owned(),
        how: "install it (Debian, Ubuntu: apt-get install python3-venv; Fedora: dnf install python3), \
              or name an interpreter that has the packages of xtask/requirements.txt in SHIELDWALL_PYTHON"
            .to_owned(),
    }
}
