//! The merge transaction: a batch of messages, all their effects, and the positions, or nothing of it.

use crate::answer::{answers, put_answers, questions, rejected};
use crate::attach::{attach_changes, unattached};
use crate::attaching::Attaching;
use crate::commit::write_merged;
use crate::former::former_keys;
use crate::identify::identify;
use crate::incoming::{Body, Incoming, IncomingMessage};
use crate::keep::{Kept, Partition, SnapshotMark, keep};
use crate::matcher::note_changes;
use crate::merge::{MergeRequest, Merged, merge};
use crate::reconciler::{Now, Reconciler};
use crate::register::keep_register;
use crate::reports::{case_answers, report_answers};
use event_log::ControlEvent;
use registry_rules::{Decision, DecisionError, IdentityDecision, PersonId, RecordKey, STEWARD, SourceRecord};
use registry_store::{
    Attached, LoadStage, Outcomes, RulingChange, StoreError, activate_rules, begin_attaching, begin_ruling,
    fence_positions, keep_decisions, keep_former, keep_late_versions, keep_markers, keep_rulings,
    keep_unreadable, keep_versions, mark_begin, mark_end, mark_fences, move_positions, move_versions,
    open_day, persons_of_records, put_latest, reattach, records_decided, subjects_ruled,
};
use service_runtime::crash_point;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of a batch.
#[derive(Debug)]
pub enum Applied {
    /// It is in the registry.
    Done(Summary),
    /// The first load must get on before anything more is taken.
    Loading(LoadStage),
}

/// What a batch did.
#[derive(Debug, Default)]
pub struct Summary {
    /// Outcomes by topic and partition.
    pub outcomes: BTreeMap<(Arc<str>, i32), Outcomes>,
    /// Next offsets by topic and partition.
    pub positions: BTreeMap<(Arc<str>, i32), i64>,
    /// Partitions that have another owner; their messages were left to it.
    pub fenced: Vec<(Arc<str>, i32)>,
    /// Attachments by rule, 1 to 5.
    pub attached: BTreeMap<i16, u64>,
    /// Versions of persons published.
    pub versions: usize,
    /// Cases by what happened to them and their kind.
    pub cases: BTreeMap<(&'static str, String), u64>,
    /// Somebody is due now, a sweep waits, or the first load may go on.
    pub more_to_do: bool,
}

impl Reconciler {
    /// Applies a batch in one transaction. [`StoreError::is_contention`] means: again from the beginning.
    pub async fn apply(&self, batch: &Incoming) -> Result<Applied, StoreError> {
        let mut transaction = if rules_on_persons(batch) {
            begin_ruling(&self.pool).await?
        } else {
            begin_attaching(&self.pool).await?
        };
        let now = self.now(&mut transaction).await?;
        if !now.stage.takes_records() {
            return Ok(Applied::Loading(now.stage));
        }
        let mut summary = Summary::default();
        let messages = self.owned(&mut transaction, batch, &mut summary).await?;
        let kept = keep(&mut transaction, &messages).await?;
        self.reconcile(&mut transaction, &now, &kept, &mut summary).await?;
        self.put_marks(&mut transaction, &now, &kept, &mut summary).await?;
        self.put_positions(&mut transaction, kept.partitions, &mut summary).await?;
        crash_point!("merge.before-commit");
        transaction.commit().await?;
        crash_point!("merge.after-commit");
        Ok(Applied::Done(summary))
    }

