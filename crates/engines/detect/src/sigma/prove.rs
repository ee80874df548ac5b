//! Self-proof: from a rule a record of its own log source that it should fire on, read by the real reader and put before
//! the real engine.
//!
//! ```text
//! compiled rule ─► goal: what must be, what must not ─► solve: a value for every field, by class
//!               ─► write: the record as the class's own programs write it
//!               ─► Reader, class, field map, engine: does the rule fire?   if not, the next values
//! ```
//!
//! Nothing is taken on trust: a record is handed out only after it went the way that every record goes and the rule fired
//! on it. So a rule of which no record can be made is one that cannot fire here, be it that it contradicts itself, that
//! the events of its log source never have what it asks for, or that something on the way is broken.
//!
//! **The mark.** Every record carries the member [`SELF_TEST`] with a nonce of the caller's, by which whoever runs
//! self-tests through the live pipeline knows them again, to count, keep and share nothing of them. Anyone who can write
//! into a log can write a member of this name. Therefore the name alone means nothing: [`is_self_test`] asks for the
//! nonce, and what carries another value is an event like any other. A nonce has to be as hard to guess as a key, is used
//! for one run, never stands where others can read it before the run is over (records go into the pipeline, not into a
//! log file), and is forgotten with it.

mod count;
mod goal;
mod sample;
mod solve;
mod values;
mod write;

use std::borrow::Cow;

use logs::{ClassId, Event, Format, Reader, Settings};
use model::Timestamp;
use rsigma_eval::{CompiledRule, evaluate_rule};

use super::asked::Asked;
use super::{CARD, CardId, Group, Kind, Sigma, State, card_of};
use goal::Goal;
use solve::{Be, Draft, Problem, Want, search};
use write::Shape;

/// The member of a record that says it is a self-test; its value is the run's nonce.
pub const SELF_TEST: &str = "shieldwall.selftest";

/// The fewest characters of a nonce: 128 bits in hexadecimal digits are twice as many.
const MIN_NONCE: usize = 16;
/// The most.
const MAX_NONCE: usize = 128;

/// The nonce of records that leave this process in no way.
const NOBODYS: &str = "0000000000000000";
/// When such records happen: the first of January 2024.
const SOME_DAY: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);

/// Records that a rule should fire on.
#[derive(Debug, Clone)]
pub struct Positive {
    /// In the order in which they must come. One for a rule that looks at single events; for one that counts, as many as
    /// it counts, with times within its time span that end at the given instant.
    pub records: Vec<Record>,
}

/// A record, and how it is read.
#[derive(Debug, Clone)]
pub struct Record {
    /// The class that its reader finds.
    pub class: ClassId,
    /// Its format.
    pub format: Format,
    /// What its reader has to be told: the class, where only a source's configuration names it.
    pub settings: Settings,
    /// What stands before it in a source, for [`Reader::prime`]: the header line of a table; mostly nothing.
    pub head: Vec<u8>,
    /// The record, on one line, without a line break.
    pub bytes: Vec<u8>,
}

/// Whether an event is a self-test of the run with this nonce. What carries the mark with another value is not.
#[must_use]
pub fn is_self_test(event: &Event<'_>, nonce: &str) -> bool {
    check(nonce).is_ok()
        && event.field(SELF_TEST).is_some_and(|mark| mark.as_text().as_deref() == Some(nonce))
}

/// What was made for one rule.
#[derive(Debug, Clone)]
struct Made {
    shape: Shape,
    draft: Draft,
    record: Record,
}

impl Sigma {
    /// Records that the rule should fire on, and does: each was read and put before the engine.
    ///
    /// `nonce` is the secret by which they are known again ([`is_self_test`]): 16 to 128 letters and digits, random, for
    /// one run. `at` is when they happen.
    ///
    /// # Errors
    /// Why there are none, in words: the rule is not active, or contradicts itself, or nothing was found that fires it.
    pub fn positive(&self, id: CardId, nonce: &str, at: Timestamp) -> Result<Positive, String> {
        check(nonce)?;
        let card = self.card(id).ok_or_else(|| format!("there is no rule {}", id.0))?;
        match (card.kind, &card.state) {
            (Kind::Filter, _) => Err("a filter narrows other rules and fires on nothing itself".to_owned()),
            (Kind::Detection, State::Active | State::SelfTestFailed(_)) => {
                let made = self.make(id, &[], 0, nonce, at)?;
                Ok(Positive { records: vec![made.record] })
            }
            (Kind::Correlation, State::Active | State::SelfTestFailed(_)) => {
                self.sequence(card, nonce, at).map(|records| Positive { records })
            }
            (_, state) => Err(format!("it is not active: {}", state.reason())),
        }
    }

    /// Makes records that the rule should fire on, reads them and asks the engine.
    ///
    /// # Errors
    /// Why the rule cannot be shown to fire, as [`Sigma::positive`] says it.
    pub fn prove(&self, id: CardId) -> Result<(), String> {
        self.positive(id, NOBODYS, SOME_DAY).map(|_| ())
    }

