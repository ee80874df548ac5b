//! Writing about detection: [`ports::detection::DetectTx`].

use model::{StixId, Tenant, Timestamp};
use ports::detection::{DetectTx, LogSourceRecord, LogSourceState, NewAlert, RuleText, Work, WorkKind};
use ports::{Scope, StoreError};
use rusqlite::params;

use super::node::{present, unique};
use super::{Counter, SqliteTx};
use crate::codec::{Col, signed, unsigned};
use crate::error::Fault;

impl DetectTx for SqliteTx<'_> {
    fn add_log_source(&mut self, tenant: Tenant, source: &LogSourceRecord) -> Result<(), StoreError> {
        Ok(add_log_source(self, tenant, source)?)
    }

    fn set_log_source(&mut self, tenant: Tenant, source: &LogSourceRecord) -> Result<(), StoreError> {
        Ok(set_log_source(self, tenant, source)?)
    }

    fn remove_log_source(&mut self, tenant: Tenant, name: &str) -> Result<(), StoreError> {
        Ok(remove_log_source(self, tenant, name)?)
    }

    fn set_log_state(
        &mut self,
        tenant: Tenant,
        name: &str,
        state: &LogSourceState,
    ) -> Result<(), StoreError> {
        Ok(set_log_state(self, tenant, name, state)?)
    }

    fn set_rule_text(&mut self, tenant: Tenant, rule: &RuleText) -> Result<bool, StoreError> {
        Ok(set_rule_text(self, tenant, rule)?)
    }

    fn remove_rule_text(&mut self, tenant: Tenant, name: &str) -> Result<bool, StoreError> {
        let gone =
            self.execute("DELETE FROM rule_text WHERE tenant = ?1 AND name = ?2", params![tenant.0, name])?;
        Ok(gone > 0)
    }

    fn raise(&mut self, scope: Scope, now: Timestamp, alert: &NewAlert) -> Result<(u64, bool), StoreError> {
        Ok(raise(self, scope, now, alert)?)
    }

    fn close_alert(
        &mut self,
        scope: Scope,
        now: Timestamp,
        number: u64,
        author: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        Ok(close_alert(self, scope, now, number, author, reason)?)
    }

    fn forget_alerts(&mut self, scope: Scope, before: Timestamp) -> Result<u64, StoreError> {
        let gone = self.execute(
            "DELETE FROM alert WHERE tenant = ?1 AND world = ?2 AND touched < ?3",
            params![scope.tenant.0, Col(scope.world), Col(before)],
        )?;
        Ok(gone as u64)
    }

    fn add_work(&mut self, scope: Scope, work: &Work) -> Result<bool, StoreError> {
        Ok(add_work(self, scope, work)?)
    }

    fn set_work(&mut self, scope: Scope, work: &Work) -> Result<(), StoreError> {
        Ok(set_work(self, scope, work)?)
    }

    fn forget_work(&mut self, scope: Scope, kind: WorkKind, before: Timestamp) -> Result<u64, StoreError> {
        let gone = self.execute(
            "DELETE FROM work WHERE tenant = ?1 AND world = ?2 AND kind = ?3 AND finished = 1 AND changed < ?4",
            params![scope.tenant.0, Col(scope.world), Col(kind), Col(before)],
        )?;
        Ok(gone as u64)
    }
}

fn add_log_source(tx: &SqliteTx<'_>, tenant: Tenant, source: &LogSourceRecord) -> Result<(), Fault> {
    let added = tx.execute(
        "INSERT INTO log_source (tenant, name, kind, config, enabled, added) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![tenant.0, source.name, source.kind, source.config, source.enabled, Col(source.added)],
    );
    unique(added, || format!("log source `{}`", source.name))
}

fn set_log_source(tx: &SqliteTx<'_>, tenant: Tenant, source: &LogSourceRecord) -> Result<(), Fault> {
    let changed = tx.execute(
        "UPDATE log_source SET kind = ?3, config = ?4, enabled = ?5 WHERE tenant = ?1 AND name = ?2",
        params![tenant.0, source.name, source.kind, source.config, source.enabled],
    )?;
    present(changed, || format!("log source `{}`", source.name))
}

fn remove_log_source(tx: &SqliteTx<'_>, tenant: Tenant, name: &str) -> Result<(), Fault> {
    let gone =
        tx.execute("DELETE FROM log_source WHERE tenant = ?1 AND name = ?2", params![tenant.0, name])?;
    present(gone, || format!("log source `{name}`"))
}

fn set_log_state(tx: &SqliteTx<'_>, tenant: Tenant, name: &str, state: &LogSourceState) -> Result<(), Fault> {
    let (error_at, error) = state.last_error.as_ref().map(|(at, error)| (Col(*at), error)).unzip();
    tx.execute(
        "UPDATE log_source SET position = ?3, records = ?4, malformed = ?5, bytes = ?6, lost = ?7, kept = ?8, \
         matched = ?9, last_event = ?10, last_read = ?11, error_at = ?12, error = ?13, detail = ?14 \
         WHERE tenant = ?1 AND name = ?2",
        params![
            tenant.0,
            name,
            state.position,
            signed(state.records),
            signed(state.malformed),
            signed(state.bytes),
            signed(state.lost),
            signed(state.kept),
            signed(state.matched),
            state.last_event.map(Col),
            state.last_read.map(Col),
            error_at,
            error,
            state.detail,
        ],
    )
    .map(drop)
}

fn set_rule_text(tx: &SqliteTx<'_>, tenant: Tenant, rule: &RuleText) -> Result<bool, Fault> {
    let changed = tx.execute(
        "INSERT INTO rule_text (tenant, name, text, at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tenant, name) DO UPDATE SET text = ?3, at = ?4 WHERE text <> ?3",
        params![tenant.0, rule.name, rule.text, Col(rule.at)],
    )?;
    Ok(changed > 0)
}

