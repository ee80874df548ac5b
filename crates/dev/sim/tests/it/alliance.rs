//! Alliances with real keys under every fault.

use shieldwall_sim::{AlliancePlan, Shape, Stage, play};

/// Plays seeds, each twice: every invariant holds after every step, and the same seed comes to the same end. The more
/// nodes there are, the fewer things people do, unless `SHIELDWALL_SEEDS` asks for a long run.
fn check(shape: Shape, deeds: u32, seeds: std::ops::Range<u64>) {
    let faulty = AlliancePlan::faulty(0, shape);
    let deeds = if std::env::var_os("SHIELDWALL_SEEDS").is_some() { faulty.deeds } else { deeds };
    let seeds = match std::env::var("SHIELDWALL_SEEDS").ok().and_then(|n| n.parse::<u64>().ok()) {
        Some(count) => seeds.start..seeds.start + count,
        None => seeds,
    };
    let dir = testkit::temp_dir();
    let stage = Stage::build(shape, dir.path()).map_err(|problem| problem.0).unwrap();
    let (mut steps, mut published) = (0, 0);
    for seed in seeds {
        let play = || {
            let folder = testkit::temp_dir();
            play(AlliancePlan { deeds, ..AlliancePlan::faulty(seed, shape) }, &stage, folder.path())
        };
        let first = play().unwrap_or_else(|violation| panic!("{shape:?}: {violation}"));
        let second = play().unwrap_or_else(|violation| panic!("{shape:?}, again: {violation}"));
        assert_eq!(first, second, "seed {seed} does not repeat");
        println!("{shape:?} {seed}: {first:?}");
        steps += first.steps;
        published += first.published;
    }
    assert!(steps > 0 && published > 0, "nothing happened");
}

#[test]
fn three_nodes() {
    check(Shape::Triangle, 24, 2..5);
}

#[test]
fn a_circle() {
    check(Shape::Circle, 20, 101..102);
}

#[test]
fn an_alliance() {
    check(Shape::Alliance, 12, 201..202);
}

#[test]
fn seven_nodes() {
    check(Shape::Coalition, 8, 300..301);
}
