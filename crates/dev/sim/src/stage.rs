//! What a run begins with: paired nodes and agreements in force. Making it takes most of the time, so it is made once
//! and copied for each run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agreement::templates;
use keys::window::DAY;
use model::{AgreementId, Digest, Tlp};
use ports::peer::{CallError, PeerHandler, Refusal, Topic};
use runtime::trust::{Peers, Proposed};

use crate::member::{Member, name};
use crate::problem::Problem;

/// An agreement as the simulation itself knows it.
#[derive(Debug, Clone)]
pub struct Pact {
    /// Its id.
    pub id: AgreementId,
    /// Its members, by place.
    pub members: Vec<usize>,
    /// The widest label that may flow under each version, by the version's hash.
    pub ceilings: BTreeMap<Digest, Tlp>,
    /// The newest version that was signed by all.
    pub version: Digest,
    /// That version's text.
    pub text: String,
    /// How many versions there were.
    pub number: u32,
    /// Whether what is TLP:CLEAR may be passed on under it.
    pub onward: bool,
}

/// Who has agreed on what with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Three nodes, three agreements of two: up to AMBER, GREEN and CLEAR.
    Triangle,
    /// Three nodes in a circle up to GREEN, two of which also have an agreement up to AMBER.
    Circle,
    /// Five nodes: a circle of four up to GREEN, two agreements up to AMBER, one of them with a node outside.
    Alliance,
    /// Seven nodes: a circle of five, and three agreements of two that reach the other two.
    Coalition,
}

struct Bond {
    members: &'static [usize],
    ceiling: Tlp,
}

impl Shape {
    /// How many nodes.
    #[must_use]
    pub const fn nodes(self) -> usize {
        match self {
            Self::Triangle | Self::Circle => 3,
            Self::Alliance => 5,
            Self::Coalition => 7,
        }
    }

    const fn bonds(self) -> &'static [Bond] {
        const fn bond(members: &'static [usize], ceiling: Tlp) -> Bond {
            Bond { members, ceiling }
        }
        match self {
            Self::Triangle => {
                &const { [bond(&[0, 1], Tlp::Amber), bond(&[1, 2], Tlp::Green), bond(&[0, 2], Tlp::Clear)] }
            }
            Self::Circle => &const { [bond(&[0, 1, 2], Tlp::Green), bond(&[0, 1], Tlp::Amber)] },
            Self::Alliance => {
                &const { [bond(&[0, 1, 2, 4], Tlp::Green), bond(&[0, 1], Tlp::Amber), bond(&[2, 3], Tlp::Amber)] }
            }
            Self::Coalition => {
                &const {
                    [
                        bond(&[0, 1, 2, 3, 6], Tlp::Green),
                        bond(&[0, 4], Tlp::Amber),
                        bond(&[1, 5], Tlp::Clear),
                        bond(&[4, 5], Tlp::Green),
                    ]
                }
            }
        }
    }
}

/// Nodes and agreements to begin with.
pub struct Stage {
    /// Who has agreed with whom.
    pub shape: Shape,
    /// The nodes.
    pub members: Vec<Member>,
    /// The agreements.
    pub pacts: Vec<Pact>,
    files: PathBuf,
    /// What the copies are called.
    name: String,
}

/// Countries, by place.
const COUNTRIES: [&str; 7] = ["EE", "FI", "LV", "LT", "PL", "SE", "DE"];

impl Stage {
    /// Founds, pairs, agrees. `files` is a folder for the copies.
    ///
    /// # Errors
    /// When any of it fails.
    pub fn build(shape: Shape, files: &Path) -> Result<Self, Problem> {
        let mut members = Vec::new();
        for (index, country) in COUNTRIES.iter().enumerate().take(shape.nodes()) {
            members.push(Member::found(index, 0, country)?);
        }
        for (at, a) in members.iter().enumerate() {
            for b in members.iter().skip(at + 1) {
                let bound = |bond: &Bond| bond.members.contains(&a.index) && bond.members.contains(&b.index);
                if shape.bonds().iter().any(bound) {
                    pair(a, b)?;
                    // What a node invites with follows from its clock: two invitations of one instant are one.
                    for member in &members {
                        member.clock.advance(1_000);
                    }
                }
            }
        }
        let mut pacts = Vec::new();
        for bond in shape.bonds() {
            let among: Vec<&Member> = bond.members.iter().filter_map(|place| members.get(*place)).collect();
            pacts.push(agree(&among, bond.ceiling)?);
        }
        let mut stage = Self { shape, members, pacts, files: files.to_owned(), name: String::new() };
        stage.keep("agreed")?;
        Ok(stage)
    }

