//! Finds personal data and internal names in an object's texts.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::LazyLock;

use json::{Kind, Value, escape_pointer};
use regex::Regex;

use crate::numbers;

/// Something that was found: where, and by which detector. Never what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// `email`, `phone`, `iban`, `payment-card`, `personal-code-ee-lt`, `identity-number-es`, `internal-name`,
    /// `internal-address`, or `personal-type` for objects that are about a person as such.
    pub detector: &'static str,
    /// JSON pointer to the property whose text it stands in.
    pub pointer: String,
}

/// What is looked for besides what everyone looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detectors {
    /// Domains of this organisation (`corp.example`): names below them are internal.
    pub internal_names: Vec<String>,
    /// Networks of this organisation as (address, prefix length).
    pub internal_ranges: Vec<(IpAddr, u8)>,
}

/// Texts longer than this are looked at in full all the same; more findings than this in one object add nothing.
pub(crate) const ENOUGH: usize = 64;

/// Properties that hold ids, times and fixed words: nobody's data.
pub(crate) const NOT_TEXT: [&str; 10] = [
    "id",
    "type",
    "spec_version",
    "created",
    "modified",
    "valid_from",
    "valid_until",
    "first_seen",
    "last_seen",
    "pattern_type",
];

impl Detectors {
    /// Everything found in an object, in its order, each place and detector once; at most 64.
    #[must_use]
    pub fn find(&self, object: Value<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        if is_about_a_person(object) {
            found.push(Found { detector: "personal-type", pointer: String::new() });
        }
        self.walk(object, &mut String::new(), &mut found);
        found
    }

    fn walk(&self, value: Value<'_>, pointer: &mut String, found: &mut Vec<Found>) {
        if found.len() >= ENOUGH {
            return;
        }
        let length = pointer.len();
        match value.kind() {
            Kind::Object => {
                for (key, member) in value.entries() {
                    let name = key.as_str().unwrap_or_default();
                    // Names of members can carry data too: dictionaries take any key.
                    pointer.push('/');
                    pointer.push_str(&escape_pointer(&name));
                    self.text(&name, pointer, found);
                    let fixed =
                        NOT_TEXT.contains(&&*name) || name.ends_with("_ref") || name.ends_with("_refs");
                    if !fixed || matches!(member.kind(), Kind::Object) {
                        self.walk(member, pointer, found);
                    }
                    pointer.truncate(length);
                }
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    self.walk(item, pointer, found);
                    pointer.truncate(length);
                }
            }
            Kind::String => {
                if let Some(text) = value.as_str() {
                    self.text(&text, pointer, found);
                }
            }
            Kind::Number => self.text(value.raw(), pointer, found),
            _ => {}
        }
    }

    fn text(&self, text: &str, pointer: &str, found: &mut Vec<Found>) {
        let mut hit = |detector| {
            let new = Found { detector, pointer: pointer.to_owned() };
            if found.len() < ENOUGH && !found.contains(&new) {
                found.push(new);
            }
        };
        let may = Hints::of(text);
        if may.email && EMAIL.is_match(text) {
            hit("email");
        }
        if may.phone && PHONE.is_match(text) {
            hit("phone");
        }
        if may.account && IBAN.find_iter(text).any(|found| iban_length(found.as_str()).is_some()) {
            hit("iban");
        }
        for run in may.account.then(|| DIGITS.find_iter(text)).into_iter().flatten() {
            let digits = digits_of(run.as_str());
            if numbers::payment_card(&digits) {
                hit("payment-card");
            }
            if run.as_str().len() == 11 && numbers::baltic_personal_code(&digits) {
                hit("personal-code-ee-lt");
            }
        }
        if may.spanish && SPANISH.find_iter(text).any(|found| numbers::spanish_identity(found.as_str())) {
            hit("identity-number-es");
        }
        let lower = if self.internal_names.is_empty() { String::new() } else { text.to_ascii_lowercase() };
        if self.internal_names.iter().any(|domain| names(&lower, &domain.to_ascii_lowercase())) {
            hit("internal-name");
        }
        let internal = |address: IpAddr| self.internal_ranges.iter().any(|range| within(address, *range));
        if !self.internal_ranges.is_empty() && addresses(text).any(|(_, address)| internal(address)) {
            hit("internal-address");
        }
    }
}

/// What a text may hold by the characters in it: most hold nothing, and no expression need be run to say so.
struct Hints {
    email: bool,
    phone: bool,
    /// Numbers of accounts, cards and persons.
    account: bool,
    spanish: bool,
}

impl Hints {
    fn of(text: &str) -> Self {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        Self {
            email: text.contains('@'),
            phone: digits >= 8 && text.contains('+'),
            account: digits >= 8,
            spanish: digits >= 7,
        }
    }
}

/// What a value in a text says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Personal {
    Email,
    Phone,
    Iban,
    PaymentCard,
    BalticCode,
    SpanishIdentity,
}

