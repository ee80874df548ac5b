//! Pairing: two nodes learn each other's keys, and two people make sure that nobody stands between them.
//!
//! Invitation, acceptance and opening are signed documents that may travel as files or by calls. After them both sides
//! show the same six words; a person on each side confirms that the other read out the same.

use ::keys::Signed;
use ::keys::invitation::{Acceptance, Invitation, Signer, open_commitment, verify_opening};
use ::keys::words::Pairing;
use model::{CollectionId, Digest, Label, PartyId, SourceId, Timestamp};
use ports::SourceRecord;
use ports::peer::Refusal;
use ports::trust::{DocumentKind, PeerRecord, PeerState};

use super::{Trust, TrustError};
use crate::core::Core;

/// How long an invitation is good for unless said otherwise: a day, in microseconds.
pub const INVITATION: i64 = 86_400 * 1_000_000;

/// A pairing as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingView {
    /// The peer.
    pub peer: PeerRecord,
    /// What the peer's organisation calls itself: its own claim.
    pub claims: String,
    /// The words to compare; `None` until all three documents were exchanged.
    pub words: Option<Vec<&'static str>>,
}

/// What comes of taking in an acceptance or an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingStep {
    /// Who the other side is.
    pub party: PartyId,
    /// What our people call it.
    pub name: String,
    /// The document to hand back.
    pub answer: Signed,
}

