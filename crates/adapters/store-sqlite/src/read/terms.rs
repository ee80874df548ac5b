//! What keeping an agreement's terms needs to know: what flowed, what waits, what was given, what is due for erasure.

use model::{AgreementId, PartyId, Tenant, Timestamp, VersionId};
use ports::trust::{HoldingRecord, OutboxRecord, PassageRecord, StreamKey, WaitingCount};
use rusqlite::{Connection, params};

use super::sharing::holdings_where;
use super::streams::{channel, content_kinds, outbox_row};
use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, unsigned};
use crate::error::Fault;

pub(crate) fn passages(
    db: &Connection,
    tenant: Tenant,
    key: StreamKey,
    since: Timestamp,
) -> Result<Vec<PassageRecord>, Fault> {
    let Some(channel) = channel(db, tenant, key.peer, Some(key.agreement))? else { return Ok(Vec::new()) };
    rows(
        db,
        "SELECT at, objects, bytes FROM passage \
         WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND at > ?4 ORDER BY at",
        params![tenant.0, channel, key.outbound, Col(since)],
        |row| {
            Ok(PassageRecord {
                at: row.get::<_, Col<Timestamp>>(0)?.0,
                objects: unsigned(row.get(1)?),
                bytes: unsigned(row.get(2)?),
            })
        },
    )
}

pub(super) fn last_passage(
    db: &Connection,
    tenant: Tenant,
    key: StreamKey,
) -> Result<Option<Timestamp>, Fault> {
    let Some(channel) = channel(db, tenant, key.peer, Some(key.agreement))? else { return Ok(None) };
    let last = row(
        db,
        "SELECT max(at) FROM passage WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3",
        params![tenant.0, channel, key.outbound],
        |row| row.get::<_, Option<Col<Timestamp>>>(0),
    )?;
    Ok(last.flatten().map(|at| at.0))
}

pub(super) fn outbox_statements(
    db: &Connection,
    tenant: Tenant,
    to: PartyId,
    agreement: AgreementId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<OutboxRecord>, Fault> {
    let Some(channel) = channel(db, tenant, to, Some(agreement))? else { return Ok(Vec::new()) };
    rows(
        db,
        concat!(
            "SELECT number, kind, version, inline, decision, not_before FROM outbox ",
            "WHERE tenant = ?1 AND channel = ?2 AND not_before <= ?3 AND kind NOT IN ",
            content_kinds!(),
            " ORDER BY number LIMIT ?4"
        ),
        params![tenant.0, channel, Col(now), rows_limit(limit)],
        |row| outbox_row(row, to, agreement),
    )
}

pub(super) fn waiting(
    db: &Connection,
    tenant: Tenant,
    to: PartyId,
    agreement: AgreementId,
) -> Result<WaitingCount, Fault> {
    let Some(channel) = channel(db, tenant, to, Some(agreement))? else { return Ok(WaitingCount::default()) };
    let found = row(
        db,
        concat!(
            "SELECT count(*), min(not_before), ",
            "(SELECT version FROM outbox WHERE tenant = ?1 AND channel = ?2 AND kind IN ",
            content_kinds!(),
            " ORDER BY number LIMIT 1) FROM outbox WHERE tenant = ?1 AND channel = ?2 AND kind IN ",
            content_kinds!()
        ),
        params![tenant.0, channel],
        |row| {
            Ok(WaitingCount {
                objects: unsigned(row.get(0)?),
                not_before: row.get::<_, Option<Col<Timestamp>>>(1)?.map(|at| at.0),
                first: row.get::<_, Option<i64>>(2)?.map(VersionId),
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

pub(super) fn given_since(
    db: &Connection,
    tenant: Tenant,
    from: PartyId,
    agreement: AgreementId,
    since: Timestamp,
) -> Result<u64, Fault> {
    let Some(channel) = channel(db, tenant, from, Some(agreement))? else { return Ok(0) };
    let count = row(
        db,
        // What was taken back again was not given.
        "SELECT count(*) FROM holding h WHERE h.tenant = ?1 AND h.channel = ?2 AND h.received > ?3 AND NOT EXISTS \
         (SELECT 1 FROM withdrawal w WHERE w.tenant = ?1 AND w.channel = ?2 AND w.subject = h.subject)",
        params![tenant.0, channel, Col(since)],
        |row| row.get(0),
    )?;
    Ok(unsigned(count.unwrap_or(0)))
}

pub(super) fn holdings_due(
    db: &Connection,
    tenant: Tenant,
    from: PartyId,
    agreement: AgreementId,
    received: Timestamp,
    limit: usize,
) -> Result<Vec<HoldingRecord>, Fault> {
    let Some(channel) = channel(db, tenant, from, Some(agreement))? else { return Ok(Vec::new()) };
    holdings_where!(
        db,
        "AND h.channel = ?2 AND h.ended IS NULL AND h.received <= ?3 ORDER BY h.received LIMIT ?4",
        params![tenant.0, channel, Col(received), rows_limit(limit)]
    )
}

pub(super) fn holdings_ended(
    db: &Connection,
    tenant: Tenant,
    limit: usize,
) -> Result<Vec<HoldingRecord>, Fault> {
    holdings_where!(
        db,
        "AND h.ended IS NOT NULL AND h.erased IS NULL AND h.hold IS NULL AND h.kept = 0 ORDER BY h.number LIMIT ?2",
        params![tenant.0, rows_limit(limit)]
    )
}

pub(super) fn holdings_count(
    db: &Connection,
    tenant: Tenant,
    from: PartyId,
    agreement: AgreementId,
    received: Timestamp,
) -> Result<u64, Fault> {
    let Some(channel) = channel(db, tenant, from, Some(agreement))? else { return Ok(0) };
    let count = row(
        db,
        "SELECT count(*) FROM holding WHERE tenant = ?1 AND channel = ?2 AND received <= ?3 AND erased IS NULL \
         AND hold IS NULL AND kept = 0",
        params![tenant.0, channel, Col(received)],
        |row| row.get(0),
    )?;
    Ok(unsigned(count.unwrap_or(0)))
}
