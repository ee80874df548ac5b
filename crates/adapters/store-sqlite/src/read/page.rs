//! Pages of a collection, in order of date added.
//!
//! The default (the last version of each object) walks one range of the key, and each type has a range of its own, so
//! a page costs the same at any depth. Other versions walk two ranges side by side; ids are looked up one by one.

use std::collections::BTreeSet;

use model::{CollectionId, Label, Timestamp};
use ports::{Page, PageEntry, PageFilter, Scope, StoreError, VersionMatch};
use rusqlite::{Connection, Row, Rows, params};

use super::objects::{find, joined, joined_id};
use super::{row, rows};
use crate::codec::{Col, text};
use crate::error::Fault;

/// The version of the specification of everything stored.
const SPEC: &str = "2.1";

/// A page ends once its objects are this long together: a thousand huge ones would fill memory.
const PAGE_BYTES: usize = 16 << 20;

/// A membership that may be on the page.
struct Candidate {
    added: i64,
    version: i64,
    modified: i64,
    kind: i64,
    last: bool,
    first: bool,
}

/// A filter in the store's numbers.
struct Filter<'f> {
    /// Exclusive.
    after: i64,
    kinds: Option<BTreeSet<i64>>,
    versions: &'f [VersionMatch],
}

pub(super) fn page(
    db: &Connection,
    scope: Scope,
    collection: CollectionId,
    filter: &PageFilter,
    after: Option<Timestamp>,
    limit: usize,
    with_content: bool,
) -> Result<Page, Fault> {
    let number: i64 = row(
        db,
        "SELECT number FROM collection WHERE tenant = ?1 AND id = ?2",
        params![scope.tenant.0, Col(collection.0)],
        |row| row.get(0),
    )?
    .ok_or_else(|| StoreError::Missing(format!("collection `{collection}`")))?;
    if !filter.spec_versions.is_empty() && !filter.spec_versions.iter().any(|spec| spec == SPEC) {
        return Ok(Page::default());
    }
    let wanted = Filter {
        after: filter.added_after.max(after).map_or(i64::MIN, Timestamp::as_micros),
        kinds: kinds(db, &filter.types)?,
        versions: if filter.versions.is_empty() { &[VersionMatch::Last] } else { &filter.versions },
    };
    let mut found = if filter.ids.is_empty() {
        let mut found = Vec::new();
        walk(db, scope, number, true, &wanted, limit, &mut found)?;
        if wanted.versions.iter().any(|version| *version != VersionMatch::Last) {
            walk(db, scope, number, false, &wanted, limit, &mut found)?;
        }
        found
    } else {
        let mut found = Vec::new();
        for id in &filter.ids {
            let Some((object, _)) = find(db, scope, id)? else { continue };
            let places = rows(
                db,
                "SELECT added, version, modified, type, last, first FROM membership \
                 WHERE tenant = ?1 AND world = ?2 AND object = ?3 AND collection = ?4",
                params![scope.tenant.0, Col(scope.world), object, number],
                candidate,
            )?;
            found.extend(places.into_iter().filter(|place| wanted.takes(place)));
        }
        found
    };
    found.sort_by_key(|candidate| candidate.added);
    found.dedup_by_key(|candidate| candidate.added);
    let mut more = found.len() > limit;
    found.truncate(limit);
    let (mut entries, mut bytes) = (Vec::with_capacity(found.len()), 0);
    for candidate in &found {
        let entry = entry(db, scope, candidate, with_content)?;
        bytes += entry.content.as_ref().map_or(0, |(raw, _)| raw.len());
        entries.push(entry);
        if bytes > PAGE_BYTES && entries.len() < found.len() {
            more = true;
            break;
        }
    }
    Ok(Page { entries, more })
}

