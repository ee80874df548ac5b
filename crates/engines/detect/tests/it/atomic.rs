//! Values of indicators against events: what hits what, what is refused, and bytes that are not what was written.

use std::collections::BTreeSet;
use std::sync::Arc;

use logs::{Format, Reader, Settings};
use model::Timestamp;
use observable::{Kind, Observable, normalise, pattern, read};
use proptest::prelude::*;
use shieldwall_detect::{Atom, Damaged, Entry, Index, Scratch, Segment, SegmentBuilder, Watched, watched};
use twox_hash::XxHash3_64;

use crate::now;

/// The atoms of a value as people write it, such as `192.0.2.1:443`, by way of its pattern.
fn atoms(text: &str) -> Vec<Atom> {
    match watched(&pattern(&read(text).unwrap())).unwrap() {
        Watched::Atoms(atoms) => atoms,
        Watched::Pattern(_) => Vec::new(),
    }
}

fn entries(subject: u64, text: &str) -> Vec<Entry> {
    let entry = |atom| Entry { atom, subject, from: Timestamp::EPOCH, until: None, confidence: None };
    atoms(text).into_iter().map(entry).collect()
}

/// An index of values, numbered from 1.
fn index(values: &[&str]) -> Index {
    let numbered = (1..).zip(values);
    Index::default().with(&numbered.flat_map(|(subject, text)| entries(subject, text)).collect::<Vec<_>>())
}

/// What a record hits: `subject field value`.
fn hits(index: &Index, format: Format, record: &str) -> Vec<String> {
    let mut reader = Reader::new(format, Settings::default());
    let event = reader.read(record.as_bytes(), now()).unwrap().unwrap();
    let mut found = Vec::new();
    index.look(&event, event.time.unwrap_or(now()), &mut Scratch::default(), &mut |hit| {
        found.push(format!("{} {} {}", hit.subject, hit.field, hit.value));
    });
    found
}

