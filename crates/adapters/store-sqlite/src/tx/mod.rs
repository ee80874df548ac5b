//! Writing: [`ports::Tx`] on the one connection that may.

mod class;
mod detection;
mod erase;
mod held;
mod inbox;
mod ledger;
mod membership;
mod node;
mod numbers;
mod parties;
mod put;
mod search;
mod sharing;
mod streams;
mod trust;

use std::collections::{BTreeMap, HashMap};

use model::{
    AccountId, AgreementId, CollectionId, Finding, HeldId, Label, PartyId, Seq, SourceId, StatusId, StixId,
    Tenant, Timestamp, TokenId, VersionId,
};
use ports::{
    Account, Existing, Held, HeldDecision, InboxEntry, JournalKind, NewVersion, NodeRecord, Scope,
    SearchDocument, SourceRecord, SourceState, StatusItem, StatusRecord, StoreError, Token, Tx, Wrapping,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::codec::{Col, keyed_hash, signed};
use crate::error::Fault;

/// More entries than this and a cache starts again.
const CACHED: usize = 16 * 1024;

/// Numbers looked up before. Emptied whenever a job is undone, since it may hold what was undone.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    key: Option<[u8; 32]>,
    words: HashMap<String, i64>,
    objects: HashMap<(Scope, StixId), i64>,
    collections: HashMap<(Tenant, CollectionId), membership::Target>,
    classes: HashMap<Tenant, HashMap<String, i64>>,
    channels: HashMap<(Tenant, PartyId, Option<AgreementId>), i64>,
}

impl Cache {
    pub(crate) fn clear(&mut self) {
        *self = Self { key: self.key, ..Self::default() };
    }
}

/// One job's view of the store.
///
/// Places in the journal and dates added are counted here and written back once, by [`SqliteTx::finish`]: nobody else
/// can write meanwhile, and a job of a thousand objects would otherwise rewrite the same few rows thousands of times.
pub(crate) struct SqliteTx<'c> {
    db: &'c Connection,
    cache: &'c mut Cache,
    tenants: BTreeMap<Tenant, Advance>,
    collections: BTreeMap<(Tenant, i64), i64>,
    numbers: BTreeMap<Tenant, numbers::Numbers>,
}

/// How far a job has moved a tenant's journal.
#[derive(Debug, Clone, Copy)]
struct Advance {
    head: i64,
    entries: i64,
    objects: i64,
    versions: i64,
}

/// What a row of `object` says of its newest version.
struct Newest {
    version: i64,
    source: SourceId,
    class: i64,
    label: Label,
}

/// A row of `object`.
struct Object {
    number: i64,
    latest: Option<i64>,
    first_source: Option<u32>,
}

impl<'c> SqliteTx<'c> {
    pub(crate) fn new(db: &'c Connection, cache: &'c mut Cache) -> Self {
        Self { db, cache, tenants: BTreeMap::new(), collections: BTreeMap::new(), numbers: BTreeMap::new() }
    }

    /// Writes back what was counted. A job is not done before.
    pub(crate) fn finish(&mut self) -> Result<(), StoreError> {
        Ok(self.write_back()?)
    }

    fn write_back(&mut self) -> Result<(), Fault> {
        for (tenant, to) in std::mem::take(&mut self.tenants) {
            let sql = "INSERT INTO tenant (tenant, head, objects, versions) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (tenant) DO UPDATE SET head = head + ?2, objects = objects + ?3, versions = versions + ?4 \
                 RETURNING head";
            let params = params![tenant.0, to.entries, to.objects, to.versions];
            let head: i64 = self.db.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
            if head != to.head {
                return Err(
                    StoreError::Engine(format!("the journal moved to {head} under a transaction")).into()
                );
            }
        }
        for ((tenant, collection), added) in std::mem::take(&mut self.collections) {
            self.execute(
                "UPDATE collection SET added = ?3 WHERE tenant = ?1 AND number = ?2",
                params![tenant.0, collection, added],
            )?;
        }
        numbers::write_back(self)
    }

    /// The date of the collection's next entry: the present, but later than any before it.
    fn next_added(&mut self, tenant: Tenant, collection: i64, now: Timestamp) -> Result<i64, Fault> {
        let key = (tenant, collection);
        let before = match self.collections.get(&key) {
            Some(added) => Some(*added),
            None => self
                .row(
                    "SELECT added FROM collection WHERE tenant = ?1 AND number = ?2",
                    params![tenant.0, collection],
                    |row| row.get::<_, Option<i64>>(0),
                )?
                .flatten(),
        };
        let added = before.map_or(i64::MIN, |before| before + 1).max(now.as_micros());
        self.collections.insert(key, added);
        Ok(added)
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        Ok(self.db.prepare_cached(sql)?.execute(params)?)
    }

    fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.db.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        Ok(self.db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }

    /// A keyed hash that says nothing to anyone without this file.
    fn digest(&mut self, parts: &[&[u8]]) -> Result<[u8; 32], Fault> {
        let key = match self.cache.key {
            Some(key) => key,
            None => {
                let key = self.row("SELECT value FROM meta WHERE name = 'key'", [], |row| row.get(0))?;
                key.ok_or_else(|| StoreError::Corrupt("the store's key is missing".to_owned()))?
            }
        };
        self.cache.key = Some(key);
        Ok(keyed_hash(&key, parts))
    }

    /// The number of a type or edge name, made if need be.
    fn word(&mut self, text: &str) -> Result<i64, Fault> {
        if let Some(number) = self.cache.words.get(text) {
            return Ok(*number);
        }
        let found = self.row("SELECT number FROM word WHERE text = ?1", [text], |row| row.get(0))?;
        let number = match found {
            Some(number) => number,
            None => self.db.prepare_cached("INSERT INTO word (text) VALUES (?1)")?.insert([text])?,
        };
        if self.cache.words.len() >= CACHED {
            self.cache.words.clear();
        }
        self.cache.words.insert(text.to_owned(), number);
        Ok(number)
    }

    fn object(&mut self, scope: Scope, id: &StixId) -> Result<Option<Object>, Fault> {
        let kind = self.word(id.type_name())?;
        self.row(
            "SELECT number, latest, first_source FROM object \
             WHERE tenant = ?1 AND world = ?2 AND uuid = ?3 AND type = ?4",
            params![scope.tenant.0, Col(scope.world), Col(id.uuid()), kind],
            |row| Ok(Object { number: row.get(0)?, latest: row.get(1)?, first_source: row.get(2)? }),
        )
    }

    /// The number of an object, stored or only referred to, made if need be.
    fn refer(&mut self, scope: Scope, id: &StixId) -> Result<i64, Fault> {
        let key = (scope, id.clone());
        if let Some(number) = self.cache.objects.get(&key) {
            return Ok(*number);
        }
        let number = match self.object(scope, id)? {
            Some(object) => object.number,
            None => self.insert_object(scope, id, None)?,
        };
        self.remember(key, number);
        Ok(number)
    }

    fn remember(&mut self, key: (Scope, StixId), number: i64) {
        if self.cache.objects.len() >= CACHED {
            self.cache.objects.clear();
        }
        self.cache.objects.insert(key, number);
    }

