//! The life of a node's keys: the next key kept elsewhere, ledgers signed by successive keys, lost keys, what opens them.

use std::path::Path;
use std::sync::Arc;

use keys::events::{Change, Roots};
use keys::{SecretKey, context};
use ports::{Clock, Ids, Store};
use runtime::trust::{Unlock, Vault, VaultError, key_beside, verify_report};
use runtime::{Core, Founding};
use shieldwall_sim::{DAWN, SimClock, SimIds};
use store_sqlite::SqliteStore;
use zeroize::Zeroizing;

struct Node {
    core: Core,
    clock: Arc<SimClock>,
    ids: Arc<SimIds>,
    store: Arc<dyn Store>,
    root: SecretKey,
    home: testkit::TempDir,
}

impl Node {
    fn new() -> Self {
        let clock = Arc::new(SimClock::default());
        clock.set(DAWN);
        let ids = Arc::new(SimIds::new(5));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::memory().unwrap());
        let founding = Founding { name: "Lighthouse".to_owned(), country: Some("EE".to_owned()) };
        let home = testkit::temp_dir();
        let core = Core::found(
            Arc::clone(&store),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::clone(&ids) as Arc<dyn Ids>,
            &founding,
        );
        let core = core.unwrap().in_dir(home.path().to_owned());
        let root = SecretKey::from_seed([9; 64]);
        let roots = Roots { keys: vec![root.public().clone()], threshold: 1 };
        let mut inception = core.begin_keys(roots, "t").unwrap();
        inception.add(context::KEY_EVENT, &root).unwrap();
        core.take_key_event(&inception, "t").unwrap();
        Self { core, clock, ids, store, root, home }
    }

    /// Starts again on its store and directory. Returns whether the keys were found.
    fn restart(&mut self) -> bool {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let core = Core::open(Arc::clone(&self.store), clock, Arc::clone(&self.ids) as Arc<dyn Ids>).unwrap();
        self.core = core.in_dir(self.home.path().to_owned());
        self.core.open_keys(self.core.vault().unwrap()).unwrap()
    }

    fn keys(&self) -> std::path::PathBuf {
        self.home.path().join("keys")
    }

    /// The file of the next epoch's key.
    fn next_file(&self) -> Option<std::path::PathBuf> {
        let names = std::fs::read_dir(self.keys()).unwrap().map(|entry| entry.unwrap().path());
        let mut next: Vec<_> = names.filter(|path| is_next(path)).collect();
        assert!(next.len() <= 1, "one key is to come: {next:?}");
        next.pop()
    }

    fn epoch(&self) -> keys::KeyId {
        self.core.own_history().unwrap().current(self.core.clock.now()).unwrap().key.id()
    }
}

fn is_next(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("next-"))
}

#[test]
fn the_next_key_lies_apart_and_is_asked_for_when_it_is_elsewhere() {
    let mut node = Node::new();
    let (first, file) = (node.epoch(), node.next_file().expect("made with the others"));
    let away = node.home.path().join("safe.sealed");
    std::fs::rename(&file, &away).unwrap();
    node.clock.advance(1_000);
    let missing = node.core.rotate().unwrap_err().to_string();
    assert!(missing.contains("--next-key FILE") && missing.contains("--new-next"), "{missing}");
    assert!(node.restart(), "the node runs without it");
    assert_eq!(node.epoch(), first);

    // Near the end of the epoch people are told, once.
    node.clock.advance(80 * 86_400_000_000);
    for _ in 0..3 {
        assert!(!node.core.renew_keys().unwrap());
    }
    let findings = node.store.read().unwrap().findings(node.core.scope, 0, 100).unwrap();
    let told: Vec<_> =
        findings.iter().filter(|row| format!("{row:?}").contains("shieldwall/next-key")).collect();
    assert_eq!(told.len(), 1, "{findings:?}");

    let wrong = node.core.rotate_keys(Some(b"{}"), "t").unwrap_err();
    assert!(!wrong.to_string().is_empty());
    let text = std::fs::read(&away).unwrap();
    let (_, kept) = node.core.rotate_keys(Some(&text), "t").unwrap();
    assert!(kept && node.epoch() != first);
    let second = node.next_file().expect("the key after the next");
    assert_ne!(second.file_name(), file.file_name());
    // The file of a key that has begun is of no use any more.
    node.clock.advance(1_000);
    std::fs::remove_file(&second).unwrap();
    let used = node.core.rotate_keys(Some(&text), "t").unwrap_err().to_string();
    assert!(used.contains("has committed to"), "{used}");

    // It is lost: the roots commit to another.
    let next = node.core.make_next_key("t").unwrap();
    let history = node.core.own_history().unwrap();
    let change = Change::Roots { roots: history.roots().clone(), next };
    let event = history.next_event(node.core.clock.now(), change).sign(&[&node.root]).unwrap();
    node.core.take_key_event(&event, "t").unwrap();
    node.clock.advance(1_000);
    node.core.rotate().unwrap();
    assert_eq!(node.epoch(), next);
    assert!(node.restart());
    assert_eq!(node.epoch(), next);
}

