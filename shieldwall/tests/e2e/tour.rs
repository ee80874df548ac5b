//! The commands in the documentation do what the documentation shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Serving, program};

/// A command in a `console` block, with the exit code it promises.
struct Step {
    line: usize,
    command: String,
    code: i32,
    shown: String,
}

/// The steps of a document: lines after `$ `, continued by lines after `> `, followed by what is printed.
///
/// `# exit code N` at the end of a command says that it ends with N.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let (command, code) = match command.rsplit_once("# exit code ") {
                Some((command, code)) => (command, code.trim().parse().expect("an exit code")),
                None => (command, 0),
            };
            steps.push(Step { line: index + 1, command: command.to_owned(), code, shown: String::new() });
        } else if let (Some(step), Some(more)) = (steps.last_mut(), line.strip_prefix("> ")) {
            step.command.push('\n');
            step.command.push_str(more);
        } else if let Some(step) = steps.last_mut() {
            step.shown.push_str(line);
            step.shown.push('\n');
        }
    }
    steps
}

/// A shell in a folder, with the program on its path.
fn shell(folder: &Path, command: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_shieldwall")).parent().unwrap();
    let mut paths = vec![binary.to_owned()];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", command])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("HOME", folder)
        .env("USER", "tester")
        .env("NO_COLOR", "1")
        .env_remove("SHIELDWALL_DIR")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    shell
}

/// Runs a document's steps in order, in a folder of their own. Where one serves on the usual port, a free port takes
/// its place there and in later steps.
fn play(document: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{document} shows no command");
    let folder = testkit::temp_dir();
    let mut serving: Vec<(String, Serving)> = Vec::new();
    for step in steps {
        let mut command = step.command.clone();
        for (shown, node) in &serving {
            command = command.replace(shown, &node.address.to_string());
        }
        if let Some(args) =
            command.strip_prefix("shieldwall serve ").and_then(|args| args.trim().strip_suffix('&'))
        {
            let mut args: Vec<&str> = args.split_whitespace().collect();
            let shown = match args.iter().position(|arg| *arg == "--listen") {
                Some(at) => args.drain(at..at + 2).nth(1).unwrap().to_owned(),
                None => "127.0.0.1:7531".to_owned(),
            };
            if let Some(at) = args.iter().position(|arg| *arg == "--peer-listen") {
                args.drain(at..at + 2);
            }
            let mut serve = program();
            let free = ["--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"];
            serve.arg("serve").args(args).args(free).current_dir(folder.path());
            serving.push((shown, Serving::start(serve)));
            continue;
        }
        let output = shell(folder.path(), &command).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let at = format!("{document}:{}: `{command}`", step.line);
        assert_eq!(output.status.code(), Some(step.code), "{at}\n{said}");
        assert_eq!(words(&step.shown), words(&said), "{at} prints something else:\n{said}");
    }
}

/// The words of an output that are the same each time: no number, id, time or path in them.
fn words(text: &str) -> Vec<String> {
    let steady = |word: &&str| {
        word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | ':' | ',' | '`' | '.'))
    };
    let mut words: Vec<String> = text.split_whitespace().filter(steady).map(str::to_owned).collect();
    // A terminal mixes the two outputs as they come.
    words.sort();
    words
}

#[test]
fn tour() {
    play("tour.md");
}

#[test]
fn detection() {
    play("detection.md");
}

#[test]
fn connect_suricata() {
    play("connect-suricata.md");
}

#[test]
fn connect_zeek() {
    play("connect-zeek.md");
}

#[test]
fn connect_windows() {
    play("connect-windows.md");
}
