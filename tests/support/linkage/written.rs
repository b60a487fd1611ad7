//! What the offices write about a person, with their errors.

use super::{Errors, Subject};
use crate::population::{Chance, Name, Place, Precision, day_first, iso, unaccented};
use chrono::{Datelike, NaiveDate};

/// Which office writes.
#[derive(Clone, Copy)]
enum Office {
    CivilStatus,
    Residence,
    Identity,
    Hospital,
}

/// Shares of people on file in each office: few are in one only.
const ON_FILE: [(Office, f64); 4] =
    [(Office::Residence, 1.0), (Office::Identity, 0.8), (Office::CivilStatus, 0.6), (Office::Hospital, 0.4)];

/// The records of one person.
pub(super) fn records(subject: &Subject, errors: &Errors, chance: &mut Chance) -> Vec<[String; 10]> {
    let offices = ON_FILE.into_iter().filter(|(_, share)| chance.hit(*share)).collect::<Vec<_>>();
    offices.into_iter().map(|(office, _)| record(subject, office, errors, chance)).collect()
}

/// The columns behind the record id, in the order of the model file.
fn record(subject: &Subject, office: Office, errors: &Errors, chance: &mut Chance) -> [String; 10] {
    let plain = chance.hit(errors.unaccented);
    let mut full = full_name(&subject.name, errors, chance);
    let mut mother = subject.mother.as_ref().map(|name| full_name(name, errors, chance)).unwrap_or_default();
    let mut pin = subject.pin.clone();
    let mut cmnd = subject.cmnd.clone().unwrap_or_default();
    if chance.hit(errors.without_number) {
        (pin, cmnd) = (String::new(), String::new());
    }
    if chance.hit(errors.one_character) {
        let field = if pin.is_empty() || chance.hit(0.5) { &mut full } else { &mut pin };
        *field = one_character(field, chance);
    }
    if plain {
        (full, mother) = (unaccented(&full), unaccented(&mother));
        if chance.hit(0.5) {
            (full, mother) = (full.to_uppercase(), mother.to_uppercase());
        }
    }
    let (birth, day) = birth(subject.born, errors, chance);
    let sex = if subject.female { "2" } else { "1" };
    let (old, new) = (
        |place: Place| format!("province_2004:{}", place.province()),
        |place: Place| format!("province_2025:{}", place.province_since_2025()),
    );
    let none = String::new;
    let act = subject.act.clone().unwrap_or_default();
    let (birthplace, home) = (subject.birthplace, subject.home);
    let (birth_province, residence, mother, act, cmnd) = match office {
        Office::CivilStatus => (old(birthplace), none(), mother, act, none()),
        Office::Residence => (new(birthplace), new(home), mother, none(), cmnd),
        Office::Identity => (old(birthplace), old(home), mother, none(), cmnd),
        Office::Hospital => {
            (none(), new(home), if chance.hit(0.5) { mother } else { none() }, none(), none())
        }
    };
    // Where the delivery is on file with the mother's number: the number and the day.
    let attended = matches!(office, Office::CivilStatus | Office::Hospital) && !mother.is_empty();
    let delivery = subject.mother_pin.as_ref().filter(|_| attended).zip(day);
    let delivery = delivery.map(|(number, day)| format!("{number} {day}")).unwrap_or_default();
    [full, sex.to_owned(), birth, birth_province, residence, mother, delivery, act, pin, cmnd]
}

fn full_name(name: &Name, errors: &Errors, chance: &mut Chance) -> String {
    if chance.hit(errors.without_middle) { Name { middle: None, ..name.clone() }.full() } else { name.full() }
}

/// The date as written, and the day where one is.
fn birth(born: NaiveDate, errors: &Errors, chance: &mut Chance) -> (String, Option<NaiveDate>) {
    if chance.hit(errors.year_only) {
        return (iso(born, Precision::Year), None);
    }
    let swapped = NaiveDate::from_ymd_opt(born.year(), born.day(), born.month());
    let day = swapped.filter(|_| chance.hit(errors.swapped)).unwrap_or(born);
    let text = if chance.hit(0.3) { day_first(day, Precision::Day) } else { iso(day, Precision::Day) };
    (text, Some(day))
}

/// One character wrong, missing, twice, or swapped with its neighbour.
fn one_character(text: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let places: Vec<usize> = (1..letters.len().saturating_sub(1))
        .filter(|place| letters.get(*place).is_some_and(|c| c.is_alphanumeric()))
        .collect();
    let place = chance.pick(&places);
    let Some(letter) = letters.get(place).copied() else { return text.to_owned() };
    let number = letter.is_ascii_digit();
    match chance.below(if number { 2 } else { 4 }) {
        0 => {
            let other = if number {
                chance.digits(1).chars().next()
            } else {
                Some(chance.pick(&['a', 'e', 'n', 't', 'h']))
            };
            if let (Some(old), Some(other)) = (letters.get_mut(place), other) {
                *old = other;
            }
        }
        1 => letters.swap(place, place - 1),
        2 => letters.insert(place, letter),
        _ => {
            letters.remove(place);
        }
    }
    letters.into_iter().collect()
}
