//! A founded node to start from, objects to put, and rows about other parties.

use model::{
    AgreementId, CollectionId, DecisionId, Digest, Label, PartyId, Seq, SourceId, StixId, Tenant, Timestamp,
    Uuid, VersionId, World,
};
use ports::trust::{
    DecisionRecord, DisclosureRecord, EntryRecord, HoldingRecord, OutboxRecord, ReviewRecord, SegmentRecord,
    StreamKey, StreamPosition,
};
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
            class: "",
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

pub(crate) fn is_missing(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Missing(_)))
}

/// Scopes that share nothing with tenant 1 in the real world.
pub(crate) fn elsewhere(scope: Scope) -> [Scope; 2] {
    [Scope { tenant: Tenant(2), ..scope }, Scope { world: World::Exercise(4), ..scope }]
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

pub(crate) fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

pub(crate) fn party(number: u8) -> PartyId {
    PartyId(digest(number))
}

pub(crate) fn agreement(number: u8) -> AgreementId {
    AgreementId(digest(number.wrapping_add(100)))
}

/// A decision in favour of party 1 under agreement 1, about nothing yet.
pub(crate) fn decision() -> DecisionRecord {
    DecisionRecord {
        id: DecisionId(0),
        at: at(1),
        to: party(1),
        agreement: agreement(1),
        object: None,
        version: None,
        permitted: true,
        clause: "c1".to_owned(),
        reason: "clause c1 permits it".to_owned(),
        obligations: "{}".to_owned(),
    }
}

/// Something that waits for party 1 under agreement 1 and may go at once.
pub(crate) fn queued(kind: &str) -> OutboxRecord {
    OutboxRecord {
        id: 0,
        to: party(1),
        agreement: agreement(1),
        kind: kind.to_owned(),
        version: None,
        inline: None,
        decision: None,
        not_before: at(0),
    }
}

/// What party 1 gave under agreement 1, waiting for a decision.
pub(crate) fn holding(object: &StixId, subject: u8) -> HoldingRecord {
    HoldingRecord {
        object: Some(object.clone()),
        version: None,
        from: party(1),
        agreement: agreement(1),
        subject: digest(subject),
        entry: (1, 1),
        onward: "none".to_owned(),
        received: at(1),
        ended: None,
        erased: None,
        hold: None,
        kept: false,
    }
}

/// What party 1 was given under agreement 1.
pub(crate) fn disclosure(object: &StixId, version: VersionId, subject: u8) -> DisclosureRecord {
    DisclosureRecord {
        to: party(1),
        agreement: agreement(1),
        object: Some(object.clone()),
        version: Some(version),
        subject: digest(subject),
        entry: (1, 1),
        clause: "c1".to_owned(),
        at: at(1),
        withdrawn: None,
        deadline: None,
        receipt: None,
    }
}

/// A text that waits before it may go to party 1 under agreement 1.
pub(crate) fn review(object: &StixId, version: VersionId, found: &str) -> ReviewRecord {
    ReviewRecord {
        id: 0,
        at: at(1),
        to: party(1),
        agreement: agreement(1),
        object: object.clone(),
        version,
        found: found.to_owned(),
        decided: None,
    }
}

/// The stream to party 1 under agreement 1, or from it.
pub(crate) fn stream(outbound: bool) -> StreamKey {
    StreamKey { peer: party(1), agreement: agreement(1), outbound }
}

pub(crate) fn entry(seq: u64, version: Option<VersionId>) -> EntryRecord {
    EntryRecord {
        seq,
        envelope: format!(r#"{{"seq":{seq}}}"#),
        salt: Some([seq.to_le_bytes()[0]; 32]),
        version,
        along: Vec::new(),
        payload: Some(format!("payload {seq}")),
    }
}

pub(crate) fn segment(entries: &[EntryRecord]) -> SegmentRecord {
    let first = entries[0].seq;
    let count = u32::try_from(entries.len()).unwrap();
    SegmentRecord { first, count, text: format!("signed {first}+{count}") }
}

/// Where a stream stands after `seq` entries of epoch 1.
pub(crate) fn position(seq: u64) -> StreamPosition {
    StreamPosition { epoch: 1, seq, head: digest(seq.to_le_bytes()[0]), ..Default::default() }
}
