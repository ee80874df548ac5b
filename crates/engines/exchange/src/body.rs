//! What entries carry: the payloads, by kind.

use json::{Kind as JsonKind, Limits, Tape, Value, write_string};
use keys::{KeyId, Signature, context};
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::read::{Malformed, Members, exact, push_hex, push_name, push_number, push_text};
use crate::segment::Signature1;
use crate::signing::{BadSigner, Claim, Signer, Signers, read_signed, signed};
use crate::stream::Kind;

/// A payload, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'p> {
    /// An object the receiver has not had under this agreement.
    Put(Content<'p>),
    /// A newer version or another rendition of one it has had.
    Supersede(Content<'p>),
    /// An object is taken back.
    Withdraw(Withdraw),
    /// Another label.
    Relabel(Relabel),
    /// A signed act on the agreement, as its own crate reads it.
    Agreement(&'p str),
    /// A sighting, with what it refers to.
    Sighting(Content<'p>),
    /// A question, as its own crate reads it.
    Query(&'p str),
    /// What became of what was taken back.
    Receipt(Box<Receipt>),
}

impl<'p> Body<'p> {
    /// Reads the payload of an entry.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(kind: Kind, payload: &'p str) -> Result<Self, Malformed> {
        Ok(match kind {
            Kind::Put => Self::Put(Content::parse(payload)?),
            Kind::Supersede => Self::Supersede(Content::parse(payload)?),
            Kind::Sighting => Self::Sighting(Content::parse(payload)?),
            Kind::Withdraw => Self::Withdraw(Withdraw::parse(payload)?),
            Kind::Relabel => Self::Relabel(Relabel::parse(payload)?),
            Kind::Agreement => Self::Agreement(payload),
            Kind::Query => Self::Query(payload),
            Kind::Receipt => Self::Receipt(Box::new(Receipt::parse(payload)?)),
        })
    }
}

/// An object as it travels: its text to the byte, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content<'p> {
    /// The object's raw text.
    pub object: &'p str,
    /// The origin statement that vouches for it ([`crate::origin::Statement`]).
    pub origin: Option<&'p str>,
    /// Pointers (RFC 6901, into the full object) to what was removed from it; empty for the full rendition.
    pub removed: Vec<String>,
    /// The marking definitions, identities and other meta objects it depends on.
    pub with: Vec<Companion<'p>>,
}

/// An object that explains the one it travels with. What holds for an object in its envelope, this one says here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion<'p> {
    /// The keyed name that withdrawals call it by.
    pub subject: Digest,
    /// Effective label, as canonical text.
    pub label: String,
    /// How the receiver may pass it on, as canonical text.
    pub onward: String,
    /// Its raw text.
    pub object: &'p str,
}

impl AsRef<str> for Companion<'_> {
    fn as_ref(&self) -> &str {
        self.object
    }
}

impl<'p> Companion<'p> {
    fn write(&self, out: &mut String) {
        out.push('{');
        push_text("label", &self.label, out);
        push_name("object", out);
        out.push_str(self.object);
        push_text("onward", &self.onward, out);
        push_hex("subject", &self.subject, out);
        out.push('}');
    }

    fn read(value: Value<'_>, raw: &dyn Fn(Value<'_>) -> &'p str) -> Result<Self, Malformed> {
        let members = Members::of(Content::WHAT, value)?;
        let object = value.get("object").filter(|object| object.kind() == JsonKind::Object);
        let object = object.ok_or_else(|| members.fail("object", "an object"))?;
        if value.entries().count() != 4 {
            return Err(Malformed::new(
                Content::WHAT,
                "`with` lists objects with subject, label and onward rule",
            ));
        }
        Ok(Self {
            subject: members.digest("subject")?,
            label: members.text("label", crate::Envelope::MAX_PART)?,
            onward: members.text("onward", crate::Envelope::MAX_PART)?,
            object: raw(object),
        })
    }
}

impl<'p> Content<'p> {
    /// The most meta objects that travel with one object.
    pub const MAX_WITH: usize = 256;
    /// The most pointers to removed parts.
    pub const MAX_REMOVED: usize = 10_000;
    const WHAT: &'static str = "content payload";

