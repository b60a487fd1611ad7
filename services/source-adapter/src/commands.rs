//! What an operator asks for: an audit, a redrive, a new beginning. Each works while adapters run, in any process.

use crate::config::Config;
use crate::context::{incomplete_snapshot, load_mapping, transactional_id};
use crate::halt::{Halt, Refusal};
use crate::mapping::{Change, Mapping, TablePlan};
use crate::position;
use crate::postgres::{Control, PgStream, Position, Row, RowBuffer, copy_rows, lsn};
use crate::preconditions::{self, TableColumns};
use crate::publish;
use crate::redrive::Task;
use crate::requests::{FENCE, FenceRequest, REDRIVE, RedriveRequest};
use crate::snapshot::select;
use chrono::Utc;
use event_log::{SchemaRegistry, SourcePosition, TransactionalProducer};
use registry_rules::{RowKey, StateHash, Version};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Keys asked for in one message.
const KEYS_PER_REQUEST: usize = 500;

/// What a source holds at one point of its order.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// The source.
    pub source: String,
    /// Name of the audit: that of its fence.
    pub id: String,
    /// Everything that committed at or below this position was counted, and nothing else.
    pub position: Position,
    /// By entity.
    pub tables: Vec<AuditedTable>,
}

/// One table of an audit.
#[derive(Clone, Debug, Serialize)]
pub struct AuditedTable {
    /// The entity.
    pub entity: String,
    /// Rows; of an envelope table the newest of each key.
    pub rows: u64,
    /// Rows of them that cannot be mapped.
    pub rows_quarantined: u64,
    /// Records that the others give.
    pub records: u64,
    /// Digest over the set of the records' content hashes, 64 hexadecimal digits.
    pub digest: String,
}

/// Counts and digests a source in the snapshot of a temporary slot, then asks its adapter for a fence at that point. The
/// fence is written when this returns; it reaches the topics when the adapter has come so far.
pub async fn audit(config: &Config) -> anyhow::Result<AuditReport> {
    let mapping = load_mapping(config)?;
    audit_source(config, &mapping).await.map_err(Halt::into_error)
}

async fn audit_source(config: &Config, mapping: &Mapping) -> Result<AuditReport, Halt> {
    let mut control = Control::open(config).await?;
    let columns = preconditions::check(&mut control, mapping).await?;
    // A fence written before the slot's own point would never be in its stream.
    if control.slot(&mapping.file().slot).await?.is_none_or(|slot| slot.confirmed == 0) {
        return Err(Halt::lost("the source is not captured yet: start its adapter, then audit"));
    }
    let id = Uuid::new_v4();
    let name = format!("dansync_audit_{}", id.simple());
    let mut slot_session = PgStream::open(config, &name, &mapping.file().publication, 0).await?;
    let slot = slot_session.create_slot(&name, true).await?;
    control.enter_snapshot(&slot.snapshot).await?;
    let mut tables = Vec::new();
    for table in &mapping.file().tables {
        tables.push(audit_table(&mut control, mapping, &table.table, &columns).await?);
    }
    control.leave().await?;
    // Transactions that commit exactly at the point are streamed, not in the snapshot: the last one that counts is below.
    let position = slot.consistent_point.saturating_sub(1);
    let fence = FenceRequest { id: id.to_string(), position };
    control.emit(FENCE, &json(&fence)?).await?;
    control.close().await;
    Ok(AuditReport { source: mapping.source().to_owned(), id: id.to_string(), position, tables })
}

async fn audit_table(
    control: &mut Control,
    mapping: &Mapping,
    name: &str,
    columns: &TableColumns,
) -> Result<AuditedTable, Halt> {
    let columns = columns.get(name).map_or(&[][..], Vec::as_slice);
    let (schema, table) = name.split_once('.').unwrap_or(("", name));
    let spec = mapping.table(schema, table).ok_or_else(|| Refusal::TableMissing(name.to_owned()))?;
    let plan = mapping.compile(spec, columns)?;
    let query = select(mapping.is_envelope(), name, columns);
    let mut audited = AuditedTable {
        entity: spec.entity.clone(),
        rows: 0,
        rows_quarantined: 0,
        records: 0,
        digest: String::new(),
    };
    let mut digest = StateHash::default();
    let mut buffer = RowBuffer::default();
    let mut lines = copy_rows(control, &query).await?;
    while let Some(line) = lines.next().await? {
        audited.rows += 1;
        match buffer.fill_line(&line) {
            Ok(row) if mapping.is_envelope() => {
                audited.records += 1;
                digest.add(&envelope_hash(&plan, row));
            }
            Ok(row) => {
                let mapped = plan.apply(Change::New(row), Version::default());
                audited.rows_quarantined += u64::from(mapped.rejected.is_some());
                audited.records += mapped.records.len() as u64;
                mapped.records.iter().for_each(|record| digest.add(&record.content_hash().0));
            }
            Err(_) => audited.rows_quarantined += 1,
        }
    }
    audited.digest = digest.hex();
    Ok(audited)
}

/// Of an envelope its topic, key and payload count.
fn envelope_hash(plan: &TablePlan, row: Row<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in ["topic", "key", "payload"] {
        let cell = plan.columns().iter().position(|column| column == name).and_then(|column| row.get(column));
        let cell = cell.unwrap_or_default();
        hash.update((cell.len() as u64).to_be_bytes());
        hash.update(cell);
    }
    hash.finalize().into()
}

/// Which rows are to be read again.
#[derive(Clone, Debug)]
pub enum RedriveScope {
    /// Every row that is or was in quarantine.
    Quarantined,
    /// Rows of an entity by their keys.
    Keys {
        /// The entity.
        entity: String,
        /// Key columns joined by `-`.
        keys: Vec<String>,
    },
    /// Every row: the mapping has changed.
    All,
}

