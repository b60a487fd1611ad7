//! What a sector's own hands do to its table is seen.

use super::world::{Bench, catalogue, root, someone, wait_until};

/// The figure of education, once it is shown.
fn shows(page: &str, kind: &str, count: u32) -> bool {
    let name = "dansync_subscriber_drift_records";
    page.contains(&format!("{name}{{kind=\"{kind}\",subscriber=\"education\"}} {count}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sector_has_otherwise_than_held_is_shown_by_kind() {
    let mut bench = Bench::with_agreements().await;
    let runtime = bench.start();
    bench.open_day("2026-05-01").await;
    for n in 1..=5 {
        bench.person(&someone(n, "2015-03-04")).await;
    }
    bench.quiet().await;
    let all = |missing, stale, extra, unpermitted| {
        let page = runtime.metrics.render();
        [("missing", missing), ("stale", stale), ("extra", extra), ("unpermitted", unpermitted)]
            .into_iter()
            .all(|(kind, count)| shows(&page, kind, count))
    };
    wait_until("a round without differences", async || all(0, 0, 0, 0)).await;
    assert!(runtime.metrics.render().contains("dansync_subscriber_drift_last_check_timestamp_seconds"));
    sqlx::raw_sql(
        "delete from giao_duc.hoc_sinh where ma_tham_chieu in
           (select ma_tham_chieu from giao_duc.hoc_sinh order by 1 limit 2);
         update giao_duc.dansync_release set release_no = 0 where ref in
           (select ma_tham_chieu from giao_duc.hoc_sinh order by 1 limit 1);
         insert into giao_duc.hoc_sinh (ma_tham_chieu) values ('somebody of their own');",
    )
    .execute(&bench.sectors["education"])
    .await
    .unwrap();
    wait_until("the differences", async || all(2, 1, 1, 0)).await;

    let file = std::fs::read_to_string(root().join("schemas/agreements/education.toml")).unwrap();
    let narrower = file.replace("    \"npd.birth_name.full\",\n", "").replace("version = 1", "version = 2");
    disclosure_store::import_agreement(&bench.owner, &narrower, &catalogue()).await.unwrap();
    dispatcher::activate(&bench.owner, "education", None, "test", &catalogue()).await.unwrap();
    bench.quiet().await;
    // The new version went to everybody; whom the sector had lost it has again.
    wait_until("the differences left", async || all(0, 0, 1, 0)).await;
    sqlx::query(
        "update giao_duc.hoc_sinh set ho_va_ten = 'somebody' where ma_tham_chieu <> 'somebody of their own'",
    )
    .execute(&bench.sectors["education"])
    .await
    .unwrap();
    wait_until("the values that may not be there", async || all(0, 0, 1, 5)).await;
    bench.stop().await;
}
