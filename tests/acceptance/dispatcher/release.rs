//! Who is released to whom, with which fields: each agreement its own, by age, through merge and split, and when a right ends.

use super::world::{Bench, SECTORS, catalogue, root, someone, wait_until, with};
use event_log::{Admin, read_compacted};
use registry_rules::{AgreementState, FieldValue, Lifecycle, PersonImage};

#[tokio::test(flavor = "multi_thread")]
async fn each_sector_gets_its_own_fields_and_no_others() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    let (pupil, elder) = (someone(1, "2015-03-04"), someone(2, "1950"));
    bench.person(&pupil).await;
    bench.person(&elder).await;
    bench.quiet().await;
    bench.adds_up().await;
    let sizes: Vec<_> = {
        let status = bench.status().await;
        SECTORS.map(|(name, ..)| status[name].population).to_vec()
    };
    assert_eq!(sizes, [1, 1, 2]);

    let (name, relatives, code): (String, String, String) =
        sqlx::query_as("select ho_va_ten, than_nhan_ho_ten, gioi_tinh from giao_duc.hoc_sinh")
            .fetch_one(&bench.sectors["education"])
            .await
            .unwrap();
    assert_eq!((name.as_str(), relatives.as_str(), code.as_str()), ("name-1", r#"["mother-1"]"#, "Nữ"));
    // A token stands in a topic only if the agreement names its field.
    for (agreement, allowed, denied) in [
        (
            "education",
            vec!["name-1", "mother-1", "home-detail-1"],
            vec!["given-1", "pin-1", "religion-1", "motherpin-1"],
        ),
        ("health_province", vec!["name-2", "pin-2"], vec!["religion-2", "mother-2", "name-1"]),
        ("vss_insurance", vec!["name-1", "name-2", "pin-1"], vec!["religion-1", "mother-1"]),
    ] {
        let topic = bench.kafka.topics().out(agreement, 1);
        let records = read_compacted(&bench.kafka, &topic).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all: String = records.iter().map(|(key, value)| text(key) + &text(value)).collect();
        assert!(allowed.iter().all(|token| all.contains(token)), "{agreement}");
        assert!(!denied.iter().any(|token| all.contains(token)), "{agreement}");
        assert!(!all.contains(&pupil.person_id.to_string()), "{agreement}: no internal id leaves");
    }
    let (a, b) = (bench.sector_refs("education").await, bench.sector_refs("vss_insurance").await);
    assert!(a.is_disjoint(&b), "references of two agreements have nothing in common");

    // Nothing is sent when only unpermitted fields change.
    let before = bench.count("select count(*) from ledger_entry").await;
    bench.person(&with(&pupil, "religion", FieldValue::Text("other".into()))).await;
    bench.quiet().await;
    assert_eq!(bench.count("select count(*) from ledger_entry").await, before);

    let mut dead = with(&elder, "death_or_missing", FieldValue::parts([("date", "2025-01-01".to_owned())]));
    dead.lifecycle = Lifecycle::Deceased;
    bench.person(&dead).await;
    bench.quiet().await;
    bench.adds_up().await;
    assert!(bench.sector_refs("health_province").await.is_empty(), "long dead: out of the population");
    let left = read_compacted(&bench.kafka, &bench.kafka.topics().out("health_province", 1)).await.unwrap();
    assert_eq!(left.keys().filter(|key| key.len() == 32).count(), 0, "the tombstone took the record");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enters_by_turning_sixty() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    bench.person(&someone(1, "1966-05-02")).await;
    bench.quiet().await;
    assert!(bench.sector_refs("health_province").await.is_empty());
    bench.open_day("2026-04-01").await;
    bench.open_day("2026-05-02").await;
    wait_until("the birthday", async || bench.sector_refs("health_province").await.len() == 1).await;
    bench.quiet().await;
    bench.adds_up().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_a_leave_and_a_record_that_names_it() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    let (one, two) = (someone(1, "2015-03-04"), someone(2, "2015-03-04"));
    bench.person(&one).await;
    bench.person(&two).await;
    bench.quiet().await;
    let refs = bench.sector_refs("education").await;
    let survivor = PersonImage { absorbed: vec![two.person_id], ..one.clone() };
    let absorbed =
        PersonImage { lifecycle: Lifecycle::Merged, merged_into: Some(one.person_id), ..two.clone() };
    bench.person(&survivor).await;
    bench.person(&absorbed).await;
    bench.quiet().await;
    bench.adds_up().await;
    let left = bench.sector_refs("education").await;
    assert!(left.len() == 1 && left.is_subset(&refs));
    let reasons: Vec<Vec<u8>> = sqlx::query_scalar(
        "select l.bytes from ledger_entry l join delivery d using (ref, mode, release_no)
                            where d.event = 'left' and d.agreement = 'education'",
    )
    .fetch_all(&bench.owner)
    .await
    .unwrap();
    assert_eq!(reasons.len(), 2, "one for each mode");
    assert!(reasons.iter().all(|bytes| String::from_utf8_lossy(bytes).contains("6:merged,")));
    let topic = bench.kafka.topics().out("education", 1);
    let records = read_compacted(&bench.kafka, &topic).await.unwrap();
    let gone = refs.difference(&left).next().unwrap();
    let kept = &records[left.first().unwrap().as_bytes()];
    assert!(String::from_utf8_lossy(kept).contains(&format!("[\"{gone}\"]")), "meta_absorbed names it");

    // A split is the same backwards.
    bench.person(&one).await;
    bench.person(&two).await;
    bench.quiet().await;
    bench.adds_up().await;
    assert_eq!(bench.sector_refs("education").await, refs);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sector_loses_the_right_to_a_field() {
    let mut bench = Bench::with_agreements().await;
    bench.start();
    bench.open_day("2026-05-01").await;
    for n in 1..=20 {
        bench.person(&someone(n, "2015-01-01")).await;
    }
    bench.quiet().await;
    let file = std::fs::read_to_string(root().join("schemas/agreements/education.toml")).unwrap();
    let changed = file.replace("    \"npd.birth_name.full\",\n", "");
    let refused = disclosure_store::import_agreement(&bench.owner, &changed, &catalogue()).await;
    assert!(refused.is_err(), "a version never changes");
    let narrower = changed.replace("version = 1", "version = 2");
    disclosure_store::import_agreement(&bench.owner, &narrower, &catalogue()).await.unwrap();
    let row = dispatcher::activate(&bench.owner, "education", None, "test", &catalogue()).await.unwrap();
    assert_eq!((row.version, row.generation), (2, 2));
    wait_until("the new generation to be complete", async || {
        let done = "select count(*) from backfill where agreement = 'education' and generation = 2 and completed_at is not null";
        bench.count(done).await == 1
    })
    .await;
    bench.quiet().await;
    bench.adds_up().await;
    let names: i64 = sqlx::query_scalar("select count(ho_va_ten) from giao_duc.hoc_sinh")
        .fetch_one(&bench.sectors["education"])
        .await
        .unwrap();
    assert_eq!(names, 0, "what was given is taken back");
    let topics = bench.kafka.topics();
    let records = read_compacted(&bench.kafka, &topics.out("education", 2)).await.unwrap();
    assert_eq!(records.len(), 21, "20 persons and the record that closes the filling");
    assert!(!records.values().any(|value| String::from_utf8_lossy(value).contains("name-")));
    let admin = Admin::open(&bench.kafka).unwrap();
    wait_until("the old topic to go", async || {
        admin.partition_count(&topics.out("education", 1)).await.unwrap() == 0
    })
    .await;

    dispatcher::step(&bench.owner, "education", AgreementState::Ended, "test", &catalogue()).await.unwrap();
    wait_until("everybody to leave", async || bench.sector_refs("education").await.is_empty()).await;
    bench.stop().await;
}
