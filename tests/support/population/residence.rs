//! What the commune police have on file.

use super::chance::Chance;
use super::civil_status::married;
use super::layout::{ABSENCE, CURRENT, DECLARATIONS, FILES, PERMANENT, PERSONS, TEMPORARY};
use super::names::newer_ethnicity;
use super::person::{Community, Household, KNOWN_SINCE, Person};
use super::places::{Place, house};
use super::rates::Rates;
use super::spelling::{Precision, iso, typed, unaccented};
use super::table::{Row, TableRows};
use chrono::{Datelike, NaiveDate};

/// The religions that people declare, in the office's letters, by weight.
const RELIGIONS: [(Option<&str>, u32); 7] = [
    (None, 60),
    (Some("KO"), 25),
    (Some("CG"), 6),
    (Some("PG"), 5),
    (Some("HH"), 2),
    (Some("CD"), 1),
    (Some("TL"), 1),
];

/// All tables of the source. The office's own number of a person is the place in the community plus one.
pub(super) fn rows(
    community: &Community,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
) -> Vec<TableRows> {
    let mut office = Office {
        community,
        today,
        rates,
        chance,
        pins: Vec::new(),
        files: TableRows::new(FILES),
        permanent: TableRows::new(PERMANENT),
        temporary: TableRows::new(TEMPORARY),
        current: TableRows::new(CURRENT),
        absence: TableRows::new(ABSENCE),
        declarations: TableRows::new(DECLARATIONS),
    };
    let persons = office.persons();
    for household in &community.households {
        office.household(household);
    }
    for (index, person) in community.people.iter().enumerate() {
        if person.known && person.alive(today) {
            office.declared(index, person);
        }
    }
    vec![
        persons,
        office.files,
        office.permanent,
        office.temporary,
        office.current,
        office.absence,
        office.declarations,
    ]
}

struct Office<'a> {
    community: &'a Community,
    today: NaiveDate,
    rates: &'a Rates,
    chance: &'a mut Chance,
    /// The numbers as this office has them.
    pins: Vec<Option<String>>,
    files: TableRows,
    permanent: TableRows,
    temporary: TableRows,
    current: TableRows,
    absence: TableRows,
    declarations: TableRows,
}

/// An address in the numbers of the day it was registered on, and that day.
fn address(row: Row, place: Place, house: &str, since: NaiveDate) -> Row {
    let codes = place.codes(since);
    row.text(codes.province).text(codes.commune).text(house).day(since)
}