/// What is needed of a group to count another alert with it.
struct Group {
    number: i64,
    was_closed: bool,
    past: bool,
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

fn raise(tx: &SqliteTx<'_>, scope: Scope, now: Timestamp, alert: &NewAlert) -> Result<(u64, bool), Fault> {
    let found = tx.row(
        "SELECT number, closed IS NOT NULL, past, first, last, count FROM alert \
         WHERE tenant = ?1 AND world = ?2 AND digest = ?3",
        params![scope.tenant.0, Col(scope.world), Col(alert.group)],
        |row| {
            Ok(Group {
                number: row.get(0)?,
                was_closed: row.get(1)?,
                past: row.get(2)?,
                first: row.get::<_, Col<Timestamp>>(3)?.0,
                last: row.get::<_, Col<Timestamp>>(4)?.0,
                count: unsigned(row.get(5)?),
            })
        },
    )?;
    if let Some(group) = found {
        let opens = count_with(tx, scope, now, &group, alert)?;
        return Ok((unsigned(group.number), opens && group.was_closed));
    }
    let number = tx.take(scope.tenant, Counter::Alert, 1)?;
    tx.execute(
        "INSERT INTO alert (tenant, world, number, digest, rule, object, title, level, source, past, first, last, \
         count, detail, allowed, raised, touched) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16)",
        params![
            scope.tenant.0,
            Col(scope.world),
            number,
            Col(alert.group),
            alert.rule,
            alert.object.as_ref().map(StixId::as_str),
            alert.title,
            alert.level,
            alert.source,
            alert.past,
            Col(alert.first),
            Col(alert.last),
            signed(alert.count),
            alert.detail,
            alert.allowed,
            Col(now),
        ],
    )?;
    Ok((unsigned(number), true))
}

fn count_with(
    tx: &SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    group: &Group,
    alert: &NewAlert,
) -> Result<bool, Fault> {
    // The past can be looked through again: it has what it had, or more.
    let count =
        if alert.past { group.count.max(alert.count) } else { group.count.saturating_add(alert.count) };
    let opens = !alert.past || count > group.count;
    tx.execute(
        "UPDATE alert SET object = ?4, title = ?5, level = ?6, source = ?7, past = ?8, first = ?9, last = ?10, \
         count = ?11, detail = ?12, allowed = ?13, touched = ?14, \
         closed = CASE WHEN ?15 THEN NULL ELSE closed END, \
         author = CASE WHEN ?15 THEN NULL ELSE author END, \
         reason = CASE WHEN ?15 THEN NULL ELSE reason END \
         WHERE tenant = ?1 AND world = ?2 AND number = ?3",
        params![
            scope.tenant.0,
            Col(scope.world),
            group.number,
            alert.object.as_ref().map(StixId::as_str),
            alert.title,
            alert.level,
            alert.source,
            group.past && alert.past,
            Col(group.first.min(alert.first)),
            Col(group.last.max(alert.last)),
            signed(count),
            alert.detail,
            alert.allowed,
            Col(now),
            opens,
        ],
    )?;
    Ok(opens)
}

fn close_alert(
    tx: &SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    number: u64,
    author: &str,
    reason: &str,
) -> Result<(), Fault> {
    let closed = tx.execute(
        "UPDATE alert SET closed = ?4, author = ?5, reason = ?6 \
         WHERE tenant = ?1 AND world = ?2 AND number = ?3",
        params![scope.tenant.0, Col(scope.world), signed(number), Col(now), author, reason],
    )?;
    present(closed, || format!("alert {number}"))
}

fn add_work(tx: &SqliteTx<'_>, scope: Scope, work: &Work) -> Result<bool, Fault> {
    let added = tx.execute(
        "INSERT INTO work (tenant, world, kind, id, state, finished, party, object, changed, due, body, begun) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (tenant, world, kind, id) DO NOTHING",
        params![
            scope.tenant.0,
            Col(scope.world),
            Col(work.kind),
            Col(work.id),
            work.state,
            work.over,
            work.party.map(|party| Col(party.0)),
            work.object.as_ref().map(StixId::as_str),
            Col(work.changed),
            work.due.map(Col),
            work.body,
            Col(work.begun),
        ],
    )?;
    Ok(added > 0)
}

fn set_work(tx: &SqliteTx<'_>, scope: Scope, work: &Work) -> Result<(), Fault> {
    let changed = tx.execute(
        "UPDATE work SET state = ?5, finished = ?6, party = ?7, object = ?8, changed = ?9, due = ?10, body = ?11 \
         WHERE tenant = ?1 AND world = ?2 AND kind = ?3 AND id = ?4",
        params![
            scope.tenant.0,
            Col(scope.world),
            Col(work.kind),
            Col(work.id),
            work.state,
            work.over,
            work.party.map(|party| Col(party.0)),
            work.object.as_ref().map(StixId::as_str),
            Col(work.changed),
            work.due.map(Col),
            work.body,
        ],
    )?;
    present(changed, || format!("{} {}", work.kind.as_str(), work.id.short()))
}

/// An object is erased: what was found by it goes, and what is being done about it.
pub(super) fn forget(tx: &SqliteTx<'_>, scope: Scope, id: &StixId) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM alert WHERE tenant = ?1 AND world = ?2 AND object = ?3",
        "DELETE FROM work WHERE tenant = ?1 AND world = ?2 AND object = ?3",
    ] {
        tx.execute(sql, params![scope.tenant.0, Col(scope.world), id.as_str()])?;
    }
    Ok(())
}
