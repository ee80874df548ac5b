//! Self-proof: each modifier of the specification, each kind of record, what cannot be met, what counts; and the public
//! rules.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a failing helper is a failing test")]

use std::sync::Arc;

use logs::{Event, Reader};
use model::Timestamp;
use serde_json::Value;
use shieldwall_detect::{CardId, Kind, Matcher, Positive, Record, SELF_TEST, Sigma, State, is_self_test};

use crate::real::RULES;
use crate::{now, rules};

const NONCE: &str = "0123456789abcdef0123456789abcdef";
const CREATION: &str = "product: windows\n  category: process_creation";

fn rule(source: &str, detection: &str) -> String {
    format!(
        "title: proved\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  {source}\ndetection:\n{detection}\nlevel: high\n"
    )
}

fn all_of(sigma: &Sigma) -> impl Iterator<Item = CardId> {
    (0..u32::try_from(sigma.cards().len()).unwrap()).map(CardId)
}

#[track_caller]
fn positive(sigma: &Sigma, place: u32) -> Positive {
    let made = sigma.positive(CardId(place), NONCE, now());
    made.unwrap_or_else(|why| panic!("{}: {why}", sigma.cards()[place as usize].title))
}

/// Reads a record as anybody would who was told its format and settings.
fn read<T>(record: &Record, act: impl FnOnce(&Event<'_>) -> T) -> T {
    let mut reader = Reader::new(record.format, record.settings.clone());
    reader.prime(&record.head);
    let event = reader.read(&record.bytes, now()).unwrap().unwrap();
    act(&event)
}

fn value(record: &Record, field: &str) -> String {
    read(record, |event| {
        let value = event.field(field).unwrap_or_else(|| panic!("no `{field}` in {}", shown(record)));
        value.as_text().unwrap_or_default().into_owned()
    })
}

fn shown(record: &Record) -> String {
    String::from_utf8_lossy(&record.bytes).into_owned()
}

/// The rule is proved, and the value that was made is what the specification says it must be.
#[track_caller]
fn check_in(source: &str, detection: &str, field: &str, meets: impl Fn(&str) -> bool) {
    let sigma = rules(&[&rule(source, detection)]);
    let found = value(&positive(&sigma, 0).records[0], field);
    assert!(meets(&found), "{detection}: {found}");
}

#[track_caller]
fn check(detection: &str, field: &str, meets: impl Fn(&str) -> bool) {
    check_in(CREATION, detection, field, meets);
}

/// An item of one selection.
fn item(text: &str) -> String {
    format!("  a:\n    {text}\n  condition: a")
}

#[test]
fn values_without_a_modifier() {
    check(&item("User: Anna"), "User", |user| user.eq_ignore_ascii_case("anna"));
    check(&item("User:\n      - ben\n      - anna"), "User", |user| ["ben", "anna"].contains(&user));
    check(&item("Image: 'C:\\\\*\\cmd?.exe'"), "Image", |image| {
        let image = image.to_lowercase();
        image.starts_with("c:\\") && image.contains("\\cmd") && image.ends_with(".exe")
    });
    // A backslash takes a wildcard's meaning away.
    check(&item("CommandLine: 'what\\?'"), "CommandLine", |line| line == "what?");
    check(&item("CommandLine: ''"), "CommandLine", str::is_empty);
    check_in("product: windows\n  service: security", &item("EventID: 4625"), "EventID", |id| id == "4625");
}

#[test]
fn parts_of_a_text() {
    check(&item("CommandLine|contains: ' /Add'"), "CommandLine", |line| line.contains(" /add"));
    check(&item("CommandLine|contains|all:\n      - net\n      - user"), "CommandLine", |line| {
        line.contains("net") && line.contains("user")
    });
    check(&item("Image|startswith: 'C:\\Users\\'"), "Image", |image| image.starts_with("c:\\users\\"));
    check(&item("Image|endswith:\n      - '\\sh.exe'\n      - '\\cmd.exe'"), "Image", |image| {
        image.ends_with("\\sh.exe") || image.ends_with("\\cmd.exe")
    });
    // All of these of one value.
    let together = "  a:\n    Image|startswith: 'C:\\'\n    Image|endswith: '.exe'\n    Image|contains: temp\n  condition: a";
    check(together, "Image", |image| {
        image.starts_with("c:\\") && image.ends_with(".exe") && image.contains("temp")
    });
    // Case counts.
    check(&item("User|cased: AnNa"), "User", |user| user == "AnNa");
    check(&item("User|contains|cased: AnNa"), "User", |user| user.contains("AnNa"));
}

#[test]
fn a_dash_may_be_another() {
    let dashes = ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"];
    check(&item("CommandLine|windash|contains: ' -f '"), "CommandLine", |line| {
        dashes.iter().any(|dash| line.contains(&format!(" {dash}f ")))
    });
    check(&item("CommandLine|endswith|windash: ' -f'"), "CommandLine", |line| {
        dashes.iter().any(|dash| line.ends_with(&format!(" {dash}f")))
    });
}

#[test]
fn patterns() {
    check(&item("CommandLine|re: 'net\\s+user\\s+/add$'"), "CommandLine", |line| {
        line.starts_with("net") && line.ends_with("/add")
    });
    check(&item("Image|re: '^[A-Z]:\\\\[a-z]{5}\\d\\.exe$'"), "Image", |image| {
        image.len() == 13 && image.ends_with(".exe")
    });
    check(&item("User|re|i: '^anna$'"), "User", |user| user.eq_ignore_ascii_case("anna"));
    check(&item("CommandLine|re|s: 'a.b'"), "CommandLine", |line| line.chars().count() >= 3);
    check(&item("CommandLine|re|m: '^x$'"), "CommandLine", |line| line.lines().any(|line| line == "x"));
    check(&item("CommandLine|re: '.{300,}'"), "CommandLine", |line| line.chars().count() >= 300);
    let mixed = "  a:\n    CommandLine|re: '^cmd.*exit$'\n    CommandLine|contains: whoami\n  condition: a";
    check(mixed, "CommandLine", |line| {
        line.starts_with("cmd") && line.contains("whoami") && line.ends_with("exit")
    });
}

#[test]
fn encodings() {
    let has = |part: &str| {
        let part = part.to_lowercase();
        move |line: &str| line.to_lowercase().contains(&part)
    };
    check(&item("CommandLine|base64|contains: 'ping'"), "CommandLine", has("cGluZw=="));
    check(&item("CommandLine|base64offset|contains: 'http://'"), "CommandLine", |line| {
        // The three ways in which the text can stand in an encoded one (specification, base64offset).
        ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"].iter().any(|part| has(part)(line))
    });
    check(&item("CommandLine|wide|base64|contains: 'a'"), "CommandLine", has("YQA="));
    check(&item("CommandLine|utf16le|base64|contains: 'a'"), "CommandLine", has("YQA="));
    check(&item("CommandLine|utf16be|base64|contains: 'a'"), "CommandLine", has("AGE="));
    check(&item("CommandLine|utf16|base64|contains: 'a'"), "CommandLine", has("//5hAA=="));
}

#[test]
fn networks_and_numbers() {
    let network = "product: windows\n  category: network_connection";
    check_in(network, &item("DestinationIp|cidr: 10.0.0.0/8"), "DestinationIp", |ip| ip.starts_with("10."));
    check_in(network, &item("DestinationIp|cidr: '2001:db8::/32'"), "DestinationIp", |ip| {
        ip.starts_with("2001:db8:")
    });
    let outside = "  a:\n    DestinationIp|cidr: 192.0.2.0/24\n  b:\n    DestinationIp|cidr: 192.0.2.0/30\n  condition: a and not b";
    check_in(network, outside, "DestinationIp", |ip| {
        ip.strip_prefix("192.0.2.").unwrap().parse::<u8>().unwrap() > 3
    });
    let port = |text: &str| text.parse::<f64>().unwrap();
    type Holds = fn(f64) -> bool;
    let cases: [(&str, Holds); 4] = [
        ("DestinationPort|gt: 1024", |port| port > 1024.0),
        ("DestinationPort|gte: 1024", |port| port >= 1024.0),
        ("DestinationPort|lt: 1024", |port| port < 1024.0),
        ("DestinationPort|lte: 1024", |port| port <= 1024.0),
    ];
    for (text, meets) in cases {
        check_in(network, &item(text), "DestinationPort", |found| meets(port(found)));
    }
    let between = item("DestinationPort|gt: 10\n    DestinationPort|lt: 12");
    check_in(network, &between, "DestinationPort", |found| (10.0..12.0).contains(&port(found)));
    check(&item("User|neq:\n      - selftest\n      - x"), "User", |user| !["selftest", "x"].contains(&user));
}

#[test]
fn what_is_there_and_what_is_not() {
    let sigma = |text: &str| rules(&[&rule(CREATION, &item(text))]);
    let has = |sigma: &Sigma, field: &str| {
        read(&positive(sigma, 0).records[0], |event| event.field(field).is_some())
    };
    assert!(has(&sigma("ParentImage|exists: true"), "ParentImage"));
    assert!(!has(&sigma("ParentImage|exists: false"), "ParentImage"));
    assert!(!has(&sigma("ParentImage: null"), "ParentImage"));
    let or_empty = sigma("ParentImage:\n      - null\n      - ''");
    assert!(positive(&or_empty, 0).records.len() == 1);
    let not_null = "  a:\n    Image: x\n  b:\n    ParentImage: null\n  condition: a and not b";
    check(not_null, "ParentImage", |image| !image.is_empty());
    let loaded = "product: windows\n  category: image_load";
    check_in(loaded, &item("Signed: false"), "Signed", |signed| signed == "false");
}

#[test]
fn values_of_other_fields() {
    for modifiers in ["fieldref", "fieldref|startswith", "fieldref|contains", "fieldref|endswith"] {
        let text = format!(
            "  a:\n    Image|{modifiers}: ParentImage\n    Image|endswith: '\\a.exe'\n  condition: a"
        );
        let sigma = rules(&[&rule(CREATION, &text)]);
        let made = positive(&sigma, 0);
        assert_eq!(value(&made.records[0], "Image"), value(&made.records[0], "ParentImage"));
    }
    let other = "  a:\n    User: x\n    ParentUser|endswith: x\n  b:\n    User|fieldref: ParentUser\n  condition: a and not b";
    check(other, "ParentUser", |user| user != "x" && user.ends_with('x'));
    let sigma = rules(&[&rule(CREATION, &item("CurrentDirectory|expand: 'C:\\%User%\\'"))]);
    let made = positive(&sigma, 0);
    let expect = format!("C:\\{}\\", value(&made.records[0], "User"));
    assert_eq!(value(&made.records[0], "CurrentDirectory"), expect);
}

#[test]
fn parts_of_a_time() {
    let at = |text: &str, span: std::ops::Range<usize>| text[span].to_owned();
    for (part, span, expect) in [
        ("minute: 7", 14..16, "07"),
        ("hour: 3", 11..13, "03"),
        ("day: 31", 8..10, "31"),
        ("month: 11", 5..7, "11"),
        ("year: 2021", 0..4, "2021"),
        ("week: 2", 5..10, "01-08"),
    ] {
        check(&item(&format!("UtcTime|{part}")), "UtcTime", |time| at(time, span.clone()) == expect);
    }
    check(&item("UtcTime|hour: 3\n    UtcTime|month: 2"), "UtcTime", |time| {
        at(time, 11..13) == "03" && at(time, 5..7) == "02"
    });
}

#[test]
fn words_wherever_they_stand() {
    let says = |detection: &str, parts: &[&str]| {
        let sigma = rules(&[&rule("product: windows\n  service: application", detection)]);
        let made = positive(&sigma, 0);
        let text = shown(&made.records[0]).to_lowercase();
        assert!(parts.iter().all(|part| text.contains(part)), "{detection}: {text}");
    };
    says("  a:\n    - first\n    - second\n  condition: a", &["first"]);
    says("  a: only\n  condition: a", &["only"]);
    says("  a:\n    - 'drop * table'\n  condition: a", &["drop ", " table"]);
    // A number is looked for as it is written.
    says("  a:\n    - 4711\n  condition: a", &["4711"]);
    says(
        "  a:\n    '|all':\n      - one\n      - 200\n      - three\n  condition: a",
        &["one", "200", "three"],
    );
    says("  a:\n    - one\n  b:\n    - two\n  condition: a and b", &["one", "two"]);
    says("  a:\n    - one\n  b:\n    - two\n  condition: a and not b", &["one"]);
}

#[test]
fn words_under_all_may_stand_in_different_texts() {
    let text = "  a:\n    '|all':\n      - whoami\n      - evil\n  condition: a";
    let sigma = rules(&[&rule(CREATION, text)]);
    let record = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"CommandLine":"whoami /all","ParentImage":"C:\\evil\\a.exe"}"#;
    assert_eq!(crate::titles(&sigma, &[record]), ["proved"]);
    assert!(crate::titles(&sigma, &[&record.replace("evil", "good")]).is_empty());
}

