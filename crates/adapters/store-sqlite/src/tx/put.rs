//! Versions: what is there, adding one with its projections, narrowing one.

use model::{Label, Seq, SourceId, StixId, Timestamp, VersionId};
use ports::{Edge, Existing, JournalKind, Latest, NewVersion, Rendition, Scope, StoreError};
use rusqlite::params;

use super::{Newest, Object, SqliteTx, class, held, membership};
use crate::codec::{Col, text, unsigned};
use crate::error::Fault;
use crate::read::objects::{full_id, joined_id};

/// Versions of an unversioned object that are compared with a new one, at most.
const RECENT: i64 = 16;

pub(super) fn existing(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    id: &StixId,
    version: Option<Timestamp>,
) -> Result<Existing, Fault> {
    let erased = is_erased(tx, scope, id)?;
    let Some(object) = tx.object(scope, id)? else { return Ok(Existing { erased, ..Existing::default() }) };
    let Some(latest) = object.latest else { return Ok(Existing { erased, ..Existing::default() }) };
    let latest = tx.row(
        concat!(
            "SELECT v.modified, v.created, v.revoked, ",
            joined_id!(),
            " FROM version v ",
            "LEFT JOIN object o ON o.number = v.created_by LEFT JOIN word w ON w.number = o.type ",
            "WHERE v.tenant = ?1 AND v.number = ?2"
        ),
        params![scope.tenant.0, latest],
        |row| {
            Ok(Latest {
                version: row.get::<_, Col<Timestamp>>(0)?.0,
                created: row.get::<_, Option<Col<Timestamp>>>(1)?.map(|at| at.0),
                revoked: row.get(2)?,
                created_by: full_id(row, 3)?,
                first_source: SourceId(object.first_source.unwrap_or(0)),
            })
        },
    )?;
    // For an unversioned object every version is of interest, the newest ones first.
    let (low, high, count) = match version {
        Some(at) => (at, at, i64::MAX),
        None => (Timestamp::MIN, Timestamp::MAX, RECENT),
    };
    let rows = tx.rows(
        "SELECT v.number, v.rendition, v.label, p.raw, \
           EXISTS (SELECT 1 FROM origin g WHERE g.tenant = v.tenant AND g.version = v.number) \
         FROM version v JOIN payload p ON p.number = v.payload \
         WHERE v.tenant = ?1 AND v.world = ?2 AND v.object = ?3 AND v.modified BETWEEN ?4 AND ?5 \
         ORDER BY v.modified DESC, v.rendition LIMIT ?6",
        params![scope.tenant.0, Col(scope.world), object.number, Col(low), Col(high), count],
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Col<Label>>(2)?.0, row.get(3)?, row.get(4)?)),
    )?;
    let rendition = |(number, rendition, label, raw, vouched)| -> Result<Rendition, StoreError> {
        Ok(Rendition { version_id: VersionId(number), rendition, label, raw: text(raw)?, vouched })
    };
    let same = rows.into_iter().map(rendition).collect::<Result<_, _>>()?;
    Ok(Existing { latest, same, erased })
}

