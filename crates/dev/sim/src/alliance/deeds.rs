//! What people do in a run: publish, take back, narrow, suspend, end, agree anew; and files that are carried.

use agreement::acts::What;
use exchange::wire::Push;
use model::{Severity, StixId, Timestamp, Tlp};
use runtime::trust::TrustError;

use super::truth::{Item, Version, Word};
use super::watch::{self, Withdrawals};
use super::{Alliance, Event, SECOND};
use crate::member::Member;
use crate::objects::{address_indicator, relationship};
use crate::problem::Problem;
use crate::stage::{next_version, with_ceiling};

/// Labels, the more frequent ones more than once.
const LABELS: [Tlp; 8] =
    [Tlp::Clear, Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];

/// Findings that say a peer lies or was rolled back: nobody honest is to be accused of it.
///
/// A ledger that "went back" is not among them: a witness cannot tell an old checkpoint that was long under way from
/// one of a log that was rolled back, and asks people.
const ACCUSATIONS: [&str; 11] = [
    "shieldwall/peer-equivocation",
    "shieldwall/peer-signature",
    "shieldwall/peer-push",
    "shieldwall/peer-object",
    "shieldwall/peer-terms",
    "shieldwall/peer-behind",
    "shieldwall/peer-acknowledgement",
    "shieldwall/misdirected",
    "shieldwall/stream-epoch",
    "shieldwall/ledger-equivocation",
    "shieldwall/witness",
];

impl Alliance {
    pub(super) fn deed(&mut self) -> Result<(), Problem> {
        let count = self.nodes.len() as u64;
        let (node, what) = (self.chance.below(count) as usize, self.chance.below(100));
        // Whether something was committed that a dying node was told to do, nobody can say.
        if self.node(node)?.store.is_dying() {
            return Ok(());
        }
        // A liar publishes too, so that it has something to lie about.
        let liar = self.liar() == Some(node);
        match what {
            _ if liar => self.publish(node)?,
            0..44 => self.publish(node)?,
            44..50 => self.tie(node)?,
            50..62 => self.revise(node)?,
            62..71 => self.narrow(node)?,
            71..82 => self.withdraw(node)?,
            82..91 => self.suspend(node)?,
            91..93 => self.leave(node)?,
            _ => self.agree_anew(node)?,
        }
        self.check(node)?;
        self.after(1_000, 100_000, Event::Work { node });
        Ok(())
    }

    fn label(&mut self) -> Tlp {
        let at = self.chance.below(LABELS.len() as u64) as usize;
        LABELS.get(at).copied().unwrap_or(Tlp::Red)
    }

    /// An object of a node's own that is not withdrawn.
    fn own(&mut self, node: usize) -> Option<StixId> {
        let own = |id: &&StixId| {
            let item = self.truth.items.get(*id);
            item.is_some_and(|item| item.owner == node && !item.withdrawn && item.ends.is_empty())
        };
        let ids: Vec<StixId> = self.truth.order.iter().filter(own).cloned().collect();
        let at = self.chance.below(ids.len() as u64) as usize;
        ids.get(at).cloned()
    }

    fn accepted(&mut self, node: usize, text: &str) -> Result<(), Problem> {
        let summary = self.node(node)?.publish(&[text])?;
        if summary.accepted == 1 {
            Ok(())
        } else {
            Err(Problem(format!("node {node} does not take its own object: {summary:?}: {text}")))
        }
    }

    fn publish(&mut self, node: usize) -> Result<(), Problem> {
        let tlp = self.label();
        let member = self.node(node)?;
        let (id, now) = (StixId::new("indicator", member.uuid()), whole(member.now()));
        let number = self.truth.order.len();
        let address = format!("45.83.{}.{}", 100 + number / 200, 10 + number % 200);
        let text = address_indicator(&id, &member.identity, now, now, &address, tlp);
        self.accepted(node, &text)?;
        self.note(&format!("publish {node} {id} {tlp:?}"));
        self.remember(node, id, address, Vec::new(), Version { modified: now, text, tlp });
        Ok(())
    }

    fn remember(&mut self, owner: usize, id: StixId, address: String, ends: Vec<StixId>, first: Version) {
        self.truth.order.push(id.clone());
        self.truth.items.insert(id.clone(), Item::new(id, owner, address, ends, first));
    }

