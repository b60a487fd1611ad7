//! The keys that records no longer offer, kept so that the past is found by them.

use crate::keep::Kept;
use registry_rules::offered_keys;
use std::collections::BTreeSet;

/// The keys that the changed records offered before and do not offer now; those of versions that stood only within the
/// batch; and, as nothing else finds them, the numbers that register entries take the place of.
pub(crate) fn former_keys(kept: &Kept<'_>) -> Vec<(String, String)> {
    let mut former = BTreeSet::new();
    for (key, change) in &kept.changes {
        let new = &change.new.record;
        let replaces = new.identifier(registry_rules::IdentifierKind::ReplacesPin);
        let replaces = replaces.map(|pin| format!("pin:{pin}"));
        let Some(old) = &change.old else {
            former.extend(replaces.map(|pin| (pin, (*key).to_owned())));
            continue;
        };
        let now = offered_keys(new);
        let before = [
            old.pin.as_ref().map(|pin| format!("pin:{pin}")),
            old.source_key.clone(),
            old.relation_group.as_ref().map(|group| format!("group:{group}")),
        ];
        let gone = before.into_iter().flatten().filter(|key| !now.contains(key)).chain(replaces);
        former.extend(gone.map(|gone| (gone, (*key).to_owned())));
    }
    for passing in &kept.passing {
        let key = passing.record.record_key.as_str();
        former.extend(offered_keys(&passing.record).into_iter().map(|offered| (offered, key.to_owned())));
    }
    former.into_iter().collect()
}
