//! Full-text search.

use ports::{Hit, Scope};
use rusqlite::{Connection, params};

use super::objects::{joined, joined_id};
use super::{row, rows};
use crate::codec::{Col, limit as rows_limit};
use crate::error::Fault;

/// Matches that are ranked, the most recently added first; ranking every match of a common word would take seconds.
const RANKED: i64 = 10_000;

pub(super) fn search(db: &Connection, scope: Scope, query: &str, limit: usize) -> Result<Vec<Hit>, Fault> {
    let query = expression(query);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let best: Vec<i64> = rows(
        db,
        "SELECT object FROM ( \
           SELECT d.object, search.rank AS score FROM search CROSS JOIN search_document d ON d.object = search.rowid \
           WHERE search MATCH ?1 AND d.tenant = ?2 AND d.world = ?3 ORDER BY search.rowid DESC LIMIT ?4 \
         ) ORDER BY score, object DESC LIMIT ?5",
        params![query, scope.tenant.0, Col(scope.world), RANKED, rows_limit(limit)],
        |row| row.get(0),
    )?;
    let hits = best.into_iter().map(|object| {
        row(
            db,
            concat!(
                "SELECT ",
                joined_id!(),
                ", d.title, snippet(search, -1, '[', ']', '…', 16) ",
                "FROM search CROSS JOIN search_document d ON d.object = search.rowid ",
                "CROSS JOIN object o ON o.number = d.object CROSS JOIN word w ON w.number = o.type ",
                "WHERE search MATCH ?1 AND search.rowid = ?2"
            ),
            params![query, object],
            |row| Ok(Hit { id: joined(row, 0)?, title: row.get(2)?, snippet: row.get(3)? }),
        )
    });
    hits.filter_map(Result::transpose).collect()
}

/// What a person typed, as an expression of the engine: every word must match; a trailing `*` matches beginnings;
/// words in quotes belong together. Nothing else has a meaning, so nothing can be malformed.
fn expression(query: &str) -> String {
    let mut terms = Vec::new();
    for (place, part) in query.split('"').enumerate() {
        if place % 2 == 1 {
            terms.push(term(part, false));
        } else {
            terms.extend(part.split_whitespace().map(|word| {
                let prefix = word.strip_suffix('*');
                term(prefix.unwrap_or(word), prefix.is_some())
            }));
        }
    }
    terms.retain(|term| !term.is_empty());
    terms.join(" AND ")
}

/// A quoted term, or nothing when there is no letter or digit to look for.
fn term(text: &str, prefix: bool) -> String {
    if !text.chars().any(char::is_alphanumeric) {
        return String::new();
    }
    format!("\"{}\"{}", text.replace('\0', " "), if prefix { " *" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn whatever_is_typed_is_a_valid_expression() {
        let check = |query: &str, expect: &str| assert_eq!(expression(query), expect, "{query}");
        check("emotet loader", r#""emotet" AND "loader""#);
        check(r#""cobalt strike" beacon"#, r#""cobalt strike" AND "beacon""#);
        check("emo*", r#""emo" *"#);
        check("10.0.0.1", r#""10.0.0.1""#);
        check("NEAR( OR * - ^ :", r#""NEAR(" AND "OR""#);
        check(r#"unbalanced "quote here"#, r#""unbalanced" AND "quote here""#);
        check("", "");
        check(r#""""#, "");
    }
}
