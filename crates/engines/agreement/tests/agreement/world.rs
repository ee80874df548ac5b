//! Organisations with keys and officers, and an agreement between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use keys::boxes::BoxSecretKey;
use keys::events::{Change, EpochTerms, Event, KeyHistory, Roots};
use keys::posts::{Appointment, Approval, PersonKey, Post, Roster, Site};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, PartyId, StixId, Timestamp};
use shieldwall_agreement::acts::{Act, Clock, Known, Record, State, What, approval_text};
use shieldwall_agreement::templates::{instantiate, template};
use shieldwall_agreement::{Party, Proposal, proposal};

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

pub(crate) fn time(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// When all keys begin.
pub(crate) fn dawn() -> Timestamp {
    time("2025-12-20")
}

#[derive(Clone)]
pub(crate) struct Org {
    pub(crate) letter: char,
    pub(crate) root: &'static SecretKey,
    pub(crate) epoch: &'static SecretKey,
    pub(crate) officers: &'static [SecretKey],
    pub(crate) history: KeyHistory,
    pub(crate) roster: Roster,
}

pub(crate) fn secret(name: &str) -> SecretKey {
    let mut seed = [0; 64];
    seed.iter_mut().zip(name.bytes().cycle()).for_each(|(slot, byte)| *slot = byte);
    seed[63] = name.len() as u8;
    SecretKey::from_seed(seed)
}

impl Org {
    fn new(letter: char, country: &str) -> Self {
        let key = |what: &str| secret(&format!("{letter} {what}"));
        let (root, epoch) = (&*Box::leak(Box::new(key("root"))), &*Box::leak(Box::new(key("epoch"))));
        let inception = Event {
            after: None,
            n: 0,
            created: dawn(),
            change: Change::Inception {
                name: format!("Organisation {letter}"),
                country: country.to_owned(),
                identities: BTreeSet::from([identity(letter)]),
                roots: Roots { keys: vec![root.public().clone()], threshold: 1 },
                epoch: EpochTerms {
                    key: epoch.public().clone(),
                    next: key("next").id(),
                    box_key: BoxSecretKey::from_seed([letter as u8; 32]).public(),
                    ledger: format!("{letter}+ledger"),
                    until: dawn().plus_micros(80 * DAY),
                },
            },
        };
        let history = KeyHistory::begin(&inception.sign(&[root, epoch]).unwrap(), dawn()).unwrap();
        let roster = Roster::new(history.party(), false);
        let officers = Vec::leak((1..=3).map(|number| key(&format!("officer {number}"))).collect());
        let mut org = Self { letter, root, epoch, officers, history, roster };
        for (number, person) in ["ada", "bea", "cyd"].into_iter().enumerate() {
            let key = org.officers[number].public().clone();
            org.appoint(person, Post::ReleaseOfficer, &[PersonKey::Hybrid(key)]);
        }
        org
    }

    pub(crate) fn id(&self) -> PartyId {
        self.history.party()
    }

    /// Appoints a person for a year from the beginning on.
    pub(crate) fn appoint(&mut self, person: &str, post: Post, keys: &[PersonKey]) -> Digest {
        let from = dawn();
        self.appoint_for(person, post, keys, Window { from, until: from.plus_micros(365 * DAY) })
    }

    pub(crate) fn appoint_for(
        &mut self,
        person: &str,
        post: Post,
        keys: &[PersonKey],
        window: Window,
    ) -> Digest {
        let appointment = Appointment {
            party: self.id(),
            post,
            person: person.to_owned(),
            name: person.to_owned(),
            keys: keys.to_vec(),
            window,
            issued: dawn(),
            deputy: None,
        };
        let signed = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[self.root]).unwrap();
        self.roster.apply(&signed, &self.history, dawn()).unwrap();
        signed.hash()
    }
}

pub(crate) fn identity(letter: char) -> StixId {
    format!("identity--00000000-0000-4000-8000-0000000000{:02x}", letter as u8).parse().unwrap()
}

