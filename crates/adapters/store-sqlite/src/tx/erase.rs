//! Erasure: everything an object left goes, but for a keyed tombstone and a journal entry.

use model::{SourceId, StixId, Timestamp};
use ports::{JournalKind, Scope, StoreError};
use rusqlite::params;

use super::{Object, SqliteTx, detection, put, search, sharing, streams};
use crate::codec::{Col, unsigned};
use crate::error::Fault;

pub(super) fn erase(tx: &mut SqliteTx<'_>, scope: Scope, now: Timestamp, id: &StixId) -> Result<u64, Fault> {
    let digest = tx.digest(&[b"object", id.as_str().as_bytes()])?;
    let buried = tx.execute(
        "INSERT INTO tombstone (tenant, world, digest, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![scope.tenant.0, Col(scope.world), digest, Col(now)],
    )?;
    forget(tx, scope, now, id, buried > 0)
}

/// Takes everything away but says nothing of the future. `told` enters it in the journal even when nothing was there.
pub(super) fn forget(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    id: &StixId,
    told: bool,
) -> Result<u64, Fault> {
    erase_held(tx, scope, id)?;
    erase_mentions(tx, scope, id)?;
    detection::forget(tx, scope, id)?;
    let object = tx.object(scope, id)?;
    let Some(Object { number, latest: Some(_), first_source }) = object else {
        sharing::forget_name(tx, scope.tenant, now, id)?;
        if told {
            tx.note(scope, now, JournalKind::Erased, SourceId(0), None)?;
        }
        return Ok(0);
    };
    let versions = erase_versions(tx, scope, number)?;
    sharing::forget_name(tx, scope.tenant, now, id)?;
    put::clear_projections(tx, scope, number)?;
    search::forget(tx, number)?;
    for delete in [
        "DELETE FROM membership WHERE tenant = ?1 AND world = ?2 AND object = ?3",
        "DELETE FROM departed WHERE tenant = ?1 AND world = ?2 AND object = ?3",
    ] {
        tx.execute(delete, params![scope.tenant.0, Col(scope.world), number])?;
    }
    // Others may refer to it; when nobody does, `sweep` takes the rest.
    tx.execute(
        "UPDATE object SET latest = NULL, first_source = NULL, class = 0, label = NULL WHERE number = ?1",
        [number],
    )?;
    let seq = tx.advance(scope.tenant, -1, -versions)?;
    tx.enter(scope, seq, now, JournalKind::Erased, SourceId(first_source.unwrap_or(0)), None)?;
    Ok(unsigned(versions))
}

fn erase_versions(tx: &SqliteTx<'_>, scope: Scope, object: i64) -> Result<i64, Fault> {
    let rows = tx.rows(
        "SELECT number, payload FROM version WHERE tenant = ?1 AND world = ?2 AND object = ?3",
        params![scope.tenant.0, Col(scope.world), object],
        |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
    )?;
    let mut versions = 0;
    for (number, payload) in rows {
        streams::forget(tx, scope.tenant, number)?;
        sharing::forget(tx, scope.tenant, number)?;
        tx.delete_payload(payload)?;
        tx.execute("DELETE FROM version WHERE tenant = ?1 AND number = ?2", params![scope.tenant.0, number])?;
        versions += 1;
    }
    Ok(versions)
}

fn erase_held(tx: &SqliteTx<'_>, scope: Scope, id: &StixId) -> Result<(), Fault> {
    let payloads = tx.rows(
        "DELETE FROM held WHERE tenant = ?1 AND world = ?2 AND object = ?3 RETURNING payload",
        params![scope.tenant.0, Col(scope.world), id.as_str()],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    payloads.into_iter().flatten().try_for_each(|payload| tx.delete_payload(payload))
}

/// Findings about it or that name it, and what was said of it in answers to TAXII requests.
fn erase_mentions(tx: &SqliteTx<'_>, scope: Scope, id: &StixId) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM finding WHERE tenant = ?1 AND world = ?2 \
         AND (object = ?3 OR instr(message, ?3) > 0 OR instr(coalesce(hint, ''), ?3) > 0)",
        params![scope.tenant.0, Col(scope.world), id.as_str()],
    )?;
    let nobody = StixId::new(id.type_name(), model::Uuid([0; 16]));
    tx.execute(
        "UPDATE status_item SET id = ?3, message = '' WHERE tenant = ?1 AND lower(id) = ?2",
        params![scope.tenant.0, id.as_str(), nobody.as_str()],
    )?;
    Ok(())
}

impl SqliteTx<'_> {
    /// Removes names and ids that nothing uses any more, and that erased or replaced versions left behind.
    pub(crate) fn sweep(&mut self) -> Result<(), StoreError> {
        self.cache.clear();
        let used = [
            "DELETE FROM object WHERE latest IS NULL \
             AND NOT EXISTS (SELECT 1 FROM edge e \
               WHERE e.tenant = object.tenant AND e.world = object.world AND e.target = object.number) \
             AND NOT EXISTS (SELECT 1 FROM relationship r \
               WHERE r.tenant = object.tenant AND r.world = object.world AND r.source = object.number) \
             AND NOT EXISTS (SELECT 1 FROM relationship r \
               WHERE r.tenant = object.tenant AND r.world = object.world AND r.target = object.number) \
             AND number NOT IN (SELECT created_by FROM version WHERE created_by IS NOT NULL)",
            "DELETE FROM word WHERE number NOT IN (SELECT type FROM object) \
             AND number NOT IN (SELECT name FROM edge) AND number NOT IN (SELECT name FROM relationship)",
            "DELETE FROM class WHERE number NOT IN (SELECT class FROM version)",
        ];
        for sql in used {
            self.execute(sql, [])?;
        }
        Ok(())
    }
}