fn flow(rest: &str) -> String {
    format!(r#"{{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"flow",{rest}}}"#)
}

/// The subjects that a connection hits.
fn connection(index: &Index, from: &str, to: &str) -> Vec<String> {
    let record = flow(&format!(r#""src_ip":"{from}","src_port":50000,"dest_ip":"{to}","dest_port":443"#));
    hits(index, Format::EveJson, &record)
}

fn asked(index: &Index, kind: Kind, text: &str, port: Option<u16>, at: Timestamp) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    index.ask(&normalise(kind, text).unwrap(), port, at, &mut |subject, _| {
        found.insert(subject);
    });
    found
}

#[test]
fn patterns_that_are_values() {
    let check = |pattern: &str, expect: &[(Kind, &str, Option<u16>)]| {
        let Watched::Atoms(atoms) = watched(pattern).unwrap() else { panic!("{pattern}") };
        let found: Vec<_> = atoms
            .iter()
            .map(|atom| (atom.observable.kind(), atom.observable.to_string(), atom.port))
            .collect();
        let expect: Vec<_> =
            expect.iter().map(|(kind, value, port)| (*kind, (*value).to_owned(), *port)).collect();
        assert_eq!(found, expect, "{pattern}");
    };
    check("[ipv4-addr:value = '192.0.2.1']", &[(Kind::Ipv4, "192.0.2.1", None)]);
    check("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", &[(Kind::Cidr4, "192.0.2.0/24", None)]);
    check("[domain-name:value LIKE '%.Bad.example']", &[(Kind::DomainSuffix, "*.bad.example", None)]);
    check(
        "[domain-name:value IN ('b.example', 'a.example')] OR [file:name = 'x.exe']",
        &[
            (Kind::Domain, "a.example", None),
            (Kind::Domain, "b.example", None),
            (Kind::FileName, "x.exe", None),
        ],
    );
    check(
        "[(url:value = 'http://bad.example/x') OR url:value = 'https://bad.example/x']",
        &[(Kind::Url, "http://bad.example/x", None), (Kind::Url, "https://bad.example/x", None)],
    );
    let host = "network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1'";
    check(&format!("[{host}]"), &[(Kind::Ipv4, "192.0.2.1", None)]);
    check(&format!("[{host} AND network-traffic:dst_port = 443]"), &[(Kind::Ipv4, "192.0.2.1", Some(443))]);
    check(
        "[network-traffic:src_port = 53 AND network-traffic:src_ref.value = 'ns.example']",
        &[(Kind::Domain, "ns.example", Some(53))],
    );
    check("[network-traffic:dst_ref.value = '192.0.2.1']", &[(Kind::Ipv4, "192.0.2.1", None)]);
    // What no event can have is left out where something else is left.
    check(
        "[ipv4-addr:value = 'nonsense' OR ipv4-addr:value = '192.0.2.1']",
        &[(Kind::Ipv4, "192.0.2.1", None)],
    );
}

#[test]
fn patterns_that_are_more_than_values() {
    for pattern in [
        "[file:name = 'x' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
        "[ipv4-addr:value != '192.0.2.1']",
        "[ipv4-addr:value NOT = '192.0.2.1']",
        "[ipv4-addr:value = '192.0.2.1' OR file:size = 3]",
        "[domain-name:value MATCHES 'bad']",
        "[domain-name:value LIKE '%bad%']",
        "[ipv4-addr:value = '192.0.2.1'] AND [ipv4-addr:value = '192.0.2.2']",
        "[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES WITHIN 60 SECONDS",
        "[ipv4-addr:value = '192.0.2.1'] START t'2024-01-01T00:00:00Z' STOP t'2025-01-01T00:00:00Z'",
        "[network-traffic:dst_port = 4444]",
        // Two ends are two conditions, and so are two ports of one.
        "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:src_port = 443]",
        "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_ref.value = '192.0.2.2']",
        "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 70000]",
        "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port > 443]",
        "[process:command_line = 'x']",
    ] {
        assert!(matches!(watched(pattern), Ok(Watched::Pattern(_))), "{pattern}: {:?}", watched(pattern));
    }
}

#[test]
fn what_cannot_be_watched_says_why() {
    let check = |pattern: &str, why: &str| {
        let error = watched(pattern).unwrap_err();
        assert!(error.contains(why), "{pattern}: {error}");
    };
    check("", "bytes 0 to");
    check("[ipv4-addr:value", "bytes");
    check("[ipv4-addr:value = 'nonsense']", "`nonsense` is nothing that `ipv4-addr:value` can be");
    check("[ipv4-addr:value ISSUBSET '0.0.0.0/0']", "`0.0.0.0/0` is too wide");
    check("[ipv4-addr:value ISSUBSET '12.0.0.0/7']", "`12.0.0.0/7` is too wide");
    check("[ipv6-addr:value ISSUBSET '2000::/3']", "`2000::/3` is too wide");
    check("[domain-name:value LIKE '%.com']", "`*.com` is too wide");
    check("[domain-name:value = 'com']", "`com` is too wide");
    check("[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '0.0.0.0/0']", "`0.0.0.0/0` is too wide");
    // The same where it comes in another dress.
    check("[ipv6-addr:value ISSUBSET '::ffff:0:0/96']", "`0.0.0.0/0` is too wide");
    // A long list, and text that nests: an answer, whatever it is.
    let many: Vec<String> = (0..9_000).map(|n| format!("'{n}.example'")).collect();
    let Ok(Watched::Atoms(atoms)) = watched(&format!("[domain-name:value IN ({})]", many.join(","))) else {
        panic!("9,000 names are 9,000 atoms");
    };
    assert_eq!(atoms.len(), 9_000);
    assert!(watched(&"[".repeat(100_000)).is_err());
    assert!(watched(&"(".repeat(300_000)).is_err());
}

#[test]
fn an_address_hits_itself_at_either_end() {
    let index = index(&["192.0.2.1", "2001:db8::1", "192.0.2.9"]);
    assert_eq!(connection(&index, "10.0.0.1", "192.0.2.1"), ["1 dest_ip 192.0.2.1"]);
    assert_eq!(connection(&index, "192.0.2.1", "10.0.0.1"), ["1 src_ip 192.0.2.1"]);
    assert_eq!(connection(&index, "192.0.2.10", "192.0.2.0"), [""; 0]);
    assert_eq!(connection(&index, "10.0.0.1", "2001:DB8:0:0::1"), ["2 dest_ip 2001:DB8:0:0::1"]);
    // One host, however it is dressed.
    assert_eq!(connection(&index, "10.0.0.1", "::ffff:192.0.2.1"), ["1 dest_ip ::ffff:192.0.2.1"]);
    assert_eq!(connection(&index, "192.0.2.1", "192.0.2.1").len(), 2, "both ends are told");
}

#[test]
fn an_entry_with_a_port_hits_beside_that_port_alone() {
    let index = index(&["192.0.2.1:443", "192.0.2.1:8443", "bad.example:80", "192.0.2.1"]);
    assert_eq!(connection(&index, "10.0.0.1", "192.0.2.1"), ["1 dest_ip 192.0.2.1", "4 dest_ip 192.0.2.1"]);
    // The port of the other end is none of its business.
    assert_eq!(connection(&index, "192.0.2.1", "10.0.0.1"), ["4 src_ip 192.0.2.1"]);
    let ports = |port| asked(&index, Kind::Ipv4, "192.0.2.1", port, now());
    assert_eq!(ports(None), BTreeSet::from([4]));
    assert_eq!(ports(Some(8443)), BTreeSet::from([2, 4]));
    let web = |port: u16| {
        let record = format!(
            r#"{{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"http","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dest_port":{port},"http":{{"hostname":"bad.example","url":"/"}}}}"#
        );
        hits(&index, Format::EveJson, &record)
    };
    // The reader makes `http://bad.example/` of it, whatever the port is.
    assert_eq!(web(80), ["3 http.hostname bad.example"]);
    assert_eq!(web(8080), [""; 0]);
}

#[test]
fn networks_nest_touch_and_come_twice() {
    let index = index(&[
        "192.0.2.0/24",
        "192.0.2.0/28",
        "192.0.2.8/29",
        "192.0.0.0/16",
        "192.0.2.128/25",
        "192.0.2.0/24",
        "10.0.0.0/8",
        "192.0.2.8/32",
    ]);
    let around = |text: &str| asked(&index, Kind::Ipv4, text, None, now());
    assert_eq!(around("192.0.2.9"), BTreeSet::from([1, 2, 3, 4, 6]));
    assert_eq!(around("192.0.2.8"), BTreeSet::from([1, 2, 3, 4, 6, 8]));
    assert_eq!(around("192.0.2.16"), BTreeSet::from([1, 4, 6]));
    assert_eq!(around("192.0.2.127"), BTreeSet::from([1, 4, 6]));
    assert_eq!(around("192.0.2.128"), BTreeSet::from([1, 4, 5, 6]));
    assert_eq!(around("192.0.2.255"), BTreeSet::from([1, 4, 5, 6]));
    assert_eq!(around("192.0.3.0"), BTreeSet::from([4]));
    assert_eq!(around("192.1.0.0"), BTreeSet::new());
    assert_eq!(around("191.255.255.255"), BTreeSet::new());
    assert_eq!(around("10.255.255.255"), BTreeSet::from([7]));
    assert_eq!(around("11.0.0.0"), BTreeSet::new());
    // A network is hit by those around it, and by itself; not by those inside.
    assert_eq!(around("192.0.2.0/24"), BTreeSet::from([1, 4, 6]));
    assert_eq!(around("192.0.2.0/25"), BTreeSet::from([1, 4, 6]));
    assert_eq!(around("192.0.2.8/30"), BTreeSet::from([1, 2, 3, 4, 6]));
    assert_eq!(around("192.0.0.0/12"), BTreeSet::new());
}

#[test]
fn networks_of_the_other_family() {
    let index = index(&["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::/64", "192.0.2.0/24"]);
    let around = |text: &str| asked(&index, Kind::Ipv6, text, None, now());
    assert_eq!(around("2001:db8:1::5"), BTreeSet::from([1, 2, 3]));
    assert_eq!(around("2001:db8:1:1::5"), BTreeSet::from([1, 2]));
    assert_eq!(around("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), BTreeSet::from([1]));
    assert_eq!(around("2001:db9::"), BTreeSet::new());
    assert_eq!(around("::"), BTreeSet::new());
    assert_eq!(around("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), BTreeSet::new());
    assert_eq!(around("::ffff:192.0.2.77"), BTreeSet::from([4]));
}

fn query(name: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"dns","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dns":{{"type":"query","rrname":"{name}"}}}}"#
    )
}

#[test]
fn a_name_is_itself_and_a_suffix_is_what_is_below() {
    let index = index(&["bad.example", "*.bad.example", "www.good.example", "*.co.example"]);
    let check = |name: &str, expect: &[u64]| {
        let found = hits(&index, Format::EveJson, &query(name));
        let expect: Vec<String> =
            expect.iter().map(|subject| format!("{subject} dns.rrname {name}")).collect();
        assert_eq!(found, expect, "{name}");
    };
    check("bad.example", &[1]);
    check("BAD.Example", &[1]);
    check("www.bad.example", &[2]);
    check("a.b.c.bad.example", &[2]);
    // Neither the name above an indicator, nor one below it, nor one that ends in the same letters.
    check("example", &[]);
    check("good.example", &[]);
    check("x.www.good.example", &[]);
    check("notbad.example", &[]);
    check("co.example", &[]);
    check("bad.example.org", &[]);
}

#[test]
fn names_in_other_scripts_and_their_codes_are_one_name() {
    let index = index(&["bücher.example", "*.xn--e1afmkfd.xn--p1ai"]);
    assert_eq!(hits(&index, Format::EveJson, &query("xn--bcher-kva.example")).len(), 1);
    assert_eq!(hits(&index, Format::EveJson, &query("BÜCHER.example")).len(), 1);
    assert_eq!(hits(&index, Format::EveJson, &query("bu\u{308}cher.example")).len(), 1);
    assert_eq!(hits(&index, Format::EveJson, &query("почта.пример.рф")).len(), 1);
    assert_eq!(hits(&index, Format::EveJson, &query("bucher.example")).len(), 0);
}

fn web(host: &str, url: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"http","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dest_port":80,"http":{{"hostname":"{host}","url":"{url}","http_user_agent":"curl/8"}}}}"#
    )
}

