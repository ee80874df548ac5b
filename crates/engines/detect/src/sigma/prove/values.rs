//! Values that meet everything that is asked of one place of an event.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use model::Timestamp;
use rsigma_eval::matcher::TimePart;
use rsigma_eval::{CompiledMatcher, EventValue, PlainEvent};

use super::goal::Atom;
use super::sample::{Sample, samples};

/// A value that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

impl Value {
    /// The value as formats without types write it; `None` for nothing.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Self::Null => None,
        }
    }

    fn asked(&self) -> EventValue<'_> {
        match self {
            Self::Text(text) => EventValue::Str(Cow::Borrowed(text)),
            Self::Number(number) => EventValue::Float(*number),
            Self::Bool(truth) => EventValue::Bool(*truth),
            Self::Null => EventValue::Null,
        }
    }
}

/// The most values that are tried for one place.
const MAX_TRIED: usize = 600;
/// How many that fit are kept, to have others when the first does not do in the whole.
const KEPT: usize = 6;
/// What is put between parts that have to be in one text.
const BETWEEN: [&str; 7] = ["", " ", "x", "\\", "/", " x ", "-"];

/// How much looking for values took, and what it may begin with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    /// Another number gives other values where there is a choice.
    pub(super) salt: u32,
    /// How many values were tried.
    pub(super) values: usize,
}

/// Whether there must be a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nobody asked yet.
    #[default]
    Open,
    There,
    Absent,
}

/// Everything that is asked of one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Need<'r> {
    /// The place as its record spells it.
    pub(super) spelled: String,
    /// Whether it stands for a text that may be anywhere in the event.
    pub(super) words: bool,
    pub(super) atoms: Vec<Atom<'r>>,
    /// Matchers that the value must pass.
    pub(super) is: Vec<&'r CompiledMatcher>,
    /// Matchers that it must not pass.
    pub(super) never: Vec<&'r CompiledMatcher>,
    pub(super) presence: Presence,
    /// Whether it is there only because its class is known by it.
    pub(super) mark: bool,
    /// The only values that its class or the caller allows.
    pub(super) one_of: Option<Vec<Value>>,
    /// Values to begin with where nothing is asked.
    pub(super) first: Vec<Value>,
    /// Texts that others of the same set of events have already.
    pub(super) taken: Vec<String>,
    /// Values that fit; `None` until somebody looked.
    pub(super) live: Option<Vec<Value>>,
}

impl Need<'_> {
    /// Looks again for values that fit, keeping those that were found where they still do. Whether there are any.
    pub(super) fn refresh(&mut self, effort: &mut Effort) -> bool {
        let mut live = self.live.take().unwrap_or_default();
        live.retain(|value| self.fits(value));
        if live.is_empty() {
            live = self.look(effort);
        }
        let found = !live.is_empty();
        self.live = Some(live);
        found
    }

    /// Whether a value meets everything that can be said of it by itself.
    pub(super) fn fits(&self, value: &Value) -> bool {
        let passes = |matcher: &CompiledMatcher| !refers(matcher) && self.passes(matcher, value);
        let nothing = *value == Value::Null
            && !self.atoms.iter().any(|atom| matches!(atom, Atom::Kind(CompiledMatcher::Null)));
        self.is.iter().all(|matcher| refers(matcher) || passes(matcher))
            && !self.never.iter().any(|matcher| passes(matcher))
            && !(self.presence == Presence::There && nothing)
            && value.text().is_none_or(|text| self.taken.iter().all(|taken| *taken != text))
    }

    fn passes(&self, matcher: &CompiledMatcher, value: &Value) -> bool {
        if self.words {
            value.text().is_some_and(|text| matcher.matches_keyword(&PlainEvent::new(text.into_owned())))
        } else {
            matcher.matches(&value.asked(), &PlainEvent::new(String::new()))
        }
    }

    fn look(&self, effort: &mut Effort) -> Vec<Value> {
        let mut out: Vec<Value> = Vec::new();
        let mut tried = 0;
        self.each(effort.salt, &mut |value| {
            tried += 1;
            if self.fits(&value) && !out.contains(&value) {
                out.push(value);
            }
            out.len() >= KEPT || tried >= MAX_TRIED
        });
        effort.values += tried;
        out
    }

    /// Hands out values that may fit, likely ones first, until `each` returns `true`; whether it did.
    fn each(&self, salt: u32, each: &mut dyn FnMut(Value) -> bool) -> bool {
        if let Some(one_of) = &self.one_of {
            return one_of.iter().any(|value| each(value.clone()));
        }
        let parts = Parts::of(&self.atoms);
        if parts.null {
            return each(Value::Null);
        }
        if !parts.exact.is_empty() {
            let mut text = |text: &str| each(Value::Text(text.to_owned()));
            // Where case counts for a pattern, its own spelling of the same text is needed.
            return parts.exact.iter().any(|exact| text(exact))
                || parts.patterns.iter().any(|one| samples(one, None, 0).iter().any(|one| text(&one.text)));
        }
        if let Some(truth) = parts.truth {
            return each(Value::Bool(truth)) || each(Value::Text(truth.to_string()));
        }
        if !parts.bounds.is_empty() {
            return numbers(&parts.bounds, salt, each);
        }
        if !parts.nets.is_empty() {
            return addresses(&parts.nets, salt, each);
        }
        if !parts.times.is_empty() {
            return times(&parts.times, each);
        }
        if parts.is_free() {
            let tag = tag(salt);
            return self.first.iter().any(|value| each(value.clone()))
                || free(&tag).into_iter().any(|text| each(Value::Text(text)));
        }
        parts.texts(salt, &mut |text| each(Value::Text(text)))
    }
}

