//! What every attack begins with, and how to see that it changed nothing.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, OnceLock};

use exchange::wire::{FrameLimits, Packing, Push};
use exchange::{Kind, Position};
use model::{Digest, Seq, StixId, Timestamp, Tlp};
use ports::ObjectFilter;
use ports::peer::{Leaf, Refusal, Topic};
use ports::trust::DocumentKind;
use shieldwall_sim::forge::{self, Draft};
use shieldwall_sim::{Member, Pact, Shape, Stage, settle_heard};

use super::port::{Port, leaf, leaf_of};

/// The three nodes, and one that nobody has met.
///
/// The target has an agreement up to AMBER with its ally, and one up to GREEN with the liar. The liar's keys are good:
/// all that it lacks is the right.
pub(crate) struct Scene {
    pub(crate) target: Member,
    pub(crate) ally: Member,
    pub(crate) liar: Member,
    base: &'static Base,
    /// The target's, opened when somebody first calls.
    port: OnceLock<Port>,
    leaves: [OnceLock<Leaf>; 4],
    _folder: testkit::TempDir,
}

/// What was made once for all scenes.
pub(crate) struct Base {
    stage: Stage,
    stranger: Member,
    /// Every call that was made, in order: from, to, topic, body.
    heard: Vec<(usize, usize, Topic, Vec<u8>)>,
    things: BTreeMap<&'static str, (StixId, String)>,
    _folder: testkit::TempDir,
}

const ALLY: usize = 0;
const TARGET: usize = 1;
const LIAR: usize = 2;

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let folder = testkit::temp_dir();
    let mut stage = Stage::build(Shape::Triangle, folder.path()).map_err(|problem| problem.0).unwrap();
    let mut things = BTreeMap::new();
    let mut heard = Vec::new();
    let mut publish = |stage: &Stage, name: &'static str, by: usize, number: u8, tlp: Tlp| {
        let (id, text) = indicator(&stage.members[by], number, tlp);
        stage.members[by].publish(&[&text]).map_err(|problem| problem.0).unwrap();
        things.insert(name, (id, text));
    };
    publish(&stage, "ally amber", ALLY, 1, Tlp::Amber);
    publish(&stage, "ally clear", ALLY, 2, Tlp::Clear);
    publish(&stage, "ally taken", ALLY, 3, Tlp::Clear);
    publish(&stage, "liar green", LIAR, 4, Tlp::Green);
    publish(&stage, "liar taken", LIAR, 5, Tlp::Green);
    publish(&stage, "own amber", TARGET, 6, Tlp::Amber);
    publish(&stage, "own green", TARGET, 7, Tlp::Green);
    publish(&stage, "own red", TARGET, 8, Tlp::Red);
    let mut settled = |stage: &Stage| {
        let members: Vec<&Member> = stage.members.iter().collect();
        let mut listen = |from, to, topic, body: &[u8]| heard.push((from, to, topic, body.to_vec()));
        let refused = settle_heard(&members, &mut listen).map_err(|problem| problem.0).unwrap();
        assert_eq!(refused, []);
        members.iter().for_each(|member| member.clock.advance(60_000_000));
    };
    settled(&stage);
    for (name, by) in [("ally taken", ALLY), ("liar taken", LIAR)] {
        stage.members[by].core.withdraw(&things[name].0, "analyst", "it was wrong").unwrap();
    }
    settled(&stage);
    stage.keep("settled").map_err(|problem| problem.0).unwrap();
    let stranger = Member::found(9, 1, "FR").map_err(|problem| problem.0).unwrap();
    let at = stage.members[TARGET].now().as_micros();
    stranger.clock.set(at);
    Base { stage, stranger, heard, things, _folder: folder }
});

/// An indicator of a member's, numbered so that everything in it is known.
pub(crate) fn indicator(by: &Member, number: u8, tlp: Tlp) -> (StixId, String) {
    let id = format!("indicator--0aaaaaaa-0000-4000-8000-0000000000{number:02x}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","name":"number {number}","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '45.83.64.{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","object_marking_refs":["{}"]}}"#,
        by.identity,
        stix::marking::tlp_ref(tlp)
    );
    (id.parse().unwrap(), text)
}

/// A label as envelopes spell it.
pub(crate) fn said(tlp: Tlp) -> String {
    label::Handling::from(model::Label::Tlp(tlp)).to_text()
}

impl Scene {
    pub(crate) fn new() -> Self {
        static COUNT: Mutex<u64> = Mutex::new(1_000);
        let base = &*BASE;
        let seed = {
            let mut count = COUNT.lock().unwrap();
            *count += 1;
            *count
        };
        let folder = testkit::temp_dir();
        let mut members = base.stage.copy(folder.path(), seed).map_err(|problem| problem.0).unwrap();
        let liar = members.pop().unwrap();
        let target = members.pop().unwrap();
        let ally = members.pop().unwrap();
        Self { target, ally, liar, base, port: OnceLock::new(), leaves: Default::default(), _folder: folder }
    }

    pub(crate) fn stranger(&self) -> &Member {
        &self.base.stranger
    }

