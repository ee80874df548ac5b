//! Terms to canonical JSON and back.

use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Tape, Value};
use keys::PublicKey;
use label::{Handling, Onward};
use model::{Digest, PartyId};

use crate::check::check;
use crate::structure::check_structure;
use crate::terms::{
    Action, Answer, BreakGlass, Caps, Circle, Clause, Contributor, Form, LegalBasis, Overseer, Party,
    PersonalData, QueryRight, Reciprocity, Redaction, Retention, Role, Set, Terms, Who, Witnesses,
};
use crate::text::{Fields, LIMITS, Malformed, Object, digest, list, parsed, quoted};

const KIND: &str = "agreement-terms";

impl Terms {
    /// The terms as canonical JSON (RFC 8785): what is signed, inside a [`crate::Proposal`].
    #[must_use]
    pub fn to_canonical_json(&self) -> String {
        let mut out = Object::of(KIND)
            .text("name", &self.name)
            .maybe("agreement", self.agreement)
            .number("version", self.version)
            .maybe("previous", self.previous)
            .text("document", self.document)
            .texts("settles", &self.settles)
            .maybe("exercise", self.exercise.as_ref())
            .text("start", self.start)
            .text("review", self.review)
            .text("expiry", self.expiry)
            .number("notice_hours", self.notice_hours)
            .texts("purposes", &self.purposes)
            .list("legal_basis", self.legal_basis.iter().map(basis))
            .list("parties", self.parties.values().map(party))
            .list("clauses", self.clauses.iter().map(clause))
            .raw("redactions", redactions(&self.redactions))
            .number("keep_days", self.retention.keep_days)
            .number("erase_within_hours", self.retention.erase_within_hours)
            .raw("reciprocity", reciprocity(&self.reciprocity))
            .raw("caps", caps(&self.caps))
            .list("queries", self.queries.iter().map(query))
            .raw("witnesses", witnesses(&self.witnesses));
        if let Form::Circle(circle) = &self.form {
            let circle = Object::default()
                .number("join_quorum", circle.join_quorum)
                .number("revise_quorum", circle.revise_quorum)
                .number("most_members", circle.most_members);
            out = out.raw("circle", circle.finish());
        }
        if let Some(glass) = &self.break_glass {
            out = out.raw("break_glass", break_glass(glass));
        }
        if let Some(overseer) = &self.overseer {
            let object = Object::default().text("name", &overseer.name).text("key", overseer.key.to_text());
            out = out.raw("overseer", object.finish());
        }
        out.finish()
    }

    /// SHA-256 of [`Terms::to_canonical_json`].
    #[must_use]
    pub fn hash(&self) -> Digest {
        digest(&self.to_canonical_json())
    }

    /// Reads [`Terms::to_canonical_json`] and checks the terms as their text is checked.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer: not JSON, not canonical, unknown members, or terms that no text may have.
    pub fn parse_canonical_json(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        Self::from_value(tape.parse(text.as_bytes(), &LIMITS)?)
    }

    pub(crate) fn from_value(value: Value<'_>) -> Result<Self, Malformed> {
        let terms = decode(value)?;
        if terms.to_canonical_json() != value.raw() {
            return Err(Malformed::new(
                "",
                "not in canonical form: members sorted, sets sorted, no white space",
            ));
        }
        check_structure(&terms)?;
        let mut first = None;
        check(&terms, false, None, &mut |severity, place, message, _| {
            if severity == model::Severity::Error && first.is_none() {
                first = Some(Malformed::new("", format!("{}: {message}", place.join("."))));
            }
        });
        first.map_or(Ok(terms), Err)
    }
}

fn who(who: &Who) -> String {
    match who {
        Who::Any => quoted("any"),
        Who::Parties(parties) => list(parties.iter().map(|party| quoted(&party.to_string()))),
    }
}

fn set(set: &Set) -> String {
    match set {
        Set::Any => quoted("any"),
        Set::Only(words) => list(words.iter().map(|word| quoted(word))),
    }
}

fn basis(basis: &LegalBasis) -> String {
    Object::default()
        .text("name", &basis.name)
        .text("reference", &basis.reference)
        .text("valid_from", basis.valid_from)
        .text("valid_until", basis.valid_until)
        .raw("parties", who(&basis.parties))
        .finish()
}

pub(crate) fn party(party: &Party) -> String {
    Object::default()
        .text("id", party.id)
        .text("key", &party.key)
        .text("name", &party.name)
        .text("jurisdiction", &party.jurisdiction)
        .text("role", party.role)
        .text("epoch", party.epoch)
        .texts("identities", &party.identities)
        .texts("posts", &party.posts)
        .number("officers", party.officers)
        .number("of", party.of)
        .finish()
}