    /// The payload's text: `{"object":…,"origin":…,"removed":[…],"with":[{"label":…,"object":…,"onward":…,"subject":…}]}`,
    /// the last three members only where needed. Raw texts stand in it unchanged.
    #[must_use]
    pub fn to_text(&self) -> String {
        let extra: usize = self.with.iter().map(|one| one.object.len() + one.label.len() + 160).sum();
        let mut out = String::with_capacity(64 + self.object.len() + self.origin.map_or(0, str::len) + extra);
        out.push('{');
        push_name("object", &mut out);
        out.push_str(self.object);
        if let Some(origin) = self.origin {
            push_name("origin", &mut out);
            out.push_str(origin);
        }
        if !self.removed.is_empty() {
            push_name("removed", &mut out);
            list(self.removed.iter(), &mut out, |pointer, out| write_string(pointer, out));
        }
        if !self.with.is_empty() {
            push_name("with", &mut out);
            list(self.with.iter(), &mut out, Companion::write);
        }
        out.push('}');
        out
    }

    /// Reads a payload. Whether `object` is a valid object is for others to find out.
    ///
    /// # Errors
    /// [`Malformed`]: not JSON, duplicate or unknown members, too many of something.
    pub fn parse(payload: &'p str) -> Result<Self, Malformed> {
        let fail = |problem: &str| Malformed::new(Self::WHAT, problem);
        let limits = Limits::new(16 << 20, Limits::OBJECT.depth + 3, 1_000_000);
        let mut tape = Tape::new();
        let root = tape.parse(payload.as_bytes(), &limits).map_err(|error| fail(&error.to_string()))?;
        if root.kind() != JsonKind::Object {
            return Err(fail("an object was expected"));
        }
        // The tape's own borrow ends with this function, so texts are cut from the payload itself.
        let raw = |value: Value<'_>| payload.get(value.span()).unwrap_or_default();
        let mut content = Self::default();
        for (key, value) in root.entries() {
            match (key.as_plain(), value.kind()) {
                (Some("object"), JsonKind::Object) => content.object = raw(value),
                (Some("origin"), JsonKind::Object) => content.origin = Some(raw(value)),
                (Some("removed"), JsonKind::Array) => {
                    for item in value.items() {
                        let pointer = item.as_str().filter(|text| text.starts_with('/'));
                        let pointer = pointer.ok_or_else(|| fail("`removed` lists RFC 6901 pointers"))?;
                        if content.removed.len() >= Self::MAX_REMOVED {
                            return Err(fail("`removed` has more than 10000 pointers"));
                        }
                        content.removed.push(pointer.into_owned());
                    }
                }
                (Some("with"), JsonKind::Array) => {
                    for item in value.items() {
                        if item.kind() != JsonKind::Object || content.with.len() >= Self::MAX_WITH {
                            return Err(fail("`with` lists at most 256 objects"));
                        }
                        content.with.push(Companion::read(item, &raw)?);
                    }
                }
                _ => return Err(fail("a member is unknown or has the wrong type")),
            }
        }
        if content.object.is_empty() { Err(fail("`object` is missing")) } else { Ok(content) }
    }
}

fn list<T>(items: impl Iterator<Item = T>, out: &mut String, write: impl Fn(T, &mut String)) {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

/// Why an object is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was wrong.
    Error,
    /// It went to the wrong party.
    Misdirected,
    /// It holds personal data that should not have gone.
    PersonalData,
    /// What permitted it no longer does.
    NoLongerPermitted,
    /// Its creator asked.
    CreatorRequest,
    /// A code this version does not know: `[a-z0-9-]`, at most 40 characters. It is a withdrawal all the same.
    Other(String),
}

impl Reason {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Error => "error",
            Self::Misdirected => "misdirected",
            Self::PersonalData => "personal-data",
            Self::NoLongerPermitted => "no-longer-permitted",
            Self::CreatorRequest => "creator-request",
            Self::Other(code) => code,
        }
    }

    /// The reason of a code; `None` when it is no code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let known = [
            Self::Error,
            Self::Misdirected,
            Self::PersonalData,
            Self::NoLongerPermitted,
            Self::CreatorRequest,
        ];
        let sound = (1..=40).contains(&code.len())
            && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let known = known.into_iter().find(|reason| reason.as_str() == code);
        known.or_else(|| sound.then(|| Self::Other(code.to_owned())))
    }
}