#[test]
fn conditions() {
    let selections = "  sel_a:\n    User: u\n  sel_b:\n    Image: i\n  sel_c:\n    CommandLine: c\n  filter:\n    ParentImage: p\n";
    let has = |condition: &str| {
        let sigma = rules(&[&rule(CREATION, &format!("{selections}  condition: {condition}"))]);
        let made = positive(&sigma, 0);
        ["User", "Image", "CommandLine", "ParentImage"]
            .map(|field| read(&made.records[0], |event| event.field(field).is_some()))
    };
    assert_eq!(has("sel_a and sel_b"), [true, true, false, false]);
    assert_eq!(has("1 of sel_*").iter().filter(|there| **there).count(), 1);
    assert!(has("2 of sel_*").iter().filter(|there| **there).count() >= 2);
    assert_eq!(has("all of sel_*"), [true, true, true, false]);
    assert_eq!(has("all of them"), [true; 4]);
    assert_eq!(has("sel_a and not filter"), [true, false, false, false]);
    assert_eq!(has("sel_a and not 1 of sel_b"), [true, false, false, false]);
    assert_eq!(has("not sel_a and sel_b"), [false, true, false, false]);
    assert_eq!(has("not (sel_a or not (sel_b and sel_c))"), [false, true, true, false]);
    assert!(has("not all of sel_* and filter")[3]);
}

