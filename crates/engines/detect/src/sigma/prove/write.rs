//! Records of every class, in the shape in which its own programs write them.
//!
//! | Class | Shape |
//! |---|---|
//! | Windows | what an event log file is unpacked to: `{"Event":{"System":{…},"EventData":{…}}}` |
//! | Suricata, Zeek, audit logs of clouds | JSON with the members that the class is known by |
//! | programs and devices | a message of RFC 5424 |
//! | auditd, CEF, tables of W3C | as they are |
//! | what only a source's configuration can name | JSON, with the class in the settings |
//!
//! The mark of a self-test is a member at the top, a parameter of the structured data, a pair or a column.

use logs::{Class, Format, Picks, Settings, Test};
use model::Timestamp;
use serde_json::{Map, Value as Json};

use super::solve::{Draft, Given, Put};
use super::values::Value;
use super::{Record, SELF_TEST};

/// A way to write records of a class.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) class: &'static Class,
    /// What the class is known by.
    pub(super) given: Vec<Given>,
    wire: Wire,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Windows,
    Eve,
    Zeek,
    Object,
    Configured,
    /// The program that speaks, and what its message begins with.
    Syslog(&'static str, &'static str),
    Audit,
    /// The vendor and the product.
    Cef(&'static str, &'static str),
    Table,
}

/// Channels with more than one class: the first and last number of these, and the channel.
const CHANNELS: &[(u16, u16, &str)] = &[
    (100, 159, "Microsoft-Windows-Sysmon/Operational"),
    (160, 199, "Linux-Sysmon/Operational"),
    (200, 209, "Security"),
    (210, 219, "Microsoft-Windows-PowerShell/Operational"),
    (220, 229, "Windows PowerShell"),
    (230, 239, "Microsoft-Windows-Windows Defender/Operational"),
    (299, 299, "Setup"),
];

/// Numbers of events that have no class of their own in any channel.
const NUMBERS: &[&str] = &["4663", "1102", "1", "2", "3", "4", "5"];

/// What messages of devices begin with, by the class that they are known to be of by it.
const MESSAGES: &[(u16, &str)] = &[
    (510, "devid=\"FGT0000000000000\" logid=\"0100032002\""),
    (512, "1,2024/01/01 00:00:00,0,GLOBALPROTECT,0,"),
    (513, "%ASA-6-302013:"),
    (514, "%SEC_LOGIN-5-LOGIN_SUCCESS:"),
    (515, "%BGP-5-ADJCHANGE:"),
    (516, "%LDP-5-NBRCHG:"),
    (517, "%%01BGP/3/STATE_CHG_UPDOWN(l)[1]:"),
    (518, "rpd[1]: bgp_read_message:"),
];

/// Vendors and products by whose names CEF records are told apart.
const PRODUCTS: &[(u16, &str, &str)] = &[
    (500, "Check Point", "VPN-1"),
    (501, "Zscaler", "NSSWeb"),
    (502, "Symantec", "Endpoint Protection"),
    (503, "Selftest", "Selftest"),
];

/// Ways to write records of a class, likely ones first; none where nobody here knows how.
pub(super) fn shapes(class: &'static Class) -> Vec<Shape> {
    let number = class.id.number();
    let one = |wire, given| vec![Shape { class, given, wire }];
    match (number, class.picks) {
        (_, Picks::Configured) => one(Wire::Configured, Vec::new()),
        (100..=299, picks) => {
            let channels = match picks {
                Picks::Words(words) => words.iter().map(|word| (*word).to_owned()).collect(),
                _ => channel(number).into_iter().collect(),
            };
            let numbers = match picks {
                Picks::Events(numbers) => numbers.iter().map(u32::to_string).collect(),
                _ => Vec::new(),
            };
            let channel = Given { path: "Channel", one_of: channels, first: &[] };
            one(Wire::Windows, vec![channel, Given { path: "EventID", one_of: numbers, first: NUMBERS }])
        }
        (400..=439, Picks::Words(words)) => one(Wire::Eve, vec![known("event_type", words)]),
        (440..=449, _) => one(Wire::Table, Vec::new()),
        (450..=499, Picks::Words(words)) => one(Wire::Zeek, vec![known("_path", words)]),
        (550, _) => one(Wire::Audit, Vec::new()),
        (530..=599, Picks::Words(words)) => {
            let program = words.first().copied().filter(|word| *word != "*").unwrap_or("selftest");
            one(Wire::Syslog(program, ""), Vec::new())
        }
        (600..=699, Picks::Members(sets)) => {
            let shape = |set: &&'static [Test]| {
                let given = set.iter().map(|test| match *test {
                    Test::Has(path) => known(path, &[]),
                    Test::Is(path, words) => known(path, words),
                });
                Shape { class, given: given.collect(), wire: Wire::Object }
            };
            sets.iter().map(shape).collect()
        }
        _ => {
            let message = MESSAGES.iter().find(|(own, _)| *own == number);
            let product = PRODUCTS.iter().find(|(own, ..)| *own == number);
            match (message, product) {
                (Some(&(_, message)), _) => one(Wire::Syslog("-", message), Vec::new()),
                (None, Some(&(_, vendor, product))) => one(Wire::Cef(vendor, product), Vec::new()),
                (None, None) => Vec::new(),
            }
        }
    }
}

