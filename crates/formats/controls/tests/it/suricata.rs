//! Suricata rules against the user guide's words on them: the rule format, meta keywords, payload keywords, and the
//! sticky buffers of DNS, TLS, HTTP and JA3.

use std::collections::BTreeSet;

use model::Digest;
use observable::Kind;
use shieldwall_controls::{BlockItem, BlockSet, SuricataAction, SuricataOptions, suricata};

use crate::{REFERENCE, after, item, mixed, now, set};

/// A rule, read strictly.
#[derive(Debug)]
struct Rule {
    action: String,
    /// Protocol, source, port, direction, destination, port.
    head: Vec<String>,
    /// Keywords in their order, each with its settings.
    options: Vec<(String, Option<String>)>,
}

impl Rule {
    #[track_caller]
    fn read(line: &str) -> Self {
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        let (head, rest) = line.split_once(" (").unwrap();
        let inner = rest.strip_suffix(')').unwrap_or_else(|| panic!("{line}"));
        let mut head: Vec<String> = head.split(' ').map(str::to_owned).collect();
        let action = head.remove(0);
        assert_eq!(head.len(), 6, "{line}");
        let mut options = Vec::new();
        let (mut keyword, mut quoted) = (String::new(), false);
        for c in inner.chars() {
            // Everything that would have to be escaped is written in hex instead.
            assert_ne!(c, '\\', "{line}");
            quoted ^= c == '"';
            if c == ';' && !quoted {
                let whole = std::mem::take(&mut keyword);
                let whole = whole.trim_start();
                options.push(match whole.split_once(':') {
                    Some((name, settings)) => (name.to_owned(), Some(settings.to_owned())),
                    None => (whole.to_owned(), None),
                });
            } else {
                keyword.push(c);
            }
        }
        assert!(keyword.is_empty() && !quoted, "{line}");
        Self { action, head, options }
    }

