//! Persons to merge anew, and when.

use crate::StoreError;
use chrono::NaiveDate;
use registry_rules::PersonId;
use sqlx::PgConnection;

/// Why a person is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueReason {
    /// Somebody related has other facts, came or went.
    Neighbour,
    /// A day on which the answer can change by itself.
    Date,
    /// Other rules are in force.
    Rules,
    /// An operator asks.
    Operator,
}

impl DueReason {
    /// The name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neighbour => "neighbour",
            Self::Date => "date",
            Self::Rules => "rules",
            Self::Operator => "operator",
        }
    }
}

/// Makes persons due on a day.
pub async fn add_due(
    connection: &mut PgConnection,
    persons: &[PersonId],
    reason: DueReason,
    on: NaiveDate,
) -> Result<(), StoreError> {
    if persons.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into due as d (person_id, reason, on_date)
         select person_id, $2, $3 from unnest($1::uuid[]) as t (person_id) order by person_id
         on conflict (person_id, reason) do update set on_date = excluded.on_date where d.on_date > excluded.on_date",
    )
    .bind(persons)
    .bind(reason.as_str())
    .bind(on)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets or takes away the next day on which persons can differ by themselves.
pub async fn replace_dates(
    connection: &mut PgConnection,
    dates: &[(PersonId, Option<NaiveDate>)],
) -> Result<(), StoreError> {
    let (gone, set): (Vec<_>, Vec<_>) = dates.iter().partition(|(_, date)| date.is_none());
    if !gone.is_empty() {
        sqlx::query("delete from due where person_id = any($1) and reason = 'date'")
            .bind(gone.iter().map(|(person, _)| *person).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    if !set.is_empty() {
        sqlx::query(
            "insert into due (person_id, reason, on_date)
             select person_id, 'date', on_date from unnest($1::uuid[], $2::date[]) as t (person_id, on_date)
             order by person_id
             on conflict (person_id, reason) do update set on_date = excluded.on_date",
        )
        .bind(set.iter().map(|(person, _)| *person).collect::<Vec<_>>())
        .bind(set.iter().filter_map(|(_, date)| *date).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Takes persons that are due today or were earlier, locked for this transaction; those that another transaction has at
/// hand are left for later. Sorted, each once.
///
/// It waits for nobody: whoever merges a person makes others due, and must not find them in the hands of somebody who waits
/// for that person.
pub async fn take_due(
    connection: &mut PgConnection,
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<PersonId>, StoreError> {
    let mut persons: Vec<PersonId> = sqlx::query_scalar(
        "select p.person_id from (
           select distinct person_id from (
             select person_id from due where on_date <= $1 order by on_date, person_id limit $2) d) t
         join person p on p.person_id = t.person_id for update of p skip locked",
    )
    .bind(today)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    if persons.is_empty() {
        return Ok(persons);
    }
    sqlx::query(
        "delete from due where (person_id, reason) in (
           select person_id, reason from due where person_id = any($1) and on_date <= $2 for update skip locked)",
    )
    .bind(&persons)
    .bind(today)
    .execute(connection)
    .await?;
    persons.sort_unstable();
    Ok(persons)
}