/// An object is taken back: its content goes, and nothing brings it back under this agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    /// The keyed name; the same as in the envelope.
    pub subject: Digest,
    /// Why.
    pub reason: Reason,
    /// Whether it is the creator who takes it back: then every holding of it ends, under whatever agreement.
    pub creator_withdrawal: bool,
    /// By when its erasure is to be confirmed.
    pub erase_by: Timestamp,
}

impl Withdraw {
    const WHAT: &'static str = "withdrawal";

    /// The payload's text, canonical.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("{");
        push_name("creator", &mut out);
        out.push_str(if self.creator_withdrawal { "true" } else { "false" });
        push_text("erase_by", &self.erase_by.to_string(), &mut out);
        push_text("reason", self.reason.as_str(), &mut out);
        push_hex("subject", &self.subject, &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(payload: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, payload, &mut tape, 4096)?;
        members.version(1)?;
        let reason = Reason::parse(&members.text("reason", 40)?);
        let withdraw = Self {
            subject: members.digest("subject")?,
            reason: reason.ok_or_else(|| members.fail("reason", "a code of [a-z0-9-]"))?,
            creator_withdrawal: members.flag("creator")?,
            erase_by: members.instant("erase_by")?,
        };
        exact(Self::WHAT, payload, &withdraw.to_text())?;
        Ok(withdraw)
    }

    /// What to make of a withdrawal whose payload cannot be read: the envelope says what and that, and that is enough
    /// to take it back at once.
    #[must_use]
    pub fn unreadable(subject: Digest, at: Timestamp) -> Self {
        let reason = Reason::Other("unreadable".to_owned());
        Self { subject, reason, creator_withdrawal: false, erase_by: at }
    }
}

/// An object gets another label. See [`crate::label_change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relabel {
    /// The keyed name; the same as in the envelope.
    pub subject: Digest,
    /// The new label, as canonical text; the same as in the envelope.
    pub label: String,
}

impl Relabel {
    const WHAT: &'static str = "relabelling";

    /// The payload's text, canonical.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("{");
        push_text("label", &self.label, &mut out);
        push_hex("subject", &self.subject, &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(payload: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, payload, &mut tape, 64 << 10)?;
        members.version(1)?;
        let label = members.text("label", crate::Envelope::MAX_PART)?;
        let relabel = Self { subject: members.digest("subject")?, label };
        exact(Self::WHAT, payload, &relabel.to_text())?;
        Ok(relabel)
    }
}

/// What became of something that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// Content, derived entries and detections are gone.
    Erased,
    /// It is kept under a legal hold: a dispute that both sides see.
    Held {
        /// On what basis, in words.
        basis: String,
    },
    /// The holding has ended, and the content stays for a reason that is no business of whoever took it back. Which one
    /// is not said: another party's gift, or the holder's own work.
    Kept,
    /// Nothing of that name was held.
    Unknown,
}

/// One object in a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptItem {
    /// The keyed name under which it was taken back.
    pub subject: Digest,
    /// What became of it.
    pub state: Erasure,
    /// When, by the holder's clock.
    pub at: Timestamp,
}

/// A signed receipt for one or more withdrawals. It stands on its own: it can be shown to an overseer without the
/// stream it came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who held it, and signs.
    pub holder: PartyId,
    /// Who took it back.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What became of what.
    pub items: Vec<ReceiptItem>,
    /// When it was signed.
    pub at: Timestamp,
    /// By which key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
}

impl Receipt {
    /// The most objects in one receipt.
    pub const MAX_ITEMS: usize = 1_000;
    /// The longest stated basis, in bytes.
    pub const MAX_BASIS: usize = 1_000;
    const MAX_TEXT: usize = 2 << 20;
    const WHAT: &'static str = "receipt";

