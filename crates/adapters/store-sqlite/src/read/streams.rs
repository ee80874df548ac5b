//! What waits for streams, how far they have come, and what went into them.

use model::{AgreementId, DecisionId, Digest, PartyId, Tenant, Timestamp, VersionId};
use ports::trust::{EntryRecord, OutboxRecord, SegmentRecord, StreamKey, StreamPosition};
use rusqlite::{Connection, Row, params};

use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, signed, text, unsigned};
use crate::error::Fault;

/// An agreement as a column: nothing for none.
pub(crate) fn agreement_bytes(agreement: Option<&AgreementId>) -> &[u8] {
    agreement.map_or(&[], |agreement| &agreement.0.0)
}

/// The number of a party under an agreement, if there ever was anything between them and us.
pub(crate) fn channel(
    db: &Connection,
    tenant: Tenant,
    party: PartyId,
    agreement: Option<AgreementId>,
) -> Result<Option<i64>, Fault> {
    row(
        db,
        "SELECT number FROM channel WHERE tenant = ?1 AND party = ?2 AND agreement = ?3",
        params![tenant.0, Col(party.0), agreement_bytes(agreement.as_ref())],
        |row| row.get(0),
    )
}

pub(super) fn barred(db: &Connection, tenant: Tenant, from: PartyId, subject: Digest) -> Result<bool, Fault> {
    let Some(channel) = channel(db, tenant, from, None)? else { return Ok(false) };
    let found = row(
        db,
        "SELECT 1 FROM withdrawal WHERE tenant = ?1 AND channel = ?2 AND subject = ?3",
        params![tenant.0, channel, Col(subject)],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

pub(super) fn outbox(
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
        "SELECT number, kind, version, inline, decision, not_before FROM outbox \
         WHERE tenant = ?1 AND channel = ?2 AND not_before <= ?3 ORDER BY number LIMIT ?4",
        params![tenant.0, channel, Col(now), rows_limit(limit)],
        |row| outbox_row(row, to, agreement),
    )
}

/// Kinds of entries that carry an object.
macro_rules! content_kinds {
    () => {
        "('put', 'supersede', 'sighting')"
    };
}
pub(super) use content_kinds;

pub(super) fn outbox_row(
    row: &Row<'_>,
    to: PartyId,
    agreement: AgreementId,
) -> rusqlite::Result<OutboxRecord> {
    Ok(OutboxRecord {
        id: unsigned(row.get(0)?),
        to,
        agreement,
        kind: row.get(1)?,
        version: row.get::<_, Option<i64>>(2)?.map(VersionId),
        inline: row.get(3)?,
        decision: row.get::<_, Option<i64>>(4)?.map(DecisionId),
        not_before: row.get::<_, Col<Timestamp>>(5)?.0,
    })
}

pub(super) fn outbox_len(db: &Connection, tenant: Tenant) -> Result<u64, Fault> {
    let waiting = row(db, "SELECT count(*) FROM outbox WHERE tenant = ?1", [tenant.0], |row| row.get(0))?;
    Ok(unsigned(waiting.unwrap_or(0)))
}

fn stream_position(row: &Row<'_>, from: usize) -> rusqlite::Result<StreamPosition> {
    Ok(StreamPosition {
        epoch: row.get(from)?,
        seq: unsigned(row.get(from + 1)?),
        head: row.get::<_, Col<Digest>>(from + 2)?.0,
        acked: unsigned(row.get(from + 3)?),
        ack: row.get(from + 4)?,
        couriered: unsigned(row.get(from + 5)?),
    })
}

pub(crate) fn position(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    outbound: bool,
) -> Result<Option<StreamPosition>, Fault> {
    row(
        db,
        "SELECT epoch, seq, head, acked, ack, couriered FROM stream \
         WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3",
        params![tenant.0, channel, outbound],
        |row| stream_position(row, 0),
    )
}

pub(super) fn streams(db: &Connection, tenant: Tenant) -> Result<Vec<(StreamKey, StreamPosition)>, Fault> {
    rows(
        db,
        "SELECT c.party, c.agreement, s.outbound, s.epoch, s.seq, s.head, s.acked, s.ack, s.couriered \
         FROM stream s CROSS JOIN channel c ON c.tenant = s.tenant AND c.number = s.channel \
         WHERE s.tenant = ?1 ORDER BY s.channel, s.outbound",
        [tenant.0],
        |row| {
            let key = StreamKey {
                peer: PartyId(row.get::<_, Col<Digest>>(0)?.0),
                agreement: AgreementId(row.get::<_, Col<Digest>>(1)?.0),
                outbound: row.get(2)?,
            };
            Ok((key, stream_position(row, 3)?))
        },
    )
}

pub(crate) fn entries(
    db: &Connection,
    tenant: Tenant,
    key: StreamKey,
    epoch: u32,
    from: u64,
    limit: usize,
) -> Result<Vec<EntryRecord>, Fault> {
    let Some(channel) = channel(db, tenant, key.peer, Some(key.agreement))? else { return Ok(Vec::new()) };
    let found = rows(
        db,
        "SELECT e.seq, e.envelope, e.salt, e.version, p.raw, e.number FROM entry e \
         LEFT JOIN payload p ON p.number = e.payload \
         WHERE e.tenant = ?1 AND e.channel = ?2 AND e.outbound = ?3 AND e.epoch = ?4 AND e.seq >= ?5 \
         ORDER BY e.seq LIMIT ?6",
        params![tenant.0, channel, key.outbound, epoch, signed(from), rows_limit(limit)],
        |row| {
            let entry = EntryRecord {
                seq: unsigned(row.get(0)?),
                envelope: row.get(1)?,
                salt: row.get(2)?,
                version: row.get::<_, Option<i64>>(3)?.map(VersionId),
                along: Vec::new(),
                payload: None,
            };
            Ok((entry, row.get::<_, Option<Vec<u8>>>(4)?, row.get::<_, i64>(5)?))
        },
    )?;
    let whole = |(entry, raw, number): (EntryRecord, Option<Vec<u8>>, i64)| -> Result<EntryRecord, Fault> {
        let sql = "SELECT version FROM entry_along WHERE entry = ?1 ORDER BY version";
        let along = match raw {
            Some(_) => rows(db, sql, [number], |row| Ok(VersionId(row.get(0)?)))?,
            None => Vec::new(),
        };
        Ok(EntryRecord { along, payload: raw.map(text).transpose()?, ..entry })
    };
    found.into_iter().map(whole).collect()
}

pub(super) fn segments(
    db: &Connection,
    tenant: Tenant,
    key: StreamKey,
    epoch: u32,
    from: u64,
    limit: usize,
) -> Result<Vec<SegmentRecord>, Fault> {
    let Some(channel) = channel(db, tenant, key.peer, Some(key.agreement))? else { return Ok(Vec::new()) };
    rows(
        db,
        // The last that begins at or before the place may cover it; none before that one does.
        "SELECT first, count, text FROM segment \
         WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND epoch = ?4 AND first + count > ?5 \
           AND first >= coalesce((SELECT max(first) FROM segment \
             WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND epoch = ?4 AND first <= ?5), 0) \
         ORDER BY first LIMIT ?6",
        params![tenant.0, channel, key.outbound, epoch, signed(from), rows_limit(limit)],
        |row| Ok(SegmentRecord { first: unsigned(row.get(0)?), count: row.get(1)?, text: row.get(2)? }),
    )
}
