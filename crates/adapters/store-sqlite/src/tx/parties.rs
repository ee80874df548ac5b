//! Documents, peers, named cursors, and what was asked privately.

use model::{Digest, Seq, Tenant, Timestamp};
use ports::trust::{DocumentKind, PeerRecord, QueryRecord};
use rusqlite::params;

use super::numbers::{Kind, channel, take};
use super::{SqliteTx, node};
use crate::codec::{Col, signed};
use crate::error::Fault;

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

pub(super) fn log_query(tx: &mut SqliteTx<'_>, tenant: Tenant, query: &QueryRecord) -> Result<(), Fault> {
    let channel = channel(tx, tenant, query.peer, Some(query.agreement))?;
    let number = take(tx, tenant, Kind::Query)?;
    tx.execute(
        "INSERT INTO private_query \
         (tenant, at, number, channel, asked, purpose, asked_values, answer, refusal) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            tenant.0,
            Col(query.at),
            number,
            channel,
            query.asked,
            query.purpose,
            signed(query.asked_values),
            query.answer.map(signed),
            query.refusal,
        ],
    )
    .map(drop)
}
