//! What any store must do, as test cases that run against [`dyn ports::Store`](ports::Store).
//!
//! ```ignore
//! fn with_store(case: &dyn Fn(&dyn Store)) { /* make an empty store, run the case on it */ }
//! store_conformance::suite!(with_store);
//! store_conformance::snapshots!(with_store);
//! ```
//!
//! **Invariant:** a case starts from an empty store, uses nothing but the port, and leaves a store that verifies clean.
//!
//! **Must not know:** any backend.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failure is a panic, and it says where"
)]

mod collections;
mod concurrency;
mod erasure;
mod fixture;
mod held;
mod journal;
mod node;
mod objects;
mod search;

pub use collections::*;
pub use concurrency::*;
pub use erasure::*;
pub use fixture::{Fixture, sound};
pub use held::*;
pub use journal::*;
pub use node::*;
pub use objects::*;
pub use search::*;

/// One `#[test]` per case, each run by `$with(case)` on an empty store.
#[macro_export]
macro_rules! suite {
    ($with:path) => {
        $crate::cases! { $with;
            put_and_get, versions_in_order, renditions_side_by_side, same_version_twice_is_refused,
            existing_tells_what_a_decision_needs, unversioned_objects_keep_recent_versions, raw_text_is_faithful,
            facets_filter, observables_follow_the_newest, edges_follow_the_newest, relationships_join_their_ends,
            tenants_and_worlds_are_apart, spellings_of_time_at_the_edges,
            dates_added_never_go_back, pages_neither_skip_nor_repeat, newer_versions_take_the_last_place,
            filters_select, enrolling_gives_a_new_date, what_is_no_longer_public_leaves, fuller_rendition_replaces_narrower, removal_is_local,
            narrowing_leaves_public, widening_does_nothing, unknown_collections_are_missing,
            journal_is_gap_free_under_writers, failures_stay_alone, panics_stay_alone, readers_are_bounded_not_stuck,
            journal_tells_what_happened, cursors_expire_and_resynchronise,
            erased_is_gone, tombstones_outrank_replay, erasing_the_unknown_bars_it, references_survive_erasure,
            held_values_wait_for_a_decision, held_values_change_while_undecided, decisions_are_remembered,
            findings_are_kept, node_is_founded_once, sources_come_and_go, source_state_is_kept,
            accounts_and_tokens_are_unique, audit_is_appended, warning_lists_are_replaced, requests_are_worked_off,
            counts_count, search_follows_its_cursor, search_understands_people, search_keeps_to_its_scope,
        }
    };
}

/// Cases for backends whose readers see snapshots.
#[macro_export]
macro_rules! snapshots {
    ($with:path) => {
        $crate::cases! { $with; a_read_is_one_instant }
    };
}

/// Expands a list of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($with:path; $($case:ident),* $(,)?) => {$(
        #[test]
        fn $case() {
            $with(&|store| {
                $crate::$case(store);
                $crate::sound(store);
            });
        }
    )*};
}
