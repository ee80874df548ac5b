//! Baselines: what they learn, when they speak, and what happens to them under attack.

use std::collections::BTreeMap;

use logs::Format;
use shieldwall_analytics::{
    Analytics, Anomaly, AnomalyKind, BaselineState, BaselineStatus, Config, FirstSeen, FirstSeenConfig,
    MAX_PENDING, Unfit,
};

use crate::{DAY, at, each_event, near, now};

const HOUR: i64 = 3600;
const DAYS: i64 = 24 * HOUR;

fn watching(fields: &[&str], config: FirstSeenConfig) -> FirstSeen {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    let fields = BTreeMap::from([("app".to_owned(), fields)]);
    FirstSeen::new(FirstSeenConfig { fields, ..config }, [1; 16]).unwrap()
}

fn record(second: i64, field: &str, value: &str) -> String {
    format!(r#"{{"timestamp":{},"{field}":"{value}"}}"#, DAY + second)
}

fn feed(first_seen: &mut FirstSeen, records: impl IntoIterator<Item = String>) {
    each_event(Format::JsonLines, records, |event| first_seen.observe("app", event, now()));
}

/// What is told of these records.
fn told(first_seen: &mut FirstSeen, records: impl IntoIterator<Item = String>) -> Vec<Anomaly> {
    feed(first_seen, records);
    first_seen.take_alerts()
}

/// Two users every hour, from day to day.
fn habit(from: i64, until: i64) -> impl Iterator<Item = String> {
    let hours = (from * 24..until * 24).map(|hour| hour * HOUR);
    hours.flat_map(|second| ["alice", "bob"].map(|user| record(second, "user", user)))
}

fn status(first_seen: &FirstSeen) -> BaselineStatus {
    first_seen.baselines().remove(0)
}

fn input<'a>(anomaly: &'a Anomaly, name: &str) -> &'a str {
    anomaly.inputs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()).unwrap()
}

#[test]
fn a_baseline_learns_for_a_week_and_then_explains_itself() {
    let mut first_seen = watching(&["user"], FirstSeenConfig::default());
    assert!(told(&mut first_seen, habit(0, 3)).is_empty());
    assert!(told(&mut first_seen, [record(3 * DAYS, "user", "carol")]).is_empty());
    assert_eq!(status(&first_seen).state, BaselineState::Learning);
    assert!(told(&mut first_seen, habit(3, 8)).is_empty());
    assert_eq!(status(&first_seen).state, BaselineState::Speaking);

    let alerts = told(&mut first_seen, [record(8 * DAYS, "user", "Mallory")]);
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!((alert.kind, alert.source.as_str()), (AnomalyKind::FirstSeen, "app"));
    assert_eq!(alert.subject, "`user` = `Mallory`");
    assert_eq!((alert.first, alert.last), (at(8 * DAYS), at(8 * DAYS)));
    // Of 385 events one had a value that came once: carol's.
    assert_eq!((input(alert, "distinct_values"), input(alert, "observed")), ("3", "385"));
    near(alert.score, 0.997);
    assert_eq!(input(alert, "baseline_began"), "2026-03-01T00:00:00.000Z");
    assert_eq!(input(alert, "baseline_days"), "8.0");
    println!("{}", alert.explanation);
    for part in ["`user`", "`app`", "`Mallory`", "8.0 days", "3 distinct values", "one event in 333"] {
        assert!(alert.explanation.contains(part), "{part}: {}", alert.explanation);
    }
    // Now it is known, in whatever letters.
    assert!(told(&mut first_seen, [record(8 * DAYS, "user", "MALLORY")]).is_empty());
    assert_eq!((status(&first_seen).told, status(&first_seen).distinct), (1, 4));
}