fn clause(clause: &Clause) -> String {
    Object::default()
        .text("id", &clause.id)
        .raw("from", who(&clause.from))
        .raw("to", who(&clause.to))
        .raw("types", set(&clause.types))
        .raw("categories", set(&clause.categories))
        .raw("sectors", set(&clause.sectors))
        .raw("countries", set(&clause.countries))
        .text("ceiling", clause.ceiling.to_text())
        .texts("actions", &clause.actions)
        .text("onward", clause.onward.to_text())
        .maybe("redaction", clause.redaction.as_ref())
        .text("personal", clause.personal)
        .texts("purposes", &clause.purposes)
        .number("delay_seconds", clause.delay_seconds)
        .flag("aggregate", clause.aggregate)
        .finish()
}

fn redactions(redactions: &BTreeMap<String, Redaction>) -> String {
    let write = |redaction: &Redaction| {
        let keep = redaction.keep.iter();
        let keep = keep.fold(Object::default(), |out, (name, paths)| out.texts(name, paths)).finish();
        Object::default()
            .raw("keep", keep)
            .flag("pseudonymise_addresses", redaction.pseudonymise_addresses)
            .text("contributor", redaction.contributor)
            .finish()
    };
    redactions.iter().fold(Object::default(), |out, (name, value)| out.raw(name, write(value))).finish()
}

fn reciprocity(reciprocity: &Reciprocity) -> String {
    match reciprocity {
        Reciprocity::None => quoted("none"),
        Reciprocity::Mirrored => quoted("mirrored"),
        Reciprocity::Least { objects, days } => {
            Object::default().number("objects", *objects).number("days", *days).finish()
        }
    }
}

fn caps(caps: &Caps) -> String {
    Object::default()
        .number("objects_per_hour", caps.objects_per_hour)
        .number("objects_per_day", caps.objects_per_day)
        .number("bytes_per_day", caps.bytes_per_day)
        .number("largest_object_bytes", caps.largest_object_bytes)
        .finish()
}

fn query(query: &QueryRight) -> String {
    Object::default()
        .text("id", &query.id)
        .raw("from", who(&query.from))
        .raw("to", who(&query.to))
        .raw("kinds", set(&query.kinds))
        .texts("purposes", &query.purposes)
        .number("per_day", query.per_day)
        .number("most_values", query.most_values)
        .text("answer", query.answer)
        .number("leakage_bits_per_day", query.leakage_bits_per_day)
        .finish()
}

fn break_glass(glass: &BreakGlass) -> String {
    Object::default()
        .raw("from", who(&glass.from))
        .raw("to", who(&glass.to))
        .raw("types", set(&glass.types))
        .texts("posts", &glass.posts)
        .number("officers", glass.officers)
        .text("ceiling", glass.ceiling.to_text())
        .number("hours", glass.hours)
        .number("report_within_hours", glass.report_within_hours)
        .finish()
}

fn witnesses(witnesses: &Witnesses) -> String {
    let keys = witnesses.keys.iter().fold(Object::default(), |out, (name, key)| out.text(name, key)).finish();
    Object::default()
        .raw("keys", keys)
        .flag("parties", witnesses.parties)
        .number("quorum", witnesses.quorum)
        .finish()
}

fn decode(value: Value<'_>) -> Result<Terms, Malformed> {
    let known = [
        "name",
        "agreement",
        "version",
        "previous",
        "document",
        "settles",
        "exercise",
        "start",
        "review",
        "expiry",
        "notice_hours",
        "purposes",
        "legal_basis",
        "parties",
        "clauses",
        "redactions",
        "keep_days",
        "erase_within_hours",
        "reciprocity",
        "caps",
        "queries",
        "witnesses",
        "circle",
        "break_glass",
        "overseer",
    ];
    let fields = Fields::document(value, KIND, &known)?;
    let each = |name: &str| fields.list(name);
    let mut parties = BTreeMap::new();
    for (at, item) in each("parties")? {
        let party = read_party(item, &at)?;
        parties.insert(party.id, party);
    }
    Ok(Terms {
        name: fields.string("name", 400)?,
        form: read_form(&fields)?,
        agreement: fields.maybe("agreement")?,
        version: fields.number("version")?,
        previous: fields.maybe("previous")?,
        document: fields.parsed("document")?,
        settles: fields.strings("settles")?,
        exercise: fields.maybe("exercise")?,
        start: fields.parsed("start")?,
        review: fields.parsed("review")?,
        expiry: fields.parsed("expiry")?,
        notice_hours: fields.number("notice_hours")?,
        purposes: fields.strings("purposes")?,
        legal_basis: each("legal_basis")?
            .into_iter()
            .map(|(at, v)| read_basis(v, &at))
            .collect::<Result<_, _>>()?,
        parties,
        clauses: each("clauses")?.into_iter().map(|(at, v)| read_clause(v, &at)).collect::<Result<_, _>>()?,
        redactions: read_redactions(fields.value("redactions")?)?,
        retention: Retention {
            keep_days: fields.number("keep_days")?,
            erase_within_hours: fields.number("erase_within_hours")?,
        },
        reciprocity: read_reciprocity(fields.value("reciprocity")?)?,
        caps: read_caps(fields.value("caps")?)?,
        queries: each("queries")?.into_iter().map(|(at, v)| read_query(v, &at)).collect::<Result<_, _>>()?,
        break_glass: fields.optional("break_glass").map(read_break_glass).transpose()?,
        overseer: fields.optional("overseer").map(read_overseer).transpose()?,
        witnesses: read_witnesses(fields.value("witnesses")?)?,
    })
}

