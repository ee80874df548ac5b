//! Folders: what is read of them, and what is not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{CWD, FileType, Mode};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::json;

use crate::caller::Caller;
use crate::{append, files, quick, spec};

#[tokio::test]
async fn new_files_are_read_as_they_appear() {
    let dir = testkit::temp_dir();
    append(&dir.path().join("a.log"), "a\n");
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(1).await;
    append(&dir.path().join("b.log"), "b\n");
    caller.until(2).await;
    append(&dir.path().join("a.log"), "c\n");
    assert_eq!(caller.until(3).await.records, ["a.log: a", "b.log: b", "a.log: c"]);
}

#[tokio::test]
async fn half_lines_of_several_files_do_not_mix() {
    let dir = testkit::temp_dir();
    let (a, b) = (dir.path().join("a.log"), dir.path().join("b.log"));
    append(&a, "a1\na-");
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    caller.until(1).await;
    append(&b, "b1\nb-");
    caller.until(2).await;
    append(&a, "a2\n");
    caller.until(3).await;
    append(&b, "b2\n");
    assert_eq!(caller.until(4).await.records, ["a.log: a1", "b.log: b1", "a.log: a-a2", "b.log: b-b2"]);
}

#[tokio::test]
async fn hidden_files_drafts_and_folders_below_are_not_read() {
    let dir = testkit::temp_dir();
    fs::create_dir(dir.path().join("sub")).unwrap();
    for name in [".hidden", "draft.tmp", "sub/deep.log", "z.log"] {
        append(&dir.path().join(name), format!("{name}\n"));
    }
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    assert_eq!(caller.until(1).await.records, ["z.log: z.log"]);
    let recursive = spec("file", &json!({"path": dir.path(), "recursive": true}));
    let mut caller = Caller::open(&quick(), &recursive, None);
    caller.until(2).await;
    caller.records.sort();
    assert_eq!(caller.records, ["sub/deep.log: sub/deep.log", "z.log: z.log"]);
    let pattern = spec("file", &json!({"path": dir.path().join("d*.log"), "recursive": "true"}));
    let mut caller = Caller::open(&quick(), &pattern, None);
    assert_eq!(caller.until(1).await.records, ["sub/deep.log: sub/deep.log"]);
}

#[tokio::test]
async fn pipes_are_refused_by_name_and_the_others_go_on() {
    let dir = testkit::temp_dir();
    let pipe = dir.path().join("a.pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    append(&dir.path().join("b.log"), "b\n");
    let mut caller = Caller::open(&quick(), &files(dir.path()), None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("a.pipe") && fault.contains("is a pipe"), "{fault}");
    assert_eq!(caller.until(1).await.records, ["b.log: b"]);
    // Named itself it is refused as well, and nobody waits at it.
    let mut caller = Caller::open(&quick(), &files(&pipe), None);
    assert!(caller.until_fault().await.contains("is a pipe"));
}

#[tokio::test]
async fn links_lead_nowhere_but_within_the_folder() {
    let (dir, elsewhere) = (testkit::temp_dir(), testkit::temp_dir());
    append(&elsewhere.path().join("secret"), "secret\n");
    append(&dir.path().join("a.log"), "a\n");
    let link = |from: &str, to: &std::path::Path| {
        std::os::unix::fs::symlink(to, dir.path().join(from)).unwrap();
    };
    link("b.log", &elsewhere.path().join("secret"));
    link("c.log", &dir.path().join("a.log"));
    link("d", elsewhere.path());
    link("e.log", &dir.path().join("nothing"));
    let recursive = spec("file", &json!({"path": dir.path(), "recursive": true}));
    let mut caller = Caller::open(&quick(), &recursive, None);
    let fault = caller.until_fault().await;
    assert!(fault.contains("b.log") && fault.contains("out of the folder"), "{fault}");
    append(&dir.path().join("z.log"), "z\n");
    caller.until_met(": z").await;
    // The link within and its target are one file.
    assert_eq!(caller.records.len(), 2);
    assert!(caller.records[0].ends_with(": a") && caller.records[1] == "z.log: z", "{:?}", caller.records);
    // A link that is named itself is followed: the operator has said so.
    let mut caller = Caller::open(&quick(), &files(&dir.path().join("b.log")), None);
    assert_eq!(caller.until(1).await.records, ["b.log: secret"]);
}

/// As root, who may read everything, the test first gives that up: for this thread and those it starts.
#[test]
fn what_may_not_be_read_is_named_and_the_others_go_on() {
    let thread = std::thread::spawn(|| {
        let mut sets = capabilities(None).unwrap();
        sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
        set_capabilities(None, sets).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = testkit::temp_dir();
            let closed = dir.path().join("a.log");
            append(&closed, "a\n");
            append(&dir.path().join("b.log"), "b\n");
            fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
            let mut caller = Caller::open(&quick(), &files(dir.path()), None);
            let fault = caller.until_fault().await;
            assert!(fault.contains("a.log") && fault.contains("may not be read"), "{fault}");
            assert_eq!(caller.until(1).await.records, ["b.log: b"]);
            fs::set_permissions(&closed, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(caller.until(2).await.records[1], "a.log: a");
            assert_eq!(caller.faults.len(), 1, "it is said once");
        });
    });
    thread.join().unwrap();
}

#[tokio::test]
async fn more_files_than_are_remembered_are_read_once_each() {
    let dir = testkit::temp_dir();
    for number in 0..1_000 {
        append(&dir.path().join(format!("{number}.log")), format!("record {number}\n"));
    }
    let spec = files(dir.path());
    let mut caller = Caller::open(&quick(), &spec, None);
    caller.until(300).await;
    let mut records = std::mem::take(&mut caller.records);
    let mut caller = caller.again(&quick(), &spec);
    caller.until(1_000 - records.len()).await;
    append(&dir.path().join("last.log"), "last\n");
    caller.until_met("last").await;
    records.append(&mut caller.records);
    records.sort();
    let mut expect: Vec<String> = (0..1_000).map(|number| format!("{number}.log: record {number}")).collect();
    expect.push("last.log: last".to_owned());
    expect.sort();
    assert!(records == expect, "{} records", records.len());
    let mut caller = caller.again(&quick(), &spec);
    append(&dir.path().join("last.log"), "more\n");
    assert_eq!(caller.until(1).await.records, ["last.log: more"]);
}
