//! Which observations a pattern binds.

use std::fmt::Write as _;

use crate::{BUDGET, first_match, observations, valid};
use shieldwall_stix_pattern::{Matcher, Observations};

/// Observations of one `p` object each: name, how many, and from and to in seconds; ids are their places.
fn people(list: &[(&str, u32, u32, u32)]) -> Observations {
    let mut text = String::from("[");
    for (place, (name, number, from, to)) in list.iter().enumerate() {
        let time = |s: &u32| format!("2020-01-01T{:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60);
        let comma = if place == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"type":"observed-data","id":"observed-data--{place}","number_observed":{number},"first_observed":"{}",
            "last_observed":"{}","objects":{{"0":{{"type":"p","n":"{name}"}}}}}}"#,
            time(from),
            time(to)
        )
        .unwrap();
    }
    text.push(']');
    observations(&text)
}

/// Shorthand: `a` in a pattern stands for `[p:n = 'a']`, `*` for any name, `@10..20` for `START`/`STOP`.
fn pattern(short: &str) -> String {
    let words = short.replace('(', " ( ").replace(')', " ) ");
    let mut out = Vec::new();
    for word in words.split_whitespace() {
        out.push(match word.strip_prefix('@').and_then(|span| span.split_once("..")) {
            Some((from, to)) => {
                format!("START t'2020-01-01T00:00:{from:0>2}Z' STOP t'2020-01-01T00:00:{to:0>2}Z'")
            }
            None if word == "*" => "[EXISTS p:n]".to_owned(),
            None if word.len() == 1 && word.starts_with(char::is_lowercase) => format!("[p:n = '{word}']"),
            None => word.to_owned(),
        });
    }
    out.join(" ")
}

#[track_caller]
fn check(list: &[(&str, u32, u32, u32)], short: &str, expect: Option<&[usize]>) {
    let found = first_match(&pattern(short), &people(list));
    assert_eq!(found.as_deref(), expect, "{short} over {list:?}");
}

#[test]
fn and_takes_different_observations() {
    let list = [("a", 1, 10, 10), ("b", 1, 20, 20), ("a", 1, 5, 5)];
    check(&list, "a", Some(&[0]));
    check(&list, "z", None);
    check(&list, "a AND b", Some(&[0, 1]));
    check(&list, "a AND a", Some(&[0, 2]));
    check(&list, "a AND a AND a", None);
    check(&list, "a AND *", Some(&[0, 1]));
    check(&list, "* AND * AND *", Some(&[0, 1, 2]));
    check(&list, "b AND b", None);
    // The first choice of `*` must give way.
    check(&list, "* AND * AND b", Some(&[0, 1, 2]));
    check(&list[..2], "* AND a", Some(&[0, 1]));
    check(&list[..2], "* AND b", Some(&[0, 1]));
}

#[test]
fn or_takes_the_first_alternative_that_holds() {
    let list = [("b", 1, 10, 10), ("a", 1, 20, 20)];
    check(&list, "a OR b", Some(&[1]));
    check(&list, "z OR b", Some(&[0]));
    check(&list, "z OR y", None);
    check(&list, "z AND a OR b", Some(&[0]));
    check(&list, "(z OR b) AND a", Some(&[0, 1]));
    check(&list, "(b OR a) AND b", Some(&[0, 1]));
    check(&list, "(z OR y) AND a", None);
}

