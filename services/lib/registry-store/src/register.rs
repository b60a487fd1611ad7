//! The PIN register's entries, as attaching reads them.

use crate::StoreError;
use registry_rules::{Pin, RecordKey, RegisterEntry};
use sqlx::PgConnection;

/// Numbers and entries that one question may bring together by re-issue; a chain beyond it is no work of an office.
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

/// All entries of the classes that the numbers belong to: closed under re-issue in both directions.
pub async fn close_register(
    connection: &mut PgConnection,
    pins: &[&str],
) -> Result<Vec<RegisterEntry>, StoreError> {
    if pins.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<EntryColumns> = sqlx::query_as(
        "with recursive class (pin) as (
           select pin collate \"C\" from unnest($1::text[]) as t (pin)
           union
           select n.pin from class c cross join lateral (
             select e.replaces as pin from register_entry e where e.pin = c.pin and e.replaces is not null
             union all
             select e.pin from register_entry e where e.replaces = c.pin) n)
         select e.pin, e.record_key, e.replaces, e.name, e.birth, e.cancelled
         from class c cross join lateral (select * from register_entry e where e.pin = c.pin offset 0) e limit $2",
    )
    .bind(pins)
    .bind(CLOSURE_LIMIT)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(entry).collect()
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