impl Core {
    /// Invites somebody: a file to hand over.
    ///
    /// # Errors
    /// While the node has no keys.
    pub fn invite(&self, endpoint: Option<&str>, good_for: i64) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        let history = self.own_history()?;
        let secrets = trust.secrets();
        let signer = Signer { history: &history, epoch: &secrets.epoch, endpoint };
        let now = self.clock.now();
        let until = now.plus_micros(good_for);
        let signed =
            Invitation::issue(signer, &nonce(trust, until), now, until).map_err(TrustError::refused)?;
        self.keep_document(DocumentKind::Pairing, signed.hash(), &signed, |_, _| Ok(()))?;
        Ok(signed)
    }

    /// Accepts somebody's invitation: adds them as a peer that people have yet to confirm.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the invitation is not in order or the name is taken.
    pub fn accept_invitation(
        &self,
        invitation: &Signed,
        name: Option<&str>,
        endpoint: Option<&str>,
    ) -> Result<PairingStep, TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let verified = Invitation::verify(invitation, now).map_err(TrustError::refused)?;
        if verified.from.history.party() == trust.party {
            return Err(TrustError::refused(
                "this invitation is this node's own: hand it to the other side, which accepts it there",
            ));
        }
        let history = self.own_history()?;
        let secrets = trust.secrets();
        let signer = Signer { history: &history, epoch: &secrets.epoch, endpoint };
        let until = now.plus_micros(INVITATION);
        let answer = Acceptance::issue(&verified, signer, &nonce(trust, until), now, until)
            .map_err(TrustError::refused)?;
        let theirs = &verified.from;
        let peer = self.meet(&theirs.history, theirs.endpoint.clone(), name, true)?;
        let subject = invitation.hash();
        self.keep_document(DocumentKind::Pairing, subject, invitation, |_, _| Ok(()))?;
        self.keep_document(DocumentKind::Pairing, subject, &answer, |_, _| Ok(()))?;
        Ok(PairingStep { party: peer.party, name: peer.name, answer })
    }

    /// Takes in the acceptance of an invitation of ours, and opens the commitment to its sender. Repeated for the same
    /// acceptance, it gives the same answer; for another one it refuses.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when it answers none of our invitations, or another acceptance came first.
    pub fn take_acceptance(
        &self,
        acceptance: &Signed,
        name: Option<&str>,
    ) -> Result<PairingStep, TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let documents = self.pairing_documents()?;
        let answered =
            acceptance_answers(acceptance).ok_or_else(|| TrustError::refused("this is not an acceptance"))?;
        let invitation = documents
            .iter()
            .find(|(_, signed)| signed.hash() == answered)
            .ok_or_else(|| TrustError::refused("it answers no invitation of ours; send a new invitation"))?;
        let earlier = documents.iter().find(|(subject, signed)| {
            *subject == answered && acceptance_answers(signed).is_some() && signed.hash() != acceptance.hash()
        });
        if earlier.is_some() {
            return Err(TrustError::refused(
                "this invitation was accepted by somebody else already; send a new one",
            ));
        }
        let verified =
            Acceptance::verify(acceptance, trust.party, answered, now).map_err(TrustError::refused)?;
        let issued = Invitation::verify(&invitation.1, now).map_err(TrustError::refused)?;
        let history = self.own_history()?;
        let secrets = trust.secrets();
        let signer = Signer { history: &history, epoch: &secrets.epoch, endpoint: None };
        let (opening, _) = open_commitment(signer, &verified, &nonce(trust, issued.from.window.until))
            .map_err(TrustError::refused)?;
        // What people ended does not begin anew because somebody sends an old document again.
        let known = documents.iter().any(|(_, signed)| signed.hash() == acceptance.hash());
        let peer = self.meet(&verified.from.history, verified.from.endpoint.clone(), name, !known)?;
        self.keep_document(DocumentKind::Pairing, answered, acceptance, |_, _| Ok(()))?;
        self.keep_document(DocumentKind::Pairing, answered, &opening, |_, _| Ok(()))?;
        Ok(PairingStep { party: peer.party, name: peer.name, answer: opening })
    }

    /// Takes in the opening that answers our acceptance. Both sides can show the words then.
    ///
    /// # Errors
    /// [`TrustError::Refused`]; a nonce other than the one committed to is a sign of somebody in between.
    pub fn take_opening(&self, opening: &Signed) -> Result<PartyId, TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let documents = self.pairing_documents()?;
        for (subject, acceptance) in &documents {
            let Some(answered) = acceptance_answers(acceptance) else { continue };
            let Some((_, invitation)) = documents.iter().find(|(_, signed)| signed.hash() == answered) else {
                continue;
            };
            let Ok(issued) = Invitation::verify(invitation, now) else { continue };
            if issued.from.history.party() == trust.party {
                continue;
            }
            let Some(own) = own_nonce(trust, acceptance) else { continue };
            let pairing = verify_opening(opening, &issued, trust.party, acceptance.hash(), own, now);
            match pairing {
                Ok(pairing) => {
                    self.keep_document(DocumentKind::Pairing, *subject, opening, |_, _| Ok(()))?;
                    return Ok(pairing.inviter);
                }
                Err(
                    ::keys::invitation::PairingError::OtherDocument { .. }
                    | ::keys::invitation::PairingError::OtherParty(_),
                ) => {}
                Err(problem) => return Err(TrustError::refused(problem)),
            }
        }
        Err(TrustError::refused("it opens nothing that we accepted; accept the invitation first"))
    }

    /// Every peer, with the words to compare where there are any.
    ///
    /// # Errors
    /// When the store fails.
    pub fn pairings(&self) -> Result<Vec<PairingView>, TrustError> {
        let Some(trust) = self.trust() else { return Ok(Vec::new()) };
        let registry = self.registry()?;
        let documents = self.pairing_documents()?;
        let view = |peer: &PeerRecord| PairingView {
            peer: peer.clone(),
            claims: registry
                .histories
                .get(&peer.party)
                .map(|history| history.name().to_owned())
                .unwrap_or_default(),
            words: pairing_of(&documents, trust.party, peer.party).map(|pairing| pairing.words()),
        };
        // As they are stored: how calls go is noted there, and nothing else follows from it.
        let peers = self.store.read()?.peers(self.scope.tenant)?;
        Ok(peers.iter().map(view).collect())
    }

    /// A person says that the other side read out these words. They must be ours.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the words differ: somebody may stand in between.
    pub fn confirm_peer(&self, name: &str, words: &str, author: &str) -> Result<PeerRecord, TrustError> {
        let view = self.pairing(name)?;
        let Some(ours) = view.words else {
            return Err(TrustError::refused(
                "not all three documents were exchanged yet: there are no words to compare",
            ));
        };
        spelled(words)?;
        let theirs: Vec<_> = words.split_whitespace().filter_map(::keys::words::byte).collect();
        let same: Vec<_> = ours.iter().filter_map(|word| ::keys::words::byte(word)).collect();
        if theirs != same {
            return Err(TrustError::refused(
                "those are not the words this node shows: do not go on, end this pairing, and begin again over another channel",
            ));
        }
        let tenant = self.scope.tenant;
        let said = self.store.read()?.documents(tenant, DocumentKind::Pairing, None, 0, 100_000)?;
        let last = said.last().map_or(0, |document| document.number);
        let cursor = super::parting::paired_cursor(view.peer.party);
        self.store.transact(|tx| tx.set_cursor(tenant, &cursor, model::Seq(last)))?;
        self.set_peer_state(&view.peer, PeerState::Paired, "peer.confirm", author, "")
    }

    /// Where a peer's node is reached from now on; `None` for files only.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a name nobody has.
    pub fn set_peer_endpoint(&self, name: &str, endpoint: Option<&str>) -> Result<PeerRecord, TrustError> {
        let party = self.pairing(name)?.peer.party;
        let changed = self.store.transact(|tx| {
            let Some(peer) = tx.peer(self.scope.tenant, party)? else { return Ok(None) };
            let peer = PeerRecord { endpoint: endpoint.map(str::to_owned), ..peer };
            tx.set_peer(self.scope.tenant, &peer)?;
            Ok(Some(peer))
        })?;
        self.registry_changed();
        changed.ok_or_else(|| no_peer(name))
    }

    /// Changes what our people call a peer, or note about it. `None` leaves it as it is.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a name nobody has; [`TrustError::Refused`] for a new one that is another's, or none.
    pub fn change_peer(
        &self,
        name: &str,
        new_name: Option<&str>,
        note: Option<&str>,
        author: &str,
    ) -> Result<PeerRecord, TrustError> {
        let party = self.pairing(name)?.peer.party;
        if let Some(new) = new_name.filter(|new| *new != name) {
            check_name(new)?;
            if self.registry()?.peers.values().any(|peer| peer.name == new) {
                return Err(TrustError::refused(format!(
                    "another peer is called `{new}` already; choose another name"
                )));
            }
        }
        if note.is_some_and(|note| note.len() > MOST_NOTE) {
            return Err(TrustError::refused(format!("a note is at most {MOST_NOTE} bytes")));
        }
        let (now, tenant) = (self.clock.now(), self.scope.tenant);
        let changed = self.store.transact(|tx| {
            let Some(peer) = tx.peer(tenant, party)? else { return Ok(None) };
            let peer = PeerRecord {
                name: new_name.unwrap_or(&peer.name).to_owned(),
                note: note.unwrap_or(&peer.note).to_owned(),
                ..peer
            };
            tx.set_peer(tenant, &peer)?;
            tx.audit(tenant, now, author, "peer.change", name, &peer.name)?;
            Ok(Some(peer))
        })?;
        self.registry_changed();
        changed.ok_or_else(|| no_peer(name))
    }

    /// One peer by its name.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a name nobody has.
    pub fn pairing(&self, name: &str) -> Result<PairingView, TrustError> {
        let found = self.pairings()?.into_iter().find(|view| view.peer.name == name);
        found.ok_or_else(|| no_peer(name))
    }

    /// Moves a pairing on from the state it was seen in. If it is in another by now, that one stays.
    pub(super) fn set_peer_state(
        &self,
        seen: &PeerRecord,
        state: PeerState,
        action: &str,
        author: &str,
        reason: &str,
    ) -> Result<PeerRecord, TrustError> {
        let (now, tenant) = (self.clock.now(), self.scope.tenant);
        let moved = self.store.transact(|tx| {
            let peer = tx.peer(tenant, seen.party)?;
            let Some(peer) = peer.filter(|peer| (peer.state, peer.since) == (seen.state, seen.since)) else {
                return Ok(None);
            };
            let peer = PeerRecord { state, since: now, ..peer };
            tx.set_peer(tenant, &peer)?;
            tx.audit(tenant, now, author, action, &peer.name, reason)?;
            Ok(Some(peer))
        })?;
        self.registry_changed();
        if let Some(trust) = self.trust() {
            trust.forget_session(seen.party);
        }
        moved.ok_or_else(|| {
            TrustError::refused(format!(
                "the pairing with `{}` was changed at the same time; look at it again and repeat the command",
                seen.name
            ))
        })
    }

    /// Adds a party we met as a peer, with a source its objects are booked under; or finds it again. What people ended
    /// begins anew only by something `new`.
    fn meet(
        &self,
        history: &::keys::events::KeyHistory,
        endpoint: Option<String>,
        name: Option<&str>,
        new: bool,
    ) -> Result<PeerRecord, TrustError> {
        let party = history.party();
        let now = self.clock.now();
        let registry = self.registry()?;
        let tenant = self.scope.tenant;
        let taken = |name: &str| registry.peers.values().any(|peer| peer.name == name && peer.party != party);
        let name = match name {
            Some(name) => {
                check_name(name)?;
                name.to_owned()
            }
            None => free_name(history.name(), &taken),
        };
        if taken(&name) {
            return Err(TrustError::refused(format!(
                "another peer is called `{name}` already; choose another name"
            )));
        }
        let collection = CollectionId(self.ids.uuid());
        let met = self.store.transact(|tx| {
            let peer = match tx.peer(tenant, party)? {
                Some(peer) if peer.state == PeerState::Ended && !new => return Ok(None),
                // Whoever was confirmed stays confirmed; whoever was ended begins anew.
                Some(peer) if peer.state == PeerState::Paired => {
                    PeerRecord { endpoint: endpoint.clone().or(peer.endpoint.clone()), ..peer }
                }
                Some(peer) => PeerRecord {
                    endpoint: endpoint.clone(),
                    name: name.clone(),
                    state: PeerState::Invited,
                    since: now,
                    ..peer
                },
                None => {
                    let source = SourceRecord {
                        id: SourceId(0),
                        name: format!("peer-{name}"),
                        kind: "peer".to_owned(),
                        config: "{}".to_owned(),
                        default_label: Label::OwnOnly,
                        enabled: false,
                        collection,
                    };
                    PeerRecord {
                        party,
                        name: name.clone(),
                        endpoint: endpoint.clone(),
                        state: PeerState::Invited,
                        since: now,
                        source: tx.add_source(tenant, &source)?,
                        last_contact: None,
                        last_error: None,
                        note: String::new(),
                    }
                }
            };
            tx.set_peer(tenant, &peer)?;
            Ok(Some(peer))
        })?;
        self.registry_changed();
        let peer = met.ok_or_else(|| {
            TrustError::refused("the pairing that this began was ended; send a new invitation")
        })?;
        for event in history.events() {
            self.keep_key_event(party, event)?;
        }
        Ok(peer)
    }

    fn pairing_documents(&self) -> Result<Vec<(Digest, Signed)>, TrustError> {
        let read = self.store.read()?;
        let documents = read.documents(self.scope.tenant, DocumentKind::Pairing, None, 0, 100_000)?;
        let parse = |text: &str| Signed::parse(text.as_bytes()).ok();
        Ok(documents
            .into_iter()
            .filter_map(|document| Some((document.subject, parse(&document.text)?)))
            .collect())
    }

    /// Pairing by calls: an acceptance is answered with the opening.
    pub(crate) fn answer_pairing(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let signed = Signed::parse(body).map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        let step =
            self.take_acceptance(&signed, None).map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        Ok(step.answer.to_text().into_bytes())
    }
}

