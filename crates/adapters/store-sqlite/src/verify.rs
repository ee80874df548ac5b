//! Checks everything against everything.

use ports::detection::WorkKind;
use ports::trust::{DocumentKind, PeerState};
use ports::{JournalKind, StoreError, VerifyReport};
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
       AND number NOT IN (SELECT payload FROM held WHERE payload IS NOT NULL) \
       AND number NOT IN (SELECT payload FROM entry WHERE payload IS NOT NULL)",
    "SELECT 'held value ' || number || ' has no payload' FROM held WHERE payload IS NOT NULL \
       AND payload NOT IN (SELECT number FROM payload) OR payload IS NULL AND released IS NOT 0",
    "SELECT 'request ' || number || ' has no payload' FROM inbox WHERE payload NOT IN (SELECT number FROM payload)",
    // Classes are counted by what objects say of their newest versions.
    "SELECT 'version ' || v.number || ' is of class ' || v.class || ', which has no text' FROM version v \
     WHERE v.class <> 0 AND NOT EXISTS (SELECT 1 FROM class c WHERE c.tenant = v.tenant AND c.number = v.class)",
    "SELECT 'object ' || o.number || ' has not the class and label of its newest version' FROM object o \
     LEFT JOIN version v ON v.tenant = o.tenant AND v.number = o.latest \
     WHERE o.class IS NOT coalesce(v.class, 0) OR o.label IS NOT v.label",
    // Erased is erased.
    "SELECT 'names without text in object ' || o.number FROM object o LEFT JOIN word w ON w.number = o.type \
     WHERE w.number IS NULL",
];

