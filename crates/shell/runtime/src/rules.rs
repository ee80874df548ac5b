//! The node's own rules: what this house gives to nobody whatever was agreed, what its own names and networks are, how
//! confidentiality labels of its alliance are read, and where its officers use passkeys. One TOML text, kept in
//! versions.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use ::keys::posts::Site;
use label::{Spif, Spifs};
use minimise::Detectors;
use model::{AgreementId, Digest, PartyId, Timestamp};
use policy::{CaveatEntry, Caveats};
use ports::trust::{Document, DocumentKind};
use ports::{Read, StoreError};
use serde::Deserialize;
use sha2::Digest as _;
use toml::Spanned;

use crate::core::{Core, CoreError};
use crate::detection::{ActuatorEntry, Containment, LeaseSettings};
use crate::trust::{Exposure, TrustError};

/// The longest text, in bytes: policies of an alliance are long.
const MAX_TEXT: usize = 8 << 20;
/// The most entries of one kind.
const MOST: usize = 256;

/// The rules in force on a node.
#[derive(Debug, Default)]
pub struct NodeRules {
    /// The text they were read from; empty where nobody has set any.
    pub text: String,
    /// What we give to nobody, whatever an agreement allows.
    pub caveats: Caveats,
    /// Our own names and networks, for the detectors that run before something leaves.
    pub detectors: Detectors,
    /// Policies that labels by STANAG 4774 are read with.
    pub spifs: Spifs,
    /// Where officers use passkeys: of a party, or ours.
    pub sites: Vec<(Option<PartyId>, Site)>,
    /// Hunts that run for others without asking a person each time.
    pub hunts: Vec<HuntApproval>,
    /// What statistics look at; nothing unless it is named.
    pub analytics: analytics::Config,
    /// What may be blocked with, and by whose word.
    pub containment: Containment,
}

/// A standing approval: questions of these parties, of these kinds and for these purposes run when they come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuntApproval {
    /// Parties by their ids.
    pub from: Vec<String>,
    /// Some of `hunt-values`, `hunt-pattern`, `hunt-sigma` and `impact`.
    pub kinds: Vec<String>,
    /// Purposes, as agreements name them.
    pub purposes: Vec<String>,
}

/// Kinds that a standing approval may name.
const HUNT_KINDS: [&str; 4] = ["hunt-values", "hunt-pattern", "hunt-sigma", "impact"];

/// What is the matter with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesProblem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and with what.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl std::fmt::Display for RulesProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}; {}", self.line, self.message, self.hint)
    }
}

