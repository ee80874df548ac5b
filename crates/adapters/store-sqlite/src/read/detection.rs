//! Reading about detection: [`ports::detection::DetectRead`].

use model::{Digest, PartyId, StixId, Tenant, Timestamp};
use ports::detection::{
    AlertFilter, AlertRow, DetectRead, Fired, LogSourceRecord, LogSourceState, NewAlert, RuleText, Work,
    WorkKind,
};
use ports::{Scope, StoreError};
use rusqlite::{Connection, Params, Row, params};

use super::node::instant;
use super::sharing::named;
use super::{Reader, row, rows};
use crate::codec::{Col, limit as rows_limit, signed, unsigned};
use crate::error::Fault;

macro_rules! log_source_sql {
    ($rest:literal) => {
        concat!(
            "SELECT name, kind, config, enabled, added, position, records, malformed, bytes, lost, kept, matched, ",
            "last_event, last_read, error_at, error, detail FROM log_source WHERE tenant = ?1 ",
            $rest
        )
    };
}

macro_rules! rule_text_sql {
    ($rest:literal) => {
        concat!("SELECT name, text, at FROM rule_text WHERE tenant = ?1 ", $rest, " ORDER BY name LIMIT ?3")
    };
}

macro_rules! alert_sql {
    ($($rest:literal),*) => {
        concat!(
            "SELECT number, digest, rule, object, title, level, source, past, first, last, count, detail, allowed, ",
            "raised, touched, closed, author, reason FROM alert WHERE tenant = ?1 AND world = ?2 ",
            $($rest),*
        )
    };
}

// The `+` keeps the planner from gathering alerts by time, only to sort them by number.
macro_rules! alerts_sql {
    ($rest:literal) => {
        alert_sql!(
            "AND number < ?3 AND level >= ?4 AND +touched >= ?5 ",
            $rest,
            " ORDER BY number DESC LIMIT ?6"
        )
    };
}

macro_rules! work_sql {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, finished, party, object, begun, changed, due, body FROM work ",
            "WHERE tenant = ?1 AND world = ?2 ",
            $rest
        )
    };
}