fn is_erased(tx: &mut SqliteTx<'_>, scope: Scope, id: &StixId) -> Result<bool, Fault> {
    let digest = tx.digest(&[b"object", id.as_str().as_bytes()])?;
    let found = tx.row(
        "SELECT 1 FROM tombstone WHERE tenant = ?1 AND world = ?2 AND digest = ?3",
        params![scope.tenant.0, Col(scope.world), digest],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

pub(super) fn newest(tx: &mut SqliteTx<'_>, scope: Scope, id: &StixId) -> Result<Option<String>, Fault> {
    let Some(version) = tx.object(scope, id)?.and_then(|object| object.latest) else { return Ok(None) };
    let raw = tx.row(
        "SELECT p.raw FROM version v JOIN payload p ON p.number = v.payload WHERE v.tenant = ?1 AND v.number = ?2",
        params![scope.tenant.0, version],
        |row| row.get(0),
    )?;
    Ok(raw.map(text).transpose()?)
}

pub(super) fn put(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    new: &NewVersion<'_>,
) -> Result<(VersionId, Seq), Fault> {
    let found = tx.object(scope, new.id)?;
    let before = found.as_ref().and_then(|object| object.latest);
    if let Some(Object { number, latest: Some(_), .. }) = found {
        refuse_twice(tx, scope, number, new)?;
    }
    // An object with versions always has a newest one.
    let latest = new.latest || before.is_none();
    let number = tx.advance(scope.tenant, i64::from(before.is_none()), 1)?;
    let class = class::number(tx, scope.tenant, new.class)?;
    let object = match found {
        None => {
            let newest = Newest { version: number, source: new.source, class, label: new.label };
            let object = tx.insert_object(scope, new.id, Some(&newest))?;
            tx.remember((scope, new.id.clone()), object);
            object
        }
        Some(object) => {
            if latest {
                tx.execute(
                    "UPDATE object SET latest = ?2, first_source = coalesce(first_source, ?3), class = ?4, label = ?5 \
                     WHERE number = ?1",
                    params![object.number, number, new.source.0, class, Col(new.label)],
                )?;
            }
            object.number
        }
    };
    let payload = tx.insert_payload(scope.tenant, new.raw.as_bytes())?;
    let created_by = new.created_by.map(|id| tx.refer(scope, id)).transpose()?;
    tx.execute(
        "INSERT INTO version (tenant, number, world, object, modified, created, rendition, label, overlay, revoked, \
         confidence, source, created_by, accepted, payload, class) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        params![
            scope.tenant.0,
            number,
            Col(scope.world),
            object,
            Col(new.version),
            new.created.map(Col),
            new.rendition,
            Col(new.label),
            new.overlay.map(Col),
            new.revoked,
            new.confidence,
            new.source.0,
            created_by,
            Col(now),
            payload,
            class,
        ],
    )?;
    if latest {
        if before.is_some() {
            clear_projections(tx, scope, object)?;
        }
        add_edges(tx, scope, object, &new.edges)?;
        for observable in &new.observables {
            tx.execute(
                "INSERT INTO observable (tenant, world, kind, key, object) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO NOTHING",
                params![scope.tenant.0, Col(scope.world), observable.kind().id(), observable.key(), object],
            )?;
        }
    }
    let entry = membership::Entry {
        object,
        version: number,
        modified: new.version,
        type_name: new.id.type_name(),
        fuller: new.latest || new.rendition == 0,
        fresh: before.is_none(),
    };
    for collection in &new.collections {
        membership::enter(tx, scope, now, *collection, &entry)?;
    }
    if latest && !entry.fresh {
        membership::withdraw(tx, scope, entry.object, &new.collections)?;
    }
    held::findings(tx, scope, now, new.source, Some(new.id), None, &new.findings)?;
    let kind = if latest { JournalKind::Put } else { JournalKind::History };
    tx.enter(scope, number, now, kind, new.source, Some(number))?;
    Ok((VersionId(number), Seq(unsigned(number))))
}

/// The same rendition of the same version is stored once; checked before anything is written.
fn refuse_twice(tx: &SqliteTx<'_>, scope: Scope, object: i64, new: &NewVersion<'_>) -> Result<(), Fault> {
    let there = tx.row(
        "SELECT 1 FROM version WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND modified = ?4 AND rendition = ?5",
        params![scope.tenant.0, Col(scope.world), object, Col(new.version), new.rendition],
        |_| Ok(()),
    )?;
    match there {
        Some(()) => Err(StoreError::Exists(format!("version {} of `{}`", new.version, new.id)).into()),
        None => Ok(()),
    }
}

/// Forgets what the newest version contributed.
pub(super) fn clear_projections(tx: &SqliteTx<'_>, scope: Scope, object: i64) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM edge WHERE tenant = ?1 AND world = ?2 AND source = ?3",
        "DELETE FROM relationship WHERE tenant = ?1 AND world = ?2 AND owner = ?3",
        "DELETE FROM observable WHERE tenant = ?1 AND world = ?2 AND object = ?3",
    ] {
        tx.execute(sql, params![scope.tenant.0, Col(scope.world), object])?;
    }
    Ok(())
}

