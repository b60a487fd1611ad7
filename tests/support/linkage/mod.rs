//! Records of synthetic people, as they come without common keys: each person on file in one to four places, each time
//! written down anew, with the errors that registers are full of. Who is who stays apart from what is written.

mod written;

use crate::population::{self, Chance, Name, Person, Place, Plan, Rates, name, pin};
use chrono::NaiveDate;
use std::collections::HashSet;

/// Headings of the table.
pub const HEADINGS: [&str; 11] = [
    "record_id",
    "full_name",
    "sex",
    "birth_date",
    "birth_province",
    "residence_province",
    "mother_name",
    "delivery",
    "birth_act",
    "pin",
    "cmnd",
];

/// Shares of the records (of the persons: twins) concerned.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    /// Names without marks.
    pub unaccented: f64,
    /// One letter or digit wrong, missing, too much or swapped.
    pub one_character: f64,
    /// Day and month the other way round.
    pub swapped: f64,
    /// Birth known to the year only.
    pub year_only: f64,
    /// Middle names left out.
    pub without_middle: f64,
    /// Persons who are twins.
    pub twins: f64,
    /// Records without any number.
    pub without_number: f64,
}

impl Default for Errors {
    fn default() -> Self {
        Self {
            unaccented: 0.05,
            one_character: 0.02,
            swapped: 0.01,
            year_only: 0.03,
            without_middle: 0.01,
            twins: 0.005,
            without_number: 0.1,
        }
    }
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id: a number of chance.
    pub id: String,
    /// Its values, as [`HEADINGS`] after the id.
    pub values: [String; 10],
}

/// A table, and who is who in it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The records, in no order.
    pub records: Vec<Record>,
    /// For each of them the person.
    pub person: Vec<usize>,
    /// Persons who are twins of each other.
    pub twins: Vec<(usize, usize)>,
}

/// What is true of a person.
#[derive(Clone, Debug)]
struct Subject {
    name: Name,
    mother: Option<Name>,
    mother_pin: Option<String>,
    female: bool,
    born: NaiveDate,
    birthplace: Place,
    home: Place,
    act: Option<String>,
    pin: String,
    cmnd: Option<String>,
}

/// Writes the records of so many people.
pub fn sample(people: usize, seed: u64, today: NaiveDate, errors: &Errors) -> Sample {
    let plan = Plan { people, seed, today, rates: Rates::none() };
    let community = population::generate(&plan).community;
    let mut chance = Chance::new(seed, 100);
    let mut numbers: HashSet<String> = community.people.iter().filter_map(|p| p.pin.clone()).collect();
    let (mut subjects, mut twins) = (Vec::new(), Vec::new());
    for person in community.people.iter().filter(|person| person.known) {
        let mother = person.parents.and_then(|parents| community.people.get(parents.mother));
        let Some(subject) = subject(person, mother, &mut chance) else { continue };
        subjects.push(subject);
        // Each such birth gives two persons who are twins.
        if mother.is_some() && chance.hit(errors.twins / 2.0) {
            let Some(first) = subjects.last().cloned() else { continue };
            twins.push((subjects.len() - 1, subjects.len()));
            subjects.push(twin(&first, person, &mut numbers, &mut chance));
        }
    }
    let mut rows: Vec<(usize, [String; 10])> = Vec::new();
    for (person, subject) in subjects.iter().enumerate() {
        rows.extend(
            written::records(subject, errors, &mut chance).into_iter().map(|values| (person, values)),
        );
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for place in (1..order.len()).rev() {
        order.swap(place, chance.below(place + 1));
    }
    let (mut records, mut person) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (number, place) in order.into_iter().enumerate() {
        let Some((who, values)) = rows.get(place).cloned() else { continue };
        records.push(Record { id: format!("r{number:07}"), values });
        person.push(who);
    }
    Sample { records, person, twins }
}

fn subject(person: &Person, mother: Option<&Person>, chance: &mut Chance) -> Option<Subject> {
    let act = person.birth.as_ref().map(|birth| {
        let act = &birth.act;
        format!("{}/{}/{}/{}", act.office, act.book, act.year, act.number)
    });
    Some(Subject {
        name: person.name.clone(),
        mother: mother.map(|mother| mother.name.clone()),
        mother_pin: mother.and_then(|mother| mother.pin.clone()),
        female: person.female,
        born: person.born,
        birthplace: person.birthplace,
        home: if chance.hit(0.8) { person.birthplace } else { Place::in_city(chance) },
        act,
        pin: person.pin.clone()?,
        cmnd: person.cmnd9.clone(),
    })
}

/// Another name, another number, the next act; all else is the same.
fn twin(first: &Subject, person: &Person, numbers: &mut HashSet<String>, chance: &mut Chance) -> Subject {
    let female = chance.hit(0.5);
    let year = chrono::Datelike::year(&first.born);
    let mut draw = || {
        let own = name(chance, person.ethnicity, female, year, first.name.family.as_deref());
        let number = pin(first.birthplace, female, year, chance);
        (own, number)
    };
    let (mut own, mut number) = draw();
    while own.given == first.name.given || !numbers.insert(number.clone()) {
        (own, number) = draw();
    }
    let act = first.act.as_ref().and_then(|act| {
        let (book, number) = act.rsplit_once('/')?;
        Some(format!("{book}/{}", number.parse::<u32>().ok()? + 1))
    });
    Subject { name: own, female, act, pin: number, cmnd: None, ..first.clone() }
}

/// A table as CSV.
pub fn csv(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = headings.join(",");
    for row in rows {
        text.push('\n');
        text.push_str(&row.join(","));
    }
    text.push('\n');
    text
}

impl Sample {
    /// The table, and the truth, as CSV: no value holds a comma.
    pub fn files(&self) -> (String, String) {
        let records = self.records.iter();
        let table = records.clone().map(|r| std::iter::once(r.id.clone()).chain(r.values.clone()).collect());
        let truth = records.zip(&self.person).map(|(r, person)| vec![r.id.clone(), format!("p{person}")]);
        (csv(&HEADINGS, table), csv(&["record_id", "cluster_id"], truth))
    }
}
