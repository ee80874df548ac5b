//! Syslog by RFC 5424 and by RFC 3164, which describes what is found rather than what must be; and what stands inside:
//! CEF, LEEF, JSON, audit records, pairs.
//!
//! A file that a daemon wrote has no priority; a device may leave out the host, write a year or a zone. Only a line
//! that has neither a priority nor a time is refused.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use json::Tape;
use model::Timestamp;

use super::{Line, Parsed, audit, cef, leef, object};
use crate::class::{Class, of_mnemonic, of_program, of_unnamed};
use crate::counts::{Malformed, Reason};
use crate::detect::Format;
use crate::scan::{Scan, unescape};
use crate::slot::{Raw, Slots};
use crate::time::{self, Clock};

/// The longest name of a program that is taken for one; RFC 5424 §6.2.5 allows 48 bytes.
const MAX_PROGRAM: usize = 64;

/// What the header of a message says.
#[derive(Debug, Default)]
struct Header {
    priority: Option<u16>,
    time: Option<Timestamp>,
    host: Option<Range<usize>>,
    program: Option<Range<usize>>,
    process: Option<Range<usize>>,
    id: Option<Range<usize>>,
    /// Where the message begins.
    message: usize,
}

pub(super) fn read<'r>(tape: &'r mut Tape, line: Line<'r>) -> Result<Parsed<'r>, Malformed> {
    let text = line.text;
    let mut scan = Scan::new(text, 0);
    let mut slots = Slots::with_capacity(16);
    octets(&mut scan);
    let priority = priority(&mut scan);
    let header = match priority {
        Some(_) if scan.rest().starts_with("1 ") => by_5424(scan, &line.clock, &mut slots),
        _ => None,
    };
    let mut header = header.unwrap_or_else(|| by_3164(scan, &line.clock));
    header.priority = priority;
    if priority.is_none() && header.time.is_none() {
        let message = "the line begins with neither a priority nor a time";
        return Err(Malformed::new(Reason::NotSyslog, 0, message));
    }
    header.put(text, &mut slots);
    let at = header.message;
    let message = text.get(at..).unwrap_or_default();
    if message.starts_with("CEF:") {
        return cef::read(line, at, header.time, slots);
    }
    if message.starts_with("LEEF:") {
        return leef::read(line, at, header.time, slots);
    }
    if let Some(object) = json_inside(message) {
        let from = at + object;
        let inside =
            Line { text: text.get(from..).unwrap_or_default().trim_end_matches(['\0', ' ']), ..line };
        // A message may begin with a brace and be no JSON. Suricata and others write EVE this way.
        if let Ok(mut read) = object::read(tape, inside, Format::JsonLines, None) {
            read.base = from;
            read.time = read.time.or(header.time);
            return Ok(read);
        }
        return Ok(Parsed::of_text(header.class(text, message), header.time, slots));
    }
    if let Some(from) = audit::begins(message) {
        let mut read = audit::at(line, at + from, slots);
        read.time = read.time.or(header.time);
        return Ok(read);
    }
    let class = header.class(text, message);
    let mut time = header.time;
    if class.product == "fortigate" {
        audit::pairs(text, at, &mut slots, &|_, _| None);
        let own = slots.get("eventtime").and_then(|own| time::of(own, &line.clock));
        time = own.or(time).or_else(|| {
            let text = format!("{} {}", slots.string("date")?, slots.string("time")?);
            time::instant(&text, &line.clock)
        });
    } else if class.services.contains(&"sudo") {
        sudo(text, at, &mut slots);
    }
    Ok(Parsed::of_text(class, time, slots))
}

/// Whether a line begins like syslog: with a priority, or with a time, a host and more. Says whether it is RFC 5424's.
pub(crate) fn begins(line: &str, clock: &Clock) -> Option<bool> {
    let mut scan = Scan::new(line, 0);
    octets(&mut scan);
    if priority(&mut scan).is_some() {
        return Some(scan.rest().starts_with("1 "));
    }
    let (_, used) = time::leading(scan.rest(), clock).filter(|(_, used)| *used >= 15)?;
    let behind = scan.rest().get(used..)?;
    let mut words = behind.split_ascii_whitespace();
    let host = words.next()?;
    (behind.starts_with(' ') && words.next().is_some() && !host.contains(',')).then_some(false)
}

