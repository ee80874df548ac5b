//! What a pattern is about.

use shieldwall_stix_pattern::Relation;

use crate::valid;

/// Terms as `type:path = value`, with `in` and `like` for the other relations.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let pattern = valid(text);
    let found: Vec<_> = pattern
        .terms()
        .iter()
        .map(|term| {
            let relation = match term.relation {
                Relation::Equal => "=",
                Relation::Subset => "in",
                Relation::Like => "like",
            };
            format!("{}:{} {relation} {}", term.object_type, term.path, term.value)
        })
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn equalities_sets_and_subnets() {
    check("[ipv4-addr:value = '198.51.100.1']", &["ipv4-addr:value = 198.51.100.1"]);
    check(
        "[file:hashes.'SHA-1' = '3395856ce81f2b7382dee72602f798b642f14140' AND file:name = 'a']",
        &["file:hashes.SHA-1 = 3395856ce81f2b7382dee72602f798b642f14140", "file:name = a"],
    );
    check(
        "[domain-name:value IN ('a.example', 'b.example')] FOLLOWEDBY [ipv6-addr:value ISSUBSET '2001:db8::/32']",
        &[
            "domain-name:value = a.example",
            "domain-name:value = b.example",
            "ipv6-addr:value in 2001:db8::/32",
        ],
    );
    check(
        "([autonomous-system:number = 64496] OR [a:x_hex = h'AB']) WITHIN 5 SECONDS",
        &["autonomous-system:number = 64496", "a:x_hex = ab"],
    );
    check(
        "[domain-name:resolves_to_refs[*].value = '198.51.100.1' OR a:b.c[2] = true]",
        &["domain-name:resolves_to_refs[*].value = 198.51.100.1", "a:b.c[2] = true"],
    );
}

#[test]
fn families_by_wildcard() {
    check("[domain-name:value LIKE '%.bad.example']", &["domain-name:value like %.bad.example"]);
}

#[test]
fn only_what_is_asked_for_positively() {
    check(
        "[a:b != 1 AND a:b NOT = 2 AND a:b NOT IN (3) AND a:b > 4 AND a:b NOT LIKE '5' AND a:b MATCHES '6' AND a:b NOT ISSUBSET '7.7.7.7' AND a:b ISSUPERSET '8.8.8.8' AND EXISTS a:b]",
        &[],
    );
    check("[a:b NOT != 1]", &["a:b = 1"]);
}
