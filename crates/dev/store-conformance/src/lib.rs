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

mod classes;
mod collections;
mod concurrency;
mod detection;
mod erasure;
mod fixture;
mod held;
mod journal;
mod ledger;
mod node;
mod objects;
mod parties;
mod search;
mod sharing;
mod streams;
mod trust_erasure;
mod work;

pub use classes::*;
pub use collections::*;
pub use concurrency::*;
pub use detection::*;
pub use erasure::*;
pub use fixture::{Fixture, sound};
pub use held::*;
pub use journal::*;
pub use ledger::*;
pub use node::*;
pub use objects::*;
pub use parties::*;
pub use search::*;
pub use sharing::*;
pub use streams::*;
pub use trust_erasure::*;
pub use work::*;

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
            narrowing_leaves_public, a_new_date_brings_a_version_again, widening_does_nothing, unknown_collections_are_missing,
            journal_is_gap_free_under_writers, failures_stay_alone, panics_stay_alone, readers_are_bounded_not_stuck,
            journal_tells_what_happened, cursors_expire_and_resynchronise,
            erased_is_gone, tombstones_outrank_replay, erasing_the_unknown_bars_it, references_survive_erasure,
            held_values_wait_for_a_decision, held_values_change_while_undecided, decisions_are_remembered,
            findings_are_kept, node_is_founded_once, sources_come_and_go, source_state_is_kept,
            accounts_and_tokens_are_unique, audit_is_appended, warning_lists_are_replaced, requests_are_worked_off,
            counts_count, search_follows_its_cursor, search_understands_people, search_keeps_to_its_scope,
            documents_are_kept_once, peers_are_unique, contacts_are_noted_alone, named_cursors_move_and_expire, private_queries_are_logged,
            private_queries_are_counted,
            naming_keys_are_each_tenants_own,
            leaves_come_back, hashes_above_tiles_are_kept, ledger_is_gap_free_under_writers, failed_jobs_leave_no_leaf, checkpoints_only_grow,
            outbox_keeps_the_order_of_queuing, outbox_waits_for_its_time, streams_stand_where_they_were_set,
            entries_continue_without_a_gap, segments_cover_places, epochs_are_apart, blanking_keeps_the_chain,
            blanking_one_entry_leaves_the_others,
            entries_are_applied_exactly_once, numbers_are_never_given_out_again,
            decisions_are_recorded, holdings_are_replaced_by_name, disclosures_show_who_still_has_it,
            withdrawn_names_stay_withdrawn, origins_vouch_for_versions, reviews_wait_once,
            rows_about_absent_versions_are_refused, parties_and_agreements_are_apart,
            classes_count_newest_versions, class_members_in_order_of_acceptance, old_versions_are_classified,
            classes_follow_whatever_happens, own_values_are_those_made_here,
            erasing_takes_the_name_out_of_what_was_shared, erasing_reaches_what_went_along,
            erasing_leaves_other_worlds_and_objects,
            erasing_takes_what_waits_for_a_decision, forgotten_objects_may_return,
            log_sources_come_and_go, log_state_is_kept, rule_texts_are_replaced,
            alerts_are_grouped, closed_alerts_open_again, alerts_are_filtered, pages_of_alerts_neither_skip_nor_repeat,
            full_counts_stay_full, rules_tell_when_they_fired, alerts_are_forgotten, alerts_keep_to_their_scope,
            work_is_asked_for_once, work_is_listed, work_falls_due, work_is_forgotten,
            erasing_takes_alerts_and_work, failed_jobs_leave_no_alert, odd_texts_are_kept,
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
