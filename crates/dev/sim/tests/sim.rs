//! Many seeds, each played twice.

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
    let mut total = [0u64; 6];
    for seed in 0..seeds {
        let report = check(seed);
        let [dropped, doubled, cut] = report.faults;
        for (sum, value) in
            total.iter_mut().zip([report.steps, dropped, doubled, cut, report.crashes, report.refused])
        {
            *sum += value;
        }
    }
    let [steps, dropped, doubled, cut, crashes, refused] = total;
    println!(
        "{seeds} seeds, {steps} steps: {dropped} messages lost, {doubled} doubled, {cut} blocked, {crashes} crashes, {refused} forgeries refused"
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
