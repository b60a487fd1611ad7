use super::*;
use crate::access::session::SignedIn;
use crate::access::token::SessionToken;
use crate::access::user::Role;
use crate::pages::visitor::Visitor;
use registry_rules::CaseKind;

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
    }
}

fn rendered(language: Language, cases: &[CaseLine], next: Option<&str>) -> String {
    let rules = Rules::embedded().unwrap();
    let rows = cases.iter().map(|case| Row::of(case, &rules, language)).collect();
    let frame = Frame::of(&visitor(language, Role::Steward));
    CasesPage { frame, rows, next: next.map(ToOwned::to_owned), is_first: true, notice: false }
        .render()
        .unwrap()
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
