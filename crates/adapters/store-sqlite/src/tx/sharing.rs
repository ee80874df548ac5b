//! Who may have what, who has it, and who gave it to us.

use model::{AgreementId, DecisionId, Digest, PartyId, StixId, Tenant, Timestamp, VersionId};
use ports::StoreError;
use ports::trust::{DecisionRecord, DisclosureRecord, HoldingRecord, ReviewRecord};
use rusqlite::params;

use super::SqliteTx;
use super::numbers::{Kind, channel, find_channel, must_be_of, must_be_stored, take};
use crate::codec::{Col, signed, unsigned};
use crate::error::Fault;
use crate::read::sharing;

pub(super) fn record_decision(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    decision: &DecisionRecord,
) -> Result<DecisionId, Fault> {
    must_be_of(tx, tenant, decision.version, decision.object.as_ref())?;
    let channel = channel(tx, tenant, decision.to, Some(decision.agreement))?;
    let number = take(tx, tenant, Kind::Decision)?;
    tx.execute(
        "INSERT INTO decision \
         (tenant, number, at, channel, object, version, permitted, clause, reason, obligations) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            tenant.0,
            number,
            Col(decision.at),
            channel,
            decision.object.as_ref().map(StixId::as_str),
            decision.version.map(|version| version.0),
            decision.permitted,
            decision.clause,
            decision.reason,
            decision.obligations,
        ],
    )?;
    Ok(DecisionId(number))
}

