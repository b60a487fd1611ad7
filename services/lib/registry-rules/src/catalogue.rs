//! The field catalogue: which items exist, what they look like, who has authority, what a disagreement does.

use crate::FieldName;
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

/// What it means when sources say different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictRule {
    /// The item does not change by itself: the first in authority stands provisionally, the field is disputed, a case
    /// opens (Circular 01/2022/TT-BTP art. 4(2)).
    Dispute,
    /// The item changes in the course of life: the latest in legal time stands.
    Latest,
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

/// A (source, entity, role) whose records may state the item. `*` as entity or role stands for any.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Authority {
    /// Source database.
    pub source: String,
    /// Entity in it.
    pub entity: String,
    /// Role of the person.
    pub role: String,
}

impl TryFrom<String> for Authority {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match *text.split('/').collect::<Vec<_>>() {
            [source, entity, role] if ![source, entity, role].contains(&"") => {
                Ok(Self { source: source.to_owned(), entity: entity.to_owned(), role: role.to_owned() })
            }
            _ => Err(format!("authority '{text}' is not source/entity/role")),
        }
    }
}

/// All (source, entity, role) of equal authority, written in one text with spaces between.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AuthorityRank(pub Vec<Authority>);

impl TryFrom<String> for AuthorityRank {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.split_whitespace()
            .map(|one| Authority::try_from(one.to_owned()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Authority {
    fn covers(&self, source: &str, entity: &str, role: &str) -> bool {
        let fits = |want: &str, have: &str| want == "*" || want == have;
        self.source == source && fits(&self.entity, entity) && fits(&self.role, role)
    }
}

/// One item.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default)]
    pub parts: Vec<String>,
    /// How many, and from where.
    pub cardinality: Cardinality,
    /// How values are compared.
    pub comparison: Comparison,
    /// What a disagreement does.
    pub conflict: ConflictRule,
    /// Data-protection class.
    pub sensitivity: Sensitivity,
    /// Harm of a wrong value, 1 (nuisance) to 5 (a right is lost): weighs its cases.
    pub harm: u8,
    /// Who may state it, first in authority first; those of one rank are told apart by legal date.
    #[serde(default)]
    pub authority: Vec<AuthorityRank>,
}

impl FieldDefinition {
    /// The rank of a record's authority over this item, 0 the highest; none if it has none.
    pub fn rank(&self, source: &str, entity: &str, role: &str) -> Option<usize> {
        self.authority.iter().position(|rank| rank.0.iter().any(|a| a.covers(source, entity, role)))
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

/// What is wrong with the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not readable.
    #[error("field catalogue is not readable: {0}")]
    Form(#[from] toml::de::Error),
    /// An item is there twice.
    #[error("field catalogue: {0} is defined twice")]
    Twice(FieldName),
    /// An item that records state, but no record may.
    #[error("field catalogue: nobody has authority over {0}; name a source/entity/role under 'authority'")]
    Nobody(FieldName),
    /// Harm outside 1 to 5.
    #[error("field catalogue: harm of {0} is not between 1 and 5")]
    Harm(FieldName),
}

/// The items by name.
#[derive(Clone, Debug)]
pub struct FieldCatalogue {
    /// Version of the rule set.
    pub version: u32,
    fields: BTreeMap<FieldName, FieldDefinition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    field: Vec<FieldDefinition>,
}

impl FieldCatalogue {
    /// Reads and checks the catalogue; all faults at once.
    pub fn parse(text: &str) -> Result<Self, Vec<CatalogueError>> {
        let file: File = toml::from_str(text).map_err(|e| vec![e.into()])?;
        let (mut fields, mut faults) = (BTreeMap::new(), Vec::new());
        for field in file.field {
            let stated = matches!(field.cardinality, Cardinality::One | Cardinality::Collected);
            if stated && field.authority.is_empty() {
                faults.push(CatalogueError::Nobody(field.name.clone()));
            }
            if !(1..=5).contains(&field.harm) {
                faults.push(CatalogueError::Harm(field.name.clone()));
            }
            let name = field.name.clone();
            if fields.insert(name.clone(), field).is_some() {
                faults.push(CatalogueError::Twice(name));
            }
        }
        if faults.is_empty() { Ok(Self { version: file.version, fields }) } else { Err(faults) }
    }

    /// The item of that name.
    pub fn get(&self, name: &FieldName) -> Option<&FieldDefinition> {
        self.fields.get(name)
    }

    /// The items in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &FieldDefinition> {
        self.fields.values()
    }

    /// Whether a record of this kind may state any item at all.
    pub fn claims_anything(&self, source: &str, entity: &str, role: &str) -> bool {
        self.fields.values().any(|f| f.rank(source, entity, role).is_some())
    }
}
