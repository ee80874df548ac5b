//! Documents, peers, named cursors, private queries, naming keys.

use model::{Seq, SourceId, Tenant, Timestamp};
use ports::trust::{Document, DocumentKind, PeerRecord, PeerState, QueryCount, QueryOutcome, QueryRecord};
use ports::{Store, StoreError};

use crate::fixture::{Fixture, agreement, at, digest, id, party};

/// A document is kept once per kind and subject, in order of arrival, and never changes.
pub fn documents_are_kept_once(store: &dyn Store) {
    use DocumentKind::{AgreementAct, KeyEvent};
    let f = Fixture::new(store);
    let add = |tenant, now, kind, subject, hash, text: &str| {
        store
            .transact(|tx| tx.add_document(tenant, at(now), kind, digest(subject), digest(hash), text))
            .unwrap()
    };
    let tenant = f.scope.tenant;
    assert!(add(tenant, 1, KeyEvent, 1, 10, "inception"));
    assert!(add(tenant, 2, KeyEvent, 2, 10, "the same hash about another"));
    assert!(add(tenant, 3, AgreementAct, 1, 10, "the same hash of another kind"));
    assert!(add(tenant, 4, KeyEvent, 1, 11, "rotation"));
    assert!(!add(tenant, 5, KeyEvent, 1, 10, "forged"), "kept already");
    assert!(add(Tenant(2), 6, KeyEvent, 1, 10, "elsewhere"));
    let read = store.read().unwrap();
    let texts = |kind, subject, after, limit| -> Vec<String> {
        let documents = read.documents(tenant, kind, subject, after, limit).unwrap();
        documents.into_iter().map(|document| document.text).collect()
    };
    let all = ["inception", "the same hash about another", "rotation"];
    assert_eq!(texts(KeyEvent, None, 0, 9), all);
    assert_eq!(texts(KeyEvent, None, 0, 2), all[..2]);
    assert_eq!(texts(KeyEvent, Some(digest(1)), 0, 9), ["inception", "rotation"]);
    assert_eq!(texts(KeyEvent, Some(digest(3)), 0, 9), [""; 0]);
    assert_eq!(texts(AgreementAct, None, 0, 9), ["the same hash of another kind"]);
    assert_eq!(texts(DocumentKind::Report, None, 0, 9), [""; 0]);
    let kept = read.documents(tenant, KeyEvent, None, 0, 9).unwrap();
    assert!(kept.is_sorted_by(|one, next| one.number < next.number));
    assert_eq!(texts(KeyEvent, None, kept[0].number, 9), all[1..], "after is exclusive");
    assert_eq!(texts(KeyEvent, Some(digest(1)), kept[0].number, 9), ["rotation"]);
    let first = Document {
        number: kept[0].number,
        kind: KeyEvent,
        subject: digest(1),
        hash: digest(10),
        text: "inception".to_owned(),
        at: at(1),
    };
    assert_eq!(kept[0], first);
    let elsewhere = read.documents(Tenant(2), KeyEvent, None, 0, 9).unwrap();
    assert_eq!(elsewhere.len(), 1);
    drop(read);
    for (number, kind) in (20..).zip(DocumentKind::ALL) {
        assert!(add(tenant, 7, kind, 9, number, "each kind"));
        assert_eq!(
            store.read().unwrap().documents(tenant, kind, Some(digest(9)), 0, 9).unwrap()[0].kind,
            kind
        );
    }
}

fn peer(number: u8, name: &str) -> PeerRecord {
    PeerRecord {
        party: party(number),
        name: name.to_owned(),
        endpoint: Some(format!("https://{name}.example:8443")),
        state: PeerState::Invited,
        since: at(1),
        source: SourceId(u32::from(number)),
        last_contact: None,
        last_error: None,
        note: String::new(),
    }
}

/// A peer is replaced by party; a name is one peer's, and one that was given up is free.
pub fn peers_are_unique(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let set = |tenant, peer: &PeerRecord| store.transact(|tx| tx.set_peer(tenant, peer));
    let (b, a) = (peer(1, "b"), peer(2, "a"));
    set(tenant, &b).unwrap();
    set(tenant, &a).unwrap();
    assert_eq!(store.read().unwrap().peers(tenant).unwrap(), [a.clone(), b.clone()], "by name");
    let taken = PeerRecord { endpoint: None, ..peer(2, "b") };
    assert_eq!(set(tenant, &taken), Err(StoreError::Exists("peer `b`".to_owned())));
    assert!(matches!(set(tenant, &peer(3, "b")), Err(StoreError::Exists(_))));
    assert_eq!(store.read().unwrap().peers(tenant).unwrap(), [a, b], "nothing of the attempts stays");
    set(Tenant(2), &peer(3, "b")).unwrap();
    for state in PeerState::ALL {
        let c = PeerRecord {
            state,
            since: at(5),
            endpoint: None,
            last_contact: Some(at(6)),
            last_error: Some((at(7), "renew the certificate".to_owned())),
            note: "call the duty officer first".to_owned(),
            ..peer(1, "c")
        };
        set(tenant, &c).unwrap();
        assert_eq!(store.read().unwrap().peers(tenant).unwrap()[1], c, "replaced, name and all");
    }
    set(tenant, &peer(3, "b")).unwrap();
    assert_eq!(store.read().unwrap().peers(tenant).unwrap().len(), 3);
}

