//! What became of everything that was authorised.

use crate::StoreError;
use sqlx::postgres::PgPool;

/// Releases of one agreement by outcome; each mode counts for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct OutcomeCounts {
    /// The agreement.
    pub agreement: String,
    /// Entries on the ledger.
    pub authorised: i64,
    /// Received.
    pub delivered: i64,
    /// Overtaken by a later release before it was sent.
    pub superseded: i64,
    /// Taken back before it was sent.
    pub withdrawn: i64,
    /// Without outcome yet.
    pub waiting: i64,
}

/// Counts of every imported agreement, from the ledger and the deliveries, in one snapshot.
pub async fn outcome_counts(pool: &PgPool) -> Result<Vec<OutcomeCounts>, StoreError> {
    let counts = sqlx::query_as(
        "select s.agreement, coalesce(l.authorised, 0) as authorised, coalesce(d.delivered, 0) as delivered,
                coalesce(d.superseded, 0) as superseded, coalesce(d.withdrawn, 0) as withdrawn,
                coalesce(d.waiting, 0) as waiting
         from agreement_state s
         left join (select agreement, count(*) as authorised from ledger_entry where release_no is not null group by 1) l
           using (agreement)
         left join (select agreement, count(*) filter (where outcome = 'delivered') as delivered,
                           count(*) filter (where outcome = 'superseded') as superseded,
                           count(*) filter (where outcome = 'withdrawn') as withdrawn,
                           count(*) filter (where outcome is null) as waiting
                    from delivery group by 1) d
           using (agreement)
         order by 1",
    )
    .fetch_all(pool)
    .await?;
    Ok(counts)
}
