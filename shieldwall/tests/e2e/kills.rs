//! Two nodes that exchange, one or the other of which is killed again and again: what was accepted arrives, what was
//! acknowledged is not lost, and nothing has its effect twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use model::{Seq, StixId};
use ports::trust::StreamPosition;
use runtime::{Core, OsIds, SystemClock};
use serde_json::Value;
use store_sqlite::SqliteStore;

use crate::harness::{GREEN, eventually, program, text};
use crate::objects::bundle_of;
use crate::org::{Org, allies};

/// Indicators that each of the two makes between two kills.
const BATCH: u64 = 5;
const PAGE: usize = 1_000;

/// An indicator of whoever imports it.
fn indicator(who: usize, number: u64) -> (StixId, String) {
    let id = format!("indicator--{number:08x}-0000-4000-800{who}-0000000d1e00");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'kill{number}.of{who}.badhost.net']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["{GREEN}"]}}"#
    );
    (id.parse().unwrap(), text)
}

/// A node's store, while the node is dead.
fn open(dir: &Path) -> Core {
    let store = SqliteStore::open(dir.join("node.db"), store_sqlite::Options::default()).unwrap();
    Core::open(Arc::new(store), Arc::new(SystemClock), Arc::new(OsIds)).unwrap()
}

/// How far a node's two streams have come: out and in.
fn streams(core: &Core) -> [StreamPosition; 2] {
    let all = core.store.read().unwrap().streams(core.scope.tenant).unwrap();
    [true, false].map(|out| {
        let found = all.iter().find(|(key, _)| key.outbound == out);
        found.map(|(_, position)| position.clone()).unwrap_or_default()
    })
}

/// What was last seen of both nodes' streams: whatever one has learnt of the other stays true.
#[derive(Default)]
struct Seen([[StreamPosition; 2]; 2]);

impl Seen {
    /// Looks into a dead node.
    fn look(&mut self, who: usize, dir: &Path) {
        let now = streams(&open(dir));
        let [before, other] = [who, 1 - who].map(|node| self.0[node].clone());
        let place = |position: &StreamPosition| (position.epoch, position.seq);
        assert!(now[0].acked >= before[0].acked, "an acknowledgement was lost: {now:?} after {before:?}");
        assert!(place(&now[1]) >= place(&before[1]), "what was received was lost: {now:?} after {before:?}");
        assert!(now[1].seq >= other[0].acked, "it has less than it acknowledged: {now:?}, {other:?}");
        assert!(now[0].seq >= other[1].seq, "it has sent less than was received: {now:?}, {other:?}");
        assert!(now.iter().all(|position| position.epoch <= 1), "nobody restored anything: {now:?}");
        self.0[who] = now;
    }
}

