//! Erasure of what was shared: nothing names the object any more, and the names it had in streams stay.

use model::{Seq, Tenant, VersionId, World};
use ports::trust::{
    DecisionRecord, DisclosureRecord, EntryRecord, HoldingRecord, LeafRecord, OutboxRecord, StreamPosition,
};
use ports::{JournalKind, NewVersion, Scope, Store, StoreError, Tx};

use crate::fixture::{
    Fixture, agreement, at, decision, digest, disclosure, entry, holding, id, party, position, queued,
    review, segment, stream,
};

/// Shares a version in every way there is, under the name `subject`.
fn share(
    tx: &mut dyn Tx,
    tenant: Tenant,
    object: &model::StixId,
    version: VersionId,
    subject: u8,
) -> Result<(), StoreError> {
    let about = DecisionRecord { object: Some(object.clone()), version: Some(version), ..decision() };
    let decided = tx.record_decision(tenant, &about)?;
    let waits = OutboxRecord { version: Some(version), decision: Some(decided), ..queued("put") };
    tx.queue(tenant, &waits)?;
    let seq = tx.stream(tenant, stream(true))?.map_or(1, |position| position.seq + 1);
    let entries = [entry(seq, Some(version))];
    tx.append_entries(tenant, stream(true), 1, &entries, &segment(&entries))?;
    tx.set_stream(tenant, stream(true), &position(seq))?;
    tx.set_holding(tenant, &HoldingRecord { version: Some(version), ..holding(object, subject) })?;
    tx.set_disclosure(tenant, &disclosure(object, version, subject))?;
    tx.set_origin(tenant, version, "signed")?;
    tx.add_review(tenant, &review(object, version, "[]"))?;
    let told = LeafRecord {
        index: 0,
        hash: digest(subject),
        commitment: digest(subject),
        kind: "disclosure".to_owned(),
        at: at(1),
        opening: Some(r#"{"salt":"…"}"#.to_owned()),
    };
    tx.append_leaf(tenant, &told).map(drop)
}

/// Erasing an object takes its name, versions and content out of everything that was shared. What is left says that
/// something was decided, held, given and sent, by names only the parties know.
pub fn erasing_takes_the_name_out_of_what_was_shared(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let tool = id("tool", 1);
    let versions = [10, 20]
        .map(|version| f.put(store, 1, &NewVersion { class: "a", ..f.version(&tool, version, "x") }).0);
    store
        .transact(|tx| {
            for (version, subject) in versions.into_iter().zip([1, 2]) {
                share(tx, tenant, &tool, version, subject)?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(9), &tool)).unwrap(), 2);
    store.scrub().unwrap();
    let read = store.read().unwrap();
    assert!(read.decisions(tenant, Some(&tool), None, 9).unwrap().is_empty());
    let decisions = read.decisions(tenant, None, None, 9).unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(decisions.iter().all(|row| row.object.is_none() && row.version.is_none() && row.clause == "c1"));
    assert_eq!(read.outbox_len(tenant).unwrap(), 0, "nothing of it is sent any more");
    let blank = |seq| EntryRecord { salt: None, version: None, payload: None, ..entry(seq, None) };
    assert_eq!(read.entries(tenant, stream(true), 1, 0, 9).unwrap(), [blank(1), blank(2)]);
    assert_eq!(read.segments(tenant, stream(true), 1, 0, 9).unwrap().len(), 2);
    assert!(read.holdings(tenant, Some(&tool), 0, 9).unwrap().is_empty());
    let nameless = |subject| HoldingRecord { object: None, erased: Some(at(9)), ..holding(&tool, subject) };
    assert_eq!(read.holdings(tenant, None, 0, 9).unwrap(), [nameless(1), nameless(2)]);
    assert!(read.disclosures(tenant, Some(&tool), false, 0, 9).unwrap().is_empty());
    let given =
        |subject| DisclosureRecord { object: None, version: None, ..disclosure(&tool, versions[0], subject) };
    assert_eq!(read.disclosures(tenant, None, false, 0, 9).unwrap(), [given(1), given(2)]);
    for version in versions {
        assert_eq!(read.origin(tenant, version).unwrap(), None);
        assert_eq!(read.class_of(tenant, version).unwrap(), None);
    }
    assert!(read.reviews(tenant, true, 9).unwrap().is_empty());
    assert_eq!(read.ledger_size(tenant).unwrap(), 2);
    drop(read);
    // What is left can still be worked with: the peer takes it back, and answers.
    let ended = HoldingRecord { ended: Some(at(10)), ..nameless(1) };
    let answered = DisclosureRecord {
        withdrawn: Some(at(10)),
        receipt: Some((at(11), "erased".to_owned())),
        ..given(2)
    };
    store
        .transact(|tx| {
            tx.set_holding(tenant, &ended)?;
            tx.set_disclosure(tenant, &answered)
        })
        .unwrap();
    let find = store.transact(|tx| {
        let held = tx.holding(tenant, party(1), agreement(1), digest(1))?;
        Ok((held, tx.disclosure(tenant, party(1), agreement(1), digest(2))?))
    });
    assert_eq!(find.unwrap(), (Some(ended), Some(answered)));
}

/// Erasing what went along with something else takes it out of that entry too, and says beforehand which of those entries
/// their receivers may not have yet.
pub fn erasing_reaches_what_went_along(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (maker, tool) = (id("identity", 1), id("tool", 2));
    let (made, _) = f.put(store, 1, &f.version(&maker, 10, "x"));
    let (version, _) = f.put(store, 1, &f.version(&tool, 10, "y"));
    let with = |seq| EntryRecord { along: vec![made], ..entry(seq, Some(version)) };
    let entries = [with(1), entry(2, Some(version)), with(3)];
    store
        .transact(|tx| {
            tx.append_entries(tenant, stream(true), 1, &entries, &segment(&entries))?;
            tx.set_stream(tenant, stream(true), &StreamPosition { acked: 2, ..position(3) })
        })
        .unwrap();
    assert_eq!(store.read().unwrap().entries(tenant, stream(true), 1, 0, 9).unwrap(), entries);
    let open = store.transact(|tx| tx.unacknowledged_with(f.scope, &maker)).unwrap();
    assert_eq!(open, [(stream(true), 1, with(3))]);
    assert!(store.transact(|tx| tx.unacknowledged_with(f.scope, &tool)).unwrap().is_empty());
    assert!(store.transact(|tx| tx.unacknowledged_with(f.scope, &id("tool", 9))).unwrap().is_empty());
    let unknown = EntryRecord { along: vec![VersionId(999)], ..entry(4, None) };
    let unknown = [unknown];
    let refused =
        store.transact(|tx| tx.append_entries(tenant, stream(true), 1, &unknown, &segment(&unknown)));
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    store.transact(|tx| tx.forget(f.scope, at(9), &maker)).unwrap();
    store.scrub().unwrap();
    let blank = |seq| EntryRecord { salt: None, payload: None, ..entry(seq, Some(version)) };
    let left = store.read().unwrap().entries(tenant, stream(true), 1, 0, 9).unwrap();
    assert_eq!(left, [blank(1), entry(2, Some(version)), blank(3)]);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

/// Erasing in one world leaves what another shares under the same name, and what else is shared in this one.
pub fn erasing_leaves_other_worlds_and_objects(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let exercise = Scope { world: World::Exercise(4), ..f.scope };
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let (real, _) = f.put(store, 1, &f.version(&tool, 10, "x"));
    let (played, _) = store.transact(|tx| tx.put(exercise, at(1), &f.version(&tool, 10, "y"))).unwrap();
    let (another, _) = f.put(store, 1, &f.version(&other, 10, "z"));
    store
        .transact(|tx| {
            share(tx, tenant, &tool, real, 1)?;
            share(tx, tenant, &tool, played, 2)?;
            share(tx, tenant, &other, another, 3)
        })
        .unwrap();
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(9), &tool)).unwrap(), 1);
    store.scrub().unwrap();
    let read = store.read().unwrap();
    let versions = |rows: Vec<Option<VersionId>>| rows.into_iter().flatten().collect::<Vec<_>>();
    let left = [played, another];
    let mut decided =
        versions(read.decisions(tenant, None, None, 9).unwrap().iter().map(|row| row.version).collect());
    decided.reverse();
    assert_eq!(decided, left);
    let waiting = read.outbox(tenant, party(1), agreement(1), at(99), 9).unwrap();
    assert_eq!(versions(waiting.iter().map(|row| row.version).collect()), left);
    let sent = read.entries(tenant, stream(true), 1, 0, 9).unwrap();
    assert_eq!(versions(sent.iter().map(|row| row.version).collect()), left);
    assert_eq!(sent.iter().filter(|row| row.payload.is_some() && row.salt.is_some()).count(), 2);
    let held = read.holdings(tenant, None, 0, 9).unwrap();
    assert_eq!(versions(held.iter().map(|row| row.version).collect()), left);
    let given = read.disclosures(tenant, None, false, 0, 9).unwrap();
    assert_eq!(versions(given.iter().map(|row| row.version).collect()), left);
    assert_eq!(
        read.reviews(tenant, true, 9).unwrap().iter().map(|row| row.version).collect::<Vec<_>>(),
        left
    );
    assert_eq!(read.holdings(tenant, Some(&tool), 0, 9).unwrap().len(), 1);
    assert!(read.origin(tenant, played).unwrap().is_some() && read.origin(tenant, real).unwrap().is_none());
}

