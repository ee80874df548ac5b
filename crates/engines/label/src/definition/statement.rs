//! Statements: texts that restrict nothing, unless they are really a handling marking in words.

use std::borrow::Cow;

use json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::handling::Handling;
use crate::pap::Pap;

/// A text longer than this is looked at by nobody.
const LONGEST: usize = 64 << 10;

/// What a `statement` definition restricts.
///
/// PAP has no word of its own in STIX: MISP writes `PAP:RED` as a statement, OpenCTI as
/// `x_opencti_definition` of the type `PAP`. Exactly that is read. A text that names a scheme of handling in any
/// other way is not understood.
pub(super) fn meaning(definition: Value<'_>) -> Result<Handling, String> {
    let string = |pointer: &str| definition.pointer(pointer).and_then(|value| value.as_str());
    let statement = string("/definition/statement").ok_or("is a statement without a text")?;
    let kind = string("/x_opencti_definition_type");
    let texts = [Some(statement), string("/x_opencti_definition"), string("/name")];
    let mut found = None;
    for text in texts.iter().flatten() {
        match exact_pap(text) {
            Some(pap) => found = Some(found.map_or(pap, |found: Pap| found.meet(pap))),
            None if text.len() > LONGEST => return Err("has a text that is too long to look at".to_owned()),
            None if names_a_scheme(text) => {
                return Err(format!("names a scheme of handling in words: `{}`", super::brief(text)));
            }
            None => {}
        }
    }
    match (kind.as_deref(), found) {
        (None | Some("PAP" | "statement"), Some(pap)) => Ok(Handling::clear().with_pap(pap)),
        (None | Some("statement"), None) => Ok(Handling::clear()),
        (Some(kind), _) => Err(format!("is of a kind that is not known: `{}`", super::brief(kind))),
    }
}

/// The level of a text that is `PAP:` and a level, and nothing else.
fn exact_pap(text: &str) -> Option<Pap> {
    let text = text.trim_ascii();
    let (scheme, level) = text.split_once(':')?;
    if scheme.eq_ignore_ascii_case("pap") {
        level.parse().ok().filter(|_| !level.contains(':'))
    } else {
        None
    }
}

/// Whether a text names a scheme of handling anywhere: TLP, PAP, or a caveat.
pub(crate) fn names_a_scheme(text: &str) -> bool {
    const COLOURS: [&str; 6] = ["red", "amber", "green", "clear", "white", "strict"];
    let folded = fold(text);
    let mut before = "";
    for word in folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let coloured = |scheme: &str| {
            word.strip_prefix(scheme)
                .is_some_and(|rest| COLOURS.iter().any(|colour| rest.starts_with(colour)))
        };
        let alone = matches!(word, "tlp" | "pap" | "noforn" | "orcon" | "relto" | "eyesonly");
        let pair = matches!((before, word), ("rel", "to") | ("eyes", "only") | ("traffic", "light"));
        if alone || pair || coloured("tlp") || coloured("pap") {
            return true;
        }
        before = word;
    }
    false
}

/// The text in lower-case letters of ASCII where it looks like them, without what cannot be seen.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let visible = |c: &char| {
        !matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    // Compatibility forms first: full width, mathematical alphabets, small capitals of Roman numerals.
    text.nfkd().filter(visible).flat_map(char::to_lowercase).map(plain).collect()
}

/// The Latin letter that a letter of another alphabet is taken for, for the letters of the words we look for.
const fn plain(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' | 'ᴀ' => 'a',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'е' | 'ε' | 'ҽ' | 'ᴇ' => 'e',
        'ғ' | 'ꜰ' | 'ƒ' => 'f',
        'і' | 'ι' | 'ı' => 'i',
        'ӏ' | 'ł' | 'ʟ' | 'ǀ' | '|' => 'l',
        'п' | 'ν' | 'ո' | 'ɴ' => 'n',
        'о' | 'ο' | 'օ' | 'ᴏ' | 'σ' => 'o',
        'р' | 'ρ' | 'ᴘ' => 'p',
        'г' | 'ʀ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'т' | 'τ' | 'ᴛ' => 't',
        'у' | 'υ' | 'γ' | 'ʏ' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_in_words_are_seen() {
        let named = [
            "TLP:RED",
            "tlp:Amber+Strict",
            "This report is TLP RED.",
            "TLP-AMBER",
            "TLPRED",
            "pap : amber",
            "PAP:",
            "//NOFORN",
            "SECRET//REL TO USA, GBR",
            "CAN/GBR/USA EYES ONLY",
            "Traffic Light Protocol: red",
            // Cyrillic and Greek look-alikes, full width, a mathematical alphabet, hidden characters, accents.
            "ТLР:RED",
            "ΤLΡ:AMBER",
            "ＴＬＰ：ＲＥＤ",
            "𝐓𝐋𝐏:RED",
            "T\u{200b}L\u{ad}P:RED",
            "T\u{301}LP:RED",
            "TᏞP TLⲢ PΑP:RED",
            "NОFОRN",
        ];
        for text in named {
            assert!(names_a_scheme(text), "{text}");
        }
        let plain = [
            "",
            "Copyright 2015-2025, The MITRE Corporation. MITRE ATT&CK is a registered trademark.",
            "CC-BY 4.0; see the paper on https://example.org/tlpaper",
            "Пап, тлп и прочее — не по делу".split_at(0).0,
            "relative to eyes",
            "Papers of the working group",
            "Copyright © 2026, Société générale",
        ];
        for text in plain {
            assert!(!names_a_scheme(text), "{text}");
        }
    }

    #[test]
    fn only_the_exact_spelling_is_pap() {
        assert_eq!(exact_pap("PAP:RED"), Some(Pap::Red));
        assert_eq!(exact_pap(" pap:White "), Some(Pap::Clear));
        for text in
            ["PAP: RED", "PAP:RED.", "PAP:PAP:RED", "PAP:AMBER+STRICT", "РАР:RED", "RED", "PAP", "tlp:red"]
        {
            assert_eq!(exact_pap(text), None, "{text}");
        }
    }
}
