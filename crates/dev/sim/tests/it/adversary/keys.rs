//! Key histories, pairing and connections: strangers, impostors, replays.

use std::collections::BTreeSet;

use keys::events::{Change, Event, KeyHistory};
use keys::invitation::{Acceptance, Invitation, Signer};
use keys::leaf::LeafStatement;
use keys::window::DAY;
use keys::{SecretKey, Signed};
use model::{Digest, Tlp};
use ports::peer::Topic;
use shieldwall_sim::{Member, name, officer};

use super::port;
use super::scene::{Scene, indicator};
use super::{Case, Expect, Outcome, case, check};

fn history(member: &Member) -> KeyHistory {
    member.core.own_history().unwrap()
}

fn epoch(member: &Member) -> SecretKey {
    SecretKey::from_seed(*member.secrets().map_err(|problem| problem.0).unwrap().epoch.seed())
}

/// A history with one more event, signed with these keys; nobody has looked whether they may.
fn longer(member: &Member, change: Change, by: &[&SecretKey]) -> String {
    let history = history(member);
    let event = history.next_event(member.now(), change).sign(by).unwrap();
    let mut events: Vec<Signed> = history.events().to_vec();
    events.push(event);
    lines(&events)
}

fn lines(events: &[Signed]) -> String {
    let whole =
        KeyHistory::replay(&events[..1], model::Timestamp::from_micros(i64::MAX / 4)).unwrap().to_text();
    // However a history spells a list of events, one more stands where the last one ended.
    let first = events[0].to_text();
    let texts: Vec<String> = events.iter().map(Signed::to_text).collect();
    let separator = if whole.trim_end().ends_with(']') { "," } else { "\n" };
    whole.replace(&first, &texts.join(separator))
}

fn keys(scene: &Scene, body: &str) -> Outcome {
    scene.as_liar(Topic::Keys, body.as_bytes())
}

