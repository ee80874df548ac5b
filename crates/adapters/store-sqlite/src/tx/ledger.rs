//! The ledger's leaves, and the newest checkpoint of every log.

use model::{Digest, Tenant};
use ports::trust::LeafRecord;
use rusqlite::params;

use super::SqliteTx;
use super::numbers::{Kind, take};
use crate::codec::{Col, signed, unsigned};
use crate::error::Fault;

pub(super) fn append_leaf(tx: &mut SqliteTx<'_>, tenant: Tenant, leaf: &LeafRecord) -> Result<u64, Fault> {
    // Numbers begin with 1, places with 0.
    let place = take(tx, tenant, Kind::Leaf)? - 1;
    tx.execute(
        "INSERT INTO leaf (tenant, place, hash, commitment, kind, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![tenant.0, place, Col(leaf.hash), Col(leaf.commitment), leaf.kind, Col(leaf.at)],
    )?;
    if let Some(opening) = &leaf.opening {
        tx.execute(
            "INSERT INTO opening (tenant, place, text) VALUES (?1, ?2, ?3)",
            params![tenant.0, place, opening],
        )?;
    }
    Ok(unsigned(place))
}

pub(super) fn set_tile_hash(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    level: u8,
    index: u64,
    hash: Digest,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO tile_hash (tenant, level, place, hash) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![tenant.0, level, signed(index), Col(hash)],
    )
    .map(drop)
}

pub(super) fn set_checkpoint(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    origin: &str,
    size: u64,
    note: &str,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO checkpoint (tenant, origin, size, note) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tenant, origin) DO UPDATE SET size = ?3, note = ?4 WHERE size <= ?3",
        params![tenant.0, origin, signed(size), note],
    )
    .map(drop)
}
