//! Reads the field catalogue: all faults at once, each with the item and the way out.

use crate::FieldName;
use crate::authority::{Authority, AuthorityRank, AuthorityRule, Cohort, Effect, Ground};
use crate::catalogue::{
    Cardinality, Comparison, ConflictRule, FieldCatalogue, FieldDefinition, Owner, Sensitivity,
};
use crate::digits::NumberRule;
use chrono::NaiveDate;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Cohorts that one rule set may tell apart: the bits of a word.
const MAX_COHORTS: usize = 64;

/// Grounds that merging itself names, beside those of the items' rules.
pub(crate) const GROUNDS_OF_MERGING: [&str; 5] =
    ["collected", "decision", "one_hop", "register", "spouse_died"];

/// What is wrong with the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not readable.
    #[error("field catalogue is not readable: {0}")]
    Form(#[from] toml::de::Error),
    /// One entry is not readable.
    #[error("field catalogue: {entry} is not readable: {fault}")]
    Entry {
        /// Kind and name of the entry.
        entry: String,
        /// What the reader says.
        fault: String,
    },
    /// An item is there twice.
    #[error("field catalogue: {0} is defined twice; take one of them out")]
    Twice(FieldName),
    /// A ground is there twice.
    #[error("field catalogue: the ground '{0}' is defined twice; take one of them out")]
    GroundTwice(String),
    /// An item that records state, but no record may.
    #[error("field catalogue: nobody has authority over {0}; name a source/entity/role under 'authority'")]
    Nobody(FieldName),
    /// An item that no record states, with an order of records.
    #[error("field catalogue: {0} does not come from single records; take 'authority' and 'rules' out")]
    NotStated(FieldName),
    /// Harm or severity outside 1 to 5.
    #[error("field catalogue: harm of {0} is not between 1 and 5")]
    Harm(FieldName),
    /// A severity outside 1 to 5.
    #[error("field catalogue: severity of {field} on the ground '{ground}' is not between 1 and 5")]
    Severity {
        /// The item.
        field: FieldName,
        /// The ground.
        ground: String,
    },
    /// A rule on a ground that is not there.
    #[error(
        "field catalogue: {field} has a rule on the ground '{ground}', which is not defined; known are {known}"
    )]
    NoGround {
        /// The item.
        field: FieldName,
        /// The ground.
        ground: String,
        /// What there is.
        known: String,
    },
    /// An order or severity for a rule that the item does not have.
    #[error(
        "field catalogue: {field} says more about the ground '{ground}', which is not among its 'rules'; add it or take this out"
    )]
    NoRule {
        /// The item.
        field: FieldName,
        /// The ground.
        ground: String,
    },
    /// An order with somebody who has no authority.
    #[error(
        "field catalogue: the order of {field} on the ground '{ground}' names {who}, who is not under 'authority'"
    )]
    NoAuthority {
        /// The item.
        field: FieldName,
        /// The ground.
        ground: String,
        /// Who.
        who: String,
    },
    /// Days and persons that no rule covers.
    #[error(
        "field catalogue: no rule of {field} holds for everybody {since}; add one whose ground has no 'when' there"
    )]
    Gap {
        /// The item.
        field: FieldName,
        /// From when on, in words.
        since: String,
    },
    /// A rule that is never asked.
    #[error(
        "field catalogue: the rule of {field} on the ground '{ground}' is never reached; move it up or take it out"
    )]
    Unreached {
        /// The item.
        field: FieldName,
        /// The ground.
        ground: String,
    },
    /// A ground that ends before it begins.
    #[error("field catalogue: the ground '{0}' ends before it begins; mend 'from' or 'until'")]
    GroundDates(String),
    /// A ground that nothing stands on.
    #[error(
        "field catalogue: nothing stands on the ground '{0}'; name it under an item's 'rules' or take it out"
    )]
    GroundUnused(String),
    /// More cohorts than bits.
    #[error("field catalogue: more than {MAX_COHORTS} different conditions; fold some")]
    Cohorts,
    /// What digits are held against names an item or list in the wrong way.
    #[error("field catalogue: severity of [number] is not between 1 and 5")]
    NumberSeverity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    ground: Vec<toml::Table>,
    number: Option<NumberRule>,
    field: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldEntry {
    name: FieldName,
    article: String,
    vi: String,
    en: String,
    #[serde(default)]
    parts: Vec<String>,
    cardinality: Cardinality,
    comparison: Comparison,
    conflict: ConflictRule,
    sensitivity: Sensitivity,
    owner: Option<Owner>,
    harm: u8,
    #[serde(default)]
    family_secret: bool,
    #[serde(default)]
    authority: Vec<AuthorityRank>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    order: BTreeMap<String, Vec<AuthorityRank>>,
    #[serde(default)]
    severity: BTreeMap<String, u8>,
}