fn channel(number: u16) -> Option<String> {
    let own = CHANNELS.iter().find(|(first, last, _)| (*first..=*last).contains(&number));
    own.map(|(_, _, channel)| (*channel).to_owned())
}

fn known(path: &'static str, words: &'static [&'static str]) -> Given {
    Given { path, one_of: words.iter().map(|word| (*word).to_owned()).collect(), first: &[] }
}

impl Shape {
    /// How willingly it is taken: what stands in lines of text has all words in one text; elsewhere JSON keeps values as
    /// they are, and what a configuration must name comes last.
    pub(super) fn rank(&self, says: bool) -> u8 {
        match self.wire {
            Wire::Windows | Wire::Eve | Wire::Zeek | Wire::Object => u8::from(says),
            Wire::Syslog(..) | Wire::Audit | Wire::Cef(..) | Wire::Table => u8::from(!says),
            Wire::Configured => 2,
        }
    }

    /// The record; `None` if this shape cannot hold the values.
    pub(super) fn record(&self, draft: &Draft, nonce: &str, at: Timestamp) -> Option<Record> {
        let mut settings = Settings::default();
        let mut head = String::new();
        let (format, text) = match self.wire {
            Wire::Windows => (Format::WindowsJson, windows(draft, nonce, at)?),
            Wire::Eve => (Format::EveJson, object(draft, nonce, "timestamp", at)?),
            Wire::Zeek => (Format::ZeekJson, zeek(draft, nonce, at)?),
            Wire::Object if self.class.product == "aws" => {
                (Format::CloudTrail, object(draft, nonce, "eventTime", at)?)
            }
            Wire::Object => (Format::JsonLines, object(draft, nonce, "@timestamp", at)?),
            Wire::Configured => {
                settings.class = Some(self.class.id);
                (Format::JsonLines, object(draft, nonce, "@timestamp", at)?)
            }
            Wire::Syslog(program, message) => {
                (Format::Syslog5424, self.syslog(draft, nonce, at, program, message)?)
            }
            Wire::Audit => (Format::Auditd, audit(draft, nonce, at)?),
            Wire::Cef(vendor, product) => (Format::Cef, cef(draft, nonce, at, vendor, product)?),
            Wire::Table => {
                let text;
                (head, text) = self.table(draft, nonce, at)?;
                (Format::W3c, text)
            }
        };
        let (class, head, bytes) = (self.class.id, head.into_bytes(), text.into_bytes());
        Some(Record { class, format, settings, head, bytes })
    }

    /// A message of RFC 5424; fields are parameters of its structured data, but where the program has a way of its own.
    fn syslog(
        &self,
        draft: &Draft,
        nonce: &str,
        at: Timestamp,
        program: &str,
        begin: &str,
    ) -> Option<String> {
        let (mut parameters, mut message) = (String::new(), begin.to_owned());
        let mut say = |text: &str, joint: &str| {
            let joint = if message.is_empty() { "" } else { joint };
            message = format!("{message}{joint}{text}");
        };
        let sudo = self.class.services.contains(&"sudo");
        if sudo {
            say("root : TTY=pts/0 ; PWD=/root", "");
        }
        for put in &draft.fields {
            let value = line(put)?;
            let capitals = put.path.bytes().all(|byte| byte.is_ascii_uppercase());
            if put.path == "message" {
                say(&value, " ");
            } else if sudo && capitals {
                say(&format!("{}={value}", put.path), " ; ");
            } else if self.class.product == "fortigate" {
                say(&format!("{}={}", name(put)?, quoted(&value)), " ");
            } else {
                parameters = format!("{parameters} {}={}", name(put)?, parameter(&value));
            }
        }
        for text in &draft.words {
            say(one_line(text)?, if sudo { " ; " } else { " " });
        }
        if message.is_empty() {
            "selftest".clone_into(&mut message);
        }
        let priority = if self.class.services.contains(&"auth") { 86 } else { 30 };
        Some(format!(
            "<{priority}>1 {at} selftest {program} - - [selftest@32473 {SELF_TEST}={}{parameters}] {message}",
            parameter(nonce)
        ))
    }

    /// The header line of a table, and a row.
    fn table(&self, draft: &Draft, nonce: &str, at: Timestamp) -> Option<(String, String)> {
        let time = at.to_string();
        let mut cells = vec![
            ("date".to_owned(), time.get(..10)?.to_owned()),
            ("time".to_owned(), time.get(11..19)?.to_owned()),
            (SELF_TEST.to_owned(), nonce.to_owned()),
        ];
        if self.class.categories.contains(&"proxy") {
            // Only proxies have this column.
            cells.push(("s-action".to_owned(), "selftest".to_owned()));
        }
        for put in &draft.fields {
            cells.push((name(put)?.to_owned(), line(put)?));
        }
        for (at, text) in draft.words.iter().enumerate() {
            cells.push((format!("x-words-{at}"), one_line(text)?.to_owned()));
        }
        let fits =
            |cell: &str| !matches!(cell, "" | "-") && !cell.contains('\t') && !cell.starts_with(['"', '#']);
        if !cells.iter().all(|(_, cell)| fits(cell)) {
            return None;
        }
        let (names, row): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
        Some((format!("#Fields: {}\n", names.join("\t")), row.join("\t")))
    }
}

/// A name that no format divides.
fn name(put: &Put) -> Option<&str> {
    let whole = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@');
    (!put.path.is_empty() && put.path.bytes().all(whole)).then_some(put.path.as_str())
}

/// A value that stands on one line.
fn line(put: &Put) -> Option<String> {
    let text = put.value.text()?;
    one_line(&text).map(str::to_owned)
}

fn one_line(text: &str) -> Option<&str> {
    (!text.contains(['\n', '\r'])).then_some(text)
}

/// A value of RFC 5424's structured data (§6.3.3).
fn parameter(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]"))
}

