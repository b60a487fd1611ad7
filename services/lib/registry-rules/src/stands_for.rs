//! Rule 3 of attaching: which PIN classes stand for a source key (design §3).
//!
//! A class stands for a key if a record brings it there under rule 2, or a merge decision joins the two. Source keys that
//! merge decisions join are one key here.

use crate::attach::brings;
use crate::{Offer, PinRegister, RecordedLinks};
use std::collections::{BTreeMap, BTreeSet};

/// The classes by source key.
#[derive(Clone, Debug, Default)]
pub struct StandsFor {
    classes: BTreeMap<String, BTreeSet<String>>,
}

impl StandsFor {
    /// Collects what the offers bring; complete for a source key only if all records that offer it, or a key joined to it,
    /// are among them.
    pub fn of<'a>(
        offers: impl IntoIterator<Item = (&'a Offer, RecordedLinks<'a>)>,
        register: &PinRegister,
    ) -> Self {
        let mut classes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (offer, links) in offers {
            if let Some(class) = brings(offer, links, register) {
                classes.entry(register.source_key(&offer.source_key)).or_default().insert(class);
            }
        }
        Self { classes }
    }

    /// The classes that stand for a source key.
    pub(crate) fn classes(&self, source_key: &str, register: &PinRegister) -> BTreeSet<String> {
        let mut classes = self.classes.get(&register.source_key(source_key)).cloned().unwrap_or_default();
        let joined = register.resolve(source_key);
        if joined.starts_with("pin:") {
            classes.insert(joined);
        }
        classes
    }
}
