//! When two texts say the same, and which versions may follow each other (STIX 2.1 §3.6).

use std::borrow::Cow;

use json::{Kind, Value};
use model::Timestamp;

use crate::redact::REDACTION_EXTENSION;
use crate::schema::type_schema;
use crate::validate::Class;

/// Properties that hold timestamps anywhere in STIX 2.1, so that two spellings of an instant are equal.
///
/// By name, not by look: a description that happens to read like a timestamp is compared as text.
const TIMESTAMPS: [&str; 34] = [
    "account_created",
    "account_expires",
    "account_first_login",
    "account_last_login",
    "analysis_ended",
    "analysis_started",
    "atime",
    "created",
    "created_time",
    "credential_last_changed",
    "ctime",
    "date",
    "end",
    "end_time",
    "first_observed",
    "first_seen",
    "last_observed",
    "last_seen",
    "modified",
    "modified_time",
    "mtime",
    "object_modified",
    "private_key_usage_period_not_after",
    "private_key_usage_period_not_before",
    "published",
    "start",
    "start_time",
    "stop_time",
    "submitted",
    "time_date_stamp",
    "valid_from",
    "valid_until",
    "validity_not_after",
    "validity_not_before",
];

/// Top-level booleans whose absence means `false` (§3.2), so that writing them out changes nothing; the same
/// holds for `spec_version` 2.1 in a cyber-observable.
const FALSE_BY_DEFAULT: [&str; 2] = ["defanged", "revoked"];

/// Whether two texts of one object mean the same.
///
/// The order of members, white space, escapes, the digits of an instant and the spelling of a number do not
/// matter; the order of list items does (§2.12). Integers are compared exactly, however long.
#[must_use]
pub fn same_meaning(a: Value<'_>, b: Value<'_>) -> bool {
    same_meaning_ignoring(a, b, &[])
}

/// As [`same_meaning`], leaving out these top-level properties.
#[must_use]
pub fn same_meaning_ignoring(a: Value<'_>, b: Value<'_>, ignore: &[&str]) -> bool {
    if a.kind() != Kind::Object || b.kind() != Kind::Object {
        return same(a, b, "");
    }
    let observable = a.get("type").and_then(|name| name.as_str()).and_then(|name| type_schema(&name));
    let observable = observable.is_some_and(|schema| schema.class == Class::Sco);
    let says_nothing = |name: &str, value: Value<'_>| {
        (FALSE_BY_DEFAULT.contains(&name) && value.as_bool() == Some(false))
            || (observable && name == "spec_version" && value.is("2.1"))
    };
    let kept = |(name, value): &(Cow<'_, str>, Value<'_>)| {
        !ignore.contains(&name.as_ref()) && !says_nothing(name, *value)
    };
    let (mut a, mut b) = (members(a), members(b));
    a.retain(kept);
    b.retain(kept);
    same_members(&a, &b)
}

/// Whether two renditions of one version can both be true: properties present in both must agree, at any
/// depth. For copies from which something may have been redacted.
///
/// A list may lack items that the other has, in the same order. Granular markings and the mark that a
/// redaction leaves are not compared: they differ between renditions by nature.
#[must_use]
pub fn common_properties_agree(a: Value<'_>, b: Value<'_>) -> bool {
    agree(a, b, "", true)
}

/// Members sorted by name, so that two objects are compared in one pass however many members they have.
fn members(object: Value<'_>) -> Vec<(Cow<'_, str>, Value<'_>)> {
    let mut members: Vec<_> =
        object.entries().map(|(key, value)| (key.as_str().unwrap_or_default(), value)).collect();
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    members
}

fn same_members(a: &[(Cow<'_, str>, Value<'_>)], b: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((x, a), (y, b))| x == y && same(*a, *b, x))
}

fn same(a: Value<'_>, b: Value<'_>, name: &str) -> bool {
    // Identical text is the usual case, and always means the same.
    if a.raw() == b.raw() {
        return true;
    }
    match (a.kind(), b.kind()) {
        (Kind::Object, Kind::Object) => same_members(&members(a), &members(b)),
        (Kind::Array, Kind::Array) => {
            let (mut a, mut b) = (a.items(), b.items());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if same(a, b, name) => {}
                    _ => return false,
                }
            }
        }
        (Kind::String, Kind::String) => same_string(a, b, name),
        (Kind::Number, Kind::Number) => same_number(a, b),
        _ => false,
    }
}