/// How calls went is noted beside everything else about a peer, and changes nothing of it.
pub fn contacts_are_noted_alone(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let known = PeerRecord { state: PeerState::Ended, note: "called twice".to_owned(), ..peer(1, "a") };
    store.transact(|tx| tx.set_peer(tenant, &known)).unwrap();
    let note = |party, well, error: Option<(Timestamp, String)>| {
        store.transact(|tx| tx.note_contact(tenant, party, well, error.as_ref())).unwrap();
    };
    let stored = |party| store.transact(|tx| tx.peer(tenant, party)).unwrap();
    note(known.party, Some(at(7)), None);
    assert_eq!(stored(known.party), Some(PeerRecord { last_contact: Some(at(7)), ..known.clone() }));
    let error = Some((at(8), "no route".to_owned()));
    note(known.party, None, error.clone());
    let last = PeerRecord { last_contact: Some(at(7)), last_error: error, ..known.clone() };
    assert_eq!(stored(known.party), Some(last), "the last that went well stays");
    note(party(9), Some(at(9)), None);
    assert_eq!(stored(party(9)), None, "nobody becomes a peer by that");
    assert_eq!(store.read().unwrap().peers(tenant).unwrap().len(), 1);
    assert_eq!(store.transact(|tx| tx.peer(Tenant(2), known.party)).unwrap(), None);
}

/// A named cursor is moved inside transactions. It does not hold back compaction: left behind, it has expired.
pub fn named_cursors_move_and_expire(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    for number in 0..6 {
        f.put(store, 1, &f.version(&id("tool", number), 7, "x"));
    }
    let cursor = |name| store.read().unwrap().named_cursor(tenant, name).unwrap();
    assert_eq!(cursor("sharing"), None);
    store
        .transact(|tx| {
            assert_eq!(tx.cursor(tenant, "sharing")?, None);
            tx.set_cursor(tenant, "sharing", Seq(2))?;
            tx.set_cursor(tenant, "detect", Seq(6))?;
            tx.set_cursor(Tenant(2), "sharing", Seq(9))?;
            assert_eq!(tx.cursor(tenant, "sharing")?, Some(Seq(2)), "a job sees its own");
            Ok(())
        })
        .unwrap();
    let failed: Result<(), _> = store.transact(|tx| {
        tx.set_cursor(tenant, "sharing", Seq(5))?;
        Err(StoreError::Busy)
    });
    assert_eq!(failed, Err(StoreError::Busy));
    assert_eq!(cursor("sharing"), Some(Seq(2)), "what failed did not move it");
    store.transact(|tx| tx.compact(tenant, Seq(4))).unwrap();
    let after = |name| store.read().unwrap().journal(tenant, cursor(name).unwrap(), 9);
    assert_eq!(after("sharing").unwrap_err(), StoreError::CursorExpired { horizon: Seq(4) });
    assert_eq!(after("detect").unwrap().len(), 0);
    store.transact(|tx| tx.set_cursor(tenant, "sharing", Seq(4))).unwrap();
    assert_eq!(after("sharing").unwrap().len(), 2);
    for _ in 0..2 {
        store.transact(|tx| tx.remove_cursor(tenant, "sharing")).unwrap();
        assert_eq!((cursor("sharing"), cursor("detect")), (None, Some(Seq(6))));
    }
    assert_eq!(store.read().unwrap().named_cursor(Tenant(2), "sharing").unwrap(), Some(Seq(9)));
}

