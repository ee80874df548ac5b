//! What an overseer may see of an entry, by kind.
//!
//! One file because a kind is its fields, their spelling and their reading, which change together.

use std::fmt;
use std::str::FromStr;

use json::Value;
use model::{AgreementId, Label, Timestamp};

use super::word::{Item, Word};
use crate::fields::{EXACT, Fields, Malformed, Object};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(concat!("not ", $what))
            }
        }
    };
}

names! {
    /// What sort of event an entry is about.
    Kind, "a kind of entry":
    /// An object left to a party.
    Disclosure = "disclosure",
    /// An object came from a party.
    Receipt = "receipt",
    /// Something did not leave.
    Denial = "denial",
    /// An agreement changed its state.
    Agreement = "agreement",
    /// A key event, ours or a peer's.
    KeyEvent = "key-event",
    /// A demand for erasure and what became of it.
    Erasure = "erasure",
    /// A break-glass use and its review.
    BreakGlass = "break-glass",
    /// A private query.
    Query = "query",
    /// A person decided on what a detector found.
    Review = "review",
    /// Something went to somebody it should not have gone to.
    Misdirected = "misdirected",
    /// A person overruled a rule.
    Override = "override",
    /// A request to the originator of ORCON content.
    Release = "release",
    /// A check of what is kept against retention periods.
    Retention = "retention",
    /// Our own people looked at or exported something.
    Access = "access",
    /// The rules changed: what that exposes and withdraws.
    Policy = "policy",
    /// A release to a client without a node.
    Consumer = "consumer",
    /// Objects left to somebody who is no party: under a release, or as an export.
    Departure = "departure",
    /// Too few witnesses cosigned in time.
    Witness = "witness",
}

names! {
    /// What happened to a release to a client without a node.
    ConsumerAct, "an act on a consumer release":
    /// Our officers gave it.
    Granted = "granted",
    /// It was ended before its time.
    Ended = "ended",
    /// Something given under it was taken back. Such a client gives no receipt.
    TakenBack = "taken-back",
}

names! {
    /// How something left to somebody who is no party.
    Way, "a way out":
    /// Under a release that officers signed.
    Release = "release",
    /// As an export that one of our people made.
    Export = "export",
}

names! {
    /// What happened to an agreement.
    AgreementAct, "an act on an agreement":
    /// One side asked for it.
    Requested = "requested",
    /// One side offered a text.
    Offered = "offered",
    /// The other side signed.
    Accepted = "accepted",
    /// Both have signed.
    Agreed = "agreed",
    /// Keys and text were verified.
    Verified = "verified",
    /// It is in force from now on.
    InForce = "in-force",
    /// A new version is in force.
    Changed = "changed",
    /// It is suspended.
    Suspended = "suspended",
    /// It is in force again.
    Resumed = "resumed",
    /// One side revoked it.
    Revoked = "revoked",
    /// It ran out or was ended by both.
    Ended = "ended",
    /// A party joined a circle.
    Joined = "joined",
    /// A party left a circle.
    Left = "left",
    /// It was refused.
    Refused = "refused",
}

names! {
    /// What a person decided on something a detector found.
    Decision, "a decision":
    /// It went as it was.
    Released = "released",
    /// It went without what was found.
    Redacted = "redacted",
    /// It did not go.
    Withheld = "withheld",
}

names! {
    /// On which side of a question or a demand we were.
    Side, "a side, `asked` or `answered`":
    /// We asked, or demanded.
    Asked = "asked",
    /// It was asked, or demanded, of us.
    Answered = "answered",
}

/// What is known of what came of a private query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryAnswer {
    /// How many of the values are held: what only the asker knows.
    Matches(u64),
    /// It was refused.
    Refused,
    /// Nothing: of what was asked of us the asker alone knows it, and to what we asked there was no answer.
    Unknown,
}

