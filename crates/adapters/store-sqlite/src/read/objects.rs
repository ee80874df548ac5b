//! Objects by id, facet, value and reference.

use model::{Label, Seq, SourceId, StixId, Timestamp, Uuid, VersionId};
use observable::Observable;
use ports::trust::OwnValue;
use ports::{GraphEdge, ObjectFilter, Scope, StoreError, Stored};
use rusqlite::{Connection, Row, params};

use super::{row, rows};
use crate::codec::{Col, limit as rows_limit, text, unsigned};
use crate::error::Fault;

/// The two columns of an id, for [`full_id`].
macro_rules! joined_id {
    () => {
        "w.text, o.uuid"
    };
}
pub(crate) use joined_id;

/// An id from [`joined_id`]'s columns, if the row has one.
pub(crate) fn full_id(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<StixId>> {
    let Some(kind) = row.get_ref(at)?.as_str_or_null()? else { return Ok(None) };
    Ok(Some(StixId::new(kind, row.get::<_, Col<Uuid>>(at + 1)?.0)))
}

/// An id from [`joined_id`]'s columns of an inner join.
pub(super) fn joined(row: &Row<'_>, at: usize) -> rusqlite::Result<StixId> {
    Ok(StixId::new(row.get_ref(at)?.as_str()?, row.get::<_, Col<Uuid>>(at + 1)?.0))
}

/// Everything about versions, from `version v`; `CROSS JOIN` fixes the order, so that the best plan is the only one.
macro_rules! stored_sql {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT w.text, o.uuid, v.number, v.modified, v.rendition, p.raw, v.label, v.overlay, v.source, ",
            "v.accepted, v.revoked, o.latest = v.number FROM ",
            $from,
            " CROSS JOIN object o ON o.number = v.object CROSS JOIN word w ON w.number = o.type ",
            "CROSS JOIN payload p ON p.number = v.payload ",
            $rest
        )
    };
}
pub(super) use stored_sql;

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Result<Stored, StoreError>> {
    let number = row.get(2)?;
    let raw = match text(row.get(5)?) {
        Ok(raw) => raw,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(Stored {
        version_id: VersionId(number),
        id: joined(row, 0)?,
        version: row.get::<_, Col<Timestamp>>(3)?.0,
        rendition: row.get(4)?,
        raw,
        label: row.get::<_, Col<Label>>(6)?.0,
        overlay: row.get::<_, Option<Col<Label>>>(7)?.map(|label| label.0),
        source: SourceId(row.get(8)?),
        accepted: row.get::<_, Col<Timestamp>>(9)?.0,
        seq: Seq(unsigned(number)),
        revoked: row.get(10)?,
        latest: row.get(11)?,
    }))
}

