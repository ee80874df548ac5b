//! Classes of events: what a log source of a Sigma rule is, and how its events are read.
//!
//! One table for everything that is known of a class, so that routing, field names, OCSF and observables cannot
//! disagree. The numbers are stored with telemetry: never renumber, only add.

mod cloud;
mod devices;
mod network;
mod unix;
mod windows;
mod zeek;

use crate::fields::{FieldMap, PLAIN};
use crate::observables::Sights;
use crate::slot::Slots;

pub(crate) use cloud::of_members;
pub(crate) use devices::{of_mnemonic, of_product, of_unnamed};
pub(crate) use network::{ACCESS_LOG, PROXY_LOG, of_event_type};
pub(crate) use unix::{AUDIT, of_program};
pub(crate) use windows::of_channel;
pub(crate) use zeek::{guess_stream, of_stream, zeek_streams};

/// The number of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u16);

impl ClassId {
    /// Events of which nothing is known but their own field names.
    pub const GENERIC: Self = Self(0);
    /// The first number that no table uses: from here on classes are the configuration's own.
    const OWN: u16 = 10_000;

    /// The class that a node's configuration made, counted from 0; its events keep their own field names.
    #[must_use]
    pub const fn own(place: u16) -> Self {
        Self(Self::OWN.saturating_add(place))
    }

    /// The class of a stored number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number that stores keep.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What is known of the class; of one that no table has, what is known of the generic one.
    #[must_use]
    pub fn class(self) -> &'static Class {
        classes().find(|class| class.id == self).unwrap_or(&GENERIC)
    }
}

/// A class of events.
#[derive(Debug)]
pub struct Class {
    /// Its number.
    pub id: ClassId,
    /// Its name for people, such as `Sysmon 1: process creation`.
    pub name: &'static str,
    /// Sigma's product; empty where the taxonomy has none.
    pub product: &'static str,
    /// Sigma's services.
    pub services: &'static [&'static str],
    /// Sigma's categories.
    pub categories: &'static [&'static str],
    /// The OCSF class (OCSF 1.x `class_uid`); 0 is the base event.
    pub ocsf: u32,
    /// Where its events keep what rules name.
    pub fields: &'static FieldMap,
    /// Which of its fields name observables.
    pub(crate) sights: &'static [Sights],
    /// What makes a record one of this class.
    pub picks: Picks,
    /// Every field that its events can have; empty where nobody can say.
    known: &'static [&'static [&'static str]],
}

/// What makes a record one of a class.
#[derive(Debug, Clone, Copy)]
pub enum Picks {
    /// The source's configuration alone.
    Configured,
    /// The event's number in its channel.
    Events(&'static [u32]),
    /// A word, compared without case: channel, stream, event type or program.
    Words(&'static [&'static str]),
    /// Members that are there: one of these sets, in full.
    Members(&'static [&'static [Test]]),
}

/// A test of a record's members.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// The path leads to a value.
    Has(&'static str),
    /// The path leads to one of these words, compared without case.
    Is(&'static str, &'static [&'static str]),
}

impl Class {
    const fn new(number: u16, name: &'static str, product: &'static str) -> Self {
        Self {
            id: ClassId(number),
            name,
            product,
            services: &[],
            categories: &[],
            ocsf: 0,
            fields: &PLAIN,
            sights: &[],
            picks: Picks::Configured,
            known: &[],
        }
    }

    const fn services(mut self, services: &'static [&'static str]) -> Self {
        self.services = services;
        self
    }

    const fn categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }

    const fn ocsf(mut self, uid: u32) -> Self {
        self.ocsf = uid;
        self
    }

    const fn fields(mut self, fields: &'static FieldMap) -> Self {
        self.fields = fields;
        self
    }

    const fn sights(mut self, sights: &'static [Sights]) -> Self {
        self.sights = sights;
        self
    }

    const fn picks(mut self, picks: Picks) -> Self {
        self.picks = picks;
        self
    }

    const fn known(mut self, known: &'static [&'static [&'static str]]) -> Self {
        self.known = known;
        self
    }

    /// Whether a rule for this log source looks at events of this class: everything that the rule names must agree.
    #[must_use]
    pub fn answers(&self, source: &LogSource<'_>) -> bool {
        source.product.is_none_or(|product| self.product == product)
            && source.category.is_none_or(|category| self.categories.contains(&category))
            && source.service.is_none_or(|service| self.services.contains(&service))
    }

    /// Whether no event of this class ever has the field. A rule that excludes by such a field would match too much:
    /// it waits for another source of its events.
    #[must_use]
    pub fn never_has(&self, field: &str) -> bool {
        !self.known.is_empty()
            && !self.fields.knows(field)
            && !self.known.iter().any(|names| names.contains(&field))
    }

    /// Whether readers find events of this class by themselves; otherwise a source's configuration names it.
    #[must_use]
    pub const fn is_found(&self) -> bool {
        !matches!(self.picks, Picks::Configured)
    }

    fn word(&self, word: &str) -> bool {
        matches!(self.picks, Picks::Words(words) if words.iter().any(|own| own.eq_ignore_ascii_case(word)))
    }

    fn members(&self, slots: &Slots<'_>) -> bool {
        let Picks::Members(sets) = self.picks else { return false };
        sets.iter().any(|set| set.iter().all(|test| test.passes(slots)))
    }
}

impl Test {
    fn passes(&self, slots: &Slots<'_>) -> bool {
        let (Self::Has(path) | Self::Is(path, _)) = self;
        let found = match path.split_once('.') {
            Some((head, tail)) if !slots.has(path) => {
                let value = slots
                    .object(head)
                    .and_then(|head| tail.split('.').try_fold(head, |value, name| value.get(name)));
                value.map(|value| crate::slot::scalar(value).unwrap_or_default())
            }
            _ => slots.get(path).map(|_| slots.string(path).unwrap_or_default()),
        };
        match self {
            Self::Has(_) => found.is_some(),
            Self::Is(_, words) => {
                found.is_some_and(|found| words.iter().any(|word| found.eq_ignore_ascii_case(word)))
            }
        }
    }
}

/// What a record is of which nothing is known.
pub(crate) static GENERIC: Class =
    Class::new(0, "records of any kind", "").sights(&[crate::observables::COMMON]);

/// Every class, by table.
pub fn classes() -> impl Iterator<Item = &'static Class> {
    let generic: &'static [Class] = std::slice::from_ref(&GENERIC);
    let single = [&network::ACCESS_LOG, &network::PROXY_LOG, &unix::AUTH, &unix::AUDIT];
    let single = single.map(std::slice::from_ref::<Class>);
    let tables = [generic].into_iter().chain(windows::tables()).chain(single).chain([
        network::EVE,
        zeek::STREAMS,
        devices::DEVICES,
        devices::CONFIGURED,
        unix::UNIX,
        unix::CONFIGURED,
        cloud::CLOUD,
    ]);
    tables.flatten()
}

