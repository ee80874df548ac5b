//! Hunts that parties ask each other for: the question travels, the telemetry does not.
//!
//! A question goes under a query right of an agreement that names hunting in so many words, waits at the other node for a
//! person or for a standing approval of that node's own rules, runs there within bounds, and comes back as sums: how many
//! events, on which days, and what was looked at. Small numbers are not told. The same way answers "how much noise would
//! this make at your place?" before somebody blocks.

mod state;
mod told;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use agreement::{Answer as Grant, Set};
use keys::window::DAY;
use model::{AgreementId, Digest, PartyId, Timestamp};
use ports::detection::{Work, WorkKind};
use ports::trust::{OutboxRecord, QueryOutcome, QueryRecord, StreamKey};
use ports::{StoreError, Tx};
use private_query::{Mode, Right, Scope as Matter};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::hunting::Bounds;
use super::question::{Sought, Window, more_than_none};
use super::{DetectionError, digest, set};
use crate::core::Core;
use crate::trust::{InForce, Registry};
use state::RequestState;
use told::{Telling, sums};

/// What texts between nodes begin with.
const FORMAT: &str = "shieldwall-hunt/1";
/// The longest text of a question, in bytes.
const TEXT: usize = 256 << 10;
/// How long a question of somebody else may look, in seconds, whatever it asks for itself.
const SECONDS: u64 = 120;
/// How much it may read, in bytes, whatever it asks for itself: 4 GiB.
const BYTES: u64 = 4 << 30;
/// A question is answered within this time or not at all, in microseconds: seven days.
const ANSWERABLE: i64 = 7 * DAY;
/// Questions of one party that may wait at the same time.
const WAITING: usize = 10;
/// Works looked through for those of one party.
const LOOKED: usize = 200;
/// Refusals of one party that are answered within a day.
const REFUSALS: u64 = 100;
/// A question is begun so often at most.
const TRIES: u64 = 3;

/// A question to other parties.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewRequest {
    /// What is looked for.
    pub sought: Sought,
    /// Whether only the noise is asked about: how much it would match, before somebody blocks or alerts on it.
    #[serde(default)]
    pub impact: bool,
    /// One of the agreement's purposes.
    pub purpose: String,
    /// Only events from this instant on.
    #[serde(default)]
    pub from: Option<String>,
    /// Only events before this instant.
    #[serde(default)]
    pub until: Option<String>,
    /// How long it may take there, in seconds, if the other side lets it take so long. What is not said, or not understood,
    /// is the other side's to choose.
    #[serde(default, deserialize_with = "if_whole", skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<u64>,
    /// How much it may read there, in bytes, in the same way.
    #[serde(default, deserialize_with = "if_whole", skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// A whole number, and nothing for anything else: what other versions say here does not make a question unreadable.
fn if_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Value::deserialize(deserializer).map(|value| value.as_u64())
}

/// As it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ask {
    id: String,
    #[serde(flatten)]
    request: NewRequest,
    expires: String,
}

/// What travels, either way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Letter {
    Ask(Ask),
    Answer { id: String, state: String, reason: String, result: Option<Value> },
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    format: String,
    #[serde(flatten)]
    letter: Letter,
}

/// A question and what became of it, on either side.
#[derive(Debug, Clone)]
pub struct RequestView {
    /// Its number.
    pub id: Digest,
    /// Whether we ask.
    pub asking: bool,
    /// The other party.
    pub party: Option<PartyId>,
    /// Where it stands.
    pub state: RequestState,
    /// When it was asked.
    pub begun: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// The question, who decided, and the answer.
    pub body: Value,
}

