//! The snapshot of a fresh source: a slot with an exported snapshot, every row of it into the log, then the stream from the
//! slot's point. Interrupted, it begins anew under the next epoch; until it is complete nothing is streamed.

use crate::batch::Resume;
use crate::capture::Capture;
use crate::context::{Context, incomplete_snapshot};
use crate::halt::Halt;
use crate::outbox::Outbox;
use crate::postgres::{Control, NewSlot, PgStream, copy_rows, lsn, quote_name, quote_table};
use crate::preconditions::TableColumns;
use event_log::{SnapshotState, TableCount};
use service_runtime::crash_point;
use sqlx::Row as _;

/// The parts of a session that a snapshot works with.
pub(crate) struct SnapshotParts<'a> {
    pub(crate) context: &'a Context,
    pub(crate) control: &'a mut Control,
    pub(crate) stream: &'a mut PgStream,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) capture: &'a mut Capture,
    pub(crate) columns: &'a TableColumns,
    pub(crate) system_id: &'a str,
}

impl SnapshotParts<'_> {
    /// Takes the snapshot; the stream is started at its point. Gives where to go on.
    pub(crate) async fn take(mut self, drop_slot: bool) -> Result<Resume, Halt> {
        let epoch = self.capture.epoch;
        let entities: Vec<String> =
            self.context.mapping.file().tables.iter().map(|t| t.entity.clone()).collect();
        tracing::info!(epoch, ?entities, "snapshot begins");
        // Stored before the slot exists: whatever ends this attempt, the next one knows that the slot is its own to drop.
        let mut records = Vec::new();
        if self.capture.envelopes.is_none() {
            self.capture.publisher.snapshot_begin(epoch, &entities, &mut records);
        }
        records.push(self.position(0, Some(incomplete_snapshot()))?);
        self.outbox.commit(records, &self.context.measures).await?;
        crash_point!("snapshot.begun");
        if drop_slot {
            self.control.drop_slot(self.context.slot()).await?;
        }
        let slot = self.stream.create_slot(self.context.slot(), false).await?;
        crash_point!("snapshot.slot-created");
        self.control.enter_snapshot(&slot.snapshot).await?;
        let mut counts = Vec::new();
        for table in &self.context.mapping.file().tables {
            let rows = self.table(&table.table, &slot).await?;
            self.context.measures.remaining(&table.entity, 0);
            tracing::info!(epoch, entity = table.entity, rows, "table read");
            counts.push(TableCount { entity: table.entity.clone(), rows });
        }
        self.control.leave().await?;
        let mut records = Vec::new();
        if self.capture.envelopes.is_none() {
            self.capture.publisher.snapshot_end(epoch, counts, &mut records);
        }
        records.push(self.position(slot.consistent_point, None)?);
        self.outbox.commit(records, &self.context.measures).await?;
        crash_point!("snapshot.ended");
        self.stream.start().await?;
        tracing::info!(
            epoch,
            position = lsn(slot.consistent_point),
            "snapshot complete, streaming from its point"
        );
        Ok(Resume { position: slot.consistent_point, part: None })
    }

    fn position(&self, at: u64, snapshot: Option<SnapshotState>) -> Result<event_log::OutgoingRecord, Halt> {
        let mut position = self.context.position(self.capture.epoch, self.system_id);
        position.position = at;
        position.snapshot = snapshot;
        self.capture.publisher.position(&position)
    }

    async fn table(&mut self, name: &str, slot: &NewSlot) -> Result<u64, Halt> {
        let columns = self.columns.get(name).map_or(&[][..], Vec::as_slice);
        let table = Capture::table(self.context, name, columns)?;
        let expected = self.expected_rows(name).await?;
        let query = select(self.context.mapping.is_envelope(), name, columns);
        let limits = &self.context.config.limits;
        let (mut rows, mut bytes, mut records) = (0_u64, 0, Vec::new());
        let mut lines = copy_rows(self.control, &query).await?;
        while let Some(line) = lines.next().await? {
            let start = records.len();
            self.capture.snapshot_row(self.context, &table, &line, slot.consistent_point, &mut records)?;
            rows += 1;
            bytes += records.iter().skip(start).map(event_log::OutgoingRecord::size).sum::<usize>();
            if records.len() >= limits.batch_records || bytes >= limits.batch_bytes.as_usize() {
                send(self.context, self.capture, self.outbox, std::mem::take(&mut records)).await?;
                bytes = 0;
                if let Some(entity) = self.context.mapping.file().tables.iter().find(|t| t.table == name) {
                    self.context.measures.remaining(&entity.entity, expected.saturating_sub(rows));
                }
                crash_point!("snapshot.batch");
            }
        }
        if !records.is_empty() {
            send(self.context, self.capture, self.outbox, records).await?;
        }
        Ok(rows)
    }

    async fn expected_rows(&mut self, name: &str) -> Result<u64, Halt> {
        let row = sqlx::query(
            "select coalesce(greatest(reltuples, 0), 0)::bigint from pg_class where oid = $1::regclass",
        )
        .bind(quote_table(name))
        .fetch_one(self.control.connection())
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }
}

/// Commits a batch while the next one is read.
async fn send(
    context: &Context,
    capture: &mut Capture,
    outbox: &mut Outbox,
    records: Vec<event_log::OutgoingRecord>,
) -> Result<(), Halt> {
    if let Some(envelopes) = &mut capture.envelopes {
        envelopes.make_topics(&context.config).await?;
    }
    outbox.settle(&context.measures).await?;
    outbox.start(records)
}

/// All rows of a table; of an envelope table the newest of each key, in the order in which they were written.
pub(crate) fn select(is_envelope: bool, name: &str, columns: &[String]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quote_name(column)).collect();
    let (names, name) = (names.join(", "), quote_table(name));
    if is_envelope {
        let newest = format!("select distinct on (topic, key) * from {name} order by topic, key, id desc");
        format!("select {names} from ({newest}) newest order by id")
    } else {
        format!("select {names} from {name}")
    }
}
