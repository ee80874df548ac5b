//! What we tell others of what they shared, and what they told us.
//!
//! An answer is a STIX sighting (STIX 2.1 §5.2) of the object, made by us: how often it was seen, when first and last, and
//! what was looked at. A count of 0 says that we looked and saw nothing. It is one object for each object answered about,
//! so that what we see later is a new version of the same answer; it travels as any other object does, and as far as the
//! agreement lets it. What we do not look for is said in a note instead: see [`looking`].

mod looking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use keys::window::DAY;
use model::{AgreementId, Label, PartyId, StixId, Timestamp, Tlp, Uuid};
use observable::Observable;
use policy::Action;
use ports::detection::AlertFilter;
use ports::telemetry::Looked;
use ports::{Read, Stored};
use serde_json::{Value, json};
use stix::marking;

use super::hunting::Tally;
use super::watch::OneIndicator;
use super::{Detection, DetectionError, digest};
use crate::core::Core;
use crate::ingest::Piece;

pub(crate) use looking::{Again, LOOKS, LOOKS_DEFINITION, Remark, Review, Unable, extension};

/// The extension that says what an answer is about (STIX 2.1 §7.3, a property extension).
pub const COVERAGE: &str = "extension-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a02";

/// What describes it.
const COVERAGE_DEFINITION: &str = r#"{"type":"extension-definition","spec_version":"2.1","id":"extension-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a02","created_by_ref":"identity--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a03","created":"2026-01-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":"Coverage of a sighting","description":"What was looked at before a sighting was made: from and until (the hours of the earliest and latest event), events and sources (how many at most: the next power of ten), complete (whether everything kept was looked at).","schema":"an object with from, until, events, sources, complete","version":"1.0","extension_types":["property-extension"],"object_marking_refs":["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]}"#;

/// The most alerts of one object that are summed up.
const ALERTS: usize = 1_000;
/// The most sightings and opinions of one object that are looked at.
const TOLD: usize = 10_000;
/// How often an answer that says "seen" is brought up, in microseconds: a quarter of an hour.
const AGAIN: i64 = 900_000_000;
/// An hour, in microseconds.
const HOUR: i64 = 3_600 * 1_000_000;
/// The largest count of a sighting (STIX 2.1 §5.2).
const MOST: u64 = 999_999_999;

/// What a party answered about an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How often it was seen there; 0 for "looked, and nothing".
    pub count: u64,
    /// First seen.
    pub first_seen: Option<String>,
    /// Last seen.
    pub last_seen: Option<String>,
    /// When the answer was taken in.
    pub at: Timestamp,
    /// What was looked at, as the party said.
    pub coverage: Option<Value>,
}

/// A party that was given an object, and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answering {
    /// The party.
    pub party: PartyId,
    /// Under which agreement it was given.
    pub agreement: AgreementId,
    /// When it was given.
    pub given: Timestamp,
    /// When it was taken back.
    pub withdrawn: Option<Timestamp>,
    /// What it answered.
    pub answer: Option<Answer>,
    /// Why it does not look for it, or no longer does, where it says so.
    pub unable: Option<Unable>,
    /// What it thinks of it: one of STIX's opinions, and why.
    pub opinion: Option<(String, Option<String>)>,
}

impl Answering {
    /// How long it took to answer, in microseconds.
    #[must_use]
    pub fn took(&self) -> Option<i64> {
        let answer = self.answer.as_ref()?;
        Some((answer.at.as_micros() - self.given.as_micros()).max(0))
    }

    /// Why it does not look for it, in a word: `unsupported`, `well-known` or `muted`.
    #[must_use]
    pub fn cannot_look(&self) -> Option<&'static str> {
        self.unable.map(Unable::as_str)
    }
}

/// Who has answered about an object, and what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Whoever was given it.
    pub parties: Vec<Answering>,
    /// Sightings of it by others, however they came. They count for nothing: anybody can say so.
    pub others: Vec<(StixId, Answer)>,
    /// How many parties saw it.
    pub seen_by: u64,
    /// How many looked and saw nothing.
    pub not_seen_by: u64,
    /// How many say that they do not look for it. Those of them that looked before count there too.
    pub unable: u64,
    /// How many have not answered.
    pub waiting: u64,
    /// How many say that it is wrong.
    pub disputed_by: u64,
    /// What its own `confidence` says.
    pub confidence: Option<u8>,
    /// What it comes to with what others say, 0 to 100.
    pub assessed: u8,
}

