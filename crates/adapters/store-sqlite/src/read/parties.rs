//! Documents, peers, named cursors, private queries, and the key that names are made with.

use model::{AgreementId, Digest, PartyId, Seq, SourceId, Tenant, Timestamp};
use ports::StoreError;
use ports::trust::{Document, DocumentKind, PeerRecord, PeerState, QueryRecord};
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

pub(super) fn peers(db: &Connection, tenant: Tenant) -> Result<Vec<PeerRecord>, Fault> {
    rows(
        db,
        "SELECT party, name, endpoint, state, since, source, last_contact, error_at, error, note FROM peer \
         WHERE tenant = ?1 ORDER BY name",
        [tenant.0],
        |row| {
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
        },
    )
}

pub(crate) fn cursor(db: &Connection, tenant: Tenant, name: &str) -> Result<Option<Seq>, Fault> {
    row(db, "SELECT seq FROM named_cursor WHERE tenant = ?1 AND name = ?2", params![tenant.0, name], |row| {
        Ok(Seq(unsigned(row.get(0)?)))
    })
}

pub(super) fn queries(
    db: &Connection,
    tenant: Tenant,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<QueryRecord>, Fault> {
    rows(
        db,
        "SELECT q.at, c.party, c.agreement, q.asked, q.purpose, q.asked_values, q.answer, q.refusal \
         FROM private_query q CROSS JOIN channel c ON c.tenant = q.tenant AND c.number = q.channel \
         WHERE q.tenant = ?1 AND q.at >= ?2 ORDER BY q.at, q.number LIMIT ?3",
        params![tenant.0, Col(since), rows_limit(limit)],
        |row| {
            Ok(QueryRecord {
                at: row.get::<_, Col<Timestamp>>(0)?.0,
                peer: PartyId(row.get::<_, Col<Digest>>(1)?.0),
                agreement: AgreementId(row.get::<_, Col<Digest>>(2)?.0),
                asked: row.get(3)?,
                purpose: row.get(4)?,
                asked_values: unsigned(row.get(5)?),
                answer: row.get::<_, Option<i64>>(6)?.map(unsigned),
                refusal: row.get(7)?,
            })
        },
    )
}

pub(super) fn naming_key(db: &Connection, tenant: Tenant) -> Result<[u8; 32], Fault> {
    let key = row(db, "SELECT value FROM meta WHERE name = 'naming'", [], |row| row.get(0))?;
    let key: [u8; 32] =
        key.ok_or_else(|| StoreError::Corrupt("the store's naming key is missing".to_owned()))?;
    Ok(keyed_hash(&key, &[b"naming", &tenant.0.to_be_bytes()]))
}