impl NewRequest {
    /// The word that a query right has to name.
    fn word(&self) -> &'static str {
        match (&self.sought, self.impact) {
            (_, true) => "impact",
            (Sought::Values(_), _) => "hunt-values",
            (Sought::Sigma(_), _) => "hunt-sigma",
            (Sought::Pattern(_), _) => "hunt-pattern",
        }
    }

    fn values(&self) -> u64 {
        match &self.sought {
            Sought::Values(values) => values.len() as u64,
            Sought::Sigma(_) | Sought::Pattern(_) => 1,
        }
    }

    /// Whether its bounds make sense, as [`super::NewHunt::check`].
    ///
    /// # Errors
    /// [`DetectionError::Refused`] with the reason.
    pub fn check(&self) -> Result<(), DetectionError> {
        self.window()?;
        more_than_none("max_seconds", self.max_seconds)?;
        more_than_none("max_bytes", self.max_bytes)?;
        Ok(())
    }

    fn window(&self) -> Result<Window, DetectionError> {
        Window::parse(self.from.as_deref(), self.until.as_deref())
    }

    /// The same question about whole days: between two that differ by a minute, there is no difference to learn from.
    fn in_whole_days(mut self) -> Result<Self, DetectionError> {
        let days = self.window()?.whole_days();
        self.from = days.from.map(|from| from.to_string());
        self.until = days.until.map(|until| until.to_string());
        Ok(self)
    }

    /// Where and how long it may look here: within its own bounds and ours.
    fn bounds(&self, window: Window) -> Bounds {
        let least = |asked: Option<u64>, ours: u64| asked.map_or(ours, |asked| asked.min(ours));
        Bounds {
            from: window.from,
            until: window.until,
            sources: None,
            max_bytes: Some(least(self.max_bytes, BYTES)),
            max_seconds: Some(least(self.max_seconds, SECONDS)),
        }
    }
}

/// The right that lets one party ask another for this. Only a text that names the word grants it: whoever agreed to "any"
/// kind of value did not agree to rules.
fn right_for(
    agreement: AgreementId,
    force: &InForce,
    from: PartyId,
    to: PartyId,
    request: &NewRequest,
) -> Option<(Right, Mode)> {
    let word = request.word();
    let right = force.terms.queries.iter().find(|right| {
        right.from.includes(&from)
            && right.to.includes(&to)
            && matches!(&right.kinds, Set::Only(words) if words.contains(word))
            && right.purposes.contains(&request.purpose)
    })?;
    let mode = match right.answer {
        Grant::Count => Mode::Count,
        Grant::YesNo => Mode::YesNo,
    };
    let right = Right {
        agreement,
        kinds: Some([word.to_owned()].into()),
        purposes: right.purposes.clone(),
        mode,
        most_values: right.most_values,
        per_day: right.per_day,
        leakage_bits_per_day: u64::from(right.leakage_bits_per_day),
    };
    Some((right, mode))
}

fn text_of(letter: Letter) -> Result<String, DetectionError> {
    serde_json::to_string(&Envelope { format: FORMAT.to_owned(), letter })
        .map_err(|error| DetectionError::Refused(error.to_string()))
}

fn query_record(
    peer: PartyId,
    agreement: AgreementId,
    asked: bool,
    request: &NewRequest,
    now: Timestamp,
) -> QueryRecord {
    QueryRecord {
        number: 0,
        at: now,
        peer,
        agreement,
        asked,
        purpose: request.purpose.clone(),
        asked_values: request.values(),
        outcome: QueryOutcome::Open,
    }
}

