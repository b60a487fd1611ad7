//! The field catalogue: which items exist, what they look like, who has authority, what a disagreement does.

use crate::authority::{AuthorityRank, AuthorityRule, Cohort, Ground, rank_in};
use crate::cohort::Cohorts;
use crate::digits::NumberRule;
use crate::{FieldName, SourceRecord};
use chrono::NaiveDate;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many values a person has of an item, and where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// One value, taken whole from one record.
    One,
    /// Each counting record adds an element: cards, other names.
    Collected,
    /// From the numbers that records carry and the PIN register.
    Identifier,
    /// From the facts of related persons, one hop away.
    Relation,
}

impl Cardinality {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Collected => "collected",
            Self::Identifier => "identifier",
            Self::Relation => "relation",
        }
    }

    /// Whether records state the item.
    pub const fn is_stated(self) -> bool {
        matches!(self, Self::One | Self::Collected)
    }
}

/// What counts as equal, and what as a less precise statement of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Equal bytes.
    Exact,
    /// Names: the tone mark's place and case do not matter; missing marks are compatible.
    Name,
    /// Partial dates: a year is compatible with its days.
    Date,
    /// Free text: compared without case and marks, as names are.
    Text,
    /// Addresses: a part that one side lacks is compatible.
    Address,
}

impl Comparison {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Name => "name",
            Self::Date => "date",
            Self::Text => "text",
            Self::Address => "address",
        }
    }
}

/// Whether the item changes in the course of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictRule {
    /// It does not change by itself: sources that differ open a case, and the rule in force says what stands meanwhile.
    Dispute,
    /// It does: the latest in legal time stands.
    Latest,
}

impl ConflictRule {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispute => "dispute",
            Self::Latest => "latest",
        }
    }
}

/// Class of the item under personal-data law (Law 91/2025/QH15, Decree 356/2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Basic personal data.
    Basic,
    /// Basic, yet a key to a person or to family secrets.
    Restricted,
    /// Sensitive by law: ethnicity, religion, health.
    Sensitive,
}

impl Sensitivity {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Restricted => "restricted",
            Self::Sensitive => "sensitive",
        }
    }
}

/// The database whose procedure makes or changes the item, and whose office answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Electronic civil-status database (Ministry of Justice, People's Committees).
    CivilStatus,
    /// Residence database (Ministry of Public Security, commune police).
    Residence,
    /// Identity database (Ministry of Public Security).
    Identity,
    /// Medical database (Ministry of Health, insurance fund).
    Medical,
    /// The National Population Database itself.
    Registry,
    /// The citizen, by declaration.
    Citizen,
}

impl Owner {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CivilStatus => "civil_status",
            Self::Residence => "residence",
            Self::Identity => "identity",
            Self::Medical => "medical",
            Self::Registry => "registry",
            Self::Citizen => "citizen",
        }
    }
}

/// One item.
#[derive(Clone, Debug)]
pub struct FieldDefinition {
    /// Name with namespace.
    pub name: FieldName,
    /// Item of Law on Identity 26/2023/QH15, `9.4`.
    pub article: String,
    /// Vietnamese title, in the law's words.
    pub vi: String,
    /// English title.
    pub en: String,
    /// Parts of a structure; empty for a scalar.
    pub parts: Vec<String>,
    /// How many, and from where.
    pub cardinality: Cardinality,
    /// How values are compared.
    pub comparison: Comparison,
    /// Whether it changes in the course of life.
    pub conflict: ConflictRule,
    /// Data-protection class.
    pub sensitivity: Sensitivity,
    /// Who answers for it; rule sets of before 2 do not say.
    pub owner: Option<Owner>,
    /// Harm of a wrong value, 1 (nuisance) to 5 (a right is lost): weighs its cases.
    pub harm: u8,
    /// What it said before an adoption is a family secret.
    pub family_secret: bool,
    /// Who may state it, first in authority first; those of one rank are told apart by legal date.
    pub authority: Vec<AuthorityRank>,
    /// The rules in the order in which they are asked: the first in force and holding for the person decides.
    pub rules: Vec<AuthorityRule>,
    /// Business dates on which another rule may come into force.
    pub(crate) turns: Vec<NaiveDate>,
    /// What a list of several records' values names as its rule.
    pub(crate) collected: String,
}

impl FieldDefinition {
    /// The rank of a record's authority over this item in the item's own order, 0 the highest; none if it has none.
    pub fn rank(&self, source: &str, entity: &str, role: &str) -> Option<usize> {
        rank_in(&self.authority, source, entity, role)
    }

    /// The rule that decides about a person of these cohorts on a day. The reader has seen to it that there is one.
    pub(crate) fn rule_on(&self, day: NaiveDate, cohorts: Cohorts) -> Option<&AuthorityRule> {
        self.rules.iter().find(|rule| cohorts.within(rule.cohort) && rule.in_force(day))
    }

    /// Names under which agreements may ask for it: the item itself for scalars and lists, each part of a structure.
    pub fn disclosable(&self) -> Vec<String> {
        let whole = self.name.as_str().to_owned();
        if self.parts.is_empty() {
            vec![whole]
        } else {
            self.parts.iter().map(|part| format!("{whole}.{part}")).collect()
        }
    }
}

/// The items by name, with the grounds that their rules stand on.
#[derive(Clone, Debug)]
pub struct FieldCatalogue {
    /// Version of the rule set.
    pub version: u32,
    pub(crate) grounds: BTreeMap<String, Ground>,
    pub(crate) cohorts: Vec<Cohort>,
    pub(crate) number: Option<NumberRule>,
    pub(crate) fields: BTreeMap<FieldName, FieldDefinition>,
}

impl FieldCatalogue {
    /// The item of that name.
    pub fn get(&self, name: &FieldName) -> Option<&FieldDefinition> {
        self.fields.get(name)
    }

    /// The items in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &FieldDefinition> {
        self.fields.values()
    }

    /// The grounds in order of their names.
    pub fn grounds(&self) -> impl Iterator<Item = &Ground> {
        self.grounds.values()
    }

    /// What the digits of a number are held against; rule sets of before 2 say nothing of it.
    pub const fn number(&self) -> Option<&NumberRule> {
        self.number.as_ref()
    }

    /// The ground that a standing field's rule names: `npd.sex/joint_verification/1`, `npd.pin/register`, `decision/…`.
    /// None where the item has one order for all times: there the item's own article is all there is to say.
    pub fn ground_of(&self, rule: &str) -> Option<&Ground> {
        let (first, rest) = rule.split_once('/')?;
        let name = if first == "decision" { first } else { rest.split('/').next().unwrap_or_default() };
        self.grounds.get(name)
    }

    /// The rule of an item that decides on a day about the person who has these records.
    pub fn rule_for<'f>(
        &self,
        field: &'f FieldDefinition,
        records: &[&SourceRecord],
        day: NaiveDate,
    ) -> Option<&'f AuthorityRule> {
        field.rule_on(day, Cohorts::of(&self.cohorts, records))
    }

    /// Whether a record of this kind may state any item at all.
    pub fn claims_anything(&self, source: &str, entity: &str, role: &str) -> bool {
        self.fields.values().any(|f| f.rank(source, entity, role).is_some())
    }
}
