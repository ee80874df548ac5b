//! A node with real keys: its core, its clock, and the people who sign for it.

use std::path::Path;
use std::sync::Arc;

use agreement::acts::{Act, What, approval_text};
use keys::events::Roots;
use keys::posts::{Appointment, Approval, PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, PartyId, StixId, Timestamp};
use ports::{Clock, Ids, Store};
use runtime::trust::{Proposed, Secrets, TrustError, Vault};
use runtime::{Core, Founding, Piece, Summary};
use store_sqlite::{Options, SqliteStore};

use crate::chance::{SimClock, SimIds};
use crate::fragile::Fragile;
use crate::problem::Problem;

/// When every node begins: 2026-11-01.
pub const DAWN: i64 = 1_793_491_200_000_000;

/// A node of an alliance.
pub struct Member {
    /// Its place, which its officers' keys follow from.
    pub index: usize,
    /// The node.
    pub core: Arc<Core>,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its party.
    pub party: PartyId,
    /// Its organisation's identity.
    pub identity: StixId,
    /// Its store, which outlives the process.
    pub store: Arc<Fragile>,
    ids: Arc<SimIds>,
    secrets: Arc<Secrets>,
}

/// What a member is called by the others.
#[must_use]
pub fn name(index: usize) -> String {
    format!("node-{index}")
}

/// The key of a member's only officer: nothing else about an officer matters here.
#[must_use]
pub fn officer(index: usize) -> SecretKey {
    person(index, 101)
}

fn person(index: usize, sort: u8) -> SecretKey {
    SecretKey::from_seed([sort.wrapping_add(u8::try_from(index).unwrap_or(u8::MAX)); 64])
}

fn store(path: Option<&Path>) -> Result<Arc<Fragile>, Problem> {
    let inner = match path {
        None => SqliteStore::memory()?,
        // Losing what was not synced is what other tests are for: here a commit is a commit.
        Some(path) => {
            let small =
                Options { durable: false, cache_kib: 1024, reader_cache_kib: 256, ..Options::default() };
            SqliteStore::open(path, small)?
        }
    };
    Ok(Arc::new(Fragile::new(Box::new(inner))))
}

