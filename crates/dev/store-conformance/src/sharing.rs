//! Who may have what, who has it, and who gave it to us.

use model::{DecisionId, StixId, Tenant, VersionId};
use ports::trust::{DecisionRecord, DisclosureRecord, HoldingRecord, OutboxRecord, ReviewRecord};
use ports::{Store, StoreError};

use crate::fixture::{
    Fixture, agreement, at, decision, digest, disclosure, entry, holding, id, party, queued, review, segment,
    stream,
};

/// Decisions are listed newest first, of one object or all, in steps.
pub fn decisions_are_recorded(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let about = [
        DecisionRecord { object: Some(tool.clone()), version: Some(version), ..decision() },
        DecisionRecord {
            at: at(2),
            to: party(2),
            agreement: agreement(2),
            object: Some(other.clone()),
            permitted: false,
            clause: String::new(),
            reason: "no clause permits it".to_owned(),
            obligations: r#"{"redaction":"r1"}"#.to_owned(),
            ..decision()
        },
        decision(),
        DecisionRecord { object: Some(tool.clone()), version: Some(version), permitted: false, ..decision() },
    ];
    let ids: Vec<DecisionId> =
        store.transact(|tx| about.iter().map(|row| tx.record_decision(tenant, row)).collect()).unwrap();
    let kept: Vec<DecisionRecord> =
        ids.iter().zip(about).rev().map(|(id, row)| DecisionRecord { id: *id, ..row }).collect();
    let read = store.read().unwrap();
    assert_eq!(read.decisions(tenant, None, None, 9).unwrap(), kept);
    assert_eq!(read.decisions(tenant, None, Some(ids[2]), 1).unwrap(), kept[2..3], "before is exclusive");
    assert_eq!(read.decisions(tenant, Some(&tool), None, 9).unwrap(), [kept[0].clone(), kept[3].clone()]);
    assert_eq!(read.decisions(tenant, Some(&tool), Some(ids[3]), 9).unwrap(), kept[3..]);
    assert_eq!(read.decisions(tenant, Some(&other), None, 9).unwrap(), kept[2..3]);
    assert!(read.decisions(tenant, Some(&id("tool", 3)), None, 9).unwrap().is_empty());
    assert!(read.decisions(Tenant(2), None, None, 9).unwrap().is_empty());
}