fn read_form(fields: &Fields<'_>) -> Result<Form, Malformed> {
    let Some(circle) = fields.optional("circle") else { return Ok(Form::Bilateral) };
    let circle = Fields::of(circle, "/circle", &["join_quorum", "revise_quorum", "most_members"])?;
    Ok(Form::Circle(Circle {
        join_quorum: circle.number("join_quorum")?,
        revise_quorum: circle.number("revise_quorum")?,
        most_members: circle.number("most_members")?,
    }))
}

fn read_who(fields: &Fields<'_>, name: &str) -> Result<Who, Malformed> {
    let value = fields.value(name)?;
    if value.is("any") { Ok(Who::Any) } else { fields.strings::<PartyId, _>(name).map(Who::Parties) }
}

fn read_set(fields: &Fields<'_>, name: &str) -> Result<Set, Malformed> {
    let value = fields.value(name)?;
    if value.is("any") { Ok(Set::Any) } else { fields.strings(name).map(Set::Only) }
}

fn read_handling(fields: &Fields<'_>, name: &str) -> Result<Handling, Malformed> {
    fields.read(name, |text| Handling::parse(text).ok())
}

fn read_basis(value: Value<'_>, at: &str) -> Result<LegalBasis, Malformed> {
    let fields = Fields::of(value, at, &["name", "reference", "valid_from", "valid_until", "parties"])?;
    Ok(LegalBasis {
        name: fields.string("name", 400)?,
        reference: fields.string("reference", 400)?,
        valid_from: fields.parsed("valid_from")?,
        valid_until: fields.parsed("valid_until")?,
        parties: read_who(&fields, "parties")?,
    })
}

pub(crate) fn read_party(value: Value<'_>, at: &str) -> Result<Party, Malformed> {
    let known =
        ["id", "key", "name", "jurisdiction", "role", "epoch", "identities", "posts", "officers", "of"];
    let fields = Fields::of(value, at, &known)?;
    Ok(Party {
        id: fields.parsed("id")?,
        key: fields.string("key", 64)?,
        name: fields.string("name", 400)?,
        jurisdiction: fields.string("jurisdiction", 3)?,
        role: fields.read("role", Role::parse)?,
        epoch: fields.parsed("epoch")?,
        identities: fields.strings("identities")?,
        posts: fields.strings("posts")?,
        officers: fields.number("officers")?,
        of: fields.number("of")?,
    })
}

fn read_clause(value: Value<'_>, at: &str) -> Result<Clause, Malformed> {
    let known = [
        "id",
        "from",
        "to",
        "types",
        "categories",
        "sectors",
        "countries",
        "ceiling",
        "actions",
        "onward",
        "redaction",
        "personal",
        "purposes",
        "delay_seconds",
        "aggregate",
    ];
    let fields = Fields::of(value, at, &known)?;
    let mut actions = BTreeSet::new();
    for (at, item) in fields.list("actions")? {
        let word: String = parsed(item, &at)?;
        actions.insert(Action::parse(&word).ok_or_else(|| Malformed::new(at, "no action known here"))?);
    }
    Ok(Clause {
        id: fields.string("id", 64)?,
        from: read_who(&fields, "from")?,
        to: read_who(&fields, "to")?,
        types: read_set(&fields, "types")?,
        categories: read_set(&fields, "categories")?,
        sectors: read_set(&fields, "sectors")?,
        countries: read_set(&fields, "countries")?,
        ceiling: read_handling(&fields, "ceiling")?,
        actions,
        onward: fields.read("onward", |text| Onward::parse(text).ok())?,
        redaction: fields.maybe("redaction")?,
        personal: fields.read("personal", PersonalData::parse)?,
        purposes: fields.strings("purposes")?,
        delay_seconds: fields.number("delay_seconds")?,
        aggregate: fields.flag("aggregate")?,
    })
}

