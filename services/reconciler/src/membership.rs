//! What the others of a relation group see of a record.

use crate::keep::Change;
use registry_rules::{SourceRecord, Standing, relation_group};

/// What the others of a group see of a record: whoever is in it need not be told, or locked, while this stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) group: Option<String>,
    pub(crate) relation_to_head: Option<String>,
}

impl Membership {
    pub(crate) fn before(change: &Change<'_>) -> Self {
        change.old.as_ref().map_or_else(Self::default, |old| Self {
            group: old.relation_group.clone(),
            relation_to_head: old.relation_to_head.clone(),
        })
    }

    pub(crate) fn after(record: &SourceRecord) -> Self {
        let group = relation_group(record);
        let relation = record.fields.iter().find(|(name, _)| name.as_str() == "npd.relation_to_head");
        let relation_to_head = relation
            .filter(|_| group.is_some() && record.standing != Standing::Withdrawn)
            .and_then(|(_, value)| value.text())
            .map(ToOwned::to_owned);
        Self { group, relation_to_head }
    }

    /// The groups that see something else now.
    pub(crate) fn moved(self, after: &Self) -> impl Iterator<Item = String> + use<> {
        let both = if self == *after { [None, None] } else { [self.group, after.group.clone()] };
        both.into_iter().flatten()
    }
}