/// The same about what is shared with others.
const TRUST_CHECKS: &[&str] = &[
    // The ledger runs from 0 without a gap.
    "SELECT 'the ledger of tenant ' || t.tenant || ' holds ' || count(l.place) || ' leaves where ' || t.leaves \
       || ' belong' FROM trust t LEFT JOIN leaf l ON l.tenant = t.tenant \
     GROUP BY t.tenant HAVING count(l.place) <> t.leaves OR (t.leaves > 0 AND (min(l.place) <> 0 OR max(l.place) <> t.leaves - 1))",
    "SELECT 'leaf ' || place || ' of tenant ' || tenant || ' belongs to no known ledger' FROM leaf l \
     WHERE NOT EXISTS (SELECT 1 FROM trust t WHERE t.tenant = l.tenant)",
    "SELECT 'leaf ' || o.place || ' is opened, but not there' FROM opening o \
     WHERE NOT EXISTS (SELECT 1 FROM leaf l WHERE l.tenant = o.tenant AND l.place = o.place)",
    "SELECT 'level ' || level || ' of the ledger of tenant ' || tenant || ' lacks hashes above full tiles' FROM tile_hash \
     GROUP BY tenant, level HAVING count(*) <> max(place) + 1",
    // Streams run without a gap through each epoch, up to their position, and every entry is signed for.
    "SELECT 'epoch ' || epoch || ' of stream ' || channel || ' has ' || count(*) || ' entries from ' || min(seq) || ' to ' \
       || max(seq) FROM entry GROUP BY tenant, channel, outbound, epoch HAVING count(*) <> max(seq) - min(seq) + 1",
    "SELECT 'stream ' || s.channel || ' stands at ' || s.seq || ' of epoch ' || s.epoch || ', but its last entry is ' || max(e.seq) \
     FROM stream s JOIN entry e ON e.tenant = s.tenant AND e.channel = s.channel AND e.outbound = s.outbound AND e.epoch = s.epoch \
     GROUP BY s.tenant, s.channel, s.outbound HAVING max(e.seq) <> s.seq",
    "SELECT 'entry ' || e.seq || ' of epoch ' || e.epoch || ' is ahead of stream ' || e.channel FROM entry e \
     LEFT JOIN stream s ON s.tenant = e.tenant AND s.channel = e.channel AND s.outbound = e.outbound \
     WHERE s.epoch IS NULL OR e.epoch > s.epoch",
    "SELECT 'stream ' || channel || ' is acknowledged or given out beyond its end' FROM stream \
     WHERE outbound <> 0 AND (acked > seq OR couriered > seq)",
    "SELECT 'the segment from ' || g.first || ' of epoch ' || g.epoch || ' of stream ' || g.channel || ' signs entries that are not there' \
     FROM segment g WHERE g.count <> (SELECT count(*) FROM entry e WHERE e.tenant = g.tenant AND e.channel = g.channel \
       AND e.outbound = g.outbound AND e.epoch = g.epoch AND e.seq >= g.first AND e.seq < g.first + g.count)",
    "SELECT 'epoch ' || e.epoch || ' of stream ' || e.channel || ' has ' || count(*) || ' entries, not each signed once' \
     FROM entry e GROUP BY e.tenant, e.channel, e.outbound, e.epoch \
     HAVING count(*) <> (SELECT coalesce(sum(g.count), 0) FROM segment g WHERE g.tenant = e.tenant AND g.channel = e.channel \
       AND g.outbound = e.outbound AND g.epoch = e.epoch)",
    "SELECT 'entry ' || number || ' has no payload' FROM entry WHERE payload IS NOT NULL \
       AND payload NOT IN (SELECT number FROM payload)",
    // What names a version names one that is stored, and one decision that was made.
    "SELECT 'entry ' || e.number || ' carries version ' || e.version || ', which is not stored' FROM entry e WHERE e.version IS NOT NULL \
       AND NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = e.tenant AND v.number = e.version)",
    "SELECT 'version ' || a.version || ' goes along in entry ' || a.entry || ', and is not stored or has no place there' \
     FROM entry_along a WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = a.tenant AND v.number = a.version) \
       OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.number = a.entry AND e.tenant = a.tenant AND e.payload IS NOT NULL)",
    "SELECT 'version ' || w.version || ' waits for a stream, but is not stored' FROM outbox w WHERE w.version IS NOT NULL \
       AND NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = w.tenant AND v.number = w.version)",
    "SELECT 'number ' || w.number || ' waits for a stream by decision ' || w.decision || ', which was not made' FROM outbox w \
     WHERE w.decision IS NOT NULL \
       AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.tenant = w.tenant AND d.number = w.decision)",
    "SELECT 'decision ' || d.number || ' is about version ' || d.version || ', which is not stored' FROM decision d \
     WHERE d.version IS NOT NULL AND (d.object IS NULL \
       OR NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = d.tenant AND v.number = d.version))",
    "SELECT 'holding ' || h.number || ' is of version ' || h.version || ', which is not stored' FROM holding h \
     WHERE h.version IS NOT NULL AND (h.object IS NULL \
       OR NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = h.tenant AND v.number = h.version))",
    "SELECT 'disclosure ' || d.number || ' is of version ' || d.version || ', which is not stored' FROM disclosure d \
     WHERE d.version IS NOT NULL AND (d.object IS NULL \
       OR NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = d.tenant AND v.number = d.version))",
    "SELECT 'review ' || r.number || ' is of version ' || r.version || ', which is not stored' FROM review r \
     WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = r.tenant AND v.number = r.version)",
    "SELECT 'an origin is stated for version ' || g.version || ', which is not stored' FROM origin g \
     WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.tenant = g.tenant AND v.number = g.version)",
    // Everything between two parties is between known ones.
    "SELECT x.what || ' are with party and agreement ' || x.channel || ', which are not known' FROM ( \
       SELECT DISTINCT 'decisions' AS what, tenant, channel FROM decision UNION ALL \
       SELECT DISTINCT 'queued entries', tenant, channel FROM outbox UNION ALL \
       SELECT DISTINCT 'streams', tenant, channel FROM stream UNION ALL \
       SELECT DISTINCT 'entries', tenant, channel FROM entry UNION ALL \
       SELECT DISTINCT 'holdings', tenant, channel FROM holding UNION ALL \
       SELECT DISTINCT 'disclosures', tenant, channel FROM disclosure UNION ALL \
       SELECT DISTINCT 'withdrawals', tenant, channel FROM withdrawal UNION ALL \
       SELECT DISTINCT 'reviews', tenant, channel FROM review UNION ALL \
       SELECT DISTINCT 'private queries', tenant, channel FROM private_query \
     ) x WHERE NOT EXISTS (SELECT 1 FROM channel c WHERE c.tenant = x.tenant AND c.number = x.channel)",
    "SELECT 'channel ' || number || ' is not between a party and an agreement' FROM channel \
     WHERE length(party) <> 32 OR length(agreement) NOT IN (0, 32)",
    // Numbers are given out once.
    "SELECT 'tenant ' || x.tenant || ' has ' || x.what || ' beyond the last number given out' FROM ( \
       SELECT 'channels' AS what, tenant, max(number) AS last, 0 AS place FROM channel GROUP BY tenant UNION ALL \
       SELECT 'documents', tenant, max(number), 1 FROM document GROUP BY tenant UNION ALL \
       SELECT 'decisions', tenant, max(number), 2 FROM decision GROUP BY tenant UNION ALL \
       SELECT 'queued entries', tenant, max(number), 3 FROM outbox GROUP BY tenant UNION ALL \
       SELECT 'holdings', tenant, max(number), 4 FROM holding GROUP BY tenant UNION ALL \
       SELECT 'disclosures', tenant, max(number), 5 FROM disclosure GROUP BY tenant UNION ALL \
       SELECT 'reviews', tenant, max(number), 6 FROM review GROUP BY tenant UNION ALL \
       SELECT 'private queries', tenant, max(number), 7 FROM private_query GROUP BY tenant \
     ) x LEFT JOIN trust t ON t.tenant = x.tenant WHERE x.last > coalesce(CASE x.place WHEN 0 THEN t.channels \
       WHEN 1 THEN t.documents WHEN 2 THEN t.decisions WHEN 3 THEN t.queued WHEN 4 THEN t.holdings \
       WHEN 5 THEN t.disclosures WHEN 6 THEN t.reviews ELSE t.queries END, 0)",
];

