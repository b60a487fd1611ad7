//! From what a source says about rows to records for the log. No I/O: relations are remembered, rows are mapped.

use crate::batch::{Batcher, StreamFault};
use crate::context::Context;
use crate::envelope::{EnvelopeColumns, Envelopes};
use crate::halt::{Halt, Refusal};
use crate::mapping::{Change, Mapped, Rejection, TablePlan};
use crate::measure::{Operation, TableMeasures};
use crate::postgres::{Message, Relation, Row, RowBuffer, RowError, Tuple, decode};
use crate::publish::Publisher;
use crate::redrive::Redrive;
use event_log::OutgoingRecord;
use registry_rules::{RowKey, Version};
use std::collections::BTreeSet;
use std::time::Instant;

/// Maps rows, whatever way they come.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) publisher: Publisher,
    pub(crate) envelopes: Option<Envelopes>,
    pub(crate) epoch: u32,
    relations: Vec<(u32, Table)>,
    old: RowBuffer,
    new: RowBuffer,
    out: Vec<OutgoingRecord>,
}

/// What is done with a table's rows.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    /// Published, but not mapped.
    Ignored,
    /// Becomes source records.
    Records(Box<RecordTable>),
    /// Becomes what it carries.
    Envelopes(EnvelopeColumns, TableMeasures),
}

#[derive(Clone, Debug)]
pub(crate) struct RecordTable {
    name: String,
    plan: TablePlan,
    measures: TableMeasures,
}

/// Takes records into the open batch, and changed keys to the redrive.
pub(crate) struct Sink<'a> {
    pub(crate) batcher: &'a mut Batcher<OutgoingRecord>,
    pub(crate) redrive: &'a mut Redrive,
    pub(crate) now: Instant,
}

impl Sink<'_> {
    /// The place of the next event, unless it was given before.
    fn admit(&mut self, epoch: u32) -> Result<Option<Version>, StreamFault> {
        let ordinal = self.batcher.admit()?;
        let position = self.batcher.commit_position().unwrap_or(0);
        Ok(ordinal.map(|ordinal| Version { epoch, position, ordinal }))
    }

    fn take(&mut self, records: &mut Vec<OutgoingRecord>) {
        for record in records.drain(..) {
            let bytes = record.size();
            self.batcher.push(record, bytes, self.now);
        }
    }
}

impl Capture {
    pub(crate) fn new(publisher: Publisher, envelopes: Option<Envelopes>, epoch: u32) -> Self {
        let (old, new) = (RowBuffer::default(), RowBuffer::default());
        Self { publisher, envelopes, epoch, relations: Vec::new(), old, new, out: Vec::new() }
    }

    /// What is done with a table of these columns.
    pub(crate) fn table(context: &Context, name: &str, columns: &[String]) -> Result<Table, Halt> {
        let (schema, table) = name.split_once('.').unwrap_or(("", name));
        let Some(spec) = context.mapping.table(schema, table) else { return Ok(Table::Ignored) };
        let plan = context.mapping.compile(spec, columns)?;
        let measures = context.measures.table(&spec.entity);
        match EnvelopeColumns::find(columns).filter(|_| context.mapping.is_envelope()) {
            Some(columns) => Ok(Table::Envelopes(columns, measures)),
            None => Ok(Table::Records(Box::new(RecordTable { name: name.to_owned(), plan, measures }))),
        }
    }

    /// A message of the stream.
    pub(crate) fn change(
        &mut self,
        context: &Context,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), Halt> {
        let source_name = context.mapping.source().to_owned();
        let message = decode(bytes)
            .map_err(|error| Halt::from(Refusal::Stream { what: error.to_string(), source_name }))?;
        match message {
            Message::Other => Ok(()),
            Message::Relation(relation) => self.relation(context, &relation),
            Message::Insert { relation, new } => self.row(context, relation, Event::Insert(new), sink),
            Message::Update { relation, old, new } => {
                let old = old.filter(|old| old.whole).map(|old| old.tuple);
                self.row(context, relation, Event::Update(old, new), sink)
            }
            Message::Delete { relation, old } => self.row(context, relation, Event::Delete(old.tuple), sink),
            Message::Truncate { relations } => {
                let Some(_) = sink.admit(self.epoch)? else { return Ok(()) };
                let entities = relations.iter().filter_map(|id| match self.find(*id) {
                    Some(Table::Records(table)) => Some(table.plan.entity().to_owned()),
                    Some(Table::Ignored | Table::Envelopes(..)) | None => None,
                });
                let entities: Vec<String> = entities.collect();
                if !entities.is_empty() {
                    tracing::warn!(
                        ?entities,
                        "tables were truncated at the source: their records stay until an operator has looked"
                    );
                    self.publisher.truncated(self.epoch, entities, &mut self.out);
                    sink.take(&mut self.out);
                }
                Ok(())
            }
        }
    }