/// Whether what a matcher says depends on other fields.
pub(super) fn refers(matcher: &CompiledMatcher) -> bool {
    match matcher {
        CompiledMatcher::FieldRef { .. } | CompiledMatcher::Expand { .. } => true,
        CompiledMatcher::AnyOf(all) | CompiledMatcher::AllOf(all) => all.iter().any(refers),
        CompiledMatcher::CaseInsensitiveGroup { children, .. } => children.iter().any(refers),
        CompiledMatcher::Not(one) => refers(one),
        _ => false,
    }
}

/// The word that is put where something of our own is needed.
fn tag(salt: u32) -> String {
    if salt == 0 { "selftest".to_owned() } else { format!("selftest{salt}") }
}

/// Values where nothing is asked but that there is one.
fn free(tag: &str) -> [String; 10] {
    [
        tag.to_owned(),
        "x".to_owned(),
        "1".to_owned(),
        "0".to_owned(),
        format!("C:\\{tag}\\{tag}.exe"),
        format!("/{tag}"),
        "true".to_owned(),
        "203.0.113.7".to_owned(),
        "-".to_owned(),
        format!("{tag}.example"),
    ]
}

/// What may stand before and behind the parts that are asked for.
fn pads(tag: &str) -> [(String, String); 15] {
    let pair = |lead: &str, trail: &str| (lead.to_owned(), trail.to_owned());
    [
        pair("", ""),
        pair("x", ""),
        pair("", "x"),
        pair("x", "x"),
        (format!("{tag} "), format!(" {tag}")),
        (format!("C:\\{tag}"), String::new()),
        (String::new(), format!("\\{tag}")),
        (format!("/{tag}/"), String::new()),
        pair("0", ""),
        pair("", "0"),
        pair(" ", ""),
        pair("", " "),
        pair("\"", "\""),
        pair("", "."),
        (String::new(), format!(".{tag}")),
    ]
}

/// What is asked of a value, by kind.
#[derive(Debug, Default)]
struct Parts<'r> {
    exact: Vec<&'r str>,
    starts: Vec<&'r str>,
    ends: Vec<&'r str>,
    contains: Vec<&'r str>,
    patterns: Vec<&'r str>,
    null: bool,
    truth: Option<bool>,
    bounds: Vec<f64>,
    nets: Vec<&'r CompiledMatcher>,
    times: Vec<(TimePart, &'r CompiledMatcher)>,
}

