//! Documents, peers, named cursors, private queries, and the key that names are made with.

use model::{AgreementId, Digest, PartyId, Seq, SourceId, Tenant, Timestamp};
use ports::StoreError;
use ports::trust::{Document, DocumentKind, PeerRecord, PeerState, QueryCount, QueryOutcome, QueryRecord};
use rusqlite::{Connection, Row, params};

use super::{row, rows};
use crate::codec::{Col, keyed_hash, limit as rows_limit, signed, unsigned};
use crate::error::Fault;

pub(super) fn documents(
    db: &Connection,
    tenant: Tenant,
    kind: DocumentKind,
    subject: Option<Digest>,
    after: u64,
    limit: usize,
) -> Result<Vec<Document>, Fault> {
    let document = |row: &Row<'_>| {
        Ok(Document {
            number: unsigned(row.get(0)?),
            kind,
            subject: row.get::<_, Col<Digest>>(1)?.0,
            hash: row.get::<_, Col<Digest>>(2)?.0,
            text: row.get(3)?,
            at: row.get::<_, Col<Timestamp>>(4)?.0,
        })
    };
    match subject {
        None => rows(
            db,
            "SELECT number, subject, hash, text, at FROM document \
             WHERE tenant = ?1 AND kind = ?2 AND number > ?3 ORDER BY number LIMIT ?4",
            params![tenant.0, Col(kind), signed(after), rows_limit(limit)],
            document,
        ),
        Some(subject) => rows(
            db,
            "SELECT number, subject, hash, text, at FROM document \
             WHERE tenant = ?1 AND kind = ?2 AND subject = ?5 AND number > ?3 ORDER BY number LIMIT ?4",
            params![tenant.0, Col(kind), signed(after), rows_limit(limit), Col(subject)],
            document,
        ),
    }
}

macro_rules! peer_sql {
    ($rest:literal) => {
        concat!(
            "SELECT party, name, endpoint, state, since, source, last_contact, error_at, error, note FROM peer ",
            "WHERE tenant = ?1 ",
            $rest
        )
    };
}

pub(super) fn peers(db: &Connection, tenant: Tenant) -> Result<Vec<PeerRecord>, Fault> {
    rows(db, peer_sql!("ORDER BY name"), [tenant.0], peer_row)
}

pub(crate) fn peer(db: &Connection, tenant: Tenant, party: PartyId) -> Result<Option<PeerRecord>, Fault> {
    row(db, peer_sql!("AND party = ?2"), params![tenant.0, Col(party.0)], peer_row)
}

fn peer_row(row: &Row<'_>) -> rusqlite::Result<PeerRecord> {
    let error_at = row.get::<_, Option<Col<Timestamp>>>(7)?.map(|at| at.0);
    Ok(PeerRecord {
        party: PartyId(row.get::<_, Col<Digest>>(0)?.0),
        name: row.get(1)?,
        endpoint: row.get(2)?,
        state: row.get::<_, Col<PeerState>>(3)?.0,
        since: row.get::<_, Col<Timestamp>>(4)?.0,
        source: SourceId(row.get(5)?),
        last_contact: row.get::<_, Option<Col<Timestamp>>>(6)?.map(|at| at.0),
        last_error: error_at.zip(row.get(8)?),
        note: row.get(9)?,
    })
}

pub(crate) fn cursor(db: &Connection, tenant: Tenant, name: &str) -> Result<Option<Seq>, Fault> {
    row(db, "SELECT seq FROM named_cursor WHERE tenant = ?1 AND name = ?2", params![tenant.0, name], |row| {
        Ok(Seq(unsigned(row.get(0)?)))
    })
}

macro_rules! query_sql {
    ($rest:literal) => {
        concat!(
            "SELECT q.number, q.at, c.party, c.agreement, q.asked, q.purpose, q.asked_values, q.outcome, q.answer, ",
            "q.reason FROM private_query q ",
            "CROSS JOIN channel c ON c.tenant = q.tenant AND c.number = q.channel WHERE q.tenant = ?1 ",
            $rest
        )
    };
}

pub(super) fn queries(
    db: &Connection,
    tenant: Tenant,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<QueryRecord>, Fault> {
    rows(
        db,
        query_sql!("AND q.at >= ?2 ORDER BY q.at, q.number LIMIT ?3"),
        params![tenant.0, Col(since), rows_limit(limit)],
        query,
    )
}

pub(super) fn queries_open(
    db: &Connection,
    tenant: Tenant,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<QueryRecord>, Fault> {
    rows(
        db,
        query_sql!("AND q.outcome = 0 AND q.at < ?2 ORDER BY q.at LIMIT ?3"),
        params![tenant.0, Col(before), rows_limit(limit)],
        query,
    )
}

fn query(row: &Row<'_>) -> rusqlite::Result<QueryRecord> {
    let outcome = match row.get::<_, u8>(7)? {
        0 => QueryOutcome::Open,
        1 => QueryOutcome::Answered(row.get::<_, Option<i64>>(8)?.map(unsigned)),
        2 => QueryOutcome::Refused(row.get(9)?),
        _ => QueryOutcome::Lost(row.get(9)?),
    };
    Ok(QueryRecord {
        number: unsigned(row.get(0)?),
        at: row.get::<_, Col<Timestamp>>(1)?.0,
        peer: PartyId(row.get::<_, Col<Digest>>(2)?.0),
        agreement: AgreementId(row.get::<_, Col<Digest>>(3)?.0),
        asked: row.get(4)?,
        purpose: row.get(5)?,
        asked_values: unsigned(row.get(6)?),
        outcome,
    })
}

pub(crate) fn queries_between(
    db: &Connection,
    tenant: Tenant,
    channel: i64,
    asked: bool,
    since: Timestamp,
) -> Result<Vec<QueryCount>, Fault> {
    rows(
        db,
        "SELECT asked_values, count(*), min(at) FROM private_query \
         WHERE tenant = ?1 AND channel = ?2 AND asked = ?3 AND at > ?4 AND outcome <> 2 GROUP BY asked_values",
        params![tenant.0, channel, asked, Col(since)],
        |row| {
            Ok(QueryCount {
                values: unsigned(row.get(0)?),
                questions: unsigned(row.get(1)?),
                first: row.get::<_, Col<Timestamp>>(2)?.0,
            })
        },
    )
}

pub(crate) fn queries_refused(
    db: &Connection,
    tenant: Tenant,
    peer: PartyId,
    since: Timestamp,
) -> Result<u64, Fault> {
    let count = row(
        db,
        "SELECT count(*) FROM channel c CROSS JOIN private_query q \
         ON q.tenant = c.tenant AND q.channel = c.number AND q.asked = 0 AND q.at > ?3 \
         WHERE c.tenant = ?1 AND c.party = ?2 AND q.outcome = 2",
        params![tenant.0, Col(peer.0), Col(since)],
        |row| row.get(0),
    )?;
    Ok(unsigned(count.unwrap_or(0)))
}

pub(super) fn naming_key(db: &Connection, tenant: Tenant) -> Result<[u8; 32], Fault> {
    let key = row(db, "SELECT value FROM meta WHERE name = 'naming'", [], |row| row.get(0))?;
    let key: [u8; 32] =
        key.ok_or_else(|| StoreError::Corrupt("the store's naming key is missing".to_owned()))?;
    Ok(keyed_hash(&key, &[b"naming", &tenant.0.to_be_bytes()]))
}