/// A holding is one per party, agreement and name; replacing it keeps its place in the list.
pub fn holdings_are_replaced_by_name(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let set = |row: &HoldingRecord| store.transact(|tx| tx.set_holding(tenant, row)).unwrap();
    let find =
        |subject| store.transact(|tx| tx.holding(tenant, party(1), agreement(1), digest(subject))).unwrap();
    assert_eq!(find(1), None);
    set(&holding(&tool, 1));
    set(&holding(&other, 2));
    set(&HoldingRecord { from: party(2), ..holding(&tool, 1) });
    set(&HoldingRecord { agreement: agreement(2), ..holding(&tool, 1) });
    assert_eq!(find(1), Some(holding(&tool, 1)));
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let taken = HoldingRecord {
        version: Some(version),
        entry: (2, 77),
        onward: r#"{"depth":1}"#.to_owned(),
        received: at(5),
        ended: Some(at(6)),
        erased: None,
        hold: Some("court order 12".to_owned()),
        ..holding(&tool, 1)
    };
    set(&taken);
    assert_eq!(find(1), Some(taken.clone()));
    let read = store.read().unwrap();
    let all = read.holdings(tenant, None, 0, 9).unwrap();
    let by = |row: &HoldingRecord| (row.from, row.agreement, row.subject);
    assert_eq!(
        all.iter().map(by).collect::<Vec<_>>(),
        [
            (party(1), agreement(1), digest(1)),
            (party(1), agreement(1), digest(2)),
            (party(2), agreement(1), digest(1)),
            (party(1), agreement(2), digest(1)),
        ]
    );
    assert_eq!(all[0], taken);
    assert_eq!(read.holdings(tenant, None, 1, 2).unwrap(), all[1..3]);
    assert!(read.holdings(tenant, None, 4, 9).unwrap().is_empty());
    let of_tool = [all[0].clone(), all[2].clone(), all[3].clone()];
    assert_eq!(read.holdings(tenant, Some(&tool), 0, 9).unwrap(), of_tool);
    assert_eq!(read.holdings(tenant, Some(&tool), 1, 1).unwrap(), of_tool[1..2]);
    assert!(read.holdings(Tenant(2), None, 0, 9).unwrap().is_empty());
    // Of one stream, what lives, by name: the first has ended.
    let from = |after: Option<u8>, limit| {
        read.holdings_from(tenant, party(1), agreement(1), after.map(digest), limit).unwrap()
    };
    assert_eq!(from(None, 9), all[1..2]);
    assert!(from(Some(2), 9).is_empty(), "after is exclusive");
    assert!(from(None, 0).is_empty());
    assert!(read.holdings_from(tenant, party(9), agreement(1), None, 9).unwrap().is_empty());
    drop(read);
    assert_eq!(store.transact(|tx| tx.holdings_of(tenant, &tool)).unwrap(), of_tool);
    assert!(store.transact(|tx| tx.holdings_of(tenant, &id("tool", 9))).unwrap().is_empty());
    // Live are those that have not ended and brought what is stored: the newest from each giver under each agreement.
    assert!(store.read().unwrap().holdings_live(tenant, &tool).unwrap().is_empty());
    let live = HoldingRecord { version: Some(version), ..holding(&tool, 1) };
    let second = HoldingRecord { agreement: agreement(2), ..live.clone() };
    let newest = HoldingRecord { subject: digest(7), ..second.clone() };
    [&live, &second, &newest].into_iter().for_each(set);
    let found = store.read().unwrap().holdings_live(tenant, &tool).unwrap();
    assert_eq!(found, [live.clone(), newest.clone()]);
    set(&HoldingRecord { ended: Some(at(9)), ..newest });
    assert_eq!(store.read().unwrap().holdings_live(tenant, &tool).unwrap(), [live, second]);
    assert!(store.read().unwrap().holdings_live(Tenant(2), &tool).unwrap().is_empty());
    assert_eq!(store.read().unwrap().first_source(f.scope, &tool).unwrap(), Some(f.source));
    assert_eq!(store.read().unwrap().first_source(f.scope, &other).unwrap(), None);
}