const HISTORIES: &[Case] = &[
    case("junk for a history", |s| keys(s, "junk"), Expect::Invalid("")),
    case("a history of ten megabytes", |s| keys(s, &"[".repeat(10 << 20)), Expect::Invalid("")),
    case(
        "an older history",
        |s| {
            let whole = history(&s.liar);
            keys(s, &lines(&whole.events()[..1]))
        },
        Expect::Ignored,
    ),
    case(
        "a rotation of the ally's signed by the liar",
        |s| {
            let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
            let terms = history(&s.liar).current(s.liar.now()).unwrap().clone();
            let next = s.liar.next_key().map_err(|problem| problem.0).unwrap();
            let epoch_terms = keys::events::EpochTerms {
                key: next.public().clone(),
                next: secrets.epoch.id(),
                box_key: terms.box_key,
                ledger: terms.ledger,
                until: s.liar.now().plus_micros(DAY),
            };
            keys(s, &longer(&s.ally, Change::Rotation { epoch: epoch_terms }, &[&next, &secrets.epoch]))
        },
        Expect::Invalid(""),
    ),
    case(
        "a rotation to a key that was not committed to",
        |s| {
            let terms = history(&s.liar).current(s.liar.now()).unwrap().clone();
            let other = officer(7);
            let epoch_terms = keys::events::EpochTerms {
                key: other.public().clone(),
                next: officer(8).id(),
                box_key: terms.box_key,
                ledger: terms.ledger,
                until: s.liar.now().plus_micros(DAY),
            };
            keys(s, &longer(&s.liar, Change::Rotation { epoch: epoch_terms }, &[&other, &epoch(&s.liar)]))
        },
        Expect::Invalid(""),
    ),
    case(
        "a revocation of the ally's key by the liar",
        |s| {
            let change = Change::Revocation {
                key: epoch(&s.ally).id(),
                reason: keys::events::Reason::Compromised,
                note: "x".to_owned(),
                from: s.ally.now(),
            };
            keys(s, &longer(&s.ally, change, &[&epoch(&s.liar)]))
        },
        Expect::Invalid(""),
    ),
    case(
        "a revocation of the ally's key by the ally's node, without its roots",
        |s| {
            let change = Change::Revocation {
                key: epoch(&s.ally).id(),
                reason: keys::events::Reason::Compromised,
                note: "x".to_owned(),
                from: s.ally.now(),
            };
            keys(s, &longer(&s.ally, change, &[&epoch(&s.ally)]))
        },
        Expect::Invalid(""),
    ),
    case(
        "new roots without the old ones",
        |s| {
            let roots = keys::events::Roots { keys: vec![officer(7).public().clone()], threshold: 1 };
            let change = Change::Roots { roots, next: history(&s.liar).next_key() };
            keys(s, &longer(&s.liar, change, &[&officer(7)]))
        },
        Expect::Invalid(""),
    ),
    case(
        "an inception in place of the ally's",
        |s| {
            let first = history(&s.ally).events()[0].to_text();
            keys(s, &history(&s.ally).to_text().replace(&first, &first.replace("Node 0", "Node X")))
        },
        Expect::Invalid(""),
    ),
    case(
        "the ally's identity for the liar's own, and an object in the ally's name",
        |s| {
            let identities = BTreeSet::from([s.liar.identity.clone(), s.ally.identity.clone()]);
            let told = keys(s, &longer(&s.liar, Change::Identities { identities }, &[&epoch(&s.liar)]));
            // Whatever became of the claim: nobody but the ally speaks for the ally.
            let _ = told;
            s.send_object(&indicator(&s.ally, 51, Tlp::Clear).1, Tlp::Clear)
        },
        Expect::Ignored,
    )
    .may(&["keys", "documents", "inbound", "ledger", "waiting", "journal", "holdings", "outbound"]),
    case(
        "the ally's identity for the liar's own, and a new version of the ally's object",
        |s| {
            let identities = BTreeSet::from([s.liar.identity.clone(), s.ally.identity.clone()]);
            let _ = keys(s, &longer(&s.liar, Change::Identities { identities }, &[&epoch(&s.liar)]));
            let text = s
                .text("ally clear")
                .replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")
                .replace("malicious-activity", "benign");
            s.send_object(&text, Tlp::Clear)
        },
        Expect::Ignored,
    )
    .may(&["keys", "documents", "inbound", "ledger", "waiting", "journal", "holdings", "outbound"]),
    case(
        "the target's own identity for the liar's",
        |s| {
            let identities = BTreeSet::from([s.target.identity.clone()]);
            let _ = keys(s, &longer(&s.liar, Change::Identities { identities }, &[&epoch(&s.liar)]));
            s.send_object(&indicator(&s.target, 51, Tlp::Clear).1, Tlp::Clear)
        },
        Expect::Noted("shieldwall/own-identity"),
    )
    .may(&["keys", "documents", "inbound", "ledger", "outbound"]),
    case(
        "the history of somebody nobody has met, by nobody",
        |s| s.as_nobody(Topic::Keys, history(s.stranger()).to_text().as_bytes()),
        Expect::Forbidden,
    ),
    case(
        "the history of somebody nobody has met, by the liar",
        |s| keys(s, &history(s.stranger()).to_text()),
        Expect::Ignored,
    ),
];

fn nobody(scene: &Scene, topic: Topic) -> Outcome {
    scene.as_nobody(topic, b"")
}

fn stranger(scene: &Scene, topic: Topic) -> Outcome {
    scene.as_stranger(topic, b"")
}

/// What people here change by ending a pairing: it, and the agreement that only the two had.
const PARTED: &[&str] = &["peers", "agreements", "documents", "ledger"];

/// After the pairing was ended.
fn ended(scene: &Scene, topic: Topic, body: &[u8]) -> Outcome {
    scene.target.core.end_peer(&name(2), true, "officer", "no more").unwrap();
    scene.as_liar(topic, body)
}