    /// Ties two own objects together: whoever may not see both must not see the tie.
    fn tie(&mut self, node: usize) -> Result<(), Problem> {
        let (Some(a), Some(b)) = (self.own(node), self.own(node)) else { return Ok(()) };
        if a == b {
            return Ok(());
        }
        let tlp = self.label();
        let member = self.node(node)?;
        let (id, now) = (StixId::new("relationship", member.uuid()), whole(member.now()));
        let text = relationship(&id, &member.identity, now, (&a, &b), tlp);
        self.accepted(node, &text)?;
        self.note(&format!("tie {node} {id} {tlp:?}"));
        self.remember(node, id, String::new(), vec![a, b], Version { modified: now, text, tlp });
        Ok(())
    }

    fn revise(&mut self, node: usize) -> Result<(), Problem> {
        let Some(id) = self.own(node) else { return Ok(()) };
        let tlp = self.label();
        let Some(item) = self.truth.items.get(&id) else { return Ok(()) };
        let last = item.versions.last().map_or(item.created, |version| version.modified);
        let member = self.node(node)?;
        let modified = whole(member.now()).max(last.plus_micros(1_000));
        let text = address_indicator(&id, &member.identity, item.created, modified, &item.address, tlp);
        self.accepted(node, &text)?;
        self.note(&format!("revise {node} {id} {tlp:?}"));
        if let Some(item) = self.truth.items.get_mut(&id) {
            item.versions.push(Version { modified, text, tlp });
        }
        Ok(())
    }

    /// Gives the newest version of an own object a narrower label.
    fn narrow(&mut self, node: usize) -> Result<(), Problem> {
        let Some(id) = self.own(node) else { return Ok(()) };
        let tlp = self.label();
        let Some(version) = self.truth.items.get(&id).and_then(|item| item.versions.last()) else {
            return Ok(());
        };
        if tlp >= version.tlp {
            return Ok(());
        }
        let (before, marking) = (self.marking_in(&version.text), stix::marking::tlp_ref(tlp));
        let text = version.text.replace(&before, marking.as_str());
        let summary = self.node(node)?.publish(&[&text])?;
        if summary.unchanged != 1 {
            return Err(Problem(format!("node {node} does not narrow its own object: {summary:?}")));
        }
        self.note(&format!("narrow {node} {id} {tlp:?}"));
        if let Some(version) = self.truth.items.get_mut(&id).and_then(|item| item.versions.last_mut()) {
            version.tlp = tlp;
        }
        Ok(())
    }

    fn marking_in(&self, text: &str) -> String {
        let markings = Tlp::ALL.map(|tlp| stix::marking::tlp_ref(tlp).as_str().to_owned());
        markings.into_iter().find(|marking| text.contains(marking)).unwrap_or_default()
    }

