//! Alliances with real keys under every fault.

use shieldwall_sim::{AlliancePlan, Shape, Stage, play};

/// Plays seeds, each twice: every invariant holds after every step, and the same seed comes to the same end.
fn check(shape: Shape, seeds: std::ops::Range<u64>) {
    let seeds = match std::env::var("SHIELDWALL_SEEDS").ok().and_then(|n| n.parse::<u64>().ok()) {
        Some(count) => seeds.start..seeds.start + count,
        None => seeds,
    };
    let dir = testkit::temp_dir();
    let stage = Stage::build(shape, dir.path()).map_err(|problem| problem.0).unwrap();
    let (mut steps, mut given) = (0, 0);
    for seed in seeds {
        let play = || {
            let folder = testkit::temp_dir();
            play(AlliancePlan::faulty(seed, shape), &stage, folder.path())
        };
        let first = play().unwrap_or_else(|violation| panic!("{shape:?}: {violation}"));
        let second = play().unwrap_or_else(|violation| panic!("{shape:?}, again: {violation}"));
        assert_eq!(first, second, "seed {seed} does not repeat");
        println!("{shape:?} {seed}: {first:?}");
        steps += first.steps;
        given += first.given;
    }
    assert!(steps > 0 && given > 0, "nothing happened");
}

#[test]
fn three_nodes() {
    check(Shape::Triangle, 0..6);
}

#[test]
fn a_circle() {
    check(Shape::Circle, 100..102);
}

#[test]
fn an_alliance() {
    check(Shape::Alliance, 200..202);
}

#[test]
fn seven_nodes() {
    check(Shape::Coalition, 300..301);
}
