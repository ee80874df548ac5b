//! Rules, filters and correlations, written for these tests.

use std::sync::Arc;

use logs::{Format, Framing};
use model::Timestamp;
use shieldwall_detect::{Kind, Loader, Matcher, PatternState, Patterns, State, Watched, Windows, watched};

use crate::{alerts, rules, titles};

const PROCESS: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami /all","ParentImage":"C:\\evil\\a.exe","User":"x"}"#;
const FILE: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":11,"UtcTime":"2024-05-01 10:00:01.000","Image":"C:\\Windows\\System32\\whoami.exe","TargetFilename":"C:\\whoami.exe"}"#;

fn rule(title: &str, source: &str, detection: &str) -> String {
    format!(
        "title: {title}\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n{source}\ndetection:\n{detection}\nlevel: high\n"
    )
}

const CREATION: &str = "  product: windows\n  category: process_creation";

#[test]
fn a_rule_is_asked_about_events_of_its_log_source_alone() {
    let detection = "  selection:\n    Image|endswith: '\\whoami.exe'\n  condition: selection";
    let sigma = rules(&[&rule("whoami", CREATION, detection)]);
    assert_eq!(sigma.cards()[0].state, State::Active);
    assert_eq!(titles(&sigma, &[PROCESS, FILE]), ["whoami"]);
}

#[test]
fn a_match_says_which_field_with_which_value_where() {
    let detection = "  selection:\n    CommandLine|contains: ' /ALL'\n  condition: selection";
    let sigma = rules(&[&rule("all", CREATION, detection)]);
    let mut matcher = Matcher::new(Arc::clone(&sigma));
    let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, PROCESS.as_bytes());
    let [alert] = found.as_slice() else { panic!("{found:?}") };
    let [evidence] = alert.evidence.as_slice() else { panic!("{alert:?}") };
    assert_eq!((evidence.field.as_str(), evidence.value.as_str()), ("CommandLine", "whoami /all"));
    assert_eq!(evidence.selection, "selection");
    assert_eq!(&PROCESS[evidence.span.clone().unwrap()], "whoami /all");
    assert_eq!(alert.count, 1);
}

#[test]
fn the_condition_language() {
    let check = |detection: &str, expect: bool| {
        let sigma = rules(&[&rule("r", CREATION, detection)]);
        assert_eq!(sigma.cards()[0].state, State::Active, "{detection}");
        assert_eq!(!titles(&sigma, &[PROCESS]).is_empty(), expect, "{detection}");
    };
    check("  a:\n    User: x\n  b:\n    User: y\n  condition: a and not b", true);
    check("  a:\n    User: x\n  b:\n    User: y\n  condition: a and b", false);
    check("  sel_a:\n    User: x\n  sel_b:\n    User: y\n  condition: 1 of sel_*", true);
    check("  sel_a:\n    User: x\n  sel_b:\n    User: y\n  condition: all of sel_*", false);
    check("  sel_a:\n    User: x\n  sel_b:\n    Image|contains: who\n  condition: all of them", true);
    check("  a:\n    Image|re: '.*who.mi\\.exe$'\n  condition: a", true);
    check("  a:\n    CommandLine|contains|all:\n      - who\n      - all\n  condition: a", true);
    check("  a:\n    CommandLine|windash|contains: ' -all'\n  condition: a", true);
    check("  a:\n    Nothing: null\n  condition: a", true);
    // Words without a field are looked for in every value, wherever in it they stand.
    check("  a:\n    - hoam\n    - nobody\n  condition: a", true);
    check("  a:\n    - nobody\n  condition: a", false);
}

#[test]
fn what_a_rule_cannot_do_is_a_state_with_a_reason() {
    let missing = rule("m", "  product: acme\n  service: nothing", "  a:\n    x: y\n  condition: a");
    // A process creation of the security log has no such field: the exclusion would never hold, and Sysmon's has it.
    let excluding = rule(
        "e",
        "  product: windows\n  service: security",
        "  a:\n    EventID: 4688\n  b:\n    OriginalFileName: good.exe\n  condition: a and not b",
    );
    let sigma = rules(&[
        &missing,
        &excluding,
        "title: [",
        "title: x\nlogsource:\n  product: windows\ndetection:\n  a:\n    x|nonsense: y\n  condition: a\n",
        "nothing: here\n",
    ]);
    let states: Vec<_> =
        sigma.cards().iter().map(|card| (card.state.as_str(), card.state.reason())).collect();
    assert_eq!(states[0].0, "source-missing", "{states:?}");
    assert!(states[0].1.contains("acme"), "{states:?}");
    assert_ne!(states[1].0, "unsupported", "{states:?}");
    for (state, reason) in &states[2..] {
        assert_eq!(*state, "unsupported", "{states:?}");
        assert!(!reason.is_empty(), "{states:?}");
    }
    assert!(sigma.cards()[2..].iter().any(|card| card.kind == Kind::Unreadable));
    assert!(titles(&sigma, &[PROCESS]).is_empty());
}