#[test]
fn followed_by_allows_the_same_instant_and_overlap() {
    let list = [("a", 1, 10, 10), ("b", 1, 20, 20), ("c", 1, 20, 20)];
    check(&list, "a FOLLOWEDBY b", Some(&[0, 1]));
    check(&list, "b FOLLOWEDBY a", None);
    check(&list, "b FOLLOWEDBY c FOLLOWEDBY b", None);
    check(&list, "c FOLLOWEDBY b", Some(&[1, 2]));
    check(&list, "a FOLLOWEDBY b FOLLOWEDBY c", Some(&[0, 1, 2]));
    check(&list, "b FOLLOWEDBY a OR c", Some(&[1, 2]));
    check(&list, "(b FOLLOWEDBY a) OR c", Some(&[2]));
    check(&list, "(b AND a) FOLLOWEDBY c", Some(&[0, 1, 2]));
    check(&list, "b FOLLOWEDBY (a AND c)", None);
    check(&list, "a FOLLOWEDBY a", None);
    let overlap = [("a", 1, 10, 30), ("b", 1, 0, 20), ("c", 1, 0, 9)];
    check(&overlap, "a FOLLOWEDBY b", Some(&[0, 1]));
    check(&overlap, "a FOLLOWEDBY c", None);
    check(&overlap, "c FOLLOWEDBY b FOLLOWEDBY a", Some(&[0, 1, 2]));
    check(&overlap, "a FOLLOWEDBY b FOLLOWEDBY c", None);
}

#[test]
fn within_is_strict_and_spans_the_whole_binding() {
    let list = [("a", 1, 10, 10), ("b", 1, 15, 15), ("c", 1, 18, 18)];
    check(&list, "a WITHIN 1 SECONDS", Some(&[0]));
    check(&list, "(a AND b) WITHIN 5 SECONDS", None);
    check(&list, "(a AND b) WITHIN 5.000001 SECONDS", Some(&[0, 1]));
    check(&list, "(a AND b) WITHIN 6 SECONDS", Some(&[0, 1]));
    check(&list, "a AND b WITHIN 1 SECONDS", Some(&[0, 1]));
    check(&list, "(a AND b AND c) WITHIN 8 SECONDS", None);
    check(&list, "(a AND b AND c) WITHIN 9 SECONDS", Some(&[0, 1, 2]));
    check(&list, "(c FOLLOWEDBY b) WITHIN 100 SECONDS", None);
    check(&list, "(b FOLLOWEDBY c) WITHIN 4 SECONDS", Some(&[1, 2]));
    check(&list, "((a AND b) WITHIN 6 SECONDS AND c) WITHIN 9 SECONDS", Some(&[0, 1, 2]));
    check(&list, "((a AND b) WITHIN 6 SECONDS AND c) WITHIN 8 SECONDS", None);
    // Some instants in the intervals are enough.
    let spans = [("a", 1, 0, 10), ("b", 1, 12, 30), ("c", 1, 20, 40)];
    check(&spans, "(a AND b) WITHIN 3 SECONDS", Some(&[0, 1]));
    check(&spans, "(a AND b) WITHIN 2 SECONDS", None);
    check(&spans, "(a AND b AND c) WITHIN 11 SECONDS", Some(&[0, 1, 2]));
    check(&spans, "(a AND b AND c) WITHIN 10 SECONDS", None);
    check(&spans, "(b AND c) WITHIN 1 SECONDS", Some(&[1, 2]));
}

#[test]
fn start_is_inclusive_and_stop_exclusive() {
    let list = [("a", 1, 10, 10), ("b", 1, 20, 30)];
    check(&list, "a @10..11", Some(&[0]));
    check(&list, "a @9..10", None);
    check(&list, "a @11..12", None);
    check(&list, "b @0..20", None);
    check(&list, "b @25..25", None);
    check(&list, "b @26..25", None);
    check(&list, "b @0..21", Some(&[1]));
    check(&list, "b @30..31", Some(&[1]));
    check(&list, "b @31..32", None);
    check(&list, "b @24..25", Some(&[1]));
    check(&list, "(a AND b) @10..21", Some(&[0, 1]));
    check(&list, "(a AND b) @10..20", None);
    check(&list, "a AND b @20..21", Some(&[0, 1]));
    // One instant must meet all conditions: b is in the span only up to 25, a is 20 seconds later.
    let spans = [("a", 1, 45, 45), ("b", 1, 20, 50)];
    check(&spans, "(a AND b) WITHIN 5 SECONDS", Some(&[0, 1]));
    check(&spans, "(a AND b @20..25) WITHIN 5 SECONDS", None);
    check(&spans, "(a FOLLOWEDBY b) @0..46", Some(&[0, 1]));
    check(&spans, "a FOLLOWEDBY b @0..45", None);
}

