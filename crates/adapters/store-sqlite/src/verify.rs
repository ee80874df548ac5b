//! Checks everything against everything.

use ports::{StoreError, VerifyReport};
use rusqlite::Connection;

use crate::codec::unsigned;
use crate::error::Fault;

/// Problems of one kind that are told apart; after these, there is no need for more.
const SHOWN: i64 = 10;

/// Each query lists what is wrong, one text per row.
const CHECKS: &[&str] = &[
    // The journal runs from horizon to head without a gap.
    "SELECT 'journal of tenant ' || t.tenant || ' holds ' || count(j.seq) || ' entries where ' || (t.head - t.horizon) \
       || ' belong' FROM tenant t LEFT JOIN journal j ON j.tenant = t.tenant \
     GROUP BY t.tenant HAVING count(j.seq) <> t.head - t.horizon \
       OR (count(j.seq) > 0 AND (min(j.seq) <> t.horizon + 1 OR max(j.seq) <> t.head))",
    "SELECT 'journal entry ' || seq || ' of tenant ' || tenant || ' belongs to no known tenant' FROM journal j \
     WHERE NOT EXISTS (SELECT 1 FROM tenant t WHERE t.tenant = j.tenant)",
    // Counters count.
    "SELECT 'tenant ' || tenant || ' counts ' || objects || ' objects and ' || versions || ' versions, but holds others' \
     FROM tenant t WHERE versions <> (SELECT count(*) FROM version v WHERE v.tenant = t.tenant) \
       OR objects <> (SELECT count(*) FROM object o WHERE o.tenant = t.tenant AND o.latest IS NOT NULL)",
    // Every version has its object, its payload, its journal entry (unless compacted) and sensible facets.
    "SELECT 'version ' || v.number || ' has no object' FROM version v LEFT JOIN object o ON o.number = v.object \
     WHERE o.number IS NULL OR o.tenant <> v.tenant OR o.world <> v.world OR o.latest IS NULL",
    "SELECT 'version ' || v.number || ' has no payload' FROM version v \
     LEFT JOIN payload p ON p.number = v.payload AND p.tenant = v.tenant WHERE p.number IS NULL",
    "SELECT 'version ' || v.number || ' is not in the journal' FROM version v JOIN tenant t ON t.tenant = v.tenant \
     LEFT JOIN journal j ON j.tenant = v.tenant AND j.seq = v.number \
     WHERE v.number > t.head OR (v.number > t.horizon AND j.version IS NOT v.number)",
    "SELECT 'version ' || number || ' has a label or confidence that does not exist' FROM version \
     WHERE label > 5 OR overlay > 5 OR confidence > 100",
    // One newest version per object, and it is the object's own.
    "SELECT 'object ' || o.number || ' has no newest version' FROM object o \
     LEFT JOIN version v ON v.tenant = o.tenant AND v.number = o.latest \
     WHERE o.latest IS NOT NULL AND (v.object IS NOT o.number OR v.world IS NOT o.world)",
    // Projections point at what is there.
    "SELECT 'collection ' || m.collection || ' holds version ' || m.version || ', which is not stored' \
     FROM membership m LEFT JOIN version v ON v.tenant = m.tenant AND v.number = m.version \
     WHERE v.object IS NOT m.object OR v.world IS NOT m.world OR v.modified IS NOT m.modified",
    "SELECT 'collection ' || m.collection || ' has a date added beyond its last' FROM membership m \
     LEFT JOIN collection c ON c.tenant = m.tenant AND c.number = m.collection \
     WHERE c.added IS NULL OR m.added > c.added",
    "SELECT 'collection ' || collection || ' has not exactly one first and one last version of object ' || object \
     FROM membership GROUP BY tenant, world, collection, object HAVING sum(last) <> 1 OR sum(first) <> 1",
    "SELECT 'an edge leaves object ' || e.source || ', which is not stored' FROM edge e \
     LEFT JOIN object o ON o.number = e.source WHERE o.latest IS NULL OR o.world <> e.world",
    "SELECT 'an edge leads to object ' || e.target || ', which is not known' FROM edge e \
     LEFT JOIN object o ON o.number = e.target WHERE o.number IS NULL OR o.world <> e.world",
    "SELECT 'relationship ' || r.owner || ' or one of its ends is not known' FROM relationship r \
     LEFT JOIN object o ON o.number = r.owner LEFT JOIN object s ON s.number = r.source \
     LEFT JOIN object t ON t.number = r.target \
     WHERE o.latest IS NULL OR s.number IS NULL OR t.number IS NULL OR o.world <> r.world",
    "SELECT 'an observable belongs to object ' || b.object || ', which is not stored' FROM observable b \
     LEFT JOIN object o ON o.number = b.object WHERE o.latest IS NULL OR o.world <> b.world",
    "SELECT 'search lists object ' || d.object || ', which is not stored' FROM search_document d \
     LEFT JOIN object o ON o.number = d.object WHERE o.latest IS NULL OR o.world <> d.world",
    // Payloads: none without an owner, none missing.
    "SELECT 'payload ' || number || ' belongs to nothing' FROM payload \
     WHERE number NOT IN (SELECT payload FROM version) AND number NOT IN (SELECT payload FROM inbox) \
       AND number NOT IN (SELECT payload FROM held WHERE payload IS NOT NULL)",
    "SELECT 'held value ' || number || ' has no payload' FROM held WHERE payload IS NOT NULL \
       AND payload NOT IN (SELECT number FROM payload) OR payload IS NULL AND released IS NOT 0",
    "SELECT 'request ' || number || ' has no payload' FROM inbox WHERE payload NOT IN (SELECT number FROM payload)",
    // Erased is erased.
    "SELECT 'names without text in object ' || o.number FROM object o LEFT JOIN word w ON w.number = o.type \
     WHERE w.number IS NULL",
];

/// The whole check, on one snapshot.
pub(crate) fn verify(connection: &Connection) -> Result<VerifyReport, Fault> {
    let count =
        |sql: &str| -> Result<u64, Fault> { Ok(unsigned(connection.query_row(sql, [], |row| row.get(0))?)) };
    let mut report = VerifyReport { problems: integrity(connection)?, ..VerifyReport::default() };
    // In a damaged file the other questions have no answers.
    if report.problems.is_empty() {
        report.versions = count("SELECT count(*) FROM version")?;
        report.entries = count("SELECT count(*) FROM journal")?;
        for check in CHECKS {
            let sql = format!("SELECT * FROM ({check}) LIMIT {SHOWN}");
            let mut statement = connection.prepare(&sql)?;
            let found = statement.query_map([], |row| row.get(0))?;
            report.problems.extend(found.collect::<Result<Vec<String>, _>>()?);
        }
    }
    Ok(report)
}

/// The engine's own check; empty when all is well.
pub(crate) fn integrity(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({SHOWN})"))?;
    let said =
        statement.query_map([], |row| row.get(0)).and_then(Iterator::collect::<Result<Vec<String>, _>>);
    match said {
        Ok(said) => Ok(said.into_iter().filter(|line| line != "ok").collect()),
        Err(error) => match StoreError::from(Fault::from(error)) {
            StoreError::Corrupt(problem) => Ok(vec![problem]),
            other => Err(other.into()),
        },
    }
}
