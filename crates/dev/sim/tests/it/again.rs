//! What was taken back because it was not permitted any more comes again once it is; what people took back does not, and
//! nothing old brings either back.

use exchange::wire::{FrameLimits, Push};
use model::{Digest, StixId, Tlp};
use ports::SourceRecord;
use ports::peer::Topic;
use ports::trust::DisclosureRecord;
use shieldwall_sim::{
    Member, Pact, Shape, Stage, forge, next_version, settle, settle_heard, sign_all, with_ceiling,
};

/// Three nodes, of which the first two agree up to AMBER, the other two up to GREEN, the outer two up to CLEAR.
struct Three {
    members: Vec<Member>,
    pact: Pact,
    _folder: testkit::TempDir,
}

fn three() -> Three {
    let folder = testkit::temp_dir();
    let stage = Stage::build(Shape::Triangle, folder.path()).unwrap();
    let members = stage.copy(folder.path(), 7).unwrap();
    Three { members, pact: stage.pacts[0].clone(), _folder: folder }
}

impl Three {
    fn giver(&self) -> &Member {
        &self.members[0]
    }

    fn ally(&self) -> &Member {
        &self.members[1]
    }

    /// A version of the agreement of the first two, with another ceiling.
    fn revise(&mut self, from: Tlp, to: Tlp) {
        let changed = with_ceiling(&self.pact.text, from, to);
        assert_ne!(changed, self.pact.text);
        let among = [&self.members[0], &self.members[1]];
        let proposed = among[0].core.propose(&next_version(&self.pact, &changed), "", "officer").unwrap();
        sign_all(&among, &proposed).unwrap();
        let numbers = [self.pact.number, self.pact.number + 1].map(|number| format!("version = {number}\n"));
        self.pact.text = changed.replacen(&numbers[0], &numbers[1], 1);
        (self.pact.version, self.pact.number) = (proposed.version, self.pact.number + 1);
        self.settled();
    }

    fn settled(&self) {
        settle(&self.members.iter().collect::<Vec<_>>()).unwrap();
        self.members.iter().for_each(|member| member.clock.advance(60_000_000));
        settle(&self.members.iter().collect::<Vec<_>>()).unwrap();
    }

    /// What the ally was given of an object, the first first.
    fn given(&self, id: &StixId) -> Vec<DisclosureRecord> {
        let read = self.giver().core.store.read().unwrap();
        let rows = read.disclosures(self.giver().core.scope.tenant, Some(id), false, 0, 100).unwrap();
        rows.into_iter().filter(|row| row.to == self.ally().party).collect()
    }
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).unwrap().is_some()
}

fn indicator(by: &Member, number: u32, tlp: Tlp) -> (StixId, String) {
    let id = format!("indicator--0aaaaaaa-0000-4000-8000-{number:012x}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","name":"number {number}","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '45.83.64.{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","object_marking_refs":["{}"]}}"#,
        by.identity,
        stix::marking::tlp_ref(tlp)
    );
    (id.parse().unwrap(), text)
}

