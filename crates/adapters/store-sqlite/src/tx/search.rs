//! Feeding full-text search.

use model::{Seq, Tenant};
use ports::SearchDocument;
use rusqlite::params;

use super::SqliteTx;
use crate::codec::signed;
use crate::error::Fault;

/// Adds what is still the newest of its object; the indexer runs behind, so some of it may be gone again.
pub(super) fn index(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    up_to: Seq,
    documents: &[SearchDocument],
) -> Result<(), Fault> {
    for document in documents {
        let newest = tx.row(
            "SELECT o.number, v.world FROM version v JOIN object o ON o.number = v.object AND o.latest = v.number \
             WHERE v.tenant = ?1 AND v.number = ?2",
            params![tenant.0, document.version_id.0],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?)),
        )?;
        let Some((object, world)) = newest else { continue };
        forget(tx, object)?;
        tx.execute(
            "INSERT INTO search_document (object, tenant, world, version, title, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![object, tenant.0, world, document.version_id.0, document.title, document.body],
        )?;
        tx.execute(
            "INSERT INTO search (rowid, title, body) VALUES (?1, ?2, ?3)",
            params![object, document.title, document.body],
        )?;
    }
    tx.execute(
        "INSERT INTO tenant (tenant, search_cursor) VALUES (?1, ?2) \
         ON CONFLICT (tenant) DO UPDATE SET search_cursor = ?2",
        params![tenant.0, signed(up_to.0)],
    )?;
    Ok(())
}

/// Takes an object out of the index, words and all.
pub(super) fn forget(tx: &SqliteTx<'_>, object: i64) -> Result<(), Fault> {
    let listed = tx.row("SELECT title, body FROM search_document WHERE object = ?1", [object], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let Some((title, body)) = listed else { return Ok(()) };
    // The index keeps no text of its own: to remove words it must be told which they were.
    tx.execute(
        "INSERT INTO search (search, rowid, title, body) VALUES ('delete', ?1, ?2, ?3)",
        params![object, title, body],
    )?;
    tx.execute("DELETE FROM search_document WHERE object = ?1", [object]).map(drop)
}
