//! Each release is on the ledger before it leaves, by names of fields and a hash.

use super::world::{Bench, someone, wait_until};
use registry_rules::payload_hash;

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_entry_proves_what_went_out() {
    let mut bench = Bench::with_agreements().await;
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "2015-03-04")).await;
    // No lane takes the payload away: the sectors are unknown to this instance, and Kafka's lanes are held by another.
    bench.config = bench.config.split("[sectors.").next().unwrap().to_owned();
    sqlx::query(
        "insert into lane (agreement, mode, owner, epoch, expires_at)
                 select agreement, 'topic', gen_random_uuid(), 1, 'infinity' from agreement_state",
    )
    .execute(&bench.owner)
    .await
    .unwrap();
    bench.start();
    wait_until("deliveries", async || bench.count("select count(*) from delivery").await == 4).await;
    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select bytes, salt, payload from ledger_entry join delivery using (ref, mode, release_no)",
    )
    .fetch_all(&bench.owner)
    .await
    .unwrap();
    assert_eq!(rows.len(), 4);
    for (bytes, salt, payload) in rows {
        let entry = String::from_utf8(bytes).unwrap();
        let hash = payload_hash(&salt.try_into().unwrap(), &payload);
        let hash = hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert!(entry.starts_with("dansync-ledger/1\n") && entry.contains(&format!("64:{hash},")));
        assert!(!entry.contains("name-1") && !entry.contains("pin-1"), "names of fields, never values");
    }
    for statement in
        ["update ledger_entry set salt = ''", "delete from ledger_entry", "truncate ledger_entry"]
    {
        assert!(sqlx::query(statement).execute(&bench.owner).await.is_err(), "{statement}");
    }
    bench.stop().await;
}
