//! Who may have what, who has it, and who gave it to us.

use model::{AgreementId, DecisionId, Digest, PartyId, StixId, Tenant, Timestamp, VersionId};
use ports::StoreError;
use ports::trust::{DecisionRecord, DisclosureRecord, HoldingRecord, ReviewRecord};
use rusqlite::{Connection, Row, params};

use super::objects::{joined, joined_id};
use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, signed, stix_id, unsigned};
use crate::error::Fault;

/// The object that a stored version is of.
pub(crate) fn object_of(
    db: &Connection,
    tenant: Tenant,
    version: VersionId,
) -> Result<Option<StixId>, Fault> {
    row(
        db,
        concat!(
            "SELECT ",
            joined_id!(),
            " FROM version v CROSS JOIN object o ON o.number = v.object ",
            "CROSS JOIN word w ON w.number = o.type WHERE v.tenant = ?1 AND v.number = ?2"
        ),
        params![tenant.0, version.0],
        |row| joined(row, 0),
    )
}

macro_rules! decision_sql {
    ($rest:literal) => {
        concat!(
            "SELECT d.number, d.at, c.party, c.agreement, d.object, d.version, d.permitted, d.clause, d.reason, ",
            "d.obligations FROM decision d ",
            "CROSS JOIN channel c ON c.tenant = d.tenant AND c.number = d.channel WHERE d.tenant = ?1 ",
            $rest
        )
    };
}

pub(super) fn decisions(
    db: &Connection,
    tenant: Tenant,
    object: Option<&StixId>,
    before: Option<DecisionId>,
    limit: usize,
) -> Result<Vec<DecisionRecord>, Fault> {
    let before = before.map_or(i64::MAX, |decision| decision.0);
    let limit = rows_limit(limit);
    let found = match object {
        None => rows(
            db,
            decision_sql!("AND d.number < ?2 ORDER BY d.number DESC LIMIT ?3"),
            params![tenant.0, before, limit],
            |row| Ok(decision(row)),
        )?,
        Some(object) => rows(
            db,
            decision_sql!("AND d.object = ?4 AND d.number < ?2 ORDER BY d.number DESC LIMIT ?3"),
            params![tenant.0, before, limit, object.as_str()],
            |row| Ok(decision(row)),
        )?,
    };
    found.into_iter().collect()
}

fn decision(row: &Row<'_>) -> Result<DecisionRecord, Fault> {
    Ok(DecisionRecord {
        id: DecisionId(row.get(0)?),
        at: row.get::<_, Col<Timestamp>>(1)?.0,
        to: PartyId(row.get::<_, Col<Digest>>(2)?.0),
        agreement: AgreementId(row.get::<_, Col<Digest>>(3)?.0),
        object: named(row, 4)?,
        version: row.get::<_, Option<i64>>(5)?.map(VersionId),
        permitted: row.get(6)?,
        clause: row.get(7)?,
        reason: row.get(8)?,
        obligations: row.get(9)?,
    })
}

/// The name of an object, where it is still kept.
pub(super) fn named(row: &Row<'_>, at: usize) -> Result<Option<StixId>, Fault> {
    let text = row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(text.map(stix_id).transpose()?)
}

macro_rules! holding_sql {
    ($rest:literal) => {
        concat!(
            "SELECT h.object, h.version, c.party, c.agreement, h.subject, h.epoch, h.seq, h.onward, h.received, ",
            "h.ended, h.erased, h.hold, h.kept FROM holding h ",
            "CROSS JOIN channel c ON c.tenant = h.tenant AND c.number = h.channel WHERE h.tenant = ?1 ",
            $rest
        )
    };
}

/// Holdings by a condition.
macro_rules! holdings_where {
    ($db:expr, $rest:literal, $params:expr) => {{
        let found = $crate::read::rows($db, $crate::read::sharing::holding_sql!($rest), $params, |row| {
            Ok($crate::read::sharing::holding_row(row))
        })?;
        found.into_iter().collect()
    }};
}
pub(super) use {holding_sql, holdings_where};

pub(crate) fn holding(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    subject: Digest,
) -> Result<Option<HoldingRecord>, Fault> {
    row(
        db,
        holding_sql!("AND h.channel = ?2 AND h.subject = ?3"),
        params![tenant.0, channel, Col(subject)],
        |row| Ok(holding_row(row)),
    )?
    .transpose()
}

pub(crate) fn holdings(
    db: &Connection,
    tenant: Tenant,
    object: Option<&StixId>,
    offset: u64,
    limit: usize,
) -> Result<Vec<HoldingRecord>, Fault> {
    let (offset, limit) = (signed(offset), rows_limit(limit));
    let found = match object {
        None => rows(
            db,
            holding_sql!("ORDER BY h.number LIMIT ?3 OFFSET ?2"),
            params![tenant.0, offset, limit],
            |row| Ok(holding_row(row)),
        )?,
        Some(object) => rows(
            db,
            holding_sql!("AND h.object = ?4 ORDER BY h.number LIMIT ?3 OFFSET ?2"),
            params![tenant.0, offset, limit, object.as_str()],
            |row| Ok(holding_row(row)),
        )?,
    };
    found.into_iter().collect()
}

