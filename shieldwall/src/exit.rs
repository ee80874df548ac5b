//! How a command ends.

use std::fmt;
use std::process::ExitCode;

use crate::output;

/// The three ways to end, by what a script can do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Well,
    /// Done, but there are findings, or something was refused.
    Findings,
    /// The call, or what surrounds it (files, network, permissions), is at fault.
    Environment,
}

impl Exit {
    /// The number that a script sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Findings => 1,
            Self::Environment => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not be carried out, and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The call or its surroundings are at fault.
    pub fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, message: message.into(), hint: None }
    }

    /// The node understood and said no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { exit: Exit::Findings, ..Self::new(message) }
    }

    /// Names the remedy.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The remedy, if there is one to name.
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Prints it: a JSON object on standard output for machines, words on standard error for people.
    pub fn show(&self, json: bool) {
        if json {
            output::line(&serde_json::json!({"error": self.message, "hint": self.hint}));
        }
        output::error(&self.message, self.hint.as_deref());
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

macro_rules! from_error {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        }
    )*};
}

from_error!(
    ports::StoreError,
    runtime::CoreError,
    runtime::ImportError,
    serde_json::Error,
    hyper::Error,
    api::ServeError,
    axum::Error
);
