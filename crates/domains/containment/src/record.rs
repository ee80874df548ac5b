//! Leases as text: one JSON object with a version, read back only when it is whole.

use crate::lease::{Body, Lease};
use crate::proposal::{MAX_ACTUATORS, MAX_ITEMS};

/// The version of the record. A later one that cannot be read is refused, never guessed at.
pub(crate) const VERSION: u32 = 1;

/// A text is no lease that can be read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is not the JSON of a lease; what the reader says.
    #[error("not the record of a lease: {0}")]
    Unreadable(String),
    /// A later program wrote it.
    #[error("the record of a lease has version {0}; this program reads version {VERSION}: use a later one")]
    Version(u32),
    /// It breaks a rule that no lease breaks.
    #[error("the record of a lease has {0}")]
    Impossible(&'static str),
}

impl Lease {
    /// Reads a record.
    ///
    /// # Errors
    /// [`RecordError`] when the text is no record of a lease, or none of this version.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        let body: Body =
            serde_json::from_str(text).map_err(|error| RecordError::Unreadable(error.to_string()))?;
        Self::try_from(body)
    }

    /// The record: one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every member is a text, a number or a list of such: writing cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl TryFrom<Body> for Lease {
    type Error = RecordError;

    fn try_from(body: Body) -> Result<Self, RecordError> {
        if body.version != VERSION {
            return Err(RecordError::Version(body.version));
        }
        let impossible = [
            (body.items.len() > MAX_ITEMS, "too many items"),
            (body.actuators.is_empty() || body.actuators.len() > MAX_ACTUATORS, "no actuators, or too many"),
            (body.until <= body.proposed, "an end before its beginning"),
            (body.state.is_in_force() && body.granted.is_empty(), "no approvals although it is in force"),
        ];
        match impossible.into_iter().find(|(is, _)| *is) {
            Some((_, what)) => Err(RecordError::Impossible(what)),
            None => Ok(Self(body)),
        }
    }
}

impl From<Lease> for Body {
    fn from(lease: Lease) -> Self {
        lease.0
    }
}

/// What has one text form: instants, digests.
pub(crate) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(input: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(input)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The same where it may be missing.
pub(crate) mod text_or_null {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &Option<T>, out: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(ToString::to_string).serialize(out)
    }

    pub(crate) fn deserialize<'de, T, D>(input: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(input)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// An observable as kind and value, normalised again when it is read.
pub(crate) mod observed {
    use observable::{Kind, Observable, normalise};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        kind: String,
        value: String,
    }

    pub(crate) fn serialize<S: Serializer>(observable: &Observable, out: S) -> Result<S::Ok, S::Error> {
        let kind = observable.kind().to_string();
        Written { kind, value: observable.to_string() }.serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Observable, D::Error> {
        let written = Written::deserialize(input)?;
        let kind: Kind = written.kind.parse().map_err(D::Error::custom)?;
        let observable = normalise(kind, &written.value).filter(|observable| observable.kind() == kind);
        observable.ok_or_else(|| D::Error::custom(format!("{:?} is no {kind}", written.value)))
    }
}