#[test]
fn exclusions_are_kept_out_of() {
    let excluded = "  a:\n    Image|endswith: '\\cmd.exe'\n  b:\n    Image|startswith: '\\'\n  c:\n    Image|contains: selftest\n  d:\n    Image|re: '^x'\n  condition: a and not 1 of b and not c and not d";
    check(excluded, "Image", |image| {
        image.ends_with("\\cmd.exe") && !image.starts_with(['\\', 'x']) && !image.contains("selftest")
    });
    // Of a filter with several fields, one that differs is enough.
    let narrow = "  a:\n    Image: a.exe\n  b:\n    Image: a.exe\n    CommandLine|contains: ok\n  condition: a and not b";
    check(narrow, "Image", |image| image == "a.exe");
}

#[test]
fn what_contradicts_itself_is_said_to() {
    let why = |detection: &str| {
        let sigma = rules(&[&rule(CREATION, detection)]);
        assert_eq!(sigma.cards()[0].state, State::Active, "{detection}");
        sigma.prove(CardId(0)).unwrap_err()
    };
    for detection in [
        "  a:\n    User: x\n  condition: a and not a",
        "  a:\n    - User: x\n    - User: y\n  condition: a and not a",
        "  a:\n    User|contains|all:\n      - x\n      - y\n  condition: a and not 1 of a*",
        "  a:\n    User: x\n  b:\n    User: null\n  condition: a and b",
        "  a:\n    - word\n  condition: a and not a",
        "  a:\n    User|exists: true\n  b:\n    User|exists: false\n  condition: all of them",
    ] {
        let why = why(detection);
        assert!(why.contains("no event can satisfy it"), "{detection}: {why}");
    }
    // No contradiction of the condition, and still nothing to be found.
    let none = why("  a:\n    User: ab\n    User|re: '^[0-9]+$'\n  condition: a");
    assert!(none.contains("`User`"), "{none}");
    // Sysmon says nothing of the parent of whoever loads an image.
    let loaded = "product: windows\n  category: image_load";
    let sigma = rules(&[&rule(loaded, &item("ParentImage: x"))]);
    let never = sigma.prove(CardId(0)).unwrap_err();
    assert!(never.contains("ParentImage") && never.contains("no event of class"), "{never}");
}

