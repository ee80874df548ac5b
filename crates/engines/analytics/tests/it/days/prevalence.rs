//! What many machines call: the house's own services, and an infection of most of the house.

use std::ops::Range;

use shieldwall_analytics::{Anomaly, AnomalyKind, BeaconConfig, Beacons};

use crate::{FAR, conn, feed, following, near};

const HOUR: i64 = 3_600;
const HOURS_24: i64 = 24 * HOUR;

fn machine(number: i64) -> String {
    format!("10.0.0.{}", number + 1)
}

/// That many machines of the house, each of which calls somewhere of its own, once.
fn seen(machines: i64, second: i64) -> Vec<String> {
    let one = |number| conn(second, &machine(number), &format!("198.18.0.{number}"), 443, 900);
    (0..machines).map(one).collect()
}

/// Machines that call the same destination once a minute.
fn calls(machines: Range<i64>, port: u16, when: Range<i64>) -> Vec<String> {
    let of_one = move |number: i64| {
        when.clone().step_by(60).map(move |second| conn(second + number, &machine(number), FAR, port, 300))
    };
    machines.flat_map(of_one).collect()
}

fn input<'a>(alert: &'a Anomaly, name: &str) -> &'a str {
    alert.inputs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str())
}

/// The only alert, which must be for all that call the destination.
#[track_caller]
fn for_many(alerts: &[Anomaly]) -> &Anomaly {
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = alerts.first().unwrap();
    assert_eq!((alert.kind, alert.source.as_str()), (AnomalyKind::Beacon, "zeek"));
    assert_eq!(alert.subject, "many machines → 198.51.100.9:443 (connection)");
    assert!((0.7..0.8).contains(&alert.score), "{}", alert.explanation);
    alert
}

/// Less than half of the house: each machine is told by itself, as if there were no others.
#[test]
fn an_infection_of_two_fifths_is_told_machine_by_machine() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, seen(20, 0));
    feed(&mut beacons, calls(0..8, 443, 0..HOURS_24));
    let alerts = beacons.take_alerts();
    assert_eq!(alerts.len(), 8);
    for alert in &alerts {
        assert!(alert.score > 0.95, "{}", alert.explanation);
        assert!(
            alert.explanation.ends_with("8 of 20 machines call this destination."),
            "{}",
            alert.explanation
        );
    }
}

/// More than half: nobody can tell it from a service of the house by its prevalence, so it is told, but once for all.
#[test]
fn an_infection_of_most_machines_is_told_once_for_all_of_them() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, seen(20, 0));
    feed(&mut beacons, calls(0..12, 443, 0..HOURS_24));
    assert_eq!((beacons.report(0.8).len(), beacons.report(0.7).len()), (0, 12));
    let alerts = beacons.take_alerts();
    let alert = for_many(&alerts);
    println!("{}", alert.explanation);
    assert_eq!((input(alert, "prevalence"), input(alert, "pairs_alike")), ("0.600", "12"));
    assert_eq!((input(alert, "prevalence_sources"), input(alert, "prevalence_of")), ("12", "20"));
    assert!(input(alert, "most_regular").starts_with("10.0.0."));
    for part in ["12 of 20 machines call this destination", "told here once", "0.250 is taken off"] {
        assert!(alert.explanation.contains(part), "{part}: {}", alert.explanation);
    }
    feed(&mut beacons, calls(0..12, 443, HOURS_24..HOURS_24 + 2 * HOUR));
    assert!(beacons.take_alerts().is_empty());
    // A window later it is told again.
    feed(&mut beacons, calls(0..12, 443, HOURS_24 + 2 * HOUR..2 * HOURS_24 + 120));
    for_many(&beacons.take_alerts());
}

/// The first machine was told by itself. When most of the others follow, that is news.
#[test]
fn an_infection_that_spreads_is_told_again() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, seen(20, 0));
    feed(&mut beacons, calls(0..1, 443, 0..13 * HOUR));
    let alerts = beacons.take_alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].subject, "10.0.0.1 → 198.51.100.9:443 (connection)");
    feed(&mut beacons, seen(20, 13 * HOUR));
    feed(&mut beacons, calls(0..1, 443, 13 * HOUR..26 * HOUR));
    feed(&mut beacons, calls(1..16, 443, 14 * HOUR..26 * HOUR));
    let alerts = beacons.take_alerts();
    let alert = for_many(&alerts);
    assert_eq!((input(alert, "pairs_alike"), input(alert, "prevalence_of")), ("16", "20"));
    // Four more are not.
    feed(&mut beacons, calls(0..20, 443, 26 * HOUR..38 * HOUR));
    assert!(beacons.take_alerts().is_empty());
}

#[test]
fn with_few_machines_nothing_is_common() {
    for (machines, alerts) in [(9, 9), (10, 1)] {
        let mut beacons = following(BeaconConfig::default());
        feed(&mut beacons, calls(0..machines, 443, 0..HOURS_24));
        assert_eq!(beacons.take_alerts().len(), alerts, "{machines} machines");
    }
}

/// Without a decrease everything is as if nobody counted.
#[test]
fn it_can_be_turned_off() {
    let mut beacons = following(BeaconConfig { common_decrease: 0.0, ..BeaconConfig::default() });
    feed(&mut beacons, calls(0..20, 443, 0..HOURS_24));
    let alerts = beacons.take_alerts();
    assert_eq!(alerts.len(), 20);
    assert!(alerts.iter().all(|alert| alert.score > 0.95 && input(alert, "prevalence") == "1.000"));
}

/// Whoever knocks from outside is no machine of the house and makes none of its services rare.
#[test]
fn callers_from_outside_change_nothing() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, calls(0..20, 443, 0..HOURS_24));
    feed(
        &mut beacons,
        (0..500).map(|number| {
            conn(number, &format!("203.0.{}.{}", number / 100, number % 100 + 1), "10.9.0.80", 443, 60)
        }),
    );
    let alerts = beacons.take_alerts();
    assert_eq!(input(for_many(&alerts), "prevalence_of"), "20");
}

/// A server that all machines call hides nothing at another of its ports.
#[test]
fn another_port_is_another_destination() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, calls(0..20, 443, 0..HOURS_24));
    feed(&mut beacons, calls(3..4, 8443, 0..HOURS_24));
    let subjects: Vec<String> = beacons.take_alerts().into_iter().map(|alert| alert.subject).collect();
    let many = "many machines → 198.51.100.9:443 (connection)";
    assert_eq!(subjects, ["10.0.0.4 → 198.51.100.9:8443 (connection)", many]);
}

/// Prevalence follows from the pairs, so a restart changes nothing, and what was told for many stays told.
#[test]
fn prevalence_comes_back() {
    let mut before = following(BeaconConfig::default());
    feed(&mut before, seen(20, 0));
    feed(&mut before, calls(0..12, 443, 0..HOURS_24));
    let untold = loaded(&before.save());
    for_many(&before.take_alerts());
    let mut after = loaded(&before.save());
    assert_eq!((after.report(0.0), untold.report(0.0)), (before.report(0.0), before.report(0.0)));
    assert!(after.take_alerts().is_empty());
    near(after.report(0.0)[0].score.inputs.prevalence.share(), 0.6);
}

fn loaded(saved: &[u8]) -> Beacons {
    let mut beacons = following(BeaconConfig::default());
    beacons.load(saved).unwrap();
    beacons
}
