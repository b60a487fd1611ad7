//! One person on two time axes: what held on a legal day, as far as it was known at a moment (design §2.3, §6).

use crate::case_list::CaseView;
use crate::case_standing::CaseStanding;
use crate::known::{Found, Seeds, known_around};
use crate::secrets::FamilySecrets;
use crate::show::{FieldView, PersonView, RecordView};
use crate::{Present, StoreError, case_id, case_subject, catalogue_of, history, present, present_at, show};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{
    AttachRule, CaseFinding, CaseState, Explanation, FieldCatalogue, FieldName, FingerprintKey, KnownPerson,
    Lifecycle, LinkEvent, PersonId, Pin, RecordKey, SourceRecord, Terms, explain, offered_keys,
};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeMap, BTreeSet};

/// Records that one question about one person reads at most, with all around: beyond it a person is an error of matching.
const MOST_RECORDS: usize = 20_000;
/// Ids that lead on to another: longer chains than this would be a fault of ours.
const MOST_REDIRECTS: usize = 16;

/// A point on two time axes; each open side stands for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The legal day.
    pub day: Option<NaiveDate>,
    /// The received time: what came later is not known yet.
    pub known: Option<DateTime<Utc>>,
}

/// A person at a moment, with all that this follows from.
#[derive(Debug)]
pub struct Inquiry {
    /// The legal day asked about.
    pub day: NaiveDate,
    /// The rule set that was in force.
    pub rule_set: String,
    person: KnownPerson,
    absorbed: BTreeSet<PersonId>,
    found: Found,
    catalogue: FieldCatalogue,
    key: FingerprintKey,
    today: NaiveDate,
    versions: u64,
    opened: BTreeMap<String, (DateTime<Utc>, CaseStanding)>,
    moment: Moment,
}

