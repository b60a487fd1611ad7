//! The list of open cases.

use super::app::App;
use super::case_filter::{Asked, FilterForm};
use super::page::{Frame, show};
use super::refusal::Refusal;
use super::standing::StandingText;
use super::visitor::Member;
use crate::desk::{CaseLine, PageRequest, list_cases, parse_cursor};
use crate::language::Language;
use crate::rules::Rules;
use crate::vocabulary;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use registry_rules::CaseSubject;
use serde::Deserialize;

/// Letters of an id that are shown in a list; the link holds all.
const SHORT: usize = 8;

#[derive(Template)]
#[template(path = "cases.html")]
pub(super) struct CasesPage {
    frame: Frame,
    filter: FilterForm,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    notice: bool,
}

#[derive(Debug)]
struct Row {
    id: String,
    short: String,
    field: String,
    kind: &'static str,
    subject: String,
    standing: StandingText,
    sources: String,
    opened: String,
    opened_iso: String,
    decided: bool,
    held_until: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Place {
    after: Option<String>,
    #[serde(default)]
    decided: u8,
}

/// `GET /cases?state=…&kind=…&waits_for=…&overdue=1&after=…`.
pub(super) async fn show_list(
    State(app): State<App>,
    member: Member,
    Query(place): Query<Place>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(filter) = asked.filter() else {
        return Refusal::BAD_REQUEST.page(&member.visitor);
    };
    let after = match place.after.as_deref() {
        None => None,
        Some(text) => match parse_cursor(text) {
            Some(cursor) => Some(cursor),
            None => return Refusal::BAD_REQUEST.page(&member.visitor),
        },
    };
    let is_first = after.is_none();
    let page = PageRequest { after, limit: None, filter: filter.clone() };
    match list_cases(&app.desk, &member.actor(), page).await {
        Ok(list) => {
            let frame = Frame::of(&member.visitor);
            let filter = FilterForm::of(&filter, frame.language, frame.t);
            let row = |case| Row::of(case, &app.desk.rules, frame.language);
            let rows = list.cases.iter().map(row).collect();
            show(
                StatusCode::OK,
                &CasesPage { frame, filter, rows, next: list.next, is_first, notice: place.decided == 1 },
            )
        }
        Err(error) => Refusal::unavailable(&error).page(&member.visitor),
    }
}

impl Row {
    fn of(case: &CaseLine, rules: &Rules, language: Language) -> Self {
        let id = case.case_id.clone();
        Self {
            short: short(&id),
            field: field_title(case.field.as_ref(), rules, language),
            kind: vocabulary::case_kind(case.kind, language.texts()),
            subject: match &case.subject {
                CaseSubject::Person(id) => format!("{} {}", language.texts().person, short(&id.to_string())),
                CaseSubject::Pair(one, other) => {
                    let [one, other] = [one, other].map(|id| short(&id.to_string()));
                    format!("{} {one} · {other}", language.texts().person)
                }
                CaseSubject::Record(key) => format!(
                    "{}: {}",
                    vocabulary::source(key.source(), language),
                    vocabulary::entity(key.entity(), language)
                ),
            },
            standing: StandingText::of_line(case, language),
            sources: case
                .sources
                .iter()
                .map(|s| vocabulary::source(s, language))
                .collect::<Vec<_>>()
                .join(" · "),
            opened: vocabulary::moment(case.opened_at),
            opened_iso: case.opened_at.to_rfc3339(),
            decided: case.decided,
            held_until: case.held_until.map(vocabulary::moment_to_second),
            id,
        }
    }
}

pub(super) fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}

/// The item's title in the catalogue's words; its name where this build does not know it.
pub(super) fn field_title(
    field: Option<&registry_rules::FieldName>,
    rules: &Rules,
    language: Language,
) -> String {
    let Some(field) = field else {
        return "–".to_owned();
    };
    rules
        .catalogue
        .get(field)
        .map_or_else(|| field.to_string(), |known| language.pick(&known.vi, &known.en).to_owned())
}

#[cfg(test)]
#[path = "cases_page_tests.rs"]
pub(super) mod tests;
