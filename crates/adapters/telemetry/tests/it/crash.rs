//! The power fails at the worst moments: nothing that was promised is lost, nothing is there twice.

use std::path::{Path, PathBuf};

use ports::telemetry::{Plan, Retention, Telemetry};

use crate::{
    Event, HOUR, append, event, events, files, files_of, hunt, keep, keep_in_files, now, open, there,
};

/// The one file with this ending.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let files = files_of(folder, ending);
    assert_eq!(files.len(), 1, "{files:?}");
    folder.join(&files[0])
}

/// What a file is called while it is written.
fn draft(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap().to_str().unwrap();
    file.with_file_name(format!("_{}", name.replace(".parquet", ".tmp")))
}

fn relative(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()
}

/// No leftovers: logs, files and the lock alone.
#[track_caller]
fn tidy(folder: &Path) {
    let odd = |file: &&PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        !(name == "_lock" || name.ends_with(".wal") || name.ends_with(".parquet"))
    };
    let files = files(folder);
    assert_eq!(files.iter().filter(odd).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

#[test]
fn a_torn_log_is_cut_behind_the_last_whole_record() {
    let folder = testkit::temp_dir();
    let all = events(0..6);
    let store = open(folder.path());
    keep(&store, "dc1", 4, &all[..4]);
    let log = only(folder.path(), ".wal");
    let committed = std::fs::metadata(&log).unwrap().len();
    append(&store, "dc1", 6, &all[4..]);
    drop(store);
    let bytes = std::fs::read(&log).unwrap();
    let cuts = (usize::try_from(committed).unwrap()..bytes.len()).step_by(11);
    for cut in cuts.chain([bytes.len() - 1, bytes.len()]) {
        let folder = testkit::temp_dir();
        let copy = folder.path().join(relative_to_log(&log));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(&copy, &bytes[..cut]).unwrap();
        let store = open(folder.path());
        store.committed("dc1", 4).unwrap();
        there(&store, "dc1", &all[..4]);
        keep(&store, "dc1", 6, &all[4..]);
        there(&store, "dc1", &all);
        store.flush().unwrap();
        there(&store, "dc1", &all);
        tidy(folder.path());
    }
}

/// The last two folders and the name.
fn relative_to_log(log: &Path) -> PathBuf {
    let parts: Vec<_> = log.components().rev().take(3).collect();
    parts.into_iter().rev().collect()
}

#[test]
fn what_was_promised_and_is_gone_is_said() {
    let folder = testkit::temp_dir();
    let all = events(0..10);
    let store = open(folder.path());
    keep(&store, "dc1", 5, &all[..5]);
    let log = only(folder.path(), ".wal");
    let before = std::fs::metadata(&log).unwrap().len();
    keep(&store, "dc1", 10, &all[5..]);
    drop(store);
    // The sixth record rots.
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[usize::try_from(before).unwrap() + 20] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let store = open(folder.path());
    store.committed("dc1", 10).unwrap();
    let (found, looked) = hunt(&store, &Plan::default());
    assert_eq!(found.len(), 5);
    assert!(!looked.complete);
    assert_eq!(looked.blind.len(), 1);
    assert!(looked.blind[0].contains("dc1") && looked.blind[0].contains("6 to 10"), "{:?}", looked.blind);
    assert_eq!(store.stats().blind, looked.blind);
    // It is not said of sources that are not asked about, and life goes on.
    let other = Plan { sources: Some(["dc2".to_owned()].into()), ..Plan::default() };
    assert!(hunt(&store, &other).1.complete);
    keep(&store, "dc1", 12, &events(10..12));
    assert_eq!(hunt(&store, &Plan::default()).0.len(), 7);
}

#[test]
fn a_log_that_was_being_made_is_nothing() {
    for length in [0, 1, 11, 12, 20] {
        let folder = testkit::temp_dir();
        let store = open(folder.path());
        append(&store, "dc1", 1, &events(0..1));
        drop(store);
        let log = only(folder.path(), ".wal");
        let bytes = std::fs::read(&log).unwrap();
        std::fs::write(&log, &bytes[..length]).unwrap();
        let store = open(folder.path());
        there(&store, "dc1", &[]);
        keep(&store, "dc1", 1, &events(0..1));
        there(&store, "dc1", &events(0..1));
    }
}

/// A store whose one log has been turned into one file, and the bytes of that log.
fn flushed(folder: &Path, all: &[Event]) -> (PathBuf, Vec<u8>, PathBuf) {
    let store = open(folder);
    keep(&store, "dc1", all.len() as u64, all);
    let log = only(folder, ".wal");
    let bytes = std::fs::read(&log).unwrap();
    store.flush().unwrap();
    drop(store);
    (log, bytes, only(folder, ".parquet"))
}

#[test]
fn a_flush_that_was_interrupted() {
    let all = events(0..50);
    // How far it had come: the file was being written, was written, the change was noted, was made but for the log.
    for step in 0..4 {
        let folder = testkit::temp_dir();
        let (log, bytes, file) = flushed(folder.path(), &all);
        std::fs::write(&log, bytes).unwrap();
        if step < 3 {
            std::fs::rename(&file, draft(&file)).unwrap();
        }
        if step == 0 {
            let half = std::fs::read(draft(&file)).unwrap();
            std::fs::write(draft(&file), &half[..half.len() / 2]).unwrap();
        }
        if step >= 2 {
            let name = |file: &Path| relative(folder.path(), file);
            let note = format!("rename\t{}\t{}\nremove\t{}\n", name(&draft(&file)), name(&file), name(&log));
            std::fs::write(folder.path().join("_change-0000000000000099.txt"), note).unwrap();
        }
        let store = open(folder.path());
        there(&store, "dc1", &all);
        store.committed("dc1", 50).unwrap();
        store.flush().unwrap();
        there(&store, "dc1", &all);
        drop(store);
        there(&open(folder.path()), "dc1", &all);
        tidy(folder.path());
    }
}

#[test]
fn a_note_that_was_being_written_is_nothing() {
    let folder = testkit::temp_dir();
    let all = events(0..50);
    let (log, bytes, file) = flushed(folder.path(), &all);
    std::fs::write(&log, bytes).unwrap();
    std::fs::rename(&file, draft(&file)).unwrap();
    let half = format!("remove\t{}\n", relative(folder.path(), &log));
    std::fs::write(folder.path().join("_change-0000000000000099.tmp"), half).unwrap();
    let store = open(folder.path());
    there(&store, "dc1", &all);
    tidy(folder.path());
}

#[test]
fn a_merge_that_was_interrupted() {
    let all = events(0..40);
    for step in 0..3 {
        let folder = testkit::temp_dir();
        let store = open(folder.path());
        for batch in 0..4 {
            keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
        }
        let old: Vec<_> = files_of(folder.path(), ".parquet")
            .into_iter()
            .map(|file| (folder.path().join(&file), std::fs::read(folder.path().join(&file)).unwrap()))
            .collect();
        assert_eq!(old.len(), 4);
        let later = now().plus_micros(3 * HOUR);
        assert_eq!(store.maintain(later, &Retention::default()).unwrap().merged, 4);
        drop(store);
        let merged = only(folder.path(), ".parquet");
        for (file, bytes) in &old {
            std::fs::write(file, bytes).unwrap();
        }
        if step < 2 {
            std::fs::rename(&merged, draft(&merged)).unwrap();
        }
        if step > 0 {
            let name = |file: &Path| relative(folder.path(), file);
            let mut note = format!("rename\t{}\t{}\n", name(&draft(&merged)), name(&merged));
            for (file, _) in &old {
                note.push_str(&format!("remove\t{}\n", name(file)));
            }
            std::fs::write(folder.path().join("_change-0000000000000099.txt"), note).unwrap();
        }
        let store = open(folder.path());
        there(&store, "dc1", &all);
        assert_eq!(files_of(folder.path(), ".parquet").len(), if step == 0 { 4 } else { 1 });
        tidy(folder.path());
    }
}

#[test]
fn what_is_synced_survives_the_process() {
    // With everything durable, as a node has it.
    let folder = testkit::temp_dir();
    let durable = || {
        let options = shieldwall_telemetry::Options::default();
        shieldwall_telemetry::ParquetTelemetry::open(folder.path(), options).unwrap()
    };
    let store = durable();
    keep(&store, "dc1", 20, &events(0..20));
    store.flush().unwrap();
    keep(&store, "dc1", 40, &events(20..40));
    store.flush().unwrap();
    store.maintain(now().plus_micros(3 * HOUR), &Retention::default()).unwrap();
    append(&store, "dc1", 41, &[event(40)]);
    drop(store);
    there(&durable(), "dc1", &events(0..41));
}
