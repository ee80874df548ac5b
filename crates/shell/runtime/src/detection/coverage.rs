//! What is covered: which rules can speak, which have proved it, and which sources they would hear.
//!
//! A rule that is silent is either at peace or blind. So each active rule is given an event that it should fire on, through
//! the same reader, examiner and sink as everything else, and what comes out is compared; nothing of it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, Weak};

use detect::{CardId, State};
use model::{Finding, Severity, Timestamp};
use ports::logs::LogBatch;

use super::pipe::Pipe;
use super::{Detection, DetectionError, RuleSet, RuleView, Watch, digest};
use crate::core::Core;

/// Rules that are tried in one step.
const STEP: usize = 100;
/// Rules are tried again after this time, in microseconds: a day.
const AGAIN: i64 = 86_400 * 1_000_000;

/// What trying a rule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It fired on its own event.
    Passed,
    /// It did not, and what happened instead.
    Failed(String),
    /// No event could be made for it, and why.
    Untried(String),
}

impl Tried {
    /// The word for it, in listings.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Untried(_) => "untried",
        }
    }

    /// Why; empty for what passed.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Failed(reason) | Self::Untried(reason) => reason,
        }
    }
}

/// What is known of the rules that were tried.
#[derive(Default)]
pub(crate) struct Trials {
    /// The rules that the results are of: a card of other rules may have the same number.
    rules: [Weak<RuleSet>; 2],
    /// The next to try: set and card.
    next: (usize, u32),
    begun: Option<Timestamp>,
    results: BTreeMap<(usize, u32), Tried>,
}

impl Trials {
    /// Whether what is known of a set is known of the rules that are loaded in it.
    fn is_of(&self, watch: &Watch, set: usize) -> bool {
        let tried = self.rules.get(set).map(Weak::as_ptr);
        tried.is_some_and(|tried| {
            watch.rules.get(set).is_some_and(|rules| std::ptr::eq(Arc::as_ptr(rules), tried))
        })
    }

    /// Begins where it has to: with everything after a day, and with what was loaded anew, of which nothing is known.
    fn begin(&mut self, watch: &Watch, now: Timestamp) {
        if self.begun.is_none_or(|begun| now.as_micros() - begun.as_micros() > AGAIN) {
            self.begun = Some(now);
            self.next = (0, 0);
        }
        for set in 0..watch.rules.len() {
            if !self.is_of(watch, set) {
                self.results.retain(|(of, _), _| *of != set);
                self.next = self.next.min((set, 0));
            }
        }
        self.rules = watch.rules.each_ref().map(Arc::downgrade);
    }
}

impl RuleView {
    /// Whether it narrows other rules, and so looks at no event itself.
    #[must_use]
    pub fn is_filter(&self) -> bool {
        self.card.kind == detect::Kind::Filter
    }
}

impl Detection {
    /// What trying a rule came to; `None` for one that has not had its turn.
    pub(super) fn tried(&self, watch: &Watch, set: usize, card: CardId) -> Option<Tried> {
        let trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        trials.results.get(&(set, card.0)).filter(|_| trials.is_of(watch, set)).cloned()
    }

    /// How many rules passed, failed, and could not be tried.
    #[must_use]
    pub fn trials(&self) -> (usize, usize, usize) {
        let watch = self.watch();
        let trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        let results = trials.results.iter().filter(|((set, _), _)| trials.is_of(&watch, *set));
        let of = |word: &str| results.clone().filter(|(_, tried)| tried.as_str() == word).count();
        (of("passed"), of("failed"), of("untried"))
    }
}