/// How often: `SHIELDWALL_EXCHANGE_KILLS`.
#[test]
fn killed_at_any_moment_of_an_exchange() {
    let kills =
        std::env::var("SHIELDWALL_EXCHANGE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    let mut orgs = allies();
    let mut seen = Seen::default();
    let mut wanted: [Vec<StixId>; 2] = Default::default();
    for kill in 0_u64..kills {
        // The same choices in every run; the moments differ by themselves.
        let dice = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let victim = usize::from(dice >> 63 == 1);
        let files = [0, 1].map(|who| {
            let made: Vec<_> = (0..BATCH).map(|n| indicator(who, kill * BATCH + n)).collect();
            wanted[who].extend(made.iter().map(|(id, _)| id.clone()));
            let texts: Vec<_> = made.into_iter().map(|(_, text)| text).collect();
            orgs[who].0.node.file("batch.json", bundle_of(&texts))
        });
        let imports = [0, 1].map(|who| {
            let mut import = program();
            import.args(["import", text(&files[who]), "--dir", text(&orgs[who].0.node.dir)]);
            import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        thread::sleep(Duration::from_millis((dice >> 32) % 512));
        orgs[victim].0.serving.take().unwrap().kill();
        for mut import in imports {
            // The one whose node died may have failed.
            import.wait().unwrap();
        }
        let (org, url) = &mut orgs[victim];
        seen.look(victim, &org.node.dir);
        let port = url.strip_prefix("https://").unwrap();
        org.serving = Some(org.node.serve_with(&["--plaintext", "--peer-listen", port]));
        for who in [0, 1] {
            let again = orgs[who].0.node.json(&["import", text(&files[who])]);
            let count = |name: &str| again[name].as_u64().unwrap();
            assert_eq!(count("accepted") + count("unchanged"), BATCH, "{again}");
        }
    }
    for (who, other) in [(0, 1), (1, 0)] {
        let here = &orgs[other].0.node;
        for id in wanted[who].iter().rev().take(10) {
            eventually(|| here.run(&["get", id.as_str()]).code, |code| *code == 0);
        }
        let owed = || orgs[who].0.node.json(&["sharing", "status"]);
        eventually(owed, settled);
    }
    for (org, _) in &mut orgs {
        assert_eq!(org.serving.take().unwrap().stop(), 0);
    }
    for (who, other) in [(0, 1), (1, 0)] {
        seen.look(who, &orgs[who].0.node.dir);
        once_and_all(&orgs[who].0, &orgs[other].0, &wanted[who]);
        orgs[who].0.node.sound();
    }
}

/// Whether nothing waits in front of a stream or in it.
fn settled(shown: &Value) -> bool {
    shown["flows"].as_array().unwrap().iter().all(|flow| flow["waiting"] == 0)
}

/// Everything that one made is with the other, by one entry, one journal row, one holding and one disclosure.
fn once_and_all(from: &Org, to: &Org, wanted: &[StixId]) {
    let (sender, receiver) = (open(&from.node.dir), open(&to.node.dir));
    let wanted: BTreeSet<&StixId> = wanted.iter().collect();
    let (out, inward) = (&streams(&sender)[0], &streams(&receiver)[1]);
    assert_eq!(
        (out.seq, out.head, out.acked),
        (inward.seq, inward.head, inward.seq),
        "both have the same stream"
    );

    let read = receiver.store.read().unwrap();
    let tenant = receiver.scope.tenant;
    let mut rows: BTreeMap<StixId, usize> = BTreeMap::new();
    let mut after = Seq(0);
    loop {
        let page = read.journal(tenant, after, PAGE).unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        for object in page.into_iter().filter_map(|row| row.object) {
            *rows.entry(object.id).or_default() += 1;
        }
    }
    for id in &wanted {
        assert_eq!(rows.get(*id), Some(&1), "{id} in the journal of whom it was given to");
        let holdings = read.holdings(tenant, Some(id), 0, 9).unwrap();
        assert_eq!(holdings.len(), 1, "{holdings:?}");
    }
    drop(read);

    let read = sender.store.read().unwrap();
    let tenant = sender.scope.tenant;
    for id in &wanted {
        let given = read.disclosures(tenant, Some(id), false, 0, 9).unwrap();
        assert_eq!(given.len(), 1, "{given:?}");
    }
    let all = read.streams(tenant).unwrap();
    let (key, _) = all.iter().find(|(key, _)| key.outbound).unwrap();
    let (mut from, mut subjects) = (1, BTreeSet::new());
    loop {
        let entries = read.entries(tenant, *key, 1, from, PAGE).unwrap();
        let Some(last) = entries.last() else { break };
        from = last.seq + 1;
        for entry in &entries {
            let envelope: Value = serde_json::from_str(&entry.envelope).unwrap();
            if envelope["kind"] == "put" {
                assert!(subjects.insert(envelope["subject"].to_string()), "given twice: {envelope}");
            }
        }
    }
    assert!(subjects.len() >= wanted.len(), "{} entries for {} objects", subjects.len(), wanted.len());
}
