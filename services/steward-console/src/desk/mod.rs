//! What a steward does, by page or by command: list the open cases, look at one, decide it.

mod action;
mod chain;
mod claim;
mod decide;
mod decision_row;
mod held;
mod identity_row;
mod list_cases;
mod on_desk;
mod open;
mod proposal;
mod rank;
mod record_due;
mod reverse;
pub(crate) mod sheet;
mod show_case;
mod shown_record;
#[cfg(test)]
pub(crate) mod synthetic;
mod trail;
mod who_decided;

pub use action::{Action, Question, RuleAction};
pub(crate) use action::{kinds_for, moves_persons};
pub use claim::{Claim, claim, release};
pub use decide::{DecideError, DecideRequest, Decided, command_actor, decide};
pub use decision_row::DecisionRow;
pub use held::{HeldDecision, undo};
pub use identity_row::IdentityRow;
pub(crate) use list_cases::is_case_id;
pub use list_cases::{CaseLine, CaseList, PageRequest, cursor_text, list_cases, parse_cursor};
pub use open::{Desk, DeskError};
pub(crate) use proposal::pending_of as pending;
pub use proposal::{Proposal, ProposalEnd, end_proposal};
pub use record_due::record_due;
pub use reverse::{ReverseRequest, reverse};
pub use sheet::{CaseSheet, NotTakeable, PersonLine, RecordedDecision, ReportLine, Statement};
pub use show_case::{closed_case, show_case};
pub use shown_record::ShownRecord;
pub use trail::{TrailEntry, UndoWindow, case_trail};
pub use who_decided::{WhoDecided, who_decided};