#[test]
fn rare_values_are_told_as_often_as_asked() {
    let config = FirstSeenConfig { rare: 2, ..FirstSeenConfig::default() };
    let mut first_seen = watching(&["user"], config);
    feed(&mut first_seen, habit(0, 8));
    let kinds = |alerts: Vec<Anomaly>| -> Vec<_> {
        alerts.iter().map(|alert| (alert.kind, input(alert, "seen_before").to_owned())).collect()
    };
    let mallory = (0..5).map(|hour| record(8 * DAYS + hour * HOUR, "user", "mallory"));
    let expect = [(AnomalyKind::FirstSeen, "0"), (AnomalyKind::Rare, "1"), (AnomalyKind::Rare, "2")];
    let expect = expect.map(|(kind, count)| (kind, count.to_owned()));
    assert_eq!(kinds(told(&mut first_seen, mallory)), expect);
}

#[test]
fn what_did_not_come_for_a_month_is_new_again() {
    let mut first_seen = watching(&["user"], FirstSeenConfig::default());
    feed(&mut first_seen, habit(0, 8));
    feed(&mut first_seen, [record(8 * DAYS, "user", "mallory")]);
    first_seen.take_alerts();
    assert!(told(&mut first_seen, habit(8, 38)).is_empty());
    let again = told(&mut first_seen, [record(38 * DAYS + 2 * HOUR, "user", "mallory")]);
    assert_eq!(again.len(), 1);
    assert!(
        again[0].explanation.contains("did not come since 2026-03-09T00:00:00.000Z"),
        "{}",
        again[0].explanation
    );
    // Twice as long, and nothing is remembered of it.
    assert!(told(&mut first_seen, habit(38, 100)).is_empty());
    assert_eq!(status(&first_seen).distinct, 2);
    let later = told(&mut first_seen, [record(100 * DAYS, "user", "mallory")]);
    assert!(later[0].explanation.contains("in no earlier event that the baseline remembers"));
}

/// A field that always has new values says nothing by having one.
#[test]
fn what_is_always_new_is_not_told() {
    let mut first_seen = watching(&["request"], FirstSeenConfig::default());
    let ids = (0..10 * 24).map(|hour| record(hour * HOUR, "request", &format!("id-{hour}")));
    assert!(told(&mut first_seen, ids).is_empty());
    let status = status(&first_seen);
    assert_eq!((status.state, status.told, status.withheld), (BaselineState::Speaking, 0, 3 * 24));
    near(status.chance_of_new, 1.0);
}

/// A million values of one field, by somebody who wants to fill memory, to be forgotten, or to be told too often.
#[test]
fn a_flood_of_a_million_values_stays_bounded_and_is_told() {
    let mut first_seen = watching(&["user", "host"], FirstSeenConfig::default());
    feed(&mut first_seen, habit(0, 8));
    feed(&mut first_seen, (0..8 * 24).map(|hour| record(hour * HOUR, "host", "web1")));
    first_seen.take_alerts();
    let mut alerts = Vec::new();
    for part in 0..20 {
        let flood = (0..50_000).map(|one| record(8 * DAYS + part * 60, "user", &format!("{part}-{one}")));
        alerts.append(&mut told(&mut first_seen, flood));
        assert!(first_seen.held() <= 100_001, "{}", first_seen.held());
    }
    let full: Vec<_> = alerts.iter().filter(|alert| alert.kind == AnomalyKind::Saturated).collect();
    assert_eq!(full.len(), 1);
    println!("{}", full[0].explanation);
    assert_eq!(input(full[0], "field"), "user");
    assert!(full[0].explanation.contains("is full") && full[0].explanation.contains("floods this field"));
    // The flood itself soon made new values nothing special.
    assert!(alerts.len() < 50, "{}", alerts.len());
    let user = first_seen.baselines().into_iter().find(|status| status.field == "user").unwrap();
    assert_eq!(user.state, BaselineState::Saturated);
    assert_eq!(user.told + user.withheld, 1_000_000);
    assert!(user.distinct <= 100_000 && user.forgotten >= 900_000, "{user:?}");
    // What is behind the flood is not told, which is what the alert says.
    assert!(told(&mut first_seen, [record(8 * DAYS + 7200, "user", "mallory")]).is_empty());
    // The other field knows nothing of it.
    let other = told(&mut first_seen, [record(8 * DAYS + 7200, "host", "evil1")]);
    assert_eq!(other.len(), 1);
    assert_eq!(other[0].subject, "`host` = `evil1`");
    // Somebody looked into it and begins anew.
    assert!(
        first_seen.reset("app", "user") && !first_seen.reset("app", "user") && !first_seen.reset("x", "user")
    );
    assert_eq!(first_seen.held(), 2);
}

