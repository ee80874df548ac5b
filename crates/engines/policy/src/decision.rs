//! What a decision says.

use std::fmt;

use agreement::PersonalData;
use json::{Kind, Limits, Tape, write_string};
use label::{Handling, Onward};
use model::AgreementId;

/// The answer to a [`crate::Request`] under one agreement. There is always one, and it always says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub permitted: bool,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The clause that permits it; else the rule that is in the way first: `period`, `onward`, … or the clause that
    /// came closest. `break_glass` and `withdrawal` are not clauses of the text.
    pub clause: String,
    /// Why: for a permission the clause, else everything that is in the way, and how the closest clause falls short.
    pub reasons: Vec<Reason>,
    /// What has to be done to it on the way; of no meaning where it may not go.
    pub obligations: Obligations,
    /// How it is to be handled where it goes: its own handling, narrowed by the caveat on nations that the clause puts
    /// on what flows. Never wider than its own.
    pub handling: Handling,
    /// The least that would have to be agreed for it to be permitted. `None` where it is, and where nothing would do.
    pub smallest_consent: Option<String>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The clause or rule it comes from.
    pub rule: String,
    /// What about it: `tlp`, `types`, `period`, …
    pub about: &'static str,
    /// The sentence for people, lower-case and without a full stop.
    pub text: String,
    /// What would remove it; `None` where nothing would.
    pub consent: Option<String>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// What has to be done to an object that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligations {
    /// The agreement's redaction profile it goes through.
    pub redaction: Option<String>,
    /// What becomes of personal data found in it.
    pub personal: PersonalData,
    /// Whether IP addresses become pseudonyms that keep common prefixes.
    pub pseudonymise_addresses: bool,
    /// How much later it goes, in seconds.
    pub delay_seconds: u64,
    /// Only sums of it go.
    pub aggregate: bool,
    /// How the receiver may pass it on.
    pub onward: Onward,
}

/// A text is not that of obligations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not obligations: {0}")]
pub struct InvalidObligations(pub String);

impl Obligations {
    /// What attaches to what may not go: nothing of it, to nobody.
    pub const NOTHING: Self = Self {
        redaction: None,
        personal: PersonalData::Refuse,
        pseudonymise_addresses: false,
        delay_seconds: 0,
        aggregate: false,
        onward: Onward::None,
    };

    /// The canonical text (RFC 8785).
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "{{\"aggregate\":{},\"delay_seconds\":{},\"onward\":\"{}\",\"personal\":\"{}\",\"pseudonymise_addresses\":{}",
            self.aggregate,
            self.delay_seconds,
            self.onward.to_text(),
            self.personal,
            self.pseudonymise_addresses,
        );
        if let Some(redaction) = &self.redaction {
            out.push_str(",\"redaction\":");
            write_string(redaction, &mut out);
        }
        out.push('}');
        out
    }

    /// Reads [`Obligations::to_text`].
    ///
    /// # Errors
    /// [`InvalidObligations`] for any other spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidObligations> {
        const LIMITS: Limits = Limits::new(64 << 10, 2, 16);
        let invalid = |what: &str| InvalidObligations(what.to_owned());
        let mut tape = Tape::new();
        let root =
            tape.parse(text.as_bytes(), &LIMITS).map_err(|error| InvalidObligations(error.to_string()))?;
        let flag = |name: &str| root.get(name).and_then(|value| value.as_bool()).ok_or_else(|| invalid(name));
        let word = |name: &str| {
            let value = root.get(name).and_then(|value| value.as_str());
            value.map(std::borrow::Cow::into_owned).ok_or_else(|| invalid(name))
        };
        let delay = root.get("delay_seconds").filter(|value| value.kind() == Kind::Number);
        let parsed = Self {
            redaction: root.get("redaction").is_some().then(|| word("redaction")).transpose()?,
            personal: PersonalData::parse(&word("personal")?).ok_or_else(|| invalid("personal"))?,
            pseudonymise_addresses: flag("pseudonymise_addresses")?,
            delay_seconds: delay
                .and_then(|value| value.raw().parse().ok())
                .ok_or_else(|| invalid("delay_seconds"))?,
            aggregate: flag("aggregate")?,
            onward: Onward::parse(&word("onward")?).map_err(|error| InvalidObligations(error.to_string()))?,
        };
        if parsed.to_text() == text {
            Ok(parsed)
        } else {
            Err(invalid("another spelling, or something unknown"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obligations_have_one_spelling() {
        let full = Obligations {
            redaction: Some("no \"sources\"".to_owned()),
            personal: PersonalData::Pseudonymise,
            pseudonymise_addresses: true,
            delay_seconds: u64::MAX,
            aggregate: true,
            onward: Onward::Depth(2),
        };
        for obligations in [Obligations::NOTHING, full] {
            assert_eq!(Obligations::parse(&obligations.to_text()), Ok(obligations));
        }
        let text = Obligations::NOTHING.to_text();
        for other in [
            String::new(),
            "{}".to_owned(),
            text.replace(',', ", "),
            text.replace("false", "true,\"x\":1"),
            text.replace("\"none\"", "\"any\""),
            text.replace("refuse", "ignore"),
            text.replace('0', "-1"),
        ] {
            assert!(Obligations::parse(&other).is_err(), "{other}");
        }
    }
}
