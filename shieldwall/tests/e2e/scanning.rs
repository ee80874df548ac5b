//! Scans and hunts that cannot look at everything: what was left out is said, and the exit code says it too.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

use crate::harness::{Node, program, run_with};

const RULE: &str = "title: whoami\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\whoami.exe'\n  condition: a\nlevel: high\n";
const EVENT: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe"}"#;

/// What a scan came to.
struct Scanned {
    code: i32,
    out: String,
    err: String,
}

impl Scanned {
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn summary(&self) -> Value {
        self.lines().pop().unwrap()["summary"].take()
    }

    /// The titles of what matched.
    fn titles(&self) -> BTreeSet<String> {
        let title = |line: &Value| line["title"].as_str().map(str::to_owned);
        self.lines().iter().filter_map(title).collect()
    }
}

fn scan(dir: &Path, args: &[&str]) -> Scanned {
    let output = program().args(["detect", "scan"]).args(args).current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Scanned { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A look-up as Suricata writes it.
fn look_up(name: &str) -> String {
    let event = json!({
        "timestamp": "2024-05-01T10:00:00.000000+0000", "event_type": "dns",
        "src_ip": "192.0.2.7", "src_port": 53000, "dest_ip": "192.0.2.53", "dest_port": 53, "proto": "UDP",
        "dns": {"type": "query", "rrname": name, "rrtype": "A"},
    });
    format!("{event}\n")
}

/// An indicator for a name, with more members.
fn indicator(name: &str, number: u32, more: Value) -> Value {
    let mut object = json!({
        "type": "indicator", "spec_version": "2.1",
        "id": format!("indicator--00000000-0000-4000-8000-{number:012}"),
        "created": "2023-01-01T00:00:00.000Z", "modified": "2023-01-01T00:00:00.000Z",
        "valid_from": "2023-01-01T00:00:00.000Z", "name": name,
        "pattern": format!("[domain-name:value = '{name}']"), "pattern_type": "stix",
    });
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

#[test]
fn indicators_are_judged_as_on_a_node() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    let names = ["over", "later", "never", "back", "unsure", "sure", "silent"];
    let full = |name: &str| format!("{name}.grey-heron.net");
    let log: String = names.iter().map(|name| look_up(&full(name))).collect();
    std::fs::write(dir.join("eve.json"), log).unwrap();
    let more = [
        json!({"valid_until": "2024-01-01T00:00:00.000Z"}),
        // When it was found to be bad says nothing of when it began.
        json!({"valid_from": "2025-01-01T00:00:00.000Z"}),
        json!({"valid_from": "2999-01-01T00:00:00.000Z"}),
        json!({}),
        json!({"confidence": 10}),
        json!({"confidence": 90}),
        json!({}),
    ];
    let mut objects: Vec<Value> = (0_u32..)
        .zip(names.iter().zip(more))
        .map(|(number, (name, more))| indicator(&full(name), number, more))
        .collect();
    // Taken back, wherever in the bundle the newer version stands.
    let newer = json!({"revoked": true, "modified": "2023-02-01T00:00:00.000Z"});
    objects.insert(0, indicator(&full("back"), 3, newer));
    let bundle = json!({"type": "bundle", "id": "bundle--1", "objects": objects});
    std::fs::write(dir.join("bundle.json"), bundle.to_string()).unwrap();

    let all = scan(dir, &["--indicators", "bundle.json", "eve.json", "--json"]);
    let expect = |names: &[&str]| names.iter().map(|name| full(name)).collect::<BTreeSet<_>>();
    assert_eq!(all.titles(), expect(&["later", "unsure", "sure", "silent"]), "{}", all.out);
    assert_eq!(all.summary()["indicators_left_out"], json!({"revoked": 1}));
    let confident = |line: &Value| line["title"] == full("sure") && line["confidence"] == 90;
    assert!(all.lines().iter().any(confident), "{}", all.out);

    let args = ["--indicators", "bundle.json", "--min-confidence", "50", "eve.json", "--json"];
    let sure = scan(dir, &args);
    assert_eq!(sure.titles(), expect(&["later", "sure", "silent"]), "{}", sure.out);
    assert_eq!(sure.summary()["indicators_left_out"], json!({"low-confidence": 1, "revoked": 1}));

    std::fs::create_dir_all(dir.join("lists/own")).unwrap();
    let list = json!({
        "name": "Our own", "version": 1, "type": "hostname", "list": [full("later")],
        "matching_attributes": ["domain", "hostname"],
    });
    std::fs::write(dir.join("lists/own/list.json"), list.to_string()).unwrap();
    std::fs::write(dir.join("lists/README.md"), "lists").unwrap();
    let args = ["--indicators", "bundle.json", "--warning-lists", "lists", "eve.json", "--json"];
    let listed = scan(dir, &args);
    assert_eq!(listed.titles(), expect(&["unsure", "sure", "silent"]), "{}", listed.out);
    let summary = listed.summary();
    assert_eq!(summary["indicators_left_out"]["warning-list"], 1);
    assert!(summary["first_not_looked_for"][0]["why"].as_str().unwrap().contains("Our own"), "{summary}");
    let none = scan(dir, &["--indicators", "bundle.json", "--warning-lists", "eve.json", "eve.json"]);
    assert!(none.code == 2 && none.err.contains("eve.json"), "{}", none.err);
}

#[test]
fn an_event_is_counted_once() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    let flow = json!({
        "timestamp": "2024-05-01T10:00:00.000000+0000", "event_type": "flow", "proto": "TCP",
        "src_ip": "203.0.113.7", "src_port": 4444, "dest_ip": "203.0.113.7", "dest_port": 443,
    });
    std::fs::write(dir.join("eve.json"), format!("{flow}\n")).unwrap();
    std::fs::write(dir.join("list.txt"), "203.0.113.7\n").unwrap();
    let summary = scan(dir, &["--indicators", "list.txt", "eve.json", "--json"]).summary();
    assert_eq!((&summary["events_matched"], &summary["matches"]), (&json!(1), &json!(2)), "{summary}");
    // An address of documentation indicates nothing: then nothing is left to look for.
    let benign = ["--indicators", "list.txt", "--warning-lists", "lists.json", "eve.json"];
    let list = json!({"name": "nothing", "version": 1, "type": "string", "list": []});
    std::fs::write(dir.join("lists.json"), list.to_string()).unwrap();
    let told = scan(dir, &benign);
    assert!(told.code == 2 && told.err.contains("nothing to look for"), "{}", told.err);
}

#[test]
fn nothing_found_is_not_nothing_looked_for() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    let foreign = RULE.replace("windows", &"q".repeat(5_000)).replace("11111111-1", "22222222-1");
    std::fs::write(dir.join("foreign.yml"), &foreign).unwrap();
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("list.txt"), "grey-heron.net\n").unwrap();
    let harmless = EVENT.replace("whoami", "notepad");
    std::fs::write(dir.join("events.json"), format!("{harmless}\n")).unwrap();

    let well = scan(dir, &["--rules", "whoami.yml", "events.json", "--json"]);
    assert_eq!((well.code, &well.summary()["complete"]), (0, &json!(true)), "{}", well.out);
    // No rule can speak.
    let silent = scan(dir, &["--rules", "foreign.yml", "events.json"]);
    assert!(silent.code == 2 && silent.err.contains("nothing to look for"), "{}", silent.err);
    assert!(silent.err.contains("--states") && silent.err.contains('…'), "{}", silent.err);
    assert!(silent.err.lines().all(|line| line.chars().count() < 400), "{}", silent.err);
    // No rule can speak, but something else can.
    let half = scan(dir, &["--rules", "foreign.yml", "--indicators", "list.txt", "events.json"]);
    assert!(half.code == 1 && half.err.contains("none of 1 rules can be used"), "{}", half.err);
    // Its reason does not fill the screen.
    let states = scan(dir, &["--rules", "foreign.yml", "--rules", "whoami.yml", "events.json", "--states"]);
    let line = states.out.lines().find(|line| line.starts_with("source-missing")).unwrap();
    assert!(states.code == 0 && line.ends_with('…') && line.chars().count() < 400, "{line}");
    // No indicator can be looked for.
    std::fs::write(dir.join("bad.txt"), "what is this?\n").unwrap();
    let bad = scan(dir, &["--indicators", "bad.txt", "events.json"]);
    assert!(bad.code == 2 && bad.err.contains("none of 1 indicators"), "{}", bad.err);

    // One broken record among hundreds is usual; one among ten is not.
    for (records, code) in [(300, 0), (9, 1)] {
        let log = format!("{}{{\"cut\":\n", format!("{harmless}\n").repeat(records));
        std::fs::write(dir.join("broken.json"), log).unwrap();
        let broken = scan(dir, &["--rules", "whoami.yml", "broken.json", "--json"]);
        assert_eq!(broken.code, code, "{}", broken.out);
        assert_eq!(broken.summary()["complete"], code == 0, "{}", broken.out);
    }
    let told = scan(dir, &["--rules", "whoami.yml", "broken.json"]);
    assert!(told.err.contains("1 of 10 records could not be read"), "{}", told.err);
    // Nothing at all could be read.
    std::fs::write(dir.join("noise.bin"), (0..=255).cycle().take(4096).collect::<Vec<u8>>()).unwrap();
    let noise = scan(dir, &["--rules", "whoami.yml", "noise.bin"]);
    assert!(noise.code == 2 && noise.err.contains("1 files were not read"), "{}", noise.err);
    let mixed = scan(dir, &["--rules", "whoami.yml", "noise.bin", "events.json"]);
    assert_eq!(mixed.code, 1, "{}", mixed.err);
}