/// The nonce of a document that is good until an instant: derived, so that it need not be kept.
fn nonce(trust: &Trust, until: Timestamp) -> [u8; 32] {
    trust.names(trust.party, model::AgreementId(Digest::ZERO)).other(&format!("nonce {until}")).0
}

/// The nonce of an acceptance of ours.
fn own_nonce(trust: &Trust, acceptance: &Signed) -> Option<[u8; 32]> {
    let text = member(acceptance, "nonce")?;
    let said: Digest = text.parse().ok()?;
    let until: Timestamp = member(acceptance, "expires")?.parse().ok()?;
    (nonce(trust, until) == said.0).then_some(said.0)
}

fn member(signed: &Signed, name: &str) -> Option<String> {
    signed
        .with_body(|body| Ok(body.get(name).and_then(|value| value.as_str()).map(|text| text.into_owned())))
        .ok()
        .flatten()
}

/// The invitation an acceptance answers; `None` for other documents.
fn acceptance_answers(signed: &Signed) -> Option<Digest> {
    (member(signed, "type")? == "acceptance").then(|| member(signed, "invitation")?.parse().ok()).flatten()
}

/// What both sides know at the end, put together from the documents.
fn pairing_of(documents: &[(Digest, Signed)], own: PartyId, peer: PartyId) -> Option<Pairing> {
    let by = |signed: &Signed| member(signed, "party").and_then(|text| text.parse::<PartyId>().ok());
    documents.iter().rev().find_map(|(_, opening)| {
        (member(opening, "type")? == "opening").then_some(())?;
        let accepted: Digest = member(opening, "acceptance")?.parse().ok()?;
        let (_, acceptance) = documents.iter().find(|(_, signed)| signed.hash() == accepted)?;
        let inviter = by(opening)?;
        let accepter = by(acceptance)?;
        let pair = [inviter, accepter];
        (pair.contains(&own) && pair.contains(&peer)).then_some(())?;
        Some(Pairing {
            inviter,
            accepter,
            invitation: acceptance_answers(acceptance)?,
            acceptance: accepted,
            inviter_nonce: member(opening, "nonce")?.parse::<Digest>().ok()?.0,
            accepter_nonce: member(acceptance, "nonce")?.parse::<Digest>().ok()?.0,
        })
    })
}

