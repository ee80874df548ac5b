//! What values normalise to, what bare text is taken for, and which STIX properties name an observable.

use proptest::prelude::*;
use shieldwall_observable::{
    KeyBuf, Kind, Observable, Qualifier, classify, defang, from_like_term, from_pattern_term, host_key_into,
    key_into, kind_of, normalise, pattern, read, refang,
};

/// `kind text` normalises to `kind key`, and the displayed form normalises to the same observable again.
fn check_key(kind: Kind, text: &str, expect: Option<(Kind, &str)>) {
    let got = normalise(kind, text);
    assert_eq!(got.as_ref().map(|o| (o.kind(), o.key())), expect, "{kind} {text:?}");
    if let Some(observable) = got {
        assert_eq!(
            normalise(observable.kind(), &observable.to_string()),
            Some(observable),
            "{kind} {text:?}"
        );
    }
}

#[test]
fn addresses_and_networks() {
    check_key(Kind::Ipv4, "192.0.2.1", Some((Kind::Ipv4, "c0000201")));
    check_key(Kind::Ipv4, " 192.0.2.1\n", Some((Kind::Ipv4, "c0000201")));
    check_key(Kind::Ipv4, "192.0.2.1/32", Some((Kind::Ipv4, "c0000201")));
    check_key(Kind::Ipv4, "192.0.2.77/24", Some((Kind::Cidr4, "c0000200/24")));
    check_key(Kind::Ipv4, "10.0.0.0/8", Some((Kind::Cidr4, "0a000000/08")));
    check_key(Kind::Ipv4, "0.0.0.0/0", Some((Kind::Cidr4, "00000000/00")));
    check_key(Kind::Ipv6, "2001:DB8::1", Some((Kind::Ipv6, "20010db8000000000000000000000001")));
    check_key(Kind::Ipv6, "2001:db8::/32", Some((Kind::Cidr6, "20010db8000000000000000000000000/032")));
    check_key(Kind::Ipv6, "::/0", Some((Kind::Cidr6, "00000000000000000000000000000000/000")));
    // One host, one key, however it is dressed.
    check_key(Kind::Ipv6, "::ffff:8.8.8.8", Some((Kind::Ipv4, "08080808")));
    check_key(Kind::Ipv6, "::ffff:8.8.8.0/120", Some((Kind::Cidr4, "08080800/24")));
    for bad in [
        "010.0.0.1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.4/33",
        "1.2.3.4/",
        "1.2.3.4/-1",
        "1.2.3.4/+8",
        "::1/129",
        "0x7f.1",
        "",
    ] {
        check_key(Kind::Ipv4, bad, None);
    }
}

#[test]
fn domains() {
    check_key(Kind::Domain, "WWW.Example.COM.", Some((Kind::Domain, "com.example.www")));
    check_key(Kind::Domain, "localhost", Some((Kind::Domain, "localhost")));
    check_key(Kind::Domain, "_dmarc.a_b.example.com", Some((Kind::Domain, "com.example.a_b._dmarc")));
    check_key(Kind::Domain, "Bücher.example", Some((Kind::Domain, "example.xn--bcher-kva")));
    check_key(Kind::Domain, "bu\u{308}cher.example", Some((Kind::Domain, "example.xn--bcher-kva")));
    check_key(Kind::Domain, "例え。テスト", Some((Kind::Domain, "xn--zckzah.xn--r8jz45g")));
    check_key(Kind::Domain, "почта.рф", Some((Kind::Domain, "xn--p1ai.xn--80a1acny")));
    check_key(Kind::Domain, "пример.испытание", Some((Kind::Domain, "xn--80akhbyknj4f.xn--e1afmkfd")));
    check_key(Kind::DomainSuffix, "*.Example.com", Some((Kind::DomainSuffix, "com.example")));
    check_key(Kind::DomainSuffix, ".tk", Some((Kind::DomainSuffix, "tk")));
    let long = format!("{}.example", "a".repeat(64));
    let huge = format!("{}.example", "ü".repeat(5000));
    for bad in [
        "",
        ".",
        "a..b",
        "1.2.3.4",
        "exa mple.com",
        "a/b.com",
        "<script>.com",
        "a\u{0}.com",
        "💣.ru\u{202e}",
        &long,
        &huge,
    ] {
        check_key(Kind::Domain, bad, None);
    }
}