#[test]
fn rules_that_share_an_id_are_told_apart() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::write(dir.join("a.yml"), RULE).unwrap();
    std::fs::write(dir.join("b.yml"), RULE.replace("title: whoami", "title: another")).unwrap();
    std::fs::write(dir.join("events.json"), EVENT).unwrap();
    let scanned = scan(dir, &["--rules", "a.yml", "--rules", "b.yml", "events.json", "--states"]);
    assert_eq!(scanned.code, 1, "{}", scanned.err);
    let told = format!("{}{}", scanned.out, scanned.err);
    assert!(told.contains("a.yml"), "{told}");
}

#[test]
fn the_format_can_be_named() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("notes.txt"), "hello world, this is no log\n").unwrap();
    let found = scan(dir, &["--rules", "whoami.yml", "notes.txt", "--json"]);
    assert!(found.summary()["unread"][0]["why"].as_str().unwrap().contains("no format"), "{}", found.out);
    let named = scan(dir, &["--rules", "whoami.yml", "notes.txt", "--format", "json-lines", "--json"]);
    assert_eq!(
        (&named.summary()["unread"], &named.summary()["malformed"]["not-json"]),
        (&json!([]), &json!(1))
    );
    let wrong = scan(dir, &["--rules", "whoami.yml", "notes.txt", "--format", "nonsense"]);
    assert!(wrong.code == 2 && wrong.err.contains("eve-json"), "{}", wrong.err);

    // A record of Zeek that does not say which stream it is of.
    let rule = "title: tunnel\nlogsource:\n  product: zeek\n  service: dns\ndetection:\n  a:\n    query|endswith: '.tunnel.example'\n  condition: a\n";
    std::fs::write(dir.join("tunnel.yml"), rule).unwrap();
    let record = json!({
        "ts": 1_714_557_600.5, "uid": "CHhAvVGS1DHFjwGM9", "id.orig_h": "192.0.2.7", "id.orig_p": 53000,
        "id.resp_h": "192.0.2.53", "id.resp_p": 53, "query": "x7.tunnel.example",
    });
    let rule = dir.join("tunnel.yml");
    let args = ["detect", "scan", "--rules", rule.to_str().unwrap(), "-", "--format", "zeek-json"];
    let record = format!("{record}\n");
    // The rule was asked about nothing, which is not "nothing matched".
    let blind = run_with(&args, record.as_bytes()).exits(1);
    assert!(blind.stderr.contains("none of 1 active rules had an event"), "{}", blind.stderr);
    for stream in ["dns", "dns.log", "DNS"] {
        let found = run_with(&[&args[..], &["--stream", stream]].concat(), record.as_bytes()).exits(1);
        assert!(found.text().contains("1 events matched"), "{}", found.text());
    }
    let wrong = run_with(&[&args[..], &["--stream", "dsn"]].concat(), record.as_bytes()).exits(2);
    assert!(wrong.stderr.contains("smb_files") && wrong.stdout.is_empty(), "{}", wrong.stderr);
}

