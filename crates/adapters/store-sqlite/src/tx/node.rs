//! The node itself: its record, sources, accounts, tokens, and the journal's horizon.

use model::{AccountId, CollectionId, Label, Seq, SourceId, Tenant, TokenId};
use ports::{Account, CollectionKind, NodeRecord, SourceRecord, SourceState, StoreError, Token};
use rusqlite::params;

use super::{Counter, SqliteTx};
use crate::codec::{Col, collection_kind, join_ids, signed};
use crate::error::{Fault, is_taken};

/// This organisation as a source.
const OWN: &str = "own";

pub(super) fn compact(tx: &mut SqliteTx<'_>, tenant: Tenant, up_to: Seq) -> Result<(), Fault> {
    tx.write_back()?;
    let up_to = signed(up_to.0);
    tx.execute("DELETE FROM journal WHERE tenant = ?1 AND seq <= ?2", params![tenant.0, up_to])?;
    tx.execute(
        "UPDATE tenant SET horizon = max(horizon, min(head, ?2)) WHERE tenant = ?1",
        params![tenant.0, up_to],
    )?;
    Ok(())
}

pub(super) fn found(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    node: &NodeRecord,
    own: CollectionId,
    public: CollectionId,
) -> Result<(), Fault> {
    let added = tx.execute(
        "INSERT INTO node (tenant, name, country, identity, created) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO NOTHING",
        params![tenant.0, node.name, node.country, node.identity.as_str(), Col(node.created)],
    )?;
    if added == 0 {
        return Ok(());
    }
    add_collection(tx, tenant, own, OWN, &format!("Everything {} holds", node.name), CollectionKind::Own)?;
    let title = format!("TLP:CLEAR from {}", node.name);
    add_collection(tx, tenant, public, "public", &title, CollectionKind::Public)?;
    let record = SourceRecord {
        id: SourceId(0),
        name: OWN.to_owned(),
        kind: OWN.to_owned(),
        config: "{}".to_owned(),
        default_label: Label::OwnOnly,
        enabled: true,
        collection: own,
    };
    insert_source(tx, tenant, &record)
}

fn add_collection(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    id: CollectionId,
    alias: &str,
    title: &str,
    kind: CollectionKind,
) -> Result<(), Fault> {
    let number = tx.take(tenant, Counter::Collection, 1)?;
    let (kind, source) = collection_kind(kind);
    let added = tx.execute(
        "INSERT INTO collection (tenant, number, id, alias, title, kind, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![tenant.0, number, Col(id.0), alias, title, kind, source],
    );
    unique(added, || format!("collection `{alias}`"))
}

pub(super) fn add_source(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    source: &SourceRecord,
) -> Result<SourceId, Fault> {
    release_alias(tx, tenant, &source.name)?;
    let id = tx.take(tenant, Counter::Source, 1)?;
    let id = SourceId(u32::try_from(id).map_err(|_| StoreError::Engine("too many sources".to_owned()))?);
    insert_source(tx, tenant, &SourceRecord { id, ..source.clone() })?;
    add_collection(tx, tenant, source.collection, &source.name, &source.name, CollectionKind::Source(id))?;
    Ok(id)
}

/// The collection of a removed source stays under another alias when a new source takes the name.
fn release_alias(tx: &SqliteTx<'_>, tenant: Tenant, alias: &str) -> Result<(), Fault> {
    let renamed = tx.execute(
        "UPDATE collection SET alias = alias || '-' || source WHERE tenant = ?1 AND alias = ?2 AND kind = 2 \
         AND NOT EXISTS (SELECT 1 FROM source s WHERE s.tenant = ?1 AND s.number = collection.source)",
        params![tenant.0, alias],
    );
    unique(renamed, || format!("collection `{alias}`"))
}

fn insert_source(tx: &SqliteTx<'_>, tenant: Tenant, source: &SourceRecord) -> Result<(), Fault> {
    let added = tx.execute(
        "INSERT INTO source (tenant, number, name, kind, config, default_label, enabled, collection) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            tenant.0,
            source.id.0,
            source.name,
            source.kind,
            source.config,
            Col(source.default_label),
            source.enabled,
            Col(source.collection.0)
        ],
    );
    unique(added, || format!("source `{}`", source.name))
}

