//! Who works on the whole registry waits for the last sessions of a reconciler that ended, and not for one that runs.

use acceptance::stack::{SharedStack, Stack, shared};
use reconciler::{LAST_SESSIONS, NotAlone, wait_alone};
use sqlx::PgPool;
use std::time::Duration;

/// Two programs' pools on one registry.
async fn two() -> (SharedStack, PgPool, PgPool) {
    let stack = shared().await.unwrap();
    let name = Stack::unique("alone");
    stack.registry.create_database(&name).await.unwrap();
    let pool = || registry_store::connect(&stack.registry.administrator_url(&name), 1).unwrap();
    let pools = (pool(), pool());
    (stack, pools.0, pools.1)
}

#[tokio::test]
async fn a_session_that_ends_in_time_lets_the_work_go_on() {
    let (_stack, operator, reconciler) = two().await;
    let mut last = reconciler.acquire().await.unwrap();
    let ends = async {
        // It ends once the operator's session has looked, and seen it.
        loop {
            let looked: bool = sqlx::query_scalar(
                "select exists (select from pg_stat_activity where datname = current_database()
                   and pid <> pg_backend_pid() and state = 'idle' and query like '%pg_stat_activity%')",
            )
            .fetch_one(&mut *last)
            .await
            .unwrap();
            if looked {
                break;
            }
        }
        drop(last);
        reconciler.close().await;
    };
    let (alone, ()) = tokio::join!(wait_alone(&operator, LAST_SESSIONS), ends);
    alone.unwrap();
}

#[tokio::test]
async fn a_session_that_stays_is_named_and_left_alone() {
    let (_stack, operator, reconciler) = two().await;
    let mut at_work = reconciler.acquire().await.unwrap();
    let refused = wait_alone(&operator, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(refused, NotAlone::AtWork(1)), "{refused}");
    assert!(refused.to_string().contains("stop the reconcilers, then try again"), "{refused}");
    sqlx::query("select").execute(&mut *at_work).await.expect("it goes on");
}