/// What a peer gave waits for a decision without a version of its own; erasing takes its name all the same, also when
/// nothing was ever stored.
pub fn erasing_takes_what_waits_for_a_decision(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let tool = id("tool", 1);
    store
        .transact(|tx| {
            tx.hold(f.scope, at(1), f.source, &tool, "raw", &[])?;
            tx.set_holding(tenant, &holding(&tool, 1))?;
            let ended = HoldingRecord { erased: Some(at(2)), ..holding(&tool, 2) };
            tx.set_holding(tenant, &ended)?;
            tx.record_decision(tenant, &DecisionRecord { object: Some(tool.clone()), ..decision() })
        })
        .unwrap();
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(9), &tool)).unwrap(), 0);
    let read = store.read().unwrap();
    let held = read.holdings(tenant, None, 0, 9).unwrap();
    assert!(held.iter().all(|row| row.object.is_none()));
    assert_eq!(held.iter().map(|row| row.erased).collect::<Vec<_>>(), [Some(at(9)), Some(at(2))]);
    assert!(read.decisions(tenant, None, None, 9).unwrap()[0].object.is_none());
}

/// Forgetting takes as much away as erasing, and bars nothing: the object may come again. It lifts no tombstone, either.
pub fn forgotten_objects_may_return(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, never, barred) = (id("tool", 1), id("tool", 2), id("tool", 3));
    let forget = |object| store.transact(|tx| tx.forget(f.scope, at(9), object)).unwrap();
    let erased = |object| store.transact(|tx| tx.existing(f.scope, object, None)).unwrap().erased;
    let new = NewVersion { class: "a", collections: vec![f.own], ..f.version(&tool, 10, "x") };
    let (version, _) = f.put(store, 1, &new);
    store
        .transact(|tx| {
            share(tx, tenant, &tool, version, 1)?;
            tx.hold(f.scope, at(1), f.source, &tool, "held", &[])?;
            tx.erase(f.scope, at(1), &barred).map(drop)
        })
        .unwrap();
    assert_eq!((forget(&tool), forget(&tool), forget(&never), forget(&barred)), (1, 0, 0, 0));
    store.scrub().unwrap();
    assert!(!erased(&tool) && !erased(&never) && erased(&barred));
    let read = store.read().unwrap();
    assert!(read.object(f.scope, &tool, None).unwrap().is_none());
    assert!(read.held(f.scope, true, 9).unwrap().is_empty());
    assert!(read.classes(f.scope).unwrap().is_empty());
    let left = read.holdings(tenant, None, 0, 9).unwrap();
    assert_eq!(left, [HoldingRecord { object: None, erased: Some(at(9)), ..holding(&tool, 1) }]);
    assert!(read.decisions(tenant, Some(&tool), None, 9).unwrap().is_empty());
    assert!(read.entries(tenant, stream(true), 1, 0, 9).unwrap()[0].payload.is_none());
    let told: Vec<JournalKind> =
        read.journal(tenant, Seq(0), 9).unwrap().into_iter().map(|row| row.kind).collect();
    let (put, held, gone) = (JournalKind::Put, JournalKind::Held, JournalKind::Erased);
    assert_eq!(told, [put, held, gone, gone], "told once each, and not of what was never there");
    drop(read);
    let (again, _) = f.put(store, 10, &new);
    assert!(again > version, "its row is a new one");
    assert_eq!(f.last_versions(store, f.own), [(tool, 10)]);
}