#[test]
fn repeats_takes_different_observations() {
    let list = [("a", 1, 10, 10), ("a", 1, 20, 20), ("b", 1, 25, 25), ("a", 1, 30, 30), ("b", 1, 35, 35)];
    check(&list, "a REPEATS 2 TIMES", Some(&[0, 1]));
    check(&list, "a REPEATS 3 TIMES", Some(&[0, 1, 3]));
    check(&list, "a REPEATS 4 TIMES", None);
    check(&list, "a REPEATS 1 TIMES", Some(&[0]));
    check(&list, "a AND b REPEATS 2 TIMES", Some(&[0, 2, 4]));
    check(&list, "(a AND b) REPEATS 2 TIMES", Some(&[0, 1, 2, 4]));
    check(&list, "(a AND b) REPEATS 3 TIMES", None);
    check(&list, "(a OR b) REPEATS 5 TIMES", Some(&[0, 1, 2, 3, 4]));
    check(&list, "(a OR b) REPEATS 6 TIMES", None);
    check(&list, "b FOLLOWEDBY a REPEATS 2 TIMES", None);
    check(&list, "a FOLLOWEDBY b REPEATS 2 TIMES", Some(&[0, 2, 4]));
    check(&list, "(a FOLLOWEDBY b) REPEATS 2 TIMES", Some(&[0, 1, 2, 4]));
    check(&list, "(b FOLLOWEDBY a) REPEATS 2 TIMES", None);
    check(&list, "a REPEATS 2 TIMES WITHIN 11 SECONDS", Some(&[0, 1]));
    check(&list, "a REPEATS 2 TIMES WITHIN 10 SECONDS", None);
    check(&list, "a REPEATS 2 TIMES @11..40", Some(&[1, 3]));
    check(&list, "* REPEATS 3 TIMES WITHIN 11 SECONDS", Some(&[1, 2, 3]));
    check(&list, "(a REPEATS 2 TIMES OR b REPEATS 2 TIMES) WITHIN 10.5 SECONDS", Some(&[0, 1]));
    check(&list, "(a WITHIN 1 SECONDS) REPEATS 3 TIMES", Some(&[0, 1, 3]));
}

#[test]
fn an_observation_seen_often_counts_often() {
    let list = [("a", 5, 10, 40), ("b", 1, 20, 20)];
    check(&list, "a REPEATS 5 TIMES", Some(&[0]));
    check(&list, "a REPEATS 6 TIMES", None);
    check(&list, "a AND a AND b", Some(&[0, 1]));
    check(&list, "b AND b", None);
    check(&list, "a FOLLOWEDBY b FOLLOWEDBY a", Some(&[0, 1]));
    check(&list, "(a REPEATS 4 TIMES FOLLOWEDBY b) AND a", Some(&[0, 1]));
    check(&list, "* REPEATS 6 TIMES WITHIN 1 SECONDS", Some(&[0, 1]));
    check(&list, "* REPEATS 7 TIMES", None);
}

#[test]
fn the_choice_is_the_same_every_time() {
    let list: Vec<_> = (0..40).map(|n| (if n % 3 == 0 { "a" } else { "b" }, 1, n, n)).collect();
    let observations = people(&list);
    let matcher =
        Matcher::new(&valid(&pattern("(a FOLLOWEDBY b REPEATS 3 TIMES) WITHIN 9 SECONDS"))).unwrap();
    let first = matcher.first_match(&observations, BUDGET).unwrap();
    assert_eq!(first, Some(vec![0, 1, 2, 4]));
    assert_eq!(matcher.first_match(&observations, BUDGET).unwrap(), first);
    assert_eq!(observations.id(4), "observed-data--4");
}