/// What was asked privately is listed in order of time, from an instant on; what became of it is said once.
pub fn private_queries_are_logged(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let query = |number, now, asked, outcome| QueryRecord {
        number,
        at: at(now),
        peer: party(1),
        agreement: agreement(2),
        asked,
        purpose: "incident 7".to_owned(),
        asked_values: 3,
        outcome,
    };
    let refused = || QueryOutcome::Refused("over the day's budget".to_owned());
    let logged = [
        query(1, 30, true, QueryOutcome::Answered(Some(0))),
        query(2, 10, false, refused()),
        query(3, 20, true, QueryOutcome::Open),
        query(4, 20, false, QueryOutcome::Answered(None)),
    ];
    let numbers: Vec<u64> =
        logged.iter().map(|query| store.transact(|tx| tx.log_query(tenant, query)).unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let read = store.read().unwrap();
    let [late, early, one, other] = logged;
    assert_eq!(read.queries(tenant, at(0), 9).unwrap(), [early, one.clone(), other.clone(), late.clone()]);
    assert_eq!(read.queries(tenant, at(20), 2).unwrap(), [one.clone(), other], "since is inclusive");
    assert_eq!(read.queries(tenant, at(21), 9).unwrap(), [late]);
    assert!(read.queries(Tenant(2), at(0), 9).unwrap().is_empty());
    assert_eq!(read.queries_open(tenant, at(21), 9).unwrap(), [one]);
    assert!(read.queries_open(tenant, at(20), 9).unwrap().is_empty(), "before is exclusive");
    drop(read);
    let close = |number, outcome| store.transact(|tx| tx.close_query(tenant, number, &outcome)).unwrap();
    assert!(close(3, QueryOutcome::Lost("no answer".to_owned())));
    assert!(!close(3, refused()) && !close(9, refused()), "only what is open, and once");
    let read = store.read().unwrap();
    assert!(read.queries_open(tenant, at(99), 9).unwrap().is_empty());
    assert_eq!(
        read.queries(tenant, at(20), 1).unwrap()[0].outcome,
        QueryOutcome::Lost("no answer".to_owned())
    );
}

/// Private queries are counted for one party, agreement and direction; those that were refused apart, for the party.
pub fn private_queries_are_counted(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let refused = || QueryOutcome::Refused("no right".to_owned());
    let log = |now, peer, under, asked, asked_values, outcome| {
        let query = QueryRecord {
            number: 0,
            at: at(now),
            peer: party(peer),
            agreement: agreement(under),
            asked,
            purpose: "p".to_owned(),
            asked_values,
            outcome,
        };
        store.transact(|tx| tx.log_query(tenant, &query)).unwrap();
    };
    log(1, 1, 1, false, 5, QueryOutcome::Answered(None));
    log(2, 1, 1, false, 5, QueryOutcome::Open);
    log(3, 1, 1, false, 7, QueryOutcome::Lost(String::new()));
    for (now, under) in [(4, 1), (5, 2), (1, 3)] {
        log(now, 1, under, false, 5, refused());
    }
    log(6, 1, 1, true, 5, refused());
    log(6, 1, 1, true, 5, QueryOutcome::Open);
    log(6, 1, 2, false, 5, QueryOutcome::Open);
    log(6, 2, 1, false, 5, refused());
    let between = |peer, under, asked, since| {
        let (peer, under) = (party(peer), agreement(under));
        let mut counts =
            store.transact(|tx| tx.queries_between(tenant, peer, under, asked, at(since))).unwrap();
        counts.sort_by_key(|count| count.values);
        counts
            .into_iter()
            .map(|QueryCount { values, questions, first }| (values, questions, first))
            .collect::<Vec<_>>()
    };
    assert_eq!(between(1, 1, false, 0), [(5, 2, at(1)), (7, 1, at(3))]);
    assert_eq!(between(1, 1, false, 1), [(5, 1, at(2)), (7, 1, at(3))], "since is exclusive");
    assert_eq!(between(1, 1, true, 0), [(5, 1, at(6))]);
    assert_eq!(between(1, 2, false, 0), [(5, 1, at(6))]);
    assert!(between(2, 1, false, 0).is_empty() && between(3, 1, false, 0).is_empty());
    let refusals =
        |peer, since| store.transact(|tx| tx.queries_refused(tenant, party(peer), at(since))).unwrap();
    assert_eq!((refusals(1, 0), refusals(1, 1), refusals(2, 0), refusals(3, 0)), (3, 2, 1, 0));
}

/// Each tenant has a key of its own, always the same.
pub fn naming_keys_are_each_tenants_own(store: &dyn Store) {
    let key = |tenant| store.read().unwrap().naming_key(tenant).unwrap();
    let before = (key(Tenant(1)), key(Tenant(2)));
    assert!(before.0 != before.1 && before.0 != [0; 32]);
    let f = Fixture::new(store);
    f.put(store, 1, &f.version(&id("tool", 1), 7, "x"));
    store.transact(|tx| tx.erase(f.scope, at(2), &id("tool", 1))).unwrap();
    store.scrub().unwrap();
    assert!((key(Tenant(1)), key(Tenant(2))) == before);
}
