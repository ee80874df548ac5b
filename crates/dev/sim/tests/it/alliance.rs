//! Alliances with real keys under every fault.

use shieldwall_sim::{AlliancePlan, AllianceReport, Shape, Stage, play};

fn stage(shape: Shape) -> (testkit::TempDir, Stage) {
    let dir = testkit::temp_dir();
    let stage = Stage::build(shape, dir.path()).map_err(|problem| problem.0).unwrap();
    (dir, stage)
}

fn check(plan: AlliancePlan, stage: &Stage) -> Result<AllianceReport, String> {
    let play = || {
        let folder = testkit::temp_dir();
        play(plan, stage, folder.path()).map_err(|violation| violation.to_string())
    };
    let (first, second) = (play()?, play()?);
    if first == second { Ok(first) } else { Err(format!("seed {} does not repeat", plan.seed)) }
}

#[test]
fn scratch() {
    let from: u64 = std::env::var("FROM").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let to: u64 = std::env::var("TO").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let shape = match std::env::var("SHAPE").as_deref() {
        Ok("circle") => Shape::Circle,
        Ok("alliance") => Shape::Alliance,
        Ok("coalition") => Shape::Coalition,
        _ => Shape::Triangle,
    };
    let (_dir, stage) = stage(shape);
    for seed in from..to {
        let start = std::time::Instant::now();
        let report = check(AlliancePlan::faulty(seed, shape), &stage);
        println!("{seed} {:?} {report:?}", start.elapsed());
    }
}
