//! What waits for streams, how far they have come, and what went into them.

use model::{AgreementId, Digest, PartyId, StixId, Tenant, Timestamp, VersionId};
use ports::trust::{EntryRecord, OutboxRecord, PassageRecord, SegmentRecord, StreamKey, StreamPosition};
use ports::{Scope, StoreError};
use rusqlite::params;

use super::SqliteTx;
use super::numbers::{Kind, channel, find_channel, must_be_stored, take};
use crate::codec::{Col, signed, unsigned};
use crate::error::Fault;
use crate::read::streams;

pub(super) fn queue(tx: &mut SqliteTx<'_>, tenant: Tenant, entry: &OutboxRecord) -> Result<u64, Fault> {
    if let Some(version) = entry.version {
        must_be_stored(tx, tenant, version)?;
    }
    let channel = channel(tx, tenant, entry.to, Some(entry.agreement))?;
    let number = take(tx, tenant, Kind::Queued)?;
    tx.execute(
        "INSERT INTO outbox (tenant, number, channel, kind, version, inline, decision, not_before) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            tenant.0,
            number,
            channel,
            entry.kind,
            entry.version.map(|version| version.0),
            entry.inline,
            entry.decision.map(|decision| decision.0),
            Col(entry.not_before),
        ],
    )?;
    Ok(unsigned(number))
}

pub(super) fn unqueue(tx: &SqliteTx<'_>, tenant: Tenant, ids: &[u64]) -> Result<(), Fault> {
    ids.iter().try_for_each(|id| {
        let sql = "DELETE FROM outbox WHERE tenant = ?1 AND number = ?2";
        tx.execute(sql, params![tenant.0, signed(*id)]).map(drop)
    })
}

pub(super) fn stream(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
) -> Result<Option<StreamPosition>, Fault> {
    match find_channel(tx, tenant, key.peer, Some(key.agreement))? {
        Some(channel) => streams::position(tx.db, tenant, channel, key.outbound),
        None => Ok(None),
    }
}

pub(super) fn set_stream(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
    position: &StreamPosition,
) -> Result<(), Fault> {
    let channel = channel(tx, tenant, key.peer, Some(key.agreement))?;
    tx.execute(
        "INSERT INTO stream (tenant, channel, outbound, epoch, seq, head, acked, ack, couriered) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (tenant, channel, outbound) DO UPDATE SET epoch = ?4, seq = ?5, head = ?6, acked = ?7, ack = ?8, \
         couriered = ?9",
        params![
            tenant.0,
            channel,
            key.outbound,
            position.epoch,
            signed(position.seq),
            Col(position.head),
            signed(position.acked),
            position.ack,
            signed(position.couriered),
        ],
    )
    .map(drop)
}

pub(super) fn append_entries(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
    epoch: u32,
    entries: &[EntryRecord],
    segment: &SegmentRecord,
) -> Result<(), Fault> {
    let count = entries.len() as u64;
    if count == 0
        || count != u64::from(segment.count)
        || !(segment.first..).zip(entries).all(|(seq, entry)| seq == entry.seq)
    {
        return Err(
            StoreError::Engine("a segment does not sign the entries that it came with".to_owned()).into()
        );
    }
    let channel = channel(tx, tenant, key.peer, Some(key.agreement))?;
    let last: Option<i64> = tx
        .row(
            "SELECT max(seq) FROM entry \
             WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND epoch = ?4",
            params![tenant.0, channel, key.outbound, epoch],
            |row| row.get(0),
        )?
        .flatten();
    if let Some(last) = last.map(unsigned) {
        if segment.first <= last {
            return Err(StoreError::Exists(format!("entry {} of the stream", segment.first)).into());
        }
        if segment.first - last > 1 {
            return Err(StoreError::Missing(format!("entry {} of the stream", segment.first - 1)).into());
        }
    }
    for entry in entries {
        if let Some(version) = entry.version {
            must_be_stored(tx, tenant, version)?;
        }
        entry.along.iter().try_for_each(|version| must_be_stored(tx, tenant, *version))?;
        let payload =
            entry.payload.as_ref().map(|text| tx.insert_payload(tenant, text.as_bytes())).transpose()?;
        tx.execute(
            "INSERT INTO entry (tenant, channel, outbound, epoch, seq, envelope, salt, version, payload) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                tenant.0,
                channel,
                key.outbound,
                epoch,
                signed(entry.seq),
                entry.envelope,
                entry.salt,
                entry.version.map(|version| version.0),
                payload,
            ],
        )?;
        let number = tx.db.last_insert_rowid();
        for version in &entry.along {
            tx.execute(
                "INSERT INTO entry_along (entry, version, tenant) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![number, version.0, tenant.0],
            )?;
        }
    }
    tx.execute(
        "INSERT INTO segment (tenant, channel, outbound, epoch, first, count, text) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![tenant.0, channel, key.outbound, epoch, signed(segment.first), segment.count, segment.text],
    )
    .map(drop)
}