    /// A record of one of the rule's classes that it fires on.
    fn make(
        &self,
        id: CardId,
        wants: &[Want],
        salt: u32,
        nonce: &str,
        at: Timestamp,
    ) -> Result<Made, String> {
        let card = self.card(id).ok_or_else(|| format!("there is no rule {}", id.0))?;
        let (mut whys, mut asked) = (Vec::new(), None);
        let mut shapes: Vec<(Shape, &Group)> = Vec::new();
        for class in &card.classes {
            let Some(group) = self.group(*class) else { continue };
            let own = write::shapes(class.class());
            if own.is_empty() {
                whys.push(format!("nobody here writes events of class `{}`", class.class().name));
            }
            shapes.extend(own.into_iter().map(|shape| (shape, group)));
            asked = asked.or_else(|| self.asked(group, id));
        }
        let Some(rule) = asked else { return Err("no event ever reaches it".to_owned()) };
        let says = goal::of(rule).says();
        shapes.sort_by_key(|(shape, _)| shape.rank(says));
        for (shape, group) in shapes {
            let Some(rule) = self.asked(group, id) else { continue };
            let goal = goal::of(rule);
            let problem = Problem { goal: &goal, class: Some(shape.class), given: &shape.given, wants, salt };
            let mut made = None;
            let mut check = |draft: &Draft| -> Result<(), String> {
                let record = shape.record(draft, nonce, at).ok_or("its format cannot hold the values")?;
                self.fires(id, rule, &record, wants, nonce, at)?;
                made = Some((draft.clone(), record));
                Ok(())
            };
            match search(problem, &mut check) {
                Ok(()) => {
                    if let Some((draft, record)) = made {
                        return Ok(Made { shape, draft, record });
                    }
                }
                Err(failure) => whys.push(format!("as `{}`: {}", shape.class.name, failure.why)),
            }
        }
        Err(impossible(&goal::of(rule)).unwrap_or_else(|| {
            whys.dedup();
            format!("no event was found that fires it; {}", whys.join("; "))
        }))
    }

    /// Whether the rule fires on the record, all the way from the bytes.
    fn fires(
        &self,
        id: CardId,
        rule: &CompiledRule,
        record: &Record,
        wants: &[Want],
        nonce: &str,
        at: Timestamp,
    ) -> Result<(), String> {
        let mut reader = record.reader();
        let event = record.read(&mut reader, at)?;
        if event.class != record.class {
            return Err(format!("it was read as `{}`", event.class.class().name));
        }
        if !is_self_test(&event, nonce) {
            return Err("it is not known again as a self-test".to_owned());
        }
        for want in wants {
            let value = text(&event, &want.field).ok_or_else(|| format!("`{}` was lost", want.field))?;
            let kept = match &want.be {
                Be::There | Be::Number(_) => true,
                Be::Same(same) => value == *same,
                Be::Other(others) => !others.contains(&value),
            };
            if !kept {
                return Err(format!("`{}` is another than it should be", want.field));
            }
        }
        if evaluate_rule(rule, &Asked(&event)).is_none() {
            return Err("it does not match what was read".to_owned());
        }
        let group = self.group(event.class).ok_or("no rule is asked about events of its class")?;
        let found = self.engine(group).evaluate(&Asked(&event));
        let fired = found.iter().any(|result| card_of(result) == Some(id));
        if fired { Ok(()) } else { Err("it matches, and the engine did not ask it".to_owned()) }
    }

    fn group(&self, class: ClassId) -> Option<&Group> {
        self.by_class.get(&class).and_then(|at| self.groups.get(*at))
    }

    /// The rule as its engine asks it, filters included.
    fn asked<'s>(&'s self, group: &'s Group, id: CardId) -> Option<&'s CompiledRule> {
        let own = |rule: &&CompiledRule| {
            rule.custom_attributes.get(CARD).and_then(serde_json::Value::as_u64) == Some(id.0.into())
        };
        self.engine(group).rules().iter().find(own)
    }
}

impl Record {
    /// A reader that stands where the record begins.
    fn reader(&self) -> Reader {
        let mut reader = Reader::new(self.format, self.settings.clone());
        if !self.head.is_empty() {
            reader.prime(&self.head);
        }
        reader
    }

    fn read<'r>(&'r self, reader: &'r mut Reader, at: Timestamp) -> Result<Event<'r>, String> {
        let read = reader.read(&self.bytes, at).map_err(|malformed| malformed.message)?;
        read.ok_or_else(|| "it was read as a header".to_owned())
    }
}

/// The value of a field as correlations compare it.
fn text(event: &Event<'_>, field: &str) -> Option<String> {
    event.field(field)?.as_text().map(Cow::into_owned)
}

/// Says so if the rule cannot be met by any event of whatever class.
fn impossible(goal: &Goal<'_>) -> Option<String> {
    let problem = Problem { goal, class: None, given: &[], wants: &[], salt: 0 };
    let failure = search(problem, &mut |_| Ok(())).err().filter(|failure| failure.impossible)?;
    Some(format!("no event can satisfy it: {}", failure.why))
}

fn check(nonce: &str) -> Result<(), String> {
    let fits = (MIN_NONCE..=MAX_NONCE).contains(&nonce.len())
        && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err(format!("a nonce has {MIN_NONCE} to {MAX_NONCE} letters and digits")) }
}
