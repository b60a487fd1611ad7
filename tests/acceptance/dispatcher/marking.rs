//! The statements that every pass of every lane asks: under the lease, for what is in force, and by key.

use acceptance::stack::{Stack, shared};
use disclosure_store::{
    AgreementRow, DeliveryKey, LaneKey, Lease, Outcome, Settlement, Standing, connect, mark_attempted,
    migrate, references_known, references_open, settle,
};
use registry_rules::AgreementState;
use sqlx::postgres::PgPool;
use uuid::Uuid;

/// Open deliveries of the lane, of which one pass takes few.
const OPEN: i64 = 3_000;

struct Lane {
    pool: PgPool,
    lease: Lease,
    prepared: AgreementRow,
}

/// A lane that is held, of an agreement in force, as the services see the database.
async fn lane() -> Lane {
    let stack = shared().await.unwrap();
    let name = Stack::unique("marking");
    stack.registry.create_database(&name).await.unwrap();
    let pool = connect(stack.registry.administrator_options(&name), 2);
    migrate(&pool).await.unwrap();
    let owner = Uuid::from_u128(7);
    for statement in [
        "insert into agreement_version (agreement, version, document) values ('a', 1, '')",
        "insert into agreement_state (agreement, state, version) values ('a', 'active', 1)",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    sqlx::query("insert into lane (agreement, mode, owner, epoch, expires_at) values ('a', 'database', $1, 3, 'infinity')")
        .bind(owner)
        .execute(&pool)
        .await
        .unwrap();
    let lane = LaneKey { agreement: "a".to_owned(), mode: "database".to_owned() };
    let prepared =
        AgreementRow { agreement: "a".to_owned(), state: AgreementState::Active, version: 1, generation: 1 };
    Lane { pool, lease: Lease { lane, owner, epoch: 3 }, prepared }
}

async fn deliver(connection: &mut sqlx::PgConnection, up_to: i64) {
    sqlx::query(
        "with made as (
             insert into delivery (ref, mode, release_no, agreement, person_id, entry_id, agreement_version, generation, event,
                                   fields, payload)
             select 'r' || n, 'database', 1, 'a', gen_random_uuid(), gen_random_uuid(), 1, 1, 'entered', '{}', ''
             from generate_series(1, $1) n returning ref, entry_id)
         insert into ledger_entry (ref, entry_id, agreement, mode, release_no, bytes, salt)
         select ref, entry_id, 'a', 'database', 1, '', '' from made",
    )
    .bind(up_to)
    .execute(connection)
    .await
    .unwrap();
}

#[tokio::test]
async fn only_the_holder_marks_and_only_under_what_it_prepared() {
    let Lane { pool, lease, prepared } = lane().await;
    let mut connection = pool.acquire().await.unwrap();
    deliver(&mut connection, 2).await;
    let key = [DeliveryKey { reference: "r1".to_owned(), release_no: 1 }];
    let marked = "select ref from delivery where attempted_at is not null order by 1";
    let other = Lease { epoch: 2, ..lease.clone() };
    let standing = mark_attempted(&mut connection, &other, &prepared, &key).await.unwrap();
    assert_eq!(standing, Standing::Lost);
    for changed in [
        AgreementRow { state: AgreementState::Suspended, ..prepared.clone() },
        AgreementRow { version: 2, ..prepared.clone() },
        AgreementRow { generation: 2, ..prepared.clone() },
    ] {
        let standing = mark_attempted(&mut connection, &lease, &changed, &key).await.unwrap();
        assert_eq!(standing, Standing::Changed);
    }
    let none: Vec<String> = sqlx::query_scalar(marked).fetch_all(&mut *connection).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    let standing = mark_attempted(&mut connection, &lease, &prepared, &key).await.unwrap();
    assert_eq!(standing, Standing::Ours);
    let one: Vec<String> = sqlx::query_scalar(marked).fetch_all(&mut *connection).await.unwrap();
    assert_eq!(one, ["r1"]);
}

/// Statements planned before the first delivery must serve when they are many.
#[tokio::test]
async fn a_pass_reads_its_own_deliveries_and_no_others() {
    let Lane { pool, lease, prepared } = lane().await;
    let mut transaction = pool.begin().await.unwrap();
    let keys: Vec<DeliveryKey> =
        (1..=100).map(|n| DeliveryKey { reference: format!("r{n}"), release_no: 1 }).collect();
    let references: Vec<&str> = keys.iter().map(|key| key.reference.as_str()).collect();
    let settled: Vec<Settlement> =
        keys.iter().map(|key| Settlement { key: key.clone(), outcome: Outcome::Delivered }).collect();
    for made in [0, OPEN] {
        deliver(&mut transaction, made).await;
        mark_attempted(&mut transaction, &lease, &prepared, &keys).await.unwrap();
        let open = references_open(&mut transaction, "database", &references).await.unwrap();
        let known = references_known(&mut transaction, "a", &references).await.unwrap();
        assert_eq!(open.len(), if made == 0 { 0 } else { keys.len() });
        assert_eq!(known, open);
        settle(&mut transaction, &lease.lane, &settled).await.unwrap();
    }
    let read: Vec<i64> = sqlx::query_scalar(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname in ('delivery', 'ledger_entry')",
    )
    .fetch_all(&mut *transaction)
    .await
    .unwrap();
    // Each is looked up a few times: marked, asked about, settled.
    assert!(read.iter().all(|read| *read < OPEN / 2), "{read:?} rows were read");
    let open: i64 =
        sqlx::query_scalar("select count(*) from delivery where outcome is null and attempts = 0")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
    assert_eq!(open, OPEN - 100);
}
