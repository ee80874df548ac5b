//! The kind `webhook`: a program that is told over HTTP what to block.
//!
//! With `json` one request carries the whole set, and whoever reads it replaces what it had. With `openc2` each block is
//! a command of its own (OpenC2 over HTTPS 1.1); what the consumer calls its rules is kept, so that a block can be ended
//! before its time.

mod http;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use controls::{
    BlockItem, BlockSet, Command, Handle, MAX_ITEMS, MEDIA_TYPE, Skipped, Why, commands, delete, message,
    usable,
};
use model::{Timestamp, Uuid};
use ports::actuator::{Actuator, ActuatorError, Applied, Status};
use ports::pull::{ConfigError, Field, FieldKind};
use reqwest::Url;

use crate::config::{Config, url};
use crate::digest;
use crate::kinds::Descriptor;
use http::{Answer, Line, blocking};
pub use http::{SIGNATURE, signature};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "webhook",
    summary: "tells a program over HTTPS what to block, as a signed JSON list or as OpenC2 commands",
    fields: FIELDS,
    example: r#"{"url":"https://firewall.example/blocks","secret_file":"/etc/shieldwall/webhook.secret"}"#,
    construct,
};

const FIELDS: &[Field] = &[
    Field {
        name: "url",
        kind: FieldKind::Url,
        required: true,
        help: "where requests go; https, except to 127.0.0.1 and [::1]. OpenC2 consumers listen at /.well-known/openc2",
    },
    Field {
        name: "format",
        kind: FieldKind::Choice(&["json", "openc2"]),
        required: false,
        help: "one list, or a command for each block",
    },
    Field {
        name: "secret_file",
        kind: FieldKind::File,
        required: true,
        help: "file with the secret, of at least 16 bytes, that requests are signed with",
    },
    Field {
        name: "ca_file",
        kind: FieldKind::File,
        required: false,
        help: "PEM file with further root certificates to trust",
    },
];

fn construct(name: &str, config: &Config, user_agent: &str) -> Result<Box<dyn Actuator>, ConfigError> {
    let body = if config.choice("format") == "openc2" { Body::OpenC2 } else { Body::Json };
    let url = url("url", config.text("url").unwrap_or_default())?;
    let secret = config.file("secret_file").unwrap_or_default();
    let hook = Webhook::new(name, url, body, &secret, config.file("ca_file").as_deref(), user_agent);
    Ok(Box::new(hook))
}

/// Most commands of one call: the rest go with the next.
const MAX_COMMANDS: usize = 1_000;

/// Longest that the commands of one call may take together.
const MAX_CALL: Duration = Duration::from_secs(120);

/// What requests carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Json,
    OpenC2,
}

/// A program that is told.
#[derive(Debug, Clone)]
pub struct Webhook {
    name: String,
    url: Url,
    body: Body,
    /// The file that the secret is read from, at every call.
    secret: PathBuf,
    roots: Option<PathBuf>,
    user_agent: String,
}

impl Webhook {
    pub(crate) fn new(
        name: &str,
        url: Url,
        body: Body,
        secret: &Path,
        roots: Option<&Path>,
        user_agent: &str,
    ) -> Self {
        Self {
            name: name.to_owned(),
            url,
            body,
            secret: secret.to_path_buf(),
            roots: roots.map(Path::to_path_buf),
            user_agent: user_agent.to_owned(),
        }
    }

    fn line(&self) -> Result<Line, ActuatorError> {
        Line::open(&self.url, &self.secret, self.roots.as_deref(), &self.user_agent)
    }

    fn send_list(&self, set: &BlockSet, now: Timestamp) -> Result<Applied, ActuatorError> {
        let export = controls::json(set, now);
        let line = self.line()?;
        let answer = blocking(line.post(&export.text, "application/json", "*/*", None, now))?;
        answer.success()?;
        Ok(Applied {
            blocked: export.written,
            skipped: export.skipped,
            handles: Vec::new(),
            digest: digest::of(&export.text),
            note: String::new(),
        })
    }

    fn send_commands(
        &self,
        set: &BlockSet,
        held: &[Handle],
        now: Timestamp,
    ) -> Result<Applied, ActuatorError> {
        let (items, skipped) = usable(set, now);
        let done = Done { blocked: 0, skipped, note: String::new() };
        // What ended by itself needs nobody's word.
        let held = held.iter().filter(|handle| handle.until > now).map(entry).collect();
        let mut talk = Talk { line: self.line()?, now, begun: Instant::now(), sent: Vec::new(), held };
        blocking(async {
            let done = talk.block(&items, done).await?;
            talk.end(&items, done).await
        })
        .map(|done| Applied {
            blocked: done.blocked,
            skipped: done.skipped,
            handles: talk.handles(),
            digest: digest::of(&talk.sent.join("\n")),
            note: done.note,
        })
        .map_err(|error| ActuatorError { handles: Some(talk.handles()), ..error })
    }
}

/// What was achieved.
struct Done {
    blocked: usize,
    skipped: Vec<Skipped>,
    note: String,
}

/// One call's commands, and what they led to so far.
struct Talk {
    line: Line,
    now: Timestamp,
    begun: Instant,
    /// Messages as they were sent.
    sent: Vec<String>,
    /// What the blocks that are in place are called.
    held: BTreeMap<Place, String>,
}

/// A block: its item's key, which part of it, and until when.
type Place = (String, String, Timestamp);

fn entry(handle: &Handle) -> (Place, String) {
    ((handle.item.clone(), handle.part.clone(), handle.until), handle.id.clone())
}

impl Talk {
    fn handles(&self) -> Vec<Handle> {
        let handle = |((item, part, until), id): (&Place, &String)| Handle {
            item: item.clone(),
            part: part.clone(),
            until: *until,
            id: id.clone(),
        };
        self.held.iter().map(handle).collect()
    }

