//! What the identity office has on file: numbers and cards.

use super::chance::Chance;
use super::layout::{CARDS, NUMBERS};
use super::papers::NUMBERED_AT_BIRTH;
use super::person::{Community, Person};
use super::rates::Rates;
use super::spelling::{Precision, compact, typed};
use super::table::{Row, TableRows};
use chrono::{Datelike, NaiveDate};

/// The office that issues cards with a chip.
pub(super) const ISSUER: &str = "Cục Cảnh sát quản lý hành chính về trật tự xã hội";
/// The office that issues them since July 2024.
pub const ISSUER_SINCE_2024: &str = "Bộ Công an";

/// All tables of the source.
pub(super) fn rows(
    community: &Community,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
) -> Vec<TableRows> {
    let (mut numbers, mut cards) = (TableRows::new(NUMBERS), TableRows::new(CARDS));
    for person in community.people.iter().filter(|person| person.known) {
        let Some(pin) = &person.pin else { continue };
        let issued = issued_on(person, today, chance);
        if let Some(former) = &person.former_pin {
            let cancelled = chance.day_between(issued, today);
            let row = Row::new()
                .text(&**former)
                .text("HUY")
                .day(issued)
                .day(cancelled)
                .text("b")
                .maybe(None::<&str>);
            let row = holder(row, person, issued, rates, chance).moment(cancelled, chance);
            numbers.push(row, rates.junk, chance);
            let row = Row::new()
                .text(&**pin)
                .text("XLL")
                .day(cancelled)
                .maybe(None::<&str>)
                .maybe(None::<&str>)
                .text(&**former);
            let row = holder(row, person, cancelled, rates, chance).moment(cancelled, chance);
            numbers.push(row, rates.junk, chance);
        } else {
            let row = Row::new().text(&**pin).text("XL").day(issued).all([const { None }; 3]);
            let row = holder(row, person, issued, rates, chance).moment(issued, chance);
            numbers.push(row, rates.junk, chance);
        }
        issue_cards(&mut cards, person, today, rates, chance);
    }
    vec![numbers, cards]
}

/// In bulk between 2017 and June 2021, or with the birth's registration.
fn issued_on(person: &Person, today: NaiveDate, chance: &mut Chance) -> NaiveDate {
    match &person.birth {
        Some(birth) if birth.on.year() >= NUMBERED_AT_BIRTH => chance.day_after(birth.on, 0..=2).min(today),
        Some(_) | None => {
            let first = NaiveDate::from_ymd_opt(2017, 1, 1).unwrap_or(today);
            chance.day_after(first.max(person.born), 0..=1600).min(today)
        }
    }
}

/// What the register says of the holder, in the numbers of the day on which it was entered.
fn holder(row: Row, person: &Person, entered: NaiveDate, rates: &Rates, chance: &mut Chance) -> Row {
    let registered_at = person.birthplace.codes(entered);
    let row = row
        .text(typed(&person.name.full(), rates, chance))
        .text(compact(person.born, person.precision))
        .text(if person.female { "2" } else { "1" })
        .text("VN")
        .text(registered_at.province)
        .text(registered_at.commune)
        .text(person.native.pin_digits())
        .text(person.native.commune())
        .maybe(person.cmnd9.clone());
    match person
        .birth
        .as_ref()
        .filter(|birth| birth.on.year() >= NUMBERED_AT_BIRTH && person.born.year() >= NUMBERED_AT_BIRTH)
    {
        Some(birth) => {
            let act = &birth.act;
            row.text(&*act.office).text(&*act.book).number(act.year).number(act.number)
        }
        None => row.all([const { None }; 4]),
    }
}

/// The next of the ages at which a card ends (25, 40, 60); from 58 on it does not end.
pub fn expiry(person: &Person, issued: NaiveDate) -> Option<NaiveDate> {
    let age = person.age(issued);
    [25, 40, 60].into_iter().find(|end| age + 2 < *end).map(|end| person.birthday(end))
}

fn issue_cards(table: &mut TableRows, person: &Person, today: NaiveDate, rates: &Rates, chance: &mut Chance) {
    let Some(pin) = &person.pin else { return };
    let fourteen = person.birthday(14);
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap_or(today);
    let last = person.died.unwrap_or(today);
    let spans = [
        ("CCCD_MV", ISSUER, day(2016, 1, 1), day(2020, 12, 31), 0.25),
        ("CCCD_CHIP", ISSUER, day(2021, 1, 1), day(2024, 6, 30), 0.85),
        ("CC", ISSUER_SINCE_2024, day(2024, 7, 1), today, 0.35),
    ];
    let mut issued = Vec::new();
    for (kind, issuer, first, end, share) in spans {
        let (first, end) = (first.max(fourteen), end.min(last));
        if first < end && chance.hit(share) {
            issued.push((kind, issuer, chance.day_between(first, end)));
        }
    }
    for (i, (kind, issuer, on)) in issued.iter().enumerate() {
        let status = if i + 1 < issued.len() {
            "2"
        } else {
            chance.weighted(&[("1", 970), ("4", 20), ("5", 5), ("3", 5)])
        };
        let row = Row::new()
            .number(table.rows + 1)
            .text(&**pin)
            .text(*kind)
            .text(compact(*on, Precision::Day))
            .text(*issuer);
        let row = row
            .maybe(expiry(person, *on).map(|day| compact(day, Precision::Day)))
            .text(status)
            .text(typed(&person.name.full(), rates, chance))
            .text(compact(person.born, person.precision))
            .moment(*on, chance);
        table.push(row, rates.junk, chance);
    }
}