/// What a redrive asked for.
#[derive(Clone, Debug, Serialize)]
pub struct RedriveReport {
    /// The source.
    pub source: String,
    /// Rows asked for by key.
    pub keys: u64,
    /// Entities asked for as a whole.
    pub entities: u64,
    /// The last request stands at this position of the source's log; none if nothing was to be asked.
    pub position: Option<Position>,
}

/// Asks the source's adapter to read rows again. The request is in the source's log when this returns and cannot be lost; see
/// [`redrive_is_done`].
pub async fn redrive(config: &Config, scope: RedriveScope) -> anyhow::Result<RedriveReport> {
    let mapping = load_mapping(config)?;
    redrive_source(config, &mapping, scope).await.map_err(Halt::into_error)
}

async fn redrive_source(
    config: &Config,
    mapping: &Mapping,
    scope: RedriveScope,
) -> Result<RedriveReport, Halt> {
    if mapping.is_envelope() {
        return Err(Refusal::Mapping(
            "an envelope source has no rows to read again; reset it instead".to_owned(),
        )
        .into());
    }
    let tasks: Vec<Task> = match scope {
        RedriveScope::All => mapping.file().tables.iter().map(|table| Task::all(&table.entity)).collect(),
        RedriveScope::Keys { entity, keys } => key_tasks(&entity, &keys),
        RedriveScope::Quarantined => {
            let keys = quarantined(config, mapping).await?;
            keys.into_iter().flat_map(|(entity, keys)| key_tasks(&entity, &keys)).collect()
        }
    };
    let (mut keys, mut entities) = (0, 0);
    for task in &tasks {
        if !mapping.file().tables.iter().any(|table| table.entity == task.entity) {
            return Err(Refusal::Mapping(format!("the mapping has no entity '{}'", task.entity)).into());
        }
        match &task.scope {
            crate::redrive::Scope::Keys(some) => keys += some.len() as u64,
            crate::redrive::Scope::After(_) => entities += 1,
        }
    }
    let mut control = Control::open(config).await?;
    let mut position = None;
    for task in tasks {
        position = Some(control.emit(REDRIVE, &json(&RedriveRequest { tasks: vec![task] })?).await?);
    }
    control.close().await;
    Ok(RedriveReport { source: mapping.source().to_owned(), keys, entities, position })
}

fn key_tasks(entity: &str, keys: &[String]) -> Vec<Task> {
    keys.chunks(KEYS_PER_REQUEST).map(|keys| Task::keys(entity, keys.to_vec())).collect()
}

/// Keys of the rows in quarantine, by entity. A row without a key has no way back.
async fn quarantined(config: &Config, mapping: &Mapping) -> Result<BTreeMap<String, Vec<String>>, Halt> {
    let all = event_log::read_compacted(&config.kafka, &config.kafka.topics().quarantine()).await?;
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in all.into_keys().filter_map(|key| RowKey::try_from(String::from_utf8(key).ok()?).ok()) {
        let mut parts = key.as_str().split('/');
        if let (Some(source), Some(entity), Some(own)) = (parts.next(), parts.next(), parts.next())
            && source == mapping.source()
            && own != "(no key)"
        {
            keys.entry(entity.to_owned()).or_default().push(own.replace("%2F", "/").replace("%25", "%"));
        }
    }
    Ok(keys)
}

/// Whether everything that was asked for up to a position has been read again and is in the log.
pub async fn redrive_is_done(config: &Config, report: &RedriveReport) -> anyhow::Result<bool> {
    let Some(asked) = report.position else { return Ok(true) };
    let stored = position::read(&config.kafka, &report.source).await.map_err(Halt::into_error)?;
    Ok(stored.is_some_and(|stored| stored.position > asked && stored.snapshot.is_none()))
}

/// Makes the source begin anew: the next start drops the slot and takes a snapshot under the next epoch. Refused while an
/// adapter has the source.
pub async fn reset(config: &Config) -> anyhow::Result<()> {
    let mapping = load_mapping(config)?;
    reset_source(config, &mapping).await.map_err(Halt::into_error)
}

async fn reset_source(config: &Config, mapping: &Mapping) -> Result<(), Halt> {
    let slot = &mapping.file().slot;
    let mut control = Control::open(config).await?;
    let in_use = Halt::Standby("an adapter has the source: stop it (and its standby), then reset");
    let found = control.slot(slot).await?;
    if !control.claim(slot).await? || found.is_some_and(|found| found.active) {
        return Err(in_use);
    }
    let registry = SchemaRegistry::new(&config.schema_registry);
    let publisher = publish::open(config, mapping, &registry).await?;
    let mut producer = TransactionalProducer::open(&config.kafka, &transactional_id(config, mapping)).await?;
    let stored = position::read(&config.kafka, mapping.source()).await?;
    // Without a position the slot alone may be in the way: an epoch that has begun lets the next start drop it.
    let position = SourcePosition {
        source: mapping.source().to_owned(),
        epoch: stored.as_ref().map_or(0, |stored| stored.epoch),
        position: 0,
        part: 0,
        system_id: String::new(),
        slot: slot.clone(),
        snapshot: Some(incomplete_snapshot()),
        mapping_version: mapping.file().mapping_version,
        updated_at: Utc::now(),
    };
    producer.commit(vec![publisher.position(&position)?]).await?;
    let from = stored.map(|stored| lsn(stored.position));
    tracing::info!(
        source = mapping.source(),
        from,
        "the source begins anew at the next start of its adapter"
    );
    control.close().await;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, Halt> {
    serde_json::to_string(value).map_err(|error| Halt::Lost(error.into()))
}
