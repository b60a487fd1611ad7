//! What is there against what must be.

use super::file::{Expectation, ExpectedCase, ExpectedField, ExpectedPerson, Shown};
use crate::reference::Person;
use registry_rules::{FieldCatalogue, FieldName, FieldValue, RecordKey, family_secret};
use std::collections::{BTreeMap, BTreeSet};

/// All differences between a case's expectation and the persons there are.
pub(super) fn differences(
    expected: &Expectation,
    persons: &[Person],
    catalogue: &FieldCatalogue,
) -> Vec<String> {
    let mut found = Vec::new();
    if expected.person.len() != persons.len() {
        found.push(format!("{} persons, not {}", persons.len(), expected.person.len()));
    }
    for wanted in &expected.person {
        let keys: BTreeSet<&str> = wanted.records.iter().map(String::as_str).collect();
        let has = |person: &&Person| {
            person.records.iter().map(|r| r.record_key.as_str()).collect::<BTreeSet<_>>() == keys
        };
        if let Some(person) = persons.iter().find(has) {
            found.extend(of_person(wanted, person, catalogue));
        } else {
            let keys_of = |p: &'_ Person| p.records.iter().map(|r| r.record_key.to_string()).collect();
            let there: BTreeSet<BTreeSet<String>> = persons.iter().map(keys_of).collect();
            found.push(format!("nobody has exactly the records {keys:?}; there are {there:?}"));
        }
    }
    found
}

fn of_person(wanted: &ExpectedPerson, person: &Person, catalogue: &FieldCatalogue) -> Vec<String> {
    let image = &person.outcome.image;
    let who = wanted.records.first().map_or("nobody", String::as_str);
    let mut found = Vec::new();
    let mut must = |what: &str, is: String, should: String| {
        if is != should {
            found.push(format!("{who}: {what} is {is}, must be {should}"));
        }
    };
    let pins: BTreeMap<String, String> =
        image.pins.iter().map(|pin| (pin.value.clone(), pin.state.as_str().to_owned())).collect();
    must("numbers", format!("{pins:?}"), format!("{:?}", wanted.pins));
    if let Some(lifecycle) = &wanted.lifecycle {
        must("lifecycle", image.lifecycle.as_str().to_owned(), lifecycle.clone());
    }
    if let Some(countable) = wanted.countable {
        must("countable", image.countable.to_string(), countable.to_string());
    }
    if let Some(next) = wanted.next {
        must("next date", format!("{:?}", person.outcome.next_date), format!("{:?}", Some(next)));
    }
    let secret = family_secret(&person.records, catalogue).and_then(|secret| secret.since);
    must("family secret", format!("{secret:?}"), format!("{:?}", wanted.secret_before));
    let cases: BTreeSet<ExpectedCase> = person
        .cases
        .iter()
        .map(|case| ExpectedCase {
            kind: case.kind.as_str().to_owned(),
            field: case.field.as_ref().map_or_else(String::new, |f| f.item().to_owned()),
            records: case.records.iter().map(|key| key.as_str().to_owned()).collect(),
        })
        .collect();
    must("open cases", format!("{cases:?}"), format!("{:?}", wanted.case.iter().collect::<BTreeSet<_>>()));
    for name in &wanted.without {
        let value = image.value(name).map(shown);
        must(name, format!("{value:?}"), "None".to_owned());
    }
    for (name, field) in &wanted.field {
        for (what, is, should) in of_field(name, field, person, catalogue) {
            must(&what, is, should);
        }
    }
    found
}

/// What is looked at of a field: what it is, and what it must be.
fn of_field(
    name: &str,
    wanted: &ExpectedField,
    person: &Person,
    catalogue: &FieldCatalogue,
) -> Vec<(String, String, String)> {
    let standing = name.parse::<FieldName>().ok().and_then(|name| person.outcome.image.fields.get(&name));
    let Some(standing) = standing else {
        return vec![(name.to_owned(), "not there".to_owned(), format!("{:?}", wanted.value))];
    };
    let mut seen =
        vec![(name.to_owned(), format!("{:?}", shown(&standing.value)), format!("{:?}", wanted.value))];
    let mut also = |what: &str, is: &str, should: Option<&String>| {
        if let Some(should) = should {
            seen.push((format!("{what} of {name}"), is.to_owned(), should.clone()));
        }
    };
    also("state", standing.state.as_str(), wanted.state.as_ref());
    also("rule", &standing.rule, wanted.rule.as_ref());
    also("record", standing.record_key.as_ref().map_or("none", RecordKey::as_str), wanted.from.as_ref());
    let article = catalogue.ground_of(&standing.rule).map_or("", |ground| ground.article.as_str());
    also("article", article, wanted.article.as_ref());
    seen
}

/// A value as a reader sees it: a name in full, a related person with the relation, an address part by part.
fn shown(value: &FieldValue) -> Shown {
    match value {
        FieldValue::List(elements) => Shown::List(elements.iter().map(one).collect()),
        FieldValue::Text(_) | FieldValue::Parts(_) => Shown::One(one(value)),
    }
}

fn one(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) => text.clone(),
        FieldValue::Parts(parts) => match (parts.get("full"), parts.get("name")) {
            (Some(full), _) => full.clone(),
            (None, Some(name)) => {
                format!("{} {name}", parts.get("relation").map_or("", String::as_str)).trim().to_owned()
            }
            (None, None) => parts.values().cloned().collect::<Vec<_>>().join(", "),
        },
        FieldValue::List(elements) => elements.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}
