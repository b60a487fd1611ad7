//! Answers other than the page that was asked for. What went wrong inside is in the log under the reference shown.

use super::page::{Frame, show};
use super::visitor::Visitor;
use crate::language::Texts;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

/// Why the page is not shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: fn(&Texts) -> &'static str,
    reference: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    text: &'static str,
    reference: Option<String>,
}

impl Refusal {
    pub(super) const NOT_FOUND: Self =
        Self { status: StatusCode::NOT_FOUND, text: |t| t.not_found, reference: None };
    pub(super) const CASE_CLOSED: Self =
        Self { status: StatusCode::NOT_FOUND, text: |t| t.case_closed, reference: None };
    pub(super) const FORBIDDEN: Self =
        Self { status: StatusCode::FORBIDDEN, text: |t| t.refused, reference: None };
    pub(super) const BAD_REQUEST: Self =
        Self { status: StatusCode::BAD_REQUEST, text: |t| t.bad_request, reference: None };
    pub(super) const BUSY: Self =
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text: |t| t.unavailable, reference: None };

    /// A database did not answer; the cause goes to the log.
    pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        let reference = Uuid::new_v4();
        let mut causes = Vec::new();
        let mut next = Some(error);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        tracing::error!(%reference, error = causes.join(": "), "a page could not be made");
        Self { reference: Some(reference), ..Self::BUSY }
    }

    pub(super) fn page(self, visitor: &Visitor) -> Response {
        let frame = Frame::of(visitor);
        let text = (self.text)(frame.t);
        show(self.status, &RefusalPage { frame, text, reference: self.reference.map(|id| id.to_string()) })
    }
}
