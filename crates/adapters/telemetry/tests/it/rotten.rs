//! Files that rot, and files that somebody put there: named, never more.

use std::path::{Path, PathBuf};

use ports::telemetry::{Plan, Retention, Telemetry};

use crate::{DAY, HOUR, event, events, files_of, hunt, keep_in_files, now, open};

/// A store with a good file of one source and another source's file, which will rot.
fn two(folder: &Path) -> PathBuf {
    let store = open(folder);
    keep_in_files(&store, "good", 20, &events(0..20));
    keep_in_files(&store, "rotten", 200, &events(0..200));
    let files = files_of(folder, ".parquet");
    folder.join(files.iter().find(|file| file.starts_with("source=rotten")).unwrap())
}

/// What is left is found, and the rotten file is named.
#[track_caller]
fn named(folder: &Path, file: &Path) {
    let store = open(folder);
    let (found, looked) = hunt(&store, &Plan::default());
    assert_eq!(found.iter().filter(|seen| seen.source == "good").count(), 20);
    assert!(!looked.complete);
    assert_eq!(looked.blind.len(), 1, "{:?}", looked.blind);
    assert!(looked.blind[0].contains(file.to_str().unwrap()), "{:?}", looked.blind);
    // It is not said where it cannot matter.
    let good = Plan { sources: Some(["good".to_owned()].into()), ..Plan::default() };
    assert!(hunt(&store, &good).1.complete);
    let before = Plan { until: Some(now().plus_micros(-DAY)), ..Plan::default() };
    assert!(hunt(&store, &before).1.complete);
}

#[test]
fn cut_short() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    for length in [0, 1, 3, 4, 8, 12, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).unwrap();
        named(folder.path(), &file);
    }
    assert_eq!(open(folder.path()).stats().blind.len(), 1);
}

#[test]
fn something_else() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    let huge = [&b"PAR1"[..], &[0xff; 100], &[0xff, 0xff, 0xff, 0x7f], b"PAR1"].concat();
    for bytes in [&b"hello"[..], b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", &[0; 5000], &huge] {
        std::fs::write(&file, bytes).unwrap();
        named(folder.path(), &file);
    }
}

#[test]
fn put_there_by_somebody() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    let evil = file.with_file_name("evil.parquet");
    std::fs::write(&evil, b"hello").unwrap();
    named(folder.path(), &evil);
    std::fs::remove_file(&evil).unwrap();
    // What is no file of hours is left alone.
    for other in ["source=x/part-1.parquet", "source=x/date=y/hour=z/part-1.parquet", "x/y/z/w.parquet"] {
        let path = folder.path().join(other);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"hello").unwrap();
    }
    std::os::unix::fs::symlink("/", folder.path().join("source=link")).unwrap();
    assert!(hunt(&open(folder.path()), &Plan::default()).1.complete);
}

/// A flipped bit is found out, or does no more harm than that; it never ends the hunt.
#[test]
fn one_flipped_bit_anywhere() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    let values = event(7).observables;
    for place in (0..bytes.len()).step_by(bytes.len() / 150 + 1) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        std::fs::write(&file, &damaged).unwrap();
        let store = open(folder.path());
        for plan in [Plan::default(), Plan { values: values.clone(), ..Plan::default() }] {
            let (found, looked) = hunt(&store, &plan);
            let good = found.iter().filter(|seen| seen.source == "good").count();
            assert_eq!(good, if plan.values.is_empty() { 20 } else { 1 }, "{place}");
            assert!(looked.blind.iter().all(|what| what.contains("rotten")), "{place} {:?}", looked.blind);
        }
        store.maintain(now().plus_micros(3 * HOUR), &Retention::default()).unwrap();
    }
}

#[test]
fn rot_since_the_start_is_noticed_too() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    let store = open(folder.path());
    assert!(hunt(&store, &Plan::default()).1.complete);
    // Too short for any column, though its footer is known already.
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(16).unwrap();
    let (found, looked) = hunt(&store, &Plan::default());
    assert!(found.len() >= 20 && !looked.complete);
    std::fs::remove_file(&file).unwrap();
    let (found, looked) = hunt(&store, &Plan::default());
    assert_eq!((found.len(), looked.blind.len(), looked.complete), (20, 1, false));
}

#[test]
fn a_rotten_file_ages_by_its_folder_and_stops_no_merging() {
    let folder = testkit::temp_dir();
    let file = two(folder.path());
    std::fs::write(&file, b"rotten").unwrap();
    let store = open(folder.path());
    for batch in 1..4 {
        keep_in_files(&store, "rotten", batch * 5, &events(batch * 5..(batch + 1) * 5));
    }
    let later = now().plus_micros(3 * HOUR);
    let done = store.maintain(later, &Retention::default()).unwrap();
    assert_eq!((done.merged, done.blind.len()), (3, 0));
    let week = Retention { age: Some(std::time::Duration::from_secs(7 * 86_400)), bytes: None };
    assert_eq!(store.maintain(now().plus_micros(6 * DAY), &week).unwrap().files, 0);
    assert_eq!(store.maintain(now().plus_micros(8 * DAY), &week).unwrap().files, 3);
    assert!(!file.exists());
}
