//! One case: the competing values and the records side by side, the forms that decide it, and what was decided.

use super::app::App;
use super::case_acts::{FormError, Sent};
use super::cases_page::{field_title, short};
use super::column::Column;
use super::decided_page::{DecidedPage, Ended};
use super::page::{Frame, reader_of, show};
use super::records::Records;
use super::refusal::Refusal;
use super::rule_form::RuleForm;
use super::standing::{ClockText, StandingText};
use super::trail_lines::{ProposalLine, TrailLine};
use super::visitor::Member;
use crate::desk::{
    CaseSheet, DeskError, HeldDecision, PersonLine, TrailEntry, case_trail, closed_case, is_case_id, pending,
    show_case,
};
use crate::language::{Language, Texts};
use crate::metrics::SensitiveView;
use crate::rules::Rules;
use crate::vocabulary;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use registry_rules::{CaseKind, FieldName};

#[derive(Template)]
#[template(path = "case.html")]
pub(super) struct CasePage {
    frame: Frame,
    id: String,
    short: String,
    title: String,
    article: Option<String>,
    kind: &'static str,
    standing: StandingText,
    clock: Option<ClockText>,
    opened: String,
    /// Of a case about one person.
    person: Option<Person>,
    rule: Option<String>,
    columns: Vec<Column>,
    /// Some column is a report.
    has_report: bool,
    truncated: bool,
    decided: Option<Decided>,
    held: Option<Held>,
    form: Option<DecideForm>,
    why_no_form: &'static str,
    records: Records,
    rule_form: Option<RuleForm>,
    trail: Vec<TrailLine>,
    proposals: Vec<ProposalLine>,
    /// Of the forms of those who may decide.
    form_token: Option<String>,
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

/// The decision that can still be undone.
#[derive(Debug)]
struct Held {
    id: String,
    by: String,
    at: String,
    takes: String,
    until: String,
    until_iso: String,
    reason: String,
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

/// `GET /cases/{id}`.
pub(super) async fn show_page(State(app): State<App>, member: Member, Path(id): Path<String>) -> Response {
    answer(&app, &member, &id, &Sent::default(), None).await
}

/// The case as it is now, open or decided, with what was sent and what is wrong with it.
pub(super) async fn answer(
    app: &App,
    member: &Member,
    id: &str,
    sent: &Sent,
    error: Option<FormError>,
) -> Response {
    if !is_case_id(id) {
        return Refusal::CASE_CLOSED.page(&member.visitor);
    }
    match page(app, member, id, sent, error).await {
        Ok(response) => response,
        Err(error) => Refusal::unavailable(&error).page(&member.visitor),
    }
}

async fn page(
    app: &App,
    member: &Member,
    id: &str,
    sent: &Sent,
    error: Option<FormError>,
) -> Result<Response, DeskError> {
    let frame = Frame::of(&member.visitor);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let sheet = show_case(&app.desk, &member.actor(), id).await?;
    let trail = case_trail(&app.desk, id).await?;
    if let Some(sheet) = sheet {
        app.metrics.viewed(SensitiveView::Case);
        let shown = Shown { sheet: &sheet, trail: &trail };
        return Ok(show(status, &CasePage::of(&shown, &app.desk.rules, frame, sent, error)));
    }
    let head = closed_case(&app.desk, id).await?;
    if head.is_none() && trail.is_empty() {
        return Ok(Refusal::CASE_CLOSED.page(&member.visitor));
    }
    let proposals = pending(&app.desk, id).await?;
    let ended = Ended { id, head: head.as_ref(), trail: &trail, proposals: &proposals };
    Ok(show(status, &DecidedPage::of(&ended, &app.desk.rules, frame, error)))
}

/// A case, and what was decided about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) sheet: &'a CaseSheet,
    pub(super) trail: &'a [TrailEntry],
}

/// What a case is called: its item, and its kind where that is not told by there being several values.
pub(super) fn title_of(
    kind: CaseKind,
    field: Option<&FieldName>,
    rules: &Rules,
    language: Language,
) -> String {
    let named = vocabulary::case_kind(kind, language.texts());
    match (kind, field) {
        (CaseKind::FieldConflict, field) => field_title(field, rules, language),
        (_, Some(field)) => format!("{named}: {}", field_title(Some(field), rules, language)),
        (_, None) => named.to_owned(),
    }
}

impl CasePage {
    fn of(shown: &Shown<'_>, rules: &Rules, frame: Frame, sent: &Sent, error: Option<FormError>) -> Self {
        let (sheet, t, language) = (shown.sheet, frame.t, frame.language);
        let may_decide = frame.user.as_ref().filter(|user| user.may_decide);
        // Who waits for the end of an undo window decides nothing else meanwhile.
        let may_decide_now = may_decide.filter(|_| sheet.held.is_none());
        let columns: Vec<_> = Column::all(sheet, rules, language);
        let is_any_takeable = columns.iter().any(|column| column.not_takeable.is_none());
        let form = may_decide_now.filter(|_| is_any_takeable).map(|user| DecideForm {
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
        let field = sheet.field.as_ref().and_then(|field| rules.catalogue.get(field));
        let article = field.map(|field| vocabulary::of_the_law(&field.article, language));
        Self {
            id: sheet.case_id.clone(),
            short: short(&sheet.case_id),
            title: title_of(sheet.kind, sheet.field.as_ref(), rules, language),
            article,
            kind: vocabulary::case_kind(sheet.kind, t),
            standing: StandingText::of_sheet(sheet, language),
            clock: sheet.clock.as_ref().map(|clock| ClockText::of(clock, language, t)),
            opened: vocabulary::moment(sheet.opened_at),
            person: sheet.person.as_ref().map(|person| Person::of(person, t)),
            rule: sheet.rule.as_deref().map(|rule| vocabulary::rule(rule, &rules.catalogue, language)),
            has_report: columns.iter().any(|column| column.report.is_some()),
            truncated: sheet.truncated,
            decided: sheet.last_decision.as_ref().filter(|_| sheet.is_on_its_way()).map(|last| Decided {
                by: last.decided_by.clone(),
                at: vocabulary::moment(last.decided_at),
                takes: vocabulary::masked(&last.takes),
            }),
            held: sheet.held.as_ref().map(Held::of),
            records: Records::of(sheet, rules, language),
            rule_form: may_decide_now.map(|user| RuleForm::of(sheet, user, sent, t)),
            trail: TrailLine::all(shown.trail, language),
            proposals: ProposalLine::all(&sheet.proposals, Some(sheet), reader_of(&frame), t),
            form_token: may_decide.map(|user| user.form_token.clone()),
            why_no_form: match (may_decide, is_any_takeable) {
                (Some(_), true) => t.held_first,
                (None, true) => t.reader_only,
                (_, false) => t.no_value_to_take,
            },
            frame,
            columns,
            form,
            error,
        }
    }
}

impl Held {
    fn of(held: &HeldDecision) -> Self {
        Self {
            id: held.decision_id.to_string(),
            by: held.held_by.clone(),
            at: vocabulary::moment_to_second(held.held_at),
            takes: vocabulary::masked(&held.takes),
            until: vocabulary::moment_to_second(held.held_until),
            until_iso: held.held_until.to_rfc3339(),
            reason: held.reason.clone(),
        }
    }
}

impl Person {
    fn of(person: &PersonLine, t: &Texts) -> Self {
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| t.unknown.to_owned());
        Self {
            name: or_unknown(person.name.clone()),
            born: or_unknown(person.born.as_deref().map(vocabulary::date)),
            pin: or_unknown(person.pin_ending.as_ref().map(|ending| format!("••••••••{ending}"))),
        }
    }
}

#[cfg(test)]
#[path = "case_page_tests.rs"]
mod tests;
