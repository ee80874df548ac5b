//! Why, or why not, under every agreement.

use std::fmt;

use model::AgreementId;

use crate::compile::Policy;
use crate::decide::Question;
use crate::decision::{Decision, Reason};
use crate::request::Request;

/// What every agreement says to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One for each agreement, in the order they were given.
    pub verdicts: Vec<Verdict>,
}

/// What one agreement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The agreement.
    pub agreement: AgreementId,
    /// Its name, for people.
    pub name: String,
    /// The decision.
    pub decision: Decision,
    /// What each clause lacks, in order of preference; a clause that lacks nothing would permit it. Empty where the
    /// two are not both parties.
    pub clauses: Vec<(String, Vec<Reason>)>,
}

/// Explains a request under each of these agreements.
#[must_use]
pub fn explain<'p>(policies: impl IntoIterator<Item = &'p Policy>, request: &Request<'_>) -> Explanation {
    let mut question = Question::new(request);
    let verdict = |policy: &Policy| Verdict {
        agreement: policy.agreement(),
        name: policy.name().to_owned(),
        decision: question.ask(policy),
        clauses: question.clauses(policy),
    };
    Explanation { verdicts: policies.into_iter().map(verdict).collect() }
}

impl Explanation {
    /// The agreements that permit it, each alone.
    pub fn permitting(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.decision.permitted)
    }

    /// Where it is not permitted: the agreement of which the least would have to change, and what.
    #[must_use]
    pub fn smallest_consent(&self) -> Option<(&Verdict, &str)> {
        if self.permitting().next().is_some() {
            return None;
        }
        let possible = |verdict: &'_ &Verdict| verdict.decision.smallest_consent.is_some();
        // To take in a new party is the most that can be asked for.
        let cost = |verdict: &&Verdict| (verdict.clauses.is_empty(), verdict.decision.reasons.len());
        let closest = self.verdicts.iter().filter(possible).min_by_key(cost)?;
        closest.decision.smallest_consent.as_deref().map(|consent| (closest, consent))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return writeln!(f, "no agreement is in force, so nothing may go");
        }
        for verdict in &self.verdicts {
            let decision = &verdict.decision;
            if decision.permitted {
                writeln!(f, "yes  {}: clause `{}`", verdict.name, decision.clause)?;
                continue;
            }
            writeln!(f, "no   {}", verdict.name)?;
            for reason in &decision.reasons {
                writeln!(f, "       {reason}")?;
            }
            if let Some(consent) = &decision.smallest_consent {
                writeln!(f, "       would take: {consent}")?;
            }
        }
        Ok(())
    }
}
