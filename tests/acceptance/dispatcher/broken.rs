//! The proof that a late older release changes nothing at a sector, and the same without the sector's guard.

use super::world::{Bench, someone, with};
use registry_rules::FieldValue;

/// Keeps each payload that is erased with its outcome, as an instance does that was cut off while it sent.
const KEEP: &str = "
create table kept (ref text, mode text, release_no bigint, payload bytea);
create function keep() returns trigger language plpgsql security definer as $$ begin
    insert into kept values (old.ref, old.mode, old.release_no, old.payload);
    return new;
end $$;
create trigger keep before update on delivery for each row when (old.payload is not null and new.payload is null)
    execute function keep();";

/// It comes back and sends what it had.
const SEND_LATE: &str = "
update delivery d set outcome = null, settled_at = null, payload = k.payload
from kept k where (d.ref, d.mode, d.release_no) = (k.ref, k.mode, k.release_no) and d.release_no = 1 and d.mode = 'database'";

/// The guard row is gone before it can be compared.
const NO_GUARD: &str = "
create function bhxh.forget() returns trigger language plpgsql security definer as $$ begin
    delete from bhxh.dansync_release where ref = new.ref;
    return new;
end $$;
create trigger forget before insert on bhxh.dansync_release for each row execute function bhxh.forget();";

/// Whether the sector still has the newer release after the older one was sent late.
async fn the_newer_release_stays(guarded: bool) -> bool {
    let mut bench = Bench::with_agreements().await;
    sqlx::raw_sql(KEEP).execute(&bench.owner).await.unwrap();
    if !guarded {
        sqlx::raw_sql(NO_GUARD).execute(&bench.sectors["vss_insurance"]).await.unwrap();
    }
    bench.start();
    bench.open_day("2026-05-01").await;
    let person = someone(1, "1980-01-01");
    bench.person(&person).await;
    bench.quiet().await;
    let newer = FieldValue::parts([("full", "newer".to_owned())]);
    bench.person(&with(&person, "birth_name", newer)).await;
    bench.quiet().await;
    sqlx::raw_sql(SEND_LATE).execute(&bench.owner).await.unwrap();
    bench.quiet().await;
    let name: String = sqlx::query_scalar("select ho_ten from bhxh.nguoi_tham_gia")
        .fetch_one(&bench.sectors["vss_insurance"])
        .await
        .unwrap();
    bench.stop().await;
    name == "newer"
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_guard_at_the_sector_an_older_release_comes_back() {
    let (guarded, unguarded) = tokio::join!(the_newer_release_stays(true), the_newer_release_stays(false));
    assert!(guarded);
    assert!(!unguarded, "this check would not notice that the guard is gone");
}
