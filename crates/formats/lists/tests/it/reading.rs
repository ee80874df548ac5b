//! What each line of a list becomes.

use expect_test::{Expect, expect};
use observable::Qualifier;
use proptest::prelude::*;
use shieldwall_lists::{MAX_LINE, Parsed, Reader, Reason, looks_like_list};

fn read_in_pieces(text: &[u8], size: usize) -> Vec<Parsed> {
    let mut out = Vec::new();
    let mut reader = Reader::new();
    for piece in text.chunks(size.max(1)) {
        reader.push(piece, &mut |parsed| out.push(parsed));
    }
    reader.finish(&mut |parsed| out.push(parsed));
    out
}

fn show(parsed: &[Parsed]) -> String {
    let mut out = String::new();
    for item in parsed {
        match item {
            Parsed::Value(entry) => {
                out += &format!("{} {} {}", entry.line, entry.term.observable.kind(), entry.term.observable);
                match entry.term.qualifier {
                    Qualifier::None => {}
                    Qualifier::Port(port) => out += &format!(" port {port}"),
                    Qualifier::AnyScheme => out += " any scheme",
                }
                if let Some(comment) = &entry.comment {
                    out += &format!(" // {comment}");
                }
                for url in entry.references.iter().flat_map(|urls| urls.iter()) {
                    out += &format!(" <{url}>");
                }
                for label in &entry.labels {
                    out += &format!(" #{label}");
                }
                if let Some(confidence) = entry.confidence {
                    out += &format!(" {confidence}%");
                }
                if let Some(seen) = entry.first_seen {
                    out += &format!(" since {seen}");
                }
            }
            Parsed::Refused(refused) => {
                let reason = match refused.reason {
                    Reason::TooLong => "too long",
                    Reason::NotUtf8 => "not UTF-8",
                    Reason::Pattern => "pattern",
                    Reason::Unrecognised => "unrecognised",
                    Reason::NoValue => "no value",
                };
                let text: String = refused.text.chars().take(40).collect();
                out += &format!("{} REFUSED {reason}: {text:?}", refused.line);
            }
        }
        out.push('\n');
    }
    out
}

/// The list reads as expected, however it is cut into pieces.
fn check(text: &str, expect: Expect) {
    let whole = read_in_pieces(text.as_bytes(), usize::MAX);
    for size in [1, 2, 7] {
        assert_eq!(read_in_pieces(text.as_bytes(), size), whole, "in pieces of {size}");
    }
    expect.assert_eq(&show(&whole));
}

