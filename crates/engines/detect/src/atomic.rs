//! Indicators that are one value, a few million of them, against events that name a dozen values each.
//!
//! ```text
//! pattern ─► watched ─► Atoms ─► Entry ─► SegmentBuilder ─► bytes ─► Segment ─┐
//!                    └► Pattern: see `patterns`          Entry ─► Index::with ─┴► Index ─► look(event) ─► Hit
//! ```
//!
//! What hits what:
//!
//! - A value hits the same value, in whatever spelling either is written: both are compared by their keys.
//! - An address also hits the networks it lies in; a network the ones around it.
//! - A name hits `*.x` if it lies below `x`. It hits no name above it: `domain-name:value = 'x'` is `x` and nothing else.
//! - A URL also hits what its host hits, with the port it leads to; but for one that a reader put together of the target of
//!   a request and a host, as that host stands in the event by itself.
//! - An entry with a port hits only where that port stands beside the value, at whichever end of the connection.

mod index;
mod segment;

use model::Timestamp;
use observable::{Kind, MAX_KEY, Observable, from_like_term, from_pattern_term, kind_of};
use stix_pattern::{Alternative, Limits, Pattern, Relation, Term, parse};

pub use index::{Hit, Index, Scratch};
pub use segment::{Damaged, MAX_ENTRIES, Segment, SegmentBuilder};

/// How an indicator's pattern is watched for.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// Any of these values is a match.
    Atoms(Vec<Atom>),
    /// It takes more than one value: [`crate::Patterns`] are for that.
    Pattern(Pattern),
}

/// One value to watch for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Atom {
    /// The value.
    pub observable: Observable,
    /// The port that has to stand beside it; `None` if any will do.
    pub port: Option<u16>,
}

/// An atom of an indicator, and when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What to watch for.
    pub atom: Atom,
    /// The caller's number for the indicator's version. All entries of a number come and go together.
    pub subject: u64,
    /// The first instant at which it counts.
    pub from: Timestamp,
    /// The instant from which on it counts no more; `None` if there is none.
    pub until: Option<Timestamp>,
    /// The indicator's confidence, 0 to 100, where it says.
    pub confidence: Option<u8>,
}

/// How a pattern (STIX 2.1 §9) is to be watched for.
///
/// Any of several values, each perhaps with a port beside it, are atoms; everything else is a pattern. A value that no
/// event can have, such as `ipv4-addr:value = 'x'`, is left out where others remain.
///
/// # Errors
/// Why nothing can be watched for, for people: it is no pattern, no event can have its values, or one of them is so
/// wide that everything would match.
pub fn watched(pattern: &str) -> Result<Watched, String> {
    let pattern = parse(pattern, &Limits::default()).map_err(|errors| {
        errors.first().map_or_else(|| "it is no pattern".to_owned(), ToString::to_string)
    })?;
    let atoms = match pattern.alternatives() {
        Some(alternatives) => atoms(&alternatives)?,
        None => None,
    };
    Ok(match atoms {
        Some(atoms) => Watched::Atoms(atoms),
        None => Watched::Pattern(pattern),
    })
}

/// `None` when one of them is no observable: then the pattern has to be asked.
fn atoms(alternatives: &[Alternative<'_>]) -> Result<Option<Vec<Atom>>, String> {
    let mut atoms = Vec::with_capacity(alternatives.len());
    let mut impossible = None;
    for Alternative { term, port } in alternatives {
        let Some(observable) = observable_of(term) else {
            if !is_impossible(term) {
                return Ok(None);
            }
            impossible.get_or_insert(term);
            continue;
        };
        if is_too_wide(&observable) {
            return Err(format!(
                "`{observable}` is too wide to indicate anything: a network needs 8 bits at least (IPv6: 19), a name \
                 two labels"
            ));
        }
        atoms.push(Atom { observable, port: *port });
    }
    if let (Some(Term { object_type, path, value, .. }), true) = (impossible, atoms.is_empty()) {
        return Err(format!("`{value}` is nothing that `{object_type}:{path}` can be"));
    }
    atoms.sort_unstable();
    atoms.dedup();
    Ok(Some(atoms))
}

/// The observable that a term of a pattern names.
pub(crate) fn observable_of(term: &Term<'_>) -> Option<Observable> {
    match term.relation {
        Relation::Equal | Relation::Subset => from_pattern_term(term.object_type, &term.path, &term.value),
        Relation::Like => from_like_term(term.object_type, &term.path, &term.value),
    }
}

/// Whether the property holds observables and this is none. Longer values than are indexed can still be compared.
fn is_impossible(term: &Term<'_>) -> bool {
    term.relation != Relation::Like
        && term.value.len() <= MAX_KEY
        && kind_of(term.object_type, &term.path).is_some()
}

/// A name without a dot is a top-level domain or a machine next door: nobody shares those.
fn is_too_wide(observable: &Observable) -> bool {
    observable.is_too_wide() || (observable.kind() == Kind::Domain && !observable.key().contains('.'))
}