#[test]
fn what_is_not_active_is_not_proved() {
    let sigma = rules(&[
        &rule("product: acme", &item("a: b")),
        "title: [",
        "title: narrow\nlogsource:\n  product: windows\nfilter:\n  rules: any\n  a:\n    User: x\n  condition: not a\n",
    ]);
    for id in all_of(&sigma) {
        assert!(!sigma.prove(id).unwrap_err().is_empty());
    }
    assert!(sigma.prove(CardId(99)).unwrap_err().contains("99"));
    let filter = sigma.cards().iter().position(|card| card.kind == Kind::Filter).unwrap();
    let filter = CardId(u32::try_from(filter).unwrap());
    assert!(sigma.prove(filter).unwrap_err().contains("narrows"));
}

#[test]
fn filters_are_respected() {
    let filter = "title: not ours\nid: 44444444-4444-4444-8444-444444444444\nlogsource:\n  product: windows\nfilter:\n  rules:\n    - 11111111-1111-4111-8111-111111111111\n  ours:\n    User: selftest\n  condition: not ours\n";
    let any = rule(CREATION, "  a:\n    User|contains: self\n  condition: a");
    let sigma = rules(&[&any, filter]);
    let user = value(&positive(&sigma, 0).records[0], "User");
    assert!(user.contains("self") && user != "selftest", "{user}");
    // A filter that leaves nothing over is found by it.
    let all = filter.replace("User: selftest", "User|contains: sel");
    let why = rules(&[&any, &all]).prove(CardId(0)).unwrap_err();
    assert!(why.contains("User"), "{why}");
}

