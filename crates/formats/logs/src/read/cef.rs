//! ArcSight's Common Event Format, alone or in a syslog message:
//! `CEF:0|vendor|product|version|event class|name|severity|src=192.0.2.1 msg=with blanks`.

use std::ops::Range;

use model::Timestamp;

use super::{Line, Parsed};
use crate::class::of_product;
use crate::counts::{Malformed, Reason};
use crate::scan::{Scan, unescape};
use crate::slot::{Raw, Slots};
use crate::time;

/// The parts of the header, by the names of ArcSight's guide.
const HEADER: [&str; 7] = [
    "CEFVersion",
    "DeviceVendor",
    "DeviceProduct",
    "DeviceVersion",
    "DeviceEventClassID",
    "Name",
    "Severity",
];

/// Where the time stands, best first: when the device saw it, when the event began and ended.
const TIMES: [&str; 4] = ["rt", "start", "end", "deviceReceiptTime"];

/// The most pairs of one record; what follows is part of the last one.
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
    if !scan.eat("CEF:") {
        return Err(Malformed::new(Reason::BadCef, at, "the record does not begin with `CEF:`"));
    }
    for (place, name) in HEADER.into_iter().enumerate() {
        let span = part(&mut scan);
        let last = place + 1 == HEADER.len();
        if !scan.eat("|") && !last {
            let message = format!("the header ends behind `{name}`");
            return Err(Malformed::new(Reason::BadCef, span.end, message));
        }
        put(&mut slots, name, text, span);
    }
    extension(text, scan.at(), &mut slots);
    labels(&mut slots);
    let time = TIMES.iter().find_map(|name| time::of(slots.get(name)?, &line.clock)).or(sent);
    let class = {
        let part = |name: &str| slots.string(name).unwrap_or_default();
        of_product(&part("DeviceVendor"), &part("DeviceProduct"), &slots)
    };
    Ok(Parsed::of_text(class, time, slots))
}

/// A part of a header, up to a `|` that is not escaped.
pub(super) fn part(scan: &mut Scan<'_>) -> Range<usize> {
    scan.until_plain('|')
}

/// A value with its escapes undone. Products that write Windows paths as they are mean no line break by `C:\new`.
pub(super) fn put<'r>(slots: &mut Slots<'r>, name: &'r str, text: &'r str, span: Range<usize>) {
    let raw = text.get(span.clone()).unwrap_or_default();
    let path = raw.contains(":\\") && !raw.contains(":\\\\");
    let plain = unescape(raw, |c| match c {
        '|' | '=' => Some(c),
        '\\' if !path => Some(c),
        'n' if !path => Some('\n'),
        'r' if !path => Some('\r'),
        _ => None,
    });
    slots.put(name, Raw::Text(plain, span));
}

/// Pairs of which a value ends where the next name begins: blanks and even `|` may stand in it.
pub(super) fn extension<'r>(text: &'r str, from: usize, slots: &mut Slots<'r>) {
    let rest = text.get(from..).unwrap_or_default();
    let mut open: Option<(Range<usize>, usize)> = None;
    let mut pairs = 0;
    let mut word = 0;
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate() {
        let plain = !escaped;
        escaped = byte == b'\\' && plain;
        match byte {
            b' ' => word = at + 1,
            b'=' if plain && pairs < MAX_PAIRS && is_name(rest.get(word..at).unwrap_or_default()) => {
                pairs += 1;
                if let Some((name, value)) = open.replace((word..at, at + 1)) {
                    close(text, from, name, value..word, slots);
                }
            }
            _ => {}
        }
    }
    if let Some((name, value)) = open {
        close(text, from, name, value..rest.len(), slots);
    }
}

/// Puts a pair whose parts stand at these bytes behind `from`.
fn close<'r>(text: &'r str, from: usize, name: Range<usize>, value: Range<usize>, slots: &mut Slots<'r>) {
    let Some(name) = text.get(from + name.start..from + name.end) else { return };
    let whole = text.get(from + value.start..from + value.end).unwrap_or_default();
    let start = from + value.start;
    put(slots, name, text, start..start + whole.trim_end_matches(' ').len());
}

/// ArcSight allows letters and digits; products also write dots, hyphens and indexes.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']');
    !text.is_empty() && text.len() <= 1023 && text.bytes().all(allowed)
}

/// `cs1Label=Rule cs1=x` says that `Rule` is `x`.
fn labels(slots: &mut Slots<'_>) {
    let mut named = Vec::new();
    for (name, _) in slots.iter() {
        if let Some(own) = name.strip_suffix("Label")
            && let (Some(label), Some(value)) = (slots.string(name), slots.get(own))
            && !label.is_empty()
        {
            named.push((label.into_owned(), value.clone()));
        }
    }
    for (label, value) in named {
        slots.put(label, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let mut slots = Slots::default();
        extension(text, 0, &mut slots);
        let found: Vec<_> = slots
            .iter()
            .map(|(name, _)| (name.to_owned(), slots.string(name).unwrap_or_default().into_owned()))
            .collect();
        let expect: Vec<_> =
            expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn extensions_of_the_guide() {
        check(
            "src=10.0.0.1 act=blocked a | dst=1.1.1.1",
            &[("src", "10.0.0.1"), ("act", "blocked a |"), ("dst", "1.1.1.1")],
        );
        check(
            r"src=10.0.0.1 act=blocked a \\ dst=1.1.1.1",
            &[("src", "10.0.0.1"), ("act", r"blocked a \"), ("dst", "1.1.1.1")],
        );
        check(
            r"src=10.0.0.1 act=blocked a \= dst=1.1.1.1",
            &[("src", "10.0.0.1"), ("act", "blocked a ="), ("dst", "1.1.1.1")],
        );
        check(
            r"msg=Detected a threat.\n No action needed.",
            &[("msg", "Detected a threat.\n No action needed.")],
        );
        check(
            "request=http://a.example/?b=c&d=e x=1",
            &[("request", "http://a.example/?b=c&d=e"), ("x", "1")],
        );
        check(r"filePath=C:\new\read.me x=1", &[("filePath", r"C:\new\read.me"), ("x", "1")]);
        check("a= b=", &[("a", ""), ("b", "")]);
        check("no pairs", &[]);
        check("=x", &[]);
    }
}