pub(super) fn set_holding(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    holding: &HoldingRecord,
) -> Result<(), Fault> {
    must_be_of(tx, tenant, holding.version, holding.object.as_ref())?;
    let channel = channel(tx, tenant, holding.from, Some(holding.agreement))?;
    let found = tx.row(
        "SELECT number FROM holding WHERE tenant = ?1 AND channel = ?2 AND subject = ?3",
        params![tenant.0, channel, Col(holding.subject)],
        |row| row.get::<_, i64>(0),
    )?;
    let sql = if found.is_some() {
        "UPDATE holding SET channel = ?3, subject = ?4, object = ?5, version = ?6, epoch = ?7, seq = ?8, onward = ?9, \
         received = ?10, ended = ?11, erased = ?12, hold = ?13, kept = ?14 WHERE tenant = ?1 AND number = ?2"
    } else {
        "INSERT INTO holding \
         (tenant, number, channel, subject, object, version, epoch, seq, onward, received, ended, erased, hold, kept) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    };
    let number = found.map_or_else(|| take(tx, tenant, Kind::Holding), Ok)?;
    tx.execute(
        sql,
        params![
            tenant.0,
            number,
            channel,
            Col(holding.subject),
            holding.object.as_ref().map(StixId::as_str),
            holding.version.map(|version| version.0),
            holding.entry.0,
            signed(holding.entry.1),
            holding.onward,
            Col(holding.received),
            holding.ended.map(Col),
            holding.erased.map(Col),
            holding.hold,
            holding.kept,
        ],
    )
    .map(drop)
}

pub(super) fn holding(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    from: PartyId,
    agreement: AgreementId,
    subject: Digest,
) -> Result<Option<HoldingRecord>, Fault> {
    match find_channel(tx, tenant, from, Some(agreement))? {
        Some(channel) => sharing::holding(tx.db, tenant, channel, subject),
        None => Ok(None),
    }
}

pub(super) fn set_disclosure(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    disclosure: &DisclosureRecord,
) -> Result<(), Fault> {
    must_be_of(tx, tenant, disclosure.version, disclosure.object.as_ref())?;
    let channel = channel(tx, tenant, disclosure.to, Some(disclosure.agreement))?;
    let found = tx.row(
        "SELECT number FROM disclosure WHERE tenant = ?1 AND channel = ?2 AND subject = ?3",
        params![tenant.0, channel, Col(disclosure.subject)],
        |row| row.get::<_, i64>(0),
    )?;
    let sql = if found.is_some() {
        "UPDATE disclosure SET channel = ?3, subject = ?4, object = ?5, version = ?6, epoch = ?7, seq = ?8, clause = ?9, \
         at = ?10, withdrawn = ?11, deadline = ?12, receipt_at = ?13, receipt = ?14 \
         WHERE tenant = ?1 AND number = ?2"
    } else {
        "INSERT INTO disclosure (tenant, number, channel, subject, object, version, epoch, seq, clause, at, withdrawn, \
         deadline, receipt_at, receipt) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    };
    let number = found.map_or_else(|| take(tx, tenant, Kind::Disclosure), Ok)?;
    let (receipt_at, receipt) = disclosure.receipt.as_ref().map(|(at, text)| (Col(*at), text)).unzip();
    tx.execute(
        sql,
        params![
            tenant.0,
            number,
            channel,
            Col(disclosure.subject),
            disclosure.object.as_ref().map(StixId::as_str),
            disclosure.version.map(|version| version.0),
            disclosure.entry.0,
            signed(disclosure.entry.1),
            disclosure.clause,
            Col(disclosure.at),
            disclosure.withdrawn.map(Col),
            disclosure.deadline.map(Col),
            receipt_at,
            receipt,
        ],
    )
    .map(drop)
}

pub(super) fn disclosure(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    to: PartyId,
    agreement: AgreementId,
    subject: Digest,
) -> Result<Option<DisclosureRecord>, Fault> {
    match find_channel(tx, tenant, to, Some(agreement))? {
        Some(channel) => sharing::disclosure(tx.db, tenant, channel, subject),
        None => Ok(None),
    }
}

pub(super) fn set_tombstone(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    now: Timestamp,
    from: PartyId,
    agreement: Option<AgreementId>,
    subject: Digest,
) -> Result<(), Fault> {
    let channel = channel(tx, tenant, from, agreement)?;
    tx.execute(
        "INSERT INTO withdrawal (tenant, channel, subject, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![tenant.0, channel, Col(subject), Col(now)],
    )
    .map(drop)
}

pub(super) fn tombstoned(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    from: PartyId,
    agreement: AgreementId,
    subject: Digest,
) -> Result<bool, Fault> {
    for agreement in [Some(agreement), None] {
        let Some(channel) = find_channel(tx, tenant, from, agreement)? else { continue };
        let found = tx.row(
            "SELECT 1 FROM withdrawal WHERE tenant = ?1 AND channel = ?2 AND subject = ?3",
            params![tenant.0, channel, Col(subject)],
            |_| Ok(()),
        )?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn set_origin(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    version: VersionId,
    statement: &str,
) -> Result<(), Fault> {
    must_be_stored(tx, tenant, version)?;
    tx.execute(
        "INSERT INTO origin (tenant, version, statement) VALUES (?1, ?2, ?3) \
         ON CONFLICT (tenant, version) DO UPDATE SET statement = ?3",
        params![tenant.0, version.0, statement],
    )
    .map(drop)
}

pub(super) fn add_review(tx: &mut SqliteTx<'_>, tenant: Tenant, review: &ReviewRecord) -> Result<u64, Fault> {
    must_be_of(tx, tenant, Some(review.version), Some(&review.object))?;
    let channel = channel(tx, tenant, review.to, Some(review.agreement))?;
    let there = tx.rows(
        "SELECT number, found, released IS NULL FROM review WHERE tenant = ?1 AND version = ?2 AND channel = ?3",
        params![tenant.0, review.version.0, channel],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?)),
    )?;
    if let Some((number, ..)) = there.iter().rev().find(|(_, found, _)| *found == review.found) {
        return Ok(unsigned(*number));
    }
    for (number, ..) in there.iter().filter(|(_, _, waiting)| *waiting) {
        tx.execute("DELETE FROM review WHERE tenant = ?1 AND number = ?2", params![tenant.0, number])?;
    }
    let number = take(tx, tenant, Kind::Review)?;
    tx.execute(
        "INSERT INTO review (tenant, number, at, channel, object, version, found) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            tenant.0,
            number,
            Col(review.at),
            channel,
            review.object.as_str(),
            review.version.0,
            review.found,
        ],
    )?;
    Ok(unsigned(number))
}

pub(super) fn decide_review(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    id: u64,
    release: bool,
    author: &str,
    reason: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let decided = tx.row(
        "SELECT released IS NOT NULL FROM review WHERE tenant = ?1 AND number = ?2",
        params![tenant.0, signed(id)],
        |row| row.get(0),
    )?;
    match decided {
        None => return Err(StoreError::Missing(format!("review {id}")).into()),
        Some(true) => return Err(StoreError::Exists(format!("a decision on review {id}")).into()),
        Some(false) => {}
    }
    tx.execute(
        "UPDATE review SET released = ?3, author = ?4, reason = ?5, decided = ?6 WHERE tenant = ?1 AND number = ?2",
        params![tenant.0, signed(id), release, author, reason, Col(at)],
    )
    .map(drop)
}

/// A version was erased: whoever vouched for it or would have decided on it no longer has to.
pub(super) fn forget(tx: &SqliteTx<'_>, tenant: Tenant, version: i64) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM origin WHERE tenant = ?1 AND version = ?2",
        "DELETE FROM review WHERE tenant = ?1 AND version = ?2",
    ] {
        tx.execute(sql, params![tenant.0, version])?;
    }
    Ok(())
}

/// Takes an object's name out of what is kept about its erased versions, or about no version. What other worlds hold
/// under the same name keeps it.
pub(super) fn forget_name(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    now: Timestamp,
    id: &StixId,
) -> Result<(), Fault> {
    macro_rules! of_erased {
        ($table:literal, $set:literal) => {
            concat!(
                "UPDATE ",
                $table,
                " SET object = NULL, version = NULL",
                $set,
                " WHERE tenant = ?1 AND object = ?2 AND (version IS NULL OR NOT EXISTS ",
                "(SELECT 1 FROM version v WHERE v.tenant = ?1 AND v.number = ",
                $table,
                ".version))"
            )
        };
    }
    tx.execute(of_erased!("decision", ""), params![tenant.0, id.as_str()])?;
    tx.execute(of_erased!("disclosure", ""), params![tenant.0, id.as_str()])?;
    tx.execute(
        of_erased!("holding", ", erased = coalesce(erased, ?3)"),
        params![tenant.0, id.as_str(), Col(now)],
    )
    .map(drop)
}
