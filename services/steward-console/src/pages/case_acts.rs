//! What the forms of a case do.

use super::app::App;
use super::case_page::answer;
use super::page::go;
use super::refusal::Refusal;
use super::visitor::Member;
use crate::desk::{
    Action, DecideError, DecideRequest, Decided, ProposalEnd, Question, ReverseRequest, RuleAction, claim,
    decide as decide_case, end_proposal, is_case_id, release, reverse, undo as undo_decision,
};
use crate::language::Texts;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use registry_rules::{RecordKey, RulingKind};
use serde::Deserialize;
use uuid::Uuid;

/// What the browser sends. Nothing is preselected, so any of it may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    pub(super) form_token: String,
    pub(super) takes: String,
    pub(super) kind: String,
    pub(super) record: String,
    pub(super) other: String,
    pub(super) question: String,
    pub(super) decision: String,
    pub(super) end: String,
    pub(super) take: String,
    pub(super) seen: String,
    pub(super) follows: String,
    pub(super) reason: String,
}

/// What is wrong with a form.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormError {
    pub(super) text: &'static str,
    /// The field that it is about.
    pub(super) target: &'static str,
}

type SentForm = Result<Form<Sent>, FormRejection>;

/// What a form of a case does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Takes a value.
    Decide,
    /// Says who a record belongs to.
    Rule,
    /// Undoes a decision that is held.
    Undo,
    /// Takes a decision back.
    TakeBack,
    /// Ends a proposal.
    End(Uuid),
    /// Takes the case on the desk, or gives it back.
    Take,
}

/// `POST /cases/{id}/decide`.
pub(super) async fn decide(app: State<App>, member: Member, id: Path<String>, form: SentForm) -> Response {
    act(&app, &member, &id, form, Deed::Decide).await
}

/// `POST /cases/{id}/rule`.
pub(super) async fn rule(app: State<App>, member: Member, id: Path<String>, form: SentForm) -> Response {
    act(&app, &member, &id, form, Deed::Rule).await
}

/// `POST /cases/{id}/undo`.
pub(super) async fn undo(app: State<App>, member: Member, id: Path<String>, form: SentForm) -> Response {
    act(&app, &member, &id, form, Deed::Undo).await
}

/// `POST /cases/{id}/take-back`.
pub(super) async fn take_back(app: State<App>, member: Member, id: Path<String>, form: SentForm) -> Response {
    act(&app, &member, &id, form, Deed::TakeBack).await
}

/// `POST /cases/{id}/proposals/{proposal}`.
pub(super) async fn end(
    app: State<App>,
    member: Member,
    Path((id, proposal)): Path<(String, Uuid)>,
    form: SentForm,
) -> Response {
    act(&app, &member, &id, form, Deed::End(proposal)).await
}

/// `POST /cases/{id}/claim`.
pub(super) async fn take(app: State<App>, member: Member, id: Path<String>, form: SentForm) -> Response {
    act(&app, &member, &id, form, Deed::Take).await
}

/// Does it and goes where it leads; else shows the case again, with what is wrong.
async fn act(app: &App, member: &Member, id: &str, form: SentForm, deed: Deed) -> Response {
    let sent = match checked(member, id, form) {
        Ok(sent) => sent,
        Err(refusal) => return refusal.page(&member.visitor),
    };
    let done = match deed {
        Deed::Decide => take_value(app, member, id, &sent).await,
        Deed::Rule => take_ruling(app, member, id, &sent).await,
        Deed::Undo => undo_held(app, member, id, &sent).await,
        Deed::TakeBack => take_decision_back(app, member, id, &sent).await,
        Deed::End(proposal) => end_one(app, member, id, proposal, &sent).await,
        Deed::Take => take_case(app, member, id, &sent).await,
    };
    let error = match done {
        Ok(path) => return go(&path),
        Err(DecideError::NotAllowed) => return Refusal::FORBIDDEN.page(&member.visitor),
        Err(DecideError::NotOpen) => return Refusal::CASE_CLOSED.page(&member.visitor),
        Err(DecideError::Desk(error)) => return Refusal::unavailable(&error).page(&member.visitor),
        Err(error) => error,
    };
    let error = said(&error, &sent, member.visitor.language.texts());
    answer(app, member, id, &sent, Some(error)).await
}

async fn take_value(app: &App, member: &Member, id: &str, sent: &Sent) -> Result<String, DecideError> {
    let takes = RecordKey::try_from(sent.takes.clone()).map_err(|_| DecideError::NotTakeable)?;
    let outcome =
        decide_case(&app.desk, &member.actor(), &request(id, Action::TakeValue(takes), sent)).await?;
    Ok(match outcome {
        // Where it can be undone.
        Decided::Held(..) => after(outcome, id),
        Decided::Recorded(_) | Decided::Proposed(_) => "/cases?decided=1".to_owned(),
    })
}

async fn take_ruling(app: &App, member: &Member, id: &str, sent: &Sent) -> Result<String, DecideError> {
    let outcome = decide_case(&app.desk, &member.actor(), &request(id, rule_of(sent)?, sent)).await?;
    Ok(after(outcome, id))
}