    fn withdraw(&mut self, node: usize) -> Result<(), Problem> {
        let Some(id) = self.own(node) else { return Ok(()) };
        match self.node(node)?.core.withdraw(&id, "analyst", "it was wrong") {
            Ok(withdrawal) => {
                self.note(&format!("withdraw {node} {id} {}", withdrawal.told.len()));
                if let Some(item) = self.truth.items.get_mut(&id) {
                    item.withdrawn = true;
                }
                Ok(())
            }
            // Nobody was given it.
            Err(TrustError::Missing(_)) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }

    /// An agreement of a node's that it has not ended.
    fn own_pact(&mut self, node: usize) -> Option<usize> {
        let ended = |pact| self.truth.happened.contains(&Word::Ended { pact, by: node });
        let own = |pact: &usize| {
            self.truth.pacts.get(*pact).is_some_and(|p| p.members.contains(&node)) && !ended(*pact)
        };
        let pacts: Vec<usize> = (0..self.truth.pacts.len()).filter(own).collect();
        let at = self.chance.below(pacts.len() as u64) as usize;
        pacts.get(at).copied()
    }

    /// Suspends an agreement, or resumes it.
    fn suspend(&mut self, node: usize) -> Result<(), Problem> {
        let Some(pact) = self.own_pact(node) else { return Ok(()) };
        let count = |of: fn(&Word) -> Option<(usize, usize)>| {
            self.truth.happened.iter().filter(|word| of(word) == Some((pact, node))).count()
        };
        let suspensions = count(|word| match word {
            Word::Suspended { pact, by, .. } => Some((*pact, *by)),
            _ => None,
        });
        let resumptions = count(|word| match word {
            Word::Resumed { pact, by, .. } => Some((*pact, *by)),
            _ => None,
        });
        let Some(agreed) = self.truth.pacts.get(pact) else { return Ok(()) };
        let n = u32::try_from(suspensions).unwrap_or(u32::MAX);
        let (done, word) = if suspensions > resumptions {
            (self.node(node)?.resume(agreed.id), Word::Resumed { pact, by: node, n })
        } else {
            let act = self.node(node)?.core.act_on(agreed.id, What::Suspend, "a pause", "officer");
            (act.map(|_| ()).map_err(Problem::from), Word::Suspended { pact, by: node, n: n + 1 })
        };
        self.note(&format!("{word:?} {}", done.is_ok()));
        // An act of its own that does not count, for instance since its clock went back, is not kept.
        if done.is_ok() {
            self.report.acts += 1;
            self.truth.happens(node, word);
        }
        Ok(())
    }

    /// Ends an agreement of two, or leaves a circle.
    fn leave(&mut self, node: usize) -> Result<(), Problem> {
        let Some(pact) = self.own_pact(node) else { return Ok(()) };
        let Some(agreed) = self.truth.pacts.get(pact) else { return Ok(()) };
        let what = if agreed.members.len() > 2 { What::Leave } else { What::End };
        let done = self.node(node)?.core.act_on(agreed.id, what, "", "officer").is_ok();
        self.note(&format!("leave {node} {pact} {done}"));
        if done {
            self.report.acts += 1;
            self.truth.happens(node, Word::Ended { pact, by: node });
        }
        Ok(())
    }

    /// Puts a new version of an agreement of two forward, with another ceiling.
    fn agree_anew(&mut self, node: usize) -> Result<(), Problem> {
        let ceiling = match self.label() {
            Tlp::Red | Tlp::AmberStrict => Tlp::Amber,
            tlp => tlp,
        };
        let Some(pact) = self.own_pact(node).filter(|pact| !self.open.contains_key(pact)) else {
            return Ok(());
        };
        let Some(agreed) = self.truth.pacts.get(pact) else { return Ok(()) };
        let honest = self.liar().is_none_or(|liar| !agreed.members.contains(&liar));
        let Some(before) = agreed.ceilings.get(&agreed.version).copied() else { return Ok(()) };
        if agreed.members.len() > 2 || ceiling == before || !honest {
            return Ok(());
        }
        let text = with_ceiling(&next_version(agreed, &agreed.text), before, ceiling);
        let proposed = self.node(node)?.core.propose(&text, "", "officer");
        self.note(&format!("propose {node} {pact} {ceiling:?} {}", proposed.is_ok()));
        let Ok(proposed) = proposed else { return Ok(()) };
        self.report.acts += 1;
        if let Some(agreed) = self.truth.pacts.get_mut(pact) {
            agreed.ceilings.insert(proposed.version, ceiling);
        }
        self.drafts.insert(proposed.version, text);
        self.open.insert(pact, (proposed, std::collections::BTreeSet::new()));
        Ok(())
    }

    /// A node's officer signs what was put forward, once the node has heard of it.
    pub(super) fn countersign(&mut self, node: usize) -> Result<(), Problem> {
        let mut complete = Vec::new();
        for (pact, (proposed, signed)) in &mut self.open {
            let member = self.truth.pacts.get(*pact).is_some_and(|pact| pact.members.contains(&node));
            let Some(core) = self.nodes.get(node).filter(|_| member && !signed.contains(&node)) else {
                continue;
            };
            if core.store.is_dying() {
                continue;
            }
            let registry = core.core.registry()?;
            let heard = registry.agreements.get(&proposed.agreement);
            let heard = heard.is_some_and(|agreed| agreed.state.versions.contains_key(&proposed.version));
            drop(registry);
            if heard && core.sign(proposed).is_ok() {
                signed.insert(node);
                if signed.len() == 2 {
                    complete.push(*pact);
                }
            }
        }
        for pact in complete {
            let Some((proposed, _)) = self.open.remove(&pact) else { continue };
            let text = self.drafts.remove(&proposed.version);
            if let (Some(agreed), Some(text)) = (self.truth.pacts.get_mut(pact), text) {
                (agreed.version, agreed.text, agreed.number) = (proposed.version, text, agreed.number + 1);
            }
            self.note(&format!("signed {pact}"));
        }
        Ok(())
    }

    /// Writes what one node has for another into files; a file may be lost, or arrive twice, or late.
    pub(super) fn export(&mut self, from: usize, to: usize) -> Result<(), Problem> {
        let party = self.node(to)?.party;
        // The reader's keys are looked through, too: a file that nobody could open now is written later.
        if self.node(from)?.store.is_dying() || self.node(to)?.store.is_dying() {
            return Ok(());
        }
        self.node(from)?.work()?;
        self.truth.worked(from);
        let files = self.node(from)?.pack(party, 3, 32 << 20)?;
        self.note(&format!("export {from} {to} {}", files.len()));
        for file in files {
            let withdrawals = self.inside(from, to, &file)?;
            let copies = match self.chance.below(10) {
                0 => 0,
                1 => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let (file, withdrawals) = (file.clone(), withdrawals.clone());
                self.after(SECOND, 6 * SECOND, Event::Import { from, to, file, withdrawals });
            }
        }
        Ok(())
    }

    /// Looks into a file with its reader's keys, and checks what leaves in it.
    fn inside(&mut self, from: usize, to: usize, file: &[u8]) -> Result<Withdrawals, Problem> {
        watch::unseen(self.truth.items.values(), file, "a courier file, outside")?;
        let reader = self.node(to)?;
        let (secrets, registry) = (reader.secrets()?, reader.core.registry()?);
        let opening = exchange::courier::Opening {
            to: reader.party,
            keys: &[&secrets.boxed],
            signers: &*registry,
            limits: exchange::courier::Opening::LIMITS,
            now: reader.now(),
        };
        let pushes: Vec<Push> = exchange::courier::open(file, &opening)?.contents.pushes;
        let mut withdrawals = Vec::new();
        for push in &pushes {
            let Some(node) = self.nodes.get(from) else { continue };
            withdrawals.extend(watch::pushed(&mut self.truth, node, to, push)?);
        }
        Ok(withdrawals)
    }

    pub(super) fn import(
        &mut self,
        from: usize,
        to: usize,
        file: &[u8],
        withdrawals: &Withdrawals,
    ) -> Result<(), Problem> {
        if self.node(to)?.store.is_dead() {
            return Ok(());
        }
        let imported = self.node(to)?.core.courier_import(file).map_err(Problem::from);
        let Some(imported) = self.survives(to, imported)? else { return Ok(()) };
        self.report.files += 1;
        self.note(&format!("import {from} {to} {} {:?}", imported.taken, imported.refused));
        // Some of it may wait for what an earlier file brings; then nothing is known of its withdrawals.
        if imported.refused.is_empty() {
            self.report.taken_back += withdrawals.len() as u64;
            watch::told(&mut self.truth, to, withdrawals);
        }
        self.check(to)?;
        self.after(1_000, 100_000, Event::Work { node: to });
        Ok(())
    }

    /// Nobody honest is accused of anything.
    pub(super) fn alarms(&self, node: &Member, honest: &[usize]) -> Result<(), Problem> {
        let registry = node.core.registry()?;
        let mut sources = Vec::new();
        for other in honest {
            let party = self.node(*other)?.party;
            sources.extend(registry.peers.get(&party).map(|peer| peer.source));
        }
        let read = node.core.store.read()?;
        for row in read.findings(node.core.scope, 0, 10_000)? {
            let (accused, rule) =
                (sources.contains(&row.source) || !self.plan.hostile, row.finding.rule.as_ref());
            if accused && row.finding.severity == Severity::Error && ACCUSATIONS.contains(&rule) {
                return Err(Problem(format!("node {} accuses somebody honest: {}", node.index, row.finding)));
            }
        }
        Ok(())
    }

    /// Whatever was taken back from somebody honest was confirmed as erased, and all have cosigned.
    pub(super) fn confirmed(&mut self, honest: &[usize]) -> Result<(), Problem> {
        let mut receipts = 0;
        for giver in honest {
            let member = self.node(*giver)?;
            let read = member.core.store.read()?;
            for row in read.disclosures(member.core.scope.tenant, None, false, 0, 100_000)? {
                let holder =
                    honest.iter().find(|other| self.node(**other).is_ok_and(|node| node.party == row.to));
                let (Some(holder), Some(_)) = (holder, row.withdrawn) else { continue };
                match &row.receipt {
                    // What was taken back before it arrived was never held.
                    Some((_, state)) if state == "erased" || state == "unknown" => receipts += 1,
                    other => {
                        let what = row.object.as_ref().map(ToString::to_string);
                        let problem =
                            format!("node {giver} has no receipt of node {holder} for {what:?}: {other:?}");
                        return Err(Problem(problem));
                    }
                }
            }
        }
        self.report.receipts = receipts;
        Ok(())
    }
}

/// An instant as objects carry it: whole milliseconds.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros() / 1_000 * 1_000)
}