impl Inquiry {
    /// Asks for the person that a text names (id, number, record key or anchor), all in one view of the registry. None:
    /// nothing of such a person had been received by then.
    pub async fn open(
        pool: &PgPool,
        text: &str,
        moment: Moment,
        key: &FingerprintKey,
    ) -> Result<Option<Self>, StoreError> {
        let mut transaction = pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *transaction)
            .await?;
        let connection = &mut *transaction;
        let Present { date: today, rule_set } = match moment.known {
            Some(moment) => present_at(connection, moment).await?,
            None => present(connection).await?,
        };
        let text_of_rules = catalogue_of(connection, &rule_set).await?;
        let catalogue = text_of_rules
            .and_then(|text| FieldCatalogue::parse(&text).ok())
            .ok_or(StoreError::Unreadable("rule set"))?;
        let seeds = seeds_of(connection, text).await?;
        let found = known_around(connection, &seeds, moment.known, MOST_RECORDS).await?;
        let names = Names::read(connection, &found, moment.known).await?;
        let Some((anchor, id)) = names.find(text, &found, &seeds) else { return Ok(None) };
        let day = moment.day.unwrap_or(today);
        let terms = Terms { catalogue: &catalogue, key, today, day };
        let Some(person) = found.known.person(&anchor, id, &terms) else { return Ok(None) };
        let absorbed = names.absorbed(&anchor, &found, id);
        let versions = versions_by(connection, id, moment.known).await?;
        let opened = opened(connection, &person.cases, moment.known).await?;
        transaction.commit().await?;
        let key = key.clone();
        Ok(Some(Self {
            day,
            rule_set,
            person,
            absorbed,
            found,
            catalogue,
            key,
            today,
            versions,
            opened,
            moment,
        }))
    }

    /// The person as `registry show` shows it.
    pub fn view(&self) -> PersonView {
        let image = &self.person.outcome.image;
        let fields = image
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), FieldView::of(name, field.clone(), &self.catalogue)));
        PersonView {
            person_id: image.person_id,
            version: self.versions,
            lifecycle: image.lifecycle,
            merged_into: None,
            absorbed: self.absorbed.iter().copied().collect(),
            pins: image.pins.clone(),
            fields: fields.collect(),
            records: self.person.records.iter().map(|record| self.record(record)).collect(),
            cases: self.person.cases.iter().map(|case| self.case(case)).collect(),
        }
    }

    /// Why each of these fields has its value; without a name all that anybody states.
    pub fn explain(&self, field: Option<&FieldName>) -> Vec<Explanation> {
        self.explained(&self.person, field)
    }

    /// The same for whoever may not see what tells of a secret: of a value that the other records give too, why it has it by
    /// those alone, as of anybody who has no others.
    pub fn explain_without(&self, field: Option<&FieldName>, secrets: &FamilySecrets) -> Vec<Explanation> {
        let mut told = self.explain(field);
        let Some(seen) = self.without(secrets) else { return told };
        let mut seen: BTreeMap<FieldName, Explanation> =
            self.explained(&seen, field).into_iter().map(|one| (one.field.clone(), one)).collect();
        for one in &mut told {
            let Some(other) = seen.remove(&one.field) else { continue };
            let says_the_same = match (&one.stands, &other.stands) {
                (Some(one), Some(other)) => one.value.says_the_same(&other.value),
                (one, other) => one == other,
            };
            if says_the_same && other.open_case == one.open_case {
                *one = other;
            }
        }
        told.retain(|one| field.is_some() || one.stands.is_some() || !one.statements.is_empty());
        told
    }

    /// How each value stands by the records that do not tell of a secret.
    pub fn standing_without(&self, secrets: &FamilySecrets) -> BTreeMap<FieldName, FieldView> {
        let fields = self.without(secrets).map(|seen| seen.outcome.image.fields).unwrap_or_default();
        let view = |(name, field): (FieldName, _)| {
            let view = FieldView::of(&name, field, &self.catalogue);
            (name, view)
        };
        fields.into_iter().map(view).collect()
    }

    /// The person without what tells of a secret; none where nothing does.
    fn without(&self, secrets: &FamilySecrets) -> Option<KnownPerson> {
        if secrets.is_empty() {
            return None;
        }
        let hides = |key: &RecordKey| secrets.hides_record(key);
        self.found.known.person_without(&self.person.anchor, self.person_id(), &self.terms(), &hides)
    }

    fn explained(&self, person: &KnownPerson, field: Option<&FieldName>) -> Vec<Explanation> {
        let terms = self.terms();
        let wanted = self.catalogue.iter().filter(|f| field.is_none_or(|name| f.name == *name));
        let told = wanted.map(|definition| explain(person, definition, &terms));
        told.filter(|e| field.is_some() || e.stands.is_some() || !e.statements.is_empty()).collect()
    }

    /// The open questions about values, by field: each by its name.
    pub fn open_cases(&self) -> BTreeMap<FieldName, String> {
        let cases = self.person.cases.iter().map(|case| (case.field.clone(), self.case(case).case_id));
        cases.filter_map(|(field, case_id)| Some((field?, case_id))).collect()
    }

    /// Whether the rules of that moment know a field.
    pub fn knows(&self, field: &FieldName) -> bool {
        self.catalogue.get(field).is_some()
    }

    /// Where the person stands in life.
    pub const fn lifecycle(&self) -> Lifecycle {
        self.person.outcome.image.lifecycle
    }

    /// Who.
    pub const fn person_id(&self) -> PersonId {
        self.person.outcome.image.person_id
    }

    const fn terms(&self) -> Terms<'_> {
        Terms { catalogue: &self.catalogue, key: &self.key, today: self.today, day: self.day }
    }

    fn record(&self, record: &SourceRecord) -> RecordView {
        let attachment = self.found.known.attachment(&record.record_key);
        let received = self.found.received.get(&record.record_key).copied();
        let rule = attachment.map(|to| rule_code(to.rule));
        RecordView::of(
            record.clone(),
            received.unwrap_or_default(),
            attachment.map(|to| to.anchor.clone()),
            rule,
        )
    }

    fn case(&self, case: &CaseFinding) -> CaseView {
        let subject = case_subject(&case.subject);
        let field = case.field.as_ref().map(ToString::to_string);
        let case_id = case_id(&subject, case.kind.as_str(), field.as_deref().unwrap_or_default());
        let (opened_at, standing) = self.opened.get(&case_id).cloned().unwrap_or_else(|| {
            let since = self.moment.known.unwrap_or_default();
            (since, CaseStanding { since, ..CaseStanding::default() })
        });
        CaseView {
            case_id,
            subject,
            kind: case.kind.as_str().to_owned(),
            field,
            open: true,
            severity: i16::from(case.severity),
            opened_at,
            closed_at: None,
            standing,
            record_keys: case.records.iter().map(ToString::to_string).collect(),
            records: Vec::new(),
            history: serde_json::Value::Array(Vec::new()),
        }
    }
}