/// Values in a text that a person could be found by, in order and apart from each other, by the same expressions that
/// [`Detectors`] look with.
pub(crate) fn personal(text: &str) -> Vec<(Range<usize>, Personal)> {
    let mut found: Vec<(Range<usize>, Personal)> = Vec::new();
    let mut add = |range: Range<usize>, kind| {
        if !found.iter().any(|(known, _)| known.start < range.end && range.start < known.end) {
            found.push((range, kind));
        }
    };
    let may = Hints::of(text);
    if may.email {
        EMAIL.find_iter(text).for_each(|found| add(found.range(), Personal::Email));
    }
    if may.phone {
        PHONE.find_iter(text).for_each(|found| add(found.range(), Personal::Phone));
    }
    for candidate in may.account.then(|| IBAN.find_iter(text)).into_iter().flatten() {
        if let Some(length) = iban_length(candidate.as_str()) {
            add(candidate.start()..candidate.start() + length, Personal::Iban);
        }
    }
    for run in may.account.then(|| DIGITS.find_iter(text)).into_iter().flatten() {
        let digits = digits_of(run.as_str());
        if numbers::payment_card(&digits) {
            add(run.range(), Personal::PaymentCard);
        } else if run.as_str().len() == 11 && numbers::baltic_personal_code(&digits) {
            add(run.range(), Personal::BalticCode);
        }
    }
    let spanish = may.spanish.then(|| SPANISH.find_iter(text)).into_iter().flatten();
    for run in spanish.filter(|run| numbers::spanish_identity(run.as_str())) {
        add(run.range(), Personal::SpanishIdentity);
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

fn digits_of(run: &str) -> Vec<u8> {
    run.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
}

/// How much of a candidate is an IBAN: the expression is greedy, and what follows one may have been taken for a part.
fn iban_length(candidate: &str) -> Option<usize> {
    let mut compact = String::new();
    candidate.char_indices().find_map(|(at, c)| {
        if !c.is_whitespace() {
            compact.push(c.to_ascii_uppercase());
        }
        numbers::iban(&compact).then(|| at + c.len_utf8())
    })
}

/// Types that are about people as such: accounts, mail addresses, messages, identities of persons.
pub(crate) fn is_about_a_person(object: Value<'_>) -> bool {
    let class = object.get("identity_class");
    match object.get("type").and_then(|name| name.as_str()).as_deref() {
        Some("email-addr" | "user-account" | "email-message") => true,
        Some("identity") => class.is_some_and(|class| class.is("individual")),
        _ => false,
    }
}

/// Whether a lower-case text names a domain or something below it, as a whole name.
fn names(text: &str, domain: &str) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let bytes = text.as_bytes();
    !domain.is_empty()
        && text.match_indices(domain).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at + domain.len());
            let goes_on = after == Some(&b'.')
                && bytes.get(at + domain.len() + 1).is_some_and(u8::is_ascii_alphanumeric);
            !before.is_some_and(part) && !after.is_some_and(part) && !goes_on
        })
}

/// The addresses that stand in a text as whole words, with their byte ranges. A version number of four parts looks like
/// one, and is taken for one.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = (Range<usize>, IpAddr)> + '_ {
    ADDRESS.find_iter(text).filter_map(|found| {
        // A full stop or colon that ends a sentence is no part of the address.
        let word = found.as_str().trim_end_matches(['.', ':']);
        let address = word.parse().ok()?;
        Some((found.start()..found.start() + word.len(), address))
    })
}

/// Whether an address lies in a network.
fn within(address: IpAddr, (network, prefix): (IpAddr, u8)) -> bool {
    let same = |difference: u128, width: u32| {
        let prefix = u32::from(prefix).min(width);
        prefix == 0 || difference.checked_shr(width - prefix).unwrap_or(0) == 0
    };
    match (address.to_canonical(), network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u128::from(u32::from(a) ^ u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(u128::from(a) ^ u128::from(b), 128),
        _ => false,
    }
}

#[expect(clippy::expect_used, reason = "constant expressions, each used by a test")]
fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a valid expression")
}

static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| expression(r"[\p{L}\p{N}._%+\-]{1,64}@(?:[\p{L}\p{N}\-]{1,63}\.)+[\p{L}]{2,24}"));
// Words end where ASCII says: with Unicode's idea of a word these could not be searched for in one pass.
static PHONE: LazyLock<Regex> = LazyLock::new(|| expression(r"\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14}(?-u:\b)"));
static IBAN: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?-u:\b)[A-Za-z]{2}[0-9]{2}(?:[ ]?[A-Za-z0-9]){11,30}"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| expression(r"(?-u:\b)[0-9](?:[ \-]?[0-9]){10,18}(?-u:\b)"));
static SPANISH: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?-u:\b)[XYZxyz0-9][0-9]{7}[A-Za-z](?-u:\b)"));
/// Loose on purpose: what is no address does not parse as one.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    expression(concat!(
        r"(?:(?-u:\b)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?-u:\b))",
        r"|(?:[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?)"
    ))
});

