//! Classes: their text as a number, and versions that have none yet.

use model::{Tenant, VersionId};
use ports::{Scope, StoreError};
use rusqlite::params;

use super::{CACHED, SqliteTx};
use crate::codec::Col;
use crate::error::Fault;

/// The number of a class, made if need be; 0 for the empty text.
pub(super) fn number(tx: &mut SqliteTx<'_>, tenant: Tenant, text: &str) -> Result<i64, Fault> {
    if text.is_empty() {
        return Ok(0);
    }
    if let Some(number) = tx.cache.classes.get(&tenant).and_then(|known| known.get(text)) {
        return Ok(*number);
    }
    let found =
        tx.row("SELECT number FROM class WHERE tenant = ?1 AND text = ?2", params![tenant.0, text], |row| {
            row.get(0)
        })?;
    let number = match found {
        Some(number) => number,
        None => tx
            .db
            .prepare_cached("INSERT INTO class (tenant, text) VALUES (?1, ?2)")?
            .insert(params![tenant.0, text])?,
    };
    let known = tx.cache.classes.entry(tenant).or_default();
    if known.len() >= CACHED {
        known.clear();
    }
    known.insert(text.to_owned(), number);
    Ok(number)
}

pub(super) fn classify(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    version: VersionId,
    text: &str,
) -> Result<(), Fault> {
    let object = tx.row(
        "SELECT object FROM version WHERE tenant = ?1 AND number = ?2 AND world = ?3",
        params![scope.tenant.0, version.0, Col(scope.world)],
        |row| row.get::<_, i64>(0),
    )?;
    let Some(object) = object else { return Err(StoreError::Missing(format!("version {version}")).into()) };
    let class = number(tx, scope.tenant, text)?;
    tx.execute(
        "UPDATE version SET class = ?3 WHERE tenant = ?1 AND number = ?2",
        params![scope.tenant.0, version.0, class],
    )?;
    tx.execute(
        "UPDATE object SET class = ?3 WHERE number = ?1 AND latest = ?2",
        params![object, version.0, class],
    )
    .map(drop)
}
