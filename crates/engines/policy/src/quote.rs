//! Texts and sets as Cedar writes them.

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
    use super::*;

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
            let read: cedar_policy::RestrictedExpression = literal.parse().unwrap();
            assert_eq!(read, cedar_policy::RestrictedExpression::new_string(text.to_owned()));
        }
    }
}
