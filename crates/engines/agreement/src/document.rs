//! From the TOML text to terms. What can be said of one value is said here; what depends on several, in `check`.

use std::collections::{BTreeMap, BTreeSet};

use keys::PublicKey;
use keys::posts::Post;
use label::{Nation, Onward};
use model::{PartyId, Severity, StixId, Timestamp};

use crate::ceiling;
use crate::check::check;
use crate::problem::{Place, Problem, Problems};
use crate::read::{Entry, Sink, Table, check_name, parse};
use crate::terms::{
    Action, Answer, BreakGlass, Caps, Circle, Clause, Contributor, Form, LegalBasis, Overseer, Party,
    PersonalData, QueryRight, Reciprocity, Redaction, Retention, Role, Set, Terms, Who, Witnesses,
};
use crate::text::digest;

/// What a text opens with, so that later formats are told apart.
pub const FORMAT: &str = "shieldwall-agreement/1";

/// The most parties of one text.
const MOST_PARTIES: usize = 256;
/// The most clauses, and query rights.
const MOST_CLAUSES: usize = 256;
/// The most words in one list.
const MOST_WORDS: usize = 256;

/// What came of a text: terms, if they may be signed, and everything there is to say about it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The terms; `None` when there is an error among the problems.
    pub terms: Option<Terms>,
    /// Errors and warnings by line.
    pub problems: Vec<Problem>,
}

impl Terms {
    /// Reads an agreement's text, whatever the time is: what somebody signed stays readable when it is over.
    ///
    /// # Errors
    /// Every error and warning, by line, if there is at least one error.
    pub fn parse_toml(text: &str) -> Result<Self, Vec<Problem>> {
        let reading = Self::read_toml(text);
        reading.terms.ok_or(reading.problems)
    }

    /// Reads an agreement's text and keeps the warnings: whoever is about to sign is shown them.
    #[must_use]
    pub fn read_toml(text: &str) -> Reading {
        Self::reading(text, None)
    }

    /// Reads a text that is to be put forward or signed at an instant: beside [`Terms::read_toml`], one whose `expiry`
    /// is past is refused, and a review or a legal basis whose time is past is told.
    #[must_use]
    pub fn read_toml_at(text: &str, now: Timestamp) -> Reading {
        Self::reading(text, Some(now))
    }

    fn reading(text: &str, now: Option<Timestamp>) -> Reading {
        let sink = Sink::new(Problems::over(text));
        let terms = read(text, now, &sink);
        let problems = sink.into_inner().finish();
        let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
        Reading { terms: terms.filter(|_| !refused), problems }
    }
}

/// Names of parties in this text, and where things stand in it.
struct Names {
    /// `None` for a party that could not be read: that was told, and is not told again wherever it is named.
    parties: BTreeMap<String, Option<PartyId>>,
    places: Places,
}

/// Where what a check may speak of stands in the text, by the path that checks know it by.
type Places = BTreeMap<Vec<String>, Place>;

/// Remembers where the members of a table stand.
fn remember(places: &mut Places, list: &str, id: &str, table: &Table<'_, '_>) {
    places.insert(vec![list.to_owned(), id.to_owned()], table.place.clone());
    for (member, place) in table.places() {
        places.insert(vec![list.to_owned(), id.to_owned(), member], place);
    }
}

