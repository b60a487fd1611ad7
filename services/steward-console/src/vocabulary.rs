//! The names of sources, kinds of record, roles and parts in both languages. What has no name here is shown by its code.

use registry_rules::{CaseKind, CaseState, Fault, FieldCatalogue, Ground, PartialDate, Standing};

use crate::language::{Language, Texts};

/// Names by code, Vietnamese and English.
type Names = &'static [(&'static str, &'static str, &'static str)];

const SOURCES: Names = &[
    ("civil_status", "Hộ tịch", "Civil status"),
    ("residence", "Cư trú", "Residence"),
    ("identity", "Căn cước", "Identity"),
    ("medical", "Y tế", "Health"),
    ("steward", "Bàn đối chiếu", "Steward desk"),
    ("feedback", "Báo sai sót", "Error report"),
];

const ENTITIES: Names = &[
    ("birth", "đăng ký khai sinh", "birth registration"),
    ("marriage", "đăng ký kết hôn", "marriage registration"),
    ("divorce", "ly hôn", "divorce"),
    ("death", "đăng ký khai tử", "death registration"),
    ("change", "thay đổi, cải chính hộ tịch", "change or correction of civil status"),
    ("person", "nhân khẩu", "resident's file"),
    ("permanent", "thường trú", "permanent residence"),
    ("temporary", "tạm trú", "temporary residence"),
    ("current", "nơi ở hiện tại", "current residence"),
    ("absence", "tạm vắng", "temporary absence"),
    ("declaration", "tờ khai", "declaration"),
    ("pin", "số định danh cá nhân", "personal identification number"),
    ("card", "thẻ căn cước", "identity card"),
    ("birth_notice", "giấy chứng sinh", "birth notice"),
    ("death_notice", "giấy báo tử", "death notice"),
    ("blood_test", "xét nghiệm nhóm máu", "blood test"),
    ("report", "người sử dụng dữ liệu hoặc công dân báo", "from a user of the data or a citizen"),
];

const ROLES: Names = &[
    ("child", "con", "child"),
    ("mother", "mẹ", "mother"),
    ("father", "cha", "father"),
    ("husband", "chồng", "husband"),
    ("wife", "vợ", "wife"),
    ("deceased", "người chết", "deceased"),
    ("subject", "đương sự", "person concerned"),
    ("resident", "người cư trú", "resident"),
    ("absentee", "người tạm vắng", "absentee"),
    ("declarant", "người khai", "declarant"),
    ("holder", "người được cấp", "holder"),
    ("patient", "người bệnh", "patient"),
];

const PARTS: Names = &[
    ("full", "Họ và tên", "Full name"),
    ("family", "Họ", "Family name"),
    ("middle", "Chữ đệm", "Middle name"),
    ("given", "Tên", "Given name"),
    ("country", "Quốc gia", "Country"),
    ("province", "Tỉnh, thành phố", "Province"),
    ("commune", "Xã, phường", "Commune"),
    ("detail", "Địa chỉ chi tiết", "Address"),
    ("since", "Từ ngày", "Since"),
    ("until", "Đến ngày", "Until"),
    ("destination", "Nơi đến", "Destination"),
    ("kind", "Loại", "Kind"),
    ("date", "Ngày", "Date"),
    ("certificate", "Giấy tờ", "Certificate"),
    ("number", "Số", "Number"),
    ("type", "Loại", "Type"),
    ("issued_on", "Ngày cấp", "Issued on"),
    ("issued_by", "Nơi cấp", "Issued by"),
    ("expires_on", "Hết hạn", "Expires on"),
    ("status", "Tình trạng", "Status"),
    ("relation", "Quan hệ", "Relation"),
    ("name", "Họ và tên", "Name"),
    ("pin", "Số định danh", "Personal identification number"),
    ("cmnd9", "Số CMND", "Nine-digit number"),
    ("nationality", "Quốc tịch", "Nationality"),
];