#[test]
fn what_is_defanged_in_an_event_is_no_value() {
    let index = index(&["bad.example", "192.0.2.1", "http://bad.example/x"]);
    for text in ["bad[.]example", "hxxp://bad[.]example/x", "192[.]0[.]2[.]1", "bad(dot)example"] {
        assert_eq!(hits(&index, Format::EveJson, &query(text)), [""; 0], "{text}");
        let mail = format!(r#"{{"message":"do not open {text} please"}}"#);
        assert_eq!(hits(&index, Format::JsonLines, &mail), [""; 0], "{text}");
    }
}

#[test]
fn a_url_hits_itself_and_what_its_host_hits() {
    let index = index(&[
        "http://bad.example/gate.php?id=1",
        "bad.example",
        "/gate.php?id=1",
        "bad.example/gate.php?id=1",
        "https://bad.example/gate.php?id=1",
    ]);
    // The reader puts the URL together; its host is told once, where it stands.
    let mut found = hits(&index, Format::EveJson, &web("bad.example", "/gate.php?id=1"));
    found.sort();
    assert_eq!(
        found,
        [
            "1 http.url http://bad.example/gate.php?id=1",
            "2 http.hostname bad.example",
            "3 http.url /gate.php?id=1",
            "4 http.url http://bad.example/gate.php?id=1",
        ]
    );
    let of = |url: &str| asked(&index, Kind::Url, url, None, now());
    assert_eq!(of("HTTP://BAD.example:80/gate.php?id=1"), BTreeSet::from([1, 2, 4]));
    assert_eq!(of("https://bad.example/other"), BTreeSet::from([2]));
    assert_eq!(of("http://www.bad.example/gate.php?id=1"), BTreeSet::new());
    // The host of a URL stands beside the port that the URL leads to.
    let hosts = self::index(&[
        "192.0.2.1:443",
        "192.0.2.1:8080",
        "192.0.2.0/24",
        "[2001:db8::1]:80",
        "*.bad.example",
    ]);
    let of = |url: &str| asked(&hosts, Kind::Url, url, Some(9), now());
    assert_eq!(of("https://192.0.2.1/"), BTreeSet::from([1, 3]));
    assert_eq!(of("https://u:p@192.0.2.1:8080/"), BTreeSet::from([2, 3]));
    assert_eq!(of("http://[2001:db8::1]/"), BTreeSet::from([4]));
    assert_eq!(of("http://x.bad.example/"), BTreeSet::from([5]));
}

#[test]
fn hashes_names_of_files_fingerprints_and_keys() {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let index = index(&[
        sha256,
        "FAB4B30C1C4F0A9202A7B42DCF1729DC",
        "evil.exe",
        r"HKLM\Software\Evil",
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
        "who@bad.example",
    ]);
    let process = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Temp\\evil.exe","CommandLine":"x","Hashes":"MD5=fab4b30c1c4f0a9202a7b42dcf1729dc,SHA256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}"#;
    let mut found = hits(&index, Format::WindowsJson, process);
    found.sort();
    assert_eq!(
        found,
        [
            "1 Hashes E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "2 Hashes fab4b30c1c4f0a9202a7b42dcf1729dc",
            r"3 Image C:\Temp\evil.exe",
        ]
    );
    let key = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":13,"UtcTime":"2024-05-01 10:00:00.000","TargetObject":"HKLM\\SOFTWARE\\EVIL\\Name","Details":"x","Image":"C:\\x.exe"}"#;
    assert_eq!(hits(&index, Format::WindowsJson, key), [r"4 TargetObject HKLM\SOFTWARE\EVIL"]);
    let tls = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"tls","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","tls":{"sni":"x.example","ja4":"T13D1516H2_8DAAF6152771_E5627EFA2AB1"}}"#;
    assert_eq!(hits(&index, Format::EveJson, tls).len(), 1);
    let of = |kind, text| asked(&index, kind, text, None, now());
    assert_eq!(of(Kind::Email, "who@BAD.example"), BTreeSet::from([6]));
    assert_eq!(of(Kind::FileName, "EVIL.exe"), BTreeSet::new(), "names of files are as they are written");
    // The same digits are another thing as the hash of another thing.
    assert_eq!(of(Kind::Ja3, "fab4b30c1c4f0a9202a7b42dcf1729dc"), BTreeSet::new());
}