/// What our people think of somebody's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// It is wrong here.
    StronglyDisagree,
    /// It is probably wrong here.
    Disagree,
    /// Neither.
    Neutral,
    /// It is probably right.
    Agree,
    /// It is right.
    StronglyAgree,
}

impl Feedback {
    /// The word in STIX's `opinion-enum` (STIX 2.1 §10.20).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StronglyDisagree => "strongly-disagree",
            Self::Disagree => "disagree",
            Self::Neutral => "neutral",
            Self::Agree => "agree",
            Self::StronglyAgree => "strongly-agree",
        }
    }

    /// Every opinion.
    pub const ALL: [Self; 5] =
        [Self::StronglyDisagree, Self::Disagree, Self::Neutral, Self::Agree, Self::StronglyAgree];
}

impl std::str::FromStr for Feedback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|opinion| opinion.as_str() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is no opinion; use one of {all}")
        })
    }
}

/// What an earlier answer said.
struct Said {
    created: String,
    count: u64,
    coverage: Value,
    at: Timestamp,
}

/// What an answer says.
struct Say<'s> {
    about: &'s Stored,
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    coverage: Value,
}

impl Detection {
    /// A match of this object's counts: its answer is brought up.
    pub(crate) fn to_answer(&self, objects: impl IntoIterator<Item = StixId>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(objects);
    }

    /// Whether a value says nothing by itself, because everybody uses it: warning lists know it.
    pub(crate) fn is_harmless(&self, core: &Core, value: &Observable) -> Result<bool, DetectionError> {
        let hit = core.warnings()?.check(value);
        Ok(hit.is_some_and(|hit| hit.category == lists::Category::FalsePositive))
    }
}

impl Core {
    /// Answers about objects that parties gave us, after kept events were looked through.
    pub(crate) fn answer_all(&self, found: &[(&OneIndicator, Tally, Looked)]) -> Result<(), DetectionError> {
        let mut texts = Vec::new();
        {
            let read = self.store.read()?;
            for (one, tally, looked) in found {
                let answers = self.is_answered(&*read, &one.stored)?;
                // Whoever keeps nothing has looked at nothing.
                if !answers || looked.records == 0 {
                    continue;
                }
                let say = Say {
                    about: &one.stored,
                    count: tally.count,
                    first: tally.first,
                    last: tally.last,
                    coverage: covered(looked),
                };
                texts.extend(self.sighting(&*read, &say)?);
                texts.extend(self.able_text(&*read, &one.stored)?);
            }
        }
        self.tell_all(&texts)
    }

