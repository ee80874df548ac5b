//! What an entry does to what is held.

use crate::stream::Kind;

/// What becomes of the holding that an entry names by its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldingChange {
    /// It begins.
    Begin,
    /// It goes on, with other content.
    Replace,
    /// It goes on, under the narrower of its labels; see [`crate::label_change`].
    Relabel,
    /// It ends: set a tombstone, erase the content and what was derived from it, answer with a receipt. Also where
    /// nothing was held: what comes later must find the tombstone.
    End,
    /// Nothing begins, since it was taken back before: tombstones outrank whatever comes after, in whichever epoch.
    /// Answer with a receipt, so that a sender that has forgotten learns of it.
    Suppress,
    /// Nothing: the entry is about no holding.
    Nothing,
}

/// Decides what an entry does, given whether its subject is held now, and whether it was ever taken back.
#[must_use]
pub const fn holding_change(kind: Kind, held: bool, tombstoned: bool) -> HoldingChange {
    match (kind, held, tombstoned) {
        (Kind::Withdraw, _, _) => HoldingChange::End,
        (Kind::Put | Kind::Supersede | Kind::Sighting, _, true) => HoldingChange::Suppress,
        (Kind::Put | Kind::Supersede | Kind::Sighting, true, false) => HoldingChange::Replace,
        (Kind::Put | Kind::Supersede | Kind::Sighting, false, false) => HoldingChange::Begin,
        (Kind::Relabel, true, false) => HoldingChange::Relabel,
        (Kind::Relabel, _, _) | (Kind::Agreement | Kind::Query | Kind::Receipt, _, _) => {
            HoldingChange::Nothing
        }
    }
}
