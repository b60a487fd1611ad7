//! Records side by side, where the question is who they belong to.

use super::cases_page::short;
use super::value_text::Words;
use crate::desk::{CaseSheet, ShownRecord};
use crate::difference::{self, Word};
use crate::language::Language;
use crate::rules::Rules;
use crate::vocabulary;
use registry_rules::FieldName;
use std::collections::BTreeMap;

/// The comparison of a case's records.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Row>,
}

/// Where a record comes from, and whom it belongs to.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) record_key: String,
    /// The key as it is shown: a number in it is masked.
    pub(super) shown_key: String,
    pub(super) source: String,
    pub(super) entity: String,
    pub(super) role: String,
    /// Which of the persons shown, from 1.
    pub(super) person: Option<Person>,
    pub(super) in_question: bool,
    pub(super) standing: &'static str,
    pub(super) act: Option<String>,
    pub(super) legal: Option<String>,
    pub(super) recorded: Option<String>,
    pub(super) pin: Option<String>,
}

/// A person as the table tells them apart.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) number: usize,
    pub(super) id: String,
}

/// What the records say about one item.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) cells: Vec<Cell>,
}

/// What one record says about it: nothing, or words of which those that the first record lacks are marked.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) words: Vec<Word>,
    pub(super) differs: bool,
}

impl Records {
    /// The records of a sheet.
    pub(super) fn of(sheet: &CaseSheet, rules: &Rules, language: Language) -> Self {
        let mut persons = BTreeMap::new();
        for id in sheet.records.iter().filter_map(|record| record.person_id) {
            let next = persons.len() + 1;
            persons.entry(id).or_insert(next);
        }
        let head = |record: &ShownRecord| {
            let number = record.person_id.and_then(|id| Some((id, *persons.get(&id)?)));
            let person = number.map(|(id, number)| Person { number, id: short(&id.to_string()) });
            Head::of(record, person, language)
        };
        let words = Words { rules, language };
        let stated = |field: &&registry_rules::FieldDefinition| {
            sheet.records.iter().any(|record| record.items.contains_key(&field.name))
        };
        let row = |field: &registry_rules::FieldDefinition| Row {
            title: language.pick(&field.vi, &field.en).to_owned(),
            cells: cells(sheet, &field.name, &field.parts, &words),
        };
        Self {
            heads: sheet.records.iter().map(head).collect(),
            rows: rules.catalogue.iter().filter(stated).map(row).collect(),
        }
    }
}

fn cells(sheet: &CaseSheet, field: &FieldName, order: &[String], words: &Words<'_>) -> Vec<Cell> {
    let text = |record: &ShownRecord| record.items.get(field).map(|value| words.one_line(value, order));
    let base = sheet.records.iter().find_map(text).unwrap_or_default();
    let cell = |record: &ShownRecord| {
        text(record).map_or_else(
            || Cell { words: Vec::new(), differs: false },
            |text| Cell { words: difference::mark(&text, &base), differs: text != base },
        )
    };
    sheet.records.iter().map(cell).collect()
}

impl Head {
    fn of(record: &ShownRecord, person: Option<Person>, language: Language) -> Self {
        let key = &record.record_key;
        Self {
            record_key: key.to_string(),
            shown_key: vocabulary::masked(key.as_str()),
            source: vocabulary::source(key.source(), language),
            entity: vocabulary::entity(key.entity(), language),
            role: vocabulary::role(key.role(), language),
            person,
            in_question: record.in_question,
            standing: vocabulary::standing(record.standing, language),
            act: record.act.as_ref().map(|act| act.act.clone()),
            legal: record.valid_from.map(|date| vocabulary::date(&date.to_string())),
            recorded: record.recorded_at.map(vocabulary::moment),
            pin: record.pin_ending.as_ref().map(|ending| format!("••••••••{ending}")),
        }
    }
}