async fn undo_held(app: &App, member: &Member, id: &str, sent: &Sent) -> Result<String, DecideError> {
    let decision_id = sent.decision.parse().map_err(|_| DecideError::UnknownDecision)?;
    undo_decision(&app.desk, &member.actor(), decision_id).await?;
    Ok(format!("/cases/{id}#trail"))
}

async fn take_decision_back(
    app: &App,
    member: &Member,
    id: &str,
    sent: &Sent,
) -> Result<String, DecideError> {
    let decision_id = sent.decision.parse().map_err(|_| DecideError::UnknownDecision)?;
    let request = ReverseRequest { decision_id, reason: sent.reason.clone() };
    let outcome = reverse(&app.desk, &member.actor(), &request).await?;
    Ok(after(outcome, id))
}

async fn end_one(
    app: &App,
    member: &Member,
    id: &str,
    proposal: Uuid,
    sent: &Sent,
) -> Result<String, DecideError> {
    let end = match sent.end.as_str() {
        "approved" => ProposalEnd::Approved,
        "rejected" => ProposalEnd::Rejected,
        "withdrawn" => ProposalEnd::Withdrawn,
        _ => return Err(DecideError::NoProposal),
    };
    end_proposal(&app.desk, &member.actor(), proposal, end, &sent.reason).await?;
    Ok(format!("/cases/{id}#trail"))
}

async fn take_case(app: &App, member: &Member, id: &str, sent: &Sent) -> Result<String, DecideError> {
    match sent.take.as_str() {
        "0" => release(&app.desk, &member.actor(), id).await?,
        _ => claim(&app.desk, &member.actor(), id).await?,
    }
    Ok(format!("/cases/{id}"))
}

/// What was sent, if it can be read, was made for this session and names a case.
fn checked(member: &Member, id: &str, form: SentForm) -> Result<Sent, Refusal> {
    let Form(sent) = form.map_err(|_| Refusal::BAD_REQUEST)?;
    if !member.user.token.made(&sent.form_token) {
        return Err(Refusal::FORBIDDEN);
    }
    if is_case_id(id) { Ok(sent) } else { Err(Refusal::CASE_CLOSED) }
}

fn said(error: &DecideError, sent: &Sent, t: &Texts) -> FormError {
    let on_records = !sent.kind.is_empty() || !sent.record.is_empty();
    let (text, target) = match error {
        DecideError::Changed => (t.values_changed, if on_records { "records" } else { "values" }),
        DecideError::NotTakeable => (t.choose_a_source, "takes"),
        DecideError::Kind => (t.choose_a_kind, "kind"),
        DecideError::Record => (t.choose_a_record, "record"),
        DecideError::Other => (t.choose_the_other, "other"),
        DecideError::Question => (t.choose_a_question, "question"),
        DecideError::NoEffect => (t.no_effect, "kind"),
        DecideError::UnknownDecision | DecideError::TakenBack => (t.already_taken_back, "trail"),
        DecideError::Held => (t.held_first, "held"),
        DecideError::WindowOver => (t.window_over, "trail"),
        DecideError::Undone => (t.undone_already, "trail"),
        DecideError::NoProposal => (t.no_proposal, "proposals"),
        DecideError::SamePerson => (t.same_person, "proposals"),
        DecideError::Claimed => (t.claimed_by_other, "main"),
        DecideError::Reason => {
            let target = if on_records {
                "rule-reason"
            } else if !sent.decision.is_empty() {
                "trail"
            } else if !sent.end.is_empty() {
                "proposals"
            } else {
                "reason"
            };
            (t.give_a_reason, target)
        }
        DecideError::NotAllowed | DecideError::NotOpen | DecideError::Desk(_) => (t.refused, "main"),
    };
    FormError { text, target }
}

fn request(id: &str, action: Action, sent: &Sent) -> DecideRequest {
    DecideRequest {
        case_id: id.to_owned(),
        action,
        seen: sent.seen.clone(),
        follows: sent.follows.parse().ok(),
        reason: sent.reason.clone(),
    }
}

fn rule_of(sent: &Sent) -> Result<Action, DecideError> {
    let kind =
        RulingKind::ALL.into_iter().find(|kind| kind.as_str() == sent.kind).ok_or(DecideError::Kind)?;
    let key = |text: &String| RecordKey::try_from(text.clone()).map_err(|_| DecideError::Record);
    let other = if sent.other.is_empty() { None } else { Some(key(&sent.other)?) };
    let question = match sent.question.as_str() {
        "" => None,
        code => Some(Question::read(code).ok_or(DecideError::Question)?),
    };
    Ok(Action::Rule(RuleAction { kind, record: key(&sent.record)?, other, question }))
}

fn after(outcome: Decided, id: &str) -> String {
    match outcome {
        Decided::Recorded(_) => format!("/cases/{id}#trail"),
        Decided::Held(..) => format!("/cases/{id}#held"),
        Decided::Proposed(_) => format!("/cases/{id}#proposals"),
    }
}
