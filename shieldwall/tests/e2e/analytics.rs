//! Statistics on a running node: a program that calls home among people who browse, a value that a source never had,
//! silence wherever nobody asked for them, and no storm on real recordings.

use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::Value;

use crate::asking::reads;
use crate::harness::{Node, eventually, text};

/// 2026-03-01T00:00:00Z, where the generated traffic begins.
const DAY: u64 = 1_772_323_200;
const HOURS_24: u64 = 86_400;

/// Who calls home, and where that is.
const HOME: &str = "192.0.2.7";
const FAR: &str = "198.51.100.9";

/// The programs that always ask the web for something, and the one that never did.
const AGENTS: [&str; 4] = ["Harbour-Updater/4.1", "QuayMail/9.0", "Mozilla/5.0 (X11; Linux)", "curl/8.11.0"];
const STRANGE: &str = "Lantern/0.3 (beta)";

/// `SplitMix64` (Steele, Lea and Flood, 2014): the same days on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit
    }
}

/// A line of Zeek's `conn`, that many seconds after the beginning.
fn conn(second: u64, from: &str, to: &str, bytes: u64) -> String {
    let ts = DAY + second;
    format!(
        r#"{{"_path":"conn","ts":{ts},"uid":"C{second}","id.orig_h":"{from}","id.orig_p":40000,"id.resp_h":"{to}","id.resp_p":443,"proto":"tcp","conn_state":"SF","orig_ip_bytes":{bytes}}}"#
    )
}

/// A line of Zeek's `http`.
fn http(second: u64, agent: &str) -> String {
    let ts = DAY + second;
    format!(
        r#"{{"_path":"http","ts":{ts},"uid":"H{second}","id.orig_h":"{HOME}","id.orig_p":40001,"id.resp_h":"198.51.100.80","id.resp_p":80,"method":"GET","host":"harbour.example","uri":"/","user_agent":"{agent}"}}"#
    )
}

/// 26 hours: a call a minute give or take six seconds, and twenty machines whose people read pages in bursts through
/// two working days. Lines in order of time.
fn calls_home() -> (String, u64) {
    let mut random = Random(7);
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut second = 0;
    while second < HOURS_24 + 7_200 {
        lines.push((second, conn(second, HOME, FAR, 300)));
        second += 54 + random.below(13);
    }
    for machine in 0..20 {
        let from = format!("192.0.2.{}", 100 + machine);
        let mut second = 8 * 3_600 + random.below(3_600);
        while second < 17 * 3_600 {
            let to = format!("203.0.113.{}", random.below(30));
            for _ in 0..5 + random.below(15) {
                lines.push((second, conn(second, &from, &to, 200 + random.below(20_000))));
                second += random.below(4);
            }
            second += 120 + random.below(1_500);
        }
    }
    lines.sort();
    joined(lines.into_iter().map(|(_, line)| line))
}

/// Nine days of the same programs, and another one on the last.
fn web() -> (String, u64) {
    let ordinary = (0..9 * 40).map(|at: u64| {
        let agent = AGENTS[usize::try_from(at % 4).unwrap()];
        http(at / 40 * HOURS_24 + at % 40 * 2_000, agent)
    });
    joined(ordinary.chain([http(8 * HOURS_24 + 80_000, STRANGE)]))
}

fn joined(lines: impl Iterator<Item = String>) -> (String, u64) {
    let mut count = 0;
    let text = lines.fold(String::new(), |mut text, line| {
        count += 1;
        // Into a `String` nothing fails.
        let _ = writeln!(text, "{line}");
        text
    });
    (text, count)
}

/// Alerts of the statistics, those of one kind.
fn told(node: &Node, kind: &str) -> Vec<Value> {
    let rule = format!("analytics:{kind}");
    let listed = node.json(&["alerts", "--rule", &rule, "--limit", "1000"]);
    listed["alerts"].as_array().cloned().unwrap_or_default()
}

fn of<'a>(alerts: &'a [Value], source: &str) -> Vec<&'a Value> {
    alerts.iter().filter(|alert| alert["source"] == source).collect()
}

/// The 38 minutes of a network with a break-in, and 13,764 events of machines that were attacked on purpose, brought
/// into the order of time: ten days, strewn over 16 months.
fn recordings(node: &Node) -> Vec<(&'static str, String, u64)> {
    let mut found = Vec::new();
    let captures = testkit::corpus("data/zeek", "log");
    if let Some(capture) = captures.iter().find(|path| path.ends_with("combined_zeek.log")) {
        let lines = std::fs::read_to_string(capture).unwrap().lines().filter(|line| !line.is_empty()).count();
        found.push(("capture", text(capture).to_owned(), lines as u64));
    }
    let mut events: Vec<(String, String)> = Vec::new();
    for path in testkit::corpus("data/host-logs", "gz") {
        let mut unpacked = String::new();
        let file = std::fs::read(path).unwrap();
        flate2::read::GzDecoder::new(file.as_slice()).read_to_string(&mut unpacked).unwrap();
        for line in unpacked.lines().filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_str(line).unwrap();
            let time =
                ["@timestamp", "EventTime", "TimeCreated"].iter().find_map(|name| event[name].as_str());
            events.push((time.unwrap_or_default().replace(' ', "T"), line.to_owned()));
        }
    }
    if !events.is_empty() {
        events.sort();
        let (lines, count) = joined(events.into_iter().map(|(_, line)| line));
        found.push(("hosts", text(&node.file("hosts.jsonl", lines)).to_owned(), count));
    }
    found
}