#[test]
fn one_bad_text_keeps_no_other_from_being_used() {
    let good = rule("good", CREATION, "  a:\n    User: x\n  condition: a");
    let sigma = rules(&["\u{0}\u{1}", &"a".repeat(2 << 20), &good, "- - -", ""]);
    assert_eq!(titles(&sigma, &[PROCESS]), ["good"]);
    assert!(sigma.cards().len() >= 4);
}

const LOGON: &str = "title: failed logon\nid: 22222222-2222-4222-8222-222222222222\nname: failed_logon\nlogsource:\n  product: windows\n  service: security\ndetection:\n  a:\n    EventID: 4625\n  condition: a\nlevel: low\n";
const MANY: &str = "title: many failed logons\nid: 33333333-3333-4333-8333-333333333333\ncorrelation:\n  type: event_count\n  rules:\n    - failed_logon\n  group-by:\n    - TargetUserName\n  timespan: 5m\n  condition:\n    gte: 3\nlevel: high\n";

fn logon(user: &str, time: &str) -> String {
    format!(
        r#"{{"Channel":"Security","EventID":4625,"@timestamp":"2024-05-01T{time}.000Z","TargetUserName":"{user}"}}"#
    )
}

#[test]
fn a_correlation_counts_within_its_time_and_its_group() {
    let sigma = rules(&[LOGON, MANY]);
    assert!(sigma.cards().iter().all(|card| card.state == State::Active), "{:?}", sigma.cards());
    let records = [
        logon("anna", "10:00:00"),
        logon("anna", "10:01:00"),
        logon("ben", "10:01:30"),
        logon("anna", "10:09:00"),
        logon("anna", "10:10:00"),
        logon("anna", "10:11:00"),
    ];
    let mut matcher = Matcher::new(Arc::clone(&sigma));
    let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, records.join("\n").as_bytes());
    let many: Vec<_> =
        found.iter().filter(|alert| sigma.card(alert.rule).unwrap().kind == Kind::Correlation).collect();
    let [alert] = many.as_slice() else { panic!("{found:#?}") };
    assert_eq!(alert.count, 3);
    assert_eq!(alert.evidence[0].value, "anna");
    assert_eq!(found.len(), 7, "and each logon by itself");
}

#[test]
fn a_correlation_without_its_rules_says_so() {
    let sigma = rules(&[MANY]);
    assert!(sigma.cards()[0].state.reason().contains("failed_logon (not loaded)"), "{:?}", sigma.cards());
}

#[test]
fn a_filter_narrows_the_rules_that_it_names() {
    let filter = "title: not ours\nid: 44444444-4444-4444-8444-444444444444\nlogsource:\n  product: windows\n  category: process_creation\nfilter:\n  rules:\n    - 11111111-1111-4111-8111-111111111111\n  ours:\n    User: x\n  condition: not ours\n";
    let rule = rule("any", CREATION, "  a:\n    Image|contains: who\n  condition: a");
    assert_eq!(titles(&rules(&[&rule]), &[PROCESS]), ["any"]);
    let sigma = rules(&[&rule, filter]);
    assert_eq!(sigma.cards()[1].kind, Kind::Filter);
    assert!(titles(&sigma, &[PROCESS]).is_empty());
    assert_eq!(titles(&sigma, &[&PROCESS.replace("\"User\":\"x\"", "\"User\":\"y\"")]), ["any"]);
    let broken = rules(&[&rule, &filter.replace("User: x", "User|nonsense: x")]);
    assert_eq!(broken.cards()[1].state.as_str(), "unsupported", "{:?}", broken.cards());
    assert_eq!(titles(&broken, &[PROCESS]), ["any"]);
    let alone = rules(&[filter]);
    assert!(alone.cards()[0].state.reason().contains("none of its rules"), "{:?}", alone.cards());
}

