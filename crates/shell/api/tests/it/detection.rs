//! Logs, rules, alerts, hunts and answers over REST, on a node that keeps events in memory.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, mpsc};

use model::Timestamp;
use observable::Observable;
use ports::actuator::{Actuator, ActuatorKind, ActuatorKinds};
use ports::logs::{Kind, Lag, LogError, LogSources, LogSpec, LogStream, NextBatch};
use ports::pull::{Field, FieldKind};
use ports::segments::{SegmentBytes, SegmentError, Segments};
use ports::telemetry::{
    Covered, Flushed, Hold, Kept, Looked, Maintained, Plan, Progress, Retention, Stats, Telemetry,
    TelemetryError,
};
use runtime::detection::Outside;
use runtime::{Core, Node, NodeOptions};
use serde_json::{Value, json};
use shieldwall_api::Api;
use tokio::sync::Notify;

use crate::desk::{Ask, Desk, clear, id, indicator, settings};

/// A rule of our own, and an event that it is about.
const RULE: &str = "title: whoami\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\whoami.exe'\n  condition: a\nlevel: high\ntags:\n  - attack.t1033\n";
const EVENT: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2026-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe"}"#;
/// A look-up of the name that the first indicator of these tests is about.
const LOOKUP: &str = r#"{"timestamp":"2026-05-01T10:00:00.000000+0000","event_type":"dns","src_ip":"192.0.2.7","src_port":53000,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{"type":"query","rrname":"bad1.badhost.net","rrtype":"A"}}"#;

/// The index of indicators, in memory.
#[derive(Default)]
struct Files(Mutex<BTreeMap<String, Vec<u8>>>);