const fn rule_code(rule: AttachRule) -> i16 {
    match rule {
        AttachRule::Steward => 1,
        AttachRule::Pin => 2,
        AttachRule::SourceKey => 3,
        AttachRule::Scored => 4,
        AttachRule::Provisional => 5,
    }
}

/// Where to look for the person that a text names.
async fn seeds_of(connection: &mut PgConnection, text: &str) -> Result<Seeds, StoreError> {
    if let Ok(person) = text.parse::<PersonId>() {
        return seeds_of_id(connection, person).await;
    }
    let mut seeds = Seeds::default();
    if ["act:", "person:", "pin:"].iter().any(|kind| text.starts_with(kind)) {
        seeds.keys.insert(text.to_owned());
    } else if text.parse::<Pin>().is_ok() {
        seeds.keys.insert(format!("pin:{text}"));
    } else if RecordKey::try_from(text.to_owned()).is_ok() {
        seeds.records.insert(text.to_owned());
    } else if let Some(record) = text.strip_prefix("record:") {
        seeds.records.insert(record.to_owned());
    } else {
        seeds.keys.insert(text.to_owned());
    }
    Ok(seeds)
}

/// All keys that the records of an id have ever offered: what stood under it once may have parted from it.
async fn seeds_of_id(connection: &mut PgConnection, person: PersonId) -> Result<Seeds, StoreError> {
    let mut id = person;
    for _ in 0..MOST_REDIRECTS {
        match history::newest_image(connection, id).await?.and_then(|image| image.merged_into) {
            Some(into) => id = into,
            None => break,
        }
    }
    let anchors: Vec<String> = sqlx::query_scalar("select anchor from anchor where leads_to = $1 limit $2")
        .bind(id)
        .bind(i64::try_from(MOST_RECORDS).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select v.payload from (
           select r.record_key from unnest($1::text[]) as t (wanted)
             cross join lateral (select record_key from record_latest where anchor = wanted offset 0) r
           union select r.record_key from unnest($1::text[]) as t (wanted)
             cross join lateral (select record_key from record_former where key = wanted offset 0) r) k
         cross join lateral (select payload from record_version where record_key = k.record_key offset 0) v limit $2",
    )
    .bind(&anchors)
    .bind(i64::try_from(MOST_RECORDS).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    let mut seeds = Seeds::default();
    for payload in payloads {
        let record = show::record(&payload)?;
        seeds.keys.extend(offered_keys(&record).into_iter().filter(|key| !key.starts_with("group:")));
        seeds.records.insert(record.record_key.as_str().to_owned());
    }
    seeds.keys.extend(anchors.into_iter().filter(|anchor| !anchor.starts_with("record:")));
    Ok(seeds)
}

/// The ids that anchors went by at a moment, from their entries of `link`.
struct Names(BTreeMap<String, LinkEvent>);

impl Names {
    async fn read(
        connection: &mut PgConnection,
        found: &Found,
        until: Option<DateTime<Utc>>,
    ) -> Result<Self, StoreError> {
        let names: BTreeSet<String> =
            found.known.anchors().flat_map(|anchor| found.known.keys_of(anchor)).collect();
        // The registry follows the log within moments: an anchor seen by then has at least its first entry soon after.
        let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
            "select l.payload from unnest($1::text[]) as t (wanted) cross join lateral (
               (select payload, 1 as choice from link
                where key = wanted and ($2::timestamptz is null or received_at <= $2) order by id desc limit 1)
               union all (select payload, 2 from link where key = wanted order by id limit 1)
               order by choice limit 1) l",
        )
        .bind(names.into_iter().collect::<Vec<_>>())
        .bind(until)
        .fetch_all(connection)
        .await?;
        let mut events = BTreeMap::new();
        for payload in payloads {
            let event = event_log::decode_link_event(&payload).map_err(|_| StoreError::Unreadable("link"))?;
            events.insert(event.anchor.clone(), event);
        }
        Ok(Self(events))
    }

    /// The anchor of the person that was asked for, and the id that it goes by.
    fn find(&self, text: &str, found: &Found, seeds: &Seeds) -> Option<(String, PersonId)> {
        let known = &found.known;
        if let Ok(id) = text.parse::<PersonId>() {
            let mut named = known.anchors().filter(|anchor| self.id(anchor, found) == Some(id));
            let redirected = || known.anchors().find(|anchor| self.all(anchor, found).contains(&id));
            let anchor = named.next().or_else(redirected)?;
            return Some((anchor.to_owned(), self.id(anchor, found)?));
        }
        let by_record = seeds.records.iter().find_map(|key| {
            known.attachment(&RecordKey::try_from(key.clone()).ok()?).map(|to| to.anchor.as_str())
        });
        let by_key = || {
            let key = seeds.keys.first()?;
            let pin = key.strip_prefix("pin:").and_then(|pin| pin.parse().ok());
            pin.and_then(|pin| known.anchor_of_pin(&pin))
                .or_else(|| known.anchors().find(|anchor| anchor == key))
                .or_else(|| known.anchors().find(|anchor| known.keys_of(anchor).contains(key)))
        };
        let anchor = by_record.or_else(by_key)?;
        Some((anchor.to_owned(), self.id(anchor, found).unwrap_or_default()))
    }

    fn id(&self, anchor: &str, found: &Found) -> Option<PersonId> {
        let own = self.0.get(anchor);
        let other = || found.known.keys_of(anchor).iter().find_map(|key| self.0.get(key));
        own.or_else(other).map(|event| event.person_id)
    }

    /// All ids that lead to the person at an anchor.
    fn all(&self, anchor: &str, found: &Found) -> BTreeSet<PersonId> {
        let keys = found.known.keys_of(anchor);
        let events = keys.iter().filter_map(|key| self.0.get(key));
        events.flat_map(|event| [event.own_person_id, event.person_id]).collect()
    }

    fn absorbed(&self, anchor: &str, found: &Found, id: PersonId) -> BTreeSet<PersonId> {
        let keys = found.known.keys_of(anchor);
        let events = keys.iter().filter_map(|key| self.0.get(key)).filter(|event| event.person_id == id);
        events.map(|event| event.own_person_id).filter(|own| *own != id).collect()
    }
}

