//! Many seeds, each played twice.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use shieldwall_sim::{Plan, Report, run};

fn check(seed: u64) -> Report {
    let first = run(Plan::faulty(seed));
    let second = run(Plan::faulty(seed));
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.trace, second.trace, "seed {seed} does not repeat");
            first
        }
        (first, second) => panic!("seed {seed}: {first:?} / {second:?}"),
    }
}

#[test]
fn a_coalition_converges_under_every_fault() {
    let seeds = testkit::count("SHIELDWALL_SIM_SEEDS", 200);
    let next = AtomicU64::new(0);
    let reports = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Each seed is played on one thread; which one plays it makes no difference to the seed.
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let report = check(seed);
                    reports.lock().unwrap().push(report);
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let (dropped, doubled, cut) = (sum(|r| r.faults[0]), sum(|r| r.faults[1]), sum(|r| r.faults[2]));
    let (crashes, refused) = (sum(|r| r.crashes), sum(|r| r.refused));
    println!(
        "{seeds} seeds, {} steps: {dropped} messages lost, {doubled} doubled, {cut} blocked, {crashes} crashes, {refused} forgeries refused",
        sum(|r| r.steps)
    );
    // A simulation in which nothing goes wrong proves nothing.
    assert!(dropped > 0 && doubled > 0 && cut > 0 && crashes > 0 && refused > 0);
}

#[test]
fn without_faults_everything_arrives_and_nothing_is_refused() {
    let plan = Plan { drop: 0, duplicate: 0, crash: 0, hostile: false, ..Plan::faulty(7) };
    let report = run(plan).unwrap();
    assert_eq!((report.faults[0], report.faults[1], report.refused), (0, 0, 0));
    assert!(report.published >= 20);
}
