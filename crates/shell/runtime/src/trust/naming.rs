//! What an object is called in a stream now: another name each time it is given anew after it was taken back.

use exchange::NamingKey;
use model::{AgreementId, Digest, PartyId, StixId, Tenant};
use ports::trust::DisclosureRecord;
use ports::{Read, StoreError, Tx};

use super::Trust;
use crate::core::Core;

/// How often an object is given anew to one party under one agreement. Texts that change back and forth more often
/// than this are a mistake somebody should look at.
const MOST: u32 = 1_000;

/// An object in one stream.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// What it is called now.
    pub(crate) subject: Digest,
    /// What was given under that name and is not taken back: but for what came and went [`MOST`] times.
    pub(crate) given: Option<DisclosureRecord>,
    /// What was given before and taken back, the first first.
    pub(crate) taken: Vec<DisclosureRecord>,
}

impl Named {
    /// Whether it was given once and is not there any more.
    pub(crate) const fn is_taken_back(&self) -> bool {
        self.given.is_none() && !self.taken.is_empty()
    }

    fn find(
        names: &NamingKey,
        id: &StixId,
        mut look: impl FnMut(Digest) -> Result<Option<DisclosureRecord>, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut taken = Vec::new();
        let mut times = 0;
        loop {
            let subject = names.object_again(id, times);
            match look(subject)? {
                Some(given) if given.withdrawn.is_some() && times < MOST => taken.push(given),
                given => return Ok(Self { subject, given, taken }),
            }
            times += 1;
        }
    }
}

impl Trust {
    /// An object as the store has it.
    pub(crate) fn named(
        &self,
        read: &dyn Read,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        id: &StixId,
    ) -> Result<Named, StoreError> {
        let names = self.names(to, agreement);
        Named::find(&names, id, |subject| read.disclosure(tenant, to, agreement, subject))
    }

    /// An object as a transaction has it.
    pub(crate) fn named_in(
        &self,
        tx: &mut dyn Tx,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        id: &StixId,
    ) -> Result<Named, StoreError> {
        let names = self.names(to, agreement);
        Named::find(&names, id, |subject| tx.disclosure(tenant, to, agreement, subject))
    }
}

impl Core {
    /// The name under which an object stands that our people took back and that others made: it goes on to nobody from
    /// here, whatever texts come later.
    pub(crate) fn kept_back(&self, object: &StixId) -> Digest {
        self.trust().map_or(Digest::ZERO, |trust| {
            trust.names(trust.party, AgreementId(Digest::ZERO)).other(&format!("kept back {object}"))
        })
    }
}
