//! Code lists: the reader's faults, and every trap between two numberings that is known.

use super::*;

const SEX: &str = r#"
list = "sex"
basis = "QCVN 109:2017/BTTTT"
[codes]
1 = { vi = "Nam", en = "male" }
2 = { vi = "Nữ", en = "female" }
[from.client]
0 = "1"
1 = "2"
"#;

#[test]
fn a_foreign_code_is_translated_and_an_own_one_checked() {
    let lists = CodeLists::parse([SEX]).unwrap();
    let sex = lists.get("sex").unwrap();
    assert_eq!(sex.translate(Some("client"), "0").as_deref(), Some("sex:1"));
    assert_eq!(sex.translate(None, "1").as_deref(), Some("sex:1"));
    assert_eq!(sex.translate(None, "0"), None);
    assert_eq!(sex.translate(Some("nobody"), "0"), None);
}

#[test]
fn a_dead_end_is_named() {
    let faults = CodeLists::parse([SEX, &SEX.replace("1 = \"2\"", "1 = \"7\"")]).unwrap_err();
    let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "code list sex: numbering 'client' leads to code '7', which the list does not have",
            "code list sex is defined twice"
        ]
    );
}

macro_rules! filed {
    ($($name:literal),*) => { [$(include_str!(concat!("../../../../schemas/codes/", $name, ".toml"))),*] };
}

/// Every list in which a trap lies, as filed.
fn filed() -> CodeLists {
    CodeLists::parse(filed!(
        "blood_type",
        "commune_example_2004",
        "commune_example_2025",
        "death_kind",
        "ethnicity_1979",
        "ethnicity_gso",
        "marital_status",
        "province_2004",
        "province_2025",
        "religion",
        "sex"
    ))
    .unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn name<'a>(lists: &'a CodeLists, coded: &str) -> &'a str {
    &lists.name(coded).unwrap().vi
}

/// Seven numbers of today's provinces were another province's before 1 July 2025.
#[test]
fn seven_province_numbers_changed_hands() {
    let lists = filed();
    let now = lists.get("province_2025").unwrap();
    for (number, before, since, its_number_before) in [
        ("15", "Yên Bái", "Lào Cai", "10"),
        ("24", "Bắc Giang", "Bắc Ninh", "27"),
        ("44", "Quảng Bình", "Quảng Trị", "45"),
        ("52", "Bình Định", "Gia Lai", "64"),
        ("80", "Long An", "Tây Ninh", "72"),
        ("82", "Tiền Giang", "Đồng Tháp", "87"),
        ("91", "Kiên Giang", "An Giang", "89"),
    ] {
        assert_eq!(name(&lists, &format!("province_2004:{number}")), before);
        assert_eq!(name(&lists, &format!("province_2025:{number}")), since);
        assert_eq!(
            name(&lists, &format!("province_2004:{its_number_before}")),
            since,
            "the name had another number"
        );
        assert_eq!(now.lead("province_2004", number), Lead::One(number), "{before} went into it");
        assert_eq!(now.lead("province_2004", its_number_before), Lead::One(number), "{since} did too");
    }
}

/// Beyond the seven no number has another province's name, but for Huế, which was Thừa Thiên Huế.
#[test]
fn all_other_province_numbers_kept_their_name() {
    let lists = filed();
    let (old, now) = (lists.get("province_2004").unwrap(), lists.get("province_2025").unwrap());
    assert_eq!((old.codes.len(), now.codes.len()), (63, 34));
    let renamed: Vec<&str> = now
        .codes
        .iter()
        .filter(|(code, name)| old.codes.get(*code).is_none_or(|before| before.vi != name.vi))
        .map(|(code, _)| code.as_str())
        .collect();
    assert_eq!(renamed, ["15", "24", "44", "46", "52", "80", "82", "91"]);
    let reached: std::collections::BTreeSet<_> = now.from["province_2004"].values().collect();
    assert_eq!(reached.len(), 34);
    assert_eq!(now.from["province_2004"].len(), 63, "whole provinces went into one");
}

#[test]
fn the_day_says_which_list_numbers_provinces() {
    let lists = filed();
    let on = |day_of: &str| lists.on("province", day(day_of)).map(|list| list.list.as_str());
    assert_eq!(on("2025-06-30"), Some("province_2004"));
    assert_eq!(on("2025-07-01"), Some("province_2025"));
    assert_eq!(lists.on("planet", day("2025-07-01")).map(|list| &list.list), None);
    assert!(!lists.get("province_2004").unwrap().in_use("02", day("2025-07-01")));
}

/// The first digits of a number are a province of the 63, whatever it belongs to today.
#[test]
fn digits_of_a_number_are_read_by_the_list_of_2004() {
    let lists = filed();
    let old = lists.get("province_2004").unwrap();
    let read = |digits: &str| old.translate(Some("pin"), digits).map(|coded| name(&lists, &coded).to_owned());
    assert_eq!(read("015").as_deref(), Some("Yên Bái"));
    assert_eq!(read("072").as_deref(), Some("Tây Ninh"));
    assert_eq!(read("080").as_deref(), Some("Long An"));
    assert_eq!(read("15"), None, "two digits are not three");
}

