//! The agreements in force, compiled once per version.

use crate::metrics::{DispatcherMetrics, ErrorType, Stage};
use disclosure_store::{AgreementRow, StoreError, agreements_in_use, document};
use registry_rules::{Agreement, FieldCatalogue, MasterKey, ReferenceKey};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A compiled version with its key.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) agreement: Agreement,
    pub(crate) references: ReferenceKey,
}

/// An agreement as one transaction sees it.
#[derive(Clone, Debug)]
pub(crate) struct InUse {
    pub(crate) row: AgreementRow,
    pub(crate) compiled: Arc<Compiled>,
}

impl InUse {
    /// The topic's generation; it counts from 1.
    pub(crate) fn generation(&self) -> u32 {
        self.row.generation.cast_unsigned()
    }
}

/// Compiled versions by agreement and version: they never change.
#[derive(Debug)]
pub(crate) struct Agreements {
    catalogue: Arc<FieldCatalogue>,
    master: MasterKey,
    metrics: DispatcherMetrics,
    compiled: BTreeMap<(String, i32), Arc<Compiled>>,
}

impl Agreements {
    pub(crate) const fn new(
        catalogue: Arc<FieldCatalogue>,
        master: MasterKey,
        metrics: DispatcherMetrics,
    ) -> Self {
        Self { catalogue, master, metrics, compiled: BTreeMap::new() }
    }

    /// What is in force as this statement sees it. A version that this build cannot read is left out: denied.
    pub(crate) async fn in_use(&mut self, connection: &mut PgConnection) -> Result<Vec<InUse>, StoreError> {
        let rows = agreements_in_use(connection).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(compiled) = self.compiled(connection, &row.agreement, row.version).await? {
                found.push(InUse { row, compiled });
            }
        }
        Ok(found)
    }

    async fn compiled(
        &mut self,
        connection: &mut PgConnection,
        agreement: &str,
        version: i32,
    ) -> Result<Option<Arc<Compiled>>, StoreError> {
        let key = (agreement.to_owned(), version);
        if let Some(compiled) = self.compiled.get(&key) {
            return Ok(Some(Arc::clone(compiled)));
        }
        let text = document(connection, agreement, version).await?.unwrap_or_default();
        match Agreement::parse(&text, &self.catalogue) {
            Ok(parsed) => {
                self.metrics.know(agreement, parsed.version);
                let references = self.master.references(agreement);
                let compiled = Arc::new(Compiled { agreement: parsed, references });
                self.compiled.insert(key, Arc::clone(&compiled));
                Ok(Some(compiled))
            }
            Err(faults) => {
                self.metrics.evaluation_errors.with([agreement]).increment();
                self.metrics.failed(Stage::Processing, ErrorType::AgreementUnreadable);
                let faults = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                tracing::error!(
                    agreement,
                    version,
                    faults,
                    "an agreement in force cannot be read; nothing is given"
                );
                Ok(None)
            }
        }
    }
}
