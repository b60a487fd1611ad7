//! How a case stands, as people see it: its state, whom it waits for, and its clock.

use crate::StoreError;
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::CaseState;
use serde::Serialize;

/// How a case stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseStanding {
    /// Where it stands.
    pub state: CaseState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The source whose owner was asked, where it waits for one.
    pub waits_for: Option<String>,
    /// The decision that it waits by, or is looked into.
    pub by_decision: Option<String>,
    /// The business day on which it opened, or opened again.
    pub opened_on: Option<NaiveDate>,
    /// The last day of its clock (`schemas/calendar`); none where the calendar does not reach so far.
    pub due_on: Option<NaiveDate>,
    /// That day may still move: the year's holidays are not published.
    pub due_provisional: bool,
    /// The clock has run out, on the registry's business day.
    pub overdue: bool,
}

impl Default for CaseStanding {
    /// A case that nobody has decided anything about, without a clock.
    fn default() -> Self {
        Self {
            state: CaseState::New,
            since: DateTime::UNIX_EPOCH,
            waits_for: None,
            by_decision: None,
            opened_on: None,
            due_on: None,
            due_provisional: false,
            overdue: false,
        }
    }
}

/// The columns of [`CaseStanding`], for a table named `registry_case`.
macro_rules! standing_columns {
    () => {
        "state, state_since, waits_for, decisions, opened_on, due_on, due_provisional,
         coalesce(open and due_on < (select date from business_day), false) as overdue"
    };
}
pub(crate) use standing_columns;

#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct StandingColumns {
    pub(crate) state: String,
    pub(crate) state_since: DateTime<Utc>,
    pub(crate) waits_for: Option<String>,
    pub(crate) decisions: Vec<String>,
    pub(crate) opened_on: Option<NaiveDate>,
    pub(crate) due_on: Option<NaiveDate>,
    pub(crate) due_provisional: bool,
    pub(crate) overdue: bool,
}

impl StandingColumns {
    pub(crate) fn read(self) -> Result<CaseStanding, StoreError> {
        let state = CaseState::read(&self.state).ok_or(StoreError::Unreadable("case"))?;
        // Decisions stay on the row when they are spent: the last one put the case there only while it is there.
        let handled = matches!(state, CaseState::Waiting | CaseState::UnderInvestigation);
        Ok(CaseStanding {
            state,
            since: self.state_since,
            waits_for: self.waits_for,
            by_decision: self.decisions.last().filter(|_| handled).cloned(),
            opened_on: self.opened_on,
            due_on: self.due_on,
            due_provisional: self.due_provisional,
            overdue: self.overdue,
        })
    }
}
