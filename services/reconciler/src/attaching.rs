//! What attaching found: where the changed records go, and which others go elsewhere now.

use crate::links::Links;
use registry_rules::{AttachRule, Attachment, Pin, PinRegister};
use registry_store::{Attached, LatestRow};
use std::collections::{BTreeMap, BTreeSet};

/// A record that its person reads differently now.
#[derive(Clone, Debug)]
pub(crate) struct Relocated {
    /// Which record.
    pub(crate) record_key: String,
    /// Where it was.
    pub(crate) old: Attached,
    /// Where it is.
    pub(crate) new: Attached,
}

/// What attaching found.
#[derive(Debug, Default)]
pub(crate) struct Attaching {
    /// The changed records as they stand now.
    pub(crate) rows: Vec<LatestRow>,
    /// The changed records: where each was and is.
    pub(crate) changed: Vec<Relocated>,
    /// Records that did not change and go elsewhere.
    pub(crate) others: Vec<Relocated>,
    /// For each source key in question: the anchors that the records offering it go to, and the key itself while any record
    /// stands there.
    pub(crate) keys: BTreeMap<String, BTreeSet<String>>,
    /// What is recorded about the records.
    pub(crate) links: Links,
    /// The register as far as it matters here.
    pub(crate) register: PinRegister,
    /// Numbers whose entries changed, with the classes they are and were in.
    pub(crate) pins: BTreeSet<Pin>,
    /// Relation groups that somebody came to, left, or says something else in.
    pub(crate) groups: BTreeSet<String>,
}

/// The code of a rule in the table.
pub(crate) const fn rule_code(rule: AttachRule) -> i16 {
    match rule {
        AttachRule::Steward => 1,
        AttachRule::Pin => 2,
        AttachRule::SourceKey => 3,
        AttachRule::Scored => 4,
        AttachRule::Provisional => 5,
    }
}

/// An attachment as stored.
pub(crate) fn attached(attachment: Attachment) -> Attached {
    Attached {
        anchor: Some(attachment.anchor),
        rule: rule_code(attachment.rule),
        contradicted: attachment.contradicted,
    }
}

/// A source key that another record may have too; the last resort, the record itself, needs no index and no lock.
pub(crate) fn shared(source_key: &str) -> Option<&str> {
    (!source_key.starts_with("record:")).then_some(source_key)
}

/// The number that an anchor stands for, if it is a number's.
pub(crate) fn pin_of(anchor: &str) -> Option<Pin> {
    anchor.strip_prefix("pin:").and_then(|pin| pin.parse().ok())
}
