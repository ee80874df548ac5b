//! What an adversary does to fill memory, to push others out, or to look regular by being many.

use shieldwall_analytics::{BeaconConfig, MAX_ALERTS};

use crate::{FAR, HOME, Random, conn, feed, following, near, score};

fn small() -> BeaconConfig {
    BeaconConfig { max_pairs: 100, max_stamps: 1_000, max_stamps_total: 400, ..BeaconConfig::default() }
}

/// An address for each number.
fn address(number: u64) -> String {
    let [low, middle, high, ..] = number.to_le_bytes();
    format!("203.{high}.{middle}.{low}")
}

/// Whoever calls again before a flood has filled the room is not pushed out by pairs that come once.
#[test]
fn a_flood_of_pairs_pushes_out_itself() {
    let mut beacons = following(small());
    for call in 0..100_u64 {
        let second = i64::try_from(call).unwrap() * 800;
        feed(&mut beacons, [conn(second, HOME, FAR, 443, 300)]);
        feed(
            &mut beacons,
            (0..50).map(|other| conn(second + 1, HOME, &address(call * 50 + other), 443, 300)),
        );
        assert!(
            beacons.pairs() <= 100 && beacons.stamps() <= 400,
            "{} {}",
            beacons.pairs(),
            beacons.stamps()
        );
    }
    assert!(beacons.stats().evicted > 4_500, "{:?}", beacons.stats());
    assert_eq!(score(&beacons).inputs.connections, 100);
}

#[test]
fn many_connections_of_many_pairs_stay_within_the_bound() {
    let mut beacons = following(small());
    for call in 0..100 {
        let calls =
            (0..100).map(|other| conn(call * 600 + other, HOME, &format!("198.51.100.{other}"), 443, 300));
        feed(&mut beacons, calls);
        assert!(beacons.stamps() <= 400, "{}", beacons.stamps());
    }
    assert_eq!((beacons.pairs(), beacons.stamps_per_pair(), beacons.stats().evicted), (100, 4, 0));
    // None of the connections is lost for histogram and duration.
    let score = score(&beacons);
    assert_eq!((score.inputs.connections, score.inputs.timed), (100, 4));
    near(score.timing, 1.0);
    assert!(
        score.duration > 0.99 && score.explanation.contains("the newest 4 of them"),
        "{}",
        score.explanation
    );
}

#[test]
fn room_comes_back_when_the_flood_is_over() {
    let mut beacons = following(small());
    feed(&mut beacons, (0..500).map(|call| conn(call, HOME, FAR, 443, 300)));
    assert!(beacons.stamps_per_pair() < 1_000);
    // Days later nothing of it is left.
    feed(&mut beacons, (0..10).map(|hour| conn(400_000 + hour * 3600, HOME, FAR, 443, 300)));
    assert_eq!((beacons.stamps_per_pair(), beacons.stamps()), (1_000, 10));
}

/// More than are kept each by itself: all are counted, the newest are timed.
#[test]
fn older_connections_are_counted() {
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, (0..8640).map(|call| conn(call * 10, HOME, FAR, 443, 300)));
    let score = score(&beacons);
    assert_eq!((score.inputs.connections, score.inputs.timed, beacons.stamps()), (8640, 4096, 4096));
    near(score.inputs.gaps.median, 10.0);
    assert!(
        score.total > 0.99 && score.explanation.contains("the newest 4096 of them"),
        "{}",
        score.explanation
    );
}

/// Being busy all day is not being regular.
#[test]
fn random_traffic_is_not_regular_because_it_is_much() {
    let mut random = Random(3);
    let mut seconds: Vec<i64> = (0..8_000).map(|_| random.seconds(86_400)).collect();
    seconds.sort_unstable();
    let mut beacons = following(BeaconConfig::default());
    feed(&mut beacons, seconds.iter().map(|second| conn(*second, HOME, FAR, 443, 300)));
    let score = score(&beacons);
    println!("8,000 at random: {}", score.explanation);
    assert_eq!(score.inputs.timed, 4096);
    assert!(score.timing < 0.7, "{}", score.explanation);
}

#[test]
fn alerts_come_in_portions() {
    let mut beacons = following(BeaconConfig::default());
    for hour in 0..24 {
        feed(&mut beacons, (0..250).map(|other| conn(hour * 3600, HOME, &address(other), 443, 300)));
    }
    let told = beacons.take_alerts().len();
    assert_eq!((told, beacons.take_alerts().len()), (MAX_ALERTS, 0));
    // The others follow with the next hours.
    for hour in 24..27 {
        feed(&mut beacons, (0..250).map(|other| conn(hour * 3600, HOME, &address(other), 443, 300)));
        let next = beacons.take_alerts().len();
        assert_eq!(next, [100, 50, 0][usize::try_from(hour - 24).unwrap()]);
    }
}
