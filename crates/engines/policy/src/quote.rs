//! Texts and sets as Cedar writes them.

use model::PartyId;

/// A Cedar string literal: printable ASCII as it is, everything else escaped.
///
/// So no text of a document can end the literal, the line or the comment it stands in, and no look-alike or invisible
/// character reaches the eyes of whoever signs.
pub(crate) fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A JSON string (RFC 8259 §7) in printable ASCII alone, for the same reason.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(byte)]),
            Ok(byte @ b' '..=b'~') => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
    out
}

/// The first bytes of an id as lower-case hex digits. Ids are written out for every decision, so this one is quick.
pub(crate) fn hex(id: PartyId, bytes: usize) -> String {
    let nibbles = id.0.0.iter().take(bytes).flat_map(|byte| [byte >> 4, byte & 15]);
    let mut out = String::with_capacity(2 * bytes);
    out.extend(nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)));
    out
}

/// `[a, b]`
pub(crate) fn set(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

/// Whether `subject` is one of the items. Of none it is not: the empty set means nobody.
pub(crate) fn one_of(subject: &str, items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [] => "false".to_owned(),
        [one] => format!("{subject} == {one}"),
        several => format!("[{}].contains({subject})", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{json as quoted_json, *};

    #[test]
    fn ids_are_written_as_ids_are() {
        let id = PartyId(model::Digest(std::array::from_fn(|at| u8::try_from(at * 7 % 256).unwrap())));
        assert_eq!(hex(id, 32), id.to_string());
        assert_eq!(hex(id, 6), id.0.short());
    }

    #[test]
    fn nothing_gets_out_of_a_literal() {
        for text in [
            "",
            "plain",
            "\"; permit(principal,action,resource); //",
            "\\",
            "\\\"",
            "a\nb\r\u{2028}c",
            "\u{202e}é名\0\u{10ffff}",
        ] {
            let literal = string(text);
            assert!(literal.bytes().all(|b| (b' '..=b'~').contains(&b)), "{literal}");
            let quoted = quoted_json(text);
            assert!(quoted.bytes().all(|b| (b' '..=b'~').contains(&b)), "{quoted}");
            let mut tape = json::Tape::new();
            let limits = json::Limits::new(1 << 10, 1, 1);
            assert_eq!(tape.parse(quoted.as_bytes(), &limits).unwrap().as_str().as_deref(), Some(text));
            let read: cedar_policy::RestrictedExpression = literal.parse().unwrap();
            assert_eq!(read, cedar_policy::RestrictedExpression::new_string(text.to_owned()));
        }
    }
}
