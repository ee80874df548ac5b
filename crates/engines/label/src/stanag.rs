//! Confidentiality labels of STANAG 4774, once a SPIF has said what they mean.

use std::collections::{BTreeMap, BTreeSet};

use crate::handling::Receiver;
use crate::nation::Nation;
use crate::text::{InvalidText, escape, read_set, unescape, write_set};

/// What the confidentiality labels of an object come to.
///
/// Labels of two policies meet to [`Stanag::Nobody`]: without a known equivalence nobody can say which is narrower.
/// Equivalences are applied where labels are read, so that the meet needs no data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stanag {
    /// No label.
    Unmarked,
    /// One label, or several of one policy.
    Label(Classification),
    /// Labels that nobody can satisfy together.
    Nobody,
}

/// A confidentiality label in terms of one policy (ADatP-4774 §2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Classification {
    /// The policy's object identifier from its SPIF, such as `1.3.26.1.3.1`.
    pub policy: String,
    /// `hierarchy` of the classification in the SPIF: higher is narrower.
    pub hierarchy: u32,
    /// Its name there.
    pub name: String,
    /// RESTRICTIVE categories: a receiver needs all of them. By tag name.
    pub restrictive: BTreeMap<String, BTreeSet<String>>,
    /// PERMISSIVE categories: a receiver needs one of each tag. An empty set is nobody. Nations stand in the
    /// release tag as alpha-3 codes.
    pub permissive: BTreeMap<String, BTreeSet<String>>,
    /// INFORMATIVE categories: they say something and restrict nothing.
    pub informative: BTreeMap<String, BTreeSet<String>>,
}

/// The tag in [`Classification::permissive`] whose values are nations, whatever a policy calls it.
pub(crate) const RELEASE: &str = "release";

impl Classification {
    fn meet(&self, other: &Self) -> Self {
        // A total order, so that two names on one step of the ladder still have one meet.
        let narrower = (self.hierarchy, &self.name).max((other.hierarchy, &other.name));
        let mut permissive = self.permissive.clone();
        for (tag, values) in &other.permissive {
            permissive
                .entry(tag.clone())
                .and_modify(|own| *own = &*own & values)
                .or_insert_with(|| values.clone());
        }
        Self {
            policy: self.policy.clone(),
            hierarchy: narrower.0,
            name: narrower.1.clone(),
            restrictive: union(&self.restrictive, &other.restrictive),
            permissive,
            informative: union(&self.informative, &other.informative),
        }
    }

    /// The nations it may be released to; `None` where it has no release category.
    #[must_use]
    pub fn release(&self) -> Option<&BTreeSet<String>> {
        self.permissive.get(RELEASE)
    }

    /// Whether the receiver satisfies the permissive categories: its nation is listed, or it holds the access
    /// `tag:value`. The classification and restrictive categories are for the ceiling.
    #[must_use]
    pub fn permits(&self, receiver: &Receiver<'_>) -> bool {
        self.permissive.iter().all(|(tag, values)| {
            let nation = receiver.nation.filter(|_| tag == RELEASE).map(Nation::as_str);
            nation.is_some_and(|nation| values.contains(nation))
                || values.iter().any(|value| receiver.accesses.contains(&format!("{tag}:{value}")))
        })
    }
}

fn union(
    a: &BTreeMap<String, BTreeSet<String>>,
    b: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = a.clone();
    for (tag, values) in b {
        all.entry(tag.clone()).or_default().extend(values.iter().cloned());
    }
    all
}

impl Stanag {
    /// The narrower of two; [`Stanag::Nobody`] for labels of different policies.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Unmarked, other) | (other, Self::Unmarked) => other.clone(),
            (Self::Label(a), Self::Label(b)) if a.policy == b.policy => Self::Label(a.meet(b)),
            _ => Self::Nobody,
        }
    }

    /// Whether it is no narrower than the ceiling: unmarked; or of the ceiling's policy, no higher, and with no
    /// restrictive category that the ceiling lacks. Permissive categories are for the receiver:
    /// [`Classification::permits`].
    #[must_use]
    pub fn is_within(&self, ceiling: &Self) -> bool {
        match (self, ceiling) {
            (Self::Unmarked, _) => true,
            (Self::Label(own), Self::Label(ceiling)) => {
                let known = |(tag, values): (&String, &BTreeSet<String>)| {
                    ceiling.restrictive.get(tag).is_some_and(|known| values.is_subset(known))
                };
                own.policy == ceiling.policy
                    && (own.hierarchy, &own.name) <= (ceiling.hierarchy, &ceiling.name)
                    && own.restrictive.iter().all(known)
            }
            _ => false,
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Unmarked => {}
            Self::Nobody => out.push_str(",stanag-nobody"),
            Self::Label(label) => {
                out.push_str(",stanag:");
                escape(&label.policy, out);
                out.push_str(&format!("/{}/", label.hierarchy));
                escape(&label.name, out);
                for tags in [&label.restrictive, &label.permissive, &label.informative] {
                    out.push('/');
                    for (index, (tag, values)) in tags.iter().enumerate() {
                        out.push_str(if index > 0 { "+" } else { "" });
                        escape(tag, out);
                        out.push('~');
                        write_set(values.iter().map(String::as_str), '*', out);
                    }
                }
            }
        }
    }

    /// Takes one part of a handling's text; whether it was one of ours.
    pub(crate) fn read_part(&mut self, part: &str) -> Result<bool, InvalidText> {
        if part == "stanag-nobody" {
            *self = Self::Nobody;
            return Ok(true);
        }
        let Some(text) = part.strip_prefix("stanag:") else { return Ok(false) };
        let invalid = || InvalidText::new("a STANAG 4774 label", text);
        let parts: Vec<&str> = text.split('/').collect();
        let &[policy, hierarchy, name, restrictive, permissive, informative] = parts.as_slice() else {
            return Err(invalid());
        };
        let tags = |text: &str| -> Result<BTreeMap<String, BTreeSet<String>>, InvalidText> {
            let mut tags = BTreeMap::new();
            for entry in text.split('+').filter(|_| !text.is_empty()) {
                let (tag, values) = entry.split_once('~').ok_or_else(invalid)?;
                tags.insert(unescape(tag)?, read_set(values, '*')?);
            }
            Ok(tags)
        };
        *self = Self::Label(Classification {
            policy: unescape(policy)?,
            hierarchy: hierarchy.parse().map_err(|_| invalid())?,
            name: unescape(name)?,
            restrictive: tags(restrictive)?,
            permissive: tags(permissive)?,
            informative: tags(informative)?,
        });
        Ok(true)
    }
}
