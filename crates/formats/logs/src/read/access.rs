//! Access logs of web servers in the common and the combined log format:
//! `host ident user [10/Oct/2000:13:55:36 -0700] "GET /x HTTP/1.0" 200 2326 "referer" "agent"`.

use std::net::IpAddr;
use std::ops::Range;

use super::{Line, Parsed};
use crate::class::ACCESS_LOG;
use crate::counts::{Malformed, Reason};
use crate::scan::{Scan, unescape};
use crate::slot::{Raw, Slots};
use crate::time::{self, Clock};

pub(super) fn read(line: Line<'_>) -> Result<Parsed<'_>, Malformed> {
    let text = line.text;
    let refuse =
        |at: usize, what: &str| Malformed::new(Reason::NotAccessLog, at, format!("there is no {what}"));
    let mut scan = Scan::new(text, 0);
    let mut slots = Slots::with_capacity(12);
    let bracket = text.find(" [").ok_or_else(|| refuse(0, "time in brackets"))?;
    let first = scan.word();
    // Behind a virtual host's name comes the client, which then is an address.
    let second = scan.word();
    if scan.slice(&second).parse::<IpAddr>().is_ok() && scan.slice(&first).parse::<IpAddr>().is_err() {
        slots.text("cs-host", text, first);
        slots.text("c-ip", text, second);
        scan.word();
    } else {
        slots.text("c-ip", text, first);
    }
    if scan.at() < bracket && text.get(scan.at()..bracket) != Some("-") {
        slots.text("cs-username", text, scan.at()..bracket);
    }
    scan = Scan::new(text, bracket + 2);
    let stamp = scan.until(|c| c == ']');
    let time = time::instant(scan.slice(&stamp), &line.clock);
    if time.is_none() || !scan.eat("] \"") {
        return Err(refuse(stamp.start, "time and request"));
    }
    let request = quoted(&mut scan);
    let mut words = Scan::new(text.get(..request.end).unwrap_or_default(), request.start);
    let method = words.word();
    let target = words.word();
    let version = words.word();
    put(&mut slots, "cs-method", text, method);
    put(&mut slots, "cs-uri", text, target);
    put(&mut slots, "cs-version", text, version);
    scan.eat(" ");
    let status = scan.word();
    if scan.slice(&status).len() != 3 || !scan.slice(&status).bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse(status.start, "status"));
    }
    slots.text("sc-status", text, status);
    let bytes = scan.word();
    put(&mut slots, "sc-bytes", text, bytes);
    for name in ["cs-referer", "cs-user-agent"] {
        if scan.eat("\"") {
            let span = quoted(&mut scan);
            put(&mut slots, name, text, span);
            scan.eat(" ");
        }
    }
    Ok(Parsed::of_text(&ACCESS_LOG, time, slots))
}

/// Whether a line begins like one of an access log.
pub(crate) fn looks_like(line: &str) -> bool {
    let Some((_, rest)) = line.split_once(" [") else { return false };
    let Some((stamp, rest)) = rest.split_once(']') else { return false };
    let clock = Clock { now: model::Timestamp::EPOCH, zone: 0 };
    rest.starts_with(" \"") && stamp.len() < 40 && time::instant(stamp, &clock).is_some()
}

/// What stands before the next quote; the quote is taken too.
fn quoted(scan: &mut Scan<'_>) -> Range<usize> {
    let span = scan.until_plain('"');
    scan.eat("\"");
    span
}

/// A part that is there: `-` says that it is not.
fn put<'r>(slots: &mut Slots<'r>, name: &'static str, text: &'r str, span: Range<usize>) {
    let part = text.get(span.clone()).unwrap_or_default();
    if !matches!(part, "" | "-") {
        slots.put(name, Raw::Text(unescape(part, |c| matches!(c, '"' | '\\').then_some(c)), span));
    }
}
