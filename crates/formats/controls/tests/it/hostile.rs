//! Values that somebody made to get out of their place: no text becomes anything but a value.

use detect::{Loader, State};
use observable::{Kind, normalise};
use proptest::prelude::*;
use shieldwall_controls::{BlockItem, BlockSet, Format, Options, export};

use crate::{REFERENCE, after, now};

/// Every attack on every kind that takes it.
const ATTACKS: [&str; 24] = [
    "a\nb",
    "a\r\nb",
    "#comment",
    "; comment",
    "//comment",
    "x\"; sid:1; rev:1;)\ndrop ip any any -> any any (msg:\"x",
    "x|22 3B|",
    "|",
    "\\",
    "a\\\"; nocase",
    "!negated",
    "!\"x\"",
    "*",
    "?",
    "\\*",
    "x\u{2028}y\u{85}z\u{feff}",
    "\"\n  - injected: true\n",
    "x\"\ncondition: not selection_1\ny: \"",
    "---\ntitle: x",
    "{\"add\":{\"rule\":{}}}",
    "\"}},{\"flush\":{\"ruleset\":null}},{\"x\":{\"y\":\"",
    "bad.example CNAME . ; ",
    "$INCLUDE /etc/passwd",
    "a\u{0}b\u{7f}\u{1b}[2J",
];

/// Ways in which an attack may come wrapped, so that more kinds take it.
fn wrapped(attack: &str) -> Vec<String> {
    vec![
        attack.to_owned(),
        format!("/{attack}"),
        format!("http://bad.example/{attack}"),
        format!("{attack}@bad.example"),
        format!("{attack}.bad.example"),
        format!("HKLM\\{attack}"),
    ]
}

fn items(attack: &str) -> Vec<BlockItem> {
    let mut out = Vec::new();
    for text in wrapped(attack) {
        for kind in Kind::ALL {
            if let Some(observable) = normalise(*kind, &text) {
                // A reference and a name are texts too.
                let reference = format!("{REFERENCE}{attack}");
                out.push(BlockItem { observable, port: None, until: after(3_600), reference });
            }
        }
    }
    out
}

fn check(set: &BlockSet) {
    for format in Format::ALL {
        let export = export(format, set, now(), &Options::default());
        match format {
            Format::Plain => check_plain(&export.text, export.written),
            Format::Json => check_json(&export.text, set, export.written),
            Format::Nftables => check_nftables(&export.text),
            Format::Suricata => check_suricata(&export.text),
            Format::Rpz => check_rpz(&export.text, export.written),
            Format::Sigma => check_sigma(&export.text),
            Format::OpenC2 => check_openc2(&export.text),
        }
    }
}

fn check_plain(text: &str, written: usize) {
    let values: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(values.len(), written, "{text:?}");
    assert!(!text.contains(['\r', '\u{0}', '\u{85}', '\u{2028}']), "{text:?}");
    assert!(values.iter().all(|value| !value.contains(char::is_whitespace)), "{text:?}");
}

fn check_json(text: &str, set: &BlockSet, written: usize) {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), written);
    for item in items {
        let value = item["value"].as_str().unwrap();
        assert!(set.items.iter().any(|own| own.observable.to_string() == value), "{value:?}");
    }
}

/// Nothing but our own commands on our own table.
fn check_nftables(text: &str) {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    for command in document["nftables"].as_array().unwrap() {
        let (verb, body) = command.as_object().unwrap().iter().next().unwrap();
        assert!(["metainfo", "add", "delete"].contains(&verb.as_str()), "{command}");
        let Some((thing, body)) = body.as_object().unwrap().iter().next() else { continue };
        match thing.as_str() {
            "table" => assert_eq!(body["name"], "shieldwall"),
            "counter" | "set" | "chain" | "rule" | "element" => assert_eq!(body["table"], "shieldwall"),
            "json_schema_version" => {}
            other => panic!("{other}: {command}"),
        }
    }
}

