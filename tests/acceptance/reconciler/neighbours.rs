//! Those around a person: told when they see something else, left alone when they do not, and never waited for.

use super::world::{Make, World, settle};
use super::{loaded, person, pins};
use reconciler::Summary;
use sqlx::PgPool;
use std::time::Duration;

/// A transaction that waits for nobody is through long before.
const WITHOUT_WAITING: Duration = Duration::from_secs(20);

async fn due(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from due where on_date <= (select date from business_day)")
        .fetch_one(pool)
        .await
        .unwrap()
}

fn member(pin: &str, number: &str) -> Make {
    Make::new("residence", "permanent", number, "resident")
        .person(number)
        .pin(pin)
        .group("residence/file/900")
}

fn registered(pin: &str, name: &str) -> Make {
    Make::new("identity", "pin", pin, "holder").pin(pin).name(name).born("1985-02-03")
}

async fn household_of(pool: &PgPool, pin: &str) -> String {
    let one = person(pool, pin).await;
    let household = one.fields.get(&"household".parse().unwrap()).expect("somebody lives in the household");
    serde_json::to_string(&household.value).unwrap()
}

#[tokio::test]
async fn a_change_that_nobody_around_sees_disturbs_nobody() {
    let (mut world, reconciler) = loaded(2).await;
    let [husband, _, _] = pins(0);
    let moved = Make::new("residence", "permanent", "R0-0", "resident")
        .person("R0-0")
        .group("residence/file/0")
        .text("relation_to_head", "relation_to_head:1")
        .text("residence_file_no", "another");
    let batch = world.batch([moved.clone().at(200).into()]);
    let summary = world.apply(&reconciler, &batch).await;
    assert_eq!((summary.versions, due(&world.pool).await), (1, 0), "of {husband} only");
    let left = world.batch([moved.at(201).text("relation_to_head", "relation_to_head:4").into()]);
    world.apply(&reconciler, &left).await;
    assert!(due(&world.pool).await > 0, "what a household sees of its members is its affair");
}

#[tokio::test]
async fn who_is_around_sees_a_number_that_joins_two_persons() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let ([old, new, other], names) = (pins(700), ["Lê Văn Hòa", "Trần Thị Mơ"]);
    // The new number is known before anybody knows that it takes the place of the old one.
    world.say(&reconciler, [registered(&new, names[0])]).await;
    world
        .say(&reconciler, [registered(&other, names[1]), member(&other, "R900-1"), member(&old, "R900-2")])
        .await;
    assert!(household_of(&world.pool, &other).await.contains(&old));
    world.say(&reconciler, [registered(&new, names[0]).replaces(&old).at(200)]).await;
    let seen = household_of(&world.pool, &other).await;
    assert!(seen.contains(&new) && !seen.contains(&old), "the number in force");
}

#[tokio::test]
async fn whoever_is_due_waits_for_nobody_and_is_not_forgotten() {
    let (world, reconciler) = loaded(3).await;
    sqlx::query(
        "insert into due (person_id, reason, on_date) select person_id, 'operator', '2026-03-01' from person",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let all = due(&world.pool).await;
    let mut other = world.pool.begin().await.unwrap();
    let held: i64 = sqlx::query_scalar(
        "with held as (select person_id from person order by person_id limit 4 for update) select count(*) from held",
    )
    .fetch_one(&mut *other)
    .await
    .unwrap();
    let mut summary = Summary::default();
    let merged = tokio::time::timeout(WITHOUT_WAITING, reconciler.merge_due(&mut summary)).await;
    let merged = merged.expect("it does not wait for a person in other hands").unwrap();
    assert_eq!(i64::try_from(merged).unwrap(), all - held);
    assert_eq!(due(&world.pool).await, held, "those in other hands are still due");
    other.rollback().await.unwrap();
    settle(&reconciler).await;
    assert_eq!(due(&world.pool).await, 0);
}