#[test]
fn a_flood_that_is_over_is_forgotten() {
    let config = FirstSeenConfig { max_values_per_field: 100, ..FirstSeenConfig::default() };
    let mut first_seen = watching(&["user"], config);
    feed(&mut first_seen, habit(0, 8));
    feed(&mut first_seen, (0..500).map(|one| record(8 * DAYS, "user", &format!("u{one}"))));
    assert_eq!(status(&first_seen).state, BaselineState::Saturated);
    feed(&mut first_seen, habit(8, 70));
    first_seen.take_alerts();
    let status = status(&first_seen);
    assert_eq!((status.state, status.distinct), (BaselineState::Speaking, 2));
    assert_eq!(told(&mut first_seen, [record(70 * DAYS, "user", "mallory")]).len(), 1);
}

#[test]
fn all_baselines_together_stay_bounded() {
    let config =
        FirstSeenConfig { max_values: 1_000, max_values_per_field: 800, ..FirstSeenConfig::default() };
    let fields = ["a", "b", "c", "d", "e"];
    let mut first_seen = watching(&fields, config);
    for field in fields {
        for one in 0..400 {
            feed(&mut first_seen, [record(one, field, &format!("v{one}"))]);
            assert!(first_seen.held() <= 1_000, "{}", first_seen.held());
        }
    }
    let all = first_seen.baselines();
    assert_eq!(all.iter().map(|status| status.distinct).sum::<usize>(), first_seen.held());
    assert!(all.iter().any(|status| status.state == BaselineState::Saturated));
    // Whoever has most pays, so each keeps about a fifth.
    assert!(all.iter().all(|status| (150..=250).contains(&status.distinct)), "{all:?}");
}

#[test]
fn alerts_that_wait_are_bounded_for_each_field_and_for_all() {
    let config = FirstSeenConfig { learning_days: 0, min_score: 0.0, ..FirstSeenConfig::default() };
    let names: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut first_seen = watching(&names, config);
    for name in &names {
        feed(&mut first_seen, (0..300).map(|one| record(one, name, &format!("v{one}"))));
    }
    let all = first_seen.baselines();
    assert!(all.iter().all(|status| status.told <= 100 && status.told + status.withheld == 300));
    let alerts = first_seen.take_alerts();
    assert_eq!(alerts.len(), 900);
    assert!(alerts.len() <= MAX_PENDING && first_seen.take_alerts().is_empty());
}

#[test]
fn clocks_that_jump_teach_nothing() {
    let mut first_seen = watching(&["user"], FirstSeenConfig::default());
    // An event with an old date first, then one of today: a week apart, and no week of learning.
    feed(&mut first_seen, [record(-30 * DAYS, "user", "alice"), record(0, "user", "alice")]);
    assert_eq!((status(&first_seen).state, status(&first_seen).days), (BaselineState::Learning, 2));
    assert!(told(&mut first_seen, [record(0, "user", "mallory")]).is_empty());
    // Back and forth.
    for _ in 0..20 {
        feed(&mut first_seen, [record(-5 * DAYS, "user", "bob"), record(HOUR, "user", "bob")]);
    }
    assert_eq!((status(&first_seen).days, status(&first_seen).last), (2, at(HOUR)));
    // What comes from the future is as of now.
    feed(&mut first_seen, [record(4000 * DAYS, "user", "bob")]);
    assert_eq!((status(&first_seen).days, status(&first_seen).last), (3, now()));
}

