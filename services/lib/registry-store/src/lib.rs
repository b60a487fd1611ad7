//! The registry database: its schema, and every statement that reads or writes it, each beside the function that runs it.
//!
//! Functions take an open connection, so that the caller decides what is one transaction. They move whole batches in
//! arrays, in the order of their keys: few round trips, and two writers meet in the same order.

mod anchors;
mod audit;
mod case_list;
mod case_standing;
mod case_view;
mod cases;
mod database;
mod day;
mod decisions;
mod due;
mod error;
mod figures;
mod grants;
mod history;
mod history_page;
mod inquiry;
mod known;
mod latest;
mod link_history;
mod links;
mod load;
mod locks;
mod matching;
mod merging;
mod outbox;
mod person_pages;
mod persons;
mod positions;
mod rebuild;
mod record_place;
mod records_now;
mod register;
mod rehearse;
mod rule_sets;
mod rulings;
mod secrets;
mod show;
mod snapshots;
mod state;
mod versions;

pub use anchors::{Anchor, AnchorChange, change_anchors, insert_anchors, load_anchors, person_of_pin};
pub use audit::{
    FenceCounts, FenceMark, SourceCounts, TableDigest, counts_of_sources, fence_counts, fence_digests,
    mark_fences,
};
pub use case_list::{CaseView, list_cases, show_case};
pub use case_standing::CaseStanding;
pub use case_view::{
    CaseCursor, CaseFacts, CaseFilter, CaseHead, OpenCase, case_facts, case_head, grant_case_view,
    open_cases, open_cases_of,
};
pub use cases::{
    CaseRow, StoredCase, case_id, case_subject, fingerprint_key, load_cases, read_subject, write_cases,
};
pub use database::{connect, migrate};
pub use day::{
    Present, activate_rules, begin_present, catalogue_of, ensure_rules, keep_rules, open_day, present,
    present_at, present_while_loading, try_lease,
};
pub use decisions::{decisions_naming, keep_decisions, records_decided};
pub use due::{DueReason, add_due, replace_dates, take_due};
pub use error::StoreError;
pub use figures::{CaseFigure, Figures, QuarantineFigure, UNREADABLE, figures};
pub use grants::{grant_to_capture, grant_to_console, grant_to_reconciler};
pub use history::{HistoryEntry, RecordHistory, VersionPlace, person_history, record_history};
pub use history_page::{HISTORY_LIMIT, HistoryPage, HistoryPlace, Listed};
pub use inquiry::{Inquiry, Moment};
pub use known::{Found, Seeds, known_around};
pub use latest::{
    Attached, JudgedAnew, Latest, LatestRow, Moved, Sibling, latest_of, move_versions, offering, put_latest,
    reattach, source_keys_of_pins,
};
pub use link_history::{EntryPlace, LinkHistory, ScoredHistory, link_history, scored_link_history};
pub use links::{LinksFound, RecordLinks, recorded_links};
pub use load::{
    LoadSlice, LoadStage, RecordCounts, advance_stage, anchors_in_slice, declare_sources, finish_slice,
    pass_slice_on, persons_in_slice, record_counts, records_in_slice, source_ended, take_slice, waive_source,
};
pub use locks::{begin_attaching, begin_ruling, lock_keys, wait_briefly};
pub use matching::{
    LinkChange, MatchCounts, MatchPhase, MatchRecord, MatchRow, NewOver, Pending, ReviewPair, ScoredLink,
    add_again, add_pending, add_pending_of_placed, again_all, begin_matching, done_pending, end_links,
    end_reviews, keys_of_blocks, linked_to, match_candidates, match_counts, match_own, match_records,
    match_rows, match_state, movable_in, move_matching, open_reviews, put_links_scored, put_match_records,
    put_reviews, record_page, remove_match_records, resembling_at, reviews_of, scored_anchors, scored_around,
    scored_history, scored_links, scored_links_at, settle_all_over, settle_over, stop_matching, take_again,
    take_pending,
};
pub use merging::{
    AnchoredPerson, AttachedRecord, GroupRecord, PersonAnchor, RecordPerson, anchors_leading_to,
    persons_at_anchors, persons_of_records, records_at_anchors, records_of_groups,
};
pub use outbox::{OutboxRow, OutboxTable, put_outbox};
pub use person_pages::{PersonPage, PersonPages, state_hash_at};
pub use persons::{PersonRow, PersonWrite, image_hash, lock_persons, put_persons};
pub use positions::{
    ClaimedPosition, Outcomes, PositionRow, claim_positions, fence_positions, move_positions,
};
pub use rebuild::{
    KeptVersion, begin_recall, clear_derived, is_recalled, is_untouched, put_facts, recall_anchors,
    recall_persons, sessions_at_work, siblings_at, take_over_links, take_over_persons, versions_after,
};
pub use record_place::{AnchorMove, DecisionEffect, EffectQuestion, RecordPlace, decision_effect};
pub use records_now::records_now;
pub use register::{Together, close_register, entries_of, replace_entries};
pub use rehearse::{Rehearsed, rehearse};
pub use rule_sets::{KeptRules, kept_rules};
pub use rulings::{RulingChange, anchor_of_key, decisions_on, keep_rulings, key_of_anchor, subjects_ruled};
pub use secrets::{FamilySecrets, SecretView, family_secrets, note_secret_view, secrets_around};
pub use show::{FieldView, PersonView, RecordView, find_person, show_person};
pub use snapshots::{
    MissingRecord, Sweep, allow_sweep, finish_sweep, list_sweeps, mark_begin, mark_end, missing_records,
    open_sweeps, take_sweep, wait_for_operator,
};
pub use state::{MatcherAt, MatcherStanding, RegistryState, matcher_at, matcher_standing, registry_state};
pub use versions::{
    MarkerRow, Received, Unreadable, keep_former, keep_late_versions, keep_markers, keep_unreadable,
    keep_versions,
};