/// What takes a YAML reader minutes is refused before it is read.
#[test]
fn texts_that_nest_without_end() {
    let deep = ["[", "{a: ", "[\n", "- ", "? "].map(|part| format!("title: {}", part.repeat(100_000)));
    for text in &deep {
        let sigma = crate::rules(&[text]);
        let card = &sigma.cards()[0];
        assert!(matches!(card.state, State::Unsupported(_)), "{:.20}: {:?}", text, card.state);
    }
}

/// The reason why the only rule of a text is not used.
fn refusal(text: &str) -> String {
    let sigma = rules(&[text]);
    let states: Vec<&State> = sigma.cards().iter().map(|card| &card.state).collect();
    assert!(matches!(states.as_slice(), [State::Unsupported(_)]), "{states:?}");
    let reason = states.first().map(|state| state.reason()).unwrap_or_default();
    assert!(reason.chars().count() <= 301, "{reason}");
    reason
}

/// A rule with a value on each line.
fn listing(modifier: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.map(|value| format!("      - '{value}'\n")).collect();
    rule("r", CREATION, &format!("  a:\n    CommandLine|{modifier}:\n{}  condition: a", values.concat()))
}

/// What somebody writes who wants this node's memory: each is refused before anything is built from it, and says which
/// bound it is and what to do.
#[test]
fn rules_that_would_take_all_memory() {
    let one = |modifier: &str, value: &str| listing(modifier, std::iter::once(value.to_owned()));
    for (text, words) in [
        (listing("re", (0..30_000).map(|at| format!("a{at}b+"))), "more than 500 regular expressions"),
        (listing("contains", (0..30_000).map(|at| format!("a*{at}"))), "more than 500 regular expressions"),
        (one("re", "(a{1000}){1000}"), "states"),
        (one("re", "x{0,100000}"), "states"),
        (one("re", r"(\w{100}){100}"), "states"),
        (one("re", &"a".repeat(10_000)), "10000 bytes"),
        (listing("contains", (0..50_000).map(|at| format!("a{at}"))), "more than 20000 values"),
        (
            listing("cidr", (0..30_000).map(|at| format!("10.{}.{}.0/24", at / 256, at % 256))),
            "more than 20000 values",
        ),
        // Eight dashes are 390,625 texts.
        (one("windash|contains", "a-b-c-d-e-f-g-h-i"), "more than 20000 values"),
        (listing("contains", (0..800).map(|at| format!("{at:0500}"))), "MiB"),
    ] {
        let reason = refusal(&text);
        assert!(reason.contains(words), "{words}: {reason}");
        assert!(reason.contains(": ") && !reason.contains("Compiled regex"), "{reason}");
    }
    // A list as long as people write them is used.
    let large = rules(&[&listing("contains", (0..2_000).map(|at| format!("SHA256={at:064}")))]);
    assert_eq!(large.cards()[0].state, State::Active);
}

/// Conditions that ask for more selections than an event is worth.
#[test]
fn conditions_that_would_take_all_time() {
    let names: Vec<String> = (0..300).map(|at| format!("  s{at}:\n    User: x\n")).collect();
    let asked = vec!["1 of s*"; 100].join(" and ");
    let reason = refusal(&rule("r", CREATION, &format!("{}  condition: {asked}", names.concat())));
    assert!(reason.contains("30000 selections"), "{reason}");
}

/// The parser of conditions calls itself for each parenthesis and each `not`: what would end the process is not given to it,
/// however it is written.
#[test]
fn conditions_that_nest_without_end() {
    let with = |condition: &str| rule("r", CREATION, &format!("  a:\n    User: x\n  condition: {condition}"));
    let deep = 60_000;
    for condition in [
        "(".repeat(deep),
        format!("{}a{}", "(".repeat(deep), ")".repeat(deep)),
        format!("\"{}\"", "( ".repeat(deep)),
        format!("\"{}\"", "(\\n".repeat(deep)),
        format!("\"{}\"", "\\x28".repeat(deep)),
        format!("\"{}\"", "\\u0028".repeat(deep)),
        format!("{}a", "not ".repeat(15_000)),
        format!("\"{}a\"", "n\\x6ft ".repeat(15_000)),
        format!("\"{}a\"", "no\\\n      t ".repeat(15_000)),
        format!("{}a", "not (".repeat(15_000)),
    ] {
        let reason = refusal(&with(&condition));
        assert!(reason.contains("parentheses"), "{reason}");
    }
    assert_eq!(titles(&rules(&[&with("not (not (not (not a)))")]), &[PROCESS]), ["r"]);
    // Parentheses in what is compared are no condition's.
    let many = listing("contains", (0..400).map(|at| format!("f{at}(((")));
    assert_eq!(rules(&[&many]).cards()[0].state, State::Active);
}

