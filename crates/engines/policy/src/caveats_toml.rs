//! National caveats from their TOML text.

use std::collections::BTreeSet;

use agreement::Set;
use label::Nation;
use model::{Label, PartyId};
use serde::Deserialize;

use crate::caveats::{Caveat, Caveats, InvalidCaveats, Receivers};

/// The longest text, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// The most rules.
const MOST: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    #[serde(default)]
    caveat: Vec<CaveatEntry>,
}

/// A caveat as it stands in a TOML text; see [`Caveats::parse_toml`] for what may stand where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaveatEntry {
    id: String,
    reason: String,
    to_parties: Option<BTreeSet<String>>,
    to_nations: Option<BTreeSet<String>>,
    to_nations_but: Option<BTreeSet<String>>,
    types: Option<BTreeSet<String>>,
    categories: Option<BTreeSet<String>>,
    sectors: Option<BTreeSet<String>>,
    countries: Option<BTreeSet<String>>,
    tlp: Option<String>,
    #[serde(default)]
    personal: bool,
}

impl Caveats {
    /// What a text opens with.
    pub const FORMAT: &str = "shieldwall-caveats/1";

    /// Reads rules from TOML:
    ///
    /// ```toml
    /// format = "shieldwall-caveats/1"
    /// [[caveat]]
    /// id = "personal-data-abroad"
    /// reason = "Personal Data Act, section 44"
    /// personal = true
    /// to_nations_but = ["EST", "LVA", "LTU"]
    /// ```
    ///
    /// A caveat names its receivers in at most one way: `to_parties`, `to_nations` or `to_nations_but`. `types`,
    /// `categories`, `sectors` and `countries` are lists; `tlp` is the widest level it is about.
    ///
    /// # Errors
    /// [`InvalidCaveats`]: not TOML, a name not known here, an empty list, an unknown nation, party or level.
    pub fn parse_toml(text: &str) -> Result<Self, InvalidCaveats> {
        let invalid = |what: String| InvalidCaveats(what);
        if text.len() > MAX_TEXT {
            return Err(invalid(format!("{} bytes, and {MAX_TEXT} are the most", text.len())));
        }
        let document: Document = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if document.format != Self::FORMAT {
            return Err(invalid(format!("begin with format = \"{}\"", Self::FORMAT)));
        }
        if document.caveat.len() > MOST {
            return Err(invalid(format!("{} rules, and {MOST} are the most", document.caveat.len())));
        }
        Self::compile(document.caveat.into_iter().map(CaveatEntry::read).collect::<Result<_, _>>()?)
    }
}

impl CaveatEntry {
    /// The rule it states.
    ///
    /// # Errors
    /// [`InvalidCaveats`]: an empty list, an unknown nation, party or level, receivers named in two ways.
    pub fn read(self) -> Result<Caveat, InvalidCaveats> {
        caveat(self)
    }
}

fn caveat(entry: CaveatEntry) -> Result<Caveat, InvalidCaveats> {
    let wrong = |what: String| InvalidCaveats(format!("`{}`: {what}", entry.id));
    let named = !entry.id.is_empty() && entry.id.len() <= 64;
    if !named
        || !entry.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err(wrong("an id is 1 to 64 of a to z, 0 to 9 and hyphens".to_owned()));
    }
    let nations = |list: &BTreeSet<String>| -> Result<BTreeSet<Nation>, InvalidCaveats> {
        let mut out = BTreeSet::new();
        for code in list {
            let found = Nation::expand(code);
            if found.is_empty() {
                return Err(wrong(format!(
                    "`{code}` is no nation known here; use codes such as EST, or FVEY"
                )));
            }
            out.extend(found);
        }
        Ok(out)
    };
    let lists = [&entry.to_parties, &entry.to_nations, &entry.to_nations_but];
    let words = [&entry.types, &entry.categories, &entry.sectors, &entry.countries];
    if lists.iter().chain(&words).any(|list| list.as_ref().is_some_and(BTreeSet::is_empty)) {
        return Err(wrong("an empty list forbids nothing; leave it out if all are meant".to_owned()));
    }
    let to = match (&entry.to_parties, &entry.to_nations, &entry.to_nations_but) {
        (None, None, None) => Receivers::Any,
        (Some(parties), None, None) => {
            let party =
                |text: &String| text.parse::<PartyId>().map_err(|error| wrong(format!("`{text}`: {error}")));
            Receivers::Parties(parties.iter().map(party).collect::<Result<_, _>>()?)
        }
        (None, Some(list), None) => Receivers::Nations(nations(list)?),
        (None, None, Some(list)) => Receivers::NationsBut(nations(list)?),
        _ => return Err(wrong("name the receivers in one way only".to_owned())),
    };
    let countries = match &entry.countries {
        None => Set::Any,
        Some(list) => Set::Only(nations(list)?.into_iter().map(|nation| nation.to_string()).collect()),
    };
    let tlp = match &entry.tlp {
        None => Label::CLEAR,
        Some(text) => text.parse().map_err(&wrong)?,
    };
    // As facts spell them.
    let folded = |list: &Option<BTreeSet<String>>| match list {
        None => Set::Any,
        Some(words) => Set::Only(words.iter().map(|word| word.to_lowercase()).collect()),
    };
    Ok(Caveat {
        to,
        types: entry.types.clone().map_or(Set::Any, Set::Only),
        categories: folded(&entry.categories),
        sectors: folded(&entry.sectors),
        countries,
        tlp,
        personal: entry.personal,
        reason: entry.reason.clone(),
        id: entry.id.clone(),
    })
}
