//! What a steward does, by page or by command: list the open cases, look at one, decide it.

mod decide;
mod decision_row;
mod list_cases;
mod open;
mod rank;
pub(crate) mod sheet;
mod show_case;
#[cfg(test)]
pub(crate) mod synthetic;

pub use decide::{DecideError, DecideRequest, command_actor, decide};
pub use decision_row::DecisionRow;
pub(crate) use list_cases::is_case_id;
pub use list_cases::{CaseLine, CaseList, PageRequest, cursor_text, list_cases, parse_cursor};
pub use open::{Desk, DeskError};
pub use sheet::{CaseSheet, NotTakeable, PersonLine, RecordedDecision, Statement};
pub use show_case::show_case;
