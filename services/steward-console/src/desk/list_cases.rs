//! The open cases, page by page: no personal value stands in the list.

use super::on_desk::{OnDesk, on_desk};
use super::open::{Desk, DeskError};
use super::rank::{RankedCase, ranked};
use crate::audit::{self, Actor, Entry};
use chrono::{DateTime, Utc};
use registry_rules::{CaseKind, CaseSubject, FieldName};
use registry_store::{CaseCursor, CaseFilter, CaseStanding};
use serde::Serialize;
use std::collections::BTreeSet;

/// As many as fit a screen without losing the overview.
const PAGE: u16 = 50;
/// As many as a command may ask for at once.
const MOST: u16 = 500;

/// Which part of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// After this case; from the start without it.
    pub after: Option<CaseCursor>,
    /// How many at most; 50 without it, never more than 500.
    pub limit: Option<u16>,
    /// Which cases.
    pub filter: CaseFilter,
}

/// A page of the list.
#[derive(Clone, Debug, Serialize)]
pub struct CaseList {
    /// Version of this form.
    pub version: u32,
    /// The cases: the heaviest first, then oldest.
    pub cases: Vec<CaseLine>,
    /// Where the next page begins, if there is one; see [`cursor_text`].
    pub next: Option<String>,
}

/// A case in one line.
#[derive(Clone, Debug, Serialize)]
pub struct CaseLine {
    /// The case.
    pub case_id: String,
    /// What kind of question.
    pub kind: CaseKind,
    /// The item in question.
    pub field: Option<FieldName>,
    /// The harm of its item, 1 to 5.
    pub severity: u8,
    /// Agreements that hold the item of these persons; none where the desk has no sight of disclosure.
    pub affected: Option<u32>,
    /// The severity by which cases are in order: harm for each of these agreements.
    pub weight: u32,
    /// Its state, whom it waits for, its clock.
    #[serde(flatten)]
    pub standing: CaseStanding,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// About whom or what.
    pub subject: CaseSubject,
    /// The sources that disagree.
    pub sources: BTreeSet<String>,
    /// Whether a decision was recorded since it was opened.
    pub decided: bool,
    /// Until when a decision about it can be undone, where one is held.
    pub held_until: Option<DateTime<Utc>>,
    /// Whether a proposal waits for a second steward.
    pub proposed: bool,
    /// Who has it on the desk.
    pub claimed_by: Option<String>,
}

/// Reads a page of the list and notes in the audit log that it was read.
///
/// # Errors
/// When a database does not answer.
pub async fn list_cases(desk: &Desk, actor: &Actor, page: PageRequest) -> Result<CaseList, DeskError> {
    let limit = usize::from(page.limit.unwrap_or(PAGE).clamp(1, MOST));
    let mut cases = ranked(desk, &page.filter, page.after.as_ref(), limit + 1).await?;
    let is_more = cases.len() > limit;
    cases.truncate(limit);
    let ids: Vec<&str> = cases.iter().map(|one| one.case.case_id.as_str()).collect();
    let mut known = on_desk(&desk.console, &ids).await?;
    audit::write(&desk.console, &Entry::of("cases_listed", actor, desk.clock.now())).await?;
    let last = cases.last().filter(|_| is_more);
    Ok(CaseList {
        version: 1,
        next: last.map(|case| cursor_text(&case.cursor())),
        cases: cases
            .into_iter()
            .map(|one| {
                let on_desk = known.remove(&one.case.case_id).unwrap_or_default();
                CaseLine::of(one, on_desk)
            })
            .collect(),
    })
}

impl CaseLine {
    fn of(RankedCase { case, affected, weight }: RankedCase, on_desk: OnDesk) -> Self {
        let finding = case.finding;
        Self {
            case_id: case.case_id,
            kind: finding.kind,
            severity: finding.severity,
            affected,
            weight,
            standing: case.standing,
            opened_at: case.opened_at,
            sources: finding.records.iter().map(|key| key.source().to_owned()).collect(),
            field: finding.field,
            subject: finding.subject,
            decided: on_desk.decided_at.is_some_and(|at| at >= case.opened_at),
            held_until: on_desk.held_until,
            proposed: on_desk.proposed,
            claimed_by: on_desk.claimed_by,
        }
    }
}

/// A cursor as it stands in an address: weight, microseconds, case.
pub fn cursor_text(cursor: &CaseCursor) -> String {
    format!("{}~{}~{}", cursor.severity, cursor.opened_at.timestamp_micros(), cursor.case_id)
}

/// Reads what [`cursor_text`] wrote.
pub fn parse_cursor(text: &str) -> Option<CaseCursor> {
    let mut parts = text.split('~');
    let (severity, at, case_id) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(CaseCursor {
        severity: severity.parse().ok()?,
        opened_at: DateTime::from_timestamp_micros(at.parse().ok()?)?,
        case_id: is_case_id(case_id).then(|| case_id.to_owned())?,
    })
}

/// The longest id of a case; anything longer is none of ours.
const LONGEST_ID: usize = 64;

/// Whether a text can be a case's id.
pub(crate) fn is_case_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_written() {
        let cursor = CaseCursor {
            severity: 5,
            opened_at: "2026-11-22T09:00:00.123456Z".parse().unwrap(),
            case_id: "0a-7".to_owned(),
        };
        assert_eq!(parse_cursor(&cursor_text(&cursor)), Some(cursor.clone()));
        for text in ["", "5", "5~1", "5~1~", "5~1~x y", "5~1~x~", "-1~1~x"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }
}
