//! As many realistic objects as anyone asks for.

use json::{Element, Splitter};
use model::Uuid;

use crate::corpus;

/// `n` objects made from the ATT&CK bundles: real content, every id replaced by a fresh one.
///
/// The same seed gives the same objects; different seeds share no id. References still lead to objects of
/// the same pass over a bundle. `None` after [`crate::skip`].
///
/// # Panics
/// When the bundles are there but unreadable.
#[must_use]
#[expect(clippy::expect_used, reason = "a bench over half the data would mislead")]
pub fn attack_objects(n: usize, seed: u64) -> Option<AttackObjects> {
    let mut bundles = Vec::new();
    for path in corpus("data/attack", "json") {
        let text = std::fs::read(&path).expect("a listed file must be readable");
        let mut objects = Vec::new();
        let mut splitter = Splitter::new("objects", text.len());
        let mut each = |element| {
            if let Element::Item { raw, .. } = element {
                objects.push(Template::new(String::from_utf8(raw).expect("ATT&CK is UTF-8")));
            }
        };
        splitter.push(&text, &mut each).expect("ATT&CK is JSON");
        bundles.push(objects);
    }
    let first = bundles.first()?.len();
    Some(AttackObjects { bundles, left: n, bundle: 0, object: 0, ahead: first, salt: mix(seed) })
}

/// Iterator of [`attack_objects`]: the raw JSON text of one object after another.
#[derive(Debug)]
pub struct AttackObjects {
    bundles: Vec<Vec<Template>>,
    left: usize,
    bundle: usize,
    object: usize,
    /// Objects left in the current bundle.
    ahead: usize,
    /// Distinguishes this pass over a bundle from every other.
    salt: u64,
}

impl Iterator for AttackObjects {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        if self.ahead == 0 {
            self.bundle = (self.bundle + 1) % self.bundles.len();
            self.object = 0;
            self.ahead = self.bundles.get(self.bundle)?.len();
            self.salt = mix(self.salt);
        }
        let template = self.bundles.get(self.bundle)?.get(self.object)?;
        self.object += 1;
        self.ahead -= 1;
        Some(template.with_fresh_ids(self.salt))
    }
}

/// An object's text and where in it the UUIDs of ids stand.
#[derive(Debug)]
struct Template {
    text: String,
    uuids: Vec<(usize, Uuid)>,
}

const UUID: usize = 36;

impl Template {
    fn new(text: String) -> Self {
        let mut uuids = Vec::new();
        for (at, _) in text.match_indices("--") {
            let uuid = text.as_bytes().get(at + 2..at + 2 + UUID);
            if let Some(uuid) = uuid.and_then(|text| Uuid::parse(text).ok()) {
                uuids.push((at + 2, uuid));
            }
        }
        Self { text, uuids }
    }

    fn with_fresh_ids(&self, salt: u64) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut from = 0;
        for (at, uuid) in &self.uuids {
            out.push_str(self.text.get(from..*at).unwrap_or_default());
            out.push_str(&fresh(*uuid, salt).to_string());
            from = at + UUID;
        }
        out.push_str(self.text.get(from..).unwrap_or_default());
        out
    }
}

fn fresh(uuid: Uuid, salt: u64) -> Uuid {
    let bits = u128::from_be_bytes(uuid.0);
    let halves = [(bits >> 64) as u64, bits as u64];
    let [high, low] = halves.map(|half| mix(half ^ salt));
    let bits = u128::from(mix(high ^ low.rotate_left(32))) << 64 | u128::from(mix(low.wrapping_add(high)));
    Uuid::v4(bits.to_be_bytes())
}

/// One step of SplitMix64, the generator of Steele, Lea and Flood (2014): a bijection, so distinct stays distinct.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn id(object: &str) -> String {
        let mut tape = json::Tape::new();
        let value = tape.parse(object.as_bytes(), &json::Limits::OBJECT).unwrap();
        value.get("id").unwrap().as_str().unwrap().into_owned()
    }

    #[test]
    fn ids_are_fresh_and_references_follow_them() {
        let Some(objects) = attack_objects(9000, 7) else { return };
        let objects: Vec<String> = objects.collect();
        let ids: BTreeSet<String> = objects.iter().map(|object| id(object)).collect();
        assert_eq!((objects.len(), ids.len()), (9000, 9000));
        let mut tape = json::Tape::new();
        for object in &objects[..1826] {
            let value = tape.parse(object.as_bytes(), &json::Limits::OBJECT).unwrap();
            if let Some(source) = value.get("source_ref") {
                assert!(ids.contains(source.as_str().unwrap().as_ref()), "{source:?}");
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_objects_and_another_seed_others() {
        let take = |seed| attack_objects(50, seed).map(Iterator::collect::<Vec<_>>);
        let Some(first) = take(1) else { return };
        assert_eq!(take(1), Some(first.clone()));
        let other = take(2).unwrap();
        assert!(first.iter().zip(&other).all(|(a, b)| id(a) != id(b)));
    }
}