impl Core {
    /// Asks parties under an agreement to hunt, or for a preview. Returns the number of each question.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] when no right covers it, when a budget is used up, or for what cannot be looked for.
    pub fn ask_to_hunt(
        &self,
        agreement: AgreementId,
        to: &[PartyId],
        request: &NewRequest,
        author: &str,
    ) -> Result<Vec<(PartyId, Digest)>, DetectionError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        request.check()?;
        request.sought.ready(self.own_classes()?)?;
        let refused = |reason: &str| DetectionError::Refused(reason.to_owned());
        let force = registry
            .in_force()
            .find(|(id, _)| *id == agreement)
            .map(|(_, force)| force)
            .ok_or_else(|| refused("the agreement is not in force"))?;
        let recipients = registry.recipients(agreement, trust.party);
        let to: Vec<PartyId> = if to.is_empty() { recipients.clone() } else { to.to_vec() };
        let now = self.clock.now();
        let nonce: [u8; 16] = self.ids.random().first_chunk().copied().unwrap_or_default();
        let mut asked = Vec::new();
        for party in to {
            if !recipients.contains(&party) {
                return Err(refused("one of the parties cannot be reached under this agreement"));
            }
            let (right, mode) =
                right_for(agreement, force, trust.party, party, request).ok_or_else(|| {
                    DetectionError::Refused(format!(
                        "no query right of the agreement names `{}` for this purpose and party {}",
                        request.word(),
                        party.0.short()
                    ))
                })?;
            let id = digest(&[b"asking", &nonce, &party.0.0]);
            let expires = now.plus_micros(ANSWERABLE);
            let ask = Ask { id: id.to_string(), request: request.clone(), expires: expires.to_string() };
            let text = text_of(Letter::Ask(ask))?;
            if text.len() > TEXT {
                return Err(refused("the question is too long; at most 256 KiB travel"));
            }
            let matter = Matter {
                agreement,
                asker: trust.party,
                answerer: party,
                kind: request.word().to_owned(),
                purpose: request.purpose.clone(),
                mode,
            };
            let record = query_record(party, agreement, true, request, now);
            let admitted = self.admit(&right, &matter, &record, Some(author))?;
            let (number, _) = admitted.map_err(|problem| DetectionError::Refused(problem.to_string()))?;
            let body = json!({"request": request, "by": author, "agreement": agreement.to_string(), "query": number});
            let work = Work {
                id,
                kind: WorkKind::Asking,
                state: RequestState::Sent.as_str().to_owned(),
                over: false,
                party: Some(party),
                object: None,
                begun: now,
                changed: now,
                due: Some(expires),
                body: body.to_string(),
            };
            self.store.transact(|tx| {
                tx.add_work(self.scope, &work)?;
                tx.queue(self.scope.tenant, &letter_to(party, agreement, text, now)).map(|_| ())
            })?;
            asked.push((party, id));
        }
        trust.wake();
        Ok(asked)
    }

    /// Questions of either side, what is not over first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hunt_requests(&self, asking: bool, limit: usize) -> Result<Vec<RequestView>, DetectionError> {
        let kind = if asking { WorkKind::Asking } else { WorkKind::Asked };
        let works = self.store.read()?.works(self.scope, kind, false, limit)?;
        Ok(works.into_iter().map(view).collect())
    }

    /// A person decides on a question that waits.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when none of this number waits.
    pub fn decide_hunt_request(
        &self,
        id: Digest,
        approve: bool,
        reason: &str,
        author: &str,
    ) -> Result<(), DetectionError> {
        let detection = self.detection()?;
        let now = self.clock.now();
        let work = self.store.read()?.work(self.scope, WorkKind::Asked, id)?;
        let work = work.filter(|work| state_of(work) == Some(RequestState::Waiting)).ok_or_else(|| {
            DetectionError::Missing(format!("a question of number {} that waits", id.short()))
        })?;
        let mut body: Value = serde_json::from_str(&work.body).unwrap_or_default();
        set(&mut body, "decided_by", json!({"who": author, "at": now.to_string(), "reason": reason}));
        let action = if approve { "hunt.approve" } else { "hunt.refuse" };
        let state = if approve { RequestState::Approved } else { RequestState::Refused };
        let work = Work {
            state: state.as_str().to_owned(),
            due: Some(now),
            changed: now,
            body: body.to_string(),
            ..work
        };
        self.store.transact(|tx| {
            tx.set_work(self.scope, &work)?;
            tx.audit(self.scope.tenant, now, author, action, &id.short(), reason)
        })?;
        detection.hunts.notify_one();
        Ok(())
    }

    /// Numbers in the log of questions of hunts that are not over.
    pub(crate) fn queries_of_hunts(&self) -> Result<BTreeSet<u64>, StoreError> {
        let read = self.store.read()?;
        let mut numbers = BTreeSet::new();
        for kind in [WorkKind::Asked, WorkKind::Asking] {
            for work in read.works(self.scope, kind, true, LOOKED)? {
                let body: Value = serde_json::from_str(&work.body).unwrap_or_default();
                numbers.extend(body.get("query").and_then(Value::as_u64));
            }
        }
        Ok(numbers)
    }

    /// Reads a letter, and what is known about it, before anything is written.
    pub(crate) fn open_letter(&self, key: StreamKey, text: &str) -> Result<Option<Opened>, StoreError> {
        // An answer is no longer than a question may be: sums are short.
        if text.len() > TEXT {
            return Ok(None);
        }
        let envelope = serde_json::from_str::<Envelope>(text).ok().filter(|letter| letter.format == FORMAT);
        // What a later version of the program asks: its node will see that nothing comes.
        let Some(Envelope { letter, .. }) = envelope else { return Ok(None) };
        let (kind, id) = match &letter {
            Letter::Ask(ask) => (WorkKind::Asked, ask.id.parse().ok().map(|id| asked_id(key.peer, id))),
            Letter::Answer { id, .. } => (WorkKind::Asking, id.parse::<Digest>().ok()),
        };
        let Some(id) = id else { return Ok(None) };
        let read = self.store.read()?;
        let open = read.works(self.scope, WorkKind::Asked, true, LOOKED)?;
        let full = open.iter().filter(|work| work.party == Some(key.peer)).count() >= WAITING;
        Ok(Some(Opened { letter, known: read.work(self.scope, kind, id)?, full }))
    }

    /// Takes in a letter that came in a stream.
    pub(crate) fn take_letter(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        key: StreamKey,
        opened: Opened,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Opened { letter, known, full } = opened;
        match letter {
            // The same question once more.
            Letter::Ask(_) if known.is_some() => Ok(()),
            Letter::Ask(ask) => self.take_question(tx, registry, key, ask, full, now),
            Letter::Answer { state, reason, result, .. } => {
                let Some(work) = known else { return Ok(()) };
                self.take_answer(tx, key, work, state, reason, result, now)
            }
        }
    }

    fn take_question(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        key: StreamKey,
        ask: Ask,
        full: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(trust) = self.trust() else { return Ok(()) };
        let Ok(id) = ask.id.parse::<Digest>() else { return Ok(()) };
        let record = query_record(key.peer, key.agreement, false, &ask.request, now);
        // Whoever decides on it here sees the days that it will be about.
        let question = ask.request.check().and_then(|()| ask.request.clone().in_whole_days());
        let right = registry
            .last_force(key.agreement)
            .and_then(|force| right_for(key.agreement, &force, key.peer, trust.party, &ask.request));
        let verdict = match (&right, question) {
            _ if full => Err(format!("{WAITING} questions wait here already")),
            (None, _) => Err(format!(
                "no query right of the agreement names `{}` for this purpose",
                ask.request.word()
            )),
            (Some(_), Err(problem)) => Err(problem.to_string()),
            (Some((right, mode)), Ok(question)) => {
                let matter = Matter {
                    agreement: key.agreement,
                    asker: key.peer,
                    answerer: trust.party,
                    kind: ask.request.word().to_owned(),
                    purpose: ask.request.purpose.clone(),
                    mode: *mode,
                };
                let admitted = self.admit_in(tx, right, &matter, &record, None)?;
                admitted.map(|(number, _)| (number, question)).map_err(|problem| problem.to_string())
            }
        };
        let (number, question) = match verdict {
            Ok(taken) => taken,
            Err(reason) => {
                // Whoever keeps asking for what was refused is not answered for ever.
                if tx.queries_refused(self.scope.tenant, key.peer, now.plus_micros(-DAY))? >= REFUSALS {
                    return Ok(());
                }
                let outcome = QueryOutcome::Refused(reason.clone());
                tx.log_query(self.scope.tenant, &QueryRecord { outcome, ..record })?;
                let state = RequestState::Refused.as_str().to_owned();
                let letter = Letter::Answer { id: ask.id, state, reason, result: None };
                let Ok(text) = text_of(letter) else { return Ok(()) };
                return tx
                    .queue(self.scope.tenant, &letter_to(key.peer, key.agreement, text, now))
                    .map(|_| ());
            }
        };
        let standing = self.rules().hunts_approved(key.peer, ask.request.word(), &ask.request.purpose);
        let state = if standing { RequestState::Approved } else { RequestState::Waiting };
        let expires = ask.expires.parse::<Timestamp>().unwrap_or(now).min(now.plus_micros(ANSWERABLE));
        let yes_no = right.is_some_and(|(_, mode)| mode == Mode::YesNo);
        let mut body = json!({
            "request": question,
            "agreement": key.agreement.to_string(),
            "query": number,
            "yes_no": yes_no,
            "expires": expires.to_string(),
        });
        if standing {
            set(&mut body, "decided_by", json!({"who": "a standing approval", "at": now.to_string()}));
        }
        let work = Work {
            id: asked_id(key.peer, id),
            kind: WorkKind::Asked,
            state: state.as_str().to_owned(),
            over: false,
            party: Some(key.peer),
            object: None,
            begun: now,
            changed: now,
            due: Some(if standing { now } else { expires }),
            body: with_id(body, &ask.id).to_string(),
        };
        tx.add_work(self.scope, &work)?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one letter")]
    fn take_answer(
        &self,
        tx: &mut dyn Tx,
        key: StreamKey,
        work: Work,
        state: String,
        reason: String,
        result: Option<Value>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Only whoever was asked answers, and once.
        if work.party != Some(key.peer) || work.over {
            return Ok(());
        }
        let state = RequestState::of_answer(&state);
        let mut body: Value = serde_json::from_str(&work.body).unwrap_or_default();
        let count = result.as_ref().and_then(|result| result.get("events")?.as_u64());
        set(&mut body, "reason", Value::String(reason));
        set(&mut body, "result", result.unwrap_or_default());
        let outcome = match state {
            RequestState::Answered => QueryOutcome::Answered(count),
            other => QueryOutcome::Refused(other.as_str().to_owned()),
        };
        self.close_of(tx, &work, &body, &outcome, now)?;
        tx.set_work(
            self.scope,
            &Work {
                state: state.as_str().to_owned(),
                over: true,
                due: None,
                changed: now,
                body: body.to_string(),
                ..work
            },
        )
    }

    /// Answers the question of another party that is due. Returns whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hunt_request_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let now = self.clock.now();
        if let Some(work) = self.store.read()?.due_work(self.scope, WorkKind::Asking, now, 1)?.pop() {
            let body: Value = serde_json::from_str(&work.body).unwrap_or_default();
            let state = RequestState::Expired.as_str().to_owned();
            let over = Work { state, over: true, due: None, changed: now, ..work };
            self.store.transact(|tx| {
                tx.set_work(self.scope, &over)?;
                self.close_of(tx, &over, &body, &QueryOutcome::Lost("nobody answered".to_owned()), now)
            })?;
            return Ok(true);
        }
        let Some(work) = self.store.read()?.due_work(self.scope, WorkKind::Asked, now, 1)?.pop() else {
            return Ok(false);
        };
        let mut body: Value = serde_json::from_str(&work.body).unwrap_or_default();
        // What brings the node down is not begun for ever.
        let tries = body.get("tries").and_then(Value::as_u64).unwrap_or_default() + 1;
        set(&mut body, "tries", tries.into());
        let begun = Work { body: body.to_string(), ..work.clone() };
        self.store.transact(|tx| tx.set_work(self.scope, &begun))?;
        let stands = self.still_stands(&work, &body)?;
        let request = body.get("request").cloned();
        let request = request.and_then(|request| serde_json::from_value::<NewRequest>(request).ok());
        let yes_no = body.get("yes_no").and_then(Value::as_bool).unwrap_or_default();
        let (state, reason, result) = match (state_of(&work), request) {
            (Some(RequestState::Approved), _) if !stands => {
                (RequestState::Refused, "the agreement does not let it be asked any more".to_owned(), None)
            }
            (Some(RequestState::Approved), _) if tries > TRIES => {
                (RequestState::Failed, "it could not be brought to an end".to_owned(), None)
            }
            (Some(RequestState::Approved), Some(request)) => {
                let own = self.own_classes().map_err(DetectionError::from);
                let ran = own.and_then(|own| request.sought.ready(own)).and_then(|hunted| {
                    // One that came before questions were about whole days is about them, too.
                    let window = request.window()?.whole_days();
                    let bounds = request.bounds(window);
                    let off = AtomicBool::new(false);
                    let ran = self.run_hunt(detection, &hunted, &bounds, &off, false, &|_| {})?;
                    Ok(sums(&hunted, &ran, Telling { yes_no, impact: request.impact, window }))
                });
                match ran {
                    Ok(told) => (RequestState::Answered, String::new(), Some(told)),
                    Err(DetectionError::Stopping) => {
                        // A stop is no failure of the question.
                        self.store.transact(|tx| tx.set_work(self.scope, &work))?;
                        return Ok(false);
                    }
                    Err(problem) => (RequestState::Failed, told_reason(&work, problem), None),
                }
            }
            (Some(RequestState::Refused), _) => (RequestState::Refused, decided_reason(&body), None),
            (_, _) => (RequestState::Expired, "nobody decided on it in time".to_owned(), None),
        };
        self.close_request(&work, body, state, &reason, result)?;
        Ok(true)
    }

    fn close_request(
        &self,
        work: &Work,
        mut body: Value,
        state: RequestState,
        reason: &str,
        result: Option<Value>,
    ) -> Result<(), DetectionError> {
        let now = self.clock.now();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = text("id");
        let agreement = text("agreement").parse::<AgreementId>().ok();
        let count = result.as_ref().and_then(|result| result.get("events")?.as_u64());
        let word = state.as_str().to_owned();
        let letter = Letter::Answer { id, state: word, reason: reason.to_owned(), result: result.clone() };
        let letter = text_of(letter)?;
        set(&mut body, "result", result.unwrap_or_default());
        set(&mut body, "reason", Value::String(reason.to_owned()));
        let over = Work {
            state: state.as_str().to_owned(),
            over: true,
            due: None,
            changed: now,
            body: body.to_string(),
            ..work.clone()
        };
        let outcome = match state {
            RequestState::Answered => QueryOutcome::Answered(count),
            _ => QueryOutcome::Refused(reason.to_owned()),
        };
        self.store.transact(|tx| {
            tx.set_work(self.scope, &over)?;
            self.close_of(tx, &over, &body, &outcome, now)?;
            if let (Some(agreement), Some(party)) = (agreement, work.party) {
                tx.queue(self.scope.tenant, &letter_to(party, agreement, letter, now))?;
            }
            Ok(())
        })?;
        if let Some(trust) = self.trust() {
            trust.wake();
        }
        Ok(())
    }

    /// Says what became of a question in the log of questions, and in the ledger.
    fn close_of(
        &self,
        tx: &mut dyn Tx,
        work: &Work,
        body: &Value,
        outcome: &QueryOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let request = body.get("request").cloned();
        let request = request.and_then(|request| serde_json::from_value::<NewRequest>(request).ok());
        let number = body.get("query").and_then(Value::as_u64);
        let agreement = body.get("agreement").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let (Some(request), Some(number), Some(agreement), Some(party)) =
            (request, number, agreement, work.party)
        else {
            return Ok(());
        };
        let asked = work.kind == WorkKind::Asking;
        let record = QueryRecord { number, ..query_record(party, agreement, asked, &request, work.begun) };
        self.close_in(tx, &record, outcome, now)
    }

    /// Whether the agreement still lets a question be asked that was approved.
    fn still_stands(&self, work: &Work, body: &Value) -> Result<bool, DetectionError> {
        let registry = self.registry()?;
        let request = body.get("request").cloned();
        let request = request.and_then(|request| serde_json::from_value::<NewRequest>(request).ok());
        let agreement = body.get("agreement").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let (Some(trust), Some(request), Some(agreement), Some(party)) =
            (self.trust(), request, agreement, work.party)
        else {
            return Ok(false);
        };
        let force = registry.last_force(agreement);
        let granted =
            force.is_some_and(|force| right_for(agreement, &force, party, trust.party, &request).is_some());
        Ok(granted && registry.may_receive(agreement, party, trust.party))
    }
}