#[test]
fn a_wrong_format_is_not_an_all_clear() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::write(dir.join("list.txt"), "grey-heron.net\n").unwrap();
    std::fs::write(dir.join("eve.json"), look_up("harmless.example.net")).unwrap();
    let event = EVENT.replace("whoami", "notepad");
    std::fs::write(dir.join("windows.json"), format!("{event}\n")).unwrap();
    std::fs::write(dir.join("own.json"), "{\"one\":1}\n{\"one\":2}\n").unwrap();
    let look =
        |log: &str, format: &str| scan(dir, &["--indicators", "list.txt", log, "--format", format, "--json"]);
    let well = look("eve.json", "eve-json");
    assert_eq!((well.code, &well.summary()["complete"]), (0, &json!(true)), "{}", well.out);
    for (log, format, words) in [
        ("windows.json", "eve-json", "windows.json"),
        ("own.json", "eve-json", "event_type"),
        ("eve.json", "windows-json", "eve-json"),
    ] {
        let wrong = look(log, format);
        assert_eq!((wrong.code, &wrong.summary()["complete"]), (1, &json!(false)), "{log}: {}", wrong.out);
        let why = wrong.summary()["incomplete"].to_string();
        assert!(why.contains("not of the format") && why.contains(words), "{log}: {why}");
    }
}

