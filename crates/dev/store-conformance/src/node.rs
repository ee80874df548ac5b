//! The node's own records.

use model::{AccountId, Label, SourceId, StatusId, Tlp, TokenId};
use ports::{
    Account, CollectionKind, InboxEntry, ItemOutcome, NewVersion, NodeRecord, Role, SourceRecord,
    SourceState, StatusItem, StatusRecord, Store, StoreError, Token,
};

use crate::fixture::{Fixture, TENANT, at, collection, id, node, source, uuid};

/// Founding makes the node, its own source and two collections; doing it again changes nothing.
pub fn node_is_founded_once(store: &dyn Store) {
    assert_eq!(store.read().unwrap().node(TENANT).unwrap(), None);
    let f = Fixture::new(store);
    let another = NodeRecord { name: "Other".to_owned(), ..node() };
    store.transact(|tx| tx.found(TENANT, &another, collection(8), collection(9))).unwrap();
    let read = store.read().unwrap();
    assert_eq!(read.node(TENANT).unwrap(), Some(node()));
    let all = read.collections(TENANT).unwrap();
    let seen: Vec<_> =
        all.iter().map(|collection| (collection.id, collection.alias.as_str(), collection.kind)).collect();
    let expect = [
        (f.own, "own", CollectionKind::Own),
        (f.public, "public", CollectionKind::Public),
        (f.feed, "feed", CollectionKind::Source(f.source)),
    ];
    assert_eq!(seen, expect);
    let sources = read.sources(TENANT).unwrap();
    let own = &sources[0].0;
    assert_eq!((own.id, own.name.as_str(), own.collection), (SourceId(0), "own", f.own));
    assert_eq!(own.default_label, Label::OwnOnly);
}

/// Sources are added, changed and removed; numbers are not used again, and what they delivered stays.
pub fn sources_come_and_go(store: &dyn Store) {
    let f = Fixture::new(store);
    let names = |store: &dyn Store| -> Vec<(String, u32)> {
        let sources = store.read().unwrap().sources(TENANT).unwrap();
        sources.into_iter().map(|(source, _)| (source.name, source.id.0)).collect()
    };
    let first = f.source.0;
    for taken in ["feed", "own", "public"] {
        let added = store.transact(|tx| tx.add_source(TENANT, &source(taken, collection(7))));
        assert!(matches!(added, Err(StoreError::Exists(_))), "{taken}: {added:?}");
    }
    let changed = SourceRecord {
        id: f.source,
        config: "{}".to_owned(),
        default_label: Label::Tlp(Tlp::Green),
        enabled: false,
        ..source("feed", f.feed)
    };
    store.transact(|tx| tx.set_source(TENANT, &changed)).unwrap();
    assert_eq!(store.read().unwrap().sources(TENANT).unwrap()[1].0, changed);
    let tool = id("tool", 1);
    f.put(store, 1, &NewVersion { collections: vec![f.feed], ..f.version(&tool, 1, "x") });
    store.transact(|tx| tx.remove_source(TENANT, f.source)).unwrap();
    assert_eq!(names(store), [("own".to_owned(), 0)]);
    assert_eq!(f.last_versions(store, f.feed), [(tool, 1)]);
    let again = store.transact(|tx| tx.add_source(TENANT, &source("feed", collection(7)))).unwrap();
    assert!(again.0 > first, "a number is not used again");
    let all = store.read().unwrap().collections(TENANT).unwrap();
    let alias = |id| all.iter().find(|collection| collection.id == id).unwrap().alias.clone();
    assert_eq!(alias(collection(7)), "feed");
    assert_ne!(alias(f.feed), "feed", "the old collection makes room");
    for missing in [
        store.transact(|tx| tx.remove_source(TENANT, f.source)),
        store.transact(|tx| tx.set_source(TENANT, &changed)),
        store.transact(|tx| tx.set_source_state(TENANT, f.source, &SourceState::default())),
    ] {
        assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    }
    assert!(store.transact(|tx| tx.remove_source(TENANT, SourceId(0))).is_err(), "own stays");
}

