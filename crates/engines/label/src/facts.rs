//! What policy may know of an object.

use std::collections::BTreeSet;

use json::Value;
use model::{Finding, Label, PartyId};
use stix::Valid;

use crate::handling::Handling;
use crate::nation::Nation;
use crate::onward::Onward;
use crate::read::{Look, Reader, Sight};
use crate::text::{InvalidText, escape, read_set, unescape, write_set};

/// Everything that policy may look at in an object: two objects with equal facts have equal decisions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facts {
    /// The STIX type.
    pub type_name: String,
    /// What its object markings come to. Parts may be narrower: see [`Facts::granular`].
    pub handling: Handling,
    /// What it is about, in lower case, from the type's vocabularies and `labels`. [`Facts::MORE`] stands for
    /// those that did not fit.
    pub categories: BTreeSet<String>,
    /// `sectors`, in lower case.
    pub sectors: BTreeSet<String>,
    /// `country`, as ISO 3166-1 alpha-3 code; in lower case as it stands if it is none.
    pub countries: BTreeSet<String>,
    /// Whose it is.
    pub origin: Origin,
    /// How far we may pass it on, by the terms it came under.
    pub onward: Onward,
    /// Whether its creator revoked it.
    pub revoked: bool,
    /// Whether granular markings narrow parts of it, so that receivers may get tear-lines.
    pub granular: bool,
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Ours.
    Own,
    /// Somebody's who made no signed statement; the kind of source it came from.
    Other(String),
    /// This party's, by its signed statement.
    Party(PartyId),
}

impl Facts {
    /// The category, sector or country that stands for more than were kept. No list of permitted ones can name it.
    pub const MORE: &str = "*";

    /// What a label of an object begins with that names the exercise it belongs to.
    pub const EXERCISE: &str = "exercise:";

    /// The exercise the object belongs to, by its own labels (`exercise:locked-shields`); `None` is the real world.
    /// The names of several are joined by `+`: it belongs to none of them, and is not real either.
    #[must_use]
    pub fn exercise(&self) -> Option<String> {
        let names: Vec<&str> =
            self.categories.iter().filter_map(|category| category.strip_prefix(Self::EXERCISE)).collect();
        if names.is_empty() { None } else { Some(names.join("+")) }
    }

    /// The canonical text, short and stable: a database key. `f1;` and the version of this format first.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(48);
        out.push_str("f1;");
        escape(&self.type_name, &mut out);
        out.push(';');
        self.handling.write(&mut out);
        for (key, set) in [(";c=", &self.categories), (";s=", &self.sectors), (";n=", &self.countries)] {
            if !set.is_empty() {
                out.push_str(key);
                write_set(set.iter().map(String::as_str), '+', &mut out);
            }
        }
        out.push_str(";o=");
        match &self.origin {
            Origin::Own => out.push_str("own"),
            Origin::Other(kind) => {
                out.push('~');
                escape(kind, &mut out);
            }
            Origin::Party(party) => out.push_str(&party.to_string()),
        }
        out.push_str(";w=");
        out.push_str(&self.onward.to_text());
        for (flag, text) in [(self.revoked, ";revoked"), (self.granular, ";granular")] {
            if flag {
                out.push_str(text);
            }
        }
        out
    }

    /// Reads [`Facts::to_text`].
    ///
    /// # Errors
    /// [`InvalidText`] for any other spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("the canonical text of facts", text);
        let mut parts = text.strip_prefix("f1;").ok_or_else(invalid)?.split(';');
        let type_name = unescape(parts.next().unwrap_or_default())?;
        let handling = Handling::parse(parts.next().unwrap_or_default())?;
        let mut facts = Self { type_name, handling, ..Self::nothing() };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "c" => facts.categories = read_set(value, '+')?,
                "s" => facts.sectors = read_set(value, '+')?,
                "n" => facts.countries = read_set(value, '+')?,
                "o" => {
                    facts.origin = match value.strip_prefix('~') {
                        Some(kind) => Origin::Other(unescape(kind)?),
                        None if value == "own" => Origin::Own,
                        None => Origin::Party(value.parse().map_err(|_| invalid())?),
                    }
                }
                "w" => facts.onward = Onward::parse(value)?,
                "revoked" => facts.revoked = true,
                "granular" => facts.granular = true,
                _ => return Err(invalid()),
            }
        }
        if facts.to_text() == text { Ok(facts) } else { Err(invalid()) }
    }

    /// The same, of an object that is ours: how far it goes is for our agreements to say.
    #[must_use]
    pub fn own(self) -> Self {
        Self { origin: Origin::Own, onward: Onward::Free, ..self }
    }

    /// The same, of an object that came from somebody else under these terms and may not go further than its
    /// label says.
    #[must_use]
    pub fn received(self, origin: Origin, terms: &Onward) -> Self {
        let onward = terms.meet(&self.handling.onward());
        Self { origin, onward, ..self }
    }

    /// The facts of a part of the object that is handled like this: what to decide a tear-line by. Of what is somebody
    /// else's, a part may be passed on no further than its own markings say.
    #[must_use]
    pub fn part(&self, handling: &Handling) -> Self {
        let onward = match self.origin {
            Origin::Own => self.onward.clone(),
            _ => self.onward.meet(&handling.onward()),
        };
        Self { handling: self.handling.meet(handling), onward, ..self.clone() }
    }

    const fn nothing() -> Self {
        Self {
            type_name: String::new(),
            handling: Handling::own_only(),
            categories: BTreeSet::new(),
            sectors: BTreeSet::new(),
            countries: BTreeSet::new(),
            origin: Origin::Other(String::new()),
            onward: Onward::None,
            revoked: false,
            granular: false,
        }
    }
}

