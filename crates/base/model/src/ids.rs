//! Ids. Each kind of thing has its own type, so one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

/// 128 bits written as a UUID (RFC 9562): lower-case hex with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// A text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// What was expected.
    pub expected: &'static str,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.expected)
    }
}

impl std::error::Error for InvalidId {}

impl Uuid {
    /// Parses the hyphenated 36-character form; upper-case hex digits are accepted.
    ///
    /// # Errors
    /// [`InvalidId`] for any other form.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidId> {
        let invalid = InvalidId { expected: "a UUID in the form 8-4-4-4-12" };
        if text.len() != 36 {
            return Err(invalid);
        }
        let mut bytes = [0u8; 16];
        let mut out = bytes.iter_mut();
        let mut high = None;
        for (position, byte) in text.iter().enumerate() {
            if matches!(position, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return Err(invalid);
                }
                continue;
            }
            let nibble = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return Err(invalid),
            };
            match high.take() {
                None => high = Some(nibble),
                Some(high) => {
                    if let Some(slot) = out.next() {
                        *slot = high << 4 | nibble;
                    }
                }
            }
        }
        Ok(Self(bytes))
    }

    /// The version nibble: 4 for random, 5 for name-based with SHA-1.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.0[6] >> 4
    }

    /// Whether the variant bits are those of RFC 9562.
    #[must_use]
    pub const fn is_rfc_variant(self) -> bool {
        self.0[8] >> 6 == 0b10
    }

    /// A version-4 UUID over sixteen random bytes.
    #[must_use]
    pub const fn v4(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        Self(random)
    }
}

/// Appends a byte as two lower-case digits.
fn push_hex(byte: u8, out: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(36);
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            push_hex(*byte, &mut out);
        }
        f.write_str(&out)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text.as_bytes())
    }
}

/// A SHA-256 digest, written as 64 lower-case hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All zeros: the digest before the first.
    pub const ZERO: Self = Self([0; 32]);

    /// The first twelve hex digits, for people who read a list.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digests are written for every entry that travels: a formatter called for each byte is felt.
        let mut out = String::with_capacity(64);
        self.0.iter().for_each(|byte| push_hex(*byte, &mut out));
        f.write_str(&out)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    /// Lower-case digits only: a digest has one spelling, so that two texts are equal when the digests are.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { expected: "a digest of 64 lower-case hex digits" };
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(invalid);
        }
        let mut bytes = [0; 32];
        for (slot, [high, low]) in bytes.iter_mut().zip(pairs) {
            let pair = nibble(*high).zip(nibble(*low));
            *slot = pair.map(|(high, low)| high << 4 | low).ok_or_else(|| invalid.clone())?;
        }
        Ok(Self(bytes))
    }
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self)
            }
        }
    };
}

digest_id!(
    /// An organisation, by the digest of the key event that began its key history: it certifies itself, and no
    /// registry gives it out.
    PartyId
);
digest_id!(
    /// An agreement, by the digest of its first version's signed bytes. Later versions keep it.
    AgreementId
);

/// A STIX identifier, `type--uuid` (STIX 2.1 §2.9), with the UUID in lower case: two spellings of one id
/// are one object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StixId(Box<str>);

impl StixId {
    /// An id of `type_name` with this UUID.
    #[must_use]
    pub fn new(type_name: &str, uuid: Uuid) -> Self {
        Self(format!("{type_name}--{uuid}").into_boxed_str())
    }

    /// The id as written: `type--uuid`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `--`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.0.split_at_checked(self.0.len() - 38).map_or("", |(name, _)| name)
    }

    /// The part after `--`.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let tail = self.0.as_bytes().get(self.0.len() - 36..).unwrap_or_default();
        Uuid::parse(tail).unwrap_or(Uuid([0; 16]))
    }
}

impl FromStr for StixId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { expected: "a STIX id in the form type--uuid" };
        let at = text.len().checked_sub(38).filter(|at| *at > 0).ok_or(invalid.clone())?;
        let (name, tail) = text.split_at_checked(at).ok_or(invalid.clone())?;
        let uuid = tail.strip_prefix("--").ok_or(invalid.clone())?;
        let named = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let parsed = Uuid::parse(uuid.as_bytes()).map_err(|_| invalid.clone())?;
        if !named {
            return Err(invalid);
        }
        // Rebuilding is needed only for the rare upper-case spelling.
        if uuid.bytes().any(|b| b.is_ascii_uppercase()) {
            return Ok(Self::new(name, parsed));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for StixId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StixId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self).map_err(|_| InvalidId { expected: concat!("a ", stringify!($name)) })
            }
        }
    };
}

number_id!(
    /// A party hosted on this node. It leads every key in the store.
    Tenant(u32)
);
number_id!(
    /// A place in a tenant's journal: starts at 1, gap-free, in commit order. 0 is "before everything".
    Seq(u64)
);
number_id!(
    /// A source objects come from; local to the node.
    SourceId(u32)
);
number_id!(
    /// One stored rendition of one version of an object; local to the node.
    VersionId(i64)
);
number_id!(
    /// A value set aside for a person to decide on; local to the node.
    HeldId(i64)
);
number_id!(
    /// A recorded decision on whether something may leave; local to the node.
    DecisionId(i64)
);
number_id!(
    /// A TAXII collection.
    CollectionId(Uuid)
);
number_id!(
    /// A TAXII status resource.
    StatusId(Uuid)
);
number_id!(
    /// A person's or program's account on this node.
    AccountId(Uuid)
);
number_id!(
    /// An API token, without its secret.
    TokenId(Uuid)
);

/// `real`, or one exercise. Nothing crosses from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum World {
    /// What is going on outside.
    Real,
    /// One exercise, by its number on this node (1 and up).
    Exercise(u32),
}

impl World {
    /// The store's number for this world: 0 is real.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Real => 0,
            Self::Exercise(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(&str, &str)>) {
        let parsed: Option<StixId> = text.parse().ok();
        let got = parsed.as_ref().map(|id| (id.type_name().to_owned(), id.uuid().to_string()));
        assert_eq!(got, expect.map(|(t, u)| (t.to_owned(), u.to_owned())), "{text}");
    }

    #[test]
    fn stix_ids() {
        let uuid = "d1612665-504b-4aee-8e7d-04e0f2dcd3e8";
        check(&format!("indicator--{uuid}"), Some(("indicator", uuid)));
        check(&format!("x-acme-thing--{uuid}"), Some(("x-acme-thing", uuid)));
        check("indicator--D1612665-504B-4AEE-8E7D-04E0F2DCD3E8", Some(("indicator", uuid)));
        check(&format!("--{uuid}"), None);
        check(&format!("Indicator--{uuid}"), None);
        check(&format!("indicator-{uuid}"), None);
        check("indicator--d1612665504b4aee8e7d04e0f2dcd3e8", None);
        check("indicator--1", None);
        check("", None);
        check(&format!("é--{uuid}"), None);
    }

    #[test]
    fn two_spellings_are_one_id() {
        let lower: StixId = "file--d1612665-504b-4aee-8e7d-04e0f2dcd3e8".parse().unwrap();
        let upper: StixId = "file--D1612665-504B-4AEE-8E7D-04E0F2DCD3E8".parse().unwrap();
        assert_eq!(lower, upper);
    }

    #[test]
    fn random_bytes_become_a_version_4_uuid() {
        let uuid = Uuid::v4([0xff; 16]);
        assert_eq!((uuid.version(), uuid.is_rfc_variant()), (4, true));
        assert_eq!(uuid.to_string().parse::<Uuid>(), Ok(uuid));
    }
}
