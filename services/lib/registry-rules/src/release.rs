//! The one function that decides what leaves: total, and silent about everything that no agreement names.

use crate::agreement::words;
use crate::canonical::PartHasher;
use crate::claims::earlier;
use crate::{
    Agreement, AgreementState, Column, ColumnContent, ContentHash, FieldValue, Lifecycle, PersonImage,
    canonical_json,
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// What stands beside an agreement's immutable version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseContext {
    /// Where the agreement stands now.
    pub state: AgreementState,
}

words! {
    /// Why a person is, or is not, a member; towards a subscriber it is the reason of a leave.
    ReleaseReason {
        /// Covered.
        Member = "member",
        /// The agreement's state or validity permits nothing.
        NotInForce = "agreement_not_in_force",
        /// The id redirects to another person.
        Merged = "merged",
        /// No record claims the person, or the register does not know their only number.
        NotCountable = "not_countable",
        /// A condition of the population does not hold.
        OutsidePopulation = "left_population",
    }
}

/// What an agreement may hold about a person on a day.
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    /// Whether anything at all.
    pub member: bool,
    /// Why.
    pub reason: ReleaseReason,
    /// Column → text; only columns that have a value. Empty for who is no member.
    pub columns: BTreeMap<String, String>,
    /// The permitted field names that those columns carry, sorted: what the ledger names.
    pub fields: BTreeSet<String>,
    /// The next later day on which the answer can be another though no record arrives.
    pub next_review_on: Option<NaiveDate>,
}

/// Values are personal: only names are shown.
impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Release")
            .field("member", &self.member)
            .field("reason", &self.reason)
            .field("columns", &self.columns.keys().collect::<Vec<_>>())
            .field("next_review_on", &self.next_review_on)
            .finish_non_exhaustive()
    }
}

/// Decides what an agreement may hold about a person on a business date. Denies by default: what the agreement does
/// not name, what has another shape than the catalogue says, and who is not clearly covered.
pub fn release(
    person: &PersonImage,
    agreement: &Agreement,
    context: ReleaseContext,
    business_date: NaiveDate,
) -> Release {
    let coverage = agreement.population.covers(person, business_date);
    let next_review_on = earlier(coverage.next_review_on, next_validity(agreement, business_date));
    let in_force = context.state.has_members() && agreement.is_valid_on(business_date);
    let reason = if !in_force {
        ReleaseReason::NotInForce
    } else if person.lifecycle == Lifecycle::Merged || person.merged_into.is_some() {
        ReleaseReason::Merged
    } else if !person.countable {
        ReleaseReason::NotCountable
    } else if !coverage.holds {
        ReleaseReason::OutsidePopulation
    } else {
        ReleaseReason::Member
    };
    let member = reason == ReleaseReason::Member;
    let (mut columns, mut fields) = (BTreeMap::new(), BTreeSet::new());
    for column in agreement.columns().iter().filter(|_| member) {
        if let Some(text) = text_of(person, column) {
            columns.insert(column.name.clone(), text);
            fields.extend(column.fields.iter().cloned());
        }
    }
    Release { member, reason, columns, fields, next_review_on }
}

impl AgreementState {
    /// Whether persons are held under the agreement: suspended ones keep what they have.
    const fn has_members(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }

    /// Whether content may be authorised and sent.
    pub const fn lets_content_out(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether holdings are compared at all: from the first activation on.
    pub const fn is_compared(self) -> bool {
        matches!(self, Self::Active | Self::Suspended | Self::Ended)
    }
}

/// The next day on which the agreement begins or has ended.
fn next_validity(agreement: &Agreement, day: NaiveDate) -> Option<NaiveDate> {
    let begins = Some(agreement.valid_from).filter(|from| *from > day);
    let ended = agreement.valid_to.and_then(|to| to.succ_opt()).filter(|end| *end > day);
    earlier(begins, ended)
}

/// The text of one column; none where there is no value of the expected shape.
fn text_of(person: &PersonImage, column: &Column) -> Option<String> {
    let value = &person.fields.get(&column.item)?.value;
    let text = match (&column.content, value) {
        (ColumnContent::Scalar, FieldValue::Text(text)) => text.clone(),
        (ColumnContent::Scalar, FieldValue::List(items)) => {
            list_text(items.iter().filter(|item| item.text().is_some()).cloned())?
        }
        (ColumnContent::Part(part), FieldValue::Parts(parts)) => parts.get(part)?.clone(),
        (ColumnContent::ListOf(permitted), FieldValue::List(items)) => {
            list_text(items.iter().filter_map(|item| restricted(item, permitted)))?
        }
        (
            ColumnContent::Scalar | ColumnContent::Part(_) | ColumnContent::ListOf(_),
            FieldValue::Text(_) | FieldValue::Parts(_) | FieldValue::List(_),
        ) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The permitted parts of one element; none if nothing is left.
fn restricted(item: &FieldValue, permitted: &BTreeSet<String>) -> Option<FieldValue> {
    let FieldValue::Parts(parts) = item else { return None };
    let kept: BTreeMap<_, _> = parts
        .iter()
        .filter(|(name, text)| permitted.contains(*name) && !text.is_empty())
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    (!kept.is_empty()).then_some(FieldValue::Parts(kept))
}

/// Sorted anew and without repetition: the order of the whole elements must not tell of the parts left out.
fn list_text(items: impl Iterator<Item = FieldValue>) -> Option<String> {
    let items: BTreeSet<_> = items.filter(|item| !item.is_empty()).collect();
    (!items.is_empty()).then(|| canonical_json(&FieldValue::List(items.into_iter().collect())))
}

/// Hash of what a subscriber holds: field names, values, absorbed references, topic generation. Equal sends nothing.
pub fn release_hash(
    columns: &BTreeMap<String, String>,
    absorbed: &BTreeSet<String>,
    generation: u32,
) -> ContentHash {
    let mut hash = PartHasher::new();
    hash.part(&generation.to_be_bytes());
    hash.part(&(absorbed.len() as u64).to_be_bytes());
    for reference in absorbed {
        hash.part(reference.as_bytes());
    }
    for (name, text) in columns {
        hash.part(name.as_bytes());
        hash.part(text.as_bytes());
    }
    ContentHash(hash.finish())
}
