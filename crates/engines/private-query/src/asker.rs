//! The side that asks.

use std::collections::BTreeSet;

use voprf::{EvaluationElement, Group, Proof, VoprfClient};

use crate::group::{self, Factor, Suite};
use crate::random::Stream;
use crate::scope::{MAX_KIND, MAX_PURPOSE, Mode, Scope, element_input};
use crate::wire::{MAX_VALUES, Question, Reply};

/// Why a question cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// There is nothing to ask about.
    #[error("there is no value to ask about")]
    Nothing,
    /// More values than fit.
    #[error("{0} values are more than the 16384 that one question can be about; ask several times")]
    TooMany(usize),
    /// The kind or purpose cannot be sent.
    #[error("the {0} is empty, too long or holds control characters")]
    Name(&'static str),
    /// The group refused a value; this does not happen.
    #[error("a value cannot be blinded")]
    Group,
}

/// Why a reply tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It answers another question, or an older one.
    #[error("the reply answers another question than the one that was asked")]
    OtherQuestion,
    /// It does not answer every value.
    #[error("the reply does not have one product for each value that was asked about")]
    Length,
    /// The proof does not show that all values were multiplied with the key committed to.
    #[error("the reply's proof is wrong: not all values were treated alike")]
    Proof,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// So many of the values are held.
    Count(u64),
    /// These of the values are held.
    Values(BTreeSet<Vec<u8>>),
}

impl Found {
    /// How many of the values are held.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Count(count) => *count,
            Self::Values(values) => u64::try_from(values.len()).unwrap_or(u64::MAX),
        }
    }
}

/// A question under way: what takes the blinding off the reply. For one reply.
pub struct Asker {
    question: model::Digest,
    secret: Secret,
}

enum Secret {
    Count { factor: Factor, values: usize },
    YesNo { values: Vec<Vec<u8>>, inputs: Vec<[u8; 64]>, blinded: Vec<VoprfClient<Suite>> },
}

impl Asker {
    /// Asks about these values, in the spelling that both sides use; duplicates count once.
    ///
    /// `entropy` is fresh for every question: used twice, the answerer would recognise values, and a reply to the one
    /// could be read with the other. The question follows from the arguments alone.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub fn ask<V: AsRef<[u8]>>(
        scope: &Scope,
        values: impl IntoIterator<Item = V>,
        entropy: [u8; 32],
    ) -> Result<(Self, Question), NotAsked> {
        for (name, text, longest) in
            [("kind", &scope.kind, MAX_KIND), ("purpose", &scope.purpose, MAX_PURPOSE)]
        {
            if text.is_empty() || text.len() > longest || text.chars().any(char::is_control) {
                return Err(NotAsked::Name(name));
            }
        }
        let values: BTreeSet<Vec<u8>> = values.into_iter().map(|value| value.as_ref().to_vec()).collect();
        match values.len() {
            0 => return Err(NotAsked::Nothing),
            count if count > MAX_VALUES => return Err(NotAsked::TooMany(count)),
            _ => {}
        }
        let mut random = Stream::new(entropy);
        let session = random.bytes();
        let digest = scope.digest(&session);
        let (secret, points) = match scope.mode {
            Mode::Count => {
                let factor = Factor::random(&mut random);
                let blind = |value: &Vec<u8>| {
                    let element = group::hash_to_group(&element_input(&digest, value))?;
                    Some(group::encode(factor.times(element)))
                };
                let mut points: Vec<_> =
                    values.iter().map(blind).collect::<Option<_>>().ok_or(NotAsked::Group)?;
                // In their own order, not in the values'.
                points.sort_unstable();
                (Secret::Count { factor, values: points.len() }, points)
            }
            Mode::YesNo => {
                let inputs: Vec<_> = values.iter().map(|value| element_input(&digest, value)).collect();
                let (mut blinded, mut points) =
                    (Vec::with_capacity(inputs.len()), Vec::with_capacity(inputs.len()));
                for input in &inputs {
                    let made =
                        VoprfClient::<Suite>::blind(input, &mut random).map_err(|_| NotAsked::Group)?;
                    points.push(made.message.serialize().into());
                    blinded.push(made.state);
                }
                (Secret::YesNo { values: values.into_iter().collect(), inputs, blinded }, points)
            }
        };
        let question = Question {
            agreement: scope.agreement,
            kind: scope.kind.clone(),
            purpose: scope.purpose.clone(),
            mode: scope.mode,
            session,
            points,
        };
        Ok((Self { question: question.digest(), secret }, question))
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`Unusable`]; nothing is known then, and the question has been spent.
    pub fn finish(self, reply: &Reply) -> Result<Found, Unusable> {
        if reply.question != self.question {
            return Err(Unusable::OtherQuestion);
        }
        match (self.secret, &reply.proved) {
            (Secret::Count { factor, values }, None) => {
                if reply.points.len() != values {
                    return Err(Unusable::Length);
                }
                let unblind = factor.inverse();
                let held = reply.points.iter().filter(|point| {
                    // They were all decoded when the reply was read.
                    let element = group::decode(point);
                    element.is_some_and(|element| {
                        reply.tags.binary_search(&group::count_tag(unblind.times(element))).is_ok()
                    })
                });
                Ok(Found::Count(u64::try_from(held.count()).unwrap_or(u64::MAX)))
            }
            (Secret::YesNo { values, inputs, blinded }, Some((key, proof))) => {
                if reply.points.len() != values.len() {
                    return Err(Unusable::Length);
                }
                let key = Suite::deserialize_elem(key).map_err(|_| Unusable::Proof)?;
                let proof = Proof::<Suite>::deserialize(proof).map_err(|_| Unusable::Proof)?;
                let products: Vec<_> = reply
                    .points
                    .iter()
                    .map(|point| EvaluationElement::<Suite>::deserialize(point))
                    .collect::<Result<_, _>>()
                    .map_err(|_| Unusable::Proof)?;
                let outputs = VoprfClient::batch_finalize(&inputs, &blinded, &products, &proof, key)
                    .map_err(|_| Unusable::Proof)?;
                let mut held = BTreeSet::new();
                for (value, output) in values.into_iter().zip(outputs) {
                    let output = output.map_err(|_| Unusable::Proof)?;
                    if reply.tags.binary_search(&group::tag(&output)).is_ok() {
                        held.insert(value);
                    }
                }
                Ok(Found::Values(held))
            }
            _ => Err(Unusable::Proof),
        }
    }

    /// Whether this question is what [`Asker::ask`] makes of these values and this entropy: an overseer's check that
    /// a recorded question was about what its asker says, and was made by the rules.
    #[must_use]
    pub fn was_asked<V: AsRef<[u8]>>(
        question: &Question,
        scope: &Scope,
        values: impl IntoIterator<Item = V>,
        entropy: [u8; 32],
    ) -> bool {
        Self::ask(scope, values, entropy).is_ok_and(|(_, made)| made == *question)
    }
}
