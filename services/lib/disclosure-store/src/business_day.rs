//! The business date that every comparison uses.

use crate::StoreError;
use chrono::NaiveDate;
use sqlx::PgConnection;

/// The date; none before the first day was opened.
pub async fn business_date(connection: &mut PgConnection) -> Result<Option<NaiveDate>, StoreError> {
    Ok(sqlx::query_scalar("select business_date from business_day").fetch_optional(connection).await?)
}

/// Opens a day; an earlier one than what stands changes nothing. Says whether it is the first ever.
pub async fn open_day(connection: &mut PgConnection, date: NaiveDate) -> Result<bool, StoreError> {
    let first: bool = sqlx::query_scalar(
        "insert into business_day as b (business_date) values ($1)
         on conflict (singleton) do update set business_date = greatest(b.business_date, excluded.business_date)
         returning xmax = 0",
    )
    .bind(date)
    .fetch_one(connection)
    .await?;
    Ok(first)
}
