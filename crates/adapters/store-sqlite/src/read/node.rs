//! The node itself: its record, sizes, collections, sources, accounts, tokens, audit and requests.

use std::path::Path;

use model::{AccountId, CollectionId, Label, SourceId, StatusId, Tenant, Timestamp, TokenId, Uuid, World};
use ports::{
    Account, AuditRow, Collection, CollectionKind, Counts, InboxEntry, ItemOutcome, NodeRecord, Role, Scope,
    SourceRecord, SourceState, StatusItem, StatusRecord, Token,
};
use rusqlite::{Connection, Row, params};

use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, signed, split_ids, stix_id, unsigned};
use crate::error::Fault;
use crate::schema::{log, size};

pub(super) fn node(db: &Connection, tenant: Tenant) -> Result<Option<NodeRecord>, Fault> {
    let found =
        row(db, "SELECT name, country, identity, created FROM node WHERE tenant = ?1", [tenant.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, Col<Timestamp>>(3)?.0))
        })?;
    let Some((name, country, identity, created)) = found else { return Ok(None) };
    Ok(Some(NodeRecord { name, country, identity: stix_id(&identity)?, created }))
}

pub(super) fn counts(db: &Connection, tenant: Tenant, path: Option<&Path>) -> Result<Counts, Fault> {
    let count = |sql: &str| -> Result<u64, Fault> {
        Ok(unsigned(row(db, sql, [tenant.0], |row| row.get(0))?.unwrap_or(0)))
    };
    let counted = row(
        db,
        "SELECT objects, versions, head, horizon, search_cursor FROM tenant WHERE tenant = ?1",
        [tenant.0],
        |row| {
            Ok(Counts {
                objects: unsigned(row.get(0)?),
                versions: unsigned(row.get(1)?),
                head: unsigned(row.get(2)?),
                horizon: unsigned(row.get(3)?),
                search_cursor: unsigned(row.get(4)?),
                ..Counts::default()
            })
        },
    )?;
    Ok(Counts {
        held: count("SELECT count(*) FROM held WHERE tenant = ?1 AND released IS NULL")?,
        inbox: count("SELECT count(*) FROM inbox WHERE tenant = ?1")?,
        bytes: bytes(db, path)?,
        ..counted.unwrap_or_default()
    })
}

/// Of the file and its log.
fn bytes(db: &Connection, path: Option<&Path>) -> Result<u64, Fault> {
    let Some(path) = path else {
        let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        return Ok(unsigned(pages.saturating_mul(size)));
    };
    Ok(size(path) + size(&log(path)))
}

pub(super) fn collections(db: &Connection, tenant: Tenant) -> Result<Vec<Collection>, Fault> {
    rows(
        db,
        "SELECT id, alias, title, kind, source FROM collection WHERE tenant = ?1 ORDER BY number",
        [tenant.0],
        |row| {
            let kind = match (row.get(3)?, row.get(4)?) {
                (0, _) => CollectionKind::Public,
                (2, Some(source)) => CollectionKind::Source(SourceId(source)),
                _ => CollectionKind::Own,
            };
            Ok(Collection { id: collection(row, 0)?, alias: row.get(1)?, title: row.get(2)?, kind })
        },
    )
}

fn collection(row: &Row<'_>, at: usize) -> rusqlite::Result<CollectionId> {
    Ok(CollectionId(row.get::<_, Col<Uuid>>(at)?.0))
}

pub(super) fn instant(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<Col<Timestamp>>>(at)?.map(|at| at.0))
}

pub(super) fn sources(db: &Connection, tenant: Tenant) -> Result<Vec<(SourceRecord, SourceState)>, Fault> {
    rows(
        db,
        "SELECT number, name, kind, config, default_label, enabled, collection, cursor, last_success, error_at, \
         error, failures, retry_at, accepted FROM source WHERE tenant = ?1 ORDER BY number",
        [tenant.0],
        |row| {
            let record = SourceRecord {
                id: SourceId(row.get(0)?),
                name: row.get(1)?,
                kind: row.get(2)?,
                config: row.get(3)?,
                default_label: row.get::<_, Col<Label>>(4)?.0,
                enabled: row.get(5)?,
                collection: collection(row, 6)?,
            };
            let state = SourceState {
                cursor: row.get(7)?,
                last_success: instant(row, 8)?,
                last_error: instant(row, 9)?.zip(row.get(10)?),
                failures: row.get(11)?,
                retry_at: instant(row, 12)?,
                accepted: unsigned(row.get(13)?),
            };
            Ok((record, state))
        },
    )
}