impl Segments for Files {
    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), SegmentError> {
        self.0.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn open(&self, name: &str) -> Result<Option<SegmentBytes>, SegmentError> {
        Ok(self.0.lock().unwrap().get(name).cloned().map(SegmentBytes::new))
    }

    fn names(&self) -> Result<Vec<String>, SegmentError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<(), SegmentError> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// An event, kept.
struct Event {
    time: Timestamp,
    source: String,
    class: u16,
    format: String,
    header: Option<Vec<u8>>,
    part: String,
    offset: u64,
    device: Option<String>,
    observables: Vec<Observable>,
    raw: Vec<u8>,
}

/// Events in memory, and a gate at which one batch can be held up.
#[derive(Default)]
struct Events {
    kept: Mutex<Vec<Event>>,
    holds: Mutex<Vec<Hold>>,
    gate: Mutex<Option<mpsc::Receiver<()>>>,
    at_gate: Notify,
}

impl Telemetry for Events {
    fn append(&self, source: &str, _: u64, _: Timestamp, records: &[Kept<'_>]) -> Result<(), TelemetryError> {
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            self.at_gate.notify_one();
            gate.recv().unwrap();
        }
        let events = records.iter().map(|kept| Event {
            time: kept.time,
            source: source.to_owned(),
            class: kept.class,
            format: kept.format.to_owned(),
            header: kept.header.map(<[u8]>::to_vec),
            part: kept.part.to_owned(),
            offset: kept.offset,
            device: kept.device.map(str::to_owned),
            observables: kept.observables.to_vec(),
            raw: kept.raw.to_vec(),
        });
        self.kept.lock().unwrap().extend(events);
        Ok(())
    }

    fn committed(&self, _: &str, _: u64) -> Result<(), TelemetryError> {
        Ok(())
    }

    fn flush(&self) -> Result<Flushed, TelemetryError> {
        Ok(Flushed { records: self.kept.lock().unwrap().len() as u64, files: 1 })
    }

    fn hunt(
        &self,
        plan: &Plan,
        _: usize,
        each: &(dyn Fn(usize, &Kept<'_>) + Sync),
        progress: &(dyn Fn(&Progress) -> bool + Sync),
    ) -> Result<Looked, TelemetryError> {
        let kept = self.kept.lock().unwrap();
        let mut looked = Looked { complete: true, ..Looked::default() };
        for event in kept.iter() {
            let early = plan.from.is_some_and(|from| event.time < from);
            let late = plan.until.is_some_and(|until| event.time >= until);
            let other = plan.sources.as_ref().is_some_and(|sources| !sources.contains(&event.source));
            if early || late || other {
                continue;
            }
            looked.records += 1;
            looked.read += 1;
            each(
                0,
                &Kept {
                    time: event.time,
                    source: &event.source,
                    class: event.class,
                    format: &event.format,
                    header: event.header.as_deref(),
                    part: &event.part,
                    offset: event.offset,
                    device: event.device.as_deref(),
                    observables: &event.observables,
                    image: None,
                    command_line: None,
                    raw: &event.raw,
                },
            );
        }
        looked.sources = kept
            .first()
            .into_iter()
            .map(|event| Covered {
                name: event.source.clone(),
                from: event.time,
                until: event.time,
                records: looked.records,
            })
            .collect();
        let done = Progress { done: 1, total: 1, records: looked.records, ..Progress::default() };
        looked.complete = progress(&done);
        Ok(looked)
    }

    fn maintain(&self, _: Timestamp, _: &Retention) -> Result<Maintained, TelemetryError> {
        Ok(Maintained::default())
    }

    fn hold(&self, hold: &Hold) -> Result<(), TelemetryError> {
        let mut holds = self.holds.lock().unwrap();
        if holds.iter().any(|known| known.name == hold.name) {
            return Err(TelemetryError::Exists(format!("hold `{}`", hold.name)));
        }
        holds.push(hold.clone());
        Ok(())
    }

    fn release(&self, name: &str) -> Result<(), TelemetryError> {
        let mut holds = self.holds.lock().unwrap();
        let before = holds.len();
        holds.retain(|hold| hold.name != name);
        if holds.len() == before {
            return Err(TelemetryError::Missing(format!("hold `{name}`")));
        }
        Ok(())
    }

    fn holds(&self) -> Vec<Hold> {
        self.holds.lock().unwrap().clone()
    }

    fn stats(&self) -> Stats {
        Stats { events: self.kept.lock().unwrap().len() as u64, files: 1, ..Stats::default() }
    }
}

/// Two kinds of log source that never bring anything: one names a file of the machine, one an address.
struct Taps;

const TAPS: &[Kind] = &[
    Kind {
        kind: "file",
        summary: "for tests",
        fields: &[Field { name: "path", kind: FieldKind::File, required: true, help: "a file" }],
        example: r#"{"path":"/var/log/eve.json"}"#,
    },
    Kind {
        kind: "syslog-udp",
        summary: "for tests",
        fields: &[Field { name: "listen", kind: FieldKind::Text, required: true, help: "an address" }],
        example: r#"{"listen":"127.0.0.1:514"}"#,
    },
];

impl LogSources for Taps {
    fn kinds(&self) -> &[Kind] {
        TAPS
    }

    fn check(&self, spec: &LogSpec) -> Result<(), LogError> {
        let given: BTreeMap<String, Value> = serde_json::from_str(&spec.config).unwrap();
        let fields = TAPS.iter().find(|kind| kind.kind == spec.kind).unwrap().fields;
        match fields.iter().find(|field| !given.contains_key(field.name)) {
            Some(field) => Err(LogError::Configuration(format!("`{}` is missing", field.name))),
            None => Ok(()),
        }
    }

    fn open(&self, _: &LogSpec, _: Option<&str>) -> Result<Box<dyn LogStream>, LogError> {
        Ok(Box::new(Dry))
    }
}

struct Dry;

impl LogStream for Dry {
    fn next(&mut self) -> NextBatch<'_> {
        Box::pin(std::future::pending())
    }

    fn position(&self, _: u64, _: u64) -> String {
        String::new()
    }

    fn lag(&self) -> Lag {
        Lag::default()
    }
}

/// Nothing blocks here.
struct Nothing;

impl ActuatorKinds for Nothing {
    fn kinds(&self) -> Vec<ActuatorKind> {
        Vec::new()
    }

    fn open(&self, kind: &str, _: &str, _: &str) -> Result<Box<dyn Actuator>, ports::pull::ConfigError> {
        panic!("{kind} is not opened")
    }
}

/// A desk whose node detects.
async fn open() -> (Desk, Arc<Events>) {
    let mut desk = Desk::open();
    desk.node.stop().await;
    let events = Arc::new(Events::default());
    let outside = Outside {
        segments: Arc::new(Files::default()),
        telemetry: Arc::clone(&events) as Arc<dyn Telemetry>,
        logs: Arc::new(Taps),
        actuators: Arc::new(Nothing),
        retention: Retention::default(),
    };
    let before = &desk.node.core;
    let (store, clock, ids) = (Arc::clone(&before.store), Arc::clone(&before.clock), Arc::clone(&before.ids));
    let core = Core::open(store, clock, ids).unwrap().detecting(outside);
    let options = NodeOptions { follow: false, ..desk.node.options.clone() };
    desk.node = Node::start(core, options);
    desk.api = Api::new(Arc::clone(&desk.node), settings());
    desk.network = desk.api.router();
    desk.local = desk.api.local_router();
    (desk, events)
}

/// The same, with our rule, the first indicator, and a place to send logs to.
async fn watching() -> (Desk, Arc<Events>) {
    let (desk, events) = open().await;
    desk.put(&[indicator(1)]).await;
    rule(&desk, "windows/whoami.yml", RULE).expect(200).await;
    let sensor = json!({"name": "sensor", "kind": "push"});
    desk.operator("POST /api/v1/log-sources").json(&sensor).expect(201).await;
    // Whoever lists rules waits until all of them are watched.
    let rules = desk.operator("GET /api/v1/detection/rules").expect(200).await.json();
    assert_eq!(rules["rules"][0]["state"], "active", "{rules:#}");
    (desk, events)
}

fn rule(desk: &Desk, name: &str, text: &str) -> Ask {
    let line = format!("PUT /api/v1/detection/rules/{}", name.replace('/', "%2F"));
    desk.operator(&line).body("application/yaml", text.to_owned())
}

fn push(desk: &Desk, records: impl Into<axum::body::Body>) -> Ask {
    desk.operator("POST /api/v1/log-sources/sensor/records?name=events.json")
        .body("application/octet-stream", records)
}

/// The rules that alerts name, newest first.
async fn alerts(desk: &Desk, query: &str) -> Vec<String> {
    let found = desk.operator(&format!("GET /api/v1/alerts{query}")).expect(200).await.json();
    found["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["rule"].as_str().unwrap().to_owned())
        .collect()
}

const WHOAMI: &str = "11111111-1111-4111-8111-111111111111";

#[tokio::test]
async fn what_is_sent_is_matched_and_its_alerts_are_found_and_closed() {
    let (desk, _) = watching().await;
    let harmless = EVENT.replace("whoami", "notepad");
    let sent = push(&desk, format!("{harmless}\n{EVENT}\n{{\"cut\":\n")).expect(200).await.json();
    assert_eq!(sent, json!({"records": 3, "malformed": 1, "matched": 1}));
    let sent = push(&desk, format!("{LOOKUP}\n")).expect(200).await.json();
    assert_eq!(sent, json!({"records": 1, "malformed": 0, "matched": 1}));

    assert_eq!(alerts(&desk, "").await, [id(1), WHOAMI.to_owned()]);
    assert_eq!(alerts(&desk, "?level=critical").await, [""; 0]);
    assert_eq!(alerts(&desk, &format!("?rule={WHOAMI}")).await, [WHOAMI]);
    assert_eq!(alerts(&desk, &format!("?object={}", id(1))).await, [id(1)]);
    assert_eq!(alerts(&desk, "?since=2026-01-01T00:00:00Z&limit=1").await, [id(1)]);
    assert_eq!(alerts(&desk, "?since=2126-01-01T00:00:00Z").await, [""; 0]);
    for bad in ["level=grave", "object=x", "since=yesterday", "limit=0", "lvl=high"] {
        desk.operator(&format!("GET /api/v1/alerts?{bad}")).expect(400).await;
    }

    let all = desk.operator("GET /api/v1/alerts").expect(200).await.json();
    let number = all["alerts"][1]["number"].as_u64().unwrap();
    assert_eq!(alerts(&desk, &format!("?before={}", number + 1)).await, [WHOAMI]);
    let path = format!("/api/v1/alerts/{number}");
    let alert = desk.operator(&format!("GET {path}")).expect(200).await.json();
    assert_eq!(
        (&alert["level"], &alert["source"], &alert["count"]),
        (&json!("high"), &json!("sensor"), &json!(1))
    );
    assert_eq!((&alert["detail"]["part"], &alert["allowed"]["by"]), (&json!("events.json"), &json!("own")));
    assert_eq!(alert["first"], "2026-05-01T10:00:00.000Z");
    assert!(alert["detail"]["record"].as_str().unwrap().contains("whoami"), "{alert:#}");

    let close = || desk.operator(&format!("POST {path}/close"));
    close().json(&json!({"reason": " "})).expect(400).await;
    let closed = close().json(&json!({"reason": "a test of ours"})).expect(200).await.json();
    assert_eq!(closed["closed"]["reason"], "a test of ours");
    desk.operator("GET /api/v1/alerts/99").expect(404).await;
    desk.operator("POST /api/v1/alerts/99/close").json(&json!({"reason": "none"})).expect(404).await;
    assert_eq!(alerts(&desk, "").await, [id(1)]);
    assert_eq!(alerts(&desk, "?closed=true").await.len(), 2);
    // The same again is no new alert, and opens the old one.
    push(&desk, EVENT).expect(200).await;
    let again = desk.operator(&format!("GET {path}")).expect(200).await.json();
    assert_eq!((&again["count"], again.get("closed")), (&json!(2), None));
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("alert.close") && log.contains("a test of ours"), "{log}");
}

#[tokio::test]
async fn records_come_packed_or_not_and_nothing_else_is_taken() {
    let (desk, _) = watching().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(EVENT.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(EVENT.as_bytes(), 1).unwrap();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 48 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let plain = EVENT.as_bytes().to_vec();
    for (encoding, bytes, status, slug) in [
        (None, &plain, 200, ""),
        (None, &gzip, 200, ""),
        (Some("identity"), &plain, 200, ""),
        (Some("gzip"), &gzip, 200, ""),
        (Some("zstd"), &zstd, 200, ""),
        (Some("gzip"), &zstd, 422, "refused"),
        (Some("identity"), &gzip, 422, "refused"),
        (Some("gzip"), &bomb, 422, "refused"),
        (Some("br"), &plain, 415, "unsupported-media-type"),
        (Some("gzip, zstd"), &plain, 415, "unsupported-media-type"),
    ] {
        let ask = push(&desk, bytes.clone());
        let ask = match encoding {
            Some(encoding) => ask.header("content-encoding", encoding),
            None => ask,
        };
        let reply = ask.expect(status).await;
        if status == 200 {
            assert_eq!(reply.json()["matched"], 1, "{encoding:?}");
        } else {
            assert_eq!(reply.json()["type"], format!("urn:shieldwall:problem:{slug}"), "{encoding:?}");
            assert!(reply.json()["hint"].is_string() || slug == "refused", "{}", reply.body);
        }
    }
    let too_much = push(&desk, vec![b'x'; settings().max_body + 1]).expect(413).await;
    assert!(too_much.json()["hint"].as_str().unwrap().contains("pieces"), "{}", too_much.body);
    assert_eq!(push(&desk, "").expect(200).await.json()["records"], 0);
    push(&desk, (0..=255).cycle().take(4096).collect::<Vec<u8>>()).expect(422).await;

    let line =
        |path: &str| desk.operator(&format!("POST /api/v1/log-sources/{path}")).body("text/plain", EVENT);
    line("nowhere/records").expect(404).await;
    line("sensor/records?name=a%0Ab").expect(400).await;
    line(&format!("sensor/records?name={}", "a".repeat(201))).expect(400).await;
    let tap = json!({"name": "tap", "kind": "syslog-udp", "config": {"listen": "127.0.0.1:514"}});
    desk.operator("POST /api/v1/log-sources").json(&tap).expect(201).await;
    line("tap/records").expect(422).await;
    let pause = json!({"enabled": false});
    desk.operator("PATCH /api/v1/log-sources/sensor").json(&pause).expect(200).await;
    push(&desk, EVENT).expect(422).await;
}

#[tokio::test]
async fn while_records_are_taken_in_others_for_the_same_source_are_turned_away() {
    let (desk, events) = watching().await;
    let (open_gate, gate) = mpsc::channel();
    *events.gate.lock().unwrap() = Some(gate);
    let first = tokio::spawn(push(&desk, EVENT).send());
    events.at_gate.notified().await;
    let second = push(&desk, EVENT).expect(429).await;
    assert_eq!(second.header("retry-after"), "1");
    open_gate.send(()).unwrap();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(push(&desk, EVENT).expect(200).await.json()["matched"], 1);
}

#[tokio::test]
async fn log_sources_are_checked_before_they_are_added() {
    let (desk, _) = open().await;
    let add = |body: Value| desk.operator("POST /api/v1/log-sources").json(&body);
    for bad in [
        json!({"name": "A b", "kind": "push"}),
        json!({"name": "", "kind": "push"}),
        json!({"name": "x", "kind": "ftp"}),
        json!({"name": "x", "kind": "file"}),
        json!({"name": "x", "kind": "push", "config": {"path": "/var/log/x"}}),
        json!({"name": "x", "kind": "push", "config": ["a"]}),
        json!({"name": "x", "kind": "push", "config": {"format": "eve"}}),
        json!({"name": "x", "kind": "push", "config": {"logsource": {"product": "mainframe"}}}),
        json!({"name": "x", "kind": "push", "config": {"zone": "CET"}}),
        json!({"name": "x", "kind": "push", "owner": "me"}),
    ] {
        let reply = add(bad.clone()).expect(400).await;
        assert!(!reply.json()["detail"].as_str().unwrap().is_empty(), "{bad}");
    }
    let config = json!({"format": "eve-json", "keep": false});
    let added = add(json!({"name": "sensor", "kind": "push", "config": config})).expect(201).await.json();
    assert_eq!((&added["config"], &added["followed"]), (&config, &json!(false)));
    assert_eq!(added["state"]["records"], 0);
    add(json!({"name": "sensor", "kind": "push"})).expect(409).await;
    add(json!({"name": "eve", "kind": "file", "config": {"path": "/var/log/eve.json"}})).expect(201).await;

    let list = desk.operator("GET /api/v1/log-sources").expect(200).await.json();
    let names = |list: &str, name: &str, answer: &Value| -> Vec<String> {
        let items = answer[list].as_array().unwrap().iter();
        items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("log_sources", "name", &list), ["eve", "sensor"]);
    assert_eq!(names("kinds", "kind", &list), ["file", "syslog-udp", "push"]);

    // An admin over the network names no file of the machine, nor changes how one is read.
    let secret = desk.token("root", "admin", &[]).await;
    let file = json!({"name": "shadow", "kind": "file", "config": {"path": "/etc/shadow"}});
    let ask = |line: &str| desk.ask(line).bearer(&secret);
    let refused = ask("POST /api/v1/log-sources").json(&file).expect(403).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("`path`"), "{}", refused.body);
    let other = json!({"config": {"path": "/etc/shadow"}});
    ask("PATCH /api/v1/log-sources/eve").json(&other).expect(403).await;
    let wider = json!({"config": {"path": "/var/log/eve.json", "format": "json-lines"}});
    ask("PATCH /api/v1/log-sources/eve").json(&wider).expect(403).await;
    let same = json!({"config": {"path": "/var/log/eve.json"}, "enabled": false});
    let changed = ask("PATCH /api/v1/log-sources/eve").json(&same).expect(200).await.json();
    assert_eq!(changed["enabled"], false);
    let udp = json!({"name": "udp", "kind": "syslog-udp", "config": {"listen": "127.0.0.1:1514"}});
    ask("POST /api/v1/log-sources").json(&udp).expect(201).await;

    ask("DELETE /api/v1/log-sources/udp").expect(204).await;
    ask("DELETE /api/v1/log-sources/udp").expect(404).await;
    ask("GET /api/v1/log-sources/udp").expect(404).await;
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    for act in ["log-source.add", "log-source.change", "log-source.remove"] {
        assert!(log.contains(act), "{act}: {log}");
    }
}

#[tokio::test]
async fn rules_are_stored_listed_by_state_and_removed() {
    let (desk, _) = watching().await;
    let stored = rule(&desk, "windows/whoami.yml", RULE).expect(200).await.json();
    assert_eq!(stored["changed"], false);
    assert_eq!(rule(&desk, "broken.yml", "title: [").expect(200).await.json()["changed"], true);
    rule(&desk, "empty.yml", " \n").expect(400).await;
    rule(&desk, "long.yml", &"#".repeat((1 << 20) + 1)).expect(413).await;
    let binary = desk.operator("PUT /api/v1/detection/rules/x").body("application/yaml", vec![0xff, 0xfe]);
    binary.expect(400).await;
    rule(&desk, &"n".repeat(256), RULE).expect(400).await;

    push(&desk, EVENT).expect(200).await;
    let list = async |query: &str| {
        desk.operator(&format!("GET /api/v1/detection/rules{query}")).expect(200).await.json()
    };
    let active = list("?state=active").await;
    assert_eq!(active["total"], 1, "{active:#}");
    let rule = &active["rules"][0];
    assert_eq!((&rule["file"], &rule["id"]), (&json!("windows/whoami.yml"), &json!(WHOAMI)));
    assert_eq!((&rule["level"], &rule["tags"]), (&json!("high"), &json!(["attack.t1033"])));
    assert_eq!((&rule["fired"], &rule["last_fired"]), (&json!(1), &json!("2026-05-01T10:00:00.000Z")));
    assert!(rule.get("object").is_none() && !rule["classes"].as_array().unwrap().is_empty(), "{rule:#}");
    let broken = list("?state=unsupported").await;
    assert!(!broken["rules"][0]["reason"].as_str().unwrap().is_empty(), "{broken:#}");
    assert_eq!(list("?offset=1&limit=1").await["rules"].as_array().unwrap().len(), 1);
    desk.operator("GET /api/v1/detection/rules?state=asleep").expect(400).await;

    // One that somebody put into an indicator is listed with the indicator's id.
    let mut shared = indicator(2);
    shared["pattern_type"] = json!("sigma");
    shared["pattern"] = json!(RULE.replace("8111-111111111111", "8111-222222222222"));
    desk.put(&[shared]).await;
    let all = list("").await;
    assert_eq!(all["rules"].as_array().unwrap().last().unwrap()["object"], id(2), "{all:#}");

    let remove = "DELETE /api/v1/detection/rules/windows%2Fwhoami.yml";
    desk.operator(remove).expect(204).await;
    desk.operator(remove).expect(404).await;
    assert_eq!(list("?state=active").await["total"], 1);
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("detection-rule.put") && log.contains("detection-rule.remove"), "{log}");
}

#[tokio::test]
async fn no_alert_can_be_told_from_blind() {
    let (desk, _) = watching().await;
    let mut yara = indicator(2);
    yara["pattern_type"] = json!("yara");
    yara["pattern"] = json!("rule a { condition: true }");
    desk.put(&[yara]).await;
    let off = json!({"name": "off", "kind": "push", "enabled": false});
    desk.operator("POST /api/v1/log-sources").json(&off).expect(201).await;
    let coverage = async || desk.operator("GET /api/v1/detection/coverage").expect(200).await.json();
    let states = |coverage: &Value| -> Vec<String> {
        let sources = coverage["log_sources"].as_array().unwrap().iter();
        sources.map(|source| source["state"].as_str().unwrap().to_owned()).collect()
    };

    let before = coverage().await;
    assert!(before["values"].as_u64().unwrap() > 0, "{before:#}");
    assert_eq!(before["unwatched"], 1, "{before:#}");
    assert_eq!(before["first_unwatched"][0]["object"], id(2));
    assert_eq!((&before["rules"], &before["never_fired"]), (&json!({"active": 1}), &json!(1)));
    assert_eq!(before["first_never_fired"][0]["rule"], WHOAMI);
    assert_eq!(states(&before), ["off", "waiting"]);

    push(&desk, EVENT).expect(200).await;
    let after = coverage().await;
    assert_eq!((&after["never_fired"], &after["telemetry"]["events"]), (&json!(0), &json!(1)));
    assert_eq!(states(&after), ["off", "alive"]);
    desk.clock.advance(std::time::Duration::from_secs(2 * 3600));
    assert_eq!(states(&coverage().await), ["off", "silent"]);
    let unwatched = desk.operator("GET /api/v1/detection/unwatched").expect(200).await.json();
    assert!(unwatched["unwatched"][0]["reason"].as_str().unwrap().contains("yara"), "{unwatched}");
}

/// A hunt, once it is over.
async fn over(desk: &Desk, id: &str) -> Value {
    loop {
        let hunt = desk.operator(&format!("GET /api/v1/hunts/{id}")).expect(200).await.json();
        if !matches!(hunt["state"].as_str().unwrap(), "waiting" | "running") {
            return hunt;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn hunts_look_through_what_was_kept() {
    let (desk, _) = open().await;
    desk.operator("POST /api/v1/log-sources")
        .json(&json!({"name": "sensor", "kind": "push"}))
        .expect(201)
        .await;
    push(&desk, EVENT).expect(200).await;
    push(&desk, LOOKUP).expect(200).await;
    let run = |body: Value| desk.operator("POST /api/v1/hunts").json(&body);
    for (question, found) in [
        (json!({"values": ["bad1[.]badhost.net", "192.0.2.99"], "reason": "case 7"}), true),
        (json!({"values": ["198.51.100.1"]}), false),
        (json!({"values": ["bad1.badhost.net"], "until": "2026-01-01T00:00:00Z"}), false),
        (json!({"sigma": RULE}), true),
        (json!({"pattern": "[domain-name:value = 'bad1.badhost.net']"}), true),
    ] {
        let begun = run(question.clone()).expect(202).await.json();
        assert_eq!(begun["by"], "local operator");
        let hunt = over(&desk, begun["id"].as_str().unwrap()).await;
        let hits = hunt["result"]["hits"].as_u64().unwrap_or_default();
        assert_eq!((&hunt["state"], hits > 0), (&json!("done"), found), "{question}: {hunt:#}");
        assert_eq!(hunt["result"]["looked_at"]["complete"], true, "{hunt:#}");
    }
    for bad in [
        json!({}),
        json!({"values": ["192.0.2.1"], "sigma": RULE}),
        json!({"values": ["192.0.2.1"], "from": "yesterday"}),
        json!({"values": ["192.0.2.1"], "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
        json!({"values": ["192.0.2.1"], "reason": "x".repeat(5000)}),
        json!({"values": ["192.0.2.1"], "max_seconds": 0}),
        json!({"values": ["192.0.2.1"], "max_bytes": 0}),
    ] {
        run(bad).expect(400).await;
    }
    for refused in [
        json!({"values": ["not a value"]}),
        json!({"values": []}),
        json!({"sigma": "title: ["}),
        json!({"values": ["192.0.2.1"], "sources": ["elsewhere"]}),
    ] {
        run(refused).expect(422).await;
    }

    let list = desk.operator("GET /api/v1/hunts").expect(200).await.json();
    let hunts = list["hunts"].as_array().unwrap();
    assert_eq!(hunts.len(), 5);
    let named = hunts.iter().find(|hunt| hunt["reason"] == "case 7").unwrap();
    assert_eq!(named["what"], "bad1[.]badhost.net, 192.0.2.99");
    assert!(named["hits"].as_u64().unwrap() > 0, "{named}");
    let whole = named["id"].as_str().unwrap();
    let short = desk.operator(&format!("GET /api/v1/hunts/{}", &whole[..12])).expect(200).await.json();
    assert_eq!(short["id"], whole);
    // One that is over stays as it is.
    let off = desk.operator(&format!("POST /api/v1/hunts/{}/cancel", &whole[..12])).expect(200).await.json();
    assert_eq!(off["state"], "done");
    for nothing in ["0000000000", &"0".repeat(64)] {
        desk.operator(&format!("GET /api/v1/hunts/{nothing}")).expect(404).await;
        desk.operator(&format!("POST /api/v1/hunts/{nothing}/cancel")).expect(404).await;
    }
}

#[tokio::test]
async fn kept_events_are_shown_held_and_written_out() {
    let (desk, _) = watching().await;
    push(&desk, EVENT).expect(200).await;
    assert_eq!(desk.operator("GET /api/v1/telemetry").expect(200).await.json()["events"], 1);
    assert_eq!(desk.operator("POST /api/v1/telemetry/flush").expect(200).await.json()["events"], 1);
    let hold = |body: Value| desk.operator("POST /api/v1/telemetry/holds").json(&body);
    let case = json!({"name": "case 7", "from": "2026-05-01T00:00:00.000Z", "sources": ["sensor"]});
    assert_eq!(hold(case.clone()).expect(201).await.json(), case);
    hold(case.clone()).expect(409).await;
    for bad in [
        json!({"name": " "}),
        json!({"name": "x".repeat(101)}),
        json!({"name": "x", "from": "yesterday"}),
        json!({"name": "x", "from": "2026-05-02T00:00:00Z", "until": "2026-05-01T00:00:00Z"}),
        json!({"name": "x", "sources": []}),
    ] {
        hold(bad).expect(400).await;
    }
    assert_eq!(
        desk.operator("GET /api/v1/telemetry/holds").expect(200).await.json(),
        json!({"holds": [case]})
    );
    desk.operator("DELETE /api/v1/telemetry/holds/case%207").expect(204).await;
    desk.operator("DELETE /api/v1/telemetry/holds/case%207").expect(404).await;
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("telemetry.hold") && log.contains("telemetry.release"), "{log}");
}

#[tokio::test]
async fn answers_and_opinions_about_an_object() {
    let (desk, _) = open().await;
    let mut own = indicator(1);
    own["confidence"] = json!(80);
    desk.put(&[own, clear(2)]).await;
    let answers = desk.operator(&format!("GET /api/v1/objects/{}/answers", id(1))).expect(200).await.json();
    assert_eq!((&answers["parties"], &answers["waiting"]), (&json!([]), &json!(0)));
    assert_eq!((&answers["confidence"], &answers["assessed"]), (&json!(80), &json!(80)));
    desk.operator(&format!("GET /api/v1/objects/{}/answers", id(9))).expect(404).await;
    desk.operator("GET /api/v1/objects/nothing/answers").expect(400).await;

    let say = |place: u32, body: Value| {
        desk.operator(&format!("POST /api/v1/objects/{}/feedback", id(place))).json(&body)
    };
    let wrong = json!({"opinion": "disagree", "explanation": "our own mirror"});
    let made = say(2, wrong.clone()).expect(201).await.json();
    let opinion = desk.operator(&format!("GET /api/v1/objects/{}", made["id"].as_str().unwrap()));
    let opinion = opinion.expect(200).await.json();
    assert_eq!(opinion["object"]["explanation"], "our own mirror", "{opinion:#}");
    let later = say(2, json!({"opinion": "agree"})).expect(201).await.json();
    assert_eq!(made, later, "a change of mind is a new version");
    // What must not leave the organisation gets no answer either.
    say(1, wrong.clone()).expect(422).await;
    say(9, wrong).expect(404).await;
    say(2, json!({"opinion": "meh"})).expect(400).await;
    say(2, json!({"opinion": "agree", "explanation": "x".repeat(5000)})).expect(400).await;
}

#[tokio::test]
async fn questions_to_others_need_an_agreement() {
    let (desk, _) = open().await;
    for direction in ["", "?direction=asked", "?direction=asking"] {
        let list = desk.operator(&format!("GET /api/v1/hunt-requests{direction}")).expect(200).await.json();
        assert_eq!(list, json!({"requests": []}));
    }
    desk.operator("GET /api/v1/hunt-requests?direction=up").expect(400).await;
    let ask = |body: Value| desk.operator("POST /api/v1/hunt-requests").json(&body);
    let question =
        json!({"agreement": "0123456789", "purpose": "incident-response", "values": ["192.0.2.1"]});
    ask(question).expect(404).await;
    ask(json!({"agreement": "0123456789", "purpose": "incident-response"})).expect(400).await;
    let reason = json!({"reason": "because"});
    for verb in ["approve", "refuse"] {
        for id in ["0123456789".to_owned(), "0".repeat(64)] {
            let line = format!("POST /api/v1/hunt-requests/{id}/{verb}");
            desk.operator(&line).json(&json!({"reason": ""})).expect(400).await;
            desk.operator(&line).json(&reason).expect(404).await;
        }
    }
}

#[tokio::test]
async fn a_node_that_was_opened_without_says_so() {
    let desk = Desk::open();
    let kinds = desk.operator("GET /api/v1/log-sources").expect(200).await.json();
    assert_eq!(kinds["kinds"], json!([]));
    desk.operator("GET /api/v1/alerts").expect(200).await;
    desk.operator("GET /api/v1/hunts").expect(200).await;
    for line in ["GET /api/v1/detection/coverage", "GET /api/v1/telemetry", "POST /api/v1/telemetry/flush"] {
        let reply = desk.operator(line).expect(422).await.json();
        assert!(reply["hint"].as_str().unwrap().contains("shieldwall serve"), "{line}: {reply}");
    }
    let sensor = json!({"name": "sensor", "kind": "push"});
    desk.operator("POST /api/v1/log-sources").json(&sensor).expect(422).await;
    desk.operator("POST /api/v1/hunts").json(&json!({"values": ["192.0.2.1"]})).expect(422).await;
}