/// What setting rules did.
#[derive(Debug)]
pub struct RulesSet {
    /// Whether the text differs from what was in force.
    pub changed: bool,
    /// What it newly exposes or withdraws, under each agreement in force.
    pub exposures: Vec<(AgreementId, Exposure)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    format: Spanned<String>,
    #[serde(default)]
    caveat: Vec<Spanned<CaveatEntry>>,
    #[serde(default)]
    detect: Detect,
    #[serde(default)]
    spif: Vec<Spanned<SpifEntry>>,
    #[serde(default)]
    passkeys: Vec<Spanned<Passkeys>>,
    #[serde(default)]
    hunt_approval: Vec<Spanned<HuntApproval>>,
    analytics: Option<Spanned<analytics::Config>>,
    #[serde(default)]
    actuator: Vec<Spanned<ActuatorEntry>>,
    containment: Option<Spanned<LeaseSettings>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detect {
    #[serde(default)]
    internal_names: Vec<Spanned<String>>,
    #[serde(default)]
    internal_networks: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpifEntry {
    #[serde(default)]
    home: bool,
    xml: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passkeys {
    party: Option<String>,
    relying_party: String,
    origins: Vec<String>,
}

impl NodeRules {
    /// What a text opens with.
    pub const FORMAT: &str = "shieldwall-rules/1";

    /// Reads rules; `docs/examples/rules.toml` shows everything that may stand in them.
    ///
    /// # Errors
    /// Every problem, with its line and what to do about it. Where the text is not TOML, that one alone.
    pub fn parse(text: &str) -> Result<Self, Vec<RulesProblem>> {
        let mut problems = Problems { text, found: Vec::new() };
        if text.len() > MAX_TEXT {
            problems.add(0..0, format!("{} bytes", text.len()), format!("at most {MAX_TEXT} are read"));
            return Err(problems.found);
        }
        let document: Entries = match toml::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                let message = error.message().to_owned();
                let hint = "docs/examples/rules.toml shows everything that may stand here";
                problems.add(error.span().unwrap_or(0..0), message, hint);
                return Err(problems.found);
            }
        };
        if document.format.get_ref() != Self::FORMAT {
            let message = format!("`{}` is not a format known here", document.format.get_ref());
            problems.add(document.format.span(), message, format!("write format = \"{}\"", Self::FORMAT));
        }
        let caveats = caveats(document.caveat, &mut problems);
        let detectors = detectors(&document.detect, &mut problems);
        let spifs = spifs(document.spif, &mut problems);
        let sites = sites(document.passkeys, &mut problems);
        let hunts = hunts(document.hunt_approval, &mut problems);
        let analytics = statistics(document.analytics, &mut problems);
        let containment = blocking(document.actuator, document.containment, &mut problems);
        if problems.found.is_empty() {
            Ok(Self {
                text: text.to_owned(),
                caveats,
                detectors,
                spifs,
                sites,
                hunts,
                analytics,
                containment,
            })
        } else {
            problems.found.sort_by_key(|problem| problem.line);
            Err(problems.found)
        }
    }
}

impl NodeRules {
    /// Whether a question of a party runs without asking a person.
    pub(crate) fn hunts_approved(&self, from: PartyId, kind: &str, purpose: &str) -> bool {
        let from = from.to_string();
        let has = |words: &[String], word: &str| words.iter().any(|known| known == word);
        self.hunts.iter().any(|approval| {
            has(&approval.from, &from) && has(&approval.kinds, kind) && has(&approval.purposes, purpose)
        })
    }
}

fn statistics(entry: Option<Spanned<analytics::Config>>, problems: &mut Problems<'_>) -> analytics::Config {
    let Some(entry) = entry else { return analytics::Config::default() };
    let at = entry.span();
    let config = entry.into_inner();
    if let Err(unfit) = analytics::Analytics::new(config.clone(), [0; 16]) {
        problems.add(at, unfit.to_string(), "docs/analytics.md lists every setting");
    }
    config
}

fn blocking(
    entries: Vec<Spanned<ActuatorEntry>>,
    settings: Option<Spanned<LeaseSettings>>,
    problems: &mut Problems<'_>,
) -> Containment {
    let mut actuators: Vec<ActuatorEntry> = Vec::new();
    for entry in problems.bounded("actuator", entries) {
        let (at, entry) = (entry.span(), entry.into_inner());
        if actuators.iter().any(|known| known.name == entry.name) {
            problems.add(
                at,
                format!("actuator `{}` stands twice", entry.name),
                "give each a name of its own",
            );
        } else {
            actuators.push(entry);
        }
    }
    let Some(settings) = settings else { return Containment { actuators, ..Containment::default() } };
    let (at, settings) = (settings.span(), settings.into_inner());
    if let Some((message, hint)) = settings.problem() {
        problems.add(at, message, hint);
    }
    Containment { actuators, settings }
}

fn hunts(entries: Vec<Spanned<HuntApproval>>, problems: &mut Problems<'_>) -> Vec<HuntApproval> {
    let mut approvals = Vec::new();
    for entry in problems.bounded("hunt_approval", entries) {
        let at = entry.span();
        let approval = entry.into_inner();
        if let Some(odd) = approval.kinds.iter().find(|kind| !HUNT_KINDS.contains(&kind.as_str())) {
            problems.add(
                at,
                format!("`{odd}` is no kind of hunt"),
                format!("use some of {}", HUNT_KINDS.join(", ")),
            );
        } else if let Some(odd) = approval.from.iter().find(|party| party.parse::<PartyId>().is_err()) {
            problems.add(
                at,
                format!("`{odd}` is no party's id"),
                "`shieldwall peer list` shows them".to_owned(),
            );
        } else {
            approvals.push(approval);
        }
    }
    approvals
}

struct Problems<'t> {
    text: &'t str,
    found: Vec<RulesProblem>,
}

impl Problems<'_> {
    fn add(&mut self, at: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        self.found.push(RulesProblem { line, message: message.into(), hint: hint.into() });
    }

    /// The entries, unless there are too many.
    fn bounded<T>(&mut self, what: &str, entries: Vec<Spanned<T>>) -> Vec<Spanned<T>> {
        match entries.get(MOST) {
            Some(first_beyond) => {
                let message = format!("{} entries of `{what}`", entries.len());
                self.add(first_beyond.span(), message, format!("at most {MOST} are read"));
                Vec::new()
            }
            None => entries,
        }
    }
}