/// Stores references. `relationship:<type>` joins what `source_ref` names (or the object itself) with its target;
/// the two ends then need no edges of their own.
fn add_edges(tx: &mut SqliteTx<'_>, scope: Scope, object: i64, edges: &[Edge]) -> Result<(), Fault> {
    let joins = edges.iter().any(|edge| edge.name.starts_with(ports::RELATIONSHIP));
    for edge in edges {
        let target = tx.refer(scope, &edge.target)?;
        if let Some(name) = edge.name.strip_prefix(ports::RELATIONSHIP) {
            let name = tx.word(name)?;
            let source = match edges.iter().find(|edge| edge.name == "source_ref") {
                Some(end) => tx.refer(scope, &end.target)?,
                None => object,
            };
            tx.execute(
                "INSERT INTO relationship (tenant, world, owner, source, name, target) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                params![scope.tenant.0, Col(scope.world), object, source, name, target],
            )?;
        } else if !(joins && matches!(edge.name.as_str(), "source_ref" | "target_ref")) {
            let name = tx.word(&edge.name)?;
            tx.execute(
                "INSERT INTO edge (tenant, world, source, name, target) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO NOTHING",
                params![scope.tenant.0, Col(scope.world), object, name, target],
            )?;
        }
    }
    Ok(())
}

pub(super) fn relabel(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    version: VersionId,
    label: Label,
) -> Result<(), Fault> {
    let found = tx.row(
        "SELECT label, source, object FROM version WHERE tenant = ?1 AND number = ?2 AND world = ?3",
        params![scope.tenant.0, version.0, Col(scope.world)],
        |row| Ok((row.get::<_, Col<Label>>(0)?.0, row.get(1)?, row.get::<_, i64>(2)?)),
    )?;
    let Some((present, source, object)) = found else {
        return Err(StoreError::Missing(format!("version {version}")).into());
    };
    if label.meet(present) == present {
        return Ok(());
    }
    set_label(tx, scope, version, object, label)?;
    membership::narrowed(tx, scope, now, version.0, label == Label::CLEAR)?;
    tx.note(scope, now, JournalKind::Relabel, SourceId(source), Some(version.0))
}

fn set_label(
    tx: &SqliteTx<'_>,
    scope: Scope,
    version: VersionId,
    object: i64,
    label: Label,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE version SET label = ?3, overlay = ?3 WHERE tenant = ?1 AND number = ?2",
        params![scope.tenant.0, version.0, Col(label)],
    )?;
    tx.execute(
        "UPDATE object SET label = ?3 WHERE number = ?1 AND latest = ?2",
        params![object, version.0, Col(label)],
    )
    .map(drop)
}

pub(super) fn narrow(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    version: VersionId,
    label: Label,
    class: &str,
) -> Result<(), Fault> {
    let found = tx.row(
        "SELECT label, source, object FROM version WHERE tenant = ?1 AND number = ?2 AND world = ?3",
        params![scope.tenant.0, version.0, Col(scope.world)],
        |row| Ok((row.get::<_, Col<Label>>(0)?.0, row.get(1)?, row.get::<_, i64>(2)?)),
    )?;
    let Some((present, source, object)) = found else {
        return Err(StoreError::Missing(format!("version {version}")).into());
    };
    class::classify(tx, scope, version, class)?;
    if label.meet(present) != present {
        set_label(tx, scope, version, object, label.meet(present))?;
    }
    membership::narrowed(tx, scope, now, version.0, false)?;
    tx.note(scope, now, JournalKind::Relabel, SourceId(source), Some(version.0))
}

pub(super) fn redate(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    version: VersionId,
) -> Result<(), Fault> {
    let label = tx.row(
        "SELECT label FROM version WHERE tenant = ?1 AND number = ?2 AND world = ?3",
        params![scope.tenant.0, version.0, Col(scope.world)],
        |row| Ok(row.get::<_, Col<Label>>(0)?.0),
    )?;
    let label = label.ok_or_else(|| StoreError::Missing(format!("version {version}")))?;
    membership::narrowed(tx, scope, now, version.0, label == Label::CLEAR)
}
