//! Warning lists: reading, matching, and what is always benign.

use observable::{Kind, classify, normalise};
use shieldwall_lists::{Category, Matching, WarningIndex, WarningList, builtin, is_warning_list};

fn list(json: &str) -> WarningList {
    WarningList::parse(json.as_bytes()).unwrap()
}

/// `value` hits `entry` on some list, or nothing.
fn check(index: &WarningIndex, value: &str, expect: Option<&str>) {
    let observable = classify(value).or_else(|| normalise(Kind::Domain, value)).unwrap();
    assert_eq!(index.check(&observable).map(|hit| hit.entry).as_deref(), expect, "{value}");
}

#[test]
fn what_is_always_benign() {
    let (index, findings) = WarningIndex::build(builtin());
    assert_eq!(findings, []);
    for (value, entry) in [
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8:53", "8.8.8.8"),
        ("http://8.8.8.8/", "8.8.8.8"),
        ("2001:4860:4860::8888", "2001:4860:4860::8888"),
        ("8.8.8.0/24", "8.8.8.8"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.0.0/16", "10.0.0.0/8"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::1", "::1"),
        ("fe80::1", "fe80::/10"),
        ("255.255.255.255", "240.0.0.0/4"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("64.0.0.0/7", "64.0.0.0/7"),
        ("::/0", "::/0"),
        ("2000::/3", "2000::/3"),
        ("*.com", "*.com"),
        ("google.com", "google.com"),
        ("https://google.com", "google.com"),
        ("GOOGLE.com.", "google.com"),
        ("localhost", "localhost"),
        ("www.example.com", "example.com"),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
        ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        // Dressed as IPv6 it is still the resolver.
        ("::ffff:8.8.8.8", "8.8.8.8"),
    ] {
        check(&index, value, Some(entry));
    }
    for value in [
        "5.188.10.10",
        "5.188.0.0/16",
        "notgoogle.com",
        "google.com.evil.ru",
        "evil.google.com",
        "https://google.com/redirect?u=evil.ru",
        "2a12:bec4:1460:50::2",
        "44d88612fea8a8f36de82e1278abb02f",
        "evil.ru",
        "*.evil.ru",
    ] {
        check(&index, value, None);
    }
}

#[test]
fn every_way_of_matching() {
    let lists = [
        r#"{"name":"exact","type":"string","list":["Good.Example.org",".suffix.org","not a value"],"matching_attributes":["domain","hostname"],"version":1}"#,
        r#"{"name":"host","type":"hostname","list":["host.org",".dotted.org"],"matching_attributes":["domain","url"],"version":"2"}"#,
        r#"{"name":"net","type":"cidr","list":["5.6.0.0/16","5.6.7.0/24","9.9.0.1"],"matching_attributes":["ip-src"],"category":"known"}"#,
        r#"{"name":"sub","type":"substring","list":["mail.org","x"],"matching_attributes":["email-src"]}"#,
        r#"{"name":"re","type":"regex","list":["/^(abuse|soc)\\@.*$/i","/(?=look)ahead/"],"matching_attributes":["email-dst"]}"#,
    ];
    let (index, findings) = WarningIndex::build(lists.iter().map(|text| list(text)));
    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "1 entries of `exact` cannot be used, the first is `not a value`",
            "1 entries of `sub` cannot be used, the first is `x`",
            "1 entries of `re` cannot be used, the first is `/(?=look)ahead/`",
        ]
    );
    for (value, entry) in [
        ("good.example.org", Some("good.example.org")),
        ("www.good.example.org", None),
        ("suffix.org", Some("suffix.org")),
        ("www.suffix.org", None),
        ("a.b.host.org", Some("host.org")),
        ("dotted.org", Some("dotted.org")),
        ("nothost.org", None),
        ("https://www.host.org/", Some("host.org")),
        ("https://www.host.org/phish", None),
        ("https://good.example.org/", None),
        ("5.6.7.8", Some("5.6.0.0/16")),
        ("5.0.0.0/8", Some("5.6.0.0/16")),
        ("9.9.0.1", Some("9.9.0.1")),
        ("5.7.0.1", None),
        ("who@mail.org", Some("mail.org")),
        ("ABUSE@other.org", Some(r"^(abuse|soc)\@.*$")),
        ("mail.org", None),
    ] {
        check(&index, value, entry);
    }
    let hit = index.check(&classify("5.6.7.8").unwrap()).unwrap();
    assert_eq!((hit.list.as_str(), hit.category), ("net", Category::Known));
}

