//! Rules over logs, without a node.

use serde_json::Value;

use crate::harness::program;

const RULE: &str = "title: whoami\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\whoami.exe'\n  condition: a\nlevel: high\n";
const EVENT: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe"}"#;

/// Exit code, standard output, standard error.
fn scan(dir: &std::path::Path, args: &[&str]) -> (i32, String, String) {
    let output = program().args(["detect", "scan"]).args(args).current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_scan_tells_what_matched_and_how_the_rest_fared() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::create_dir_all(dir.join("rules/windows")).unwrap();
    std::fs::write(dir.join("rules/windows/whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("rules/broken.yml"), "title: [").unwrap();
    std::fs::write(dir.join("rules/README.md"), "no rule").unwrap();
    let harmless = EVENT.replace("whoami", "notepad");
    std::fs::write(dir.join("events.json"), format!("{harmless}\n{EVENT}\n{{\"cut\":\n")).unwrap();
    let (code, out, _) = scan(dir, &["--rules", "rules", "events.json", "--json"]);
    assert_eq!(code, 1, "{out}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [alert, summary] = lines.as_slice() else { panic!("{out}") };
    assert_eq!(alert["rule_id"], "11111111-1111-4111-8111-111111111111");
    assert_eq!((&alert["title"], &alert["level"]), (&"whoami".into(), &"high".into()));
    assert_eq!((&alert["file"], &alert["record"]), (&"events.json".into(), &2.into()));
    assert_eq!(alert["fields"]["Image"], "C:\\Windows\\System32\\whoami.exe");
    let summary = &summary["summary"];
    assert_eq!(summary["rules"], serde_json::json!({"active": 1, "unsupported": 1}));
    assert_eq!((&summary["events"], &summary["events_matched"]), (&2.into(), &1.into()));
    assert_eq!(summary["matches"], 1);
    assert_eq!(summary["malformed"]["truncated"], 1);

    // For people, and by level.
    let (code, out, _) = scan(dir, &["--rules", "rules", "events.json"]);
    assert!(
        code == 1 && out.contains("high") && out.contains("1 active") && out.contains("1 events matched"),
        "{out}"
    );
    std::fs::write(dir.join("whole.json"), format!("{harmless}\n{EVENT}\n")).unwrap();
    let (code, out, _) = scan(dir, &["--rules", "rules", "whole.json", "--level", "critical"]);
    assert!(code == 0 && out.contains("0 events matched, 0 matches"), "{out}");
    let (_, out, _) = scan(dir, &["--rules", "rules", "events.json", "--states"]);
    assert!(out.contains("unsupported") && out.contains("broken.yml"), "{out}");
}

#[test]
fn what_cannot_be_read_stops_nothing_and_is_said() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::create_dir_all(dir.join("logs")).unwrap();
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("logs/a.bin"), (0..=255).cycle().take(4096).collect::<Vec<u8>>()).unwrap();
    std::fs::write(dir.join("logs/b.zip"), b"PK\x03\x04rest").unwrap();
    std::fs::write(dir.join("logs/empty"), b"").unwrap();
    std::fs::write(dir.join("logs/z.json"), EVENT).unwrap();
    let (code, out, _) = scan(dir, &["--rules", "whoami.yml", "logs", "--json"]);
    assert_eq!(code, 1);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["file"], "logs/z.json");
    let unread = lines.last().unwrap()["summary"]["unread"].as_array().unwrap().clone();
    assert_eq!(unread.len(), 3, "{unread:?}");
    assert!(unread.iter().any(|one| one["why"].as_str().unwrap().contains("ZIP")), "{unread:?}");

    let (code, _, told) = scan(dir, &["--rules", "logs", "logs/z.json"]);
    assert!(code == 2 && told.contains("--rules"), "{told}");
    let (code, _, told) = scan(dir, &["--rules", "nowhere", "logs/z.json"]);
    assert!(code == 2 && told.contains("nowhere"), "{told}");
}
