//! Field catalogue, mappings, merge rules, sensitivity, agreements and sector tables cover each other: nothing is named in
//! one that the others do not know, and every field of the catalogue is either given to somebody or denied to all on purpose.

use acceptance::pipeline::{AGREEMENTS, project, source_mapping};
use acceptance::population::SOURCES;
use chrono::NaiveDate;
use dispatcher::SectorMapping;
use registry_rules::{
    Agreement, AgreementState, Authority, Cardinality, FieldCatalogue, FieldDefinition, FieldName,
    FieldState, FieldValue, FingerprintKey, Identifier, IdentifierKind, Lifecycle, MergeInput, PersonFacts,
    PersonId, PersonImage, ReleaseContext, RowKey, Sensitivity, SourceRecord, Standing, StandingField, Tie,
    Version, merge, release,
};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that no subscriber has. Who adds a field to the catalogue either names it in an agreement or says here that
/// nobody is to have it.
const DENIED: [&str; 44] = [
    "npd.birth_name.family",
    "npd.birth_name.given",
    "npd.birth_name.middle",
    "npd.blood_type",
    "npd.current_residence.country",
    "npd.current_residence.since",
    "npd.death_or_missing.certificate",
    "npd.email",
    "npd.household.cmnd9",
    "npd.household.name",
    "npd.household.pin",
    "npd.household.relation",
    "npd.id_cards.expires_on",
    "npd.id_cards.issued_by",
    "npd.id_cards.issued_on",
    "npd.id_cards.number",
    "npd.id_cards.status",
    "npd.id_cards.type",
    "npd.marital_status",
    "npd.nationality",
    "npd.native_place.commune",
    "npd.native_place.country",
    "npd.native_place.detail",
    "npd.native_place.province",
    "npd.other_information",
    "npd.other_names",
    "npd.permanent_residence.country",
    "npd.phone",
    "npd.place_of_birth.commune",
    "npd.place_of_birth.country",
    "npd.place_of_birth.detail",
    "npd.place_of_birth.province",
    "npd.place_of_birth_registration.country",
    "npd.place_of_birth_registration.detail",
    "npd.relatives.cmnd9",
    "npd.relatives.nationality",
    "npd.relatives.pin",
    "npd.religion",
    "npd.temporary_absence.destination",
    "npd.temporary_absence.since",
    "npd.temporary_absence.until",
    "npd.temporary_residence.country",
    "npd.temporary_residence.since",
    "npd.temporary_residence.until",
];

/// Sensitive by law, and given all the same: for the purpose that the agreement names.
const SENSITIVE_AND_GIVEN: [(&str, &str); 1] = [("education", "npd.ethnicity")];

/// Everything that covers each other.
#[derive(Clone)]
struct Rules {
    catalogue: FieldCatalogue,
    agreements: BTreeMap<String, Agreement>,
    sectors: BTreeMap<String, SectorMapping>,
    /// (source, entity, role, item) that some mapping reads.
    stated: BTreeSet<(String, String, String, FieldName)>,
}

fn file(path: String) -> String {
    std::fs::read_to_string(project().join(path)).unwrap()
}

fn catalogue_text() -> String {
    file("schemas/field-catalogue.toml".to_owned())
}

/// (source, entity, role, item) for all that a source's mapping reads.
fn stated_by(source: &str) -> Vec<(String, String, String, FieldName)> {
    let mapping = source_mapping(source).unwrap();
    let roles =
        mapping.file().tables.iter().flat_map(|table| table.roles.iter().map(move |role| (table, role)));
    let fields = roles.flat_map(|(table, role)| role.fields.iter().map(move |field| (table, role, field)));
    fields
        .map(|(table, role, field)| {
            (source.to_owned(), table.entity.clone(), role.role.clone(), field.field.parse().unwrap())
        })
        .collect()
}

impl Rules {
    fn filed() -> Self {
        Self::with(&catalogue_text())
    }

