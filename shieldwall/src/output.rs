//! What is printed where.

use std::io::{IsTerminal, Write};

use anstream::{eprintln, stdout};
use owo_colors::OwoColorize;
use serde_json::Value;

/// One JSON document on one line of standard output.
pub fn line(value: &Value) {
    text(&value.to_string());
}

/// One line of data on standard output. A reader that has gone away ends the program quietly.
pub fn text(line: &str) {
    if writeln!(stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Raw bytes on standard output, nothing added.
pub fn raw(bytes: &[u8]) {
    if std::io::stdout().write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

/// A message to the person on standard error.
pub fn say(message: &str) {
    eprintln!("{message}");
}

/// What went wrong, and the remedy.
pub fn error(message: &str, hint: Option<&str>) {
    eprintln!("{} {message}", "error:".red().bold());
    if let Some(hint) = hint {
        eprintln!("{} {hint}", "hint:".cyan().bold());
    }
}

/// Whether a person watches standard error.
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows under headers, columns aligned.
pub fn table(headers: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(column, header)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([header.chars().count()]).max().unwrap_or_default()
        })
        .collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        line.trim_end().to_owned()
    };
    text(&format!("{}", print(&mut headers.iter().copied()).bold()));
    for row in rows {
        text(&print(&mut row.iter().map(String::as_str)));
    }
}