#[cfg(test)]
mod tests {
    use json::{Limits, Tape};

    use super::*;

    fn check(detectors: &Detectors, object: &str, expected: &[(&str, &str)]) {
        let mut tape = Tape::new();
        let value = tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap();
        let found = detectors.find(value);
        let found: Vec<_> = found.iter().map(|found| (found.detector, found.pointer.as_str())).collect();
        assert_eq!(found, expected, "{object}");
    }

    #[test]
    fn each_detector_finds_its_own_and_names_the_place() {
        let none = Detectors::default();
        check(
            &none,
            r#"{"description":"ask anna.tamm@ministry.example about it"}"#,
            &[("email", "/description")],
        );
        check(&none, r#"{"description":"call +372 5123 4567 now"}"#, &[("phone", "/description")]);
        check(&none, r#"{"a":{"b":["pay DE89 3704 0044 0532 0130 00 today"]}}"#, &[("iban", "/a/b/0")]);
        check(&none, r#"{"x":"card 4111-1111-1111-1111."}"#, &[("payment-card", "/x")]);
        check(&none, r#"{"x":"isik 37605030299"}"#, &[("personal-code-ee-lt", "/x")]);
        check(&none, r#"{"x":37605030299}"#, &[("personal-code-ee-lt", "/x")]);
        check(&none, r#"{"x":"DNI 12345678Z"}"#, &[("identity-number-es", "/x")]);
        check(&none, r#"{"x":{"joe@example.org":1}}"#, &[("email", "/x/joe@example.org")]);
        check(&none, r#"{"type":"email-addr","value":"x"}"#, &[("personal-type", "")]);
        check(
            &none,
            r#"{"type":"identity","identity_class":"individual","name":"x"}"#,
            &[("personal-type", "")],
        );
    }

    #[test]
    fn escaped_spelling_hides_nothing() {
        check(&Detectors::default(), r#"{"d":"anna\u0040ministry.example"}"#, &[("email", "/d")]);
        check(&Detectors::default(), r#"{"d":"jürgen@müller.example"}"#, &[("email", "/d")]);
    }

    #[test]
    fn words_end_where_letters_of_other_scripts_begin() {
        let none = Detectors::default();
        check(&none, r#"{"x":"код37605030299код"}"#, &[("personal-code-ee-lt", "/x")]);
        check(&none, r#"{"x":"счёт DE89 3704 0044 0532 0130 00"}"#, &[("iban", "/x")]);
        check(&none, r#"{"x":"nº12345678Zñ"}"#, &[("identity-number-es", "/x")]);
    }

    #[test]
    fn what_every_indicator_is_made_of_is_nobodys_data() {
        let none = Detectors::default();
        for text in [
            r#"{"id":"indicator--12345678-1234-4234-8234-123456789012","created":"2026-01-02T03:04:05.678Z"}"#,
            r#"{"pattern":"[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']"}"#,
            r#"{"pattern":"[ipv4-addr:value = '198.51.100.17/32']"}"#,
            r#"{"external_references":[{"external_id":"CVE-2026-12345678"}]}"#,
            r#"{"description":"version 10.0.19041.1 build 20260102"}"#,
            r#"{"d":"12345678901"}"#,
        ] {
            check(&none, text, &[]);
        }
    }

    #[test]
    fn internal_names_and_networks_are_whole_words() {
        let ours = Detectors {
            internal_names: vec!["Corp.example".to_owned()],
            internal_ranges: vec![("10.0.0.0".parse().unwrap(), 8), ("2001:db8::".parse().unwrap(), 32)],
        };
        check(&ours, r#"{"d":"seen on DC1.corp.EXAMPLE."}"#, &[("internal-name", "/d")]);
        check(&ours, r#"{"d":"from notcorp.example and corp.example.org"}"#, &[]);
        check(&ours, r#"{"d":"from 10.1.2.3."}"#, &[("internal-address", "/d")]);
        check(&ours, r#"{"d":"from ::ffff:10.1.2.3"}"#, &[("internal-address", "/d")]);
        check(&ours, r#"{"d":"from 110.1.2.3, 192.0.2.1 and 2001:db9::1"}"#, &[]);
        check(&ours, r#"{"d":"from 2001:DB8:0::1"}"#, &[("internal-address", "/d")]);
    }

    #[test]
    fn findings_are_bounded_and_text_is_read_once() {
        let many: Vec<_> = (0..5000).map(|n| format!("\"a{n}@example.org\"")).collect();
        let mut tape = Tape::new();
        let text = format!(r#"{{"d":[{}]}}"#, many.join(","));
        let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
        assert_eq!(Detectors::default().find(value).len(), ENOUGH);
    }
}
