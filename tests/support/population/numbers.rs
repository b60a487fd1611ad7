//! Numbers of persons and acts, none twice.

use super::chance::Chance;
use super::places::Place;
use std::collections::{BTreeMap, HashSet};

/// A personal identification number: province of birth registration, century and sex, year, six digits of chance.
pub fn pin(place: Place, female: bool, year: i32, chance: &mut Chance) -> String {
    let century = (year.div_euclid(100) - 19) * 2 + i32::from(female);
    format!("{}{century}{:02}{}", place.pin_digits(), year.rem_euclid(100), chance.digits(6))
}

/// An act in a register: office, book, year, number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Registering office.
    pub office: String,
    /// Book.
    pub book: String,
    /// Year of the book.
    pub year: i32,
    /// Number in it.
    pub number: u32,
}

/// Which numbers are given.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    people: HashSet<String>,
    acts: BTreeMap<(&'static str, String, i32), u32>,
    notices: BTreeMap<(&'static str, String, i32), u32>,
}

impl Numbers {
    /// A PIN that nobody has.
    pub(super) fn pin(&mut self, place: Place, female: bool, year: i32, chance: &mut Chance) -> String {
        self.unused(|| pin(place, female, year, chance))
    }

    /// A nine-digit number that nobody has (in life some do).
    pub(super) fn cmnd9(&mut self, place: Place, chance: &mut Chance) -> String {
        self.unused(|| format!("{}{}", place.province(), chance.digits(7)))
    }

    fn unused(&mut self, mut draw: impl FnMut() -> String) -> String {
        loop {
            let number = draw();
            if self.people.insert(number.clone()) {
                return number;
            }
        }
    }

    /// The next act in the office's book for that register (`KS`, `KH`, …) and year.
    pub(super) fn act(&mut self, register: &'static str, place: Place, year: i32) -> Act {
        let office = place.office();
        let last = self.acts.entry((register, office.clone(), year)).or_default();
        *last += 1;
        Act { office, book: format!("{register}-01"), year, number: *last }
    }

    /// The next notice of a hospital: facility, year, number.
    pub(super) fn notice(&mut self, kind: &'static str, place: Place, year: i32) -> (String, String) {
        let facility =
            format!("{}1{:02}", place.province(), place.office().bytes().last().unwrap_or(b'0') % 4);
        let last = self.notices.entry((kind, facility.clone(), year)).or_default();
        *last += 1;
        (format!("{facility}.{kind}.{year}.{:05}", *last), facility)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::Pin;

    #[test]
    fn a_pin_states_place_sex_and_year() {
        let mut chance = Chance::new(7, 0);
        for (female, year) in [(true, 1954), (false, 1999), (true, 2016), (false, 2000)] {
            let place = Place::anywhere(&mut chance);
            let pin: Pin = pin(place, female, year, &mut chance).parse().unwrap();
            assert_eq!(
                (i32::from(pin.birth_year()), pin.female(), pin.place()),
                (year, female, place.pin_digits().as_str())
            );
        }
    }

    #[test]
    fn no_number_is_given_twice() {
        let (mut chance, mut numbers) = (Chance::new(7, 0), Numbers::default());
        let place = Place::anywhere(&mut chance);
        let pins: HashSet<_> = (0..5000).map(|_| numbers.pin(place, true, 1990, &mut chance)).collect();
        assert_eq!(pins.len(), 5000);
        assert_ne!(numbers.act("KS", place, 2020), numbers.act("KS", place, 2020));
    }
}