/// `None` where something is missing without which terms cannot be put together; the sink says what.
fn read(text: &str, now: Option<Timestamp>, sink: &Sink) -> Option<Terms> {
    let root = parse(text, sink)?;
    let root = Table::new(sink, Place::default(), root.get_ref());
    if let Some(format) = root.need("format", &format!("begin with format = \"{FORMAT}\"")) {
        format.one_of(&[(FORMAT, ())]);
    }
    let mut places = BTreeMap::new();
    let (parties, keys) = parties(&root, &mut places);
    let ids: BTreeMap<&str, PartyId> = parties.iter().map(|party| (party.key.as_str(), party.id)).collect();
    let keys = keys.into_iter().map(|key| (ids.get(key.as_str()).copied(), key));
    let mut names = Names { parties: keys.map(|(id, key)| (key, id)).collect(), places };
    for (at, place) in root.places() {
        names.places.insert(vec![at], place);
    }
    let name = root.need("name", "say what the parties call it").and_then(|entry| entry.line());
    let form = form(&root);
    let version = root.need("version", "write version = 1 in the first").and_then(|v| v.small(1, 1_000_000));
    let digest_hint = "64 lower-case hex digits, as `agreement show` prints them";
    let agreement = root.get("agreement").and_then(|v| v.parsed(digest_hint, from_str));
    let previous = root.get("previous").and_then(|v| v.parsed(digest_hint, from_str));
    let settles = root.get("settles").and_then(|v| v.list(MOST_WORDS)).unwrap_or_default();
    let settles = settles.iter().filter_map(|v| v.parsed(digest_hint, from_str)).collect();
    let exercise = root.get("exercise").and_then(|v| v.name());
    let start = root.need("start", "say from when it is in force").and_then(|v| v.time());
    let review = root.need("review", "say when the parties look at it again").and_then(|v| v.time());
    let expiry = root.need("expiry", "say when it ends unless renewed; nothing is in force for ever");
    let expiry = expiry.and_then(|v| v.time());
    let notice =
        root.need("notice_hours", "0 if leaving need not be announced").and_then(|v| v.small(0, 8784));
    let purposes = words(root.need("purposes", "say what it is for, such as [\"cyber-defence\"]"));
    let legal_basis = legal_bases(&root, &mut names);
    let redactions = redactions(&root, &mut names);
    let clauses = clauses(&root, &mut names, &purposes);
    let retention = retention(&root);
    let reciprocity = reciprocity(&root);
    let caps = caps(&root);
    let queries = queries(&root, &mut names, &purposes);
    let break_glass = root.table("break_glass").map(|table| break_glass(table, &mut names));
    let overseer = root.table("overseer").map(overseer);
    let witnesses = root.table("witnesses").map_or_else(|| Some(Witnesses::default()), witnesses);
    root.finish();

    let parties = parties.into_iter().map(|party| (party.id, party)).collect();
    let terms = Terms {
        name: name?,
        form: form?,
        agreement,
        version: version?,
        previous,
        document: digest(text),
        settles,
        exercise,
        start: start?,
        review: review?,
        expiry: expiry?,
        notice_hours: notice?,
        purposes,
        legal_basis,
        parties,
        clauses,
        redactions,
        retention: retention?,
        reciprocity: reciprocity?,
        caps: caps?,
        queries,
        break_glass: break_glass.map_or(Some(None), |glass| glass.map(Some))?,
        overseer: overseer.map_or(Some(None), |overseer| overseer.map(Some))?,
        witnesses: witnesses?,
    };
    let is_partial = sink.borrow().has_errors();
    check(&terms, is_partial, now, &mut |severity, path, message, hint| {
        sink.borrow_mut().add(severity, &names.place(path), message, hint);
    });
    Some(terms)
}

impl Names {
    /// Where something stands: the longest known beginning of its path.
    fn place(&self, path: &[&str]) -> Place {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let known = (1..=path.len()).rev().find_map(|length| {
            let head = path.get(..length)?;
            Some((self.places.get(head)?, path.get(length..)?))
        });
        match known {
            Some((place, rest)) => rest.iter().fold(place.clone(), |place, part| place.within(part)),
            None => Place { path: path.join("."), offset: 0 },
        }
    }

    fn remember(&mut self, list: &str, id: &str, table: &Table<'_, '_>) {
        remember(&mut self.places, list, id, table);
    }

    fn who(&self, entry: Option<Entry<'_, '_>>) -> Option<Who> {
        let entry = entry?;
        if entry.is_text() {
            return entry.one_of(&[("any", ())]).map(|()| Who::Any);
        }
        let items = entry.list(MOST_PARTIES)?;
        if items.is_empty() {
            entry.error("nobody is named", "name parties by their keys, or leave the clause out");
            return None;
        }
        let party = |item: &Entry<'_, '_>| {
            let name = item.name()?;
            let found = self.parties.get(&name).copied();
            if found.is_none() {
                let known: Vec<&str> = self.parties.keys().map(String::as_str).collect();
                item.error(
                    format!("no party has the key `{name}`"),
                    format!("the keys are {}", known.join(", ")),
                );
            }
            found?
        };
        // Each unknown name is told, not the first alone.
        let found: Vec<Option<PartyId>> = items.iter().map(party).collect();
        found.into_iter().collect::<Option<BTreeSet<_>>>().map(Who::Parties)
    }
}