#[test]
fn a_hit_says_what_where_and_until_when() {
    let [mut entry] = <[Entry; 1]>::try_from(entries(7, "192.0.2.0/24")).unwrap();
    entry.confidence = Some(85);
    entry.until = Some(now());
    let index = Index::default().with(&[entry]);
    let record = flow(r#""src_ip":"10.0.0.1","dest_ip":"192.0.2.77","dest_port":443"#);
    let mut reader = Reader::new(Format::EveJson, Settings::default());
    let event = reader.read(record.as_bytes(), now()).unwrap().unwrap();
    let mut told = 0;
    index.look(&event, event.time.unwrap(), &mut Scratch::default(), &mut |hit| {
        told += 1;
        assert_eq!((hit.subject, hit.kind, hit.key), (7, Kind::Cidr4, "c0000200/24"));
        assert_eq!(hit.indicator().to_string(), "192.0.2.0/24");
        assert_eq!((hit.field, hit.value, hit.port), ("dest_ip", "192.0.2.77", None));
        assert_eq!(&record[hit.span.clone().unwrap()], "192.0.2.77");
        assert_eq!((hit.confidence, hit.from, hit.until), (Some(85), Timestamp::EPOCH, Some(now())));
    });
    assert_eq!(told, 1);
}

#[test]
fn what_comes_twice_in_a_field_is_told_once() {
    let index = index(&["192.0.2.1"]);
    let answers = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"dns","src_ip":"10.0.0.1","dest_ip":"192.0.2.1","dns":{"type":"answer","rrname":"a.example","grouped":{"A":["192.0.2.1","192.0.2.1","192.0.2.2"]}}}"#;
    let found = hits(&index, Format::EveJson, answers);
    assert_eq!(found, ["1 dest_ip 192.0.2.1", "1 dns.grouped.A 192.0.2.1"]);
}