const STRANGERS: &[Case] = &[
    case("documents by nobody", |s| nobody(s, Topic::Documents), Expect::Forbidden),
    case("a position by nobody", |s| nobody(s, Topic::Position), Expect::Forbidden),
    case("a push by nobody", |s| nobody(s, Topic::Push), Expect::Forbidden),
    case("a checkpoint by nobody", |s| nobody(s, Topic::Witness), Expect::Forbidden),
    case("repair by nobody", |s| nobody(s, Topic::Repair), Expect::Forbidden),
    case("a question by nobody", |s| nobody(s, Topic::Query), Expect::Forbidden),
    case("documents by a stranger", |s| stranger(s, Topic::Documents), Expect::Forbidden),
    case("a position by a stranger", |s| stranger(s, Topic::Position), Expect::Forbidden),
    case("a push by a stranger", |s| stranger(s, Topic::Push), Expect::Forbidden),
    case("a checkpoint by a stranger", |s| stranger(s, Topic::Witness), Expect::Forbidden),
    case("a question by a stranger", |s| stranger(s, Topic::Query), Expect::Forbidden),
    case(
        "a push after the pairing was ended",
        |s| {
            let push = s.harmless().encode(exchange::wire::Packing::Plain).unwrap();
            ended(s, Topic::Push, &push)
        },
        Expect::Forbidden,
    )
    .may(PARTED),
    case("documents after the pairing was ended", |s| ended(s, Topic::Documents, b""), Expect::Forbidden)
        .may(PARTED),
    case("a checkpoint after the pairing was ended", |s| ended(s, Topic::Witness, b""), Expect::Forbidden)
        .may(PARTED),
    case(
        "a push by somebody whose words nobody has compared",
        |s| {
            met(s);
            s.as_stranger(Topic::Push, &s.old_push())
        },
        Expect::Forbidden,
    )
    .may(&["peers", "keys", "documents", "ledger"]),
];

/// The target invites, and the stranger accepts.
fn met(scene: &Scene) -> (Signed, Signed) {
    let invitation = scene.target.core.invite(None, DAY).unwrap();
    let acceptance = accept(scene, &invitation);
    scene.target.core.take_acceptance(&acceptance, Some("stranger")).unwrap();
    (invitation, acceptance)
}

fn accept(scene: &Scene, invitation: &Signed) -> Signed {
    let stranger = scene.stranger();
    let now = scene.target.now();
    let (history, key) = (history(stranger), epoch(stranger));
    let signer = Signer { history: &history, epoch: &key, endpoint: None };
    let verified = Invitation::verify(invitation, now).unwrap();
    Acceptance::issue(&verified, signer, &[9; 32], now, now.plus_micros(DAY)).unwrap()
}

fn pair(scene: &Scene, body: &str) -> Outcome {
    scene.as_nobody(Topic::Pair, body.as_bytes())
}

const INVITED: &[&str] = &["documents", "peers", "keys", "ledger"];

const PAIRING: &[Case] = &[
    case("junk for an acceptance", |s| pair(s, "junk"), Expect::Invalid("")),
    case(
        "an invitation for an acceptance",
        |s| {
            let invitation = s.liar.core.invite(None, DAY).unwrap();
            pair(s, &invitation.to_text())
        },
        Expect::Invalid("not an acceptance"),
    ),
    case(
        "an acceptance of an invitation that somebody else sent",
        |s| {
            let invitation = s.ally.core.invite(None, DAY).unwrap();
            pair(s, &accept(s, &invitation).to_text())
        },
        Expect::Invalid("no invitation of ours"),
    ),
    case(
        "a second acceptance of one invitation",
        |s| {
            let (invitation, _) = met(s);
            let verified = Invitation::verify(&invitation, s.target.now()).unwrap();
            let (history, key) = (history(&s.liar), epoch(&s.liar));
            let signer = Signer { history: &history, epoch: &key, endpoint: None };
            let now = s.target.now();
            let second = Acceptance::issue(&verified, signer, &[8; 32], now, now.plus_micros(DAY)).unwrap();
            pair(s, &second.to_text())
        },
        Expect::Invalid("somebody else"),
    )
    .may(INVITED),
    case(
        "an acceptance of an invitation that has expired",
        |s| {
            let invitation = s.target.core.invite(None, DAY).unwrap();
            let acceptance = accept(s, &invitation);
            s.target.clock.advance(2 * DAY);
            let outcome = pair(s, &acceptance.to_text());
            s.target.clock.advance(-2 * DAY);
            outcome
        },
        Expect::Invalid(""),
    )
    .may(&["documents"]),
    case(
        "an acceptance that was altered",
        |s| {
            let invitation = s.target.core.invite(None, DAY).unwrap();
            pair(s, &accept(s, &invitation).to_text().replace("Node 9", "Node 0"))
        },
        Expect::Invalid(""),
    )
    .may(&["documents"]),
    case(
        "the acceptance of a pairing that was ended, once more",
        |s| {
            let (_, acceptance) = met(s);
            s.target.core.end_peer("stranger", true, "officer", "no more").unwrap();
            let state =
                || s.target.core.registry().unwrap().peers.get(&s.stranger().party).map(|peer| peer.state);
            let before = state();
            let outcome = pair(s, &acceptance.to_text());
            assert_eq!(before, state(), "what people ended begins anew by itself");
            outcome
        },
        Expect::Invalid(""),
    )
    .may(INVITED),
];

