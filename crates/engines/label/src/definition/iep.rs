//! The IEP 2.0 data marking extension. It renames two fields of FIRST's JSON: `attribution` and `id`.

use json::Value;
use model::{Label, Timestamp};

use super::{instant, only, text, texts};
use crate::handling::Handling;
use crate::iep::{Attribution, Iep, PermittedActions};

const KNOWN: [&str; 15] = [
    "extension_type",
    "iep_id",
    "iep_version",
    "policy_name",
    "name",
    "description",
    "start_date",
    "end_date",
    "encrypt_in_transit",
    "permitted_actions",
    "affected_party_notifications",
    "tlp",
    "provider_attribution",
    "unmodified_resale",
    "external_references",
];

/// What the extension restricts. Every statement that restricts must be there and known.
pub(super) fn meaning(extension: Value<'_>) -> Result<Handling, String> {
    only(extension, "IEP 2.0", &KNOWN)?;
    let required =
        |name: &str| extension.get(name).ok_or_else(|| format!("is an IEP policy without `{name}`"));
    if required("iep_version")?.as_f64() != Some(2.0) {
        return Err("is an IEP policy of another version than 2.0".to_owned());
    }
    let choice = |name: &str, options: [&str; 2]| {
        let value = word(required(name)?, name)?;
        let known = options.iter().position(|option| *option == value);
        known
            .map(|at| at == 0)
            .ok_or_else(|| format!("is an IEP policy with a `{name}` that is not known: `{value}`"))
    };
    let attribution = word(required("provider_attribution")?, "provider_attribution")?;
    let attribution = [Attribution::May, Attribution::Must, Attribution::MustNot]
        .into_iter()
        .find(|known| known.as_str() == attribution)
        .ok_or("is an IEP policy with a `provider_attribution` that is not known")?;
    // Written as one action in FIRST's JSON and as a list in the extension: the narrowest holds.
    let actions = texts(required("permitted_actions")?, "permitted_actions")?;
    let actions: Option<Vec<_>> = actions.iter().map(|action| PermittedActions::parse(action)).collect();
    let permitted_actions = actions
        .and_then(|actions| actions.into_iter().min())
        .ok_or("is an IEP policy with `permitted_actions` that are not known")?;
    let tlp = text(required("tlp")?, "tlp")?;
    let tlp = match tlp.parse() {
        Ok(Label::Tlp(level)) => Label::Tlp(level),
        _ => return Err("is an IEP policy with a `tlp` that is not known".to_owned()),
    };
    let end = extension.get("end_date").filter(|end| !end.is_null());
    let start = instant(required("start_date")?, "start_date")?;
    let iep = Iep {
        encrypt_in_transit: choice("encrypt_in_transit", ["must", "may"])?,
        permitted_actions,
        may_notify_affected: choice("affected_party_notifications", ["may", "must-not"])?,
        attribution,
        may_resell: choice("unmodified_resale", ["may", "must-not"])?,
        // A start before there was anything to share is none.
        start: Some(start).filter(|start| *start > Timestamp::EPOCH),
        end: end.map(|end| instant(end, "end_date")).transpose()?,
    };
    Ok(Handling::from(tlp).with_iep(iep))
}

/// A word of the vocabulary, in any case, with hyphens, underscores or spaces.
fn word(value: Value<'_>, name: &str) -> Result<String, String> {
    Ok(text(value, name)?.to_ascii_lowercase().replace(['_', ' '], "-"))
}
