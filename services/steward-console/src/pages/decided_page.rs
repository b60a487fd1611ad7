//! A case that is not open any more: what it was about, how it ended, what was decided, and the way back.

use super::case_acts::FormError;
use super::case_page::title_of;
use super::cases_page::{field_title, short};
use super::page::{Frame, reader_of};
use super::trail_lines::{ProposalLine, TrailLine};
use crate::desk::{Proposal, TrailEntry};
use crate::language::Language;
use crate::rules::Rules;
use crate::vocabulary;
use askama::Template;
use registry_store::CaseHead;

/// A case that is not open any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    pub(super) id: &'a str,
    /// None where the registry does not know it any more.
    pub(super) head: Option<&'a CaseHead>,
    pub(super) trail: &'a [TrailEntry],
    pub(super) proposals: &'a [Proposal],
}

#[derive(Template)]
#[template(path = "decided_case.html")]
pub(super) struct DecidedPage {
    frame: Frame,
    id: String,
    short: String,
    title: String,
    about: Option<About>,
    trail: Vec<TrailLine>,
    proposals: Vec<ProposalLine>,
    form_token: Option<String>,
    error: Option<FormError>,
}

/// What it was about.
#[derive(Debug)]
struct About {
    kind: &'static str,
    field: String,
    state: &'static str,
    since: String,
    opened: String,
}

impl DecidedPage {
    pub(super) fn of(ended: &Ended<'_>, rules: &Rules, frame: Frame, error: Option<FormError>) -> Self {
        let may_decide = frame.user.as_ref().filter(|user| user.may_decide);
        let (language, t) = (frame.language, frame.t);
        let title = |head: &CaseHead| title_of(head.kind, head.field.as_ref(), rules, language);
        Self {
            id: ended.id.to_owned(),
            short: short(ended.id),
            title: ended.head.map_or_else(|| t.ended_case_title.to_owned(), title),
            about: ended.head.map(|head| About::of(head, rules, language)),
            trail: TrailLine::all(ended.trail, language),
            proposals: ProposalLine::all(ended.proposals, None, reader_of(&frame), t),
            form_token: may_decide.map(|user| user.form_token.clone()),
            frame,
            error,
        }
    }
}

impl About {
    fn of(head: &CaseHead, rules: &Rules, language: Language) -> Self {
        let t = language.texts();
        Self {
            kind: vocabulary::case_kind(head.kind, t),
            field: field_title(head.field.as_ref(), rules, language),
            state: vocabulary::case_state(head.standing.state, t),
            since: vocabulary::moment(head.standing.since),
            opened: vocabulary::moment(head.opened_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases_page::tests::visitor;
    use super::*;
    use crate::access::user::Role;
    use registry_rules::{CaseKind, CaseState};
    use registry_store::CaseStanding;

    fn rendered(head: Option<&CaseHead>, language: Language) -> String {
        let frame = Frame::of(&visitor(language, Role::Steward));
        let ended = Ended { id: "c0ffee0000000001", head, trail: &[], proposals: &[] };
        DecidedPage::of(&ended, &Rules::embedded().unwrap(), frame, None).render().unwrap()
    }

    #[test]
    fn a_case_that_is_over_says_what_it_was_about_in_both_languages() {
        let standing = CaseStanding {
            state: CaseState::Closed,
            since: "2026-11-22T17:03:00Z".parse().unwrap(),
            ..CaseStanding::default()
        };
        let head = CaseHead {
            kind: CaseKind::ErrorReport,
            field: Some("birth_name".parse().unwrap()),
            opened_at: "2026-11-20T02:03:04Z".parse().unwrap(),
            standing,
        };
        for (language, texts) in [
            (Language::Vietnamese, ["Báo sai sót", "Họ, chữ đệm và tên khai sinh", "Đã đóng"]),
            (Language::English, ["Error report", "Birth name", "Closed"]),
        ] {
            let html = rendered(Some(&head), language);
            for text in texts.into_iter().chain(["23/11/2026 00:03", "20/11/2026 09:03"]) {
                assert!(html.contains(text), "{text} is missing in\n{html}");
            }
            assert!(!html.contains(language.texts().ended_take_back), "nothing was decided: {html}");
        }
        let unknown = rendered(None, Language::English);
        assert!(unknown.contains("Case that is over") && !unknown.contains("Closed<"), "{unknown}");
    }
}