impl Office<'_> {
    fn persons(&mut self) -> TableRows {
        let mut table = TableRows::new(PERSONS);
        for (index, person) in self.community.people.iter().enumerate() {
            let pin = if person.known { self.pin(person) } else { None };
            if person.known {
                let row = self.person(Row::new().number(index + 1).maybe(pin.clone()), person);
                table.push(row, self.rates.junk, self.chance);
            }
            self.pins.push(pin);
        }
        table
    }

    /// The number as the office has it: the old one for a while after a re-issue, sometimes none, sometimes mistyped.
    fn pin(&mut self, person: &Person) -> Option<String> {
        let pin = person.former_pin.as_ref().filter(|_| self.chance.hit(0.5)).or(person.pin.as_ref())?;
        if self.chance.hit(self.rates.pin_missing) {
            return None;
        }
        if self.chance.hit(self.rates.pin_mistyped) {
            // Two neighbouring digits of the last six change places, or the last one is wrong.
            let (head, last) = pin.split_at(pin.len().saturating_sub(2));
            let swapped: String = last.chars().rev().collect();
            return Some(if swapped == last {
                format!("{head}0{}", i32::from(last == "00"))
            } else {
                format!("{head}{swapped}")
            });
        }
        Some(pin.clone())
    }

    fn person(&mut self, row: Row, person: &Person) -> Row {
        let name = typed(&person.name.full(), self.rates, self.chance).to_uppercase();
        let ethnicity = newer_ethnicity(person.ethnicity);
        let updated = self.chance.day_between(person.born.max(KNOWN_SINCE), self.today);
        let mixed_up = ethnicity.is_some() && self.chance.hit(self.rates.ethnicity_numbering);
        // The other numbering's code means another group here from 04 on.
        let ethnicity = if mixed_up && person.ethnicity <= "20" { Some(person.ethnicity) } else { ethnicity };
        row.maybe(person.cmnd9.clone())
            .text(name)
            .text(self.born(person))
            .text(if person.female { "2" } else { "1" })
            .maybe(ethnicity)
            .text("VN")
            .text(person.native.province())
            .text(person.native.commune())
            .maybe(self.marital_status(person))
            .moment(updated, self.chance)
    }

    fn born(&mut self, person: &Person) -> String {
        if self.chance.hit(self.rates.birth_disputed) {
            let other = self.chance.day_after(person.born, 25..=700);
            return iso(other, Precision::Day);
        }
        if person.precision != Precision::Day && self.chance.hit(self.rates.false_first_january) {
            return format!("{:04}-01-01", person.born.year());
        }
        iso(person.born, person.precision)
    }

    fn marital_status(&self, person: &Person) -> Option<&'static str> {
        let Some(couple) = self.community.marriage(person) else {
            return (person.age(self.today) >= 18).then_some("DT");
        };
        if couple.divorced.is_some() {
            return Some("LH");
        }
        let spouse = married(self.community, person).and_then(|index| self.community.people.get(index));
        Some(if spouse.is_some_and(|spouse| spouse.alive(self.today)) { "KH" } else { "GO" })
    }

    fn number_of(&self, index: usize) -> Row {
        let pin = self.pins.get(index).cloned().flatten();
        Row::new().number(index + 1).maybe(pin)
    }

    fn household(&mut self, household: &Household) {
        let Some((head, _)) = household.members.first() else { return };
        let row = Row::new().text(&*household.file_no).number(head + 1);
        let row = address(row, household.place, &household.house, household.since);
        self.files.push(row, 0.0, self.chance);
        for (member, relation) in &household.members {
            let Some(person) = self.community.people.get(*member) else { continue };
            let since = household.since.max(person.birth.as_ref().map_or(person.born, |birth| birth.on));
            let gone = person.died.map(|died| self.chance.day_after(died, 3..=40).min(self.today));
            let pin = self.pins.get(*member).cloned().flatten();
            let row = Row::new()
                .number(self.permanent.rows + 1)
                .number(member + 1)
                .maybe(pin)
                .text(&*household.file_no);
            let row = address(row.text(*relation), household.place, &household.house, since);
            let row = row
                .number(i32::from(gone.is_none()))
                .maybe(gone.map(|day| day.to_string()))
                .maybe(gone.map(|_| "chết"))
                .moment(gone.unwrap_or(since), self.chance);
            self.permanent.push(row, self.rates.junk, self.chance);
        }
    }

    /// What some people have registered or declared beside their permanent residence.
    fn declared(&mut self, index: usize, person: &Person) {
        let adult = person.age(self.today) >= 18;
        let recently = self.chance.day_after(self.today, -600..=-5).max(person.born);
        let place = if self.chance.hit(0.7) {
            Place::in_city(self.chance)
        } else {
            person.birthplace.nearby(self.chance)
        };
        let pin = self.pins.get(index).cloned().flatten();
        if adult && self.chance.hit(0.06) {
            let until = self.chance.day_after(recently, 90..=730);
            let row = Row::new().number(self.temporary.rows + 1).number(index + 1).maybe(pin.clone());
            let row = address(row, place, &house(self.chance), recently).day(until);
            self.temporary.push(row.number(1).moment(recently, self.chance), self.rates.junk, self.chance);
        }
        if self.chance.hit(0.01) {
            let row = address(self.number_of(index), place, &house(self.chance), recently);
            self.current.push(row.moment(recently, self.chance), self.rates.junk, self.chance);
        }
        if adult && self.chance.hit(0.01) {
            let row = Row::new().number(self.absence.rows + 1).number(index + 1).maybe(pin).day(recently);
            let until = self.chance.day_after(recently, 30..=360);
            let row = row.day(until).text(place.commune_on(recently)).number(i32::from(until >= self.today));
            self.absence.push(row.moment(recently, self.chance), self.rates.junk, self.chance);
        }
        if person.age(self.today) >= 14 && self.chance.hit(0.35) {
            let phone = format!("0{}{}", self.chance.pick(&["9", "3", "7", "8"]), self.chance.digits(8));
            let mail = self
                .chance
                .hit(0.3)
                .then(|| format!("{}{}@example.com", mailbox(person), self.chance.digits(3)));
            let religion = self.chance.weighted(&RELIGIONS);
            let other = self.chance.hit(0.03).then(|| format!("{} Út", person.name.given));
            let row = self
                .number_of(index)
                .text(phone)
                .maybe(mail)
                .maybe(religion)
                .maybe(other)
                .maybe(None::<String>);
            self.declarations.push(row.moment(recently, self.chance), self.rates.junk, self.chance);
        }
    }
}

/// The given name as a mailbox.
fn mailbox(person: &Person) -> String {
    unaccented(&person.name.given).to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}
