//! What one marking definition means.

mod acs;
mod iep;
mod own;
mod statement;

use json::{Kind, Limits, Tape, Value};
use model::Label;
use stix::marking::{Meaning, meaning_of_id};

use crate::handling::Handling;
use crate::spif::Spifs;

pub(crate) use own::NOBODY;
pub use own::{HANDLING_DEFINITIONS, HANDLING_EXTENSION};

/// The IEP data marking extension of FIRST (<https://github.com/oasis-open/cti-stix-common-objects>).
pub(crate) const IEP_EXTENSION: &str = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a";
/// The ACS 3.0 data marking extension, from the same collection.
pub(crate) const ACS_EXTENSION: &str = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce";

/// A definition is small; anything else is not one.
const LIMITS: Limits = Limits::new(256 << 10, 16, 20_000);

/// Longer texts and lists than these are nobody's marking.
const LONGEST: usize = 256;
const MOST: usize = 256;

/// What a marking definition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// What it restricts.
    pub(crate) handling: Handling,
    /// Whether it has a word on TLP, so that no default applies.
    pub(crate) tlp: bool,
}

/// What a marking definition restricts, or why nobody here can say.
///
/// [`Handling::clear`] for a statement, which restricts nothing. An error means that what refers to the definition
/// stays in this organisation. `notes` collects what was understood but could only be narrowed, such as nations
/// that nobody knows.
///
/// # Errors
/// What is not understood, as the end of a sentence that begins with the marking's id.
pub fn meaning(definition: Value<'_>, spifs: &Spifs, notes: &mut Vec<String>) -> Result<Handling, String> {
    read(definition, spifs, notes).map(|said| said.handling)
}

/// What a definition says of TLP alone, for whoever keeps one label per object: everything else that we understand
/// counts as a statement there, because [`crate::Facts`] carries it.
#[must_use]
pub fn tlp_meaning(definition: Value<'_>, spifs: &Spifs) -> Meaning {
    match read(definition, spifs, &mut Vec::new()) {
        Ok(Said { tlp: false, .. }) => Meaning::Statement,
        Ok(Said { handling, .. }) => match handling.tlp() {
            Label::Tlp(tlp) => Meaning::Tlp(tlp),
            Label::OwnOnly => Meaning::Unknown,
        },
        Err(_) => Meaning::Unknown,
    }
}

fn read(definition: Value<'_>, spifs: &Spifs, notes: &mut Vec<String>) -> Result<Said, String> {
    let string = |name: &str| definition.get(name).and_then(|value| value.as_str());
    if !definition.get("type").is_some_and(|kind| kind.is("marking-definition")) {
        return Err("is not a marking definition".to_owned());
    }
    // An id with a fixed meaning keeps it, whatever a definition under that id says.
    if let Some(Meaning::Tlp(tlp)) = string("id").and_then(|id| meaning_of_id(&id)) {
        return Ok(Said { handling: Label::Tlp(tlp).into(), tlp: true });
    }
    let extensions = definition.get("extensions");
    let mut said = Said { handling: Handling::clear(), tlp: false };
    match (definition.get("definition_type"), extensions) {
        (Some(kind), _) if kind.is("statement") => said.handling = statement::meaning(definition)?,
        (Some(kind), _) if kind.is("tlp") => {
            return Err("gives a TLP level under an id that is not TLP's".to_owned());
        }
        (Some(kind), _) => return Err(format!("is of a kind that is not known: `{}`", brief(kind.raw()))),
        (None, Some(extensions)) if extensions.entries().next().is_some() => {}
        (None, _) => return Err("defines nothing".to_owned()),
    }
    for (key, extension) in extensions.into_iter().flat_map(|extensions| extensions.entries()) {
        let id = key.as_str().unwrap_or_default();
        if extension.kind() != Kind::Object {
            return Err(format!("has an extension that is no object: `{}`", brief(&id)));
        }
        let next = match id.as_ref() {
            IEP_EXTENSION => iep::meaning(extension)?,
            ACS_EXTENSION => acs::meaning(extension, notes)?,
            HANDLING_EXTENSION => own::meaning(extension, spifs, notes)?,
            other => return Err(format!("has an extension that is not known: `{}`", brief(other))),
        };
        // An IEP policy always has a TLP statement, CLEAR too.
        said.tlp |= id == IEP_EXTENSION || next.tlp() != Label::CLEAR;
        said.handling = said.handling.meet(&next);
    }
    Ok(said)
}

/// As [`read`], from the raw text that was found under an id.
pub(crate) fn read_text(
    id: &str,
    text: &str,
    spifs: &Spifs,
    notes: &mut Vec<String>,
) -> Result<Said, String> {
    let mut tape = Tape::new();
    let definition =
        tape.parse(text.as_bytes(), &LIMITS).map_err(|error| format!("is not readable: {error}"))?;
    let own = definition.get("id").and_then(|id| id.as_str());
    if !own.is_some_and(|own| own.eq_ignore_ascii_case(id)) {
        return Err("was found under another id than its own".to_owned());
    }
    read(definition, spifs, notes)
}

/// The start of a text, for a message.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A string of at most [`LONGEST`] characters.
fn text<'a>(value: Value<'a>, name: &str) -> Result<std::borrow::Cow<'a, str>, String> {
    value
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= LONGEST)
        .ok_or_else(|| format!("has a `{name}` that is no text, or too long"))
}

/// A list of such strings, or one string where a list should be; not empty.
fn texts<'a>(value: Value<'a>, name: &str) -> Result<Vec<std::borrow::Cow<'a, str>>, String> {
    if value.kind() == Kind::String {
        return Ok(vec![text(value, name)?]);
    }
    let list: Vec<_> = value.items().take(MOST + 1).map(|item| text(item, name)).collect::<Result<_, _>>()?;
    if list.is_empty() || list.len() > MOST {
        return Err(format!("has a `{name}` that is no list, or an empty or too long one"));
    }
    Ok(list)
}

fn boolean(value: Value<'_>, name: &str) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("has a `{name}` that is neither true nor false"))
}

fn instant(value: Value<'_>, name: &str) -> Result<model::Timestamp, String> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.ok_or_else(|| format!("has a `{name}` that is no timestamp"))
}

/// Refuses properties that may restrict in ways we do not understand.
fn only(value: Value<'_>, scheme: &str, known: &[&str]) -> Result<(), String> {
    let stranger = value.entries().find(|(key, _)| !known.iter().any(|name| key.is(name)));
    match stranger {
        Some((key, _)) => Err(format!("has a property that {scheme} does not define: {}", brief(key.raw()))),
        None => Ok(()),
    }
}
