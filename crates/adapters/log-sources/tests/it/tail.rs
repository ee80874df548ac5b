//! A file that grows.

use std::time::Duration;

use log_sources::Kinds;
use log_sources::Pace;
use ports::logs::MAX_BATCH;
use serde_json::json;

use crate::caller::Caller;
use crate::{append, files, pace, quick, spec};

#[tokio::test]
async fn lines_come_whole_and_once() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\ntw");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    assert_eq!(caller.until(1).await.records, ["a.log: one"]);
    append(&path, "o\r\nthree\n");
    assert_eq!(caller.until(3).await.records, ["a.log: one", "a.log: two", "a.log: three"]);
    assert_eq!(caller.stream.lag().bytes, Some(0));
    assert_eq!(caller.stream.lag().parts, 1);
}

#[tokio::test]
async fn it_goes_on_at_the_byte_where_it_was_left() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\ntwo\nthr");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(2).await;
    append(&path, "ee\nfour\n");
    let mut caller = caller.again(&quick(), &files(&path));
    let batch = caller.next().await.unwrap();
    assert!(batch.begins);
    assert_eq!((batch.offset, batch.head.as_slice()), (8, b"one\ntwo\n".as_slice()));
    assert_eq!(caller.take(&batch).0, ["a.log: three", "a.log: four"]);
}

#[tokio::test]
async fn a_batch_that_was_not_committed_comes_again() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    append(&path, "two\n");
    let batch = caller.next().await.unwrap();
    assert_eq!(caller.take(&batch).0, ["a.log: two"]);
    // The caller dies here.
    let mut caller = caller.again(&quick(), &files(&path));
    assert_eq!(caller.until(1).await.records, ["a.log: two"]);
}

#[tokio::test]
async fn waiting_can_be_cancelled() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    for number in 0..50 {
        let waited = tokio::time::timeout(Duration::from_micros(200), caller.stream.next()).await;
        if let Ok(batch) = waited {
            let batch = batch.unwrap();
            let (records, at) = caller.take(&batch);
            caller.records.extend(records);
            caller.stream.position(batch.part, at);
        }
        append(&path, format!("{number}\n"));
    }
    caller.until(51).await;
    let expect: Vec<String> = ["a.log: one".to_owned()]
        .into_iter()
        .chain((0..50).map(|number| format!("a.log: {number}")))
        .collect();
    assert_eq!(caller.records, expect);
}

#[tokio::test]
async fn from_the_end_means_the_line_that_is_being_written() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "old\nhalf");
    let from_end = spec("file", &json!({"path": path, "from": "end"}));
    let mut caller = Caller::open(&quick(), &from_end, None);
    caller.until_followed(1).await;
    append(&path, " a line\n");
    append(&dir.path().join("b.log"), "unrelated\n");
    assert_eq!(caller.until(1).await.records, ["a.log: half a line"]);
    // Later files are new from their first byte.
    let folder = spec("file", &json!({"path": dir.path(), "from": "end"}));
    let mut caller = Caller::open(&quick(), &folder, None);
    caller.until_followed(2).await;
    append(&path, "more\n");
    caller.until(1).await;
    append(&dir.path().join("c.log"), "new\n");
    assert_eq!(caller.until(2).await.records, ["a.log: more", "c.log: new"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_named_once_and_read_when_it_comes() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("sub/a.log");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("a.log") && fault.contains("not there"), "{fault}");
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    append(&path, "here\n");
    assert_eq!(caller.until(1).await.records, ["a.log: here"]);
    assert_eq!(caller.faults.len(), 1);
}

#[tokio::test]
async fn a_last_line_without_a_line_break_is_whole_once_nothing_changes() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\ntwo");
    let kinds = Kinds::new().paced(Pace { quiet: Duration::ZERO, ..pace() });
    let mut caller = Caller::open(&kinds, &files(&path), None);
    assert_eq!(caller.until(2).await.records, ["a.log: one", "a.log: two"]);
    // Should it go on after all, what comes is read as a line of its own.
    append(&path, "\nthree\n");
    assert_eq!(caller.until(3).await.records[2], "a.log: three");
    let mut caller = caller.again(&kinds, &files(&path));
    append(&path, "four\n");
    assert_eq!(caller.until(1).await.records, ["a.log: four"]);
}

#[tokio::test]
async fn a_line_of_100_megabytes_comes_in_pieces() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    for _ in 0..100 {
        append(&path, vec![b'x'; 1 << 20]);
    }
    append(&path, "\nshort\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(2).await;
    assert_eq!(caller.records, [format!("a.log: too long, {}", 100 << 20), "a.log: short".to_owned()]);
    const { assert!(MAX_BATCH <= 1 << 20) };
}

#[tokio::test]
async fn zeros_of_a_file_truncated_under_its_writer_are_passed_over() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    std::fs::File::create(&path).unwrap().set_len(5 << 20).unwrap();
    append(&path, "after\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    assert_eq!(caller.until(1).await.records, ["a.log: after"]);
    assert!(caller.notes.iter().any(|note| note.contains("zero bytes")), "{:?}", caller.notes);
    append(&path, "more\n");
    assert_eq!(caller.until(2).await.records[1], "a.log: more");
}

/// After a crash a file can have its length and nothing of what was in it.
#[tokio::test]
async fn a_file_of_zeros_alone_is_named_once_and_followed_all_the_same() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    std::fs::write(&path, vec![0; 3_000]).unwrap();
    let mut caller = Caller::open(&quick(), &files(&path), None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("a.log") && fault.contains("3000 bytes of zeros"), "{fault}");
    append(&path, vec![0; 100]);
    append(&path, "one\n");
    assert_eq!(caller.until(1).await.records, ["a.log: one"]);
    assert_eq!(caller.faults.len(), 1);
}
