//! STIX 2.0 patterns in the spelling of STIX 2.1.

use super::observed::renamed;

/// Rewrites what STIX 2.1 spells differently: `START` and `STOP` take timestamp literals instead of strings,
/// some properties have new names, and so has one hash algorithm. `None` if there is nothing to change.
///
/// Works on words, not on a syntax tree, so a pattern that is wrong for other reasons stays as wrong as it was.
/// Nothing inside a string literal is touched.
pub(super) fn upgrade(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    // The last word, and what stood between it and here.
    let (mut word, mut gap) = ("", "");
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => literal(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, tail) = rest.split_at_checked(length)?;
        rest = tail;
        match first {
            '\'' if matches!(word, "START" | "STOP") && gap.trim().is_empty() => {
                out.push_str(if gap.is_empty() { " t" } else { "t" });
                out.push_str(token);
            }
            '\'' if word == "hashes" && gap == "." && token == "'ssdeep'" => out.push_str("'SSDEEP'"),
            c if is_word(c) => out.push_str(match gap {
                "." if word == "hashes" && token == "ssdeep" => "SSDEEP",
                ":" => renamed(word, token).unwrap_or(token),
                _ => token,
            }),
            _ => out.push_str(token),
        }
        if is_word(first) || first == '\'' {
            word = token;
            gap = "";
        } else {
            // The gap is the text since the last word: it grows by this token.
            let start = pattern.len() - rest.len() - token.len() - gap.len();
            gap = pattern.get(start..start + gap.len() + token.len()).unwrap_or_default();
        }
    }
    (out != pattern).then_some(out)
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The length of the string literal that a text starts with; to the end if it is not closed.
fn literal(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
