//! Who is in which collection since when, and which version is the first and the last there.

use model::{CollectionId, SourceId, StixId, Timestamp, Uuid, VersionId};
use ports::{JournalKind, Scope, StoreError};
use rusqlite::params;

use super::SqliteTx;
use crate::codec::Col;
use crate::error::Fault;

/// What is known of a collection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    number: i64,
    /// Takes only what is explicitly clear.
    public: bool,
}

/// A version about to enter collections.
pub(super) struct Entry<'a> {
    pub(super) object: i64,
    pub(super) version: i64,
    pub(super) modified: Timestamp,
    pub(super) type_name: &'a str,
    /// Whether it takes the place of another rendition of the same version.
    pub(super) fuller: bool,
    /// Whether the object has never had a version, so that nothing of it can be in any collection.
    pub(super) fresh: bool,
}

/// A version's place in a collection.
struct Place {
    last: bool,
    added: i64,
    version: i64,
    modified: i64,
    first: bool,
}

/// Puts a version into a collection; no effect if it (or a fuller rendition of it) is there.
pub(super) fn enter(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    collection: CollectionId,
    entry: &Entry<'_>,
) -> Result<(), Fault> {
    let target = target(tx, scope, collection)?;
    if !entry.fresh {
        for place in places(tx, scope, target.number, entry.object)? {
            if place.modified != entry.modified.as_micros() {
                continue;
            }
            if place.version == entry.version || !entry.fuller {
                return Ok(());
            }
            leave(tx, scope, target.number, &place)?;
        }
    }
    insert(tx, scope, now, target.number, entry)?;
    if entry.fresh { Ok(()) } else { settle(tx, scope, target.number, entry.object) }
}

/// Puts a stored version into a further collection, unless it was taken out of that on purpose.
pub(super) fn enroll(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    version: VersionId,
    collection: CollectionId,
) -> Result<(), Fault> {
    let (object, modified, type_name) = tx
        .row(
            "SELECT v.object, v.modified, w.text FROM version v \
             CROSS JOIN object o ON o.number = v.object CROSS JOIN word w ON w.number = o.type \
             WHERE v.tenant = ?1 AND v.number = ?2 AND v.world = ?3",
            params![scope.tenant.0, version.0, Col(scope.world)],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Col<Timestamp>>(1)?.0, row.get::<_, String>(2)?)),
        )?
        .ok_or_else(|| StoreError::Missing(format!("version {version}")))?;
    let target = target(tx, scope, collection)?;
    let departed = tx.row(
        "SELECT 1 FROM departed \
         WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND collection = ?4 AND modified = ?5",
        params![scope.tenant.0, Col(scope.world), object, target.number, Col(modified)],
        |row| row.get::<_, i64>(0),
    )?;
    if departed.is_some() {
        return Ok(());
    }
    let entry =
        Entry { object, version: version.0, modified, type_name: &type_name, fuller: true, fresh: false };
    enter(tx, scope, now, collection, &entry)
}

pub(super) fn remove(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    collection: CollectionId,
    id: &StixId,
    version: Option<Timestamp>,
) -> Result<u64, Fault> {
    let target = target(tx, scope, collection)?;
    let Some(object) = tx.object(scope, id)? else { return Ok(0) };
    let mut newest = None;
    let mut left = 0;
    for place in places(tx, scope, target.number, object.number)? {
        if version.is_none_or(|version| version.as_micros() == place.modified) {
            leave(tx, scope, target.number, &place)?;
            tx.execute(
                "INSERT INTO departed (tenant, world, object, collection, modified) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO NOTHING",
                params![scope.tenant.0, Col(scope.world), object.number, target.number, place.modified],
            )?;
            newest = newest.max(Some((place.modified, place.version)));
            left += 1;
        }
    }
    let Some((_, version)) = newest else { return Ok(0) };
    settle(tx, scope, target.number, object.number)?;
    let source = tx.row(
        "SELECT source FROM version WHERE tenant = ?1 AND number = ?2",
        params![scope.tenant.0, version],
        |row| row.get(0),
    )?;
    tx.note(scope, now, JournalKind::Removed, SourceId(source.unwrap_or(0)), Some(version))?;
    Ok(left)
}