/// A text that is a thousand times as long once it is read.
#[test]
fn texts_that_repeat_themselves() {
    let part: Vec<String> = (0..10_000).map(|at| format!("  - v{at}\n")).collect();
    let part = part.concat();
    let aliases = "  - *part\n".repeat(10_000);
    let reason = refusal(&format!("title: r\nreferences: &part\n{part}tags:\n{aliases}"));
    assert!(reason.contains("names parts of itself"), "{reason}");
    let global = format!("action: global\ndescription: '{}'\n", "d".repeat(100_000));
    let reason = refusal(&format!("{global}{}", "---\naction: repeat\n".repeat(4_000)));
    assert!(reason.contains("4001 documents"), "{reason}");
    // A value that begins with an asterisk names nothing.
    let stars = listing("endswith", (0..100).map(|at| format!("*\\{at}.exe & more")));
    assert_eq!(rules(&[&stars]).cards()[0].state, State::Active);
}

/// What others share has a budget of its own. Who came first keeps what he has.
#[test]
fn shared_rules_together() {
    let texts: Vec<String> = (0..14)
        .map(|rule| listing("contains", (0..500).map(|at| format!("{rule:0200}-{at:0100}"))))
        .collect();
    let load = |mut loader: Loader, givers: i64| {
        for (at, text) in (0_i64..).zip(&texts) {
            loader.given_by(at % givers);
            loader.add(&at.to_string(), text);
        }
        loader.finish()
    };
    let states = |loader: Loader, givers: i64| -> Vec<&'static str> {
        load(loader, givers).cards().iter().map(|card| card.state.as_str()).collect()
    };
    let shared = states(Loader::shared(), 14);
    let first = shared.iter().position(|state| *state == "unsupported").unwrap();
    assert!(first > 5 && shared[..first].iter().all(|state| *state == "active"), "{shared:?}");
    assert!(shared[first..].iter().all(|state| *state == "unsupported"), "{shared:?}");
    assert!(states(Loader::new(), 1).iter().all(|state| *state == "active"), "our own may be more");
    let reason = load(Loader::shared(), 14).cards()[first].state.reason();
    assert!(reason.contains("of the 512") && reason.contains("remove or split"), "{reason}");
    // One alone leaves room for the others.
    let alone = load(Loader::shared(), 1);
    let taken = alone.cards().iter().filter(|card| card.state == State::Active).count();
    assert!((1..first).contains(&taken), "{taken} of {first}");
    let reason = alone.cards()[taken].state.reason();
    assert!(reason.contains("of the 128") && reason.contains("one giver"), "{reason}");
}

/// Correlations may count correlations, in whatever order they come; but somebody has to count events.
#[test]
fn a_correlation_that_counts_itself_counts_nothing() {
    let over = |name: &str, of: &str| {
        format!(
            "title: {name}\nname: {name}\ncorrelation:\n  type: event_count\n  rules:\n    - {of}\n  group-by:\n    - TargetUserName\n  timespan: 5m\n  condition:\n    gte: 2\n"
        )
    };
    let (a, b, c) = (over("a", "b"), over("b", "c"), over("c", "failed_logon"));
    let sigma = rules(&[&a, &b, &c, LOGON]);
    assert!(sigma.cards().iter().all(|card| card.state == State::Active), "{:?}", sigma.cards());
    assert_eq!(sigma.cards()[0].classes, sigma.cards()[3].classes);
    let (itself, other, over_it) = (over("x", "y"), over("y", "x"), over("z", "x"));
    let sigma = rules(&[&itself, &other, &over_it, &over("self", "self"), LOGON]);
    for card in &sigma.cards()[..4] {
        assert!(card.state.reason().contains("counts itself"), "{card:?}");
    }
    assert_eq!(titles(&sigma, &[&logon("anna", "10:00:00")]), ["failed logon"]);
}

