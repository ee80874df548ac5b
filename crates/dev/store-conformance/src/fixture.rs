//! A founded node to start from, and objects to put.

use model::{CollectionId, Label, Seq, SourceId, StixId, Tenant, Timestamp, Uuid, VersionId, World};
use ports::{NewVersion, NodeRecord, PageFilter, Scope, SourceRecord, Store, StoreError};

/// The tenant of most cases.
pub(crate) const TENANT: Tenant = Tenant(1);

/// What is there before a case begins.
#[derive(Debug, Clone, Copy)]
pub struct Fixture {
    /// Tenant 1, real.
    pub scope: Scope,
    /// Everything accepted.
    pub own: CollectionId,
    /// Only what is clear.
    pub public: CollectionId,
    /// A source called `feed`.
    pub source: SourceId,
    /// What it delivered.
    pub feed: CollectionId,
}

impl Fixture {
    /// Founds tenant 1 with a source.
    pub fn new(store: &dyn Store) -> Self {
        let (own, public, feed) = (collection(1), collection(2), collection(3));
        let source = store
            .transact(|tx| {
                tx.found(TENANT, &node(), own, public)?;
                tx.add_source(TENANT, &source("feed", feed))
            })
            .unwrap();
        let scope = Scope { tenant: TENANT, world: World::Real };
        Self { scope, own, public, source, feed }
    }

    /// A version with nothing special about it.
    pub(crate) fn version<'a>(&self, id: &'a StixId, version: i64, raw: &'a str) -> NewVersion<'a> {
        NewVersion {
            id,
            type_name: id.type_name(),
            version: at(version),
            created: Some(at(0)),
            rendition: 0,
            raw,
            source: self.source,
            label: Label::CLEAR,
            overlay: None,
            created_by: None,
            revoked: false,
            confidence: None,
            latest: true,
            edges: Vec::new(),
            observables: Vec::new(),
            collections: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn put(&self, store: &dyn Store, now: i64, new: &NewVersion<'_>) -> (VersionId, Seq) {
        self.try_put(store, now, new).unwrap()
    }

    pub(crate) fn try_put(
        &self,
        store: &dyn Store,
        now: i64,
        new: &NewVersion<'_>,
    ) -> Result<(VersionId, Seq), StoreError> {
        store.transact(|tx| tx.put(self.scope, at(now), new))
    }

    /// `id@version+added` of everything on the pages of a collection, read `limit` at a time.
    pub(crate) fn pages(
        &self,
        store: &dyn Store,
        collection: CollectionId,
        filter: &PageFilter,
        limit: usize,
    ) -> Vec<(StixId, i64, i64)> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page =
                store.read().unwrap().page(self.scope, collection, filter, after, limit, false).unwrap();
            assert!(page.entries.len() <= limit, "a page is no longer than asked for");
            all.extend(
                page.entries
                    .iter()
                    .map(|entry| (entry.id.clone(), entry.version.as_micros(), entry.added.as_micros())),
            );
            after = page.entries.last().map(|entry| entry.added).or(after);
            if !page.more {
                return all;
            }
            assert!(!page.entries.is_empty(), "an empty page has nothing behind it");
        }
    }

    /// The versions on the pages of a collection, by default filter.
    pub(crate) fn last_versions(&self, store: &dyn Store, collection: CollectionId) -> Vec<(StixId, i64)> {
        let all = self.pages(store, collection, &PageFilter::default(), 10);
        all.into_iter().map(|(id, version, _)| (id, version)).collect()
    }
}

/// Whether everything the store checks about itself holds.
pub fn sound(store: &dyn Store) {
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid(number.to_be_bytes())
}

pub(crate) fn collection(number: u128) -> CollectionId {
    CollectionId(uuid(number))
}

pub(crate) fn id(kind: &str, number: u128) -> StixId {
    StixId::new(kind, uuid(number))
}

pub(crate) fn node() -> NodeRecord {
    NodeRecord {
        name: "Example CSIRT".to_owned(),
        country: Some("AU".to_owned()),
        identity: id("identity", 1),
        created: at(1),
    }
}

pub(crate) fn source(name: &str, collection: CollectionId) -> SourceRecord {
    SourceRecord {
        id: SourceId(0),
        name: name.to_owned(),
        kind: "file".to_owned(),
        config: r#"{"path":"/data"}"#.to_owned(),
        default_label: Label::OwnOnly,
        enabled: true,
        collection,
    }
}
