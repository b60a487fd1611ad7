//! Whose anchor it is: ids of numbers and source keys, and where they lead now.

use crate::StoreError;
use crate::latest::all;
use chrono::{DateTime, Utc};
use registry_rules::PersonId;
use sqlx::PgConnection;

/// An anchor with its id.
#[expect(clippy::struct_field_names, reason = "the fields are named as the columns are")]
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Anchor {
    /// `pin:<number>` (each number has its own) or a source key that once stood for a person by itself.
    pub anchor: String,
    /// Given when the anchor was first seen.
    pub person_id: PersonId,
    /// The id that stands for it now.
    pub leads_to: PersonId,
    /// Its own id was taken over by a number first seen for it.
    pub yielded: bool,
    /// Entries of `link` it has.
    pub changes: i64,
    /// When it was first seen.
    pub first_seen: DateTime<Utc>,
}

/// The person whose number this is or was, under the id that stands now; none where nobody was given it.
pub async fn person_of_pin(connection: &mut PgConnection, pin: &str) -> Result<Option<PersonId>, StoreError> {
    let found = sqlx::query_scalar(
        // A re-issued number stands under the anchor of its class: the record that registers it is there.
        "select a.leads_to from (
           select 'pin:' || $1::text as wanted
           union all select r.anchor from register_entry e cross join lateral (
             select anchor from record_latest where record_key = e.record_key limit 1) r where e.pin = $1) k
         cross join lateral (select leads_to from anchor where anchor = k.wanted limit 1) a limit 1",
    )
    .bind(pin)
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

/// The anchors that are there.
pub async fn load_anchors(
    connection: &mut PgConnection,
    anchors: &[&str],
) -> Result<Vec<Anchor>, StoreError> {
    if anchors.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select a.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select anchor, person_id, leads_to, yielded, changes, first_seen from anchor where anchor = wanted limit 1) a",
    )
    .bind(anchors)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Gives new anchors their ids. One that is there already was seen by somebody else meanwhile.
pub async fn insert_anchors(
    connection: &mut PgConnection,
    anchors: &[(&str, PersonId, PersonId)],
) -> Result<(), StoreError> {
    if anchors.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "insert into anchor (anchor, person_id, leads_to)
         select anchor, person_id, leads_to from unnest($1::text[], $2::uuid[], $3::uuid[])
           as t (anchor, person_id, leads_to) order by anchor
         on conflict (anchor) do nothing",
    )
    .bind(anchors.iter().map(|a| a.0).collect::<Vec<_>>())
    .bind(anchors.iter().map(|a| a.1).collect::<Vec<_>>())
    .bind(anchors.iter().map(|a| a.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all(done.rows_affected(), anchors.len(), "an anchor")
}

/// An anchor that leads elsewhere from now on, or whose id was taken over.
#[derive(Clone, Debug)]
pub struct AnchorChange {
    /// Which anchor.
    pub anchor: String,
    /// Its own id: another one only after the former was taken over and the two have parted.
    pub person_id: PersonId,
    /// The id that stands for it now.
    pub leads_to: PersonId,
    /// Whether its own id is another anchor's now.
    pub yielded: bool,
    /// Entries of `link` it has now.
    pub changes: i64,
}

/// Lets anchors lead elsewhere; each one's count of entries must be the one that was read, or one more.
pub async fn change_anchors(
    connection: &mut PgConnection,
    changes: &[AnchorChange],
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "update anchor a set person_id = t.person_id, leads_to = t.leads_to, yielded = t.yielded, changes = t.changes
         from unnest($1::text[], $2::uuid[], $3::uuid[], $4::bool[], $5::bigint[])
           as t (anchor, person_id, leads_to, yielded, changes)
         where a.anchor = t.anchor and a.changes in (t.changes, t.changes - 1)",
    )
    .bind(changes.iter().map(|c| c.anchor.as_str()).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.person_id).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.leads_to).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.yielded).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.changes).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all(done.rows_affected(), changes.len(), "an anchor")
}
