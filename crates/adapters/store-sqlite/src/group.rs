//! Group commit without a writer thread: whoever holds the seat runs its own job; the last one of a group commits.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ports::StoreError;
use rusqlite::Connection;

use crate::error::Fault;
use crate::tx::{Cache, SqliteTx};

/// The writing side of a store.
#[derive(Debug)]
pub(crate) struct Writer {
    seat: Mutex<Seat>,
    /// Callers on their way to the seat. Whoever sees one may leave the transaction open for it to commit.
    waiting: AtomicUsize,
    limit: usize,
    path: Option<PathBuf>,
}

/// The connection and the transaction that may be open on it.
#[derive(Debug)]
struct Seat {
    connection: Connection,
    cache: Cache,
    open: Option<Arc<Group>>,
    /// Jobs in the open transaction that succeeded.
    members: usize,
    /// The engine's number for what others have written.
    seen: i64,
}

/// Jobs that share one commit, and what became of it.
#[derive(Debug, Default)]
struct Group {
    outcome: Mutex<Option<Result<(), StoreError>>>,
    decided: Condvar,
}

impl Writer {
    pub(crate) fn new(connection: Connection, limit: usize, path: Option<PathBuf>) -> Self {
        let seat = Seat { connection, cache: Cache::default(), open: None, members: 0, seen: 0 };
        Self { seat: Mutex::new(seat), waiting: AtomicUsize::new(0), limit, path }
    }

    /// Where the store is, unless in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Runs the job in a savepoint and returns after the commit that holds it.
    pub(crate) fn write(
        &self,
        job: impl FnOnce(&mut SqliteTx<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut seat = lock(&self.seat);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let group = seat.begin()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| seat.run(job)));
        // Everyone counted in `waiting` comes through here too, so an open transaction is always closed by someone.
        let successor = self.waiting.load(Ordering::SeqCst) > 0 && seat.members < self.limit;
        if !successor || seat.members == 0 {
            seat.close();
        }
        drop(seat);
        match outcome {
            Err(panic) => resume_unwind(panic),
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => group.wait(),
        }
    }

    /// Uses the connection between transactions.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        let mut seat = lock(&self.seat);
        seat.close();
        work(&seat.connection)
    }
}

impl Seat {
    /// Joins the open transaction, or begins one.
    fn begin(&mut self) -> Result<Arc<Group>, StoreError> {
        if let Some(group) = &self.open {
            return Ok(Arc::clone(group));
        }
        self.execute("BEGIN IMMEDIATE")?;
        if let Err(error) = self.notice_others() {
            self.fail(error.clone());
            return Err(error);
        }
        self.members = 0;
        let group = Arc::new(Group::default());
        self.open = Some(Arc::clone(&group));
        Ok(group)
    }

    /// Forgets what was looked up when someone else has written since: another process may have opened the file.
    fn notice_others(&mut self) -> Result<(), StoreError> {
        let read = || self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0));
        let seen = read().map_err(Fault::from)?;
        if self.seen != seen {
            self.seen = seen;
            self.cache.clear();
        }
        Ok(())
    }

    /// Runs one job; only its own effects are undone when it fails or panics.
    fn run(
        &mut self,
        job: impl FnOnce(&mut SqliteTx<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The first job has the transaction to itself: undoing it is undoing all, and a savepoint is not free.
        let alone = self.members == 0;
        if !alone {
            self.execute("SAVEPOINT job")?;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut tx = SqliteTx::new(&self.connection, &mut self.cache);
            job(&mut tx).and_then(|()| tx.finish())
        }));
        if matches!(outcome, Ok(Ok(()))) {
            if !alone {
                self.execute("RELEASE job")?;
            }
            self.members += 1;
            return Ok(());
        }
        self.cache.clear();
        if !alone
            && let Err(error) = self.execute("ROLLBACK TO job").and_then(|()| self.execute("RELEASE job"))
        {
            // The engine gave up the whole transaction (as it may when the disk is full), or cannot undo: all are lost.
            self.fail(error);
        }
        match outcome {
            Err(panic) => resume_unwind(panic),
            Ok(outcome) => outcome,
        }
    }

    /// Commits what is open and tells everyone in it.
    fn close(&mut self) {
        if self.open.is_none() {
            return;
        }
        if self.members == 0 {
            return self.fail(StoreError::Engine("no job of the group succeeded".to_owned()));
        }
        match self.execute("COMMIT") {
            Ok(()) => self.tell(Ok(())),
            Err(error) => self.fail(error),
        }
    }

    /// Undoes what is open and tells everyone in it why.
    fn fail(&mut self, error: StoreError) {
        self.cache.clear();
        if !self.connection.is_autocommit() {
            // Nothing more can be done if this fails: the next `BEGIN` will say so.
            let _ = self.execute("ROLLBACK");
        }
        self.tell(Err(error));
    }

    fn tell(&mut self, outcome: Result<(), StoreError>) {
        self.members = 0;
        if let Some(group) = self.open.take() {
            *lock(&group.outcome) = Some(outcome);
            group.decided.notify_all();
        }
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let run = || self.connection.prepare_cached(sql)?.execute([]);
        run().map(|_| ()).map_err(|error| Fault::from(error).into())
    }
}

impl Group {
    fn wait(&self) -> Result<(), StoreError> {
        let mut outcome = lock(&self.outcome);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.decided.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Jobs run under `catch_unwind`, so a poisoned lock guards nothing half-done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
