//! Two parties and what they may learn, and those who would like to learn more.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod answers;
mod cheats;
mod rights;
mod wire;

use std::collections::BTreeSet;

use model::{AgreementId, Digest, PartyId, Timestamp};
use shieldwall_private_query::{Answerer, Asker, Found, Mode, Question, Refused, Reply, Right, Scope};

pub(crate) const MODES: [Mode; 2] = [Mode::Count, Mode::YesNo];

pub(crate) fn party(number: u8) -> PartyId {
    PartyId(Digest([number; 32]))
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-03T12:00:00Z".parse().unwrap()
}

pub(crate) fn scope(mode: Mode) -> Scope {
    Scope {
        agreement: AgreementId(Digest([7; 32])),
        asker: party(1),
        answerer: party(2),
        kind: "ipv4-addr".to_owned(),
        purpose: "incident response".to_owned(),
        mode,
    }
}

pub(crate) fn right(mode: Mode) -> Right {
    Right {
        agreement: AgreementId(Digest([7; 32])),
        kinds: Some(BTreeSet::from(["ipv4-addr".to_owned()])),
        purposes: BTreeSet::from(["incident response".to_owned()]),
        mode,
        most_values: 1_000,
        per_day: 10,
        leakage_bits_per_day: 2_000,
    }
}

pub(crate) fn addresses(last: impl IntoIterator<Item = u8>) -> Vec<String> {
    last.into_iter().map(|last| format!("192.0.2.{last}")).collect()
}

pub(crate) fn answerer(question: &Question, entropy: u8) -> Result<Answerer, Refused> {
    Answerer::new(question, party(1), party(2), &right(question.mode), [], noon(), [entropy; 32])
}

/// The honest answer to a question.
pub(crate) fn reply(question: &Question, held: &[String], entropy: u8) -> Reply {
    let answerer = answerer(question, entropy).unwrap_or_else(|refused| panic!("{refused}"));
    let tags = answerer.tags(held);
    answerer.reply(tags).unwrap()
}

/// From asking to knowing, over bytes.
pub(crate) fn found(mode: Mode, asked: &[String], held: &[String]) -> Found {
    let (asker, question) =
        Asker::ask(&scope(mode), asked, [1; 32]).unwrap_or_else(|error| panic!("{error}"));
    let question = Question::parse(&question.to_bytes()).unwrap();
    let reply = reply(&question, held, 2);
    asker.finish(&Reply::parse(&reply.to_bytes()).unwrap()).unwrap()
}
