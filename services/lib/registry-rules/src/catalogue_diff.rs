//! What one rule set says otherwise than another.

use crate::authority::{AuthorityRule, Cohort, Ground};
use crate::{AuthorityRank, FieldCatalogue, FieldDefinition, Owner};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One difference between two rule sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What it is about: `npd.sex`, `ground joint_verification`, `number`.
    pub of: String,
    /// Which part of it: `harm`, `rule joint_verification: order`; empty where all of it came or went.
    pub part: String,
    /// What the first says; none where it says nothing.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

/// All differences, in order of what they are about.
pub fn differences(before: &FieldCatalogue, after: &FieldCatalogue) -> Vec<Difference> {
    let (old, new) = (said(before), said(after));
    let subjects: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for of in subjects {
        match (old.get(of), new.get(of)) {
            (Some(a), Some(b)) => {
                let parts: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                let differing = parts.into_iter().filter(|part| a.get(*part) != b.get(*part));
                found.extend(differing.map(|part| Difference {
                    of: of.clone(),
                    part: part.clone(),
                    before: a.get(part).cloned(),
                    after: b.get(part).cloned(),
                }));
            }
            (a, b) => found.push(Difference {
                of: of.clone(),
                part: String::new(),
                before: a.map(|_| "defined".to_owned()),
                after: b.map(|_| "defined".to_owned()),
            }),
        }
    }
    found
}

type Said = BTreeMap<String, String>;

/// All that a rule set says, by what it is about and part.
fn said(catalogue: &FieldCatalogue) -> BTreeMap<String, Said> {
    let mut all = BTreeMap::new();
    for field in catalogue.iter() {
        all.insert(field.name.to_string(), item(field));
    }
    for ground in catalogue.grounds() {
        all.insert(format!("ground {}", ground.name), of_ground(ground));
    }
    if let Some(number) = catalogue.number() {
        let place = number.place.iter().map(|(list, before)| format!("{list} after '{before}'"));
        let mut said = Said::new();
        put(&mut said, "article", &number.article);
        put(&mut said, "severity", &number.severity);
        put(&mut said, "place", &place.collect::<Vec<_>>().join(", "));
        all.insert("number".to_owned(), said);
    }
    all
}

fn put(said: &mut Said, part: &str, value: &impl ToString) {
    said.insert(part.to_owned(), value.to_string());
}

fn item(field: &FieldDefinition) -> Said {
    let mut said = Said::new();
    put(&mut said, "article", &field.article);
    put(&mut said, "vi", &field.vi);
    put(&mut said, "en", &field.en);
    put(&mut said, "parts", &field.parts.join(", "));
    put(&mut said, "cardinality", &field.cardinality.as_str());
    put(&mut said, "comparison", &field.comparison.as_str());
    put(&mut said, "conflict", &field.conflict.as_str());
    put(&mut said, "sensitivity", &field.sensitivity.as_str());
    put(&mut said, "owner", &field.owner.map_or("", Owner::as_str));
    put(&mut said, "harm", &field.harm);
    put(&mut said, "family_secret", &field.family_secret);
    put(&mut said, "authority", &order(&field.authority));
    let grounds: Vec<&str> = field.rules.iter().map(|rule| rule.ground.as_str()).collect();
    put(&mut said, "rules", &grounds.join(", "));
    for rule in field.rules.iter().filter(|rule| !rule.ground.is_empty()) {
        of_rule(field, rule, &mut said);
    }
    said
}

/// Of a rule only what the item says itself; the ground is told once.
fn of_rule(field: &FieldDefinition, rule: &AuthorityRule, said: &mut Said) {
    if rule.order != field.authority {
        put(said, &format!("rule {}: order", rule.ground), &order(&rule.order));
    }
    if rule.severity != field.harm {
        put(said, &format!("rule {}: severity", rule.ground), &rule.severity);
    }
}

/// An order of authority as a text: `a/b/c = d/e/f, then g/h/i`.
fn order(ranks: &[AuthorityRank]) -> String {
    ranks.iter().map(|rank| rank.to_string().replace(' ', " = ")).collect::<Vec<_>>().join(", then ")
}

fn of_ground(ground: &Ground) -> Said {
    let mut said = Said::new();
    put(&mut said, "article", &ground.article);
    put(&mut said, "article_vi", &ground.article_vi);
    put(&mut said, "vi", &ground.vi);
    put(&mut said, "en", &ground.en);
    put(&mut said, "effect", &ground.effect.as_str());
    put(&mut said, "from", &ground.from.map_or_else(String::new, |day| day.to_string()));
    put(&mut said, "until", &ground.until.map_or_else(String::new, |day| day.to_string()));
    put(&mut said, "when", &ground.when.as_ref().map_or_else(String::new, when));
    said
}

/// A condition in words.
fn when(cohort: &Cohort) -> String {
    let after = cohort.birth_registered_after.map_or_else(String::new, |day| format!(" after {day}"));
    let number = if cohort.number_issued { ", with a number issued for it" } else { "" };
    let again = if cohort.again { ", registrations once more too" } else { "" };
    format!("birth registered{after}{number}{again}")
}
