//! TAXII add requests: accepted durably, dealt with later.

use model::{StatusId, Tenant};
use ports::{InboxEntry, ItemOutcome, StatusItem, StatusRecord, StoreError};
use rusqlite::params;

use super::SqliteTx;
use crate::codec::{Col, limit};
use crate::error::{Fault, is_taken};

pub(super) fn receive(tx: &SqliteTx<'_>, entry: &InboxEntry, status: &StatusRecord) -> Result<(), Fault> {
    let tenant = entry.scope.tenant;
    let added = tx.execute(
        "INSERT INTO status (tenant, id, collection, account, received, complete) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            tenant.0,
            Col(status.id.0),
            Col(status.collection.0),
            Col(status.account.0),
            Col(status.received),
            status.complete
        ],
    );
    match added {
        Err(Fault::Engine(error)) if is_taken(&error) => {
            return Err(StoreError::Exists(format!("status `{}`", status.id)).into());
        }
        other => other?,
    };
    for (place, item) in status.items.iter().enumerate() {
        let (outcome, message) = outcome(&item.outcome);
        tx.execute(
            "INSERT INTO status_item (tenant, status, place, id, version, outcome, message) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![tenant.0, Col(status.id.0), limit(place), item.id, item.version, outcome, message],
        )?;
    }
    let payload = tx.insert_payload(tenant, &entry.body)?;
    tx.execute(
        "INSERT INTO inbox (tenant, world, status, source, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![tenant.0, Col(entry.scope.world), Col(entry.status.0), entry.source.0, payload],
    )?;
    Ok(())
}

pub(super) fn progress(
    tx: &SqliteTx<'_>,
    status: StatusId,
    items: &[(usize, StatusItem)],
    complete: bool,
) -> Result<(), Fault> {
    let tenant = tx
        .row("SELECT tenant FROM status WHERE id = ?1", [Col(status.0)], |row| Ok(Tenant(row.get(0)?)))?
        .ok_or_else(|| StoreError::Missing(format!("status `{status}`")))?;
    for (place, item) in items {
        let (outcome, message) = outcome(&item.outcome);
        tx.execute(
            "UPDATE status_item SET id = ?4, version = ?5, outcome = ?6, message = ?7 \
             WHERE tenant = ?1 AND status = ?2 AND place = ?3",
            params![tenant.0, Col(status.0), limit(*place), item.id, item.version, outcome, message],
        )?;
    }
    if complete {
        tx.execute(
            "UPDATE status SET complete = 1 WHERE tenant = ?1 AND id = ?2",
            params![tenant.0, Col(status.0)],
        )?;
        let bodies = tx.rows(
            "DELETE FROM inbox WHERE tenant = ?1 AND status = ?2 RETURNING payload",
            params![tenant.0, Col(status.0)],
            |row| row.get(0),
        )?;
        bodies.into_iter().try_for_each(|payload| tx.delete_payload(payload))?;
    }
    Ok(())
}

fn outcome(outcome: &ItemOutcome) -> (u8, &str) {
    match outcome {
        ItemOutcome::Pending => (0, ""),
        ItemOutcome::Success => (1, ""),
        ItemOutcome::Held => (3, ""),
        ItemOutcome::Failure(why) => (2, why),
    }
}
