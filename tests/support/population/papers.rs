//! Numbers, acts and notices that people have been given.

use super::chance::Chance;
use super::names;
use super::numbers::Numbers;
use super::person::{BirthRegistration, Change, Community, Former, Notice, Person};
use super::rates::Rates;
use chrono::{Datelike, NaiveDate};

/// Births registered since then got their number for the act (Circular 01/2022/TT-BTP art. 4(1)).
pub(super) const NUMBERED_AT_BIRTH: i32 = 2016;
/// Hospitals report electronically since then.
const NOTICES_SINCE: i32 = 2023;

/// Gives the known people their numbers and acts.
pub(super) fn issue(
    community: &mut Community,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
) -> Numbers {
    let mut numbers = Numbers::default();
    for person in &mut community.people {
        if person.born.year() <= 2001 && chance.hit(0.8) {
            person.cmnd9 = Some(numbers.cmnd9(person.birthplace, chance));
        }
        if !person.known {
            continue;
        }
        person.birth = birth(person, today, rates, chance, &mut numbers);
        let reported = person.died.filter(|died| died.year() >= NOTICES_SINCE && chance.hit(0.7));
        person.death_notice = reported.map(|died| {
            let (number, facility) = numbers.notice("BT", person.birthplace, died.year());
            Notice { number, facility }
        });
        give_pin(person, rates, chance, &mut numbers);
        change(person, today, rates, chance, &mut numbers);
    }
    for couple in &mut community.couples {
        let year = couple.married.year();
        let kept = match year {
            ..1985 => 0.25,
            1985..2005 => 0.6,
            _ => 0.97,
        };
        let known =
            [couple.husband, couple.wife].iter().any(|i| community.people.get(*i).is_some_and(|p| p.known));
        if known && chance.hit(kept) {
            couple.act = Some(numbers.act("KH", couple.place, year));
        }
    }
    numbers
}

fn birth(
    person: &Person,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
    numbers: &mut Numbers,
) -> Option<BirthRegistration> {
    let year = person.born.year();
    let kept = match year {
        ..1975 => 0.35,
        1975..1990 => 0.7,
        1990..NUMBERED_AT_BIRTH => 0.95,
        _ => 1.0,
    };
    if !chance.hit(kept) {
        return None;
    }
    let late = chance.hit(rates.registered_late);
    let on = chance.day_after(person.born, if late { 61..=800 } else { 2..=55 }).min(today);
    let late = (on - person.born).num_days() > 60;
    let notice = (year >= NOTICES_SINCE).then(|| {
        let (number, facility) = numbers.notice("CS", person.birthplace, year);
        Notice { number, facility }
    });
    Some(BirthRegistration { act: numbers.act("KS", person.birthplace, on.year()), on, late, notice })
}

fn give_pin(person: &mut Person, rates: &Rates, chance: &mut Chance, numbers: &mut Numbers) {
    let (place, female, year) = (person.birthplace, person.female, person.born.year());
    let odd = chance.hit(rates.pin_digits);
    person.pin = Some(numbers.pin(place, female, if odd { year - 1 } else { year }, chance));
    if chance.hit(rates.reissued) {
        // The number was given with the wrong sex or year and had to be taken back.
        person.former_pin = Some(if chance.hit(0.5) {
            numbers.pin(place, !female, year, chance)
        } else {
            numbers.pin(place, female, year + 1, chance)
        });
    }
}

fn change(person: &mut Person, today: NaiveDate, rates: &Rates, chance: &mut Chance, numbers: &mut Numbers) {
    let Some(registered) = person.birth.as_ref().map(|birth| birth.on) else { return };
    if !chance.hit(rates.changed) {
        return;
    }
    let on = chance.day_between(registered, today);
    let former = match chance.weighted(&[(0, 5), (1, 4), (2, 1)]) {
        0 => {
            let family = person.name.family.clone();
            let year = person.born.year();
            Former::Name(names::name(chance, person.ethnicity, person.female, year, family.as_deref()))
        }
        1 => Former::Born(chance.day_after(person.born, 1..=20)),
        _ => Former::Ethnicity(if person.ethnicity == "01" { "02" } else { "01" }),
    };
    person.change = Some(Change { act: numbers.act("TD", person.birthplace, on.year()), on, former });
}
