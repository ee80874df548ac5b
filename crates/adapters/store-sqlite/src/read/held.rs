//! Held values and findings.

use model::{Digest, Finding, HeldId, Label, PartyId, Severity, SourceId, Timestamp};
use ports::{FindingRow, Held, HeldDecision, Scope, StoreError, Wrapping, WrappingTerms};
use rusqlite::{Connection, Row, params};

use super::{row, rows};
use crate::codec::{Col, finding, limit as rows_limit, signed, stix_id, text, unsigned};
use crate::error::Fault;

macro_rules! held_sql {
    ($rest:literal) => {
        concat!(
            "SELECT h.number, h.at, h.source, h.object, p.raw, h.released, h.author, h.reason, h.decided, ",
            "h.narrowing, h.origin, h.onward, h.handling ",
            "FROM held h LEFT JOIN payload p ON p.number = h.payload WHERE h.tenant = ?1 AND h.world = ?2 ",
            $rest
        )
    };
}

/// One held value.
pub(crate) fn one(db: &Connection, scope: Scope, id: HeldId) -> Result<Option<Held>, Fault> {
    let found =
        row(db, held_sql!("AND h.number = ?3"), params![scope.tenant.0, Col(scope.world), id.0], |row| {
            Ok(held(row))
        })?;
    found.map(|found| complete(db, scope, found?)).transpose()
}

pub(super) fn list(db: &Connection, scope: Scope, all: bool, limit: usize) -> Result<Vec<Held>, Fault> {
    let mut found = rows(
        db,
        held_sql!("AND h.released IS NULL ORDER BY h.number DESC LIMIT ?3"),
        params![scope.tenant.0, Col(scope.world), rows_limit(limit)],
        |row| Ok(held(row)),
    )?;
    if all {
        let room = limit.saturating_sub(found.len());
        found.append(&mut rows(
            db,
            held_sql!("AND h.released IS NOT NULL ORDER BY h.number DESC LIMIT ?3"),
            params![scope.tenant.0, Col(scope.world), rows_limit(room)],
            |row| Ok(held(row)),
        )?);
    }
    found.into_iter().map(|found| complete(db, scope, found?)).collect()
}

/// A held value without its reasons.
fn held(row: &Row<'_>) -> Result<Held, Fault> {
    let decision = match row.get(5)? {
        None => None,
        Some(released) => Some(HeldDecision {
            released,
            author: row.get(6)?,
            reason: row.get(7)?,
            at: row.get::<_, Col<Timestamp>>(8)?.0,
        }),
    };
    Ok(Held {
        id: HeldId(row.get(0)?),
        at: row.get::<_, Col<Timestamp>>(1)?.0,
        source: SourceId(row.get(2)?),
        object: stix_id(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
        findings: Vec::new(),
        raw: text(row.get::<_, Option<Vec<u8>>>(4)?.unwrap_or_default())?,
        wrapping: wrapping(row)?,
        decision,
    })
}

fn wrapping(row: &Row<'_>) -> Result<Wrapping, Fault> {
    let origin = row.get::<_, Option<Col<Digest>>>(10)?.map(|party| PartyId(party.0));
    let said = row.get::<_, Option<String>>(11)?.zip(row.get(12)?);
    Ok(Wrapping {
        narrowing: row.get::<_, Option<Col<Label>>>(9)?.map(|label| label.0),
        terms: said.map(|(onward, handling)| WrappingTerms { origin, onward, handling }),
    })
}

fn complete(db: &Connection, scope: Scope, mut held: Held) -> Result<Held, Fault> {
    held.findings = rows(
        db,
        "SELECT severity, rule, pointer, message, hint FROM finding \
         WHERE tenant = ?1 AND world = ?2 AND held = ?3 ORDER BY number",
        params![scope.tenant.0, Col(scope.world), held.id.0],
        |row| finding(row, 0),
    )?;
    Ok(held)
}

pub(super) fn findings(
    db: &Connection,
    scope: Scope,
    after: u64,
    limit: usize,
) -> Result<Vec<FindingRow>, Fault> {
    listed(
        db,
        "SELECT number, at, source, object, severity, rule, pointer, message, hint FROM finding \
         WHERE tenant = ?1 AND world = ?2 AND number > ?3 ORDER BY number LIMIT ?4",
        params![scope.tenant.0, Col(scope.world), signed(after), rows_limit(limit)],
    )
}

pub(super) fn newest_findings(
    db: &Connection,
    scope: Scope,
    least: Severity,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<FindingRow>, Fault> {
    // Severities are kept as numbers in their own order.
    listed(
        db,
        "SELECT number, at, source, object, severity, rule, pointer, message, hint FROM finding \
         WHERE tenant = ?1 AND world = ?2 AND severity >= ?3 AND number < ?4 ORDER BY number DESC LIMIT ?5",
        params![
            scope.tenant.0,
            Col(scope.world),
            Col(least),
            before.map_or(i64::MAX, signed),
            rows_limit(limit)
        ],
    )
}

fn listed(db: &Connection, sql: &str, with: impl rusqlite::Params) -> Result<Vec<FindingRow>, Fault> {
    let found: Vec<(FindingRow, Option<String>)> = rows(db, sql, with, |row| {
        let finding: Finding = finding(row, 4)?;
        let found = FindingRow {
            number: unsigned(row.get(0)?),
            at: row.get::<_, Col<Timestamp>>(1)?.0,
            object: None,
            source: SourceId(row.get(2)?),
            finding,
        };
        Ok((found, row.get(3)?))
    })?;
    let with_object = |(row, object): (FindingRow, Option<String>)| -> Result<FindingRow, StoreError> {
        Ok(FindingRow { object: object.as_deref().map(stix_id).transpose()?, ..row })
    };
    Ok(found.into_iter().map(with_object).collect::<Result<_, _>>()?)
}