async fn versions_by(
    connection: &mut PgConnection,
    person: PersonId,
    until: Option<DateTime<Utc>>,
) -> Result<u64, StoreError> {
    let versions: i64 = sqlx::query_scalar(
        "select coalesce(max(id), 0) from person_version
         where key = $1 and ($2::timestamptz is null or received_at <= $2)",
    )
    .bind(person.to_string())
    .bind(until)
    .fetch_one(connection)
    .await?;
    Ok(versions.cast_unsigned())
}

/// When a case was opened last, and its last step.
#[derive(sqlx::FromRow)]
struct Step {
    case_id: String,
    opened_at: Option<DateTime<Utc>>,
    since: Option<DateTime<Utc>>,
    state: Option<String>,
    waits_for: Option<String>,
}

/// Since when each case was open at a moment, and how it stood then. Its clock is of the present: the past had its own day.
async fn opened(
    connection: &mut PgConnection,
    cases: &[CaseFinding],
    until: Option<DateTime<Utc>>,
) -> Result<BTreeMap<String, (DateTime<Utc>, CaseStanding)>, StoreError> {
    let rows: Vec<Step> = sqlx::query_as(
            "select c.case_id, o.at as opened_at, s.at as since, s.state, s.waits_for
             from unnest($1::text[]) as t (wanted)
             cross join lateral (
               select case_id, history from registry_case where subject = wanted offset 0) c
             cross join lateral (
               select max((h ->> 'at')::timestamptz) as at from jsonb_array_elements(c.history) h
               where h ->> 'event' in ('opened', 'reopened')
                 and ($2::timestamptz is null or (h ->> 'at')::timestamptz <= $2)) o
             left join lateral (
               select (h ->> 'at')::timestamptz as at, h ->> 'state' as state, h ->> 'waits_for' as waits_for
               from jsonb_array_elements(c.history) with ordinality as e (h, n)
               where $2::timestamptz is null or (h ->> 'at')::timestamptz <= $2 order by n desc limit 1) s on true",
        )
        .bind(
            cases
                .iter()
                .map(|case| case_subject(&case.subject))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>(),
        )
        .bind(until)
        .fetch_all(connection)
        .await?;
    let mut opened = BTreeMap::new();
    for Step { case_id, opened_at, since, state, waits_for } in rows {
        let Some(at) = opened_at else { continue };
        let state = state.as_deref().and_then(CaseState::read).filter(|state| state.is_open());
        let standing = CaseStanding {
            state: state.unwrap_or(CaseState::New),
            since: since.unwrap_or(at),
            waits_for,
            ..CaseStanding::default()
        };
        opened.insert(case_id, (at, standing));
    }
    Ok(opened)
}
