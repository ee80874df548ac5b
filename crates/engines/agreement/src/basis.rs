//! Legal bases as dated facts: whether a party has one at an instant, and when its last one lapses.

use model::{PartyId, Timestamp};

use crate::terms::{LegalBasis, Terms};

impl Terms {
    /// What is stated for a party.
    pub fn bases_of<'a>(&'a self, party: &'a PartyId) -> impl Iterator<Item = &'a LegalBasis> {
        self.legal_basis.iter().filter(|basis| basis.parties.includes(party))
    }

    /// Whether one of a party's bases is valid at an instant; also where none is stated at all, since then nothing
    /// that needs one may flow.
    #[must_use]
    pub fn has_basis(&self, party: &PartyId, at: Timestamp) -> bool {
        let mut stated = self.bases_of(party).peekable();
        stated.peek().is_none() || stated.any(|basis| basis.valid_from <= at && at < basis.valid_until)
    }

    /// Whether a basis is stated for a party and valid at an instant: without one, no personal data flow to or from it.
    #[must_use]
    pub fn has_stated_basis(&self, party: &PartyId, at: Timestamp) -> bool {
        self.bases_of(party).next().is_some() && self.has_basis(party, at)
    }

    /// When a party's bases, as they follow each other without a gap from an instant on, lapse, and the name of the
    /// one that lapses last. `None` where none is stated or none is valid.
    #[must_use]
    pub fn basis_lapses(&self, party: &PartyId, from: Timestamp) -> Option<(Timestamp, String)> {
        let mut end: Option<(Timestamp, String)> = None;
        loop {
            let reached = end.as_ref().map_or(from, |(at, _)| *at);
            let next = self.bases_of(party).filter(|b| b.valid_from <= reached && reached < b.valid_until);
            match next.max_by_key(|basis| (basis.valid_until, &basis.name)) {
                Some(basis) => end = Some((basis.valid_until, basis.name.clone())),
                None => return end,
            }
        }
    }
}
