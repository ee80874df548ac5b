//! What a pattern asks for, as those who index patterns and put observations together need it.

use model::Timestamp;
use shieldwall_stix_pattern::{Assembly, Matcher, Reach};

use crate::{BUDGET, valid};

/// The values any of which is a match, as `type:path value :port`.
#[track_caller]
fn check_alternatives(text: &str, expect: Option<&[&str]>) {
    let pattern = valid(text);
    let found = pattern.alternatives().map(|alternatives| {
        let spell = |port: Option<u16>| port.map(|port| format!(" :{port}")).unwrap_or_default();
        let each = alternatives.iter().map(|one| {
            format!("{}:{} {}{}", one.term.object_type, one.term.path, one.term.value, spell(one.port))
        });
        each.collect::<Vec<_>>()
    });
    let expect = expect.map(|expect| expect.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    assert_eq!(found, expect, "{text}");
}

#[test]
fn values_any_of_which_is_a_match() {
    check_alternatives("[a:b = 1]", Some(&["a:b 1"]));
    check_alternatives("[a:b IN ('x', 'y') OR (a:c LIKE 'z%')]", Some(&["a:b x", "a:b y", "a:c z%"]));
    check_alternatives("[a:b = 1] OR [a:b = 2]", Some(&["a:b 1", "a:b 2"]));
    let port = "network-traffic:dst_port = 443";
    let value = "network-traffic:dst_ref.value = 'x'";
    check_alternatives(&format!("[{value} AND {port}]"), Some(&["network-traffic:dst_ref.value x :443"]));
    check_alternatives(&format!("[{port} AND {value}]"), Some(&["network-traffic:dst_ref.value x :443"]));
    let kind = "network-traffic:dst_ref.type = 'domain-name'";
    check_alternatives(&format!("[{kind} AND {value} AND {port}]"), Some(&["domain-name:value x :443"]));
    check_alternatives(
        &format!("[({kind} AND {value}) OR a:b = 1]"),
        Some(&["domain-name:value x", "a:b 1"]),
    );
    for more in [
        "[a:b != 1]",
        "[a:b > 1]",
        "[EXISTS a:b]",
        "[a:b NOT IN (1)]",
        "[a:b = 1 AND a:c = 2]",
        "[a:b = 1 OR a:c MATCHES 'x']",
        "[a:b = 1] AND [a:b = 2]",
        "[a:b = 1] FOLLOWEDBY [a:b = 2]",
        "[a:b = 1] REPEATS 2 TIMES",
        "[a:b = 1] WITHIN 5 SECONDS",
        &format!("[{value} AND {value}]"),
        &format!("[{port} AND {port}]"),
        &format!("[{kind} AND {port}]"),
        &format!("[{value} AND network-traffic:src_port = 443]"),
        &format!("[{value} AND network-traffic:dst_port = -1]"),
        &format!("[{value} AND network-traffic:dst_port IN (443)]"),
        &format!("[{value} AND network-traffic:dst_port NOT = 443]"),
        "[network-traffic:dst_ref.value IN ('x', 'y') AND network-traffic:dst_port = 443]",
        "[network-traffic:encapsulates_refs[0].value = 'x' AND network-traffic:dst_port = 443]",
    ] {
        check_alternatives(more, None);
    }
}

/// For each `[…]` its types, and the values of which it needs one if any value but `unseen` can be told.
#[track_caller]
fn check_asked(text: &str, expect: &[(&str, Option<&str>)]) {
    let pattern = valid(text);
    let asked = pattern.asked(&|term| term.value != "unseen");
    let found: Vec<_> = asked
        .iter()
        .map(|asked| {
            let types = asked.types.iter().copied().collect::<Vec<_>>().join(" ");
            let terms = asked.terms.as_ref().map(|terms| {
                terms.iter().map(|term| term.value.clone().into_owned()).collect::<Vec<_>>().join(" ")
            });
            (types, terms)
        })
        .collect();
    let expect: Vec<_> =
        expect.iter().map(|(types, terms)| ((*types).to_owned(), terms.map(str::to_owned))).collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn values_and_types_without_which_an_expression_cannot_hold() {
    check_asked("[a:b = 'x']", &[("a", Some("x"))]);
    check_asked("[a:b = 'x' OR c:d = 'y']", &[("a c", Some("x y"))]);
    check_asked("[a:b = 'x' OR c:d > 3]", &[("a c", None)]);
    check_asked("[a:b > 3 AND a:c IN ('x', 'y') AND a:d = 'z']", &[("a", Some("z"))]);
    check_asked("[a:b = 'unseen' AND a:c = 'x']", &[("a", Some("x"))]);
    check_asked("[a:b IN ('x', 'unseen')]", &[("a", None)]);
    check_asked("[(a:b = 'x' OR a:b = 'y') AND a:c > 1]", &[("a", Some("x y"))]);
    check_asked("[a:b != 'x']", &[("a", None)]);
    check_asked(
        "([a:b = 'x'] FOLLOWEDBY [c:d = 'y' OR c:d LIKE 'z']) WITHIN 5 SECONDS",
        &[("a", Some("x")), ("c", Some("y z"))],
    );
}

#[test]
fn how_far_apart_a_binding_may_be() {
    let check = |text: &str, expect: Reach| assert_eq!(valid(text).reach(), expect, "{text}");
    check("[a:b = 1]", Reach::One);
    check("[a:b = 1] OR [a:b = 2]", Reach::One);
    check("[a:b = 1] WITHIN 5 SECONDS", Reach::One);
    check("[a:b = 1] REPEATS 1 TIMES", Reach::One);
    check("[a:b = 1] REPEATS 2 TIMES", Reach::Open);
    check("[a:b = 1] AND [a:b = 2]", Reach::Open);
    check("([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 1.5 SECONDS", Reach::Within(1_500_000));
    check("[a:b = 1] REPEATS 2 TIMES WITHIN 5 SECONDS", Reach::Within(5_000_000));
    check("[a:b = 1] OR ([a:b = 2] AND [a:b = 3])", Reach::Open);
    check(
        "([a:b = 1] AND [a:b = 2]) START t'2024-01-01T00:00:00Z' STOP t'2024-01-01T00:00:07Z'",
        Reach::Within(7_000_000),
    );
}

#[test]
fn constants_in_another_spelling() {
    let mut pattern = valid("[a:b = 'X' AND a:b != 'Y' AND a:c IN ('Z', 'z') AND a:d LIKE 'W%' AND a:e = 1]");
    pattern.respell(&|object_type, path, text| {
        assert_eq!(object_type, "a");
        (path != "c").then(|| text.to_lowercase())
    });
    let expect = valid("[a:b = 'x' AND a:b != 'y' AND a:c IN ('Z', 'z') AND a:d LIKE 'W%' AND a:e = 1]");
    assert_eq!(pattern, expect);
}

#[test]
fn observations_that_are_put_together_are_as_good_as_those_that_are_read() {
    let mut made = Assembly::new();
    assert!(made.is_empty());
    // More than ten, so that places sort otherwise as text than as numbers.
    let addresses: Vec<usize> = (0..12)
        .map(|n| {
            let address = made.object("ipv4-addr");
            made.text(address, &["value"], &format!("192.0.2.{n}"));
            address
        })
        .collect();
    let traffic = made.object("network-traffic");
    made.refer(traffic, "src_ref", addresses[2]);
    made.refer(traffic, "dst_ref", addresses[11]);
    made.integer(traffic, &["dst_port"], 443);
    made.append_text(traffic, "protocols", "tcp");
    made.append_text(traffic, "protocols", "https");
    made.text(traffic, &["extensions", "http-request-ext", "request_header", "User-Agent"], "curl");
    let name = made.object("domain-name");
    made.text(name, &["value"], "a.example");
    addresses.iter().take(3).for_each(|address| made.refer(name, "resolves_to_refs", *address));
    let key = made.object("windows-registry-key");
    made.append_members(key, "values", &[("name", "n"), ("data", "d")]);
    // What does not fit is left out.
    made.text(name, &["value", "deeper"], "x");
    made.text(traffic, &["protocols"], "x");
    made.append_text(name, "value", "x");
    made.text(99, &["value"], "x");
    assert_eq!(made.len(), 15);
    let at: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let observation = made.finish(Some(at));
    for (text, matches) in [
        (
            "[network-traffic:src_ref.value = '192.0.2.2' AND network-traffic:dst_ref.value = '192.0.2.11']",
            true,
        ),
        ("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_port = 443]", true),
        ("[network-traffic:src_ref.value = '192.0.2.11']", false),
        ("[network-traffic:protocols[1] = 'https' AND network-traffic:protocols[*] = 'tcp']", true),
        ("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'curl']", true),
        ("[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']", true),
        ("[domain-name:resolves_to_refs[*].value = '192.0.2.3']", false),
        ("[windows-registry-key:values[0].data = 'd']", true),
        (
            "[domain-name:value = 'a.example'] START t'2024-01-01T00:00:00Z' STOP t'2024-01-01T00:00:01Z'",
            true,
        ),
        (
            "[domain-name:value = 'a.example'] START t'2023-01-01T00:00:00Z' STOP t'2024-01-01T00:00:00Z'",
            false,
        ),
    ] {
        let matcher = Matcher::new(&valid(text)).unwrap();
        assert_eq!(matcher.matches_one(&observation, BUDGET).unwrap(), matches, "{text}");
        let several = [observation.clone(), observation.clone()];
        let expect = matches.then(|| vec![0]);
        assert_eq!(matcher.first_among(&several, BUDGET).unwrap(), expect, "{text}");
    }
    let matcher = Matcher::new(&valid("[a:b = 1] FOLLOWEDBY [domain-name:value = 'a.example']")).unwrap();
    assert!(matcher.concerns(&observation, BUDGET).unwrap());
    assert_eq!(matcher.needs(), 2);
    assert!(!matcher.matches_one(&observation, BUDGET).unwrap());
    assert!(matcher.concerns(&observation, 0).is_err(), "no answer without a step");
    let other = Matcher::new(&valid("[a:b = 1] FOLLOWEDBY [ipv4-addr:value = '192.0.2.77']")).unwrap();
    assert!(!other.concerns(&observation, BUDGET).unwrap());
    let twice = Matcher::new(&valid("[ipv4-addr:value = '192.0.2.7'] REPEATS 2 TIMES")).unwrap();
    assert_eq!(twice.first_among(&[observation.clone(), observation], BUDGET).unwrap(), Some(vec![0, 1]));
}