/// A disclosure is one per party, agreement and name, and open from its withdrawal until the peer says `erased`.
pub fn disclosures_show_who_still_has_it(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let (second, _) = f.put(store, 1, &f.version(&other, 7, "y"));
    let set = |row: &DisclosureRecord| store.transact(|tx| tx.set_disclosure(tenant, row)).unwrap();
    let find = |subject| {
        store.transact(|tx| tx.disclosure(tenant, party(1), agreement(1), digest(subject))).unwrap()
    };
    assert_eq!(find(1), None);
    set(&disclosure(&tool, version, 1));
    set(&disclosure(&other, second, 2));
    set(&DisclosureRecord { to: party(2), ..disclosure(&tool, version, 1) });
    let list = |object, open, offset, limit| {
        store.read().unwrap().disclosures(tenant, object, open, offset, limit).unwrap()
    };
    assert_eq!(list(None, false, 0, 9).len(), 3);
    assert!(list(None, true, 0, 9).is_empty(), "nothing was taken back");
    let to = |after: Option<u8>, limit| {
        let read = store.read().unwrap();
        let page = read.disclosures_to(tenant, party(1), agreement(1), after.map(digest), limit).unwrap();
        page.into_iter().map(|row| row.subject).collect::<Vec<_>>()
    };
    assert_eq!(to(None, 9), [digest(1), digest(2)], "of one stream, by name");
    assert_eq!(to(None, 1), [digest(1)]);
    assert_eq!(to(Some(1), 9), [digest(2)]);
    let withdrawn = DisclosureRecord {
        withdrawn: Some(at(5)),
        deadline: Some(at(50)),
        entry: (3, 9),
        ..disclosure(&tool, version, 1)
    };
    set(&withdrawn);
    assert_eq!(find(1), Some(withdrawn.clone()));
    assert_eq!(list(None, true, 0, 9), std::slice::from_ref(&withdrawn), "no answer yet");
    let held =
        DisclosureRecord { receipt: Some((at(6), "held: court order".to_owned())), ..withdrawn.clone() };
    set(&held);
    set(&DisclosureRecord { withdrawn: Some(at(5)), ..disclosure(&other, second, 2) });
    assert_eq!(list(None, true, 0, 9).len(), 2);
    assert_eq!(list(None, true, 1, 9)[0].subject, digest(2));
    assert_eq!(list(Some(&tool), true, 0, 9), [held]);
    let erased = DisclosureRecord { receipt: Some((at(7), "erased".to_owned())), ..withdrawn };
    set(&erased);
    assert_eq!(list(None, true, 0, 9).iter().map(|row| row.subject).collect::<Vec<_>>(), [digest(2)]);
    assert!(list(Some(&tool), true, 0, 9).is_empty());
    let of_tool = list(Some(&tool), false, 0, 9);
    assert_eq!((of_tool.len(), &of_tool[0], of_tool[1].to), (2, &erased, party(2)));
    assert_eq!(list(Some(&tool), false, 1, 1), of_tool[1..]);
    assert_eq!(list(None, false, 2, 9).len(), 1);
    assert!(store.read().unwrap().disclosures(Tenant(2), None, false, 0, 9).unwrap().is_empty());
    let taken =
        |after: Option<&StixId>, limit| store.read().unwrap().taken_back(tenant, after, limit).unwrap();
    assert_eq!(taken(None, 9), [tool.clone(), other.clone()], "confirmed or not, each once");
    assert_eq!(taken(None, 1), std::slice::from_ref(&tool));
    assert_eq!(taken(Some(&tool), 9), [other]);
    assert!(store.read().unwrap().taken_back(Tenant(2), None, 9).unwrap().is_empty());
}

/// What was withdrawn stays so under its agreement; what its creator withdrew, under every agreement with that party.
pub fn withdrawn_names_stay_withdrawn(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let withdraw = |from, agreement, subject| {
        store.transact(|tx| tx.set_tombstone(tenant, at(1), from, agreement, digest(subject))).unwrap();
    };
    let gone = |from, agreement, subject| {
        store.transact(|tx| tx.tombstoned(tenant, from, agreement, digest(subject))).unwrap()
    };
    assert!(!gone(party(1), agreement(1), 1));
    for _ in 0..2 {
        withdraw(party(1), Some(agreement(1)), 1);
        withdraw(party(1), None, 2);
    }
    let rows = [
        (party(1), agreement(1), 1, true),
        (party(1), agreement(2), 1, false),
        (party(2), agreement(1), 1, false),
        (party(1), agreement(1), 2, true),
        (party(1), agreement(2), 2, true),
        (party(2), agreement(2), 2, false),
        (party(1), agreement(1), 3, false),
    ];
    for (from, agreement, subject, expected) in rows {
        assert_eq!(gone(from, agreement, subject), expected, "{from} {agreement} {subject}");
    }
    assert!(!store.transact(|tx| tx.tombstoned(Tenant(2), party(1), agreement(1), digest(1))).unwrap());
    // It outranks whatever is said later: a holding under the same name, erasure, compaction.
    let tool = id("tool", 1);
    f.put(store, 1, &f.version(&tool, 7, "x"));
    store
        .transact(|tx| {
            tx.set_holding(tenant, &holding(&tool, 1))?;
            tx.erase(f.scope, at(2), &tool)?;
            tx.compact(tenant, model::Seq(99))
        })
        .unwrap();
    store.scrub().unwrap();
    assert!(gone(party(1), agreement(1), 1));
}