/// An address: its id follows from its value (STIX 2.1 §2.9), so it can never be published under another.
fn address(tlp: Tlp) -> (StixId, String) {
    let unnamed = r#"{"type":"ipv4-addr","spec_version":"2.1","id":"ID","value":"45.83.64.9"}"#;
    let mut tape = json::Tape::new();
    let id = stix::sco::deterministic_id(tape.parse(unnamed.as_bytes(), &json::Limits::OBJECT).unwrap());
    let id = id.unwrap();
    let marking = format!(r#"","object_marking_refs":["{}"]}}"#, stix::marking::tlp_ref(tlp));
    (id.clone(), unnamed.replace("ID", id.as_str()).replace(r#""}"#, &marking))
}

#[test]
fn what_a_narrower_text_took_back_a_wider_one_brings_again() {
    let mut all = three();
    let (kept, kept_text) = indicator(all.giver(), 1, Tlp::Green);
    let (amber, amber_text) = indicator(all.giver(), 2, Tlp::Amber);
    let (value, value_text) = address(Tlp::Amber);
    all.giver().publish(&[&kept_text, &amber_text, &value_text]).unwrap();
    all.settled();
    assert!([&kept, &amber, &value].iter().all(|id| has(all.ally(), id)));
    for round in 1..=3 {
        all.revise(Tlp::Amber, Tlp::Green);
        assert!(has(all.ally(), &kept));
        assert!(![&amber, &value].iter().any(|id| has(all.ally(), id)), "round {round}");
        let told = format!("{:?}", all.giver().core.explain(&amber, all.ally().party).unwrap());
        assert!(told.contains("taken back"), "{told}");
        all.revise(Tlp::Green, Tlp::Amber);
        assert!([&kept, &amber, &value].iter().all(|id| has(all.ally(), id)), "round {round}");
    }
    let rows = all.given(&amber);
    let names: std::collections::BTreeSet<Digest> = rows.iter().map(|row| row.subject).collect();
    assert_eq!((rows.len(), names.len()), (4, 4), "each time under a name of its own: {rows:#?}");
    let (last, before) = rows.split_last().unwrap();
    assert!(last.withdrawn.is_none() && last.receipt.is_none());
    for row in before {
        let confirmed = row.receipt.as_ref().is_some_and(|(_, state)| state == "erased");
        assert!(row.withdrawn.is_some() && confirmed, "{row:?}");
    }
    // What stayed was given once.
    assert_eq!(all.given(&kept).len(), 1);
    // Nothing is left to be done about it, and both sides agree on what is held.
    let held = all.ally().core.store.read().unwrap();
    let live = held.holdings_live(all.ally().core.scope.tenant, &amber).unwrap();
    assert_eq!(live.iter().map(|holding| holding.subject).collect::<Vec<_>>(), [last.subject]);
}

#[test]
fn nothing_old_brings_it_back_between_and_the_next_withdrawal_reaches_it() {
    let mut all = three();
    let (id, text) = indicator(all.giver(), 1, Tlp::Amber);
    all.giver().publish(&[&text]).unwrap();
    let mut heard = Vec::new();
    let members: Vec<&Member> = all.members.iter().collect();
    settle_heard(&members, &mut |from, to, topic, body: &[u8]| {
        if (from, to, topic) == (0, 1, Topic::Push) {
            heard.push(body.to_vec());
        }
    })
    .unwrap();
    let first = all.given(&id)[0].subject;
    let brought = |frame: &&Vec<u8>| {
        let push = Push::decode(frame, &FrameLimits::default()).unwrap();
        push.entries.iter().any(|entry| entry.envelope.contains(&first.to_string()))
    };
    let old = heard.iter().find(brought).unwrap().clone();
    let courier = all.giver().pack(all.ally().party, 10, 1 << 20).unwrap();
    all.revise(Tlp::Amber, Tlp::Green);
    let replayed = |all: &Three| {
        let _ = forge::call(all.ally(), Some(all.giver().party), Topic::Push, &old);
        for file in &courier {
            let _ = all.ally().core.courier_import(file);
        }
        all.settled();
    };
    replayed(&all);
    assert!(!has(all.ally(), &id), "what is old stays away");
    all.revise(Tlp::Green, Tlp::Amber);
    assert!(has(all.ally(), &id));
    replayed(&all);
    assert_eq!(all.given(&id).len(), 2);
    // Its creator takes it back for good: no text brings it again.
    all.giver().core.withdraw(&id, "analyst", "it was wrong").unwrap();
    all.settled();
    assert!(!has(all.ally(), &id));
    all.revise(Tlp::Amber, Tlp::Green);
    all.revise(Tlp::Green, Tlp::Amber);
    replayed(&all);
    assert!(!has(all.ally(), &id));
    assert_eq!(all.given(&id).len(), 2);
}

#[test]
fn what_our_people_took_back_of_others_stays_taken_back() {
    let mut all = three();
    // What nobody signs for came from a feed of the giver's: its people take it back without speaking for its creator.
    let (id, text) = indicator(all.giver(), 1, Tlp::Clear);
    let nobodys = text.replace(&format!(r#""created_by_ref":"{}","#, all.giver().identity), "");
    let core = &all.giver().core;
    let record = SourceRecord {
        name: "feed".to_owned(),
        kind: "file".to_owned(),
        collection: model::CollectionId(all.giver().uuid()),
        ..core.own_source().unwrap()
    };
    let number = core.store.transact(|tx| tx.add_source(core.scope.tenant, &record)).unwrap();
    let feed = SourceRecord { id: number, ..record };
    let piece = runtime::Piece::stix(nobodys.as_bytes());
    all.giver().core.ingest(&feed, &[piece], &mut |_| {}).unwrap();
    all.settled();
    let why = all.giver().core.explain(&id, all.ally().party).unwrap();
    assert!(has(all.ally(), &id), "{why}");
    let done = all.giver().core.withdraw(&id, "analyst", "the feed was wrong").unwrap();
    assert!(!done.as_creator);
    all.settled();
    assert!(!has(all.ally(), &id));
    all.revise(Tlp::Amber, Tlp::Green);
    all.revise(Tlp::Green, Tlp::Amber);
    assert!(!has(all.ally(), &id), "people decided that, not a text");
    let told = format!("{:?}", all.giver().core.explain(&id, all.ally().party).unwrap());
    assert!(told.contains("taken back from everyone"), "{told}");
}