    fn find(&self, id: u32) -> Option<&Table> {
        self.relations.iter().find(|(known, _)| *known == id).map(|(_, table)| table)
    }

    fn relation(&mut self, context: &Context, relation: &Relation) -> Result<(), Halt> {
        let name = format!("{}.{}", relation.schema, relation.table);
        let table = Self::table(context, &name, &relation.columns)?;
        if matches!(table, Table::Records(_)) && relation.replica_identity != b'f' {
            return Err(Refusal::ReplicaIdentity { table: name }.into());
        }
        self.relations.retain(|(known, _)| *known != relation.id);
        self.relations.push((relation.id, table));
        Ok(())
    }

    fn row(&mut self, context: &Context, id: u32, event: Event<'_>, sink: &mut Sink<'_>) -> Result<(), Halt> {
        let Some(version) = sink.admit(self.epoch)? else { return Ok(()) };
        let Some((_, table)) = self.relations.iter().find(|(known, _)| *known == id) else {
            return Err(Halt::lost("the stream brings a row of a table that it has not described"));
        };
        match table {
            Table::Ignored => Ok(()),
            Table::Envelopes(columns, measures) => {
                let (Event::Insert(new), Some(envelopes)) = (event, &mut self.envelopes) else {
                    return Ok(());
                };
                measures.count(Operation::Insert);
                let row = self.new.fill(new, None).map_err(|error| Halt::lost(error.to_string()))?;
                self.out.push(envelopes.record(*columns, row, version)?);
                sink.take(&mut self.out);
                Ok(())
            }
            Table::Records(table) => {
                let (old, new, operation) = match event {
                    Event::Insert(new) => (None, Some(new), Operation::Insert),
                    Event::Update(old, new) => (old, Some(new), Operation::Update),
                    Event::Delete(old) => (Some(old), None, Operation::Delete),
                };
                table.measures.count(operation);
                let mapper = Mapper { context, publisher: &self.publisher, plan: &table.plan };
                match fill(&mut self.old, &mut self.new, old, new) {
                    Ok((old, Some(new))) if operation == Operation::Insert || old.is_some() => {
                        let change = old.map_or(Change::New(new), |old| Change::Update { old, new });
                        mapper.apply(change, version, &mut self.out, sink.redrive);
                    }
                    Ok((Some(old), None)) => {
                        mapper.apply(Change::Delete(old), version, &mut self.out, sink.redrive);
                    }
                    Ok((None, _) | (Some(_), Some(_))) | Err(RowError::Missing) => {
                        return Err(Refusal::ReplicaIdentity { table: table.name.clone() }.into());
                    }
                    Err(error @ RowError::Line) => return Err(Halt::lost(error.to_string())),
                    Err(RowError::NotText) => mapper.not_text(&self.new.lossy(), version, &mut self.out),
                }
                sink.take(&mut self.out);
                Ok(())
            }
        }
    }

