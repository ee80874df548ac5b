//! What the liar does: it has its own node's keys, everything it was ever given, and whatever passed it.

use exchange::wire::Packing;
use exchange::{Follows, Kind, Position, Reason, Relabel, Withdraw};
use model::{Digest, StixId, Tlp};
use ports::peer::{Refusal, Topic};

use super::truth::{Item, Version};
use super::{Alliance, Event};
use crate::forge::{self, Draft};
use crate::member::{Member, officer};
use crate::objects::address_indicator;
use crate::problem::Problem;

/// Labels as envelopes spell them.
fn said(tlp: Tlp) -> String {
    label::Handling::from(model::Label::Tlp(tlp)).to_text()
}

impl Alliance {
    /// One lie to one honest node. What it led to is for the invariants to see; what can only be refused must be.
    pub(super) fn lie(&mut self) -> Result<(), Problem> {
        let Some(liar) = self.liar() else { return Ok(()) };
        let pacts: Vec<(usize, usize)> = self
            .truth
            .pacts
            .iter()
            .enumerate()
            .filter(|(_, pact)| pact.members.contains(&liar))
            .flat_map(|(at, pact)| {
                pact.members.iter().filter(|other| **other != liar).map(move |other| (at, *other))
            })
            .collect();
        let at = self.chance.below(pacts.len() as u64) as usize;
        let Some((pact, target)) = pacts.get(at).copied() else { return Ok(()) };
        if self.node(liar)?.store.is_dying() || self.node(target)?.store.is_dying() {
            return Ok(());
        }
        let kind = self.chance.below(16);
        let answer = self.tell(kind, pact, liar, target)?;
        let Some((must_fail, answer)) = answer else { return Ok(()) };
        self.report.lies[0] += 1;
        self.report.lies[1] += u64::from(answer.is_err());
        let told =
            answer.as_ref().map_or_else(ToString::to_string, |body| forge::subject_of(body).to_string());
        self.note(&format!("lie {kind} {target} {told}"));
        if must_fail && answer.is_ok() {
            return Err(Problem(format!("node {target} did not refuse lie {kind}")));
        }
        self.check(target)?;
        self.after(1_000, 100_000, Event::Work { node: target });
        Ok(())
    }

