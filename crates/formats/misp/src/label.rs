//! What MISP says about onward sharing, as a narrowing label.
//!
//! Two things speak: `tlp:` tags, and `distribution`. Distribution is about MISP's own topology, so it can lower a
//! label but never grant anything:
//!
//! | distribution | at most |
//! |---|---|
//! | 0 your organisation only | own organisation |
//! | 1 this community only | AMBER+STRICT: the community was the sender's server, not ours |
//! | 2 connected communities | AMBER |
//! | 3 all communities | not narrowed |
//! | 4 sharing group | own organisation: we do not know its members |
//! | 5 inherit event | as the event |
//! | anything else | own organisation |

use json::Value;
use model::{Finding, Label, Severity, StixId, Tlp};

use crate::document::{list, text};

/// What is said about one thing, including what it inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stated {
    /// At most this; `None` when nothing is said.
    pub(crate) label: Option<Label>,
    /// Whether a `tlp:` tag is among what was said.
    tagged: bool,
}

impl Stated {
    pub(crate) fn meet(self, other: Self) -> Self {
        let label = match (self.label, other.label) {
            (Some(a), Some(b)) => Some(a.meet(b)),
            (one, other) => one.or(other),
        };
        Self { label, tagged: self.tagged || other.tagged }
    }

    /// The marking that expresses it. Only a `tlp:` tag is expressed: a marking made from distribution alone would
    /// be wider than the default for unmarked objects. Own-organisation has no TLP, so RED stands in for it.
    pub(crate) fn marking(self) -> Option<StixId> {
        if !self.tagged {
            return None;
        }
        self.label.map(|label| match label {
            Label::OwnOnly => stix::marking::tlp_ref(Tlp::Red),
            Label::Tlp(tlp) => stix::marking::tlp_ref(tlp),
        })
    }

    /// What an event, object or attribute itself says; findings for what is not understood.
    pub(crate) fn read(value: Value<'_>, pointer: &str, findings: &mut Vec<Finding>) -> Self {
        let mut stated = Self { label: distribution(value, pointer, findings), tagged: false };
        for (pointer, tag) in list(value, "Tag", pointer) {
            let Some(name) = text(tag, "name") else { continue };
            let Some(level) = tlp(&name) else { continue };
            let label = level.unwrap_or_else(|| {
                findings.push(
                    Finding::new(
                        Severity::Warning,
                        "misp/tlp-unknown",
                        format!("{pointer}/name"),
                        format!("`{name}` is not a TLP level; read as own organisation only"),
                    )
                    .hint("use tlp:red, tlp:amber+strict, tlp:amber, tlp:green or tlp:clear"),
                );
                Label::OwnOnly
            });
            stated = stated.meet(Self { label: Some(label), tagged: true });
        }
        stated
    }
}

fn distribution(value: Value<'_>, pointer: &str, findings: &mut Vec<Finding>) -> Option<Label> {
    let level = text(value, "distribution")?;
    let message = match level.as_str() {
        "0" => return Some(Label::OwnOnly),
        "1" => return Some(Label::Tlp(Tlp::AmberStrict)),
        "2" => return Some(Label::Tlp(Tlp::Amber)),
        "3" | "5" => return None,
        "4" => "a sharing group's members are not known here; read as own organisation only".to_owned(),
        _ => format!("`{level}` is not a distribution level; read as own organisation only"),
    };
    findings.push(Finding::new(
        Severity::Note,
        "misp/distribution",
        format!("{pointer}/distribution"),
        message,
    ));
    Some(Label::OwnOnly)
}

/// Whether a tag speaks of TLP, and the level if we know it.
pub(crate) fn tlp(tag: &str) -> Option<Option<Label>> {
    let lower = tag.trim().to_ascii_lowercase();
    let level = lower.strip_prefix("tlp:").or_else(|| lower.strip_prefix("tlp "))?.trim().replace(' ', "");
    Some(match level.as_str() {
        // A recipient list after the level, as `tlp:amber:…`, is more than the level says: not understood.
        "white" | "clear" => Some(Label::CLEAR),
        "green" => Some(Label::Tlp(Tlp::Green)),
        "amber" => Some(Label::Tlp(Tlp::Amber)),
        "amber+strict" => Some(Label::Tlp(Tlp::AmberStrict)),
        "red" => Some(Label::Tlp(Tlp::Red)),
        _ => None,
    })
}