/// A version's label was narrowed: it leaves the collections it is no longer fit for (`public` says whether it still is for
/// those), and gets a new date in the others, so that whoever follows them learns of it.
pub(super) fn narrowed(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    version: i64,
    public: bool,
) -> Result<(), Fault> {
    let rows = tx.rows(
        "SELECT m.collection, c.kind = 0, m.object, w.text, m.last, m.added, m.version, m.modified, m.first \
         FROM version v \
         CROSS JOIN membership m ON m.tenant = ?1 AND m.world = ?2 AND m.object = v.object AND m.version = v.number \
         CROSS JOIN collection c ON c.tenant = ?1 AND c.number = m.collection \
         CROSS JOIN word w ON w.number = m.type \
         WHERE v.tenant = ?1 AND v.number = ?3 ORDER BY m.collection",
        params![scope.tenant.0, Col(scope.world), version],
        |row| {
            let collection = Target { number: row.get(0)?, public: row.get(1)? };
            Ok((collection, row.get(2)?, row.get::<_, String>(3)?, place(row, 4)?))
        },
    )?;
    for (collection, object, type_name, place) in rows {
        leave(tx, scope, collection.number, &place)?;
        if !collection.public || public {
            let entry = Entry {
                object,
                version,
                modified: Timestamp::from_micros(place.modified),
                type_name: &type_name,
                fuller: true,
                fresh: false,
            };
            insert(tx, scope, now, collection.number, &entry)?;
        }
        settle(tx, scope, collection.number, object)?;
    }
    Ok(())
}

/// The newest version is not for the public any more: the older ones leave it too, or it would go on showing as current
/// what its creator has changed or revoked.
pub(super) fn withdraw(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    object: i64,
    entered: &[CollectionId],
) -> Result<(), Fault> {
    let public = tx.row(
        "SELECT id, number FROM collection WHERE tenant = ?1 AND kind = 0",
        params![scope.tenant.0],
        |row| Ok((CollectionId(row.get::<_, Col<Uuid>>(0)?.0), row.get::<_, i64>(1)?)),
    )?;
    let Some((id, number)) = public else { return Ok(()) };
    if entered.contains(&id) {
        return Ok(());
    }
    for place in places(tx, scope, number, object)? {
        leave(tx, scope, number, &place)?;
    }
    Ok(())
}

fn target(tx: &mut SqliteTx<'_>, scope: Scope, id: CollectionId) -> Result<Target, Fault> {
    let key = (scope.tenant, id);
    if let Some(target) = tx.cache.collections.get(&key) {
        return Ok(*target);
    }
    let target = tx
        .row(
            "SELECT number, kind = 0 FROM collection WHERE tenant = ?1 AND id = ?2",
            params![scope.tenant.0, Col(id.0)],
            |row| Ok(Target { number: row.get(0)?, public: row.get(1)? }),
        )?
        .ok_or_else(|| StoreError::Missing(format!("collection `{id}`")))?;
    tx.cache.collections.insert(key, target);
    Ok(target)
}

/// Adds a row with the collection's next date; alone until [`settle`] says otherwise.
fn insert(
    tx: &mut SqliteTx<'_>,
    scope: Scope,
    now: Timestamp,
    collection: i64,
    entry: &Entry<'_>,
) -> Result<(), Fault> {
    let kind = tx.word(entry.type_name)?;
    let added = tx.next_added(scope.tenant, collection, now)?;
    tx.execute(
        "INSERT INTO membership (tenant, world, collection, last, added, object, version, modified, type, first) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?4)",
        params![
            scope.tenant.0,
            Col(scope.world),
            collection,
            entry.fresh,
            added,
            entry.object,
            entry.version,
            Col(entry.modified),
            kind,
        ],
    )?;
    Ok(())
}

fn place(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Place> {
    Ok(Place {
        last: row.get(from)?,
        added: row.get(from + 1)?,
        version: row.get(from + 2)?,
        modified: row.get(from + 3)?,
        first: row.get(from + 4)?,
    })
}

fn places(tx: &SqliteTx<'_>, scope: Scope, collection: i64, object: i64) -> Result<Vec<Place>, Fault> {
    tx.rows(
        "SELECT last, added, version, modified, first FROM membership \
         WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND collection = ?4",
        params![scope.tenant.0, Col(scope.world), object, collection],
        |row| place(row, 0),
    )
}

fn leave(tx: &SqliteTx<'_>, scope: Scope, collection: i64, place: &Place) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM membership WHERE tenant = ?1 AND world = ?2 AND collection = ?3 AND last = ?4 AND added = ?5",
        params![scope.tenant.0, Col(scope.world), collection, place.last, place.added],
    )
    .map(drop)
}

/// Makes the greatest version the last and the smallest the first, and no other.
fn settle(tx: &SqliteTx<'_>, scope: Scope, collection: i64, object: i64) -> Result<(), Fault> {
    let places = places(tx, scope, collection, object)?;
    let last = places.iter().map(|place| (place.modified, place.version)).max();
    let first = places.iter().map(|place| (place.modified, place.version)).min();
    for place in places {
        let key = Some((place.modified, place.version));
        let (is_last, is_first) = (key == last, key == first);
        if (place.last, place.first) != (is_last, is_first) {
            tx.execute(
                "UPDATE membership SET last = ?6, first = ?7 \
                 WHERE tenant = ?1 AND world = ?2 AND collection = ?3 AND last = ?4 AND added = ?5",
                params![
                    scope.tenant.0,
                    Col(scope.world),
                    collection,
                    place.last,
                    place.added,
                    is_last,
                    is_first
                ],
            )?;
        }
    }
    Ok(())
}
