//! From the disclosure database to the sectors: the ledger entries about the persons, each release with its outcome, and for
//! an agreement that gets nothing the reason.

use super::late::{Deadline, Stage};
use super::merged::News;
use super::places::Sector;
use super::{Hop, Marks, Places, Teller, Withheld};
use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use event_log::{decode_person_image, split_wire_header};
use registry_rules::{FieldName, PersonId};
use sqlx::{AssertSqlSafe, FromRow, PgPool};
use std::collections::{BTreeMap, BTreeSet};

const IMAGE: &str = "select image, appended_at from person_state where person_id = $1";

const DELIVERIES: &str =
    "select ref, agreement, mode, release_no, agreement_version, event, fields, authorised_at,
       case when parked is not null and outcome is null then 'parked' else outcome end as outcome, settled_at
     from delivery where person_id = $1 and authorised_at >= $2 order by agreement, release_no, mode";

const MEMBER: &str =
    "select coalesce((select member from holding where person_id = $1 and agreement = $2), false)";

/// Agreements that have been in force, with what they name.
const AGREEMENTS: &str = "select s.agreement, s.state, array_agg(f.field) as fields from agreement_state s
     join agreement_field f on (f.agreement, f.version) = (s.agreement, s.version)
     group by s.agreement, s.state order by s.agreement";

#[derive(Debug, FromRow)]
struct Agreement {
    #[sqlx(rename = "agreement")]
    name: String,
    state: String,
    fields: Vec<String>,
}

#[derive(Debug, FromRow)]
struct Delivery {
    #[sqlx(rename = "ref")]
    reference: String,
    agreement: String,
    mode: String,
    release_no: i64,
    agreement_version: i32,
    event: String,
    fields: Vec<String>,
    authorised_at: DateTime<Utc>,
    outcome: Option<String>,
    settled_at: Option<DateTime<Utc>>,
}

impl Agreement {
    /// Whether it names one of these fields, or a part of it.
    fn names(&self, changed: &BTreeSet<FieldName>) -> bool {
        self.fields.iter().any(|field| {
            changed.iter().any(|name| {
                field.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
    }
}

pub(super) async fn released(
    places: &Places,
    marks: &Marks,
    persons: &[News],
    deadline: Deadline,
    teller: &mut Teller<'_>,
) -> anyhow::Result<()> {
    let pool = &places.disclosure;
    let agreements: Vec<Agreement> = sqlx::query_as(AGREEMENTS).fetch_all(pool).await?;
    for news in persons {
        let compared = async || compared(pool, news).await;
        let (version, at) = deadline.until(Stage::Publish, compared).await?;
        let person_id = news.person_id;
        let milliseconds = teller.since(at);
        teller.tell(Hop::Published { person_id, version, milliseconds });
        let settled = async || {
            let deliveries: Vec<Delivery> =
                sqlx::query_as(DELIVERIES).bind(person_id).bind(marks.disclosure).fetch_all(pool).await?;
            let all = deliveries.iter().all(|delivery| delivery.outcome.is_some());
            Ok(all.then_some(deliveries))
        };
        let deliveries = deadline.until(Stage::Deliver, settled).await?;
        tell_releases(places, person_id, &deliveries, teller).await?;
        for agreement in &agreements {
            if deliveries.iter().all(|delivery| delivery.agreement != agreement.name) {
                let reason = withheld(pool, news, agreement).await?;
                teller.tell(Hop::Withheld { person_id, agreement: agreement.name.clone(), reason });
            }
        }
    }
    Ok(())
}

/// The version that all agreements were compared with, once it is the one looked for or a later one.
async fn compared(pool: &PgPool, news: &News) -> anyhow::Result<Option<(i64, DateTime<Utc>)>> {
    let held: Option<(Vec<u8>, DateTime<Utc>)> =
        sqlx::query_as(IMAGE).bind(news.person_id).fetch_optional(pool).await?;
    let Some((bytes, at)) = held else { return Ok(None) };
    let (_, body) = split_wire_header(&bytes)?;
    let version = decode_person_image(body)?.version.cast_signed();
    Ok((version >= news.version).then_some((version, at)))
}

async fn tell_releases(
    places: &Places,
    person_id: PersonId,
    deliveries: &[Delivery],
    teller: &mut Teller<'_>,
) -> anyhow::Result<()> {
    // A release is authorised once and delivered in each mode.
    let mut releases: BTreeMap<(&str, i64), Vec<&Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        releases.entry((&delivery.agreement, delivery.release_no)).or_default().push(delivery);
    }
    for ((agreement, release_no), modes) in releases {
        let first = modes.first().context("a release has a delivery")?;
        teller.tell(Hop::Authorised {
            person_id,
            agreement: agreement.to_owned(),
            agreement_version: first.agreement_version,
            event: first.event.clone(),
            release_no,
            fields: first.fields.clone(),
            milliseconds: teller.since(first.authorised_at),
        });
        for delivery in modes {
            let row = match places.sectors.get(agreement) {
                Some(sector) if delivery.mode == "database" => arrived(sector, delivery).await?,
                Some(_) | None => None,
            };
            teller.tell(Hop::Delivered {
                person_id,
                agreement: agreement.to_owned(),
                release_no,
                mode: delivery.mode.clone(),
                outcome: delivery.outcome.clone().unwrap_or_default(),
                row,
                milliseconds: delivery.settled_at.map(|at| teller.since(at)),
            });
        }
    }
    Ok(())
}

/// Looks whether the sector has the row; none where the release was not delivered, or a later one is there already.
async fn arrived(sector: &Sector, delivery: &Delivery) -> anyhow::Result<Option<bool>> {
    if delivery.outcome.as_deref() != Some("delivered") {
        return Ok(None);
    }
    let Sector { pool, table, ref_column, guard } = sector;
    // Both names come from files of this project.
    let look = format!(
        "select (select release_no from {guard} where ref = $1), exists (select 1 from {table} where {ref_column} = $1)"
    );
    let (release_no, there): (Option<i64>, bool) =
        sqlx::query_as(AssertSqlSafe(look)).bind(&delivery.reference).fetch_one(pool).await?;
    let agreement = &delivery.agreement;
    ensure!(
        release_no >= Some(delivery.release_no),
        "{agreement}: the sector's guard is behind a release that counts as delivered"
    );
    if release_no > Some(delivery.release_no) {
        return Ok(None);
    }
    ensure!(there == (delivery.event != "left"), "{agreement}: the sector's row is not as delivered");
    Ok(Some(there))
}

async fn withheld(pool: &PgPool, news: &News, agreement: &Agreement) -> anyhow::Result<Withheld> {
    if agreement.state != "active" {
        return Ok(Withheld::NotInForce);
    }
    let member: bool =
        sqlx::query_scalar(MEMBER).bind(news.person_id).bind(&agreement.name).fetch_one(pool).await?;
    Ok(if !member {
        Withheld::NotInPopulation
    } else if news.values.is_empty() || agreement.names(&news.values) {
        Withheld::Unchanged
    } else {
        Withheld::FieldsNotPermitted
    })
}