    fn with(catalogue: &str) -> Self {
        let catalogue = FieldCatalogue::parse(catalogue).unwrap();
        let (mut agreements, mut sectors) = (BTreeMap::new(), BTreeMap::new());
        for name in AGREEMENTS {
            let agreement = Agreement::parse(&file(format!("schemas/agreements/{name}.toml")), &catalogue);
            agreements.insert(name.to_owned(), agreement.unwrap());
            let sector = SectorMapping::parse(&file(format!("deploy/sectors/{name}.toml")));
            sectors.insert(name.to_owned(), sector.unwrap());
        }
        let stated = SOURCES.into_iter().flat_map(stated_by).collect();
        Self { catalogue, agreements, sectors, stated }
    }

    /// What one of them names and another does not know.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                gaps.push(what);
            }
        };
        let known: BTreeSet<String> = self.catalogue.iter().flat_map(FieldDefinition::disclosable).collect();
        let given: BTreeSet<&String> = self.agreements.values().flat_map(|a| &a.fields).collect();
        for name in &known {
            let denied = DENIED.contains(&name.as_str());
            check(given.contains(name) || denied, format!("{name} is in no agreement and not denied"));
            check(!(given.contains(name) && denied), format!("{name} is given and denied"));
        }
        for name in DENIED {
            check(known.contains(name), format!("{name} is denied and not in the catalogue"));
        }
        for (_, _, _, item) in &self.stated {
            check(self.catalogue.get(item).is_some(), format!("a mapping reads {item}, which nobody knows"));
        }
        for item in self.catalogue.iter() {
            for by in item.authority.iter().flat_map(|rank| &rank.0) {
                let stated = self.stated.iter().any(|(source, entity, role, name)| {
                    *name == item.name && covers(by, source, entity, role)
                });
                check(stated, format!("{by:?} may state {} and does not", item.name));
            }
        }
        for (name, agreement) in &self.agreements {
            check(agreement.fields.is_subset(&known), format!("{name} names an unknown field"));
            for item in self.catalogue.iter().filter(|item| item.sensitivity == Sensitivity::Sensitive) {
                let given = item.disclosable().into_iter().find(|field| agreement.fields.contains(field));
                if let Some(field) = given {
                    let meant = SENSITIVE_AND_GIVEN.contains(&(name.as_str(), field.as_str()));
                    check(meant, format!("{name} gets {field}, which is sensitive"));
                }
            }
            let mapped: BTreeSet<&String> = self.sectors[name].columns.keys().collect();
            for field in mapped {
                check(
                    agreement.fields.contains(field),
                    format!("{name}: {field} has a column and no permission"),
                );
            }
        }
        gaps
    }
}

fn covers(by: &Authority, source: &str, entity: &str, role: &str) -> bool {
    let fits = |want: &str, have: &str| want == "*" || want == have;
    by.source == source && fits(&by.entity, entity) && fits(&by.role, role)
}

#[test]
fn the_rules_cover_each_other() {
    assert_eq!(Rules::filed().gaps(), Vec::<String>::new());
}

#[test]
fn the_catalogue_has_every_item_of_the_law() {
    let catalogue = Rules::filed().catalogue;
    let articles: BTreeSet<String> = catalogue.iter().map(|item| item.article.clone()).collect();
    assert_eq!(articles, (1..=26).map(|n| format!("9.{n}")).collect());
}

/// A sector's own table has every column that its mapping writes.
#[test]
fn sector_tables_have_the_columns_that_are_written() {
    for (name, sector) in Rules::filed().sectors {
        let sql = file(format!("tests/fixtures/sectors/{name}.sql"));
        let table = sql.split(&format!("create table {} (", sector.table)).nth(1).unwrap();
        let columns: BTreeSet<&str> = table
            .split(");")
            .next()
            .unwrap()
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        for column in sector.columns.values() {
            assert!(columns.contains(column.column.as_str()), "{name}: {}", column.column);
        }
    }
}

const NEW_FIELD: &str = r#"
[[field]]
name = "shoe_size"
article = "9.26"
vi = "Cỡ giày"
en = "Shoe size"
cardinality = "one"
comparison = "exact"
conflict = "latest"
sensitivity = "basic"
harm = 1
authority = ["residence/declaration/declarant"]
"#;

