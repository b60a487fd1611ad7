//! The people around a person, as `relatives` and `household` name them: one hop away (Law on Identity art. 9(15), 9(23)).

use crate::adoption::Replaced;
use crate::facts::{Tie, TieKind};
use crate::{FieldValue, RecordKey};
use std::collections::BTreeSet;

/// What the ties of a person say.
pub(crate) struct Relatives<'a> {
    /// Elements of `relatives`, sorted.
    pub(crate) elements: Vec<FieldValue>,
    /// The spouse of the marriage that stands.
    pub(crate) spouse: Option<&'a Tie>,
}

/// Parents, children and the spouse of the marriage that stands. Where an adoption counts, those by whom the child was
/// adopted are the parents, and are named no differently (the adoption is a family secret).
pub(crate) fn relatives<'a>(
    ties: &'a [Tie],
    marriage: Option<&RecordKey>,
    replaced: Replaced,
) -> Relatives<'a> {
    let mut elements = BTreeSet::new();
    let mut spouse = None;
    for tie in ties {
        match tie.kind() {
            Some(kind @ (TieKind::Mother | TieKind::Father | TieKind::Child))
                if stands(tie, kind, replaced) =>
            {
                elements.insert(tie.element(kind.as_str()));
            }
            Some(kind @ TieKind::Spouse) if marriage == Some(&tie.own) => {
                spouse = Some(tie);
                if tie.facts.alive {
                    elements.insert(tie.element(kind.as_str()));
                }
            }
            Some(
                TieKind::Mother | TieKind::Father | TieKind::Child | TieKind::Spouse | TieKind::Household,
            )
            | None => {}
        }
    }
    Relatives { elements: elements.into_iter().collect(), spouse }
}

/// A tie by birth stands while no adoption has put somebody else in the parent's place. A birth registered again and not
/// yet found to be somebody's is no further child.
fn stands(tie: &Tie, kind: TieKind, replaced: Replaced) -> bool {
    let by_birth = tie.own.entity() == "birth";
    let facts = &tie.facts;
    let lost = match kind {
        TieKind::Mother => replaced.mother,
        TieKind::Father => replaced.father,
        TieKind::Child if tie.own.role() == "mother" => facts.mother_replaced,
        TieKind::Child => facts.father_replaced,
        TieKind::Spouse | TieKind::Household => false,
    };
    let again = kind == TieKind::Child && facts.registered_again;
    !(again || by_birth && lost)
}

/// The members of the household that the person is registered in: the dead and the missing are registered nowhere
/// (Residence Law 68/2020/QH14 art. 24).
pub(crate) fn household(ties: &[Tie]) -> Vec<FieldValue> {
    let registered =
        |tie: &&Tie| tie.kind() == Some(TieKind::Household) && tie.facts.alive && !tie.facts.missing;
    let members = ties.iter().filter(registered);
    let elements: BTreeSet<_> =
        members.map(|tie| tie.element(tie.relation_to_head.as_deref().unwrap_or(""))).collect();
    elements.into_iter().collect()
}