#[test]
fn validity_begins_with_its_first_instant_and_ends_before_its_last() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (from, until) = (at("2024-01-01T00:00:00Z"), at("2024-02-01T00:00:00Z"));
    let [mut entry] = <[Entry; 1]>::try_from(entries(1, "192.0.2.1")).unwrap();
    (entry.from, entry.until) = (from, Some(until));
    let [mut network] = <[Entry; 1]>::try_from(entries(2, "192.0.2.0/24")).unwrap();
    network.from = until;
    let index = Index::default().with(&[entry, network]);
    let hit = |at: Timestamp| asked(&index, Kind::Ipv4, "192.0.2.1", None, at);
    assert_eq!(hit(from.plus_micros(-1)), BTreeSet::new());
    assert_eq!(hit(from), BTreeSet::from([1]));
    assert_eq!(hit(until.plus_micros(-1)), BTreeSet::from([1]));
    assert_eq!(hit(until), BTreeSet::from([2]));
    assert_eq!(hit(Timestamp::MAX), BTreeSet::from([2]));
    assert_eq!(hit(Timestamp::MIN), BTreeSet::new());
    // And so it stays in bytes.
    let merged = reopened(&index);
    assert_eq!(asked(&merged, Kind::Ipv4, "192.0.2.1", None, until.plus_micros(-1)), BTreeSet::from([1]));
    assert_eq!(asked(&merged, Kind::Ipv4, "192.0.2.1", None, until), BTreeSet::from([2]));
}

/// What an index holds as one segment, as if it had come from a file.
fn reopened(index: &Index) -> Index {
    Index::default().with_segment(Arc::new(Segment::open(index.merge()).unwrap()))
}

#[test]
fn what_is_gone_is_gone_until_it_comes_again() {
    let values = ["192.0.2.1", "192.0.2.0/24", "bad.example"];
    let delta = index(&values);
    for index in [delta.clone(), reopened(&delta)] {
        let on = |index: &Index| asked(index, Kind::Ipv4, "192.0.2.1", None, now());
        let less = index.without([1, 3]);
        assert_eq!((on(&index), on(&less)), (BTreeSet::from([1, 2]), BTreeSet::from([2])));
        assert_eq!(asked(&less, Kind::Domain, "bad.example", None, now()), BTreeSet::new());
        assert_eq!(on(&less.without([2])), BTreeSet::new());
        // The same number again, with another value: the old value is not back.
        let again = less.with(&entries(1, "192.0.2.0/25"));
        assert_eq!(on(&again), BTreeSet::from([1, 2]));
        assert_eq!(asked(&again, Kind::Ipv4, "192.0.2.200", None, now()), BTreeSet::from([2]));
        let once_more = reopened(&again);
        assert_eq!(on(&once_more), BTreeSet::from([1, 2]));
        assert_eq!((once_more.len(), once_more.gone_len()), (2, 0));
        // And gone again, from wherever it is by now.
        assert_eq!(on(&again.without([1])), BTreeSet::from([2]));
    }
    let nothing = delta.without([1, 2, 3]);
    assert!(nothing.is_empty() && reopened(&nothing).is_empty());
    assert_eq!(delta.without([]).len(), 3);
}