/// Reads the options of a rule as Suricata does: up to `;`, quotes and backslashes respected.
fn options(rule: &str) -> Vec<(String, String)> {
    let inner = rule.split_once('(').unwrap().1;
    let mut out = Vec::new();
    let (mut option, mut quoted, mut escaped) = (String::new(), false, false);
    for c in inner.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                option.push(c);
            }
            '\\' => escaped = true,
            '"' => {
                quoted = !quoted;
                option.push(c);
            }
            ';' if !quoted => {
                let whole = std::mem::take(&mut option);
                let (name, value) = whole.split_once(':').unwrap_or((whole.as_str(), ""));
                out.push((name.trim().to_owned(), value.to_owned()));
            }
            _ => option.push(c),
        }
    }
    assert_eq!(option, ")", "{rule}");
    out
}

fn check_suricata(text: &str) {
    const KNOWN: [&str; 17] = [
        "msg",
        "flow",
        "content",
        "startswith",
        "endswith",
        "nocase",
        "dns.query",
        "tls.sni",
        "tls.cert_fingerprint",
        "http.host",
        "http.uri.raw",
        "http.user_agent",
        "ja3.hash",
        "ja3s.hash",
        "metadata",
        "sid",
        "rev",
    ];
    for (sid, rule) in (1_700_000..).zip(text.lines().filter(|line| !line.starts_with('#'))) {
        assert!(rule.starts_with("drop ") && rule.ends_with(";)"), "{rule}");
        assert!(rule.chars().all(|c| matches!(c, ' '..='~')), "{rule}");
        let options = options(rule);
        assert!(options.iter().all(|(name, _)| KNOWN.contains(&name.as_str())), "{rule}");
        let sids: Vec<_> = options.iter().filter(|(name, _)| name == "sid").collect();
        assert_eq!(sids.len(), 1, "{rule}");
        assert_eq!(sids[0].1, sid.to_string());
        for (_, content) in options.iter().filter(|(name, _)| name == "content") {
            // Not negated, and hex in pairs of bars.
            assert!(content.starts_with('"') && content.matches('|').count() % 2 == 0, "{rule}");
        }
    }
}

fn check_rpz(text: &str, written: usize) {
    let records: Vec<&str> = text.lines().filter(|line| line.contains(" IN CNAME ")).collect();
    assert_eq!(records.len(), written, "{text:?}");
    for line in text.lines() {
        let comment = line.starts_with("; ");
        let own = line.starts_with("$TTL ") || line.starts_with("@ IN ");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
        let fields: Vec<&str> = line.split(' ').collect();
        let record = fields.len() == 5 && fields[0].chars().all(plain) && fields[4] == ".";
        assert!(comment || own || record, "{line:?}");
    }
}

fn check_sigma(text: &str) {
    assert!(text.chars().all(|c| matches!(c, '\n' | ' '..='~')), "{text:?}");
    let documents = if text.is_empty() { 0 } else { text.matches("\n---\n").count() + 1 };
    let mut loader = Loader::new();
    if documents > 0 {
        loader.add("block-set.yml", text);
    }
    let rules = loader.finish();
    assert_eq!(rules.cards().len(), documents, "{text}");
    for card in rules.cards() {
        assert_eq!(card.state, State::Active, "{} {text}", card.title);
        assert!(card.title.contains(": "), "{}", card.title);
    }
}

fn check_openc2(text: &str) {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    for command in document.as_array().unwrap() {
        assert_eq!(command["action"], "deny", "{command}");
        assert_eq!(command["target"].as_object().unwrap().len(), 1, "{command}");
        let members = ["action", "target", "args", "actuator", "command_id"];
        assert!(
            command.as_object().unwrap().keys().all(|name| members.contains(&name.as_str())),
            "{command}"
        );
    }
}

#[test]
fn attacks_stay_values() {
    for attack in ATTACKS {
        let items = items(attack);
        assert!(!items.is_empty(), "{attack:?}");
        check(&BlockSet { name: format!("x{attack}"), items, ..BlockSet::default() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_text_gets_out_of_its_place(
        text in prop::collection::vec(
            prop_oneof![
                Just("\"".to_owned()), Just("\\".to_owned()), Just("|".to_owned()), Just(";".to_owned()),
                Just("\n".to_owned()), Just("#".to_owned()), Just(":".to_owned()), Just("*".to_owned()),
                Just("'".to_owned()), Just("- ".to_owned()), "[a-z0-9.]{1,6}", "\\PC{1,3}",
            ],
            1..12,
        ),
    ) {
        let text = text.concat();
        check(&BlockSet { name: text.clone(), items: items(&text), ..BlockSet::default() });
    }
}
