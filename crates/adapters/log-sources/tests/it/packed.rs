//! Files packed with gzip and zstd.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use log_sources::{Kinds, Pace};

use crate::caller::Caller;
use crate::{append, files, pace, quick};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

/// The records of a folder with this one file, and what was said; read until there are so many.
async fn read(name: &str, bytes: &[u8], count: usize) -> Caller {
    let dir = testkit::temp_dir();
    fs::write(dir.path().join(name), bytes).unwrap();
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(count).await;
    caller
}

#[tokio::test]
async fn both_are_unpacked_and_their_last_line_is_whole() {
    let expect = ["a: one", "a: two", "a: last"];
    for (name, bytes) in [
        ("a.log.gz", gzip(b"one\ntwo\nlast")),
        ("a.log.zst", zstd(b"one\ntwo\nlast")),
        // Several members and frames, one after another.
        ("a.log.gz", [gzip(b"one\nt"), gzip(b"wo\nlast")].concat()),
        ("a.log.zst", [zstd(b"one\nt"), zstd(b"wo\nlast")].concat()),
    ] {
        let caller = read(name, &bytes, 3).await;
        let records: Vec<String> = caller.records.iter().map(|record| record.replace(name, "a")).collect();
        assert_eq!(records, expect, "{name}");
        assert!(caller.faults.is_empty());
    }
}

#[tokio::test]
async fn it_goes_on_in_the_middle() {
    let lines: String = (0..300_000).map(|number| format!("{number}\n")).collect();
    for (name, bytes) in [("a.gz", gzip(lines.as_bytes())), ("a.zst", zstd(lines.as_bytes()))] {
        let dir = testkit::temp_dir();
        fs::write(dir.path().join(name), bytes).unwrap();
        let spec = files(dir.path());
        let mut caller = Caller::open(&quick(), &spec, None);
        caller.until(1).await;
        let mut records = std::mem::take(&mut caller.records);
        assert!(records.len() < 300_000);
        let mut caller = caller.again(&quick(), &spec);
        let batch = caller.next().await.unwrap();
        assert!(batch.begins && batch.offset > 0);
        assert!(batch.head.starts_with(b"0\n1\n2\n") && batch.head.len() == 64 << 10);
        let (more, at) = caller.take(&batch);
        caller.position = Some(caller.stream.position(batch.part, at));
        records.extend(more);
        caller.until(300_000 - records.len()).await;
        records.append(&mut caller.records);
        let expect: Vec<String> = (0..300_000).map(|number| format!("{name}: {number}")).collect();
        assert!(records == expect);
        // What was read to its end is not read again.
        let mut caller = caller.again(&quick(), &spec);
        append(&dir.path().join("b.log"), "end\n");
        assert_eq!(caller.until(1).await.records, ["b.log: end"]);
    }
}

#[tokio::test]
async fn bombs_are_refused_and_the_others_go_on() {
    let zeros = vec![b'0'; 64 << 20];
    for (name, bytes) in [("a.gz", gzip(&zeros)), ("a.zst", zstd(&zeros))] {
        let dir = testkit::temp_dir();
        fs::write(dir.path().join(name), bytes).unwrap();
        append(&dir.path().join("b.log"), "one\n");
        let mut caller = Caller::open(&quick(), &files(dir.path()), None);
        let fault = caller.until_fault().await;
        assert!(fault.contains(name) && fault.contains("bomb"), "{fault}");
        caller.until_met("one").await;
        // It is not tried again.
        append(&dir.path().join("b.log"), "two\n");
        caller.until_met("two").await;
        assert_eq!(caller.faults.len(), 1);
    }
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_waited_for_and_then_named() {
    let whole = gzip(&(0..200_000).map(|number| format!("{number}\n")).collect::<String>().into_bytes());
    let (begin, rest) = whole.split_at(whole.len() / 2);
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.gz");
    fs::write(&path, begin).unwrap();
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(1).await;
    append(&path, rest);
    let mut caller = {
        caller.until(200_000).await;
        let expect: Vec<String> = (0..200_000).map(|number| format!("a.gz: {number}")).collect();
        assert!(caller.records == expect && caller.faults.is_empty());
        caller.again(&quick(), &files(dir.path()))
    };
    append(&dir.path().join("b.log"), "one\n");
    assert_eq!(caller.until(1).await.records, ["b.log: one"]);

    let dir = testkit::temp_dir();
    fs::write(dir.path().join("a.gz"), begin).unwrap();
    let hasty = Kinds::new().paced(Pace { quiet: std::time::Duration::ZERO, ..pace() });
    let mut caller = Caller::open(&hasty, &files(dir.path()), None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("a.gz") && fault.contains("too early"), "{fault}");
    assert!(!caller.records.is_empty(), "what came before counts");
}

/// So little that nothing more can be told of it: it is handed out all the same, and what comes later goes on behind it.
#[tokio::test]
async fn what_there_is_of_a_short_file_that_is_cut_off_is_handed_out() {
    let lines: String = (0..8_000).map(|number| format!("{number}\n")).collect();
    let whole = gzip(lines.as_bytes());
    let (begin, rest) = whole.split_at(whole.len() / 2);
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.gz");
    fs::write(&path, begin).unwrap();
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(1_000).await;
    assert!(caller.records.len() < 8_000);
    append(&path, rest);
    caller.until(8_000).await;
    let expect: Vec<String> = (0..8_000).map(|number| format!("a.gz: {number}")).collect();
    assert!(caller.records == expect && caller.faults.is_empty(), "{:?}", caller.faults);
}

#[tokio::test]
async fn what_is_not_what_its_name_says_is_named() {
    let broken = |path: &Path| {
        let mut bytes = gzip(b"one\ntwo\n");
        let checksum = bytes.len() - 8;
        bytes[checksum] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let check = async |name: &str, write: &dyn Fn(&Path), records: usize| {
        let dir = testkit::temp_dir();
        write(&dir.path().join(name));
        let mut caller = Caller::open(&quick(), &files(dir.path()), None);
        let fault = caller.until_fault().await;
        assert!(fault.contains(name) && fault.contains("cannot be unpacked"), "{fault}");
        assert_eq!(caller.records.len(), records);
    };
    check("a.gz", &|path| fs::write(path, "plain text\n").unwrap(), 0).await;
    check("a.zst", &|path| fs::write(path, "plain text, long enough\n").unwrap(), 0).await;
    check("a.gz", &broken, 2).await;
}
