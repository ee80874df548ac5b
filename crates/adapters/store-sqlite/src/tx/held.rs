//! Values set aside for a person, and findings.

use model::{Finding, HeldId, SourceId, StixId, Timestamp};
use ports::{HeldDecision, JournalKind, Scope, StoreError, Wrapping};
use rusqlite::params;

use super::{Counter, SqliteTx};
use crate::codec::Col;
use crate::error::Fault;

pub(super) fn hold(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    source: SourceId,
    object: &StixId,
    raw: &str,
    reasons: &[Finding],
) -> Result<HeldId, Fault> {
    let digest = tx.digest(&[b"held", object.as_str().as_bytes(), raw.as_bytes()])?;
    let there = tx.row(
        "SELECT number, digest, payload FROM held \
         WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND released IS NULL",
        params![scope.tenant.0, Col(scope.world), object.as_str()],
        |row| Ok((row.get(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Option<i64>>(2)?)),
    )?;
    match there {
        Some((number, same, _)) if same == digest => return Ok(HeldId(number)),
        Some((number, _, older)) => {
            older.into_iter().try_for_each(|payload| tx.delete_payload(payload))?;
            for delete in [
                "DELETE FROM finding WHERE tenant = ?1 AND world = ?2 AND held = ?3",
                "DELETE FROM held WHERE tenant = ?1 AND world = ?2 AND number = ?3",
            ] {
                tx.execute(delete, params![scope.tenant.0, Col(scope.world), number])?;
            }
        }
        None => {}
    }
    let number: i64 = tx.take(scope.tenant, Counter::Held, 1)?;
    let payload = tx.insert_payload(scope.tenant, raw.as_bytes())?;
    tx.execute(
        "INSERT INTO held (tenant, world, number, at, source, object, digest, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            scope.tenant.0,
            Col(scope.world),
            number,
            Col(now),
            source.0,
            object.as_str(),
            digest,
            payload
        ],
    )?;
    findings(tx, scope, now, source, Some(object), Some(number), reasons)?;
    tx.note(scope, now, JournalKind::Held, source, None)?;
    Ok(HeldId(number))
}

/// Keeps what came with a value that waits.
pub(super) fn wrap(tx: &SqliteTx<'_>, scope: Scope, id: HeldId, wrapping: &Wrapping) -> Result<(), Fault> {
    let terms = wrapping.terms.as_ref();
    tx.execute(
        "UPDATE held SET narrowing = ?4, origin = ?5, onward = ?6, handling = ?7 \
         WHERE tenant = ?1 AND world = ?2 AND number = ?3 AND released IS NULL",
        params![
            scope.tenant.0,
            Col(scope.world),
            id.0,
            wrapping.narrowing.map(Col),
            terms.and_then(|terms| terms.origin).map(|party| Col(party.0)),
            terms.map(|terms| &terms.onward),
            terms.map(|terms| &terms.handling),
        ],
    )
    .map(drop)
}

/// The number under which an object waits for a decision.
pub(super) fn waiting(tx: &mut SqliteTx<'_>, scope: Scope, object: &StixId) -> Result<Option<HeldId>, Fault> {
    tx.row(
        "SELECT number FROM held WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND released IS NULL",
        params![scope.tenant.0, Col(scope.world), object.as_str()],
        |row| row.get(0).map(HeldId),
    )
}

pub(super) fn decision(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    object: &StixId,
    raw: Option<&str>,
) -> Result<Option<bool>, Fault> {
    let digest =
        raw.map(|raw| tx.digest(&[b"held", object.as_str().as_bytes(), raw.as_bytes()])).transpose()?;
    tx.row(
        "SELECT released FROM held \
         WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND released IS NOT NULL AND (?4 IS NULL OR digest = ?4) \
         ORDER BY number DESC LIMIT 1",
        params![scope.tenant.0, Col(scope.world), object.as_str(), digest],
        |row| row.get(0),
    )
}

pub(super) fn decide(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    id: HeldId,
    decision: &HeldDecision,
) -> Result<(), Fault> {
    let found = tx.row(
        "SELECT source, payload, released IS NOT NULL FROM held WHERE tenant = ?1 AND world = ?2 AND number = ?3",
        params![scope.tenant.0, Col(scope.world), id.0],
        |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?, row.get(2)?)),
    )?;
    let (source, mut payload) = match found {
        None => return Err(StoreError::Missing(format!("held value {id}")).into()),
        Some((_, _, true)) => return Err(StoreError::Exists(format!("a decision on held value {id}")).into()),
        Some((source, payload, false)) => (source, payload),
    };
    if !decision.released
        && let Some(dropped) = payload.take()
    {
        tx.delete_payload(dropped)?;
    }
    tx.execute(
        "UPDATE held SET payload = ?4, released = ?5, author = ?6, reason = ?7, decided = ?8 \
         WHERE tenant = ?1 AND world = ?2 AND number = ?3",
        params![
            scope.tenant.0,
            Col(scope.world),
            id.0,
            payload,
            decision.released,
            decision.author,
            decision.reason,
            Col(decision.at)
        ],
    )?;
    tx.note(scope, decision.at, JournalKind::Decided, SourceId(source), None)
}

/// Keeps findings; `held` when they are the reasons of a held value.
pub(super) fn findings(
    tx: &SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    source: SourceId,
    object: Option<&StixId>,
    held: Option<i64>,
    findings: &[Finding],
) -> Result<(), Fault> {
    if findings.is_empty() {
        return Ok(());
    }
    let first = tx.take(scope.tenant, Counter::Finding, findings.len())?;
    for (number, finding) in (first..).zip(findings) {
        tx.execute(
            "INSERT INTO finding \
             (tenant, world, number, at, source, object, held, severity, rule, pointer, message, hint) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                scope.tenant.0,
                Col(scope.world),
                number,
                Col(now),
                source.0,
                object.map(StixId::as_str),
                held,
                Col(finding.severity),
                finding.rule,
                finding.pointer,
                finding.message,
                finding.hint,
            ],
        )?;
    }
    Ok(())
}
