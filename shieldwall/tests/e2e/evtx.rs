//! Windows' own event log files: each recorded one fires its rule, and no damaged one stops the others.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use evtx_child::{Evtx, EvtxError, Limits};
use serde_json::{Value, json};

use crate::harness::{program, run, run_with};

#[path = "../../../crates/adapters/evtx/tests/it/crafted.rs"]
mod crafted;

const RULE: &str = "title: whoami\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\whoami.exe'\n  condition: a\nlevel: high\n";
const EVENT: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe"}"#;

/// Alerts and the summary.
fn scan<S: AsRef<OsStr>>(rules: &Path, logs: &[S]) -> (Vec<Value>, Value) {
    let output =
        program().args(["detect", "scan", "--json", "--rules"]).arg(rules).args(logs).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].take();
    assert!(summary.is_object());
    (lines, summary)
}

/// Two processes that the rule is about.
fn event_log() -> Vec<u8> {
    crafted::event_log(2, &crafted::process(r"C:\Windows\System32\whoami.exe"))
}

#[test]
fn every_rule_fires_on_the_event_log_that_was_recorded_for_it() {
    let Some(shared) = testkit::shared() else { return };
    let files = testkit::corpus("data/evtx", "evtx");
    let (alerts, summary) = scan(&shared.join("data/sigma"), &files);
    let mut fired = BTreeMap::<&str, BTreeSet<&str>>::new();
    for alert in &alerts {
        let rule = alert["rule_id"].as_str().unwrap_or_default();
        fired.entry(alert["file"].as_str().unwrap()).or_default().insert(rule);
    }
    let own = |path: &&PathBuf| {
        let id = path.file_stem().unwrap().to_str().unwrap();
        fired.get(path.to_str().unwrap()).is_some_and(|rules| rules.contains(id))
    };
    let missed: Vec<_> = files.iter().filter(|path| !own(path)).collect();
    assert!(missed.is_empty(), "{} of {} do not fire: {missed:#?}", missed.len(), files.len());
    assert_eq!((files.len(), &summary["events"]), (100, &json!(112)));
    assert_eq!((&summary["malformed"], &summary["unread"]), (&json!({}), &json!([])));
}

#[test]
fn damaged_event_logs_stop_nothing_and_are_named() {
    let folder = testkit::temp_dir();
    let rule = folder.path().join("whoami.yml");
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(&rule, RULE).unwrap();
    let whole = event_log();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&whole).unwrap();
    let contents = [
        ("a.evtx", whole.clone()),
        ("b.evtx", whole[..4800].to_vec()),
        ("c.evtx", [whole[..4096].to_vec(), vec![0xa5; 65_536]].concat()),
        ("d.evtx.gz", packed.finish().unwrap()),
        ("e.json", EVENT.as_bytes().to_vec()),
        ("f.evtx", Vec::new()),
        ("g.evtx", whole.clone()),
        ("h.log", whole.clone()),
        ("i.evtx", [b"ElfFile\0".to_vec(), vec![0xff; 300]].concat()),
    ];
    for (name, content) in contents {
        std::fs::write(logs.join(name), content).unwrap();
    }
    let (alerts, summary) = scan(&rule, &[&logs]);
    let place = |alert: &Value| {
        let file = Path::new(alert["file"].as_str().unwrap()).file_name().unwrap();
        format!("{}:{}", file.display(), alert["record"])
    };
    let places: Vec<String> = alerts.iter().map(place).collect();
    let expect = ["a.evtx:1", "a.evtx:2", "e.json:1", "g.evtx:1", "g.evtx:2", "h.log:1", "h.log:2"];
    assert_eq!(places, expect);
    assert_eq!(alerts[0]["fields"]["Image"], r"C:\Windows\System32\whoami.exe");
    assert_eq!(alerts[0]["time"], "2025-11-27T07:40:10.132Z");
    assert_eq!((&summary["events"], &summary["malformed"]), (&json!(7), &json!({"damaged": 1})));
    let unread: Vec<(&str, &str)> = summary["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["file"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    assert_eq!(unread.len(), 4, "{unread:?}");
    for ((file, why), (name, word)) in unread.iter().zip([
        ("b.evtx", "cut off"),
        ("d.evtx.gz", "unpack"),
        ("f.evtx", "nothing"),
        ("i.evtx", "header"),
    ]) {
        assert!(file.ends_with(name) && why.contains(word), "{file}: {why}");
    }

    // For people: each file by its name, and why.
    let told = run(&["detect", "scan", "--rules", rule.to_str().unwrap(), logs.to_str().unwrap()]).exits(1);
    assert!(told.text().contains("7 events, 1 malformed"), "{}", told.text());
    for words in ["b.evtx: it ends within a chunk", "malformed (damaged)", "c.evtx: Failed to parse chunk"] {
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
    }
    // What comes through a pipe cannot be read twice.
    let piped = run_with(&["detect", "scan", "--rules", rule.to_str().unwrap(), "-"], &whole).exits(2);
    assert!(piped.stderr.contains("name the file"), "{}", piped.stderr);
}

/// With the allocator that the program really has.
#[test]
fn the_child_is_held_to_its_memory() {
    let folder = testkit::temp_dir();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("good"), event_log()).unwrap();
    std::fs::write(place("bomb"), crafted::bomb()).unwrap();
    let with_memory = |memory: u64| {
        let environment = vec![("MIMALLOC_ARENA_EAGER_COMMIT".into(), "0".into())];
        let limits = Limits { memory, ..Limits::default() };
        Evtx::new(env!("CARGO_BIN_EXE_shieldwall").into(), vec!["evtx-child".into()], limits)
            .with_environment(environment)
    };
    let small = with_memory(48 << 20);
    assert_eq!(small.convert(&place("good"), &mut |_| {}).unwrap().records, 2);
    let broke = small.convert(&place("bomb"), &mut |_| {});
    assert!(
        matches!(&broke, Err(EvtxError::Broke { records: 0, why }) if why.contains("memory")),
        "{broke:?}"
    );
    assert_eq!(small.convert(&place("good"), &mut |_| {}).unwrap().records, 2);

    let read = with_memory(Limits::default().memory).convert(&place("bomb"), &mut |_| {}).unwrap();
    assert!(read.records > 400, "{read:?}");
}

#[test]
fn the_childs_word_is_for_nobody_else() {
    assert!(!run(&["--help"]).exits(0).text().contains("evtx"));
    let told = run_with(&["evtx-child"], b"what is this about?").exits(2);
    assert!(told.stdout.is_empty() && told.stderr.contains("by itself"), "{}", told.stderr);
    let told = run(&["evtx-child"]).exits(2);
    assert!(told.stdout.is_empty(), "{}", told.text());
}