impl Core {
    /// Which of ATT&CK's techniques are covered: by rules that are active and have fired on an event of their own, and by
    /// nothing that a rule merely says of itself.
    ///
    /// # Errors
    /// When the store fails.
    pub fn techniques(&self) -> Result<detect::Coverage, DetectionError> {
        let detection = self.detection()?;
        let fired = self.store.read()?.fired(self.scope)?;
        let fired: BTreeMap<&str, Timestamp> =
            fired.iter().map(|fired| (fired.rule.as_str(), fired.last)).collect();
        let rules = detection.rules();
        let proofs = rules.iter().map(|rule| {
            let name = match (&rule.object, &rule.card.id) {
                (None, Some(id)) => id,
                (Some(_), _) | (None, None) => &rule.card.file,
            };
            let proof = detect::Proof {
                proved: rule.tried == Some(Tried::Passed),
                last_fired: fired.get(name.as_str()).copied(),
            };
            (&rule.card, proof)
        });
        Ok(detect::coverage(proofs))
    }

    /// Tries the next rules. Returns whether there are more.
    ///
    /// # Errors
    /// When the store fails.
    pub fn self_test_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let watch = detection.watch();
        let now = self.clock.now();
        let mut trials = detection.trials.lock().unwrap_or_else(PoisonError::into_inner);
        trials.begin(&watch, now);
        let mut left = STEP;
        while left > 0 {
            let (set, card) = trials.next;
            let Some(rules) = watch.rules.get(set) else { return Ok(false) };
            let Some(found) = rules.sigma.card(CardId(card)) else {
                trials.next = (set + 1, 0);
                continue;
            };
            trials.next = (set, card + 1);
            if found.state != State::Active || found.kind == detect::Kind::Filter {
                trials.results.remove(&(set, card));
                continue;
            }
            left -= 1;
            let tried = self.try_rule(detection, &watch, set, CardId(card));
            let before = trials.results.insert((set, card), tried.clone());
            if let Tried::Failed(reason) = &tried
                && !matches!(before, Some(Tried::Failed(_)))
            {
                self.say_it_failed(found.id.as_deref().unwrap_or(&found.file), &found.title, reason)?;
            }
        }
        Ok(true)
    }

    /// Gives a rule an event of its own, on the way that all events take.
    fn try_rule(&self, detection: &Detection, watch: &Arc<Watch>, set: usize, card: CardId) -> Tried {
        let Some(rules) = watch.rules.get(set) else { return Tried::Untried("it is not loaded".to_owned()) };
        if let Some(version) = rules.objects.get(card.0 as usize).copied().flatten() {
            match detection.subject(self, version) {
                Ok(Some(subject)) => {
                    if let Err(reason) = &subject.verdict {
                        return Tried::Untried(reason.to_string());
                    }
                }
                Ok(None) => return Tried::Untried("it is not held any more".to_owned()),
                Err(problem) => return Tried::Untried(problem.to_string()),
            }
        }
        let nonce = model::Digest(self.ids.random()).to_string();
        let positive = match rules.sigma.positive(card, &nonce, self.clock.now()) {
            Ok(positive) => positive,
            Err(reason) => return Tried::Untried(reason),
        };
        let mut pipe = Pipe::trying(watch);
        let mut fired = BTreeSet::new();
        for record in &positive.records {
            pipe.reads_as(record.format, record.settings.clone());
            let batch = LogBatch {
                name: "self-test".to_owned(),
                begins: true,
                bytes: [record.head.as_slice(), &record.bytes, b"\n"].concat(),
                ends: true,
                ..LogBatch::default()
            };
            match pipe.try_out(self, detection, &batch) {
                Ok(more) => fired.extend(more),
                Err(problem) => return Tried::Untried(problem.to_string()),
            }
        }
        if fired.contains(&(set, card.0)) {
            Tried::Passed
        } else {
            Tried::Failed("it did not fire on an event that was made to match it".to_owned())
        }
    }

    fn say_it_failed(&self, rule: &str, title: &str, reason: &str) -> Result<(), DetectionError> {
        let message = format!("the rule `{title}` ({rule}) failed its self-test: {reason}");
        let finding = Finding::new(Severity::Warning, "shieldwall/rule-self-test", "", message)
            .hint("compare the rule with `shieldwall detect rules list --state self-test-failed`; what it looks for is not found here");
        let name = format!("rule-self-test:{}", digest(&[rule.as_bytes()]).short());
        self.say_once(&name, &finding)?;
        Ok(())
    }
}