pub(super) fn blank_entries(tx: &SqliteTx<'_>, tenant: Tenant, version: VersionId) -> Result<u64, Fault> {
    let entries = tx.rows(
        "SELECT number, payload FROM entry \
         WHERE tenant = ?1 AND version = ?2 AND (payload IS NOT NULL OR salt IS NOT NULL) \
         UNION SELECT e.number, e.payload FROM entry_along a CROSS JOIN entry e ON e.number = a.entry \
         WHERE a.tenant = ?1 AND a.version = ?2 AND (e.payload IS NOT NULL OR e.salt IS NOT NULL)",
        params![tenant.0, version.0],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    blank(tx, &entries)
}

pub(super) fn blank_entry(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
    epoch: u32,
    seq: u64,
) -> Result<(), Fault> {
    let Some(channel) = find_channel(tx, tenant, key.peer, Some(key.agreement))? else { return Ok(()) };
    let entries = tx.rows(
        "SELECT number, payload FROM entry \
         WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND epoch = ?4 AND seq = ?5",
        params![tenant.0, channel, key.outbound, epoch, signed(seq)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    blank(tx, &entries).map(|_| ())
}

/// Takes salt and payload out of entries, given as their number and their payload's.
fn blank(tx: &SqliteTx<'_>, entries: &[(i64, Option<i64>)]) -> Result<u64, Fault> {
    let mut blanked = 0;
    for (number, payload) in entries {
        payload.iter().try_for_each(|payload| tx.delete_payload(*payload))?;
        tx.execute("UPDATE entry SET salt = NULL, payload = NULL WHERE number = ?1", [number])?;
        tx.execute("DELETE FROM entry_along WHERE entry = ?1", [number])?;
        blanked += 1;
    }
    Ok(blanked)
}

pub(super) fn unacknowledged_with(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    object: &StixId,
) -> Result<Vec<(StreamKey, u32, EntryRecord)>, Fault> {
    let tenant = scope.tenant;
    let Some(object) = tx.object(scope, object)? else { return Ok(Vec::new()) };
    let places = tx.rows(
        "SELECT DISTINCT c.party, c.agreement, e.epoch, e.seq FROM version v \
         CROSS JOIN entry_along a ON a.tenant = v.tenant AND a.version = v.number \
         CROSS JOIN entry e ON e.number = a.entry \
         CROSS JOIN channel c ON c.tenant = e.tenant AND c.number = e.channel \
         JOIN stream s ON s.tenant = e.tenant AND s.channel = e.channel AND s.outbound = e.outbound \
         WHERE v.tenant = ?1 AND v.world = ?2 AND v.object = ?3 AND e.outbound = 1 AND e.epoch = s.epoch AND e.seq > s.acked \
         ORDER BY e.number",
        params![tenant.0, Col(scope.world), object.number],
        |row| {
            let (peer, agreement) = (row.get::<_, Col<Digest>>(0)?.0, row.get::<_, Col<Digest>>(1)?.0);
            let key = StreamKey { peer: PartyId(peer), agreement: AgreementId(agreement), outbound: true };
            Ok((key, row.get::<_, u32>(2)?, unsigned(row.get(3)?)))
        },
    )?;
    let mut found = Vec::with_capacity(places.len());
    for (key, epoch, seq) in places {
        let entries = streams::entries(tx.db, tenant, key, epoch, seq, 1)?;
        found.extend(entries.into_iter().map(|entry| (key, epoch, entry)));
    }
    Ok(found)
}

/// A version was erased: nothing of it is sent, and what was sent is known by its envelope only.
pub(super) fn forget(tx: &SqliteTx<'_>, tenant: Tenant, version: i64) -> Result<(), Fault> {
    blank_entries(tx, tenant, VersionId(version))?;
    for sql in [
        "UPDATE entry SET version = NULL WHERE tenant = ?1 AND version = ?2",
        "DELETE FROM outbox WHERE tenant = ?1 AND version = ?2",
    ] {
        tx.execute(sql, params![tenant.0, version])?;
    }
    Ok(())
}

/// How long passages are remembered: longer than any cap looks back, so that a clock put forward by mistake and back
/// again opens nothing.
const REMEMBERED: i64 = 8 * 86_400_000_000;

pub(super) fn add_passage(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
    passage: &PassageRecord,
) -> Result<(), Fault> {
    let channel = channel(tx, tenant, key.peer, Some(key.agreement))?;
    tx.execute(
        "DELETE FROM passage WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND at < ?4",
        params![tenant.0, channel, key.outbound, Col(passage.at.plus_micros(-REMEMBERED))],
    )?;
    tx.execute(
        "INSERT INTO passage (tenant, channel, outbound, at, objects, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            tenant.0,
            channel,
            key.outbound,
            Col(passage.at),
            signed(passage.objects),
            signed(passage.bytes)
        ],
    )
    .map(drop)
}

pub(super) fn settle_passages(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    key: StreamKey,
    now: Timestamp,
) -> Result<(), Fault> {
    let Some(channel) = find_channel(tx, tenant, key.peer, Some(key.agreement))? else { return Ok(()) };
    tx.execute(
        "UPDATE passage SET at = ?4 WHERE tenant = ?1 AND channel = ?2 AND outbound = ?3 AND at > ?4",
        params![tenant.0, channel, key.outbound, Col(now)],
    )
    .map(drop)
}
