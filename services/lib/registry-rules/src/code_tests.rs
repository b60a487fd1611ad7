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
        "commune_2004",
        "commune_2025",
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
    assert_eq!(theirs.codes.len(), 54);
    for (code, group) in &theirs.codes {
        let Lead::One(own) = ours.lead("ethnicity_gso", code) else { panic!("{code} leads nowhere") };
        let plain = |text: &str| crate::unaccented(text).replace(['-', ' '], "");
        let (a, b) = (plain(&group.vi), plain(&ours.codes[own].vi));
        // Three groups are spelt otherwise: Khmer, Mông, Raglay.
        let spelt = [("khmer", "khome"), ("mong", "hmong"), ("raglay", "raglai")];
        assert!(a == b || spelt.contains(&(a.as_str(), b.as_str())), "{code}: {a} {b}");
    }
    let reached: std::collections::BTreeSet<_> = ours.from["ethnicity_gso"].values().collect();
    let no_group = ["55", "56"];
    assert!(ours.codes.keys().all(|code| reached.contains(code) != no_group.contains(&code.as_str())));
    assert_eq!(
        ours.lead("ethnicity_gso", "55"),
        Lead::Nowhere,
        "whom the later list calls so is not established"
    );
    let differing =
        theirs.codes.keys().filter(|code| ours.lead("ethnicity_gso", code) != Lead::One(code)).count();
    assert_eq!(differing, 37);
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

/// What the decisions count: communes, wards and townships before; communes, wards and special zones since.
#[test]
fn communes_are_as_many_as_the_decisions_count() {
    let lists = filed();
    let kinds = |list: &str| {
        let kind =
            |name: &str| ["Xã ", "Phường ", "Thị trấn ", "Đặc khu "].map(|kind| name.starts_with(kind));
        lists.get(list).unwrap().codes.values().fold([0; 4], |mut counted, name| {
            kind(&name.vi).iter().zip(&mut counted).for_each(|(is, count)| *count += u32::from(*is));
            counted
        })
    };
    assert_eq!(kinds("commune_2004"), [7692, 1726, 617, 0]);
    assert_eq!(kinds("commune_2025"), [2621, 687, 0, 13]);
    for (list, all, provinces) in [("commune_2004", 10_035, 63), ("commune_2025", 3321, 34)] {
        let codes = &lists.get(list).unwrap().codes;
        assert_eq!(codes.len(), all);
        let within: std::collections::BTreeSet<_> = codes.values().map(|name| &name.within).collect();
        assert_eq!(within.len(), provinces);
        let plain = |code: &String| code.len() == 5 && code.bytes().all(|digit| digit.is_ascii_digit());
        assert!(codes.keys().all(plain));
    }
    let on = |day_of: &str| lists.on("commune", day(day_of)).map(|list| list.list.as_str());
    assert_eq!((on("2025-06-30"), on("2025-07-01")), (Some("commune_2004"), Some("commune_2025")));
}

/// No commune left the province that its own went into, none is lost, and all but five islands had predecessors.
#[test]
fn every_commune_went_where_its_province_went() {
    let lists = filed();
    let (old, now) = (lists.get("commune_2004").unwrap(), lists.get("commune_2025").unwrap());
    let provinces = lists.get("province_2025").unwrap();
    let (mut reached, mut divided) = (std::collections::BTreeSet::new(), 0);
    for (code, name) in &old.codes {
        let before = name.within.as_deref().unwrap().strip_prefix("province_2004:").unwrap();
        let province = provinces.translate(Some("province_2004"), before);
        let became = match now.lead("commune_2004", code) {
            Lead::One(one) => vec![one.to_owned()],
            Lead::Several(several) => several.to_vec(),
            Lead::Nowhere => panic!("{code} was lost"),
        };
        divided += u32::from(became.len() > 1);
        for new in became {
            assert_eq!(now.codes[&new].within, province, "{code} {new}");
            reached.insert(new);
        }
    }
    assert_eq!(divided, 440);
    let of_nothing: Vec<_> = now.codes.keys().filter(|code| !reached.contains(*code)).collect();
    assert_eq!(of_nothing, ["11948", "19742", "20333", "21548", "26732"], "Bạch Long Vĩ to Côn Đảo");
    assert_eq!(now.from["commune_2004"].len() + now.split["commune_2004"].len(), old.codes.len());
}