/// A value as auditd and FortiGate quote it.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\\\""))
}

/// `type=SYSCALL msg=audit(1364481363.243:24287): name="value" …`
fn audit(draft: &Draft, nonce: &str, at: Timestamp) -> Option<String> {
    let (seconds, micros) = (at.as_micros().div_euclid(1_000_000), at.as_micros().rem_euclid(1_000_000));
    let (mut kind, mut pairs) = ("SYSCALL".to_owned(), String::new());
    for put in &draft.fields {
        let value = line(put)?;
        if put.path == "type" {
            kind = value;
        } else {
            pairs = format!("{pairs} {}={}", name(put)?, quoted(&value));
        }
    }
    for text in &draft.words {
        pairs = format!("{pairs} selftest={}", quoted(one_line(text)?));
    }
    let whole = !kind.is_empty() && !kind.contains(' ');
    let pairs = whole.then_some(pairs)?;
    let millis = micros / 1000;
    Some(format!("type={kind} msg=audit({seconds}.{millis:03}:1):{pairs} {SELF_TEST}={}", quoted(nonce)))
}

/// `CEF:0|vendor|product|version|event class|name|severity|name=value …`
fn cef(draft: &Draft, nonce: &str, at: Timestamp, vendor: &str, product: &str) -> Option<String> {
    let escaped = |value: &str| {
        let value = value.replace('\\', "\\\\").replace('=', "\\=");
        value.replace('\n', "\\n").replace('\r', "\\r")
    };
    let mut pairs = format!("rt={}", at.as_micros().div_euclid(1000));
    for put in &draft.fields {
        pairs = format!("{pairs} {}={}", name(put)?, escaped(&put.value.text()?));
    }
    for text in &draft.words {
        pairs = format!("{pairs} msg={}", escaped(text));
    }
    Some(format!("CEF:0|{vendor}|{product}|1|1|selftest|5|{pairs} {SELF_TEST}={nonce}"))
}