    /// Brings answers up to what was seen since, and says what is not looked for. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; what was seen is told later then.
    pub fn answer_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let mut seen: BTreeSet<StixId> = {
            let mut seen = detection.seen.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *seen)
        };
        if !detection.recalled.swap(true, Ordering::AcqRel) {
            // What an earlier run may not have told.
            let since = Some(self.clock.now().plus_micros(-DAY));
            let filter = AlertFilter { closed: true, since, ..AlertFilter::default() };
            let alerts = self.store.read()?.alerts(self.scope, &filter, ALERTS)?;
            seen.extend(alerts.into_iter().filter_map(|row| row.alert.object));
        }
        let done = self.bring_up(&seen);
        match &done {
            Ok((_, later)) => detection.to_answer(later.iter().cloned()),
            Err(_) => detection.to_answer(seen),
        }
        let (told, _) = done?;
        Ok(self.looking_step(detection)? || told)
    }

    /// Says what was seen of these, and gives those about which it is said later.
    fn bring_up(&self, seen: &BTreeSet<StixId>) -> Result<(bool, BTreeSet<StixId>), DetectionError> {
        let now = self.clock.now();
        let (mut texts, mut later) = (Vec::new(), BTreeSet::new());
        if seen.is_empty() {
            return Ok((false, later));
        }
        let registry = self.registry()?;
        let read = self.store.read()?;
        for object in seen {
            let Some(stored) = read.object(self.scope, object, None)? else { continue };
            if stored.revoked
                || !self.is_answered(&*read, &stored)?
                || self.may_use(&registry, &*read, stored.version_id, Action::Detect, now)?.is_err()
            {
                continue;
            }
            let filter = AlertFilter { closed: true, object: Some(object.clone()), ..AlertFilter::default() };
            let alerts = read.alerts(self.scope, &filter, ALERTS)?;
            let count = alerts.iter().map(|row| row.alert.count).fold(0, u64::saturating_add);
            let Some(first) = alerts.iter().map(|row| row.alert.first).min() else { continue };
            let last = alerts.iter().map(|row| row.alert.last).max();
            let before = self.said_before(&*read, object)?;
            match &before {
                Some(said) if said.count == count.min(MOST) => continue,
                // That it was seen is told at once; how often, now and then.
                Some(said) if said.count > 0 && now.as_micros() - said.at.as_micros() < AGAIN => {
                    later.insert(object.clone());
                    continue;
                }
                _ => {}
            }
            let unlooked = || {
                let until = last.map(|last| hour(last).to_string());
                json!({"from": hour(first).to_string(), "until": until, "complete": false})
            };
            let coverage = before.map_or_else(unlooked, |said| brought_up(said.coverage, last));
            let say = Say { about: &stored, count, first: Some(first), last, coverage };
            texts.extend(self.sighting(&*read, &say)?);
            texts.extend(self.able_text(&*read, &stored)?);
        }
        drop(read);
        self.tell_all(&texts)?;
        Ok((!texts.is_empty(), later))
    }

    /// Whether somebody waits for an answer about it: a party gave it to us, and not for our organisation alone.
    fn is_answered(&self, read: &dyn Read, stored: &Stored) -> Result<bool, DetectionError> {
        let held = read.holdings_live(self.scope.tenant, &stored.id)?;
        Ok(!held.is_empty() && matches!(stored.label, Label::Tlp(_)))
    }

    /// The id of our answer about an object.
    fn answer_id(&self, object: &StixId) -> StixId {
        self.own_id("sighting", b"answer", object)
    }

    /// The id of the one object of ours of this kind about another.
    fn own_id(&self, type_name: &str, what: &[u8], object: &StixId) -> StixId {
        let digest = digest(&[what, self.identity.as_str().as_bytes(), object.as_str().as_bytes()]);
        let mut half = [0; 16];
        half.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
        StixId::new(type_name, Uuid::v4(half))
    }

    /// What we said about an object last.
    fn said_before(&self, read: &dyn Read, object: &StixId) -> Result<Option<Said>, DetectionError> {
        let Some(stored) = read.object(self.scope, &self.answer_id(object), None)? else { return Ok(None) };
        let value: Value = serde_json::from_str(&stored.raw).unwrap_or_default();
        Ok(Some(Said {
            created: value.get("created").and_then(Value::as_str).unwrap_or_default().to_owned(),
            count: value.get("count").and_then(Value::as_u64).unwrap_or_default(),
            coverage: value.pointer(&format!("/extensions/{COVERAGE}")).cloned().unwrap_or_default(),
            at: stored.accepted,
        }))
    }

    fn sighting(&self, read: &dyn Read, say: &Say<'_>) -> Result<Option<String>, DetectionError> {
        let Label::Tlp(tlp) = say.about.label else { return Ok(None) };
        let now = self.clock.now();
        let before = self.said_before(read, &say.about.id)?;
        let created = before.map_or_else(|| now.to_string(), |said| said.created);
        let mut sighting = json!({
            "type": "sighting",
            "spec_version": "2.1",
            "id": self.answer_id(&say.about.id).as_str(),
            "created_by_ref": self.identity.as_str(),
            "created": created,
            "modified": now.to_string(),
            "sighting_of_ref": say.about.id.as_str(),
            "where_sighted_refs": [self.identity.as_str()],
            "count": say.count.min(MOST),
            "object_marking_refs": [marking::tlp_ref(tlp.min(Tlp::Green)).as_str()],
        });
        if let Some(object) = sighting.as_object_mut() {
            if let Some(first) = say.first {
                object.insert("first_seen".to_owned(), Value::String(first.to_string()));
            }
            if let Some(last) = say.last {
                object.insert("last_seen".to_owned(), Value::String(last.to_string()));
            }
            let mut coverage = say.coverage.clone();
            if let Some(coverage) = coverage.as_object_mut() {
                coverage.insert("extension_type".to_owned(), Value::String("property-extension".to_owned()));
            }
            object.insert("extensions".to_owned(), json!({COVERAGE: coverage}));
        }
        Ok(Some(sighting.to_string()))
    }

    /// Takes in what we say, from where it goes to whoever may have it.
    fn tell_all(&self, texts: &[String]) -> Result<(), DetectionError> {
        if texts.is_empty() {
            return Ok(());
        }
        let source = self.own_source().map_err(|problem| DetectionError::Refused(problem.to_string()))?;
        let definitions = [(COVERAGE, COVERAGE_DEFINITION), (LOOKS, LOOKS_DEFINITION)];
        let used = definitions.iter().filter(|(id, _)| texts.iter().any(|text| text.contains(id)));
        let mut pieces: Vec<Piece<'_>> =
            used.map(|(_, definition)| Piece::stix(definition.as_bytes())).collect();
        pieces.extend(texts.iter().map(|text| Piece::stix(text.as_bytes())));
        let mut problem = None;
        self.ingest(&source, &pieces, &mut |report| {
            if let crate::ingest::Fate::Refused(findings) = report.fate {
                problem = findings.first().map(ToString::to_string);
            }
        })?;
        if let Some(problem) = problem {
            tracing::warn!(problem, "an answer could not be taken in");
        }
        self.committed();
        Ok(())
    }

    /// Says what our people think of somebody's object, and returns the opinion's id.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] for an object that is not held, [`DetectionError::Refused`] for one that must not leave
    /// our organisation.
    pub fn feed_back(
        &self,
        object: &StixId,
        opinion: Feedback,
        explanation: &str,
        author: &str,
    ) -> Result<StixId, DetectionError> {
        let now = self.clock.now();
        let read = self.store.read()?;
        let stored = read.object(self.scope, object, None)?;
        let stored = stored.ok_or_else(|| DetectionError::Missing(format!("`{object}`")))?;
        let Label::Tlp(tlp) = stored.label else {
            return Err(DetectionError::Refused(
                "it is for our organisation only: an opinion on it could reach nobody".to_owned(),
            ));
        };
        let id = self.own_id("opinion", b"opinion", object);
        let created = match read.object(self.scope, &id, None)? {
            Some(before) => serde_json::from_str::<Value>(&before.raw)
                .ok()
                .and_then(|value| value.get("created")?.as_str().map(str::to_owned))
                .unwrap_or_else(|| now.to_string()),
            None => now.to_string(),
        };
        drop(read);
        let mut text = json!({
            "type": "opinion",
            "spec_version": "2.1",
            "id": id.as_str(),
            "created_by_ref": self.identity.as_str(),
            "created": created,
            "modified": now.to_string(),
            "opinion": opinion.as_str(),
            "object_refs": [object.as_str()],
            "object_marking_refs": [marking::tlp_ref(tlp.min(Tlp::Green)).as_str()],
        });
        if let Some(text) = text.as_object_mut().filter(|_| !explanation.is_empty()) {
            text.insert("explanation".to_owned(), Value::String(explanation.to_owned()));
        }
        let source = self.own_source().map_err(|problem| DetectionError::Refused(problem.to_string()))?;
        let text = text.to_string();
        self.ingest_with(&source, &[Piece::stix(text.as_bytes())], &mut |_| {}, &mut |tx, _| {
            tx.audit(self.scope.tenant, now, author, "object.feedback", object.type_name(), opinion.as_str())
        })?;
        self.committed();
        Ok(id)
    }

    /// Who has answered about an object, what, and how fast.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] for an object that is not held.
    pub fn standing_of(&self, object: &StixId) -> Result<Standing, DetectionError> {
        let registry = self.registry()?;
        let read = self.store.read()?;
        let stored = read.object(self.scope, object, None)?;
        let stored = stored.ok_or_else(|| DetectionError::Missing(format!("`{object}`")))?;
        let confidence = serde_json::from_str::<Value>(&stored.raw)
            .ok()
            .and_then(|value| value.get("confidence")?.as_u64())
            .and_then(|number| u8::try_from(number).ok());
        let mut by_party: BTreeMap<PartyId, Answering> = BTreeMap::new();
        for given in read.disclosures(self.scope.tenant, Some(object), false, 0, TOLD)? {
            let answering = by_party.entry(given.to).or_insert(Answering {
                party: given.to,
                agreement: given.agreement,
                given: given.at,
                withdrawn: given.withdrawn,
                answer: None,
                unable: None,
                opinion: None,
            });
            if given.at < answering.given {
                answering.given = given.at;
            }
            answering.withdrawn = answering.withdrawn.and(given.withdrawn);
        }
        let mut standing = Standing { confidence, ..Standing::default() };
        for edge in read.edges(self.scope, object, TOLD)? {
            let is_answer = edge.name == "sighting_of_ref";
            if edge.target != *object || !(is_answer || edge.name == "object_refs") {
                continue;
            }
            let Some(told) = read.object(self.scope, &edge.source, None)? else { continue };
            let value: Value = serde_json::from_str(&told.raw).unwrap_or_default();
            let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            let creator = text("created_by_ref").and_then(|id| id.parse::<StixId>().ok());
            if told.revoked || creator.as_ref() == Some(&self.identity) {
                continue;
            }
            // What names a party as its creator is that party's word only if it came from that party.
            let held = read.holdings_live(self.scope.tenant, &edge.source)?;
            let party = creator.as_ref().and_then(|creator| registry.speaker(creator));
            let party = party.filter(|party| held.iter().any(|one| one.from == *party));
            let known = party.and_then(|party| by_party.get_mut(&party));
            if is_answer {
                let answer = Answer {
                    // A sighting without a count was seen at least once.
                    count: value.get("count").and_then(Value::as_u64).unwrap_or(1),
                    first_seen: text("first_seen"),
                    last_seen: text("last_seen"),
                    at: read
                        .versions(self.scope, &told.id)?
                        .first()
                        .map_or(told.accepted, |first| first.accepted),
                    coverage: value.pointer(&format!("/extensions/{COVERAGE}")).cloned(),
                };
                match known {
                    Some(known) => known.answer = Some(answer),
                    None => standing.others.push((edge.source, answer)),
                }
            } else if let Some(known) = known {
                match told.id.type_name() {
                    "opinion" => {
                        known.opinion = text("opinion").map(|opinion| (opinion, text("explanation")));
                    }
                    "note" => known.unable = Unable::of(&value).or(known.unable),
                    _ => {}
                }
            }
        }
        standing.parties = by_party.into_values().collect();
        standing.parties.sort_by_key(|party| (party.given, party.party));
        for party in &standing.parties {
            match &party.answer {
                Some(answer) if answer.count > 0 => standing.seen_by += 1,
                Some(_) => standing.not_seen_by += 1,
                None if party.unable.is_some() => {}
                None => standing.waiting += u64::from(party.withdrawn.is_none()),
            }
            standing.unable += u64::from(party.unable.is_some());
            let disputes = party.opinion.as_ref().is_some_and(|(opinion, _)| opinion.ends_with("disagree"));
            standing.disputed_by += u64::from(disputes);
        }
        standing.assessed = assessed(confidence, standing.seen_by, standing.disputed_by);
        Ok(standing)
    }
}