/// Up to one more than `limit` of one range of the key, or of each type's.
fn walk(
    db: &Connection,
    scope: Scope,
    collection: i64,
    last: bool,
    wanted: &Filter<'_>,
    limit: usize,
    found: &mut Vec<Candidate>,
) -> Result<(), Fault> {
    let range = (scope.tenant.0, Col(scope.world), collection, last, wanted.after);
    let Some(kinds) = &wanted.kinds else {
        let mut statement = db.prepare_cached(
            "SELECT added, version, modified, type, last, first FROM membership \
             WHERE tenant = ?1 AND world = ?2 AND collection = ?3 AND last = ?4 AND added > ?5 ORDER BY added",
        )?;
        return wanted.collect(statement.query(range)?, limit, found);
    };
    let mut statement = db.prepare_cached(
        "SELECT added, version, modified, type, last, first FROM membership INDEXED BY membership_type \
         WHERE tenant = ?1 AND world = ?2 AND collection = ?3 AND last = ?4 AND added > ?5 AND type = ?6 ORDER BY added",
    )?;
    for kind in kinds {
        let (tenant, world, collection, last, after) = range;
        wanted.collect(statement.query((tenant, world, collection, last, after, kind))?, limit, found)?;
    }
    Ok(())
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        added: row.get(0)?,
        version: row.get(1)?,
        modified: row.get(2)?,
        kind: row.get(3)?,
        last: row.get(4)?,
        first: row.get(5)?,
    })
}

impl Filter<'_> {
    fn collect(&self, mut rows: Rows<'_>, limit: usize, found: &mut Vec<Candidate>) -> Result<(), Fault> {
        let full = found.len() + limit;
        while found.len() <= full
            && let Some(row) = rows.next()?
        {
            found.extend(Some(candidate(row)?).filter(|candidate| self.takes(candidate)));
        }
        Ok(())
    }

    fn takes(&self, candidate: &Candidate) -> bool {
        candidate.added > self.after
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&candidate.kind))
            && self.versions.iter().any(|version| match version {
                VersionMatch::Last => candidate.last,
                VersionMatch::First => candidate.first,
                VersionMatch::All => true,
                VersionMatch::Exact(at) => at.as_micros() == candidate.modified,
            })
    }
}

/// The numbers of type names; a name never seen has none and matches nothing.
fn kinds(db: &Connection, types: &[String]) -> Result<Option<BTreeSet<i64>>, Fault> {
    if types.is_empty() {
        return Ok(None);
    }
    let mut kinds = BTreeSet::new();
    for name in types {
        kinds.extend(row(db, "SELECT number FROM word WHERE text = ?1", [name], |row| row.get::<_, i64>(0))?);
    }
    Ok(Some(kinds))
}

fn entry(
    db: &Connection,
    scope: Scope,
    candidate: &Candidate,
    with_content: bool,
) -> Result<PageEntry, Fault> {
    let gone =
        || StoreError::Corrupt(format!("version {} is in a collection but not stored", candidate.version));
    let (id, overlay, payload) = row(
        db,
        concat!(
            "SELECT ",
            joined_id!(),
            ", v.overlay, v.payload FROM version v ",
            "CROSS JOIN object o ON o.number = v.object CROSS JOIN word w ON w.number = o.type ",
            "WHERE v.tenant = ?1 AND v.number = ?2"
        ),
        params![scope.tenant.0, candidate.version],
        |row| Ok((joined(row, 0)?, row.get::<_, Option<Col<Label>>>(2)?, row.get::<_, i64>(3)?)),
    )?
    .ok_or_else(gone)?;
    let content = if with_content {
        let raw = row(db, "SELECT raw FROM payload WHERE number = ?1", [payload], |row| row.get(0))?;
        Some((text(raw.ok_or_else(gone)?)?, overlay.map(|label| label.0)))
    } else {
        None
    };
    Ok(PageEntry {
        added: Timestamp::from_micros(candidate.added),
        id,
        version: Timestamp::from_micros(candidate.modified),
        content,
    })
}