/// Records of every kind: the class that the reader must find, by number.
#[test]
fn every_kind_of_record() {
    let check = |source: &str, detection: &str, class: u16| {
        let sigma = rules(&[&rule(source, detection)]);
        assert_eq!(sigma.cards()[0].state, State::Active, "{source}: {}", sigma.cards()[0].state.reason());
        let made = positive(&sigma, 0);
        let record = &made.records[0];
        assert_eq!(record.class.number(), class, "{source}: {}", shown(record));
        assert!(!record.bytes.contains(&b'\n'), "{}", shown(record));
        read(record, |event| {
            assert_eq!(event.class, record.class);
            assert_eq!(
                event.time.map(|time| time.as_micros() / 1_000_000),
                Some(now().as_micros() / 1_000_000)
            );
            assert!(is_self_test(event, NONCE), "{}", shown(record));
        });
    };
    let word = "  a:\n    - 'a \\\"b\\\" [c] = d\\e'\n  condition: a";
    check(CREATION, &item("Image: x"), 101);
    check("product: windows\n  service: security", &item("EventID: 4625"), 201);
    check("product: windows\n  service: security", &item("EventID: 5156"), 202);
    check("product: windows\n  service: system", &item("Provider_Name: Service Control Manager"), 240);
    check("product: windows\n  category: ps_script", &item("ScriptBlockText|contains: 'a\"b'"), 210);
    check("product: windows\n  category: ps_classic_start", &item("Data|contains: x"), 220);
    check("product: linux\n  category: process_creation", &item("Image: /bin/sh"), 161);
    check("product: rpc_firewall\n  category: application", &item("EventLog: RPCFW\n    EventID: 3"), 290);
    check("category: webserver", &item("cs-method: POST\n    cs-uri-query|contains: /x"), 403);
    check("category: proxy", &item("c-uri-extension: exe\n    c-uri|contains: evil"), 403);
    check("category: webserver", &item("cs-uri-stem|endswith: /a.php\n    cs-uri-query|contains: cmd="), 403);
    check("service: iis", &item("cs-uri-query|contains: cmd="), 440);
    check("category: dns", &item("query|endswith: .example"), 402);
    check("category: firewall", &item("dst_port: 445\n    dst_ip|cidr: 10.0.0.0/8"), 400);
    check("product: zeek\n  service: x509", &item("certificate.serial: ABC"), 454);
    check("product: aws\n  service: cloudtrail", &item("userIdentity.type: Root"), 600);
    check("product: azure\n  service: signinlogs", &item("ResultType: 50126"), 610);
    check("product: gcp\n  service: gcp.audit", &item("gcp.audit.method_name|endswith: .delete"), 622);
    check("product: kubernetes\n  service: audit", &item("objectRef.resource: pods\n    verb: create"), 650);
    check("product: okta\n  service: okta", &item("actor.alternateId: a"), 640);
    check("product: linux\n  service: auditd", &item("type: EXECVE\n    a1|contains: 'x \"y\" z'"), 550);
    check("product: linux\n  service: sshd", word, 531);
    check("product: linux\n  service: sudo", &item("USER: root"), 532);
    check("product: linux\n  service: cron", word, 533);
    check("product: cisco\n  service: aaa", word, 514);
    check("product: cisco\n  service: bgp", word, 515);
    check("product: huawei\n  service: bgp", word, 517);
    check("product: juniper\n  service: bgp", word, 518);
    check("product: fortigate\n  service: event", &item("action: Add\n    cfgpath: 'system.admin'"), 510);
    check("product: paloalto\n  service: globalprotect", word, 512);
    check("product: macos\n  category: process_creation", &item("Image: /bin/sh"), 543);
    check("product: jvm\n  category: application", word, 560);
    check("product: fortios\n  service: sslvpnd", word, 520);
    // Words are looked for in lines of text first, which have all of them in one.
    check("category: proxy", "  a:\n    - evil\n  condition: a", 441);
}

