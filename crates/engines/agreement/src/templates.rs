//! Ready-made texts: to be filled in, read by a lawyer, and changed where needed.
//!
//! `{{name}}` stands for a value that must be given, `{{name|value}}` for one that need not.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::is_deceptive;

/// A ready-made text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// The text, comments and placeholders included.
    pub text: &'static str,
}

/// Every template, by name.
pub const TEMPLATES: [Template; 6] = [
    Template {
        name: "bilateral-cert",
        about: "two response teams: up to TLP:AMBER both ways, vulnerabilities under the finder's control",
        text: include_str!("../templates/bilateral-cert.toml"),
    },
    Template {
        name: "exercise",
        about: "one exercise and nothing else: nothing real may flow under it",
        text: include_str!("../templates/exercise.toml"),
    },
    Template {
        name: "five-eyes-circle",
        about: "REL TO AUS, CAN, GBR, NZL, USA: five agencies, originator control, a classification ceiling",
        text: include_str!("../templates/five-eyes-circle.toml"),
    },
    Template {
        name: "isac-circle",
        about: "a sector's sharing centre: up to TLP:AMBER between members who stay anonymous to each other",
        text: include_str!("../templates/isac-circle.toml"),
    },
    Template {
        name: "tlp-community",
        about: "an open community: TLP:CLEAR and TLP:GREEN from each to each, without personal data",
        text: include_str!("../templates/tlp-community.toml"),
    },
    Template {
        name: "vendor-disclosure",
        about: "a coordinator tells a vendor of flaws, and hears back, before the public knows",
        text: include_str!("../templates/vendor-disclosure.toml"),
    },
];

/// Why a template was not filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is none of this name.
    #[error("no template is called `{0}`; there are {known}", known = names())]
    Unknown(String),
    /// Values are missing.
    #[error("values are missing for {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Values that the text has no place for.
    #[error("the template has no place for {}", .0.join(", "))]
    Unused(Vec<String>),
    /// A value that would change more of the text than its own place.
    #[error(
        "the value for `{0}` cannot stand there: no quotes, backslashes, line breaks or invisible characters; and where the text has no quotes, a date or a number"
    )]
    Unfit(String),
}

fn names() -> String {
    TEMPLATES.map(|template| template.name).join(", ")
}

/// The template of this name.
///
/// # Errors
/// [`TemplateError::Unknown`].
pub fn template(name: &str) -> Result<Template, TemplateError> {
    let found = TEMPLATES.into_iter().find(|template| template.name == name);
    found.ok_or_else(|| TemplateError::Unknown(name.chars().take(64).collect()))
}

/// Fills a template in.
///
/// # Errors
/// [`TemplateError`]; every missing or unused value is named, not the first alone.
pub fn instantiate(name: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let template = template(name)?;
    let places = template.places();
    let known: BTreeSet<&str> = places.iter().map(|place| place.name).collect();
    let unused: Vec<String> = values.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
    if !unused.is_empty() {
        return Err(TemplateError::Unused(unused));
    }
    let given = |place: &Placeholder| values.contains_key(place.name) || place.default.is_some();
    let missing: BTreeSet<String> = places.iter().filter(|p| !given(p)).map(|p| p.name.to_owned()).collect();
    if !missing.is_empty() {
        return Err(TemplateError::Missing(missing.into_iter().collect()));
    }
    let mut out = String::with_capacity(template.text.len());
    let mut rest = template.text;
    while let Some((before, place, after)) = next_place(rest) {
        let value = values.get(place.name).map(String::as_str).or(place.default).unwrap_or_default();
        if !fits(value, before.ends_with('"')) {
            return Err(TemplateError::Unfit(place.name.to_owned()));
        }
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A value to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placeholder {
    /// Its name: `[a-z_]+`.
    pub name: &'static str,
    /// What stands there unless a value is given.
    pub default: Option<&'static str>,
}

impl Template {
    /// Every placeholder once, in the order of the text.
    #[must_use]
    pub fn places(&self) -> Vec<Placeholder> {
        let (mut out, mut rest) = (Vec::<Placeholder>::new(), self.text);
        while let Some((_, place, after)) = next_place(rest) {
            if !out.iter().any(|known| known.name == place.name) {
                out.push(place);
            }
            rest = after;
        }
        out
    }
}

/// The text before the next placeholder, the placeholder, and the text after it.
fn next_place(text: &'static str) -> Option<(&'static str, Placeholder, &'static str)> {
    let (before, rest) = text.split_once("{{")?;
    let (place, after) = rest.split_once("}}")?;
    let (name, default) =
        place.split_once('|').map_or((place, None), |(name, default)| (name, Some(default)));
    Some((before, Placeholder { name, default }, after))
}

/// Whether a value says no more than its place asks for: it neither ends the string it stands in nor begins a line.
fn fits(value: &str, quoted: bool) -> bool {
    let harmless = |c: char| !is_deceptive(c) && !matches!(c, '"' | '\\' | '{' | '}');
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 'Z');
    !value.is_empty() && value.len() <= 400 && value.chars().all(if quoted { harmless } else { plain })
}