#[test]
fn both_forms_of_observed_data() {
    let observations = observations(
        r#"[{"type":"bundle","objects":[
            {"type":"ipv4-addr","id":"ipv4-addr--1","value":"198.51.100.1"},
            {"type":"observed-data","id":"observed-data--new","number_observed":1,"first_observed":"2020-01-01T00:00:00Z",
             "last_observed":"2020-01-01T00:00:00Z","object_refs":["ipv4-addr--1","network-traffic--1","ipv4-addr--none"]}]},
          {"type":"bundle","objects":[
            {"type":"network-traffic","id":"network-traffic--1","src_ref":"ipv4-addr--1","dst_ref":"ipv4-addr--2"},
            {"type":"ipv4-addr","id":"ipv4-addr--2","value":"198.51.100.2"},
            {"type":"observed-data","id":"observed-data--old","objects":{"0":{"type":"ipv4-addr","value":"198.51.100.3"}}}]}]"#,
    );
    let check = |pattern: &str, expect: Option<&str>| {
        let found = first_match(pattern, &observations);
        assert_eq!(found.map(|places| observations.id(places[0])), expect, "{pattern}");
    };
    check("[ipv4-addr:value = '198.51.100.1']", Some("observed-data--new"));
    check("[ipv4-addr:value = '198.51.100.3']", Some("observed-data--old"));
    check("[network-traffic:src_ref.value = '198.51.100.1']", Some("observed-data--new"));
    // Not listed in `object_refs`, so not part of the observation.
    check("[network-traffic:dst_ref.value = '198.51.100.2']", None);
    check("[ipv4-addr:value = '198.51.100.2']", None);
}

#[test]
fn what_is_invalid_is_still_evaluated() {
    let observations = observations(
        r#"[1, null, "x", {}, {"type":7}, {"type":"observed-data"},
            {"type":"observed-data","id":"observed-data--1","objects":[{"type":"x"}],"object_refs":"x"},
            {"type":"observed-data","id":"observed-data--2","number_observed":-3,"first_observed":"yesterday",
             "objects":{"a":{"type":"x-unheard-of","p":1,"_":[]},"b":3,"c":{"p":1}}},
            {"type":"observed-data","id":"observed-data--3","number_observed":1e9,"last_observed":"2020-01-01T00:00:00Z",
             "objects":{"a":{"type":"x-unheard-of","p":2}}}]"#,
    );
    let check = |pattern: &str, expect: Option<&[usize]>| {
        assert_eq!(first_match(pattern, &observations).as_deref(), expect, "{pattern}");
    };
    assert_eq!(observations.len(), 4);
    check("[x-unheard-of:p = 1]", Some(&[2]));
    check("[x-unheard-of:p = 1] AND [x-unheard-of:p = 2]", Some(&[2, 3]));
    check("[x-unheard-of:p = 1] REPEATS 2 TIMES", None);
    // Without a time no temporal condition can hold.
    check("[x-unheard-of:p = 1] WITHIN 5 SECONDS", None);
    check("[x-unheard-of:p = 2] WITHIN 5 SECONDS", Some(&[3]));
    check("[x-unheard-of:p = 2] START t'2020-01-01T00:00:00Z' STOP t'2020-01-02T00:00:00Z'", Some(&[3]));
}

#[test]
fn the_same_id_is_the_same_observation() {
    let observations = observations(
        r#"[{"type":"observed-data","id":"observed-data--1","modified":"2020-01-02T00:00:00Z","objects":{"0":{"type":"x","p":2}}},
            {"type":"observed-data","id":"observed-data--1","modified":"2020-01-01T00:00:00Z","objects":{"0":{"type":"x","p":1}}}]"#,
    );
    assert_eq!(observations.len(), 1);
    assert_eq!(first_match("[x:p = 2]", &observations), Some(vec![0]));
    assert_eq!(first_match("[x:p = 1]", &observations), None);
}

#[test]
fn one_observation_alone() {
    let observations = people(&[("a", 1, 0, 0), ("b", 2, 0, 0)]);
    let check = |short: &str, expect: [bool; 2]| {
        let matcher = Matcher::new(&valid(&pattern(short))).unwrap();
        let found =
            [0, 1].map(|place| matcher.matches_one(observations.get(place).unwrap(), BUDGET).unwrap());
        assert_eq!(found, expect, "{short}");
    };
    check("a", [true, false]);
    check("a OR b", [true, true]);
    check("* REPEATS 2 TIMES", [false, true]);
    check("a AND b", [false, false]);
    check("b WITHIN 1 SECONDS", [false, true]);
}