/// A kind with its figures. No field can hold content: see [`Word`] and [`Item`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figures {
    /// An object left.
    Disclosure {
        /// Where to and what.
        flow: Flow,
        /// Personal data in it.
        personal: Personal,
    },
    /// An object came.
    Receipt {
        /// Where from and what.
        flow: Flow,
    },
    /// Something did not leave.
    Denial {
        /// To whom it would have gone.
        peer: Word,
        /// Which rule refused: a clause, a caveat.
        rule: Word,
        /// The object's label.
        label: Label,
    },
    /// An agreement changed its state.
    Agreement {
        /// Which.
        agreement: AgreementId,
        /// How.
        act: AgreementAct,
        /// The version concerned, from 1.
        version: u64,
    },
    /// A key event.
    KeyEvent {
        /// Whose.
        party: Word,
        /// Which: `epoch-rotation`, `revocation`, …
        event: Word,
    },
    /// Erasure at a receiver: at a peer, or here.
    Erasure {
        /// Ties demand and answer together.
        item: Item,
        /// What happened.
        act: ErasureAct,
    },
    /// Break-glass.
    BreakGlass {
        /// Ties use and review together.
        item: Item,
        /// What happened.
        act: BreakGlassAct,
    },
    /// A private query.
    Query {
        /// On which side we were.
        side: Side,
        /// The other party.
        peer: Word,
        /// Values asked about.
        values: u64,
        /// What came of it.
        answer: QueryAnswer,
    },
    /// A review.
    Review {
        /// What had found something: `email`, `iban`, …
        detector: Word,
        /// What was decided.
        decision: Decision,
        /// Why, in a word.
        reason: Word,
    },
    /// Something went to the wrong party.
    Misdirected {
        /// Ties the find and the notification together.
        item: Item,
        /// What happened.
        act: MisdirectedAct,
    },
    /// A rule was overruled.
    Override {
        /// Which.
        rule: Word,
        /// By whom: the post, not the person.
        post: Word,
    },
    /// A request to an originator, ours or one to us.
    Release {
        /// Ties request and answer together.
        item: Item,
        /// What happened.
        act: ReleaseAct,
    },
    /// A retention check.
    Retention {
        /// Objects looked at.
        checked: u64,
        /// Of these, kept beyond their time. Must be 0.
        overdue: u64,
    },
    /// Our people's access.
    Access {
        /// By whom: the post, not the person.
        post: Word,
        /// `read`, `search`, `export`, …
        action: Word,
        /// How often; one entry may stand for a run of them.
        count: u64,
    },
    /// The rules changed.
    Policy {
        /// Of which agreement.
        agreement: AgreementId,
        /// Objects that may now leave and might not before.
        exposes: u64,
        /// Objects that may no longer leave.
        withdraws: u64,
    },
    /// A release to a client without a node.
    Consumer {
        /// Which client.
        consumer: Word,
        /// What happened.
        act: ConsumerAct,
    },
    /// Objects left to somebody who is no party.
    Departure {
        /// How.
        way: Way,
        /// To whom, by pseudonym.
        recipient: Word,
        /// What for.
        purpose: Word,
        /// Of what category.
        category: Word,
        /// Under which label.
        label: Label,
        /// How many objects.
        count: u64,
        /// Of these, how many left without personal data that was found in them.
        redacted: u64,
    },
    /// Too few witnesses cosigned the ledger in time.
    Witness {
        /// The agreement that asks for them.
        agreement: AgreementId,
        /// How many it asks for.
        needed: u64,
        /// How many had cosigned.
        reached: u64,
    },
}

/// What passed between us and a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The other party, by pseudonym.
    pub peer: Word,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Of what category; several are joined by `+`, in order.
    pub category: Word,
    /// Under which label.
    pub label: Label,
}

/// Personal data that detectors found in something that left. What was found was either redacted (or pseudonymised) or
/// passed with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personal {
    /// How many values.
    pub redacted: u64,
    /// How many values left as they were.
    pub passed: u64,
    /// Why they did; there exactly when some did.
    pub reason: Option<Word>,
}

