//! The population as a whole.

use super::*;
use registry_rules::Pin;
use std::collections::{BTreeSet, HashSet};

fn plan(people: usize, seed: u64) -> Plan {
    Plan { people, seed, today: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(), rates: Rates::default() }
}

fn values(population: &Population, table: &str, column: &str) -> Vec<String> {
    population.table(table).unwrap().column(column).into_iter().flatten().collect()
}

#[test]
fn the_seed_decides_everything() {
    let copies =
        |seed| generate(&plan(500, seed)).tables.iter().map(|t| t.copy().to_vec()).collect::<Vec<_>>();
    assert_eq!(copies(7), copies(7));
    assert_ne!(copies(7), copies(8));
}

#[test]
fn as_many_people_as_asked_for() {
    for people in [1, 11, 12, 100, 3000] {
        let population = generate(&plan(people, 3));
        assert_eq!(population.table("cu_tru.cong_dan").unwrap().rows, people as u64);
        assert_eq!(
            values(&population, "cu_tru.thuong_tru", "ma_cong_dan").len(),
            people,
            "each in one household"
        );
    }
}

#[test]
fn keys_are_unique() {
    let population = generate(&plan(3000, 5));
    for (table, columns) in [
        ("hotich.khai_sinh", &["ma_co_quan", "quyen_so", "nam_so", "so"][..]),
        ("hotich.ket_hon", &["ma_co_quan", "quyen_so", "nam_so", "so"]),
        ("hotich.nuoi_con_nuoi", &["ma_co_quan", "quyen_so", "nam_so", "so"]),
        ("hotich.khai_tu", &["ma_co_quan", "quyen_so", "nam_so", "so"]),
        ("can_cuoc.so_dinh_danh", &["so_dinh_danh"]),
        ("cu_tru.ho_so", &["so_ho_so"]),
        ("y_te.giay_chung_sinh", &["so_giay"]),
        ("y_te.giay_bao_tu", &["so_giay"]),
    ] {
        let columns: Vec<_> = columns.iter().map(|column| values(&population, table, column)).collect();
        let rows = columns[0].len();
        let keys: HashSet<Vec<_>> =
            (0..rows).map(|i| columns.iter().map(|column| &column[i]).collect()).collect();
        assert!(rows > 0 && keys.len() == rows, "{table}: {} keys of {rows} rows", keys.len());
    }
}

#[test]
fn numbers_are_valid_and_mostly_say_who_they_belong_to() {
    let population = generate(&plan(3000, 5));
    let mut contradicting = 0;
    for person in population.community.people.iter().filter(|person| person.known) {
        let pin: Pin = person.pin.as_deref().unwrap().parse().unwrap();
        assert_eq!(pin.place(), person.birthplace.pin_digits());
        let agrees = i32::from(pin.birth_year()) == chrono::Datelike::year(&person.born)
            && pin.female() == person.female;
        contradicting += usize::from(!agrees);
    }
    assert!((1..30).contains(&contradicting), "{contradicting}");
}

#[test]
fn births_since_2016_lack_numbers_and_the_register_has_them() {
    let population = generate(&plan(3000, 5));
    let births = population.table("hotich.khai_sinh").unwrap();
    let (pins, years) = (births.column("con_so_dinh_danh"), births.column("nam_so"));
    let recent: Vec<_> =
        pins.iter().zip(&years).filter(|(_, year)| year.as_deref() >= Some("2017")).collect();
    let without = recent.iter().filter(|(pin, _)| pin.is_none()).count() * 100 / recent.len();
    assert!((20..40).contains(&without), "{without} of {}", recent.len());
    let acts = |table: &str, columns: [&str; 3]| {
        let columns = columns.map(|column| population.table(table).unwrap().column(column));
        (0..columns[0].len())
            .map(|i| columns.clone().map(|column| column[i].clone()))
            .collect::<BTreeSet<_>>()
    };
    let registered = acts("hotich.khai_sinh", ["ma_co_quan", "nam_so", "so"]);
    let issued_for = acts("can_cuoc.so_dinh_danh", ["ks_ma_co_quan", "ks_nam_so", "ks_so"]);
    let dangling = issued_for.iter().filter(|act| act[0].is_some() && !registered.contains(*act)).count();
    assert_eq!(dangling, 0, "every act in the register exists");
    assert!(issued_for.len() > 100);
}

#[test]
fn traps_occur_at_their_rates() {
    let population = generate(&plan(5000, 9));
    let per_mille = |hits: usize, of: usize| hits * 1000 / of;
    let (rows, quarantined) = SOURCES
        .map(|source| population.expected(source))
        .iter()
        .fold((0, 0), |(rows, bad), expected| (rows + expected.rows, bad + expected.quarantined));
    let junk = quarantined * 10_000 / rows;
    assert!((20..40).contains(&junk), "{junk}");
    let names = values(&population, "cu_tru.cong_dan", "ho_ten");
    let decomposed =
        names.iter().filter(|name| name.contains(|c: char| ('\u{300}'..='\u{323}').contains(&c))).count();
    assert!((10..30).contains(&per_mille(decomposed, names.len())), "{decomposed}");
    assert!(names.iter().any(|name| name.contains('\u{D0}')), "Eth for Đ");
    assert!(names.iter().any(|name| name.is_ascii()), "no marks");
    let births = values(&population, "hotich.khai_sinh", "con_ngay_sinh");
    assert!(births.iter().any(|date| date.len() == 4), "year only");
    assert!(values(&population, "cu_tru.cong_dan", "ngay_sinh").iter().any(|date| date.len() == 4));
    let again =
        values(&population, "hotich.khai_sinh", "loai_dang_ky").iter().filter(|kind| *kind == "2").count();
    assert!((10..30).contains(&per_mille(again, births.len())), "{again}");
    assert!(values(&population, "can_cuoc.so_dinh_danh", "thay_cho").len() > 5, "re-established numbers");
    assert!(population.table("hotich.thay_doi").unwrap().rows > 10);
    assert!(population.table("hotich.ly_hon").unwrap().rows > 10);
    let adopted = population.table("hotich.nuoi_con_nuoi").unwrap().rows;
    let young = births.iter().filter(|date| date.len() == 10 && date.get(6..) >= Some("1990")).count();
    assert!((1..8).contains(&per_mille(usize::try_from(adopted).unwrap(), young)), "{adopted} of {young}");
}

#[test]
fn without_traps_nothing_is_quarantined() {
    let population = generate(&Plan { rates: Rates::none(), ..plan(1000, 2) });
    assert!(SOURCES.iter().all(|source| population.expected(source).quarantined == 0));
}

#[test]
fn the_people_are_a_likely_people() {
    let plan = plan(5000, 1);
    let people = generate(&plan).community.people;
    let known: Vec<_> = people.iter().filter(|person| person.known).collect();
    let per_cent = |f: &dyn Fn(&Person) -> bool| known.iter().filter(|p| f(p)).count() * 100 / known.len();
    let (children, elders) = (per_cent(&|p| p.age(plan.today) < 18), per_cent(&|p| p.age(plan.today) >= 60));
    assert!((18..35).contains(&children), "{children}");
    assert!((8..22).contains(&elders), "{elders}");
    assert!(known.iter().any(|person| person.name.full().starts_with("H'")));
}
