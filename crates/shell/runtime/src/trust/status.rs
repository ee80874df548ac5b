//! How the terms of agreements stand: what has flowed and what waits, what will stop, what is kept too long, and whether
//! enough witnesses have cosigned.

use agreement::acts::{Event, Status};
use agreement::{Caps, Passage};
use keys::window::DAY;
use ledger::checkpoint::SignedCheckpoint;
use ledger::entry::Figures;
use ledger::note::{NoteKey, origin};
use model::{AgreementId, Finding, PartyId, Severity, Timestamp};
use ports::Read;
use ports::trust::StreamKey;

use super::gate::Wait;
use super::registry::{InForce, Registry};
use super::witness::witness_cursor;
use super::{Trust, TrustError};
use crate::core::Core;

/// Days ahead that what will stop is listed.
const AHEAD: u32 = 30;

/// Days ahead that people are told of it by a finding.
const TOLD: u32 = 14;

/// How long a ledger entry may wait for a quorum of witnesses, in microseconds.
const QUORUM_WITHIN: i64 = DAY;

/// How the terms stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Each direction of each agreement in force.
    pub flows: Vec<Flow>,
    /// What will stop or is due, soonest first.
    pub coming: Vec<Coming>,
    /// How many objects are kept under agreements…
    pub kept: u64,
    /// …and how many of them beyond their time.
    pub overdue: u64,
    /// Witnesses, by agreement.
    pub quorums: Vec<Quorum>,
}

/// One direction of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The agreement.
    pub agreement: AgreementId,
    /// The other party.
    pub peer: PartyId,
    /// Whether we give.
    pub outbound: bool,
    /// What flowed in the hour before now.
    pub objects_in_hour: u64,
    /// In the day before now.
    pub objects_in_day: u64,
    /// In the day before now.
    pub bytes_in_day: u64,
    /// The caps.
    pub caps: Caps,
    /// How many objects wait.
    pub waiting: u64,
    /// What for, and until when.
    pub wait: Option<Wait>,
}

/// Something that will happen by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coming {
    /// When.
    pub at: Timestamp,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What and why, in words.
    pub what: String,
    /// Whether something stops.
    pub stops: bool,
}

/// How far witnesses have come with our ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The agreement that asks for it.
    pub agreement: AgreementId,
    /// How many must have cosigned.
    pub needed: u32,
    /// How many have cosigned everything that is in the ledger.
    pub reached: u32,
    /// Entries that as many as must have cosigned.
    pub covered: u64,
    /// Entries in all.
    pub size: u64,
    /// Since when entries have waited too long, if they have.
    pub late_since: Option<Timestamp>,
}

