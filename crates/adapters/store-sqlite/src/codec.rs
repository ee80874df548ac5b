//! Values as columns.

use model::{CollectionId, Digest, Finding, Label, Severity, StixId, Timestamp, Uuid, World};
use ports::detection::WorkKind;
use ports::trust::{DocumentKind, PeerState};
use ports::{CollectionKind, JournalKind, Role, StoreError};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};

/// A column that holds a `T`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Col<T>(pub(crate) T);

macro_rules! column {
    ($($type:ty: $inner:ty, |$to:ident| $encode:expr, |$from:ident| $decode:expr;)*) => {$(
        impl ToSql for Col<$type> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let $to = &self.0;
                Ok(ToSqlOutput::from($encode))
            }
        }
        impl FromSql for Col<$type> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let $from = <$inner>::column_result(value)?;
                Ok(Self($decode))
            }
        }
    )*};
}

column! {
    Timestamp: i64, |at| at.as_micros(), |at| Timestamp::from_micros(at);
    Label: u8, |label| label.rank(), |rank| Label::from_rank(rank);
    World: u32, |world| world.number(), |number| world(number);
    Uuid: [u8; 16], |uuid| ToSqlOutput::Borrowed(ValueRef::Blob(&uuid.0)), |bytes| Uuid(bytes);
    Digest: [u8; 32], |digest| ToSqlOutput::Borrowed(ValueRef::Blob(&digest.0)), |bytes| Digest(bytes);
    Severity: u8, |severity| *severity as u8, |number| severity(number)?;
    JournalKind: u8, |kind| place(&JournalKind::ALL, kind), |number| nth(&JournalKind::ALL, number)?;
    Role: u8, |role| place(&Role::ALL, role), |number| nth(&Role::ALL, number)?;
    DocumentKind: u8, |kind| place(&DocumentKind::ALL, kind), |number| nth(&DocumentKind::ALL, number)?;
    PeerState: u8, |state| place(&PeerState::ALL, state), |number| nth(&PeerState::ALL, number)?;
    WorkKind: u8, |kind| place(&WorkKind::ALL, kind), |number| nth(&WorkKind::ALL, number)?;
}

const fn world(number: u32) -> World {
    if number == 0 { World::Real } else { World::Exercise(number) }
}

fn severity(number: u8) -> FromSqlResult<Severity> {
    nth(&[Severity::Note, Severity::Warning, Severity::Error], number)
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

fn nth<T: Copy>(all: &[T], number: u8) -> FromSqlResult<T> {
    all.get(usize::from(number)).copied().ok_or(FromSqlError::OutOfRange(number.into()))
}

/// An unsigned number as the engine's signed one. Counters of ours never come near the end.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// And back; the engine never holds a negative one.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A number of rows as the engine's limit.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A kind of collection as two columns.
pub(crate) fn collection_kind(kind: CollectionKind) -> (u8, Option<u32>) {
    match kind {
        CollectionKind::Public => (0, None),
        CollectionKind::Own => (1, None),
        CollectionKind::Source(source) => (2, Some(source.0)),
    }
}

/// Collection ids as one column.
pub(crate) fn join_ids(ids: &[CollectionId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0.0).collect()
}

/// And back.
pub(crate) fn split_ids(bytes: &[u8]) -> Vec<CollectionId> {
    bytes.as_chunks::<16>().0.iter().map(|id| CollectionId(Uuid(*id))).collect()
}

/// An id kept as text.
pub(crate) fn stix_id(text: &str) -> Result<StixId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("`{text}` is stored as an id and is none")))
}

/// Raw text from its column.
pub(crate) fn text(raw: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(raw).map_err(|_| StoreError::Corrupt("a payload is not UTF-8".to_owned()))
}

/// A finding from columns `severity, rule, pointer, message, hint`, the first at `from`.
pub(crate) fn finding(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Finding> {
    let finding = Finding::new(
        row.get::<_, Col<Severity>>(from)?.0,
        row.get::<_, String>(from + 1)?,
        row.get::<_, String>(from + 2)?,
        row.get::<_, String>(from + 3)?,
    );
    Ok(match row.get::<_, Option<String>>(from + 4)? {
        Some(hint) => finding.hint(hint),
        None => finding,
    })
}

/// HMAC-SHA-256 (RFC 2104) over several texts, each with its length, so that no two lists of texts are one.
pub(crate) fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (slot, byte) in block.iter_mut().zip(key) {
            *slot ^= byte;
        }
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    for part in parts {
        inner.update(signed(part.len() as u64).to_be_bytes());
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}