#[test]
fn urls() {
    let check = |text, expect: Option<&str>| check_key(Kind::Url, text, expect.map(|key| (Kind::Url, key)));
    check("HTTP://Example.COM:80", Some("http://example.com/"));
    check("https://example.com:443/A?b#C", Some("https://example.com/A?b#C"));
    check("https://example.com:8443/", Some("https://example.com:8443/"));
    check("http://example.com?x=1", Some("http://example.com/?x=1"));
    check("http://user:Pw@Example.com/", Some("http://user:Pw@example.com/"));
    check("http://example.com/%7euser/%2fa%zz%", Some("http://example.com/~user/%2Fa%25zz%25"));
    check("http://[2001:DB8::1]:8080/x", Some("http://[2001:db8::1]:8080/x"));
    check("http://bücher.example/ü", Some("http://xn--bcher-kva.example/ü"));
    check("http://192.0.2.1/../a", Some("http://192.0.2.1/../a"));
    check("http:\u{2f}\u{2f}example.com\\evil", Some("http://example.com/evil"));
    for bad in [
        "example.com",
        "http://",
        "http:///x",
        "http://exa mple/",
        "http://a/b c",
        "1http://a.b/",
        "http://a:99999/",
        "http://a:b/",
    ] {
        check(bad, None);
    }
}

