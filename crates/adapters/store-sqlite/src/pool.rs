//! A bounded number of read-only connections, opened when first needed.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use ports::StoreError;
use rusqlite::Connection;

use crate::Options;
use crate::group::lock;
use crate::schema;

/// Readers in waiting.
#[derive(Debug)]
pub(crate) struct Pool {
    path: PathBuf,
    options: Options,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(crate) fn new(path: PathBuf, options: Options) -> Self {
        Self { path, options, state: Mutex::default(), freed: Condvar::new() }
    }

    /// A connection to read on; [`StoreError::Busy`] when none becomes free in time.
    pub(crate) fn take(&self) -> Result<Connection, StoreError> {
        let state = lock(&self.state);
        let (mut state, _) = self
            .freed
            .wait_timeout_while(state, self.options.timeout, |state| {
                state.lent >= self.options.readers.max(1)
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.lent >= self.options.readers.max(1) {
            return Err(StoreError::Busy);
        }
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        match idle {
            Some(connection) => Ok(connection),
            None => schema::reader(&self.path, &self.options).map_err(|error| {
                self.returned(None);
                error.into()
            }),
        }
    }

    /// Ends a loan; a connection that is no longer sound is not given back.
    pub(crate) fn returned(&self, connection: Option<Connection>) {
        let mut state = lock(&self.state);
        state.lent = state.lent.saturating_sub(1);
        state.idle.extend(connection);
        drop(state);
        self.freed.notify_one();
    }
}