/// A known state of affairs: parties, an agreement's text, the acts so far, and our clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) orgs: Vec<Org>,
    pub(crate) acts: Vec<Signed>,
    pub(crate) heads: BTreeMap<PartyId, Digest>,
    pub(crate) agreement: Option<AgreementId>,
    pub(crate) now: Timestamp,
}

pub(crate) const POLICY: Digest = Digest([0xcc; 32]);

impl World {
    pub(crate) fn new() -> Self {
        // Making keys is most of the work, so each organisation is made once.
        static ORGS: LazyLock<Vec<Org>> = LazyLock::new(|| {
            let orgs = [('a', "LV"), ('b', "EE"), ('c', "LT"), ('d', "FI")];
            orgs.into_iter().map(|(letter, country)| Org::new(letter, country)).collect()
        });
        let orgs = ORGS.clone();
        let now = time("2025-12-25");
        Self { orgs, acts: Vec::new(), heads: BTreeMap::new(), agreement: None, now }
    }

    pub(crate) fn id(&self, who: usize) -> PartyId {
        self.orgs[who].id()
    }

    /// Values for a template between `a`, `b` and, in circles, `c`.
    pub(crate) fn values(&self, name: &str) -> BTreeMap<String, String> {
        let mut values = crate::fixture::values(name);
        for org in &self.orgs {
            let letter = org.letter;
            for (what, value) in [
                ("id", org.id().to_string()),
                ("epoch", org.epoch.id().to_string()),
                ("identity", identity(letter).to_string()),
                ("key", letter.to_string()),
                ("country", org.history.country().to_owned()),
            ] {
                if let Some(slot) = values.get_mut(&format!("{letter}_{what}")) {
                    *slot = value;
                }
            }
        }
        if template(name).unwrap().places().iter().any(|place| place.name == "exercise") {
            values.insert("exercise".into(), "northern-lights".into());
        }
        values
    }

    pub(crate) fn text(&self, name: &str) -> String {
        instantiate(name, &self.values(name)).unwrap()
    }

