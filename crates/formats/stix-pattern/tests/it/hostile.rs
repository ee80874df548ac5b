//! Patterns made to hurt.

use shieldwall_stix_pattern::{BudgetExceeded, Limits, Matcher, Observations, parse};

use crate::{BUDGET, errors, observations, valid};

fn only_error(text: &str) -> String {
    match errors(text).as_slice() {
        [only] => only.message.clone(),
        several => panic!("{several:#?}"),
    }
}

#[test]
fn limits_end_in_one_clear_error() {
    let check = |text: &str, expect: &str| assert_eq!(only_error(text), expect);
    let deep = 100_000;
    check(&format!("{}[a:b = 1]", "(".repeat(deep)), "parentheses nested deeper than 64 levels");
    check(&format!("[{}a:b = 1]", "(".repeat(deep)), "parentheses nested deeper than 64 levels");
    check(&" ".repeat(300_000), "the pattern is 300000 bytes long; at most 262144 are allowed");
    check(&format!("[a:b IN ({}1)]", "1,".repeat(10_000)), "more than 10000 members in one set");
    check(&format!("[a:b{} = 1]", "[0]".repeat(32)), "more than 32 steps in one path");
    check(&format!("[{}a:b = 1]", "a:b=1 OR ".repeat(10_000)), "more than 10000 comparisons in one pattern");
    check(
        &format!("[{}a:b = 1]", "a:b MATCHES'' OR ".repeat(101)),
        "more than 100 `MATCHES` comparisons in one pattern",
    );
    check(
        &format!("[a:b MATCHES '{}']", "a".repeat(5_000)),
        "this regular expression is longer than 4096 bytes",
    );
    check(
        "[a:b MATCHES '(((a{1,100}){1,100}){1,100})']",
        "this regular expression compiles to more than 524288 bytes",
    );
    check("[a:b = 1] REPEATS 10001 TIMES", "`REPEATS 10001 TIMES` exceeds the limit of 10000 times");
    check(
        "[a:b = 1] REPEATS 99999999999 TIMES",
        "`REPEATS 99999999999 TIMES` exceeds the limit of 10000 times",
    );
    check(
        "(([a:b = 1] AND [a:b = 2]) REPEATS 10000 TIMES) REPEATS 10000 TIMES",
        "200000000 observation expressions must match together; the limit is 256",
    );
    check(
        &format!("[a:b = 1]{}", " FOLLOWEDBY [a:b = 1]".repeat(256)),
        "257 observation expressions must match together; the limit is 256",
    );
    check(&format!("([a:b = 1]){}", " WITHIN 1 SECONDS".repeat(10_000)), "more than 8 qualifiers in a row");
    // Many alternatives are fine: only one is bound at a time.
    valid(&format!("[a:b = 1]{}", " OR [a:b = 1]".repeat(5_000)));
}

#[test]
fn the_deepest_patterns_allowed_run_on_a_small_stack() {
    let qualifiers = " WITHIN 10 SECONDS".repeat(8);
    let deep = format!("{}[a:b >= 0]{}", "(".repeat(64), format!("){qualifiers}").repeat(64));
    let long = vec!["[a:b >= 0]"; 128].join(" FOLLOWEDBY ");
    let wide = format!("({long}) AND ([a:b >= 0] AND [a:b >= 0]) REPEATS 64 TIMES");
    let inner = format!("[{}a:b >= 0{}]", "(a:b < 0 OR (".repeat(32), "))".repeat(32));
    let observations = many(256);
    for (text, expect) in [(deep, 1), (wide, 256), (inner, 1)] {
        let pattern = valid(&text);
        assert_eq!(valid(&pattern.to_string()), pattern);
        let found = Matcher::new(&pattern).unwrap().first_match(&observations, Matcher::BUDGET);
        assert_eq!(found.map(|found| found.map(|binding| binding.len())), Ok(Some(expect)));
    }
}

#[test]
fn at_most_twenty_errors() {
    assert_eq!(errors(&"~".repeat(1_000)).len(), 20);
    assert_eq!(errors(&format!("[a:b = 1]{}", " AND [a:b = ]".repeat(1_000))).len(), 20);
}

