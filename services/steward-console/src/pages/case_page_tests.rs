use super::super::cases_page::tests::visitor;
use super::*;
use crate::access::user::Role;
use crate::desk::synthetic::{case_about, key, name, records, today, with};
use crate::desk::{CaseSheet, RecordedDecision};
use crate::language::Language;
use uuid::Uuid;

fn rendered(sheet: &CaseSheet, language: Language, role: Role, error: Option<FormError>) -> String {
    let rules = Rules::embedded().unwrap();
    let frame = Frame::of(&visitor(language, role));
    let shown = Shown { sheet, trail: &[] };
    CasePage::of(&shown, &rules, frame, &Sent::default(), error).render().unwrap()
}

fn sheet() -> CaseSheet {
    let rules = Rules::embedded().unwrap();
    CaseSheet::of(&case_about("birth_name", records(), &rules.catalogue), &rules, &key(), today())
}

#[test]
fn values_stand_side_by_side_with_where_they_come_from() {
    let html = rendered(&sheet(), Language::Vietnamese, Role::Steward, None);
    for text in [
        "Nguy<b>ể</b>n",
        "≠",
        "thừa hoặc thiếu từ",
        "một bên thiếu dấu",
        "chỉ khác vị trí dấu thanh",
        "00004/03/1990/117",
        "06/05/2001",
        "02/01/2020 10:04",
        "civil_status/birth/1042/child",
        "nguồn có thẩm quyền thứ 2 (Khoản 2 Điều 4 Thông tư 01/2022/TT-BTP; npd.birth_name/joint_verification/1)",
        "chỉ là chứng cứ, không có thẩm quyền về mục này",
        "khoản 1 Điều 9 Luật Căn cước 26/2023/QH15",
        "••••••••0007",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    assert!(!html.contains(crate::desk::synthetic::PIN));
}

#[test]
fn how_the_case_stands_is_said_in_words() {
    let mut sheet = sheet();
    (sheet.affected, sheet.weight) = (Some(3), 15);
    sheet.standing.due_on = Some("2026-11-25".parse().unwrap());
    sheet.standing.overdue = true;
    sheet.standing.state = registry_rules::CaseState::UnderInvestigation;
    sheet.claim = Some(crate::desk::Claim {
        claimed_by: "binh".to_owned(),
        claimed_at: "2026-11-22T17:03:00Z".parse().unwrap(),
    });
    let html = rendered(&sheet, Language::Vietnamese, Role::Steward, None);
    for text in [
        "Đang xác minh",
        "25/11/2026",
        "quá hạn",
        "3 ngày làm việc: chỉ tiêu của cơ sở dữ liệu; điều khoản giao việc không định thời hạn (Điều 6 Nghị định 70/2024/NĐ-CP)",
        "số thỏa thuận đang giữ: 3",
        "binh",
        "Trả lại",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    let html = rendered(&sheet, Language::English, Role::Steward, None);
    assert!(
        html.contains("3 working days: the registry&#39;s own target")
            && html.contains("Under investigation")
    );
}

#[test]
fn a_report_stands_beside_what_it_is_about_and_is_not_taken() {
    let rules = Rules::embedded().unwrap();
    let mut all = records();
    let report = |id: u128, proposed: Option<&str>| registry_rules::ErrorReport {
        report_id: Uuid::from_u128(id).to_string(),
        reporter: "vss_insurance".to_owned(),
        pin: crate::desk::synthetic::PIN.to_owned(),
        field: "npd.birth_name".to_owned(),
        fault: registry_rules::Fault::OtherPerson,
        proposed: proposed.map(ToOwned::to_owned),
        explanation: Some("Thẻ <b>cũ</b>".to_owned()),
        reported_at: "2026-11-20T02:03:04Z".parse().unwrap(),
        withdrawn: false,
    };
    all.extend([report(1, Some("Nguyễn Thị Hoa")), report(2, None)].map(|report| report.record().unwrap()));
    let sheet = CaseSheet::of(&case_about("birth_name", all, &rules.catalogue), &rules, &key(), today());
    let sources: Vec<_> = sheet.statements.iter().map(|s| s.record_key.source()).collect();
    assert_eq!(sources[..3], ["civil_status", "feedback", "feedback"]);
    let html = rendered(&sheet, Language::Vietnamese, Role::Steward, None);
    for text in [
        "Người báo sai sót viết",
        "thỏa thuận vss_insurance",
        "giá trị của người khác",
        "Thẻ &#60;b&#62;cũ&#60;/b&#62;",
        "Người báo không đề xuất giá trị nào.",
        "là báo sai sót, không phải bản ghi của nguồn",
    ] {
        assert!(html.contains(text), "{text} is missing in\n{html}");
    }
    assert_eq!(html.matches("name=\"takes\"").count(), 3, "a report is none of the choices");
}

#[test]
fn the_form_offers_what_can_be_taken_and_preselects_nothing() {
    let html = rendered(&sheet(), Language::Vietnamese, Role::Steward, None);
    assert_eq!(html.matches("name=\"takes\"").count(), 3);
    // "No other record" alone is chosen before anybody chooses.
    assert_eq!(html.matches(" checked>").count(), 1);
    assert!(html.contains("id=\"other-0\" value=\"\" checked"));
    assert!(html.contains("Lấy giá trị của nguồn <b>Cư trú – nhân khẩu</b>"));
    let english = rendered(&sheet(), Language::English, Role::Steward, None);
    assert!(english.contains("Take the value of source <b>Residence – resident&#39;s file</b>"));
    for id in ["reason", "take-1"] {
        assert!(html.contains(&format!("for=\"{id}\"")) && html.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn a_reader_sees_no_form() {
    let html = rendered(&sheet(), Language::Vietnamese, Role::Reader, None);
    for form in ["/decide", "/rule", "/claim", "/undo", "/take-back", "/proposals/"] {
        assert!(!html.contains(form), "{form}");
    }
    assert!(html.contains("chỉ được xem"));
}

#[test]
fn records_stand_side_by_side_with_whom_they_belong_to() {
    let html = rendered(&sheet(), Language::Vietnamese, Role::Steward, None);
    assert!(html.contains("Các bản ghi đặt cạnh nhau") && html.contains("<b>Người 1</b>"));
    assert_eq!(html.matches("name=\"record\"").count(), 4);
    for kind in ["split", "mark_confusion", "send_back", "under_investigation"] {
        assert!(html.contains(&format!("value=\"{kind}\"")), "{kind}");
    }
    assert!(!html.contains("value=\"merge\""), "a conflict about a value joins nobody");
    for id in ["rule-reason", "question", "kind-1", "record-1", "other-1"] {
        assert!(html.contains(&format!("for=\"{id}\"")) && html.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn what_waits_is_approved_by_others_and_withdrawn_by_its_author() {
    let mut sheet = sheet();
    let proposal = |by: &str, seen: &str| crate::desk::Proposal {
        proposal_id: Uuid::from_u128(5),
        kind: "split".to_owned(),
        record: Some("residence/person/R-77/resident".to_owned()),
        other: None,
        reverses: None,
        reason: "hai người khác nhau".to_owned(),
        proposed_by: by.to_owned(),
        proposed_at: "2026-11-22T17:03:00Z".parse().unwrap(),
        seen: seen.to_owned(),
    };
    let reader = Frame::of(&visitor(Language::Vietnamese, Role::Steward)).user.unwrap().name;
    for (by, seen, buttons) in [
        ("binh", sheet.seen.clone(), ["approved", "rejected"].as_slice()),
        (reader.as_str(), sheet.seen.clone(), &["withdrawn"]),
        ("binh", "other".to_owned(), &["rejected"]),
    ] {
        sheet.proposals = vec![proposal(by, &seen)];
        let html = rendered(&sheet, Language::Vietnamese, Role::Steward, None);
        let shown: Vec<_> = ["approved", "rejected", "withdrawn"]
            .into_iter()
            .filter(|end| html.contains(&format!("name=\"end\" value=\"{end}\"")))
            .collect();
        assert_eq!(shown, buttons, "{by}");
    }
}

#[test]
fn a_hostile_name_is_text() {
    let rules = Rules::embedded().unwrap();
    let mut records = records();
    let hostile = "<script>alert(1)</script> \"><img src=x onerror=alert(1)> An";
    records[1] = with(records[1].clone(), "birth_name", name(hostile));
    let sheet = CaseSheet::of(&case_about("birth_name", records, &rules.catalogue), &rules, &key(), today());
    let html = rendered(&sheet, Language::Vietnamese, Role::Steward, None);
    assert!(!html.contains("<script") && !html.contains("<img"));
}

#[test]
fn an_error_leads_to_its_field_and_a_decision_on_its_way_is_shown() {
    let mut sheet = sheet();
    sheet.last_decision = Some(RecordedDecision {
        decision_id: Uuid::nil(),
        kind: "take_value".to_owned(),
        takes: "residence/person/R-77/resident".to_owned(),
        decided_by: "binh".to_owned(),
        decided_at: "2026-11-22T17:03:00Z".parse().unwrap(),
        seen: sheet.seen.clone(),
    });
    let error = FormError { text: Language::Vietnamese.texts().give_a_reason, target: "reason" };
    let html = rendered(&sheet, Language::Vietnamese, Role::Steward, Some(error));
    assert!(html.contains("href=\"#reason\"") && html.contains("role=\"alert\""));
    assert!(html.contains("Đã ghi quyết định") && html.contains("binh"));
    assert!(html.contains(&format!("name=\"follows\" value=\"{}\"", Uuid::nil())));
}

#[test]
fn a_held_decision_can_be_undone_and_keeps_other_forms_away() {
    let mut sheet = sheet();
    sheet.held = Some(crate::desk::HeldDecision {
        decision_id: Uuid::from_u128(9),
        takes: "residence/person/R-77/resident".to_owned(),
        reason: "đã xem giấy khai sinh".to_owned(),
        held_by: "binh".to_owned(),
        held_at: "2026-11-22T17:03:07Z".parse().unwrap(),
        held_until: "2026-11-22T17:13:07Z".parse().unwrap(),
    });
    for (language, words) in [
        (Language::Vietnamese, ["Hoàn tác quyết định", "Hồ sơ đang có một quyết định được giữ lại"]),
        (Language::English, ["Undo the decision", "A decision about this case is held"]),
    ] {
        let html = rendered(&sheet, language, Role::Steward, None);
        let parts = ["23/11/2026 00:13:07", "/undo\"", "id=\"held\"", "binh"];
        for text in parts.into_iter().chain(words) {
            assert!(html.contains(text), "{text} is missing in\n{html}");
        }
        assert!(!html.contains("/decide\"") && !html.contains("/rule\""));
    }
    let html = rendered(&sheet, Language::Vietnamese, Role::Reader, None);
    assert!(html.contains("23/11/2026 00:13:07") && !html.contains("/undo"));
}

#[test]
fn no_page_holds_script_style_or_anything_from_elsewhere() {
    let html = rendered(&sheet(), Language::Vietnamese, Role::Steward, None);
    for forbidden in ["<script", "style=", "onclick", "http://", "https://", "//fonts"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}