/// What an indicator's confidence comes to: its own, or 50 where it has none; each party that saw it closes a third of the
/// gap to 100, each that disputes it takes a third away.
fn assessed(own: Option<u8>, seen: u64, disputed: u64) -> u8 {
    let start = f64::from(own.unwrap_or(50).min(100));
    let up = |value: f64| value + (100.0 - value) / 3.0;
    let down = |value: f64| value * 2.0 / 3.0;
    let raised = (0..seen.min(20)).fold(start, |value, _| up(value));
    let value = (0..disputed.min(20)).fold(raised, |value, _| down(value)).round().clamp(0.0, 100.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    let value = value as u8;
    value
}

/// What was looked at, as others are told: roughly how much and from when, and nothing of how our networks are built. Exact
/// numbers, asked for window by window, would be a profile of our traffic.
pub(crate) fn covered(looked: &Looked) -> Value {
    let from = looked.sources.iter().map(|source| source.from).min();
    let until = looked.sources.iter().map(|source| source.until).max();
    json!({
        "from": from.map(|time| hour(time).to_string()),
        "until": until.map(|time| hour(time).to_string()),
        "events": minimise::coarse(looked.records),
        "sources": minimise::coarse(looked.sources.len() as u64),
        "complete": looked.complete && looked.blind.is_empty(),
    })
}

/// The beginning of an instant's hour.
fn hour(time: Timestamp) -> Timestamp {
    time.plus_micros(-time.as_micros().rem_euclid(HOUR))
}

/// What was looked at before, with what was seen since.
fn brought_up(mut before: Value, last: Option<Timestamp>) -> Value {
    if let (Some(before), Some(last)) = (before.as_object_mut(), last) {
        let later = hour(last).to_string();
        let until = before.get("until").and_then(Value::as_str).unwrap_or_default();
        if until < later.as_str() {
            before.insert("until".to_owned(), Value::String(later));
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use ports::telemetry::{Covered, Looked};
    use serde_json::Value;

    use super::{COVERAGE, COVERAGE_DEFINITION, assessed, brought_up, covered, hour};

    fn looked(records: u64, from: &str, until: &str) -> Looked {
        let source = Covered {
            name: "edge-sensor-3".to_owned(),
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
            records,
        };
        Looked { records, complete: true, sources: vec![source], ..Looked::default() }
    }

    /// Whoever may ask for any window must not read our traffic off the answers.
    #[test]
    fn windows_that_differ_a_little_are_answered_alike() {
        let one = covered(&looked(48_211, "2026-10-02T07:00:10Z", "2026-10-02T19:58:10Z"));
        let other = covered(&looked(48_390, "2026-10-02T07:00:10Z", "2026-10-02T19:59:10Z"));
        assert_eq!(one, other);
        let text = one.to_string();
        for gone in ["edge", "48", "07:00:10", "19:5"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert_eq!((&one["events"], &one["sources"]), (&Value::from(100_000), &Value::from(1)));
        let nothing = covered(&Looked { complete: true, ..Looked::default() });
        assert_eq!((&nothing["events"], &nothing["from"]), (&Value::from(0), &Value::Null));
    }

    #[test]
    fn what_was_seen_since_was_looked_at_too() {
        let before = covered(&looked(3, "2026-10-02T07:00:10Z", "2026-10-02T08:30:00Z"));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let later = brought_up(before.clone(), Some(at("2026-10-03T10:20:30Z")));
        assert_eq!(later["until"], hour(at("2026-10-03T10:20:30Z")).to_string());
        assert_eq!(brought_up(before.clone(), Some(at("2026-10-01T00:00:00Z"))), before);
    }

    #[test]
    fn the_definition_is_of_the_extension() {
        let definition: Value = serde_json::from_str(COVERAGE_DEFINITION).unwrap();
        assert_eq!(definition["id"], COVERAGE);
    }

    #[test]
    fn confidence_follows_what_parties_say() {
        assert_eq!(assessed(None, 0, 0), 50);
        assert_eq!(assessed(Some(80), 0, 0), 80);
        assert!(assessed(Some(50), 2, 0) > assessed(Some(50), 1, 0));
        assert!(assessed(Some(50), 1, 1) < assessed(Some(50), 1, 0));
        assert_eq!(assessed(Some(255), 20, 0), 100);
        assert_eq!(assessed(Some(0), 0, 20), 0);
    }
}