#[test]
fn events_without_a_time_are_of_now() {
    let mut first_seen = watching(&["user"], FirstSeenConfig::default());
    feed(&mut first_seen, [r#"{"user":"alice"}"#.to_owned()]);
    assert_eq!(status(&first_seen).began, now());
}

#[test]
fn every_value_of_a_list_counts_and_empty_ones_do_not() {
    let mut first_seen = watching(&["user", "n", "deep.name"], FirstSeenConfig::default());
    let records = [
        r#"{"timestamp":1772323200,"user":["a","b",["c"],"",null,"-"],"n":7,"deep":{"name":"x"}}"#,
        r#"{"timestamp":1772323200,"user":"(empty)","n":"7","deep":{"name":{"no":"text"}}}"#,
        r#"{"timestamp":1772323200,"user":null,"n":true}"#,
    ];
    feed(&mut first_seen, records.map(str::to_owned));
    let distinct: Vec<_> =
        first_seen.baselines().into_iter().map(|status| (status.field, status.distinct)).collect();
    let expect = [("deep.name", 1), ("n", 2), ("user", 3)].map(|(field, count)| (field.to_owned(), count));
    assert_eq!(distinct, expect);
    let many: Vec<String> = (0..5000).map(|number| format!("\"v{number}\"")).collect();
    feed(&mut first_seen, [format!(r#"{{"timestamp":1772323200,"user":[{}]}}"#, many.join(","))]);
    assert_eq!(first_seen.baselines()[2].distinct, 3 + 64);
}

#[test]
fn long_values_are_shown_in_part_and_told_apart_whole() {
    let mut first_seen = watching(&["user"], FirstSeenConfig::default());
    feed(&mut first_seen, habit(0, 8));
    let long = "ü".repeat(10_000);
    let records =
        [record(8 * DAYS, "user", &format!("{long}1")), record(8 * DAYS, "user", &format!("{long}2"))];
    let alerts = told(&mut first_seen, records);
    assert_eq!(alerts.len(), 2);
    assert!(alerts[0].subject.chars().count() < 300 && alerts[0].explanation.len() < 2_000);
}

/// Nothing is on by default, and a configuration that makes no sense is refused by name.
#[test]
fn the_configuration() {
    let mut analytics = Analytics::new(Config::default(), [0; 16]).unwrap();
    each_event(Format::JsonLines, habit(0, 9), |event| analytics.observe("app", event, now()));
    assert!(analytics.take_alerts().is_empty() && analytics.first_seen.baselines().is_empty());

    let text = "[beacons]\nsources = [\"zeek\"]\nignore = [\".ntp.example\"]\nmin_score = 0.75\n\n\
                [first_seen]\nrare = 1\n\n[first_seen.fields]\n\"*\" = [\"user\"]\napp = [\"host\"]\n";
    let config: Config = toml::from_str(text).unwrap();
    near(config.beacons.min_score, 0.75);
    assert_eq!((config.beacons.max_pairs, config.first_seen.learning_days), (100_000, 7));
    let mut analytics = Analytics::new(config, [0; 16]).unwrap();
    each_event(Format::JsonLines, habit(0, 9), |event| analytics.observe("app", event, now()));
    assert_eq!(analytics.first_seen.baselines().len(), 1);

    assert!(toml::from_str::<Config>("[beacons]\nsurces = []\n").is_err());
    let wrong: Config = toml::from_str("[first_seen]\nmin_score = 7.0\n").unwrap();
    let unfit = Analytics::new(wrong, [0; 16]).err();
    assert_eq!(unfit, Some(Unfit { key: "min_score", must: "from 0 to 1" }));
}