    /// Denies what is wanted and not denied yet.
    async fn block(&mut self, items: &[&BlockItem], mut done: Done) -> Result<Done, ActuatorError> {
        for item in items {
            let declined = match commands(item) {
                Ok(wanted) => self.deny(wanted).await?.map(Why::Declined),
                Err(why) => Some(why),
            };
            match declined {
                None => done.blocked += 1,
                Some(why) => done.skipped.push(Skipped { item: (*item).clone(), why }),
            }
        }
        Ok(done)
    }

    /// Sends the commands of one item that are not in place yet. What the consumer said when it declined.
    async fn deny(&mut self, wanted: Vec<Command>) -> Result<Option<String>, ActuatorError> {
        for command in wanted {
            let place = (command.item.clone(), command.part.to_owned(), command.until);
            if self.held.contains_key(&place) {
                continue;
            }
            match self.ask(&command).await?.verdict()? {
                Verdict::Done(rule) => {
                    let id = rule.map_or_else(String::new, |rule| rule.to_string());
                    self.held.insert(place, id);
                }
                Verdict::Declined(said) => return Ok(Some(said)),
            }
        }
        Ok(None)
    }

    /// Ends what is in place and not wanted, where the consumer gave it a number.
    async fn end(&mut self, items: &[&BlockItem], mut done: Done) -> Result<Done, ActuatorError> {
        let wanted: BTreeSet<(String, Timestamp)> =
            items.iter().map(|item| (item.key(), item.until)).collect();
        let is_wanted = |handle: &Handle| wanted.contains(&(handle.item.clone(), handle.until));
        let stale: Vec<Handle> = self.handles().into_iter().filter(|handle| !is_wanted(handle)).collect();
        let mut left = 0;
        for handle in stale {
            let ended = match delete(&handle) {
                None => false,
                Some(command) => matches!(self.ask(&command).await?.verdict()?, Verdict::Done(_)),
            };
            if ended {
                self.held.remove(&entry(&handle).0);
            } else {
                left += 1;
            }
        }
        if left > 0 {
            done.note =
                format!("{left} blocks cannot be ended before their time: the consumer deletes no rules");
        }
        Ok(done)
    }

    async fn ask(&mut self, command: &Command) -> Result<Answer, ActuatorError> {
        if self.sent.len() >= MAX_COMMANDS || self.begun.elapsed() >= MAX_CALL {
            let sent = self.sent.len();
            return Err(ActuatorError::passing(format!(
                "{sent} commands were sent; the rest go with the next call"
            )));
        }
        let request = request_id(&command.id, self.now);
        let text = message(&command.body, &request, self.now);
        let answer = self.line.post(&text, MEDIA_TYPE, MEDIA_TYPE, Some(&request), self.now).await?;
        self.sent.push(text);
        Ok(answer)
    }
}

/// A request is one command at one instant: the same id twice is the same request twice.
fn request_id(command: &str, now: Timestamp) -> String {
    let digest = digest::of(&format!("{command} {}", now.as_micros()));
    let mut half = [0; 16];
    half.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
    Uuid::v4(half).to_string()
}

/// What a consumer made of a command.
enum Verdict {
    /// It did it; the number of the rule, where it gave one.
    Done(Option<i64>),
    /// It will not, or cannot; what it said.
    Declined(String),
}

impl Answer {
    /// Reads an OpenC2 response, in which 200 is done, 102 begun, 400, 404 and 501 a no to this command.
    fn verdict(&self) -> Result<Verdict, ActuatorError> {
        let Ok(response) = controls::read_response(&self.body) else {
            // Without a response in it, only the status says anything.
            self.success()?;
            return Err(ActuatorError::permanent(format!(
                "`{}` answered {} without an OpenC2 response; is it an OpenC2 consumer?",
                self.host, self.status
            )));
        };
        let said = format!("{} {}", response.status, response.text);
        match response.status {
            200 | 102 => Ok(Verdict::Done(response.rule)),
            400 | 404 | 501 => Ok(Verdict::Declined(said.trim().to_owned())),
            401 | 403 => Err(ActuatorError::permanent(format!("`{}` refused: {said:?}", self.host))),
            _ => Err(ActuatorError::passing(format!("`{}` failed: {said:?}", self.host))),
        }
    }
}

impl Actuator for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        DESCRIPTOR.kind
    }

    fn apply(&self, set: &BlockSet, held: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError> {
        if set.items.len() > MAX_ITEMS {
            return Err(ActuatorError::permanent(format!(
                "{} items are more than the {MAX_ITEMS} that one actuator holds",
                set.items.len()
            )));
        }
        match self.body {
            Body::Json => self.send_list(set, now),
            Body::OpenC2 => self.send_commands(set, held, now),
        }
    }

    fn remove(&self, held: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError> {
        self.apply(&BlockSet { name: self.name.clone(), ..BlockSet::default() }, held, now)
    }

    fn status(&self, now: Timestamp) -> Result<Status, ActuatorError> {
        let note = match self.body {
            Body::Json => "a program that takes lists cannot be asked what it blocks".to_owned(),
            Body::OpenC2 => {
                let line = self.line()?;
                let request = request_id("query", now);
                let text = message(&controls::query(), &request, now);
                let answer = blocking(line.post(&text, MEDIA_TYPE, MEDIA_TYPE, Some(&request), now))?;
                match answer.verdict()? {
                    Verdict::Done(_) => "the consumer is there".to_owned(),
                    Verdict::Declined(said) => format!("the consumer is there and says {said:?}"),
                }
            }
        };
        Ok(Status { blocks: None, hits: None, note })
    }
}
