//! Answers the calls of other nodes.

use std::sync::Arc;

use ::keys::Signed;
use ::keys::leaf::LeafStatement;
use model::{AgreementId, Digest, PartyId};
use ports::peer::{PeerHandler, Refusal, Topic};
use ports::trust::{PeerState, StreamKey};

use super::TrustError;
use super::calls::NOTHING_YET;
use super::documents::LINES;
use crate::core::Core;

/// A node as its peers reach it.
pub struct Peers(pub Arc<Core>);

impl PeerHandler for Peers {
    fn identify(&self, statement: &[u8], key: Digest) -> Option<PartyId> {
        let signed = Signed::parse(statement).ok()?;
        let said = LeafStatement::read(&signed).ok()?;
        let registry = self.0.registry().ok()?;
        let history = registry.histories.get(&said.party)?;
        let latest = self.0.trust()?.latest(self.0.clock.now());
        LeafStatement::verify(&signed, history, key, latest).ok().map(|statement| statement.party)
    }

    fn answer(&self, from: Option<PartyId>, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let core = &*self.0;
        match (topic, from) {
            (Topic::Keys, from) => core.answer_keys(from, body),
            (Topic::Pair, _) => core.answer_pairing(body),
            (_, None) => Err(Refusal::Forbidden("this key belongs to no party known here".to_owned())),
            (topic, Some(from)) => {
                let registry = core.registry().map_err(|_| Refusal::Failed)?;
                if registry.linked(from).is_none() {
                    let ended = registry.peers.get(&from).is_some_and(|peer| peer.state == PeerState::Ended);
                    let why = if ended {
                        "the pairing has ended here; pair anew with an invitation"
                    } else {
                        "the two nodes are not paired: at the node that was called, nobody has confirmed the words yet"
                    };
                    return Err(Refusal::Forbidden(why.to_owned()));
                }
                // Whoever parts settles what is owed, and nothing else.
                let owed = matches!(topic, Topic::Documents | Topic::Position | Topic::Push);
                if !owed && registry.paired(from).is_none() {
                    return Err(Refusal::Forbidden("the pairing is being ended".to_owned()));
                }
                match topic {
                    Topic::Documents => core.answer_documents(from, body),
                    Topic::Position => core.answer_position(from, body),
                    Topic::Push => core.take_push(from, body).map(String::into_bytes),
                    Topic::Witness => core.answer_witness(from, body),
                    Topic::Repair => core.answer_repair(from, body),
                    Topic::Query => core.answer_query(from, body),
                    Topic::Keys | Topic::Pair => Err(Refusal::Invalid("answered elsewhere".to_owned())),
                }
            }
        }
    }
}

fn failed(error: TrustError) -> Refusal {
    match error {
        TrustError::Refused(reason) => Refusal::Invalid(reason),
        TrustError::Missing(what) => Refusal::Invalid(format!("{what} does not exist")),
        _ => Refusal::Failed,
    }
}

impl Core {
    /// Key events verify themselves: of parties we know, new ones are kept. Ours are the answer.
    fn answer_keys(&self, from: Option<PartyId>, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !body.is_empty() {
            let events = keys::events::KeyHistory::parse(body, self.clock.now())
                .map_err(|problem| Refusal::Invalid(problem.to_string()))?;
            let known = self.registry().map_err(|_| Refusal::Failed)?.peers.contains_key(&events.party());
            if known {
                self.learn_keys(events.party(), body).map_err(failed)?;
            } else if from.is_none() {
                return Err(Refusal::Forbidden("this node has not been paired with that party".to_owned()));
            }
        }
        self.own_history().map(|history| history.to_text().into_bytes()).map_err(failed)
    }

    /// Keeps what is new in a party's key history.
    pub(crate) fn learn_keys(&self, party: PartyId, body: &[u8]) -> Result<(), TrustError> {
        let now = self.clock.now();
        let theirs = keys::events::KeyHistory::parse(body, now).map_err(TrustError::refused)?;
        if theirs.party() != party {
            return Err(TrustError::refused("the key events are another party's"));
        }
        let registry = self.registry()?;
        let have = registry.histories.get(&party);
        for event in theirs.events() {
            let known =
                have.is_some_and(|history| history.events().iter().any(|known| known.hash() == event.hash()));
            if !known && let Err(problem) = self.keep_key_event(party, event) {
                let registry = self.registry()?;
                if registry.histories.get(&party).is_some_and(|history| history.fork().is_some()) {
                    // People were told once.
                    return Err(problem);
                }
                self.alarm(party, "shieldwall/key-history", problem.to_string(), now)?;
                return Err(problem);
            }
        }
        Ok(())
    }

    fn answer_documents(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::Invalid("not text".to_owned()))?;
        let refused = self.take_documents(from, text.lines().take(LINES)).map_err(failed)?;
        Ok(format!("{{\"refused\":{}}}", refused.len()).into_bytes())
    }

    fn answer_position(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let agreement = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok());
        let agreement: AgreementId =
            agreement.ok_or_else(|| Refusal::Invalid("no agreement id".to_owned()))?;
        let trust = self.trust().ok_or(Refusal::Failed)?;
        let key = StreamKey { peer: from, agreement, outbound: false };
        let position = self.position(key).map_err(|_| Refusal::Failed)?;
        if position.epoch == 0 {
            return Ok(NOTHING_YET.as_bytes().to_vec());
        }
        let stream = exchange::StreamId { from, to: trust.party, agreement, epoch: position.epoch };
        let at = exchange::Position { epoch: position.epoch, seq: position.seq, head: position.head };
        let ack = exchange::Ack::sign(stream, &at, self.clock.now(), &trust.secrets().epoch);
        Ok(ack.to_text().into_bytes())
    }
}