    fn insert_object(&mut self, scope: Scope, id: &StixId, newest: Option<&Newest>) -> Result<i64, Fault> {
        let kind = self.word(id.type_name())?;
        Ok(self
            .db
            .prepare_cached(
                "INSERT INTO object (tenant, world, type, uuid, latest, first_source, class, label) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .insert(params![
                scope.tenant.0,
                Col(scope.world),
                kind,
                Col(id.uuid()),
                newest.map(|newest| newest.version),
                newest.map(|newest| newest.source.0),
                newest.map_or(0, |newest| newest.class),
                newest.map(|newest| Col(newest.label)),
            ])?)
    }

    fn insert_payload(&self, tenant: Tenant, raw: &[u8]) -> Result<i64, Fault> {
        let mut statement = self.db.prepare_cached("INSERT INTO payload (tenant, raw) VALUES (?1, ?2)")?;
        Ok(statement.insert(params![tenant.0, raw])?)
    }

    fn delete_payload(&self, number: i64) -> Result<(), Fault> {
        self.execute("DELETE FROM payload WHERE number = ?1", [number]).map(drop)
    }

    /// The next place in the journal, while counting objects and versions up or down.
    fn advance(&mut self, tenant: Tenant, objects: i64, versions: i64) -> Result<i64, Fault> {
        let at = match self.tenants.get(&tenant) {
            Some(at) => *at,
            None => {
                let head =
                    self.row("SELECT head FROM tenant WHERE tenant = ?1", [tenant.0], |row| row.get(0))?;
                Advance { head: head.unwrap_or(0), entries: 0, objects: 0, versions: 0 }
            }
        };
        let to = Advance {
            head: at.head + 1,
            entries: at.entries + 1,
            objects: at.objects + objects,
            versions: at.versions + versions,
        };
        self.tenants.insert(tenant, to);
        Ok(to.head)
    }

    /// Writes the journal entry for a place that was taken with [`Self::advance`].
    fn enter(
        &self,
        scope: Scope,
        seq: i64,
        at: Timestamp,
        kind: JournalKind,
        source: SourceId,
        version: Option<i64>,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO journal (tenant, seq, world, at, kind, source, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![scope.tenant.0, seq, Col(scope.world), Col(at), Col(kind), source.0, version],
        )
        .map(drop)
    }

    /// A journal entry that neither adds nor removes versions.
    fn note(
        &mut self,
        scope: Scope,
        at: Timestamp,
        kind: JournalKind,
        source: SourceId,
        version: Option<i64>,
    ) -> Result<(), Fault> {
        let seq = self.advance(scope.tenant, 0, 0)?;
        self.enter(scope, seq, at, kind, source, version)
    }

    /// Takes the next `count` numbers of a counter and returns the first.
    ///
    /// Not with `RETURNING`: within a savepoint that costs in proportion to all the job has written.
    fn take(&self, tenant: Tenant, counter: Counter, count: usize) -> Result<i64, Fault> {
        macro_rules! sql {
            ($name:literal) => {
                (
                    concat!("SELECT ", $name, " FROM tenant WHERE tenant = ?1"),
                    concat!("UPDATE tenant SET ", $name, " = ?2 WHERE tenant = ?1"),
                )
            };
        }
        let (select, update) = match counter {
            Counter::Held => sql!("last_held"),
            Counter::Finding => sql!("last_finding"),
            Counter::Audit => sql!("last_audit"),
            Counter::Source => sql!("last_source"),
            Counter::Collection => sql!("last_collection"),
            Counter::Alert => sql!("last_alert"),
        };
        let last: Option<i64> = self.row(select, [tenant.0], |row| row.get(0))?;
        if last.is_none() {
            self.execute("INSERT INTO tenant (tenant) VALUES (?1)", [tenant.0])?;
        }
        let last = last.unwrap_or(0);
        self.execute(update, params![tenant.0, last + signed(count as u64)])?;
        Ok(last + 1)
    }
}

/// Numbers given out once.
#[derive(Debug, Clone, Copy)]
enum Counter {
    Held,
    Finding,
    Audit,
    Source,
    Collection,
    Alert,
}

