//! Events that hold for everybody: written to the topic `control`, which has one partition and one order.

use event_log::{ControlEvent, IdempotentProducer, Message as _, OutgoingRecord, SchemaRegistry};
use event_log::{KafkaConfig, SchemaRegistryConfig, put_wire_header};

use anyhow::{Context as _, bail};
use registry_store::{KeptRules, Present};
use serde::Deserialize;
use service_runtime::{DatabaseConfig, ExitClass};
use sqlx::PgPool;

use crate::classed::ResultExt as _;

/// What is needed to look at the present and to write what follows; the reconciler's own file has it all.
#[derive(Debug, Deserialize)]
pub(super) struct ControlSettings {
    /// The brokers.
    pub(super) kafka: KafkaConfig,
    /// The schema registry.
    pub(super) schema_registry: SchemaRegistryConfig,
    /// The population registry, which keeps the present.
    pub(super) registry: DatabaseConfig,
}

impl ControlSettings {
    /// Writes an event; it is in the log when this returns. The owners of `control` follow it in their own time.
    pub(super) async fn publish(&self, event: &ControlEvent) -> anyhow::Result<()> {
        let schema = ControlEvent::schema();
        let id = SchemaRegistry::new(&self.schema_registry).ensure_embedded(schema).await.classed()?;
        let mut payload = Vec::new();
        put_wire_header(id, &mut payload);
        event.encode(&mut payload).context(ExitClass::Bug)?;
        let fingerprint = schema.fingerprint().context(ExitClass::Bug)?;
        let record = OutgoingRecord::new(&self.kafka.topics().control(), event.key(), payload)
            .to_partition(0)
            .with_fingerprint(fingerprint);
        IdempotentProducer::open(&self.kafka).await.classed()?.send(vec![record]).await.classed()
    }
}

/// Day and rules in force, and the rule sets kept.
pub(super) async fn present(pool: &PgPool) -> anyhow::Result<(Present, Vec<KeptRules>)> {
    let kept = registry_store::kept_rules(pool).await.classed()?;
    if kept.is_empty() {
        bail!("the registry has neither day nor rules yet: no reconciler has started on it");
    }
    let mut connection = pool.acquire().await.classed()?;
    Ok((registry_store::present(&mut connection).await.classed()?, kept))
}
