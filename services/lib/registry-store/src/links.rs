//! Recorded links as attaching reads them: what is said of records, which keys merges join, who is linked to a key.

use crate::StoreError;
use sqlx::PgConnection;

/// What is recorded about a record's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordLinks {
    /// Anchor named by a steward's link in force.
    pub steward: Option<String>,
    /// Anchors that the record may not go to.
    pub separated: Vec<String>,
}

/// What is recorded around some records and keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinksFound {
    /// By record key.
    pub records: Vec<(String, RecordLinks)>,
    /// Keys that merges join to the keys asked for.
    pub joined: Vec<(String, String)>,
    /// Records that a link puts to one of the keys.
    pub linked: Vec<String>,
}

/// kind: 0 what is said of a record, 1 a key joined to another, 2 a record linked to a key.
#[derive(sqlx::FromRow)]
struct LinkColumns {
    kind: i32,
    key: String,
    other: Option<String>,
    separated: Option<Vec<String>>,
}

/// Reads what is recorded about records, and about keys (as they are locked: bare numbers, source keys).
pub async fn recorded_links(
    connection: &mut PgConnection,
    record_keys: &[&str],
    keys: &[&str],
) -> Result<LinksFound, StoreError> {
    let rows: Vec<LinkColumns> = sqlx::query_as(
        "select 0 as kind, r.record_key as key, r.anchor as other, r.separated from unnest($1::text[]) as t (wanted)
           cross join lateral (select * from record_ruling where record_key = wanted limit 1) r
         union all
         select distinct 1, j.key, j.other, null::text[] from unnest($2::text[]) as t (wanted)
           cross join lateral (select key, other from key_join where key = wanted offset 0) j
         union all
         select 2, r.record_key, null, null::text[] from unnest($3::text[]) as t (wanted)
           cross join lateral (select record_key from record_ruling where anchor = wanted offset 0) r",
    )
    .bind(record_keys)
    .bind(keys)
    .bind(keys.iter().map(|key| crate::rulings::anchor_of_key(key)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut found = LinksFound::default();
    for LinkColumns { kind, key, other, separated } in rows {
        match (kind, other) {
            (0, steward) => {
                let links = RecordLinks { steward, separated: separated.unwrap_or_default() };
                found.records.push((key, links));
            }
            (1, Some(other)) => found.joined.push((key, other)),
            (_, _) => found.linked.push(key),
        }
    }
    Ok(found)
}
