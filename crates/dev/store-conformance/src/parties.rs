//! Documents, peers, named cursors, private queries, naming keys.

use model::{Seq, SourceId, Tenant};
use ports::trust::{Document, DocumentKind, PeerRecord, PeerState, QueryRecord};
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

/// What was asked privately is listed in order of time, from an instant on.
pub fn private_queries_are_logged(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let query = |now, asked, answer: Option<u64>| QueryRecord {
        at: at(now),
        peer: party(1),
        agreement: agreement(2),
        asked,
        purpose: "incident 7".to_owned(),
        asked_values: 3,
        answer,
        refusal: if answer.is_none() { "over the day's budget".to_owned() } else { String::new() },
    };
    let logged = [
        query(30, true, Some(0)),
        query(10, false, None),
        query(20, true, Some(2)),
        query(20, false, Some(2)),
    ];
    store.transact(|tx| logged.iter().try_for_each(|query| tx.log_query(tenant, query))).unwrap();
    let read = store.read().unwrap();
    let [late, early, one, other] = logged;
    assert_eq!(read.queries(tenant, at(0), 9).unwrap(), [early, one.clone(), other.clone(), late.clone()]);
    assert_eq!(read.queries(tenant, at(20), 2).unwrap(), [one, other], "since is inclusive");
    assert_eq!(read.queries(tenant, at(21), 9).unwrap(), [late]);
    assert!(read.queries(Tenant(2), at(0), 9).unwrap().is_empty());
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
