//! One-hop facts: what a person's record says of the people around them.
//!
//! Facts come from the related person's own records and decisions only, so a change travels one hop and stops.

use crate::{FieldValue, PersonId, RecordKey};
use serde::{Deserialize, Serialize};

/// What others may hear of a person through a family or household tie (Law on Identity art. 9(15), 9(23)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub struct PersonFacts {
    /// Who.
    pub person_id: PersonId,
    /// Full name.
    pub name: Option<String>,
    /// The number in force.
    pub pin: Option<String>,
    /// Nine-digit numbers, sorted.
    pub cmnd9: Vec<String>,
    /// Nationality code.
    pub nationality: Option<String>,
    /// No death counts, registered or declared by a court.
    pub alive: bool,
    /// A court has declared the person missing: the marriage goes on, the registration at the household does not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub missing: bool,
    /// An adoption has put somebody in the birth mother's place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mother_replaced: bool,
    /// An adoption has put somebody in the birth father's place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub father_replaced: bool,
    /// Known from a birth registered again and nothing else: somebody who is registered already, and not a further person.
    #[serde(default, skip_serializing_if = "is_false")]
    pub registered_again: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl std::fmt::Debug for PersonFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonFacts({}, ***)", self.person_id)
    }
}

impl PersonFacts {
    /// A living person of whom nothing else is known.
    pub const fn nothing_but(person_id: PersonId) -> Self {
        Self {
            person_id,
            name: None,
            pin: None,
            cmnd9: Vec::new(),
            nationality: None,
            alive: true,
            missing: false,
            mother_replaced: false,
            father_replaced: false,
            registered_again: false,
        }
    }
}

/// A tie: one of the person's own records, and another person's record in the same group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The person's own record.
    pub own: RecordKey,
    /// The other person's record in the same act or residence file.
    pub other: RecordKey,
    /// What the other record says of its person's relation to the head of household.
    pub relation_to_head: Option<String>,
    /// The other person's facts.
    pub facts: PersonFacts,
}

/// Kind of tie, seen from the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TieKind {
    /// The other is the mother.
    Mother,
    /// The other is the father.
    Father,
    /// The other is a child.
    Child,
    /// The other is the spouse.
    Spouse,
    /// The other lives in the same household.
    Household,
}

impl TieKind {
    /// The name written into `relatives`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mother => "mother",
            Self::Father => "father",
            Self::Child => "child",
            Self::Spouse => "spouse",
            Self::Household => "household",
        }
    }

    /// Whether records of this kind tie persons at all; the groups of all others need not be kept.
    pub fn possible(record: &RecordKey) -> bool {
        matches!(
            (record.source(), record.entity()),
            ("civil_status", "birth" | "marriage" | "adoption") | ("residence", "permanent")
        )
    }
}

impl Tie {
    /// What ties the two, if it is something the registry holds.
    pub fn kind(&self) -> Option<TieKind> {
        match (self.own.source(), self.own.entity(), self.own.role(), self.other.role()) {
            ("civil_status", "birth" | "adoption", "child", "mother") => Some(TieKind::Mother),
            ("civil_status", "birth" | "adoption", "child", "father") => Some(TieKind::Father),
            ("civil_status", "birth" | "adoption", "mother" | "father", "child") => Some(TieKind::Child),
            ("civil_status", "marriage", "husband", "wife")
            | ("civil_status", "marriage", "wife", "husband") => Some(TieKind::Spouse),
            ("residence", "permanent", _, _) => Some(TieKind::Household),
            _ => None,
        }
    }

    /// The element of `relatives` or `household`.
    pub fn element(&self, relation: &str) -> FieldValue {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        FieldValue::parts([
            ("relation", relation.to_owned()),
            ("name", text(&self.facts.name)),
            ("pin", text(&self.facts.pin)),
            ("cmnd9", self.facts.cmnd9.join(" ")),
            ("nationality", text(&self.facts.nationality)),
        ])
    }
}