    /// The settings of a keyword that is there exactly once.
    #[track_caller]
    fn only(&self, name: &str) -> &str {
        let found: Vec<_> = self.options.iter().filter(|(keyword, _)| keyword == name).collect();
        assert_eq!(found.len(), 1, "{name}: {self:?}");
        found[0].1.as_deref().unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    fn sid(&self) -> u32 {
        self.only("sid").parse().unwrap()
    }

    /// What is looked for: buffer, bytes, and the modifiers of the content.
    #[track_caller]
    fn looked_for(&self) -> Vec<(String, Vec<u8>, BTreeSet<&str>)> {
        let mut out: Vec<(String, Vec<u8>, BTreeSet<&str>)> = Vec::new();
        let mut buffer = None;
        for (name, settings) in &self.options {
            match (name.as_str(), settings) {
                ("content", Some(settings)) => {
                    let text = settings.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                    let text = text.unwrap_or_else(|| panic!("{self:?}"));
                    let buffer: &String = buffer.unwrap_or_else(|| panic!("no sticky buffer: {self:?}"));
                    out.push((buffer.clone(), bytes(text), BTreeSet::new()));
                }
                ("startswith" | "endswith" | "nocase", None) => {
                    let fresh = out.last_mut().unwrap_or_else(|| panic!("{self:?}")).2.insert(name);
                    assert!(fresh, "{self:?}");
                }
                ("msg" | "flow" | "metadata" | "sid" | "rev", Some(_)) => {}
                (_, None) => buffer = Some(name),
                _ => panic!("{name}: {self:?}"),
            }
        }
        out
    }
}

/// The bytes that a content stands for: hex between bars, everything else as it is.
#[track_caller]
fn bytes(content: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (place, part) in content.split('|').enumerate() {
        if place % 2 == 0 {
            // What the guide says must be written in hex.
            assert!(!part.contains(['"', ';', ':', '\\']), "{content}");
            out.extend(part.bytes());
            continue;
        }
        for pair in part.split(' ') {
            assert!(pair.len() == 2 && !pair.contains(|c: char| c.is_ascii_lowercase()), "{content}");
            out.push(u8::from_str_radix(pair, 16).unwrap());
        }
    }
    assert_eq!(content.matches('|').count() % 2, 0, "{content}");
    out
}

/// Writes a set, and checks what is true of every rule whatever it looks for.
#[track_caller]
fn rules(set: &BlockSet, options: &SuricataOptions) -> Vec<Rule> {
    let export = suricata(set, now(), options);
    let lines = export.text.lines().filter(|line| !line.starts_with('#'));
    let rules: Vec<Rule> = lines.map(Rule::read).collect();
    let sids: BTreeSet<u32> = rules.iter().map(Rule::sid).collect();
    assert_eq!(sids.len(), rules.len(), "a number is one rule's");
    assert!(sids.iter().all(|sid| options.sids.contains(sid)), "{sids:?}");
    for rule in &rules {
        assert_eq!(rule.action, options.action.as_str());
        check_head(rule);
        check_buffers(rule);
        // In the place where people and programs look for them.
        assert_eq!(rule.options.first().unwrap().0, "msg", "{rule:?}");
        let last: Vec<&str> = rule.options.iter().rev().take(3).map(|(name, _)| name.as_str()).collect();
        assert_eq!(last, ["rev", "sid", "metadata"], "{rule:?}");
        assert_eq!(rule.only("rev"), "1");
        let msg = rule.only("msg");
        assert!(msg.len() > 2 && msg.starts_with('"') && msg.ends_with('"'), "{rule:?}");
        for pair in rule.only("metadata").split(", ") {
            let (key, value) = pair.split_once(' ').unwrap_or_else(|| panic!("{rule:?}"));
            assert!(key.starts_with("shieldwall_") && !value.contains([' ', ':']), "{rule:?}");
        }
    }
    rules
}

#[track_caller]
fn check_head(rule: &Rule) {
    let parts: Vec<&str> = rule.head.iter().map(String::as_str).collect();
    let [protocol, from, from_port, direction, to, to_port] = parts[..] else { panic!("{rule:?}") };
    assert!(["ip", "tcp", "udp", "dns", "tls", "http"].contains(&protocol), "{rule:?}");
    assert_eq!((from, from_port), ("any", "any"), "{rule:?}");
    assert!(["->", "<>"].contains(&direction), "{rule:?}");
    // Only TCP and UDP, and what goes over them, have ports.
    let port = to_port == "any" || to_port.parse::<u16>().is_ok_and(|port| port > 0) && protocol != "ip";
    assert!(port, "{rule:?}");
    if to != "any" {
        let address = to.strip_prefix('[').and_then(|to| to.strip_suffix(']')).unwrap();
        let bare = address.split_once('/').map_or(address, |(address, _)| address);
        assert!(bare.parse::<std::net::IpAddr>().is_ok(), "{rule:?}");
    }
}

/// Which buffer there is in which protocol, and what may be looked for in it.
#[track_caller]
fn check_buffers(rule: &Rule) {
    let looked_for = rule.looked_for();
    for (buffer, bytes, modifiers) in &looked_for {
        let protocol = match buffer.as_str() {
            "dns.query" => "dns",
            "tls.sni" | "tls.cert_fingerprint" | "ja3.hash" | "ja3s.hash" => "tls",
            "http.host" | "http.uri.raw" | "http.user_agent" => "http",
            other => panic!("{other}: {rule:?}"),
        };
        assert_eq!(rule.head[0], protocol, "{rule:?}");
        assert!((1..=255).contains(&bytes.len()), "{rule:?}");
        // Nothing is blocked because it holds the value somewhere: the whole buffer is it, or ends with it.
        assert!(modifiers.contains("endswith"), "{rule:?}");
        match buffer.as_str() {
            // Names are the same in capitals.
            "dns.query" | "tls.sni" => assert!(modifiers.contains("nocase"), "{rule:?}"),
            // These buffers are in small letters. The keyword of the host refuses `nocase` and capitals.
            "http.host" | "tls.cert_fingerprint" | "ja3.hash" | "ja3s.hash" => {
                assert!(!modifiers.contains("nocase"), "{rule:?}");
                assert!(!bytes.iter().any(u8::is_ascii_uppercase), "{rule:?}");
            }
            _ => assert!(!modifiers.contains("nocase"), "{rule:?}"),
        }
    }
    if looked_for.is_empty() {
        assert!(["ip", "tcp", "udp"].contains(&rule.head[0].as_str()), "{rule:?}");
        assert_ne!(rule.head[4], "any", "it would block everything: {rule:?}");
    }
    // What a client sends is looked for in what a client sends.
    let from_client = ["tls.sni", "http.host", "http.uri.raw", "http.user_agent"];
    if looked_for.iter().any(|(buffer, ..)| from_client.contains(&buffer.as_str())) {
        assert_eq!(rule.only("flow"), "established,to_server");
    }
}

/// What one item is looked for by: buffer, text, and whether it has to begin the buffer.
#[track_caller]
fn check(kind: Kind, value: &str, expect: &[(&str, &str, bool)]) {
    let rules = rules(&set(vec![item(kind, value, None, 3_600)]), &SuricataOptions::default());
    let found: Vec<_> = rules
        .iter()
        .flat_map(Rule::looked_for)
        .map(|(buffer, bytes, modifiers)| {
            (buffer, String::from_utf8(bytes).unwrap(), modifiers.contains("startswith"))
        })
        .collect();
    let found: Vec<_> =
        found.iter().map(|(buffer, text, whole)| (buffer.as_str(), text.as_str(), *whole)).collect();
    assert_eq!(found, expect, "{value}");
}

#[test]
fn every_kind_is_looked_for_where_it_can_be_seen() {
    let names = |text: &'static str, whole: bool| {
        [("dns.query", text, whole), ("tls.sni", text, whole), ("http.host", text, whole)]
    };
    check(Kind::Domain, "BAD.Example", &names("bad.example", true));
    check(Kind::Domain, "bücher.example", &names("xn--bcher-kva.example", true));
    // Names below it, and neither the name itself nor one that only ends with the same letters.
    check(Kind::DomainSuffix, "*.evil.example", &names(".evil.example", false));
    check(
        Kind::Url,
        "http://Bad.Example:8080/a;b|c?q=\"x\"#part",
        &[("http.host", "bad.example", true), ("http.uri.raw", "/a;b|c?q=\"x\"", true)],
    );
    check(Kind::HttpTarget, "/gate.php?id=1;2", &[("http.uri.raw", "/gate.php?id=1;2", true)]);
    let agent = r#"Mozilla/4.0 (bad; "x|y"); \ $HOME_NET !z"#;
    check(Kind::UserAgent, agent, &[("http.user_agent", agent, true)]);
    let md5 = "e7eca2baf4458d095b7f45da28c16c34";
    check(Kind::Ja3, &md5.to_uppercase(), &[("ja3.hash", md5, true)]);
    check(Kind::Ja3s, md5, &[("ja3s.hash", md5, true)]);
    check(
        Kind::CertSha1,
        "4AA3667682CB6B23BBC3584723A463A778A4A118",
        &[("tls.cert_fingerprint", "4a:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18", true)],
    );
}

