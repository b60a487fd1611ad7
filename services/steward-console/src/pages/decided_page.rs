//! A case that is not open any more: what was decided, and the way back.

use super::case_acts::FormError;
use super::cases_page::short;
use super::page::{Frame, reader_of};
use super::trail_lines::{ProposalLine, TrailLine};
use crate::desk::{Proposal, TrailEntry};
use askama::Template;

#[derive(Template)]
#[template(path = "decided_case.html")]
pub(super) struct DecidedPage {
    frame: Frame,
    id: String,
    short: String,
    trail: Vec<TrailLine>,
    proposals: Vec<ProposalLine>,
    form_token: Option<String>,
    error: Option<FormError>,
}

impl DecidedPage {
    pub(super) fn of(
        id: &str,
        trail: &[TrailEntry],
        proposals: &[Proposal],
        frame: Frame,
        error: Option<FormError>,
    ) -> Self {
        let may_decide = frame.user.as_ref().filter(|user| user.may_decide);
        Self {
            id: id.to_owned(),
            short: short(id),
            trail: TrailLine::all(trail, frame.language),
            proposals: ProposalLine::all(proposals, None, reader_of(&frame), frame.t),
            form_token: may_decide.map(|user| user.form_token.clone()),
            frame,
            error,
        }
    }
}
