//! What hospitals have reported.

use super::chance::Chance;
use super::layout::{BIRTH_NOTICES, BLOOD_TESTS, DEATH_NOTICES};
use super::person::{Community, Person};
use super::rates::Rates;
use super::spelling::{Precision, compact, day_first, unaccented};
use super::table::{Row, TableRows};
use chrono::NaiveDate;

/// Blood groups in Vietnam, per cent, with the Rh that few write.
pub const BLOOD: [(&str, u32); 7] =
    [("O", 38), ("B", 28), ("A", 19), ("AB", 5), ("O+", 5), ("B+", 4), ("A+", 1)];

/// As hospitals write sex.
pub(super) const fn sex(female: bool) -> &'static str {
    if female { "Nu" } else { "Nam" }
}

/// As hospitals write names.
pub(super) fn plain(person: &Person) -> String {
    unaccented(&person.name.full()).to_uppercase()
}

/// All tables of the source.
pub(super) fn rows(
    community: &Community,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
) -> Vec<TableRows> {
    let (mut births, mut deaths, mut tests) =
        (TableRows::new(BIRTH_NOTICES), TableRows::new(DEATH_NOTICES), TableRows::new(BLOOD_TESTS));
    for person in community.people.iter().filter(|person| person.known) {
        birth_notice(&mut births, community, person, rates, chance);
        if let (Some(died), Some(notice)) = (person.died, &person.death_notice) {
            let row = Row::new()
                .text(&*notice.number)
                .text(&*notice.facility)
                .text(plain(person))
                .text(day_first(person.born, person.precision));
            let row =
                row.text(sex(person.female)).maybe(person.pin.clone()).text(day_first(died, Precision::Day));
            let row = row.text("bệnh").day(died).moment(died, chance);
            deaths.push(row, rates.junk, chance);
        }
        if person.age(today) >= 18 && chance.hit(0.05) {
            let on = chance
                .day_after(person.birthday(18), 0..=20_000)
                .min(person.died.unwrap_or(today))
                .min(today);
            let row = Row::new().number(tests.rows + 1).text(format!("{}101", person.birthplace.province()));
            let row = row
                .maybe(person.pin.clone())
                .text(plain(person))
                .text(compact(person.born, person.precision))
                .text(sex(person.female))
                .text(chance.weighted(&BLOOD))
                .day(on)
                .moment(on, chance);
            tests.push(row, rates.junk, chance);
        }
    }
    vec![births, deaths, tests]
}

fn birth_notice(
    table: &mut TableRows,
    community: &Community,
    child: &Person,
    rates: &Rates,
    chance: &mut Chance,
) {
    let Some(notice) = child.birth.as_ref().and_then(|birth| birth.notice.as_ref()) else { return };
    let mother = child.parents.and_then(|parents| community.people.get(parents.mother));
    let row =
        Row::new().text(&*notice.number).text(&*notice.facility).text(day_first(child.born, Precision::Day));
    let row = row
        .text(format!("{:02}:{:02}", chance.between(0..=23), chance.between(0..=59)))
        .text(sex(child.female))
        .number(chance.between(2400..=4200))
        .maybe(chance.hit(0.6).then(|| plain(child)))
        .maybe(mother.map(plain))
        .maybe(mother.map(|mother| day_first(mother.born, mother.precision)))
        .maybe(mother.and_then(|mother| mother.pin.clone()))
        .day(child.born)
        .moment(child.born, chance);
    table.push(row, rates.junk, chance);
}