const STANDINGS: [(Standing, &str, &str); 5] = [
    (Standing::Asserted, "có hiệu lực", "in effect"),
    (Standing::Corrected, "đã cải chính", "corrected"),
    (Standing::Annulled, "bị hủy", "annulled"),
    (Standing::Ceased, "đã chấm dứt", "ended"),
    (Standing::Withdrawn, "không còn ở nguồn", "gone from the source"),
];

/// Parts that hold a date.
const DATES: [&str; 5] = ["date", "since", "until", "issued_on", "expires_on"];

fn name(names: Names, code: &str, language: Language) -> String {
    let found = names.iter().find(|(known, ..)| *known == code);
    found.map_or(code, |(_, vi, en)| language.pick(vi, en)).to_owned()
}

/// The sources that have a name here.
pub(crate) fn source_codes() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(code, ..)| *code)
}

pub(crate) fn source(code: &str, language: Language) -> String {
    name(SOURCES, code, language)
}

pub(crate) fn entity(code: &str, language: Language) -> String {
    name(ENTITIES, code, language)
}

pub(crate) fn role(code: &str, language: Language) -> String {
    name(ROLES, code, language)
}

pub(crate) fn part(code: &str, language: Language) -> String {
    name(PARTS, code, language)
}

pub(crate) fn standing(standing: Standing, language: Language) -> &'static str {
    let found = STANDINGS.iter().find(|(known, ..)| *known == standing);
    found.map_or(standing.as_str(), |(_, vi, en)| language.pick(vi, en))
}

/// A rule of the golden record (`npd.birth_name/joint_verification/0`, `decision/…`) in words, with the article it stands on;
/// one not known here as it is.
pub(crate) fn rule(rule: &str, catalogue: &FieldCatalogue, language: Language) -> String {
    let Some((first, rest)) = rule.split_once('/') else { return rule.to_owned() };
    let cited = |ground: &Ground| format!("{}; ", language.pick(&ground.article_vi, &ground.article));
    let article = catalogue.ground_of(rule).map_or_else(String::new, cited);
    if first == "decision" {
        return format!("{} {rest}", language.pick("quyết định", "decision"));
    }
    let rank = rest.rsplit('/').next().and_then(|rank| rank.parse::<usize>().ok());
    match rank {
        Some(rank) => {
            let words = language.pick("nguồn có thẩm quyền thứ", "source of authority rank");
            format!("{words} {} ({article}{rule})", rank + 1)
        }
        None => format!("{article}{rule}"),
    }
}

pub(crate) const fn case_kind(kind: CaseKind, texts: &Texts) -> &'static str {
    match kind {
        CaseKind::FieldConflict => texts.kind_field_conflict,
        CaseKind::IdentifierConflict => texts.kind_identifier_conflict,
        CaseKind::DigitMismatch => texts.kind_digit_mismatch,
        CaseKind::Duplicate => texts.kind_duplicate,
        CaseKind::Confusion => texts.kind_confusion,
        CaseKind::TwinCheck => texts.kind_twin_check,
        CaseKind::Orphan => texts.kind_orphan,
        CaseKind::StaleLink => texts.kind_stale_link,
        CaseKind::ErrorReport => texts.kind_error_report,
    }
}

pub(crate) const fn fault(fault: Fault, texts: &Texts) -> &'static str {
    match fault {
        Fault::WrongValue => texts.fault_wrong_value,
        Fault::Outdated => texts.fault_outdated,
        Fault::Missing => texts.fault_missing,
        Fault::OtherPerson => texts.fault_other_person,
    }
}

pub(crate) const fn case_state(state: CaseState, texts: &Texts) -> &'static str {
    match state {
        CaseState::New => texts.state_new,
        CaseState::Reopened => texts.state_reopened,
        CaseState::Waiting => texts.state_waiting,
        CaseState::UnderInvestigation => texts.state_under_investigation,
        CaseState::Closed => texts.state_closed,
        CaseState::Superseded => texts.state_superseded,
    }
}

