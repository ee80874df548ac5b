//! What a text cannot say at all, and canonical JSON could: odd names, unknown parties, one id twice.

use std::collections::BTreeSet;

use crate::problem::is_deceptive;
use crate::read::check_name;
use crate::terms::{Set, Terms, Who};
use crate::text::Malformed;

/// Checks what the reader of texts checks while it reads.
pub(crate) fn check_structure(terms: &Terms) -> Result<(), Malformed> {
    ascending("/clauses", terms.clauses.iter().map(|clause| clause.id.as_str()))?;
    ascending("/queries", terms.queries.iter().map(|query| query.id.as_str()))?;
    names("/purposes", &terms.purposes)?;
    names("/redactions", terms.redactions.keys())?;
    names("/witnesses/keys", terms.witnesses.keys.keys())?;
    names("/exercise", &terms.exercise)?;
    let keys: BTreeSet<&str> = terms.parties.values().map(|party| party.key.as_str()).collect();
    if keys.len() != terms.parties.len() {
        return Err(Malformed::new("/parties", "two parties have one key"));
    }
    names("/parties", keys)?;
    let mut identities = BTreeSet::new();
    for party in terms.parties.values() {
        line("/parties", &party.name)?;
        if party.jurisdiction.parse::<label::Nation>().is_err() {
            return Err(Malformed::new("/parties", "a jurisdiction that is no nation known here"));
        }
        for identity in &party.identities {
            if identity.type_name() != "identity" || !identities.insert(identity) {
                return Err(Malformed::new(
                    "/parties",
                    format!("`{identity}` is no identity, or is another's"),
                ));
            }
        }
    }
    line("/name", &terms.name)?;
    for basis in &terms.legal_basis {
        line("/legal_basis", &basis.name)?;
        line("/legal_basis", &basis.reference)?;
        who(terms, "/legal_basis", &basis.parties)?;
    }
    for clause in &terms.clauses {
        who(terms, "/clauses", &clause.from)?;
        who(terms, "/clauses", &clause.to)?;
        set("/clauses", &clause.types)?;
        set("/clauses", &clause.categories)?;
        set("/clauses", &clause.sectors)?;
        names("/clauses", &clause.purposes)?;
    }
    for query in &terms.queries {
        who(terms, "/queries", &query.from)?;
        who(terms, "/queries", &query.to)?;
        set("/queries", &query.kinds)?;
        names("/queries", &query.purposes)?;
    }
    if let Some(glass) = &terms.break_glass {
        who(terms, "/break_glass", &glass.from)?;
        who(terms, "/break_glass", &glass.to)?;
        set("/break_glass", &glass.types)?;
    }
    Ok(())
}

fn ascending<'a>(at: &str, ids: impl Iterator<Item = &'a str>) -> Result<(), Malformed> {
    let mut last = "";
    for id in ids {
        check_name(id).map_err(|problem| Malformed::new(at, problem))?;
        if id <= last {
            return Err(Malformed::new(at, format!("`{id}` is there twice or out of order")));
        }
        last = id;
    }
    Ok(())
}

fn names<'a, T: AsRef<str> + 'a>(at: &str, names: impl IntoIterator<Item = T>) -> Result<(), Malformed> {
    names
        .into_iter()
        .try_for_each(|name| check_name(name.as_ref()))
        .map_err(|problem| Malformed::new(at, problem))
}

fn line(at: &str, text: &str) -> Result<(), Malformed> {
    if text.is_empty() || text.contains(is_deceptive) {
        return Err(Malformed::new(at, "a line that is empty or holds invisible characters"));
    }
    Ok(())
}

fn set(at: &str, set: &Set) -> Result<(), Malformed> {
    match set {
        Set::Any => Ok(()),
        Set::Only(words) if words.is_empty() => Err(Malformed::new(at, "a list that is empty")),
        Set::Only(words) => names(at, words),
    }
}

fn who(terms: &Terms, at: &str, who: &Who) -> Result<(), Malformed> {
    match who {
        Who::Parties(parties) if parties.is_empty() => Err(Malformed::new(at, "nobody is named")),
        Who::Parties(parties) if parties.iter().any(|party| !terms.parties.contains_key(party)) => {
            Err(Malformed::new(at, "a party that is not in the agreement"))
        }
        _ => Ok(()),
    }
}