/// What an event log file is unpacked to.
fn windows(draft: &Draft, nonce: &str, at: Timestamp) -> Option<String> {
    let attribute = |name: &str, value: Json| single("#attributes", single(name, value));
    let (mut system, mut data) = (Map::new(), Map::new());
    system.insert("TimeCreated".to_owned(), attribute("SystemTime", at.to_string().into()));
    for put in &draft.fields {
        let value = json(&put.value);
        match put.path.as_str() {
            "Provider_Name" => {
                system.insert("Provider".to_owned(), attribute("Name", value));
            }
            "EventID" => {
                let number = put.value.text().and_then(|text| text.parse::<u32>().ok());
                system.insert("EventID".to_owned(), number.map_or(value, Json::from));
            }
            "Channel" | "Computer" | "Level" | "Task" | "Opcode" | "Keywords" | "Version"
            | "EventRecordID" => {
                system.insert(put.path.clone(), value);
            }
            _ => {
                data.insert(put.path.clone(), value);
            }
        }
    }
    say(&mut data, &draft.words, &["Data", "Message", "Words"]);
    let mut event = Map::new();
    event.insert("System".to_owned(), Json::Object(system));
    event.insert("EventData".to_owned(), Json::Object(data));
    let mut root = Map::new();
    root.insert(SELF_TEST.to_owned(), nonce.into());
    root.insert("Event".to_owned(), Json::Object(event));
    serde_json::to_string(&root).ok()
}

/// A JSON object whose members stand in one another as their paths say.
fn object(draft: &Draft, nonce: &str, time: &str, at: Timestamp) -> Option<String> {
    let mut root = Map::new();
    root.insert(SELF_TEST.to_owned(), nonce.into());
    root.insert(time.to_owned(), at.to_string().into());
    for put in &draft.fields {
        let members = draft.fields.iter().any(|other| is_below(&put.path, &other.path));
        if put.mark && members {
            // Its members are what makes it be there.
            continue;
        }
        // Where a path both has a value and leads on, what is behind it is written flat, as shippers do.
        if draft.fields.iter().any(|other| !other.mark && is_below(&other.path, &put.path)) {
            root.insert(put.path.clone(), json(&put.value));
        } else {
            nest(&mut root, &put.path, json(&put.value));
        }
    }
    say(&mut root, &draft.words, &["message", "text", "words"]);
    serde_json::to_string(&root).ok()
}

/// Zeek's JSON, whose names have dots in them.
fn zeek(draft: &Draft, nonce: &str, at: Timestamp) -> Option<String> {
    let mut root = Map::new();
    root.insert(SELF_TEST.to_owned(), nonce.into());
    root.insert("ts".to_owned(), at.as_micros().div_euclid(1_000_000).into());
    root.insert("uid".to_owned(), "CSelftest".into());
    for put in &draft.fields {
        root.insert(put.path.clone(), json(&put.value));
    }
    say(&mut root, &draft.words, &["msg", "text", "words"]);
    serde_json::to_string(&root).ok()
}

fn is_below(path: &str, other: &str) -> bool {
    other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
}

fn nest(object: &mut Map<String, Json>, path: &str, value: Json) {
    let Some((head, tail)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let inner = object.entry(head.to_owned()).or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(inner) = inner {
        nest(inner, tail, value);
    }
}

/// Puts texts where they are in nobody's way.
fn say(object: &mut Map<String, Json>, words: &[String], names: &[&str]) {
    let free = names.iter().find(|name| !object.contains_key(**name));
    let value = match words {
        [] => return,
        [text] => Json::from(text.as_str()),
        _ => Json::from(words),
    };
    if let Some(name) = free {
        object.insert((*name).to_owned(), value);
    }
}

fn single(name: &str, value: Json) -> Json {
    let mut object = Map::new();
    object.insert(name.to_owned(), value);
    Json::Object(object)
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        // By way of the text, so that a whole number has no `.0`.
        Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Null => Json::Null,
    }
}
