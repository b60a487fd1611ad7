//! What the agencies write is what the shipped mappings read: every row, but for the junk that is counted.

use super::*;
use registry_rules::{CodeLists, FieldCatalogue, Version};
use source_adapter::mapping::{Change, Mapping};
use source_adapter::postgres::RowBuffer;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn mapping(source: &str) -> Mapping {
    let lists: Vec<_> = std::fs::read_dir(project().join("schemas/codes"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let lists = CodeLists::parse(lists.iter().map(String::as_str)).unwrap();
    let text = std::fs::read_to_string(project().join(format!("deploy/sources/{source}.toml"))).unwrap();
    Mapping::parse(&text, &lists).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

#[test]
fn every_row_is_mapped_but_for_the_junk_that_is_counted() {
    let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
    let population = generate(&Plan { people: 4000, seed: 4, today, rates: Rates::default() });
    for source in SOURCES {
        let mapping = mapping(source);
        let mut mapped = 0;
        for table in
            population.tables.iter().filter(|t| t.layout.source == source && t.layout.entity.is_some())
        {
            let (schema, name) = table.layout.table.split_once('.').unwrap();
            let spec = mapping.table(schema, name).unwrap();
            assert_eq!(table.layout.entity, Some(spec.entity.as_str()));
            let columns: Vec<_> = table.layout.columns.split(", ").map(ToOwned::to_owned).collect();
            let plan =
                mapping.compile(spec, &columns).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
            let (mut buffer, mut rejected, mut empty) = (RowBuffer::default(), 0, 0);
            for line in table.copy().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let row = buffer.fill_line(line).unwrap();
                let result = plan.apply(Change::New(row), Version::default());
                rejected += u64::from(result.rejected.is_some());
                empty += u64::from(result.rejected.is_none() && result.records.is_empty());
            }
            assert_eq!((rejected, empty), (table.quarantined, 0), "{}", table.layout.table);
            mapped += 1;
        }
        assert_eq!(mapping.file().tables.len(), mapped, "{source}: each mapped table has rows here");
    }
}

#[test]
fn mappings_and_field_catalogue_name_the_same_things() {
    let catalogue = std::fs::read_to_string(project().join("schemas/field-catalogue.toml")).unwrap();
    let catalogue = FieldCatalogue::parse(&catalogue).unwrap();
    let mut stated = BTreeSet::new();
    for source in SOURCES {
        for table in &mapping(source).file().tables {
            for role in &table.roles {
                for field in &role.fields {
                    let item = catalogue
                        .get(&field.field.parse().unwrap())
                        .unwrap_or_else(|| panic!("{}", field.field));
                    assert!(
                        field.parts.keys().all(|part| item.parts.contains(part)),
                        "{source} {}",
                        field.field
                    );
                    stated.insert((source, table.entity.clone(), role.role.clone(), item.name.clone()));
                }
            }
        }
    }
    for item in catalogue.iter() {
        for by in item.authority.iter().flat_map(|rank| &rank.0) {
            let said = |(source, entity, role, name): &(&str, String, String, _)| {
                let fits = |want: &str, have: &str| want == "*" || want == have;
                *source == by.source && fits(&by.entity, entity) && fits(&by.role, role) && *name == item.name
            };
            assert!(stated.iter().any(said), "{by:?} has authority over {} and states it nowhere", item.name);
        }
    }
}
