//! What was decided about a case and what waits for a second steward, in the reader's language.

use super::cases_page::short;
use crate::desk::{CaseSheet, Proposal, TrailEntry, UndoWindow};
use crate::language::{Language, Texts};
use crate::vocabulary;
use chrono::{DateTime, Utc};
use registry_rules::RulingKind;
use registry_store::AnchorMove;

/// One decision.
#[derive(Debug)]
pub(super) struct TrailLine {
    pub(super) id: String,
    pub(super) short: String,
    pub(super) kind: &'static str,
    pub(super) records: Vec<String>,
    pub(super) question: Option<&'static str>,
    pub(super) by: String,
    pub(super) proposed_by: Option<String>,
    pub(super) at: String,
    pub(super) reason: String,
    pub(super) takes_back: Option<String>,
    pub(super) taken_back_by: Option<String>,
    /// It is a decision: not one that is held, was undone or given up.
    pub(super) recorded: bool,
    /// What there is to say of its undo window.
    pub(super) window: Option<String>,
    pub(super) arrived: Option<String>,
    pub(super) moved: Vec<Moved>,
}

/// The person of a key before and after.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) anchor: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// One proposal.
#[derive(Debug)]
pub(super) struct ProposalLine {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) records: Vec<String>,
    pub(super) takes_back: Option<String>,
    pub(super) by: String,
    pub(super) at: String,
    pub(super) reason: String,
    /// The reader made it: they may withdraw it, not approve it.
    pub(super) own: bool,
    /// What it rests on is not what is shown now: it can only be ended.
    pub(super) stale: bool,
}

impl TrailLine {
    /// The decisions of a case, the first one first.
    pub(super) fn all(trail: &[TrailEntry], language: Language) -> Vec<Self> {
        trail.iter().map(|entry| Self::of(entry, language.texts())).collect()
    }

    fn of(entry: &TrailEntry, t: &Texts) -> Self {
        let id = |id: uuid::Uuid| short(&id.to_string());
        let moved = |moved: &AnchorMove| Moved {
            anchor: vocabulary::masked(&moved.anchor),
            before: moved.before.map_or_else(|| "–".to_owned(), id),
            after: id(moved.after),
        };
        Self {
            id: entry.decision_id.to_string(),
            short: id(entry.decision_id),
            kind: decision_kind(&entry.kind, t),
            records: entry.record.iter().chain(&entry.other).map(|key| vocabulary::masked(key)).collect(),
            question: entry.question.as_deref().and_then(|code| question(code, t)),
            by: entry.decided_by.clone(),
            proposed_by: entry.proposed_by.clone(),
            at: vocabulary::moment(entry.decided_at),
            reason: entry.reason.clone().unwrap_or_default(),
            takes_back: entry.reverses.map(id),
            taken_back_by: entry.taken_back_by.map(id),
            recorded: entry.is_recorded(),
            window: entry.undo_window.as_ref().map(|window| window_text(window, t)),
            arrived: entry.effect.received_at.map(vocabulary::moment),
            moved: entry.effect.moved.iter().map(moved).collect(),
        }
    }
}

/// The undo window of a decision in words.
fn window_text(window: &UndoWindow, t: &Texts) -> String {
    let at = |at: Option<DateTime<Utc>>| at.map(vocabulary::moment_to_second).unwrap_or_default();
    match window.outcome.as_deref() {
        None => format!("{} {}", t.held_until, vocabulary::moment_to_second(window.held_until)),
        Some("undone") => {
            let who = window.ended_by.as_deref().unwrap_or_default();
            format!("{} {who}, {}", t.undone_by, at(window.ended_at))
        }
        Some("changed") => t.given_up_changed.to_owned(),
        Some("not_allowed") => t.given_up_not_allowed.to_owned(),
        Some(_) => format!("{} {}", t.recorded_after_window, vocabulary::moment_to_second(window.held_at)),
    }
}

impl ProposalLine {
    /// The proposals of a sheet.
    pub(super) fn all(
        proposals: &[Proposal],
        sheet: Option<&CaseSheet>,
        reader: &str,
        t: &Texts,
    ) -> Vec<Self> {
        let line = |one: &Proposal| Self {
            id: one.proposal_id.to_string(),
            kind: decision_kind(&one.kind, t),
            records: one.record.iter().chain(&one.other).map(|key| vocabulary::masked(key)).collect(),
            takes_back: one.reverses.map(|id| short(&id.to_string())),
            by: one.proposed_by.clone(),
            at: vocabulary::moment(one.proposed_at),
            reason: one.reason.clone(),
            own: one.proposed_by == reader,
            stale: one.reverses.is_none() && sheet.is_none_or(|sheet| sheet.seen != one.seen),
        };
        proposals.iter().map(line).collect()
    }
}

/// The name of a kind of decision.
pub(super) fn ruling(kind: RulingKind, t: &Texts) -> &'static str {
    match kind {
        RulingKind::Link => t.rule_link,
        RulingKind::Split => t.rule_split,
        RulingKind::Merge => t.rule_merge,
        RulingKind::KeepSeparate => t.rule_keep_separate,
        RulingKind::ConfirmTwins => t.rule_confirm_twins,
        RulingKind::MarkConfusion => t.rule_mark_confusion,
        RulingKind::SendBack => t.rule_send_back,
        RulingKind::UnderInvestigation => t.rule_under_investigation,
    }
}

fn decision_kind(name: &str, t: &Texts) -> &'static str {
    let known = RulingKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    match known {
        Some(kind) => ruling(kind, t),
        None if name == "take_back" => t.take_back,
        None => t.rule_take_value,
    }
}

/// A question to the source in words.
pub(super) fn question(code: &str, t: &Texts) -> Option<&'static str> {
    crate::desk::Question::read(code).map(|question| match question {
        crate::desk::Question::CheckValue => t.ask_check_value,
        crate::desk::Question::CheckPerson => t.ask_check_person,
        crate::desk::Question::CheckNumber => t.ask_check_number,
        crate::desk::Question::TwoPeople => t.ask_two_people,
        crate::desk::Question::MissingAct => t.ask_missing_act,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_an_undo_window_has_words_of_its_own() {
        let at: DateTime<Utc> = "2026-11-22T17:03:07Z".parse().unwrap();
        for t in [Language::Vietnamese, Language::English].map(Language::texts) {
            let mut words: Vec<String> =
                [None, Some("recorded"), Some("undone"), Some("changed"), Some("not_allowed")]
                    .map(|outcome| {
                        let window = UndoWindow {
                            held_at: at,
                            held_until: at,
                            outcome: outcome.map(ToOwned::to_owned),
                            ended_by: Some("binh".to_owned()),
                            ended_at: Some(at),
                        };
                        window_text(&window, t)
                    })
                    .to_vec();
            assert!(words[2].contains("binh") && words[2].contains("23/11/2026 00:03:07"), "{words:?}");
            words.sort();
            words.dedup();
            assert_eq!(words.len(), 5);
        }
    }

    #[test]
    fn every_kind_and_question_has_words() {
        let t = Language::Vietnamese.texts();
        let mut names: Vec<_> = RulingKind::ALL.iter().map(|kind| decision_kind(kind.as_str(), t)).collect();
        names.extend([decision_kind("take_value", t), decision_kind("take_back", t)]);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RulingKind::ALL.len() + 2);
        assert!(crate::desk::Question::ALL.iter().all(|q| question(q.as_str(), t).is_some()));
    }
}
