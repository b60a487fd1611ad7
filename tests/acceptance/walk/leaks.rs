//! No value stands where no agreement permits its field: every canary is looked for in every byte that left.

use super::canaries::Canaries;
use super::run::run;
use super::seen::{Columns, Place, Subscriber};
use std::collections::BTreeSet;

/// Columns about the message, which every agreement's records have.
const META: [&str; 9] = [
    "meta_id",
    "meta_ref",
    "meta_release_no",
    "meta_agreement_version",
    "meta_event",
    "meta_reason",
    "meta_into",
    "meta_absorbed",
    "meta_released_at",
];

/// Each place with the origin of what must not stand there. Never the values.
fn leaks<'a>(canaries: &Canaries, places: impl IntoIterator<Item = &'a Place>) -> BTreeSet<String> {
    let mut leaks = BTreeSet::new();
    for place in places {
        for canary in canaries.in_bytes(&place.bytes).values() {
            if canary.fields.is_disjoint(&place.permitted) {
                leaks.insert(format!("{}: a value of {}", place.name, canary.origin));
            }
        }
    }
    leaks
}

/// Columns of a record that its agreement does not name. A list's parts count for themselves.
fn surplus(fields: &BTreeSet<String>, columns: &Columns) -> Vec<String> {
    let flat = |name: &str| name.trim_start_matches("npd.").replace('.', "_");
    let mut surplus = Vec::new();
    for (column, text) in columns.iter().filter(|(column, _)| !META.contains(&column.as_str())) {
        if fields.iter().any(|field| flat(field) == *column) {
            continue;
        }
        let elements: Option<Vec<Columns>> = serde_json::from_str(text).ok();
        let Some(elements) = elements else {
            surplus.push(column.clone());
            continue;
        };
        let parts = elements.iter().flat_map(Columns::keys).map(|part| format!("{column}.{part}"));
        surplus.extend(parts.filter(|part| !fields.contains(&format!("npd.{part}"))));
    }
    surplus
}

fn surplus_of(subscriber: &Subscriber) -> BTreeSet<String> {
    let records = subscriber.messages.iter().filter_map(|message| message.columns.as_ref());
    records.flat_map(|columns| surplus(&subscriber.fields, columns)).collect()
}

/// Dates as people are born and marry on, written in any of the forms with separators: the years are before anything that
/// this project or its tools could speak of.
fn dates_of_life(bytes: &[u8]) -> usize {
    let form = |window: &[u8], digits: &[usize]| {
        let is_fit = |(n, byte): (usize, &u8)| {
            if digits.contains(&n) { byte.is_ascii_digit() } else { matches!(byte, b'-' | b'/' | b'.') }
        };
        window.iter().enumerate().all(is_fit)
    };
    let is_old = |year: &[u8]| matches!(year, [b'1', b'9', ..] | [b'2', b'0', b'0', _]);
    let windows = bytes.windows(10).filter(|window| *window != b"1970-01-01");
    let dates = windows.filter(|window| {
        form(window, &[0, 1, 2, 3, 5, 6, 8, 9]) && is_old(&window[..4])
            || form(window, &[0, 1, 3, 4, 6, 7, 8, 9]) && is_old(&window[6..])
    });
    dates.count()
}

/// Dates cannot carry a token, so none may stand where nothing personal may.
#[tokio::test(flavor = "multi_thread")]
async fn no_date_of_a_life_stands_where_nothing_personal_may() {
    let run = run().await;
    for place in &run.seen.places {
        let dates = dates_of_life(&place.bytes);
        if place.permitted.is_empty() {
            assert_eq!(dates, 0, "{}", place.name);
        } else {
            assert!(dates > 0, "{}: dates of birth are permitted there", place.name);
        }
    }
    assert_eq!(dates_of_life(b"x1985-02-03 03/02/1985 2026-11-22 1970-01-01 192.168.1.1985"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_stands_where_no_agreement_permits_its_field() {
    let run = run().await;
    let leaks = leaks(&run.canaries, &run.seen.places);
    assert!(leaks.is_empty(), "{leaks:#?}");
    for (agreement, subscriber) in &run.seen.subscribers {
        assert_eq!(surplus_of(subscriber), BTreeSet::new(), "{agreement}");
    }
}

/// Silence proves nothing unless the canaries flew: what is permitted did arrive, from the first load and live.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_permitted_arrives() {
    let run = run().await;
    assert!(run.canaries.len() > 5_000, "{} canaries", run.canaries.len());
    for (agreement, origins) in [
        ("education", &["people.name", "cu_tru.thuong_tru.dia_chi"][..]),
        ("health_province", &["people.name", "cu_tru.thuong_tru.dia_chi"]),
        ("vss_insurance", &["people.name", "cu_tru.thuong_tru.dia_chi", "cu_tru.noi_o_hien_tai.dia_chi"]),
    ] {
        let places = run.seen.places.iter().filter(|place| !place.permitted.is_empty());
        let own: Vec<&Place> = places.filter(|place| place.name.contains(agreement)).collect();
        assert_eq!(own.len(), 2, "a topic and a table of {agreement}");
        for place in own {
            let found = run.canaries.in_bytes(&place.bytes);
            let from: BTreeSet<&str> = found.values().map(|canary| canary.origin.as_str()).collect();
            assert!(origins.iter().all(|origin| from.contains(origin)), "{}: {from:?}", place.name);
        }
    }
    for part in
        ["log/kafka", "log/postgres", "log/apicurio", "reconciler-1.log", "dispatcher-2.log", "/metrics"]
    {
        let looked_at = |place: &Place| place.name.contains(part) && !place.bytes.is_empty();
        assert!(run.seen.places.iter().any(looked_at), "nothing of {part} was looked at");
    }
}

/// The search itself: one forbidden value anywhere, however it is written, is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_value_is_found_in_every_place() {
    let run = run().await;
    let mut canaries = run.canaries.clone();
    let secret = canaries.fresh("cu_tru.khai_bao", "thu_dien_tu");
    for place in &run.seen.places {
        for planted in [format!("x{secret}"), secret.to_uppercase(), format!("{{\"mail\":\"a.{secret}@b\"}}")]
        {
            let bytes = [place.bytes.as_slice(), planted.as_bytes(), b"\x02"].concat();
            let planted = Place { bytes, ..place.clone() };
            let found = leaks(&canaries, [&planted]);
            let expected = format!("{}: a value of cu_tru.khai_bao.thu_dien_tu", place.name);
            assert_eq!(found, BTreeSet::from([expected]));
        }
    }
    let mut subscriber = run.seen.subscribers["education"].clone();
    let record = subscriber.messages.iter_mut().find_map(|message| message.columns.as_mut()).unwrap();
    record.insert("religion".to_owned(), "religion:01".to_owned());
    record.insert("relatives".to_owned(), r#"[{"name":"A","pin":"1"}]"#.to_owned());
    assert_eq!(surplus_of(&subscriber), ["religion", "relatives.pin"].map(ToOwned::to_owned).into());
}