/// Broken on purpose: a field that is in the catalogue and in no agreement.
#[test]
fn a_field_that_was_only_added_to_the_catalogue_is_noticed_and_leaves_with_nobody() {
    let rules = Rules::with(&format!("{}{NEW_FIELD}", catalogue_text()));
    let gaps = rules.gaps();
    assert!(gaps.contains(&"npd.shoe_size is in no agreement and not denied".to_owned()), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap.contains("may state npd.shoe_size and does not")), "{gaps:?}");
    let person = everything(&rules.catalogue);
    assert!(person.fields.contains_key(&"shoe_size".parse().unwrap()));
    for agreement in rules.agreements.values() {
        let released = release(&person, agreement, ACTIVE, day("2026-06-01"));
        let told = format!("{:?} {:?}", released.columns, released.fields);
        assert!(!told.contains("shoe_size") && !told.contains(&token("npd.shoe_size")), "{}", agreement.name);
    }
}

/// Broken on purpose: each of the other gaps.
#[test]
fn every_gap_is_noticed() {
    let filed = Rules::filed();
    let mut narrower = filed.clone();
    narrower.agreements.get_mut("vss_insurance").unwrap().fields.remove("npd.cmnd9");
    assert_eq!(
        narrower.gaps(),
        [
            "npd.cmnd9 is in no agreement and not denied",
            "vss_insurance: npd.cmnd9 has a column and no permission"
        ]
    );
    let mut wider = filed.clone();
    wider.agreements.get_mut("education").unwrap().fields.insert("npd.religion".to_owned());
    assert_eq!(
        wider.gaps(),
        ["npd.religion is given and denied", "education gets npd.religion, which is sensitive"]
    );
    let mut silent = filed;
    silent.stated.retain(|(source, ..)| source != "medical");
    let gaps = silent.gaps();
    assert!(gaps.len() == 1 && gaps[0].ends_with("may state npd.blood_type and does not"), "{gaps:?}");
}

const ACTIVE: ReleaseContext = ReleaseContext { state: AgreementState::Active };

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A value that says which field it is of.
fn token(field: &str) -> String {
    format!("<{field}>")
}

/// A value of every part of an item, dates where a date must stand.
fn value(item: &FieldDefinition) -> FieldValue {
    let name = item.name.as_str();
    let of = |part: &str| match part {
        "since" | "issued_on" => "2025-01-01".to_owned(),
        "date" => "2026-05-20".to_owned(),
        "until" | "expires_on" => "2030-01-01".to_owned(),
        part => token(&format!("{name}.{part}")),
    };
    if name == "npd.date_of_birth" {
        FieldValue::Text("2012-03-04".to_owned())
    } else if item.parts.is_empty() {
        FieldValue::Text(token(name))
    } else {
        FieldValue::parts(item.parts.iter().map(|part| (part.as_str(), of(part))))
    }
}

/// A person of whom everything is known, and who is in every population that does not ask for more.
fn everything(catalogue: &FieldCatalogue) -> PersonImage {
    let fields = catalogue.iter().map(|item| {
        let value = match item.cardinality {
            Cardinality::Collected | Cardinality::Relation => FieldValue::List(vec![value(item)]),
            Cardinality::One | Cardinality::Identifier => value(item),
        };
        let standing =
            StandingField { value, state: FieldState::SoleSource, record_key: None, rule: String::new() };
        (item.name.clone(), standing)
    });
    PersonImage {
        person_id: PersonId::from_u128(1),
        version: 1,
        lifecycle: Lifecycle::Active,
        merged_into: None,
        absorbed: vec![],
        countable: true,
        pins: vec![],
        fields: fields.collect(),
        business_date: day("2026-06-01"),
    }
}

/// An agreement with everybody, for these fields.
fn agreement(fields: &BTreeSet<String>, catalogue: &FieldCatalogue) -> Agreement {
    let fields = fields.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(", ");
    let text = file("schemas/agreements/education.toml".to_owned());
    let (head, rest) = text.split_once("fields = [").unwrap();
    let (_, _) = rest.split_once("[[population]]").unwrap();
    let text = format!("{head}fields = [{fields}]\n[[population]]\ncondition = \"everyone\"\n");
    Agreement::parse(&text, catalogue).unwrap()
}