#[test]
fn a_report_holds_over_a_ledger_that_successive_keys_have_signed() {
    let node = Node::new();
    let verify = |made: &runtime::trust::MadeReport| {
        let history = node.core.own_history().unwrap().to_text();
        verify_report(made.file.as_bytes(), history.as_bytes(), &[], 0, node.core.clock.now()).unwrap()
    };
    let ledger = || {
        let history = node.core.own_history().unwrap();
        history.current(node.core.clock.now()).unwrap().ledger.clone()
    };
    let (first, before) = (node.core.report("t").unwrap(), ledger());
    assert!(verify(&first).holds(), "{:?}", verify(&first).problems);
    node.clock.advance(1_000);
    node.core.rotate().unwrap();
    assert_ne!(ledger(), before, "the ledger's key rotates with the epoch");
    node.clock.advance(1_000);
    let second = node.core.report("t").unwrap();
    assert!(verify(&second).holds(), "{:?}", verify(&second).problems);
    assert!(verify(&first).holds(), "what the old key signed is still proved: {:?}", verify(&first).problems);
}

#[test]
fn a_node_that_lost_its_keys_goes_on_as_the_same_party() {
    let mut node = Node::new();
    let (party, lost) = (node.core.own_history().unwrap().party(), node.epoch());
    assert!(node.core.prepare_recovery().unwrap_err().to_string().contains("has its keys"));
    std::fs::remove_dir_all(node.keys()).unwrap();
    node.clock.advance(1_000);
    assert!(!node.restart());
    // Making new keys would make another party, and is refused.
    let roots = Roots { keys: vec![node.root.public().clone()], threshold: 1 };
    assert!(node.core.begin_keys(roots, "t").is_err());
    let prepared = node.core.prepare_recovery().unwrap();
    assert!(node.core.recover(&prepared, "t").is_err(), "the roots have not signed");
    // Typed twice: the same keys.
    let mut prepared = node.core.prepare_recovery().unwrap();
    let commitment = prepared.commitment.as_mut().unwrap();
    commitment.add(context::KEY_EVENT, &node.root).unwrap();
    prepared.rotation.add(context::KEY_EVENT, &node.root).unwrap();
    assert_eq!(node.core.recover(&prepared, "t").unwrap(), party);
    assert_ne!(node.epoch(), lost);
    assert!(node.restart());
    node.clock.advance(1_000);
    node.core.rotate().unwrap();
    assert_eq!(node.core.own_history().unwrap().party(), party);
}

#[test]
fn what_opens_the_keys_is_changed_with_the_next_key() {
    let node = Node::new();
    let dir = node.home.path();
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    let vault = |text: Option<&str>| Vault::in_dir(dir, text.map(secret), &*node.ids).unwrap();
    let away = dir.join("safe.sealed");
    std::fs::rename(node.next_file().unwrap(), &away).unwrap();
    let new = || Unlock::Passphrase(secret("a longer one"));
    let missing = vault(None).reseal(new(), None, &*node.ids);
    assert!(matches!(missing, Err(VaultError::NextMissing { .. })), "nothing changes without the next key");
    assert!(vault(None).load().is_ok());
    vault(None).reseal(new(), Some(&away), &*node.ids).unwrap();
    assert!(matches!(vault(None).load(), Err(VaultError::Sealed { .. })));
    assert!(matches!(vault(Some("a wrong one")).load(), Err(VaultError::Sealed { .. })));
    let secrets = vault(Some("a longer one")).load().unwrap();
    let text = std::fs::read(&away).unwrap();
    assert_eq!(
        vault(Some("a longer one")).open_next(&text, secrets.next, "safe").unwrap().id(),
        secrets.next
    );
    let back = key_beside(dir, &*node.ids).unwrap();
    vault(Some("a longer one")).reseal(back, Some(&away), &*node.ids).unwrap();
    assert_eq!(vault(None).load().unwrap().key(), secrets.key());
}
