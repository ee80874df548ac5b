//! Asking without telling.

use model::PartyId;
use ports::peer::Refusal;

use crate::core::Core;

impl Core {
    pub(crate) fn answer_query(&self, _from: PartyId, _body: &[u8]) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Invalid("not answered here".to_owned()))
    }

    pub(crate) fn answer_repair(&self, _from: PartyId, _body: &[u8]) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Invalid("not answered here".to_owned()))
    }
}
