//! Whose word is needed.

use std::collections::BTreeSet;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::text;

/// Somebody's yes. Whether the person holds the post, and said it, the caller has checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who: the same person by the same text, whatever posts they hold.
    pub person: String,
    /// As what: a name such as `DUTY_OFFICER`.
    pub post: String,
    /// When.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// The revision they read.
    pub revision: u32,
    /// Whether a signature shows who it was. Else it is the word of whoever was signed in, and a record that does not
    /// say is taken for that.
    #[serde(default)]
    pub proven: bool,
}

/// How many persons have to say yes, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRule {
    /// Different persons, at least.
    pub persons: usize,
    /// Posts that have to be among theirs.
    pub posts: Vec<String>,
    /// Whether the one who proposed counts as one of them.
    pub proposer_counts: bool,
    /// Whether only approvals count for which a signature shows who gave them.
    pub proven: bool,
}

impl Default for ApprovalRule {
    /// Two persons, one of them the duty officer, both by their signatures.
    fn default() -> Self {
        Self { persons: 2, posts: vec!["DUTY_OFFICER".to_owned()], proposer_counts: true, proven: true }
    }
}

impl ApprovalRule {
    /// Whether these approvals are enough for what this person proposed.
    #[must_use]
    pub fn is_met(&self, approvals: &[Approval], proposer: &str) -> bool {
        self.missing(approvals, proposer).is_empty()
    }

    /// What is still needed, in words; empty when nothing is.
    #[must_use]
    pub fn missing(&self, approvals: &[Approval], proposer: &str) -> Vec<String> {
        let counts = |approval: &&Approval| {
            (self.proposer_counts || approval.person != proposer) && (approval.proven || !self.proven)
        };
        let counted: Vec<&Approval> = approvals.iter().filter(counts).collect();
        let persons: BTreeSet<&str> = counted.iter().map(|approval| approval.person.as_str()).collect();
        let posts: BTreeSet<&str> = counted.iter().map(|approval| approval.post.as_str()).collect();
        let mut missing = Vec::new();
        // A rule that asks for nobody is read as one that asks for one person.
        let more = self.persons.max(1).saturating_sub(persons.len());
        if more > 0 {
            missing.push(format!("{more} more {}", if more == 1 { "person" } else { "persons" }));
        }
        let without = self.posts.iter().filter(|post| !posts.contains(post.as_str()));
        missing.extend(without.map(|post| format!("a person who holds {post}")));
        missing
    }
}
