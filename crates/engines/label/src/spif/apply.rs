//! From a confidentiality label to what it means under the policies that this node has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Category, Kind, Level, Operation, Rule, Spif, Tag};
use crate::stanag::{Classification, RELEASE};
use crate::stanag_xml::ConfidentialityLabel;

/// The policies that this node can read labels of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spifs {
    policies: BTreeMap<String, Spif>,
    home: Option<String>,
}

/// Why nobody here can say what a label means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// No SPIF here is of its policy.
    Policy,
    /// Its policy has no such classification.
    Classification,
    /// Its policy has no such category, or one of another type.
    Category,
    /// Its policy does not allow this combination of classification and categories.
    Combination,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "no SPIF for its policy is loaded here",
            Self::Classification => "its policy has no such classification",
            Self::Category => "its policy has no such category",
            Self::Combination => "its policy does not allow this combination",
        })
    }
}

impl Spifs {
    /// No policy: every confidentiality label is unreadable.
    pub const NONE: Self = Self { policies: BTreeMap::new(), home: None };

    /// With one more policy; it replaces one of the same id.
    #[must_use]
    pub fn with(mut self, spif: Spif) -> Self {
        self.policies.insert(spif.id.clone(), spif);
        self
    }

    /// With this node's own policy, into which others are translated where it names them equivalent.
    #[must_use]
    pub fn with_home(self, spif: Spif) -> Self {
        Self { home: Some(spif.id.clone()), ..self.with(spif) }
    }

    /// The policy of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Spif> {
        self.policies.get(id)
    }

    /// What a label means here: in terms of the home policy where that knows an equivalent, else of its own.
    ///
    /// # Errors
    /// [`Unreadable`]: the label then lets nobody have it.
    pub fn classify(&self, label: &ConfidentialityLabel) -> Result<Classification, Unreadable> {
        let spif = self.policy_of(label).ok_or(Unreadable::Policy)?;
        let level = spif.levels.iter().find(|level| level.name == label.classification);
        let level = level.ok_or(Unreadable::Classification)?;
        let mut chosen = Vec::new();
        let mut own = spif.classification(&level.name).ok_or(Unreadable::Classification)?;
        for (name, kind, values) in &label.categories {
            let tag = spif.tags.get(name).filter(|tag| tag.kind == *kind).ok_or(Unreadable::Category)?;
            if values.len() > tag.most {
                return Err(Unreadable::Combination);
            }
            let mut meant = BTreeSet::new();
            for value in values {
                let category = tag.values.get(value).ok_or(Unreadable::Category)?;
                meant.insert(
                    category.nation.map_or_else(|| value.clone(), |nation| nation.as_str().to_owned()),
                );
                chosen.push(Chosen { tag, category });
            }
            // Values of a release tag that are no nations, such as an alliance, stay in the list and cover whoever
            // holds that access.
            let key = if tag.release { RELEASE.to_owned() } else { format!("{}:{name}", spif.id) };
            let target = match kind {
                Kind::Restrictive => &mut own.restrictive,
                Kind::Permissive => &mut own.permissive,
                Kind::Informative => &mut own.informative,
            };
            // Two tags that both list nations must both be satisfied.
            let meet = |known: &mut BTreeSet<String>| *known = &*known & &meant;
            target.entry(key).and_modify(meet).or_insert_with(|| meant.clone());
        }
        if !level.allows(&chosen) || !spif.tags.iter().all(|(name, tag)| has_enough(label, name, tag)) {
            return Err(Unreadable::Combination);
        }
        Ok(self.translated(spif, level, own))
    }

    /// Whether a classification that was read elsewhere says what this node's own policies say.
    #[must_use]
    pub fn agrees(&self, classification: &Classification) -> bool {
        self.policies.get(&classification.policy).is_some_and(|spif| {
            spif.levels
                .iter()
                .any(|level| level.name == classification.name && level.hierarchy == classification.hierarchy)
        })
    }

    fn policy_of(&self, label: &ConfidentialityLabel) -> Option<&Spif> {
        match &label.policy_id {
            Some(id) => self.policies.get(id).filter(|spif| {
                label.policy_name.is_empty() || [spif.name.as_str(), id].contains(&label.policy_name.as_str())
            }),
            None => {
                let mut named = self.policies.values().filter(|spif| spif.name == label.policy_name);
                let first = named.next();
                if named.next().is_some() { None } else { first }
            }
        }
    }

    fn translated(&self, spif: &Spif, level: &Level, own: Classification) -> Classification {
        let home =
            self.home.as_ref().filter(|home| **home != spif.id).and_then(|home| self.policies.get(home));
        let same = |ours: &&Level| ours.equivalent.contains(&(spif.id.clone(), level.value));
        // Where the home policy names several, the highest of them is the one that widens nothing.
        let ours = home.and_then(|home| {
            Some((
                home,
                home.levels.iter().filter(same).max_by_key(|ours| (ours.hierarchy, ours.name.clone()))?,
            ))
        });
        match ours {
            Some((home, ours)) => Classification {
                policy: home.id.clone(),
                hierarchy: ours.hierarchy,
                name: ours.name.clone(),
                ..own
            },
            None => own,
        }
    }
}

/// Whether a label has as many different values of a tag as its policy asks for. One that leaves a required category
/// out could otherwise be read as one that restricts nobody.
fn has_enough(label: &ConfidentialityLabel, name: &str, tag: &Tag) -> bool {
    let values = label.categories.iter().find(|(known, ..)| known == name).map(|(_, _, values)| values.len());
    values.unwrap_or_default() >= tag.least
}

/// A category that a label has.
struct Chosen<'a> {
    tag: &'a Tag,
    category: &'a Category,
}

impl Level {
    fn allows(&self, chosen: &[Chosen<'_>]) -> bool {
        self.rules.iter().all(|rule| rule.holds(chosen))
            && chosen.iter().all(|Chosen { category, .. }| {
                !category.excluded_classes.contains(&self.name)
                    && category.required_class.as_ref().is_none_or(|class| *class == self.name)
                    && category.rules.iter().all(|rule| rule.holds(chosen))
            })
    }
}

impl Rule {
    fn holds(&self, chosen: &[Chosen<'_>]) -> bool {
        let met = self.groups.iter().filter(|group| {
            chosen.iter().any(|Chosen { tag, category }| {
                tag.set.contains(&group.set) && group.value.is_none_or(|value| value == category.value)
            })
        });
        let met = met.count();
        match self.operation {
            Operation::OnlyOne => met == 1,
            Operation::OneOrMore => met >= 1,
            Operation::All => met == self.groups.len(),
            Operation::None => met == 0,
        }
    }
}
