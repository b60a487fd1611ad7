//! The day and the rules for which everything is merged, and who may change the day.

use crate::{LoadStage, StoreError};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

/// What every merge transaction reads first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The day in Vietnam.
    pub date: NaiveDate,
    /// Name of the rule set in force.
    pub rule_set: String,
}

/// Day and rules in force.
pub async fn present(connection: &mut PgConnection) -> Result<Present, StoreError> {
    let (date, rule_set) =
        sqlx::query_as("select date, rule_set from business_day").fetch_one(connection).await?;
    Ok(Present { date, rule_set })
}

/// Day and rules, and where the first load stands; that does not change before this transaction ends.
pub async fn present_while_loading(
    connection: &mut PgConnection,
) -> Result<(Present, LoadStage), StoreError> {
    let (date, rule_set, stage): (NaiveDate, String, String) = sqlx::query_as(
        "select d.date, d.rule_set, s.stage from load_state s cross join business_day d for share of s",
    )
    .fetch_one(connection)
    .await?;
    Ok((Present { date, rule_set }, LoadStage::parse(&stage)?))
}

/// Keeps a rule set under its name, and begins with it on this day where no day was ever opened. Answers with what is
/// in force.
pub async fn ensure_rules(
    connection: &mut PgConnection,
    name: &str,
    catalogue: &str,
    today: NaiveDate,
) -> Result<Present, StoreError> {
    keep_rules(connection, name, catalogue).await?;
    let begun =
        sqlx::query("insert into business_day (date, rule_set) values ($1, $2) on conflict do nothing")
            .bind(today)
            .bind(name)
            .execute(&mut *connection)
            .await?;
    if begun.rows_affected() > 0 {
        sqlx::query("insert into present_history (since, date, rule_set) values ('-infinity', $1, $2)")
            .bind(today)
            .bind(name)
            .execute(&mut *connection)
            .await?;
    }
    present(connection).await
}

/// Keeps a rule set under its name.
pub async fn keep_rules(
    connection: &mut PgConnection,
    name: &str,
    catalogue: &str,
) -> Result<(), StoreError> {
    sqlx::query("insert into rule_set (name, catalogue) values ($1, $2) on conflict do nothing")
        .bind(name)
        .bind(catalogue)
        .execute(connection)
        .await?;
    Ok(())
}

/// Begins a registry that has received nothing yet with an earlier day and rule set than it was opened with; they hold for all
/// time before what follows.
pub async fn begin_present(connection: &mut PgConnection, first: &Present) -> Result<(), StoreError> {
    sqlx::query("update business_day set date = $1, rule_set = $2")
        .bind(first.date)
        .bind(&first.rule_set)
        .execute(&mut *connection)
        .await?;
    // The newest entry of a moment counts: this one, not that of the opening.
    note_present_from(connection, "-infinity").await
}

/// Day and rules as they were in force at a moment; the first ones for all time before.
pub async fn present_at(connection: &mut PgConnection, moment: DateTime<Utc>) -> Result<Present, StoreError> {
    let (date, rule_set) = sqlx::query_as(
        "select date, rule_set from present_history where since <= $1 order by n desc limit 1",
    )
    .bind(moment)
    .fetch_one(connection)
    .await?;
    Ok(Present { date, rule_set })
}

async fn note_present(connection: &mut PgConnection, since: DateTime<Utc>) -> Result<(), StoreError> {
    note_present_from(connection, &since.to_rfc3339()).await
}

async fn note_present_from(connection: &mut PgConnection, since: &str) -> Result<(), StoreError> {
    sqlx::query(
        "insert into present_history (since, date, rule_set) select $1::text::timestamptz, date, rule_set from business_day",
    )
    .bind(since)
    .execute(connection)
    .await?;
    Ok(())
}

/// The text of a kept rule set's field catalogue.
pub async fn catalogue_of(
    connection: &mut PgConnection,
    rule_set: &str,
) -> Result<Option<String>, StoreError> {
    let text = sqlx::query_scalar("select catalogue from rule_set where name = $1")
        .bind(rule_set)
        .fetch_optional(connection)
        .await?;
    Ok(text)
}

/// Opens a day, never an earlier one. `since`: when the log appended the event that says so.
pub async fn open_day(
    connection: &mut PgConnection,
    date: NaiveDate,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    let opened = sqlx::query("update business_day set date = $1 where date < $1")
        .bind(date)
        .execute(&mut *connection)
        .await?;
    if opened.rows_affected() > 0 {
        note_present(connection, since).await?;
    }
    Ok(())
}

/// Puts a kept rule set in force and makes every person due for it. `false`: no such set is kept, nothing changed.
/// `since`: when the log appended the event that says so.
pub async fn activate_rules(
    connection: &mut PgConnection,
    rule_set: &str,
    since: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let known = sqlx::query("select from rule_set where name = $1")
        .bind(rule_set)
        .fetch_optional(&mut *connection)
        .await?
        .is_some();
    let changed = sqlx::query("update business_day set rule_set = $1 where rule_set <> $1 and $2")
        .bind(rule_set)
        .bind(known)
        .execute(&mut *connection)
        .await?;
    if changed.rows_affected() > 0 {
        sqlx::query(
            "insert into due (person_id, reason, on_date) select person_id, 'rules', date from person, business_day
             on conflict (person_id, reason) do nothing",
        )
        .execute(&mut *connection)
        .await?;
        note_present(connection, since).await?;
    }
    Ok(known)
}

/// Takes or keeps a lease for some seconds; `false` while another holder has it.
pub async fn try_lease(
    connection: &mut PgConnection,
    name: &str,
    holder: &str,
    seconds: i32,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into lease as l (name, holder, until) values ($1, $2, now() + make_interval(secs => $3))
         on conflict (name) do update set holder = excluded.holder, until = excluded.until
         where l.until < now() or l.holder = excluded.holder",
    )
    .bind(name)
    .bind(holder)
    .bind(f64::from(seconds))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}