    /// Keeps the nodes as they are now: copies begin here. `name` is new each time.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn keep(&mut self, name: &str) -> Result<(), Problem> {
        self.name = format!("{:?}-{name}", self.shape);
        for member in &self.members {
            member.core.store.backup(&self.file(member.index))?;
        }
        Ok(())
    }

    fn file(&self, index: usize) -> PathBuf {
        self.files.join(format!("{}-{index}.db", self.name))
    }

    /// A copy of every node, in files below `folder`.
    ///
    /// # Errors
    /// When the files cannot be copied or opened.
    pub fn copy(&self, folder: &Path, seed: u64) -> Result<Vec<Member>, Problem> {
        let mut copies = Vec::new();
        for member in &self.members {
            let path = folder.join(format!("{seed}-{}.db", member.index));
            std::fs::copy(self.file(member.index), &path)?;
            copies.push(member.open(&path, seed)?);
        }
        Ok(copies)
    }
}

/// Pairs two nodes, words and all.
///
/// # Errors
/// When either refuses.
pub fn pair(a: &Member, b: &Member) -> Result<(), Problem> {
    let (ours, theirs) = (name(b.index), name(a.index));
    let invitation = a.core.invite(None, DAY)?;
    let accepted = b.core.accept_invitation(&invitation, Some(&theirs), None)?;
    let opened = a.core.take_acceptance(&accepted.answer, Some(&ours))?;
    b.core.take_opening(&opened.answer)?;
    let words = a.core.pairing(&ours)?.words.ok_or_else(|| Problem::new("there are no words to compare"))?;
    let words = words.join(" ");
    a.core.confirm_peer(&ours, &words, "officer")?;
    b.core.confirm_peer(&theirs, &words, "officer")?;
    Ok(())
}

/// Carries calls between all of them until nobody has anything to say. What was refused is returned.
///
/// # Errors
/// When a node fails, or they never stop.
pub fn settle(members: &[&Member]) -> Result<Vec<(Topic, Refusal)>, Problem> {
    settle_heard(members, &mut |_, _, _, _| {})
}

/// What somebody who listens is told of each call: from whom, to whom, about what, and its body.
pub type Listener<'a> = dyn FnMut(usize, usize, Topic, &[u8]) + 'a;

/// As [`settle`], while somebody listens.
///
/// # Errors
/// As there.
pub fn settle_heard(members: &[&Member], heard: &mut Listener<'_>) -> Result<Vec<(Topic, Refusal)>, Problem> {
    let mut refused = Vec::new();
    for _ in 0..400 {
        let mut said = false;
        for from in members {
            from.work()?;
            for to in members.iter().filter(|to| to.index != from.index) {
                let Some(call) = from.core.next_call(to.party)? else { continue };
                heard(from.index, to.index, call.topic, &call.body);
                let answer = Peers(Arc::clone(&to.core)).answer(Some(from.party), call.topic, &call.body);
                if let Err(refusal) = &answer {
                    refused.push((call.topic, refusal.clone()));
                }
                from.core.answered(&call, answer.map_err(CallError::from))?;
                said = true;
            }
        }
        if !said {
            return Ok(refused);
        }
    }
    Err(Problem(format!("they never stop: {:?}", refused.last())))
}

/// Agrees among paired nodes on a text with this ceiling, and brings it into force.
///
/// # Errors
/// When it does not come into force everywhere.
pub fn agree(among: &[&Member], ceiling: Tlp) -> Result<Pact, Problem> {
    let circle = among.len() > 2;
    let text = text(among, ceiling)?;
    let Some(first) = among.first() else { return Err(Problem::new("nobody to agree")) };
    let proposed = first.core.propose(&text, "", "officer")?;
    sign_all(among, &proposed)?;
    Ok(Pact {
        id: proposed.agreement,
        members: among.iter().map(|member| member.index).collect(),
        ceilings: [(proposed.version, ceiling)].into(),
        version: proposed.version,
        text,
        number: 1,
        onward: circle,
    })
}

