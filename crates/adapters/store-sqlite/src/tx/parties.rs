//! Documents, peers, named cursors, and what was asked privately.

use model::{AgreementId, Digest, PartyId, Seq, Tenant, Timestamp};
use ports::trust::{DocumentKind, PeerRecord, QueryCount, QueryOutcome, QueryRecord};
use rusqlite::params;

use super::numbers::{Kind, channel, find_channel, take};
use super::{SqliteTx, node};
use crate::codec::{Col, signed, unsigned};
use crate::error::Fault;
use crate::read::parties;

pub(super) fn add_document(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    now: Timestamp,
    kind: DocumentKind,
    subject: Digest,
    hash: Digest,
    text: &str,
) -> Result<bool, Fault> {
    let there = tx.row(
        "SELECT 1 FROM document WHERE tenant = ?1 AND kind = ?2 AND subject = ?3 AND hash = ?4",
        params![tenant.0, Col(kind), Col(subject), Col(hash)],
        |_| Ok(()),
    )?;
    if there.is_some() {
        return Ok(false);
    }
    let number = take(tx, tenant, Kind::Document)?;
    tx.execute(
        "INSERT INTO document (tenant, kind, number, subject, hash, text, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![tenant.0, Col(kind), number, Col(subject), Col(hash), text, Col(now)],
    )?;
    Ok(true)
}

pub(super) fn set_peer(tx: &SqliteTx<'_>, tenant: Tenant, peer: &PeerRecord) -> Result<(), Fault> {
    let (error_at, error) = peer.last_error.as_ref().map(|(at, error)| (Col(*at), error)).unzip();
    let set = tx.execute(
        "INSERT INTO peer (tenant, party, name, endpoint, state, since, source, last_contact, error_at, error, \
         note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (tenant, party) DO UPDATE SET name = ?3, endpoint = ?4, state = ?5, since = ?6, source = ?7, \
         last_contact = ?8, error_at = ?9, error = ?10, note = ?11",
        params![
            tenant.0,
            Col(peer.party.0),
            peer.name,
            peer.endpoint,
            Col(peer.state),
            Col(peer.since),
            peer.source.0,
            peer.last_contact.map(Col),
            error_at,
            error,
            peer.note,
        ],
    );
    node::unique(set, || format!("peer `{}`", peer.name))
}

pub(super) fn note_contact(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    party: PartyId,
    went_well: Option<Timestamp>,
    error: Option<&(Timestamp, String)>,
) -> Result<(), Fault> {
    let (error_at, error) = error.map(|(at, error)| (Col(*at), error)).unzip();
    tx.execute(
        "UPDATE peer SET last_contact = coalesce(?3, last_contact), error_at = ?4, error = ?5 \
         WHERE tenant = ?1 AND party = ?2",
        params![tenant.0, Col(party.0), went_well.map(Col), error_at, error],
    )
    .map(drop)
}

pub(super) fn set_cursor(tx: &SqliteTx<'_>, tenant: Tenant, name: &str, at: Seq) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO named_cursor (tenant, name, seq) VALUES (?1, ?2, ?3) \
         ON CONFLICT (tenant, name) DO UPDATE SET seq = ?3",
        params![tenant.0, name, signed(at.0)],
    )
    .map(drop)
}

pub(super) fn remove_cursor(tx: &SqliteTx<'_>, tenant: Tenant, name: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM named_cursor WHERE tenant = ?1 AND name = ?2", params![tenant.0, name]).map(drop)
}

pub(super) fn log_query(tx: &mut SqliteTx<'_>, tenant: Tenant, query: &QueryRecord) -> Result<u64, Fault> {
    let channel = channel(tx, tenant, query.peer, Some(query.agreement))?;
    let number = take(tx, tenant, Kind::Query)?;
    let (outcome, answer, reason) = outcome_columns(&query.outcome);
    tx.execute(
        "INSERT INTO private_query \
         (tenant, number, at, channel, asked, purpose, asked_values, outcome, answer, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            tenant.0,
            number,
            Col(query.at),
            channel,
            query.asked,
            query.purpose,
            signed(query.asked_values),
            outcome,
            answer,
            reason,
        ],
    )?;
    Ok(unsigned(number))
}

pub(super) fn close_query(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    number: u64,
    outcome: &QueryOutcome,
) -> Result<bool, Fault> {
    let (outcome, answer, reason) = outcome_columns(outcome);
    let changed = tx.execute(
        "UPDATE private_query SET outcome = ?3, answer = ?4, reason = ?5 \
         WHERE tenant = ?1 AND number = ?2 AND outcome = 0",
        params![tenant.0, signed(number), outcome, answer, reason],
    )?;
    Ok(changed > 0)
}

/// An outcome as columns `outcome, answer, reason`.
fn outcome_columns(outcome: &QueryOutcome) -> (u8, Option<i64>, &str) {
    match outcome {
        QueryOutcome::Open => (0, None, ""),
        QueryOutcome::Answered(answer) => (1, answer.map(signed), ""),
        QueryOutcome::Refused(reason) => (2, None, reason),
        QueryOutcome::Lost(reason) => (3, None, reason),
    }
}

pub(super) fn queries_between(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    peer: PartyId,
    agreement: AgreementId,
    asked: bool,
    since: Timestamp,
) -> Result<Vec<QueryCount>, Fault> {
    match find_channel(tx, tenant, peer, Some(agreement))? {
        Some(channel) => parties::queries_between(tx.db, tenant, channel, asked, since),
        None => Ok(Vec::new()),
    }
}
