//! Generated days: programs that call home, people who browse, clocks that keep time badly.

mod ordinary;
mod prevalence;

use shieldwall_analytics::{AnomalyKind, BeaconConfig, Beacons, Unscored};

use crate::{DAY, FAR, HOME, Random, at, conn, feed, following, near, pair, pair_to, score};

const HOURS_24: i64 = 86_400;

/// A call a minute, from second to second.
fn every_minute(from: i64, until: i64) -> impl Iterator<Item = String> {
    (from..until).step_by(60).map(|second| conn(second, HOME, FAR, 443, 300))
}

/// Calls about a minute apart, for a day, with sizes by chance or not.
fn jittered(jitter: i64, seed: u64, size: impl Fn(&mut Random) -> u64) -> Vec<String> {
    let (mut random, mut sizes) = (Random(seed), Random(9));
    let (mut second, mut lines) = (0, Vec::new());
    while second < HOURS_24 {
        lines.push(conn(second, HOME, FAR, 443, size(&mut sizes)));
        second += 60 - jitter + random.seconds(u64::try_from(2 * jitter + 1).unwrap());
    }
    lines
}

/// Something else at both ends of the day, so that the day is what is looked at.
fn frame() -> [String; 2] {
    [0, HOURS_24].map(|second| conn(second, "192.0.2.200", "192.0.2.53", 53, 60))
}

#[test]
fn a_call_a_minute_for_a_day_is_perfect() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, every_minute(0, HOURS_24));
    let score = score(&beacons);
    for part in [score.total, score.timing, score.size.unwrap(), score.histogram, score.duration] {
        near(part, 1.0);
    }
    assert_eq!((score.inputs.connections, score.inputs.filled()), (1440, 24));
    assert_eq!(score.inputs.bars, [60; 24]);
    near(score.inputs.gaps.median, 60.0);
    near(score.inputs.sizes.unwrap().median, 300.0);
    println!("{}", score.explanation);
    for part in ["1440 connections", "the median gap is 60 s", "300 bytes", "24 of 24", "longest run is 24"] {
        assert!(score.explanation.contains(part), "{part}: {}", score.explanation);
    }
}

/// A tenth of jitter spreads the middle half of gaps by less than ten seconds; half spreads it by thirty.
#[test]
fn jitter_costs_a_little() {
    for seed in 1..=3 {
        let of = |jitter| {
            let mut beacons = following(BeaconConfig::default());
            feed(&mut beacons, jittered(jitter, seed, |_| 300));
            score(&beacons)
        };
        let (tenth, half) = (of(6), of(30));
        println!("jitter 10 %: {:.3}, 50 %: {:.3}", tenth.total, half.total);
        near(tenth.inputs.gaps.skew, 0.0);
        assert!(tenth.total > 0.97 && tenth.timing > 0.95, "{}", tenth.explanation);
        assert!(half.total > 0.9 && half.total < tenth.total, "{}", half.explanation);
        assert!((0.75..0.95).contains(&half.timing), "{}", half.explanation);
    }
}

#[test]
fn equal_sizes_count_and_random_ones_cost() {
    let of = |size: fn(&mut Random) -> u64| {
        let mut beacons = following(BeaconConfig::default());
        feed(&mut beacons, jittered(6, 1, size));
        score(&beacons)
    };
    let equal = of(|_| 300);
    let random = of(|random| random.below(20_000));
    near(equal.size.unwrap(), 1.0);
    assert!(random.size.unwrap() < 0.8, "{}", random.explanation);
    assert!(random.total < equal.total);
    near(random.timing, equal.timing);
}

/// Pages in bursts through a working day.
#[test]
fn browsing_is_no_beacon() {
    for seed in 1..=5 {
        let mut random = Random(seed);
        let (mut second, mut lines) = (9 * 3600, Vec::new());
        while second < 17 * 3600 {
            for _ in 0..5 + random.below(20) {
                let bytes = random.below(20_000);
                lines.push(conn(second, HOME, FAR, 443, 200 + bytes * bytes / 20_000));
                second += random.seconds(4);
            }
            second += 120 + random.seconds(1500);
        }
        let mut beacons = following(BeaconConfig::default());
        feed(&mut beacons, frame());
        feed(&mut beacons, &lines);
        let score = score(&beacons);
        println!("browsing: {:.3}", score.total);
        assert!(score.total < 0.6, "{}", score.explanation);
        assert!(beacons.take_alerts().is_empty());
    }
}

/// The time service is as regular as malware: where few machines call it, what is known to be good has to be named.
#[test]
fn the_time_service_is_a_beacon_until_it_is_ignored() {
    let lines: Vec<String> =
        (0..HOURS_24).step_by(1024).map(|second| conn(second, HOME, FAR, 123, 76)).collect();
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, &lines);
    let score = beacons.score(&pair_to(FAR, 123), beacons.span("zeek").unwrap()).unwrap();
    assert!(score.total > 0.99, "{}", score.explanation);
    assert_eq!(beacons.take_alerts().len(), 1);

    let mut beacons = following(BeaconConfig { ignore: vec![FAR.to_owned()], ..BeaconConfig::default() });
    feed(&mut beacons, &lines);
    let stats = beacons.stats();
    assert_eq!((stats.connections, stats.ignored, beacons.pairs()), (85, 85, 0));
    assert!(beacons.take_alerts().is_empty() && beacons.report(0.0).is_empty());
}