    /// The messages whose partitions are still ours and that were not applied before.
    async fn owned<'b>(
        &self,
        connection: &mut PgConnection,
        batch: &'b Incoming,
        summary: &mut Summary,
    ) -> Result<Vec<&'b IncomingMessage>, StoreError> {
        let partitions: Vec<Partition> = batch.claims.keys().cloned().collect();
        let rows = fence_positions(connection, &self.settings.group, &partitions).await?;
        let mut owned: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        for (topic, partition) in &partitions {
            let row = rows.iter().find(|r| r.topic == **topic && r.partition == *partition);
            let claim = batch.claims.get(&(Arc::clone(topic), *partition));
            match row.filter(|row| Some(&row.owner_epoch) == claim) {
                Some(row) => {
                    owned.insert((topic, *partition), row.next_offset.unwrap_or(0));
                }
                None => summary.fenced.push((Arc::clone(topic), *partition)),
            }
        }
        let is_new =
            |m: &&IncomingMessage| owned.get(&(&*m.topic, m.partition)).is_some_and(|next| m.offset >= *next);
        Ok(batch.messages.iter().filter(is_new).collect())
    }

    /// Records to golden records. The first load only keeps them.
    pub(crate) async fn reconcile(
        &self,
        connection: &mut PgConnection,
        now: &Now,
        kept: &Kept<'_>,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        keep_versions(connection, &kept.versions).await?;
        keep_late_versions(connection, &kept.late).await?;
        let decisions = decisions(kept);
        keep_decisions(connection, &decisions).await?;
        keep_former(connection, &former_keys(kept)).await?;
        let ruled = keep_rulings(connection, &identity_decisions(kept)).await?;
        if now.stage != LoadStage::Live {
            let rows = unattached(kept);
            put_latest(connection, &rows).await?;
            summary.note_attached(rows.iter().map(|row| &row.attached));
            move_versions(connection, &kept.moved).await?;
            return keep_register(connection, kept).await;
        }
        let attaching = attach_changes(connection, kept, &ruled).await?;
        put_latest(connection, &attaching.rows).await?;
        move_versions(connection, &kept.moved).await?;
        let others: Vec<_> = attaching.others.iter().map(|r| (r.record_key.clone(), r.new.clone())).collect();
        reattach(connection, &others).await?;
        summary.note_attached(attaching.changed.iter().chain(&attaching.others).map(|one| &one.new));
        let ground = self.ground(now);
        let identified = identify(connection, &attaching, &self.settings.topics).await?;
        let mut request = MergeRequest {
            persons: identified.persons,
            merged: identified.merged,
            regrouped: identified.regrouped,
            groups: attaching.groups.clone(),
            contradicted: contradicted(&attaching),
            changed: changed(&attaching),
        };
        request.persons.extend(persons_of(connection, &decisions, &ruled, &request.changed).await?);
        let merged = merge(connection, &ground, &request).await?;
        write_merged(connection, &ground, &merged).await?;
        let mut told = answers(&attaching, &merged, &decisions);
        told.extend(questions(kept.changes.values().map(|change| &change.new.record)));
        told.extend(rejected(kept.markers.values()));
        told.extend(report_answers(kept, &attaching, &merged, &now.rules.catalogue));
        let answered = told.iter().map(|answer| answer.record_key.clone()).collect();
        told.extend(case_answers(&merged, &answered));
        put_answers(connection, &self.settings.topics, &told).await?;
        if self.settings.matching.is_some() {
            note_changes(connection, kept, &attaching, &ruled.records).await?;
        }
        summary.note(&merged);
        Ok(())
    }

    /// Marks between records: markers of rows, snapshots, fences, day and rules.
    async fn put_marks(
        &self,
        connection: &mut PgConnection,
        now: &Now,
        kept: &Kept<'_>,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        let markers: Vec<_> = kept.markers.values().cloned().collect();
        keep_markers(connection, &markers).await?;
        keep_unreadable(connection, &kept.unreadable).await?;
        for mark in &kept.snapshots {
            match mark {
                SnapshotMark::Begin { source, epoch, partition } => {
                    mark_begin(connection, source, *epoch, *partition).await?;
                }
                SnapshotMark::End { source, end, partition } => {
                    let partitions = self.settings.sources.get(*source).copied().unwrap_or(1);
                    let swept = end.tables.iter().filter(|_| *source != STEWARD);
                    let tables: Vec<_> =
                        swept.map(|t| (t.entity.as_str(), end.truncated.contains(&t.entity))).collect();
                    let place = (end.epoch, *partition);
                    summary.more_to_do |= mark_end(connection, source, place, partitions, &tables).await?;
                }
            }
        }
        for (event, since) in &kept.control {
            match event {
                ControlEvent::DayOpened { date } => {
                    open_day(connection, *date, *since).await?;
                    summary.more_to_do |= *date > now.date;
                }
                ControlEvent::RulesActivated { rule_set } => {
                    if !activate_rules(connection, rule_set, *since).await? {
                        tracing::error!(rule_set, "no such rule set is kept; the one in force stays");
                    }
                    summary.more_to_do = true;
                }
            }
        }
        mark_fences(connection, &self.settings.group, &kept.fences).await
    }

    async fn put_positions(
        &self,
        connection: &mut PgConnection,
        partitions: BTreeMap<Partition, (i64, Outcomes)>,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        let mut moves = Vec::with_capacity(partitions.len());
        for ((topic, partition), (next, outcomes)) in partitions {
            summary.positions.insert((Arc::clone(&topic), partition), next);
            summary.outcomes.insert((Arc::clone(&topic), partition), outcomes);
            moves.push((topic, partition, next, outcomes));
        }
        move_positions(connection, &self.settings.group, &moves).await
    }
}