fn from_str<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn vocabulary<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|value| (word(*value), *value)).collect()
}

/// A list of names, none of them twice.
fn words(entry: Option<Entry<'_, '_>>) -> BTreeSet<String> {
    let Some(items) = entry.and_then(|entry| entry.list(MOST_WORDS)) else { return BTreeSet::new() };
    let mut out = BTreeSet::new();
    for item in items {
        if let Some(word) = item.name()
            && !out.insert(word)
        {
            item.error("it is in the list twice", "leave one out");
        }
    }
    out
}

/// Posts, spelled as in `release-officer`.
fn posts(entry: Option<Entry<'_, '_>>) -> BTreeSet<Post> {
    let spelled = Post::ALL.map(|post| (post.as_str().to_ascii_lowercase().replace('_', "-"), post));
    let known: Vec<(&str, Post)> = spelled.iter().map(|(word, post)| (word.as_str(), *post)).collect();
    let items = entry.and_then(|entry| entry.list(Post::ALL.len())).unwrap_or_default();
    items.iter().filter_map(|item| item.one_of(&known)).collect()
}

/// `"any"`, or a list of words that `read` accepts.
fn set(
    entry: Option<Entry<'_, '_>>,
    read: impl Fn(&str) -> Result<String, String>,
    hint: &str,
) -> Option<Set> {
    let entry = entry?;
    if entry.is_text() {
        return entry.one_of(&[("any", ())]).map(|()| Set::Any);
    }
    let items = entry.list(MOST_WORDS)?;
    if items.is_empty() {
        entry
            .error("the list is empty", "write \"any\" if each is meant, or leave the clause out if none is");
        return None;
    }
    let word = |item: &Entry<'_, '_>| item.parsed(hint, &read);
    let found: Vec<Option<String>> = items.iter().map(word).collect();
    found.into_iter().collect::<Option<BTreeSet<_>>>().map(Set::Only)
}

/// A country, by its code of ISO 3166-1, as alpha-3.
fn country(text: &str) -> Result<String, String> {
    text.parse::<Nation>().map(|nation| nation.to_string()).map_err(|error| error.to_string())
}