    /// Signs a receipt. Items beyond [`Self::MAX_ITEMS`] belong into another one.
    ///
    /// # Errors
    /// [`Malformed`] for no or too many items, and for a basis that is too long.
    pub fn sign(
        holder: PartyId,
        to: PartyId,
        agreement: AgreementId,
        items: Vec<ReceiptItem>,
        at: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Self, Malformed> {
        let too_long = |item: &ReceiptItem| match &item.state {
            Erasure::Held { basis } => basis.is_empty() || basis.len() > Self::MAX_BASIS,
            Erasure::Erased | Erasure::Kept | Erasure::Unknown => false,
        };
        if items.is_empty() || items.len() > Self::MAX_ITEMS || items.iter().any(too_long) {
            let problem = "1 to 1000 items are needed, each hold with a basis of 1 to 1000 bytes";
            return Err(Malformed::new(Self::WHAT, problem));
        }
        let body = receipt_body(holder, to, agreement, &items, at);
        let (by, signature) = signer.sign(context::ERASURE, &body);
        Ok(Self { holder, to, agreement, items, at, by, signature })
    }

    /// The canonical body that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        receipt_body(self.holder, self.to, self.agreement, &self.items, self.at)
    }

    /// The payload's text: a signed document.
    #[must_use]
    pub fn to_text(&self) -> String {
        signed(context::ERASURE, self.body(), &Signature1(self.by, &self.signature)).to_text()
    }

    /// Reads [`Self::to_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, by, signature) = read_signed(Self::WHAT, text, Self::MAX_TEXT)?;
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, &body, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let mut items = Vec::new();
        for item in members.list("items", Self::MAX_ITEMS)? {
            let item = Members::of(Self::WHAT, item)?;
            let state = match item.text("state", 16)?.as_str() {
                "erased" => Erasure::Erased,
                "held" => Erasure::Held { basis: item.text("basis", Self::MAX_BASIS)? },
                "kept" => Erasure::Kept,
                "unknown" => Erasure::Unknown,
                _ => return Err(item.fail("state", "`erased`, `held`, `kept` or `unknown`")),
            };
            items.push(ReceiptItem { subject: item.digest("subject")?, state, at: item.instant("at")? });
        }
        let receipt = Self {
            holder: PartyId(members.digest("holder")?),
            to: PartyId(members.digest("to")?),
            agreement: AgreementId(members.digest("agreement")?),
            items,
            at: members.instant("at")?,
            by,
            signature,
        };
        exact(Self::WHAT, &body, &receipt.body())?;
        if receipt.items.is_empty() {
            Err(members.fail("items", "a list of one or more"))
        } else {
            Ok(receipt)
        }
    }

    /// Verifies the holder's signature.
    ///
    /// # Errors
    /// [`BadSigner`].
    pub fn verify(&self, signers: &dyn Signers, now: Timestamp) -> Result<(), BadSigner> {
        let body = self.body();
        let claim = Claim {
            party: self.holder,
            by: self.by,
            context: context::ERASURE,
            body: &body,
            signature: &self.signature,
            at: self.at,
        };
        signers.verify(&claim, now).map(|_| ())
    }
}

fn receipt_body(
    holder: PartyId,
    to: PartyId,
    agreement: AgreementId,
    items: &[ReceiptItem],
    at: Timestamp,
) -> String {
    let mut out = String::from("{");
    push_hex("agreement", &agreement.0, &mut out);
    push_text("at", &at.to_string(), &mut out);
    push_hex("holder", &holder.0, &mut out);
    push_name("items", &mut out);
    list(items.iter(), &mut out, |item, out| {
        out.push('{');
        push_text("at", &item.at.to_string(), out);
        if let Erasure::Held { basis } = &item.state {
            push_text("basis", basis, out);
        }
        let state = match item.state {
            Erasure::Erased => "erased",
            Erasure::Held { .. } => "held",
            Erasure::Kept => "kept",
            Erasure::Unknown => "unknown",
        };
        push_text("state", state, out);
        push_hex("subject", &item.subject, out);
        out.push('}');
    });
    push_hex("to", &to.0, &mut out);
    push_text("type", "receipt", &mut out);
    push_number("v", 1, &mut out);
    out.push('}');
    out
}