    /// The agreement up to GREEN of target and liar.
    pub(crate) fn pact(&self) -> &Pact {
        &self.base.stage.pacts[1]
    }

    /// The agreement up to AMBER of target and ally.
    pub(crate) fn allied(&self) -> &Pact {
        &self.base.stage.pacts[0]
    }

    pub(crate) fn id(&self, name: &str) -> &StixId {
        &self.base.things[name].0
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.base.things[name].1
    }

    /// An object of the liar's own.
    pub(crate) fn fresh(&self, number: u8, tlp: Tlp) -> String {
        indicator(&self.liar, number, tlp).1
    }

    /// Calls the target over a connection on which this leaf is shown.
    pub(crate) fn showing(&self, leaf: &Leaf, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.port.get_or_init(|| Port::open(&self.target)).call(leaf, topic, body)
    }

    /// Calls the target as a member, with the leaf that it had when it first called.
    fn calling(&self, by: &Member, place: usize, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.showing(self.leaves[place].get_or_init(|| leaf_of(by)), topic, body)
    }

    pub(crate) fn as_liar(&self, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.calling(&self.liar, 0, topic, body)
    }

    pub(crate) fn as_ally(&self, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.calling(&self.ally, 1, topic, body)
    }

    pub(crate) fn as_stranger(&self, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.calling(self.stranger(), 2, topic, body)
    }

    /// Calls with a certificate of the right form in which nobody vouches for anything.
    pub(crate) fn as_nobody(&self, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let leaf = self.leaves[3].get_or_init(|| leaf(&self.target, |_| b"nobody".to_vec()));
        self.showing(leaf, topic, body)
    }

    /// Calls that were heard from one node to another.
    pub(crate) fn heard(&self, from: usize, to: usize, topic: Topic) -> Vec<&[u8]> {
        let said = |call: &&(usize, usize, Topic, Vec<u8>)| call.0 == from && call.1 == to && call.2 == topic;
        self.base.heard.iter().filter(said).map(|call| call.3.as_slice()).collect()
    }

    /// A push of the liar's to the target that was taken in long ago.
    pub(crate) fn old_push(&self) -> Vec<u8> {
        self.heard(LIAR, TARGET, Topic::Push)[0].to_vec()
    }

    /// A push of the ally's to the target that was taken in long ago.
    pub(crate) fn allys_push(&self) -> Vec<u8> {
        self.heard(ALLY, TARGET, Topic::Push)[0].to_vec()
    }

    /// Where the liar's stream to the target stands.
    pub(crate) fn position(&self) -> Position {
        forge::position(&self.liar, &self.target, self.pact().id).map_err(|problem| problem.0).unwrap()
    }

    /// An entry with an object under a label, as the agreement with the liar wants it.
    pub(crate) fn draft(&self, object: &str, tlp: Tlp) -> Draft {
        Draft::put(object, &said(tlp), self.pact().version, 0)
    }

    /// The next push of the liar's, properly made.
    pub(crate) fn next(&self, drafts: &[Draft]) -> Push {
        let at = self.position();
        let stream = forge::stream(&self.liar, &self.target, self.pact().id, at.epoch);
        forge::push(&self.liar, stream, &at, drafts, None).map_err(|problem| problem.0).unwrap()
    }

    /// Sends entries in the liar's stream, properly numbered and signed.
    pub(crate) fn send(&self, drafts: &[Draft]) -> Result<Vec<u8>, Refusal> {
        self.as_liar(Topic::Push, &self.next(drafts).encode(Packing::Plain).unwrap())
    }

    /// Sends one object under a label.
    pub(crate) fn send_object(&self, object: &str, tlp: Tlp) -> Result<Vec<u8>, Refusal> {
        self.send(&[self.draft(object, tlp)])
    }

    /// Sends a push as it is.
    pub(crate) fn send_push(&self, push: &Push) -> Result<Vec<u8>, Refusal> {
        self.as_liar(Topic::Push, &push.encode(Packing::Plain).unwrap())
    }

    /// A harmless push, to be spoilt.
    pub(crate) fn harmless(&self) -> Push {
        self.next(&[self.draft(&self.fresh(40, Tlp::Green), Tlp::Green)])
    }

    /// An entry that carries something other than an object.
    pub(crate) fn word(&self, kind: Kind, subject: Digest, payload: String) -> Draft {
        Draft { kind, subject, payload, label: String::new(), ..self.draft("{}", Tlp::Green) }
    }

    /// The name that a sender calls an object by in a stream that was heard.
    pub(crate) fn subject(&self, from: usize, holds: &str) -> Digest {
        for frame in self.heard(from, TARGET, Topic::Push) {
            let push = Push::decode(frame, &FrameLimits::default()).unwrap();
            for entry in &push.entries {
                let payload = entry.opening.as_ref().map_or("", |opening| opening.payload.as_str());
                if payload.contains(holds) {
                    return exchange::Envelope::parse(&entry.envelope).unwrap().subject;
                }
            }
        }
        panic!("nothing that holds {holds} was heard");
    }
}

