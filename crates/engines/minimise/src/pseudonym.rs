//! Persons under other names: the same value has the same stand-in throughout an agreement, of the same kind, and nobody
//! without the key knows whose it is.
//!
//! Each stand-in is of a form that nothing real has: a name under `.invalid` (RFC 2606 §2), the country code 999 that
//! no country has (ITU-T E.164), the country `XX` (ISO 3166-1 user-assigned). So it is never taken for a person's, and
//! giving a text stand-ins twice changes it once.

use std::ops::Range;

use crate::addresses::expand;
use crate::detect::{Personal, personal};

/// A key for one agreement: under another one the same person has another stand-in, so receivers cannot compare.
pub struct PersonKey([u8; 32]);

/// The domain of pseudonymous e-mail addresses.
const DOMAIN: &str = "pseudonym.invalid";

impl PersonKey {
    /// The key of one agreement, from the node's secret and the agreement's id.
    #[must_use]
    pub fn derive(secret: &[u8; 32], agreement: &[u8]) -> Self {
        Self(expand(secret, b"persons", agreement))
    }

    /// The text with each value that a person could be found by replaced; `None` when there is none in it.
    #[must_use]
    pub fn replaced(&self, text: &str) -> Option<String> {
        let (mut out, mut at) = (String::new(), 0);
        for (range, kind) in personal(text) {
            let Range { start, end } = range;
            let value = text.get(start..end)?;
            if is_stand_in(value, kind) {
                continue;
            }
            out.push_str(text.get(at..start)?);
            out.push_str(&self.stand_in(value, kind));
            at = end;
        }
        (at > 0).then(|| out + text.get(at..).unwrap_or_default())
    }

    /// A stand-in for a whole property that names a person: `person-` and 80 bits.
    #[must_use]
    pub fn name(&self, value: &str) -> String {
        if value.strip_prefix("person-").is_some_and(|rest| rest.len() == 20) {
            return value.to_owned();
        }
        format!("person-{}", self.word(b"name", value))
    }

    /// A stand-in for a whole e-mail address.
    pub(crate) fn mailbox(&self, value: &str) -> String {
        if is_stand_in(value, Personal::Email) {
            value.to_owned()
        } else {
            self.stand_in(value, Personal::Email)
        }
    }

    fn stand_in(&self, value: &str, kind: Personal) -> String {
        // Spelling does not make another person.
        let compact: String =
            value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        match kind {
            Personal::Email => format!("person-{}@{DOMAIN}", self.word(b"email", &value.to_lowercase())),
            Personal::Phone => format!("+999{}", self.digits(b"phone", &compact, 11)),
            Personal::Iban => format!("XX{}", self.digits(b"iban", &compact, 20)),
            // No issuer's number begins with 9, and no century of a personal code is the ninth.
            Personal::PaymentCard => format!("9{}", self.digits(b"card", &compact, 15)),
            Personal::BalticCode => format!("9{}", self.digits(b"code", &compact, 10)),
            // U is no check letter.
            Personal::SpanishIdentity => format!("{}U", self.digits(b"spain", &compact, 8)),
        }
    }

    fn word(&self, kind: &[u8], value: &str) -> String {
        let digest = expand(&self.0, kind, value.as_bytes());
        digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
    }

    fn digits(&self, kind: &[u8], value: &str, count: usize) -> String {
        let digest = expand(&self.0, kind, value.as_bytes());
        digest.iter().take(count).map(|byte| char::from(b'0' + byte % 10)).collect()
    }
}

/// Whether a value that a detector takes for a person's has the form of a stand-in. The other kinds have forms that no
/// detector takes for one.
fn is_stand_in(value: &str, kind: Personal) -> bool {
    match kind {
        Personal::Email => value.ends_with(&format!("@{DOMAIN}")),
        Personal::Phone => value.starts_with("+999"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PersonKey {
        PersonKey::derive(&[5; 32], b"one")
    }

    #[test]
    fn each_kind_stays_its_kind_and_says_nothing_of_the_value() {
        for (value, prefix, ending, length) in [
            ("anna.tamm@ministry.example", "person-", "@pseudonym.invalid", 45),
            ("+372 5123 4567", "+999", "", 15),
            ("DE89 3704 0044 0532 0130 00", "XX", "", 22),
            ("4111-1111-1111-1111", "9", "", 16),
            ("37605030299", "9", "", 11),
            ("12345678Z", "", "U", 9),
        ] {
            let text = format!("it was {value}, they said");
            let out = key().replaced(&text).unwrap_or_else(|| panic!("{value} was not found"));
            let stand_in =
                out.strip_prefix("it was ").and_then(|rest| rest.strip_suffix(", they said")).unwrap();
            assert!(stand_in.starts_with(prefix) && stand_in.ends_with(ending), "{out}");
            assert_eq!(stand_in.len(), length, "{out}");
            assert!(!out.contains(value));
            assert_eq!(key().replaced(&text).as_deref(), Some(&*out), "stable");
            assert_eq!(key().replaced(&out), None, "a stand-in needs no stand-in: {out}");
            let other = PersonKey::derive(&[5; 32], b"two").replaced(&text).unwrap();
            assert_ne!(other, out, "two agreements cannot be compared");
        }
    }

    #[test]
    fn spelling_makes_no_other_person() {
        let one = |text: &str| key().replaced(text).unwrap();
        assert_eq!(one("Anna@Ministry.example"), one("anna@ministry.EXAMPLE"));
        assert_eq!(one("+372 5123 4567"), one("+372-5123-4567"));
        assert_eq!(one("DE89 3704 0044 0532 0130 00"), one("DE89370400440532013000"));
        assert_ne!(one("anna@ministry.example"), one("anne@ministry.example"));
    }

    #[test]
    fn what_stands_around_a_value_stays() {
        let text = "mail a@x.example or b@x.example; pay DE89370400440532013000 today";
        let out = key().replaced(text).unwrap();
        assert!(
            out.starts_with("mail person-") && out.ends_with(" today") && out.contains(" or person-"),
            "{out}"
        );
        assert_eq!(key().replaced("nothing of anybody's: 192.0.2.1, CVE-2026-1234"), None);
    }
}