impl Tx for SqliteTx<'_> {
    fn existing(
        &mut self,
        scope: Scope,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<Existing, StoreError> {
        Ok(put::existing(self, scope, id, version)?)
    }

    fn newest(&mut self, scope: Scope, id: &StixId) -> Result<Option<String>, StoreError> {
        Ok(put::newest(self, scope, id)?)
    }

    fn put(
        &mut self,
        scope: Scope,
        now: Timestamp,
        new: &NewVersion<'_>,
    ) -> Result<(VersionId, Seq), StoreError> {
        Ok(put::put(self, scope, now, new)?)
    }

    fn relabel(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        label: Label,
    ) -> Result<(), StoreError> {
        Ok(put::relabel(self, scope, now, version, label)?)
    }

    fn narrow(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        label: Label,
        class: &str,
    ) -> Result<(), StoreError> {
        Ok(put::narrow(self, scope, now, version, label, class)?)
    }

    fn redate(&mut self, scope: Scope, now: Timestamp, version: VersionId) -> Result<(), StoreError> {
        Ok(put::redate(self, scope, now, version)?)
    }

    fn enroll(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        collection: CollectionId,
    ) -> Result<(), StoreError> {
        Ok(membership::enroll(self, scope, now, version, collection)?)
    }

    fn remove(
        &mut self,
        scope: Scope,
        now: Timestamp,
        collection: CollectionId,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        Ok(membership::remove(self, scope, now, collection, id, version)?)
    }

    fn erase(&mut self, scope: Scope, now: Timestamp, id: &StixId) -> Result<u64, StoreError> {
        Ok(erase::erase(self, scope, now, id)?)
    }

    fn hold(
        &mut self,
        scope: Scope,
        now: Timestamp,
        source: SourceId,
        object: &StixId,
        raw: &str,
        findings: &[Finding],
    ) -> Result<HeldId, StoreError> {
        Ok(held::hold(self, scope, now, source, object, raw, findings)?)
    }

    fn wrap(&mut self, scope: Scope, id: HeldId, wrapping: &Wrapping) -> Result<(), StoreError> {
        Ok(held::wrap(self, scope, id, wrapping)?)
    }

    fn held(&mut self, scope: Scope, id: HeldId) -> Result<Option<Held>, StoreError> {
        Ok(crate::read::held::one(self.db, scope, id)?)
    }

    fn waiting(&mut self, scope: Scope, object: &StixId) -> Result<Option<HeldId>, StoreError> {
        Ok(held::waiting(self, scope, object)?)
    }

    fn held_decision(
        &mut self,
        scope: Scope,
        object: &StixId,
        raw: Option<&str>,
    ) -> Result<Option<bool>, StoreError> {
        Ok(held::decision(self, scope, object, raw)?)
    }

    fn decide(&mut self, scope: Scope, id: HeldId, decision: &HeldDecision) -> Result<(), StoreError> {
        Ok(held::decide(self, scope, id, decision)?)
    }

    fn add_findings(
        &mut self,
        scope: Scope,
        now: Timestamp,
        source: SourceId,
        object: Option<&StixId>,
        findings: &[Finding],
    ) -> Result<(), StoreError> {
        Ok(held::findings(self, scope, now, source, object, None, findings)?)
    }

    fn index(&mut self, tenant: Tenant, up_to: Seq, documents: &[SearchDocument]) -> Result<(), StoreError> {
        Ok(search::index(self, tenant, up_to, documents)?)
    }

    fn compact(&mut self, tenant: Tenant, up_to: Seq) -> Result<(), StoreError> {
        Ok(node::compact(self, tenant, up_to)?)
    }

    fn found(
        &mut self,
        tenant: Tenant,
        node: &NodeRecord,
        own: CollectionId,
        public: CollectionId,
    ) -> Result<(), StoreError> {
        Ok(node::found(self, tenant, node, own, public)?)
    }

    fn add_source(&mut self, tenant: Tenant, source: &SourceRecord) -> Result<SourceId, StoreError> {
        Ok(node::add_source(self, tenant, source)?)
    }

    fn set_source(&mut self, tenant: Tenant, source: &SourceRecord) -> Result<(), StoreError> {
        Ok(node::set_source(self, tenant, source)?)
    }

    fn remove_source(&mut self, tenant: Tenant, id: SourceId) -> Result<(), StoreError> {
        Ok(node::remove_source(self, tenant, id)?)
    }

    fn set_source_state(
        &mut self,
        tenant: Tenant,
        id: SourceId,
        state: &SourceState,
    ) -> Result<(), StoreError> {
        Ok(node::set_source_state(self, tenant, id, state)?)
    }

    fn set_account(&mut self, tenant: Tenant, account: &Account) -> Result<(), StoreError> {
        Ok(node::set_account(self, tenant, account)?)
    }

    fn remove_account(&mut self, tenant: Tenant, id: AccountId) -> Result<(), StoreError> {
        Ok(node::remove_account(self, tenant, id)?)
    }

    fn add_token(&mut self, tenant: Tenant, token: &Token) -> Result<(), StoreError> {
        Ok(node::add_token(self, tenant, token)?)
    }

    fn remove_token(&mut self, tenant: Tenant, id: TokenId) -> Result<(), StoreError> {
        Ok(node::remove_token(self, tenant, id)?)
    }

    fn audit(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        actor: &str,
        action: &str,
        target: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let number = self.take(tenant, Counter::Audit, 1)?;
        self.execute(
            "INSERT INTO audit (tenant, number, at, actor, action, target, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![tenant.0, number, Col(now), actor, action, target, reason],
        )?;
        Ok(())
    }

    fn receive(&mut self, entry: &InboxEntry, status: &StatusRecord) -> Result<(), StoreError> {
        Ok(inbox::receive(self, entry, status)?)
    }

    fn progress(
        &mut self,
        status: StatusId,
        items: &[(usize, StatusItem)],
        complete: bool,
    ) -> Result<(), StoreError> {
        Ok(inbox::progress(self, status, items, complete)?)
    }

    fn set_warning_list(&mut self, tenant: Tenant, name: &str, raw: &str) -> Result<bool, StoreError> {
        let changed = self.execute(
            "INSERT INTO warning_list (tenant, name, raw) VALUES (?1, ?2, ?3) \
             ON CONFLICT (tenant, name) DO UPDATE SET raw = ?3 WHERE raw <> ?3",
            params![tenant.0, name, raw],
        )?;
        Ok(changed > 0)
    }
}