fn no_peer(name: &str) -> TrustError {
    TrustError::Missing(format!("a peer named `{name}`"))
}

/// Longest note on a peer, in bytes.
const MOST_NOTE: usize = 2000;

/// Names go into paths and file names: letters, digits and hyphens.
fn check_name(name: &str) -> Result<(), TrustError> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(TrustError::refused(format!(
            "`{name}` is no name for a peer: 1 to 64 of `a` to `z`, `0` to `9` and `-`"
        )))
    }
}

/// A name made from what an organisation calls itself.
fn free_name(claim: &str, taken: &dyn Fn(&str) -> bool) -> String {
    let letters: String = claim
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    let base = letters.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let base = if base.is_empty() { "peer".to_owned() } else { base };
    if !taken(&base) {
        return base;
    }
    (2..10_000).map(|n| format!("{base}-{n}")).find(|name| !taken(name)).unwrap_or(base)
}

/// What was heard is six words of the list: another number, or a slip of the pen, says nothing about who stands between.
fn spelled(words: &str) -> Result<(), TrustError> {
    let heard: Vec<_> = words.split_whitespace().collect();
    let strange: Vec<_> = heard
        .iter()
        .filter(|word| ::keys::words::byte(word).is_none())
        .map(|word| format!("`{word}`"))
        .collect();
    if !strange.is_empty() {
        return Err(TrustError::refused(format!(
            "not in the list of words: {}; look at the spelling, and type in all six that were heard",
            strange.join(", ")
        )));
    }
    if heard.len() != Pairing::WORDS {
        return Err(TrustError::refused(format!(
            "those are {} words and not {}: type in all that were heard",
            heard.len(),
            Pairing::WORDS
        )));
    }
    Ok(())
}