#[test]
fn benign_lists_outrank_known_ones() {
    let known = r#"{"name":"cloud","type":"cidr","list":["8.0.0.0/8"],"matching_attributes":["ip-src"],"category":"known"}"#;
    let (index, _) = WarningIndex::build(std::iter::once(list(known)).chain(builtin()));
    let category = |value: &str| index.check(&classify(value).unwrap()).map(|hit| hit.category);
    assert_eq!(category("8.8.8.8"), Some(Category::FalsePositive));
    assert_eq!(category("8.9.9.9"), Some(Category::Known));
}

#[test]
fn categories_are_read_or_told_from_the_name() {
    let category = |name: &str, rest: &str| {
        list(&format!(
            r#"{{"name":"{name}","type":"cidr","list":[],"matching_attributes":["ip-src"]{rest}}}"#
        ))
        .category
    };
    assert_eq!(category("List of known Amazon AWS IP address ranges", ""), Category::Known);
    assert_eq!(category("Shodan IP Ranges Used for Scanning", ""), Category::Known);
    assert_eq!(category("List of known sinkholes", ""), Category::Known);
    assert_eq!(category("List of RFC 1918 CIDR blocks", ""), Category::FalsePositive);
    assert_eq!(category("List of known IPv6 public DNS resolvers", ""), Category::FalsePositive);
    assert_eq!(category("List of RFC 1918 CIDR blocks", r#","category":"known""#), Category::Known);
    assert_eq!(
        category("List of known Amazon AWS IP address ranges", r#","category":"false_positive""#),
        Category::FalsePositive
    );
}

#[test]
fn a_ranking_says_nothing_about_the_names_below() {
    let ranking = r#"{"name":"Top 10K most-used sites","type":"hostname","list":["duckdns.org"],"matching_attributes":["domain"]}"#;
    let (index, _) = WarningIndex::build([list(ranking)]);
    check(&index, "duckdns.org", Some("duckdns.org"));
    check(&index, "evil.duckdns.org", None);
}

#[test]
fn broken_lists_say_what_is_wrong() {
    for (text, pointer) in [
        ("", ""),
        ("[]", "/name"),
        (r#"{"name":"x"}"#, "/type"),
        (r#"{"name":"x","type":"other","list":[]}"#, "/type"),
        (r#"{"name":"x","type":"cidr","list":{}}"#, "/list"),
        (r#"{"name":"x","name":"y"}"#, ""),
    ] {
        let finding = WarningList::parse(text.as_bytes()).unwrap_err();
        assert_eq!(finding.pointer, pointer, "{text}: {finding}");
    }
    let mut tape = json::Tape::new();
    let stix = tape.parse(br#"{"type":"bundle","objects":[]}"#, &json::Limits::OBJECT).unwrap();
    assert!(!is_warning_list(stix));
}

#[test]
fn a_hostile_list_stays_bounded() {
    let regexes = (0..5000).map(|n| format!("a{n}")).chain(["(a{1000}){1000}".to_owned()]).collect();
    let hostile = WarningList {
        name: "hostile".to_owned(),
        version: 1,
        matching: Matching::Regex,
        category: Category::Known,
        kinds: Kind::ALL.to_vec(),
        entries: regexes,
    };
    let (_, findings) = WarningIndex::build([hostile]);
    assert_eq!(findings.len(), 1);
}