    /// A row that a snapshot read. Its version is the snapshot's point: every later change stands above it.
    pub(crate) fn snapshot_row(
        &mut self,
        context: &Context,
        table: &Table,
        line: &[u8],
        position: u64,
        out: &mut Vec<OutgoingRecord>,
    ) -> Result<(), Halt> {
        let version = Version { epoch: self.epoch, position, ordinal: 0 };
        match table {
            Table::Ignored => Ok(()),
            Table::Envelopes(columns, measures) => {
                let row = self.new.fill_line(line).map_err(|error| Halt::lost(error.to_string()))?;
                measures.count(Operation::Snapshot);
                if let Some(envelopes) = &mut self.envelopes {
                    out.push(envelopes.record(*columns, row, version)?);
                }
                Ok(())
            }
            Table::Records(table) => {
                table.measures.count(Operation::Snapshot);
                let mapper = Mapper { context, publisher: &self.publisher, plan: &table.plan };
                if let Ok(row) = self.new.fill_line(line) {
                    mapper.publish(table.plan.apply(Change::New(row), version), row, version, out);
                } else {
                    mapper.not_text(&self.new.lossy(), version, out);
                }
                Ok(())
            }
        }
    }

    /// A row that was read again, at the place of its high mark.
    pub(crate) fn row_again(
        &mut self,
        context: &Context,
        plan: &TablePlan,
        line: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), Halt> {
        let Some(version) = sink.admit(self.epoch)? else { return Ok(()) };
        let Ok(row) = self.new.fill_line(line) else { return Ok(()) };
        let mapper = Mapper { context, publisher: &self.publisher, plan };
        mapper.apply(Change::Again(row), version, &mut self.out, sink.redrive);
        sink.take(&mut self.out);
        Ok(())
    }

    /// A fence, at its place in the order.
    pub(crate) fn fence(&mut self, id: String, position: u64, sink: &mut Sink<'_>) {
        self.publisher.fence(id, self.epoch, position, &mut self.out);
        sink.take(&mut self.out);
    }
}

#[derive(Clone, Copy, Debug)]
enum Event<'a> {
    Insert(Tuple<'a>),
    Update(Option<Tuple<'a>>, Tuple<'a>),
    Delete(Tuple<'a>),
}

type Rows<'b> = (Option<Row<'b>>, Option<Row<'b>>);

fn fill<'b>(
    old_buffer: &'b mut RowBuffer,
    new_buffer: &'b mut RowBuffer,
    old: Option<Tuple<'_>>,
    new: Option<Tuple<'_>>,
) -> Result<Rows<'b>, RowError> {
    let new_row = new.map(|new| new_buffer.fill(new, old)).transpose()?;
    let old_row = old.map(|old| old_buffer.fill(old, None)).transpose()?;
    Ok((old_row, new_row))
}

/// Where a mapped change goes.
struct Mapper<'a> {
    context: &'a Context,
    publisher: &'a Publisher,
    plan: &'a TablePlan,
}

impl Mapper<'_> {
    /// A row's change; its key is told to a redrive that watches.
    fn apply(
        &self,
        change: Change<'_>,
        version: Version,
        out: &mut Vec<OutgoingRecord>,
        redrive: &mut Redrive,
    ) {
        let mapped = self.plan.apply(change, version);
        if redrive.is_watching() {
            let keys = mapped.records.iter().map(|record| record.record_key.row());
            for key in keys.chain(mapped.row_key.clone()).collect::<BTreeSet<RowKey>>() {
                redrive.changed(key);
            }
        }
        let row = match change {
            Change::New(row) | Change::Again(row) | Change::Delete(row) | Change::Update { new: row, .. } => {
                row
            }
        };
        self.publish(mapped, row, version, out);
    }

    fn publish(&self, mapped: Mapped, row: Row<'_>, version: Version, out: &mut Vec<OutgoingRecord>) {
        let reasons = self.publisher.mapped(mapped, Some((self.plan, row)), version, out);
        self.context.measures.rejected(&reasons);
    }

    /// A row whose bytes are no text has no key to be found by.
    fn not_text(&self, cells: &[Option<String>], version: Version, out: &mut Vec<OutgoingRecord>) {
        let rejection = Rejection { row_key: self.plan.no_key(), reasons: vec!["not_text".to_owned()] };
        let json = serde_json::to_vec(cells).unwrap_or_default();
        self.context.measures.rejected(&rejection.reasons);
        self.publisher.reject(&rejection, self.plan.entity(), json, version, out);
    }
}

/// Out of order: the session begins anew. (A lost part is told apart where a transaction begins.)
impl From<StreamFault> for Halt {
    fn from(fault: StreamFault) -> Self {
        Self::lost(fault.to_string())
    }
}
