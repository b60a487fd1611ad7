//! One case: the competing values side by side, and the form that takes one of them.

use super::app::App;
use super::cases_page::{field_title, short};
use super::column::Column;
use super::page::{Frame, go, show};
use super::refusal::Refusal;
use super::visitor::Member;
use crate::desk::{CaseSheet, DecideError, DecideRequest, decide as decide_case, is_case_id, show_case};
use crate::language::Texts;
use crate::metrics::SensitiveView;
use crate::rules::Rules;
use crate::vocabulary;
use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use registry_rules::{CaseKind, RecordKey};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "case.html")]
pub(super) struct CasePage {
    frame: Frame,
    id: String,
    short: String,
    title: String,
    article: Option<String>,
    kind: &'static str,
    severity: u8,
    opened: String,
    person: Person,
    rule: Option<String>,
    columns: Vec<Column>,
    truncated: bool,
    decided: Option<Decided>,
    form: Option<DecideForm>,
    why_no_form: &'static str,
    error: Option<FormError>,
}

#[derive(Debug)]
struct Person {
    name: String,
    born: String,
    pin: String,
}

/// The last decision, while the registry has yet to follow it.
#[derive(Debug)]
struct Decided {
    by: String,
    at: String,
    takes: String,
}

/// What the form holds when the page is shown.
#[derive(Debug)]
struct DecideForm {
    form_token: String,
    seen: String,
    follows: String,
    chosen: String,
    reason: String,
}

#[derive(Clone, Copy, Debug)]
struct FormError {
    text: &'static str,
    /// The field that it is about.
    target: &'static str,
}

/// What the browser sends. Nothing is preselected, so `takes` may be missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    takes: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    follows: String,
    #[serde(default)]
    reason: String,
}

/// `GET /cases/{id}`.
pub(super) async fn show_page(State(app): State<App>, member: Member, Path(id): Path<String>) -> Response {
    answer(&app, &member, &id, &Sent::default(), None).await
}

/// `POST /cases/{id}/decide`.
pub(super) async fn decide(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    form: Result<Form<Sent>, FormRejection>,
) -> Response {
    let Ok(Form(sent)) = form else {
        return Refusal::BAD_REQUEST.page(&member.visitor);
    };
    if !member.user.token.made(&sent.form_token) {
        return Refusal::FORBIDDEN.page(&member.visitor);
    }
    let t = member.visitor.language.texts();
    let Ok(takes) = RecordKey::try_from(sent.takes.clone()) else {
        let error = FormError { text: t.choose_a_source, target: "takes" };
        return answer(&app, &member, &id, &sent, Some(error)).await;
    };
    let request = DecideRequest {
        case_id: id.clone(),
        takes,
        seen: sent.seen.clone(),
        follows: sent.follows.parse().ok(),
        reason: sent.reason.clone(),
    };
    match decide_case(&app.desk, &member.actor(), &request).await {
        Ok(_) => go("/cases?decided=1"),
        Err(error) => refuse(&app, &member, &sent, &request, error).await,
    }
}

async fn refuse(
    app: &App,
    member: &Member,
    sent: &Sent,
    request: &DecideRequest,
    error: DecideError,
) -> Response {
    let t = member.visitor.language.texts();
    let error = match error {
        DecideError::NotAllowed => return Refusal::FORBIDDEN.page(&member.visitor),
        DecideError::NotOpen => return Refusal::CASE_CLOSED.page(&member.visitor),
        DecideError::Desk(error) => return Refusal::unavailable(&error).page(&member.visitor),
        DecideError::Changed => FormError { text: t.values_changed, target: "values" },
        DecideError::NotTakeable => FormError { text: t.choose_a_source, target: "takes" },
        DecideError::Reason => FormError { text: t.give_a_reason, target: "reason" },
    };
    answer(app, member, &request.case_id, sent, Some(error)).await
}

async fn answer(app: &App, member: &Member, id: &str, sent: &Sent, error: Option<FormError>) -> Response {
    if !is_case_id(id) {
        return Refusal::CASE_CLOSED.page(&member.visitor);
    }
    match show_case(&app.desk, &member.actor(), id).await {
        Ok(Some(sheet)) => {
            app.metrics.viewed(SensitiveView::Case);
            let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            show(status, &CasePage::of(&sheet, &app.desk.rules, Frame::of(&member.visitor), sent, error))
        }
        Ok(None) => Refusal::CASE_CLOSED.page(&member.visitor),
        Err(error) => Refusal::unavailable(&error).page(&member.visitor),
    }
}

impl CasePage {
    fn of(sheet: &CaseSheet, rules: &Rules, frame: Frame, sent: &Sent, error: Option<FormError>) -> Self {
        let (t, language) = (frame.t, frame.language);
        let may_decide = frame.user.as_ref().filter(|user| user.may_decide);
        let columns: Vec<_> = Column::all(sheet, rules, language);
        let is_any_takeable = columns.iter().any(|column| column.not_takeable.is_none());
        let form = may_decide.filter(|_| is_any_takeable).map(|user| DecideForm {
            form_token: user.form_token.clone(),
            seen: sheet.seen.clone(),
            follows: sheet
                .last_decision
                .as_ref()
                .map(|last| last.decision_id.to_string())
                .unwrap_or_default(),
            chosen: sent.takes.clone(),
            reason: sent.reason.clone(),
        });
        let article =
            sheet.field.as_ref().and_then(|field| rules.catalogue.get(field)).map(|f| f.article.clone());
        Self {
            id: sheet.case_id.clone(),
            short: short(&sheet.case_id),
            title: match (sheet.kind, &sheet.field) {
                (CaseKind::FieldConflict, field) => field_title(field.as_ref(), rules, language),
                (kind, Some(field)) => {
                    let item = field_title(Some(field), rules, language);
                    format!("{}: {item}", vocabulary::case_kind(kind, t))
                }
                (kind, None) => vocabulary::case_kind(kind, t).to_owned(),
            },
            article,
            kind: vocabulary::case_kind(sheet.kind, t),
            severity: sheet.severity,
            opened: vocabulary::moment(sheet.opened_at),
            person: Person::of(sheet, t),
            rule: sheet.rule.as_deref().map(|rule| vocabulary::rule(rule, &rules.catalogue, language)),
            truncated: sheet.truncated,
            decided: sheet.last_decision.as_ref().filter(|_| sheet.is_on_its_way()).map(|last| Decided {
                by: last.decided_by.clone(),
                at: vocabulary::moment(last.decided_at),
                takes: last.takes.clone(),
            }),
            why_no_form: if is_any_takeable { t.reader_only } else { t.no_value_to_take },
            frame,
            columns,
            form,
            error,
        }
    }
}

impl Person {
    fn of(sheet: &CaseSheet, t: &Texts) -> Self {
        let person = sheet.person.as_ref();
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| t.unknown.to_owned());
        Self {
            name: or_unknown(person.and_then(|p| p.name.clone())),
            born: or_unknown(person.and_then(|p| p.born.as_deref().map(vocabulary::date))),
            pin: or_unknown(
                person.and_then(|p| p.pin_ending.as_ref().map(|ending| format!("••••••••{ending}"))),
            ),
        }
    }
}

#[cfg(test)]
#[path = "case_page_tests.rs"]
mod tests;