#[test]
fn a_self_test_is_known_by_its_secret_alone() {
    let sigma = rules(&[&rule(CREATION, &item("Image: x"))]);
    let record = positive(&sigma, 0).records.remove(0);
    read(&record, |event| {
        assert!(is_self_test(event, NONCE));
        assert!(!is_self_test(event, "fedcba9876543210fedcba9876543210"));
        assert!(!is_self_test(event, ""));
    });
    // Who writes into a log can write the mark, and hides nothing by it.
    let upper = NONCE.to_uppercase();
    for forged in ["", "true", "0", "0123456789abcdef", upper.as_str()] {
        let text = shown(&record).replace(NONCE, forged);
        let forged = Record { bytes: text.into_bytes(), ..record.clone() };
        read(&forged, |event| assert!(!is_self_test(event, NONCE), "{}", shown(&forged)));
        let mut found = Vec::new();
        read(&forged, |event| Matcher::new(Arc::clone(&sigma)).run(event, &mut found));
        assert_eq!(found.len(), 1, "it is an event like any other");
    }
    let plain: Value = serde_json::from_slice(&record.bytes).unwrap();
    assert_eq!(plain[SELF_TEST], NONCE);
    let long = "a".repeat(129);
    for bad in ["", "short", "with blanks in it all", "\"}quote0123456789", long.as_str()] {
        assert!(sigma.positive(CardId(0), bad, now()).is_err(), "{bad}");
    }
}

const LOGON: &str = "title: failed logon\nid: 22222222-2222-4222-8222-222222222222\nname: failed_logon\nlogsource:\n  product: windows\n  service: security\ndetection:\n  a:\n    EventID: 4625\n  condition: a\n";
const SUCCESS: &str = "title: logon\nid: 33333333-3333-4333-8333-333333333333\nname: logon\nlogsource:\n  product: windows\n  service: security\ndetection:\n  a:\n    EventID: 4624\n    AccountName|endswith: '$'\n  condition: a\n";
const SHELL: &str = "title: shell\nid: 44444444-4444-4444-8444-444444444444\nname: shell\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\cmd.exe'\n  condition: a\n";

fn counting(kind: &str, names: &[&str], more: &str) -> String {
    let names: String = names.iter().map(|name| format!("    - {name}\n")).collect();
    format!(
        "title: counting\nid: 55555555-5555-4555-8555-555555555555\ncorrelation:\n  type: {kind}\n  rules:\n{names}{more}\nlevel: high\n"
    )
}