impl Member {
    /// Founds a node with keys and one release officer, its store in memory.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn found(index: usize, seed: u64, country: &str) -> Result<Self, Problem> {
        let clock = Arc::new(SimClock::default());
        clock.set(DAWN);
        let ids = Arc::new(SimIds::new(seed ^ (index as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d)));
        let store = store(None)?;
        let founding = Founding { name: format!("Node {index}"), country: Some(country.to_owned()) };
        let core = Core::found(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::clone(&ids) as Arc<dyn Ids>,
            &founding,
        )?;
        let (root, officer) = (person(index, 1), officer(index));
        let vault = Vault::memory();
        let roots = Roots { keys: vec![root.public().clone()], threshold: 1 };
        let mut inception = core.prepare_inception(&vault, roots)?;
        inception.add(context::KEY_EVENT, &root).map_err(Problem::new)?;
        let party = core.add_key_event(Some(vault), &inception)?;
        let now = clock.now();
        let appointment = Appointment {
            party,
            post: Post::ReleaseOfficer,
            person: format!("officer-{index}"),
            name: "An Officer".to_owned(),
            keys: vec![PersonKey::Hybrid(officer.public().clone())],
            window: Window { from: now, until: now.plus_micros(300 * DAY) },
            issued: now,
            deputy: None,
        };
        let signed =
            Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[&root]).map_err(Problem::new)?;
        core.add_appointment(&signed)?;
        let secrets = core.party()?.secrets();
        let identity = core.identity.clone();
        Ok(Self { index, core: Arc::new(core), clock, party, identity, store, ids, secrets })
    }

    /// Opens a copy of a node from a file that [`Store::backup`] wrote, with keys of its own in mind.
    ///
    /// # Errors
    /// When the file or the keys do not make that node.
    pub fn open(&self, path: &Path, seed: u64) -> Result<Self, Problem> {
        let clock = Arc::new(SimClock::default());
        clock.set(self.clock.now().as_micros());
        let ids = Arc::new(SimIds::new(seed ^ (self.index as u64 + 1).wrapping_mul(0x9e6c_63d0_876a_68ee)));
        let store = store(Some(path))?;
        let mut copy = Self {
            index: self.index,
            core: Arc::clone(&self.core),
            clock,
            party: self.party,
            identity: self.identity.clone(),
            store,
            ids,
            secrets: Arc::new(self.secrets()?.copy()),
        };
        copy.core = copy.start()?;
        Ok(copy)
    }

    /// Starts again on its store and its keys, with nothing else of what it knew.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn restart(&mut self) -> Result<(), Problem> {
        self.store.revive();
        self.secrets = self.secrets()?;
        self.core = self.start()?;
        Ok(())
    }

    /// Takes over another store, as a restored backup does.
    ///
    /// # Errors
    /// When it cannot start on it.
    pub fn restore(&mut self, path: &Path) -> Result<(), Problem> {
        self.secrets = self.secrets()?;
        self.store = store(Some(path))?;
        self.core = self.start()?;
        Ok(())
    }

    fn start(&self) -> Result<Arc<Core>, Problem> {
        let (clock, ids) = (Arc::clone(&self.clock) as Arc<dyn Clock>, Arc::clone(&self.ids) as Arc<dyn Ids>);
        let core = Core::open(Arc::clone(&self.store) as Arc<dyn Store>, clock, ids)?;
        // A vault goes with the core it was given to; what the file would hold is what the process had last saved.
        let vault = self.core.party()?.copy_vault(&*self.ids)?;
        vault.save(&self.secrets, &*self.ids)?;
        if core.open_keys(vault)? {
            Ok(Arc::new(core))
        } else {
            Err(Problem::new("the keys are not this node's"))
        }
    }

    /// The key of the epoch to come, which the node has and has told nobody.
    ///
    /// # Errors
    /// When it is not there.
    pub fn next_key(&self) -> Result<SecretKey, Problem> {
        let vault = self.core.party()?.copy_vault(&*self.ids)?;
        Ok(vault.next(self.secrets()?.next)?)
    }

    /// The node's secrets: what somebody who broke into it would have.
    ///
    /// # Errors
    /// While it has none.
    pub fn secrets(&self) -> Result<Arc<Secrets>, Problem> {
        Ok(self.core.party()?.secrets())
    }

    /// Its clock's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh UUID of the node's own.
    #[must_use]
    pub fn uuid(&self) -> model::Uuid {
        self.ids.uuid()
    }

    /// Random bytes of the node's own.
    #[must_use]
    pub fn random(&self) -> [u8; 32] {
        self.ids.random()
    }

    /// Takes in objects of the organisation's own.
    ///
    /// # Errors
    /// When the store fails.
    pub fn publish(&self, texts: &[&str]) -> Result<Summary, Problem> {
        let own = self.core.own_source()?;
        // A store in memory has one connection: what a transaction would look up anew is looked up before it.
        self.core.registry()?;
        let pieces: Vec<_> = texts.iter().map(|text| Piece::stix(text.as_bytes())).collect();
        Ok(self.core.ingest(&own, &pieces, &mut |_| {})?)
    }

    /// Courier files for somebody, which are kept where they can be carried from.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn pack(&self, to: PartyId, repeat: u64, cap: u64) -> Result<Vec<Vec<u8>>, TrustError> {
        let packed = self.core.courier_export(to, repeat, cap)?;
        self.core.courier_carried(to, &packed.carried)?;
        Ok(packed.files)
    }

    /// The text of the newest version of an object held here.
    ///
    /// # Errors
    /// When the store fails.
    pub fn text_of(&self, id: &StixId) -> Result<Option<String>, Problem> {
        Ok(self.core.store.read()?.object(self.core.scope, id, None)?.map(|stored| stored.raw))
    }

    /// The officer signs a version.
    ///
    /// # Errors
    /// When the node does not take the signature.
    pub fn sign(&self, proposed: &Proposed) -> Result<(), Problem> {
        let bytes = self.core.approval_bytes(proposed.agreement, proposed.version)?;
        let approval = Approval::sign(&officer(self.index), bytes.as_bytes());
        self.core.sign_agreement(proposed.agreement, proposed.version, vec![approval], "officer")?;
        Ok(())
    }

    /// The officer ends the node's own suspension of an agreement.
    ///
    /// # Errors
    /// When the act would not count.
    pub fn resume(&self, agreement: AgreementId) -> Result<(), Problem> {
        let registry = self.core.registry()?;
        let previous = registry
            .agreements
            .get(&agreement)
            .and_then(|agreed| agreed.state.heads.get(&self.party).copied());
        let act = Act {
            agreement: Some(agreement),
            party: self.party,
            previous,
            at: self.now(),
            reason: String::new(),
            what: What::Resume { approvals: Vec::new() },
        };
        let text = approval_text(&act, None).ok_or_else(|| Problem::new("nothing to approve"))?;
        let approvals = vec![Approval::sign(&officer(self.index), text.as_bytes())];
        self.core.act_on(agreement, What::Resume { approvals }, "", "officer")?;
        Ok(())
    }

    /// Does what the node does by itself, until nothing is left to do.
    ///
    /// # Errors
    /// When the store fails.
    pub fn work(&self) -> Result<(), Problem> {
        while self.core.release_step()? {}
        while self.core.deliver_step()? {}
        while self.core.retention_step()? {}
        while self.core.erasure_step()? {}
        self.core.notice_step()?;
        self.core.agreement_step()?;
        while self.core.deliver_step()? {}
        self.core.deadline_step()?;
        self.core.emergency_step()?;
        self.core.coming_step()?;
        self.core.quorum_step()?;
        self.core.checkpoint_step()?;
        Ok(())
    }
}