#[test]
fn rules_that_were_asked_about_nothing_are_counted() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    let other = RULE.replace("process_creation", "dns_query").replace("Image", "QueryName");
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("other.yml"), other.replace("11111111-1", "22222222-1")).unwrap();
    let unrated = RULE.replace("level: high\n", "").replace("11111111-1", "33333333-1");
    std::fs::write(dir.join("unrated.yml"), unrated).unwrap();
    let harmless = EVENT.replace("whoami", "notepad");
    std::fs::write(dir.join("events.json"), format!("{harmless}\n")).unwrap();

    let some = scan(dir, &["--rules", "whoami.yml", "--rules", "other.yml", "events.json", "--json"]);
    let summary = some.summary();
    assert_eq!((some.code, &summary["rules_without_events"]), (0, &json!(1)), "{summary}");
    let told = scan(dir, &["--rules", "whoami.yml", "--rules", "other.yml", "events.json"]);
    assert!(told.out.contains("1 of 2 active rules had no event"), "{}", told.out);

    let none = scan(dir, &["--rules", "other.yml", "events.json", "--json"]);
    let summary = none.summary();
    assert_eq!((none.code, &summary["complete"]), (1, &json!(false)), "{summary}");
    assert!(summary["incomplete"][0].as_str().unwrap().contains("none of 1 active rules"), "{summary}");

    // What states no level is left out where one is asked for, and counted.
    let args = ["--rules", "whoami.yml", "--rules", "unrated.yml", "events.json", "--level", "low", "--json"];
    assert_eq!(scan(dir, &args).summary()["rules_without_level"], 1);
}