/// Each name of the catalogue gives its own value and no other, alone and by its absence.
#[test]
fn a_field_leaves_exactly_where_it_is_named() {
    let catalogue = Rules::filed().catalogue;
    let person = everything(&catalogue);
    let all: BTreeSet<String> = catalogue.iter().flat_map(FieldDefinition::disclosable).collect();
    for field in &all {
        let alone = agreement(&BTreeSet::from([field.clone()]), &catalogue);
        let released = release(&person, &alone, ACTIVE, day("2026-06-01"));
        assert_eq!(released.fields, BTreeSet::from([field.clone()]));
        assert_eq!(released.columns.len(), 1, "{field}");
        let others: BTreeSet<String> = all.iter().filter(|other| *other != field).cloned().collect();
        let without = release(&person, &agreement(&others, &catalogue), ACTIVE, day("2026-06-01"));
        assert_eq!(without.fields, others, "{field}");
        let told = format!("{:?}", without.columns);
        assert!(!told.contains(&token(field)), "{field}");
    }
}

/// One record of a kind that has authority, with a value of one item.
fn record(source: &str, entity: &str, role: &str, item: &FieldDefinition) -> SourceRecord {
    SourceRecord {
        record_key: RowKey::new(source, entity, "1").unwrap().record(role),
        version: Version::default(),
        kind: format!("{source}.{entity}"),
        standing: Standing::Asserted,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: None,
        identifiers: vec![
            Identifier { kind: IdentifierKind::Pin, value: "001185000001".to_owned() },
            Identifier { kind: IdentifierKind::Cmnd9, value: "012345678".to_owned() },
        ],
        relation_group: None,
        fields: BTreeMap::from([(item.name.clone(), value(item))]),
        mapping_version: 1,
    }
}

/// A mother, and somebody in the same household.
const TIES: [(&str, &str); 2] = [
    ("civil_status/birth/1/child", "civil_status/birth/1/mother"),
    ("residence/permanent/1/resident", "residence/permanent/2/resident"),
];

/// Whoever has authority over an item brings it into the golden record, by a rule that names it; items without authority
/// come from numbers and from related persons.
#[test]
fn a_merge_rule_stands_behind_every_item() {
    let rules = Rules::filed();
    let other =
        PersonFacts { name: Some("Lê A".to_owned()), ..PersonFacts::nothing_but(PersonId::from_u128(2)) };
    for item in rules.catalogue.iter() {
        let by = |source: &str, entity: &str, role: &str| item.rank(source, entity, role).is_some();
        let mut cases: BTreeSet<_> =
            rules.stated.iter().filter(|(s, e, r, name)| *name == item.name && by(s, e, r)).collect();
        let anybody = ("residence".to_owned(), "person".to_owned(), "resident".to_owned(), item.name.clone());
        if matches!(item.cardinality, Cardinality::Identifier | Cardinality::Relation) {
            cases.insert(&anybody);
        }
        assert!(!cases.is_empty(), "nobody states {}", item.name);
        for (source, entity, role, _) in cases {
            let records = [record(source, entity, role, item)];
            let tie = |(own, relative): (&str, &str)| Tie {
                own: own.to_owned().try_into().unwrap(),
                other: relative.to_owned().try_into().unwrap(),
                relation_to_head: None,
                facts: other.clone(),
            };
            let ties = TIES.map(tie);
            let merged = merge(&MergeInput {
                person_id: PersonId::from_u128(1),
                absorbed: &[],
                records: &records,
                register: &[],
                ties: &ties,
                decisions: &[],
                catalogue: &rules.catalogue,
                key: &FingerprintKey::new([7; 32]),
                business_date: day("2026-06-01"),
            });
            let standing = merged.image.fields.get(&item.name);
            assert!(
                standing.is_some(),
                "{source}/{entity}/{role} states {}, which does not stand",
                item.name
            );
        }
    }
}
