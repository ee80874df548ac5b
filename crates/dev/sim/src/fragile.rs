//! A store whose process may die between two commits.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ports::{Read, Store, StoreError, VerifyReport, WriteJob};

/// A store in front of another. Once its last commit is spent it refuses everything, as if the process were gone;
/// what was committed stays. [`Fragile::revive`] is the next start.
pub struct Fragile {
    inner: Box<dyn Store>,
    /// Commits until the process dies; `u64::MAX` for one that lives.
    left: AtomicU64,
    /// What somebody else does just before the next commit.
    before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Fragile {
    /// In front of `inner`, alive.
    #[must_use]
    pub fn new(inner: Box<dyn Store>) -> Self {
        Self { inner, left: AtomicU64::new(u64::MAX), before: Mutex::default() }
    }

    /// Has somebody else do something just before the next commit: what a race makes of it, every time.
    pub fn just_before(&self, deed: impl FnOnce() + Send + 'static) {
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(deed));
    }

    /// Dies after so many further commits; 0 is at once.
    pub fn die_after(&self, commits: u64) {
        self.left.store(commits, Ordering::Relaxed);
    }

    /// Whether it refuses everything now.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Whether it is dead, or about to die.
    #[must_use]
    pub fn is_dying(&self) -> bool {
        self.left.load(Ordering::Relaxed) != u64::MAX
    }

    /// The process starts again on what was committed.
    pub fn revive(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.is_dead() { Err(StoreError::Engine("the process is gone".to_owned())) } else { Ok(()) }
    }
}

impl Store for Fragile {
    fn write(&self, job: WriteJob<'_>) -> Result<(), StoreError> {
        self.alive()?;
        let deed = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(deed) = deed {
            deed();
        }
        self.inner.write(job)?;
        let left = self.left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        }
        Ok(())
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        self.alive()?;
        self.inner.read()
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.alive()?;
        self.inner.backup(to)
    }

    fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.alive()?;
        self.inner.verify()
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.alive()?;
        self.inner.scrub()
    }
}
