//! "Have you seen any of these?", asked without telling what, and answered without telling what else there is.
//!
//! One question and one answer, both values; whoever has a connection carries them. The asker blinds its values
//! ([`Asker::ask`]); the answerer checks the question against the right it has granted ([`Right`]), multiplies every
//! blinded value by a key made for this question alone, does the same with everything it holds, and sends the
//! products of the former and short tags of the latter ([`Answerer`]); the asker takes the blinding off and looks its
//! tags up ([`Asker::finish`]). The group is ristretto255.
//!
//! - [`Mode::YesNo`] is the verifiable oblivious pseudorandom function of RFC 9497 (VOPRF, ristretto255-SHA512): each
//!   value has a blinding factor of its own, and one proof shows that all were multiplied with the one key committed
//!   to.
//! - [`Mode::Count`] is the same with one blinding factor for all values and the products in sorted order, so that
//!   the asker can tell how many of them it knows a tag for and not which (De Cristofaro, Gasti, Tsudik: Fast and
//!   Private Computation of Cardinality of Set Intersection and Union, CANS 2012). Products out of order cannot be
//!   proved.
//!
//! # What leaks
//!
//! | Who learns | in both modes | by yes or no | by count |
//! |---|---|---|---|
//! | asker | how many values are held, rounded up to a power of two | which of its values are held | how many of its values are held |
//! | answerer | how many values were asked about, which kind, for which purpose | nothing else | nothing else, unless it solves Diffie-Hellman problems |
//! | a third party | nothing: both messages travel inside TLS | | |
//!
//! What remains, and what bounds it:
//!
//! - **Guessing.** A value can be guessed only by asking about it: the key is the answerer's, and gone after one
//!   question. Even all of IPv4 in hand, tags open nothing. So an asker learns about as many values as the right lets
//!   it ask, and no more ([`Right::admit`]).
//! - **A count says more the less is asked.** About one value it is a yes or no, and two questions that differ in one
//!   value tell about that value. Hence counts are charged by the logarithm of their outcomes, not as nothing.
//! - **An asker that deviates** and blinds each value differently in a question for a count can find out which are
//!   held: as much as a yes or no for each. No answerer can see that while it happens. But the question commits to
//!   what was done: shown the values and the entropy, an overseer asks again and compares ([`Asker::was_asked`]); a
//!   question that was not made by the rules has no such opening. Where that does not suffice, do not grant counts to
//!   that party.
//! - **An answerer that lies** about what it holds cannot be caught here; by yes or no it cannot use different keys
//!   for different values.
//! - **Quantum computers.** Recorded questions for a count, and tags together with products, open to one that
//!   computes discrete logarithms. Questions by yes or no do not: every value has a random factor of its own, so a
//!   blinded value fits any value equally well. TLS protects against listeners only.
//!
//! **Invariant:** whatever is sent about a value is a group element that a secret factor, used for one question
//! alone, has multiplied, or the hash of one. No hash of a value itself leaves, and no question is answered beyond
//! its right.
//!
//! **Must not know:** where values come from or what they mean, agreements beyond the right they grant, transport,
//! storage, clocks.

mod answerer;
mod asker;
mod group;
mod random;
mod right;
mod scope;
mod wire;

pub use answerer::Answerer;
pub use asker::{Asker, Found, NotAsked, Unusable};
pub use right::{Past, Refused, Right};
pub use scope::{Mode, Scope};
pub use wire::{MAX_HELD, MAX_QUESTION_BYTES, MAX_REPLY_BYTES, MAX_VALUES, Malformed, Question, Reply, Tag};