/// A name as it is.
fn plain(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

const COUNTRY_HINT: &str = "use a code of ISO 3166-1, such as LVA";
const TYPE_HINT: &str = "use STIX types such as indicator, malware or x-acme-thing";

fn form(root: &Table<'_, '_>) -> Option<Form> {
    let kind = root.need("kind", "write kind = \"bilateral\" or \"circle\"")?;
    let is_circle = kind.one_of(&[("bilateral", false), ("circle", true)])?;
    let circle = root.table("circle");
    match (is_circle, circle) {
        (false, None) => Some(Form::Bilateral),
        (false, Some(table)) => {
            table.error(
                "",
                "a bilateral agreement has no [circle]",
                "write kind = \"circle\", or leave it out",
            );
            None
        }
        (true, None) => {
            kind.error("a circle needs [circle]", "say join_quorum, revise_quorum and most_members there");
            None
        }
        (true, Some(table)) => {
            let most = u32::try_from(MOST_PARTIES).unwrap_or(u32::MAX);
            let join = table.need("join_quorum", "how many members must sign when somebody joins");
            let revise = table.need("revise_quorum", "how many members must sign a new text");
            let members = table.need("most_members", "how many members it may have");
            let (join, revise, members) = (
                join.and_then(|v| v.small(1, most)),
                revise.and_then(|v| v.small(1, most)),
                members.and_then(|v| v.small(2, most)),
            );
            table.finish();
            Some(Form::Circle(Circle { join_quorum: join?, revise_quorum: revise?, most_members: members? }))
        }
    }
}

/// The parties that can be read, and the keys of all.
fn parties(root: &Table<'_, '_>, places: &mut Places) -> (Vec<Party>, BTreeSet<String>) {
    let (mut out, mut ids, mut keys) = (Vec::<Party>::new(), BTreeMap::new(), BTreeMap::new());
    let mut named = BTreeSet::new();
    let mut speaks: BTreeMap<StixId, String> = BTreeMap::new();
    let tables = root.tables("party", MOST_PARTIES);
    if tables.len() < 2 {
        let message = format!("{} parties, where an agreement has two or more", tables.len());
        root.error("party", message, "write a [[party]] for each side");
    }
    for table in tables {
        let key = table.need("key", "a short name for use in clauses, such as lv").and_then(|v| v.name());
        named.extend(key.clone());
        if let Some(key) = &key {
            remember(places, "party", key, &table);
        }
        let Some(party) = party(&table, key) else { continue };
        let told = |name: &str, first: Option<String>| {
            if let Some(first) = first {
                table.error(
                    name,
                    format!("the same as that of party `{first}`"),
                    "each party is one of its own",
                );
            }
        };
        told("key", keys.insert(party.key.clone(), party.key.clone()));
        told("id", ids.insert(party.id, party.key.clone()));
        for identity in &party.identities {
            told("identities", speaks.insert(identity.clone(), party.key.clone()));
        }
        table.finish();
        out.push(party);
    }
    (out, named)
}

fn party(table: &Table<'_, '_>, key: Option<String>) -> Option<Party> {
    let name = table.need("name", "its full name").and_then(|v| v.line());
    let id = table.need("id", "its party id, as `key show` prints it there");
    let id = id.and_then(|v| v.parsed("64 lower-case hex digits, as `key show` prints them there", from_str));
    let epoch = table.need("epoch", "the id of its epoch key, as `key show` prints it there");
    let epoch =
        epoch.and_then(|v| v.parsed("64 lower-case hex digits, as `key show` prints them there", from_str));
    let law = table.need("jurisdiction", COUNTRY_HINT);
    let law = law.and_then(|v| v.parsed(COUNTRY_HINT, country));
    let role = table.need("role", "controller, joint-controller or processor");
    let role = role.and_then(|v| v.one_of(&vocabulary(Role::ALL, Role::as_str)));
    let identities =
        table.need("identities", "the STIX identities it speaks for").and_then(|v| v.list(MOST_WORDS));
    let identity = |item: &Entry<'_, '_>| {
        item.parsed("use the id of an identity object, such as identity--…", |text| {
            match from_str::<StixId>(text) {
                Ok(id) if id.type_name() == "identity" => Ok(id),
                Ok(id) => Err(format!("`{id}` is not an identity")),
                Err(error) => Err(error),
            }
        })
    };
    let identities = identities.map(|items| items.iter().filter_map(identity).collect());
    let posts = posts(table.need("posts", "whose holders sign for it, such as [\"release-officer\"]"));
    let officers =
        table.need("officers", "how many different persons must sign").and_then(|v| v.small(1, 16));
    let of = table.need("of", "out of how many").and_then(|v| v.small(1, 64));
    Some(Party {
        id: id?,
        key: key?,
        name: name?,
        jurisdiction: law?,
        role: role?,
        epoch: epoch?,
        identities: identities?,
        posts,
        officers: officers?,
        of: of?,
    })
}

fn legal_bases(root: &Table<'_, '_>, names: &mut Names) -> Vec<LegalBasis> {
    let mut out = Vec::new();
    for table in root.tables("legal_basis", MOST_WORDS) {
        let name = table.need("name", "what law, contract or decision it is").and_then(|v| v.line());
        let reference = table.need("reference", "its article, number or date").and_then(|v| v.line());
        let from = table.need("valid_from", "from when it is valid").and_then(|v| v.time());
        let until = "until when; for a law without an end, by when somebody must look again";
        let until = table.need("valid_until", until).and_then(|v| v.time());
        let parties = names.who(table.need("parties", "for whom: \"any\" or a list of party keys"));
        names.remember("legal_basis", &out.len().to_string(), &table);
        table.finish();
        if let (Some(name), Some(reference), Some(valid_from), Some(valid_until), Some(parties)) =
            (name, reference, from, until, parties)
        {
            out.push(LegalBasis { name, reference, valid_from, valid_until, parties });
        }
    }
    out
}

fn clauses(root: &Table<'_, '_>, names: &mut Names, purposes: &BTreeSet<String>) -> Vec<Clause> {
    let (mut out, mut ids) = (Vec::<Clause>::new(), BTreeSet::new());
    for table in root.tables("clause", MOST_CLAUSES) {
        let id = table.need("id", "a name for explanations, such as intel-out").and_then(|v| v.name());
        if let Some(id) = &id {
            if !ids.insert(id.clone()) {
                table.error(
                    "id",
                    format!("another clause is called `{id}`"),
                    "each clause has a name of its own",
                );
            }
            names.remember("clause", id, &table);
        }
        let clause = clause(&table, names, purposes, id);
        table.finish();
        out.extend(clause);
    }
    out.sort_by(|a, b| a.id.cmp(&b.id));
    out
}

fn clause(
    table: &Table<'_, '_>,
    names: &Names,
    purposes: &BTreeSet<String>,
    id: Option<String>,
) -> Option<Clause> {
    let from = names.who(table.need("from", "who may give: \"any\" or a list of party keys"));
    let to = names.who(table.need("to", "who may be given: \"any\" or a list of party keys"));
    let types = set(table.need("types", "\"any\" or a list of STIX types"), plain, TYPE_HINT);
    let word_hint = "use a to z, 0 to 9 and hyphens";
    let any = |entry: Option<Entry<'_, '_>>| match entry {
        Some(entry) => set(Some(entry), plain, word_hint),
        None => Some(Set::Any),
    };
    let categories = any(table.get("categories"));
    let sectors = any(table.get("sectors"));
    let countries = match table.get("countries") {
        Some(entry) => set(Some(entry), country, COUNTRY_HINT),
        None => Some(Set::Any),
    };
    let ceiling =
        table.need("ceiling", "the most sensitive that may flow, such as \"amber\"").and_then(ceiling::read);
    let actions = table.need("actions", "what the receiver may do: receive, detect, enrich, block, pass-on");
    let actions = actions.and_then(|v| v.list(Action::ALL.len()));
    let action = |item: &Entry<'_, '_>| item.one_of(&vocabulary(Action::ALL, Action::as_str));
    let actions: Option<BTreeSet<Action>> = actions.map(|items| items.iter().filter_map(action).collect());
    let onward =
        onward(table.need("onward", "none, orcon, free, a list of party keys or { depth = 1 }"), names);
    let redaction = table.get("redaction").and_then(|v| v.name());
    let personal = table.need("personal", "refuse, redact, pseudonymise or allow");
    let personal = personal.and_then(|v| v.one_of(&vocabulary(PersonalData::ALL, PersonalData::as_str)));
    let purposes = table.get("purposes").map_or_else(|| purposes.clone(), |entry| words(Some(entry)));
    let delay = table.get("delay_hours").map_or(Some(0), |v| v.number(0, 24 * 366));
    let aggregate = table.get("aggregate").map_or(Some(false), |v| v.flag());
    Some(Clause {
        id: id?,
        from: from?,
        to: to?,
        types: types?,
        categories: categories?,
        sectors: sectors?,
        countries: countries?,
        ceiling: ceiling?,
        actions: actions?,
        onward: onward?,
        redaction,
        personal: personal?,
        purposes,
        delay_seconds: delay?.saturating_mul(3600),
        aggregate: aggregate?,
    })
}

fn onward(entry: Option<Entry<'_, '_>>, names: &Names) -> Option<Onward> {
    let entry = entry?;
    if entry.is_text() {
        return match entry.one_of(&[("none", 0), ("orcon", 1), ("free", 2)])? {
            0 => Some(Onward::None),
            1 => Some(Onward::Orcon),
            _ => Some(Onward::Free),
        };
    }
    if entry.is_table() {
        let table = entry.table()?;
        let depth = table.need("depth", "how often it may be handed on").and_then(|v| v.number(1, 255));
        table.finish();
        return depth.and_then(|depth| u8::try_from(depth).ok()).map(Onward::Depth);
    }
    match names.who(Some(entry))? {
        Who::Parties(parties) => Some(Onward::Named(parties)),
        Who::Any => None,
    }
}

fn redactions(root: &Table<'_, '_>, names: &mut Names) -> BTreeMap<String, Redaction> {
    let mut out = BTreeMap::new();
    let Some(profiles) = root.table("redaction") else { return out };
    for (name, entry) in profiles.entries() {
        if let Err(message) = check_name(name) {
            entry.error(message, "use a to z, 0 to 9 and hyphens");
            continue;
        }
        let Some(table) = entry.table() else { continue };
        let contributor = table.need("contributor", "how the giver appears: named, pseudonym or anonymous");
        let contributor =
            contributor.and_then(|v| v.one_of(&vocabulary(Contributor::ALL, Contributor::as_str)));
        let addresses = table.need("pseudonymise_addresses", "true or false").and_then(|v| v.flag());
        let mut keep = BTreeMap::new();
        if let Some(kinds) = table.table("keep") {
            for (kind, paths) in kinds.entries() {
                if let Err(message) = check_name(kind) {
                    paths.error(message, TYPE_HINT);
                } else if let Some(paths) = paths.list(MOST_WORDS) {
                    let hint =
                        "a pointer such as /pattern, or /external_references/*/url for each item of a list";
                    let paths = paths.iter().filter_map(|path| path.parsed(hint, check_path)).collect();
                    keep.insert(kind.to_owned(), paths);
                }
            }
        }
        names.remember("redaction", name, &table);
        table.finish();
        if let (Some(contributor), Some(pseudonymise_addresses)) = (contributor, addresses) {
            out.insert(name.to_owned(), Redaction { keep, pseudonymise_addresses, contributor });
        }
    }
    out
}

/// A property path: RFC 6901 with `*`, in the characters property names are made of.
fn check_path(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'*' | b'.');
    let parts_fit = text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !part.is_empty() && (part == "*" || !part.contains('*')))
    });
    if parts_fit && text.len() <= 250 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is not a property path", crate::problem::shown(text)))
    }
}