fn account(row: &Row<'_>, at: usize) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get::<_, Col<Uuid>>(at)?.0),
        name: row.get(at + 1)?,
        password: row.get(at + 2)?,
        role: row.get::<_, Col<Role>>(at + 3)?.0,
        disabled: row.get(at + 4)?,
        created: row.get::<_, Col<Timestamp>>(at + 5)?.0,
    })
}

pub(super) fn accounts(db: &Connection, tenant: Tenant) -> Result<Vec<Account>, Fault> {
    rows(
        db,
        "SELECT id, name, password, role, disabled, created FROM account WHERE tenant = ?1 ORDER BY name",
        [tenant.0],
        |row| account(row, 0),
    )
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        id: TokenId(row.get::<_, Col<Uuid>>(0)?.0),
        account: AccountId(row.get::<_, Col<Uuid>>(1)?.0),
        name: row.get(2)?,
        hash: row.get(3)?,
        collections: split_ids(row.get_ref(4)?.as_blob()?),
        expires: instant(row, 5)?,
        created: row.get::<_, Col<Timestamp>>(6)?.0,
    })
}

pub(super) fn tokens(db: &Connection, tenant: Tenant) -> Result<Vec<Token>, Fault> {
    rows(
        db,
        "SELECT id, account, name, hash, collections, expires, created FROM token WHERE tenant = ?1 \
         ORDER BY created, id",
        [tenant.0],
        token_row,
    )
}

pub(super) fn token(
    db: &Connection,
    tenant: Tenant,
    hash: &[u8; 32],
) -> Result<Option<(Token, Account)>, Fault> {
    row(
        db,
        "SELECT t.id, t.account, t.name, t.hash, t.collections, t.expires, t.created, \
         a.id, a.name, a.password, a.role, a.disabled, a.created \
         FROM token t JOIN account a ON a.tenant = t.tenant AND a.id = t.account WHERE t.tenant = ?1 AND t.hash = ?2",
        params![tenant.0, hash],
        |row| Ok((token_row(row)?, account(row, 7)?)),
    )
}

pub(super) fn audits(
    db: &Connection,
    tenant: Tenant,
    after: u64,
    limit: usize,
) -> Result<Vec<AuditRow>, Fault> {
    rows(
        db,
        "SELECT number, at, actor, action, target, reason FROM audit WHERE tenant = ?1 AND number > ?2 \
         ORDER BY number LIMIT ?3",
        params![tenant.0, signed(after), rows_limit(limit)],
        |row| {
            Ok(AuditRow {
                number: unsigned(row.get(0)?),
                at: row.get::<_, Col<Timestamp>>(1)?.0,
                actor: row.get(2)?,
                action: row.get(3)?,
                target: row.get(4)?,
                reason: row.get(5)?,
            })
        },
    )
}

pub(super) fn status(db: &Connection, tenant: Tenant, id: StatusId) -> Result<Option<StatusRecord>, Fault> {
    let found = row(
        db,
        "SELECT collection, account, received, complete FROM status WHERE tenant = ?1 AND id = ?2",
        params![tenant.0, Col(id.0)],
        |row| {
            Ok(StatusRecord {
                id,
                collection: collection(row, 0)?,
                account: AccountId(row.get::<_, Col<Uuid>>(1)?.0),
                received: row.get::<_, Col<Timestamp>>(2)?.0,
                complete: row.get(3)?,
                items: Vec::new(),
            })
        },
    )?;
    let Some(record) = found else { return Ok(None) };
    let items = rows(
        db,
        "SELECT id, version, outcome, message FROM status_item WHERE tenant = ?1 AND status = ?2 ORDER BY place",
        params![tenant.0, Col(id.0)],
        |row| {
            let outcome = match row.get(2)? {
                0 => ItemOutcome::Pending,
                1 => ItemOutcome::Success,
                3 => ItemOutcome::Held,
                _ => ItemOutcome::Failure(row.get(3)?),
            };
            Ok(StatusItem { id: row.get(0)?, version: row.get(1)?, outcome })
        },
    )?;
    Ok(Some(StatusRecord { items, ..record }))
}

pub(super) fn inbox(db: &Connection, limit: usize) -> Result<Vec<InboxEntry>, Fault> {
    rows(
        db,
        "SELECT i.tenant, i.world, i.status, i.source, p.raw FROM inbox i JOIN payload p ON p.number = i.payload \
         ORDER BY i.number LIMIT ?1",
        [rows_limit(limit)],
        |row| {
            Ok(InboxEntry {
                status: StatusId(row.get::<_, Col<Uuid>>(2)?.0),
                scope: Scope { tenant: Tenant(row.get(0)?), world: row.get::<_, Col<World>>(1)?.0 },
                source: SourceId(row.get(3)?),
                body: row.get(4)?,
            })
        },
    )
}