/// So many observations of `a` with `b` counting up, all within one hour.
fn many(count: usize) -> Observations {
    let objects: Vec<_> = (0..count)
        .map(|n| {
            format!(
                r#"{{"type":"observed-data","id":"observed-data--{n}","number_observed":1,
                    "first_observed":"2020-01-01T00:{:02}:{:02}Z","last_observed":"2020-01-01T00:59:59Z",
                    "objects":{{"0":{{"type":"a","b":{n}}}}}}}"#,
                n / 60 % 60,
                n % 60
            )
        })
        .collect();
    observations(&format!("[{}]", objects.join(",")))
}

#[test]
fn what_looks_exponential_is_decided() {
    let observations = many(100);
    let check = |pattern: &str, expect: Option<usize>| {
        let found = Matcher::new(&valid(pattern)).unwrap().first_match(&observations, 5 * BUDGET);
        assert_eq!(found.map(|found| found.map(|binding| binding.len())), Ok(expect), "{pattern}");
    };
    check("[a:b >= 0] REPEATS 100 TIMES", Some(100));
    check("[a:b >= 0] REPEATS 101 TIMES", None);
    check("([a:b >= 0] OR [a:b < 50]) REPEATS 101 TIMES", None);
    check("[a:b >= 0] REPEATS 101 TIMES WITHIN 10 SECONDS", None);
    check("([a:b < 50] AND [a:b < 51]) REPEATS 25 TIMES", Some(50));
    check("([a:b < 50] AND [a:b < 51]) REPEATS 26 TIMES", None);
    check("([a:b < 50] FOLLOWEDBY [a:b >= 50]) REPEATS 50 TIMES", Some(100));
    let pigeons = vec!["[a:b < 20]"; 21].join(" AND ");
    check(&pigeons, None);
    let sequence = vec!["[a:b >= 0]"; 100].join(" FOLLOWEDBY ");
    check(&sequence, Some(100));
}

#[test]
fn what_takes_too_long_says_so() {
    let observations = many(60);
    let pattern = valid("([a:b < 30] FOLLOWEDBY [a:b >= 0]) REPEATS 31 TIMES");
    let matcher = Matcher::new(&pattern).unwrap();
    assert_eq!(matcher.first_match(&observations, BUDGET), Err(BudgetExceeded));
    assert_eq!(matcher.first_match(&observations, 0), Err(BudgetExceeded));
    assert_eq!(matcher.matches_one(observations.get(0).unwrap(), 0), Err(BudgetExceeded));
}

#[test]
fn references_in_circles_cost_budget_not_stack() {
    let names: Vec<_> = (0..30).map(|n| format!("\"{n}\"")).collect();
    let objects: Vec<_> = names
        .iter()
        .map(|name| format!(r#"{name}:{{"type":"p","all_refs":[{}]}}"#, names.join(",")))
        .collect();
    let observations =
        observations(&format!(r#"[{{"type":"observed-data","objects":{{{}}}}}]"#, objects.join(",")));
    let pattern = valid(&format!("[p:all_refs[*]{}.missing = 1]", ".all_refs[*]".repeat(14)));
    assert_eq!(Matcher::new(&pattern).unwrap().first_match(&observations, BUDGET), Err(BudgetExceeded));
}

#[test]
fn catastrophic_expressions_and_wildcards_stay_linear_or_pay() {
    let text = "a".repeat(100_000);
    let observations = observations(&format!(
        r#"[{{"type":"observed-data","objects":{{"0":{{"type":"a","b":"{text}"}}}}}}]"#
    ));
    let check = |pattern: &str, expect| {
        let found = Matcher::new(&valid(pattern)).unwrap().first_match(&observations, BUDGET);
        assert_eq!(found.map(|found| found.is_some()), expect, "{pattern}");
    };
    check("[a:b MATCHES '^(a+)+$']", Ok(true));
    check("[a:b MATCHES '^(a|a)*b$']", Ok(false));
    check(&format!("[a:b LIKE '{}b']", "%a".repeat(1_000)), Ok(false));
    check(&format!("[a:b LIKE '{}b']", "%a".repeat(100_000)), Err(BudgetExceeded));
}

#[test]
fn limits_can_be_tightened() {
    let limits = Limits { comparisons: 1, ..Limits::default() };
    assert!(parse("[a:b = 1]", &limits).is_ok());
    assert!(parse("[a:b = 1 OR a:b = 2]", &limits).is_err());
}
