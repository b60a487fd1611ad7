//! What rule sets are kept, and what one of them says.

use std::io::{self, Write};

use chrono::NaiveDate;
use registry_rules::{AuthorityRule, Cohort, FieldCatalogue, FieldDefinition, Ground, Owner};
use registry_store::{KeptRules, Present};
use serde::Serialize;

use crate::output::Answer;
use crate::table::write_table;

/// What is kept, and one of them in full.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    version: u32,
    business_date: NaiveDate,
    in_force: String,
    kept: Vec<KeptRules>,
    /// The one whose grounds and fields follow.
    shown: String,
    grounds: Vec<GroundRow>,
    fields: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct GroundRow {
    name: String,
    article: String,
    vi: String,
    en: String,
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
    when: Option<When>,
    effect: &'static str,
}

#[derive(Debug, Serialize)]
struct When {
    birth_registered_after: Option<NaiveDate>,
    number_issued: bool,
    again: bool,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    article: String,
    vi: String,
    en: String,
    owner: Option<&'static str>,
    comparison: &'static str,
    conflict: &'static str,
    harm: u8,
    rules: Vec<RuleRow>,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    /// Empty where the item has one order for all times.
    ground: String,
    order: Vec<String>,
    severity: u8,
}

impl Sheet {
    /// A rule set among those kept.
    pub(super) fn of(
        present: Present,
        kept: Vec<KeptRules>,
        shown: String,
        catalogue: &FieldCatalogue,
    ) -> Self {
        Self {
            version: 1,
            business_date: present.date,
            in_force: present.rule_set,
            kept,
            shown,
            grounds: catalogue.grounds().map(GroundRow::of).collect(),
            fields: catalogue.iter().map(Item::of).collect(),
        }
    }
}

impl GroundRow {
    fn of(ground: &Ground) -> Self {
        Self {
            name: ground.name.clone(),
            article: ground.article.clone(),
            vi: ground.vi.clone(),
            en: ground.en.clone(),
            from: ground.from,
            until: ground.until,
            when: ground.when.as_ref().map(When::of),
            effect: ground.effect.as_str(),
        }
    }

    /// `2027-03-01 –`, `– 2027-02-28`, or nothing.
    fn period(&self) -> String {
        let day = |day: Option<NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
        match (self.from, self.until) {
            (None, None) => String::new(),
            (from, until) => format!("{} – {}", day(from), day(until)).trim().to_owned(),
        }
    }
}

impl When {
    const fn of(cohort: &Cohort) -> Self {
        Self {
            birth_registered_after: cohort.birth_registered_after,
            number_issued: cohort.number_issued,
            again: cohort.again,
        }
    }

    fn text(&self) -> String {
        let after = self.birth_registered_after.map_or_else(String::new, |day| format!(" after {day}"));
        format!("birth registered{after}{}", if self.number_issued { " with a number" } else { "" })
    }
}

impl Item {
    fn of(field: &FieldDefinition) -> Self {
        Self {
            name: field.name.to_string(),
            article: field.article.clone(),
            vi: field.vi.clone(),
            en: field.en.clone(),
            owner: field.owner.map(Owner::as_str),
            comparison: field.comparison.as_str(),
            conflict: field.conflict.as_str(),
            harm: field.harm,
            rules: field.rules.iter().filter(|_| !field.authority.is_empty()).map(RuleRow::of).collect(),
        }
    }

    fn grounds(&self) -> String {
        self.rules.iter().map(|rule| rule.ground.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl RuleRow {
    fn of(rule: &AuthorityRule) -> Self {
        Self {
            ground: rule.ground.clone(),
            order: rule.order.iter().map(ToString::to_string).collect(),
            severity: rule.severity,
        }
    }
}

impl Answer for Sheet {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "in force: {} on {}", self.in_force, self.business_date)?;
        for kept in &self.kept {
            writeln!(out, "kept: {} since {}", kept.name, kept.kept_at.to_rfc3339())?;
        }
        writeln!(out, "\n{}:", self.shown)?;
        let rows: Vec<_> = self
            .grounds
            .iter()
            .map(|g| {
                let when = g.when.as_ref().map_or_else(String::new, When::text);
                [g.name.clone(), g.period(), when, g.effect.to_owned(), g.article.clone()]
            })
            .collect();
        write_table(out, ["GROUND", "IN FORCE", "FOR", "EFFECT", "ARTICLE"], &rows)?;
        writeln!(out)?;
        let rows: Vec<_> = self
            .fields
            .iter()
            .map(|item| {
                let owner = item.owner.unwrap_or("–").to_owned();
                [
                    item.name.clone(),
                    item.article.clone(),
                    owner,
                    item.grounds(),
                    item.vi.clone(),
                    item.en.clone(),
                ]
            })
            .collect();
        write_table(out, ["FIELD", "ARTICLE", "OWNER", "GROUNDS", "TIẾNG VIỆT", "ENGLISH"], &rows)
    }
}