#[test]
fn indicators_are_as_bad_as_they_are_sure() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    let full = |name: &str| format!("{name}.grey-heron.net");
    let states =
        [("unsure", json!({"confidence": 29})), ("half", json!({"confidence": 69})), ("silent", json!({}))];
    let log: String = states.iter().map(|(name, _)| look_up(&full(name))).collect();
    std::fs::write(dir.join("eve.json"), log).unwrap();
    let objects: Vec<Value> = (0_u32..)
        .zip(&states)
        .map(|(number, (name, more))| indicator(&full(name), number, more.clone()))
        .collect();
    let bundle = json!({"type": "bundle", "id": "bundle--1", "objects": objects});
    std::fs::write(dir.join("bundle.json"), bundle.to_string()).unwrap();
    let all = scan(dir, &["--indicators", "bundle.json", "eve.json", "--json"]);
    let levels: Vec<Value> = all
        .lines()
        .iter()
        .filter(|line| line["title"].is_string())
        .map(|line| line["level"].clone())
        .collect();
    assert_eq!(levels, ["low", "medium", "high"], "{}", all.out);
    let worst = scan(dir, &["--indicators", "bundle.json", "eve.json", "--level", "high", "--json"]);
    assert_eq!(worst.titles(), BTreeSet::from([full("silent")]), "{}", worst.out);

    // None is left to look for: what is said is about indicators, not about rules.
    std::fs::write(
        dir.join("unsure.json"),
        indicator(&full("unsure"), 0, json!({"confidence": 5})).to_string(),
    )
    .unwrap();
    let none = scan(dir, &["--indicators", "unsure.json", "--min-confidence", "50", "eve.json"]);
    assert!(none.code == 2 && none.err.contains("1 left out (1 low-confidence)"), "{}", none.err);
    assert!(none.err.contains("--min-confidence") && !none.err.contains("--states"), "{}", none.err);
}

#[test]
fn output_that_is_lost_is_not_an_all_clear() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();
    std::fs::write(dir.join("events.json"), format!("{EVENT}\n").repeat(5_000)).unwrap();
    let scan = || {
        let mut command = program();
        command.args(["detect", "scan", "--rules", "whoami.yml", "events.json", "--json"]).current_dir(dir);
        command
    };
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = scan().stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(2) && told.contains("standard output cannot be written"), "{told}");

    // A reader that has seen enough is told nothing more.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = scan().stdout(writer).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(1) && told.is_empty(), "{:?}: {told}", ended.status);
}