fn caveats(entries: Vec<Spanned<CaveatEntry>>, problems: &mut Problems<'_>) -> Caveats {
    let last = entries.last().map_or(0..0, Spanned::span);
    let mut rules = Vec::new();
    for entry in problems.bounded("caveat", entries) {
        let at = entry.span();
        match entry.into_inner().read() {
            Ok(rule) => rules.push(rule),
            Err(error) => problems.add(at, error.0, "correct this `[[caveat]]`"),
        }
    }
    Caveats::compile(rules).unwrap_or_else(|error| {
        problems.add(last, error.0, "give each `[[caveat]]` an id of its own");
        Caveats::default()
    })
}

fn detectors(detect: &Detect, problems: &mut Problems<'_>) -> Detectors {
    let mut detectors = Detectors::default();
    for name in &detect.internal_names {
        let text = name.get_ref().trim_end_matches('.').to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if text.len() <= 253 && text.split('.').all(label) {
            detectors.internal_names.push(text);
        } else {
            problems.add(
                name.span(),
                format!("`{}` is not a domain", name.get_ref()),
                "write it like `corp.example`; names below it are meant too",
            );
        }
    }
    for network in &detect.internal_networks {
        match read_network(network.get_ref()) {
            Some(range) => detectors.internal_ranges.push(range),
            None => problems.add(
                network.span(),
                format!("`{}` is not a network", network.get_ref()),
                "write its first address and its length, like `10.0.0.0/8` or `fd00::/8`",
            ),
        }
    }
    detectors
}

/// `address/length`, with nothing set beyond the length.
fn read_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let host_bits_unset = match address {
        IpAddr::V4(four) => length <= 32 && u32::from(four).checked_shl(u32::from(length)).unwrap_or(0) == 0,
        IpAddr::V6(six) => length <= 128 && u128::from(six).checked_shl(u32::from(length)).unwrap_or(0) == 0,
    };
    host_bits_unset.then_some((address, length))
}

fn spifs(entries: Vec<Spanned<SpifEntry>>, problems: &mut Problems<'_>) -> Spifs {
    let mut spifs = Spifs::NONE;
    let mut home = false;
    for entry in problems.bounded("spif", entries) {
        let (at, entry) = (entry.span(), entry.into_inner());
        match Spif::parse(&entry.xml) {
            Ok(spif) if spifs.get(spif.id()).is_some() => {
                problems.add(at, format!("policy `{}` stands twice", spif.name()), "keep one of them");
            }
            Ok(_) if entry.home && home => {
                problems.add(at, "a second home policy", "say `home = true` of one policy at most");
            }
            Ok(spif) if entry.home => {
                home = true;
                spifs = spifs.with_home(spif);
            }
            Ok(spif) => spifs = spifs.with(spif),
            Err(error) => problems.add(
                at,
                format!("the policy cannot be applied: {error}"),
                "ask its authority for an XML SPIF without that, or leave it out: labels under it are then nobody's",
            ),
        }
    }
    spifs
}

