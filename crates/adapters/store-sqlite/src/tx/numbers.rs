//! Small numbers: of rows, each given out once, and of a party under an agreement.

use model::{AgreementId, PartyId, StixId, Tenant, VersionId};
use ports::StoreError;
use rusqlite::{params, params_from_iter};

use super::{CACHED, SqliteTx};
use crate::error::Fault;
use crate::read::{sharing, streams};

/// What is numbered in `trust`, in the order of its columns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Channel,
    Document,
    Decision,
    Queued,
    Holding,
    Disclosure,
    Leaf,
    Review,
    Query,
}

/// The last number given out of each kind. Counted here and written back once, like places in the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    last: [i64; 9],
    changed: bool,
}

/// Takes the next number of a kind; the first is 1.
pub(super) fn take(tx: &mut SqliteTx<'_>, tenant: Tenant, kind: Kind) -> Result<i64, Fault> {
    let mut numbers = match tx.numbers.get(&tenant) {
        Some(numbers) => *numbers,
        None => load(tx, tenant)?,
    };
    let mut taken = 0;
    if let Some(last) = numbers.last.get_mut(kind as usize) {
        *last += 1;
        taken = *last;
    }
    numbers.changed = true;
    tx.numbers.insert(tenant, numbers);
    Ok(taken)
}

fn load(tx: &SqliteTx<'_>, tenant: Tenant) -> Result<Numbers, Fault> {
    let found = tx.row(
        "SELECT channels, documents, decisions, queued, holdings, disclosures, leaves, reviews, queries \
         FROM trust WHERE tenant = ?1",
        [tenant.0],
        |row| {
            let mut numbers = Numbers::default();
            for (column, last) in numbers.last.iter_mut().enumerate() {
                *last = row.get(column)?;
            }
            Ok(numbers)
        },
    )?;
    Ok(found.unwrap_or_default())
}

pub(super) fn write_back(tx: &mut SqliteTx<'_>) -> Result<(), Fault> {
    for (tenant, numbers) in std::mem::take(&mut tx.numbers) {
        if numbers.changed {
            let values = std::iter::once(i64::from(tenant.0)).chain(numbers.last);
            tx.execute(
                "INSERT INTO trust (tenant, channels, documents, decisions, queued, holdings, disclosures, leaves, \
                 reviews, queries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
                 ON CONFLICT (tenant) DO UPDATE SET channels = ?2, documents = ?3, decisions = ?4, queued = ?5, \
                 holdings = ?6, disclosures = ?7, leaves = ?8, reviews = ?9, queries = ?10",
                params_from_iter(values),
            )?;
        }
    }
    Ok(())
}

/// The number of a party under an agreement, if it has one.
pub(super) fn find_channel(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    party: PartyId,
    agreement: Option<AgreementId>,
) -> Result<Option<i64>, Fault> {
    let key = (tenant, party, agreement);
    if let Some(number) = tx.cache.channels.get(&key) {
        return Ok(Some(*number));
    }
    let found = streams::channel(tx.db, tenant, party, agreement)?;
    if let Some(number) = found {
        remember(tx, key, number);
    }
    Ok(found)
}

/// The number of a party under an agreement, made if need be.
pub(super) fn channel(
    tx: &mut SqliteTx<'_>,
    tenant: Tenant,
    party: PartyId,
    agreement: Option<AgreementId>,
) -> Result<i64, Fault> {
    if let Some(number) = find_channel(tx, tenant, party, agreement)? {
        return Ok(number);
    }
    let number = take(tx, tenant, Kind::Channel)?;
    tx.execute(
        "INSERT INTO channel (tenant, number, party, agreement) VALUES (?1, ?2, ?3, ?4)",
        params![tenant.0, number, party.0.0, streams::agreement_bytes(agreement.as_ref())],
    )?;
    remember(tx, (tenant, party, agreement), number);
    Ok(number)
}

fn remember(tx: &mut SqliteTx<'_>, key: (Tenant, PartyId, Option<AgreementId>), number: i64) {
    if tx.cache.channels.len() >= CACHED {
        tx.cache.channels.clear();
    }
    tx.cache.channels.insert(key, number);
}

/// Refuses to keep a row about a version that is not stored: erasing it would not find that row.
pub(super) fn must_be_stored(tx: &SqliteTx<'_>, tenant: Tenant, version: VersionId) -> Result<(), Fault> {
    let found = tx.row(
        "SELECT 1 FROM version WHERE tenant = ?1 AND number = ?2",
        params![tenant.0, version.0],
        |_| Ok(()),
    )?;
    found.ok_or_else(|| StoreError::Missing(format!("version {version}")).into())
}

/// As [`must_be_stored`], where the row names the object too: by that name it will be found.
pub(super) fn must_be_of(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    version: Option<VersionId>,
    object: Option<&StixId>,
) -> Result<(), Fault> {
    let Some(version) = version else { return Ok(()) };
    let found = sharing::object_of(tx.db, tenant, version)?;
    if found.is_some() && found.as_ref() == object {
        return Ok(());
    }
    let whose = object.map(|id| format!(" of `{id}`")).unwrap_or_default();
    Err(StoreError::Missing(format!("version {version}{whose}")).into())
}
