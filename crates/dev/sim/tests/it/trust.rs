//! Two nodes with real keys: pairing, an agreement, delivery, withdrawal, witness.

use std::sync::Arc;

use keys::events::Roots;
use keys::posts::{Appointment, Approval, PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::{PartyId, Timestamp};
use ports::peer::{CallError, PeerHandler, Refusal};
use ports::{Clock, Ids, Store};
use runtime::trust::{Peers, Vault};
use runtime::{Core, Founding, Piece};
use store_sqlite::SqliteStore;

struct Still(std::sync::Mutex<i64>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        let mut at = self.0.lock().unwrap();
        *at += 1000;
        Timestamp::from_micros(*at)
    }
}

struct Counting(std::sync::Mutex<u64>, u64);

impl Ids for Counting {
    fn random(&self) -> [u8; 32] {
        use sha2::Digest as _;
        let mut count = self.0.lock().unwrap();
        *count += 1;
        sha2::Sha256::new()
            .chain_update(self.1.to_be_bytes())
            .chain_update(count.to_be_bytes())
            .finalize()
            .into()
    }
}

pub(crate) struct Member {
    pub(crate) core: Arc<Core>,
    root: SecretKey,
    officer: SecretKey,
    pub(crate) party: PartyId,
}

pub(crate) fn member(index: u64, country: &str) -> Member {
    let clock = Arc::new(Still(std::sync::Mutex::new(
        "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().as_micros(),
    )));
    let ids = Arc::new(Counting(std::sync::Mutex::default(), index));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::memory().unwrap());
    let founding = Founding { name: format!("Node {index}"), country: Some(country.to_owned()) };
    let core = Core::found(store, clock, ids, &founding).unwrap();
    let root = SecretKey::from_seed([index as u8 + 1; 64]);
    let officer = SecretKey::from_seed([index as u8 + 101; 64]);
    let vault = Vault::memory();
    let roots = Roots { keys: vec![root.public().clone()], threshold: 1 };
    let mut inception = core.prepare_inception(&vault, roots).unwrap();
    inception.add(context::KEY_EVENT, &root).unwrap();
    let party = core.add_key_event(Some(vault), &inception).unwrap();
    let now = core.clock.now();
    let appointment = Appointment {
        party,
        post: Post::ReleaseOfficer,
        person: format!("officer-{index}"),
        name: "An Officer".to_owned(),
        keys: vec![PersonKey::Hybrid(officer.public().clone())],
        window: Window { from: now, until: now.plus_micros(300 * DAY) },
        issued: now,
        deputy: None,
    };
    let signed = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[&root]).unwrap();
    core.add_appointment(&signed).unwrap();
    Member { core: Arc::new(core), root, officer, party }
}

pub(crate) fn pair(a: &Member, b: &Member) {
    let invitation = a.core.invite(None, DAY).unwrap();
    let accepted = b.core.accept_invitation(&invitation, Some("inviter"), None).unwrap();
    let opened = a.core.take_acceptance(&accepted.answer, Some("accepter")).unwrap();
    b.core.take_opening(&opened.answer).unwrap();
    let (ours, theirs) = (a.core.pairing("accepter").unwrap(), b.core.pairing("inviter").unwrap());
    let words = ours.words.unwrap().join(" ");
    assert_eq!(words, theirs.words.unwrap().join(" "));
    assert!(a.core.confirm_peer("accepter", "acorn admiral alarm almond anchor angle", "t").is_err());
    a.core.confirm_peer("accepter", &words, "t").unwrap();
    b.core.confirm_peer("inviter", &words, "t").unwrap();
}

/// Carries calls both ways until nobody has anything to say.
pub(crate) fn settle(a: &Member, b: &Member) {
    for _ in 0..200 {
        let mut said = false;
        for (from, to) in [(a, b), (b, a)] {
            while from.core.release_step().unwrap() {}
            while from.core.deliver_step().unwrap() {}
            from.core.erasure_step().unwrap();
            from.core.agreement_step().unwrap();
            from.core.checkpoint_step().unwrap();
            if let Some(call) = from.core.next_call(to.party).unwrap() {
                let answer = Peers(Arc::clone(&to.core)).answer(Some(from.party), call.topic, &call.body);
                if let Err(problem) = &answer {
                    println!("{:?} refused: {problem}", call.topic);
                }
                from.core.answered(&call, answer.map_err(CallError::from)).unwrap();
                said = true;
            }
        }
        if !said {
            return;
        }
    }
    panic!("they never stop");
}

