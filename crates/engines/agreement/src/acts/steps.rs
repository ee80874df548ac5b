//! What a party can do next.

use model::{Digest, PartyId};

use super::state::{Reason, State, Status};

/// Something a party can do to bring an agreement further.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Read a text and mean to sign it; people decide.
    Accept(Digest),
    /// Have officers sign a version.
    Agree(Digest),
    /// Verify the others' signatures and the compiled policy; a node does that by itself.
    Verify(Digest),
    /// Say that the version is applied from its start on; a node does that by itself.
    Enter(Digest),
    /// Have officers sign a membership: until then what is sent under it is refused.
    Admit(Digest),
    /// Have officers end one's own suspension.
    Resume,
}

impl State {
    /// What a party can do next. Verifying waits for everyone's officers, entering for everyone's verification.
    #[must_use]
    pub fn next_steps(&self, party: &PartyId) -> Vec<Step> {
        let mut out = Vec::new();
        if self.status == Status::Ended {
            return out;
        }
        for (hash, version) in &self.versions {
            let is_behind = self.version().is_some_and(|current| {
                current.complete && current.proposal.terms.version >= version.proposal.terms.version
            });
            if version.complete || is_behind || !version.proposal.terms.parties.contains_key(party) {
                continue;
            }
            let own = version.missing.iter().find_map(|reason| match reason {
                Reason::Missing { party: who, what } if who == party => Some(*what),
                _ => None,
            });
            let all_past = |early: &[&str]| {
                !version
                    .missing
                    .iter()
                    .any(|r| matches!(r, Reason::Missing { what, .. } if early.contains(what)))
            };
            match own {
                Some("accept") => out.push(Step::Accept(*hash)),
                Some("agree") => out.push(Step::Agree(*hash)),
                Some("verify") if all_past(&["accept", "agree"]) => out.push(Step::Verify(*hash)),
                Some("enter") if all_past(&["accept", "agree", "verify"]) => out.push(Step::Enter(*hash)),
                _ => {}
            }
        }
        if self.active.contains(party) {
            let in_effect = self.memberships.values().map(|membership| (&membership.hash, membership));
            let unsigned = in_effect.chain(self.proposed.iter());
            let unsigned =
                unsigned.filter(|(_, m)| !m.signed.contains(party) && m.members.contains_key(party));
            out.extend(unsigned.map(|(hash, _)| Step::Admit(*hash)));
            let blocks = self.blocked.get(party).into_iter().flatten();
            if blocks.clone().any(|reason| matches!(reason, Reason::SuspendedBy(who) if who.party == *party))
            {
                out.push(Step::Resume);
            }
        }
        out
    }
}
