//! What reaches a sector when parties fail: a dead sector, a refused row, an instance cut off, an agreement that permits too much.

use super::world::{Bench, someone, wait_until, with};
use registry_rules::FieldValue;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sector_slows_nobody_and_a_refused_row_parks_one_person() {
    let mut bench = Bench::with_agreements().await;
    let living = bench.config.clone();
    let port = format!(":{}/", bench.stack.sectors.port());
    let (before, after) = bench.config.split_once("[sectors.health_province]").unwrap();
    // Nobody listens on port 1.
    bench.config = format!("{before}[sectors.health_province]{}", after.replacen(&port, ":1/", 1));
    let runtime = bench.start();
    sqlx::query("alter table bhxh.nguoi_tham_gia add constraint picky check (ho_ten <> 'name-3')")
        .execute(&bench.sectors["vss_insurance"])
        .await
        .unwrap();
    bench.open_day("2026-05-01").await;
    for n in 1..=9 {
        bench.person(&someone(n, "1950-01-01")).await;
    }
    wait_until("the others", async || bench.sector_refs("vss_insurance").await.len() == 8).await;
    let parked = "select count(*) from delivery where parked = 'sqlstate_23514' and settled_at is null";
    wait_until("the refused one", async || bench.count(parked).await == 1).await;
    assert!(bench.sector_refs("health_province").await.is_empty());
    wait_until("the lane to say so", async || {
        runtime.metrics.render().contains("dansync_subscriber_up{subscriber=\"health_province\"} 0")
    })
    .await;

    // A newer release of the refused person is tried at once; the sector comes back on another instance.
    bench.config = living;
    bench
        .person(&with(&someone(3, "1950-01-01"), "birth_name", FieldValue::parts([("full", "fit".into())])))
        .await;
    wait_until("the newer one", async || bench.sector_refs("vss_insurance").await.len() == 9).await;
    bench.drains[0].request();
    bench.start();
    wait_until("the sector", async || bench.sector_refs("health_province").await.len() == 9).await;
    bench.quiet().await;
    bench.adds_up().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_take_over_from_each_other_without_loss_or_repetition() {
    let mut bench = Bench::with_agreements().await;
    bench.open_day("2026-05-01").await;
    bench.start();
    let people: Vec<_> =
        (1..=300).map(|n| someone(n, if n % 2 == 0 { "1950-01-01" } else { "2015-01-01" })).collect();
    for person in &people {
        bench.person(person).await;
    }
    wait_until("work under way", async || bench.count("select count(*) from delivery").await > 100).await;
    // The first is cut off where it stands, as if the machine had been switched off.
    bench.running.abort_all();
    bench.drains.clear();
    while bench.running.join_next().await.is_some() {}
    sqlx::query("update lane set expires_at = '-infinity'").execute(&bench.owner).await.unwrap();
    bench.start();
    bench.start();
    for person in &people {
        bench
            .person(&with(
                person,
                "birth_name",
                FieldValue::parts([("full", format!("again-{}", person.person_id))]),
            ))
            .await;
    }
    bench.quiet().await;
    bench.adds_up().await;
    let fresh: i64 =
        sqlx::query_scalar("select count(*) from bhxh.nguoi_tham_gia where ho_ten like 'again-%'")
            .fetch_one(&bench.sectors["vss_insurance"])
            .await
            .unwrap();
    assert_eq!(fresh, 300);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_stops_what_the_plain_rows_do_not_permit() {
    let mut bench = Bench::with_agreements().await;
    // As if the compiled agreement permitted more than was signed.
    sqlx::raw_sql(
        "alter table agreement_field disable trigger insert_only;
         delete from agreement_field where agreement = 'education' and field = 'npd.sex';
         alter table agreement_field enable trigger insert_only;",
    )
    .execute(&bench.owner)
    .await
    .unwrap();
    let runtime = bench.start();
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "2015-01-01")).await;
    wait_until("the guard", async || {
        bench.count("select count(*) from delivery where parked = 'guard'").await == 2
    })
    .await;
    bench.quiet().await;
    assert!(bench.sector_refs("education").await.is_empty());
    assert_eq!(bench.sector_refs("vss_insurance").await.len(), 1);
    let metrics = runtime.metrics.render();
    assert!(metrics.contains("dansync_disclosure_guard_violations_total{subscriber=\"education\"} 2"));
    assert!(metrics.contains("dansync_disclosure_guard_violations_total{subscriber=\"vss_insurance\"} 0"));
    bench.stop().await;
}
