//! What each open case weighs: its harm for every agreement that holds what it is about. The registry knows the harm, the
//! disclosure database who holds what; here the two meet, as numbers.

use super::open::{Desk, DeskError};
use chrono::{DateTime, Utc};
use disclosure_store::{HoldersQuestion, holders_of};
use registry_rules::severity;
use registry_store::{CaseCursor, CaseFilter, OpenCase, open_cases_of};
use std::cmp::Reverse;

/// Open cases that are weighed at most: those of most harm, the oldest first. A desk with more has no use for their order.
const MOST_WEIGHED: usize = 5_000;
/// Cases of one question to the disclosure database.
const CHUNK: usize = 1_000;

/// An open case with what it weighs.
#[derive(Clone, Debug)]
pub(super) struct RankedCase {
    pub(super) case: OpenCase,
    /// Agreements that hold what it is about; none where the desk has no sight of disclosure.
    pub(super) affected: Option<u32>,
    /// Harm for each of them.
    pub(super) weight: u32,
}

impl RankedCase {
    fn place(&self) -> (Reverse<u32>, DateTime<Utc>, &str) {
        (Reverse(self.weight), self.case.opened_at, &self.case.case_id)
    }

    pub(super) fn cursor(&self) -> CaseCursor {
        let OpenCase { opened_at, case_id, .. } = &self.case;
        CaseCursor { severity: self.weight, opened_at: *opened_at, case_id: case_id.clone() }
    }
}

/// The open cases after a place, the heaviest and oldest first.
pub(super) async fn ranked(
    desk: &Desk,
    filter: &CaseFilter,
    after: Option<&CaseCursor>,
    limit: usize,
) -> Result<Vec<RankedCase>, DeskError> {
    let cases = open_cases_of(&desk.registry, filter, None, MOST_WEIGHED).await?;
    let affected = affected(desk, &cases.iter().collect::<Vec<_>>()).await?;
    let mut ranked: Vec<RankedCase> = cases
        .into_iter()
        .zip(affected)
        .map(|(case, affected)| RankedCase {
            weight: severity(case.finding.severity, affected.unwrap_or_default()),
            affected,
            case,
        })
        .collect();
    ranked.sort_by(|a, b| a.place().cmp(&b.place()));
    if let Some(after) = after {
        let place = (Reverse(after.severity), after.opened_at, after.case_id.as_str());
        ranked.retain(|one| one.place() > place);
    }
    ranked.truncate(limit);
    Ok(ranked)
}

/// How many agreements hold what one case is about, and what it weighs by that.
pub(super) async fn weighed(desk: &Desk, case: &OpenCase) -> Result<(Option<u32>, u32), DeskError> {
    let affected = affected(desk, &[case]).await?.first().copied().flatten();
    Ok((affected, severity(case.finding.severity, affected.unwrap_or_default())))
}

async fn affected(desk: &Desk, cases: &[&OpenCase]) -> Result<Vec<Option<u32>>, DeskError> {
    let Some(disclosure) = &desk.disclosure else {
        return Ok(vec![None; cases.len()]);
    };
    let mut affected = Vec::with_capacity(cases.len());
    for chunk in cases.chunks(CHUNK) {
        let questions: Vec<HoldersQuestion> = chunk
            .iter()
            .map(|case| HoldersQuestion {
                persons: case.persons.clone(),
                item: case.finding.field.as_ref().map(ToString::to_string),
            })
            .collect();
        affected.extend(holders_of(disclosure, &questions).await?.into_iter().map(Some));
    }
    Ok(affected)
}