/// A commune of today has the number of one that went into it, so the number alone says neither which nor where.
#[test]
fn a_communes_number_means_another_place_before_and_after() {
    let lists = filed();
    let (old, now) = (lists.get("commune_2004").unwrap(), lists.get("commune_2025").unwrap());
    assert_eq!(
        (name(&lists, "commune_2004:00004"), name(&lists, "commune_2025:00004")),
        ("Phường Trúc Bạch", "Phường Ba Đình")
    );
    let kept = now.codes.keys().filter(|code| old.codes.contains_key(*code));
    let renamed = kept.clone().filter(|code| old.codes[*code].vi != now.codes[*code].vi).count();
    assert_eq!((kept.count(), renamed), (3316, 2143));
    for code in now.codes.keys().filter(|code| old.codes.contains_key(*code)) {
        let itself = match now.lead("commune_2004", code) {
            Lead::One(one) => one == code,
            Lead::Several(several) => several.contains(code),
            Lead::Nowhere => false,
        };
        assert!(itself, "{code} went into the commune that has its number");
    }
    assert!(old.in_use("00001", day("2025-06-30")) && !old.in_use("00001", day("2025-07-01")));
}

/// A commune that was divided leads to several: no address is moved mechanically.
#[test]
fn a_divided_commune_leads_to_several() {
    let lists = filed();
    let now = lists.get("commune_2025").unwrap();
    assert_eq!(now.lead("commune_2004", "00013"), Lead::One("00004"), "Quán Thánh went into Ba Đình whole");
    let several = ["00004".to_owned(), "00008".to_owned()];
    assert_eq!(now.lead("commune_2004", "00016"), Lead::Several(&several), "Ngọc Hà was divided");
    assert_eq!(now.translate(Some("commune_2004"), "00016"), None);
    assert_eq!(now.lead("commune_2004", "99999"), Lead::Nowhere);
    assert_eq!(now.codes["02647"].within.as_deref(), Some("province_2025:15"), "Lào Cai, which was 10");
}

#[test]
fn lines_stand_for_codes_and_moves() {
    let text = r#"
list = "unit"
basis = "none"
[units]
"province:1" = """
01 Xã Một
02 Phường Hai
"""
[moved]
unit_old = """
7 01
8 02 01
"""
"#;
    let lists = CodeLists::parse([text]).unwrap();
    let unit = lists.get("unit").unwrap();
    assert_eq!(
        (name(&lists, "unit:02"), unit.codes["02"].within.as_deref()),
        ("Phường Hai", Some("province:1"))
    );
    assert_eq!(unit.lead("unit_old", "7"), Lead::One("01"));
    assert_eq!(unit.lead("unit_old", "8"), Lead::Several(&["02".to_owned(), "01".to_owned()]));
    for (from, to, fault) in [
        ("02 Phường Hai", "02", "the line '02' under 'province:1' is not a code, a space and a name"),
        ("02 Phường Hai", "01 Xã Hai", "'01' under 'province:1' stands twice; take one line out"),
        ("8 02 01", "8", "the line '8' under 'unit_old' is not a code of that list and those it became"),
        (
            "8 02 01",
            "8 02  01",
            "the line '8 02  01' under 'unit_old' is not a code of that list and those it became",
        ),
        ("8 02 01", "7 02 01", "'7' under 'unit_old' stands twice; take one line out"),
        ("8 02 01", "8 02 03", "numbering 'unit_old' leads to code '03', which the list does not have"),
    ] {
        let faults = CodeLists::parse([text.replace(from, to).as_str()]).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().contains(&format!("code list unit: {fault}")), "{}", faults[0]);
    }
    let empty = CodeLists::parse(["list = \"unit\"\nbasis = \"none\""]).unwrap_err();
    assert!(empty[0].to_string().contains("it has no codes"), "{}", empty[0]);
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