#[test]
fn rules_of_another_file_are_not_replaced_unasked() {
    let node = Node::of("Kiwi CERT", "NZ");
    let ours = RULE.replace("title: whoami", "title: ours");
    let theirs = ours.replace("11111111-1", "22222222-1").replace("title: ours", "title: theirs");
    for (folder, rule) in [("a", &ours), ("b", &theirs)] {
        node.file(&format!("{folder}/own/acme.yml"), rule);
    }
    let add = |folder: &str, more: &[&str]| {
        let output = program()
            .args(["detect", "rules", "add", "own/acme.yml", "--json", "--dir"])
            .arg(&node.dir)
            .args(more)
            .current_dir(node.beside(folder))
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let id = || node.json(&["detect", "rules", "list"])["rules"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(add("a", &[]).0, 0);
    let (code, told) = add("b", &[]);
    assert_eq!(code, 1, "{told}");
    for words in ["own/acme.yml", "11111111-1", "22222222-1", "--replace"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(id().starts_with("11111111-1"));
    // An edited rule is the same rule.
    node.file("a/own/acme.yml", ours.replace("level: high", "level: low"));
    let (code, told) = add("a", &[]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(node.json(&["detect", "rules", "list"])["rules"][0]["level"], "low");
    let (code, told) = add("b", &["--replace"]);
    assert_eq!(code, 0, "{told}");
    assert!(id().starts_with("22222222-1"));
}

#[test]
fn pipes_cut_files_and_zeros() {
    let folder = testkit::temp_dir();
    let dir = folder.path();
    std::fs::write(dir.join("whoami.yml"), RULE).unwrap();

    let pipe = dir.join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // It waits for whoever reads.
    std::thread::spawn(move || std::fs::write(pipe, format!("{EVENT}\n")));
    let piped = scan(dir, &["--rules", "whoami.yml", "pipe", "--json"]);
    assert_eq!((piped.code, &piped.lines()[0]["file"]), (1, &json!("pipe")), "{}{}", piped.out, piped.err);

    // What could be unpacked is looked at.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..5_000_u64 {
        let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let line = EVENT.replace("\"EventID\":1", &format!("\"EventID\":1,\"noise\":\"{noise:x}\""));
        writeln!(packed, "{line}").unwrap();
    }
    let packed = packed.finish().unwrap();
    std::fs::write(dir.join("cut.json.gz"), &packed[..packed.len() / 2]).unwrap();
    let cut = scan(dir, &["--rules", "whoami.yml", "cut.json.gz", "--json"]);
    let summary = cut.summary();
    assert!(cut.code == 1 && summary["events_matched"].as_u64().unwrap() > 1_000, "{summary}");
    let why = summary["unread"][0]["why"].as_str().unwrap();
    assert!(why.contains("breaks off after") && why.contains("cut off"), "{why}");
    assert_eq!(summary["complete"], false);
    // Nothing of it can be unpacked.
    std::fs::write(dir.join("stub.gz"), &packed[..5]).unwrap();
    let stub = scan(dir, &["--rules", "whoami.yml", "stub.gz"]);
    assert!(stub.code == 2 && stub.err.contains("cannot be read"), "{}", stub.err);

    std::fs::write(dir.join("zeros.json"), vec![0_u8; 10_000]).unwrap();
    let zeros = scan(dir, &["--rules", "whoami.yml", "zeros.json"]);
    assert!(zeros.code == 2 && zeros.err.contains("10000 bytes of zeros"), "{}", zeros.err);
    let after = [vec![0_u8; 3 << 20], EVENT.as_bytes().to_vec()].concat();
    std::fs::write(dir.join("after.json"), after).unwrap();
    let after = scan(dir, &["--rules", "whoami.yml", "after.json", "--json"]);
    assert_eq!((after.code, &after.summary()["malformed"]), (1, &json!({})), "{}", after.out);
}

#[test]
fn a_bad_line_ends_no_hunt() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    let list = node.file("list.txt", "# suspects\n198.18.0.7\nwhat is this?\ngrey-heron[.]net\n");
    let list = list.to_str().unwrap();
    let hunt = node.run(&["hunt", "run", "--file", list, "--json"]).exits(1);
    assert!(hunt.stderr.contains("list.txt:3:"), "{}", hunt.stderr);
    let hunt = hunt.json();
    assert_eq!(hunt["skipped"][0]["line"], 3, "{hunt}");
    assert_eq!(hunt["question"]["sought"]["values"], json!(["198.18.0.7", "grey-heron[.]net"]), "{hunt}");

    let strict = node.run(&["hunt", "run", "--file", list, "--strict"]).exits(1);
    assert!(strict.stderr.contains("list.txt:3:") && strict.stderr.contains("--strict"), "{}", strict.stderr);
    let empty = node.file("empty.txt", "# nothing\n");
    node.run(&["hunt", "run", "--file", empty.to_str().unwrap()]).exits(2);
    let many: String = (0..=10_000).map(|at| format!("name{at}.example.net\n")).collect();
    let many = node.file("many.txt", many);
    let refused = node.run(&["hunt", "run", "--file", many.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("at most 10000"), "{}", refused.stderr);
    for wrong in [["--from", "yesterday"], ["--source", "nowhere"]] {
        node.run(&[&["hunt", "run", "grey-heron.net"][..], &wrong[..]].concat()).exits(2);
    }
    // Of those nothing was begun.
    assert_eq!(node.json(&["hunt", "list"])["hunts"].as_array().unwrap().len(), 1);

    for bound in ["--max-seconds", "--max-bytes"] {
        let refused = node.run(&["hunt", "run", "grey-heron.net", bound, "0"]).exits(2);
        assert!(refused.stderr.contains(bound), "{}", refused.stderr);
    }
}
