//! One person as people see it: what stands and why, the records behind it, the open questions.

use crate::case_list::{CaseView, open_cases_about};
use crate::{StoreError, case_subject, catalogue_of, history};
use chrono::{DateTime, Utc};
use event_log::SourceMessage;
use registry_rules::{
    CaseSubject, FieldCatalogue, FieldName, FieldValue, PersonId, PersonImage, PinState, RecordKey,
    SourceRecord, StandingField,
};
use serde::Serialize;
use sqlx::PgPool;
use std::collections::BTreeMap;

/// A value that stands.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// The value.
    pub value: FieldValue,
    /// How it stands.
    pub state: registry_rules::FieldState,
    /// The record it was taken from.
    pub record_key: Option<RecordKey>,
    /// The rule that chose it.
    pub rule: String,
    /// The item of Law on Identity 26/2023/QH15.
    pub article: String,
    /// The law that the rule rests on; none where the item's own article is all there is to say.
    pub ground: Option<String>,
}

impl FieldView {
    pub(crate) fn of(name: &FieldName, field: StandingField, catalogue: &FieldCatalogue) -> Self {
        let StandingField { value, state, record_key, rule } = field;
        let article = catalogue.get(name).map_or_else(String::new, |f| f.article.clone());
        let ground = catalogue.ground_of(&rule).map(|ground| ground.article.clone());
        Self { value, state, record_key, rule, article, ground }
    }
}

/// A record as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct RecordView {
    /// Which record.
    pub record_key: RecordKey,
    /// `epoch/position/ordinal`.
    pub version: String,
    /// Event id of the domain catalogue.
    pub kind: String,
    /// How it stands in law.
    pub standing: registry_rules::Standing,
    /// Legal time, first day.
    pub valid_from: Option<registry_rules::PartialDate>,
    /// Legal time, last day.
    pub valid_to: Option<registry_rules::PartialDate>,
    /// When the source recorded it.
    pub recorded_at: Option<DateTime<Utc>>,
    /// When the log received it.
    pub received_at: DateTime<Utc>,
    /// Where it is attached.
    pub anchor: Option<String>,
    /// By which rule of attachment, 1 to 5.
    pub attach_rule: i16,
    /// What it says.
    pub fields: BTreeMap<FieldName, FieldValue>,
}

impl RecordView {
    pub(crate) fn of(
        record: SourceRecord,
        received_at: DateTime<Utc>,
        anchor: Option<String>,
        attach_rule: Option<i16>,
    ) -> Self {
        Self {
            version: record.version.to_string(),
            record_key: record.record_key,
            kind: record.kind,
            standing: record.standing,
            valid_from: record.valid_from,
            valid_to: record.valid_to,
            recorded_at: record.recorded_at,
            received_at,
            anchor,
            attach_rule: attach_rule.unwrap_or_default(),
            fields: record.fields,
        }
    }
}

/// A person (design §9, `registry show`).
#[derive(Clone, Debug, Serialize)]
pub struct PersonView {
    /// Who.
    pub person_id: PersonId,
    /// Versions published.
    pub version: u64,
    /// Where the person stands in life.
    pub lifecycle: registry_rules::Lifecycle,
    /// Where a merged id leads.
    pub merged_into: Option<PersonId>,
    /// Ids that lead here.
    pub absorbed: Vec<PersonId>,
    /// Numbers.
    pub pins: Vec<PinState>,
    /// What stands.
    pub fields: BTreeMap<FieldName, FieldView>,
    /// The records behind it.
    pub records: Vec<RecordView>,
    /// Open questions.
    pub cases: Vec<CaseView>,
}

/// The person that a text names: an id, a number of twelve digits, a record key, or an anchor.
pub async fn find_person(pool: &PgPool, text: &str) -> Result<Option<PersonId>, StoreError> {
    if let Ok(person) = text.parse::<PersonId>() {
        return Ok(Some(person));
    }
    let found = sqlx::query_scalar(
        // A re-issued number stands under the anchor of its class: the record that registers it is there.
        "select a.leads_to from anchor a where a.anchor = $1 or a.anchor = 'pin:' || $1
           or a.anchor = (select r.anchor from record_latest r where r.record_key = $1)
           or a.anchor in (select r.anchor from register_entry e join record_latest r using (record_key) where e.pin = $1)
         order by a.anchor in ($1, 'pin:' || $1) desc, a.anchor limit 1",
    )
    .bind(text)
    .fetch_optional(pool)
    .await?;
    Ok(found)
}