    pub(crate) fn known<T>(&self, with: impl FnOnce(&Known<'_>) -> T) -> T {
        let histories = self.orgs.iter().map(|org| (org.id(), org.history.clone())).collect();
        let rosters = self.orgs.iter().map(|org| (org.id(), org.roster.clone())).collect();
        let sites: BTreeMap<PartyId, Site> = BTreeMap::new();
        with(&Known { histories: &histories, rosters: &rosters, sites: &sites })
    }

    pub(crate) fn record(&self) -> Record {
        self.known(|known| Record::of(self.agreement.unwrap(), &self.acts, known))
    }

    pub(crate) fn state(&self) -> State {
        self.record().at(self.now)
    }

    pub(crate) fn state_at(&self, clock: impl Into<Clock>) -> State {
        self.record().at(clock)
    }

    /// The next act of a party, not signed yet.
    pub(crate) fn draft(&self, who: usize, what: What) -> Act {
        Act {
            agreement: self.agreement,
            party: self.id(who),
            previous: self.heads.get(&self.id(who)).copied(),
            at: self.now,
            reason: String::new(),
            what,
        }
    }

    /// A party acts, and a minute passes.
    pub(crate) fn act(&mut self, who: usize, what: What) -> Digest {
        let act = self.draft(who, what);
        self.put(who, &act)
    }

    pub(crate) fn put(&mut self, who: usize, act: &Act) -> Digest {
        let signed = act.sign(self.orgs[who].epoch).unwrap();
        let hash = signed.hash();
        self.heads.insert(act.party, hash);
        self.acts.push(signed);
        self.now = self.now.plus_micros(MINUTE);
        hash
    }

    /// Two officers approve an act.
    pub(crate) fn approved(&self, who: usize, act: Act, proposal: Option<&Proposal>) -> Act {
        self.approved_by(&[&self.orgs[who].officers[0], &self.orgs[who].officers[1]], act, proposal)
    }

    pub(crate) fn approved_by(
        &self,
        officers: &[&SecretKey],
        mut act: Act,
        proposal: Option<&Proposal>,
    ) -> Act {
        let text = approval_text(&act, proposal).unwrap();
        let given: Vec<Approval> = officers.iter().map(|key| Approval::sign(key, text.as_bytes())).collect();
        match &mut act.what {
            What::Agree { approvals, .. }
            | What::Resume { approvals }
            | What::Join { approvals, .. }
            | What::Admit { approvals, .. } => *approvals = given,
            _ => panic!("nobody approves that"),
        }
        act
    }

    /// `a` offers a text.
    pub(crate) fn offer(&mut self, text: &str) -> Proposal {
        let proposal = proposal(&crate::fixture::parse(text), POLICY);
        self.agreement = Some(proposal.agreement());
        self.act(0, What::Offer { document: text.to_owned(), policy: POLICY, answers: None });
        proposal
    }

    /// A later text, made from an earlier one by replacing parts.
    pub(crate) fn later(&self, text: &str, previous: Digest, replace: &[(&str, &str)]) -> String {
        let number = crate::fixture::parse(text).version;
        let version = format!("version = {number}\n");
        assert!(text.contains(&version));
        let head = format!(
            "version = {}\nagreement = \"{}\"\nprevious = \"{previous}\"\n",
            number + 1,
            self.agreement.unwrap()
        );
        let text: String = text
            .lines()
            .filter(|line| !line.starts_with("agreement = ") && !line.starts_with("previous = "))
            .map(|line| format!("{line}\n"))
            .collect();
        let text = text.replacen(&version, &head, 1);
        replace.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from} is not in the text");
            text.replace(from, to)
        })
    }

    pub(crate) fn revise(&mut self, who: usize, text: &str) -> Proposal {
        let proposal = proposal(&crate::fixture::parse(text), POLICY);
        self.act(who, What::Revise { document: text.to_owned(), policy: POLICY });
        proposal
    }

    pub(crate) fn agree(&mut self, who: usize, proposal: &Proposal) -> Digest {
        let act = self.draft(who, What::Agree { version: proposal.hash(), approvals: Vec::new() });
        let act = self.approved(who, act, Some(proposal));
        self.put(who, &act)
    }

    pub(crate) fn resume(&mut self, who: usize) -> Digest {
        let act = self.draft(who, What::Resume { approvals: Vec::new() });
        let act = self.approved(who, act, None);
        self.put(who, &act)
    }

    /// Everyone does everything it takes.
    pub(crate) fn conclude(&mut self, parties: &[usize], proposal: &Proposal) {
        let version = proposal.hash();
        for who in parties {
            self.agree(*who, proposal);
        }
        for who in parties {
            self.act(*who, What::Verify { version });
        }
        for who in parties {
            self.act(*who, What::Enter { version });
        }
    }

    fn concluded(template: &str, parties: &[usize]) -> (Self, Proposal, String) {
        let mut world = Self::new();
        let text = world.text(template);
        let proposal = world.offer(&text);
        world.conclude(parties, &proposal);
        world.now = time("2026-01-10");
        (world, proposal, text)
    }

    /// An agreement of `a` and `b` that is in force.
    pub(crate) fn in_force() -> (Self, Proposal, String) {
        static MADE: LazyLock<(World, Proposal, String)> =
            LazyLock::new(|| World::concluded("bilateral-cert", &[0, 1]));
        MADE.clone()
    }

    /// A circle of `a`, `b` and `c` that is in force.
    pub(crate) fn circle() -> (Self, Proposal, String) {
        static MADE: LazyLock<(World, Proposal, String)> =
            LazyLock::new(|| World::concluded("isac-circle", &[0, 1, 2]));
        MADE.clone()
    }

    /// What a circle would know of a party.
    pub(crate) fn member(&self, who: usize) -> Party {
        let org = &self.orgs[who];
        Party {
            id: org.id(),
            key: org.letter.to_string(),
            name: format!("Organisation {}", org.letter),
            jurisdiction: "FIN".into(),
            role: shieldwall_agreement::Role::JointController,
            epoch: org.epoch.id(),
            identities: BTreeSet::from([identity(org.letter)]),
            posts: BTreeSet::from([Post::ReleaseOfficer]),
            officers: 2,
            of: 3,
        }
    }
}