#[derive(Default)]
struct Reader {
    faults: Vec<CatalogueError>,
    grounds: BTreeMap<String, Ground>,
    cohorts: Vec<Cohort>,
    used: BTreeSet<String>,
}

impl FieldCatalogue {
    /// Reads and checks the catalogue; all faults at once.
    pub fn parse(text: &str) -> Result<Self, Vec<CatalogueError>> {
        let file: File = toml::from_str(text).map_err(|e| vec![e.into()])?;
        let mut reader = Reader::default();
        reader.grounds(file.ground);
        let mut fields = BTreeMap::new();
        for table in file.field {
            let Some(field) = reader.field(table) else { continue };
            let name = field.name.clone();
            if fields.insert(name.clone(), field).is_some() {
                reader.faults.push(CatalogueError::Twice(name));
            }
        }
        reader.unused();
        if file.number.as_ref().is_some_and(|number| !is_weight(number.severity)) {
            reader.faults.push(CatalogueError::NumberSeverity);
        }
        if reader.faults.is_empty() {
            let Reader { grounds, cohorts, .. } = reader;
            Ok(Self { version: file.version, grounds, cohorts, number: file.number, fields })
        } else {
            Err(reader.faults)
        }
    }
}

fn is_weight(weight: u8) -> bool {
    (1..=5).contains(&weight)
}

/// Reads one entry by itself, so that a fault in one hides none in another.
fn entry<T: serde::de::DeserializeOwned>(kind: &str, table: toml::Table) -> Result<T, CatalogueError> {
    let name = table.get("name").and_then(toml::Value::as_str).unwrap_or("without a name").to_owned();
    let told = |fault: toml::de::Error| CatalogueError::Entry {
        entry: format!("{kind} '{name}'"),
        fault: fault.message().to_owned(),
    };
    toml::Value::Table(table).try_into().map_err(told)
}

