//! The people as they are; what each office writes about them is another matter.

use super::names::Name;
use super::numbers::Act;
use super::places::Place;
use super::spelling::Precision;
use chrono::{Datelike, NaiveDate};

/// The day from which a death leaves traces in today's databases; who died before is only somebody's parent.
pub(super) const KNOWN_SINCE: NaiveDate = match NaiveDate::from_ymd_opt(2021, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// One synthetic person.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name now.
    pub name: Name,
    /// Sex.
    pub female: bool,
    /// Day of birth, known to `precision`.
    pub born: NaiveDate,
    /// How much of it anybody knows.
    pub precision: Precision,
    /// Code of the 1979 list.
    pub ethnicity: &'static str,
    /// Where the birth was registered.
    pub birthplace: Place,
    /// Native place, the father's.
    pub native: Place,
    /// Parents, where the community has them.
    pub parents: Option<Parents>,
    /// The couple this person is or was in.
    pub couple: Option<usize>,
    /// Day of death.
    pub died: Option<NaiveDate>,
    /// Whether the databases know the person.
    pub known: bool,
    /// Number in force.
    pub pin: Option<String>,
    /// Cancelled number that it replaces.
    pub former_pin: Option<String>,
    /// The old nine digits.
    pub cmnd9: Option<String>,
    /// Birth registration, where it is kept electronically.
    pub birth: Option<BirthRegistration>,
    /// The hospital's notice of death.
    pub death_notice: Option<Notice>,
    /// A later change or correction of the birth.
    pub change: Option<Change>,
}

/// Indices of the parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parents {
    /// Mother.
    pub mother: usize,
    /// Father.
    pub father: usize,
}

/// The act of birth.
#[derive(Clone, Debug)]
pub struct BirthRegistration {
    /// Where it stands.
    pub act: Act,
    /// Day of registration.
    pub on: NaiveDate,
    /// More than 60 days after birth.
    pub late: bool,
    /// The hospital's notice.
    pub notice: Option<Notice>,
}

/// A hospital's notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub number: String,
    /// Code of the hospital.
    pub facility: String,
}

/// A change of civil status: what stood before.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where it stands.
    pub act: Act,
    /// Day of effect.
    pub on: NaiveDate,
    /// What was changed, with its value on the birth act.
    pub former: Former,
}

/// The value that a change replaced.
#[derive(Clone, Debug)]
pub enum Former {
    /// The name was changed.
    Name(Name),
    /// The date of birth was corrected.
    Born(NaiveDate),
    /// The ethnicity was determined anew.
    Ethnicity(&'static str),
}

/// A marriage.
#[derive(Clone, Debug)]
pub struct Couple {
    /// Husband.
    pub husband: usize,
    /// Wife.
    pub wife: usize,
    /// Day of marriage.
    pub married: NaiveDate,
    /// Day of divorce.
    pub divorced: Option<NaiveDate>,
    /// Where they live.
    pub place: Place,
    /// Their children, in order of birth.
    pub children: Vec<usize>,
    /// The act, where it is kept electronically.
    pub act: Option<Act>,
}

/// People of one residence file; the first is the head.
#[derive(Clone, Debug)]
pub struct Household {
    /// Number of the file.
    pub file_no: String,
    /// Commune.
    pub place: Place,
    /// House.
    pub house: String,
    /// Opened on.
    pub since: NaiveDate,
    /// Who, and what they are to the head (the residence office's letters).
    pub members: Vec<(usize, &'static str)>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Community {
    /// People, parents before children.
    pub people: Vec<Person>,
    /// Couples, older generations first.
    pub couples: Vec<Couple>,
    /// Households.
    pub households: Vec<Household>,
}

impl Person {
    /// Whole years on a day.
    pub fn age(&self, on: NaiveDate) -> i32 {
        let had_birthday = (on.month(), on.day()) >= (self.born.month(), self.born.day());
        on.year() - self.born.year() - i32::from(!had_birthday)
    }

    /// Alive on a day.
    pub fn alive(&self, on: NaiveDate) -> bool {
        self.born <= on && self.died.is_none_or(|died| died > on)
    }

    /// The day of the n-th birthday; born on 29 February, it is 1 March in common years.
    pub fn birthday(&self, age: i32) -> NaiveDate {
        let year = self.born.year() + age;
        self.born.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 3, 1)).unwrap_or(self.born)
    }
}

impl Community {
    /// The couple a person is or was in, with the spouse's index.
    pub fn marriage(&self, person: &Person) -> Option<&Couple> {
        self.couples.get(person.couple?)
    }
}
