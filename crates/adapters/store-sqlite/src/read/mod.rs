//! Reading: [`ports::Read`] on a snapshot.

pub(crate) mod class;
mod detection;
pub(crate) mod held;
mod journal;
pub(crate) mod ledger;
mod node;
pub(crate) mod objects;
mod page;
pub(crate) mod parties;
mod search;
pub(crate) mod sharing;
pub(crate) mod streams;
mod terms;
mod trust;

use model::{CollectionId, Seq, Severity, SourceId, StatusId, StixId, Tenant, Timestamp, VersionId};
use observable::Observable;
use ports::{
    Account, AuditRow, Collection, Counts, FindingRow, GraphEdge, Held, Hit, InboxEntry, JournalRow,
    NodeRecord, ObjectFilter, Page, PageFilter, Read, Scope, SourceRecord, SourceState, StatusRecord,
    StoreError, Stored, Token,
};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::error::Fault;
use crate::group::Writer;
use crate::pool::Pool;

/// A snapshot, and where its connection goes back to.
pub(crate) struct Reader<'s> {
    writer: &'s Writer,
    loan: Option<Loan<'s>>,
}

struct Loan<'s> {
    pool: &'s Pool,
    /// Taken out on drop, and only then.
    connection: Option<Connection>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(writer: &'s Writer, pool: Option<&'s Pool>) -> Result<Self, StoreError> {
        let Some(pool) = pool else { return Ok(Self { writer, loan: None }) };
        let loan = Loan { pool, connection: Some(pool.take()?) };
        let reader = Self { writer, loan: Some(loan) };
        // The snapshot is taken by the first read of the transaction, so there is one here.
        reader.with(|connection| {
            connection.prepare_cached("BEGIN")?.execute([])?;
            Ok(connection.prepare_cached("SELECT count(*) FROM meta")?.query_row([], |_| Ok(()))?)
        })?;
        Ok(reader)
    }

    /// Runs a query on the snapshot (in memory: on the writer's connection).
    pub(crate) fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        Ok(match self.loan.as_ref().and_then(|loan| loan.connection.as_ref()) {
            Some(connection) => query(connection)?,
            None => self.writer.with(query)?,
        })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let ended = self.connection.take().filter(|connection| {
            connection.is_autocommit()
                || connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([])).is_ok()
        });
        self.pool.returned(ended);
    }
}

/// At most one row.
fn row<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// All rows.
fn rows<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    Ok(db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
}

impl Read for Reader<'_> {
    fn node(&self, tenant: Tenant) -> Result<Option<NodeRecord>, StoreError> {
        self.with(|db| node::node(db, tenant))
    }

    fn counts(&self, tenant: Tenant) -> Result<Counts, StoreError> {
        self.with(|db| node::counts(db, tenant, self.writer.path()))
    }

    fn head(&self, tenant: Tenant) -> Result<Seq, StoreError> {
        self.with(|db| Ok(journal::bounds(db, tenant)?.0))
    }

    fn journal(&self, tenant: Tenant, after: Seq, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        self.with(|db| journal::journal(db, tenant, after, limit))
    }

    fn object(
        &self,
        scope: Scope,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<Option<Stored>, StoreError> {
        self.with(|db| objects::object(db, scope, id, version))
    }

    fn first_source(&self, scope: Scope, id: &StixId) -> Result<Option<SourceId>, StoreError> {
        self.with(|db| objects::first_source(db, scope, id))
    }

    fn version(&self, scope: Scope, id: VersionId) -> Result<Option<Stored>, StoreError> {
        self.with(|db| objects::version(db, scope, id))
    }

    fn versions(&self, scope: Scope, id: &StixId) -> Result<Vec<Stored>, StoreError> {
        self.with(|db| objects::versions(db, scope, id))
    }

    fn objects(
        &self,
        scope: Scope,
        filter: &ObjectFilter,
        after: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.with(|db| objects::objects(db, scope, filter, after, limit))
    }

    fn edges(&self, scope: Scope, id: &StixId, limit: usize) -> Result<Vec<GraphEdge>, StoreError> {
        self.with(|db| objects::edges(db, scope, id, limit))
    }

    fn by_observable(
        &self,
        scope: Scope,
        observable: &Observable,
        limit: usize,
    ) -> Result<Vec<StixId>, StoreError> {
        self.with(|db| objects::by_observable(db, scope, observable, limit))
    }

    fn search(&self, scope: Scope, query: &str, limit: usize) -> Result<Vec<Hit>, StoreError> {
        self.with(|db| search::search(db, scope, query, limit))
    }

    fn collections(&self, tenant: Tenant) -> Result<Vec<Collection>, StoreError> {
        self.with(|db| node::collections(db, tenant))
    }

    fn page(
        &self,
        scope: Scope,
        collection: CollectionId,
        filter: &PageFilter,
        after: Option<Timestamp>,
        limit: usize,
        with_content: bool,
    ) -> Result<Page, StoreError> {
        self.with(|db| page::page(db, scope, collection, filter, after, limit, with_content))
    }

    fn sources(&self, tenant: Tenant) -> Result<Vec<(SourceRecord, SourceState)>, StoreError> {
        self.with(|db| node::sources(db, tenant))
    }

    fn held(&self, scope: Scope, all: bool, limit: usize) -> Result<Vec<Held>, StoreError> {
        self.with(|db| held::list(db, scope, all, limit))
    }

    fn findings(&self, scope: Scope, after: u64, limit: usize) -> Result<Vec<FindingRow>, StoreError> {
        self.with(|db| held::findings(db, scope, after, limit))
    }

    fn newest_findings(
        &self,
        scope: Scope,
        least: Severity,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FindingRow>, StoreError> {
        self.with(|db| held::newest_findings(db, scope, least, before, limit))
    }

    fn accounts(&self, tenant: Tenant) -> Result<Vec<Account>, StoreError> {
        self.with(|db| node::accounts(db, tenant))
    }

    fn tokens(&self, tenant: Tenant) -> Result<Vec<Token>, StoreError> {
        self.with(|db| node::tokens(db, tenant))
    }

    fn token(&self, tenant: Tenant, hash: &[u8; 32]) -> Result<Option<(Token, Account)>, StoreError> {
        self.with(|db| node::token(db, tenant, hash))
    }

    fn audits(&self, tenant: Tenant, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.with(|db| node::audits(db, tenant, after, limit))
    }

    fn status(&self, tenant: Tenant, id: StatusId) -> Result<Option<StatusRecord>, StoreError> {
        self.with(|db| node::status(db, tenant, id))
    }

    fn inbox(&self, limit: usize) -> Result<Vec<InboxEntry>, StoreError> {
        self.with(|db| node::inbox(db, limit))
    }

    fn warning_lists(&self, tenant: Tenant) -> Result<Vec<(String, String)>, StoreError> {
        self.with(|db| {
            rows(
                db,
                "SELECT name, raw FROM warning_list WHERE tenant = ?1 ORDER BY name",
                [tenant.0],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }
}
