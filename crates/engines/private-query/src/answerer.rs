//! The side that is asked.

use std::collections::BTreeSet;

use model::{Digest, PartyId, Timestamp};
use voprf::{BlindedElement, VoprfServer};

use crate::group::{self, Factor, Suite};
use crate::random::Stream;
use crate::right::{Past, Refused, Right};
use crate::scope::{Mode, Scope, element_input};
use crate::wire::{LEAST_TAGS, MAX_HELD, Question, Reply, Tag};

/// A question that is being answered, with the key made for it. The key is gone with the reply.
pub struct Answerer {
    question: Digest,
    scope: [u8; 32],
    points: Vec<[u8; 32]>,
    key: Key,
    random: Stream,
}

enum Key {
    Count(Factor),
    YesNo(Box<VoprfServer<Suite>>),
}

impl Answerer {
    /// Begins to answer a question, if the right that `asker` has from us admits it after those of the `past`.
    ///
    /// Record it as asked before anything is sent. `entropy` is fresh for every question.
    ///
    /// # Errors
    /// [`Refused`], which the asker may be told.
    pub fn new(
        question: &Question,
        asker: PartyId,
        answerer: PartyId,
        right: &Right,
        past: impl IntoIterator<Item = Past>,
        now: Timestamp,
        entropy: [u8; 32],
    ) -> Result<Self, Refused> {
        let scope = Scope {
            agreement: question.agreement,
            asker,
            answerer,
            kind: question.kind.clone(),
            purpose: question.purpose.clone(),
            mode: question.mode,
        };
        right.admit(&scope, u64::try_from(question.values()).unwrap_or(u64::MAX), past, now)?;
        let mut random = Stream::new(entropy);
        let key = match question.mode {
            Mode::Count => Key::Count(Factor::random(&mut random)),
            Mode::YesNo => {
                let seed = zeroize::Zeroizing::new(random.bytes());
                // Of fixed length, so a key always follows from them.
                let server = VoprfServer::new_from_seed(&*seed, b"shieldwall/query/v1/yes-no");
                Key::YesNo(Box::new(server.map_err(|_| Refused::Failed)?))
            }
        };
        Ok(Self {
            question: question.digest(),
            scope: scope.digest(&question.session),
            points: question.points.clone(),
            key,
            random,
        })
    }

    /// The tags of held values, in the spelling that both sides use.
    ///
    /// This is where the time goes, some 60 µs for each, and it needs no order: split what is held between threads.
    pub fn tags<V: AsRef<[u8]>>(&self, held: impl IntoIterator<Item = V>) -> Vec<Tag> {
        let tag = |value: V| {
            let input = element_input(&self.scope, value.as_ref());
            match &self.key {
                Key::Count(factor) => {
                    group::hash_to_group(&input).map(|element| group::count_tag(factor.times(element)))
                }
                Key::YesNo(server) => server.evaluate(&input).ok().map(|output| group::tag(&output)),
            }
        };
        held.into_iter().filter_map(tag).collect()
    }

    /// The reply, with the tags of everything held of the kind that may be asked about.
    ///
    /// Their number is rounded up with random ones to the next power of two, so that it tells only the order of
    /// magnitude.
    ///
    /// # Errors
    /// [`Refused::TooMuchHeld`] beyond [`MAX_HELD`], [`Refused::Failed`]. The first tells the asker how much is held:
    /// pass it on in other words.
    pub fn reply(mut self, tags: impl IntoIterator<Item = Tag>) -> Result<Reply, Refused> {
        let mut tags: BTreeSet<Tag> = tags.into_iter().collect();
        if tags.len() > MAX_HELD {
            return Err(Refused::TooMuchHeld { held: tags.len(), most: MAX_HELD });
        }
        let rounded = tags.len().next_power_of_two().max(LEAST_TAGS);
        while tags.len() < rounded {
            tags.insert(group::tag(&self.random.bytes()));
        }
        let (mode, points, proved) = match &self.key {
            Key::Count(factor) => {
                // In an order of their own: which product belongs to which point is for nobody to see.
                let products = self.points.iter().filter_map(group::decode).map(|point| factor.times(point));
                let mut products: Vec<_> = products.map(group::encode).collect();
                products.sort_unstable();
                (Mode::Count, products, None)
            }
            Key::YesNo(server) => {
                let (products, proof) =
                    prove(server, &self.points, &mut self.random).map_err(|_| Refused::Failed)?;
                (Mode::YesNo, products, Some((group::encode(server.get_public_key()), proof)))
            }
        };
        Ok(Reply { mode, question: self.question, proved, points, tags: tags.into_iter().collect() })
    }
}

/// The products of all points with the key, in order, and the proof of that (RFC 9497 §3.3.2).
fn prove(
    server: &VoprfServer<Suite>,
    points: &[[u8; 32]],
    random: &mut Stream,
) -> voprf::Result<(Vec<[u8; 32]>, [u8; 64])> {
    let blinded: Vec<_> =
        points.iter().map(|point| BlindedElement::<Suite>::deserialize(point)).collect::<Result<_, _>>()?;
    let prepared: Vec<_> = server.batch_blind_evaluate_prepare(blinded.iter()).collect();
    let finished = server.batch_blind_evaluate_finish(random, blinded.iter(), &prepared)?;
    let products = finished.messages.map(|product| product.serialize().into()).collect();
    Ok((products, finished.proof.serialize().into()))
}