pub(super) fn holdings_live(
    db: &Connection,
    tenant: Tenant,
    object: &StixId,
) -> Result<Vec<HoldingRecord>, Fault> {
    // Asked of everything that is offered, and most of it is our own.
    let any = "SELECT 1 FROM holding INDEXED BY holding_object WHERE tenant = ?1 AND object = ?2 LIMIT 1";
    if row(db, any, params![tenant.0, object.as_str()], |row| row.get::<_, i64>(0))?.is_none() {
        return Ok(Vec::new());
    }
    // A giver chooses the names in its stream, so there may be any number under one agreement: only the newest counts.
    // Left alone, the planner groups by walking all that is held in order of the channel.
    holdings_where!(
        db,
        "AND h.number IN (SELECT max(n.number) FROM holding n INDEXED BY holding_object \
         WHERE n.tenant = ?1 AND n.object = ?2 AND n.ended IS NULL AND n.version IS NOT NULL \
         GROUP BY n.channel) ORDER BY h.number",
        params![tenant.0, object.as_str()]
    )
}

pub(super) fn holding_row(row: &Row<'_>) -> Result<HoldingRecord, Fault> {
    Ok(HoldingRecord {
        object: named(row, 0)?,
        version: row.get::<_, Option<i64>>(1)?.map(VersionId),
        from: PartyId(row.get::<_, Col<Digest>>(2)?.0),
        agreement: AgreementId(row.get::<_, Col<Digest>>(3)?.0),
        subject: row.get::<_, Col<Digest>>(4)?.0,
        entry: (row.get(5)?, unsigned(row.get(6)?)),
        onward: row.get(7)?,
        received: row.get::<_, Col<Timestamp>>(8)?.0,
        ended: row.get::<_, Option<Col<Timestamp>>>(9)?.map(|at| at.0),
        erased: row.get::<_, Option<Col<Timestamp>>>(10)?.map(|at| at.0),
        hold: row.get(11)?,
        kept: row.get(12)?,
    })
}

macro_rules! disclosure_sql {
    ($rest:literal) => {
        concat!(
            "SELECT c.party, c.agreement, d.object, d.version, d.subject, d.epoch, d.seq, d.clause, d.at, d.withdrawn, ",
            "d.deadline, d.receipt_at, d.receipt FROM disclosure d ",
            "CROSS JOIN channel c ON c.tenant = d.tenant AND c.number = d.channel WHERE d.tenant = ?1 ",
            $rest
        )
    };
}

pub(crate) fn disclosure(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    subject: Digest,
) -> Result<Option<DisclosureRecord>, Fault> {
    row(
        db,
        disclosure_sql!("AND d.channel = ?2 AND d.subject = ?3"),
        params![tenant.0, channel, Col(subject)],
        |row| Ok(disclosure_row(row)),
    )?
    .transpose()
}

pub(super) fn disclosures(
    db: &Connection,
    tenant: Tenant,
    object: Option<&StixId>,
    open: bool,
    offset: u64,
    limit: usize,
) -> Result<Vec<DisclosureRecord>, Fault> {
    let (offset, limit) = (signed(offset), rows_limit(limit));
    let found = match (object, open) {
        (None, false) => rows(
            db,
            disclosure_sql!("ORDER BY d.number LIMIT ?3 OFFSET ?2"),
            params![tenant.0, offset, limit],
            |row| Ok(disclosure_row(row)),
        )?,
        (None, true) => rows(
            db,
            disclosure_sql!(
                "AND d.withdrawn IS NOT NULL AND (d.receipt IS NULL OR d.receipt <> 'erased') \
                 ORDER BY d.number LIMIT ?3 OFFSET ?2"
            ),
            params![tenant.0, offset, limit],
            |row| Ok(disclosure_row(row)),
        )?,
        (Some(object), _) => rows(
            db,
            disclosure_sql!(
                "AND d.object = ?4 \
                 AND (NOT ?5 OR d.withdrawn IS NOT NULL AND (d.receipt IS NULL OR d.receipt <> 'erased')) \
                 ORDER BY d.number LIMIT ?3 OFFSET ?2"
            ),
            params![tenant.0, offset, limit, object.as_str(), open],
            |row| Ok(disclosure_row(row)),
        )?,
    };
    found.into_iter().collect()
}

