//! Whether what matched may be used here, asked when it matches.

mod mute;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use model::{AgreementId, PartyId, Seq, SourceId, StixId, Timestamp, VersionId};
use policy::Action;
use ports::Read;

use super::answers::{Again, Review};
use super::{Detection, DetectionError};
use crate::core::Core;
use crate::trust::Registry;

pub(super) use mute::switch_of;

/// Why something may be looked for, or blocked, here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// It is our own.
    Own,
    /// A source that is no party gave it, and nothing it says forbids it.
    Source(SourceId),
    /// A party gave it under an agreement, and a clause permits it.
    Clause {
        /// Who gave it.
        from: PartyId,
        /// The agreement.
        agreement: AgreementId,
        /// The clause.
        clause: String,
    },
}

impl Allowed {
    /// As it is kept with an alert.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Own => serde_json::json!({"by": "own"}),
            Self::Source(source) => serde_json::json!({"by": "source", "source": source.0}),
            Self::Clause { from, agreement, clause } => serde_json::json!({
                "by": "agreement",
                "party": from.to_string(),
                "agreement": agreement.to_string(),
                "clause": clause,
            }),
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAllowed {
    /// It is not held any more, or not the newest.
    Gone,
    /// Whoever made it took it back.
    Revoked,
    /// Our people muted it.
    Muted,
    /// No clause permits it, or its label forbids it; the reasons.
    Policy(String),
}

impl std::fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("it is not held any more"),
            Self::Revoked => f.write_str("it was revoked"),
            Self::Muted => f.write_str("it is muted here"),
            Self::Policy(reasons) => f.write_str(reasons),
        }
    }
}

/// What is known of an indicator or rule that matched.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The object.
    pub(crate) id: StixId,
    /// What people call it.
    pub(crate) title: String,
    /// Its `confidence`.
    pub(crate) confidence: Option<u8>,
    /// What its `valid_until` says.
    pub(crate) until: Option<Timestamp>,
    /// Whether it may be looked for.
    pub(crate) verdict: Result<Allowed, NotAllowed>,
}

/// Answers that were found lately, and what they depend on.
#[derive(Default)]
pub(crate) struct Verdicts {
    at: Option<Seq>,
    asked: Option<Timestamp>,
    pub(super) known: BTreeMap<VersionId, Arc<Subject>>,
    remembered: mute::Remembered,
    /// What is to be looked for once more in what was kept.
    pub(super) again: Again,
    /// How far it was gone through what is permitted by now.
    pub(super) review: Review,
}

/// Answers that are kept.
const KEPT: usize = 20_000;

/// How long an answer holds while nothing is taken in, in microseconds: agreements end and clauses run out by the clock.
const HOLDS: i64 = 1_000_000;

impl Detection {
    /// What is known of a version; `None` when there is no such version any more.
    pub(crate) fn subject(
        &self,
        core: &Core,
        version: VersionId,
    ) -> Result<Option<Arc<Subject>>, DetectionError> {
        let now = core.clock.now();
        let head = *core.head().borrow();
        {
            let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            let old = verdicts
                .asked
                .is_none_or(|asked| now.as_micros().abs_diff(asked.as_micros()) > HOLDS.unsigned_abs());
            if verdicts.at != Some(head) || old || verdicts.known.len() >= KEPT {
                verdicts.known.clear();
                (verdicts.at, verdicts.asked) = (Some(head), Some(now));
            }
            if let Some(subject) = verdicts.known.get(&version) {
                return Ok(Some(Arc::clone(subject)));
            }
        }
        let registry = core.registry()?;
        let read = core.store.read()?;
        let Some(subject) = core.subject_of(&registry, &*read, version, now)? else { return Ok(None) };
        drop(read);
        let subject = Arc::new(subject);
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.at == Some(head) {
            verdicts.known.insert(version, Arc::clone(&subject));
        }
        Ok(Some(subject))
    }
}

impl Core {
    /// What is known of a version, and whether it may be looked for here and now.
    pub(crate) fn subject_of(
        &self,
        registry: &Registry,
        read: &dyn Read,
        version: VersionId,
        now: Timestamp,
    ) -> Result<Option<Subject>, DetectionError> {
        let Some(stored) = read.version(self.scope, version)? else { return Ok(None) };
        let mut tape = json::Tape::new();
        let Ok(value) = tape.parse(stored.raw.as_bytes(), &json::Limits::OBJECT) else { return Ok(None) };
        let text =
            |name: &str| value.get(name).and_then(|value| value.as_str().map(|text| text.into_owned()));
        let title = text("name").or_else(|| text("pattern")).unwrap_or_else(|| stored.id.to_string());
        let confidence = value.get("confidence").and_then(|value| value.as_i64());
        let until = text("valid_until").and_then(|text| text.parse::<Timestamp>().ok());
        let confidence = confidence.and_then(|number| u8::try_from(number).ok());
        let id = stored.id.clone();
        let verdict = if stored.revoked {
            Err(NotAllowed::Revoked)
        } else if stored.latest {
            self.may_use(registry, read, version, Action::Detect, now)?
        } else {
            Err(NotAllowed::Gone)
        };
        Ok(Some(Subject { id, title, confidence, until, verdict }))
    }

    /// Whether something that is held may be used here, and why: it is ours; a party gave it and a clause permits it; or a
    /// source that is no party gave it and its label permits it. What our people muted is not looked for in any case;
    /// whether it is blocked is another question.
    ///
    /// # Errors
    /// When the store fails.
    pub fn may_use(
        &self,
        registry: &Registry,
        read: &dyn Read,
        version: VersionId,
        action: Action,
        now: Timestamp,
    ) -> Result<Result<Allowed, NotAllowed>, DetectionError> {
        let Some(candidate) = self.candidate(read, version)? else { return Ok(Err(NotAllowed::Gone)) };
        if action == Action::Detect && self.is_muted(read, &candidate.stored.id, now)? {
            return Ok(Err(NotAllowed::Muted));
        }
        if candidate.stored.source == SourceId(0) && candidate.held.is_empty() {
            return Ok(Ok(Allowed::Own));
        }
        let Some(trust) = self.trust().filter(|_| !candidate.held.is_empty()) else {
            let verdict = policy::permits(&candidate.facts.handling, action);
            let source = Allowed::Source(candidate.stored.source);
            return Ok(verdict.map(|()| source).map_err(|reason| NotAllowed::Policy(reason.to_owned())));
        };
        let mut reasons = Vec::new();
        for (from, agreement, _) in &candidate.held {
            let stands = registry.may_receive(*agreement, *from, trust.party);
            let Some(force) = registry.last_force(*agreement).filter(|_| stands) else {
                reasons.push(format!("agreement {} is not in force", agreement.0.short()));
                continue;
            };
            let decision = trust.decide_inbound(&force, registry, &candidate.facts, *from, action, now);
            if decision.permitted {
                let clause = decision.clause.clone();
                return Ok(Ok(Allowed::Clause { from: *from, agreement: *agreement, clause }));
            }
            reasons.push(crate::trust::reasons(&decision));
        }
        Ok(Err(NotAllowed::Policy(reasons.join("; "))))
    }
}
