//! The ledger and the checkpoints of all logs.

use model::{Digest, Tenant, Timestamp};
use ports::trust::LeafRecord;
use rusqlite::{Connection, params};

use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, signed, unsigned};
use crate::error::Fault;

pub(super) fn leaves(
    db: &Connection,
    tenant: Tenant,
    from: u64,
    limit: usize,
) -> Result<Vec<LeafRecord>, Fault> {
    rows(
        db,
        "SELECT l.place, l.hash, l.commitment, l.kind, l.at, o.text FROM leaf l \
         LEFT JOIN opening o ON o.tenant = l.tenant AND o.place = l.place \
         WHERE l.tenant = ?1 AND l.place >= ?2 ORDER BY l.place LIMIT ?3",
        params![tenant.0, signed(from), rows_limit(limit)],
        |row| {
            Ok(LeafRecord {
                index: unsigned(row.get(0)?),
                hash: row.get::<_, Col<Digest>>(1)?.0,
                commitment: row.get::<_, Col<Digest>>(2)?.0,
                kind: row.get(3)?,
                at: row.get::<_, Col<Timestamp>>(4)?.0,
                opening: row.get(5)?,
            })
        },
    )
}

pub(super) fn hashes(db: &Connection, tenant: Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, Fault> {
    rows(
        db,
        "SELECT hash FROM leaf WHERE tenant = ?1 AND place >= ?2 ORDER BY place LIMIT ?3",
        params![tenant.0, signed(from), rows_limit(limit)],
        |row| Ok(row.get::<_, Col<Digest>>(0)?.0),
    )
}

/// Hashes above full tiles, or at level 0 of leaves.
pub(crate) fn tile_hashes(
    db: &Connection,
    tenant: Tenant,
    level: u8,
    from: u64,
    limit: usize,
) -> Result<Vec<Digest>, Fault> {
    if level == 0 {
        return hashes(db, tenant, from, limit);
    }
    rows(
        db,
        "SELECT hash FROM tile_hash WHERE tenant = ?1 AND level = ?2 AND place >= ?3 ORDER BY place LIMIT ?4",
        params![tenant.0, level, signed(from), rows_limit(limit)],
        |row| Ok(row.get::<_, Col<Digest>>(0)?.0),
    )
}

pub(super) fn size(db: &Connection, tenant: Tenant) -> Result<u64, Fault> {
    let leaves = row(db, "SELECT leaves FROM trust WHERE tenant = ?1", [tenant.0], |row| row.get(0))?;
    Ok(unsigned(leaves.unwrap_or(0)))
}

pub(crate) fn checkpoint(
    db: &Connection,
    tenant: Tenant,
    origin: &str,
) -> Result<Option<(u64, String)>, Fault> {
    row(
        db,
        "SELECT size, note FROM checkpoint WHERE tenant = ?1 AND origin = ?2",
        params![tenant.0, origin],
        |row| Ok((unsigned(row.get(0)?), row.get(1)?)),
    )
}

pub(super) fn checkpoints(db: &Connection, tenant: Tenant) -> Result<Vec<(String, u64, String)>, Fault> {
    rows(
        db,
        "SELECT origin, size, note FROM checkpoint WHERE tenant = ?1 ORDER BY origin",
        [tenant.0],
        |row| Ok((row.get(0)?, unsigned(row.get(1)?), row.get(2)?)),
    )
}
