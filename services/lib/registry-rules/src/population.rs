//! Whom an agreement covers: a closed set of conditions, all of which must hold.

use crate::agreement::words;
use crate::agreement_reader::Reader;
use crate::claims::earlier;
use crate::{
    AgreementError, FieldCatalogue, FieldName, FieldValue, Lifecycle, PartialDate, PersonImage, PinStanding,
};
use chrono::{Datelike, Days, NaiveDate};
use std::collections::BTreeSet;

/// No natural person is older; bounds what an age condition may say.
const MAX_AGE: u32 = 150;

words! {
    /// The conditions there are, as files write them.
    ConditionKind {
        /// No limit.
        Everyone = "everyone",
        /// Has a number in force.
        HasPin = "has_pin",
        /// Not known to be dead or missing for long.
        AliveOrRecentlyDead = "alive_or_recently_dead",
        /// From an age on.
        AgeAtLeast = "age_at_least",
        /// Up to an age.
        AgeAtMost = "age_at_most",
        /// Lives in one of the provinces.
        ResidentIn = "resident_in",
        /// An item has one of these values.
        ValueIn = "value_in",
        /// One of several conditions holds.
        Any = "any",
    }
}

/// One condition on a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// No limit.
    Everyone,
    /// Has a number that the PIN register says is in force.
    HasPin,
    /// Alive, or dead (or missing) for fewer than `days`: 0 means alive. Of a date of death known to the month or year
    /// the latest day counts; without any date the person is out.
    AliveOrRecentlyDead {
        /// Days from the day of death on.
        days: u32,
    },
    /// Has reached an age in full years. It counts as reached on the latest day that the date of birth can mean; nobody
    /// without a date of birth is in.
    AgeAtLeast {
        /// Full years.
        years: u32,
    },
    /// Has not yet reached the next age: 18 holds to the day before the nineteenth birthday.
    AgeAtMost {
        /// Full years.
        years: u32,
    },
    /// Lives in one of these provinces, as `province_2025:79`.
    ResidentIn {
        /// Which residence: an item with a part `province`.
        by: FieldName,
        /// Codes with their list.
        provinces: BTreeSet<String>,
    },
    /// A scalar item has one of these values.
    ValueIn {
        /// The item.
        field: FieldName,
        /// The values.
        values: BTreeSet<String>,
    },
    /// At least one of these holds.
    Any(Vec<Self>),
}

/// The conditions of an agreement: all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population(Vec<Condition>);

/// Whether a person is covered, and when that can change without any record arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Covered on the day asked for.
    pub holds: bool,
    /// The next later day on which the answer can be another.
    pub next_review_on: Option<NaiveDate>,
}

impl Coverage {
    const fn of(holds: bool) -> Self {
        Self { holds, next_review_on: None }
    }

    /// Holds from a day on.
    fn from(start: NaiveDate, day: NaiveDate) -> Self {
        Self { holds: start <= day, next_review_on: Some(start).filter(|start| *start > day) }
    }

    /// Holds before a day.
    fn until(end: NaiveDate, day: NaiveDate) -> Self {
        Self { holds: day < end, next_review_on: Some(end).filter(|end| *end > day) }
    }

    fn join(self, other: Self, both: impl Fn(bool, bool) -> bool) -> Self {
        Self {
            holds: both(self.holds, other.holds),
            next_review_on: earlier(self.next_review_on, other.next_review_on),
        }
    }
}

impl Population {
    pub(crate) fn read(reader: &mut Reader, catalogue: &FieldCatalogue) -> Option<Self> {
        if !reader.has("population") {
            reader.fault(AgreementError::NoCondition);
            return None;
        }
        let conditions = reader.each("population", |inner| Condition::read(inner, catalogue, true))?;
        if conditions.is_empty() {
            reader.fault(AgreementError::NoCondition);
        }
        Some(Self(conditions))
    }

    /// The conditions, in the order of the file.
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// Whether the person is covered on a day. Without any condition nobody is.
    pub fn covers(&self, person: &PersonImage, day: NaiveDate) -> Coverage {
        let each = self.0.iter().map(|condition| condition.on(person, day));
        each.reduce(|a, b| a.join(b, |a, b| a && b)).unwrap_or(Coverage::of(false))
    }
}

