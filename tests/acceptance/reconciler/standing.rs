//! How the matcher stands is told to whoever watches: how far it is, and whether somebody is at it.

use super::matching::{BORN, NA, live, match_all, mother, notice};
use registry_store::{MatcherAt, MatcherStanding, matcher_standing};

#[tokio::test]
async fn whoever_watches_sees_that_the_matcher_lags_or_that_nobody_is_at_it() {
    let (mut world, reconciler) = live().await;
    let pool = world.pool.clone();
    let standing = async || matcher_standing(&pool, "matcher").await.unwrap();
    let at_rest = MatcherStanding { at: MatcherAt::Live(0), unattended_seconds: 0.0 };
    assert_eq!(standing().await, at_rest);
    world.say(&reconciler, [vec![mother()], notice("N1", NA, BORN)].concat()).await;
    let MatcherAt::Live(waiting) = standing().await.at else { panic!("it follows what changes") };
    assert!(waiting > 0);
    match_all(&reconciler).await;
    assert_eq!(standing().await, at_rest);

    let holder_gone = "update lease set until = now() - interval '90 seconds' where name = 'matcher'";
    sqlx::query(holder_gone).execute(&pool).await.unwrap();
    let unattended = standing().await.unattended_seconds;
    assert!((90.0..600.0).contains(&unattended), "{unattended}");
    match_all(&reconciler).await;
    assert_eq!(standing().await, at_rest, "whoever takes the lease is at it");

    sqlx::query("update match_state set phase = 'keys'").execute(&pool).await.unwrap();
    assert_eq!(standing().await.at, MatcherAt::Sweeping);
    sqlx::query("delete from match_state").execute(&pool).await.unwrap();
    sqlx::query("delete from lease").execute(&pool).await.unwrap();
    assert_eq!(standing().await, MatcherStanding { at: MatcherAt::Off, unattended_seconds: 0.0 });
}