/// What comes of a harmless call by whoever shows a leaf with this statement about its key.
fn shown(scene: &Scene, statement: impl Fn(Digest) -> String) -> Outcome {
    let leaf = port::leaf(&scene.target, |key| statement(key).into_bytes());
    scene.showing(&leaf, Topic::Position, scene.allied().id.to_string().as_bytes())
}

fn statement(of: &Member, by: &SecretKey, key: Digest) -> String {
    let now = of.now();
    LeafStatement::issue(of.party, by, key, now, now.plus_micros(7 * DAY)).unwrap().to_text()
}

const LEAVES: &[Case] = &[
    case("a leaf that is junk", |s| shown(s, |_| "junk".to_owned()), Expect::Forbidden),
    case(
        "a leaf of the ally's, with another key",
        |s| shown(s, |_| statement(&s.ally, &epoch(&s.ally), Digest([3; 32]))),
        Expect::Forbidden,
    ),
    case(
        "a leaf for the ally, signed by the liar",
        |s| shown(s, |key| statement(&s.ally, &epoch(&s.liar), key)),
        Expect::Forbidden,
    ),
    case(
        "a leaf for the ally, signed by its officer",
        |s| shown(s, |key| statement(&s.ally, &officer(0), key)),
        Expect::Forbidden,
    ),
    case(
        "a leaf of a stranger's",
        |s| shown(s, |key| statement(s.stranger(), &epoch(s.stranger()), key)),
        Expect::Forbidden,
    ),
    case(
        "a leaf that was altered to last longer",
        |s| {
            let longer = |text: String| text.replace("\"2026-11-0", "\"2026-12-0");
            shown(s, |key| longer(statement(&s.ally, &epoch(&s.ally), key)))
        },
        Expect::Forbidden,
    ),
    case(
        "a statement that has expired, in a fresh certificate",
        |s| {
            let expired = |key| statement(&s.ally, &epoch(&s.ally), key);
            s.target.clock.advance(8 * DAY);
            let outcome = shown(s, expired);
            s.target.clock.advance(-8 * DAY);
            outcome
        },
        Expect::Forbidden,
    ),
    case(
        "a certificate that has expired",
        |s| {
            let leaf = port::leaf_of(&s.ally);
            s.target.clock.advance(8 * DAY);
            let outcome = s.showing(&leaf, Topic::Position, s.allied().id.to_string().as_bytes());
            s.target.clock.advance(-8 * DAY);
            outcome
        },
        Expect::Forbidden,
    ),
    case(
        "an act for a leaf",
        |s| {
            let event = Event::read(&history(&s.ally).events()[0]).unwrap();
            shown(s, |_| event.to_body())
        },
        Expect::Forbidden,
    ),
];

/// The same call with the ally's true leaf: what the others are refused is there to be had.
#[test]
fn a_true_leaf_is_answered() {
    let scene = Scene::new();
    let body = scene.allied().id.to_string();
    let answer = scene.as_ally(Topic::Position, body.as_bytes()).unwrap();
    assert!(exchange::Ack::parse(std::str::from_utf8(&answer).unwrap()).is_ok());
}

#[test]
fn key_histories_grow_only_by_those_who_may() {
    check(HISTORIES);
}

#[test]
fn strangers_are_answered_nothing() {
    check(STRANGERS);
}

#[test]
fn pairing_is_with_whoever_was_meant() {
    check(PAIRING);
}

#[test]
fn connections_are_of_whoever_they_say() {
    check(LEAVES);
}