/// The place of an item in the Law on Identity, as each language cites it: `9.4` is clause 4 of article 9.
pub(crate) fn of_the_law(place: &str, language: Language) -> String {
    let (article, clause) = place.split_once('.').unwrap_or((place, ""));
    match (language, clause) {
        (Language::Vietnamese, "") => format!("Điều {article} Luật Căn cước 26/2023/QH15"),
        (Language::Vietnamese, _) => format!("khoản {clause} Điều {article} Luật Căn cước 26/2023/QH15"),
        (Language::English, "") => format!("Law on Identity 26/2023/QH15 art. {article}"),
        (Language::English, _) => format!("Law on Identity 26/2023/QH15 art. {article}({clause})"),
    }
}

pub(crate) fn is_date_part(part: &str) -> bool {
    DATES.contains(&part)
}

/// Digits of a personal identification number, and how many of them are shown.
const NUMBER_DIGITS: usize = 12;
const SHOWN_DIGITS: usize = 4;

/// A key with the numbers in it hidden but for the last digits: the register's keys are numbers.
pub(crate) fn masked(key: &str) -> String {
    let mut shown = String::with_capacity(key.len());
    let mut digits = String::new();
    for c in key.chars().map(Some).chain([None]) {
        match c {
            Some(digit) if digit.is_ascii_digit() => digits.push(digit),
            other => {
                let hidden = if digits.len() == NUMBER_DIGITS { NUMBER_DIGITS - SHOWN_DIGITS } else { 0 };
                shown.extend(std::iter::repeat_n('•', hidden));
                shown.extend(digits.chars().skip(hidden));
                digits.clear();
                shown.extend(other);
            }
        }
    }
    shown
}

/// A date as it is written in Viet Nam: `17/03/1954`, `03/1954`, `1954`; anything else as it is.
pub(crate) fn date(text: &str) -> String {
    if text.parse::<PartialDate>().is_err() {
        return text.to_owned();
    }
    text.rsplit('-').collect::<Vec<_>>().join("/")
}

/// A moment on a Vietnamese clock: `22/11/2026 21:03`.
pub(crate) fn moment(at: chrono::DateTime<chrono::Utc>) -> String {
    (at.naive_utc() + chrono::TimeDelta::hours(7)).format("%d/%m/%Y %H:%M").to_string()
}

/// A moment to the second, where minutes count: `22/11/2026 21:03:07`.
pub(crate) fn moment_to_second(at: chrono::DateTime<chrono::Utc>) -> String {
    (at.naive_utc() + chrono::TimeDelta::hours(7)).format("%d/%m/%Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_moments_as_written_in_viet_nam() {
        for (iso, want) in
            [("1954-03-17", "17/03/1954"), ("1954-03", "03/1954"), ("1954", "1954"), ("x-y", "x-y"), ("", "")]
        {
            assert_eq!(date(iso), want);
        }
        assert_eq!(moment("2026-11-22T17:03:00Z".parse().unwrap()), "23/11/2026 00:03");
        assert_eq!(moment_to_second("2026-11-22T17:03:07Z".parse().unwrap()), "23/11/2026 00:03:07");
    }

    #[test]
    fn a_number_in_a_key_is_masked() {
        for (key, shown) in [
            ("pin:001190000007", "pin:••••••••0007"),
            ("identity/pin/001190000007/holder", "identity/pin/••••••••0007/holder"),
            ("person:residence/9", "person:residence/9"),
            ("civil_status/birth/1042/child", "civil_status/birth/1042/child"),
        ] {
            assert_eq!(masked(key), shown);
        }
    }

    #[test]
    fn what_has_no_name_is_shown_by_its_code() {
        assert_eq!(source("civil_status", Language::Vietnamese), "Hộ tịch");
        assert_eq!(source("tax", Language::English), "tax");
    }

    #[test]
    fn every_part_of_the_catalogue_has_a_name() {
        let rules = crate::rules::Rules::embedded().unwrap();
        for part in rules.catalogue.iter().flat_map(|field| &field.parts) {
            assert!(PARTS.iter().any(|(known, ..)| known == part), "{part}");
        }
    }
}