    /// Tells a lie of a kind; `None` where there is nothing to tell it with. Whether it can only be refused, and what
    /// came of it.
    #[expect(clippy::type_complexity, reason = "read in one place")]
    fn tell(
        &mut self,
        kind: u64,
        pact: usize,
        liar: usize,
        target: usize,
    ) -> Result<Option<(bool, Result<Vec<u8>, Refusal>)>, Problem> {
        let Some(agreed) = self.truth.pacts.get(pact) else { return Ok(None) };
        let (id, terms) = (agreed.id, agreed.version);
        let membership = u32::from(agreed.members.len() > 2);
        let draft = |text: &str, tlp: Tlp| Draft::put(text, &said(tlp), terms, membership);
        let call = |alliance: &Self, topic, body: &[u8]| -> Result<_, Problem> {
            let from = alliance.node(liar)?.party;
            Ok(forge::call(alliance.node(target)?, Some(from), topic, body))
        };
        let own = self.made_up(liar, Tlp::Red)?;
        let taken = self.others(liar);
        let at = {
            let (a, b) = (self.node(liar)?, self.node(target)?);
            forge::position(a, b, id)?
        };
        let next = |alliance: &Self, drafts: &[Draft]| -> Result<Vec<u8>, Problem> {
            forge::next(alliance.node(liar)?, alliance.node(target)?, id, drafts)
        };
        Ok(Some(match kind {
            0 | 1 => {
                // What was heard before is said again, by whoever it was said.
                let count = self.overheard.len() as u64;
                let which = self.chance.below(count) as usize;
                let Some((_, topic, body)) = self.overheard.get(which).cloned() else { return Ok(None) };
                (false, call(self, topic, &body)?)
            }
            2 => {
                let body = next(self, &[draft(&own, Tlp::Clear)])?;
                let mut body = body;
                if let Some(byte) = body.iter_mut().rev().nth(40) {
                    *byte ^= 1;
                }
                (true, call(self, Topic::Push, &body)?)
            }
            3 => {
                // Signed with another key that its organisation has.
                let (member, to) = (self.node(liar)?, self.node(target)?);
                let mut push = forge::push(
                    member,
                    forge::stream(member, to, id, at.epoch),
                    &at,
                    &[draft(&own, Tlp::Clear)],
                    None,
                )?;
                let other = officer(liar);
                push.segment.signature = other.sign(keys::context::SEGMENT, push.segment.body().as_bytes());
                push.segment.by = other.id();
                (true, call(self, Topic::Push, &push.encode(Packing::Plain)?)?)
            }
            4 => {
                // Another past for the next entry.
                if at.seq == 0 {
                    return Ok(None);
                }
                let (member, to) = (self.node(liar)?, self.node(target)?);
                let past = Position { head: Digest([7; 32]), ..at };
                let push = forge::push(
                    member,
                    forge::stream(member, to, id, at.epoch),
                    &past,
                    &[draft(&own, Tlp::Clear)],
                    None,
                )?;
                (true, call(self, Topic::Push, &push.encode(Packing::Plain)?)?)
            }
            5 => {
                let (member, to) = (self.node(liar)?, self.node(target)?);
                let start = Position::start(at.epoch + 1);
                let follows = Follows { epoch: at.epoch, seq: at.seq, head: at.head };
                let drafts = [draft(&own, Tlp::Clear)];
                let stream = forge::stream(member, to, id, start.epoch);
                let push = forge::push(member, stream, &start, &drafts, Some(follows))?;
                (false, call(self, Topic::Push, &push.encode(Packing::Plain)?)?)
            }
            6 => (false, call(self, Topic::Push, &next(self, &[draft(&own, Tlp::Clear)])?)?),
            7 | 8 => {
                // Somebody else's object, whether or not it was taken back since, under a wide label.
                let Some((_, text)) = taken else { return Ok(None) };
                (false, call(self, Topic::Push, &next(self, &[draft(&text, Tlp::Clear)])?)?)
            }
            9 => {
                // A new version of it that its creator never made.
                let Some((_, text)) = taken else { return Ok(None) };
                let forged = text.replace("\"malicious-activity\"", "\"benign\"").replacen(
                    "\"modified\":\"2026",
                    "\"modified\":\"2027",
                    1,
                );
                (false, call(self, Topic::Push, &next(self, &[draft(&forged, Tlp::Clear)])?)?)
            }
            10 => {
                // What no clause lets in, as what travels along.
                let harmless = self.made_up(liar, Tlp::Clear)?;
                let smuggled =
                    Draft { payload: forge::along(&harmless, &[&own]), ..draft(&harmless, Tlp::Clear) };
                (false, call(self, Topic::Push, &next(self, &[smuggled])?)?)
            }
            11 => {
                for round in 0..20_u64 {
                    let topic = Topic::ALL.get((round % 8) as usize).copied().unwrap_or(Topic::Push);
                    let junk: Vec<u8> =
                        (0..self.chance.below(200)).map(|_| self.chance.next().to_le_bytes()[0]).collect();
                    let _ = call(self, topic, &junk)?;
                }
                (true, call(self, Topic::Push, b"SWP1")?)
            }
            12 => {
                let mut bomb = b"SWP1\x01".to_vec();
                bomb.extend_from_slice(&u32::MAX.to_be_bytes());
                bomb.extend_from_slice(&[0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0x7f]);
                (true, call(self, Topic::Push, &bomb)?)
            }
            13 => {
                let member = self.node(liar)?;
                let body = forge::add_checkpoint(member, 0, 3, Digest([9; 32]))?;
                let seen =
                    self.node(target)?.core.checkpoints()?.contains_key(&ledger::note::origin(member.party));
                let answer = call(self, Topic::Witness, body.as_bytes())?;
                (seen, answer)
            }
            14 => {
                // It takes back, as if it were the creator, what somebody else gave.
                let Some((_, text)) = taken else { return Ok(None) };
                let put = draft(&text, Tlp::Clear);
                let withdraw = Withdraw {
                    subject: put.subject,
                    reason: Reason::CreatorRequest,
                    creator_withdrawal: true,
                    erase_by: self.node(liar)?.now(),
                };
                let withdraw = Draft { kind: Kind::Withdraw, payload: withdraw.to_text(), ..put.clone() };
                (false, call(self, Topic::Push, &next(self, &[put, withdraw])?)?)
            }
            _ => {
                // It narrows what somebody else gave, until it is of no use.
                let Some((_, text)) = taken else { return Ok(None) };
                let put = draft(&text, Tlp::Clear);
                let relabel = Relabel { subject: put.subject, label: said(Tlp::Red) };
                let relabel = Draft {
                    kind: Kind::Relabel,
                    payload: relabel.to_text(),
                    label: said(Tlp::Red),
                    ..put.clone()
                };
                (false, call(self, Topic::Push, &next(self, &[put, relabel])?)?)
            }
        }))
    }

    /// An object that the liar makes up: nobody may hold it that no agreement with the liar lets have it.
    fn made_up(&mut self, liar: usize, tlp: Tlp) -> Result<String, Problem> {
        let member: &Member = self.node(liar)?;
        let (id, now) = (StixId::new("indicator", member.uuid()), member.now());
        let address =
            format!("45.84.{}.{}", 1 + self.truth.order.len() % 200, 1 + self.truth.order.len() / 200);
        let text = address_indicator(&id, &member.identity, now, now, &address, tlp);
        if tlp == Tlp::Clear {
            // Anyone it deals with may have this one.
            let version = Version { modified: now, text: text.clone(), tlp };
            let item = Item::new(id.clone(), liar, String::new(), Vec::new(), version);
            self.truth.items.insert(id.clone(), item);
            for to in 0..self.nodes.len() {
                self.truth.allow(to, &id, &text, liar);
            }
        }
        Ok(text)
    }

    /// Something of somebody else's that the liar was given once.
    fn others(&mut self, liar: usize) -> Option<(StixId, String)> {
        let given = self.truth.given.iter().filter(|((to, _), _)| *to == liar);
        let texts: Vec<(StixId, String)> =
            given.flat_map(|((_, id), texts)| texts.keys().map(|text| (id.clone(), text.clone()))).collect();
        let at = self.chance.below(texts.len() as u64) as usize;
        texts.get(at).cloned()
    }
}
