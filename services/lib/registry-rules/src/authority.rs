//! Who may state an item, and by which ground in law one statement stands over another on a day.

use chrono::NaiveDate;
use serde::Deserialize;

/// A (source, entity, role) whose records may state the item. `*` as entity or role stands for any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.source, self.entity, self.role)
    }
}

impl Authority {
    fn covers(&self, source: &str, entity: &str, role: &str) -> bool {
        let fits = |want: &str, have: &str| want == "*" || want == have;
        self.source == source && fits(&self.entity, entity) && fits(&self.role, role)
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

impl std::fmt::Display for AuthorityRank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, one) in self.0.iter().enumerate() {
            write!(f, "{}{one}", if n > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// The rank of a record's authority in an order, 0 the highest; none if it has none.
pub(crate) fn rank_in(order: &[AuthorityRank], source: &str, entity: &str, role: &str) -> Option<usize> {
    order.iter().position(|rank| rank.0.iter().any(|a| a.covers(source, entity, role)))
}

/// What a disagreement between sources does, where the item does not change in the course of life. A case opens in any
/// event, and a steward's decision goes before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The first in authority stands, the field is disputed until the others agree.
    #[default]
    Stand,
    /// The first in authority stands provisionally, the field is under joint verification (Circular 01/2022/TT-BTP
    /// art. 4(2)).
    Verify,
    /// What was recorded first stays, the later statement waits for verification (Decree 154/2024/ND-CP art. 13). An act of
    /// correction does not wait: it was verified by those who registered it.
    Hold,
}

impl Effect {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stand => "stand",
            Self::Verify => "verify",
            Self::Hold => "hold",
        }
    }
}

/// Persons for whom a ground holds: those whose birth is registered, with what else is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Registered after this day.
    #[serde(default)]
    pub birth_registered_after: Option<NaiveDate>,
    /// The register issued a number for that act of birth.
    #[serde(default)]
    pub number_issued: bool,
    /// A registration once more counts too; it is about somebody who was registered before.
    #[serde(default)]
    pub again: bool,
}

/// A ground in law on which a statement stands, in force between two business dates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ground {
    /// Name: second part of a standing field's rule.
    pub name: String,
    /// Law, decree or circular with its article.
    pub article: String,
    /// The same as Vietnamese law is cited.
    pub article_vi: String,
    /// What it says, in Vietnamese.
    pub vi: String,
    /// What it says, in English.
    pub en: String,
    /// First business date on which it is in force; from the beginning if left out.
    #[serde(default)]
    pub from: Option<NaiveDate>,
    /// Last business date; without end if left out.
    #[serde(default)]
    pub until: Option<NaiveDate>,
    /// For whom; for everybody if left out.
    #[serde(default)]
    pub when: Option<Cohort>,
    /// What a disagreement does.
    #[serde(default)]
    pub effect: Effect,
}

/// One rule of an item: on its ground, this order of authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityRule {
    /// Name of the ground; empty where the item has one order for all times and persons.
    pub ground: String,
    /// Who stands first; those of one rank are told apart by legal date.
    pub order: Vec<AuthorityRank>,
    /// What a disagreement does.
    pub effect: Effect,
    /// Weight of its cases, 1 to 5.
    pub severity: u8,
    /// First business date.
    pub from: Option<NaiveDate>,
    /// Last business date.
    pub until: Option<NaiveDate>,
    /// Place of the item's first rule with the same order.
    pub(crate) same_order: usize,
    /// Bit of the cohort for which it holds; none: for everybody.
    pub(crate) cohort: Option<u32>,
    /// What a field standing by each rank names as its rule: made once, not with every merge.
    pub(crate) names: Vec<String>,
}

impl AuthorityRule {
    /// The rank of a record's authority under this rule.
    pub fn rank(&self, source: &str, entity: &str, role: &str) -> Option<usize> {
        rank_in(&self.order, source, entity, role)
    }

    /// Whether it is in force on a business date.
    pub fn in_force(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Whether it holds for some persons only.
    pub const fn is_conditional(&self) -> bool {
        self.cohort.is_some()
    }
}