fn retention(root: &Table<'_, '_>) -> Option<Retention> {
    let table = root.need("retention", "write [retention] with keep_days and erase_within_hours")?.table()?;
    let keep =
        table.need("keep_days", "how long what was received may be kept").and_then(|v| v.small(1, 36_525));
    let erase = table.need("erase_within_hours", "how fast it must go once taken back");
    let erase = erase.and_then(|v| v.small(1, 8784));
    table.finish();
    Some(Retention { keep_days: keep?, erase_within_hours: erase? })
}

fn reciprocity(root: &Table<'_, '_>) -> Option<Reciprocity> {
    let entry = root.need("reciprocity", "none, mirrored, or { objects = 10, days = 90 }")?;
    if entry.is_text() {
        return entry.one_of(&[("none", Reciprocity::None), ("mirrored", Reciprocity::Mirrored)]);
    }
    let table = entry.table()?;
    let objects = table.need("objects", "how many objects at least").and_then(|v| v.small(1, 1_000_000));
    let days = table.need("days", "in how many days").and_then(|v| v.small(1, 3660));
    table.finish();
    Some(Reciprocity::Least { objects: objects?, days: days? })
}

fn caps(root: &Table<'_, '_>) -> Option<Caps> {
    let table = root.need("caps", "write [caps] with the most that may flow")?.table()?;
    let number = |name: &'static str, most: u64| {
        table.need(name, "the most that may flow to one receiver").and_then(|v| v.number(1, most))
    };
    let hour = number("objects_per_hour", 1_000_000_000);
    let day = number("objects_per_day", 10_000_000_000);
    let bytes = number("bytes_per_day", 1 << 50);
    let largest = number("largest_object_bytes", 1 << 30);
    table.finish();
    Some(Caps {
        objects_per_hour: hour?,
        objects_per_day: day?,
        bytes_per_day: bytes?,
        largest_object_bytes: largest?,
    })
}