fn same_string(a: Value<'_>, b: Value<'_>, name: &str) -> bool {
    let (Some(a), Some(b)) = (a.as_str(), b.as_str()) else { return false };
    if a == b {
        return true;
    }
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    TIMESTAMPS.contains(&name) && instant(&a).is_some_and(|a| Some(a) == instant(&b))
}

fn same_number(a: Value<'_>, b: Value<'_>) -> bool {
    /// Beyond this a double no longer tells neighbouring integers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let integer = |value: Value<'_>| !value.raw().contains(['.', 'e', 'E']);
    match (integer(a), integer(b), a.as_f64(), b.as_f64()) {
        // The grammar leaves an integer only one spelling, but for the sign of zero.
        (true, true, a, b) => a == Some(0.0) && b == Some(0.0),
        (false, false, Some(a), Some(b)) => a.is_finite() && a == b,
        (_, _, Some(a), Some(b)) => a == b && a.abs() <= EXACT,
        _ => false,
    }
}

fn agree(a: Value<'_>, b: Value<'_>, name: &str, top: bool) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Object, Kind::Object) => {
            let (a, b) = (members(a), members(b));
            let mut b = b.iter().peekable();
            a.iter().all(|(name, a)| {
                while b.next_if(|(other, _)| other < name).is_some() {}
                let skip = (top && name == "granular_markings") || name == REDACTION_EXTENSION;
                b.next_if(|(other, _)| other == name).is_none_or(|(_, b)| skip || agree(*a, *b, name, false))
            })
        }
        (Kind::Array, Kind::Array) => {
            let (short, long) = if a.items().count() <= b.items().count() { (a, b) } else { (b, a) };
            let mut long = long.items();
            short.items().all(|item| long.any(|other| agree(item, other, name, false)))
        }
        _ => same(a, b, name),
    }
}

/// Where one version stands relative to another of the same object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The same version.
    Same,
    /// A later version.
    Newer,
    /// An earlier version.
    Older,
}

/// Where `incoming` stands relative to `held`. A version is its `modified` (§3.6), at microsecond precision;
/// objects without one, such as cyber-observables and marking definitions, have a single version.
#[must_use]
pub fn order(incoming: Value<'_>, held: Value<'_>) -> Order {
    match modified(incoming).cmp(&modified(held)) {
        std::cmp::Ordering::Equal => Order::Same,
        std::cmp::Ordering::Greater => Order::Newer,
        std::cmp::Ordering::Less => Order::Older,
    }
}

fn modified(object: Value<'_>) -> Option<Timestamp> {
    object.get("modified")?.as_str()?.parse().ok()
}

/// Who alone may make new versions of an object (§3.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bond<'a> {
    /// The identity in `created_by_ref`, as written.
    Creator(Cow<'a, str>),
    /// Nobody is named: only the source that delivered it first.
    Source,
}

/// Who an object is bound to.
#[must_use]
pub fn bond(object: Value<'_>) -> Bond<'_> {
    object.get("created_by_ref").and_then(|value| value.as_str()).map_or(Bond::Source, Bond::Creator)
}

/// A rule that a later version of an object breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// The earlier version is revoked, and revocation is permanent.
    AfterRevocation,
    /// `created_by_ref` differs: somebody else made this version.
    OtherCreator,
    /// `created` differs, which no version may change.
    CreatedChanged,
}

/// What is wrong with `later` as a successor of `earlier`, both of one id (§3.6).
///
/// Two objects without `created_by_ref` break nothing here: whether the same source delivered both is for the
/// caller to know (see [`Bond::Source`]).
#[must_use]
pub fn breaches(earlier: Value<'_>, later: Value<'_>) -> Vec<Breach> {
    let created =
        |object: Value<'_>| object.get("created").and_then(|value| value.as_str()?.parse::<Timestamp>().ok());
    let revoked = earlier.get("revoked").and_then(|value| value.as_bool()) == Some(true);
    let other_creator = match (bond(earlier), bond(later)) {
        (Bond::Creator(a), Bond::Creator(b)) => !a.eq_ignore_ascii_case(&b),
        (a, b) => a != b,
    };
    [
        (revoked, Breach::AfterRevocation),
        (other_creator, Breach::OtherCreator),
        (created(earlier) != created(later), Breach::CreatedChanged),
    ]
    .into_iter()
    .filter_map(|(broken, breach)| broken.then_some(breach))
    .collect()
}
