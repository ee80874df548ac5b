//! Following the journal.

use model::{Label, Seq, SourceId, Tenant, Timestamp, VersionId, World};
use ports::{JournalKind, JournalObject, JournalRow, StoreError};
use rusqlite::{Connection, params};

use super::objects::{full_id, joined_id};
use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, signed, unsigned};
use crate::error::Fault;

/// Head and horizon.
pub(super) fn bounds(db: &Connection, tenant: Tenant) -> Result<(Seq, Seq), Fault> {
    let found = row(db, "SELECT head, horizon FROM tenant WHERE tenant = ?1", [tenant.0], |row| {
        Ok((Seq(unsigned(row.get(0)?)), Seq(unsigned(row.get(1)?))))
    })?;
    Ok(found.unwrap_or((Seq(0), Seq(0))))
}

pub(super) fn journal(
    db: &Connection,
    tenant: Tenant,
    after: Seq,
    limit: usize,
) -> Result<Vec<JournalRow>, Fault> {
    let (_, horizon) = bounds(db, tenant)?;
    if after < horizon {
        return Err(StoreError::CursorExpired { horizon }.into());
    }
    rows(
        db,
        concat!(
            "SELECT j.seq, j.world, j.at, j.kind, j.source, ",
            joined_id!(),
            ", v.number, v.modified, v.label ",
            "FROM journal j LEFT JOIN version v ON v.tenant = j.tenant AND v.number = j.version ",
            "LEFT JOIN object o ON o.number = v.object LEFT JOIN word w ON w.number = o.type ",
            "WHERE j.tenant = ?1 AND j.seq > ?2 ORDER BY j.seq LIMIT ?3"
        ),
        params![tenant.0, signed(after.0), rows_limit(limit)],
        |row| {
            let object = match full_id(row, 5)? {
                None => None,
                Some(id) => Some(JournalObject {
                    version_id: VersionId(row.get(7)?),
                    id,
                    version: row.get::<_, Col<Timestamp>>(8)?.0,
                    label: row.get::<_, Col<Label>>(9)?.0,
                }),
            };
            Ok(JournalRow {
                seq: Seq(unsigned(row.get(0)?)),
                world: row.get::<_, Col<World>>(1)?.0,
                at: row.get::<_, Col<Timestamp>>(2)?.0,
                kind: row.get::<_, Col<JournalKind>>(3)?.0,
                source: SourceId(row.get(4)?),
                object,
            })
        },
    )
}