#[test]
fn rules_do_what_was_asked_for_under_numbers_of_ones_own() {
    let default = SuricataOptions::default();
    assert!(*default.sids.start() >= 1_000_000 && *default.sids.end() <= 1_999_999, "for local use");
    let first: Vec<u32> = rules(&mixed(), &default).iter().map(Rule::sid).collect();
    assert_eq!(first.first(), Some(&1_700_000));
    for action in [SuricataAction::Drop, SuricataAction::Alert, SuricataAction::Reject] {
        let options = SuricataOptions { action, sids: 1_234_000..=1_234_999 };
        assert_eq!(rules(&mixed(), &options).len(), first.len());
    }
}

#[test]
fn addresses_are_blocked_both_ways_and_ports_where_they_are() {
    let items = vec![
        item(Kind::Ipv4, "203.0.113.7", None, 60),
        item(Kind::Cidr6, "2001:db8::/32", None, 60),
        item(Kind::Ipv6, "2001:db8::1", Some(8443), 60),
        item(Kind::Domain, "bad.example", Some(8080), 60),
    ];
    let rules = rules(&set(items), &SuricataOptions::default());
    let mut heads: Vec<String> = rules.iter().map(|rule| rule.head.join(" ")).collect();
    heads.sort_unstable();
    assert_eq!(
        heads,
        [
            "http any any -> any 8080",
            "ip any any <> [2001:db8::/32] any",
            "ip any any <> [203.0.113.7] any",
            "tcp any any -> [2001:db8::1] 8443",
            "tls any any -> any 8080",
            "udp any any -> [2001:db8::1] 8443",
        ]
    );
}

#[test]
fn no_name_or_reference_gets_out_of_its_place() {
    for odd in ["x\"; sid:1;)", "a;b", "a|b", "a:b, c d", "\\", "", "\u{202e}\n"] {
        let item = BlockItem {
            reference: format!("{REFERENCE}{odd}"),
            until: after(60),
            ..item(Kind::Domain, "bad.example", None, 60)
        };
        let set = BlockSet { name: odd.to_owned(), items: vec![item], ..BlockSet::default() };
        assert_eq!(rules(&set, &SuricataOptions::default()).len(), 3, "{odd:?}");
    }
}

#[test]
fn rules_of_two_leases_are_numbered_apart() {
    let of = |first: u8, last: u8| {
        let mut digest = Digest([first; 32]);
        digest.0[31] = last;
        SuricataOptions::sids_of(&digest)
    };
    assert_eq!(of(1, 2), of(1, 2), "always the same");
    let firsts: BTreeSet<u32> = (0..=255).map(|last| *of(7, last).start()).collect();
    assert_eq!(firsts.len(), 256);
    // By hand: the last two bytes of a number that is 3 * 256 + 5.
    let mut small = Digest([0; 32]);
    (small.0[30], small.0[31]) = (3, 5);
    assert_eq!(SuricataOptions::sids_of(&small), 1_800_773..=1_900_772);
    for range in [of(0, 0), of(255, 255), of(9, 200)] {
        assert!(*range.start() >= 1_800_000 && *range.end() <= 1_999_999, "for local use: {range:?}");
        assert!(range.start() > SuricataOptions::default().sids.end(), "apart from the node's own files");
        assert_eq!(range.count(), 100_000);
    }
    assert_eq!(SuricataOptions::sids_from(u32::MAX), u32::MAX..=u32::MAX);
}