#[test]
fn two_connections_and_equal_stamps_have_no_score() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, frame());
    feed(&mut beacons, [5, 10].map(|second| conn(second, HOME, FAR, 443, 1)));
    let span = beacons.span("zeek").unwrap();
    assert_eq!(beacons.score(&pair(), span), Err(Unscored::TooFew { connections: 2, gaps: 1 }));

    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, frame());
    feed(&mut beacons, (0..50).map(|_| conn(7, HOME, FAR, 443, 1)));
    let span = beacons.span("zeek").unwrap();
    assert_eq!(beacons.score(&pair(), span), Err(Unscored::TooFew { connections: 50, gaps: 0 }));
    assert_eq!(beacons.score(&pair_to(FAR, 1), span), Err(Unscored::Unknown));
    assert!(beacons.report(0.0).is_empty() && beacons.take_alerts().is_empty());

    // All there is at one second has no length either.
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, (0..50).map(|_| conn(7, HOME, FAR, 443, 1)));
    assert_eq!(beacons.score(&pair(), beacons.span("zeek").unwrap()), Err(Unscored::NoSpan));
}

#[test]
fn clocks_that_jump_move_nothing() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, every_minute(0, HOURS_24 / 2));
    // A forged date far ahead, one long gone, and one that is no date.
    feed(
        &mut beacons,
        [conn(500 * HOURS_24, HOME, FAR, 443, 300), conn(-3650 * HOURS_24, HOME, FAR, 443, 300)],
    );
    let line = conn(0, HOME, FAR, 443, 300).replace(&format!("\"ts\":{DAY}"), "\"ts\":0");
    feed(&mut beacons, [line]);
    // The clock stands an hour behind for a while, and comes back.
    feed(&mut beacons, every_minute(HOURS_24 / 2 - 3600, HOURS_24 / 2 - 3000));
    feed(&mut beacons, every_minute(HOURS_24 / 2, HOURS_24));
    let stats = beacons.stats();
    assert_eq!((stats.future, stats.late, stats.untimed, beacons.pairs()), (1, 1, 1, 1));
    let span = beacons.span("zeek").unwrap();
    assert_eq!((span.from, span.until), (at(0), at(HOURS_24 - 60)));
    let score = score(&beacons);
    assert_eq!(score.inputs.connections, 1450);
    assert!(score.total > 0.95, "{}", score.explanation);
}

#[test]
fn what_came_in_another_order_is_the_same() {
    let lines: Vec<String> = every_minute(0, HOURS_24).collect();
    let mut straight = following(BeaconConfig::default());
    feed(&mut straight, &lines);
    let mut reversed = following(BeaconConfig::default());
    feed(&mut reversed, lines.iter().rev());
    assert_eq!(score(&straight), score(&reversed));
}

#[test]
fn the_window_is_a_day_of_events() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, every_minute(0, 3 * HOURS_24));
    let score = score(&beacons);
    assert_eq!(score.inputs.connections, 1441);
    assert_eq!(score.inputs.first, at(2 * HOURS_24 - 60));
    assert!(beacons.stamps() <= 1441, "{}", beacons.stamps());
}

#[test]
fn a_beacon_is_told_once_for_each_window_and_not_too_early() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, every_minute(0, HOURS_24 / 2));
    // Perfect so far, but twelve hours are not over.
    assert!(beacons.take_alerts().is_empty());
    assert_eq!(beacons.report(0.8).len(), 1);
    feed(&mut beacons, every_minute(HOURS_24 / 2, HOURS_24));
    let alerts = beacons.take_alerts();
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!((alert.kind, alert.source.as_str()), (AnomalyKind::Beacon, "zeek"));
    assert_eq!(alert.subject, "192.0.2.7 → 198.51.100.9:443 (connection)");
    assert_eq!((alert.first, alert.last), (at(0), at(HOURS_24 - 60)));
    near(alert.score, 1.0);
    let input =
        |name: &str| alert.inputs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!(
        (input("connections"), input("gap_median_s"), input("bars")),
        (Some("1440"), Some("60"), Some("24"))
    );
    feed(&mut beacons, every_minute(HOURS_24, HOURS_24 + 7200));
    assert!(beacons.take_alerts().is_empty());
    feed(&mut beacons, every_minute(HOURS_24 + 7200, 2 * HOURS_24 + 120));
    assert_eq!(beacons.take_alerts().len(), 1);
}

#[test]
fn nothing_is_watched_that_is_not_named() {
    let mut beacons = Beacons::new(BeaconConfig::default()).unwrap();
    feed(&mut beacons, every_minute(0, HOURS_24));
    assert_eq!((beacons.pairs(), beacons.stats().connections), (0, 0));
    let config = BeaconConfig { sources: vec!["suricata".to_owned()], ..BeaconConfig::default() };
    let mut beacons = Beacons::new(config).unwrap();
    feed(&mut beacons, every_minute(0, HOURS_24));
    assert!(beacons.span("zeek").is_none() && beacons.report(0.0).is_empty());
}
