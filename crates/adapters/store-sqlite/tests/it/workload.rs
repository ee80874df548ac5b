//! Something to do to a store, step by step, and what must be there afterwards.

use model::{CollectionId, Label, SourceId, StixId, Tenant, Timestamp, Uuid, World};
use observable::{Kind, normalise};
use ports::{Edge, HeldDecision, NewVersion, NodeRecord, Scope, SearchDocument, Store, StoreError, Tx};

pub(crate) const SCOPE: Scope = Scope { tenant: Tenant(1), world: World::Real };
pub(crate) const OWN: CollectionId = CollectionId(Uuid([1; 16]));
const PUBLIC: CollectionId = CollectionId(Uuid([2; 16]));

pub(crate) fn id(kind: &str, number: u64) -> StixId {
    // Spread like random ids, so that one step's rows do not all lie together.
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    StixId::new(kind, Uuid((u128::from(spread) << 64 | u128::from(number)).to_be_bytes()))
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap())
}

pub(crate) fn found(store: &dyn Store) {
    let node = NodeRecord {
        name: "Test".to_owned(),
        country: None,
        identity: id("identity", 0),
        created: Timestamp::EPOCH,
    };
    store.transact(|tx| tx.found(SCOPE.tenant, &node, OWN, PUBLIC)).unwrap();
}

/// What an object's text is; long enough to fill pages, and telling which step wrote it.
pub(crate) fn raw(number: u64) -> String {
    format!(r#"{{"step":{number},"text":"{}"}}"#, format!("payload {number} ").repeat(100))
}

pub(crate) fn version<'a>(id: &'a StixId, version: u64, raw: &'a str) -> NewVersion<'a> {
    NewVersion {
        id,
        type_name: id.type_name(),
        version: at(version),
        created: None,
        rendition: 0,
        raw,
        source: SourceId(0),
        label: Label::CLEAR,
        overlay: None,
        created_by: None,
        revoked: false,
        confidence: None,
        latest: true,
        edges: Vec::new(),
        observables: Vec::new(),
        collections: vec![OWN, PUBLIC],
        findings: Vec::new(),
    }
}

/// One job: two objects that belong together and a new version of one that all steps share, and now and then what
/// else there is to do.
pub(crate) fn step(tx: &mut dyn Tx, number: u64) -> Result<(), StoreError> {
    let (first, second, shared) = (id("tool", number), id("malware", number), id("report", 0));
    let raw = raw(number);
    let observables = normalise(Kind::Domain, &format!("h{number}.example")).into_iter().collect();
    let edges = vec![Edge { name: "x_ref".to_owned(), target: second.clone() }];
    tx.put(SCOPE, at(number), &NewVersion { edges: edges.clone(), observables, ..version(&first, 1, &raw) })?;
    let (put, seq) = tx.put(SCOPE, at(number), &version(&second, 1, &raw))?;
    tx.put(SCOPE, at(number), &NewVersion { edges, ..version(&shared, number + 1, &raw) })?;
    if number.is_multiple_of(3) {
        let document =
            SearchDocument { version_id: put, title: format!("title {number}"), body: raw.clone() };
        tx.index(SCOPE.tenant, seq, &[document])?;
        tx.relabel(SCOPE, at(number), put, Label::OwnOnly)?;
    }
    if number.is_multiple_of(4) {
        let held = tx.hold(SCOPE, at(number), SourceId(0), &id("indicator", number), &raw, &[])?;
        let decision =
            HeldDecision { released: false, author: "a".to_owned(), reason: "r".to_owned(), at: at(number) };
        tx.decide(SCOPE, held, &decision)?;
    }
    if number % 5 == 4 {
        tx.erase(SCOPE, at(number), &id("indicator", number - 1))?;
    }
    tx.audit(SCOPE.tenant, at(number), "test", "step", &number.to_string(), "")
}

/// Every acknowledged step is there, whole; every other is there whole or not at all; all checks hold.
pub(crate) fn check(store: &dyn Store, acknowledged: &[u64]) {
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    let read = store.read().unwrap();
    let present = |number: u64| {
        let text = |id: &StixId| read.object(SCOPE, id, None).unwrap().map(|stored| stored.raw);
        let (first, second) = (text(&id("tool", number)), text(&id("malware", number)));
        assert_eq!(first, second, "step {number} is half there");
        assert!(first.as_ref().is_none_or(|first| *first == raw(number)), "step {number} is damaged");
        first.is_some()
    };
    for number in acknowledged {
        assert!(present(*number), "step {number} was acknowledged and is lost");
    }
    let audits = read.audits(SCOPE.tenant, 0, usize::MAX).unwrap();
    for row in audits {
        assert!(present(row.target.parse().unwrap()), "step {} is half there", row.target);
    }
}
