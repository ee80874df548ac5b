//! What is printed where.
//!
//! Much of it was chosen by others: names, titles, notes. So everything that is printed for people goes through
//! [`legible`], which lets no text move the cursor, colour the screen or turn what is read around.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, IsTerminal, Write};

use anstream::{eprintln, stdout};
use owo_colors::OwoColorize;
use serde_json::Value;

use crate::exit::Exit;

/// One JSON document on one line of standard output. What deceives a reader is escaped, which leaves the value as it is.
pub fn line(value: &Value) {
    let json = value.to_string();
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside strings JSON has none of these, and inside every one of them may be spelled so (RFC 8259 §7).
        if deceives(c) { escaped.push_str(&format!("\\u{:04x}", u32::from(c))) } else { escaped.push(c) }
    }
    print(&escaped);
}

/// Whether a character is not to be seen but changes what is: control characters but for the end of a line and the tab,
/// line separators, and marks that turn the direction of reading or hide.
fn deceives(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text of several lines as it may stand on a terminal.
pub fn legible(text: &str) -> Cow<'_, str> {
    if text.contains(deceives) { Cow::Owned(text.replace(deceives, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A value that stands within a line: where it breaks there is a space.
pub fn inline(text: &str) -> Cow<'_, str> {
    match legible(text) {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace(['\n', '\t'], " ")),
        text => text,
    }
}

/// Data on standard output, whose lines end as the text's do.
pub fn text(line: &str) {
    print(&legible(line));
}

fn print(line: &str) {
    if let Err(error) = writeln!(stdout(), "{line}") {
        lost(&error);
    }
}

/// Ends the program, since what it says is lost. A reader that has gone away, as `head` does, is told nothing more; but
/// what was not told is never "nothing was found".
fn lost(error: &Error) -> ! {
    let exit = if error.kind() == ErrorKind::BrokenPipe {
        Exit::Findings
    } else {
        self::error(
            &format!("standard output cannot be written: {error}"),
            Some("what was printed is not everything; write to where there is room"),
        );
        Exit::Environment
    };
    std::process::exit(exit.code().into())
}

/// A text that is to be kept or signed, on standard output: exactly, unless a person watches.
pub fn document(document: &str) {
    if std::io::stdout().is_terminal() {
        text(document.trim_end());
    } else {
        raw(document.as_bytes());
    }
}

/// Raw bytes on standard output, nothing added.
pub fn raw(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        drop(stdout);
        lost(&error);
    }
}

/// A message to the person on standard error.
pub fn say(message: &str) {
    eprintln!("{}", legible(message));
}

/// What went wrong, and the remedy.
pub fn error(message: &str, hint: Option<&str>) {
    eprintln!("{} {}", "error:".red().bold(), legible(message));
    if let Some(hint) = hint {
        eprintln!("{} {}", "hint:".cyan().bold(), legible(hint));
    }
}

/// Whether a person watches standard error.
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows under headers, columns aligned.
pub fn table(headers: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| inline(cell)).collect()).collect();
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(column, header)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([header.chars().count()]).max().unwrap_or_default()
        })
        .collect();
    let aligned = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        line.trim_end().to_owned()
    };
    print(&format!("{}", aligned(&mut headers.iter().copied()).bold()));
    for row in &rows {
        print(&aligned(&mut row.iter().map(AsRef::as_ref)));
    }
}

#[cfg(test)]
mod tests {
    use super::{inline, legible};

    #[test]
    fn nothing_hidden_reaches_a_terminal() {
        assert_eq!(legible("two\nlines\tand a tab"), "two\nlines\tand a tab");
        let hostile = "a\u{1b}[2Jb\u{202e}c\u{9b}d\u{2028}e\u{200b}f\rg\u{2066}h\u{61c}i";
        let shown = legible(hostile);
        assert!(shown.chars().all(|c| c == '\u{fffd}' || c.is_ascii_graphic()), "{shown:?}");
        assert_eq!(inline("one\nforged line"), "one forged line");
    }
}