impl Reader {
    fn grounds(&mut self, tables: Vec<toml::Table>) {
        for table in tables {
            let ground: Ground = match entry("ground", table) {
                Ok(ground) => ground,
                Err(fault) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            let ends = ground.from.zip(ground.until).is_some_and(|(from, until)| until < from);
            if ends {
                self.faults.push(CatalogueError::GroundDates(ground.name.clone()));
            }
            let name = ground.name.clone();
            if self.grounds.insert(name.clone(), ground).is_some() {
                self.faults.push(CatalogueError::GroundTwice(name));
            }
        }
    }

    fn unused(&mut self) {
        let unused = self
            .grounds
            .keys()
            .filter(|name| !self.used.contains(*name) && !GROUNDS_OF_MERGING.contains(&name.as_str()));
        self.faults.extend(unused.map(|name| CatalogueError::GroundUnused(name.clone())));
    }

    fn field(&mut self, table: toml::Table) -> Option<FieldDefinition> {
        let entry: FieldEntry = match entry("item", table) {
            Ok(entry) => entry,
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        let stated = entry.cardinality.is_stated();
        if stated && entry.authority.is_empty() {
            self.faults.push(CatalogueError::Nobody(entry.name.clone()));
        }
        let ordered = !entry.authority.is_empty() || !entry.rules.is_empty();
        if ordered && !stated {
            self.faults.push(CatalogueError::NotStated(entry.name.clone()));
        }
        if !is_weight(entry.harm) {
            self.faults.push(CatalogueError::Harm(entry.name.clone()));
        }
        let rules = self.rules(&entry);
        self.check(&entry.name, &rules);
        Some(FieldDefinition {
            turns: turns(&rules),
            collected: format!("{}/collected", entry.name),
            name: entry.name,
            article: entry.article,
            vi: entry.vi,
            en: entry.en,
            parts: entry.parts,
            cardinality: entry.cardinality,
            comparison: entry.comparison,
            conflict: entry.conflict,
            sensitivity: entry.sensitivity,
            owner: entry.owner,
            harm: entry.harm,
            family_secret: entry.family_secret,
            authority: entry.authority,
            rules,
        })
    }

    fn rules(&mut self, entry: &FieldEntry) -> Vec<AuthorityRule> {
        let more = entry.order.keys().chain(entry.severity.keys());
        for ground in more.filter(|ground| !entry.rules.contains(ground)) {
            let (field, ground) = (entry.name.clone(), ground.clone());
            self.faults.push(CatalogueError::NoRule { field, ground });
        }
        if entry.rules.is_empty() {
            return vec![AuthorityRule {
                ground: String::new(),
                order: entry.authority.clone(),
                effect: Effect::Stand,
                severity: entry.harm,
                from: None,
                until: None,
                same_order: 0,
                cohort: None,
                names: (0..entry.authority.len()).map(|rank| format!("{}/{rank}", entry.name)).collect(),
            }];
        }
        let mut rules: Vec<_> = entry.rules.iter().filter_map(|ground| self.rule(entry, ground)).collect();
        let orders: Vec<_> = rules.iter().map(|rule| rule.order.clone()).collect();
        for rule in &mut rules {
            rule.same_order = orders.iter().position(|order| *order == rule.order).unwrap_or(0);
        }
        rules
    }

    fn rule(&mut self, entry: &FieldEntry, name: &str) -> Option<AuthorityRule> {
        self.used.insert(name.to_owned());
        let Some(ground) = self.grounds.get(name).cloned() else {
            let known = self.grounds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (field, ground) = (entry.name.clone(), name.to_owned());
            self.faults.push(CatalogueError::NoGround { field, ground, known });
            return None;
        };
        let order = entry.order.get(name).unwrap_or(&entry.authority).clone();
        let able: BTreeSet<&Authority> = entry.authority.iter().flat_map(|rank| &rank.0).collect();
        for who in order.iter().flat_map(|rank| &rank.0).filter(|who| !able.contains(who)) {
            self.faults.push(CatalogueError::NoAuthority {
                field: entry.name.clone(),
                ground: name.to_owned(),
                who: who.to_string(),
            });
        }
        let severity = entry.severity.get(name).copied().unwrap_or(entry.harm);
        if entry.severity.contains_key(name) && !is_weight(severity) {
            let (field, ground) = (entry.name.clone(), name.to_owned());
            self.faults.push(CatalogueError::Severity { field, ground });
        }
        Some(AuthorityRule {
            names: (0..order.len()).map(|rank| format!("{}/{name}/{rank}", entry.name)).collect(),
            ground: ground.name,
            order,
            effect: ground.effect,
            severity,
            from: ground.from,
            until: ground.until,
            same_order: 0,
            cohort: ground.when.and_then(|cohort| self.cohort(cohort)),
        })
    }

    /// The bit of a condition; equal conditions share one.
    fn cohort(&mut self, cohort: Cohort) -> Option<u32> {
        let known = self.cohorts.iter().position(|known| *known == cohort);
        let place = known.unwrap_or_else(|| {
            self.cohorts.push(cohort);
            self.cohorts.len() - 1
        });
        if place >= MAX_COHORTS {
            self.faults.push(CatalogueError::Cohorts);
        }
        u32::try_from(place).ok()
    }

    /// Every person has a rule on every day, and every rule has its day.
    fn check(&mut self, field: &FieldName, rules: &[AuthorityRule]) {
        let turns = turns(rules);
        let days: Vec<NaiveDate> = std::iter::once(NaiveDate::MIN).chain(turns).collect();
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        for day in days {
            let in_force = rules.iter().enumerate().filter(|(_, rule)| rule.in_force(day));
            let mut covered = false;
            for (place, rule) in in_force {
                reached.insert(place);
                if !rule.is_conditional() {
                    covered = true;
                    break;
                }
            }
            // A rule that could not be read has its own fault.
            if !covered && !rules.is_empty() {
                let since = if day == NaiveDate::MIN {
                    "from the beginning".to_owned()
                } else {
                    format!("from {day}")
                };
                self.faults.push(CatalogueError::Gap { field: field.clone(), since });
            }
        }
        for (_, rule) in rules.iter().enumerate().filter(|(place, _)| !reached.contains(place)) {
            let (field, ground) = (field.clone(), rule.ground.clone());
            self.faults.push(CatalogueError::Unreached { field, ground });
        }
    }
}

/// The days on which a rule comes into force or is no longer.
fn turns(rules: &[AuthorityRule]) -> Vec<NaiveDate> {
    let days: BTreeSet<NaiveDate> = rules
        .iter()
        .flat_map(|rule| [rule.from, rule.until.and_then(|until| until.succ_opt())])
        .flatten()
        .collect();
    days.into_iter().collect()
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