/// Records of the correlation that is loaded behind the three rules.
#[track_caller]
fn sequence(correlation: &str) -> Vec<Record> {
    let sigma = rules(&[LOGON, SUCCESS, SHELL, correlation]);
    let last = &sigma.cards()[3];
    assert_eq!(last.state, State::Active, "{}", last.state.reason());
    assert_eq!(sigma.prove(CardId(3)), Ok(()));
    let made = positive(&sigma, 3).records;
    // The last one is what makes it fire, and no sooner.
    let mut matcher = Matcher::new(Arc::clone(&sigma));
    for (at, record) in made.iter().enumerate() {
        let mut found = Vec::new();
        read(record, |event| {
            assert!(is_self_test(event, NONCE));
            matcher.run(event, &mut found);
        });
        let fired = found.iter().any(|alert| alert.rule == CardId(3));
        assert_eq!(fired, at + 1 == made.len(), "{at} of {}: {}", made.len(), shown(record));
    }
    made
}

fn times(records: &[Record]) -> Vec<Timestamp> {
    records.iter().map(|record| read(record, |event| event.time.unwrap())).collect()
}

#[test]
fn events_are_counted() {
    let many = counting(
        "event_count",
        &["failed_logon"],
        "  group-by:\n    - TargetUserName\n  timespan: 5m\n  condition:\n    gte: 10",
    );
    let made = sequence(&many);
    assert_eq!(made.len(), 10);
    let users: Vec<_> = made.iter().map(|record| value(record, "TargetUserName")).collect();
    assert!(users.iter().all(|user| *user == users[0] && !user.is_empty()), "{users:?}");
    let times = times(&made);
    assert_eq!(times.last(), Some(&now()));
    assert!(times[9].as_micros() - times[0].as_micros() < 300_000_000);
    assert!(times.is_sorted());
    let short = counting("event_count", &["failed_logon"], "  timespan: 2s\n  condition:\n    gt: 20");
    assert_eq!(sequence(&short).len(), 21);
    for (window, more) in [("tumbling", ""), ("session", "\n  gap: 10s")] {
        let more = format!("  timespan: 1m\n  window: {window}{more}\n  condition:\n    gte: 5");
        assert_eq!(sequence(&counting("event_count", &["failed_logon"], &more)).len(), 5, "{window}");
    }
}

#[test]
fn values_are_counted() {
    let many = counting(
        "value_count",
        &["failed_logon"],
        "  group-by:\n    - IpAddress\n  timespan: 5m\n  condition:\n    gte: 12\n    field: TargetUserName",
    );
    let made = sequence(&many);
    let users: std::collections::BTreeSet<_> =
        made.iter().map(|record| value(record, "TargetUserName")).collect();
    assert_eq!((made.len(), users.len()), (12, 12));
    // The rule itself says something of the field.
    let named = counting(
        "value_count",
        &["logon"],
        "  timespan: 5m\n  condition:\n    gte: 8\n    field: AccountName",
    );
    let made = sequence(&named);
    assert_eq!(made.len(), 8);
    assert!(made.iter().all(|record| value(record, "AccountName").ends_with('$')));
}

#[test]
fn values_are_added_up() {
    for kind in ["value_sum", "value_avg", "value_median"] {
        let more = "  timespan: 5m\n  condition:\n    gt: 1000\n    field: Bytes";
        let made = sequence(&counting(kind, &["failed_logon"], more));
        assert_eq!(made.len(), 1, "{kind}");
        assert!(value(&made[0], "Bytes").parse::<f64>().unwrap() > 1000.0, "{kind}");
    }
}

#[test]
fn rules_come_together() {
    let both = "  timespan: 5m\n  group-by:\n    - user\n  aliases:\n    user:\n      failed_logon: TargetUserName\n      shell: User";
    for kind in ["temporal", "temporal_ordered"] {
        let made = sequence(&counting(kind, &["failed_logon", "shell"], both));
        let [first, second] = made.as_slice() else { panic!("{kind}: {}", made.len()) };
        assert_eq!((first.class.number(), second.class.number()), (201, 101), "{kind}");
        assert_eq!(value(first, "TargetUserName"), value(second, "User"), "{kind}");
        assert!(times(&made).is_sorted(), "{kind}");
    }
    let either = "  timespan: 5m\n  condition: shell and not logon";
    assert_eq!(sequence(&counting("temporal", &["failed_logon", "logon", "shell"], either)).len(), 1);
}