fn queries(root: &Table<'_, '_>, names: &mut Names, purposes: &BTreeSet<String>) -> Vec<QueryRight> {
    let (mut out, mut ids) = (Vec::<QueryRight>::new(), BTreeSet::new());
    for table in root.tables("query", MOST_CLAUSES) {
        let id = table.need("id", "a name for explanations, such as seen-it").and_then(|v| v.name());
        if let Some(id) = &id {
            if !ids.insert(id.clone()) {
                table.error(
                    "id",
                    format!("another query right is called `{id}`"),
                    "each has a name of its own",
                );
            }
            names.remember("query", id, &table);
        }
        let right = query(&table, names, purposes, id);
        table.finish();
        out.extend(right);
    }
    out.sort_by(|a, b| a.id.cmp(&b.id));
    out
}

fn query(
    table: &Table<'_, '_>,
    names: &Names,
    purposes: &BTreeSet<String>,
    id: Option<String>,
) -> Option<QueryRight> {
    let from = names.who(table.need("from", "who may ask"));
    let to = names.who(table.need("to", "who may be asked"));
    let hint = "use kinds of observables such as ipv4-addr or domain-name";
    let kinds = set(table.need("kinds", hint), plain, hint);
    let purposes = table.get("purposes").map_or_else(|| purposes.clone(), |entry| words(Some(entry)));
    let per_day = table.need("per_day", "how many questions a day").and_then(|v| v.small(1, 1_000_000));
    let most =
        table.need("most_values", "how many values in one question").and_then(|v| v.small(1, 1_000_000));
    let answer = table.need("answer", "count or yes-no");
    let answer = answer.and_then(|v| v.one_of(&vocabulary(Answer::ALL, Answer::as_str)));
    let bits = table.need("leakage_bits_per_day", "how much the answers of a day may give away");
    let bits = bits.and_then(|v| v.small(1, 1_000_000_000));
    Some(QueryRight {
        id: id?,
        from: from?,
        to: to?,
        kinds: kinds?,
        purposes,
        per_day: per_day?,
        most_values: most?,
        answer: answer?,
        leakage_bits_per_day: bits?,
    })
}

