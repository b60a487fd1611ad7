//! The reader of rule sets: each fault with its item and the way out, all at once.

use super::*;
use crate::differences;

const CATALOGUE: &str = include_str!("../../../../schemas/field-catalogue.toml");

fn faults(text: &str) -> Vec<String> {
    FieldCatalogue::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn replaced(from: &str, to: &str) -> String {
    assert!(CATALOGUE.contains(from), "{from}");
    CATALOGUE.replacen(from, to, 1)
}

#[test]
fn the_filed_rule_set_is_sound_and_says_whose_each_item_is() {
    let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
    assert!(catalogue.iter().all(|field| field.owner.is_some()));
    for field in catalogue.iter() {
        for rule in field.rules.iter().filter(|rule| !rule.ground.is_empty()) {
            for name in &rule.names {
                assert!(!catalogue.ground_of(name).unwrap().article.is_empty(), "{name}");
            }
        }
    }
    for rule in ["npd.pin/register", "npd.marital_status/spouse_died", "npd.relatives/one_hop", "decision/7"]
    {
        assert!(catalogue.ground_of(rule).is_some(), "{rule}");
    }
    assert!(catalogue.ground_of("npd.blood_type/0").is_none(), "the item's own article is all there is");
}

/// Rule sets that a registry has kept since before there were grounds are still read.
#[test]
fn an_item_without_rules_has_one_order_for_all_times() {
    let text = r#"
version = 1
[[field]]
name = "sex"
article = "9.5"
vi = "Giới tính"
en = "Sex"
cardinality = "one"
comparison = "exact"
conflict = "dispute"
sensitivity = "basic"
harm = 4
authority = ["civil_status/birth/child", "residence/person/resident"]
"#;
    let catalogue = FieldCatalogue::parse(text).unwrap();
    let field = catalogue.get(&"sex".parse().unwrap()).unwrap();
    assert_eq!(field.rules.len(), 1);
    assert_eq!(field.rules[0].names, ["npd.sex/0", "npd.sex/1"]);
    assert_eq!(field.rank("residence", "person", "resident"), Some(1));
}

#[test]
fn all_faults_are_told_at_once_with_the_way_out() {
    let text = CATALOGUE
        .replacen("name = \"sex\"", "name = \"sex\"\nshape = 3", 1)
        .replacen("harm = 3", "harm = 9", 1)
        .replacen("\"joint_verification\"]", "\"joint_verfication\"]", 1)
        .replacen("effect = \"hold\"", "effect = \"hold\"\nuntil = \"2020-01-01\"\nfrom = \"2021-01-01\"", 1);
    let found = faults(&text);
    let has = |part: &str| assert!(found.iter().any(|fault| fault.contains(part)), "{part}: {found:#?}");
    has("item 'sex' is not readable: unknown field `shape`");
    has("harm of npd.place_of_birth_registration is not between 1 and 5");
    has(
        "npd.birth_name has a rule on the ground 'joint_verfication', which is not defined; known are birth_is_original",
    );
    has(
        "no rule of npd.birth_name holds for everybody from the beginning; add one whose ground has no 'when' there",
    );
    has("the ground 'verified_before_writing' ends before it begins; mend 'from' or 'until'");
}

#[test]
fn each_other_fault_is_told() {
    let other = "rules = [\"registered_with_number\", \"joint_verification\"]";
    for (from, to, fault) in [
        (
            other,
            format!("{other}\norder = {{ joint_verification = [\"residence/person/resident\"] }}"),
            "the order of npd.place_of_birth_registration on the ground 'joint_verification' names residence/person/resident, who is not under 'authority'",
        ),
        (
            other,
            format!("{other}\norder = {{ one_hop = [\"identity/pin/holder\"] }}"),
            "npd.place_of_birth_registration says more about the ground 'one_hop', which is not among its 'rules'; add it or take this out",
        ),
        (
            other,
            format!("{other}\nseverity = {{ joint_verification = 0 }}"),
            "severity of npd.place_of_birth_registration on the ground 'joint_verification' is not between 1 and 5",
        ),
        (
            other,
            "rules = [\"joint_verification\", \"registered_with_number\"]".to_owned(),
            "the rule of npd.place_of_birth_registration on the ground 'registered_with_number' is never reached; move it up or take it out",
        ),
        (
            "authority = [\"medical/blood_test/patient\"]",
            String::new(),
            "nobody has authority over npd.blood_type; name a source/entity/role under 'authority'",
        ),
        (
            "authority = [\"medical/blood_test/patient\"]",
            "authority = [\"medical\"]".to_owned(),
            "item 'blood_type' is not readable: authority 'medical' is not source/entity/role",
        ),
        (
            "cardinality = \"identifier\"",
            "cardinality = \"identifier\"\nauthority = [\"a/b/c\"]".to_owned(),
            "npd.pin does not come from single records; take 'authority' and 'rules' out",
        ),
        (
            "name = \"decision\"",
            "name = \"decisive\"".to_owned(),
            "nothing stands on the ground 'decisive'; name it under an item's 'rules' or take it out",
        ),
        (
            "name = \"decision\"",
            "name = \"register\"".to_owned(),
            "the ground 'register' is defined twice; take one of them out",
        ),
        (
            "name = \"email\"",
            "name = \"phone\"".to_owned(),
            "npd.phone is defined twice; take one of them out",
        ),
        (
            "severity = 4\nplace",
            "severity = 0\nplace".to_owned(),
            "severity of [number] is not between 1 and 5",
        ),
    ] {
        let found = faults(&replaced(from, &to));
        assert_eq!(found, [format!("field catalogue: {fault}")]);
    }
}

#[test]
fn a_gap_between_two_grounds_names_its_first_day() {
    let text = replaced("effect = \"verify\"", "effect = \"verify\"\nuntil = \"2030-12-31\"");
    let found = faults(&text);
    assert!(
        found.iter().all(|fault| fault
            .ends_with("holds for everybody from 2031-01-01; add one whose ground has no 'when' there")),
        "{found:?}"
    );
    assert_eq!(found.len(), 7);
}

#[test]
fn two_rule_sets_are_told_apart() {
    let before = FieldCatalogue::parse(CATALOGUE).unwrap();
    assert_eq!(differences(&before, &before), []);
    let after = replaced("from = \"2027-03-01\"", "from = \"2027-07-01\"")
        .replacen("comparison = \"name\"", "comparison = \"exact\"", 1)
        .replacen("name = \"email\"", "name = \"electronic_mail\"", 1);
    let after = FieldCatalogue::parse(&after).unwrap();
    let told: Vec<_> = differences(&before, &after)
        .into_iter()
        .map(|d| (d.of, d.part, d.before.unwrap_or_default(), d.after.unwrap_or_default()))
        .collect();
    let row = |of: &str, part: &str, before: &str, after: &str| {
        (of.to_owned(), part.to_owned(), before.to_owned(), after.to_owned())
    };
    assert_eq!(
        told,
        [
            row("ground birth_is_original", "from", "2027-03-01", "2027-07-01"),
            row("npd.birth_name", "comparison", "name", "exact"),
            row("npd.electronic_mail", "", "", "defined"),
            row("npd.email", "", "defined", ""),
        ]
    );
}
