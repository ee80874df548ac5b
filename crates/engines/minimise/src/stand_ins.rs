//! Stand-ins in an object: values, the ids that are made from them, and the references to those.

use std::collections::BTreeSet;
use std::net::IpAddr;

use json::{Edits, Kind, Limits, Tape, Value, escape_pointer, write_string};
use model::StixId;
use stix::sco::deterministic_id;

use crate::addresses::AddressKey;
use crate::detect::{Found, NOT_TEXT, addresses, is_about_a_person, personal};
use crate::pseudonym::PersonKey;
use crate::release::{Contributor, Personal, Plan};

/// Properties of objects about a person that name that person: they get a stand-in as a whole.
const NAMES: [&str; 4] = ["name", "display_name", "user_id", "account_login"];
/// What else stays of such an object: nothing in it leads to the person.
const HARMLESS: [&str; 22] = [
    "type",
    "spec_version",
    "id",
    "created",
    "modified",
    "revoked",
    "created_by_ref",
    "object_marking_refs",
    "granular_markings",
    "confidence",
    "lang",
    "value",
    "belongs_to_ref",
    "identity_class",
    "account_type",
    "is_service_account",
    "is_privileged",
    "can_escalate_privs",
    "is_disabled",
    "account_created",
    "account_first_login",
    "account_last_login",
];

/// Pointers of what was found and can have no stand-in: names of members, numbers, names and networks of the house,
/// and what says more about a person.
pub(crate) fn beyond(object: Value<'_>, type_name: &str, found: &[Found]) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = found
        .iter()
        .filter(|found| found.detector.starts_with("internal-"))
        .map(|found| found.pointer.clone())
        .collect();
    let pointers: BTreeSet<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
    if !pointers.is_empty() {
        unnameable(object, &mut String::new(), &pointers, &mut out);
    }
    if is_about_a_person(object) && type_name != "email-message" {
        for (key, _) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            if !HARMLESS.contains(&&*name) && !NAMES.contains(&&*name) {
                out.insert(format!("/{}", escape_pointer(&name)));
            }
        }
    }
    out
}

fn unnameable(value: Value<'_>, pointer: &mut String, found: &BTreeSet<&str>, out: &mut BTreeSet<String>) {
    let length = pointer.len();
    let members =
        value.entries().map(|(key, member)| (key.as_str().unwrap_or_default().into_owned(), member));
    let items = value.items().enumerate().map(|(at, item)| (at.to_string(), item));
    for (name, child) in members.chain(items) {
        pointer.push('/');
        pointer.push_str(&escape_pointer(&name));
        let in_name = || value.kind() == Kind::Object && !personal(&name).is_empty();
        if found.contains(pointer.as_str()) && (child.kind() == Kind::Number || in_name()) {
            out.insert(pointer.clone());
        }
        unnameable(child, pointer, found, out);
        pointer.truncate(length);
    }
}

/// The text with stand-ins for persons, addresses and the contributor, as the plan asks for. `original` is the object
/// as it is here, from which its id was made; `clean` when no detector found anything in it. `None` when it cannot be
/// read.
pub(crate) fn given(text: &str, original: Value<'_>, plan: &Plan<'_>, clean: bool) -> Option<String> {
    let contributor = match plan.contributor {
        Contributor::Pseudonym(id) => Some(id),
        _ => None,
    };
    let names = Names::of(plan);
    if names.is_none() && contributor.is_none() {
        return Some(text.to_owned());
    }
    let mut tape = Tape::new();
    let object = tape.parse(text.as_bytes(), &Limits::OBJECT).ok()?;
    let mut edits = Edits::new();
    if let (Some(id), Some(creator)) = (contributor, object.get("created_by_ref")) {
        edits.replace(creator, quoted(id.as_str()));
    }
    if let Some(names) = &names {
        if !clean || plan.addresses.is_some() {
            names.values(object, &mut edits);
        }
        let own = object.get("id").and_then(|id| id.as_str()?.parse().ok());
        if let (Some(place), Some(own)) = (object.get("id"), own)
            && let Some(id) = names.id(&own, original)
        {
            edits.replace(place, quoted(id.as_str()));
        }
        stix::refs::references(object, &mut |_, property, target| {
            // The contributor's name was settled above.
            if property == "created_by_ref" && contributor.is_some() {
                return;
            }
            let id = target.as_str().and_then(|text| text.parse::<StixId>().ok());
            if let Some(renamed) = id.and_then(|id| names.referred(&id, plan)) {
                edits.replace(target, quoted(renamed.as_str()));
            }
        });
    }
    Some(if edits.is_empty() { text.to_owned() } else { edits.apply(object) })
}

