//! Whether the beginning of a file looks like a list.

use crate::reader::{Parsed, Reader};

/// Lines looked at.
const SAMPLE: usize = 200;

/// Whether the first bytes of a file (a few kilobytes are plenty) look like a list: text, not JSON or markup,
/// whose lines are mostly values, or nothing but comments so far.
#[must_use]
pub fn looks_like_list(prefix: &[u8]) -> bool {
    let text = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        // A character may be cut at the end of the prefix.
        Err(error) if error.error_len().is_none() => prefix
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    let text = text.trim_start_matches('\u{feff}');
    let first = text.trim_start();
    if first.is_empty() || text.contains('\0') || first.starts_with(['{', '<']) || first.starts_with("#!") {
        return false;
    }
    if first.starts_with('[') && json::Tape::new().parse(first.as_bytes(), &json::Limits::DOCUMENT).is_ok() {
        return false;
    }
    let whole = text.len() < 4096 || text.lines().count() <= 1;
    let mut lines: Vec<&str> = text.lines().take(SAMPLE + 1).collect();
    if !whole {
        lines.pop();
    }
    let mut reader = Reader::new();
    let (mut values, mut refused) = (0usize, 0usize);
    let mut count = |parsed: Parsed| match parsed {
        Parsed::Value(_) => values += 1,
        Parsed::Refused(_) => refused += 1,
    };
    for line in &lines {
        reader.push(line.as_bytes(), &mut count);
        reader.push(b"\n", &mut count);
    }
    let commented = lines.iter().any(|line| line.trim_start().starts_with(['#', ';']));
    if values == 0 { refused == 0 && commented } else { values >= refused }
}