const RULES: &str = r#"format = "shieldwall-rules/1"

[analytics.beacons]
sources = ["zeek", "capture", "hosts"]

[analytics.first_seen.fields]
"web" = ["user_agent"]
"capture" = ["user_agent", "server_name"]
"hosts" = ["Image", "DestinationIp"]
"#;

#[test]
fn what_calls_home_and_what_is_new_is_told_with_its_numbers_and_nothing_else_is() {
    let (watched, plain) = (Node::of("Kiwi CERT", "NZ"), Node::of("Koala CERT", "AU"));
    let (calls, call_count) = calls_home();
    let (web, web_count) = web();
    // Nobody turned anything on here. It runs first, so that its turn to tell comes first.
    let _plain = plain.serve();
    for (name, lines, count) in [("zeek", &calls, call_count), ("web", &web, web_count)] {
        let file = plain.file(&format!("{name}.log"), lines);
        reads(&plain, name, text(&file), count);
    }
    let rules = watched.file("rules.toml", RULES);
    watched.run(&["rules", "set", text(&rules), "--reason", "we look for what calls home"]).exits(0);
    let _watched = watched.serve();
    let recordings = recordings(&watched);
    for (name, file, count) in &recordings {
        reads(&watched, name, file, *count);
    }
    // What is not named is not looked at, whatever is in it.
    for (name, lines, count) in
        [("unnamed", &calls, call_count), ("web", &web, web_count), ("zeek", &calls, call_count)]
    {
        let file = watched.file(&format!("{name}.log"), lines);
        reads(&watched, name, text(&file), count);
    }

    // The last source that was read is told together with all before it, once a minute.
    let beacons = eventually(|| told(&watched, "beacon"), |beacons| !of(beacons, "zeek").is_empty());
    let found = of(&beacons, "zeek");
    assert_eq!(found.len(), 1, "{beacons:?}");
    let beacon = found[0];
    let title = format!("beacon: {HOME} → {FAR}:443 (connection)");
    assert_eq!((beacon["title"].as_str(), beacon["level"].as_str()), (Some(title.as_str()), Some("medium")));
    assert_eq!((&beacon["past"], &beacon["allowed"]["by"]), (&Value::Bool(false), &Value::from("own")));
    let detail = &beacon["detail"];
    assert!(detail["score"].as_f64().unwrap() > 0.95, "{beacon}");
    let input = |name: &str| detail["inputs"][name].as_str().unwrap_or_default().to_owned();
    let median: f64 = input("gap_median_s").parse().unwrap();
    assert!((58.0..=62.0).contains(&median), "{beacon}");
    assert_eq!((input("bars").as_str(), input("size_median_bytes").as_str()), ("24", "300"), "{beacon}");
    let explanation = detail["explanation"].as_str().unwrap();
    assert!(explanation.contains("the median gap is") && explanation.contains("24 of 24"), "{explanation}");

    let new = eventually(|| told(&watched, "first-seen"), |new| !of(new, "web").is_empty());
    let found = of(&new, "web");
    assert_eq!(found.len(), 1, "{new:?}");
    assert!(found[0]["title"].as_str().unwrap().contains(STRANGE), "{new:?}");
    let detail = &found[0]["detail"];
    assert!(detail["score"].as_f64().unwrap() >= 0.9, "{detail}");
    assert!(detail["inputs"].as_object().is_some_and(|inputs| inputs.len() > 2), "{detail}");
    assert!(!detail["explanation"].as_str().unwrap().is_empty(), "{detail}");

    // No storm: the break-in's four minutes are no beacon of a day, and what is new on ten days of other machines is
    // a fraction of what happened there.
    assert!(of(&beacons, "unnamed").is_empty() && of(&new, "unnamed").is_empty(), "{beacons:?} {new:?}");
    for (name, _, events) in &recordings {
        let (beacons, new) = (of(&beacons, name).len(), of(&new, name).len());
        println!("{name}: {events} events, {beacons} beacons, {new} new values told");
        assert_eq!(beacons, 0, "{name}");
        let most = if *name == "hosts" { 100 } else { 0 };
        assert!(new <= most, "{name}: {new} new values told");
    }
    for kind in ["beacon", "first-seen", "rare", "saturated"] {
        assert!(told(&plain, kind).is_empty(), "{kind} was told where nothing is turned on");
    }
}