fn break_glass(table: Table<'_, '_>, names: &mut Names) -> Option<BreakGlass> {
    let from = names.who(table.need("from", "who may give"));
    let to = names.who(table.need("to", "who may be given"));
    let types = set(table.need("types", "\"any\" or a list of STIX types"), plain, TYPE_HINT);
    let posts = posts(table.need("posts", "whose holders sign, such as [\"duty-officer\"]"));
    let officers =
        table.need("officers", "how many different persons must sign").and_then(|v| v.small(1, 16));
    let ceiling = table.need("ceiling", "the most sensitive that may flow then").and_then(ceiling::read);
    let hours =
        table.need("hours", "after how many hours a use ends by itself").and_then(|v| v.small(1, 168));
    let report = table.need("report_within_hours", "by when a report must be signed");
    let report = report.and_then(|v| v.small(1, 720));
    for (member, place) in table.places() {
        names.places.insert(vec!["break_glass".to_owned(), member], place);
    }
    table.finish();
    Some(BreakGlass {
        from: from?,
        to: to?,
        types: types?,
        posts,
        officers: officers?,
        ceiling: ceiling?,
        hours: hours?,
        report_within_hours: report?,
    })
}

fn overseer(table: Table<'_, '_>) -> Option<Overseer> {
    let name = table.need("name", "who oversees").and_then(|v| v.line());
    let key = table.need("key", "its public key, as it gave it to you");
    let key = key.and_then(|v| {
        v.parsed("the whole text of its public key", |text| {
            PublicKey::parse(text).map_err(|error| error.to_string())
        })
    });
    table.finish();
    Some(Overseer { name: name?, key: key? })
}

fn witnesses(table: Table<'_, '_>) -> Option<Witnesses> {
    let quorum =
        table.need("quorum", "how many cosignatures a checkpoint needs").and_then(|v| v.small(0, 64));
    let parties =
        table.need("parties", "whether the other parties witness: true or false").and_then(|v| v.flag());
    let mut keys = BTreeMap::new();
    if let Some(table) = table.table("keys") {
        for (name, entry) in table.entries() {
            let key = entry.parsed("name+hash+key, as in C2SP signed-note", |text| {
                let plain = text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic());
                let parts = text.splitn(3, '+').filter(|part| !part.is_empty()).count();
                if plain && parts == 3 { Ok(text.to_owned()) } else { Err("not a verifier key".to_owned()) }
            });
            match check_name(name) {
                Ok(()) => keys.extend(key.map(|key| (name.to_owned(), key))),
                Err(message) => entry.error(message, "use a to z, 0 to 9 and hyphens"),
            }
        }
    }
    table.finish();
    Some(Witnesses { keys, parties: parties?, quorum: quorum? })
}