impl Core {
    /// How the terms of every agreement in force stand.
    ///
    /// # Errors
    /// When the store fails.
    pub fn standing(&self) -> Result<Standing, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let now = self.clock.now();
        let read = self.store.read()?;
        let mut flows = Vec::new();
        for (agreement, force) in registry.in_force() {
            for peer in registry.recipients(agreement, trust.party) {
                for outbound in [true, false] {
                    let key = StreamKey { peer, agreement, outbound };
                    flows.push(self.flow_of(&*read, key, force, now)?);
                }
            }
        }
        let (kept, overdue) = self.kept(&*read, &registry, trust, now)?;
        let quorums = self.quorums(&*read, &registry, trust, now)?;
        Ok(Standing { flows, coming: coming(&registry, now, AHEAD), kept, overdue, quorums })
    }

    fn flow_of(
        &self,
        read: &dyn Read,
        key: StreamKey,
        force: &InForce,
        now: Timestamp,
    ) -> Result<Flow, TrustError> {
        let tenant = self.scope.tenant;
        let gate = self.gate(read, key, force, now)?;
        let since = |window: i64| move |passage: &&Passage| passage.at > now.plus_micros(-window);
        let objects =
            |window: i64| gate.passed().iter().filter(since(window)).map(|passage| passage.objects).sum();
        let mut flow = Flow {
            agreement: key.agreement,
            peer: key.peer,
            outbound: key.outbound,
            objects_in_hour: objects(DAY / 24),
            objects_in_day: objects(DAY),
            bytes_in_day: gate.passed().iter().filter(since(DAY)).map(|passage| passage.bytes).sum(),
            caps: force.terms.caps,
            waiting: 0,
            wait: None,
        };
        if key.outbound {
            let waiting = read.waiting(tenant, key.peer, key.agreement)?;
            flow.waiting = waiting.objects;
            flow.wait = gate.shut(now);
            // What is next may be larger than what is left of the day.
            if flow.wait.is_none()
                && let Some(first) = waiting.first
                && waiting.not_before.is_some_and(|at| at <= now)
                && let Some(stored) = read.version(self.scope, first)?
            {
                let size = super::gate::Size::of::<&str>(&stored.raw, &[]);
                flow.wait = gate.over(size, now).map(Wait::Cap);
            }
        }
        Ok(flow)
    }

    /// Tells people days ahead what will stop and why. Each event is told of once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn coming_step(&self) -> Result<bool, TrustError> {
        let Some(_) = self.trust() else { return Ok(false) };
        self.query_step()?;
        self.status_step()?;
        let registry = self.registry()?;
        let mut told = false;
        for one in coming(&registry, self.clock.now(), TOLD).into_iter().filter(|one| one.stops) {
            let message = format!("agreement {}: on {} {}", one.agreement.0.short(), one.at, one.what);
            let finding = Finding::new(Severity::Warning, "shieldwall/will-stop", "", message)
                .hint("if it is to go on, agree on a text with new dates before then");
            let name = format!("will-stop:{}:{}", one.agreement, one.at.as_micros());
            told |= self.say_once(&name, &finding)?;
        }
        Ok(told)
    }

    /// How many witnesses have cosigned, for each agreement that asks for any.
    pub(crate) fn quorums(
        &self,
        read: &dyn Read,
        registry: &Registry,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Vec<Quorum>, TrustError> {
        let tenant = self.scope.tenant;
        let size = read.ledger_size(tenant)?;
        let name = origin(trust.party);
        let newest = read.checkpoints(tenant)?.into_iter().find(|(origin, _, _)| *origin == name);
        let mut quorums = Vec::new();
        for (agreement, force) in registry.in_force() {
            let witnesses = &force.terms.witnesses;
            if witnesses.quorum == 0 {
                continue;
            }
            let mut cosigned = Vec::new();
            let agreed = registry.agreements.get(&agreement);
            let active = agreed.into_iter().flat_map(|agreed| &agreed.state.active);
            for party in active.filter(|party| witnesses.parties && **party != trust.party) {
                cosigned.push(read.named_cursor(tenant, &witness_cursor(*party))?.map_or(0, |seq| seq.0));
            }
            for key in witnesses.keys.values().filter_map(|key| NoteKey::parse(key.trim()).ok()) {
                let lines = newest.as_ref().and_then(|(_, at, note)| {
                    let note = SignedCheckpoint::parse(note).ok()?;
                    let lines = note.cosignatures(std::slice::from_ref(&key)).ok()?;
                    (!lines.is_empty()).then_some(*at)
                });
                cosigned.push(lines.unwrap_or(0));
            }
            cosigned.sort_unstable_by(|a, b| b.cmp(a));
            let last = usize::try_from(witnesses.quorum).unwrap_or(usize::MAX).saturating_sub(1);
            let covered = cosigned.get(last).copied().unwrap_or(0).min(size);
            let first =
                if covered < size { read.leaves(tenant, covered, 1)?.into_iter().next() } else { None };
            let since = first.map(|leaf| leaf.at.plus_micros(QUORUM_WITHIN));
            quorums.push(Quorum {
                agreement,
                needed: witnesses.quorum,
                reached: u32::try_from(cosigned.iter().filter(|at| **at >= size).count()).unwrap_or(u32::MAX),
                covered,
                size,
                late_since: since.filter(|since| *since <= now),
            });
        }
        Ok(quorums)
    }

    /// Says so when a quorum of witnesses was not reached in time: as a finding, and in the ledger for overseers. Once a day
    /// for as long as that is so.
    ///
    /// # Errors
    /// When the store fails.
    pub fn quorum_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let registry = self.registry()?;
        let (mut late, mut told) = (Vec::new(), false);
        {
            let read = self.store.read()?;
            for quorum in self.quorums(&*read, &registry, trust, now)? {
                if quorum.late_since.is_none() {
                    continue;
                }
                let name = format!("quorum-missed:{}", quorum.agreement);
                let last = read.named_cursor(tenant, &name)?.and_then(|seq| i64::try_from(seq.0).ok());
                let recent = |last: i64| (0..DAY).contains(&now.as_micros().saturating_sub(last));
                if !last.is_some_and(recent) {
                    late.push((name, quorum));
                }
            }
        }
        for (name, quorum) in late {
            let message = format!(
                "{} of {} witnesses that agreement {} asks for have cosigned entry {} of the ledger within a day",
                quorum.reached,
                quorum.needed,
                quorum.agreement.0.short(),
                quorum.covered
            );
            let finding = Finding::new(Severity::Error, "shieldwall/witness-quorum", "", message)
                .hint("see in `shieldwall peer list` who was not reached; entries stay provable, and are witnessed once they are");
            self.store.transact(|tx| {
                tx.add_findings(self.scope, now, model::SourceId(0), None, std::slice::from_ref(&finding))?;
                let (needed, reached) = (u64::from(quorum.needed), u64::from(quorum.reached));
                let figures = Figures::Witness { agreement: quorum.agreement, needed, reached };
                self.book(tx, now, figures, "{}")?;
                let at = u64::try_from(now.as_micros()).unwrap_or_default();
                tx.set_cursor(tenant, &name, model::Seq(at))
            })?;
            told = true;
        }
        Ok(told)
    }
}

/// What will stop or is due within so many days, soonest first.
fn coming(registry: &Registry, now: Timestamp, days: u32) -> Vec<Coming> {
    let until = now.plus_micros(i64::from(days).saturating_mul(DAY));
    let mut all = Vec::new();
    for (agreement, agreed) in &registry.agreements {
        let names = agreed.state.parties();
        let name =
            |party: &PartyId| names.get(party).map_or_else(|| party.to_string(), |party| party.name.clone());
        for upcoming in agreed.state.upcoming(now, days) {
            let (what, stops) = match &upcoming.event {
                Event::Starts => ("flows begin".to_owned(), false),
                Event::LegalBasisLapses { party, name: basis } => (
                    format!(
                        "everything to and from {} stops: its last legal basis, {basis}, lapses",
                        name(party)
                    ),
                    true,
                ),
                Event::Expires => ("everything stops: it expires".to_owned(), true),
                Event::Review => ("it is to be looked at again; nothing stops".to_owned(), false),
            };
            all.push(Coming { at: upcoming.at, agreement: *agreement, what, stops });
        }
        if agreed.state.status == Status::Ended {
            continue;
        }
        for party in &agreed.state.active {
            let ends =
                registry.decisions.notice(*agreement, *party).filter(|ends| *ends > now && *ends <= until);
            all.extend(ends.map(|at| Coming {
                at,
                agreement: *agreement,
                what: format!("{} ends it or leaves, as it gave notice", name(party)),
                stops: true,
            }));
        }
    }
    all.sort();
    all
}
