use super::*;
use crate::access::session::SignedIn;
use crate::access::token::SessionToken;
use crate::access::user::Role;
use crate::pages::visitor::Visitor;
use registry_rules::{CaseKind, CaseState};
use registry_store::CaseFilter;

pub(in crate::pages) fn visitor(language: Language, role: Role) -> Visitor {
    let user = SignedIn { name: "an".to_owned(), role, token: SessionToken::random() };
    Visitor { language, here: "/cases?after=5~1~x".to_owned(), signed_in: Some(user) }
}

fn line(case_id: &str, decided: bool) -> CaseLine {
    CaseLine {
        case_id: case_id.to_owned(),
        kind: CaseKind::FieldConflict,
        field: Some("birth_name".parse().unwrap()),
        severity: 5,
        affected: Some(2),
        weight: 10,
        standing: registry_store::CaseStanding::default(),
        opened_at: "2026-11-22T17:03:00Z".parse().unwrap(),
        subject: CaseSubject::Person(uuid::Uuid::from_u128(42)),
        sources: ["civil_status", "residence"].map(ToOwned::to_owned).into(),
        decided,
        held_until: None,
        proposed: false,
        claimed_by: None,
    }
}

fn rendered(language: Language, cases: &[CaseLine], next: Option<&str>) -> String {
    filtered(language, cases, next, &CaseFilter::default())
}

fn filtered(language: Language, cases: &[CaseLine], next: Option<&str>, filter: &CaseFilter) -> String {
    let rules = Rules::embedded().unwrap();
    let rows = cases.iter().map(|case| Row::of(case, &rules, language)).collect();
    let frame = Frame::of(&visitor(language, Role::Steward));
    let filter = FilterForm::of(filter, language, frame.t);
    CasesPage { frame, filter, rows, next: next.map(ToOwned::to_owned), is_first: true, notice: false }
        .render()
        .unwrap()
}

#[test]
fn a_row_says_how_the_case_stands_in_words() {
    let mut waiting = line("c0ffee00-1", false);
    waiting.standing.state = CaseState::Waiting;
    waiting.standing.waits_for = Some("residence".to_owned());
    waiting.standing.due_on = Some("2026-03-04".parse().unwrap());
    waiting.standing.overdue = true;
    waiting.proposed = true;
    waiting.claimed_by = Some("binh".to_owned());
    let html = rendered(Language::Vietnamese, &[waiting.clone()], None);
    for text in [
        "Chờ cơ quan quản lý nguồn: Cư trú",
        "<time datetime=\"2026-03-04\">04/03/2026</time>",
        "quá hạn",
        "<b>10</b>",
        "tác hại 5 trên 5 × số thỏa thuận đang giữ: 2",
        "<b>binh</b>",
        "Chờ người thứ hai duyệt",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    let html = rendered(Language::English, &[waiting], None);
    assert!(html.contains("Waits for the source: Residence") && html.contains("overdue"));
    let fresh = rendered(Language::Vietnamese, &[line("c0ffee00-2", false)], None);
    assert!(fresh.contains("chưa ai nhận") && !fresh.contains("</span> quá hạn"));
}

#[test]
fn the_filter_shows_what_is_asked_for_and_goes_with_the_next_page() {
    let filter = CaseFilter { kind: Some(CaseKind::Orphan), overdue: true, ..CaseFilter::default() };
    let html = filtered(Language::Vietnamese, &[line("c0ffee00-1", false)], Some("5~1~x"), &filter);
    for text in [
        "value=\"orphan\" selected",
        "value=\"1\" checked",
        "href=\"/cases?kind=orphan&#38;overdue=1&#38;after=5~1~x\"",
        "Bỏ lọc",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    let none = filtered(Language::Vietnamese, &[], None, &filter);
    assert!(none.contains("Không có hồ sơ nào như vậy."));
}

#[test]
fn a_row_says_what_it_is_about_without_a_value() {
    let html = rendered(Language::Vietnamese, &[line("c0ffee00-1", false)], None);
    for text in [
        "lang=\"vi\"",
        "Họ, chữ đệm và tên khai sinh",
        "Hộ tịch · Cư trú",
        "23/11/2026 00:03",
        "href=\"/cases/c0ffee00-1\"",
        "<th scope=\"row\">",
        "cán bộ đối chiếu",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    assert!(!html.contains("Trang sau") && !html.contains("Đã quyết định"));
    assert!(html.contains("/language/en?back=%2Fcases%3Fafter%3D5~1~x"));
}

#[test]
fn english_is_the_second_language() {
    let html = rendered(Language::English, &[line("c0ffee00-1", true)], Some("5~1~c0ffee00-1"));
    for text in
        ["lang=\"en\"", "Birth name", "Civil status · Residence", "Decided, being applied", "Next page"]
    {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
}

#[test]
fn an_empty_list_says_so() {
    assert!(rendered(Language::Vietnamese, &[], None).contains("Không có hồ sơ nào đang mở."));
}
