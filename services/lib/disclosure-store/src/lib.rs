//! The disclosure database: agreements, person states, holdings, the ledger, deliveries and who sends them.
//!
//! Functions take a connection, so that the caller decides what is one transaction; each statement stands beside the
//! function that runs it, and works on whole batches. Laws kept here:
//! - agreements' versions and ledger entries are never changed, by anybody;
//! - a position moves only for the owner of its partition;
//! - an outcome is given once, and takes the payload with it.

mod agreements;
mod backfill;
mod business_day;
mod connect;
mod deliveries;
mod error;
mod grants;
mod holders;
mod holdings;
mod lanes;
mod ledger;
mod person_states;
mod positions;
mod questions;
mod reporters;
mod restore;
mod status;

pub use agreements::{
    AgreementListing, AgreementRow, ChangeError, agreements_in_use, change_state, document, fields_ever,
    import_agreement, list_agreements, permitted_fields,
};
pub use backfill::{
    Backfill, advance_backfill, complete_backfill, finish_backfill, open_backfills, pass_barrier, request_all,
};
pub use business_day::{business_date, open_day};
pub use connect::{connect, grant_dispatcher, migrate, schema_is_current};
pub use deliveries::{
    DeliveryKey, Event, NewDelivery, OpenDelivery, Outcome, Pending, Settlement, Standing, erase_content_of,
    has_open, insert_releases, mark_attempted, open_deliveries, park, pending, references_open, settle,
};
pub use error::StoreError;
pub use grants::grant_to_officer;
pub use holders::{HoldersQuestion, grant_to_stewards, holders_of};
pub use holdings::{HoldingRow, due_persons, holdings_of, write_holdings};
pub use lanes::{LaneKey, Lease, acquire, release_lane, renew};
pub use ledger::{NewEntry, references_known};
pub use person_states::{PersonState, lock_persons, person_page, persons_by_id, upsert_persons};
pub use positions::{Moving, StoredPosition, claim_positions, move_positions};
pub use reporters::{MayReport, grant_to_reconciler, may_report};
pub use restore::lift_after_restore;
pub use status::{OutcomeCounts, outcome_counts};