/// The same about detection.
const DETECTION_CHECKS: &[&str] = &[
    "SELECT 'tenant ' || a.tenant || ' has alerts beyond the last number given out' \
     FROM (SELECT tenant, max(number) AS last FROM alert GROUP BY tenant) a LEFT JOIN tenant t ON t.tenant = a.tenant \
     WHERE a.last > coalesce(t.last_alert, 0)",
    "SELECT 'alert ' || number || ' is half closed' FROM alert \
     WHERE (closed IS NULL) <> (author IS NULL) OR (closed IS NULL) <> (reason IS NULL)",
    "SELECT 'alert ' || number || ' is of no group' FROM alert WHERE length(digest) <> 32",
    "SELECT 'alert ' || number || ' counts ' || count || ' events' FROM alert WHERE count < 0",
    "SELECT 'work `' || lower(hex(id)) || '` has an id or a party that is none' FROM work \
     WHERE length(id) <> 32 OR length(party) <> 32",
    "SELECT 'log source `' || name || '` failed at no time or for no reason' FROM log_source \
     WHERE (error_at IS NULL) <> (error IS NULL)",
];

/// Rows of kinds that this program does not know.
fn unknown_kinds() -> [String; 4] {
    let check = |what: &str, column: &str, table: &str, known: usize| {
        format!(
            "SELECT '{what} is of unknown {column} ' || {column} FROM {table} WHERE {column} NOT BETWEEN 0 AND {known} - 1"
        )
    };
    [
        check("document ' || number || '", "kind", "document", DocumentKind::ALL.len()),
        check("peer `' || name || '`", "state", "peer", PeerState::ALL.len()),
        check("journal entry ' || seq || '", "kind", "journal", JournalKind::ALL.len()),
        check("work `' || lower(hex(id)) || '`", "kind", "work", WorkKind::ALL.len()),
    ]
}

/// The whole check, on one snapshot.
pub(crate) fn verify(connection: &Connection) -> Result<VerifyReport, Fault> {
    let count =
        |sql: &str| -> Result<u64, Fault> { Ok(unsigned(connection.query_row(sql, [], |row| row.get(0))?)) };
    let mut report = VerifyReport { problems: integrity(connection)?, ..VerifyReport::default() };
    // In a damaged file the other questions have no answers.
    if report.problems.is_empty() {
        report.versions = count("SELECT count(*) FROM version")?;
        report.entries = count("SELECT count(*) FROM journal")?;
        let kinds = unknown_kinds();
        let fixed = CHECKS.iter().chain(TRUST_CHECKS).chain(DETECTION_CHECKS).copied();
        for check in fixed.chain(kinds.iter().map(String::as_str)) {
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