impl Condition {
    fn read(reader: &mut Reader, catalogue: &FieldCatalogue, outermost: bool) -> Option<Self> {
        match reader.word::<ConditionKind>("condition")? {
            ConditionKind::Everyone => Some(Self::Everyone),
            ConditionKind::HasPin => Some(Self::HasPin),
            ConditionKind::AliveOrRecentlyDead => {
                reader.count("days").map(|days| Self::AliveOrRecentlyDead { days })
            }
            ConditionKind::AgeAtLeast => years(reader).map(|years| Self::AgeAtLeast { years }),
            ConditionKind::AgeAtMost => years(reader).map(|years| Self::AgeAtMost { years }),
            ConditionKind::ResidentIn => {
                let by = item(reader, "by", catalogue);
                let provinces = reader.names("provinces").into_iter().collect();
                Some(Self::ResidentIn { by: by?, provinces })
            }
            ConditionKind::ValueIn => {
                let field = item(reader, "field", catalogue);
                let values = reader.names("values").into_iter().collect();
                Some(Self::ValueIn { field: field?, values })
            }
            // One level: a file that a lawyer reads needs no deeper nesting.
            ConditionKind::Any if outermost => {
                let inner = reader.each("of", |inner| Self::read(inner, catalogue, false))?;
                if inner.is_empty() {
                    reader.fault(AgreementError::NoCondition);
                }
                Some(Self::Any(inner))
            }
            ConditionKind::Any => {
                reader.fault(AgreementError::Value {
                    key: "condition".to_owned(),
                    expected: "a plain condition inside 'any'".to_owned(),
                });
                None
            }
        }
    }

    fn on(&self, person: &PersonImage, day: NaiveDate) -> Coverage {
        match self {
            Self::Everyone => Coverage::of(true),
            Self::HasPin => Coverage::of(person.pins.iter().any(|pin| pin.state == PinStanding::Current)),
            Self::AliveOrRecentlyDead { days } => alive(person, *days, day),
            Self::AgeAtLeast { years } => {
                born(person).map_or(Coverage::of(false), |born| Coverage::from(reached_on(born, *years), day))
            }
            Self::AgeAtMost { years } => born(person)
                .map_or(Coverage::of(false), |born| Coverage::until(reached_on(born, years + 1), day)),
            Self::ResidentIn { by, provinces } => {
                let province = value(person, by).and_then(|address| address.part("province"));
                Coverage::of(province.is_some_and(|code| provinces.contains(code)))
            }
            Self::ValueIn { field, values } => {
                let text = value(person, field).and_then(FieldValue::text);
                Coverage::of(text.is_some_and(|text| values.contains(text)))
            }
            Self::Any(conditions) => conditions
                .iter()
                .map(|condition| condition.on(person, day))
                .fold(Coverage::of(false), |a, b| a.join(b, |a, b| a || b)),
        }
    }
}

fn years(reader: &mut Reader) -> Option<u32> {
    let years = reader.count("years")?;
    if years > MAX_AGE {
        reader.fault(AgreementError::Value {
            key: "years".to_owned(),
            expected: format!("an age up to {MAX_AGE}"),
        });
        return None;
    }
    Some(years)
}

fn item(reader: &mut Reader, key: &str, catalogue: &FieldCatalogue) -> Option<FieldName> {
    let text = reader.text(key)?;
    let known = text.parse::<FieldName>().ok().filter(|name| catalogue.get(name).is_some());
    if known.is_none() {
        reader.fault(AgreementError::NoSuchField(text));
    }
    known
}

fn value<'a>(person: &'a PersonImage, field: &FieldName) -> Option<&'a FieldValue> {
    person.fields.get(field).map(|standing| &standing.value)
}

fn born(person: &PersonImage) -> Option<PartialDate> {
    person.value("date_of_birth")?.text()?.parse().ok()
}

fn alive(person: &PersonImage, days: u32, day: NaiveDate) -> Coverage {
    if person.lifecycle != Lifecycle::Deceased {
        return Coverage::of(true);
    }
    let died = person.value("death_or_missing").and_then(|death| death.part("date"));
    let died = died.and_then(|text| text.parse::<PartialDate>().ok()).filter(|_| days > 0);
    let end = died.and_then(|died| died.latest().checked_add_days(Days::new(u64::from(days))));
    end.map_or(Coverage::of(false), |end| Coverage::until(end, day))
}

/// The day on which an age is reached: the birthday in that year, of the latest day that the date can mean. Who was
/// born on 29 February reaches it on 1 March of a common year.
fn reached_on(born: PartialDate, years: u32) -> NaiveDate {
    let born = born.latest();
    let year = born.year().saturating_add(i32::try_from(years).unwrap_or(i32::MAX));
    NaiveDate::from_ymd_opt(year, born.month(), born.day())
        .or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
        .unwrap_or(NaiveDate::MAX)
}