#[test]
fn mixed_values_and_comments() {
    check(
        "\u{feff}# a feed\r\n\n192.0.2.1\r\n192.0.2.1:8080 # scanner\nhxxps://bad[.]example/a#b\n   \n\
         Bad.Example ; note\nbad.example/x // path\n\"quoted.example\",\n2001:db8::/32\n.co.at.tc\n/gate.php?a=#b\n\
         1.10.16.0/20 ; SBL256894\nlast.example",
        expect![[r#"
            3 ipv4 192.0.2.1
            4 ipv4 192.0.2.1 port 8080 // scanner
            5 url https://bad.example/a#b
            7 domain bad.example // note
            8 url http://bad.example/x any scheme // path
            9 domain quoted.example
            10 cidr6 2001:db8::/32
            11 domain-suffix *.co.at.tc
            12 http-target /gate.php?a=#b
            13 cidr4 1.10.16.0/20 // SBL256894
            14 domain last.example
        "#]],
    );
}

#[test]
fn references_head_a_block() {
    check(
        "# Copyright (c) somebody, see https://license.example/\n\n# Reference: https://a.example/report\n\
         # Reference: https://b.example/report\none.example\ntwo.example\n# Reference: https://c.example/\nthree.example\n\nfour.example\n",
        expect![[r#"
            5 domain one.example <https://a.example/report> <https://b.example/report>
            6 domain two.example <https://a.example/report> <https://b.example/report>
            8 domain three.example <https://c.example/>
            10 domain four.example
        "#]],
    );
}

#[test]
fn hosts_files() {
    check(
        "127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n0.0.0.0 bad.example www.bad.example # ads\n\
         127.0.0.1\tother.example\n0.0.0.0 nonsense!\n||rule.example^\n198.51.100.7 2026-01-01\n",
        expect![[r#"
            4 domain bad.example // ads
            4 domain www.bad.example // ads
            5 domain other.example
            6 REFUSED unrecognised: "nonsense!"
            7 domain rule.example
            8 ipv4 198.51.100.7 // 2026-01-01
        "#]],
    );
}

#[test]
fn tables() {
    check(
        "type,value,description,tags,first_seen,confidence\n\
         ip,192.0.2.1,\"a, b\",\"c2;rat\",2026-01-31 12:00:00,high\n\
         domain,bad.example,,,2026-01-31,300\n\
         mutex,Global\\x,\"two\nlines \"\"quoted\"\"\",,not a date,50\n\
         ip,,nothing,,,\n\
         ip,999.1.1.1,,,,\n",
        expect![[r#"
            2 ipv4 192.0.2.1 // a, b #c2 #rat 85% since 2026-01-31T12:00:00.000Z
            3 domain bad.example since 2026-01-31T00:00:00.000Z
            4 mutex Global\x // two
            lines "quoted" 50%
            6 REFUSED no value: "ip,,nothing,,,"
            7 REFUSED unrecognised: "999.1.1.1"
        "#]],
    );
    check(
        "# \"first_seen_utc\",\"dst_ip\",\"dst_port\",\"last_online\",\"malware\"\n\"2021-01-17 07:30:05\",\"192.0.2.7\",\"443\",\"2023-02-15\",\"Emotet\"\n",
        expect![[r#"
            2 ipv4 192.0.2.7 port 443 // Emotet since 2021-01-17T07:30:05.000Z
        "#]],
    );
    check(
        "domain\nbad.example\n",
        expect![[r#"
        2 domain bad.example
    "#]],
    );
    check(
        "md5;sha256\nd41d8cd98f00b204e9800998ecf8427e;e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
        expect![[r#"
            2 md5 d41d8cd98f00b204e9800998ecf8427e
            2 sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        "#]],
    );
    // Without a header, the first column counts.
    check(
        "192.0.2.1,malware,2026\nbad.example;x\n",
        expect![[r#"
        1 ipv4 192.0.2.1 // malware,2026
        2 domain bad.example // x
    "#]],
    );
    // A quote that is never closed ends in a refusal, not in silence.
    check(
        "domain,note\nbad.example,\"open\nmore\n",
        expect![[r#"
        2 domain bad.example // open
        more
    "#]],
    );
}

#[test]
fn what_is_refused_says_why() {
    check(
        "free\n^[a-z]{2}\\.top$\n1.2.3.4:508:508\n<script>alert(1)</script>\nbyethost[0-9]+\\.com\n",
        expect![[r#"
            1 REFUSED unrecognised: "free"
            2 REFUSED pattern: "^[a-z]{2}\\.top$"
            3 REFUSED unrecognised: "1.2.3.4:508:508"
            4 REFUSED pattern: "<script>alert(1)</script>"
            5 REFUSED pattern: "byethost[0-9]+\\.com"
        "#]],
    );
}

#[test]
fn long_and_broken_lines_are_refused_in_bounded_memory() {
    let mut text = b"one.example\n".to_vec();
    text.extend(std::iter::repeat_n(b'a', 3 * MAX_LINE));
    text.extend(b"\nbad\xff.example\ntwo.example");
    for size in [1000, 70_000, usize::MAX] {
        expect![[r#"
            1 domain one.example
            2 REFUSED too long: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            3 REFUSED not UTF-8: "bad�.example"
            4 domain two.example
        "#]]
        .assert_eq(&show(&read_in_pieces(&text, size)));
    }
    let mut open = b"domain,note\nbad.example,\"".to_vec();
    open.extend(b"x\n".repeat(MAX_LINE));
    let parsed = read_in_pieces(&open, 4096);
    assert!(matches!(parsed.first(), Some(Parsed::Refused(refused)) if refused.reason == Reason::TooLong));
}

#[test]
fn what_looks_like_a_list() {
    for (text, expect) in [
        ("192.0.2.1\nbad.example\n", true),
        ("# only comments so far\n", true),
        ("ip,port\n192.0.2.1,80\n", true),
        ("0.0.0.0 bad.example\n", true),
        ("[2001:db8::1]:53\n", true),
        ("bad.example", true),
        ("", false),
        ("{\"type\":\"bundle\"}", false),
        ("[1,2,3]", false),
        ("<html></html>", false),
        ("#!/bin/sh\necho hello\n", false),
        ("Dear colleague,\nplease find attached the report.\n", false),
        ("bad.example\0\0\0", false),
    ] {
        assert_eq!(looks_like_list(text.as_bytes()), expect, "{text:?}");
    }
    assert!(!looks_like_list(b"\x7fELF\xff\xfe"));
    assert!(looks_like_list(&"bücher.example\n".repeat(3).as_bytes()[..17]), "a character cut in half");
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_lost(text in "([ -~é#\"]{0,30}\n){0,6}", size in 1usize..40) {
        let whole = read_in_pieces(text.as_bytes(), usize::MAX);
        prop_assert_eq!(&read_in_pieces(text.as_bytes(), size), &whole);
    }
}