fn read_redactions(value: Value<'_>) -> Result<BTreeMap<String, Redaction>, Malformed> {
    let mut out = BTreeMap::new();
    for (name, value) in Fields::entries(value, "/redactions")? {
        let at = format!("/redactions/{name}");
        let fields = Fields::of(value, &at, &["keep", "pseudonymise_addresses", "contributor"])?;
        let mut keep = BTreeMap::new();
        for (kind, paths) in Fields::entries(fields.value("keep")?, &fields.at("keep"))? {
            let pointer = format!("{at}/keep/{kind}");
            let paths = crate::text::items(paths, &pointer)?;
            let paths: Result<BTreeSet<String>, Malformed> =
                paths.into_iter().map(|(at, path)| parsed(path, &at)).collect();
            keep.insert(kind, paths?);
        }
        let redaction = Redaction {
            keep,
            pseudonymise_addresses: fields.flag("pseudonymise_addresses")?,
            contributor: fields.read("contributor", Contributor::parse)?,
        };
        out.insert(name, redaction);
    }
    Ok(out)
}

fn read_reciprocity(value: Value<'_>) -> Result<Reciprocity, Malformed> {
    if value.kind() == Kind::String {
        return match value.as_str().as_deref() {
            Some("none") => Ok(Reciprocity::None),
            Some("mirrored") => Ok(Reciprocity::Mirrored),
            _ => Err(Malformed::new("/reciprocity", "not a value known here")),
        };
    }
    let fields = Fields::of(value, "/reciprocity", &["objects", "days"])?;
    Ok(Reciprocity::Least { objects: fields.number("objects")?, days: fields.number("days")? })
}

fn read_caps(value: Value<'_>) -> Result<Caps, Malformed> {
    let known = ["objects_per_hour", "objects_per_day", "bytes_per_day", "largest_object_bytes"];
    let fields = Fields::of(value, "/caps", &known)?;
    Ok(Caps {
        objects_per_hour: fields.number("objects_per_hour")?,
        objects_per_day: fields.number("objects_per_day")?,
        bytes_per_day: fields.number("bytes_per_day")?,
        largest_object_bytes: fields.number("largest_object_bytes")?,
    })
}

fn read_query(value: Value<'_>, at: &str) -> Result<QueryRight, Malformed> {
    let known =
        ["id", "from", "to", "kinds", "purposes", "per_day", "most_values", "answer", "leakage_bits_per_day"];
    let fields = Fields::of(value, at, &known)?;
    Ok(QueryRight {
        id: fields.string("id", 64)?,
        from: read_who(&fields, "from")?,
        to: read_who(&fields, "to")?,
        kinds: read_set(&fields, "kinds")?,
        purposes: fields.strings("purposes")?,
        per_day: fields.number("per_day")?,
        most_values: fields.number("most_values")?,
        answer: fields.read("answer", Answer::parse)?,
        leakage_bits_per_day: fields.number("leakage_bits_per_day")?,
    })
}

fn read_break_glass(value: Value<'_>) -> Result<BreakGlass, Malformed> {
    let known = ["from", "to", "types", "posts", "officers", "ceiling", "hours", "report_within_hours"];
    let fields = Fields::of(value, "/break_glass", &known)?;
    Ok(BreakGlass {
        from: read_who(&fields, "from")?,
        to: read_who(&fields, "to")?,
        types: read_set(&fields, "types")?,
        posts: fields.strings("posts")?,
        officers: fields.number("officers")?,
        ceiling: read_handling(&fields, "ceiling")?,
        hours: fields.number("hours")?,
        report_within_hours: fields.number("report_within_hours")?,
    })
}

fn read_overseer(value: Value<'_>) -> Result<Overseer, Malformed> {
    let fields = Fields::of(value, "/overseer", &["name", "key"])?;
    Ok(Overseer {
        name: fields.string("name", 400)?,
        key: fields.read("key", |text| PublicKey::parse(text).ok())?,
    })
}

fn read_witnesses(value: Value<'_>) -> Result<Witnesses, Malformed> {
    let fields = Fields::of(value, "/witnesses", &["keys", "parties", "quorum"])?;
    let mut keys = BTreeMap::new();
    for (name, key) in Fields::entries(fields.value("keys")?, "/witnesses/keys")? {
        let at = format!("/witnesses/keys/{name}");
        keys.insert(name, crate::text::string(key, &at, 4096)?);
    }
    Ok(Witnesses { keys, parties: fields.flag("parties")?, quorum: fields.number("quorum")? })
}