/// What a Sigma rule says of where its events come from. An empty part is one it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogSource<'a> {
    /// Such as `windows`.
    pub product: Option<&'a str>,
    /// Such as `process_creation`.
    pub category: Option<&'a str>,
    /// Such as `sysmon`.
    pub service: Option<&'a str>,
}

/// Which events a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Events of these classes.
    Classes(Vec<ClassId>),
    /// No reader produces such events, and why.
    Nothing(&'static str),
    /// Nobody here knows this source; a configuration may have a class of its own for it.
    Unknown,
}

/// Log sources for which no reader has events: product, category, and why.
const NOTHING: &[(&str, &str, &str)] = &[
    (
        "windows",
        "file_access",
        "only the ETW provider Microsoft-Windows-Kernel-File tells of files that are read; no event log holds it",
    ),
    (
        "windows",
        "file_rename",
        "only the ETW provider Microsoft-Windows-Kernel-File tells of files that are renamed; no event log holds it",
    ),
];

/// The classes whose events a rule for this log source looks at.
#[must_use]
pub fn route(source: &LogSource<'_>) -> Route {
    if *source == LogSource::default() {
        return Route::Unknown;
    }
    let found: Vec<ClassId> = classes().filter(|class| class.answers(source)).map(|class| class.id).collect();
    if !found.is_empty() {
        return Route::Classes(found);
    }
    let nothing = NOTHING.iter().find(|(product, category, _)| {
        source.product == Some(*product) && source.category == Some(*category)
    });
    nothing.map_or(Route::Unknown, |(_, _, why)| Route::Nothing(why))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_unique_and_below_the_configurations_own() {
        let mut seen = BTreeSet::new();
        for class in classes() {
            assert!(seen.insert(class.id), "{} is used twice", class.id.number());
            assert!(class.id.number() < ClassId::OWN);
            assert_eq!(class.id.class().id, class.id);
        }
        assert_eq!(ClassId::own(3).class().id, ClassId::GENERIC);
    }

    #[test]
    fn no_class_is_picked_by_nothing() {
        for class in classes() {
            if let Picks::Words(words) = class.picks {
                assert!(!words.is_empty() && words.iter().all(|word| !word.is_empty()), "{}", class.name);
            }
        }
    }

    fn numbers(product: &'static str, category: &'static str, service: &'static str) -> Vec<u16> {
        let part = |text: &'static str| (!text.is_empty()).then_some(text);
        let source = LogSource { product: part(product), category: part(category), service: part(service) };
        match route(&source) {
            Route::Classes(ids) => ids.into_iter().map(ClassId::number).collect(),
            Route::Nothing(_) | Route::Unknown => Vec::new(),
        }
    }

    #[test]
    fn rules_go_where_their_events_are() {
        assert_eq!(numbers("windows", "process_creation", ""), [101, 200]);
        assert_eq!(numbers("windows", "registry_event", ""), [112, 113, 114]);
        assert_eq!(numbers("windows", "registry_set", ""), [113]);
        assert_eq!(numbers("windows", "file_delete", ""), [123, 126]);
        assert_eq!(numbers("windows", "", "security"), [200, 201, 202]);
        assert_eq!(numbers("linux", "process_creation", ""), [161, 540]);
        assert!(numbers("", "webserver", "").len() >= 3);
        assert!(numbers("", "proxy", "").len() >= 3);
        assert!(numbers("", "dns", "").len() >= 2);
    }

    #[test]
    fn what_nothing_produces_says_why() {
        let access = LogSource { product: Some("windows"), category: Some("file_access"), service: None };
        assert!(matches!(route(&access), Route::Nothing(why) if why.contains("Kernel-File")));
        assert_eq!(route(&LogSource::default()), Route::Unknown);
        let acme = LogSource { product: Some("acme"), ..LogSource::default() };
        assert_eq!(route(&acme), Route::Unknown);
    }

    #[test]
    fn a_class_knows_what_it_never_has() {
        let audit = ClassId::from_number(200).class();
        assert!(audit.never_has("OriginalFileName") && audit.never_has("ParentCommandLine"));
        assert!(!audit.never_has("Image") && !audit.never_has("CommandLine") && !audit.never_has("Computer"));
        let sysmon = ClassId::from_number(101).class();
        assert!(!sysmon.never_has("OriginalFileName") && sysmon.never_has("TargetFilename"));
        assert!(!GENERIC.never_has("anything"));
    }
}
