//! IBM's Log Event Extended Format, alone or in a syslog message: `LEEF:1.0|vendor|product|version|event|src=…⇥dst=…`;
//! version 2.0 may say another delimiter than the tab: `LEEF:2.0|vendor|product|version|event|^|src=…^dst=…`.

use model::Timestamp;

use super::cef::{extension, part, put};
use super::{Line, Parsed};
use crate::class::of_product;
use crate::counts::{Malformed, Reason};
use crate::scan::{Scan, hex};
use crate::slot::Slots;
use crate::time;

const HEADER: [&str; 5] = ["LEEFVersion", "DeviceVendor", "DeviceProduct", "DeviceVersion", "EventID"];

/// What relays make of a tab.
const TABS: [&str; 4] = ["\t", "#011", "<009>", "\\t"];

/// The most pairs of one record.
const MAX_PAIRS: usize = 1000;

/// Reads a record that begins at that byte; `sent` is the time of the message around it.
pub(super) fn read<'r>(
    line: Line<'r>,
    at: usize,
    sent: Option<Timestamp>,
    mut slots: Slots<'r>,
) -> Result<Parsed<'r>, Malformed> {
    let text = line.text;
    let mut scan = Scan::new(text, at);
    if !scan.eat("LEEF:") {
        return Err(Malformed::new(Reason::BadLeef, at, "the record does not begin with `LEEF:`"));
    }
    for name in HEADER {
        let span = part(&mut scan);
        if !scan.eat("|") {
            let message = format!("the header ends behind `{name}`");
            return Err(Malformed::new(Reason::BadLeef, span.end, message));
        }
        put(&mut slots, name, text, span);
    }
    let mut delimiter = None;
    if slots.string("LEEFVersion").is_some_and(|version| version.trim().starts_with('2')) {
        let before = scan;
        let said = scan.until(|c| c == '|');
        match delimiter_of(scan.slice(&said)) {
            Some(said) if scan.eat("|") => delimiter = said,
            // Version 2.0 without the sixth part.
            _ => scan = before,
        }
    }
    let attributes = scan.rest();
    let own = delimiter.map(String::from);
    let tab = TABS.iter().find(|tab| attributes.contains(**tab)).copied();
    match own.as_deref().or(tab) {
        Some(delimiter) => {
            let mut from = scan.at();
            for pair in attributes.split(delimiter).take(MAX_PAIRS) {
                if let Some((name, value)) = pair.split_once('=') {
                    let start = from + name.len() + 1;
                    slots.text(name.trim(), text, start..start + value.len());
                }
                from += pair.len() + delimiter.len();
            }
        }
        // One pair, or a relay that made blanks of the tabs.
        None => extension(text, scan.at(), &mut slots),
    }
    let time = slots.get("devTime").and_then(|own| time::of(own, &line.clock)).or(sent);
    let class = {
        let part = |name: &str| slots.string(name).unwrap_or_default();
        of_product(&part("DeviceVendor"), &part("DeviceProduct"), &slots)
    };
    Ok(Parsed::of_text(class, time, slots))
}

/// The delimiter that a header says: a character, or `0x` or `x` and its number in hex; the inner `None` is the tab.
#[expect(clippy::option_option, reason = "no delimiter and the usual one are two answers")]
fn delimiter_of(said: &str) -> Option<Option<char>> {
    let digits = said.strip_prefix("0x").or_else(|| said.strip_prefix('x'));
    if let Some(digits) = digits.filter(|digits| !digits.is_empty()) {
        let number = if digits.len() == 1 { format!("0{digits}") } else { digits.to_owned() };
        let code = hex(&number)?
            .into_iter()
            .try_fold(0_u32, |sum, byte| sum.checked_mul(256)?.checked_add(byte.into()))?;
        return Some(Some(char::from_u32(code)?));
    }
    let mut chars = said.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Some(None),
        (Some(own), None) => Some(Some(own)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters() {
        assert_eq!(delimiter_of("^"), Some(Some('^')));
        assert_eq!(delimiter_of("0x5E"), Some(Some('^')));
        assert_eq!(delimiter_of("x5e"), Some(Some('^')));
        assert_eq!(delimiter_of("x"), Some(Some('x')));
        assert_eq!(delimiter_of("0x9"), Some(Some('\t')));
        assert_eq!(delimiter_of(""), Some(None));
        assert_eq!(delimiter_of("src=1"), None);
        assert_eq!(delimiter_of("0xffffffff"), None);
    }
}