/// 06 is Mường in one list and Hoa in the other.
#[test]
fn the_two_numberings_of_ethnic_groups() {
    let lists = filed();
    assert_eq!((name(&lists, "ethnicity_1979:06"), name(&lists, "ethnicity_gso:06")), ("Mường", "Hoa"));
    assert_eq!((name(&lists, "ethnicity_1979:04"), name(&lists, "ethnicity_gso:04")), ("Hoa", "Mường"));
    let (ours, theirs) = (lists.get("ethnicity_1979").unwrap(), lists.get("ethnicity_gso").unwrap());
    assert_eq!(theirs.codes.len(), 20, "only the first twenty are published");
    for (code, group) in &theirs.codes {
        let Lead::One(own) = ours.lead("ethnicity_gso", code) else { panic!("{code} leads nowhere") };
        let plain = |text: &str| crate::unaccented(text).replace(['-', ' '], "");
        let (a, b) = (plain(&group.vi), plain(&ours.codes[own].vi));
        // Three groups are spelt otherwise: Khmer, Mông, Raglay.
        let spelt = [("khmer", "khome"), ("mong", "hmong"), ("raglay", "raglai")];
        assert!(a == b || spelt.contains(&(a.as_str(), b.as_str())), "{code}: {a} {b}");
    }
    assert_eq!(ours.lead("ethnicity_gso", "21"), Lead::Nowhere, "what is not published is not guessed");
    let differing =
        theirs.codes.keys().filter(|code| ours.lead("ethnicity_gso", code) != Lead::One(code)).count();
    assert_eq!(differing, 11);
}

#[test]
fn sex_is_numbered_otherwise_by_every_system() {
    let lists = filed();
    let sex = lists.get("sex").unwrap();
    for (system, male, female) in
        [("civil_status", "0", "1"), ("residence", "1", "2"), ("medical", "Nam", "Nữ")]
    {
        assert_eq!(sex.translate(Some(system), male).as_deref(), Some("sex:1"), "{system}");
        assert_eq!(sex.translate(Some(system), female).as_deref(), Some("sex:2"), "{system}");
    }
    assert_eq!(sex.translate(Some("civil_status"), "2").as_deref(), Some("sex:0"));
    assert_eq!(sex.translate(Some("residence"), "3").as_deref(), Some("sex:0"));
}

/// The standard has one code for divorced and widowed: it is folded on the way out and never on the way in.
#[test]
fn the_divorced_and_the_widowed_are_one_only_at_the_edge() {
    let lists = filed();
    let status = lists.get("marital_status").unwrap();
    let told: Vec<_> = status.codes.keys().map(|code| status.told_as("qcvn109", code)).collect();
    assert_eq!(told, [Some("0"), Some("1"), Some("2"), Some("3"), Some("3")]);
    assert!(!status.from.contains_key("qcvn109"), "3 from outside is one of two and is not guessed");
    assert_ne!(status.translate(Some("residence"), "LH"), status.translate(Some("residence"), "GO"));
}

#[test]
fn blood_groups_leave_rh_behind_and_religions_have_none_and_other() {
    let lists = filed();
    let blood = lists.get("blood_type").unwrap();
    for (written, group) in [("A+", "01"), ("A-", "01"), ("AB", "03"), ("O-", "04")] {
        assert_eq!(blood.translate(Some("medical"), written), Some(format!("blood_type:{group}")));
    }
    assert_eq!(blood.translate(Some("medical"), "0"), None, "a zero is no O");
    assert_eq!(name(&lists, "religion:99"), "Không theo tôn giáo");
    assert_eq!(name(&lists, "religion:13"), "Tôn giáo khác");
}

/// A commune that was divided leads to several: no address is moved mechanically.
#[test]
fn a_divided_commune_leads_to_several() {
    let lists = filed();
    let now = lists.get("commune_example_2025").unwrap();
    assert!(now.synthetic && now.incomplete);
    assert_eq!(now.lead("commune_example_2004", "99901"), Lead::One("99951"));
    assert_eq!(now.lead("commune_example_2004", "99902"), Lead::One("99951"));
    let several = ["99951".to_owned(), "99952".to_owned()];
    assert_eq!(now.lead("commune_example_2004", "99903"), Lead::Several(&several));
    assert_eq!(now.lead("commune_example_2004", "00001"), Lead::Nowhere);
    assert_eq!(now.translate(Some("commune_example_2004"), "99903"), None);
    let old = lists.get("commune_example_2004").unwrap();
    assert!(
        old.in_use("99904", day("2019-12-31")) && !old.in_use("99904", day("2020-01-01")),
        "merged before"
    );
    assert!(!old.in_use("99901", day("2025-07-01")));
    assert_eq!(now.codes["99951"].within.as_deref(), Some("province_2025:15"));
    assert_eq!(name(&lists, "province_2025:15"), "Lào Cai");
}

#[test]
fn every_other_fault_is_told() {
    let old = r#"
list = "unit_old"
basis = "none"
valid = { from = "2020-01-01", to = "2019-01-01" }
[codes]
1 = { vi = "Một" }
"#;
    let new = r#"
list = "unit_new"
basis = "none"
[codes]
A = { vi = "A", within = "unit_old:9", valid = { from = "2021-01-01", to = "2020-01-01" } }
B = { vi = "B", within = "unit_old" }
[from.unit_old]
1 = "A"
2 = "A"
[split.unit_old]
1 = ["A", "C"]
[to.others]
D = "x"
"#;
    let faults = CodeLists::parse([old, new]).unwrap_err();
    let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "code list unit_old: the time of the list ends before it begins",
            "code list unit_new: numbering 'unit_old' leads to code 'C', which the list does not have",
            "code list unit_new: numbering 'others' leads to code 'D', which the list does not have",
            "code list unit_new: code '1' of 'unit_old' leads to one code under 'from' and to several under 'split'; take one out",
            "code list unit_new: the time of code 'A' ends before it begins",
            "code list unit_new: 'unit_old' is a list that does not have the code '2'",
            "code list unit_new: code 'A' lies in 'unit_old:9', which no list has; write it as list:code",
            "code list unit_new: code 'B' lies in 'unit_old', which no list has; write it as list:code",
        ]
    );
}