/// Everything about a node that an attack must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// Objects: id, version, text, label.
    pub(crate) objects: Vec<(String, Timestamp, String, u8)>,
    pub(crate) waiting: Vec<(String, String)>,
    pub(crate) journal: Vec<(u64, &'static str)>,
    pub(crate) holdings: Vec<String>,
    pub(crate) disclosures: Vec<String>,
    /// Agreements: status, governing version, versions, who takes part.
    pub(crate) agreements: BTreeMap<String, String>,
    pub(crate) documents: Vec<(u64, Digest)>,
    pub(crate) peers: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) ledger: Vec<(String, Digest)>,
    /// Newest checkpoints of others' ledgers.
    pub(crate) seen: Vec<(String, u64, String)>,
    /// Streams that come in: epoch and place.
    pub(crate) inbound: Vec<String>,
    pub(crate) outbound: Vec<String>,
    pub(crate) decided: usize,
    pub(crate) queued: u64,
}

impl State {
    pub(crate) fn of(member: &Member) -> Self {
        let core = &member.core;
        let (tenant, read) = (core.scope.tenant, core.store.read().unwrap());
        let all = ObjectFilter { all_versions: true, ..ObjectFilter::default() };
        let registry = core.registry().unwrap();
        let stored = read.objects(core.scope, &all, None, 10_000).unwrap();
        let kinds = [
            DocumentKind::KeyEvent,
            DocumentKind::Appointment,
            DocumentKind::AgreementAct,
            DocumentKind::Pairing,
        ];
        let documents = kinds.iter().flat_map(|kind| read.documents(tenant, *kind, None, 0, 10_000).unwrap());
        let own = ledger::note::origin(member.party);
        let streams = read.streams(tenant).unwrap();
        let stream = |outbound: bool| {
            let of = streams.iter().filter(|(key, _)| key.outbound == outbound);
            of.map(|(key, at)| format!("{} {} {} {} {}", key.peer, key.agreement, at.epoch, at.seq, at.acked))
                .collect()
        };
        Self {
            objects: stored
                .into_iter()
                .map(|stored| (stored.id.to_string(), stored.version, stored.raw, stored.label.rank()))
                .collect(),
            waiting: read
                .held(core.scope, true, 1_000)
                .unwrap()
                .into_iter()
                .map(|held| (held.object.to_string(), held.raw))
                .collect(),
            journal: read
                .journal(tenant, Seq(0), 100_000)
                .unwrap()
                .iter()
                .map(|row| (row.seq.0, row.kind.as_str()))
                .collect(),
            holdings: read
                .holdings(tenant, None, 0, 10_000)
                .unwrap()
                .iter()
                .map(|row| format!("{row:?}"))
                .collect(),
            disclosures: read
                .disclosures(tenant, None, false, 0, 10_000)
                .unwrap()
                .iter()
                .map(|row| format!("{row:?}"))
                .collect(),
            agreements: registry
                .agreements
                .iter()
                .map(|(id, agreed)| {
                    let state = &agreed.state;
                    let versions: Vec<_> =
                        state.versions.iter().map(|(hash, version)| (hash, version.complete)).collect();
                    let told = format!(
                        "{} {:?} {versions:?} {:?} {:?}",
                        state.status, state.current, state.active, state.blocked
                    );
                    (id.to_string(), told)
                })
                .collect(),
            documents: documents.map(|document| (document.number, document.hash)).collect(),
            peers: read
                .peers(tenant)
                .unwrap()
                .iter()
                .map(|p| format!("{} {} {:?} {:?}", p.party, p.name, p.state, p.endpoint))
                .collect(),
            keys: registry
                .histories
                .iter()
                .map(|(party, h)| format!("{party} {} {} {:?}", h.count(), h.head(), h.fork()))
                .collect(),
            ledger: read
                .leaves(tenant, 0, 100_000)
                .unwrap()
                .into_iter()
                .map(|leaf| (leaf.kind, leaf.hash))
                .collect(),
            seen: read
                .checkpoints(tenant)
                .unwrap()
                .into_iter()
                .filter(|(origin, ..)| *origin != own)
                .collect(),
            inbound: stream(false),
            outbound: stream(true),
            decided: read.decisions(tenant, None, None, 100_000).unwrap().len(),
            queued: read.outbox_len(tenant).unwrap(),
        }
    }

    /// What differs, in words.
    pub(crate) fn differences(&self, after: &Self) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut differ = |what, same: bool| {
            if !same {
                found.push(what);
            }
        };
        differ("objects", self.objects == after.objects);
        differ("waiting", self.waiting == after.waiting);
        differ("journal", self.journal == after.journal);
        differ("holdings", self.holdings == after.holdings);
        differ("disclosures", self.disclosures == after.disclosures);
        differ("agreements", self.agreements == after.agreements);
        differ("documents", self.documents == after.documents);
        differ("peers", self.peers == after.peers);
        differ("keys", self.keys == after.keys);
        differ("ledger", self.ledger == after.ledger);
        differ("seen", self.seen == after.seen);
        differ("inbound", self.inbound == after.inbound);
        differ("outbound", self.outbound == after.outbound);
        differ("decided", self.decided == after.decided);
        differ("queued", self.queued == after.queued);
        found
    }
}