/// An origin statement belongs to one stored version, and whoever decides about that version sees that there is one.
pub fn origins_vouch_for_versions(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let tool = id("tool", 1);
    let (first, _) = f.put(store, 1, &f.version(&tool, 10, "1"));
    let (second, _) = f.put(store, 2, &f.version(&tool, 20, "2"));
    let vouched = |version| {
        store.transact(|tx| tx.existing(f.scope, &tool, Some(at(version)))).unwrap().same[0].vouched
    };
    assert_eq!((vouched(10), vouched(20)), (false, false));
    for statement in ["signed", "signed again"] {
        store.transact(|tx| tx.set_origin(tenant, first, statement)).unwrap();
        assert_eq!(store.read().unwrap().origin(tenant, first).unwrap().as_deref(), Some(statement));
    }
    assert_eq!((vouched(10), vouched(20)), (true, false));
    let read = store.read().unwrap();
    assert_eq!(read.origin(tenant, second).unwrap(), None);
    assert_eq!(read.origin(Tenant(2), first).unwrap(), None);
}

/// A text is put before an officer once; what is decided is about what was shown.
pub fn reviews_wait_once(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let (second, _) = f.put(store, 1, &f.version(&other, 7, "y"));
    let add = |row: &ReviewRecord| store.transact(|tx| tx.add_review(tenant, row)).unwrap();
    let decide = |number, release| {
        store.transact(|tx| tx.decide_review(tenant, number, release, "ann", "no person named", at(9)))
    };
    let list = |all, limit| -> Vec<(u64, bool)> {
        let reviews = store.read().unwrap().reviews(tenant, all, limit).unwrap();
        reviews.into_iter().map(|row| (row.id, row.decided.is_some())).collect()
    };
    let name = review(&tool, version, r#"[{"detector":"name","pointer":"/name"}]"#);
    let one = add(&name);
    assert_eq!(add(&ReviewRecord { at: at(8), ..name.clone() }), one, "it waits once");
    let two = add(&ReviewRecord { to: party(2), ..name.clone() });
    let three = add(&ReviewRecord { agreement: agreement(2), ..name.clone() });
    let four = add(&review(&other, second, "[]"));
    assert_eq!(list(false, 9), [(one, false), (two, false), (three, false), (four, false)]);
    assert_eq!(
        store.read().unwrap().reviews(tenant, false, 1).unwrap(),
        [ReviewRecord { id: one, ..name.clone() }]
    );
    // Something else was found meanwhile: whoever looks at the old finding cannot decide any more.
    let more = ReviewRecord { found: "[1,2]".to_owned(), ..name.clone() };
    let five = add(&more);
    assert!(five > four);
    assert_eq!(decide(one, true), Err(StoreError::Missing(format!("review {one}"))));
    decide(five, false).unwrap();
    assert!(matches!(decide(five, true), Err(StoreError::Exists(_))));
    assert!(matches!(decide(999, true), Err(StoreError::Missing(_))));
    assert_eq!(add(&more), five, "what was decided on is not asked again");
    let six = add(&ReviewRecord { found: "[3]".to_owned(), ..name.clone() });
    assert!(six > five, "but what was not shown then is");
    assert_eq!(list(false, 9), [(two, false), (three, false), (four, false), (six, false)]);
    assert_eq!(list(true, 9), [(two, false), (three, false), (four, false), (six, false), (five, true)]);
    assert_eq!(list(true, 3), [(two, false), (three, false), (four, false)]);
    let decided = store.read().unwrap().reviews(tenant, true, 9).unwrap().pop().unwrap();
    let expected = Some((false, "ann".to_owned(), "no person named".to_owned(), at(9)));
    assert_eq!((decided.decided, decided.found), (expected, more.found));
    assert!(store.read().unwrap().reviews(Tenant(2), true, 9).unwrap().is_empty());
}

/// Nothing is kept about a version that is not there, or not of the object that it is said to be of: erasing would
/// not find it.
pub fn rows_about_absent_versions_are_refused(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let (erased, _) = f.put(store, 1, &f.version(&other, 7, "y"));
    store.transact(|tx| tx.erase(f.scope, at(2), &other)).unwrap();
    let refused = |what: &str, outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::Missing(_))), "{what}: {outcome:?}");
    };
    for absent in [erased, VersionId(999), VersionId(-1)] {
        let of = Some(absent);
        refused(
            "decision",
            store.transact(|tx| {
                tx.record_decision(
                    tenant,
                    &DecisionRecord { object: Some(other.clone()), version: of, ..decision() },
                )
                .map(drop)
            }),
        );
        refused(
            "outbox",
            store.transact(|tx| tx.queue(tenant, &OutboxRecord { version: of, ..queued("put") }).map(drop)),
        );
        let entries = [entry(1, None), entry(2, of)];
        refused(
            "entry",
            store.transact(|tx| tx.append_entries(tenant, stream(true), 1, &entries, &segment(&entries))),
        );
        refused(
            "holding",
            store.transact(|tx| tx.set_holding(tenant, &HoldingRecord { version: of, ..holding(&other, 1) })),
        );
        refused("disclosure", store.transact(|tx| tx.set_disclosure(tenant, &disclosure(&other, absent, 1))));
        refused(
            "review",
            store.transact(|tx| tx.add_review(tenant, &review(&other, absent, "[]")).map(drop)),
        );
        refused("origin", store.transact(|tx| tx.set_origin(tenant, absent, "signed")));
    }
    for object in [None, Some(other.clone())] {
        let row = DecisionRecord { object: object.clone(), version: Some(version), ..decision() };
        refused("another's decision", store.transact(|tx| tx.record_decision(tenant, &row).map(drop)));
        let row = HoldingRecord { object: object.clone(), version: Some(version), ..holding(&tool, 1) };
        refused("another's holding", store.transact(|tx| tx.set_holding(tenant, &row)));
        let row = DisclosureRecord { object, ..disclosure(&tool, version, 1) };
        refused("another's disclosure", store.transact(|tx| tx.set_disclosure(tenant, &row)));
    }
    refused(
        "another's review",
        store.transact(|tx| tx.add_review(tenant, &review(&other, version, "[]")).map(drop)),
    );
    refused("another tenant's", store.transact(|tx| tx.set_origin(Tenant(2), version, "signed")));
    let read = store.read().unwrap();
    assert_eq!(read.outbox_len(tenant).unwrap(), 0);
    assert!(read.decisions(tenant, None, None, 9).unwrap().is_empty());
    assert!(read.entries(tenant, stream(true), 1, 0, 9).unwrap().is_empty());
    assert!(read.holdings(tenant, None, 0, 9).unwrap().is_empty());
    assert!(read.disclosures(tenant, None, false, 0, 9).unwrap().is_empty());
    assert!(read.reviews(tenant, true, 9).unwrap().is_empty());
}

/// A party's digest is not an agreement's: the same bytes in either place are two things.
pub fn parties_and_agreements_are_apart(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let (one, other) = (party(101), party(102));
    // `agreement(1)` and `party(101)` are the same bytes.
    assert_eq!((agreement(1).0, agreement(2).0), (one.0, other.0));
    store
        .transact(|tx| {
            tx.set_tombstone(tenant, at(1), one, Some(agreement(2)), digest(1))?;
            tx.queue(tenant, &OutboxRecord { to: one, agreement: agreement(2), ..queued("put") }).map(drop)
        })
        .unwrap();
    let gone =
        |from, agreement| store.transact(|tx| tx.tombstoned(tenant, from, agreement, digest(1))).unwrap();
    assert!(gone(one, agreement(2)) && !gone(other, agreement(1)) && !gone(one, agreement(1)));
    let read = store.read().unwrap();
    assert!(read.outbox(tenant, other, agreement(1), at(9), 9).unwrap().is_empty());
    let waiting = read.outbox(tenant, one, agreement(2), at(9), 9).unwrap();
    assert_eq!((waiting[0].to, waiting[0].agreement), (one, agreement(2)));
}