/// Takes the length before a message that TCP's octet counting puts there (RFC 6587 §3.4.1).
fn octets(scan: &mut Scan<'_>) {
    let before = *scan;
    let digits = scan.until(|c| !c.is_ascii_digit());
    if digits.is_empty() || !scan.rest().starts_with(" <") {
        *scan = before;
    } else {
        scan.skip(1);
    }
}

/// `<34>`: facility times eight and severity, at most 191 (RFC 5424 §6.2.1). Nothing is taken if it is none.
fn priority(scan: &mut Scan<'_>) -> Option<u16> {
    let before = *scan;
    let found = scan.eat("<").then(|| scan.until(|c| !c.is_ascii_digit()));
    let number =
        found.and_then(|digits| scan.slice(&digits).parse::<u16>().ok()).filter(|number| *number <= 191);
    if number.is_none() || !scan.eat(">") {
        *scan = before;
        return None;
    }
    number
}

/// `1 2003-10-11T22:14:15.003Z host program process id [data] message`, behind the priority.
fn by_5424<'r>(mut scan: Scan<'r>, clock: &Clock, slots: &mut Slots<'r>) -> Option<Header> {
    scan.skip("1 ".len());
    let stamp = scan.word();
    let time = time::instant(scan.slice(&stamp), clock);
    if time.is_none() && scan.slice(&stamp) != "-" {
        return None;
    }
    let words = [scan.word(), scan.word(), scan.word(), scan.word()];
    let text = scan;
    let [host, program, process, id] = words.map(|span| {
        let word = text.slice(&span);
        (!word.is_empty() && word != "-").then_some(span)
    });
    structured(&mut scan, slots);
    scan.eat(" ");
    scan.eat("\u{feff}");
    Some(Header { priority: None, time, host, program, process, id, message: scan.at() })
}

/// Structured data: `-` or `[id name="value" …]…`, in which `\"`, `\\` and `\]` are escapes (RFC 5424 §6.3).
fn structured<'r>(scan: &mut Scan<'r>, slots: &mut Slots<'r>) {
    if scan.eat("-") {
        return;
    }
    while scan.eat("[") {
        scan.until(|c| matches!(c, ' ' | ']'));
        loop {
            scan.spaces();
            if scan.eat("]") || scan.rest().is_empty() {
                break;
            }
            let name = scan.until(|c| matches!(c, '=' | ']' | '"'));
            if !scan.eat("=\"") {
                // Not as the standard says; the rest is the message.
                scan.until(|c| c == ']');
                continue;
            }
            let span = scan.until_plain('"');
            scan.eat("\"");
            let value = unescape(scan.slice(&span), |c| matches!(c, '"' | '\\' | ']').then_some(c));
            slots.put(scan.slice(&name), Raw::Text(value, span));
        }
    }
}

/// `Oct 11 22:14:15 host program[process]: message`, behind the priority, or whatever of it is there.
fn by_3164(mut scan: Scan<'_>, clock: &Clock) -> Header {
    let mut header = Header { message: scan.at(), ..Header::default() };
    let start = scan;
    sequence(&mut scan);
    if !scan.eat("*") {
        scan.eat(".");
    }
    let Some((time, used)) = time::leading(scan.rest(), clock).filter(|(_, used)| *used >= 15) else {
        let mut scan = start;
        tag(&mut scan, &mut header);
        return header;
    };
    header.time = Some(time);
    scan.skip(used);
    // Behind Cisco's time comes its mnemonic, without a host.
    let nameless = scan.eat(":");
    scan.spaces();
    header.message = scan.at();
    let inside = scan.rest().starts_with("CEF:") || scan.rest().starts_with("LEEF:");
    if !nameless && !inside {
        let mut behind = scan;
        let host = behind.word();
        let word = behind.slice(&host);
        if !is_tag(word) && !word.is_empty() && !behind.rest().is_empty() {
            header.host = Some(host);
            behind.spaces();
            scan = behind;
            header.message = scan.at();
        }
    }
    tag(&mut scan, &mut header);
    header
}

