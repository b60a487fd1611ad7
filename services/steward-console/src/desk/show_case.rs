//! One open case as a sheet.

use super::open::{Desk, DeskError};
use super::rank::weighed;
use super::sheet::CaseSheet;
use super::{chain, claim, held, proposal};
use crate::audit::{self, Actor, Entry};
use registry_store::{CaseHead, OpenCase, case_facts, case_head};

/// Reads an open case with its values, and notes in the audit log who looked at which item; none when it is not open.
///
/// # Errors
/// When a database does not answer.
pub async fn show_case(desk: &Desk, actor: &Actor, case_id: &str) -> Result<Option<CaseSheet>, DeskError> {
    let Some((mut sheet, case)) = read_both(desk, case_id).await? else {
        return Ok(None);
    };
    (sheet.affected, sheet.weight) = weighed(desk, &case).await?;
    let entry = Entry {
        case_id: Some(case_id),
        field: sheet.field.as_ref(),
        ..Entry::of("case_shown", actor, desk.clock.now())
    };
    audit::write(&desk.console, &entry).await?;
    Ok(Some(sheet))
}

/// What a case that is not open was about, and how it ended; no value, so that nobody's looking is noted. None that the registry
/// has never found.
///
/// # Errors
/// When the registry does not answer.
pub async fn closed_case(desk: &Desk, case_id: &str) -> Result<Option<CaseHead>, DeskError> {
    Ok(case_head(&desk.registry, case_id).await?)
}

/// The sheet as it is now, but for what disclosure knows: a decision does not wait for that.
pub(super) async fn read(desk: &Desk, case_id: &str) -> Result<Option<CaseSheet>, DeskError> {
    Ok(read_both(desk, case_id).await?.map(|(sheet, _)| sheet))
}

async fn read_both(desk: &Desk, case_id: &str) -> Result<Option<(CaseSheet, OpenCase)>, DeskError> {
    let Some(facts) = case_facts(&desk.registry, case_id).await? else {
        return Ok(None);
    };
    let mut sheet = CaseSheet::of(&facts, &desk.rules, &desk.key, desk.clock.business_date());
    sheet.last_decision = chain::last(&desk.console, case_id).await?;
    sheet.held = held::of_case(&desk.console, case_id).await?;
    sheet.proposals = proposal::pending(&desk.console, case_id).await?;
    sheet.claim = claim::of_case(&desk.console, case_id).await?;
    Ok(Some((sheet, facts.case)))
}