impl Summary {
    pub(crate) fn note_attached<'a>(&mut self, attached: impl Iterator<Item = &'a Attached>) {
        for one in attached {
            *self.attached.entry(one.rule).or_default() += 1;
        }
    }

    pub(crate) fn note(&mut self, merged: &Merged) {
        self.versions += merged.versions.len();
        self.more_to_do |= !merged.neighbours.is_empty();
        for case in &merged.cases {
            *self.cases.entry((case.event.as_str(), case.case.kind.clone())).or_default() += 1;
        }
    }
}

/// Whether a batch holds decisions about persons.
fn rules_on_persons(batch: &Incoming) -> bool {
    let is_one = |message: &IncomingMessage| match &message.body {
        Body::Record(received) => IdentityDecision::is_one(&received.record.record_key),
        Body::Mark(_) | Body::Control(_) | Body::Unreadable { .. } => false,
    };
    batch.messages.iter().any(is_one)
}

/// The decisions about values among the changed records.
fn decisions(kept: &Kept<'_>) -> Vec<(RecordKey, Decision)> {
    let about_values = |key: &RecordKey| key.source() == STEWARD && !IdentityDecision::is_one(key);
    read_decisions(kept, about_values, Decision::from_record)
}

/// The decisions about persons among the changed records.
fn identity_decisions(kept: &Kept<'_>) -> Vec<(RecordKey, IdentityDecision)> {
    read_decisions(kept, IdentityDecision::is_one, IdentityDecision::from_record)
}

/// One that cannot be read is the console's fault: it is kept as received and decides nothing.
fn read_decisions<T>(
    kept: &Kept<'_>,
    of_kind: impl Fn(&RecordKey) -> bool,
    read: impl Fn(&SourceRecord) -> Result<Option<T>, DecisionError>,
) -> Vec<(RecordKey, T)> {
    let records = kept.changes.values().map(|change| &change.new.record);
    let mut decisions = Vec::new();
    for record in records.filter(|record| of_kind(&record.record_key)) {
        match read(record) {
            Ok(Some(decision)) => decisions.push((record.record_key.clone(), decision)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(record = %record.record_key, %error, "a decision cannot be read and decides nothing");
            }
        }
    }
    decisions
}

fn contradicted(attaching: &Attaching) -> BTreeSet<RecordKey> {
    let all = attaching.changed.iter().chain(&attaching.others);
    all.filter(|r| r.old.contradicted || r.new.anchor.is_none())
        .filter_map(|r| RecordKey::try_from(r.record_key.clone()).ok())
        .collect()
}

/// The records that bring something new: those of the batch, decisions aside.
fn changed(attaching: &Attaching) -> BTreeSet<RecordKey> {
    let keys = attaching.changed.iter().filter(|r| r.new.anchor.is_some() || r.old.anchor.is_some());
    keys.filter_map(|r| RecordKey::try_from(r.record_key.clone()).ok()).collect()
}

/// The persons whose records decisions name, or those that they take back; and those whose records decisions are about
/// that name a changed one.
async fn persons_of(
    connection: &mut PgConnection,
    decisions: &[(RecordKey, Decision)],
    ruled: &RulingChange,
    changed: &BTreeSet<RecordKey>,
) -> Result<Vec<PersonId>, StoreError> {
    let mut keys = ruled.records.clone();
    let changed: Vec<&str> = changed.iter().map(RecordKey::as_str).collect();
    keys.extend(subjects_ruled(connection, &changed).await?);
    if !decisions.is_empty() {
        let ids: Vec<&str> = decisions.iter().map(|(_, decision)| decision.id.as_str()).collect();
        keys.extend(records_decided(connection, &ids).await?);
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let persons = persons_of_records(connection, &keys).await?;
    Ok(persons.into_iter().map(|one| one.person_id).collect())
}