/// Everyone signs what was put forward, and it comes into force.
///
/// # Errors
/// When it does not.
pub fn sign_all(among: &[&Member], proposed: &Proposed) -> Result<(), Problem> {
    settle(among)?;
    for member in among {
        member.sign(proposed)?;
        settle(among)?;
    }
    for member in among {
        let registry = member.core.registry()?;
        let state = registry.agreements.get(&proposed.agreement).map(|agreed| &agreed.state);
        let current = state.is_some_and(|state| {
            state.status == agreement::acts::Status::InForce && state.current == Some(proposed.version)
        });
        if !current {
            let told = state.map(|state| {
                format!("{} {:?} {:?} {:?}", state.status, state.reasons, state.refused, state.waiting)
            });
            return Err(Problem(format!("node {}: not in force: {told:?}", member.index)));
        }
    }
    Ok(())
}

/// The text of an agreement of two, or of a circle, up to a ceiling.
///
/// # Errors
/// When a template cannot be filled in.
pub fn text(among: &[&Member], ceiling: Tlp) -> Result<String, Problem> {
    let circle = among.len() > 2;
    let template = if circle { "tlp-community" } else { "bilateral-cert" };
    let known: Vec<_> = templates::template(template)?.places().iter().map(|place| place.name).collect();
    let mut values: BTreeMap<String, String> = [
        ("start", "2026-10-01"),
        ("review", "2027-04-01"),
        ("expiry", "2027-09-01"),
        ("basis_from", "2026-01-01"),
        ("basis_until", "2028-01-01"),
        ("officers", "1"),
        ("of", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    // More than half must sign a new text; here everyone does.
    values.insert("revise_quorum".to_owned(), among.len().to_string());
    for (letter, member) in ["a", "b", "c"].into_iter().zip(among) {
        for (what, value) in party(member)? {
            values.insert(format!("{letter}_{what}"), value);
        }
    }
    values.retain(|name, _| known.contains(&name.as_str()));
    let mut text = templates::instantiate(template, &values)?;
    // The template is for three; further members follow the same pattern.
    for member in among.iter().skip(3) {
        let mut block = String::from("[[party]]\n");
        for (what, value) in party(member)? {
            match what {
                "country" => block.push_str(&format!("jurisdiction = \"{value}\"\n")),
                "jurisdiction" => {}
                "identity" => block.push_str(&format!("identities = [\"{value}\"]\n")),
                what => block.push_str(&format!("{what} = \"{value}\"\n")),
            }
        }
        block.push_str(
            "role = \"controller\"\nposts = [\"release-officer\"]\nofficers = 1\nof = 1\n\n[[clause]]\n",
        );
        text = text.replacen("[[clause]]\n", &block, 1);
    }
    if circle { Ok(text) } else { Ok(with_ceiling(&text, Tlp::Amber, ceiling)) }
}

/// The same text with another ceiling on what flows in general.
#[must_use]
pub fn with_ceiling(text: &str, from: Tlp, to: Tlp) -> String {
    let line = |tlp: Tlp| format!("ceiling = {{ tlp = \"{}\", pap = \"amber\" }}", tlp.as_str());
    text.replace(&line(from), &line(to))
}

/// The text of the next version.
#[must_use]
pub fn next_version(pact: &Pact, text: &str) -> String {
    let later = format!(
        "version = {}\nagreement = \"{}\"\nprevious = \"{}\"\n",
        pact.number + 1,
        pact.id,
        pact.version
    );
    let kept: String = text
        .lines()
        .filter(|line| !line.starts_with("agreement = ") && !line.starts_with("previous = "))
        .map(|line| format!("{line}\n"))
        .collect();
    kept.replacen(&format!("version = {}\n", pact.number), &later, 1)
}

fn party(member: &Member) -> Result<Vec<(&'static str, String)>, Problem> {
    let history = member.core.own_history()?;
    let epoch = history.current(member.now()).map_err(Problem::new)?.key.id().to_string();
    Ok(vec![
        ("key", name(member.index)),
        ("name", format!("Node {}", member.index)),
        ("id", member.party.to_string()),
        ("epoch", epoch),
        ("country", history.country().to_owned()),
        ("jurisdiction", history.country().to_owned()),
        ("identity", member.identity.to_string()),
    ])
}
