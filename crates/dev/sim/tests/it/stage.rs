//! What runs begin with.

use shieldwall_sim::{Shape, Stage};

#[test]
fn scratch_times() {
    for shape in [Shape::Alliance, Shape::Coalition] {
        let dir = testkit::temp_dir();
        let start = std::time::Instant::now();
        let stage = Stage::build(shape, dir.path()).map_err(|p| p.0).unwrap();
        println!("{shape:?} built {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let members = stage.copy(dir.path(), 1).map_err(|p| p.0).unwrap();
        println!("{shape:?} copied {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let refs: Vec<_> = members.iter().collect();
        let refused = shieldwall_sim::settle(&refs).map_err(|p| p.0).unwrap();
        println!("{shape:?} settled {:?} {refused:?}", start.elapsed());
    }
}