/// A person's newest image with what it follows from; none if the id was never published.
pub async fn show_person(pool: &PgPool, person: PersonId) -> Result<Option<PersonView>, StoreError> {
    let payload: Option<Vec<u8>> =
        sqlx::query_scalar("select payload from person_version where key = $1 order by id desc limit 1")
            .bind(person.to_string())
            .fetch_optional(pool)
            .await?;
    let Some(payload) = payload else { return Ok(None) };
    let image = history::image(&payload)?;
    let keys: Vec<String> = sqlx::query_scalar(
        "select r.record_key from anchor a join record_latest r on r.anchor = a.anchor where a.leads_to = $1 order by 1",
    )
    .bind(person)
    .fetch_all(pool)
    .await?;
    let catalogue = catalogue_in_force(pool).await?;
    let records = records(pool, &keys).await?;
    let mut subjects = vec![case_subject(&CaseSubject::Person(person))];
    subjects.extend(records.iter().map(|r| case_subject(&CaseSubject::Record(r.record_key.clone()))));
    let cases = open_cases_about(pool, &subjects, person).await?;
    Ok(Some(view(image, &catalogue, records, cases)))
}

fn view(
    image: PersonImage,
    catalogue: &FieldCatalogue,
    records: Vec<RecordView>,
    cases: Vec<CaseView>,
) -> PersonView {
    let field = |name: FieldName, field: StandingField| {
        let view = FieldView::of(&name, field, catalogue);
        (name, view)
    };
    PersonView {
        person_id: image.person_id,
        version: image.version,
        lifecycle: image.lifecycle,
        merged_into: image.merged_into,
        absorbed: image.absorbed,
        pins: image.pins,
        fields: image.fields.into_iter().map(|(name, value)| field(name, value)).collect(),
        records,
        cases,
    }
}

pub(crate) async fn catalogue_in_force(pool: &PgPool) -> Result<FieldCatalogue, StoreError> {
    let mut connection = pool.acquire().await?;
    let present = crate::present(&mut connection).await?;
    let text = catalogue_of(&mut connection, &present.rule_set).await?;
    text.and_then(|text| FieldCatalogue::parse(&text).ok()).ok_or(StoreError::Unreadable("rule set"))
}

#[derive(sqlx::FromRow)]
struct RecordColumns {
    payload: Vec<u8>,
    received_at: DateTime<Utc>,
    anchor: Option<String>,
    attach_rule: i16,
}

/// Records as they stand, in the order of the keys given.
pub(crate) async fn records(pool: &PgPool, record_keys: &[String]) -> Result<Vec<RecordView>, StoreError> {
    let rows: Vec<RecordColumns> = sqlx::query_as(
        "select v.payload, v.received_at, r.anchor, r.attach_rule
         from unnest($1::text[]) with ordinality as t (record_key, n)
         join record_latest r on r.record_key = t.record_key
         join record_version v on v.record_key = r.record_key and v.epoch = r.epoch and v.position = r.position
           and v.ordinal = r.ordinal
         order by t.n",
    )
    .bind(record_keys)
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RecordView::of(record(&row.payload)?, row.received_at, row.anchor, Some(row.attach_rule)))
        })
        .collect()
}

/// Reads a stored record.
pub(crate) fn record(payload: &[u8]) -> Result<SourceRecord, StoreError> {
    match event_log::decode_source_message(payload) {
        Ok(SourceMessage::Record(record)) => Ok(record),
        Ok(
            SourceMessage::Marker(_)
            | SourceMessage::SnapshotBegin(_)
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::Fence(_),
        )
        | Err(_) => Err(StoreError::Unreadable("record")),
    }
}