impl DetectRead for Reader<'_> {
    fn log_sources(&self, tenant: Tenant) -> Result<Vec<(LogSourceRecord, LogSourceState)>, StoreError> {
        self.with(|db| rows(db, log_source_sql!("ORDER BY name"), [tenant.0], log_source))
    }

    fn log_source(
        &self,
        tenant: Tenant,
        name: &str,
    ) -> Result<Option<(LogSourceRecord, LogSourceState)>, StoreError> {
        self.with(|db| row(db, log_source_sql!("AND name = ?2"), params![tenant.0, name], log_source))
    }

    fn rule_texts(
        &self,
        tenant: Tenant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RuleText>, StoreError> {
        self.with(|db| rule_texts(db, tenant, after, limit))
    }

    fn alerts(&self, scope: Scope, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRow>, StoreError> {
        self.with(|db| alerts(db, scope, filter, limit))
    }

    fn alert(&self, scope: Scope, number: u64) -> Result<Option<AlertRow>, StoreError> {
        self.with(|db| {
            row(
                db,
                alert_sql!("AND number = ?3"),
                params![scope.tenant.0, Col(scope.world), signed(number)],
                |row| Ok(alert(row)),
            )?
            .transpose()
        })
    }

    fn fired(&self, scope: Scope) -> Result<Vec<Fired>, StoreError> {
        self.with(|db| fired(db, scope))
    }

    fn work(&self, scope: Scope, kind: WorkKind, id: Digest) -> Result<Option<Work>, StoreError> {
        self.with(|db| {
            row(
                db,
                work_sql!("AND kind = ?3 AND id = ?4"),
                params![scope.tenant.0, Col(scope.world), Col(kind), Col(id)],
                |row| Ok(work(row)),
            )?
            .transpose()
        })
    }

    fn works(&self, scope: Scope, kind: WorkKind, open: bool, limit: usize) -> Result<Vec<Work>, StoreError> {
        self.with(|db| works(db, scope, kind, open, limit))
    }

    fn work_about(
        &self,
        scope: Scope,
        kind: WorkKind,
        object: &StixId,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError> {
        self.with(|db| {
            listed_work(
                db,
                work_sql!("AND object = ?3 AND kind = ?4 ORDER BY begun DESC, id DESC LIMIT ?5"),
                params![scope.tenant.0, Col(scope.world), object.as_str(), Col(kind), rows_limit(limit)],
            )
        })
    }

    fn due_work(
        &self,
        scope: Scope,
        kind: WorkKind,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError> {
        self.with(|db| {
            listed_work(
                db,
                work_sql!("AND kind = ?3 AND finished = 0 AND due <= ?4 ORDER BY due, id LIMIT ?5"),
                params![scope.tenant.0, Col(scope.world), Col(kind), Col(by), rows_limit(limit)],
            )
        })
    }

    fn open_work(&self, scope: Scope, kind: WorkKind) -> Result<u64, StoreError> {
        self.with(|db| {
            let count = row(
                db,
                "SELECT count(*) FROM work WHERE tenant = ?1 AND world = ?2 AND kind = ?3 AND finished = 0",
                params![scope.tenant.0, Col(scope.world), Col(kind)],
                |row| row.get(0),
            )?;
            Ok(unsigned(count.unwrap_or(0)))
        })
    }
}

fn log_source(row: &Row<'_>) -> rusqlite::Result<(LogSourceRecord, LogSourceState)> {
    let record = LogSourceRecord {
        name: row.get(0)?,
        kind: row.get(1)?,
        config: row.get(2)?,
        enabled: row.get(3)?,
        added: row.get::<_, Col<Timestamp>>(4)?.0,
    };
    let state = LogSourceState {
        position: row.get(5)?,
        records: unsigned(row.get(6)?),
        malformed: unsigned(row.get(7)?),
        bytes: unsigned(row.get(8)?),
        lost: unsigned(row.get(9)?),
        kept: unsigned(row.get(10)?),
        matched: unsigned(row.get(11)?),
        last_event: instant(row, 12)?,
        last_read: instant(row, 13)?,
        last_error: instant(row, 14)?.zip(row.get(15)?),
        detail: row.get(16)?,
    };
    Ok((record, state))
}

fn rule_texts(
    db: &Connection,
    tenant: Tenant,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<RuleText>, Fault> {
    // No name comes before the empty one.
    let sql = match after {
        None => rule_text_sql!("AND name >= ?2"),
        Some(_) => rule_text_sql!("AND name > ?2"),
    };
    rows(db, sql, params![tenant.0, after.unwrap_or_default(), rows_limit(limit)], |row| {
        Ok(RuleText { name: row.get(0)?, text: row.get(1)?, at: row.get::<_, Col<Timestamp>>(2)?.0 })
    })
}

fn alerts(db: &Connection, scope: Scope, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRow>, Fault> {
    let (tenant, world, level) = (scope.tenant.0, Col(scope.world), filter.level);
    let before = filter.before.map_or(i64::MAX, signed);
    let since = filter.since.map_or(i64::MIN, Timestamp::as_micros);
    let limit = rows_limit(limit);
    match (&filter.object, &filter.rule, filter.closed) {
        (Some(object), rule, closed) => listed_alerts(
            db,
            alerts_sql!("AND object = ?7 AND (?8 OR closed IS NULL) AND (?9 IS NULL OR rule = ?9)"),
            params![tenant, world, before, level, since, limit, object.as_str(), closed, rule],
        ),
        (None, Some(rule), closed) => listed_alerts(
            db,
            alerts_sql!("AND rule = ?7 AND (?8 OR closed IS NULL)"),
            params![tenant, world, before, level, since, limit, rule, closed],
        ),
        (None, None, false) => listed_alerts(
            db,
            alerts_sql!("AND closed IS NULL"),
            params![tenant, world, before, level, since, limit],
        ),
        (None, None, true) => {
            listed_alerts(db, alerts_sql!(""), params![tenant, world, before, level, since, limit])
        }
    }
}

fn listed_alerts(db: &Connection, sql: &str, with: impl Params) -> Result<Vec<AlertRow>, Fault> {
    rows(db, sql, with, |row| Ok(alert(row)))?.into_iter().collect()
}

fn alert(row: &Row<'_>) -> Result<AlertRow, Fault> {
    let closed = match instant(row, 15)? {
        None => None,
        Some(at) => Some((at, row.get(16)?, row.get(17)?)),
    };
    Ok(AlertRow {
        number: unsigned(row.get(0)?),
        alert: NewAlert {
            group: row.get::<_, Col<Digest>>(1)?.0,
            rule: row.get(2)?,
            object: named(row, 3)?,
            title: row.get(4)?,
            level: row.get(5)?,
            source: row.get(6)?,
            past: row.get(7)?,
            first: row.get::<_, Col<Timestamp>>(8)?.0,
            last: row.get::<_, Col<Timestamp>>(9)?.0,
            count: unsigned(row.get(10)?),
            detail: row.get(11)?,
            allowed: row.get(12)?,
        },
        raised: row.get::<_, Col<Timestamp>>(13)?.0,
        touched: row.get::<_, Col<Timestamp>>(14)?.0,
        closed,
    })
}

fn fired(db: &Connection, scope: Scope) -> Result<Vec<Fired>, Fault> {
    // Two sums, because one of full counts would be too large for the engine, which then gives none at all.
    rows(
        db,
        "SELECT rule, sum(count >> 32), sum(count & 4294967295), max(last) FROM alert \
         WHERE tenant = ?1 AND world = ?2 GROUP BY rule ORDER BY rule",
        params![scope.tenant.0, Col(scope.world)],
        |row| {
            let (high, low) = (unsigned(row.get(1)?), unsigned(row.get(2)?));
            Ok(Fired {
                rule: row.get(0)?,
                count: high.saturating_mul(1 << 32).saturating_add(low),
                last: row.get::<_, Col<Timestamp>>(3)?.0,
            })
        },
    )
}

fn works(
    db: &Connection,
    scope: Scope,
    kind: WorkKind,
    open: bool,
    limit: usize,
) -> Result<Vec<Work>, Fault> {
    let some = |finished: bool, limit: usize| {
        listed_work(
            db,
            work_sql!("AND kind = ?3 AND finished = ?4 ORDER BY begun DESC, id DESC LIMIT ?5"),
            params![scope.tenant.0, Col(scope.world), Col(kind), finished, rows_limit(limit)],
        )
    };
    let mut found = some(false, limit)?;
    if !open {
        let room = limit.saturating_sub(found.len());
        found.append(&mut some(true, room)?);
    }
    Ok(found)
}

fn listed_work(db: &Connection, sql: &str, with: impl Params) -> Result<Vec<Work>, Fault> {
    rows(db, sql, with, |row| Ok(work(row)))?.into_iter().collect()
}

fn work(row: &Row<'_>) -> Result<Work, Fault> {
    Ok(Work {
        id: row.get::<_, Col<Digest>>(0)?.0,
        kind: row.get::<_, Col<WorkKind>>(1)?.0,
        state: row.get(2)?,
        over: row.get(3)?,
        party: row.get::<_, Option<Col<Digest>>>(4)?.map(|party| PartyId(party.0)),
        object: named(row, 5)?,
        begun: row.get::<_, Col<Timestamp>>(6)?.0,
        changed: row.get::<_, Col<Timestamp>>(7)?.0,
        due: instant(row, 8)?,
        body: row.get(9)?,
    })
}
