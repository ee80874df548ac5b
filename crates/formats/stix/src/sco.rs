//! Deterministic ids of cyber-observables (STIX 2.1 §2.9, §3.4).

use json::{Value, canonical, write_string};
use model::{StixId, Uuid};

use crate::schema::{self, ValueType};
use crate::validate::Class;

/// The namespace of the standard for name-based ids.
pub const NAMESPACE: Uuid =
    Uuid([0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7]);

/// The id that the object's contributing properties give it: a version 5 UUID over their RFC 8785 form.
///
/// `None` when the object is not a cyber-observable of the standard or none of those properties is present;
/// such an object has a random id.
#[must_use]
pub fn deterministic_id(value: Value<'_>) -> Option<StixId> {
    let name = value.get("type")?.as_str()?;
    let schema = schema::type_schema(&name).filter(|schema| schema.class == Class::Sco)?;
    let mut contributing: Vec<(&str, String)> = Vec::new();
    for property in schema.shape.properties().filter(|property| property.contributing) {
        let Some(member) = value.get(property.name) else { continue };
        let mut text = String::new();
        match property.value {
            ValueType::Hashes => one_hash(member, &mut text),
            _ => canonical(member, &mut text),
        }
        contributing.push((property.name, text));
    }
    if contributing.is_empty() {
        return None;
    }
    // Property names are ASCII, so byte order is the order of RFC 8785.
    contributing.sort_unstable();
    let mut form = String::from("{");
    for (index, (name, text)) in contributing.iter().enumerate() {
        if index > 0 {
            form.push(',');
        }
        write_string(name, &mut form);
        form.push(':');
        form.push_str(text);
    }
    form.push('}');
    let uuid = uuid::Uuid::new_v5(&uuid::Uuid::from_bytes(NAMESPACE.0), form.as_bytes());
    Some(StixId::new(schema.shape.name, Uuid(uuid.into_bytes())))
}

/// Only one hash contributes: the first present of MD5, SHA-1, SHA-256 and SHA-512, else the first by name.
fn one_hash(hashes: Value<'_>, out: &mut String) {
    const PREFERRED: [&str; 4] = ["MD5", "SHA-1", "SHA-256", "SHA-512"];
    let preferred = PREFERRED.iter().find_map(|name| Some(((*name).to_owned(), hashes.get(name)?)));
    let first = || {
        hashes
            .entries()
            .filter_map(|(key, hash)| Some((key.as_str()?.into_owned(), hash)))
            .min_by(|a, b| a.0.cmp(&b.0))
    };
    out.push('{');
    if let Some((name, hash)) = preferred.or_else(first) {
        write_string(&name, out);
        out.push(':');
        canonical(hash, out);
    }
    out.push('}');
}