#[test]
fn a_value_that_is_gone_is_in_no_byte_of_what_is_left() {
    let secret = "a-name-that-was-taken-back.example";
    let index = reopened(&index(&[secret, "bad.example", "198.51.100.7"])).without([1]);
    let held = |bytes: &[u8]| {
        let key = normalise(Kind::Domain, secret).unwrap();
        bytes.windows(key.key().len()).any(|part| part == key.key().as_bytes())
    };
    assert!(!held(&index.merge()));
    assert!(held(&self::index(&[secret]).merge()));
}

#[test]
fn a_full_delta_becomes_a_layer_and_small_layers_one() {
    let name = |n: u64| normalise(Kind::Domain, &format!("n{n}.example")).unwrap();
    let entry = |n: u64| Entry {
        atom: Atom { observable: name(n), port: None },
        subject: n,
        from: Timestamp::EPOCH,
        until: None,
        confidence: Some(1),
    };
    let all = |range: std::ops::Range<u64>| range.map(entry).collect::<Vec<_>>();
    let mut index = Index::default().with(&all(0..4000));
    index = index.with(&all(4000..4100)).without([4050]);
    index = index.with(&all(4100..10_000)).with(&all(10_000..10_001)).without([4001, 9999]);
    index = index
        .with_segment(Arc::new(Segment::open(Index::default().with(&all(10_001..10_005)).merge()).unwrap()));
    index = index.with(&all(10_005..10_010));
    let gone = [4001, 4050, 9999];
    for index in [&index, &reopened(&index)] {
        for n in (0..10_010).step_by(7).chain(gone).chain([4000, 4002, 4099, 4100, 10_000, 10_001, 10_009]) {
            let mut found = Vec::new();
            index.ask(&name(n), None, now(), &mut |subject, confidence| found.push((subject, confidence)));
            let expect = if gone.contains(&n) { Vec::new() } else { vec![(n, 1)] };
            assert_eq!(found, expect, "{n}");
        }
    }
    assert_eq!(reopened(&index).len(), 10_007);
    assert_eq!(reopened(&index).delta_len(), 0);
    assert!(index.delta_len() >= 10_000 && index.len() >= 10_007, "{index:?}");
}

#[test]
fn one_more_leaves_what_there_is_alone() {
    let base = Index::default().with_segment(Arc::new(Segment::open(index(&["192.0.2.1"]).merge()).unwrap()));
    let more = base.with(&entries(2, "192.0.2.2"));
    assert_eq!((base.len(), base.delta_len(), more.len(), more.delta_len()), (1, 0, 2, 1));
    assert_eq!(asked(&base, Kind::Ipv4, "192.0.2.2", None, now()), BTreeSet::new());
    assert_eq!(asked(&more, Kind::Ipv4, "192.0.2.2", None, now()), BTreeSet::from([2]));
    assert_eq!(asked(&more, Kind::Ipv4, "192.0.2.1", None, now()), BTreeSet::from([1]));
}

#[test]
fn equal_entries_are_one_and_the_same_entries_are_the_same_bytes() {
    let list = [entries(1, "bad.example"), entries(1, "bad.example"), entries(2, "bad.example")].concat();
    let mut builder = SegmentBuilder::new();
    assert!(builder.is_empty());
    assert!(list.iter().all(|entry| builder.add(entry)));
    assert_eq!(builder.len(), 3);
    let bytes = builder.finish();
    assert_eq!(Segment::open(bytes.clone()).unwrap().len(), 2);
    let mut again = SegmentBuilder::new();
    assert!(list.iter().all(|entry| again.add(entry)));
    assert_eq!(again.finish(), bytes);
    // What no reader of values makes is not taken in.
    let odd = |kind, key: &str| Entry {
        atom: Atom { observable: Observable::from_stored(kind, key.to_owned()), port: None },
        ..list[0].clone()
    };
    let mut builder = SegmentBuilder::new();
    for entry in [odd(Kind::Domain, ""), odd(Kind::Cidr4, "nonsense"), odd(Kind::Url, &"x".repeat(5000))] {
        assert!(!builder.add(&entry), "{entry:?}");
    }
    assert!(Segment::open(builder.finish()).unwrap().is_empty());
}

/// Some of everything.
fn small() -> Vec<u8> {
    index(&[
        "192.0.2.1:443",
        "192.0.2.0/24",
        "192.0.0.0/16",
        "2001:db8::/32",
        "*.bad.example",
        "http://bad.example/x",
    ])
    .merge()
}

