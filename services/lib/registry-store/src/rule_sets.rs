//! The rule sets that the registry keeps, as people see them.

use crate::StoreError;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

/// A kept rule set; one of them is in force ([`crate::present`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptRules {
    /// Its name: version and content.
    pub name: String,
    /// Since when it is kept.
    pub kept_at: DateTime<Utc>,
}

/// The kept rule sets, the newest first.
pub async fn kept_rules(pool: &PgPool) -> Result<Vec<KeptRules>, StoreError> {
    let rows = sqlx::query_as("select name, kept_at from rule_set order by kept_at desc, name")
        .fetch_all(pool)
        .await?;
    Ok(rows)
}