#[test]
fn a_temporal_correlation_without_a_condition_wants_all_of_its_rules() {
    let both = counting("temporal", &["failed_logon", "shell"], "  timespan: 5m");
    let sigma = rules(&[LOGON, SHELL, &both]);
    let logon = r#"{"Channel":"Security","EventID":4625,"@timestamp":"2024-05-01T10:00:00.000Z"}"#;
    assert_eq!(crate::titles(&sigma, &[logon, logon]), ["failed logon", "failed logon"]);
    let shell = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:05","Image":"C:\\cmd.exe"}"#;
    assert_eq!(crate::titles(&sigma, &[logon, shell]), ["failed logon", "shell", "counting"]);
}

#[test]
fn a_correlation_of_correlations() {
    let many = "title: many\nid: 66666666-6666-4666-8666-666666666666\nname: many\ncorrelation:\n  type: event_count\n  rules:\n    - failed_logon\n  group-by:\n    - TargetUserName\n  timespan: 5m\n  condition:\n    gte: 3\n";
    let then = counting(
        "temporal_ordered",
        &["many", "logon"],
        "  group-by:\n    - TargetUserName\n  timespan: 10m",
    );
    let sigma = rules(&[LOGON, SUCCESS, many, &then]);
    assert_eq!(sigma.prove(CardId(2)), Ok(()));
    assert_eq!(sigma.prove(CardId(3)), Ok(()));
    assert_eq!(positive(&sigma, 3).records.len(), 4);
}

#[test]
fn what_cannot_be_counted_is_said() {
    let endless = counting("event_count", &["failed_logon"], "  timespan: 5m\n  condition:\n    gte: 100000");
    let never =
        counting("event_count", &["failed_logon"], "  timespan: 5m\n  condition:\n    gt: 5\n    lt: 3");
    for correlation in [endless, never] {
        let sigma = rules(&[LOGON, &correlation]);
        assert!(sigma.prove(CardId(1)).unwrap_err().contains("no count"), "{correlation}");
    }
    // Of two values there are no three.
    let fixed = LOGON.replace("EventID: 4625", "EventID: 4625\n    LogonType:\n      - 2\n      - 3");
    let three = counting(
        "value_count",
        &["failed_logon"],
        "  timespan: 5m\n  condition:\n    gte: 3\n    field: LogonType",
    );
    assert!(rules(&[&fixed, &three]).prove(CardId(1)).unwrap_err().contains("LogonType"));
    let two = three.replace("gte: 3", "gte: 2");
    assert_eq!(rules(&[&fixed, &two]).prove(CardId(1)), Ok(()));
}

#[test]
fn a_hostile_rule_costs_a_bounded_search() {
    // Fifty choices of fifty values that all exclude one another.
    let mut text = String::new();
    for at in 0..50 {
        text.push_str(&format!("  sel_{at}:\n    User|contains:\n"));
        (0..50).for_each(|value| text.push_str(&format!("      - v{at}x{value}\n")));
    }
    text.push_str("  no:\n    User|re: 'v'\n  condition: all of sel_* and not no");
    let sigma = rules(&[&rule(CREATION, &text)]);
    assert!(sigma.prove(CardId(0)).is_err());
    // Conditions inside one another, and patterns that would make much of little.
    let deep = format!("{}a{}", "(not ".repeat(60), ")".repeat(60));
    let nested = rules(&[&rule(CREATION, &format!("  a:\n    User: x\n  condition: {deep}"))]);
    let _ = nested.prove(CardId(0));
    let long = rules(&[&rule(CREATION, &item("CommandLine|re: '(.{900}){20}'"))]);
    let _ = long.prove(CardId(0));
}

#[test]
fn nearly_every_public_rule_fires_on_an_event_made_for_it() {
    let cards = RULES.cards();
    if cards.is_empty() {
        return;
    }
    let mut missed = Vec::new();
    for (id, card) in all_of(&RULES).zip(cards) {
        if let Err(why) = RULES.prove(id) {
            missed.push(format!("{} ({}): {why}", card.title, card.file));
        }
    }
    for miss in &missed {
        println!("{miss}");
    }
    println!("{} of {} are active and proved", cards.len() - missed.len(), cards.len());
    // At least 99 % of the files.
    assert!(missed.len() * 100 <= cards.len(), "{} of {} are not proved", missed.len(), cards.len());
}
