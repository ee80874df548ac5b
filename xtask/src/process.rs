//! Running other programs, and saying what is wrong when that fails.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command did not succeed; split by what the person at the keyboard can do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Something that must be installed first.
    Missing {
        /// What was looked for, and for what.
        what: String,
        /// How to get it.
        how: String,
    },
    /// It ran and found something wrong.
    Failed(String),
}

impl Failure {
    /// The exit code: 1 for findings, 2 for usage or environment, as the product's own CLI has it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) | Self::Missing { .. } => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) => f.write_str(what),
            Self::Missing { what, how } => write!(f, "{what}\nhint: {how}"),
        }
    }
}

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// The root of the checkout. Cargo names the folder of the package it runs, so a moved checkout is no matter.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Every file under a folder, in the order of their paths.
pub(crate) fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let at_folder = |error: std::io::Error| Failure::Failed(format!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at_folder)? {
        let path = entry.map_err(at_folder)?.path();
        if path.is_dir() { found.extend(files_under(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// `program` with its arguments, in the root of the checkout.
pub(crate) fn command<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs to the end; the program's output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| Failure::Failed(format!("{}: {error}", shown(command))))?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("{}: {status}", shown(command)))) }
}

/// What the program prints on standard output, without the last line end; `None` if it cannot run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Whether `cargo NAME` is installed.
pub(crate) fn has_cargo_tool(name: &str) -> bool {
    output(&mut cargo([name, "--version"])).is_some()
}

/// The embedded database and the cryptography are C, so nothing works without a C compiler.
pub(crate) fn need_c_compiler() -> Result {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    if output(&mut command(&compiler, ["--version"])).is_some() {
        return Ok(());
    }
    Err(Failure::Missing {
        what: format!("no C compiler: `{compiler} --version` does not run"),
        how: "install one (Debian, Ubuntu: apt-get install build-essential; Fedora: dnf install gcc; \
              macOS: xcode-select --install) or name yours in CC"
            .to_owned(),
    })
}

fn shown(command: &Command) -> String {
    let name = PathBuf::from(command.get_program());
    let mut text = format!("`{}", name.file_name().unwrap_or_default().to_string_lossy());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text + "`"
}
