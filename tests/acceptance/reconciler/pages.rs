//! All persons page by page: each once, and none read again for each of its records.

use super::cases::live;
use super::world::Make;
use registry_store::PersonPages;
use std::collections::BTreeSet;

const PERSONS: usize = 60;
/// Records of a page: each person's stand in four of the pages.
const PAGE: i64 = 20;

/// A person with a number whom four records name, far from each other in the order of keys.
fn person(n: usize) -> Vec<Make> {
    let (pin, key) = (format!("0011900{n:05}"), format!("{n:03}"));
    let of = |source, entity, key: &str, role| {
        Make::new(source, entity, key, role).pin(&pin).name("Trần Mai").born("1990-01-02")
    };
    vec![
        of("civil_status", "birth", &key, "child"),
        of("identity", "card", &key, "holder"),
        of("identity", "pin", &pin, "holder"),
        of("residence", "person", &key, "resident"),
    ]
}

#[tokio::test]
async fn each_person_is_in_one_page_and_read_once() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, (0..PERSONS).flat_map(person).collect::<Vec<_>>()).await;
    let records: i64 =
        sqlx::query_scalar("select count(*) from record_latest").fetch_one(&world.pool).await.unwrap();
    assert_eq!(records, 4 * i64::try_from(PERSONS).unwrap());
    let mut connection = world.pool.acquire().await.unwrap();
    let mut told = Vec::new();
    for size in [PAGE, 500] {
        let (mut pages, mut anchors, mut read) = (PersonPages::of(None, size), Vec::new(), 0);
        while let Some(page) = pages.next(&mut connection).await.unwrap() {
            read += page.found.known.records().count();
            anchors.extend(page.anchors);
        }
        let each: BTreeSet<_> = anchors.iter().cloned().collect();
        assert_eq!((anchors.len(), each.len()), (PERSONS, PERSONS), "pages of {size}");
        assert_eq!(read, 4 * PERSONS, "pages of {size}");
        told.push(each);
    }
    assert_eq!(told[0], told[1]);
}