/// Objects of which something that was given was taken back, by id.
pub(super) fn taken_back(
    db: &Connection,
    tenant: Tenant,
    after: Option<&StixId>,
    limit: usize,
) -> Result<Vec<StixId>, Fault> {
    let found = rows(
        db,
        "SELECT DISTINCT object FROM disclosure INDEXED BY disclosure_withdrawn \
         WHERE tenant = ?1 AND withdrawn IS NOT NULL AND object > ?2 ORDER BY object LIMIT ?3",
        params![tenant.0, after.map_or("", StixId::as_str), rows_limit(limit)],
        |row| Ok(named(row, 0)),
    )?;
    let found: Result<Vec<Option<StixId>>, Fault> = found.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
}

/// What was given in a channel, by name.
pub(super) fn disclosures_to(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    after: Option<Digest>,
    limit: usize,
) -> Result<Vec<DisclosureRecord>, Fault> {
    let found = rows(
        db,
        disclosure_sql!("AND d.channel = ?2 AND d.subject > ?3 ORDER BY d.subject LIMIT ?4"),
        params![tenant.0, channel, past(after), rows_limit(limit)],
        |row| Ok(disclosure_row(row)),
    )?;
    found.into_iter().collect()
}

/// What came in a channel and lives, by name.
pub(super) fn holdings_from(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    after: Option<Digest>,
    limit: usize,
) -> Result<Vec<HoldingRecord>, Fault> {
    holdings_where!(
        db,
        "AND h.channel = ?2 AND h.subject > ?3 AND h.ended IS NULL ORDER BY h.subject LIMIT ?4",
        params![tenant.0, channel, past(after), rows_limit(limit)]
    )
}

/// What every name that comes after one is greater than.
fn past(after: Option<Digest>) -> Vec<u8> {
    after.map(|after| after.0.to_vec()).unwrap_or_default()
}

fn disclosure_row(row: &Row<'_>) -> Result<DisclosureRecord, Fault> {
    let receipt_at = row.get::<_, Option<Col<Timestamp>>>(11)?.map(|at| at.0);
    Ok(DisclosureRecord {
        to: PartyId(row.get::<_, Col<Digest>>(0)?.0),
        agreement: AgreementId(row.get::<_, Col<Digest>>(1)?.0),
        object: named(row, 2)?,
        version: row.get::<_, Option<i64>>(3)?.map(VersionId),
        subject: row.get::<_, Col<Digest>>(4)?.0,
        entry: (row.get(5)?, unsigned(row.get(6)?)),
        clause: row.get(7)?,
        at: row.get::<_, Col<Timestamp>>(8)?.0,
        withdrawn: row.get::<_, Option<Col<Timestamp>>>(9)?.map(|at| at.0),
        deadline: row.get::<_, Option<Col<Timestamp>>>(10)?.map(|at| at.0),
        receipt: receipt_at.zip(row.get(12)?),
    })
}

pub(super) fn origin(db: &Connection, tenant: Tenant, version: VersionId) -> Result<Option<String>, Fault> {
    row(
        db,
        "SELECT statement FROM origin WHERE tenant = ?1 AND version = ?2",
        params![tenant.0, version.0],
        |row| row.get(0),
    )
}

macro_rules! review_sql {
    ($rest:literal) => {
        concat!(
            "SELECT r.number, r.at, c.party, c.agreement, r.object, r.version, r.found, r.released, r.author, r.reason, ",
            "r.decided FROM review r ",
            "CROSS JOIN channel c ON c.tenant = r.tenant AND c.number = r.channel WHERE r.tenant = ?1 ",
            $rest
        )
    };
}

pub(super) fn reviews(
    db: &Connection,
    tenant: Tenant,
    all: bool,
    limit: usize,
) -> Result<Vec<ReviewRecord>, Fault> {
    let mut found = rows(
        db,
        review_sql!("AND r.released IS NULL ORDER BY r.number LIMIT ?2"),
        params![tenant.0, rows_limit(limit)],
        |row| Ok(review(row)),
    )?;
    if all {
        let room = limit.saturating_sub(found.len());
        found.append(&mut rows(
            db,
            review_sql!("AND r.released IS NOT NULL ORDER BY r.number LIMIT ?2"),
            params![tenant.0, rows_limit(room)],
            |row| Ok(review(row)),
        )?);
    }
    found.into_iter().collect()
}

fn review(row: &Row<'_>) -> Result<ReviewRecord, Fault> {
    let decided = match row.get(7)? {
        None => None,
        Some(released) => Some((released, row.get(8)?, row.get(9)?, row.get::<_, Col<Timestamp>>(10)?.0)),
    };
    let object = named(row, 4)?.ok_or_else(|| StoreError::Corrupt("a review is about nothing".to_owned()))?;
    Ok(ReviewRecord {
        id: unsigned(row.get(0)?),
        at: row.get::<_, Col<Timestamp>>(1)?.0,
        to: PartyId(row.get::<_, Col<Digest>>(2)?.0),
        agreement: AgreementId(row.get::<_, Col<Digest>>(3)?.0),
        object,
        version: VersionId(row.get(5)?),
        found: row.get(6)?,
        decided,
    })
}