/// Reads the facts of a validated object. As [`facts_with`], for a node without STANAG 4774 policies.
pub fn facts(
    object: &Valid<'_>,
    effective: Label,
    definitions: &dyn Fn(&str) -> Option<String>,
    findings: &mut Vec<Finding>,
) -> Facts {
    facts_with(&Reader::new(definitions), object, effective, findings)
}

/// Reads the facts of a validated object.
///
/// `effective` is the TLP that this node has settled on: the object's own, else its source's default
/// ([`Reader::effective`]), and anybody's narrowing here. It only narrows, and an unmarked object is under it alone.
/// Origin and onward rule are not in the object: they stay at "somebody's, not to be passed on" until
/// [`Facts::own`] or [`Facts::received`] says more.
///
/// The personal-data flag comes from markings, and from what inherently is about a person: the types `email-addr`,
/// `email-message` and `user-account`, and an `identity` of the class `individual`.
pub fn facts_with(
    reader: &Reader<'_>,
    object: &Valid<'_>,
    effective: Label,
    findings: &mut Vec<Finding>,
) -> Facts {
    let type_name = object.type_name();
    let mut facts = Facts { type_name: type_name.to_owned(), ..Facts::nothing() };
    let mut sight = Sight::default();
    let mut personal = matches!(type_name, "email-addr" | "email-message" | "user-account");
    // One pass: every look-up by name would walk the object again.
    for (key, value) in object.value().entries() {
        match key.as_plain().unwrap_or_default() {
            "object_marking_refs" => sight.refs = Some(value),
            "granular_markings" => sight.granular = Some(value),
            "labels"
            | "indicator_types"
            | "malware_types"
            | "threat_actor_types"
            | "tool_types"
            | "infrastructure_types"
            | "report_types" => {
                value.items().for_each(|item| keep(&mut facts.categories, item));
            }
            "sectors" => value.items().for_each(|item| keep(&mut facts.sectors, item)),
            "country" if type_name == "location" => keep_nation(&mut facts.countries, value),
            "identity_class" if type_name == "identity" => {
                personal |= value.as_str().is_some_and(|class| class.eq_ignore_ascii_case("individual"));
            }
            "revoked" => facts.revoked = value.as_bool() == Some(true),
            _ => {}
        }
    }
    let (handling, granular) = Look::new(reader, findings).summary(object.value(), &sight, effective);
    facts.handling = if personal { handling.with_personal(true) } else { handling };
    facts.granular = granular;
    facts
}

/// More categories, sectors or countries than these, or longer ones, are not kept: [`Facts::MORE`] stands for them.
const MOST: usize = 16;
const LONGEST: usize = 64;

fn keep(set: &mut BTreeSet<String>, item: Value<'_>) {
    let text = item.as_str().unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    keep_text(set, text.to_lowercase());
}

fn keep_nation(set: &mut BTreeSet<String>, value: Value<'_>) {
    let text = value.as_str().unwrap_or_default();
    match text.trim().parse::<Nation>() {
        Ok(nation) => keep_text(set, nation.as_str().to_owned()),
        Err(_) => keep(set, value),
    }
}

fn keep_text(set: &mut BTreeSet<String>, text: String) {
    // What is made up must never pass for real because its author wrote many labels.
    let exercise = text.starts_with(Facts::EXERCISE);
    if exercise && text.len() > LONGEST {
        set.insert(format!("{}{}", Facts::EXERCISE, Facts::MORE));
        return;
    }
    let fits = exercise || (text.len() <= LONGEST && (set.len() < MOST || set.contains(&text)));
    set.insert(if fits { text } else { Facts::MORE.to_owned() });
}