/// How a source is doing is written whole, with or without trouble.
pub fn source_state_is_kept(store: &dyn Store) {
    let f = Fixture::new(store);
    let state = || store.read().unwrap().sources(TENANT).unwrap()[1].1.clone();
    assert_eq!(state(), SourceState::default());
    let troubled = SourceState {
        cursor: Some(r#"{"added_after":"2026"}"#.to_owned()),
        last_success: Some(at(5)),
        last_error: Some((at(6), "no answer; check the address".to_owned())),
        failures: 3,
        retry_at: Some(at(7)),
        accepted: 12,
    };
    for wanted in [troubled, SourceState { accepted: 13, ..SourceState::default() }] {
        store.transact(|tx| tx.set_source_state(TENANT, f.source, &wanted)).unwrap();
        assert_eq!(state(), wanted);
    }
}

/// Names and token hashes are unique; removing an account removes its tokens.
pub fn accounts_and_tokens_are_unique(store: &dyn Store) {
    let f = Fixture::new(store);
    let account = |number, name: &str, role| Account {
        id: AccountId(uuid(number)),
        name: name.to_owned(),
        password: None,
        role,
        disabled: false,
        created: at(1),
    };
    let token = |number: u8, account: u128| Token {
        id: TokenId(uuid(number.into())),
        account: AccountId(uuid(account)),
        name: format!("token {number}"),
        hash: [number; 32],
        collections: vec![f.own, f.feed],
        expires: Some(at(99)),
        created: at(number.into()),
    };
    let set = |account: &Account| store.transact(|tx| tx.set_account(TENANT, account));
    let add = |token: &Token| store.transact(|tx| tx.add_token(TENANT, token));
    let bob = account(2, "bob", Role::Follower);
    let ann = Account {
        password: Some("$argon2id$…".to_owned()),
        disabled: true,
        ..account(1, "ann", Role::Admin)
    };
    set(&bob).unwrap();
    set(&account(1, "anna", Role::Viewer)).unwrap();
    set(&ann).unwrap();
    assert!(matches!(set(&account(3, "bob", Role::Analyst)), Err(StoreError::Exists(_))));
    assert!(matches!(set(&account(1, "bob", Role::Analyst)), Err(StoreError::Exists(_))));
    assert_eq!(store.read().unwrap().accounts(TENANT).unwrap(), [ann.clone(), bob.clone()]);

    let unconfined = Token { collections: Vec::new(), expires: None, ..token(4, 2) };
    add(&unconfined).unwrap();
    add(&token(3, 1)).unwrap();
    assert!(matches!(add(&Token { id: TokenId(uuid(9)), ..token(3, 1) }), Err(StoreError::Exists(_))));
    assert!(matches!(add(&Token { hash: [9; 32], ..token(3, 1) }), Err(StoreError::Exists(_))));
    assert!(matches!(add(&token(9, 404)), Err(StoreError::Missing(_))));
    let read = store.read().unwrap();
    assert_eq!(read.tokens(TENANT).unwrap(), [token(3, 1), unconfined.clone()]);
    assert_eq!(read.token(TENANT, &[3; 32]).unwrap(), Some((token(3, 1), ann)));
    assert_eq!(read.token(TENANT, &[4; 32]).unwrap(), Some((unconfined, bob.clone())));
    assert_eq!(read.token(TENANT, &[5; 32]).unwrap(), None);
    assert_eq!(read.token(model::Tenant(2), &[3; 32]).unwrap(), None);
    drop(read);
    store.transact(|tx| tx.remove_account(TENANT, AccountId(uuid(1)))).unwrap();
    assert_eq!(store.read().unwrap().accounts(TENANT).unwrap(), [bob]);
    assert_eq!(store.read().unwrap().token(TENANT, &[3; 32]).unwrap(), None);
    store.transact(|tx| tx.remove_token(TENANT, TokenId(uuid(4)))).unwrap();
    assert_eq!(store.read().unwrap().tokens(TENANT).unwrap(), []);
    let missing = store.transact(|tx| tx.remove_token(TENANT, TokenId(uuid(4))));
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
}

/// Acts are kept in order.
pub fn audit_is_appended(store: &dyn Store) {
    for number in 1..=3 {
        store.transact(|tx| tx.audit(TENANT, at(number), "ann", "held.release", "held/1", "benign")).unwrap();
    }
    let read = store.read().unwrap();
    let rows = read.audits(TENANT, 1, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3]);
    let row = &rows[0];
    assert_eq!((row.at, row.actor.as_str(), row.action.as_str()), (at(2), "ann", "held.release"));
    assert_eq!((row.target.as_str(), row.reason.as_str()), ("held/1", "benign"));
    assert_eq!(read.audits(TENANT, 0, 1).unwrap().len(), 1);
}