#[test]
fn other_kinds() {
    let md5 = "D41D8CD98F00B204E9800998ECF8427E";
    check_key(Kind::Md5, md5, Some((Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e")));
    check_key(Kind::Sha1, md5, None);
    check_key(Kind::Md5, "g41d8cd98f00b204e9800998ecf8427e", None);
    check_key(Kind::Email, "John.Doe@Example.COM", Some((Kind::Email, "John.Doe@example.com")));
    check_key(Kind::Email, "@example.com", None);
    check_key(Kind::Email, "a b@example.com", None);
    let run = r"hkey_local_machine\software\microsoft\run";
    check_key(Kind::RegistryKey, r"HKLM\Software\Microsoft\Run\", Some((Kind::RegistryKey, run)));
    check_key(Kind::RegistryKey, r"HKLM:\Software\Microsoft\Run", Some((Kind::RegistryKey, run)));
    check_key(
        Kind::RegistryKey,
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\RUN",
        Some((Kind::RegistryKey, run)),
    );
    check_key(Kind::Asn, "AS64500", Some((Kind::Asn, "64500")));
    check_key(Kind::Asn, "0064500", Some((Kind::Asn, "64500")));
    check_key(Kind::Asn, "4294967296", None);
    check_key(Kind::Asn, "as+5", None);
    check_key(Kind::Mac, "00-1B-44-11-3A-B7", Some((Kind::Mac, "00:1b:44:11:3a:b7")));
    check_key(Kind::FileName, r"C:\Temp\Évil.exe", Some((Kind::FileName, "Évil.exe")));
    check_key(Kind::CertSerial, "00:AB:CD:01", Some((Kind::CertSerial, "abcd01")));
    check_key(
        Kind::Ja4,
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
        Some((Kind::Ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1")),
    );
    check_key(Kind::Mutex, &"m".repeat(2049), None);
}

/// A bare text is taken for `kind value`, with a qualifier where it says more.
fn check_read(text: &str, expect: Option<(Kind, &str, Qualifier)>) {
    let got = read(text);
    let got = got.as_ref().map(|term| (term.observable.kind(), term.observable.to_string(), term.qualifier));
    assert_eq!(got, expect.map(|(kind, value, qualifier)| (kind, value.to_owned(), qualifier)), "{text:?}");
}

#[test]
fn bare_values() {
    use Qualifier::{AnyScheme, Port};
    let none = Qualifier::None;
    for (text, kind, value, qualifier) in [
        ("192.0.2.1", Kind::Ipv4, "192.0.2.1", none),
        ("192[.]0[.]2[.]1", Kind::Ipv4, "192.0.2.1", none),
        ("192.0.2.1:8080", Kind::Ipv4, "192.0.2.1", Port(8080)),
        ("192.0.2.0/24", Kind::Cidr4, "192.0.2.0/24", none),
        ("192.0.2.1/dlls/", Kind::Url, "http://192.0.2.1/dlls/", AnyScheme),
        ("[2001:db8::1]:135", Kind::Ipv6, "2001:db8::1", Port(135)),
        ("2001:db8::1", Kind::Ipv6, "2001:db8::1", none),
        ("[0:0:0:0:0:ffff:2d3e:c649]:53", Kind::Ipv4, "45.62.198.73", Port(53)),
        ("Bad.Example", Kind::Domain, "bad.example", none),
        ("bad[.]example", Kind::Domain, "bad.example", none),
        ("bad(dot)example", Kind::Domain, "bad.example", none),
        ("bad.example[:]8080", Kind::Domain, "bad.example", Port(8080)),
        ("*.bad.example", Kind::DomainSuffix, "*.bad.example", none),
        (".co.at.tc", Kind::DomainSuffix, "*.co.at.tc", none),
        ("bad.example/path", Kind::Url, "http://bad.example/path", AnyScheme),
        ("bad.example:8080/path", Kind::Url, "http://bad.example:8080/path", AnyScheme),
        ("hxxps[://]bad[.]example/x", Kind::Url, "https://bad.example/x", none),
        ("hXXp://bad[.]example", Kind::Url, "http://bad.example/", none),
        ("ftp://ftp.bad.example", Kind::Url, "ftp://ftp.bad.example/", none),
        ("/gate.php?id=1", Kind::HttpTarget, "/gate.php?id=1", none),
        ("who[@]bad[.]example", Kind::Email, "who@bad.example", none),
        ("who[at]bad[dot]example", Kind::Email, "who@bad.example", none),
        (
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            Kind::Sha1,
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            none,
        ),
        (r"HKLM\Software\x", Kind::RegistryKey, r"hkey_local_machine\software\x", none),
        ("AS64500", Kind::Asn, "AS64500", none),
        ("setup.exe", Kind::FileName, "setup.exe", none),
        ("t13d1516h2_8daaf6152771_e5627efa2ab1", Kind::Ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1", none),
    ] {
        check_read(text, Some((kind, value, qualifier)));
        assert_eq!(classify(text), read(text).map(|term| term.observable));
    }
}

#[test]
fn what_could_be_anything_is_nothing() {
    for text in [
        "",
        "   ",
        "free",
        "orted",
        "tk",
        "/",
        "192.0.2.0/99",
        "1.2.3.4:508:508",
        "1.2.3.4:99999",
        "10.0.0",
        "1,5",
        r"www\.[a-z]{1}\-[a-z]{1,3}\.top$",
        r"vh[0-9]{6}\.eurodir\.ru",
        r"q(l|r)[0-9]{5,6}\.pw",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "bad example.com",
        "a@b@",
        "..",
        "*.*",
        "http://",
        "word/other",
        r"C:\Windows\system32\cmd.exe",
        "\u{202e}moc.live\u{2066}",
    ] {
        check_read(text, None);
    }
    check_read(&"a.".repeat(1_000_000), None);
    check_read(&r"\.".repeat(1_000_000), None);
    assert_eq!(refang(&r"\.".repeat(1_000_000)).len(), 1_000_000);
    check_read(&format!("http://bad.example/{}", "a".repeat(1_000_000)), None);
}

#[test]
fn refanging_and_defanging() {
    for (defanged, plain) in [
        ("hxxp://a[.]b", "http://a.b"),
        ("hxxp[:]//a.b", "http://a.b"),
        ("a[.b[.c", "a.b.c"),
        ("a{.}b", "a.b"),
        (r"bad\.example", "bad.example"),
        ("hxxp.example.com", "hxxp.example.com"),
        (r"\\server\share.d\x", r"\\server\share.d\x"),
        (r"^[a-z]\.top$", r"^[a-z]\.top$"),
        ("plain text", "plain text"),
    ] {
        assert_eq!(refang(defanged), plain);
    }
    assert_eq!(defang("https://bad.example/a.b"), "hxxps://bad[.]example/a.b");
    assert_eq!(defang("who@bad.example"), "who[@]bad[.]example");
    assert_eq!(defang("192.0.2.1"), "192[.]0[.]2[.]1");
}

#[test]
fn pattern_terms() {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (object_type, path, value, kind) in [
        ("ipv4-addr", "value", "192.0.2.1", Some(Kind::Ipv4)),
        ("ipv4-addr", "value", "192.0.2.0/24", Some(Kind::Cidr4)),
        ("domain-name", "value", "bad.example", Some(Kind::Domain)),
        ("url", "value", "http://bad.example/", Some(Kind::Url)),
        ("email-addr", "value", "a@bad.example", Some(Kind::Email)),
        ("file", "hashes.'SHA-256'", sha256, Some(Kind::Sha256)),
        ("file", "hashes.SHA256", sha256, Some(Kind::Sha256)),
        ("file", "hashes.'SHA3-256'", sha256, Some(Kind::Sha3V256)),
        ("artifact", "hashes.'SHA-256'", sha256, Some(Kind::Sha256)),
        ("x509-certificate", "hashes.'SHA-256'", sha256, Some(Kind::CertSha256)),
        ("process", "image_ref.hashes.'SHA-256'", sha256, Some(Kind::Sha256)),
        ("email-message", "body_multipart[*].body_raw_ref.hashes.'SHA-256'", sha256, Some(Kind::Sha256)),
        ("file", "extensions.'windows-pebinary-ext'.sections[*].hashes.'SHA-256'", sha256, None),
        ("file", "hashes.'SHA-256'", "nonsense", None),
        ("file", "name", "a.exe", Some(Kind::FileName)),
        ("windows-registry-key", "key", r"HKEY_USERS\x", Some(Kind::RegistryKey)),
        ("mutex", "name", "m", Some(Kind::Mutex)),
        (
            "network-traffic",
            "extensions.'http-request-ext'.request_header.'User-Agent'",
            "curl",
            Some(Kind::UserAgent),
        ),
        ("network-traffic", "extensions.'http-request-ext'.request_value", "/x", Some(Kind::HttpTarget)),
        ("network-traffic", "x_ja3", "d41d8cd98f00b204e9800998ecf8427e", Some(Kind::Ja3)),
        ("network-traffic", "dst_ref.value", "192.0.2.1", Some(Kind::Ipv4)),
        ("network-traffic", "src_ref.value", "bad.example", Some(Kind::Domain)),
        ("email-message", "from_ref.value", "a@bad.example", Some(Kind::Email)),
        ("domain-name", "resolves_to_refs[*].value", "2001:db8::1", Some(Kind::Ipv6)),
        ("network-traffic", "dst_port", "443", None),
        ("autonomous-system", "number", "64500", Some(Kind::Asn)),
        ("file", "x_ja3", "d41d8cd98f00b204e9800998ecf8427e", None),
        ("", "", "", None),
    ] {
        let got = from_pattern_term(object_type, path, value).map(|o| o.kind());
        assert_eq!(got, kind, "{object_type}:{path} = {value}");
    }
    assert_eq!(kind_of("ipv6-addr", "value"), Some(Kind::Ipv6));
    let like = |value| from_like_term("domain-name", "value", value).map(|o| o.to_string());
    assert_eq!(like("%.bad.example").as_deref(), Some("*.bad.example"));
    assert_eq!(like("bad.example").as_deref(), Some("bad.example"));
    assert_eq!(like("%bad%"), None);
    assert_eq!(from_like_term("url", "value", "%.bad.example"), None);
}

#[test]
fn patterns_of_terms() {
    for (text, expect) in [
        ("192.0.2.1", "[ipv4-addr:value = '192.0.2.1']"),
        ("2001:db8::/32", "[ipv6-addr:value ISSUBSET '2001:db8::/32']"),
        (
            "192.0.2.1:443",
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' \
             AND network-traffic:dst_port = 443]",
        ),
        ("*.bad.example", "[domain-name:value LIKE '%.bad.example']"),
        ("bad.example/x", "[url:value = 'http://bad.example/x' OR url:value = 'https://bad.example/x']"),
        ("http://bad.example/'\\x", r"[url:value = 'http://bad.example/\'\\x']"),
        ("/gate.php", "[network-traffic:extensions.'http-request-ext'.request_value = '/gate.php']"),
        ("AS64500", "[autonomous-system:number = 64500]"),
        ("d41d8cd98f00b204e9800998ecf8427e", "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']"),
    ] {
        assert_eq!(pattern(&read(text).unwrap()), expect);
    }
}

#[test]
fn the_pattern_of_every_kind_names_the_same_observable() {
    for kind in Kind::ALL.iter().copied() {
        let samples = [
            "192.0.2.1",
            "2001:db8::1",
            "192.0.2.0/24",
            "2001:db8::/32",
            "bad.example",
            "http://bad.example/",
            "/x",
            "a@bad.example",
            r"HKLM\x",
            "t13d1516h2_8daaf6152771_e5627efa2ab1",
            "64500",
            "00:1b:44:11:3a:b7",
        ];
        let hex = |digits: usize| "a".repeat(digits);
        let observable = samples
            .iter()
            .map(|sample| (*sample).to_owned())
            .chain([32, 40, 56, 62, 64, 70, 96, 128].map(hex))
            .filter_map(|sample| normalise(kind, &sample))
            .find(|observable| observable.kind() == kind)
            .unwrap_or_else(|| panic!("no sample of {kind}"));
        let text = pattern(&shieldwall_observable::Term {
            observable: observable.clone(),
            qualifier: Qualifier::None,
        });
        let inner = text.trim_start_matches('[').trim_end_matches(']');
        let (left, right) =
            [" = ", " LIKE ", " ISSUBSET "].iter().find_map(|op| inner.split_once(op)).unwrap();
        let (object_type, path) = left.split_once(':').unwrap();
        let value = right.trim_matches('\'').replace(r"\\", r"\");
        let back = from_like_term(object_type, path, &value)
            .or_else(|| from_pattern_term(object_type, path, &value));
        assert_eq!(back, Some(observable), "{text}");
    }
}

#[test]
fn hosts_inside_values() {
    for (text, host) in [
        ("http://user@Bad.example:8080/x@y", Some("bad.example")),
        ("http://192.0.2.1/", Some("192.0.2.1")),
        ("http://[2001:db8::1]:80/", Some("2001:db8::1")),
        ("a@bad.example", Some("bad.example")),
        ("bad.example", None),
    ] {
        let got = classify(text).unwrap().host().map(|host| host.to_string());
        assert_eq!(got.as_deref(), host, "{text}");
    }
}

#[test]
fn what_covers_a_value() {
    let names =
        |text: &str| classify(text).unwrap().covering().iter().map(Observable::to_string).collect::<Vec<_>>();
    assert_eq!(names("a.b.example"), ["*.b.example", "*.example"]);
    let networks = names("192.0.2.1");
    assert_eq!(
        (networks.len(), networks[0].as_str(), networks[31].as_str()),
        (32, "192.0.2.0/31", "0.0.0.0/0")
    );
    assert_eq!(names("192.0.2.0/24").first().map(String::as_str), Some("192.0.2.0/23"));
    assert!(names("/path").is_empty());
}

#[test]
fn what_names_so_much_that_it_indicates_nothing() {
    for (text, wide) in [
        ("0.0.0.0/0", true),
        ("10.0.0.0/7", true),
        ("10.0.0.0/8", false),
        ("192.0.2.1", false),
        ("::/0", true),
        ("2001::/18", true),
        ("2001::/19", false),
        ("*.com", true),
        ("*.bad.example", false),
        ("bad.example", false),
    ] {
        let observable = normalise(Kind::Ipv4, text)
            .or_else(|| normalise(Kind::DomainSuffix, text).filter(|_| text.starts_with('*')))
            .or_else(|| normalise(Kind::Domain, text))
            .unwrap();
        assert_eq!(observable.is_too_wide(), wide, "{text}");
    }
}

#[test]
fn the_host_of_a_url_and_the_port_it_leads_to() {
    let mut room = KeyBuf::new();
    for (text, kind, key, port) in [
        ("http://Bad.Example/x", Kind::Domain, "example.bad", Some(80)),
        ("https://u:p@bad.example:8443/", Kind::Domain, "example.bad", Some(8443)),
        ("https://192.0.2.1/", Kind::Ipv4, "c0000201", Some(443)),
        ("gopher://192.0.2.1/", Kind::Ipv4, "c0000201", None),
        ("http://[2001:db8::1]:81/", Kind::Ipv6, "20010db8000000000000000000000001", Some(81)),
    ] {
        let url = normalise(Kind::Url, text).unwrap();
        assert_eq!(host_key_into(url.key(), &mut room), Some((kind, port)), "{text}");
        assert_eq!(room.key(), key, "{text}");
    }
    assert_eq!(host_key_into("no url", &mut room), None);
}

#[test]
fn keys_of_a_network_are_one_range() {
    let key = |text: &str| classify(text).unwrap().key().to_owned();
    assert!(key("192.0.1.255") < key("192.0.2.0") && key("192.0.2.0") < key("192.0.2.255"));
    assert!(key("192.0.2.255") < key("192.0.3.0") && key("9.9.9.9") < key("10.0.0.0"));
}

/// What reading makes of a text, and what reading makes of that: the same, whatever the kind.
fn stays_itself(text: &str) -> Result<(), TestCaseError> {
    if let Some(term) = read(text) {
        let again = normalise(term.observable.kind(), &term.observable.to_string());
        prop_assert_eq!(again, Some(term.observable));
    }
    for kind in Kind::ALL {
        if let Some(observable) = normalise(*kind, text) {
            let again = normalise(observable.kind(), &observable.to_string());
            prop_assert_eq!(again, Some(observable), "as {}", kind);
        }
    }
    Ok(())
}

#[test]
fn what_once_read_differently_the_second_time() {
    for text in
        ["::\\", "HKLM \\", "hklm:\\ \\", "http://a.example/%%34%31", "http://a.example/%+a", "/%%34%31"]
    {
        stays_itself(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    assert_eq!(normalise(Kind::RegistryKey, "::\\"), None);
    let key = |text: &str| normalise(Kind::Url, text).map(|url| url.key().to_owned());
    assert_eq!(key("http://a.example/%zz"), key("http://a.example/%25zz"));
    assert_ne!(key("http://a.example/%+a"), key("http://a.example/%0A"));
}

proptest! {
    #[test]
    fn nothing_panics_and_everything_read_is_canonical(text in "\\PC{0,40}") {
        stays_itself(&text)?;
    }

    /// Almost all that is random is nothing. What is made of the characters that carry meaning often is something.
    #[test]
    fn nor_does_what_almost_is_something(text in r"(http://|hxxps?\[?:|HKLM:?|AS|T1|\*?\.)?[ :\\/%@.\[\]0-9aAfxX*?#_\-]{0,24}") {
        stays_itself(&text)?;
    }

    /// What the last value left behind in the room changes nothing, whatever it was.
    #[test]
    fn room_used_again_holds_the_key_that_fresh_room_would(
        texts in proptest::collection::vec(
            r"(https?://|HKLM:?\\|AS|T1|\*?\.|a@)?[ :\\/%@.\[\]0-9a-fA-F\u{e4}\u{3a3}x*?#_\-]{0,36}",
            1..6,
        ),
    ) {
        let (mut room, mut inner) = (KeyBuf::new(), KeyBuf::new());
        for text in &texts {
            for kind in Kind::ALL {
                let expect = normalise(*kind, text);
                let found = key_into(*kind, text, &mut room);
                prop_assert_eq!(found, expect.as_ref().map(Observable::kind), "{} as {}", text, kind);
                prop_assert_eq!(room.key(), expect.as_ref().map_or("", Observable::key), "{} as {}", text, kind);
                let host = expect.filter(|found| found.kind() == Kind::Url).and_then(|url| url.host());
                if found == Some(Kind::Url) {
                    let own = host_key_into(room.key(), &mut inner).map(|(kind, _)| kind);
                    prop_assert_eq!(own, host.as_ref().map(Observable::kind), "{}", text);
                    prop_assert_eq!(inner.key(), host.as_ref().map_or("", Observable::key), "{}", text);
                }
            }
        }
    }

    #[test]
    fn every_address_round_trips(bits in any::<u128>()) {
        let text = std::net::Ipv6Addr::from_bits(bits).to_string();
        let observable = normalise(Kind::Ipv6, &text).unwrap();
        prop_assert_eq!(normalise(Kind::Ipv6, &observable.to_string()), Some(observable));
    }
}
