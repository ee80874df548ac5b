//! Linux's audit log: `type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e …`, raw or enriched; and pairs of
//! names and values as other programs write them.

use std::borrow::Cow;
use std::ops::Range;

use super::{Line, Parsed};
use crate::class::AUDIT;
use crate::counts::{Malformed, Reason};
use crate::scan::{Scan, hex, lossy};
use crate::slot::{Raw, Slots};
use crate::time;

/// Fields whose value the kernel writes in hex where it has blanks or worse in it, and then without quotes.
const ENCODED: [&str; 12] =
    ["proctitle", "name", "cwd", "exe", "comm", "key", "cmd", "data", "acct", "path", "dir", "file"];
/// Between what the kernel wrote and what `auditd` added to it (`log_format = ENRICHED`).
const ENRICHED: char = '\u{1d}';
/// The most pairs of one record.
const MAX_PAIRS: usize = 1000;

pub(super) fn read(line: Line<'_>) -> Result<Parsed<'_>, Malformed> {
    let from = begins(line.text).ok_or_else(|| {
        Malformed::new(Reason::NotAudit, 0, "the record does not begin with `type=` or has no `msg=audit(`")
    })?;
    Ok(at(line, from, Slots::with_capacity(40)))
}

/// Where an audit record begins in a text: at its start, behind `node=…`, or behind what syslog put before it.
pub(crate) fn begins(text: &str) -> Option<usize> {
    if !text.contains("msg=audit(") {
        return None;
    }
    let found = text.find("type=")?;
    let whole = found == 0 || text.get(..found).is_some_and(|before| before.ends_with(' '));
    whole.then_some(found)
}

/// Reads an audit record that begins at that byte.
pub(super) fn at<'r>(line: Line<'r>, from: usize, mut slots: Slots<'r>) -> Parsed<'r> {
    let text = line.text;
    let mut scan = Scan::new(text, from);
    scan.skip("type=".len());
    let kind = scan.word();
    let arguments = scan.slice(&kind) == "EXECVE";
    slots.text("type", text, kind);
    let mut time = None;
    if scan.eat("msg=audit(") {
        let stamp = scan.until(|c| c == ')');
        let seconds = scan.slice(&stamp).split(':').next().unwrap_or_default();
        time = time::instant(seconds, &line.clock);
        slots.text("audit_id", text, stamp);
        scan.eat("):");
    }
    pairs(text, scan.at(), &mut slots, &|name, value| {
        let encoded = ENCODED.contains(&name) || (arguments && is_argument(name));
        if encoded { hex(value).map(|bytes| readable(&bytes)) } else { None }
    });
    if let Some(node) = text.get(..from).and_then(|before| before.find("node=")) {
        let mut scan = Scan::new(text, node + "node=".len());
        let name = scan.word();
        slots.text("hostname", text, name);
    }
    Parsed::of_text(&AUDIT, time, slots)
}

/// `a0`, `a12`
fn is_argument(name: &str) -> bool {
    name.strip_prefix('a').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Arguments of a process title stand between zeros.
fn readable(bytes: &[u8]) -> String {
    lossy(bytes.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect())
}

/// Reads `name=value` from that byte on. Values end at a blank, or stand in double quotes; what stands in single quotes
/// is pairs again. `decode` undoes an encoding of a value without quotes.
pub(super) fn pairs<'r>(
    text: &'r str,
    from: usize,
    slots: &mut Slots<'r>,
    decode: &dyn Fn(&str, &str) -> Option<String>,
) {
    let blank = |c: char| matches!(c, ' ' | ',' | '\t' | ENRICHED);
    let mut scan = Scan::new(text, from);
    for _ in 0..MAX_PAIRS {
        let rest = scan.rest();
        let blanks = rest.len() - rest.trim_start_matches(blank).len();
        scan.skip(blanks);
        if scan.rest().is_empty() {
            return;
        }
        let name = scan.until(|c| c == '=' || blank(c));
        if !scan.eat("=") {
            // A word without a value, such as the `:` of some messages.
            continue;
        }
        if scan.eat("'") {
            // The pairs inside are read as if there were no quotes; the closing one is cut off the last of them.
            continue;
        }
        let (value, quoted) = value(&mut scan, blank);
        let own = scan.slice(&name).trim_matches('\'');
        let decoded = if quoted { None } else { decode(own, scan.slice(&value)) };
        match decoded {
            Some(decoded) => slots.put(own, Raw::Text(Cow::Owned(decoded), value)),
            None if quoted && scan.slice(&value).contains("\\\"") => {
                let plain = scan.slice(&value).replace("\\\"", "\"");
                slots.put(own, Raw::Text(Cow::Owned(plain), value));
            }
            None => slots.text(own, text, value),
        }
    }
}

/// Where a value stands, and whether it is in quotes.
fn value(scan: &mut Scan<'_>, blank: impl Fn(char) -> bool) -> (Range<usize>, bool) {
    if !scan.eat("\"") {
        let span = scan.until(blank);
        let closing = usize::from(scan.slice(&span).ends_with('\''));
        return (span.start..span.end - closing, false);
    }
    let span = scan.until_plain('"');
    scan.eat("\"");
    (span, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let mut slots = Slots::default();
        pairs(text, 0, &mut slots, &|_, _| None);
        let found: Vec<_> =
            slots.iter().map(|(name, _)| (name, slots.string(name).unwrap_or_default())).collect();
        let found: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn names_and_values() {
        check("a=1 b=\"x y\" c= d", &[("a", "1"), ("b", "x y"), ("c", "")]);
        check(
            "msg='op=PAM:auth acct=\"root\" res=failed'",
            &[("op", "PAM:auth"), ("acct", "root"), ("res", "failed")],
        );
        check("a=1\u{1d}A=\"one\"", &[("a", "1"), ("A", "one")]);
        check(r#"m="a \"b\" c" n="#, &[("m", "a \"b\" c"), ("n", "")]);
        check("\"", &[]);
        check("a=\"", &[("a", "")]);
        check("=x", &[("", "x")]);
    }
}