/// The number and newest version of an object.
pub(super) fn find(db: &Connection, scope: Scope, id: &StixId) -> Result<Option<(i64, Option<i64>)>, Fault> {
    row(
        db,
        "SELECT number, latest FROM object WHERE tenant = ?1 AND world = ?2 AND uuid = ?3 \
         AND type = (SELECT number FROM word WHERE text = ?4)",
        params![scope.tenant.0, Col(scope.world), Col(id.uuid()), id.type_name()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

pub(super) fn object(
    db: &Connection,
    scope: Scope,
    id: &StixId,
    version: Option<Timestamp>,
) -> Result<Option<Stored>, Fault> {
    let Some((object, latest)) = find(db, scope, id)? else { return Ok(None) };
    let found = match (version, latest) {
        (None, None) => None,
        (None, Some(latest)) => return self::version(db, scope, VersionId(latest)),
        // The full rendition is 0 and comes first.
        (Some(at), _) => row(
            db,
            stored_sql!(
                "version v",
                "WHERE v.tenant = ?1 AND v.world = ?2 AND v.object = ?3 AND v.modified = ?4 \
                 ORDER BY v.rendition LIMIT 1"
            ),
            params![scope.tenant.0, Col(scope.world), object, Col(at)],
            stored,
        )?,
    };
    Ok(found.transpose()?)
}

pub(super) fn first_source(db: &Connection, scope: Scope, id: &StixId) -> Result<Option<SourceId>, Fault> {
    let Some((object, Some(_))) = find(db, scope, id)? else { return Ok(None) };
    let first = row(db, "SELECT first_source FROM object WHERE number = ?1", [object], |row| {
        row.get::<_, Option<u32>>(0)
    })?;
    Ok(first.flatten().map(SourceId))
}

pub(super) fn version(db: &Connection, scope: Scope, id: VersionId) -> Result<Option<Stored>, Fault> {
    let found = row(
        db,
        stored_sql!("version v", "WHERE v.tenant = ?1 AND v.number = ?2 AND v.world = ?3"),
        params![scope.tenant.0, id.0, Col(scope.world)],
        stored,
    )?;
    Ok(found.transpose()?)
}

pub(super) fn versions(db: &Connection, scope: Scope, id: &StixId) -> Result<Vec<Stored>, Fault> {
    let Some((object, _)) = find(db, scope, id)? else { return Ok(Vec::new()) };
    let found = rows(
        db,
        stored_sql!(
            "version v",
            "WHERE v.tenant = ?1 AND v.world = ?2 AND v.object = ?3 ORDER BY v.modified, v.rendition DESC"
        ),
        params![scope.tenant.0, Col(scope.world), object],
        stored,
    )?;
    Ok(found.into_iter().collect::<Result<_, _>>()?)
}

pub(super) fn objects(
    db: &Connection,
    scope: Scope,
    filter: &ObjectFilter,
    after: Option<VersionId>,
    limit: usize,
) -> Result<Vec<Stored>, Fault> {
    // Types are matched as one text with a separator no type name can hold; empty means all.
    let types = if filter.types.is_empty() { None } else { Some(format!(",{},", filter.types.join(","))) };
    let after = after.map_or(0, |version| version.0);
    let found = match &filter.observable {
        None => rows(
            db,
            stored_sql!(
                "version v",
                "WHERE v.tenant = ?1 AND v.number > ?3 AND v.world = ?2 AND (?4 OR o.latest = v.number) \
                 AND (?5 IS NULL OR v.source = ?5) AND (?6 IS NULL OR v.label = ?6) \
                 AND (?7 IS NULL OR instr(?7, ',' || w.text || ',') > 0) ORDER BY v.number LIMIT ?8"
            ),
            params![
                scope.tenant.0,
                Col(scope.world),
                after,
                filter.all_versions,
                filter.source.map(|source| source.0),
                filter.label.map(Col),
                types,
                rows_limit(limit)
            ],
            stored,
        )?,
        // Observables are those of newest versions, whatever else is asked for.
        Some(observable) => rows(
            db,
            stored_sql!(
                "observable b CROSS JOIN object n ON n.number = b.object \
                 CROSS JOIN version v ON v.tenant = b.tenant AND v.number = n.latest",
                "WHERE b.tenant = ?1 AND b.world = ?2 AND b.kind = ?8 AND b.key = ?9 AND v.number > ?3 \
                 AND (?4 IS NULL OR v.source = ?4) AND (?5 IS NULL OR v.label = ?5) \
                 AND (?6 IS NULL OR instr(?6, ',' || w.text || ',') > 0) ORDER BY v.number LIMIT ?7"
            ),
            params![
                scope.tenant.0,
                Col(scope.world),
                after,
                filter.source.map(|source| source.0),
                filter.label.map(Col),
                types,
                rows_limit(limit),
                observable.kind().id(),
                observable.key()
            ],
            stored,
        )?,
    };
    Ok(found.into_iter().collect::<Result<_, _>>()?)
}

pub(super) fn edges(
    db: &Connection,
    scope: Scope,
    id: &StixId,
    limit: usize,
) -> Result<Vec<GraphEdge>, Fault> {
    let Some((object, _)) = find(db, scope, id)? else { return Ok(Vec::new()) };
    rows(
        db,
        "SELECT sw.text, s.uuid, nw.text, tw.text, t.uuid FROM ( \
           SELECT source, name, target FROM edge WHERE tenant = ?1 AND world = ?2 AND source = ?3 \
           UNION SELECT source, name, target FROM edge WHERE tenant = ?1 AND world = ?2 AND target = ?3 \
           UNION SELECT source, name, target FROM relationship WHERE tenant = ?1 AND world = ?2 AND owner = ?3 \
           UNION SELECT source, name, target FROM relationship WHERE tenant = ?1 AND world = ?2 AND source = ?3 \
           UNION SELECT source, name, target FROM relationship WHERE tenant = ?1 AND world = ?2 AND target = ?3 \
           LIMIT ?4 \
         ) e CROSS JOIN object s ON s.number = e.source CROSS JOIN word sw ON sw.number = s.type \
         CROSS JOIN word nw ON nw.number = e.name \
         CROSS JOIN object t ON t.number = e.target CROSS JOIN word tw ON tw.number = t.type",
        params![scope.tenant.0, Col(scope.world), object, rows_limit(limit)],
        |row| Ok(GraphEdge { source: joined(row, 0)?, name: row.get(2)?, target: joined(row, 3)? }),
    )
}

/// Values of a kind on objects whose newest version came from this organisation itself.
pub(super) fn own_values(
    db: &Connection,
    scope: Scope,
    kind: u8,
    (value, place): (&str, i64),
    limit: usize,
) -> Result<Vec<OwnValue>, Fault> {
    rows(
        db,
        concat!(
            "SELECT ",
            joined_id!(),
            ", b.key, b.object, coalesce(c.text, ''), o.label FROM observable b ",
            "CROSS JOIN object o ON o.number = b.object ",
            "CROSS JOIN version v ON v.tenant = b.tenant AND v.number = o.latest ",
            "CROSS JOIN word w ON w.number = o.type LEFT JOIN class c ON c.number = o.class ",
            "WHERE b.tenant = ?1 AND b.world = ?2 AND b.kind = ?3 AND (b.key, b.object) > (?4, ?5) ",
            "AND v.source = 0 AND v.revoked = 0 AND o.label IS NOT NULL ORDER BY b.key, b.object LIMIT ?6"
        ),
        params![scope.tenant.0, Col(scope.world), kind, value, place, rows_limit(limit)],
        |row| {
            Ok(OwnValue {
                object: joined(row, 0)?,
                value: row.get(2)?,
                place: row.get(3)?,
                class: row.get(4)?,
                label: row.get::<_, Col<Label>>(5)?.0,
            })
        },
    )
}

pub(super) fn by_observable(
    db: &Connection,
    scope: Scope,
    observable: &Observable,
    limit: usize,
) -> Result<Vec<StixId>, Fault> {
    rows(
        db,
        concat!(
            "SELECT ",
            joined_id!(),
            " FROM observable b CROSS JOIN object o ON o.number = b.object ",
            "CROSS JOIN word w ON w.number = o.type ",
            "WHERE b.tenant = ?1 AND b.world = ?2 AND b.kind = ?3 AND b.key = ?4 ORDER BY b.object LIMIT ?5"
        ),
        params![
            scope.tenant.0,
            Col(scope.world),
            observable.kind().id(),
            observable.key(),
            rows_limit(limit)
        ],
        |row| joined(row, 0),
    )
}