/// What happened to a demand for erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureAct {
    /// It was demanded.
    Demanded {
        /// By us of the peer, or by the peer of us.
        side: Side,
        /// The other party.
        peer: Word,
        /// By when.
        deadline: Timestamp,
    },
    /// The receiver proved it with a receipt; if that is us, we gave one.
    Confirmed,
    /// The receiver says that it must keep the content: a legal hold.
    Held,
    /// The receiver has ended the holding, and keeps the content for a reason of its own: another holding, or its own
    /// work.
    Kept,
    /// The holder says, signed, that it never had anything of that name.
    NotHeld,
}

/// What happened under a break-glass clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakGlassAct {
    /// It was used.
    Used {
        /// Towards whom.
        peer: Word,
        /// Up to which label.
        label: Label,
        /// When it ends by itself.
        expires: Timestamp,
    },
    /// It was reviewed.
    Reviewed {
        /// `justified`, `not-justified`, …
        outcome: Word,
    },
}

/// What happened to something misdirected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MisdirectedAct {
    /// It was found out.
    Found {
        /// Who has it.
        peer: Word,
    },
    /// Those who must know were told.
    Notified,
}

/// What happened to a request to an originator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseAct {
    /// It was asked.
    Requested {
        /// By us of the originator, or of us as the originator.
        side: Side,
        /// The other party.
        peer: Word,
    },
    /// Granted.
    Granted,
    /// Refused.
    Refused,
}

