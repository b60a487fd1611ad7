//! The rule set in force, parsed once.

use registry_rules::FieldCatalogue;
use registry_store::{StoreError, catalogue_of};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::sync::{Arc, Mutex, PoisonError};

/// A rule set by its name.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) name: String,
    pub(crate) catalogue: FieldCatalogue,
}

/// Name of a rule set: its version and its content, so that two contents never share a name.
pub(crate) fn rule_set_name(version: u32, text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let content = digest.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    format!("{version}-{content:08x}")
}

/// The rule set used last.
#[derive(Debug, Default)]
pub(crate) struct RulesInForce(Mutex<Option<Arc<Rules>>>);

impl RulesInForce {
    /// The rule set of this name; read from the registry when it is not the one used last.
    pub(crate) async fn of(
        &self,
        connection: &mut PgConnection,
        name: &str,
    ) -> Result<Arc<Rules>, StoreError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rules) = last.filter(|rules| rules.name == name) {
            return Ok(rules);
        }
        let text = catalogue_of(connection, name).await?.ok_or(StoreError::Unreadable("rule set"))?;
        let catalogue = FieldCatalogue::parse(&text).map_err(|_| StoreError::Unreadable("rule set"))?;
        let rules = Arc::new(Rules { name: name.to_owned(), catalogue });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&rules));
        Ok(rules)
    }
}