fn sites(entries: Vec<Spanned<Passkeys>>, problems: &mut Problems<'_>) -> Vec<(Option<PartyId>, Site)> {
    let mut sites: Vec<(Option<PartyId>, Site)> = Vec::new();
    for entry in problems.bounded("passkeys", entries) {
        let (at, entry) = (entry.span(), entry.into_inner());
        let party = match entry.party.as_deref().map(str::parse::<PartyId>).transpose() {
            Ok(party) => party,
            Err(error) => {
                problems.add(at, format!("`party`: {error}"), "leave it out for our own officers");
                continue;
            }
        };
        // WebAuthn §5.1.2: the relying party id is the origin's host or a domain above it.
        let below = |origin: &String| {
            let host = origin.strip_prefix("https://").and_then(|rest| rest.split(':').next());
            host.is_some_and(|host| {
                !host.contains('/')
                    && host
                        .strip_suffix(entry.relying_party.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        };
        if entry.relying_party.is_empty() || entry.origins.is_empty() || !entry.origins.iter().all(below) {
            problems.add(
                at,
                "an origin is not an https page of the relying party",
                "write origins like `https://node.example`, each with the host `relying_party` or one below it",
            );
        } else if sites.iter().any(|(known, _)| *known == party) {
            problems.add(at, "the same party stands twice", "list all its origins in one `[[passkeys]]`");
        } else {
            sites.push((party, Site { relying_party: entry.relying_party, origins: entry.origins }));
        }
    }
    sites
}

/// The rules in force, where everyone who asks finds the same ones.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shelf(Arc<RwLock<Arc<NodeRules>>>);

impl Shelf {
    pub(crate) fn get(&self) -> Arc<NodeRules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, rules: NodeRules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The newest rules that were kept.
    ///
    /// # Errors
    /// [`CoreError::Rules`] where they cannot be read: a node does not go on without its rules.
    pub(crate) fn load(read: &dyn Read, tenant: model::Tenant) -> Result<Self, CoreError> {
        let shelf = Self::default();
        if let Some(kept) = newest(read, tenant)? {
            let rules = NodeRules::parse(&kept.text);
            let first = |problems: Vec<RulesProblem>| problems.first().map(ToString::to_string);
            shelf.put(rules.map_err(|problems| CoreError::Rules(first(problems).unwrap_or_default()))?);
        }
        Ok(shelf)
    }
}

/// The version in force.
fn newest(read: &dyn Read, tenant: model::Tenant) -> Result<Option<Document>, StoreError> {
    const PAGE: usize = 16;
    let (mut after, mut newest) = (0, None);
    loop {
        let page = read.documents(tenant, DocumentKind::NodeRules, None, after, PAGE)?;
        let full = page.len() == PAGE;
        if let Some(last) = page.into_iter().next_back() {
            after = last.number;
            newest = Some(last);
        }
        if !full {
            return Ok(newest);
        }
    }
}

/// What a version is kept under: it names the one before it, so that a text may come back.
fn version_hash(before: Digest, text: &str) -> Digest {
    let mut hash = sha2::Sha256::new();
    hash.update(b"shieldwall/node-rules/v1\0");
    hash.update(before.0);
    hash.update(text.as_bytes());
    Digest(hash.finalize().into())
}

impl Core {
    /// The node's own rules.
    #[must_use]
    pub fn rules(&self) -> Arc<NodeRules> {
        self.rules.get()
    }

    /// What a text would newly expose or withdraw, under each agreement in force, by replay over what we hold.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with every problem of the text.
    pub fn rules_exposure(
        &self,
        text: &str,
        list: usize,
    ) -> Result<Vec<(AgreementId, Exposure)>, TrustError> {
        let rules = NodeRules::parse(text).map_err(refusal)?;
        self.exposures(&rules, list)
    }

    fn exposures(&self, rules: &NodeRules, list: usize) -> Result<Vec<(AgreementId, Exposure)>, TrustError> {
        if self.trust().is_none() {
            return Ok(Vec::new());
        }
        let registry = self.registry()?;
        registry
            .in_force()
            .map(|(agreement, force)| {
                Ok((agreement, self.compare_rules(&force.policy, &rules.caveats, list)?))
            })
            .collect()
    }

    /// Sets the node's own rules. They hold at once: what is queued is decided on again, what was refused may go, and
    /// what may be had no longer is taken back.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with every problem of the text; nothing was changed then.
    pub fn set_rules(&self, text: &str, author: &str, reason: &str) -> Result<RulesSet, TrustError> {
        let rules = NodeRules::parse(text).map_err(refusal)?;
        self.check_actuators(&rules)?;
        // No decision falls between the old rules and the new ones.
        let _turn = self.trust().map(|trust| trust.turn());
        let tenant = self.scope.tenant;
        let before = newest(&*self.store.read()?, tenant)?;
        if before.as_ref().is_some_and(|kept| kept.text == text) {
            return Ok(RulesSet { changed: false, exposures: Vec::new() });
        }
        let hash = version_hash(before.map_or(Digest::ZERO, |kept| kept.hash), text);
        let exposures = self.exposures(&rules, crate::trust::LISTED)?;
        let cursors = self.release_cursors()?;
        let now = self.clock.now();
        self.store.transact(|tx| {
            tx.add_document(tenant, now, DocumentKind::NodeRules, Digest::ZERO, hash, text)?;
            tx.audit(tenant, now, author, "rules.set", &hash.short(), reason)?;
            for cursor in &cursors {
                tx.remove_cursor(tenant, cursor)?;
            }
            for (agreement, exposure) in &exposures {
                self.book_rules(tx, *agreement, exposure, hash, now)?;
            }
            Ok(())
        })?;
        self.rules.put(rules);
        self.registry_changed();
        Ok(RulesSet { changed: true, exposures })
    }

    /// When the rules in force were set, and under which hash; `None` where nobody has set any.
    ///
    /// # Errors
    /// When the store fails.
    pub fn rules_version(&self) -> Result<Option<(Digest, Timestamp)>, TrustError> {
        Ok(newest(&*self.store.read()?, self.scope.tenant)?.map(|kept| (kept.hash, kept.at)))
    }
}

fn refusal(problems: Vec<RulesProblem>) -> TrustError {
    TrustError::Refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../docs/examples/rules.toml");

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let problems = NodeRules::parse(text).map(|_| ()).unwrap_err();
        let got: Vec<_> = problems.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
        assert_eq!(got.len(), expected.len(), "{problems:#?}");
        for ((line, says), (got_line, message)) in expected.iter().zip(got) {
            assert!(*line == got_line && message.contains(says), "line {line} `{says}`: {problems:#?}");
        }
        assert!(problems.iter().all(|problem| !problem.hint.is_empty()));
    }

    #[test]
    fn the_example_in_the_documentation_is_one() {
        let rules = NodeRules::parse(EXAMPLE).unwrap();
        let names: Vec<_> = rules.caveats.rules().iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(names, ["personal-data-abroad", "red-stays-here"]);
        assert_eq!(rules.detectors.internal_names, ["corp.example"]);
        assert_eq!(rules.detectors.internal_ranges.len(), 2);
        assert!(rules.spifs.get("1.3.6.1.4.1.99999.1").is_some());
        assert_eq!(rules.sites[0].1.origins, ["https://node.example"]);
        assert_eq!(rules.text, EXAMPLE);
        // Each part may be left out, and so may all of them.
        let none = NodeRules::parse("format = \"shieldwall-rules/1\"").unwrap();
        assert!(none.caveats.is_empty() && none.sites.is_empty() && none.spifs == Spifs::NONE);
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        check("", &[(1, "format")]);
        check("format = \"shieldwall-rules/2\"\n", &[(1, "shieldwall-rules/2")]);
        check("format = \"shieldwall-rules/1\"\n[detect\n", &[(2, "")]);
        // A misspelt word must not leave a rule out.
        check("format = \"shieldwall-rules/1\"\n\n[[caveats]]\nid = \"a\"\n", &[(3, "caveats")]);
        check(
            "format = \"shieldwall-rules/1\"\n[[caveat]]\nid = \"a\"\nreason = \"r\"\nto_nation = [\"EST\"]\n",
            &[(5, "to_nation")],
        );
        check(
            r#"format = "shieldwall-rules/1"

[[caveat]]
id = "A"
reason = "r"

[[caveat]]
id = "b"
reason = "r"
to_nations = ["XYZ"]

[detect]
internal_names = ["corp.example", "corp example"]
internal_networks = [
  "10.0.0.0/8",
  "10.0.0.1/8",
  "::/129",
  "10.0.0.0",
]

[[passkeys]]
relying_party = "node.example"
origins = ["https://node.example.org"]

[[spif]]
xml = "<SPIF/>"
"#,
            &[
                (3, "1 to 64"),
                (7, "XYZ"),
                (13, "corp example"),
                (16, "10.0.0.1/8"),
                (17, "::/129"),
                (18, "10.0.0.0"),
                (21, "origin"),
                (25, "cannot be applied"),
            ],
        );
    }

    #[test]
    fn nothing_stands_twice() {
        let caveat = "[[caveat]]\nid = \"a\"\nreason = \"r\"\n";
        check(&format!("format = \"shieldwall-rules/1\"\n{caveat}{caveat}"), &[(5, "caveat/a")]);
        let site = "[[passkeys]]\nrelying_party = \"n.example\"\norigins = [\"https://n.example\"]\n";
        check(&format!("format = \"shieldwall-rules/1\"\n{site}{site}"), &[(5, "twice")]);
    }

    #[test]
    fn an_origin_is_a_page_of_its_relying_party() {
        let site = |origin: &str| {
            format!(
                "format = \"shieldwall-rules/1\"\n[[passkeys]]\nrelying_party = \"n.example\"\norigins = [\"{origin}\"]\n"
            )
        };
        for good in ["https://n.example", "https://n.example:8443", "https://a.n.example"] {
            assert!(NodeRules::parse(&site(good)).is_ok(), "{good}");
        }
        for bad in
            ["http://n.example", "https://xn.example", "https://n.example/x", "https://n.example.evil", ""]
        {
            assert!(NodeRules::parse(&site(bad)).is_err(), "{bad}");
        }
    }
}