/// Warning lists are replaced by name, and it is said whether that changed anything.
pub fn warning_lists_are_replaced(store: &dyn Store) {
    let set = |name, raw| store.transact(|tx| tx.set_warning_list(TENANT, name, raw)).unwrap();
    assert!(set("b", "[2]") && set("a", "[1]"));
    assert!(!set("a", "[1]") && set("a", "[3]"));
    let lists = store.read().unwrap().warning_lists(TENANT).unwrap();
    assert_eq!(lists, [("a".to_owned(), "[3]".to_owned()), ("b".to_owned(), "[2]".to_owned())]);
}

/// Requests are accepted durably, worked off in order, and their status is right at every moment.
pub fn requests_are_worked_off(store: &dyn Store) {
    let f = Fixture::new(store);
    let item = |number: u32, outcome| StatusItem {
        id: format!("tool--{number}"),
        version: "2026-01-01T00:00:00Z".to_owned(),
        outcome,
    };
    let request = |number: u128| {
        let status = StatusRecord {
            id: StatusId(uuid(number)),
            collection: f.own,
            account: AccountId(uuid(1)),
            received: at(7),
            complete: false,
            items: vec![item(1, ItemOutcome::Pending), item(2, ItemOutcome::Pending)],
        };
        let entry = InboxEntry {
            status: status.id,
            scope: f.scope,
            source: f.source,
            body: vec![0xff, 0, number as u8],
        };
        (entry, status)
    };
    for number in [9, 3] {
        let (entry, status) = request(number);
        store.transact(|tx| tx.receive(&entry, &status)).unwrap();
        let again = store.transact(|tx| tx.receive(&entry, &status));
        assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    }
    let (entry, status) = request(9);
    let waiting = |limit| store.read().unwrap().inbox(limit).unwrap();
    assert_eq!(waiting(9), [entry.clone(), request(3).0]);
    assert_eq!(waiting(1), [entry]);
    let seen = || store.read().unwrap().status(TENANT, status.id).unwrap().unwrap();
    assert_eq!(seen(), status);
    let refused = item(2, ItemOutcome::Failure("`type` is missing".to_owned()));
    store.transact(|tx| tx.progress(status.id, &[(1, refused.clone())], false)).unwrap();
    let half = StatusRecord { items: vec![item(1, ItemOutcome::Pending), refused.clone()], ..status.clone() };
    assert_eq!(seen(), half);
    let taken = item(1, ItemOutcome::Success);
    store.transact(|tx| tx.progress(status.id, &[(0, taken.clone())], true)).unwrap();
    assert_eq!(seen(), StatusRecord { items: vec![taken, refused], complete: true, ..status.clone() });
    assert_eq!(waiting(9), [request(3).0]);
    assert_eq!(store.read().unwrap().counts(TENANT).unwrap().inbox, 1);
    let unknown = store.transact(|tx| tx.progress(StatusId(uuid(404)), &[], true));
    assert!(matches!(unknown, Err(StoreError::Missing(_))), "{unknown:?}");
    assert!(store.read().unwrap().status(model::Tenant(2), status.id).unwrap().is_none());
}

/// Sizes are those of what is there.
pub fn counts_count(store: &dyn Store) {
    let f = Fixture::new(store);
    let counts = || store.read().unwrap().counts(TENANT).unwrap();
    assert_eq!((counts().objects, counts().versions, counts().head), (0, 0, 0));
    for (object, version) in [(1, 10), (1, 20), (2, 10)] {
        f.put(store, 1, &f.version(&id("tool", object), version, "x"));
    }
    let now = counts();
    assert_eq!((now.objects, now.versions, now.head, now.horizon, now.search_cursor), (2, 3, 3, 0, 0));
    assert!(now.bytes > 0);
}