pub(crate) fn bilateral(a: &Member, b: &Member) -> String {
    let mut values = std::collections::BTreeMap::new();
    for (letter, member) in [("a", a), ("b", b)] {
        let history = member.core.own_history().unwrap();
        let epoch = history.current(member.core.clock.now()).unwrap().key.id().to_string();
        for (name, value) in [
            ("name", format!("Node {letter}")),
            ("id", member.party.to_string()),
            ("country", history.country().to_owned()),
            ("jurisdiction", history.country().to_owned()),
            ("epoch", epoch),
            ("identity", member.core.identity.to_string()),
        ] {
            values.insert(format!("{letter}_{name}"), value);
        }
    }
    for (name, value) in [
        ("start", "2026-10-01"),
        ("review", "2027-04-01"),
        ("expiry", "2027-09-01"),
        ("basis_from", "2026-01-01"),
        ("basis_until", "2028-01-01"),
        ("a_key", "a"),
        ("b_key", "b"),
        ("officers", "1"),
        ("of", "1"),
    ] {
        values.insert(name.to_owned(), value.to_owned());
    }
    let template = agreement::templates::template("bilateral-cert").unwrap();
    let known: Vec<_> = template.places().iter().map(|place| place.name).collect();
    println!("{known:?}");
    values.retain(|name, _| known.contains(&name.as_str()));
    agreement::templates::instantiate("bilateral-cert", &values).unwrap()
}

pub(crate) fn sign(member: &Member, proposed: &runtime::trust::Proposed) {
    let bytes = member.core.approval_bytes(proposed.agreement, proposed.version).unwrap();
    let approval = Approval::sign(&member.officer, bytes.as_bytes());
    member.core.sign_agreement(proposed.agreement, proposed.version, vec![approval], "t").unwrap();
}

#[test]
fn one_indicator_travels_and_is_taken_back() {
    let (a, b) = (member(0, "EE"), member(1, "FI"));
    pair(&a, &b);
    settle(&a, &b);
    let document = bilateral(&a, &b);
    let proposed = a.core.propose(&document, "", "t").unwrap();
    settle(&a, &b);
    sign(&a, &proposed);
    settle(&a, &b);
    sign(&b, &proposed);
    settle(&a, &b);
    for member in [&a, &b] {
        let registry = member.core.registry().unwrap();
        let state = &registry.agreements[&proposed.agreement].state;
        println!("{} {:?} {:?} {:?}", state.status, state.reasons, state.refused, state.waiting);
    }
    let amber = stix::marking::tlp_ref(model::Tlp::Amber);
    let red = stix::marking::tlp_ref(model::Tlp::Red);
    let object = |n: u32, marking: &model::StixId| {
        format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--0aaaaaaa-0000-4000-8000-00000000000{n}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[ipv4-addr:value = '45.83.64.{n}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{marking}"]}}"#,
            a.core.identity
        )
    };
    let own = a.core.own_source().unwrap();
    let texts = [object(1, &amber), object(2, &red)];
    let pieces: Vec<_> = texts.iter().map(|text| Piece::stix(text.as_bytes())).collect();
    a.core.ingest(&own, &pieces, &mut |report| println!("{:?} {:?}", report.fate, report.findings)).unwrap();
    settle(&a, &b);
    for decision in a.core.store.read().unwrap().decisions(a.core.scope.tenant, None, None, 100).unwrap() {
        println!("{:?} {} {} {}", decision.object, decision.permitted, decision.clause, decision.reason);
    }
    for row in b.core.store.read().unwrap().findings(b.core.scope, 0, 100).unwrap() {
        println!("B finding {:?}", row);
    }
    let id: model::StixId = "indicator--0aaaaaaa-0000-4000-8000-000000000001".parse().unwrap();
    let held = b.core.store.read().unwrap().object(b.core.scope, &id, None).unwrap().expect("delivered");
    assert_eq!(held.raw, texts[0]);
    let other: model::StixId = "indicator--0aaaaaaa-0000-4000-8000-000000000002".parse().unwrap();
    assert!(b.core.store.read().unwrap().object(b.core.scope, &other, None).unwrap().is_none());
    println!("{:?}", a.core.explain(&other, b.party).unwrap());
    let taken = a.core.withdraw(&id, "t", "it was wrong").unwrap();
    assert_eq!(taken.told.len(), 1);
    settle(&a, &b);
    assert!(b.core.store.read().unwrap().object(b.core.scope, &id, None).unwrap().is_none());
    let given = a.core.store.read().unwrap().disclosures(a.core.scope.tenant, None, false, 0, 10).unwrap();
    println!("{given:?}");
    let receipts: Vec<_> = given.iter().filter_map(|g| g.receipt.as_ref()).collect();
    assert_eq!(receipts.len(), 1);
    println!("{:?}", a.core.checkpoints().unwrap());
    let _ = (&a.root, Refusal::Failed);
}