impl<'r> Parts<'r> {
    fn of(atoms: &[Atom<'r>]) -> Self {
        let mut parts = Self::default();
        for atom in atoms {
            match *atom {
                Atom::Exact(text) => parts.exact.push(text),
                Atom::Contains(text) => parts.contains.push(text),
                Atom::Starts(text) => parts.starts.push(text),
                Atom::Ends(text) => parts.ends.push(text),
                Atom::Regex(pattern) => parts.patterns.push(pattern),
                Atom::As(_) | Atom::Filled(_) => {}
                Atom::Kind(matcher) => match matcher {
                    CompiledMatcher::Null => parts.null = true,
                    CompiledMatcher::BoolEq(truth) => parts.truth = Some(*truth),
                    CompiledMatcher::NumericEq(bound)
                    | CompiledMatcher::NumericGt(bound)
                    | CompiledMatcher::NumericGte(bound)
                    | CompiledMatcher::NumericLt(bound)
                    | CompiledMatcher::NumericLte(bound) => parts.bounds.push(*bound),
                    CompiledMatcher::Cidr(_) => parts.nets.push(matcher),
                    CompiledMatcher::TimestampPart { part, inner } => {
                        parts.times.push((*part, inner.as_ref()))
                    }
                    _ => {}
                },
            }
        }
        parts
    }

    fn is_free(&self) -> bool {
        self.starts.is_empty()
            && self.ends.is_empty()
            && self.patterns.is_empty()
            && self.contains.iter().all(|part| part.is_empty())
    }

    /// Texts that begin, end and hold what they should. Whatever order the parts come in, each is in it as a whole; what
    /// the different fillings are for is that nothing comes of it which is excluded.
    fn texts(&self, salt: u32, each: &mut dyn FnMut(String) -> bool) -> bool {
        let tag = tag(salt);
        let longest = |all: &[&'r str]| all.iter().copied().max_by_key(|text| text.len()).unwrap_or_default();
        let (head, tail) = (longest(&self.starts), longest(&self.ends));
        let mut middle: Vec<&str> = Vec::new();
        for part in &self.contains {
            let covered = |other: &&'r str| other.len() > part.len() && other.contains(part);
            if !self.contains.iter().any(covered)
                && !head.contains(part)
                && !tail.contains(part)
                && !middle.contains(part)
            {
                middle.push(part);
            }
        }
        if salt > 0 {
            let mut own = middle.clone();
            own.push(&tag);
            if self.arranged(head, &own, tail, &tag, salt, each) {
                return true;
            }
        }
        self.arranged(head, &middle, tail, &tag, salt, each) || self.filled(head, &middle, tail, salt, each)
    }

    /// The parts one behind the other.
    fn arranged(
        &self,
        head: &str,
        middle: &[&str],
        tail: &str,
        tag: &str,
        salt: u32,
        each: &mut dyn FnMut(String) -> bool,
    ) -> bool {
        let pads = pads(tag);
        for found in choices(&self.patterns, salt) {
            let begins = found.iter().filter(|one| one.starts);
            let ends = found.iter().filter(|one| one.ends && !one.starts);
            let loose = found.iter().filter(|one| !one.starts && !one.ends);
            let open = head.is_empty() && !found.iter().any(|one| one.starts);
            let shut = !tail.is_empty() || found.iter().any(|one| one.ends);
            let text = |one: &Sample| one.text.clone();
            let (first, last): (Vec<_>, Vec<_>) = (begins.map(text).collect(), ends.map(text).collect());
            let loose: Vec<_> = loose.map(text).collect();
            for between in BETWEEN {
                for turned in [false, true] {
                    if turned && middle.len() < 2 {
                        continue;
                    }
                    let mut parts: Vec<&str> = first.iter().map(String::as_str).collect();
                    let from = parts.len();
                    parts.extend(middle);
                    if turned && let Some(parts) = parts.get_mut(from..) {
                        parts.reverse();
                    }
                    parts.extend(loose.iter().chain(&last).map(String::as_str));
                    parts.retain(|part| !part.is_empty());
                    let body = parts.join(between);
                    for (lead, trail) in &pads {
                        if (!open && !lead.is_empty()) || (shut && !trail.is_empty()) {
                            continue;
                        }
                        let joint = if head.is_empty() || body.is_empty() { "" } else { between };
                        let stop = if tail.is_empty() || (head.is_empty() && body.is_empty()) {
                            ""
                        } else {
                            between
                        };
                        if each(format!("{head}{joint}{lead}{body}{trail}{stop}{tail}")) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }

    /// The parts in the gaps of patterns that say how the whole begins and ends.
    fn filled(
        &self,
        head: &str,
        middle: &[&str],
        tail: &str,
        salt: u32,
        each: &mut dyn FnMut(String) -> bool,
    ) -> bool {
        for between in BETWEEN {
            for whole in [true, false] {
                let (before, behind) = if whole { (head, tail) } else { ("", "") };
                let mut parts: Vec<&str> = vec![before];
                parts.extend(middle);
                parts.push(behind);
                for (at, pattern) in self.patterns.iter().enumerate() {
                    let others = self.patterns.iter().enumerate().filter(|(other, _)| *other != at);
                    let others: Vec<String> = others
                        .filter_map(|(_, other)| samples(other, None, salt).into_iter().next())
                        .map(|one| one.text)
                        .collect();
                    let mut inside = parts.clone();
                    inside.extend(others.iter().map(String::as_str));
                    inside.retain(|part| !part.is_empty());
                    let gap = inside.join(between);
                    for found in samples(pattern, Some(&gap), salt) {
                        if each(format!("{head}{}{tail}", found.text)) || each(found.text) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }
}

/// One text of each pattern, different ones together.
fn choices(patterns: &[&str], salt: u32) -> Vec<Vec<Sample>> {
    let all: Vec<Vec<Sample>> = patterns.iter().map(|pattern| samples(pattern, None, salt)).collect();
    let most = all.iter().map(Vec::len).max().unwrap_or(1);
    let choice =
        |at: usize| all.iter().filter_map(|own| own.iter().cycle().nth(at).cloned()).collect::<Vec<_>>();
    (0..most.max(1)).map(choice).collect()
}

/// Numbers at bounds, beside them and between them.
fn numbers(bounds: &[f64], salt: u32, each: &mut dyn FnMut(Value) -> bool) -> bool {
    let salt = f64::from(salt);
    let between = bounds.iter().zip(bounds.iter().skip(1)).map(|(one, other)| f64::midpoint(*one, *other));
    let near = bounds.iter().flat_map(|bound| {
        [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 10.0, -10.0].into_iter().map(move |step| bound + step)
    });
    let near: Vec<f64> = near.collect();
    let far = near.iter().flat_map(|number| [number + salt, number - salt]);
    near.iter().copied().chain(far).chain(between).any(|number| each(Value::Number(number)))
}

/// Addresses of networks.
fn addresses(nets: &[&CompiledMatcher], salt: u32, each: &mut dyn FnMut(Value) -> bool) -> bool {
    let salt = usize::try_from(salt).unwrap_or_default();
    nets.iter().any(|net| {
        let CompiledMatcher::Cidr(net) = net else { return false };
        let hosts = [salt, 0, 6, 41, 255].into_iter().filter_map(|place| net.hosts().nth(place));
        hosts.chain([net.network(), net.broadcast()]).any(|host| each(Value::Text(host.to_string())))
    })
}

/// Times of which each part is as asked.
fn times(parts: &[(TimePart, &CompiledMatcher)], each: &mut dyn FnMut(Value) -> bool) -> bool {
    let (mut year, mut month, mut day, mut hour, mut minute) = (2024, 1, 1, 0, 0);
    let mut week = None;
    for (part, inner) in parts {
        let passes = |number: &i64| inner.matches(&EventValue::Int(*number), &PlainEvent::new(String::new()));
        let first = |mut range: RangeInclusive<i64>| range.find(passes);
        let found = match part {
            TimePart::Minute => first(0..=59).map(|found| minute = found),
            TimePart::Hour => first(0..=23).map(|found| hour = found),
            TimePart::Day => first(1..=31).map(|found| day = found),
            TimePart::Week => first(1..=53).map(|found| week = Some(found)),
            TimePart::Month => first(1..=12).map(|found| month = found),
            TimePart::Year => first(1..=9999).map(|found| year = found),
        };
        if found.is_none() {
            return false;
        }
    }
    if let Some(week) = week {
        // The first of January 2024 was a Monday; 2020 had a week 53.
        let text = if week == 53 { "2020-12-31T00:00:00Z" } else { "2024-01-01T00:00:00Z" };
        let days = if week == 53 { 0 } else { 7 * (week - 1) };
        let Ok(from) = text.parse::<Timestamp>() else { return false };
        let time = from.plus_micros(((days * 24 + hour) * 60 + minute) * 60_000_000);
        return each(Value::Text(time.to_string()));
    }
    each(Value::Text(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")))
}
