//! The PIN register's entries, as attaching reads them.

use crate::StoreError;
use crate::rulings::anchor_of_key;
use registry_rules::{Pin, PinRegister, RecordKey, RegisterEntry};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Numbers and entries that one question may bring together by re-issue or merging; beyond it is no work of an office.
const CLOSURE_LIMIT: i64 = 100_000;

#[derive(sqlx::FromRow)]
struct EntryColumns {
    pin: String,
    record_key: String,
    replaces: Option<String>,
    name: Option<String>,
    birth: Option<String>,
    cancelled: bool,
}

fn entry(row: EntryColumns) -> Result<RegisterEntry, StoreError> {
    let unreadable = || StoreError::Unreadable("entry of the PIN register");
    let pin = |text: &str| text.parse::<Pin>().map_err(|_| unreadable());
    Ok(RegisterEntry {
        record_key: RecordKey::try_from(row.record_key).map_err(|_| unreadable())?,
        pin: pin(&row.pin)?,
        replaces: row.replaces.as_deref().map(pin).transpose()?,
        name: row.name,
        birth: row.birth.map(|b| b.parse()).transpose().map_err(|_| unreadable())?,
        cancelled: row.cancelled,
    })
}

/// What stands together by re-issue and by merge decisions.
#[derive(Clone, Debug, Default)]
pub struct Together {
    /// The register's entries of all numbers.
    pub entries: Vec<RegisterEntry>,
    /// Anchors that merges in force join.
    pub joined: BTreeSet<(String, String)>,
}

impl Together {
    /// The register's view of it.
    pub fn register(self) -> PinRegister {
        let joined = self.joined.iter().map(|(one, other)| (one.as_str(), other.as_str()));
        PinRegister::new(self.entries).joined(joined)
    }
}

#[derive(sqlx::FromRow)]
struct TogetherColumns {
    key: String,
    record_key: Option<String>,
    /// The number replaced, or the key joined where there is no record.
    other: Option<String>,
    name: Option<String>,
    birth: Option<String>,
    cancelled: bool,
}

/// All that stands together with the keys (bare numbers, source keys): closed under re-issue and merge decisions in both
/// directions.
pub async fn close_register(connection: &mut PgConnection, keys: &[&str]) -> Result<Together, StoreError> {
    let mut together = Together::default();
    if keys.is_empty() {
        return Ok(together);
    }
    let rows: Vec<TogetherColumns> = sqlx::query_as(
        "with recursive class (key) as (
           select key collate \"C\" from unnest($1::text[]) as t (key)
           union
           select n.key from class c cross join lateral (
             select e.replaces as key from register_entry e where e.pin = c.key and e.replaces is not null
             union all
             select e.pin from register_entry e where e.replaces = c.key
             union all
             select j.other from key_join j where j.key = c.key) n)
         select s.* from class c cross join lateral (
           select e.pin as key, e.record_key, e.replaces as other, e.name, e.birth, e.cancelled
           from register_entry e where e.pin = c.key
           union all
           select j.key, null, j.other, null, null, false from key_join j where j.key = c.key) s limit $2",
    )
    .bind(keys)
    .bind(CLOSURE_LIMIT)
    .fetch_all(connection)
    .await?;
    for row in rows {
        if row.record_key.is_some() {
            together.entries.push(row.try_into()?);
        } else if let Some(other) = row.other {
            together.joined.insert((anchor_of_key(&row.key), anchor_of_key(&other)));
        }
    }
    Ok(together)
}

impl TryFrom<TogetherColumns> for RegisterEntry {
    type Error = StoreError;

    fn try_from(row: TogetherColumns) -> Result<Self, StoreError> {
        entry(EntryColumns {
            pin: row.key,
            record_key: row.record_key.unwrap_or_default(),
            replaces: row.other,
            name: row.name,
            birth: row.birth,
            cancelled: row.cancelled,
        })
    }
}

/// The entries of exactly these numbers.
pub async fn entries_of(
    connection: &mut PgConnection,
    pins: &[&str],
) -> Result<Vec<RegisterEntry>, StoreError> {
    if pins.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<EntryColumns> = sqlx::query_as(
        "select e.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select pin, record_key, replaces, name, birth, cancelled from register_entry where pin = wanted offset 0) e",
    )
    .bind(pins)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(entry).collect()
}

/// Takes out entries by (number, record) and puts in new ones.
pub async fn replace_entries(
    connection: &mut PgConnection,
    gone: &[(&str, &str)],
    entries: &[RegisterEntry],
) -> Result<(), StoreError> {
    if !gone.is_empty() {
        let (pins, keys): (Vec<&str>, Vec<&str>) = gone.iter().copied().unzip();
        sqlx::query(
            "delete from register_entry e using unnest($1::text[], $2::text[]) as t (pin, record_key)
             where e.pin = t.pin and e.record_key = t.record_key",
        )
        .bind(pins)
        .bind(keys)
        .execute(&mut *connection)
        .await?;
    }
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into register_entry (pin, record_key, replaces, name, birth, cancelled)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[])
         on conflict (pin, record_key) do update set replaces = excluded.replaces, name = excluded.name,
           birth = excluded.birth, cancelled = excluded.cancelled",
    )
    .bind(entries.iter().map(|e| e.pin.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.record_key.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.replaces.as_ref().map(Pin::as_str)).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.name.as_deref()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.birth.map(|b| b.to_string())).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.cancelled).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
