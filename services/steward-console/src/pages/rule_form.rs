//! The form that decides who records belong to.

use super::case_acts::Sent;
use super::page::User;
use super::trail_lines::{question, ruling};
use crate::desk::{CaseSheet, Question, kinds_for, moves_persons};
use crate::language::Texts;

/// What the form holds when the page is shown.
#[derive(Debug)]
pub(super) struct RuleForm {
    pub(super) form_token: String,
    pub(super) seen: String,
    pub(super) follows: String,
    pub(super) kinds: Vec<KindChoice>,
    pub(super) record: String,
    pub(super) other: String,
    pub(super) questions: Vec<QuestionChoice>,
    pub(super) reason: String,
}

/// A kind of decision to choose.
#[derive(Debug)]
pub(super) struct KindChoice {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) second: bool,
    pub(super) chosen: bool,
}

/// A question to choose.
#[derive(Debug)]
pub(super) struct QuestionChoice {
    pub(super) code: &'static str,
    pub(super) words: &'static str,
    pub(super) chosen: bool,
}

impl RuleForm {
    pub(super) fn of(sheet: &CaseSheet, user: &User, sent: &Sent, t: &Texts) -> Self {
        let last = sheet.last_decision.as_ref().map(|last| last.decision_id.to_string());
        let kind = |kind: &registry_rules::RulingKind| KindChoice {
            code: kind.as_str(),
            name: ruling(*kind, t),
            second: moves_persons(*kind),
            chosen: sent.kind == kind.as_str(),
        };
        let asked = |one: Question| {
            let code = one.as_str();
            QuestionChoice { code, words: question(code, t).unwrap_or(code), chosen: sent.question == code }
        };
        Self {
            form_token: user.form_token.clone(),
            seen: sheet.seen.clone(),
            follows: last.unwrap_or_default(),
            kinds: kinds_for(sheet.kind).iter().map(kind).collect(),
            record: sent.record.clone(),
            other: sent.other.clone(),
            questions: Question::ALL.into_iter().map(asked).collect(),
            // A reason that was sent for another form is not this one's.
            reason: if sent.kind.is_empty() { String::new() } else { sent.reason.clone() },
        }
    }
}
