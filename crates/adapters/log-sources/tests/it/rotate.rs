//! Files that are renamed, copied, truncated, deleted and made anew.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::caller::Caller;
use crate::{append, files, quick, telling};

/// Packs a file as `logrotate` does: the packed one grows beside it, then the plain one goes.
fn pack(path: &Path) {
    let packed = format!("{}.gz", path.display());
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(packed).unwrap(), flate2::Compression::default());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    writer.write_all(b"two\nlast").unwrap();
    append(&path, "three\n");
    // The last line of the old file has no line break; once nobody writes there any more it is whole.
    caller.until(4).await;
    caller.records.sort();
    assert_eq!(caller.records, ["a.log: last", "a.log: one", "a.log: three", "a.log: two"]);
    append(&path, "four\n");
    assert_eq!(caller.until(5).await.records[4], "a.log: four");
}

#[tokio::test]
async fn what_was_renamed_while_nobody_read_is_found_beside() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    let position = caller.position.take();
    drop(caller);
    append(&path, "two\n");
    fs::rename(&path, dir.path().join("a.log-20240101")).unwrap();
    append(&path, "three\n");
    append(&dir.path().join("b.log"), "not asked for\n");
    let mut caller = Caller::open(&quick(), &files(&path), position.as_deref());
    caller.until(2).await;
    caller.records.sort();
    assert_eq!(caller.records, ["a.log-20240101: two", "a.log: three"]);
}

#[tokio::test]
async fn what_was_packed_while_nobody_read_is_found_too() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, telling(1));
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    let position = caller.position.take();
    drop(caller);
    append(&path, "two\n");
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    pack(&dir.path().join("a.log.1"));
    append(&path, "three\n");
    let mut caller = Caller::open(&quick(), &files(&path), position.as_deref());
    caller.until(2).await;
    caller.records.sort();
    assert_eq!(caller.records, ["a.log.1.gz: two", "a.log: three"]);
}

#[tokio::test]
async fn a_truncated_file_begins_again_and_says_so() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\ntwo\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(2).await;
    fs::write(&path, "a\n").unwrap();
    assert_eq!(caller.until(3).await.records[2], "a.log: a");
    assert!(caller.notes.iter().any(|note| note.contains("truncated")), "{:?}", caller.notes);
    // Longer than what was read before, and still noticed.
    fs::write(&path, "something else\nand more\n").unwrap();
    assert_eq!(caller.until(5).await.records[3..], ["a.log: something else", "a.log: and more"]);
}

#[tokio::test]
async fn another_file_with_the_same_number_is_another_file() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\ntwo\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(2).await;
    let position = caller.position.take();
    drop(caller);
    // Writing in place keeps the inode, as a file system that gives it again would.
    fs::write(&path, "quite different\nand longer than before\n").unwrap();
    let mut caller = Caller::open(&quick(), &files(&path), position.as_deref());
    assert_eq!(caller.until(2).await.records, ["a.log: quite different", "a.log: and longer than before"]);
    assert!(caller.notes.iter().any(|note| note.contains("begun again")), "{:?}", caller.notes);
}

#[tokio::test]
async fn deleted_and_made_anew() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    for round in 0..5 {
        append(&path, format!("before {round}\n"));
        fs::remove_file(&path).unwrap();
        append(&path, format!("after {round}\n"));
        caller.until(3 + round * 2).await;
    }
    let mut expect: Vec<String> =
        (0..5).flat_map(|n| [format!("a.log: before {n}"), format!("a.log: after {n}")]).collect();
    expect.push("a.log: one".to_owned());
    expect.sort();
    caller.records.sort();
    assert_eq!(caller.records, expect);
}

#[tokio::test]
async fn copied_and_truncated_with_the_copy_in_sight() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    let all = files(&dir.path().join("a.log*"));
    append(&path, telling(1));
    let mut caller = Caller::open(&quick(), &all, None);
    caller.until(1).await;
    // This line is not read before the file is truncated: only the copy holds it.
    let position = caller.position.take();
    drop(caller);
    append(&path, "two\n");
    fs::copy(&path, dir.path().join("a.log.1")).unwrap();
    fs::write(&path, "").unwrap();
    append(&path, "three\n");
    let mut caller = Caller::open(&quick(), &all, position.as_deref());
    caller.until(2).await;
    // And the copy is no second source of what was read already, nor is its packed form.
    pack(&dir.path().join("a.log.1"));
    append(&path, "four\n");
    caller.until_met("four").await;
    append(&dir.path().join("a.log.z"), "end\n");
    caller.until_met("end").await;
    caller.records.sort();
    assert_eq!(caller.records, ["a.log.1: two", "a.log.z: end", "a.log: four", "a.log: three"]);
}

#[tokio::test]
async fn of_a_copy_only_what_it_has_more_is_read() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    append(&path, telling(1));
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(1).await;
    let copy = dir.path().join("b.log");
    fs::copy(&path, &copy).unwrap();
    append(&copy, "a line that the original has not\n");
    assert_eq!(caller.until(2).await.records[1], "b.log: a line that the original has not");
    append(&path, "two\n");
    assert_eq!(caller.until(3).await.records[2], "a.log: two");
}

#[tokio::test]
async fn a_file_deleted_while_it_is_read_is_read_to_its_end() {
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.log");
    let lines: String = (0..400_000).map(|number| format!("{number}\n")).collect();
    append(&path, &lines);
    let mut caller = Caller::open(&quick(), &files(&path), None);
    caller.until(1).await;
    fs::remove_file(&path).unwrap();
    caller.until(400_000).await;
    assert_eq!(caller.records[399_999], "a.log: 399999");
}
