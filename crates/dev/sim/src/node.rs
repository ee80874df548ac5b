//! One node of the coalition: a real core on a real in-memory store, and what it remembers only until it crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use json::{Limits, Tape};
use model::{CollectionId, Label, Seq, SourceId, StixId, Timestamp};
use ports::{CollectionKind, Ids, PageFilter, SourceRecord, SourceState, Store, VersionMatch};
use runtime::{Core, CoreError, Founding, Piece, Summary};
use store_sqlite::SqliteStore;

use crate::chance::{SimClock, SimIds};

pub(crate) struct Node {
    pub(crate) core: Core,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) ids: Arc<SimIds>,
    pub(crate) identity: StixId,
    /// Who is followed, and the source that stands for them.
    pub(crate) follows: BTreeMap<usize, SourceRecord>,
    /// What this node has published: id, created, latest version number, latest instant.
    pub(crate) published: Vec<Published>,
    public: CollectionId,
}

pub(crate) struct Published {
    pub(crate) id: StixId,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) version: u32,
}

/// One page as it travels: objects with labels applied, and where it ends.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) objects: Vec<String>,
    pub(crate) last: Option<Timestamp>,
    pub(crate) more: bool,
}

/// Entries per page: small, so that paging is exercised.
const PAGE: usize = 7;

impl Node {
    pub(crate) fn new(index: usize, seed: u64) -> Result<Self, CoreError> {
        let clock = Arc::new(SimClock::default());
        let ids = Arc::new(SimIds::new(seed ^ (index as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::memory()?);
        let founding = Founding { name: format!("Node {index}"), country: None };
        let core = Core::found(store, Arc::clone(&clock) as _, Arc::clone(&ids) as Arc<dyn Ids>, &founding)?;
        let identity = core.node()?.identity;
        let collections = core.store.read()?.collections(core.scope.tenant)?;
        let public = collections.iter().find(|c| c.kind == CollectionKind::Public).map(|c| c.id);
        let public = public.ok_or(CoreError::NotFounded)?;
        Ok(Self { core, clock, ids, identity, follows: BTreeMap::new(), published: Vec::new(), public })
    }

    /// Starts again on its store, with nothing else of what it knew.
    pub(crate) fn restart(&mut self) -> Result<(), CoreError> {
        let store = Arc::clone(&self.core.store);
        self.core = Core::open(store, Arc::clone(&self.clock) as _, Arc::clone(&self.ids) as Arc<dyn Ids>)?;
        Ok(())
    }

    pub(crate) fn follow(&mut self, peer: usize) -> Result<(), CoreError> {
        let record = SourceRecord {
            id: SourceId(0),
            name: format!("peer-{peer}"),
            kind: "sim".to_owned(),
            config: "{}".to_owned(),
            default_label: Label::OwnOnly,
            enabled: true,
            collection: CollectionId(self.ids.uuid()),
        };
        let tenant = self.core.scope.tenant;
        let id = self.core.store.transact(|tx| tx.add_source(tenant, &record))?;
        self.follows.insert(peer, SourceRecord { id, ..record });
        Ok(())
    }

    /// Takes in objects of this organisation itself.
    pub(crate) fn publish(&self, text: &str) -> Result<Summary, CoreError> {
        let own = self.core.own_source()?;
        Ok(self.core.ingest(&own, &[Piece::stix(text.as_bytes())], &mut |_| {})?)
    }

    /// Answers a pull: what entered the public collection after an instant, every version.
    pub(crate) fn page(&self, after: Option<Timestamp>) -> Result<Page, CoreError> {
        let filter = PageFilter { versions: vec![VersionMatch::All], ..PageFilter::default() };
        let read = self.core.store.read()?;
        let page = read.page(self.core.scope, self.public, &filter, after, PAGE, true)?;
        let mut tape = Tape::new();
        let mut objects = Vec::new();
        for entry in &page.entries {
            let Some((raw, overlay)) = &entry.content else { continue };
            if let Ok(value) = tape.parse(raw.as_bytes(), &Limits::OBJECT) {
                objects.push(intel::with_overlay(value, *overlay));
            }
        }
        Ok(Page { objects, last: page.entries.last().map(|entry| entry.added), more: page.more })
    }

    /// Where the pull from a peer stands, durably.
    pub(crate) fn cursor(&self, peer: usize) -> Result<Option<Timestamp>, CoreError> {
        let Some(source) = self.follows.get(&peer) else { return Ok(None) };
        let sources = self.core.store.read()?.sources(self.core.scope.tenant)?;
        let state = sources.into_iter().find(|(record, _)| record.id == source.id).map(|(_, state)| state);
        Ok(state.and_then(|state| state.cursor).and_then(|cursor| cursor.parse().ok()))
    }

    /// Takes in a page from a peer; objects and cursor are one transaction.
    pub(crate) fn take(&self, peer: usize, page: &Page) -> Result<Summary, CoreError> {
        let Some(source) = self.follows.get(&peer) else { return Ok(Summary::default()) };
        let held = self.cursor(peer)?;
        // A late copy of an old page must not move the cursor back.
        let cursor = held.max(page.last);
        let pieces: Vec<_> = page.objects.iter().map(|text| Piece::stix(text.as_bytes())).collect();
        let state = SourceState { cursor: cursor.map(|at| at.to_string()), ..SourceState::default() };
        let tenant = self.core.scope.tenant;
        Ok(self.core.ingest_with(source, &pieces, &mut |_| {}, &mut |tx, _| {
            tx.set_source_state(tenant, source.id, &state)
        })?)
    }

    /// Every (id, version) in the public collection.
    pub(crate) fn public_versions(&self) -> Result<BTreeMap<(StixId, Timestamp), u32>, CoreError> {
        let filter = PageFilter { versions: vec![VersionMatch::All], ..PageFilter::default() };
        let read = self.core.store.read()?;
        let (mut seen, mut after) = (BTreeMap::new(), None);
        loop {
            let page = read.page(self.core.scope, self.public, &filter, after, 1000, false)?;
            for entry in &page.entries {
                *seen.entry((entry.id.clone(), entry.version)).or_default() += 1;
            }
            after = page.entries.last().map(|entry| entry.added).or(after);
            if !page.more {
                return Ok(seen);
            }
        }
    }

    /// The whole journal, for the invariants.
    pub(crate) fn journal(&self) -> Result<Vec<ports::JournalRow>, CoreError> {
        let read = self.core.store.read()?;
        let (mut rows, mut after) = (Vec::new(), Seq(0));
        loop {
            let step = read.journal(self.core.scope.tenant, after, 1000)?;
            let Some(last) = step.last() else { return Ok(rows) };
            after = last.seq;
            rows.extend(step);
        }
    }
}