pub(super) fn set_source(tx: &SqliteTx<'_>, tenant: Tenant, source: &SourceRecord) -> Result<(), Fault> {
    let changed = tx.execute(
        "UPDATE source SET config = ?3, default_label = ?4, enabled = ?5 WHERE tenant = ?1 AND number = ?2",
        params![tenant.0, source.id.0, source.config, Col(source.default_label), source.enabled],
    )?;
    present(changed, || format!("source {}", source.id))
}

pub(super) fn remove_source(tx: &SqliteTx<'_>, tenant: Tenant, id: SourceId) -> Result<(), Fault> {
    if id.0 == 0 {
        return Err(
            StoreError::Engine("the source `own` is the organisation itself and stays".to_owned()).into()
        );
    }
    let gone = tx.execute("DELETE FROM source WHERE tenant = ?1 AND number = ?2", params![tenant.0, id.0])?;
    present(gone, || format!("source {id}"))
}

pub(super) fn set_source_state(
    tx: &SqliteTx<'_>,
    tenant: Tenant,
    id: SourceId,
    state: &SourceState,
) -> Result<(), Fault> {
    let changed = tx.execute(
        "UPDATE source SET cursor = ?3, last_success = ?4, error_at = ?5, error = ?6, failures = ?7, retry_at = ?8, \
         accepted = ?9 WHERE tenant = ?1 AND number = ?2",
        params![
            tenant.0,
            id.0,
            state.cursor,
            state.last_success.map(Col),
            state.last_error.as_ref().map(|(at, _)| Col(*at)),
            state.last_error.as_ref().map(|(_, message)| message),
            state.failures,
            state.retry_at.map(Col),
            signed(state.accepted)
        ],
    )?;
    present(changed, || format!("source {id}"))
}

pub(super) fn set_account(tx: &SqliteTx<'_>, tenant: Tenant, account: &Account) -> Result<(), Fault> {
    let set = tx.execute(
        "INSERT INTO account (tenant, id, name, password, role, disabled, created) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (tenant, id) DO UPDATE SET name = ?3, password = ?4, role = ?5, disabled = ?6, created = ?7",
        params![
            tenant.0,
            Col(account.id.0),
            account.name,
            account.password,
            Col(account.role),
            account.disabled,
            Col(account.created)
        ],
    );
    unique(set, || format!("account `{}`", account.name))
}

pub(super) fn remove_account(tx: &SqliteTx<'_>, tenant: Tenant, id: AccountId) -> Result<(), Fault> {
    tx.execute("DELETE FROM token WHERE tenant = ?1 AND account = ?2", params![tenant.0, Col(id.0)])?;
    let gone =
        tx.execute("DELETE FROM account WHERE tenant = ?1 AND id = ?2", params![tenant.0, Col(id.0)])?;
    present(gone, || format!("account `{id}`"))
}

pub(super) fn add_token(tx: &SqliteTx<'_>, tenant: Tenant, token: &Token) -> Result<(), Fault> {
    let owner = tx.row(
        "SELECT 1 FROM account WHERE tenant = ?1 AND id = ?2",
        params![tenant.0, Col(token.account.0)],
        |_| Ok(1),
    )?;
    present(owner.unwrap_or(0), || format!("account `{}`", token.account))?;
    let added = tx.execute(
        "INSERT INTO token (tenant, id, account, name, hash, collections, expires, created) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            tenant.0,
            Col(token.id.0),
            Col(token.account.0),
            token.name,
            token.hash,
            join_ids(&token.collections),
            token.expires.map(Col),
            Col(token.created)
        ],
    );
    unique(added, || format!("token `{}`", token.name))
}

pub(super) fn remove_token(tx: &SqliteTx<'_>, tenant: Tenant, id: TokenId) -> Result<(), Fault> {
    let gone = tx.execute("DELETE FROM token WHERE tenant = ?1 AND id = ?2", params![tenant.0, Col(id.0)])?;
    present(gone, || format!("token `{id}`"))
}

/// The outcome of a statement that may hit a unique key.
pub(super) fn unique(outcome: Result<usize, Fault>, what: impl FnOnce() -> String) -> Result<(), Fault> {
    match outcome {
        Err(Fault::Engine(error)) if is_taken(&error) => Err(StoreError::Exists(what()).into()),
        other => other.map(drop),
    }
}

/// The outcome of a statement that should have found its row.
pub(super) fn present(rows: usize, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if rows == 0 { Err(StoreError::Missing(what()).into()) } else { Ok(()) }
}
