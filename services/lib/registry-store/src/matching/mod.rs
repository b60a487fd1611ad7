//! What the matcher reads and writes: rows that changed, what is compared of each record, links with their evidence, and
//! pairs for a human to look at.

mod links;
mod pending;
mod records;
mod reviews;
mod state;

pub use links::{
    LinkChange, ScoredLink, end_links, linked_to, put_links_scored, scored_anchors, scored_around,
    scored_history, scored_links, scored_links_at,
};
pub use pending::{
    Pending, add_again, add_pending, add_pending_of_placed, again_all, done_pending, take_again, take_pending,
};
pub use records::{
    MatchRecord, MatchRow, NewOver, keys_of_blocks, match_candidates, match_own, match_records, match_rows,
    movable_in, put_match_records, record_page, remove_match_records, settle_all_over, settle_over,
};
pub use reviews::{ReviewPair, end_reviews, open_reviews, put_reviews, resembling_at, reviews_of};
pub(crate) use state::is_swept;
pub use state::{
    MatchCounts, MatchPhase, begin_matching, match_counts, match_state, move_matching, stop_matching,
};