/// The number under which a party's question is kept here.
fn asked_id(party: PartyId, id: Digest) -> Digest {
    digest(&[b"asked", &party.0.0, &id.0])
}

/// A letter that was read.
pub(crate) struct Opened {
    letter: Letter,
    known: Option<Work>,
    full: bool,
}

fn letter_to(to: PartyId, agreement: AgreementId, text: String, now: Timestamp) -> OutboxRecord {
    OutboxRecord {
        id: 0,
        to,
        agreement,
        kind: "query".to_owned(),
        version: None,
        inline: Some(text),
        decision: None,
        not_before: now,
    }
}

/// Where a question stands.
fn state_of(work: &Work) -> Option<RequestState> {
    RequestState::parse(&work.state)
}

fn with_id(mut body: Value, id: &str) -> Value {
    set(&mut body, "id", Value::String(id.to_owned()));
    body
}

fn decided_reason(body: &Value) -> String {
    let reason = body.pointer("/decided_by/reason").and_then(Value::as_str).unwrap_or_default();
    if reason.is_empty() { "it was refused".to_owned() } else { format!("it was refused: {reason}") }
}

/// Why a question failed, as the other side is told: what is wrong with the question, and of this node nothing.
fn told_reason(work: &Work, problem: DetectionError) -> String {
    match problem {
        DetectionError::Refused(reason) => reason,
        problem => {
            tracing::warn!(question = %work.id.short(), %problem, "a question of another party failed here");
            "it failed here".to_owned()
        }
    }
}

fn view(work: Work) -> RequestView {
    RequestView {
        id: work.id,
        asking: work.kind == WorkKind::Asking,
        party: work.party,
        // What an other version wrote cannot be gone on with here.
        state: state_of(&work).unwrap_or(RequestState::Failed),
        begun: work.begun,
        changed: work.changed,
        body: serde_json::from_str(&work.body).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
