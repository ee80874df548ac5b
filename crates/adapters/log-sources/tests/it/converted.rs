//! Files that a converter turns into lines.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use log_sources::Kinds;
use ports::logs::{Converted, Converter, LogError, MAX_BATCH};

use crate::caller::Caller;
use crate::{append, files, quick};

/// Every line behind the magic becomes a record; `bad` is one that cannot be read, `stop` ends it.
#[derive(Default)]
struct Numbers {
    runs: AtomicUsize,
}

const MAGIC: &str = "NUMBERS\n";

impl Converter for Numbers {
    fn suits(&self, head: &[u8], _name: &str) -> bool {
        head.starts_with(MAGIC.as_bytes())
    }

    fn convert(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<Converted, LogError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut converted = Converted { complete: true, ..Converted::default() };
        for line in fs::read_to_string(path).unwrap().lines().skip(1) {
            match line {
                "bad" => {
                    converted.bad += 1;
                    converted.reasons.push("it says so".to_owned());
                }
                "stop" => return Err(LogError::Unreadable("chunk 7 is damaged".to_owned())),
                _ => {
                    converted.records += 1;
                    each(format!("{{\"n\":{line}}}").as_bytes());
                }
            }
        }
        Ok(converted)
    }
}

fn kinds() -> (Kinds, Arc<Numbers>) {
    let numbers = Arc::new(Numbers::default());
    (quick().converting(Arc::clone(&numbers) as Arc<dyn Converter>), numbers)
}

#[tokio::test]
async fn it_is_converted_once_and_what_could_not_be_read_is_said() {
    let (kinds, numbers) = kinds();
    let dir = testkit::temp_dir();
    append(&dir.path().join("a.bin"), format!("{MAGIC}1\nbad\n2\n"));
    append(&dir.path().join("b.log"), "text\n");
    let mut caller = Caller::open(&kinds, &files(dir.path()), None);
    caller.until(3).await;
    append(&dir.path().join("b.log"), "end\n");
    caller.until_met("end").await;
    caller.records.sort();
    assert_eq!(caller.records, ["a.bin: {\"n\":1}", "a.bin: {\"n\":2}", "b.log: end", "b.log: text"]);
    let note = caller.notes.join("\n");
    assert!(note.contains("a.bin") && note.contains("1 records") && note.contains("it says so"), "{note}");
    assert_eq!(numbers.runs.load(Ordering::Relaxed), 1);
    // Not even after a restart.
    let mut caller = caller.again(&kinds, &files(dir.path()));
    append(&dir.path().join("b.log"), "more\n");
    caller.until_met("more").await;
    assert_eq!((caller.records.len(), numbers.runs.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn it_goes_on_in_the_middle() {
    let (kinds, _) = kinds();
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.bin");
    let numbers: String = (0..300_000).map(|number| format!("{number}\n")).collect();
    append(&path, format!("{MAGIC}{numbers}"));
    let mut caller = Caller::open(&kinds, &files(&path), None);
    caller.until(1).await;
    let mut records = std::mem::take(&mut caller.records);
    let mut caller = caller.again(&kinds, &files(&path));
    let batch = caller.next().await.unwrap();
    assert!(batch.begins && batch.lines && batch.offset > 0 && batch.offset < MAX_BATCH as u64);
    assert!(batch.head.starts_with(b"{\"n\":0}\n"));
    records.extend(caller.take(&batch).0);
    caller.until(300_000 - records.len()).await;
    records.append(&mut caller.records);
    let expect: Vec<String> = (0..300_000).map(|number| format!("a.bin: {{\"n\":{number}}}")).collect();
    assert!(records == expect);
}

#[tokio::test]
async fn what_changed_is_converted_again_from_where_it_was_left() {
    let (kinds, numbers) = kinds();
    let dir = testkit::temp_dir();
    let path = dir.path().join("a.bin");
    append(&path, format!("{MAGIC}1\n2\n"));
    let mut caller = Caller::open(&kinds, &files(&path), None);
    caller.until(2).await;
    append(&path, "3\n");
    assert_eq!(caller.until(3).await.records[2], "a.bin: {\"n\":3}");
    assert!(numbers.runs.load(Ordering::Relaxed) >= 2);
    // Other records than before: all of them count.
    fs::write(&path, format!("{MAGIC}7\n8\n9\n10\n")).unwrap();
    caller.until(7).await;
    assert_eq!(caller.records[3..], [7, 8, 9, 10].map(|number| format!("a.bin: {{\"n\":{number}}}")));
}

#[tokio::test]
async fn a_conversion_that_fails_is_named_and_what_came_before_counts() {
    let (kinds, numbers) = kinds();
    let dir = testkit::temp_dir();
    append(&dir.path().join("a.bin"), format!("{MAGIC}1\nstop\n2\n"));
    let mut caller = Caller::open(&kinds, &files(dir.path()), None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("a.bin") && fault.contains("chunk 7"), "{fault}");
    caller.until(1).await;
    append(&dir.path().join("b.log"), "end\n");
    caller.until_met("end").await;
    assert_eq!(caller.records, ["a.bin: {\"n\":1}", "b.log: end"]);
    assert_eq!(numbers.runs.load(Ordering::Relaxed), 1);
}