/// Whatever was made of the bytes: asked for everything, and merged.
fn exercise(segment: Segment) {
    let index = Index::default().with_segment(Arc::new(segment));
    for (kind, text) in [
        (Kind::Ipv4, "192.0.2.1"),
        (Kind::Ipv4, "255.255.255.255"),
        (Kind::Ipv6, "2001:db8::1"),
        (Kind::Domain, "www.bad.example"),
        (Kind::Url, "http://bad.example/x"),
        (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let _ = asked(&index, kind, text, Some(443), now());
    }
    let _ = index.merge();
    let _ = index.without([1]).with(&entries(9, "bad.example")).merge();
}

#[test]
fn any_byte_that_is_not_what_was_written_is_found() {
    let bytes = small();
    assert!(Segment::open(bytes.clone()).is_ok());
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let error = Segment::open(bytes).map(exercise).unwrap_err();
            assert!(error.to_string().contains("build it anew"), "{error}");
        }
    }
    let mut newer = bytes.clone();
    newer[6] = 2;
    assert_eq!(Segment::open(newer).map(|_| ()), Err(Damaged::Version(2)));
}

#[test]
fn bytes_that_were_cut_off_or_added_to_are_found() {
    let bytes = small();
    for end in 0..bytes.len() {
        assert!(Segment::open(bytes[..end].to_vec()).is_err(), "{end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Segment::open(longer), Err(Damaged::Length { .. })));
    assert_eq!(Segment::open(b"nothing of the kind".to_vec()).map(|_| ()), Err(Damaged::Foreign));
}

/// Length and checksum as the header has them, so that what is behind them is all there is to rely on.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    if let Some(place) = bytes.get_mut(16..24) {
        place.copy_from_slice(&length);
    }
    let sum = XxHash3_64::oneshot(bytes.get(16..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = bytes.get_mut(8..16) {
        place.copy_from_slice(&sum);
    }
    bytes
}

#[test]
fn bytes_that_somebody_made_up_are_refused_or_answer_something() {
    let bytes = small();
    assert!(Segment::open(signed(bytes.clone())).is_ok());
    for at in 16..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            if let Ok(segment) = Segment::open(signed(bytes)) {
                exercise(segment);
            }
        }
    }
    // Counts of which the sum is too large for any machine, one at a time.
    for field in 0..8 {
        let mut bytes = bytes.clone();
        bytes[24 + 8 * field..32 + 8 * field].copy_from_slice(&u64::MAX.to_le_bytes());
        if let Ok(segment) = Segment::open(signed(bytes)) {
            exercise(segment);
        }
    }
}

/// Values that have something to do with each other.
fn value() -> impl Strategy<Value = (Kind, String)> {
    prop_oneof![
        (0u8..4, 0u8..4).prop_map(|(a, b)| (Kind::Ipv4, format!("192.0.{a}.{b}"))),
        (0u8..4, 16u8..=32).prop_map(|(a, length)| (Kind::Ipv4, format!("192.0.{a}.0/{length}"))),
        (0u16..3, 0u16..3).prop_map(|(a, b)| (Kind::Ipv6, format!("2001:db8:{a:x}::{b:x}"))),
        (0u16..3, 30u8..=128).prop_map(|(a, length)| (Kind::Ipv6, format!("2001:db8:{a:x}::/{length}"))),
        "(a\\.|b\\.){0,3}bad\\.example".prop_map(|name| (Kind::Domain, name)),
        "(a\\.|b\\.){0,2}bad\\.example".prop_map(|name| (Kind::DomainSuffix, name)),
        "https?://(a\\.bad\\.example|192\\.0\\.1\\.1|\\[2001:db8::1\\])(:80|:8080)?/[ab]?"
            .prop_map(|url| (Kind::Url, url)),
        "[ab]{32}".prop_map(|hash| (Kind::Md5, hash)),
        "[abc]{1,2}".prop_map(|name| (Kind::Mutex, name)),
    ]
}

fn port() -> impl Strategy<Value = Option<u16>> {
    proptest::option::of(prop_oneof![Just(0u16), Just(80), Just(443), Just(8080)])
}

fn entry() -> impl Strategy<Value = Entry> {
    let window = (0i64..6, proptest::option::of(0i64..6));
    (value(), port(), 0u64..8, window).prop_map(|((kind, text), port, subject, (from, until))| Entry {
        atom: Atom { observable: normalise(kind, &text).unwrap(), port },
        subject,
        from: Timestamp::from_micros(from),
        until: until.map(Timestamp::from_micros),
        confidence: None,
    })
}

/// What becomes of an index.
#[derive(Debug, Clone)]
enum Step {
    Come(Vec<Entry>),
    Go(Vec<u64>),
}