/// Takes the count that Cisco's devices put before a message: `189: `.
fn sequence(scan: &mut Scan<'_>) {
    let before = *scan;
    let digits = scan.until(|c| !c.is_ascii_digit());
    if digits.is_empty() || !scan.eat(": ") {
        *scan = before;
    }
}

/// Whether a word is a program rather than a host: it ends in a colon, and is no address.
fn is_tag(word: &str) -> bool {
    word.ends_with(':') && word.parse::<IpAddr>().is_err()
}

/// `program:` or `program[process]:`. Nothing is taken if neither stands here.
fn tag(scan: &mut Scan<'_>, header: &mut Header) {
    let rest = scan.rest();
    if rest.starts_with("CEF:") || rest.starts_with("LEEF:") {
        return;
    }
    let mut own = *scan;
    let program =
        own.until(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '(' | ')' | '@')));
    if program.is_empty() || program.len() > MAX_PROGRAM {
        return;
    }
    let mut process = None;
    if own.eat("[") {
        process = Some(own.until(|c| c == ']'));
        if !own.eat("]") {
            return;
        }
        own.eat(":");
    } else if !own.eat(":") {
        return;
    }
    own.spaces();
    header.program = Some(program);
    header.process = process;
    header.message = own.at();
}

impl Header {
    fn put<'r>(&self, text: &'r str, slots: &mut Slots<'r>) {
        if let Some(priority) = self.priority {
            for (name, number) in [("facility", priority / 8), ("severity", priority % 8)] {
                slots.put(name, Raw::Text(Cow::Owned(number.to_string()), 0..0));
            }
        }
        let parts = [
            ("hostname", &self.host),
            ("appname", &self.program),
            ("procid", &self.process),
            ("msgid", &self.id),
        ];
        for (name, span) in parts {
            if let Some(span) = span {
                slots.text(name, text, span.clone());
            }
        }
        let message = text.get(self.message..).unwrap_or_default();
        let end = self.message + message.trim_end_matches(['\0', '\n', '\r']).len();
        slots.text("message", text, self.message..end);
    }

    /// What the message is, by what it says and by the program that says it.
    fn class(&self, text: &str, message: &str) -> &'static Class {
        let program = self.program.clone().and_then(|span| text.get(span)).unwrap_or_default();
        let facility = self.priority.and_then(|priority| u8::try_from(priority / 8).ok());
        let device = of_mnemonic(message).or_else(|| of_unnamed(message));
        // Junos names the daemon in the tag, Cisco may have its mnemonic taken for one.
        let device = device.or_else(|| if program == "rpd" { of_mnemonic(text) } else { None });
        device.unwrap_or_else(|| of_program(program, facility))
    }
}

/// Where JSON begins in a message: at its start, or behind the cookie of CEE.
fn json_inside(message: &str) -> Option<usize> {
    let behind = message.strip_prefix("@cee:").unwrap_or(message).trim_start();
    behind.starts_with('{').then_some(message.len() - behind.len())
}

/// `root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls`
fn sudo<'r>(text: &'r str, from: usize, slots: &mut Slots<'r>) {
    let mut at = from;
    for part in text.get(from..).unwrap_or_default().split(" ; ") {
        let pair = part.rsplit_once(" : ").map_or(part, |(_, pair)| pair);
        let start = at + part.len() - pair.len();
        if let Some((name, value)) = pair.split_once('=')
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            let begin = start + name.len() + 1;
            slots.text(name, text, begin..begin + value.len());
        }
        at += part.len() + " ; ".len();
    }
}