impl Figures {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Disclosure { .. } => Kind::Disclosure,
            Self::Receipt { .. } => Kind::Receipt,
            Self::Denial { .. } => Kind::Denial,
            Self::Agreement { .. } => Kind::Agreement,
            Self::KeyEvent { .. } => Kind::KeyEvent,
            Self::Erasure { .. } => Kind::Erasure,
            Self::BreakGlass { .. } => Kind::BreakGlass,
            Self::Query { .. } => Kind::Query,
            Self::Review { .. } => Kind::Review,
            Self::Misdirected { .. } => Kind::Misdirected,
            Self::Override { .. } => Kind::Override,
            Self::Release { .. } => Kind::Release,
            Self::Retention { .. } => Kind::Retention,
            Self::Access { .. } => Kind::Access,
            Self::Policy { .. } => Kind::Policy,
            Self::Consumer { .. } => Kind::Consumer,
            Self::Departure { .. } => Kind::Departure,
            Self::Witness { .. } => Kind::Witness,
        }
    }

    /// Canonical JSON.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        let object = Object::default();
        match self {
            Self::Disclosure { flow, personal } => {
                let mut inner =
                    Object::default().number("passed", personal.passed).number("redacted", personal.redacted);
                if let Some(reason) = &personal.reason {
                    inner = inner.text("reason", reason);
                }
                flow.write(object).raw("personal", inner.finish())
            }
            Self::Receipt { flow } => flow.write(object),
            Self::Denial { peer, rule, label } => {
                object.text("label", label).text("peer", peer).text("rule", rule)
            }
            Self::Agreement { agreement, act, version } => {
                object.text("act", act).text("agreement", agreement).number("version", *version)
            }
            Self::KeyEvent { party, event } => object.text("event", event).text("party", party),
            Self::Erasure { item, act } => {
                let object = object.text("item", item);
                match act {
                    ErasureAct::Demanded { side, peer, deadline } => {
                        let object = object.text("act", "demanded").text("deadline", deadline);
                        object.text("peer", peer).text("side", side)
                    }
                    ErasureAct::Confirmed => object.text("act", "confirmed"),
                    ErasureAct::Held => object.text("act", "held"),
                    ErasureAct::Kept => object.text("act", "kept"),
                    ErasureAct::NotHeld => object.text("act", "not-held"),
                }
            }
            Self::BreakGlass { item, act } => {
                let object = object.text("item", item);
                match act {
                    BreakGlassAct::Used { peer, label, expires } => {
                        let object = object.text("act", "used").text("expires", expires);
                        object.text("label", label).text("peer", peer)
                    }
                    BreakGlassAct::Reviewed { outcome } => {
                        object.text("act", "reviewed").text("outcome", outcome)
                    }
                }
            }
            Self::Query { side, peer, values, answer } => {
                let object = object.text("peer", peer).text("side", side).number("values", *values);
                match answer {
                    QueryAnswer::Matches(matches) => object.number("answer", *matches),
                    QueryAnswer::Refused => object.raw("answer", "null"),
                    QueryAnswer::Unknown => object.text("answer", "unknown"),
                }
            }
            Self::Review { detector, decision, reason } => {
                object.text("decision", decision).text("detector", detector).text("reason", reason)
            }
            Self::Misdirected { item, act } => {
                let object = object.text("item", item);
                match act {
                    MisdirectedAct::Found { peer } => object.text("act", "found").text("peer", peer),
                    MisdirectedAct::Notified => object.text("act", "notified"),
                }
            }
            Self::Override { rule, post } => object.text("post", post).text("rule", rule),
            Self::Release { item, act } => {
                let object = object.text("item", item);
                match act {
                    ReleaseAct::Requested { side, peer } => {
                        object.text("act", "requested").text("peer", peer).text("side", side)
                    }
                    ReleaseAct::Granted => object.text("act", "granted"),
                    ReleaseAct::Refused => object.text("act", "refused"),
                }
            }
            Self::Retention { checked, overdue } => {
                object.number("checked", *checked).number("overdue", *overdue)
            }
            Self::Access { post, action, count } => {
                object.text("action", action).number("count", *count).text("post", post)
            }
            Self::Policy { agreement, exposes, withdraws } => object
                .text("agreement", agreement)
                .number("exposes", *exposes)
                .number("withdraws", *withdraws),
            Self::Consumer { consumer, act } => object.text("act", act).text("consumer", consumer),
            Self::Departure { way, recipient, purpose, category, label, count, redacted } => {
                let object = object.text("category", category).number("count", *count).text("label", label);
                let object = object.text("purpose", purpose).text("recipient", recipient);
                object.number("redacted", *redacted).text("way", way)
            }
            Self::Witness { agreement, needed, reached } => {
                object.text("agreement", agreement).number("needed", *needed).number("reached", *reached)
            }
        }
        .finish()
    }

    /// Reads the figures of a kind: every member known, in its one spelling.
    pub(crate) fn read(kind: Kind, value: Value<'_>, pointer: &str) -> Result<Self, Malformed> {
        let of = |known: &[&str]| Fields::of(value, pointer, known);
        let figures = match kind {
            Kind::Disclosure => {
                let fields = of(&["agreement", "category", "label", "peer", "personal"])?;
                let inner = fields.value("personal")?;
                let inner = Fields::of(inner, &fields.at("personal"), &["passed", "reason", "redacted"])?;
                let reason = match inner.optional("reason") {
                    Some(_) => Some(inner.parsed("reason")?),
                    None => None,
                };
                let personal =
                    Personal { redacted: inner.number("redacted")?, passed: inner.number("passed")?, reason };
                Self::Disclosure { flow: Flow::read(&fields)?, personal }
            }
            Kind::Receipt => {
                Self::Receipt { flow: Flow::read(&of(&["agreement", "category", "label", "peer"])?)? }
            }
            Kind::Denial => {
                let fields = of(&["label", "peer", "rule"])?;
                Self::Denial {
                    peer: fields.parsed("peer")?,
                    rule: fields.parsed("rule")?,
                    label: fields.parsed("label")?,
                }
            }
            Kind::Agreement => {
                let fields = of(&["act", "agreement", "version"])?;
                let (agreement, act) = (AgreementId(fields.digest("agreement")?), fields.parsed("act")?);
                Self::Agreement { agreement, act, version: fields.number("version")? }
            }
            Kind::KeyEvent => {
                let fields = of(&["event", "party"])?;
                Self::KeyEvent { party: fields.parsed("party")?, event: fields.parsed("event")? }
            }
            Kind::Erasure => {
                let (act, fields) = act(
                    value,
                    pointer,
                    &[
                        ("demanded", &["deadline", "peer", "side"]),
                        ("confirmed", &[]),
                        ("held", &[]),
                        ("kept", &[]),
                        ("not-held", &[]),
                    ],
                )?;
                let act = match act {
                    0 => ErasureAct::Demanded {
                        side: fields.parsed("side")?,
                        peer: fields.parsed("peer")?,
                        deadline: fields.parsed("deadline")?,
                    },
                    1 => ErasureAct::Confirmed,
                    2 => ErasureAct::Held,
                    3 => ErasureAct::Kept,
                    _ => ErasureAct::NotHeld,
                };
                Self::Erasure { item: fields.parsed("item")?, act }
            }
            Kind::BreakGlass => {
                let (act, fields) = act(
                    value,
                    pointer,
                    &[("used", &["expires", "label", "peer"]), ("reviewed", &["outcome"])],
                )?;
                let act = match act {
                    0 => BreakGlassAct::Used {
                        peer: fields.parsed("peer")?,
                        label: fields.parsed("label")?,
                        expires: fields.parsed("expires")?,
                    },
                    _ => BreakGlassAct::Reviewed { outcome: fields.parsed("outcome")? },
                };
                Self::BreakGlass { item: fields.parsed("item")?, act }
            }
            Kind::Query => {
                let fields = of(&["answer", "peer", "side", "values"])?;
                let answer = match fields.value("answer")? {
                    answer if answer.is_null() => QueryAnswer::Refused,
                    answer if answer.is("unknown") => QueryAnswer::Unknown,
                    _ => QueryAnswer::Matches(fields.number("answer")?),
                };
                let (side, peer) = (fields.parsed("side")?, fields.parsed("peer")?);
                Self::Query { side, peer, values: fields.number("values")?, answer }
            }
            Kind::Review => {
                let fields = of(&["decision", "detector", "reason"])?;
                let (detector, decision) = (fields.parsed("detector")?, fields.parsed("decision")?);
                Self::Review { detector, decision, reason: fields.parsed("reason")? }
            }
            Kind::Misdirected => {
                let (act, fields) = act(value, pointer, &[("found", &["peer"]), ("notified", &[])])?;
                let act = match act {
                    0 => MisdirectedAct::Found { peer: fields.parsed("peer")? },
                    _ => MisdirectedAct::Notified,
                };
                Self::Misdirected { item: fields.parsed("item")?, act }
            }
            Kind::Override => {
                let fields = of(&["post", "rule"])?;
                Self::Override { rule: fields.parsed("rule")?, post: fields.parsed("post")? }
            }
            Kind::Release => {
                let (act, fields) = act(
                    value,
                    pointer,
                    &[("requested", &["peer", "side"]), ("granted", &[]), ("refused", &[])],
                )?;
                let act = match act {
                    0 => ReleaseAct::Requested { side: fields.parsed("side")?, peer: fields.parsed("peer")? },
                    1 => ReleaseAct::Granted,
                    _ => ReleaseAct::Refused,
                };
                Self::Release { item: fields.parsed("item")?, act }
            }
            Kind::Retention => {
                let fields = of(&["checked", "overdue"])?;
                Self::Retention { checked: fields.number("checked")?, overdue: fields.number("overdue")? }
            }
            Kind::Access => {
                let fields = of(&["action", "count", "post"])?;
                let (post, action) = (fields.parsed("post")?, fields.parsed("action")?);
                Self::Access { post, action, count: fields.number("count")? }
            }
            Kind::Policy => {
                let fields = of(&["agreement", "exposes", "withdraws"])?;
                let (exposes, withdraws) = (fields.number("exposes")?, fields.number("withdraws")?);
                Self::Policy { agreement: AgreementId(fields.digest("agreement")?), exposes, withdraws }
            }
            Kind::Consumer => {
                let fields = of(&["act", "consumer"])?;
                Self::Consumer { consumer: fields.parsed("consumer")?, act: fields.parsed("act")? }
            }
            Kind::Departure => {
                let fields = of(&["category", "count", "label", "purpose", "recipient", "redacted", "way"])?;
                Self::Departure {
                    way: fields.parsed("way")?,
                    recipient: fields.parsed("recipient")?,
                    purpose: fields.parsed("purpose")?,
                    category: fields.parsed("category")?,
                    label: fields.parsed("label")?,
                    count: fields.number("count")?,
                    redacted: fields.number("redacted")?,
                }
            }
            Kind::Witness => {
                let fields = of(&["agreement", "needed", "reached"])?;
                let (needed, reached) = (fields.number("needed")?, fields.number("reached")?);
                Self::Witness { agreement: AgreementId(fields.digest("agreement")?), needed, reached }
            }
        };
        figures.check(pointer)?;
        Ok(figures)
    }

    /// What the types alone do not exclude.
    pub(crate) fn check(&self, pointer: &str) -> Result<(), Malformed> {
        let fail = |name: &str, problem: &str| Err(Malformed::new(format!("{pointer}/{name}"), problem));
        let numbers = match self {
            Self::Disclosure { personal, .. } => {
                if personal.reason.is_some() != (personal.passed > 0) {
                    return fail(
                        "personal/reason",
                        "there must be a reason exactly when personal data passed",
                    );
                }
                [personal.passed, personal.redacted]
            }
            Self::Retention { checked, overdue } => {
                if overdue > checked {
                    return fail("overdue", "more is overdue than was checked");
                }
                [*checked, *overdue]
            }
            Self::Agreement { version, .. } => [*version, 0],
            Self::Query { values, answer: QueryAnswer::Matches(matches), .. } => [*values, *matches],
            Self::Query { values, .. } => [*values, 0],
            Self::Access { count, .. } => [*count, 0],
            Self::Policy { exposes, withdraws, .. } => [*exposes, *withdraws],
            Self::Departure { count, redacted, .. } => {
                if redacted > count {
                    return fail("redacted", "more was redacted than left");
                }
                [*count, *redacted]
            }
            Self::Witness { needed, reached, .. } => {
                if reached >= needed {
                    return fail("reached", "as many as were needed: nothing was missed");
                }
                [*needed, *reached]
            }
            _ => [0, 0],
        };
        if numbers.iter().any(|number| *number > EXACT) {
            return Err(Malformed::new(pointer, "a number is above 2^53"));
        }
        Ok(())
    }
}

impl Flow {
    fn write(&self, object: Object) -> Object {
        let object = object.text("agreement", self.agreement).text("category", &self.category);
        object.text("label", self.label).text("peer", &self.peer)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            peer: fields.parsed("peer")?,
            agreement: AgreementId(fields.digest("agreement")?),
            category: fields.parsed("category")?,
            label: fields.parsed("label")?,
        })
    }
}

/// Which of the acts it is, and its members beside `act` and `item`.
fn act<'a>(
    value: Value<'a>,
    pointer: &str,
    acts: &[(&str, &[&str])],
) -> Result<(usize, Fields<'a>), Malformed> {
    let found = value.get("act");
    let which = acts.iter().position(|(name, _)| found.is_some_and(|found| found.is(name)));
    let Some((which, (_, members))) = which.and_then(|which| Some((which, acts.get(which)?))) else {
        let names: Vec<&str> = acts.iter().map(|(name, _)| *name).collect();
        return Err(Malformed::new(
            format!("{pointer}/act"),
            format!("one of {} is needed", names.join(", ")),
        ));
    };
    let known: Vec<&str> = ["act", "item"].into_iter().chain(members.iter().copied()).collect();
    Ok((which, Fields::of(value, pointer, &known)?))
}