/// The rules as they are written down, one entry after the other.
fn naive(list: &[Entry], observable: &Observable, port: Option<u16>, at: Timestamp) -> BTreeSet<u64> {
    let covers = |entry: &Entry, own: &Observable, port: Option<u16>| {
        let Atom { observable, port: wanted } = &entry.atom;
        (observable == own || own.covering().contains(observable))
            && (wanted.is_none() || *wanted == port)
            && entry.from <= at
            && entry.until.is_none_or(|until| at < until)
    };
    let implied = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        let own = authority.rsplit(']').next()?.rsplit_once(':').and_then(|(_, digits)| digits.parse().ok());
        own.or(if scheme == "https" { Some(443) } else { Some(80) })
    };
    let host = (observable.kind() == Kind::Url).then(|| observable.host()).flatten();
    let hit = |entry: &&Entry| {
        covers(entry, observable, port)
            || host.as_ref().is_some_and(|host| covers(entry, host, implied(observable.key())))
    };
    list.iter().filter(hit).map(|entry| entry.subject).collect()
}

proptest! {
    /// However the entries came, and whatever was taken away on the way, the answers are those of a list.
    #[test]
    fn an_index_answers_as_a_list_would(
        steps in proptest::collection::vec(
            prop_oneof![
                4 => proptest::collection::vec(entry(), 1..8).prop_map(Step::Come),
                1 => proptest::collection::vec(0u64..8, 0..3).prop_map(Step::Go),
            ],
            1..8,
        ),
        merges in proptest::collection::vec(any::<bool>(), 8),
        asks in proptest::collection::vec((value(), port(), 0i64..7), 1..24),
    ) {
        let (mut index, mut list) = (Index::default(), Vec::new());
        for (step, merge) in steps.iter().zip(merges) {
            match step {
                Step::Come(entries) => {
                    list.extend(entries.iter().cloned());
                    index = if merge {
                        let segment = Segment::open(Index::default().with(entries).merge()).unwrap();
                        index.with_segment(Arc::new(segment))
                    } else {
                        index.with(entries)
                    };
                }
                Step::Go(subjects) => {
                    list.retain(|entry| !subjects.contains(&entry.subject));
                    index = index.without(subjects.iter().copied());
                    if merge {
                        index = reopened(&index);
                    }
                }
            }
        }
        let merged = reopened(&index);
        for ((kind, text), port, at) in asks {
            let at = Timestamp::from_micros(at);
            let expect = naive(&list, &normalise(kind, &text).unwrap(), port, at);
            prop_assert_eq!(asked(&index, kind, &text, port, at), expect.clone(), "{} {} {:?}", kind, text, port);
            prop_assert_eq!(asked(&merged, kind, &text, port, at), expect, "merged: {} {} {:?}", kind, text, port);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_no_segment_and_no_harm(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        head in any::<bool>(),
    ) {
        let bytes = if head { signed([b"swatom\x01\0".as_slice(), &bytes].concat()) } else { bytes };
        if let Ok(segment) = Segment::open(bytes) {
            exercise(segment);
        }
    }
}

/// Each 40th value of the public lists.
fn public() -> Vec<Atom> {
    let mut atoms = Vec::new();
    for path in testkit::corpus("data/indicators", "txt") {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        for term in lines.filter(|line| !line.is_empty()).step_by(40).filter_map(read) {
            if let Ok(Watched::Atoms(found)) = watched(&pattern(&term)) {
                atoms.extend(found);
            }
        }
    }
    atoms.sort();
    atoms.dedup();
    atoms
}

#[test]
fn every_public_value_is_found_by_its_own_spelling_and_by_nothing_else() {
    let atoms = public();
    if atoms.is_empty() {
        return;
    }
    let entry = |(subject, atom): (usize, &Atom)| Entry {
        atom: atom.clone(),
        subject: subject as u64,
        from: Timestamp::EPOCH,
        until: None,
        confidence: None,
    };
    let index = reopened(&Index::default().with(&atoms.iter().enumerate().map(entry).collect::<Vec<_>>()));
    println!("{index:?}");
    assert!(index.len() == atoms.len() && index.len() > 10_000, "{index:?}");
    for (subject, atom) in atoms.iter().enumerate().step_by(3) {
        let mut found = Vec::new();
        index.ask(&atom.observable, atom.port, now(), &mut |subject, _| found.push(subject));
        assert!(found.contains(&(subject as u64)), "{atom:?}");
        // Whatever else is hit covers it: a network, a suffix, its host, or the same with another port or none.
        for other in found {
            let other = &atoms[usize::try_from(other).unwrap()].observable;
            let covers = |own: &Observable| own == other || own.covering().contains(other);
            assert!(
                covers(&atom.observable) || atom.observable.host().as_ref().is_some_and(covers),
                "{atom:?} hit {other}"
            );
        }
    }
}