/// A time that the engine cannot count with, and words by which it would change how all rules are counted.
#[test]
fn a_correlation_that_would_break_the_counting_of_others() {
    for span in ["timespan: 9223372036854775808s", "timespan: 367d"] {
        let sigma = rules(&[LOGON, &MANY.replace("timespan: 5m", span)]);
        let reason = sigma.cards()[1].state.reason();
        assert!(reason.contains("366 days"), "{reason}");
    }
    let records = [logon("anna", "10:00:00"), logon("anna", "10:00:10"), logon("anna", "10:00:20")];
    let counts = |texts: &[&str]| -> Vec<String> {
        let sigma = rules(texts);
        let mut matcher = Matcher::new(Arc::clone(&sigma));
        let twice = [records.join("\n"), records.join("\n").replace("T10", "T11")].join("\n");
        let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, twice.as_bytes());
        let of = |alert: &shieldwall_detect::Alert| sigma.card(alert.rule).unwrap();
        let counting = found.iter().map(of).filter(|card| card.kind == Kind::Correlation);
        counting.map(|card| card.file.clone()).collect()
    };
    let plain = counts(&[LOGON, MANY]);
    assert!(plain.len() >= 2 && plain.iter().all(|file| file == "rules/1.yml"), "{plain:?}");
    // Somebody else's rule says that nothing is to be told again for ten years.
    let quiet = LOGON.replace(
        "level: low",
        "level: low\ncustom_attributes:\n  rsigma.suppress: 3650d\n  rsigma.action: reset",
    );
    assert_eq!(counts(&[&quiet, MANY]), plain);
    // A second of the same title and id speaks for itself alone.
    let both = counts(&[LOGON, MANY, MANY]);
    for file in ["rules/1.yml", "rules/2.yml"] {
        assert_eq!(both.iter().filter(|own| *own == file).count(), plain.len(), "{both:?}");
    }
}

/// A level that there is none of is said once, and the rule runs; so does one whose id another rule has.
#[test]
fn what_is_odd_about_a_rule_is_a_note() {
    let detection = "  a:\n    User: x\n  condition: a";
    let urgent = rule("urgent", CREATION, detection).replace("level: high", "level: urgent");
    let mut loader = Loader::new();
    loader.add("first.yml", &urgent);
    loader.add("second.yml", &rule("again", CREATION, detection));
    let notes = loader.notes().clone();
    let sigma = Arc::new(loader.finish());
    let cards: Vec<_> = sigma.cards().iter().map(|card| (card.title.as_str(), card.state.as_str())).collect();
    assert_eq!(cards, [("urgent", "active"), ("again", "active")]);
    assert_eq!(sigma.cards()[0].level, None);
    let notes: Vec<_> = notes.values().map(Vec::as_slice).collect();
    let [[level], [same]] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(level.contains("'urgent'") && level.contains("informational"), "{level}");
    assert!(same.contains("`first.yml`"), "{same}");
    assert_eq!(titles(&sigma, &[PROCESS]).len(), 2, "both run");
}

#[test]
fn a_reason_is_no_longer_than_anybody_reads() {
    let condition = format!("{} and", "a and ".repeat(5_000));
    let text = rule("r", CREATION, &format!("  a:\n    User: x\n  condition: {condition}"));
    let reason = refusal(&text);
    assert!(reason.ends_with('…') && reason.chars().count() == 301, "{reason}");
}

/// Which events a rule that counts looks at: those of the rules that it counts.
#[test]
fn a_correlation_has_the_classes_of_its_rules() {
    let sigma = rules(&[LOGON, MANY]);
    assert!(!sigma.cards()[1].classes.is_empty());
    assert_eq!(sigma.cards()[0].classes, sigma.cards()[1].classes);
}

/// Patterns are bounded together as rules are: each may have a hundred expressions of half a megabyte.
#[test]
fn patterns_together() {
    let pattern = |at: u64| match watched(&format!("[file:name MATCHES 'a{at}b+']")) {
        Ok(Watched::Pattern(pattern)) => (at, pattern, Timestamp::MIN, None),
        other => panic!("{:?}", other.is_ok()),
    };
    let patterns = Patterns::new((0..1_100).map(pattern));
    let refused: Vec<_> = patterns
        .states(&Windows::new())
        .filter(|(_, state)| matches!(state, PatternState::Unusable(_)))
        .collect();
    assert!((50..200).contains(&refused.len()), "{}", refused.len());
    assert!(refused.iter().all(|(subject, _)| *subject > 900), "the first stay");
    assert!(refused[0].1.reason().contains("narrow or remove"), "{:?}", refused[0]);
}