/// The keys that a plan gives other names with.
struct Names<'a> {
    persons: Option<&'a PersonKey>,
    addresses: Option<&'a AddressKey>,
}

impl<'a> Names<'a> {
    fn of(plan: &Plan<'a>) -> Option<Self> {
        let persons = match plan.personal {
            Personal::Pseudonymise(key) => Some(key),
            _ => None,
        };
        (persons.is_some() || plan.addresses.is_some()).then_some(Self { persons, addresses: plan.addresses })
    }

    /// Edits that give the values of an object their stand-ins.
    fn values(&self, object: Value<'_>, edits: &mut Edits) {
        let person = self.persons.is_some() && is_about_a_person(object);
        for (key, member) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            let whole = self.persons.filter(|_| person && NAMES.contains(&&*name));
            // The address of a person is one however oddly it is written.
            let mailbox = self.persons.filter(|_| person && &*name == "value");
            match (whole, mailbox, member.as_str()) {
                (Some(key), _, Some(text)) => edits.replace(member, quoted(&key.name(&text))),
                (_, Some(key), Some(text)) => edits.replace(member, quoted(&key.mailbox(&text))),
                _ => self.walk(member, &name, edits),
            }
        }
    }

    fn walk(&self, value: Value<'_>, property: &str, edits: &mut Edits) {
        match value.kind() {
            Kind::Object => {
                value
                    .entries()
                    .for_each(|(name, member)| self.walk(member, &name.as_str().unwrap_or_default(), edits));
            }
            Kind::Array => value.items().for_each(|item| self.walk(item, property, edits)),
            Kind::String => {
                let fixed =
                    NOT_TEXT.contains(&property) || property.ends_with("_ref") || property.ends_with("_refs");
                if let Some(text) = value.as_str().filter(|_| !fixed)
                    && let Some(other) = self.text(&text)
                {
                    edits.replace(value, quoted(&other));
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: &str) -> Option<String> {
        let person = self.persons.and_then(|key| key.replaced(text));
        let address = self.addresses.and_then(|key| renamed(person.as_deref().unwrap_or(text), key));
        address.or(person)
    }

    /// The id that an object goes under, if it is another one: an id that was made from values which have stand-ins
    /// is made from those (STIX 2.1 §2.9), so that whoever tries all values finds nothing.
    fn id(&self, id: &StixId, original: Value<'_>) -> Option<StixId> {
        if deterministic_id(original).as_ref() != Some(id) {
            return self.addresses.filter(|_| is_address(id)).map(|key| key.rename(id));
        }
        let mut edits = Edits::new();
        self.values(original, &mut edits);
        if edits.is_empty() {
            return None;
        }
        let text = edits.apply(original);
        let mut tape = Tape::new();
        let other = tape.parse(text.as_bytes(), &Limits::OBJECT).ok()?;
        deterministic_id(other).filter(|other| other != id)
    }

    /// The id that a referred object goes under, if it is another one. Of an object that is not held, nobody can say
    /// what its id was made from.
    fn referred(&self, id: &StixId, plan: &Plan<'_>) -> Option<StixId> {
        let nameable = stix::schema::type_schema(id.type_name())
            .is_some_and(|schema| schema.shape.properties().any(|property| property.contributing));
        if !nameable {
            return None;
        }
        let text = (plan.referred)(id);
        let mut tape = Tape::new();
        let object = text.as_ref().and_then(|text| tape.parse(text.as_bytes(), &Limits::OBJECT).ok());
        match object {
            Some(object) => self.id(id, object),
            None => self.addresses.filter(|_| is_address(id)).map(|key| key.rename(id)),
        }
    }
}

fn is_address(id: &StixId) -> bool {
    matches!(id.type_name(), "ipv4-addr" | "ipv6-addr")
}

/// The text with each address replaced by its pseudonym; `None` when there is none in it.
fn renamed(text: &str, key: &AddressKey) -> Option<String> {
    let (mut out, mut at) = (String::new(), 0);
    for (range, address) in addresses(text) {
        out.push_str(text.get(at..range.start)?);
        out.push_str(&match key.pseudonym(address) {
            // An IPv4 address may come out as one mapped into IPv6.
            IpAddr::V6(six) => six.to_canonical().to_string(),
            four => four.to_string(),
        });
        at = range.end;
    }
    (at > 0).then(|| out + text.get(at..).unwrap_or_default())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}
