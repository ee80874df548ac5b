//! Classes of the newest versions, from the index over objects.

use model::{Label, Tenant, VersionId};
use ports::trust::ClassCount;
use ports::{Scope, StoreError, Stored};
use rusqlite::{Connection, params};

use super::objects::{stored, stored_sql};
use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, unsigned};
use crate::error::Fault;

pub(super) fn classes(db: &Connection, scope: Scope) -> Result<Vec<ClassCount>, Fault> {
    rows(
        db,
        "SELECT coalesce(c.text, '') AS text, n.label, n.objects FROM ( \
           SELECT class, label, count(*) AS objects FROM object \
           WHERE tenant = ?1 AND world = ?2 AND latest IS NOT NULL GROUP BY class, label \
         ) n LEFT JOIN class c ON c.number = n.class ORDER BY text, n.label",
        params![scope.tenant.0, Col(scope.world)],
        |row| {
            Ok(ClassCount {
                class: row.get(0)?,
                label: row.get::<_, Col<Label>>(1)?.0,
                objects: unsigned(row.get(2)?),
            })
        },
    )
}

pub(super) fn members(
    db: &Connection,
    scope: Scope,
    class: &str,
    label: Label,
    after: Option<VersionId>,
    limit: usize,
) -> Result<Vec<Stored>, Fault> {
    let number = if class.is_empty() {
        Some(0)
    } else {
        row(
            db,
            "SELECT number FROM class WHERE tenant = ?1 AND text = ?2",
            params![scope.tenant.0, class],
            |row| row.get(0),
        )?
    };
    let Some(number): Option<i64> = number else { return Ok(Vec::new()) };
    let found = rows(
        db,
        stored_sql!(
            "object n CROSS JOIN version v ON v.tenant = n.tenant AND v.number = n.latest",
            "WHERE n.tenant = ?1 AND n.world = ?2 AND n.class = ?3 AND n.label = ?4 AND n.latest > ?5 \
             ORDER BY n.latest LIMIT ?6"
        ),
        params![
            scope.tenant.0,
            Col(scope.world),
            number,
            Col(label),
            after.map_or(0, |version| version.0),
            rows_limit(limit)
        ],
        stored,
    )?;
    Ok(found.into_iter().collect::<Result<_, StoreError>>()?)
}

pub(crate) fn unclassified(db: &Connection, scope: Scope, limit: usize) -> Result<Vec<Stored>, Fault> {
    let found = rows(
        db,
        stored_sql!(
            "version v",
            "WHERE v.tenant = ?1 AND v.world = ?2 AND v.class = 0 ORDER BY v.number LIMIT ?3"
        ),
        params![scope.tenant.0, Col(scope.world), rows_limit(limit)],
        stored,
    )?;
    Ok(found.into_iter().collect::<Result<_, StoreError>>()?)
}

pub(crate) fn of(db: &Connection, tenant: Tenant, version: VersionId) -> Result<Option<String>, Fault> {
    row(
        db,
        "SELECT coalesce(c.text, '') FROM version v LEFT JOIN class c ON c.number = v.class \
         WHERE v.tenant = ?1 AND v.number = ?2",
        params![tenant.0, version.0],
        |row| row.get(0),
    )
}
